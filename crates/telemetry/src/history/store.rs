//! The store: segments on disk, the open one in memory, and what limits them.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::block::{Block, OnDisk};
use super::columns::{Builder, MAX_ROWS, Wide};
use super::cursor::{Cursor, Progress};
use super::plan::{Plan, Wanted};
use super::segment::{Damaged, Segment};

/// Extension of segments.
pub(super) const SEGMENT: &str = "segment";
/// Extension of the log of the open segment.
pub(super) const LOG: &str = "rows";
/// Extension of files that are set aside.
const SET_ASIDE: &str = "damaged";
/// So many files that are set aside are kept.
const MAX_SET_ASIDE: usize = 4;
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The part of all rows, and of all time, that a segment may have: so much is deleted at once.
const SEGMENTS: u64 = 16;
const MIN_AGE_US: u64 = 3_600_000_000;
const DAY_US: u64 = 86_400_000_000;

/// What the history may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows.
    pub max_rows: u64,
    /// Days from when a query came.
    pub max_days: u32,
    /// Bytes on disk.
    pub max_bytes: u64,
}

/// What the history has, and what went wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCounts {
    /// Rows in it.
    pub rows: u64,
    /// Segments on disk.
    pub segments: usize,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// When the earliest query came, in microseconds since 1970; `None`: there is none.
    pub oldest_us: Option<u64>,
    /// Rows that were written since the start.
    pub written: u64,
    /// Rows that were lost since the start, because the disk did not take them.
    pub lost: u64,
    /// Files that were set aside since the start, because they were damaged.
    pub damaged: u64,
    /// The disk takes no rows at the moment.
    pub is_failing: bool,
}

/// The history of queries. Any number of threads search it; one, the [`super::Writer`], adds to it.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    limits: Mutex<Limits>,
    state: RwLock<State>,
    pub(super) counters: Counters,
    /// Held as long as the store is open: no other process may.
    _lock: File,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub written: AtomicU64,
    pub lost: AtomicU64,
    pub damaged: AtomicU64,
    pub is_failing: AtomicBool,
    pub log_bytes: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// From the oldest to the latest.
    pub sealed: VecDeque<Arc<Segment>>,
    /// The open segment.
    pub tail: Builder,
    /// Its number.
    pub number: u64,
}

/// What looks at the wanted rows of a segment, of which only those in the range have their turn. It gives the row before
/// which it stopped, or `None` if it has seen all.
pub(super) type Visit<'v> = dyn FnMut(&dyn Block, &Plan<'_, '_>, Range<usize>) -> Result<Option<usize>, Damaged> + 'v;

