//! Taking a change back: the intents that undo it. On the committer's thread, seeing what is there now.

use std::sync::Arc;

use dns::RType;
use dns::rdata::typed::Soa;
use node::commit::{CommitError, Intent, PendingZones, Prepare, SerialRule};
use node::read_only::ReadOnly;
use zone::{Action, ChangeSet, Contents, Records, RrsetChange, ZoneChange};

use super::plan::serial;

/// Undoes `change`. Unless forced, only where nothing else has changed the same records since.
pub fn prepare(change: Arc<ChangeSet>, force: bool) -> Prepare {
    Box::new(move |zones| {
        change.zones.iter().map(|zone| Ok((zone.zone.name.clone(), undo(zone, zones, force)?))).collect()
    })
}

/// The RRsets of an edit that its undoing changes: a SOA record of which only the serial changed stays, as serials
/// never go back.
pub fn undone(changes: &[RrsetChange]) -> impl Iterator<Item = &RrsetChange> {
    changes.iter().filter(|change| change.rtype != RType::SOA || !only_the_serial(change))
}

fn only_the_serial(change: &RrsetChange) -> bool {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return false };
    let soa = |records: &Records| {
        let data = records.data.first()?;
        let Soa { mname, rname, refresh, retry, expire, minimum, .. } = Soa::parse(data)?;
        Some((mname.to_owned(), rname.to_owned(), refresh, retry, expire, minimum, records.ttl))
    };
    soa(before).is_some_and(|before| Some(before) == soa(after))
}

fn undo(change: &ZoneChange, zones: &dyn PendingZones, force: bool) -> Result<Intent, CommitError> {
    let name = || change.zone.name.clone();
    if !change.zone.variant.is_empty() {
        return Err(CommitError::ReadOnly { zone: name(), why: ReadOnly::Variant });
    }
    let now = zones.zone(&change.zone.name);
    if let Action::Delete { settings, records } = &change.action {
        return match now {
            Some(_) => Err(CommitError::ZoneExists(name())),
            None => {
                Ok(Intent::Create { settings: settings.clone(), records: records.clone(), serial: SerialRule::Policy })
            }
        };
    }
    let now = now.ok_or_else(|| CommitError::NoSuchZone(name()))?;
    let conflict = || CommitError::Conflict { zone: name(), serial: serial(&now) };
    let is_untouched = serial(&now) == change.to;
    match &change.action {
        Action::Create { .. } | Action::Delete { .. } if force || is_untouched => Ok(Intent::Delete),
        Action::Replace { before, .. } if force || is_untouched => {
            Ok(Intent::Replace { records: before.clone(), serial: SerialRule::Policy })
        }
        Action::Configure { before, after } if force || *now.settings == *after => {
            Ok(Intent::Configure { settings: before.clone() })
        }
        Action::Edit(changes) => {
            let contents = now.contents.as_ref().ok_or_else(conflict)?;
            if !force && !undone(changes).all(|change| is_as_left(contents, change)) {
                return Err(conflict());
            }
            Ok(Intent::Edit { edits: undone(changes).map(RrsetChange::undo).collect(), serial: SerialRule::Policy })
        }
        _ => Err(conflict()),
    }
}

/// Whether an RRset is still what the change made it.
fn is_as_left(contents: &Contents, change: &RrsetChange) -> bool {
    let now = contents.get(&change.owner).and_then(|node| node.rrset(change.rtype)).map(|rrset| Records::of(&rrset));
    // A SOA record is another one after every change; what else of it has changed since is not looked at.
    change.rtype == RType::SOA || same(now.as_ref(), change.after.as_ref())
}

fn same(a: Option<&Records>, b: Option<&Records>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            a.ttl == b.ttl && a.data.len() == b.data.len() && a.data.iter().all(|data| b.data.contains(data))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;

    use super::*;

    #[test]
    fn a_serial_is_not_taken_back() {
        let soa = |serial: u8, refresh: u8| {
            let mut data = b"\x01a\0\x01b\0".to_vec();
            data.extend([0, 0, 0, serial, 0, 0, 0, refresh, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
            Some(Records { ttl: 1, data: vec![data], signatures: Vec::new() })
        };
        let check = |before, after, want: usize| {
            let owner: NameBuf = "example.".parse().expect("name");
            let changes = [RrsetChange { owner, rtype: RType::SOA, before, after }];
            assert_eq!(undone(&changes).count(), want);
        };
        check(soa(1, 1), soa(2, 1), 0);
        check(soa(1, 1), soa(2, 2), 1);
        check(None, soa(2, 2), 1);
    }
}
