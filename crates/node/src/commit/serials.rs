//! Serials: the zone's own, and that of the primary of a zone that is signed on the way through.

use dns::RType;
use dns::rdata::typed::Soa;
use zone::{Contents, Records, RrsetChange, ZoneSettings};

use super::request::{PendingZone, SerialRule};

/// What becomes of a zone's serial with a change, and of its primary's.
pub struct Serials {
    /// The zone goes on above its own serial.
    pub are_own: bool,
    /// The primary's afterwards, where the zone has serials of its own.
    pub primary: Option<u32>,
}

impl Serials {
    /// `brought`: the serial that comes with the change. What a primary sends of a zone that is signed here gets a serial of
    /// its own; so does what it sends of one that was, until the primary's serial is later (RFC 1982).
    pub fn of(zone: &PendingZone, rule: SerialRule, is_signed_here: bool, brought: Option<u32>) -> Serials {
        if rule != SerialRule::Transferred {
            return Serials { are_own: rule.is_by_policy(), primary: zone.primary_serial };
        }
        let goes_on = match (journal::replica::serial_of(zone.contents.as_ref()), brought) {
            (Some(current), Some(brought)) => dns::serial::is_later(brought, current),
            _ => false,
        };
        let are_own = is_signed_here || zone.primary_serial.is_some() && !goes_on;
        Serials { are_own, primary: brought.or(zone.serial_at_primary()).filter(|_| are_own) }
    }

    /// Whether the primary says another serial than before: that is kept, if nothing else changes.
    pub fn primary_has_another(&self, zone: &PendingZone) -> bool {
        self.primary.is_some() && self.primary != zone.serial_at_primary()
    }
}

/// Has the changes bring a serial that is later than the zone's.
pub fn raise(contents: &Contents, settings: &ZoneSettings, now_ms: u64, changes: &mut Vec<RrsetChange>) {
    let Some(current) = contents.soa().map(|soa| soa.serial) else { return };
    let apex_soa = |change: &RrsetChange| change.rtype == RType::SOA && *change.owner == *contents.origin();
    let at = match changes.iter().position(apex_soa) {
        Some(at) => at,
        None => {
            let soa = contents.apex().and_then(|apex| apex.rrset(RType::SOA).map(|rrset| Records::of(&rrset)));
            let owner = contents.origin().to_owned();
            changes.push(RrsetChange { owner, rtype: RType::SOA, before: soa.clone(), after: soa });
            changes.len() - 1
        }
    };
    let Some(soa) = changes[at].after.as_mut().and_then(|records| records.data.first_mut()) else { return };
    let brought = Soa::parse(soa).map(|soa| soa.serial);
    if !brought.is_some_and(|brought| dns::serial::is_later(brought, current)) {
        set_serial(soa, zone::settings::next_serial(settings.serial_policy, current, now_ms / 1000));
    }
}

/// Writes a serial into the data of an SOA record: the first of five numbers at its end (RFC 1035 3.3.13).
pub fn set_serial(soa: &mut [u8], serial: u32) {
    if let Some(at) = soa.len().checked_sub(20) {
        soa[at..at + 4].copy_from_slice(&serial.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dns::{NameBuf, NameHasher};
    use zone::RecordListBuilder;

    use super::*;

    fn zone(serial: u32, primary_serial: Option<u32>) -> PendingZone {
        let (name, mut soa, mut list) = (NameBuf::root(), vec![0; 22], RecordListBuilder::default());
        set_serial(&mut soa, serial);
        list.push(&name, RType::SOA, 60, &soa);
        let contents = Some(zone::diff::build(&name, NameHasher::new(1), &list.finish()).0);
        PendingZone { contents, settings: Arc::default(), primary_serial }
    }

    /// Each version of the primary is one of ours where the zone has serials of its own: while it is signed here, and
    /// afterwards until the primary's serial is later.
    #[test]
    fn whose_serial_counts() {
        let check = |zone: &PendingZone, is_signed_here, brought, want| {
            let serials = Serials::of(zone, SerialRule::Transferred, is_signed_here, Some(brought));
            assert_eq!((serials.are_own, serials.primary), want, "{is_signed_here} {brought}");
        };
        // A copy of its primary.
        check(&zone(5, None), false, 6, (false, None));
        check(&zone(5, None), false, 4, (false, None));
        // Signed here.
        check(&zone(5, None), true, 6, (true, Some(6)));
        check(&zone(9, Some(5)), true, 6, (true, Some(6)));
        check(&zone(9, Some(5)), true, 20, (true, Some(20)));
        // Not any more.
        check(&zone(9, Some(5)), false, 6, (true, Some(6)));
        check(&zone(9, Some(5)), false, 9, (true, Some(9)));
        check(&zone(9, Some(5)), false, 10, (false, None));
        let same = Serials::of(&zone(9, Some(5)), SerialRule::Transferred, true, Some(5));
        let other = Serials::of(&zone(9, Some(5)), SerialRule::Transferred, true, Some(9));
        assert!(!same.primary_has_another(&zone(9, Some(5))) && other.primary_has_another(&zone(9, Some(5))));
        let by_policy = Serials::of(&zone(9, Some(5)), SerialRule::Policy, true, None);
        assert_eq!((by_policy.are_own, by_policy.primary), (true, Some(5)));
    }
}
