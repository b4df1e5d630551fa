//! Snapshots of the zones in a topic of their own, for servers that have none, or whose place in the journal has been trimmed
//! away. A snapshot is a file in pieces, each sealed like an event, and an end that says what it must be. A newer one
//! takes the place of those before it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dnssec::digest::Sha256;
use journal::Offset;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::append::from_kafka;
use crate::envelope::Envelopes;
use crate::older::assignment;
use crate::producer::PolledProducer;
use crate::settings::{Quiet, REQUEST_TIMEOUT, Settings, SettingsError, log};
use crate::topic::{self, Keeps, PARTITION, TopicError};

/// Octets of a file in one message.
const PIECE_LEN: usize = 256 << 10;
/// Octets that are on their way before a producer waits for brokers.
const MAX_UNDER_WAY: usize = 16 << 20;
/// Octets of an identity.
const ID_LEN: usize = 16;
/// Snapshots that are read side by side; of more, none is known to be complete.
const MAX_READ_AT_ONCE: usize = 8;
/// A broker may keep silent for so long.
const SILENCE: Duration = Duration::from_secs(30);
/// A broker keeps the answer to a fetch back so long, if there is nothing new.
const FETCH_WAIT: Duration = Duration::from_millis(50);
/// The kinds of messages.
const PIECE: u8 = 1;
const END: u8 = 2;

/// Which snapshot: chosen at random.
type Id = [u8; ID_LEN];

