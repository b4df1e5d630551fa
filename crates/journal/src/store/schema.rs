//! The tables of the store, and how its file is opened.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::{unreadable, unwritable};
use crate::journal::JournalError;

/// The versions of the schema: a step is never changed once it was released, only new ones are added.
const STEPS: &[M<'_>] = &[
    M::up(include_str!("schema.sql")),
    M::up(include_str!("schema_2.sql")),
    M::up(include_str!("schema_3.sql")),
    M::up(include_str!("schema_4.sql")),
];

/// Octets of a page of a new store.
const PAGE_BYTES: u32 = 8192;
/// What the write-ahead log is cut back to after a large change.
const KEPT_LOG_BYTES: u32 = 64 << 20;
/// Memory for pages of the one connection that writes, in KiB: the upper levels of the tables of a large store, and
/// all that a small one changes. More would only hold pages that the system caches anyway.
const WRITER_CACHE_KIB: u32 = 8 << 10;
/// How long a connection waits for another one's lock.
const BUSY_TIMEOUT_MS: u32 = 10_000;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 32;

/// Opens the store for writing; makes it, or brings it to the present schema, where needed.
pub fn open(path: &Path) -> Result<Connection, JournalError> {
    let mut db = Connection::open(path).map_err(unwritable)?;
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unreadable)?;
    let known = STEPS.len() as u32;
    if found > known {
        return Err(JournalError::FromTheFuture { path: path.display().to_string(), found, known });
    }
    // NORMAL: a power failure may take the last commits away, never half of one; the journal has them.
    let settings = format!(
        "PRAGMA page_size = {PAGE_BYTES}; PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = {KEPT_LOG_BYTES};
         PRAGMA cache_size = -{WRITER_CACHE_KIB};"
    );
    db.execute_batch(&settings).map_err(unwritable)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Migrations::from_slice(STEPS).to_latest(&mut db).map_err(|e| JournalError::Unwritable(format!("store: {e}")))?;
    Ok(db)
}

/// Opens one more connection to a store that exists, only for reading.
pub fn open_reader(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(path, flags).map_err(unreadable)?;
    db.execute_batch(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};")).map_err(unreadable)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}
