//! Reads whole zones from the store: at start.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use dns::name::MAX_NAME_LEN;
use dns::{Name, NameHasher, RType};
use rusqlite::{Connection, Row};
use zone::node::MAX_NODE_BYTES;
use zone::{Builder, Contents, EventId, NodeId, ZoneKey};

use super::row::{self, Wrong};
use super::{Checked, StoredZone, key_of, offset_of, schema, settings, sum, unreadable};
use crate::journal::JournalError;
use crate::replica::LastEvent;

/// Zones that a thread takes at a time.
const ZONES_PER_JOB: usize = 64;

/// A line of the table `zones`.
struct Line {
    id: i64,
    key: ZoneKey,
    settings: zone::ZoneSettings,
    has_contents: bool,
    last: Option<EventId>,
    primary_serial: Option<u32>,
    checked: Option<Checked>,
}

/// All zones, in the order of their numbers.
pub fn load(db: &Connection, path: &Path, hasher: NameHasher) -> Result<Vec<StoredZone>, JournalError> {
    let lines = read_lines(db)?;
    let jobs: Vec<&[Line]> = lines.chunks(ZONES_PER_JOB).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (stored, position) = sum::stored(db).map_err(unreadable)?;
    let total = AtomicU64::new(sum::of_zones(db).map_err(unreadable)?.wrapping_add(sum::of_position(position)));
    let work = || -> Result<(), JournalError> {
        let db = schema::open_reader(path)?;
        let mut builder = Builder::new(Name::root(), hasher);
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (contents, sum) = read_zones(&db, job, &mut builder)?;
            total.fetch_add(sum, Ordering::Relaxed);
            results.lock().unwrap_or_else(PoisonError::into_inner).extend(contents);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let ended = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(JournalError::Unreadable("store: a reading thread failed".into())))
        };
        others.into_iter().map(ended).fold(own, Result::and)
    })?;
    if total.into_inner() != stored {
        return Err(damaged(None, "the sum over it is another one than when it was written"));
    }
    let mut contents: HashMap<i64, Contents> =
        results.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
    let zone = |line: Line| {
        let contents = contents.remove(&line.id);
        let Line { key, settings, last, primary_serial, checked, .. } = line;
        StoredZone { key, settings, contents, last, primary_serial, checked }
    };
    Ok(lines.into_iter().map(zone).collect())
}

/// See [`super::Store::gone`].
pub fn gone(db: &Connection) -> Result<Vec<(ZoneKey, u32)>, JournalError> {
    let mut select = db.prepare("SELECT lower, serial FROM gone").map_err(unreadable)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(unreadable)?;
    let named = |(key, serial): (Vec<u8>, u32)| Some((key_of(&key)?, serial));
    let rows: Vec<(Vec<u8>, u32)> = rows.collect::<Result<_, _>>().map_err(unreadable)?;
    let gone: Option<Vec<_>> = rows.into_iter().map(named).collect();
    gone.ok_or_else(|| damaged(None, "the name of a zone that went is none"))
}

/// See [`super::Store::writers`].
pub fn writers(db: &Connection) -> Result<Vec<(NodeId, LastEvent)>, JournalError> {
    let mut select = db.prepare("SELECT node, number, offset FROM writers").map_err(unreadable)?;
    let last = |number, offset| LastEvent { number: offset_of(number), offset: offset_of(offset) };
    let rows = select.query_map([], |row| Ok((row.get(0)?, last(row.get(1)?, row.get(2)?)))).map_err(unreadable)?;
    rows.collect::<Result<_, _>>().map_err(unreadable)
}

fn read_lines(db: &Connection) -> Result<Vec<Line>, JournalError> {
    let sql = "SELECT id, name, settings, has_contents, checked_at_s, expires_at_s, last_node, last_number,
                      primary_serial
               FROM zones ORDER BY id";
    let mut statement = db.prepare(sql).map_err(unreadable)?;
    let mut rows = statement.query([]).map_err(unreadable)?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next().map_err(unreadable)? {
        lines.push(read_line(row).map_err(unreadable)?.map_err(|why| damaged(None, why))?);
    }
    Ok(lines)
}

