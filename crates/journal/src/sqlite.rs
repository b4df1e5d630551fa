//! The embedded journal: an SQLite database in WAL mode. Three streams live in one file, a table each; several
//! handles, also of several processes, may write to it.
//!
//! An append is one transaction and one fsync. It rewrites the table's last page and nothing else, so no
//! AUTOINCREMENT: that offsets are never used again is kept by `bounds.first`, written when events are
//! trimmed. Readers have connections of their own and never wait for a writer.

mod checkpoint;
mod schema;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use self::checkpoint::Checkpointer;
use crate::journal::{Bounds, Entry, Journal, JournalError, Offset};

/// Octets of events that are kept to be folded.
const MAX_TAIL_OCTETS: usize = 4 << 20;
/// Connections kept open for readers; more readers at once open more for as long as they read.
const MAX_IDLE_READERS: usize = 4;
/// How often a waiting reader looks for events of other handles while they come. Those of its own wake it at once.
const POLL_BUSY: Duration = Duration::from_millis(10);
/// How often it looks when no other handle has appended an event for [`CALM`]: looking costs a read of the file.
const POLL_CALM: Duration = Duration::from_millis(100);
/// After so long without events of other handles, the next one may wait longer.
const CALM: Duration = Duration::from_secs(5);
/// Most events trimmed in one transaction, so that writers get their turn.
const TRIM_BATCH: u64 = 200;

/// The connection that writes; `None` after an error, until it is needed again.
type Writer = Arc<Mutex<Option<Connection>>>;

/// Which events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Changes of zones.
    Zones,
    /// Users, roles, tokens, keys: never in the history of zones.
    Access,
    /// Shared settings: what is set by API and holds for every server on the journal.
    Settings,
}

/// A journal in a file.
pub struct SqliteJournal {
    path: PathBuf,
    sql: Sql,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    /// The high-water mark as far as this handle knows.
    next: Mutex<Offset>,
    appended: Condvar,
    /// When an event of another handle was found last.
    found: Mutex<Option<Instant>>,
    checkpointer: Checkpointer,
    tail: Mutex<Tail>,
}

/// The statements for a stream.
struct Sql {
    bounds: String,
    insert: String,
    read: String,
    set_first: String,
    trim: String,
}

impl Sql {
    fn new(stream: Stream) -> Sql {
        let (table, name) = stream.table_and_name();
        let next = format!("max(first, ifnull((SELECT max(offset) FROM {table}), 0) + 1)");
        Sql {
            bounds: format!("SELECT first, {next} FROM bounds WHERE stream = '{name}'"),
            insert: format!("INSERT INTO {table} (offset, body) VALUES (?1, ?2)"),
            read: format!("SELECT offset, body FROM {table} WHERE offset >= ?1 ORDER BY offset"),
            set_first: format!("UPDATE bounds SET first = max(first, min(?1, {next})) WHERE stream = '{name}'"),
            trim: format!(
                "DELETE FROM {table} WHERE offset < (SELECT min(first, (SELECT min(offset) FROM {table}) + {TRIM_BATCH})
                 FROM bounds WHERE stream = '{name}')"
            ),
        }
    }

    fn bounds(&self, connection: &Connection) -> rusqlite::Result<Bounds> {
        let mut statement = connection.prepare_cached(&self.bounds)?;
        statement.query_row([], |row| Ok(Bounds { first: row.get(0)?, next: row.get(1)? }))
    }
}

impl Stream {
    /// The stream's table, and what it is called in `bounds`.
    fn table_and_name(self) -> (&'static str, &'static str) {
        match self {
            Stream::Zones => ("events", "zones"),
            Stream::Access => ("access_events", "access"),
            Stream::Settings => ("settings_events", "settings"),
        }
    }
}

/// What `stream` holds in a database that is open already, a backup for example; `None`: an earlier version, which did
/// not know the stream, made it.
pub(crate) fn bounds_in(connection: &Connection, stream: Stream) -> rusqlite::Result<Option<Bounds>> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
    let is_there: bool = connection.query_row(sql, [stream.table_and_name().0], |row| row.get(0))?;
    is_there.then(|| Sql::new(stream).bounds(connection)).transpose()
}

