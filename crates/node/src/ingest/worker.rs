//! The thread of a stream: takes messages as they come, has them committed many at a time and in order, and puts what
//! cannot be into the dead-letter topic before anything behind it counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{Action, Principal, Verb, authorise};
use dns::{NameBuf, RType};
use journal_kafka::Brokers;
use journal_kafka::records::{Outgoing, Record, RecordError, RecordReader, RecordWriter};
use serde_json::{Value, json};
use server::clock::unix_ms;
use zone::Edit;

use super::entry;
use super::places::{self, Past, Places};
use super::status::Status;
use crate::commit::{CommitError, Committer, Intent, Request, SerialRule};
use crate::handle::NodeHandle;
use crate::persist::{Retry, Stop, Stopped};

/// Messages that are taken over with one change at most.
const MAX_BATCH: usize = 2000;
/// Octets of messages after which a batch is closed.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// How long messages are waited for before other things are looked at.
const POLL: Duration = Duration::from_millis(200);
/// This often brokers are asked how much waits.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// The pause before something that failed is tried again, at first and at the most.
const RETRY: Retry = Retry { first: Duration::from_millis(100), longest: Duration::from_secs(5) };
/// Longest part of a message that the log has, in characters.
const MAX_LOGGED: usize = 200;

/// A stream that is taken over.
pub struct Worker {
    pub configured: config::Ingest,
    pub brokers: Brokers,
    pub principal: Principal,
    pub committer: Committer,
    pub handle: NodeHandle,
    pub status: Arc<Status>,
    pub stop: Stop,
    /// The directory of the files with the places.
    pub directory: std::path::PathBuf,
}

/// A message that is understood.
struct Planned {
    record: Record,
    zone: NameBuf,
    edit: Edit,
}

/// What is open at the brokers.
#[derive(Default)]
struct Open {
    reader: Option<RecordReader>,
    dead_letters: Option<RecordWriter>,
    looked: Option<Instant>,
}

impl Worker {
    /// Works until told to stop.
    pub fn run(self) {
        // Whoever stops it knows.
        let Err(Stopped) = self.work();
    }

    fn work(&self) -> Result<std::convert::Infallible, Stopped> {
        let (who, name, topic) = (self.principal.to_string(), &self.configured.name, &self.configured.topic);
        let mut places = self.persist(|| Places::open(&self.directory, name, topic, &who, &self.handle))?;
        let mut open = Open::default();
        loop {
            let records = self.persist(|| self.take(&mut open, &places))?;
            let mut partitions: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
            for record in records {
                partitions.entry(record.partition).or_default().push(record);
            }
            let mut is_noted = true;
            for (partition, records) in partitions {
                let next = records.last().map_or(0, |record| record.offset + 1);
                is_noted &= self.take_over(records, &mut open.dead_letters)?;
                places.set(partition, next);
            }
            let journal = self.handle.latest();
            if let Err(error) = places.keep(journal, !is_noted) {
                tracing::warn!(stream = name, %error, "what was taken over cannot be noted; after a start the history says it");
            }
        }
    }

    /// Tries something until it is done.
    fn persist<T, E: std::fmt::Display>(&self, attempt: impl FnMut() -> Result<T, E>) -> Result<T, Stopped> {
        let (name, status) = (&self.configured.name, &self.status);
        let told = |told: Result<(), &str>| match told {
            Ok(()) => status.goes_on(name),
            Err(why) => status.halted(name, why),
        };
        self.stop.persist(RETRY, told, attempt)
    }

