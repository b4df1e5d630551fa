//! Fetches events that are no longer in memory.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use journal::{Entry, JournalError, Offset};
use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;

use crate::append::from_kafka;
use crate::envelope::Envelopes;
use crate::settings::{Quiet, Settings};
use crate::topic::PARTITION;

/// A fetch waits so long at the broker for what is not there yet: not at all, nearly.
const FETCH_WAIT: Duration = Duration::from_millis(10);
/// After so long without an event that must be there, reading fails.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a topic from where it is told to.
pub struct Older {
    settings: Settings,
    topic: String,
    place: Mutex<Option<Place>>,
}

/// A consumer, and what it gives next; `None`: it stands nowhere.
struct Place {
    consumer: BaseConsumer<Quiet>,
    next: Option<Offset>,
}

impl Older {
    /// Of this topic.
    pub fn new(settings: &Settings, topic: &str) -> Older {
        Older { settings: settings.clone(), topic: topic.to_owned(), place: Mutex::default() }
    }

    /// The events from `from` on and before `end`, as [`journal::Journal::read`] gives them; and whether these are all.
    pub fn read(
        &self,
        envelopes: &Envelopes,
        (from, end): (Offset, Offset),
        max_bytes: usize,
    ) -> Result<(Vec<Entry>, bool), JournalError> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.stand(&mut place, from).and_then(|at| self.fetch(at, envelopes, (from, end), max_bytes));
        if read.is_err() {
            *place = None;
        }
        read.map_err(|error| JournalError::Unreadable(error.to_string()))
    }

    /// Has the consumer stand at `from`.
    fn stand<'p>(&self, place: &'p mut Option<Place>, from: Offset) -> Result<&'p mut Place, KafkaError> {
        let at = match place {
            Some(at) => at,
            None => {
                let config = self.settings.consumer(FETCH_WAIT);
                let consumer = BaseConsumer::from_config_and_context(&config, Quiet)?;
                place.insert(Place { consumer, next: None })
            }
        };
        if at.next != Some(from) {
            at.consumer.assign(&assignment(&self.topic, from)?)?;
            at.next = Some(from);
        }
        Ok(at)
    }

    fn fetch(
        &self,
        at: &mut Place,
        envelopes: &Envelopes,
        (from, end): (Offset, Offset),
        max_bytes: usize,
    ) -> Result<(Vec<Entry>, bool), KafkaError> {
        let (mut entries, mut octets, mut next): (Vec<Entry>, usize, Offset) = (Vec::new(), 0, from);
        let mut deadline = Instant::now() + READ_TIMEOUT;
        while next < end {
            let left = deadline.saturating_duration_since(Instant::now());
            match at.consumer.poll(left) {
                Some(Ok(message)) => {
                    let offset = from_kafka(message.offset());
                    let body = message.payload().and_then(|payload| envelopes.open(payload));
                    octets += body.map_or(0, <[u8]>::len);
                    if octets > max_bytes && !entries.is_empty() {
                        // It is read once more when it is its turn.
                        at.next = None;
                        return Ok((entries, false));
                    }
                    entries.extend(body.map(|body| Entry { offset, body: body.to_vec() }));
                    next = offset + 1;
                    at.next = Some(next);
                    deadline = Instant::now() + READ_TIMEOUT;
                }
                // Nothing is behind it after all.
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) if left.is_zero() => return Err(error),
                None if left.is_zero() => {
                    return Err(KafkaError::MessageConsumption(rdkafka::error::RDKafkaErrorCode::OperationTimedOut));
                }
                _ => {}
            }
        }
        // What is there is in memory from here on.
        at.next = None;
        at.consumer.unassign()?;
        Ok((entries, true))
    }
}

/// The one partition, from `from` on.
pub fn assignment(topic: &str, from: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    let offset = i64::try_from(from.saturating_sub(1)).unwrap_or(i64::MAX);
    list.add_partition_offset(topic, PARTITION, rdkafka::Offset::Offset(offset))?;
    Ok(list)
}