impl SqliteJournal {
    /// Opens the journal at `path`; makes it if there is none, and brings its schema up to date.
    /// `begin` is the first thing its thread for checkpoints does: it may lower its priority.
    ///
    /// # Errors
    /// [`JournalError::FromTheFuture`]; [`JournalError::Outdated`] if the file has no such stream and cannot be
    /// written; [`JournalError::Unreadable`] if it is something else, or cannot be opened.
    pub fn open(path: &Path, stream: Stream, begin: fn()) -> Result<SqliteJournal, JournalError> {
        let writer = schema::open(path)?;
        let sql = Sql::new(stream);
        let open = || Ok((bounds_in(&writer, stream)?, schema::connect(path)?));
        let (bounds, connection) = open().map_err(|error| unreadable(path, &error))?;
        let Some(Bounds { next, .. }) = bounds else {
            return Err(JournalError::Outdated { path: path.display().to_string() });
        };
        let writer = Arc::new(Mutex::new(Some(writer)));
        let checkpointer = Checkpointer::start(connection, Arc::clone(&writer), begin)
            .map_err(|error| JournalError::Unreadable(format!("no thread for checkpoints: {error}")))?;
        Ok(SqliteJournal {
            path: path.to_owned(),
            sql,
            writer,
            readers: Mutex::default(),
            tail: Mutex::default(),
            next: Mutex::new(next),
            appended: Condvar::new(),
            found: Mutex::default(),
            checkpointer,
        })
    }

    /// Does `work` in a transaction of the writer: all of it is durable, or none of it is there.
    fn write<T>(&self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        let mut writer = lock(&self.writer);
        let result = self.try_write(&mut writer, work);
        if result.is_err() {
            // A commit whose sync failed may have left its octets in the WAL, where a crash would find
            // them. The next commit, of nothing, takes their place; it goes wrong only if that disk
            // still cannot be written. Afterwards a new connection, whatever state this one is in.
            let _ = self.try_write(&mut writer, |connection| connection.execute(&self.sql.set_first, [0]).map(drop));
            *writer = None;
        }
        result.map_err(|error| JournalError::Unwritable(explain(&self.path, &error)))
    }

    fn try_write<T>(
        &self,
        writer: &mut Option<Connection>,
        work: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let connection = match writer {
            Some(connection) => connection,
            None => writer.insert(schema::connect(&self.path)?),
        };
        // As `transaction_with_behavior`, but without compiling the two statements each time.
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let done = work(connection).and_then(|done| {
            connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])).map(|_| done)
        });
        if done.is_err() && !connection.is_autocommit() {
            // If this fails too, the caller drops the connection.
            let _ = connection.execute_batch("ROLLBACK");
        }
        done
    }

    /// Does `work` on one state of the journal.
    fn view<T>(&self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        let idle = lock(&self.readers).pop();
        let view = || {
            let connection = idle.map_or_else(|| schema::connect(&self.path), Ok)?;
            let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Deferred)?;
            let done = work(&transaction)?;
            transaction.finish()?;
            Ok((done, connection))
        };
        let (done, connection) = view().map_err(|error| unreadable(&self.path, &error))?;
        let mut idle = lock(&self.readers);
        if idle.len() < MAX_IDLE_READERS {
            idle.push(connection);
        }
        Ok(done)
    }

    /// Looks for events of other handles.
    fn look(&self) -> Result<(), JournalError> {
        let next = self.bounds()?.next;
        if next > *lock(&self.next) {
            *lock(&self.found) = Some(Instant::now());
        }
        self.note(next);
        Ok(())
    }

    /// Until the next look.
    fn pause(&self) -> Duration {
        let is_busy = lock(&self.found).is_some_and(|at| at.elapsed() < CALM);
        if is_busy { POLL_BUSY } else { POLL_CALM }
    }

    /// Takes notice of a high-water mark.
    fn note(&self, next: Offset) {
        let mut known = lock(&self.next);
        if next > *known {
            *known = next;
            self.appended.notify_all();
        }
    }
}

