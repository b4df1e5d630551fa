//! Keeps the store up with the journal: a thread that makes accepted changes in it, lazily and many at once.
//!
//! Nobody waits for it but who reads the store's index ([`Follower::sync`]), and who makes changes faster than it
//! writes them ([`Follower::wait_for_room`]). What cannot be written is tried again for ever, in order; the journal
//! has it meanwhile. When too much waits, no more changes can be made.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dns::NameBuf;

use super::{Checked, Store};
use crate::accepted::Accepted;
use crate::journal::{JournalError, Offset};

/// A change that waits takes so much memory beside its octets.
const OVERHEAD_OCTETS: usize = 1024;
/// Octets of changes that one transaction takes, unless a single one is larger. A start after a kill folds what waited.
const MAX_BATCH_OCTETS: usize = 24 << 20;
/// What waits is written when there was no change for so long: whoever makes many has the processor and the disk.
const QUIET: Duration = Duration::from_secs(1);
/// How long the first change of a batch waits for others: the more there are, the more of them share a page.
const MAX_DELAY: Duration = Duration::from_secs(10);
/// How long after a failure the next attempt is made.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long [`Follower::sync`] waits.
const MAX_SYNC: Duration = Duration::from_secs(60);

/// The thread's end of the line; dropped without [`Follower::stop`] it leaves what waits to the journal.
pub struct Follower {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    /// Something is to be done.
    work: Condvar,
    /// Something has been done.
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// Changes with the octets that they take.
    queue: VecDeque<(Accepted, usize)>,
    octets: usize,
    /// When something came last.
    came: Option<Instant>,
    checks: HashMap<NameBuf, Checked>,
    forget: Option<Offset>,
    /// The last change that was pushed.
    pushed: Offset,
    /// The last change that the store has.
    stored: Offset,
    /// Threads that wait for the store: nothing is put off.
    hurried: usize,
    /// Attempts that failed, and why the last attempt did if so.
    failures: u64,
    failure: Option<JournalError>,
    ending: Ending,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It goes on.
    #[default]
    No,
    /// What waits is written first.
    Flush,
    /// At once.
    Abandon,
    /// It has ended.
    Ended,
}

/// What one turn writes.
#[derive(Default)]
struct Batch {
    changes: Vec<Accepted>,
    checks: HashMap<NameBuf, Checked>,
    forget: Option<Offset>,
}

impl Follower {
    /// Starts the thread on `store`, which calls `begin` first. `report` hears of every attempt that failed.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`]; [`JournalError::Unwritable`] if there can be no thread.
    pub fn start(
        store: Store,
        begin: impl FnOnce() + Send + 'static,
        report: impl Fn(&JournalError) + Send + 'static,
    ) -> Result<Follower, JournalError> {
        let stored = store.position()?;
        let state = State { pushed: stored, stored, ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), work: Condvar::new(), done: Condvar::new() });
        let own = shared.clone();
        let thread = thread::Builder::new()
            .name("store".into())
            .spawn(move || {
                begin();
                follow(&own, store, &report);
            })
            .map_err(|e| JournalError::Unwritable(format!("store: {e}")))?;
        Ok(Follower { shared, thread: Mutex::new(Some(thread)) })
    }

    /// What should wait at most while changes are made, in octets.
    pub const MAX_QUEUED_OCTETS: usize = 64 << 20;

    /// Returns when less than `limit` octets of changes wait, or nothing is taken any more.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`] if the store cannot be written now: it may be long before there is room.
    pub fn wait_for_room(&self, limit: usize) -> Result<(), JournalError> {
        let mut state = self.shared.lock();
        while state.ending == Ending::No && state.octets >= limit {
            if let Some(why) = &state.failure {
                let count = state.queue.len();
                return Err(JournalError::Unwritable(format!("{count} changes wait for the store: {why}")));
            }
            state = wait(&self.shared.done, state);
        }
        Ok(())
    }

    /// Hands over the next changes, in the order of offsets; after the end nothing is taken. Who hands over many
    /// calls [`Follower::wait_for_room`] before.
    pub fn push(&self, accepted: &[Accepted]) {
        let accepted: Vec<(Accepted, usize)> =
            accepted.iter().map(|accepted| (accepted.clone(), accepted.octets() + OVERHEAD_OCTETS)).collect();
        let octets = accepted.iter().map(|(_, octets)| octets).sum::<usize>();
        let mut state = self.shared.lock();
        if state.ending != Ending::No {
            return;
        }
        let (slept, was_urgent) = (!state.has_work(), state.is_urgent());
        (state.octets, state.came) = (state.octets + octets, Some(Instant::now()));
        state.pushed = accepted.last().map_or(state.pushed, |(last, _)| state.pushed.max(last.offset));
        state.queue.extend(accepted);
        // It sleeps until there is something, and then until its time has come.
        let wake = slept || state.is_urgent() && !was_urgent;
        drop(state);
        if wake {
            self.shared.work.notify_one();
        }
    }

    /// Remembers that a secondary was refreshed; the latest counts.
    pub fn note_check(&self, zone: NameBuf, checked: Checked) {
        let mut state = self.shared.lock();
        state.checks.insert(zone, checked);
        state.came = Some(Instant::now());
        self.shared.work.notify_one();
    }

    /// Returns when the store has the change at `offset`.
    ///
    /// # Errors
    /// What went wrong if the store cannot be written, or does not get there in time.
    pub fn sync(&self, offset: Offset) -> Result<(), JournalError> {
        self.wait_until(|state| state.stored >= offset)
    }

    /// Returns when the store has everything that has been pushed, and the position it then has at least.
    ///
    /// # Errors
    /// As [`Follower::sync`].
    pub fn sync_all(&self) -> Result<Offset, JournalError> {
        let pushed = self.shared.lock().pushed;
        self.sync(pushed).map(|()| pushed)
    }

    /// Has the index of changes forget what is before offset `before`, and returns when it has.
    ///
    /// # Errors
    /// As [`Follower::sync`].
    pub fn forget(&self, before: Offset) -> Result<(), JournalError> {
        let mut state = self.shared.lock();
        state.forget = state.forget.max(Some(before));
        drop(state);
        self.wait_until(|state| state.forget.is_none())
    }

    /// The last change that the store has.
    pub fn stored(&self) -> Offset {
        self.shared.lock().stored
    }

    /// Writes what waits, if that is possible, and ends the thread.
    pub fn stop(&self) {
        self.end(Ending::Flush);
    }

    fn wait_until(&self, reached: impl Fn(&State) -> bool) -> Result<(), JournalError> {
        let deadline = Instant::now() + MAX_SYNC;
        let mut state = self.shared.lock();
        let failures = state.failures;
        state.hurried += 1;
        self.shared.work.notify_one();
        let outcome = loop {
            if reached(&state) {
                break Ok(());
            }
            if state.failures > failures || state.ending == Ending::Ended {
                break Err(state.failure.clone().unwrap_or_else(|| behind("it did not keep up")));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break Err(behind("it does not keep up"));
            }
            state = self.shared.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        state.hurried -= 1;
        outcome
    }

    fn end(&self, how: Ending) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let mut state = self.shared.lock();
        if state.ending == Ending::No {
            state.ending = how;
        }
        drop(state);
        self.shared.work.notify_one();
        self.shared.done.notify_all();
        // How it ended is in the state; a panic has been reported.
        let _ = thread.join();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.end(Ending::Abandon);
    }
}

