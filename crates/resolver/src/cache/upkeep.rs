//! Looking through the whole cache: taking out what has expired, pages of names for people, and the most popular
//! questions. Locks are held for one segment at a time.

use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::sync::atomic::Ordering;

use dns::{Name, NameBuf, RType};

use super::entry::{Kind, NO_NAME, View};
use super::limits::{MAX_BROWSE, PREFETCH_HITS};
use super::{Cache, lock};
use crate::question::Question;
use crate::security::Security;

/// Entries that are moved together while a shard's lock is held.
const COMPACT_TURNS: usize = 256;

/// What an entry holds, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// An RRset.
    Positive,
    /// The name exists without the type.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// A failure.
    Failure,
}

impl RowKind {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            RowKind::Positive => "positive",
            RowKind::NoData => "nodata",
            RowKind::NxDomain => "nxdomain",
            RowKind::Failure => "failure",
        }
    }
}

/// An entry, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: NameBuf,
    /// Its type; `None` for a name that does not exist.
    pub rtype: Option<RType>,
    /// What it holds.
    pub kind: RowKind,
    /// Seconds since it came.
    pub age_s: u64,
    /// The TTL that it came to be kept with, in seconds.
    pub ttl: u32,
    /// What is left of it, in seconds; 0: expired, and kept to be served stale.
    pub ttl_left: u32,
    /// How often it was asked for, by clients or the resolver itself.
    pub hits: u32,
    /// Seconds since it was asked for last; `None` if it never was.
    pub last_use_s: Option<u64>,
    /// Who gave it.
    pub origin: Option<IpAddr>,
    /// What validation said.
    pub security: Security,
    /// Why it is as it is: INFO-CODE and text.
    pub reason: Option<crate::security::Reason>,
    /// Octets that it takes.
    pub size: usize,
}

impl Row {
    fn new(view: View<'_>, now_ms: u64) -> Row {
        let no_name = view.rtype() == NO_NAME;
        Row {
            name: view.name().to_owned(),
            rtype: (!no_name).then_some(view.rtype()),
            kind: match view.kind() {
                Kind::Failure => RowKind::Failure,
                Kind::Negative if no_name => RowKind::NxDomain,
                Kind::Negative => RowKind::NoData,
                _ => RowKind::Positive,
            },
            age_s: now_ms.saturating_sub(view.created_ms()) / 1000,
            ttl: view.ttl(),
            ttl_left: view.ttl_left(now_ms),
            hits: view.hits(),
            last_use_s: (view.hits() > 0).then(|| now_ms.saturating_sub(view.last_use_ms()) / 1000),
            origin: view.origin(),
            security: view.security(),
            reason: view.reason(),
            size: view.len(),
        }
    }
}

impl Cache {
    /// Takes out what has expired, and gives back memory of which much is not used. It looks at about `budget`
    /// entries, goes on where the last call stopped, and ends with the last shard. Returns how many entries it took
    /// out.
    pub fn sweep(&self, now_ms: u64, budget: usize) -> usize {
        self.aggressive_sweep(now_ms);
        let (mut removed, mut seen) = (self.large.sweep(now_ms), 0);
        let cursor = self.cursor.load(Ordering::Relaxed);
        let (mut shard, mut segment) = ((cursor >> 32) as usize % self.shards.len(), cursor as u32 as usize);
        while seen < budget {
            let mut locked = lock(&self.shards[shard]);
            if segment < locked.segments() {
                let (looked_at, gone) = locked.sweep(segment, now_ms);
                (seen, removed, segment) = (seen + looked_at + 1, removed + gone, segment + 1);
                continue;
            }
            while locked.compact(now_ms, COMPACT_TURNS) {
                drop(locked);
                locked = lock(&self.shards[shard]);
            }
            (shard, segment) = (shard + 1, 0);
            if shard == self.shards.len() {
                shard = 0;
                break;
            }
        }
        self.cursor.store((shard as u64) << 32 | segment as u64, Ordering::Relaxed);
        removed
    }

    /// Shows every entry.
    pub(super) fn each(&self, mut visit: impl FnMut(View<'_>)) {
        for shard in &self.shards {
            let mut segment = 0;
            loop {
                let shard = lock(shard);
                if segment >= shard.segments() {
                    break;
                }
                shard.walk(segment, |_, view| visit(view));
                segment += 1;
            }
        }
    }

    /// A page of the names in the cache in canonical order: all entries of the first `limit` names behind `after`, at
    /// and below `subtree` if there is one. It looks at all entries, once.
    pub fn browse(&self, now_ms: u64, after: Option<&Name>, limit: usize, subtree: Option<&Name>) -> Vec<Row> {
        let mut page: BTreeMap<NameBuf, Vec<Row>> = BTreeMap::new();
        let limit = limit.min(MAX_BROWSE);
        let mut add = |name: &Name, row: &dyn Fn() -> Row| {
            let wanted = after.is_none_or(|after| name > after) && subtree.is_none_or(|top| name.is_at_or_below(top));
            let full = page.len() >= limit;
            if !wanted || full && page.last_key_value().is_none_or(|(last, _)| *name > **last) {
                return;
            }
            page.entry(name.to_owned()).or_default().push(row());
            if page.len() > limit {
                page.pop_last();
            }
        };
        self.each(|view| add(view.name(), &|| Row::new(view, now_ms)));
        self.large.rows(now_ms).iter().for_each(|row| add(&row.name, &|| row.clone()));
        let mut rows: Vec<Row> = page.into_values().flatten().collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name).then(a.rtype.cmp(&b.rtype)));
        // An entry that moved while we looked may have been seen twice.
        rows.dedup_by(|a, b| a.name == b.name && a.rtype == b.rtype && a.kind == b.kind);
        rows
    }

    /// The questions that were asked most, the first of them first: what is worth resolving after a start.
    pub fn popular(&self, limit: usize) -> Vec<(Question, u32)> {
        let mut heap = BinaryHeap::new();
        self.each(|view| {
            if view.kind() == Kind::Failure || view.rtype() == NO_NAME || view.hits() < PREFETCH_HITS {
                return;
            }
            let least = heap.peek().map_or(0, |std::cmp::Reverse((hits, _, _)): &std::cmp::Reverse<(u32, _, _)>| *hits);
            if heap.len() < limit.min(MAX_BROWSE) || view.hits() > least {
                heap.push(std::cmp::Reverse((view.hits(), view.name().to_owned(), view.rtype())));
                if heap.len() > limit.min(MAX_BROWSE) {
                    heap.pop();
                }
            }
        });
        let sorted = heap.into_sorted_vec().into_iter();
        let mut popular: Vec<_> = sorted.map(|entry| (Question::new(entry.0.1, entry.0.2), entry.0.0)).collect();
        popular.dedup_by(|a, b| a.0 == b.0);
        popular
    }
}