/// The events that this process appended last: whoever folds them need not read them from the file. Their offsets
/// follow each other without a gap, so that no other writer's event is between them.
#[derive(Default)]
struct Tail {
    entries: VecDeque<Entry>,
    octets: usize,
}

impl Tail {
    fn extend(&mut self, offsets: &[Offset], bodies: &[&[u8]]) {
        for (&offset, body) in offsets.iter().zip(bodies) {
            if self.entries.back().is_some_and(|last| last.offset + 1 != offset) {
                *self = Tail::default();
            }
            self.octets += body.len();
            self.entries.push_back(Entry { offset, body: body.to_vec() });
        }
        while self.octets > MAX_TAIL_OCTETS
            && let Some(first) = self.entries.pop_front()
        {
            self.octets -= first.body.len();
        }
    }

    /// The entries from this offset on, as [`Journal::read`] gives them; none if that one is not here.
    fn from(&self, offset: Offset, max_bytes: usize) -> Vec<Entry> {
        let first = self.entries.front().map_or(Offset::MAX, |first| first.offset);
        let Some(at) = offset.checked_sub(first).and_then(|at| usize::try_from(at).ok()) else { return Vec::new() };
        let mut left = max_bytes;
        let mut entries: Vec<Entry> = Vec::new();
        for entry in self.entries.iter().skip(at) {
            if entry.body.len() > left && !entries.is_empty() {
                break;
            }
            left = left.saturating_sub(entry.body.len());
            entries.push(entry.clone());
        }
        entries
    }
}

