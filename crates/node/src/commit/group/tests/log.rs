//! The log that simulated servers share, and each one's way to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use journal::{Bounds, Entry, Journal, JournalError, Offset};

/// Mistakes that the simulation must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    Nothing,
    /// What a server folds depends on when it folds it.
    FoldReadsAClock,
    /// A receipt says what the log has, not what is published.
    ReceiptBeforePublication,
    /// A server whose place has been trimmed away reads on from the beginning that there is.
    NoTrimCheck,
}

/// Small and fast numbers that look random (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % end as u64) as usize
    }

    pub fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// The log that all share.
#[derive(Default)]
pub struct Log {
    pub entries: Vec<Entry>,
    pub first: Offset,
    pub next: Offset,
    /// Sent, and not there yet.
    pub late: Vec<Vec<u8>>,
}

impl Log {
    pub fn push(&mut self, body: &[u8]) -> Offset {
        self.entries.push(Entry { offset: self.next, body: body.to_vec() });
        self.next += 1;
        self.next - 1
    }
}

/// One server's way to the log.
pub struct Handle {
    pub log: Arc<Mutex<Log>>,
    pub chance: Mutex<Chance>,
    /// Whether it does what it is asked for at once.
    pub is_calm: Arc<Mutex<bool>>,
    pub planted: Planted,
    pub reads: AtomicU64,
}

impl Handle {
    pub fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().expect("lock")
    }
}

impl Journal for Handle {
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        let (mut log, mut chance) = (self.log(), self.chance.lock().expect("lock"));
        if !*self.is_calm.lock().expect("lock") {
            if chance.once_in(8) {
                return Err(JournalError::Unwritable("no broker".to_owned()));
            }
            if chance.once_in(4) {
                for body in bodies {
                    match chance.below(3) {
                        0 => drop(log.push(body)),
                        1 => log.late.push(body.to_vec()),
                        _ => {}
                    }
                }
                return Err(JournalError::Unknown("no answer".to_owned()));
            }
        }
        // What others sent stands between.
        let mut offsets = Vec::new();
        for body in bodies {
            if !log.late.is_empty() && chance.once_in(2) {
                let late = log.late.remove(0);
                log.push(&late);
            }
            offsets.push(log.push(body));
        }
        Ok(offsets)
    }

    fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        let (log, mut octets) = (self.log(), 0);
        let from = if self.planted == Planted::NoTrimCheck { from.max(log.first) } else { from };
        Bounds { first: log.first, next: log.next }.check(from)?;
        let fits = |entry: &&Entry| {
            octets += entry.body.len();
            octets <= max_bytes || octets == entry.body.len()
        };
        let entries = log.entries.iter().filter(|entry| entry.offset >= from).take_while(fits);
        // What is too old by the clock is not folded: the number of reads is as good as one.
        self.reads.fetch_add(1, Ordering::Relaxed);
        let is_late = self.planted == Planted::FoldReadsAClock && self.reads.load(Ordering::Relaxed).is_multiple_of(9);
        Ok(entries.skip(usize::from(is_late)).cloned().collect())
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        let log = self.log();
        Ok(Bounds { first: log.first, next: log.next })
    }

    fn wait(&self, offset: Offset, _: Duration) -> Result<bool, JournalError> {
        Ok(self.log().next > offset)
    }

    fn trim(&self, before: Offset) -> Result<(), JournalError> {
        let mut log = self.log();
        log.first = before.clamp(log.first, log.next);
        let first = log.first;
        log.entries.retain(|entry| entry.offset >= first);
        Ok(())
    }
}