fn read_line(row: &Row<'_>) -> rusqlite::Result<Result<Line, Wrong>> {
    let Some(key) = key_of(row.get_ref(1)?.as_blob()?) else { return Ok(Err("a zone's name is none")) };
    let Some(settings) = settings::decode(row.get_ref(2)?.as_blob()?) else {
        return Ok(Err("a zone's settings cannot be understood"));
    };
    let (at, expires): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
    let checked =
        at.zip(expires).map(|(at, expires)| Checked { at_s: offset_of(at), expires_at_s: offset_of(expires) });
    let (node, number): (Option<NodeId>, Option<i64>) = (row.get(6)?, row.get(7)?);
    let last = node.zip(number).map(|(node, number)| EventId { node, number: offset_of(number) });
    Ok(Ok(Line {
        id: row.get(0)?,
        key,
        settings,
        has_contents: row.get(3)?,
        last,
        primary_serial: row.get(8)?,
        checked,
    }))
}

/// The contents of the zones in `lines`, each with its number, and the sum over their rows.
fn read_zones(
    db: &Connection,
    lines: &[Line],
    builder: &mut Builder,
) -> Result<(Vec<(i64, Contents)>, u64), JournalError> {
    let sql = format!("SELECT {} FROM rrsets WHERE zone = ?1 ORDER BY owner, type", sum::RRSET_COLUMNS);
    let mut statement = db.prepare_cached(&sql).map_err(unreadable)?;
    let (mut contents, mut total) = (Vec::new(), 0u64);
    for line in lines.iter().filter(|line| line.has_contents) {
        let mut reader = ZoneReader::new(&line.key.name, builder);
        let mut rows = statement.query([line.id]).map_err(unreadable)?;
        while let Some(row) = rows.next().map_err(unreadable)? {
            let read = reader.row(row).map_err(|e| damaged(Some(&line.key.name), &e.to_string()))?;
            read.map_err(|why| damaged(Some(&line.key.name), why))?;
            total = total.wrapping_add(sum::of_rrset_row(row).map_err(unreadable)?);
        }
        // What the checks find was found, and accepted, when the change was made.
        let (zone, _) = builder.finish();
        if zone.soa().is_none() {
            return Err(damaged(Some(&line.key.name), "the zone has no SOA record"));
        }
        contents.push((line.id, zone));
    }
    Ok((contents, total))
}

/// Takes the rows of a zone over into a builder.
struct ZoneReader<'b> {
    builder: &'b mut Builder,
    /// The owner at hand: its labels, then the apex.
    wire: [u8; MAX_NAME_LEN],
    origin: &'b Name,
    labels_len: usize,
    /// Octets of the node at hand.
    node_bytes: usize,
}

impl<'b> ZoneReader<'b> {
    fn new(origin: &'b Name, builder: &'b mut Builder) -> ZoneReader<'b> {
        builder.restart(origin);
        ZoneReader { builder, wire: [0; MAX_NAME_LEN], origin, labels_len: usize::MAX, node_bytes: 0 }
    }

    fn row(&mut self, row: &Row<'_>) -> rusqlite::Result<Result<(), Wrong>> {
        let (rtype, ttl) = (RType(row.get(1)?), row.get(2)?);
        Ok(self.rrset(rtype, ttl, row.get_ref(3)?.as_blob()?))
    }

    fn rrset(&mut self, rtype: RType, ttl: u32, data: &[u8]) -> Result<(), Wrong> {
        let (labels, packed) = row::split_labels(data).ok_or("a row without an owner")?;
        if self.labels_len != labels.len() || &self.wire[..labels.len()] != labels {
            self.owner(labels)?;
        }
        self.node_bytes += packed.len();
        if self.node_bytes > MAX_NODE_BYTES {
            return Err("a name with too many records");
        }
        let owner = Name::from_validated(&self.wire[..self.labels_len + self.origin.len()]);
        row::each_record(packed, rtype, ttl, |rtype, ttl, data| {
            self.builder.add(owner, rtype, ttl, data).map_err(|_| "a record outside the zone")
        })
    }

    fn owner(&mut self, labels: &[u8]) -> Result<(), Wrong> {
        let len = labels.len() + self.origin.len();
        let wire = self.wire.get_mut(..len).ok_or("an owner that is too long")?;
        wire[..labels.len()].copy_from_slice(labels);
        wire[labels.len()..].copy_from_slice(self.origin.as_wire());
        Name::from_wire(wire).map_err(|_| "an owner that is no name")?;
        (self.labels_len, self.node_bytes) = (labels.len(), 0);
        Ok(())
    }
}

fn damaged(zone: Option<&Name>, why: &str) -> JournalError {
    let zone = zone.map(|zone| format!(" of zone {zone}")).unwrap_or_default();
    JournalError::Unreadable(format!("store: its copy{zone} is damaged: {why}"))
}