impl Journal for SqliteJournal {
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let offsets: Vec<Offset> = self.write(|connection| {
            let first = self.sql.bounds(connection)?.next;
            let mut insert = connection.prepare_cached(&self.sql.insert)?;
            let insert = |(body, offset): (&&[u8], Offset)| insert.execute((offset, *body)).map(|_| offset);
            bodies.iter().zip(first..).map(insert).collect()
        })?;
        lock(&self.tail).extend(&offsets, bodies);
        offsets.last().iter().for_each(|last| self.note(*last + 1));
        self.checkpointer.committed(bodies.iter().map(|body| body.len()).sum());
        Ok(offsets)
    }

    fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        let recent = lock(&self.tail).from(from, max_bytes);
        if !recent.is_empty() {
            return Ok(recent);
        }
        // Beyond what a row can have: nothing is there.
        let Ok(start) = i64::try_from(from) else { return Ok(Vec::new()) };
        let (bounds, entries) = self.view(|connection| {
            let bounds = self.sql.bounds(connection)?;
            let mut entries = Vec::new();
            let mut left = max_bytes;
            let mut read = connection.prepare_cached(&self.sql.read)?;
            let mut rows = read.query([start.max(i64::try_from(bounds.first).unwrap_or(i64::MAX))])?;
            while let Some(row) = rows.next()? {
                let body = row.get_ref(1)?.as_blob()?;
                if body.len() > left && !entries.is_empty() {
                    break;
                }
                left = left.saturating_sub(body.len());
                entries.push(Entry { offset: row.get(0)?, body: body.to_vec() });
            }
            Ok((bounds, entries))
        })?;
        bounds.check(from)?;
        Ok(entries)
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        self.view(|connection| self.sql.bounds(connection))
    }

    fn wait(&self, offset: Offset, timeout: Duration) -> Result<bool, JournalError> {
        let started = Instant::now();
        loop {
            if *lock(&self.next) > offset {
                return Ok(true);
            }
            self.look()?;
            let left = timeout.saturating_sub(started.elapsed());
            let not_yet = |next: &mut Offset| *next <= offset;
            let known = self.appended.wait_timeout_while(lock(&self.next), left.min(self.pause()), not_yet);
            let is_there = *known.unwrap_or_else(PoisonError::into_inner).0 > offset;
            if is_there || left.is_zero() {
                return Ok(is_there);
            }
        }
    }

    fn settle(&self) {
        if let Some(writer) = &*lock(&self.writer) {
            // What cannot be copied now is copied at the next start.
            let _ = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    fn trim(&self, before: Offset) -> Result<(), JournalError> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        *lock(&self.tail) = Tail::default();
        // From here on they are gone for readers; the rest is tidying up.
        self.write(|connection| connection.execute(&self.sql.set_first, [before]).map(drop))?;
        while self.write(|connection| connection.execute(&self.sql.trim, []))? > 0 {}
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> JournalError {
    JournalError::Unreadable(explain(path, error))
}

/// What went wrong, for whoever looks after the server.
fn explain(path: &Path, error: &rusqlite::Error) -> String {
    let what = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::ReadOnly) => "it, or its directory, is read-only",
        Some(ErrorCode::CannotOpen) => "it cannot be opened; is its directory there, and may this user write to it",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process keeps it locked",
        Some(ErrorCode::NotADatabase) => "it is no database",
        Some(ErrorCode::DatabaseCorrupt) => "it is damaged; restore a backup",
        Some(ErrorCode::SystemIoFailure) => "the disk reports an error",
        _ => return format!("{}: {error}", path.display()),
    };
    format!("{}: {what} ({error})", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What cannot be appended leaves nothing, says why, and does not stand in the way of what comes later.
    #[test]
    fn failing_writes() {
        let check = |failure: &str, want: &str| {
            let dir = tempfile::tempdir().expect("directory");
            let path = dir.path().join("journal.db");
            let journal = SqliteJournal::open(&path, Stream::Zones, || {}).expect("opens");
            journal.append(&[b"before"]).expect("appended");
            lock(&journal.writer).as_ref().expect("open").execute_batch(failure).expect("fails from now on");
            // Small enough to be written, and too large: none of both is there.
            let error = journal.append(&[b"lost", &vec![0; 1 << 20]]).expect_err("cannot be written");
            assert!(matches!(&error, JournalError::Unwritable(why) if why.contains(want)), "{error}");
            assert_eq!(journal.read(1, usize::MAX).expect("reads go on").len(), 1, "{failure}");
            assert_eq!(journal.append(&[b"after"]).expect("works again"), [2]);
            drop(journal);
            let journal = SqliteJournal::open(&path, Stream::Zones, || {}).expect("opens");
            let bodies: Vec<Vec<u8>> = journal.read(1, usize::MAX).expect("read").into_iter().map(|e| e.body).collect();
            assert_eq!(bodies, [b"before".to_vec(), b"after".to_vec()], "{failure}");
        };
        check("PRAGMA max_page_count = 20", "the disk is full");
        check("PRAGMA query_only = 1", "read-only");
    }

    #[test]
    fn a_file_that_is_gone_is_an_error() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("journal.db");
        let journal = SqliteJournal::open(&path, Stream::Zones, || {}).expect("opens");
        *lock(&journal.writer) = None;
        std::fs::remove_dir_all(dir.path()).expect("removed");
        assert!(matches!(journal.append(&[b"x"]), Err(JournalError::Unwritable(_))));
    }

    #[test]
    fn a_page_and_nothing_else_is_written_for_an_event() {
        let dir = tempfile::tempdir().expect("directory");
        let journal = SqliteJournal::open(&dir.path().join("journal.db"), Stream::Zones, || {}).expect("opens");
        journal.append(&[&[1; 200]]).expect("appended");
        let wal = || std::fs::metadata(dir.path().join("journal.db-wal")).expect("WAL").len();
        let before = wal();
        (0..10).for_each(|_| drop(journal.append(&[&[1; 200]]).expect("appended")));
        // Less if the checkpoint at the start has just made the WAL begin anew.
        assert!(wal() - before <= 10 * (4096 + 24), "{}", wal() - before);
    }
}