/// Why there is no snapshot, or it cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Brokers.
    #[error("{0}")]
    Kafka(#[from] KafkaError),
    /// The topic.
    #[error("{0}")]
    Topic(#[from] TopicError),
    /// The client.
    #[error("{0}")]
    Client(#[from] SettingsError),
    /// A file.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Brokers did not take all of it.
    #[error("{0} pieces were not taken by a broker")]
    NotTaken(u64),
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// What a snapshot must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    /// The changes up to this offset are in it.
    position: Offset,
    pieces: u32,
    sha256: [u8; 32],
}

/// A message, opened.
#[derive(Debug, PartialEq, Eq)]
enum Said<'m> {
    Piece { id: Id, index: u32, octets: &'m [u8] },
    End { id: Id, end: End },
}

impl End {
    fn encode(&self, id: &Id) -> Vec<u8> {
        let End { position, pieces, sha256 } = self;
        [&[END][..], id, &position.to_be_bytes(), &pieces.to_be_bytes(), sha256].concat()
    }
}

fn piece(id: &Id, index: u32, octets: &[u8]) -> Vec<u8> {
    [&[PIECE][..], id, &index.to_be_bytes(), octets].concat()
}

fn read(message: &[u8]) -> Option<Said<'_>> {
    let (kind, rest) = message.split_first()?;
    let (id, rest) = rest.split_first_chunk::<ID_LEN>()?;
    match *kind {
        PIECE => {
            let (index, octets) = rest.split_first_chunk()?;
            Some(Said::Piece { id: *id, index: u32::from_be_bytes(*index), octets })
        }
        END => {
            let (position, rest) = rest.split_first_chunk()?;
            let (pieces, sha256) = rest.split_first_chunk()?;
            let (position, pieces) = (Offset::from_be_bytes(*position), u32::from_be_bytes(*pieces));
            Some(Said::End { id: *id, end: End { position, pieces, sha256: sha256.try_into().ok()? } })
        }
        _ => None,
    }
}

/// The snapshots of a cluster.
pub struct Snapshots {
    settings: Settings,
    topic: String,
    envelopes: Envelopes,
}

impl Snapshots {
    /// Those of the cluster that `settings` name. Does not ask a broker.
    ///
    /// # Errors
    /// [`SettingsError::Random`].
    pub fn new(settings: &Settings) -> Result<Snapshots, SettingsError> {
        let topic = settings.snapshots_topic();
        let envelopes = Envelopes::new(&settings.key, &topic)?;
        Ok(Snapshots { settings: settings.clone(), topic, envelopes })
    }

    /// Puts the snapshot in `file`, which has the changes up to offset `position`, in the place of those before it.
    ///
    /// # Errors
    /// [`SnapshotError`]; then those before it stay.
    pub fn publish(&self, file: &Path, position: Offset) -> Result<(), SnapshotError> {
        topic::prepare(&self.settings, &self.topic, Keeps::All, false)?;
        let failed = Arc::new(AtomicU64::new(0));
        let producer = PolledProducer::start(&self.settings.producer(), Counting(failed.clone()))?;
        let (first, before) = producer.client().fetch_watermarks(&self.topic, PARTITION, REQUEST_TIMEOUT)?;
        let mut id = Id::default();
        getrandom::fill(&mut id)?;
        let file_error = |error| SnapshotError::File { path: file.to_owned(), error };
        let mut source = File::open(file).map_err(file_error)?;
        let (mut digest, mut buffer, mut pieces) = (Sha256::default(), vec![0; PIECE_LEN], 0);
        let mut under_way = 0;
        loop {
            let len = fill(&mut source, &mut buffer).map_err(file_error)?;
            let Some(octets) = buffer.get(..len).filter(|octets| !octets.is_empty()) else { break };
            digest.update(octets);
            self.send(&producer, &mut under_way, &piece(&id, pieces, octets))?;
            pieces += 1;
        }
        let end = End { position, pieces, sha256: digest.finish() };
        self.send(&producer, &mut under_way, &end.encode(&id))?;
        producer.flush(SILENCE)?;
        match failed.load(Ordering::Relaxed) {
            0 => {}
            failed => return Err(SnapshotError::NotTaken(failed)),
        }
        // Those before it are of no use any more; where they cannot be deleted, they only take room.
        let bounds = journal::Bounds { first: from_kafka(first), next: from_kafka(before) };
        if let Err(error) = topic::trim(&self.settings, &self.topic, from_kafka(before), bounds) {
            tracing::warn!(%error, "former snapshots of the cluster cannot be deleted");
        }
        Ok(())
    }

    /// Sends a message; waits for brokers where too many octets are under way.
    fn send(&self, producer: &BaseProducer<Counting>, under_way: &mut usize, body: &[u8]) -> Result<(), SnapshotError> {
        let sealed = self.envelopes.seal(body);
        *under_way += body.len();
        if *under_way > MAX_UNDER_WAY {
            producer.flush(SILENCE)?;
            *under_way = 0;
        }
        let record: BaseRecord<'_, (), [u8]> = BaseRecord::to(&self.topic).payload(&sealed[..]).partition(PARTITION);
        producer.send(record).map_err(|(error, _)| error.into())
    }

    /// Writes the latest complete snapshot into `target`, if it has changes beyond offset `after`; returns the offset up to
    /// which it has them. Files beside `target` are written meanwhile.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn fetch(&self, target: &Path, after: Offset) -> Result<Option<Offset>, SnapshotError> {
        let mut partial = Partial::new(target, after);
        let outcome = self.each(0, |said| partial.take(said)).map(|()| partial.best);
        partial.clear();
        outcome
    }

    /// Up to which offset the latest snapshot has the changes; `None`: there is none.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn latest(&self) -> Result<Option<Offset>, SnapshotError> {
        let mut latest = None;
        self.each(1, |said| {
            if let Said::End { end, .. } = said {
                latest = Some(end.position);
            }
            Ok(())
        })?;
        Ok(latest)
    }

    /// Gives the messages that are in the topic to `take`: all of them, or the last `last` if that is not 0. A topic that is
    /// not there has none.
    fn each(
        &self,
        last: i64,
        mut take: impl FnMut(Said<'_>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let consumer: BaseConsumer<Quiet> =
            BaseConsumer::from_config_and_context(&self.settings.consumer(FETCH_WAIT), Quiet)?;
        let (first, next) = match consumer.fetch_watermarks(&self.topic, PARTITION, REQUEST_TIMEOUT) {
            Ok(bounds) => bounds,
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let first = if last > 0 { first.max(next - last) } else { first };
        if first >= next {
            return Ok(());
        }
        consumer.assign(&assignment(&self.topic, from_kafka(first))?)?;
        let mut heard = Instant::now();
        loop {
            match consumer.poll(FETCH_WAIT) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if let Some(said) = message.payload().and_then(|it| self.envelopes.open(it)).and_then(read) {
                        take(said)?;
                    }
                    if message.offset() + 1 >= next {
                        return Ok(());
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) if heard.elapsed() > SILENCE => return Err(error.into()),
                None if heard.elapsed() > SILENCE => {
                    return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut).into());
                }
                _ => {}
            }
        }
    }
}

fn is_missing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
        )
    )
}

/// Fills `buffer` as far as `source` goes.
fn fill(source: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match source.read(rest)? {
            0 => break,
            read => len += read,
        }
    }
    Ok(len)
}

