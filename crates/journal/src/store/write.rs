//! Makes accepted changes in the store: contents, index of changes and position in one transaction.

use std::collections::HashMap;

use dns::{Name, NameBuf, RType};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use zone::{
    Action, EventId, MAX_KEY_LEN, RecordList, Records, RrsetChange, ZoneChange, ZoneKey, ZoneSettings, sort_key,
};

use super::list::{self, RowOfList};
use super::row::{self, RowWriter, Wrong};
use super::{Checked, column_of, key_column, lower, lower_key, offset_of, settings, sum, unwritable};
use crate::accepted::Accepted;
use crate::journal::{JournalError, Offset};
use crate::replica::{MAX_GONE, MAX_WRITERS};

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

impl Failure {
    fn at(self, offset: Offset) -> JournalError {
        match self {
            Failure::Database(error) => unwritable(error),
            Failure::Misfit(why) => JournalError::Corrupt { offset, why: format!("store: {why}") },
        }
    }
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
    let (stored, before) = sum::stored(&transaction).map_err(unwritable)?;
    let sum = stored.wrapping_sub(sum::of_position(before));
    let mut writer = Writer {
        db: &transaction,
        sum,
        zones: HashMap::new(),
        edits: Vec::new(),
        last: HashMap::new(),
        some_went: false,
        some_wrote: false,
    };
    let before = offset_of(before);
    let mut at = before;
    for accepted in changes {
        if accepted.offset <= at {
            continue;
        }
        writer.make(accepted).map_err(|failure| failure.at(accepted.offset))?;
        at = accepted.offset;
    }
    if at == before {
        return Ok(());
    }
    writer.write_edits().map_err(|failure| failure.at(at))?;
    writer.write_last().map_err(unwritable)?;
    writer.write_bounds().map_err(unwritable)?;
    let total = writer.sum.wrapping_add(sum::of_position(column_of(at)));
    let set = "UPDATE meta SET position = ?1, sum = ?2";
    transaction.execute(set, [column_of(at), total.cast_signed()]).map_err(unwritable)?;
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

/// Writes in a transaction, and keeps the sum of what is there.
struct Writer<'t, 'c> {
    db: &'t Transaction<'t>,
    /// Over zones and RRsets.
    sum: u64,
    /// Numbers of the zones that edits have looked up.
    zones: HashMap<&'c ZoneKey, i64>,
    /// RRsets that are not written yet, as changes touched them.
    edits: Vec<Edit<'c>>,
    /// The events that changed zones last, and the primary's serial afterwards.
    last: HashMap<&'c ZoneKey, (Option<EventId>, Option<u32>)>,
    /// Zones went.
    some_went: bool,
    /// Events had an identity.
    some_wrote: bool,
}

/// What an RRset becomes.
struct Edit<'c> {
    /// Of its zone.
    id: i64,
    key: Vec<u8>,
    rtype: RType,
    /// Of the owner, relative to the apex.
    labels: &'c [u8],
    after: Option<&'c Records>,
}

impl Edit<'_> {
    /// Where its row is.
    fn place(&self) -> (i64, &[u8], u16) {
        (self.id, &self.key, self.rtype.0)
    }
}

/// The statements for rows of the table `rrsets`, kept at hand for many of them.
struct Rows<'t> {
    select: CachedStatement<'t>,
    put: CachedStatement<'t>,
    delete: CachedStatement<'t>,
}

