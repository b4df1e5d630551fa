//! Reads all partitions of a topic.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use super::RecordError;
use crate::brokers::Brokers;
use crate::settings::{Quiet, REQUEST_TIMEOUT};

/// A broker keeps the answer to a fetch back so long, if there is nothing new.
const FETCH_WAIT: Duration = Duration::from_millis(500);

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The partition that it is in.
    pub partition: i32,
    /// Its place there, as Kafka counts.
    pub offset: i64,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value; `None`: a tombstone.
    pub value: Option<Vec<u8>>,
}

/// What was to be read and is not there any more, or is no longer what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub partition: i32,
    /// The offset that was to be read next.
    pub wanted: i64,
    /// The one that is read instead, the first that is there.
    pub from: i64,
}

/// Reads a topic.
pub struct RecordReader {
    topic: String,
    consumer: BaseConsumer<Quiet>,
    /// What is read next in each partition.
    next: BTreeMap<i32, i64>,
}

impl RecordReader {
    /// Reads `topic` from the offsets `places` of its partitions; those that have none are read from their beginning.
    /// `group` is a name that librdkafka asks for. Says too what is not there.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn open(
        brokers: &Brokers,
        (topic, group): (&str, &str),
        places: &BTreeMap<i32, i64>,
    ) -> Result<(RecordReader, Vec<Gap>), RecordError> {
        let mut config = brokers.consumer(group, FETCH_WAIT);
        config.set("isolation.level", "read_committed");
        let consumer = BaseConsumer::from_config_and_context(&config, Quiet)?;
        let mut reader = RecordReader { topic: topic.to_owned(), consumer, next: BTreeMap::new() };
        let gaps = reader.stand(places)?;
        Ok((reader, gaps))
    }

    /// The partitions that there are now, each with the first offset and the one behind the last.
    fn bounds(&self) -> Result<BTreeMap<i32, (i64, i64)>, RecordError> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), REQUEST_TIMEOUT)?;
        let found = metadata.topics().first().filter(|topic| topic.error().is_none());
        let partitions = found.map_or(&[][..], |topic| topic.partitions());
        if partitions.is_empty() {
            return Err(RecordError::NoTopic(self.topic.clone()));
        }
        let bounds = |partition: i32| {
            let bounds = self.consumer.fetch_watermarks(&self.topic, partition, REQUEST_TIMEOUT)?;
            Ok((partition, bounds))
        };
        partitions.iter().map(|partition| bounds(partition.id())).collect()
    }

    /// Has the consumer stand at `places`.
    fn stand(&mut self, places: &BTreeMap<i32, i64>) -> Result<Vec<Gap>, RecordError> {
        let mut gaps = Vec::new();
        self.next.clear();
        let mut list = TopicPartitionList::new();
        for (partition, (first, behind)) in self.bounds()? {
            let from = match places.get(&partition) {
                Some(&wanted) if wanted < first || wanted > behind => {
                    gaps.push(Gap { partition, wanted, from: first });
                    first
                }
                Some(&wanted) => wanted,
                None => first,
            };
            list.add_partition_offset(&self.topic, partition, rdkafka::Offset::Offset(from))?;
            self.next.insert(partition, from);
        }
        self.consumer.assign(&list)?;
        Ok(gaps)
    }

    /// What is read next in each partition.
    pub fn next(&self) -> &BTreeMap<i32, i64> {
        &self.next
    }

    /// How many offsets are not read yet.
    ///
    /// # Errors
    /// Brokers that do not answer; [`RecordError::Moved`]: there are other partitions, or less than was read.
    pub fn lag(&self) -> Result<u64, RecordError> {
        let bounds = self.bounds()?;
        let is_as_known = bounds.keys().eq(self.next.keys());
        let mut lag = 0;
        for (partition, (_, behind)) in &bounds {
            let next = self.next.get(partition).copied().unwrap_or_default();
            if !is_as_known || next > *behind {
                return Err(RecordError::Moved(self.topic.clone()));
            }
            lag += u64::try_from(behind - next).unwrap_or_default();
        }
        Ok(lag)
    }

    /// Waits for messages and takes those that are there: `most` of them at most, and no more once they have
    /// `most_bytes` octets together. None within `wait`: an empty list.
    ///
    /// # Errors
    /// Brokers that do not answer; [`RecordError::Moved`].
    pub fn take(&mut self, most: usize, most_bytes: usize, wait: Duration) -> Result<Vec<Record>, RecordError> {
        let (mut records, mut bytes, end) = (Vec::new(), 0, Instant::now() + wait);
        while records.len() < most && bytes < most_bytes {
            let left = if records.is_empty() { end.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            match self.consumer.poll(left) {
                Some(Ok(message)) => {
                    let record = copied(&message);
                    bytes += record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len);
                    self.next.insert(record.partition, record.offset + 1);
                    records.push(record);
                }
                // What was taken before is good; the error comes again.
                Some(Err(error)) => match self.serious(error) {
                    Some(error) if records.is_empty() => return Err(error),
                    Some(_) => break,
                    None if left.is_zero() => break,
                    None => {}
                },
                None => break,
            }
        }
        Ok(records)
    }

    /// An error that ends reading; `None`: librdkafka goes on by itself.
    fn serious(&self, error: KafkaError) -> Option<RecordError> {
        use RDKafkaErrorCode::{AllBrokersDown, AutoOffsetReset, OffsetOutOfRange, UnknownTopicOrPartition};
        match error.rdkafka_error_code() {
            Some(AllBrokersDown) => Some(error.into()),
            Some(AutoOffsetReset | OffsetOutOfRange | UnknownTopicOrPartition) => {
                Some(RecordError::Moved(self.topic.clone()))
            }
            _ => {
                tracing::debug!(%error, topic = self.topic, "Kafka");
                None
            }
        }
    }
}

fn copied(message: &BorrowedMessage<'_>) -> Record {
    Record {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
    }
}
