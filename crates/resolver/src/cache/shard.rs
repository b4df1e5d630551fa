//! A part of the cache with a lock of its own: the entries of the names that hash into it.
//!
//! What goes first is decided as in S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", 2023):
//! newcomers wait in a small queue; those that were asked for again meanwhile, or come back soon after, go to the main
//! queue, where each hit, up to three, is worth another round. A scan of names that nobody asks for again passes
//! through the small queue alone.

use dns::RType;

use super::arena::{Arena, SEGMENT_COST, Which};
use super::entry::{self, Kind, View};
use super::ghost::Ghost;
use super::key::Key;
use super::limits::FAILURE_MEMORY;
use super::stats::Stats;
use super::table::{Ref, Table, Tag};
use crate::security::Security;

/// Part of the entries, one in so many octets, that newcomers have.
const SMALL_SHARE: usize = 10;
/// When one in so many octets is of entries that are gone, room is made by moving others together.
const DEAD_SHARE: usize = 8;
/// Segments that are kept for moving entries while room is made.
const RESERVE: usize = 1;
/// What moving an entry counts for when room is made little by little, in octets.
const MOVE_COST: usize = 16;
/// Least number of segments.
const MIN_SEGMENTS: usize = 8;

/// A part of the cache.
pub struct Shard {
    table: Table,
    arena: Arena,
    ghost: Ghost,
    /// Octets that it may take.
    budget: usize,
    /// Octets of entries.
    live: usize,
    /// Octets of entries that are gone, by queue.
    dead: [usize; 2],
    /// What is counted.
    pub stats: Stats,
    /// For how long entries are kept after they have expired, in milliseconds.
    stale_ms: u64,
}

impl Shard {
    /// An empty one.
    pub fn new(budget: usize, stale_ms: u64) -> Shard {
        let (table, arena, ghost) = (Table::new(), Arena::default(), Ghost::default());
        Shard { table, arena, ghost, budget, live: 0, dead: [0; 2], stats: Stats::default(), stale_ms }
    }

    /// Octets that it takes.
    pub fn bytes(&self) -> usize {
        self.arena.held() * SEGMENT_COST + self.table.bytes() + self.ghost.bytes()
    }

    /// Its counts as they are now.
    pub fn stats(&self) -> Stats {
        Stats {
            entries: self.table.len() as u64,
            bytes: self.bytes() as u64,
            entry_bytes: self.live as u64,
            max_bytes: self.budget as u64,
            ..self.stats.clone()
        }
    }

    /// Segments that entries may take.
    fn limit(&self) -> usize {
        let rest = self.budget.saturating_sub(self.table.bytes() + self.ghost.bytes());
        (rest / SEGMENT_COST).max(MIN_SEGMENTS)
    }

    /// Memory that finding an entry with this tag will read: of the index at first, and then, once that is at hand, of
    /// what may be the entry. Only for hints to the processor.
    #[inline]
    pub fn memory_of(&self, tag: Tag, indexed: bool) -> Option<*const u8> {
        match indexed {
            false => Some(self.table.memory_of(tag)),
            true => self.table.find(tag, |_| true).map(|entry| self.arena.octets(entry).as_ptr()),
        }
    }

    /// The entry of a key.
    #[inline]
    pub fn find(&self, key: Key<'_>, failure: bool) -> Option<Ref> {
        self.table.find(Tag::new(key.hash, key.rtype), |entry| {
            let Some(view) = self.view(entry) else { return false };
            (view.kind() == Kind::Failure) == failure && view.name() == key.name
        })
    }