    /// The messages that come next; none, if none come for a while.
    fn take(&self, open: &mut Open, places: &Places) -> Result<Vec<Record>, RecordError> {
        let Config { topic, group } = Config::of(&self.configured);
        let reader = match &mut open.reader {
            Some(reader) => reader,
            None => {
                let (reader, gaps) = RecordReader::open(&self.brokers, (topic, &group), places.next())?;
                for gap in gaps {
                    let journal_kafka::records::Gap { partition, wanted, from } = gap;
                    tracing::error!(
                        topic,
                        partition,
                        wanted,
                        from,
                        "what comes next was deleted, or the topic was replaced: messages may be missing"
                    );
                }
                open.looked = None;
                open.reader.insert(reader)
            }
        };
        let taken = reader.take(MAX_BATCH, MAX_BATCH_BYTES, POLL).and_then(|records| {
            if open.looked.is_none_or(|at| at.elapsed() >= LOOK_INTERVAL) {
                // What was taken may not be lost to a broker that does not answer this.
                match reader.lag() {
                    Ok(lag) => self.status.state().lag = Some(lag),
                    Err(error) if records.is_empty() => return Err(error),
                    Err(_) => {}
                }
                open.looked = Some(Instant::now());
            }
            Ok(records)
        });
        if taken.is_err() {
            open.reader = None;
            self.status.state().lag = None;
        }
        taken
    }

    /// Takes over messages of a partition; whether the journal says so of the last one.
    fn take_over(&self, records: Vec<Record>, dead_letters: &mut Option<RecordWriter>) -> Result<bool, Stopped> {
        let last = records.last().map(|record| record.offset);
        let (mut planned, mut refused) = (Vec::with_capacity(records.len()), Vec::new());
        for record in records {
            match self.plan(&record) {
                Ok((zone, edit)) => planned.push(Planned { record, zone, edit }),
                Err(why) => refused.push((record, why)),
            }
        }
        // Before a change says that they are behind it.
        self.refuse(&refused, dead_letters)?;
        let noted = self.apply(&planned, dead_letters)?;
        Ok(noted.is_some() && noted == last)
    }

    /// The zone that a message is for, and what it does there.
    fn plan(&self, record: &Record) -> Result<(NameBuf, Edit), String> {
        let edit = entry::read(record.key.as_deref(), record.value.as_deref(), self.configured.default_ttl_s)?;
        let is_apex = |zone: &NameBuf| **zone == *edit.owner;
        let mut zone = self.handle.closest_zone(&edit.owner);
        if edit.rtype == RType::DS && zone.as_ref().is_some_and(is_apex) {
            // RFC 4035 2.4: DS records are the parent's.
            zone = edit.owner.parent().and_then(|parent| self.handle.closest_zone(parent));
        }
        let zone = zone.ok_or_else(|| format!("there is no zone here that {} is in", edit.owner))?;
        let verb = if edit.records.is_some() { Verb::Update } else { Verb::Delete };
        let action = Action::rrset(verb, &zone, &edit.owner, edit.rtype);
        let nowhere = std::net::Ipv4Addr::UNSPECIFIED.into();
        match authorise(&self.principal, &action, nowhere, unix_ms()) {
            Ok(()) => Ok((zone, edit)),
            Err(denied) => {
                let why = denied.for_log().to_owned();
                drop(denied.refuse());
                Err(why)
            }
        }
    }

    /// Has messages committed, all with one change, or if it is refused in halves, so that those alone are refused that
    /// are at fault. The offset up to which the journal says that they are taken over.
    fn apply(&self, planned: &[Planned], dead_letters: &mut Option<RecordWriter>) -> Result<Option<i64>, Stopped> {
        let (Some(first), Some(last)) = (planned.first(), planned.last()) else { return Ok(None) };
        let offsets = (first.record.offset, last.record.offset);
        match self.commit(planned, first.record.partition, offsets)? {
            Ok(is_noted) => {
                self.status.state().applied += planned.len() as u64;
                Ok(is_noted.then_some(offsets.1))
            }
            Err(why) if planned.len() == 1 => {
                self.refuse(&[(first.record.clone(), why)], dead_letters)?;
                Ok(None)
            }
            Err(_) => {
                let (earlier, later) = planned.split_at(planned.len() / 2);
                self.apply(earlier, dead_letters)?;
                self.apply(later, dead_letters)
            }
        }
    }

    /// Has messages committed with one change: whether there was anything to change, or why it is refused. What is no
    /// fault of the messages is waited out.
    fn commit(
        &self,
        planned: &[Planned],
        partition: i32,
        offsets: (i64, i64),
    ) -> Result<Result<bool, String>, Stopped> {
        let intents = intents(planned);
        let refused = self.persist(|| {
            let intents = intents.clone();
            let request = Request {
                who: self.principal.to_string(),
                why: places::reason(&self.configured.topic, partition, offsets),
                reverts: None,
                prepare: Box::new(move |_| Ok(intents.clone())),
                dry_run: false,
            };
            match self.committer.commit_blocking(request) {
                Ok(committed) => Ok(Ok(committed.offset.is_some())),
                Err(error) if is_passing(&error) => Err(error),
                Err(error) => Ok(Err(error.to_string())),
            }
        })?;
        Ok(refused)
    }

