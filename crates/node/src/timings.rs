//! How long changes take, and what the journal said last: kept by the corridor of changes, read by metrics and health.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use journal::{Bounds, Entry, Journal, JournalError, Offset};
use server::stats::{Counter, Histogram, Times};

/// What is counted of changes.
#[derive(Debug, Default)]
pub struct Timings {
    refused: Counter,
    served: Histogram,
    appends: Histogram,
    /// Why the journal took nothing the last time.
    failure: Mutex<Option<String>>,
}

impl Timings {
    /// A change was made, so long after it was submitted.
    pub fn made(&self, elapsed: Duration) {
        self.served.add_shared(micros(elapsed));
    }

    /// A change was refused, or could not be made.
    pub fn refused(&self) {
        self.refused.add_shared(1);
    }

    /// Changes that were refused.
    pub fn refusals(&self) -> u64 {
        self.refused.get()
    }

    /// How long changes took until they were served.
    pub fn served(&self) -> Times {
        self.served.get()
    }

    /// How long the journal took for its groups of changes.
    pub fn appends(&self) -> Times {
        self.appends.get()
    }

    /// Why the journal took nothing the last time; `None`: it did.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn appended(&self, elapsed: Duration, result: &Result<Vec<Offset>, JournalError>) {
        self.appends.add_shared(micros(elapsed));
        let failure = result.as_ref().err().map(ToString::to_string);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

fn micros(elapsed: Duration) -> u64 {
    elapsed.as_micros().try_into().unwrap_or(u64::MAX)
}

/// A journal whose appends are timed.
pub struct TimedJournal {
    /// The journal.
    pub inner: Arc<dyn Journal>,
    /// Where times are counted.
    pub timings: Arc<Timings>,
}

impl Journal for TimedJournal {
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        let begin = Instant::now();
        let result = self.inner.append(bodies);
        self.timings.appended(begin.elapsed(), &result);
        result
    }

    fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        self.inner.read(from, max_bytes)
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        self.inner.bounds()
    }

    fn wait(&self, offset: Offset, timeout: Duration) -> Result<bool, JournalError> {
        self.inner.wait(offset, timeout)
    }

    fn trim(&self, before: Offset) -> Result<(), JournalError> {
        self.inner.trim(before)
    }
}

#[cfg(test)]
mod tests {
    use journal::MemoryJournal;

    use super::*;

    #[test]
    fn appends_are_timed() {
        let timings = Arc::new(Timings::default());
        let inner: Arc<dyn Journal> = Arc::new(MemoryJournal::default());
        let journal = TimedJournal { inner, timings: timings.clone() };
        assert_eq!(journal.append(&[b"a"]).expect("appended").len(), 1);
        assert_eq!((timings.appends().count(), timings.failure()), (1, None));
        assert_eq!(journal.read(1, 100).expect("read").len(), 1);
    }
}
