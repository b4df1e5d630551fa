//! Connections to the journal's database, and the versions of its schema.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::unreadable;
use crate::journal::JournalError;

/// Marks a database as ours: "HWjr" (`PRAGMA application_id`).
const APPLICATION_ID: i32 = 0x4857_6A72;
/// How long a writer waits for another one, and in which steps: a commit takes a fraction of a millisecond,
/// SQLite's own steps grow to a hundred.
const BUSY_STEP: Duration = Duration::from_micros(200);
const MAX_BUSY_STEPS: i32 = 50_000;
/// Octets of the WAL kept for the next events after a checkpoint; one that large changes made larger is cut.
const KEPT_WAL_BYTES: i64 = 64 << 20;
/// Memory of a connection for pages, in KiB. Events are read once and in order: more would not help. No
/// memory map: an error of the disk would end the process.
const CACHE_KIB: i64 = 2048;

/// `IF NOT EXISTS`: two processes may find an empty file at the same moment.
const VERSION_1: &str = "
    PRAGMA application_id = 1213688434;
    CREATE TABLE IF NOT EXISTS events (offset INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS access_events (offset INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS bounds (stream TEXT PRIMARY KEY, first INTEGER NOT NULL) WITHOUT ROWID;
    INSERT OR IGNORE INTO bounds (stream, first) VALUES ('zones', 1), ('access', 1);
";
/// The stream of shared settings.
const VERSION_2: &str = "
    CREATE TABLE IF NOT EXISTS settings_events (offset INTEGER PRIMARY KEY, body BLOB NOT NULL);
    INSERT OR IGNORE INTO bounds (stream, first) VALUES ('settings', 1);
";
const STEPS: &[M<'_>] = &[M::up(VERSION_1), M::up(VERSION_2)];

/// Opens the database at `path`, or makes it, with the schema of this version. One of an earlier version that cannot be
/// written stays as it is.
pub fn open(path: &Path) -> Result<Connection, JournalError> {
    let mut connection = begin(path, OpenFlags::SQLITE_OPEN_CREATE).map_err(|error| unreadable(path, &error))?;
    let (id, version, tables) = identity(&connection).map_err(|error| unreadable(path, &error))?;
    let is_new = id == 0 && version == 0 && tables == 0;
    if id != APPLICATION_ID && !is_new {
        let what = format!("{} is a database, but not a journal of this server", path.display());
        return Err(JournalError::Unreadable(what));
    }
    let known = STEPS.len() as u32;
    if version > known {
        return Err(JournalError::FromTheFuture { path: path.display().to_string(), found: version, known });
    }
    configure(&connection).map_err(|error| unreadable(path, &error))?;
    if version > 0 && connection.is_readonly(rusqlite::MAIN_DB).map_err(|error| unreadable(path, &error))? {
        return Ok(connection);
    }
    let migrated = Migrations::from_slice(STEPS).to_latest(&mut connection);
    migrated.map_err(|error| JournalError::Unreadable(format!("{}: {error}", path.display())))?;
    Ok(connection)
}

/// One more connection to a database that [`open`] has seen.
pub fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = begin(path, OpenFlags::empty())?;
    configure(&connection)?;
    Ok(connection)
}

fn begin(path: &Path, create: OpenFlags) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI | create;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(|steps| {
        std::thread::sleep(BUSY_STEP);
        steps < MAX_BUSY_STEPS
    }))?;
    Ok(connection)
}

/// Two that begin the WAL of a new database at once could wait for each other, so SQLite refuses one of them without
/// asking the busy handler: it tries again.
fn begin_wal(connection: &Connection) -> rusqlite::Result<()> {
    for _ in 0..MAX_BUSY_STEPS {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => std::thread::sleep(BUSY_STEP),
            done => return done,
        }
    }
    connection.pragma_update(None, "journal_mode", "WAL")
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    begin_wal(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A thread does it: `checkpoint.rs`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", KEPT_WAL_BYTES)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)
}

/// Mark, schema version, number of tables.
fn identity(connection: &Connection) -> rusqlite::Result<(i32, u32, u32)> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    Ok((number("PRAGMA application_id")?, number("PRAGMA user_version")?.unsigned_abs(), tables.unsigned_abs()))
}