impl Store {
    /// The store in this directory, which is made if it is not there. Segments that are damaged are set aside.
    pub(super) fn open(directory: &Path, limits: Limits) -> io::Result<Store> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(directory.join("lock"))?;
        lock.try_lock().map_err(|_| io::Error::other("another process has it open"))?;
        let store = Store {
            directory: directory.to_owned(),
            limits: Mutex::new(limits),
            state: RwLock::default(),
            counters: Counters::default(),
            _lock: lock,
        };
        for (_, path) in store.files("new")? {
            fs::remove_file(path)?;
        }
        for (number, path) in store.files(SEGMENT)? {
            match Segment::read_header(&path) {
                Ok(segment) if segment.number() == number => store.write().sealed.push_back(Arc::new(segment)),
                Ok(_) => store.set_aside(&path, &Damaged::Form),
                Err(error) => store.set_aside(&path, &error),
            }
        }
        let mut state = store.write();
        state.number = state.sealed.back().map_or(1, |segment| segment.number() + 1);
        drop(state);
        Ok(store)
    }

    /// Files with this extension whose names are numbers, in their order.
    pub(super) fn files(&self, extension: &str) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if let Some(number) = number.filter(|_| path.extension().is_some_and(|found| found == extension)) {
                files.push((number, path));
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// The file with this number and extension.
    pub(super) fn path(&self, number: u64, extension: &str) -> PathBuf {
        self.directory.join(format!("{number:016}.{extension}"))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it may keep.
    pub fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has it keep so much from now on.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// What it has, and what went wrong with it.
    pub fn counts(&self) -> StoreCounts {
        let state = self.read();
        let log_bytes = self.counters.log_bytes.load(Ordering::Relaxed);
        let times = state.sealed.iter().map(|segment| segment.times_us().0);
        StoreCounts {
            rows: state.rows() + state.tail.columns().len() as u64,
            segments: state.sealed.len(),
            size_bytes: state.size_bytes() + log_bytes,
            oldest_us: times.chain(state.tail.times_us().map(|(first, _)| first)).min(),
            written: self.counters.written.load(Ordering::Relaxed),
            lost: self.counters.lost.load(Ordering::Relaxed),
            damaged: self.counters.damaged.load(Ordering::Relaxed),
            is_failing: self.counters.is_failing.load(Ordering::Relaxed),
        }
    }

    /// Deletes the oldest segments until the rest is within the limits.
    pub(super) fn enforce(&self, now_us: u64) {
        let limits = self.limits();
        let log_bytes = self.counters.log_bytes.load(Ordering::Relaxed);
        let earliest = now_us.saturating_sub(u64::from(limits.max_days) * DAY_US);
        let mut state = self.write();
        while let Some(oldest) = state.sealed.front() {
            let is_over = state.rows() + limits.rows_per_segment() as u64 > limits.max_rows
                || state.size_bytes() + log_bytes > limits.max_bytes
                || oldest.times_us().1 < earliest;
            if !is_over {
                break;
            }
            if let Err(error) = fs::remove_file(oldest.path()) {
                tracing::warn!(file = %oldest.path().display(), %error, "a segment of the query history cannot be deleted");
            }
            state.sealed.pop_front();
        }
    }

    /// Renames a damaged file, so that it is not read again, and says so.
    pub(super) fn set_aside(&self, path: &Path, error: &Damaged) {
        self.counters.damaged.fetch_add(1, Ordering::Relaxed);
        let aside = path.with_extension(SET_ASIDE);
        let renamed = fs::rename(path, &aside);
        tracing::error!(
            file = %path.display(), %error, is_set_aside = renamed.is_ok(),
            "a file of the query history is damaged; its rows are gone"
        );
        let mut files = self.files(SET_ASIDE).unwrap_or_default();
        files.truncate(files.len().saturating_sub(MAX_SET_ASIDE));
        for (_, path) in files {
            let _ = fs::remove_file(path);
        }
    }

    /// Goes through the wanted rows before `after`, from the latest segment to the oldest, until all are seen, `visit` or
    /// `stop` says so. One segment is always looked at.
    pub(super) fn scan(
        &self,
        wanted: &Wanted<'_>,
        after: Option<Cursor>,
        stop: &dyn Fn() -> bool,
        visit: &mut Visit<'_>,
    ) -> Progress {
        let mut scan = Scan { wanted, progress: Progress::default(), looked_at: 0 };
        let state = self.read();
        let segments: Vec<Arc<Segment>> = state.sealed.iter().rev().cloned().collect();
        let tail = state.tail.columns();
        if let Some((times_us, rows)) = state.tail.times_us().zip(Cursor::rows_before(after, state.number, tail.len()))
        {
            // Columns in memory cannot be damaged.
            if let Ok(Some(row)) = scan.block(tail, times_us, rows, visit) {
                scan.progress.next = Some(Cursor::at(state.number, row));
                return scan.progress;
            }
        }
        drop(state);
        for segment in segments {
            let Some(rows) = Cursor::rows_before(after, segment.number(), segment.rows()) else { continue };
            if scan.looked_at > 0 && stop() {
                scan.progress.next = Some(Cursor::at(segment.number(), rows));
                return scan.progress;
            }
            let (number, times_us) = (segment.number(), segment.times_us());
            let looked = OnDisk::open(segment.clone()).and_then(|block| scan.block(&block, times_us, rows, visit));
            match looked {
                Ok(Some(row)) => {
                    scan.progress.next = Some(Cursor::at(number, row));
                    return scan.progress;
                }
                Ok(None) => {}
                Err(error) => self.lose(&segment, &error),
            }
        }
        scan.progress
    }

    /// Does without a segment that cannot be read, unless it was deleted meanwhile.
    fn lose(&self, segment: &Segment, error: &Damaged) {
        let mut state = self.write();
        let before = state.sealed.len();
        state.sealed.retain(|other| other.number() != segment.number());
        let was_there = state.sealed.len() < before;
        drop(state);
        if was_there {
            self.set_aside(segment.path(), error);
        }
    }
}

struct Scan<'a, 'w> {
    wanted: &'a Wanted<'w>,
    progress: Progress,
    /// Segments that took some time.
    looked_at: usize,
}

impl Scan<'_, '_> {
    fn block(
        &mut self,
        block: &dyn Block,
        times_us: (u64, u64),
        rows: usize,
        visit: &mut Visit<'_>,
    ) -> Result<Option<usize>, Damaged> {
        let (from_us, to_us) = (self.wanted.from_us, self.wanted.to_us);
        if times_us.1 < from_us || times_us.0 > to_us {
            return Ok(None);
        }
        self.looked_at += 1;
        let stopped = match Plan::new(block, times_us, self.wanted)? {
            Some(plan) => visit(block, &plan, 0..rows)?,
            None => None,
        };
        let time_us = match stopped {
            Some(row) => block.wide(Wide::Time)?.get(row).copied().unwrap_or(times_us.0),
            None => times_us.0,
        };
        self.progress.scanned_to_us = Some(time_us.max(from_us));
        Ok(stopped)
    }
}

impl State {
    fn rows(&self) -> u64 {
        self.sealed.iter().map(|segment| segment.rows() as u64).sum()
    }

    fn size_bytes(&self) -> u64 {
        self.sealed.iter().map(|segment| segment.size_bytes()).sum()
    }
}

impl Limits {
    /// A segment is full with so many rows.
    pub(super) fn rows_per_segment(&self) -> usize {
        usize::try_from(self.max_rows / SEGMENTS).unwrap_or(MAX_ROWS).clamp(1, MAX_ROWS)
    }

    /// A segment is closed when its oldest row is so old, in microseconds.
    pub(super) fn segment_age_us(&self) -> u64 {
        (u64::from(self.max_days) * DAY_US / SEGMENTS).max(MIN_AGE_US)
    }
}
