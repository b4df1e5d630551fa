//! A journal in memory, for tests of whoever uses one: several handles are several writers, and it can be
//! told to refuse what is appended, as a broker that is away does, or not to say what became of it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::journal::{Bounds, Entry, Journal, JournalError, Offset};

/// The journal; clones are further handles to the same one.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    shared: Arc<Shared>,
}

/// What becomes of a body of which the journal does not say whether it has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is there.
    Kept,
    /// It will never be.
    Lost,
    /// It comes behind the next append that is answered.
    Late,
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
    /// Of the next appends: what becomes of their bodies in turn.
    doubts: VecDeque<Vec<Fate>>,
    /// Bodies that are late.
    late: Vec<Vec<u8>>,
}

impl State {
    fn push(&mut self, body: &[u8]) {
        self.entries.push(Entry { offset: self.bounds.next, body: body.to_vec() });
        self.bounds.next += 1;
    }
}

impl Default for State {
    fn default() -> State {
        let bounds = Bounds { first: 1, next: 1 };
        State { entries: Vec::new(), bounds, refusal: None, doubts: VecDeque::new(), late: Vec::new() }
    }
}

impl MemoryJournal {
    /// From now on nothing can be appended, because of `why`; `None`: it can again.
    pub fn refuse(&self, why: Option<&str>) {
        self.state().refusal = why.map(str::to_owned);
    }

    /// The next append is answered with [`JournalError::Unknown`], and this becomes of its bodies in turn; calls add
    /// up.
    pub fn doubt(&self, fates: &[Fate]) {
        self.state().doubts.push_back(fates.to_vec());
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
        if !bodies.is_empty()
            && let Some(fates) = state.doubts.pop_front()
        {
            for (body, fate) in bodies.iter().zip(fates.iter().cycle()) {
                match fate {
                    Fate::Kept => state.push(body),
                    Fate::Lost => {}
                    Fate::Late => state.late.push(body.to_vec()),
                }
            }
            self.shared.appended.notify_all();
            return Err(JournalError::Unknown("no answer".to_owned()));
        }
        let first = state.bounds.next;
        bodies.iter().for_each(|body| state.push(body));
        let offsets = (first..state.bounds.next).collect();
        std::mem::take(&mut state.late).iter().for_each(|body| state.push(body));
        self.shared.appended.notify_all();
        Ok(offsets)
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
