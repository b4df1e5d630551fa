//! The latest changes of each zone in memory: what incremental transfers are made of, before and beside the
//! history in the store. The committer fills it, transfers read it. They are kept as octets, as the
//! journal has them: most are never asked for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use dns::{Name, NameBuf};
use journal::{Accepted, Offset, codec};
use zone::{Action, ZoneChange};

/// Octets of changes that are kept, over all zones.
const MAX_BYTES: usize = 64 << 20;
/// Octets that a change takes beside its own, roughly.
const LINK_BYTES: usize = 96;
/// Changes that are kept of one zone.
const MAX_CHANGES: usize = 10_000;

/// One change of one zone.
struct Link {
    offset: Offset,
    /// The serial that it was built on.
    from: Option<u32>,
    octets: Arc<[u8]>,
}

impl Link {
    fn bytes(&self) -> usize {
        self.octets.len() + LINK_BYTES
    }
}

/// The changes of one zone, oldest first.
struct Chain {
    zone: Arc<NameBuf>,
    links: VecDeque<Link>,
}

#[derive(Default)]
struct Changes {
    zones: HashMap<NameBuf, Chain>,
    /// All changes, oldest first, and some that are gone.
    order: VecDeque<(Arc<NameBuf>, Offset)>,
    kept: usize,
    bytes: usize,
}

/// The latest changes.
#[derive(Default)]
pub struct Recent {
    changes: RwLock<Changes>,
}

impl Recent {
    /// Adds changes, in order.
    pub fn add(&self, accepted: &[Accepted]) {
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        for accepted in accepted {
            accepted.change.zones.iter().for_each(|change| changes.add(accepted.offset, change));
        }
        while changes.bytes > MAX_BYTES
            && let Some((name, offset)) = changes.order.pop_front()
        {
            if changes.has(&name, offset) {
                changes.drop_oldest(&name);
            }
        }
    }

    /// The unbroken chain of changes of the zone from `serial` up to the last one; `None` if it does not reach
    /// back so far.
    pub fn since(&self, zone: &Name, serial: u32) -> Option<Vec<ZoneChange>> {
        let links: Vec<Arc<[u8]>> = {
            let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
            let links = &changes.zones.get(zone)?.links;
            // A serial may come twice after a long time; the later one counts.
            let at = links.iter().rposition(|link| link.from == Some(serial))?;
            links.range(at..).map(|link| link.octets.clone()).collect()
        };
        links.iter().map(|octets| codec::decode_zone(octets).ok()).collect()
    }
}

impl Changes {
    fn add(&mut self, offset: Offset, change: &ZoneChange) {
        // Transfers know zones by their names.
        if !change.zone.variant.is_empty() {
            return;
        }
        match &change.action {
            // Only edits make a chain.
            Action::Edit(_) => {}
            Action::Configure { .. } => return,
            Action::Create { .. } | Action::Replace { .. } | Action::Delete { .. } => {
                if let Some(Chain { links, .. }) = self.zones.remove(&change.zone.name) {
                    self.bytes -= links.iter().map(Link::bytes).sum::<usize>();
                    self.kept -= links.len();
                }
                return;
            }
        }
        let name = &change.zone.name;
        let new = || Chain { zone: Arc::new(name.clone()), links: VecDeque::new() };
        let chain = self.zones.entry(name.clone()).or_insert_with(new);
        let link = Link { offset, from: change.from, octets: codec::encode_zone(change).into() };
        self.order.push_back((chain.zone.clone(), offset));
        self.bytes += link.bytes();
        self.kept += 1;
        chain.links.push_back(link);
        if chain.links.len() > MAX_CHANGES {
            self.drop_oldest(name);
        }
        if self.order.len() > 2 * (self.kept + MAX_CHANGES) {
            let order = std::mem::take(&mut self.order);
            self.order = order.into_iter().filter(|(name, offset)| self.has(name, *offset)).collect();
        }
    }

    /// Whether this change of the zone is still there.
    fn has(&self, name: &Name, offset: Offset) -> bool {
        let oldest = self.zones.get(name).and_then(|chain| chain.links.front());
        oldest.is_some_and(|link| link.offset <= offset)
    }

    fn drop_oldest(&mut self, name: &Name) {
        let Some(Chain { links, .. }) = self.zones.get_mut(name) else { return };
        if let Some(link) = links.pop_front() {
            self.bytes -= link.bytes();
            self.kept -= 1;
        }
        if links.is_empty() {
            self.zones.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use zone::ChangeSet;

    use super::*;

    fn accepted(zone: &str, from: u32, to: u32, action: Action) -> Accepted {
        let key = zone.parse().expect("a zone");
        let zone = ZoneChange { zone: key, base: None, from: Some(from), to: Some(to), primary_serial: None, action };
        let change = Arc::new(ChangeSet { zones: vec![zone], ..ChangeSet::default() });
        Accepted { first: u64::from(to), offset: u64::from(to), change }
    }

    /// The serials that changes lead to, which are their offsets too.
    fn since(recent: &Recent, zone: &str, serial: u32) -> Option<Vec<u32>> {
        let zone: NameBuf = zone.parse().expect("name");
        recent.since(&zone, serial).map(|changes| changes.iter().filter_map(|change| change.to).collect())
    }

    #[test]
    fn chains_begin_where_asked_and_break_at_replacements() {
        let recent = Recent::default();
        let edit = || Action::Edit(Vec::new());
        for serial in 1..6 {
            recent.add(&[accepted("a.", serial, serial + 1, edit())]);
        }
        assert_eq!(since(&recent, "a.", 3), Some(vec![4, 5, 6]));
        assert_eq!(since(&recent, "a.", 1), Some(vec![2, 3, 4, 5, 6]));
        assert_eq!(since(&recent, "a.", 6), None);
        assert_eq!(since(&recent, "b.", 1), None);
        let replace = Action::Replace { before: zone::RecordList::default(), after: zone::RecordList::default() };
        recent.add(&[accepted("a.", 6, 7, replace), accepted("a.", 7, 8, edit())]);
        assert_eq!(since(&recent, "a.", 3), None);
        assert_eq!(since(&recent, "a.", 7), Some(vec![8]));
    }

    #[test]
    fn memory_is_bounded() {
        let recent = Recent::default();
        let owner: NameBuf = "x.a.".parse().expect("name");
        let records = zone::Records { ttl: 1, data: vec![vec![0; 60_000]], signatures: Vec::new() };
        let change = zone::RrsetChange { owner, rtype: dns::RType::TXT, before: None, after: Some(records) };
        for serial in 1..4000 {
            let zone = format!("z{}.", serial % 7);
            recent.add(&[accepted(&zone, serial, serial + 1, Action::Edit(vec![change.clone()]))]);
        }
        let changes = recent.changes.read().expect("lock");
        assert!(changes.bytes <= MAX_BYTES && changes.bytes > MAX_BYTES / 2, "{}", changes.bytes);
        let kept: usize = changes.zones.values().map(|chain| chain.links.len()).sum();
        assert!(kept == changes.kept && kept * 60_000 <= MAX_BYTES && changes.order.len() <= kept + 7);
    }

    /// A zone that changes for ever does not leave traces for ever.
    #[test]
    fn a_busy_zone_keeps_a_fixed_number_of_changes() {
        let recent = Recent::default();
        for serial in 1..100_000 {
            recent.add(&[accepted("a.", serial, serial + 1, Action::Edit(Vec::new()))]);
        }
        let changes = recent.changes.read().expect("lock");
        assert!(changes.kept == MAX_CHANGES && changes.order.len() <= 4 * MAX_CHANGES, "{}", changes.order.len());
    }
}
