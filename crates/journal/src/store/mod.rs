//! The materialised store: the zones of the journal as they are at some offset, and an index of the accepted
//! changes, in one database file.
//!
//! The journal is the truth. The store only saves a start from folding all of it: contents and position are
//! committed together, so it may lag behind the journal but never disagrees with it. [`Follower`] keeps it up.

mod follow;
mod list;
mod load;
mod row;
mod schema;
mod settings;
mod sum;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dns::{Name, NameBuf, NameHasher};
use rusqlite::Connection;
use zone::{Contents, EventId, NodeId, Variant, ZoneKey, ZoneSettings};

pub use follow::Follower;
pub(crate) use schema::open_reader;
pub(crate) use write::Kind;

use crate::accepted::Accepted;
use crate::journal::{Bounds, JournalError, Offset};
use crate::replica::{LastEvent, ZoneState};

/// A zone as the store has it.
pub struct StoredZone {
    /// Which zone; its name as it was given.
    pub key: ZoneKey,
    /// How it is served.
    pub settings: ZoneSettings,
    /// Its records; `None`: a secondary before its first transfer.
    pub contents: Option<Contents>,
    /// The event that changed it last; `None`: one of format 1 did.
    pub last: Option<EventId>,
    /// The primary's serial of this version, where the zone has serials of its own.
    pub primary_serial: Option<u32>,
    /// Of a secondary: when a primary last confirmed the contents.
    pub checked: Option<Checked>,
}

/// What a secondary remembers of its last successful refresh (RFC 1034 4.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// When a primary confirmed the contents, in seconds since 1970.
    pub at_s: u64,
    /// When they expire, in seconds since 1970.
    pub expires_at_s: u64,
}

impl Checked {
    /// Whether the contents must not be served any more.
    pub fn are_expired(self, now_s: u64) -> bool {
        now_s >= self.expires_at_s
    }
}

/// A zone of the store, as the replica begins with it.
impl From<StoredZone> for ZoneState {
    fn from(zone: StoredZone) -> ZoneState {
        let StoredZone { key, settings, contents, last, primary_serial, .. } = zone;
        ZoneState { key, settings: Arc::new(settings), contents, last, primary_serial, version: 0 }
    }
}

/// The store, open for writing. One process has one.
pub struct Store {
    db: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the store at `path`; makes an empty one if there is none.
    ///
    /// # Errors
    /// [`JournalError::FromTheFuture`]; [`JournalError::Unwritable`], [`JournalError::Unreadable`] where the file
    /// system or the file do not let it.
    pub fn open(path: &Path) -> Result<Store, JournalError> {
        Ok(Store { db: schema::open(path)?, path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The offset of the last change in it; 0: there is none.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`].
    pub fn position(&self) -> Result<Offset, JournalError> {
        position(&self.db).map_err(unreadable)
    }

    /// All zones, in the order of their creation. Uses all processors.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`] if the file cannot be read or what is in it is damaged.
    pub fn load(&self, hasher: NameHasher) -> Result<Vec<StoredZone>, JournalError> {
        load::load(&self.db, &self.path, hasher)
    }

    /// The last serials of zones that went, at most [`MAX_GONE`](crate::replica::MAX_GONE): what a zone that is made
    /// again goes on above.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`].
    pub fn gone(&self) -> Result<Vec<(ZoneKey, u32)>, JournalError> {
        load::gone(&self.db)
    }

    /// The last events of the nodes that wrote the journal, at most
    /// [`MAX_WRITERS`](crate::replica::MAX_WRITERS).
    ///
    /// # Errors
    /// [`JournalError::Unreadable`].
    pub fn writers(&self) -> Result<Vec<(NodeId, LastEvent)>, JournalError> {
        load::writers(&self.db)
    }

    /// Makes `changes`, all or none; those that are in the store already are left out. They come in the order of
    /// their offsets.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`]; [`JournalError::Corrupt`] for a change that does not fit what the store has.
    pub fn apply(&mut self, changes: &[Accepted]) -> Result<(), JournalError> {
        write::apply(&mut self.db, changes)
    }

    /// Remembers the refreshes of secondaries; of zones that are not there, nothing.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`].
    pub fn note_checks<'a>(
        &mut self,
        checks: impl IntoIterator<Item = (&'a NameBuf, &'a Checked)>,
    ) -> Result<(), JournalError> {
        write::note_checks(&mut self.db, checks).map_err(unwritable)
    }

    /// Forgets the changes in the index whose events begin before offset `before`. The zones stay as they are.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`].
    pub fn forget(&mut self, before: Offset) -> Result<(), JournalError> {
        write::forget(&mut self.db, before).map_err(unwritable)
    }
}

/// From which offset on a store at `position` must be caught up with its journal.
///
/// # Errors
/// [`JournalError::Lost`] if the journal ends before the store, [`JournalError::Trimmed`] if it begins behind it.
pub fn check_position(position: Offset, journal: Bounds) -> Result<Offset, JournalError> {
    let next = position.saturating_add(1);
    if next > journal.next.max(1) {
        return Err(JournalError::Lost { position, next: journal.next });
    }
    if next < journal.first {
        return Err(JournalError::Trimmed { wanted: next, first: journal.first });
    }
    Ok(next)
}

pub(crate) fn position(db: &Connection) -> rusqlite::Result<Offset> {
    db.prepare_cached("SELECT position FROM meta")?.query_row([], |row| row.get(0).map(offset_of))
}

/// A plain zone's key as the tables look it up.
pub(crate) fn lower(name: &Name) -> Vec<u8> {
    name.as_wire().to_ascii_lowercase()
}

/// A zone's key as the tables look it up.
fn lower_key(key: &ZoneKey) -> Vec<u8> {
    // A variant has no upper case.
    key_column(key).to_ascii_lowercase()
}

/// A zone's key as the tables show it: the name ends with its empty label, so that the variant can follow.
fn key_column(key: &ZoneKey) -> Vec<u8> {
    [key.name.as_wire(), key.variant.as_str().as_bytes()].concat()
}

/// The reverse of [`key_column`].
fn key_of(column: &[u8]) -> Option<ZoneKey> {
    let (name, variant) = Name::split_from_wire(column).ok()?;
    let variant = Variant::new(std::str::from_utf8(variant).ok()?)?;
    Some(ZoneKey { name: name.to_owned(), variant })
}

/// Offsets, times and the like as the database keeps them. It knows no unsigned numbers of 64 bits.
pub(crate) fn column_of(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The reverse of [`column_of`]; what cannot be is 0.
pub(crate) fn offset_of(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

pub(crate) fn unreadable(error: rusqlite::Error) -> JournalError {
    JournalError::Unreadable(format!("store: {error}"))
}

fn unwritable(error: rusqlite::Error) -> JournalError {
    JournalError::Unwritable(format!("store: {error}"))
}
