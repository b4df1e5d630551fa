//! Makes accepted changes in the store: contents, index of changes and position in one transaction.

use std::collections::{BTreeMap, HashMap};

use dns::{Name, NameBuf};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use zone::{Action, MAX_KEY_LEN, RecordList, RrsetChange, ZoneChange, ZoneSettings, sort_key};

use super::list::{self, RowOfList};
use super::row::{self, RowWriter, Wrong};
use super::{Checked, column_of, lower, position, settings, unwritable};
use crate::accepted::Accepted;
use crate::journal::{JournalError, Offset};

/// What a change did to a zone, as the index of changes has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It came to be.
    Create = 1,
    /// RRsets changed.
    Edit = 2,
    /// All records were exchanged.
    Replace = 3,
    /// It is served in another way.
    Configure = 4,
    /// It went.
    Delete = 5,
}

impl Kind {
    fn of(action: &Action) -> Kind {
        match action {
            Action::Create { .. } => Kind::Create,
            Action::Edit(_) => Kind::Edit,
            Action::Replace { .. } => Kind::Replace,
            Action::Configure { .. } => Kind::Configure,
            Action::Delete { .. } => Kind::Delete,
        }
    }

    /// The kind with this number.
    pub fn from_column(column: u8) -> Option<Kind> {
        let all = [Kind::Create, Kind::Edit, Kind::Replace, Kind::Configure, Kind::Delete];
        all.into_iter().find(|&kind| kind as u8 == column)
    }
}

/// Why a change was not made.
enum Failure {
    Database(rusqlite::Error),
    Misfit(Wrong),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure::Database(error)
    }
}

impl From<Wrong> for Failure {
    fn from(why: Wrong) -> Failure {
        Failure::Misfit(why)
    }
}

/// See [`super::Store::apply`].
pub fn apply(db: &mut Connection, changes: &[Accepted]) -> Result<(), JournalError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unwritable)?;
    let mut at = position(&transaction).map_err(unwritable)?;
    let before = at;
    let failed = |offset: Offset| {
        move |failure| match failure {
            Failure::Database(error) => unwritable(error),
            Failure::Misfit(why) => JournalError::Corrupt { offset, why: format!("store: {why}") },
        }
    };
    let mut edits = Edits::default();
    for accepted in changes {
        if accepted.offset <= at {
            continue;
        }
        make(&transaction, accepted, &mut edits).map_err(failed(accepted.offset))?;
        at = accepted.offset;
    }
    if at == before {
        return Ok(());
    }
    edits.flush(&transaction).map_err(failed(at))?;
    transaction.execute("UPDATE meta SET position = ?1", [column_of(at)]).map_err(unwritable)?;
    transaction.commit().map_err(unwritable)
}

/// See [`super::Store::note_checks`].
pub fn note_checks<'a>(
    db: &mut Connection,
    checks: impl IntoIterator<Item = (&'a NameBuf, &'a Checked)>,
) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut update =
            transaction.prepare_cached("UPDATE zones SET checked_at_s = ?2, expires_at_s = ?3 WHERE lower = ?1")?;
        for (zone, checked) in checks {
            update.execute(params![lower(zone), column_of(checked.at_s), column_of(checked.expires_at_s)])?;
        }
    }
    transaction.commit()
}

/// See [`super::Store::forget`].
pub fn forget(db: &mut Connection, before: Offset) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = column_of(before);
    transaction.execute(
        "UPDATE meta SET forgotten_ms = max(forgotten_ms,
             coalesce((SELECT max(at_ms) FROM changes WHERE first < ?1), 0))",
        [before],
    )?;
    transaction
        .execute("DELETE FROM zone_changes WHERE offset IN (SELECT offset FROM changes WHERE first < ?1)", [before])?;
    transaction.execute("DELETE FROM changes WHERE first < ?1", [before])?;
    transaction.commit()
}

/// RRsets that several changes after each other touch are written once, in the order of the table.
#[derive(Default)]
struct Edits<'c> {
    /// Numbers of the zones that have been looked up.
    zones: HashMap<&'c Name, i64>,
    /// What is there in the end, by zone, owner and type.
    rrsets: BTreeMap<(i64, Vec<u8>, u16), (&'c Name, &'c RrsetChange)>,
}

impl<'c> Edits<'c> {
    fn add(&mut self, db: &Transaction<'_>, zone: &'c Name, changes: &'c [RrsetChange]) -> Result<(), Failure> {
        let id = match self.zones.get(zone) {
            Some(id) => *id,
            None => {
                let id = zone_id(db, zone)?;
                self.zones.insert(zone, id);
                id
            }
        };
        for change in changes {
            // As in `Contents::with`: what is outside the zone has no effect.
            let Some(labels) = change.owner.strip_suffix(zone) else { continue };
            let key = sort_key(labels, &mut [0; MAX_KEY_LEN]).to_vec();
            self.rrsets.insert((id, key, change.rtype.0), (zone, change));
        }
        Ok(())
    }

    fn flush(&mut self, db: &Transaction<'_>) -> Result<(), Failure> {
        self.zones.clear();
        for ((id, key, _), (zone, change)) in std::mem::take(&mut self.rrsets) {
            let labels = change.owner.strip_suffix(zone).unwrap_or_default();
            edit(db, id, &key, labels, change)?;
        }
        Ok(())
    }
}

