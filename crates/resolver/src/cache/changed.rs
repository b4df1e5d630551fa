//! Takes out what a change elsewhere has made untrue, and keeps out what was asked for before it.
//!
//! A number goes up with every such change. Whoever asks others notes it first, keeps what comes only if it is still the same,
//! and takes it out again if it changed meanwhile: so nothing stays that may be older than a change.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use dns::{Name, NameBuf};

use super::entry::NO_NAME;
use super::{Cache, lock};

/// Names that changed and are looked up one by one; more are found by looking through the cache once.
const MAX_SINGLE: usize = 8;

/// Names whose data is no longer what may have been learned of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedNames {
    /// Names with data that changed.
    names: BTreeSet<NameBuf>,
    /// Names at and below which everything may have changed.
    subtrees: BTreeSet<NameBuf>,
}

impl ChangedNames {
    /// Data of `owner` changed: of it, and of what it stands for if it is a wildcard (RFC 4592).
    pub fn add_name(&mut self, owner: &Name) {
        match owner.parent().filter(|_| owner.labels().next() == Some(b"*")) {
            Some(encloser) => self.add_subtree(encloser),
            None => drop(self.names.insert(owner.to_canonical())),
        }
    }

    /// Everything at and below `top` may have changed, and who answers for it.
    pub fn add_subtree(&mut self, top: &Name) {
        self.subtrees.insert(top.to_canonical());
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.subtrees.is_empty()
    }

    /// The names at and below which everything may have changed.
    pub fn subtrees(&self) -> impl Iterator<Item = &Name> {
        self.subtrees.iter().map(|name| &**name)
    }

    /// The names with data that changed.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().map(|name| &**name)
    }

    fn concern(&self, name: &Name) -> bool {
        let is_among = |set: &BTreeSet<NameBuf>, name: &Name| !set.is_empty() && set.contains(name);
        is_among(&self.names, name) || name.ancestors().any(|above| is_among(&self.subtrees, above))
    }
}

impl Cache {
    /// How many changes it has been told of.
    pub fn changes_told(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Takes out what these names had, that they or names above them did not exist, and what proves so; how many entries
    /// that were. What is under way when this is called is not kept either. It costs one look through the cache at most,
    /// however many names changed.
    pub fn forget(&self, changed: &ChangedNames) -> usize {
        if changed.is_empty() {
            return 0;
        }
        self.changes.fetch_add(1, Ordering::SeqCst);
        let mut aggressive = lock(&self.aggressive);
        changed.subtrees().for_each(|top| aggressive.forget(top, true));
        changed.names().for_each(|name| aggressive.forget(name, false));
        drop(aggressive);
        let parents = changed.names().chain(changed.subtrees());
        let mut gone = parents.map(|name| self.forget_absence_above(name)).sum();
        if changed.subtrees.is_empty() && changed.names.len() <= MAX_SINGLE {
            gone += changed.names().map(|name| self.flush_name(name)).sum::<usize>();
            return gone;
        }
        let flush = |shard: &Mutex<_>| lock::<super::Shard>(shard).flush_where(|view| changed.concern(view.name()));
        gone + self.large.flush(|kept| changed.concern(kept)) + self.shards.iter().map(flush).sum::<usize>()
    }

    /// That a name above `name` does not exist says that `name` does not (RFC 8020).
    fn forget_absence_above(&self, name: &Name) -> usize {
        let forget = |above: &Name| {
            let key = self.key(above, NO_NAME);
            let mut shard = self.lock(key.hash);
            let found: Vec<_> = shard.find(key, false).into_iter().collect();
            shard.flush(&found)
        };
        name.ancestors().skip(1).filter(|above| !above.is_root()).map(forget).sum()
    }
}