    /// Tells that messages are not taken over: the dead-letter topic has them before anything else happens.
    fn refuse(&self, refused: &[(Record, String)], dead_letters: &mut Option<RecordWriter>) -> Result<(), Stopped> {
        if refused.is_empty() {
            return Ok(());
        }
        let stream = &self.configured.name;
        if let Some(topic) = &self.configured.dead_letter_topic {
            let letters: Vec<Outgoing> = refused.iter().map(|(record, why)| self.dead_letter(record, why)).collect();
            self.persist(|| {
                let written = match dead_letters {
                    Some(writer) => writer.write(&letters),
                    None => dead_letters.insert(RecordWriter::open(&self.brokers, topic)?).write(&letters),
                };
                if written.is_err() {
                    *dead_letters = None;
                }
                written
            })?;
        }
        for (record, why) in refused {
            let key = shown(record.key.as_deref());
            let (partition, offset) = (record.partition, record.offset);
            tracing::warn!(stream, partition, offset, key, "a message is not taken over: {why}");
            self.status.refused(unix_ms(), why);
        }
        Ok(())
    }

    fn dead_letter(&self, record: &Record, why: &str) -> Outgoing {
        let text = |octets: &Option<Vec<u8>>| {
            octets.as_ref().map_or(Value::Null, |octets| String::from_utf8_lossy(octets).into_owned().into())
        };
        let letter = json!({
            "version": 1,
            "topic": self.configured.topic,
            "partition": record.partition,
            "offset": record.offset,
            "at_ms": unix_ms(),
            "reason": why,
            "key": text(&record.key),
            "value": text(&record.value),
        });
        Outgoing { key: record.key.clone(), value: letter.to_string().into_bytes() }
    }
}

/// The names of a stream at the brokers.
struct Config<'c> {
    topic: &'c str,
    group: String,
}

impl Config<'_> {
    fn of(configured: &config::Ingest) -> Config<'_> {
        Config { topic: &configured.topic, group: format!("ingest.{}", configured.name) }
    }
}

/// What happens to each zone, in the order of the messages.
fn intents(planned: &[Planned]) -> Vec<(NameBuf, Intent)> {
    let mut zones: BTreeMap<&NameBuf, Vec<Edit>> = BTreeMap::new();
    for message in planned {
        zones.entry(&message.zone).or_default().push(message.edit.clone());
    }
    let intent = |edits| Intent::Edit { edits, serial: SerialRule::Policy };
    zones.into_iter().map(|(zone, edits)| (zone.clone(), intent(edits))).collect()
}

/// Whether a change is refused for now only, whatever it is.
fn is_passing(error: &CommitError) -> bool {
    match error {
        // What was made after all changes nothing when it is made again.
        CommitError::Conflict { .. }
        | CommitError::Journal(_)
        | CommitError::Unknown { .. }
        | CommitError::Busy
        | CommitError::Stopping => true,
        CommitError::NoSuchZone(_)
        | CommitError::ZoneExists(_)
        | CommitError::ReadOnly { .. }
        | CommitError::Invalid(_)
        | CommitError::Denied(_)
        | CommitError::Update(_)
        | CommitError::Difference(_)
        | CommitError::Signing { .. } => false,
    }
}

/// A part of a message for the log.
fn shown(octets: Option<&[u8]>) -> String {
    String::from_utf8_lossy(octets.unwrap_or_default()).chars().take(MAX_LOGGED).collect()
}

impl Past for NodeHandle {
    fn after(
        &self,
        offset: journal::Offset,
        limit: usize,
    ) -> Result<Vec<journal::Accepted>, crate::handle::HandleError> {
        self.changes_after(offset, limit)
    }

    fn latest(&self) -> journal::Offset {
        *self.position().borrow()
    }
}