fn make<'c>(db: &Transaction<'_>, accepted: &'c Accepted, edits: &mut Edits<'c>) -> Result<(), Failure> {
    let (offset, change) = (column_of(accepted.offset), &accepted.change);
    db.prepare_cached("INSERT INTO changes (offset, first, at_ms) VALUES (?1, ?2, ?3)")?.execute(params![
        offset,
        column_of(accepted.first),
        column_of(change.at_ms)
    ])?;
    for zone in &change.zones {
        match &zone.action {
            Action::Edit(changes) => edits.add(db, &zone.zone, changes)?,
            _ => {
                edits.flush(db)?;
                change_zone(db, zone)?;
            }
        }
        db.prepare_cached(
            "INSERT INTO zone_changes (zone, offset, kind, from_serial, to_serial) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![lower(&zone.zone), offset, Kind::of(&zone.action) as u8, zone.from, zone.to])?;
    }
    Ok(())
}

fn change_zone(db: &Transaction<'_>, change: &ZoneChange) -> Result<(), Failure> {
    match &change.action {
        Action::Create { settings, records } => create(db, &change.zone, settings, records),
        // They are collected, see `Edits`.
        Action::Edit(_) => Ok(()),
        Action::Replace { after, .. } => replace(db, &change.zone, after),
        Action::Configure { after, .. } => {
            let changed = db
                .prepare_cached("UPDATE zones SET settings = ?2 WHERE lower = ?1")?
                .execute(params![lower(&change.zone), settings::encode(after)])?;
            if changed == 1 { Ok(()) } else { Err(NO_ZONE.into()) }
        }
        Action::Delete { .. } => {
            let id = zone_id(db, &change.zone)?;
            db.prepare_cached("DELETE FROM zones WHERE id = ?1")?.execute([id])?;
            clear(db, id)
        }
    }
}

const NO_ZONE: Wrong = "it changes a zone that is not there";

fn zone_id(db: &Transaction<'_>, zone: &Name) -> Result<i64, Failure> {
    let mut select = db.prepare_cached("SELECT id FROM zones WHERE lower = ?1")?;
    select.query_row([lower(zone)], |row| row.get(0)).optional()?.ok_or(NO_ZONE.into())
}

fn clear(db: &Transaction<'_>, id: i64) -> Result<(), Failure> {
    db.prepare_cached("DELETE FROM rrsets WHERE zone = ?1")?.execute([id])?;
    Ok(())
}

/// The number of a new zone: the largest, so that its rows are appended to the table.
fn next_id(db: &Transaction<'_>) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM zones")?.query_row([], |row| row.get(0))
}

fn create(db: &Transaction<'_>, zone: &Name, settings: &ZoneSettings, records: &RecordList) -> Result<(), Failure> {
    let id = next_id(db)?;
    let added = db
        .prepare_cached(
            "INSERT OR IGNORE INTO zones (id, lower, name, settings, has_contents) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![id, lower(zone), zone.as_wire(), settings::encode(settings), !records.is_empty()])?;
    if added == 0 {
        return Err("it makes a zone that is there already".into());
    }
    put_list(db, id, zone, records)
}

fn replace(db: &Transaction<'_>, zone: &Name, records: &RecordList) -> Result<(), Failure> {
    let (old, new) = (zone_id(db, zone)?, next_id(db)?);
    clear(db, old)?;
    db.prepare_cached("UPDATE zones SET id = ?2, has_contents = ?3 WHERE id = ?1")?.execute(params![
        old,
        new,
        !records.is_empty()
    ])?;
    put_list(db, new, zone, records)
}

/// Writes all records of a zone, in the order of the table.
fn put_list(db: &Transaction<'_>, id: i64, origin: &Name, records: &RecordList) -> Result<(), Failure> {
    let mut insert =
        db.prepare_cached("INSERT INTO rrsets (zone, owner, type, ttl, data) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    list::each_row(origin, records, |row: RowOfList<'_>| {
        insert.execute(params![id, row.key, row.rtype.0, row.ttl, row.data])?;
        Ok(())
    })
}

fn edit(db: &Transaction<'_>, id: i64, key: &[u8], labels: &[u8], change: &RrsetChange) -> Result<(), Failure> {
    let after = change.after.as_ref().filter(|after| !after.data.is_empty() || !after.signatures.is_empty());
    let Some(after) = after else {
        db.prepare_cached("DELETE FROM rrsets WHERE zone = ?1 AND owner = ?2 AND type = ?3")?.execute(params![
            id,
            key,
            change.rtype.0
        ])?;
        return Ok(());
    };
    // A name keeps the case that it was first given.
    let known: Option<Vec<u8>> = db
        .prepare_cached("SELECT data FROM rrsets WHERE zone = ?1 AND owner = ?2 LIMIT 1")?
        .query_row(params![id, key], |row| row.get(0))
        .optional()?;
    let known = known.as_deref().and_then(row::split_labels).map(|(labels, _)| labels);
    let mut row = RowWriter::default();
    row.begin(known.unwrap_or(labels));
    after.data.iter().try_for_each(|data| row.record(data))?;
    after.signatures.iter().try_for_each(|data| row.signature(after.ttl, data))?;
    db.prepare_cached("INSERT OR REPLACE INTO rrsets (zone, owner, type, ttl, data) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![id, key, change.rtype.0, after.ttl, row.finish()])?;
    Ok(())
}
