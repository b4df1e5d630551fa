//! The latest changes of each zone in memory: what incremental transfers are made of, before and beside the
//! history in the store. The committer fills it, transfers read it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use dns::{Name, NameBuf};
use journal::{Accepted, Offset};
use zone::{Action, ChangeSet, ZoneChange};

/// Octets of changes that are kept, over all zones; about what they take in the journal.
const MAX_BYTES: usize = 64 << 20;
/// Changes that are kept of one zone.
const MAX_CHANGES: usize = 10_000;

/// One change of one zone.
#[derive(Clone)]
pub struct Link {
    /// The offset of the change.
    pub offset: Offset,
    set: Arc<ChangeSet>,
    at: usize,
}

impl Link {
    /// What happened to the zone in `accepted`; `at` is its place there.
    pub fn new(accepted: &Accepted, at: usize) -> Link {
        Link { offset: accepted.offset, set: accepted.change.clone(), at }
    }

    /// What happened to the zone.
    pub fn change(&self) -> &ZoneChange {
        &self.set.zones[self.at]
    }
}

#[derive(Default)]
struct Changes {
    zones: HashMap<NameBuf, VecDeque<(Link, usize)>>,
    /// All changes, oldest first, and some that are gone.
    order: VecDeque<(NameBuf, Offset)>,
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
            let zones = accepted.change.zones.len();
            let bytes = accepted.octets() / zones.max(1);
            (0..zones).for_each(|at| changes.add(Link::new(accepted, at), bytes));
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
    pub fn since(&self, zone: &Name, serial: u32) -> Option<Vec<Link>> {
        let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
        let links = changes.zones.get(zone)?;
        // A serial may come twice after a long time; the later one counts.
        let at = links.iter().rposition(|(link, _)| link.change().from == Some(serial))?;
        Some(links.range(at..).map(|(link, _)| link.clone()).collect())
    }
}

impl Changes {
    fn add(&mut self, link: Link, bytes: usize) {
        let change = link.change();
        match &change.action {
            // Only edits make a chain.
            Action::Edit(_) => {}
            Action::Configure { .. } => return,
            Action::Create { .. } | Action::Replace { .. } | Action::Delete { .. } => {
                let dropped = self.zones.remove(&change.zone).unwrap_or_default();
                self.bytes -= dropped.iter().map(|(_, bytes)| bytes).sum::<usize>();
                self.kept -= dropped.len();
                return;
            }
        }
        let name = change.zone.clone();
        self.order.push_back((name.clone(), link.offset));
        let links = self.zones.entry(name.clone()).or_default();
        links.push_back((link, bytes));
        self.bytes += bytes;
        self.kept += 1;
        if links.len() > MAX_CHANGES {
            self.drop_oldest(&name);
        }
        if self.order.len() > 2 * (self.kept + MAX_CHANGES) {
            let order = std::mem::take(&mut self.order);
            self.order = order.into_iter().filter(|(name, offset)| self.has(name, *offset)).collect();
        }
    }

    /// Whether this change of the zone is still there.
    fn has(&self, name: &Name, offset: Offset) -> bool {
        let oldest = self.zones.get(name).and_then(|links| links.front());
        oldest.is_some_and(|(link, _)| link.offset <= offset)
    }

    fn drop_oldest(&mut self, name: &Name) {
        let Some(links) = self.zones.get_mut(name) else { return };
        if let Some((_, bytes)) = links.pop_front() {
            self.bytes -= bytes;
            self.kept -= 1;
        }
        if links.is_empty() {
            self.zones.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(zone: &str, from: u32, to: u32, action: Action) -> Accepted {
        let zone = ZoneChange { zone: zone.parse().expect("name"), from: Some(from), to: Some(to), action };
        let change = Arc::new(ChangeSet { zones: vec![zone], ..ChangeSet::default() });
        Accepted { first: u64::from(to), offset: u64::from(to), change }
    }

    fn since(recent: &Recent, zone: &str, serial: u32) -> Option<Vec<u64>> {
        let zone: NameBuf = zone.parse().expect("name");
        recent.since(&zone, serial).map(|links| links.iter().map(|link| link.offset).collect())
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
        let kept: usize = changes.zones.values().map(VecDeque::len).sum();
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
