//! A stream in Kafka with a copy in a file: what it held is known while no broker answers, and is not fetched again at
//! each start. For streams that are folded as a whole: access and shared settings.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use journal::{Bounds, Entry, Journal, JournalError, Offset, SqliteJournal, Stream};

use crate::journal::KafkaJournal;
use crate::settings::Settings;

/// Octets of a body in the copy that say which offset it has in Kafka.
const OFFSET_LEN: usize = 8;
/// Octets that are read from the copy at a time.
const READ_BYTES: usize = 4 << 20;

/// The stream.
pub struct Kept {
    kafka: Arc<KafkaJournal>,
    copy: SqliteJournal,
    /// The offsets in Kafka of what the copy holds: its first entry has offset 1 there.
    offsets: Mutex<Vec<Offset>>,
}

impl Kept {
    /// Opens the copy in `file`, and begins to look for the stream, as [`KafkaJournal::open`] does.
    ///
    /// # Errors
    /// A copy that cannot be used; what keeps Kafka's client from being started.
    pub fn open(settings: &Settings, stream: Stream, file: &Path, begin: fn()) -> Result<Kept, JournalError> {
        let copy = SqliteJournal::open(file, stream, begin)?;
        let mut offsets = Vec::new();
        loop {
            let entries = copy.read(offsets.len() as Offset + 1, READ_BYTES)?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                offsets.push(kept(entry)?.offset);
            }
        }
        let known = offsets.last().copied().unwrap_or(0);
        let kafka = Arc::new(KafkaJournal::open(settings, stream, known, begin)?);
        Ok(Kept { kafka, copy, offsets: Mutex::new(offsets) })
    }

    /// The stream in Kafka.
    pub fn kafka(&self) -> &Arc<KafkaJournal> {
        &self.kafka
    }

    fn offsets(&self) -> MutexGuard<'_, Vec<Offset>> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the copy has from `from` on.
    fn in_copy(&self, offsets: &[Offset], from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        let at = offsets.partition_point(|offset| *offset < from);
        if at >= offsets.len() {
            return Ok(Vec::new());
        }
        let read = self.copy.read(at as Offset + 1, max_bytes.saturating_add(READ_BYTES))?;
        let (mut entries, mut octets) = (Vec::new(), 0usize);
        for entry in read {
            let entry = kept(entry)?;
            octets = octets.saturating_add(entry.body.len());
            if octets > max_bytes && !entries.is_empty() {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Adds what follows what the copy holds.
    fn keep(&self, offsets: &mut Vec<Offset>, entries: &[Entry]) -> Result<(), JournalError> {
        let last = offsets.last().copied().unwrap_or(0);
        let new: Vec<&Entry> = entries.iter().filter(|entry| entry.offset > last).collect();
        let bodies: Vec<Vec<u8>> =
            new.iter().map(|entry| [&entry.offset.to_be_bytes()[..], &entry.body].concat()).collect();
        self.copy.append(&bodies.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        offsets.extend(new.iter().map(|entry| entry.offset));
        Ok(())
    }
}

/// An entry of the copy, as Kafka has it.
fn kept(entry: Entry) -> Result<Entry, JournalError> {
    let corrupt = || JournalError::Corrupt { offset: entry.offset, why: "the copy of Kafka is damaged".to_owned() };
    let (offset, body) = entry.body.split_first_chunk::<OFFSET_LEN>().ok_or_else(corrupt)?;
    Ok(Entry { offset: Offset::from_be_bytes(*offset), body: body.to_vec() })
}

impl Journal for Kept {
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        self.kafka.append(bodies)
    }

    fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        let mut offsets = self.offsets();
        let mut entries = self.in_copy(&offsets, from, max_bytes)?;
        let last = entries.last().map(|entry| entry.offset);
        if last.is_some() && last != offsets.last().copied() {
            return Ok(entries);
        }
        let next = last.map_or(from, |last| last + 1);
        let left = max_bytes.saturating_sub(entries.iter().map(|entry| entry.body.len()).sum());
        let later = match self.kafka.read(next, left) {
            Err(_) if !entries.is_empty() => return Ok(entries),
            read => read?,
        };
        // Who looks further ahead leaves a gap, which the copy must not have.
        if next <= offsets.last().map_or(1, |last| last + 1) && !later.is_empty() {
            self.keep(&mut offsets, &later)?;
        }
        // The first one is given whether it fits or not.
        if entries.is_empty() || later.first().is_some_and(|first| first.body.len() <= left) {
            entries.extend(later);
        }
        Ok(entries)
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        self.kafka.bounds()
    }

    fn wait(&self, offset: Offset, timeout: Duration) -> Result<bool, JournalError> {
        self.kafka.wait(offset, timeout)
    }

    fn settle(&self) {
        self.copy.settle();
    }

    fn trim(&self, _before: Offset) -> Result<(), JournalError> {
        // A new server needs all of it.
        Err(JournalError::Unwritable("a stream that is folded as a whole is not trimmed".to_owned()))
    }
}
