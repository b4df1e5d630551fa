//! The one who adds rows. What the disk does not take is kept in memory as far as the open segment has room, and is tried
//! again each second; more is lost and counted.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use server::clock::unix_us;

use super::entry::Entry;
use super::log::OpenLog;
use super::segment::{Damaged, Segment};
use super::store::{LOG, Limits, SEGMENT, Store};
use crate::rows::Row;

/// Rows are in memory alone for so long.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// Limits of age are looked at so often.
const ENFORCE_INTERVAL: Duration = Duration::from_secs(60);

/// Adds rows to a store.
#[derive(Debug)]
pub struct Writer {
    store: Arc<Store>,
    /// The log of the open segment, once it has rows on disk.
    log: Option<OpenLog>,
    /// Rows that are not in it.
    pending: Vec<u8>,
    entry: Entry,
    flushed: Instant,
    enforced: Instant,
    /// Since when the disk does not take rows, and how many had been lost before.
    trouble: Option<(Instant, u64)>,
}

impl Writer {
    /// Opens the history in this directory, which is made if it is not there, and reads what a crash has left. Files that
    /// are damaged are set aside.
    ///
    /// # Errors
    /// A directory that cannot be made or read, or that another process has open.
    pub fn open(directory: &Path, limits: Limits) -> io::Result<Writer> {
        let store = Arc::new(Store::open(directory, limits)?);
        let now = Instant::now();
        let mut writer = Writer {
            store,
            log: None,
            pending: Vec::new(),
            entry: Entry::default(),
            flushed: now,
            enforced: now,
            trouble: None,
        };
        let logs = writer.store.files(LOG)?;
        for (number, path) in logs {
            writer.recover(number, &path)?;
        }
        writer.store.enforce(unix_us());
        Ok(writer)
    }

    /// The store that it adds to.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Reads the log of a segment that was open. One that was closed since is in its own file.
    fn recover(&mut self, number: u64, path: &Path) -> io::Result<()> {
        if self.store.read().sealed.iter().any(|segment| segment.number() == number) {
            return std::fs::remove_file(path);
        }
        if self.log.is_some() {
            // Of two logs the earlier one belongs to a segment that could not be closed.
            self.seal().map_err(io::Error::other)?;
        }
        let store = self.store.clone();
        let mut state = store.write();
        match OpenLog::replay(path, |entry| state.tail.push(entry)) {
            Ok(replayed) if replayed.number == number => {
                if replayed.lost_bytes > 0 {
                    tracing::info!(file = %path.display(), bytes = replayed.lost_bytes, "rows of the query history that were being written are gone");
                }
                state.number = number;
                self.store.counters.log_bytes.store(replayed.log.len(), Ordering::Relaxed);
                self.log = Some(replayed.log);
            }
            Ok(_) | Err(Damaged::Form | Damaged::Checksum) => {
                state.tail.clear();
                drop(state);
                self.store.set_aside(path, &Damaged::Form);
            }
            Err(Damaged::Io(error)) => return Err(error),
        }
        Ok(())
    }

    /// Adds rows.
    pub fn push<'a>(&mut self, rows: impl IntoIterator<Item = Row<'a>>) {
        let store = self.store.clone();
        let capacity = store.limits().rows_per_segment();
        let mut state = store.write();
        for row in rows {
            if state.tail.columns().len() >= capacity {
                drop(state);
                self.close_segment();
                state = store.write();
            }
            if state.tail.columns().len() >= capacity {
                store.counters.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.entry.set(&row);
            state.tail.push(&self.entry);
            self.entry.write(&mut self.pending);
            store.counters.written.fetch_add(1, Ordering::Relaxed);
        }
        drop(state);
        self.tick();
    }

    /// Does what the time asks for; called many times a second.
    pub fn tick(&mut self) {
        if self.flushed.elapsed() >= FLUSH_INTERVAL {
            self.flush();
            let first = self.store.read().tail.times_us().map(|(first, _)| first);
            let age_us = first.map_or(0, |first| unix_us().saturating_sub(first));
            if age_us >= self.store.limits().segment_age_us() {
                self.close_segment();
            }
        }
        if self.enforced.elapsed() >= ENFORCE_INTERVAL {
            self.enforced = Instant::now();
            self.store.enforce(unix_us());
        }
    }

    /// Writes to disk what is not there.
    pub fn flush(&mut self) {
        self.flushed = Instant::now();
        if self.pending.is_empty() {
            return;
        }
        let written = self.append();
        match written {
            Ok(len) => {
                self.pending.clear();
                self.store.counters.log_bytes.store(len, Ordering::Relaxed);
                self.recovered();
                self.store.enforce(unix_us());
            }
            Err(error) => self.failed(&Damaged::Io(error)),
        }
    }

    fn append(&mut self) -> io::Result<u64> {
        let log = match self.log.take() {
            Some(log) => log,
            None => {
                let number = self.store.read().number;
                OpenLog::create(&self.store.path(number, LOG), number)?
            }
        };
        let log = self.log.insert(log);
        log.append(&self.pending)?;
        Ok(log.len())
    }

    /// Closes the open segment; after a failure not before the next second.
    fn close_segment(&mut self) {
        if self.trouble.is_some() && self.flushed.elapsed() < FLUSH_INTERVAL {
            return;
        }
        match self.seal() {
            Ok(()) => self.recovered(),
            Err(error) => {
                self.flushed = Instant::now();
                self.failed(&error);
            }
        }
    }

    /// Makes a file of the open segment, and begins a new one.
    fn seal(&mut self) -> Result<(), Damaged> {
        let state = self.store.read();
        let Some(times_us) = state.tail.times_us() else { return Ok(()) };
        let path = self.store.path(state.number, SEGMENT);
        let segment = Segment::write(&path, state.number, state.tail.columns(), times_us)?;
        drop(state);
        let mut state = self.store.write();
        state.sealed.push_back(Arc::new(segment));
        state.tail.clear();
        state.number += 1;
        drop(state);
        self.pending.clear();
        self.store.counters.log_bytes.store(0, Ordering::Relaxed);
        if let Some(log) = self.log.take() {
            // If it stays, the next start deletes it: its segment is there.
            let _ = log.delete();
        }
        self.store.enforce(unix_us());
        Ok(())
    }

    fn failed(&mut self, error: &Damaged) {
        if self.trouble.is_none() {
            let lost = self.store.counters.lost.load(Ordering::Relaxed);
            self.trouble = Some((Instant::now(), lost));
            self.store.counters.is_failing.store(true, Ordering::Relaxed);
            tracing::error!(%error, "the query history cannot be written; it is tried again each second");
        }
    }

    fn recovered(&mut self) {
        if let Some((since, before)) = self.trouble.take() {
            let lost = self.store.counters.lost.load(Ordering::Relaxed) - before;
            self.store.counters.is_failing.store(false, Ordering::Relaxed);
            tracing::info!(seconds = since.elapsed().as_secs(), lost, "the query history is written again");
        }
    }
}