impl<'t> Rows<'t> {
    fn new(db: &'t Connection) -> rusqlite::Result<Rows<'t>> {
        Ok(Rows {
            select: db.prepare_cached("SELECT type, ttl, data FROM rrsets WHERE zone = ?1 AND owner = ?2")?,
            put: db.prepare_cached(
                "INSERT OR REPLACE INTO rrsets (zone, owner, type, ttl, data) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            delete: db.prepare_cached("DELETE FROM rrsets WHERE zone = ?1 AND owner = ?2 AND type = ?3")?,
        })
    }

    /// What is there of a name: its labels in the case that it was first given, which it keeps, and the sum of its
    /// RRset of `rtype`.
    fn known(&mut self, id: i64, key: &[u8], rtype: RType) -> rusqlite::Result<(Option<Vec<u8>>, u64)> {
        let (mut rows, mut known, mut sum) = (self.select.query(params![id, key])?, None, 0);
        while let Some(row) = rows.next()? {
            let (stored, data) = (row.get(0)?, row.get_ref(2)?.as_blob()?);
            if known.is_none() {
                known = row::split_labels(data).map(|(labels, _)| labels.to_vec());
            }
            if stored == rtype.0 {
                sum = sum::of_rrset(id, key, stored, row.get(1)?, data);
            }
        }
        Ok((known, sum))
    }

    /// Writes an RRset; returns the sums of what was there and of what is. `labels` are those of a new owner.
    fn edit(&mut self, edit: &Edit<'_>, labels: &[u8]) -> Result<(u64, u64), Failure> {
        let (id, key, rtype) = edit.place();
        let (known, before) = self.known(id, key, edit.rtype)?;
        let after = edit.after.filter(|after| !after.data.is_empty() || !after.signatures.is_empty());
        let Some(after) = after else {
            self.delete.execute(params![id, key, rtype])?;
            return Ok((before, 0));
        };
        let mut row = RowWriter::default();
        row.begin(known.as_deref().unwrap_or(labels));
        after.data.iter().try_for_each(|data| row.record(data))?;
        after.signatures.iter().try_for_each(|data| row.signature(after.ttl, data))?;
        self.put.execute(params![id, key, rtype, after.ttl, row.finish()])?;
        Ok((before, sum::of_rrset(id, key, rtype, after.ttl, row.finish())))
    }
}

impl<'c> Writer<'_, 'c> {
    fn make(&mut self, accepted: &'c Accepted) -> Result<(), Failure> {
        let (offset, change) = (column_of(accepted.offset), &accepted.change);
        self.db.prepare_cached("INSERT INTO changes (offset, first, at_ms) VALUES (?1, ?2, ?3)")?.execute(params![
            offset,
            column_of(accepted.first),
            column_of(change.at_ms)
        ])?;
        if let Some(EventId { node, number }) = change.id {
            self.some_wrote = true;
            self.db
                .prepare_cached("INSERT OR REPLACE INTO writers (node, number, offset) VALUES (?1, ?2, ?3)")?
                .execute(params![node, column_of(number), offset])?;
        }
        for zone in &change.zones {
            self.last.insert(&zone.zone, (change.id, zone.primary_serial));
            self.change_zone(zone)?;
            if let (Action::Delete { .. }, Some(serial)) = (&zone.action, zone.from) {
                self.note_gone(&zone.zone, serial, offset)?;
            }
            self.db
                .prepare_cached(
                    "INSERT INTO zone_changes (zone, offset, kind, from_serial, to_serial) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![lower_key(&zone.zone), offset, Kind::of(&zone.action) as u8, zone.from, zone.to])?;
        }
        Ok(())
    }

    fn change_zone(&mut self, change: &'c ZoneChange) -> Result<(), Failure> {
        if let Action::Edit(changes) = &change.action {
            return self.collect(&change.zone, changes);
        }
        self.write_edits()?;
        let lower = lower_key(&change.zone);
        self.sum = self.sum.wrapping_sub(sum::of_zone(self.db, &lower)?);
        self.change_whole_zone(change)?;
        self.sum = self.sum.wrapping_add(sum::of_zone(self.db, &lower)?);
        Ok(())
    }

    fn collect(&mut self, zone: &'c ZoneKey, changes: &'c [RrsetChange]) -> Result<(), Failure> {
        let id = match self.zones.get(zone) {
            Some(id) => *id,
            None => {
                let id = self.zone_id(zone)?;
                self.zones.insert(zone, id);
                id
            }
        };
        for change in changes {
            // As in `Contents::with`: what is outside the zone has no effect.
            let Some(labels) = change.owner.strip_suffix(&zone.name) else { continue };
            let key = sort_key(labels, &mut [0; MAX_KEY_LEN]).to_vec();
            self.edits.push(Edit { id, key, rtype: change.rtype, labels, after: change.after.as_ref() });
        }
        Ok(())
    }

    /// Writes the RRsets that were collected: in the order of the table, and what several changes touched once. Numbers
    /// of zones may change afterwards.
    fn write_edits(&mut self) -> Result<(), Failure> {
        self.zones.clear();
        let mut edits = std::mem::take(&mut self.edits);
        if edits.is_empty() {
            return Ok(());
        }
        // Stable: of several edits of one RRset the last one counts.
        edits.sort_by(|a, b| a.place().cmp(&b.place()));
        let mut rows = Rows::new(self.db)?;
        for of_rrset in edits.chunk_by(|a, b| a.place() == b.place()) {
            let (Some(first), Some(last)) = (of_rrset.first(), of_rrset.last()) else { continue };
            let (before, after) = rows.edit(last, first.labels)?;
            self.sum = self.sum.wrapping_sub(before).wrapping_add(after);
        }
        Ok(())
    }

    fn change_whole_zone(&mut self, change: &ZoneChange) -> Result<(), Failure> {
        match &change.action {
            Action::Create { settings, records } => self.create(&change.zone, settings, records),
            // Its row in `zones` stays as it is.
            Action::Edit(_) => Ok(()),
            Action::Replace { after, .. } => self.replace(&change.zone, after),
            Action::Configure { after, .. } => {
                let changed = self
                    .db
                    .prepare_cached("UPDATE zones SET settings = ?2 WHERE lower = ?1")?
                    .execute(params![lower_key(&change.zone), settings::encode(after)])?;
                if changed == 1 { Ok(()) } else { Err(NO_ZONE.into()) }
            }
            Action::Delete { .. } => {
                let id = self.zone_id(&change.zone)?;
                self.db.prepare_cached("DELETE FROM zones WHERE id = ?1")?.execute([id])?;
                self.clear(id)
            }
        }
    }

    /// Remembers the serial of a zone that went.
    fn note_gone(&mut self, zone: &ZoneKey, serial: u32, offset: i64) -> rusqlite::Result<()> {
        self.some_went = true;
        self.db
            .prepare_cached("INSERT OR REPLACE INTO gone (lower, serial, offset) VALUES (?1, ?2, ?3)")?
            .execute(params![lower_key(zone), serial, offset])?;
        Ok(())
    }

    /// Says of each zone that changed, and is still there, which event did it.
    fn write_last(&mut self) -> rusqlite::Result<()> {
        let sql = "UPDATE zones SET last_node = ?2, last_number = ?3, primary_serial = ?4 WHERE lower = ?1";
        let mut update = self.db.prepare_cached(sql)?;
        for (zone, (last, primary_serial)) in &self.last {
            let lower = lower_key(zone);
            let before = sum::of_zone(self.db, &lower)?;
            let (node, number) = last.map(|last| (last.node, column_of(last.number))).unzip();
            update.execute(params![lower, node, number, primary_serial])?;
            self.sum = self.sum.wrapping_sub(before).wrapping_add(sum::of_zone(self.db, &lower)?);
        }
        Ok(())
    }

    /// Forgets the serials of zones that went first, and the nodes that were silent longest, where there are too many.
    fn write_bounds(&self) -> rusqlite::Result<()> {
        let bounded = [("gone", self.some_went, MAX_GONE), ("writers", self.some_wrote, MAX_WRITERS)];
        for (table, _, most) in bounded.into_iter().filter(|(_, has_grown, _)| *has_grown) {
            let sql = format!(
                "DELETE FROM {table} WHERE offset < (SELECT offset FROM {table} ORDER BY offset DESC LIMIT 1 OFFSET ?1)"
            );
            self.db.prepare_cached(&sql)?.execute([most as i64 - 1])?;
        }
        Ok(())
    }

    fn zone_id(&self, zone: &ZoneKey) -> Result<i64, Failure> {
        let mut select = self.db.prepare_cached("SELECT id FROM zones WHERE lower = ?1")?;
        select.query_row([lower_key(zone)], |row| row.get(0)).optional()?.ok_or(NO_ZONE.into())
    }

    fn clear(&mut self, id: i64) -> Result<(), Failure> {
        self.sum = self.sum.wrapping_sub(sum::of_zone_rrsets(self.db, id)?);
        self.db.prepare_cached("DELETE FROM rrsets WHERE zone = ?1")?.execute([id])?;
        Ok(())
    }

    /// The number of a new zone: the largest, so that its rows are appended to the table.
    fn next_id(&self) -> rusqlite::Result<i64> {
        self.db.prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM zones")?.query_row([], |row| row.get(0))
    }

    fn create(&mut self, zone: &ZoneKey, settings: &ZoneSettings, records: &RecordList) -> Result<(), Failure> {
        let id = self.next_id()?;
        let added = self
            .db
            .prepare_cached(
                "INSERT OR IGNORE INTO zones (id, lower, name, settings, has_contents) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![id, lower_key(zone), key_column(zone), settings::encode(settings), !records.is_empty()])?;
        if added == 0 {
            return Err("it makes a zone that is there already".into());
        }
        self.put_list(id, &zone.name, records)
    }

    fn replace(&mut self, zone: &ZoneKey, records: &RecordList) -> Result<(), Failure> {
        let (old, new) = (self.zone_id(zone)?, self.next_id()?);
        self.clear(old)?;
        self.db.prepare_cached("UPDATE zones SET id = ?2, has_contents = ?3 WHERE id = ?1")?.execute(params![
            old,
            new,
            !records.is_empty()
        ])?;
        self.put_list(new, &zone.name, records)
    }

    /// Writes all records of a zone, in the order of the table.
    fn put_list(&mut self, id: i64, origin: &Name, records: &RecordList) -> Result<(), Failure> {
        let mut insert =
            self.db.prepare_cached("INSERT INTO rrsets (zone, owner, type, ttl, data) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let mut added = 0u64;
        list::each_row(origin, records, |row: RowOfList<'_>| {
            insert.execute(params![id, row.key, row.rtype.0, row.ttl, row.data])?;
            added = added.wrapping_add(sum::of_rrset(id, row.key, row.rtype.0, row.ttl, row.data));
            Ok::<(), Failure>(())
        })?;
        self.sum = self.sum.wrapping_add(added);
        Ok(())
    }
}

const NO_ZONE: Wrong = "it changes a zone that is not there";
