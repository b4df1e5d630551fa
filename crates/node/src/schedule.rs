//! When something is due: a queue of what waits for its time, and the clock that it goes by, which is a parameter, so
//! that tests need not wait for days.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

use server::clock::unix_seconds;

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// By the monotonic clock: how long to wait.
    pub instant: Instant,
    /// Seconds since 1970: what outlives a restart.
    pub unix_s: u64,
}

/// Tells the time.
pub trait TimeSource: Send + Sync {
    /// The time.
    fn now(&self) -> Now;
}

/// The system's clocks.
pub struct SystemTimeSource;

impl TimeSource for SystemTimeSource {
    fn now(&self) -> Now {
        Now { instant: Instant::now(), unix_s: unix_seconds() }
    }
}

/// What is due when; each thing once.
#[derive(Debug)]
pub struct Schedule<K> {
    due: HashMap<K, Instant>,
    queue: BTreeSet<(Instant, K)>,
}

impl<K> Default for Schedule<K> {
    fn default() -> Schedule<K> {
        Schedule { due: HashMap::new(), queue: BTreeSet::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord> Schedule<K> {
    /// Has something come up at this time, and not at another.
    pub fn set(&mut self, what: K, at: Instant) {
        self.cancel(&what);
        self.due.insert(what.clone(), at);
        self.queue.insert((at, what));
    }

    /// Has something not come up.
    pub fn cancel(&mut self, what: &K) {
        if let Some((what, at)) = self.due.remove_entry(what) {
            self.queue.remove(&(at, what));
        }
    }

    /// The time of what is due next.
    pub fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes out something whose time has come.
    pub fn take_due(&mut self, now: Instant) -> Option<K> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        let (_, what) = self.queue.pop_first()?;
        self.due.remove(&what);
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thing_comes_up_once_at_its_latest_time() {
        let mut schedule = Schedule::default();
        let start = Instant::now();
        for n in 0..5000 {
            schedule.set("zone", start + Duration::from_millis(n));
        }
        assert_eq!((schedule.queue.len(), schedule.due.len()), (1, 1));
        assert_eq!(schedule.take_due(start + Duration::from_millis(4998)), None);
        assert_eq!(schedule.take_due(start + Duration::from_millis(4999)), Some("zone"));
        assert_eq!(schedule.take_due(start + Duration::from_secs(99)), None);
    }

    #[test]
    fn what_is_due_first_comes_first() {
        let mut schedule = Schedule::default();
        let start = Instant::now();
        for (what, seconds) in [("b", 2), ("a", 1), ("c", 3), ("d", 1)] {
            schedule.set(what, start + Duration::from_secs(seconds));
        }
        schedule.cancel(&"b");
        assert_eq!(schedule.next(), Some(start + Duration::from_secs(1)));
        let late = start + Duration::from_secs(9);
        let order: Vec<&str> = std::iter::from_fn(|| schedule.take_due(late)).collect();
        assert_eq!(order, ["a", "d", "c"]);
        assert_eq!(schedule.next(), None);
    }
}