    /// An entry.
    #[inline]
    pub fn view(&self, entry: Ref) -> Option<View<'_>> {
        View::new(self.arena.octets(entry))
    }

    /// An entry, to be changed.
    #[inline]
    pub fn octets_mut(&mut self, entry: Ref) -> &mut [u8] {
        self.arena.octets_mut(entry)
    }

    /// Whether an entry is of no use any more.
    fn is_gone(&self, view: View<'_>, now_ms: u64) -> bool {
        let kept = match view.kind() {
            Kind::Failure => u64::from(view.ttl()) * 1000 * FAILURE_MEMORY,
            _ => self.stale_ms,
        };
        view.expires_ms() + kept <= now_ms
    }

    /// Puts an entry in, in place of the one with its key if that may be replaced.
    pub fn insert(&mut self, mut new: Vec<u8>, key: Key<'_>, now_ms: u64) {
        let Some(view) = View::new(&new) else { return };
        let (tag, failure) = (view.tag(), view.kind() == Kind::Failure);
        let mut which = Which::Small;
        let old = self.find(key, failure);
        if let Some(entry) = old {
            let Some(old) = self.view(entry) else { return };
            if !may_replace(old, view, now_ms) {
                return;
            }
            let (hits, main, frequency, len) = (old.hits(), old.in_main(), old.frequency(), old.len());
            entry::inherit(&mut new, hits);
            entry::place(&mut new, main, frequency);
            self.stats.inserts += 1;
            // In place if it fits without much waste: a refreshed RRset mostly has the size that it had.
            if new.len() <= len && len - new.len() <= len / 4 {
                entry::set_len(&mut new, len);
                self.arena.octets_mut(entry)[..new.len()].copy_from_slice(&new);
                return;
            }
            which = if main { Which::Main } else { Which::Small };
            self.remove(entry);
        } else {
            self.stats.inserts += 1;
            if self.ghost.take(tag) {
                which = Which::Main;
                entry::place(&mut new, true, 0);
            }
        }
        self.append(&new, tag, key.rtype, which, now_ms);
        if !failure {
            self.forget_failure(key);
        }
    }

    /// Puts in an entry of another run, in the queue in which it was.
    pub fn restore(&mut self, new: &[u8], key: Key<'_>, now_ms: u64) -> bool {
        let Some(view) = View::new(new) else { return false };
        let which = if view.in_main() { Which::Main } else { Which::Small };
        self.append(new, view.tag(), key.rtype, which, now_ms)
    }

    /// What could be found out is not a failure any more.
    fn forget_failure(&mut self, key: Key<'_>) {
        if let Some(failure) = self.find(key, true) {
            self.remove(failure);
        }
    }

    fn append(&mut self, new: &[u8], tag: Tag, rtype: RType, which: Which, now_ms: u64) -> bool {
        let entry = loop {
            let limit = self.limit();
            self.arena.trim(limit);
            if let Some(entry) = self.arena.alloc(which, new.len(), limit, RESERVE) {
                break entry;
            }
            if !self.make_room(now_ms) {
                return false;
            }
        };
        if let Some(octets) = self.arena.octets_mut(entry).get_mut(..new.len()) {
            octets.copy_from_slice(new);
        }
        self.table.insert(tag, entry);
        self.live += new.len();
        self.stats.of(rtype).entries += 1;
        // Make room little by little, not a segment at once while others wait for the lock.
        let mut passed = 0;
        while self.arena.available(self.limit()) <= RESERVE && passed < new.len() + new.len() / 4 {
            let before = self.used();
            if !self.make_room(now_ms) {
                break;
            }
            passed += (before - self.used()).max(MOVE_COST);
        }
        true
    }

    /// Looks at the entry that is next to go: it goes, or goes on elsewhere. False if there is none.
    fn make_room(&mut self, now_ms: u64) -> bool {
        let (small, main) = (self.arena.queue_segments(Which::Small), self.arena.queue_segments(Which::Main));
        let newcomers = self.arena.queue_bytes(Which::Small);
        let many = newcomers * SMALL_SHARE > newcomers + self.arena.queue_bytes(Which::Main);
        let which = match (small > 1, main > 1) {
            (true, _) if many => Which::Small,
            (_, true) => Which::Main,
            (true, false) => Which::Small,
            (false, false) => return false,
        };
        let keep = which == Which::Main && self.dead[which as usize] * DEAD_SHARE > self.arena.queue_bytes(which);
        self.turn(which, now_ms, keep)
    }

    /// The oldest entry of a queue leaves it: for the end of a queue if it is worth it or all shall be kept.
    fn turn(&mut self, which: Which, now_ms: u64, keep: bool) -> bool {
        let Some(entry) = self.arena.oldest(which) else { return false };
        let Some(view) = self.view(entry) else { return false };
        let (len, frequency, tag) = (view.len(), view.frequency(), view.tag());
        if view.kind() == Kind::Dead {
            self.dead[which as usize] -= len;
        } else if self.is_gone(view, now_ms) {
            self.stats.expired += 1;
            self.drop_entry(entry);
        } else {
            let target = if frequency > 0 { Which::Main } else { which };
            let left = if which == Which::Main { frequency.saturating_sub(1) } else { 0 };
            let moved = (keep || frequency > 0) && self.relocate(entry, len, target, left);
            if !moved {
                self.stats.evictions += 1;
                if which == Which::Small {
                    self.ghost.fit(self.table.len());
                    self.ghost.add(tag);
                }
                self.drop_entry(entry);
            }
        }
        self.arena.pass(which, len);
        true
    }

    /// Moves an entry to the end of a queue; false if there is no room.
    fn relocate(&mut self, entry: Ref, len: usize, target: Which, frequency: u8) -> bool {
        let limit = self.limit();
        let Some(tag) = self.view(entry).map(View::tag) else { return false };
        let Some(to) = self.arena.alloc(target, len, limit, 0) else { return false };
        self.arena.copy(entry, to, len);
        entry::place(self.arena.octets_mut(to), target == Which::Main, frequency);
        self.table.relocate(tag, entry, to);
        true
    }

    /// Forgets an entry whose octets are about to be passed.
    fn drop_entry(&mut self, entry: Ref) {
        let Some(view) = self.view(entry) else { return };
        let (tag, rtype, len) = (view.tag(), view.rtype(), view.len());
        self.table.remove(tag, entry);
        self.live -= len;
        self.stats.of(rtype).entries -= 1;
    }

    /// Takes an entry out; its octets stay until its queue comes to them.
    pub fn remove(&mut self, entry: Ref) {
        if let Some(view) = self.view(entry) {
            let (queue, len) = (usize::from(view.in_main()), view.len());
            self.dead[queue] += len;
        }
        self.drop_entry(entry);
        entry::kill(self.arena.octets_mut(entry));
    }

    /// Number of segments for [`Shard::walk`].
    pub fn segments(&self) -> usize {
        self.arena.segments()
    }

    /// Shows every entry in a segment.
    pub fn walk(&self, segment: usize, mut visit: impl FnMut(Ref, View<'_>)) {
        self.arena.walk(segment, |entry, octets| {
            let Some(view) = View::new(octets) else { return 0 };
            if view.kind() != Kind::Dead {
                visit(entry, view);
            }
            view.len()
        });
    }

    /// The entries whose tags are what `tag` gives for their types.
    pub fn matching(&self, tag: impl Fn(RType) -> Tag) -> Vec<Ref> {
        self.table.iter().filter(|(found, _)| *found == tag(found.rtype())).map(|(_, entry)| entry).collect()
    }

    /// Takes out these entries; how many there were.
    pub fn flush(&mut self, entries: &[Ref]) -> usize {
        entries.iter().for_each(|&entry| self.remove(entry));
        self.stats.flushed += entries.len() as u64;
        entries.len()
    }

    /// Takes out the entries that `is` picks; how many there were.
    pub fn flush_where(&mut self, is: impl Fn(View<'_>) -> bool) -> usize {
        let mut found = Vec::new();
        for segment in 0..self.segments() {
            self.walk(segment, |entry, view| {
                if is(view) {
                    found.push(entry);
                }
            });
        }
        self.flush(&found)
    }

    /// Takes out what has expired in a segment: how many entries it has, and how many went.
    pub fn sweep(&mut self, segment: usize, now_ms: u64) -> (usize, usize) {
        let (mut seen, mut found) = (0, Vec::new());
        self.walk(segment, |entry, view| {
            seen += 1;
            if self.is_gone(view, now_ms) {
                found.push(entry);
            }
        });
        found.iter().for_each(|&entry| self.remove(entry));
        self.stats.expired += found.len() as u64;
        (seen, found.len())
    }

    /// Moves entries together if much of the memory is of entries that are gone, and gives back what gets free. At
    /// most `turns` entries are moved; true if there is more to do.
    pub fn compact(&mut self, now_ms: u64, turns: usize) -> bool {
        for _ in 0..turns {
            let which = if self.dead[0] > self.dead[1] { Which::Small } else { Which::Main };
            // A whole round of the queue frees all of that, so this comes to an end.
            if !self.is_sparse() {
                break;
            }
            if !self.turn(which, now_ms, true) {
                return false;
            }
        }
        let held = self.arena.held();
        self.arena.trim((held + 1).saturating_sub(self.arena.spare()).max(1));
        self.is_sparse()
    }

    /// Whether a quarter of what is used is of entries that are gone.
    fn is_sparse(&self) -> bool {
        (self.dead[0] + self.dead[1]) * 4 > self.used()
    }

    /// Octets of entries, those that are gone included.
    fn used(&self) -> usize {
        self.live + self.dead[0] + self.dead[1]
    }

    /// Takes out everything, and gives back the memory; how many entries there were.
    pub fn clear(&mut self) -> usize {
        let count = self.table.len();
        self.stats.flushed += count as u64;
        let stats = std::mem::take(&mut self.stats);
        *self = Shard::new(self.budget, self.stale_ms);
        self.stats = stats;
        self.stats.by_type.iter_mut().for_each(|counts| counts.entries = 0);
        count
    }
}

/// Whether what came now may take the place of what is there (RFC 2181 5.4.1).
fn may_replace(old: View<'_>, new: View<'_>, now_ms: u64) -> bool {
    let trust = |view: View<'_>| match view.security() {
        Security::Bogus => 0,
        // Whether there is an anchor does not make data better or worse.
        Security::Indeterminate | Security::Insecure => 1,
        Security::Secure => 2,
    };
    if old.kind() == Kind::Failure || old.expires_ms() <= now_ms {
        return true;
    }
    (trust(new), new.rank()) >= (trust(old), old.rank())
}