fn behind(why: &str) -> JournalError {
    JournalError::Unreadable(format!("store: {why}"))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a batch; `None`: it is over.
    fn next_batch(&self) -> Option<Batch> {
        let mut state = self.lock();
        while state.ending == Ending::No && !state.has_work() {
            state = wait(&self.work, state);
        }
        let deadline = Instant::now() + MAX_DELAY;
        while !state.is_urgent() {
            let due = state.came.map_or(deadline, |came| deadline.min(came + QUIET));
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.ending == Ending::Abandon || !state.has_work() {
            return None;
        }
        Some(state.take_batch())
    }

    /// What was written is no longer waiting.
    fn stored(&self, batch: &Batch) {
        let mut state = self.lock();
        if let Some(last) = batch.changes.last() {
            state.stored = state.stored.max(last.offset);
        }
        state.failure = None;
        let octets: usize = state.queue.drain(..batch.changes.len()).map(|(_, octets)| octets).sum();
        state.octets -= octets;
        if state.queue.is_empty() {
            // Its room would stay as large as it ever was.
            state.queue = VecDeque::new();
        }
        state.checks.retain(|zone, checked| batch.checks.get(zone) != Some(checked));
        if state.forget == batch.forget {
            state.forget = None;
        }
        self.done.notify_all();
    }

    /// Nothing was written; waits before the next attempt. Says whether there shall be one.
    fn failed(&self, error: JournalError) -> bool {
        let mut state = self.lock();
        (state.failures, state.failure) = (state.failures + 1, Some(error));
        self.done.notify_all();
        if state.ending != Ending::No {
            return false;
        }
        let deadline = Instant::now() + RETRY_AFTER;
        while state.ending == Ending::No {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.ending != Ending::Abandon
    }
}

impl State {
    fn has_work(&self) -> bool {
        !self.queue.is_empty() || !self.checks.is_empty() || self.forget.is_some()
    }

    fn is_urgent(&self) -> bool {
        // After a failure nothing is put off: whoever waits for room must see that there is some again.
        self.hurried > 0 || self.ending != Ending::No || self.failure.is_some() || self.octets >= MAX_BATCH_OCTETS
    }

    /// What is written next; it stays in the queue until it is.
    fn take_batch(&self) -> Batch {
        let mut octets = 0;
        let fits = |(_, more): &&(Accepted, usize)| {
            octets += more;
            octets <= MAX_BATCH_OCTETS
        };
        // One that is larger by itself is a batch.
        let count = self.queue.iter().take_while(fits).count().max(1);
        let changes: Vec<Accepted> = self.queue.iter().take(count).map(|(accepted, _)| accepted.clone()).collect();
        // A zone's refresh is noted once the change that made the zone is there.
        let is_all = changes.len() == self.queue.len();
        let checks = if is_all { self.checks.clone() } else { HashMap::new() };
        Batch { changes, checks, forget: self.forget }
    }
}

fn wait<'a>(condvar: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condvar.wait(state).unwrap_or_else(PoisonError::into_inner)
}

/// Says that the thread has ended, however it did.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.lock().ending = Ending::Ended;
        self.0.done.notify_all();
    }
}

fn follow(shared: &Shared, mut store: Store, report: &impl Fn(&JournalError)) {
    let _end = End(shared);
    while let Some(batch) = shared.next_batch() {
        match write(&mut store, &batch) {
            Ok(()) => shared.stored(&batch),
            Err(error) => {
                report(&error);
                if !shared.failed(error) {
                    return;
                }
            }
        }
    }
}

fn write(store: &mut Store, batch: &Batch) -> Result<(), JournalError> {
    store.apply(&batch.changes)?;
    if !batch.checks.is_empty() {
        store.note_checks(&batch.checks)?;
    }
    batch.forget.map_or(Ok(()), |before| store.forget(before))
}
