//! The store's index of changes, read.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dns::Name;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::journal::{JournalError, Offset};
use crate::store::{Kind, column_of, lower, offset_of, open_reader, unreadable};

/// Steps that are read at a time.
const STEPS_PER_READ: usize = 256;

/// Where a change's events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The first one.
    pub first: Offset,
    /// The last one: the change's own offset.
    pub offset: Offset,
}

/// What a change did to a zone.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The change.
    pub place: Place,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it did.
    pub kind: Kind,
    /// The zone's serial before.
    pub from: Option<u32>,
    /// The zone's serial afterwards.
    pub to: Option<u32>,
}

/// The index, open for reading.
pub struct Index {
    db: Mutex<Connection>,
}

impl Index {
    /// That of the store at `path`.
    pub fn open(path: &Path) -> Result<Index, JournalError> {
        Ok(Index { db: Mutex::new(open_reader(path)?) })
    }

    /// The changes before an offset, of one zone or of all, the newest first.
    pub fn before(
        &self,
        zone: Option<&Name>,
        before: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<Place>, JournalError> {
        let (before, limit) = (before.map_or(i64::MAX, column_of), column_of(limit as u64));
        match zone {
            None => self.places(
                "SELECT first, offset FROM changes WHERE offset < ?1 ORDER BY offset DESC LIMIT ?2",
                params![before, limit],
            ),
            Some(zone) => self.places(
                "SELECT changes.first, changes.offset FROM zone_changes JOIN changes USING (offset)
                 WHERE zone = ?1 AND zone_changes.offset < ?2 ORDER BY zone_changes.offset DESC LIMIT ?3",
                params![lower(zone), before, limit],
            ),
        }
    }

    /// The changes after an offset, the oldest first.
    pub fn after(&self, offset: Offset, limit: usize) -> Result<Vec<Place>, JournalError> {
        self.places(
            "SELECT first, offset FROM changes WHERE offset > ?1 ORDER BY offset LIMIT ?2",
            params![column_of(offset), column_of(limit as u64)],
        )
    }

    /// The change at an offset.
    pub fn get(&self, offset: Offset) -> Result<Option<Place>, JournalError> {
        let found = self.places("SELECT first, offset FROM changes WHERE offset = ?1", params![column_of(offset)])?;
        Ok(found.into_iter().next())
    }

    /// What was done to a zone, the newest first.
    pub fn steps<'i>(&'i self, zone: &Name) -> Steps<'i> {
        Steps { index: self, zone: lower(zone), before: i64::MAX, read: Vec::new().into_iter() }
    }

    /// When the youngest change was made that is no longer in the index; 0: none has left it.
    pub fn forgotten_ms(&self) -> Result<u64, JournalError> {
        self.number("SELECT forgotten_ms FROM meta", params![]).map(Option::unwrap_or_default)
    }

    /// The number that `sql` asks for.
    pub fn number(&self, sql: &str, values: impl rusqlite::Params) -> Result<Option<u64>, JournalError> {
        let db = self.lock();
        let mut select = db.prepare_cached(sql).map_err(unreadable)?;
        let number = select.query_row(values, |row| row.get::<_, Option<i64>>(0)).optional().map_err(unreadable)?;
        Ok(number.flatten().map(offset_of))
    }

    fn places(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Place>, JournalError> {
        let db = self.lock();
        let mut select = db.prepare_cached(sql).map_err(unreadable)?;
        let rows = select.query_map(values, place).map_err(unreadable)?;
        rows.collect::<Result<_, _>>().map_err(unreadable)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place { first: offset_of(row.get(0)?), offset: offset_of(row.get(1)?) })
}

fn step(row: &Row<'_>) -> rusqlite::Result<Step> {
    let number: u8 = row.get(3)?;
    let kind = Kind::from_column(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(3, number.into()))?;
    Ok(Step { place: place(row)?, at_ms: offset_of(row.get(2)?), kind, from: row.get(4)?, to: row.get(5)? })
}

/// Iterator over a zone's steps; the lock is held only while some of them are read.
pub struct Steps<'i> {
    index: &'i Index,
    zone: Vec<u8>,
    before: i64,
    read: std::vec::IntoIter<Step>,
}

impl Steps<'_> {
    fn read_more(&mut self) -> rusqlite::Result<()> {
        let db = self.index.lock();
        let mut select = db.prepare_cached(
            "SELECT changes.first, changes.offset, at_ms, kind, from_serial, to_serial
             FROM zone_changes JOIN changes USING (offset)
             WHERE zone = ?1 AND zone_changes.offset < ?2 ORDER BY zone_changes.offset DESC LIMIT ?3",
        )?;
        let rows = select.query_map(params![self.zone, self.before, STEPS_PER_READ as i64], step)?;
        self.read = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
        Ok(())
    }
}

impl Iterator for Steps<'_> {
    type Item = Result<Step, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read.len() == 0
            && let Err(error) = self.read_more()
        {
            return Some(Err(unreadable(error)));
        }
        let step = self.read.next()?;
        self.before = column_of(step.place.offset);
        Some(Ok(step))
    }
}
