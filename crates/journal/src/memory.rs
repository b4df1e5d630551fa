//! A journal in memory, for tests of whoever uses one: several handles are several writers, and it can be
//! told to refuse what is appended, as a broker that is away does.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::journal::{Bounds, Entry, Journal, JournalError, Offset};

/// The journal; clones are further handles to the same one.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    appended: Condvar,
}

#[derive(Debug)]
struct State {
    entries: Vec<Entry>,
    bounds: Bounds,
    refusal: Option<String>,
}

impl Default for State {
    fn default() -> State {
        State { entries: Vec::new(), bounds: Bounds { first: 1, next: 1 }, refusal: None }
    }
}

impl MemoryJournal {
    /// From now on nothing can be appended, because of `why`; `None`: it can again.
    pub fn refuse(&self, why: Option<&str>) {
        self.state().refusal = why.map(str::to_owned);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writable(&self) -> Result<MutexGuard<'_, State>, JournalError> {
        let state = self.state();
        match &state.refusal {
            Some(why) => Err(JournalError::Unwritable(why.clone())),
            None => Ok(state),
        }
    }
}

impl Journal for MemoryJournal {
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        let mut state = self.writable()?;
        let first = state.bounds.next;
        let entries = bodies.iter().zip(first..).map(|(body, offset)| Entry { offset, body: body.to_vec() });
        state.entries.extend(entries);
        state.bounds.next += bodies.len() as u64;
        self.shared.appended.notify_all();
        Ok((first..state.bounds.next).collect())
    }

    fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        let state = self.state();
        state.bounds.check(from)?;
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let is_first = bytes == 0;
            bytes += entry.body.len().max(1);
            is_first || bytes <= max_bytes
        };
        Ok(state.entries.iter().filter(|entry| entry.offset >= from).take_while(fits).cloned().collect())
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        Ok(self.state().bounds)
    }

    fn wait(&self, offset: Offset, timeout: Duration) -> Result<bool, JournalError> {
        let not_yet = |state: &mut State| state.bounds.next <= offset;
        let waited = self.shared.appended.wait_timeout_while(self.state(), timeout, not_yet);
        Ok(waited.unwrap_or_else(PoisonError::into_inner).0.bounds.next > offset)
    }

    fn trim(&self, before: Offset) -> Result<(), JournalError> {
        let mut state = self.writable()?;
        state.bounds.first = before.clamp(state.bounds.first, state.bounds.next);
        let first = state.bounds.first;
        state.entries.retain(|entry| entry.offset >= first);
        Ok(())
    }
}