/// Counts what brokers do not take.
struct Counting(Arc<AtomicU64>);

impl ClientContext for Counting {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }
}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Snapshots as far as they have been read.
struct Partial {
    target: PathBuf,
    reading: HashMap<Id, Reading>,
    after: Offset,
    /// The best that is complete.
    best: Option<Offset>,
}

/// One of them.
struct Reading {
    file: File,
    path: PathBuf,
    pieces: u32,
    digest: Sha256,
}

impl Partial {
    fn new(target: &Path, after: Offset) -> Partial {
        Partial { target: target.to_owned(), reading: HashMap::new(), after, best: None }
    }

    fn take(&mut self, said: Said<'_>) -> Result<(), SnapshotError> {
        match said {
            Said::Piece { id, index: 0, octets } if self.reading.len() < MAX_READ_AT_ONCE => {
                let name = id.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
                let path = self.target.with_extension(name);
                let error = |error| SnapshotError::File { path: path.clone(), error };
                let mut file = File::create(&path).map_err(error)?;
                file.write_all(octets).map_err(error)?;
                let mut digest = Sha256::default();
                digest.update(octets);
                self.reading.insert(id, Reading { file, path, pieces: 1, digest });
            }
            Said::Piece { id, index, octets } => {
                // Of one whose beginning is gone nothing is kept.
                let Some(reading) = self.reading.get_mut(&id).filter(|reading| reading.pieces == index) else {
                    return Ok(());
                };
                reading.digest.update(octets);
                reading.pieces += 1;
                reading
                    .file
                    .write_all(octets)
                    .map_err(|error| SnapshotError::File { path: reading.path.clone(), error })?;
            }
            Said::End { id, end } => {
                let Some(reading) = self.reading.remove(&id) else { return Ok(()) };
                let is_better = end.position > self.best.unwrap_or(0).max(self.after);
                let Reading { file, path, pieces, digest } = reading;
                let error = |error| SnapshotError::File { path: path.clone(), error };
                if is_better && pieces == end.pieces && digest.finish() == end.sha256 {
                    file.sync_all().and_then(|()| fs::rename(&path, &self.target)).map_err(error)?;
                    self.best = Some(end.position);
                } else {
                    fs::remove_file(&path).map_err(error)?;
                }
            }
        }
        Ok(())
    }

    /// Deletes what is not complete.
    fn clear(&mut self) {
        for (_, reading) in self.reading.drain() {
            if let Err(error) = fs::remove_file(&reading.path) {
                tracing::warn!(path = %reading.path.display(), %error, "a part of a snapshot cannot be deleted");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(partial: &mut Partial, message: &[u8]) {
        partial.take(read(message).expect("a message")).expect("taken");
    }

    fn end(position: Offset, pieces: u32, all: &[u8]) -> End {
        let mut digest = Sha256::default();
        digest.update(all);
        End { position, pieces, sha256: digest.finish() }
    }

    #[test]
    fn only_what_is_whole_and_newer_is_taken() {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("snapshot.db");
        let mut partial = Partial::new(&target, 5);
        let [a, b, c, d] = [[1; ID_LEN], [2; ID_LEN], [3; ID_LEN], [4; ID_LEN]];
        // Two at a time; one has lost a piece, one is not newer than what is there.
        take(&mut partial, &piece(&a, 0, b"one"));
        take(&mut partial, &piece(&b, 0, b"x"));
        take(&mut partial, &piece(&a, 1, b"two"));
        take(&mut partial, &piece(&b, 2, b"z"));
        take(&mut partial, &piece(&c, 1, b"its beginning is gone"));
        take(&mut partial, &piece(&d, 0, b"old"));
        take(&mut partial, &end(9, 3, b"xz").encode(&b));
        assert_eq!(partial.best, None);
        take(&mut partial, &end(7, 2, b"onetwo").encode(&a));
        take(&mut partial, &end(5, 1, b"old").encode(&d));
        take(&mut partial, &end(8, 2, b"whatever").encode(&c));
        assert_eq!((partial.best, fs::read(&target).expect("there")), (Some(7), b"onetwo".to_vec()));
        take(&mut partial, &piece(&b, 0, b"not finished"));
        partial.clear();
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1, "nothing else is left");
        for message in [&b""[..], &[PIECE], &[END; 30], &[3; 60]] {
            assert_eq!(read(message), None);
        }
    }
}
