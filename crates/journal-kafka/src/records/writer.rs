//! Writes messages to a topic in order, and waits until all copies have them.

use std::sync::Arc;

use rdkafka::admin::{AdminClient, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext};

use super::RecordError;
use crate::append::{Batch, PlaceInBatch, enqueue};
use crate::brokers::Brokers;
use crate::producer::PolledProducer;
use crate::settings::{Quiet, REQUEST_TIMEOUT, log};
use crate::topic::{self, COPIES, PARTITION, has};

/// A message to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its key; `None`: it has none.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Vec<u8>,
}

/// Writes to the first partition of a topic.
pub struct RecordWriter {
    topic: String,
    producer: PolledProducer<Deliveries>,
}

/// Hears what became of messages.
struct Deliveries;

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = PlaceInBatch;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Self::DeliveryOpaque) {
        Batch::hear(result, &opaque);
    }
}

impl RecordWriter {
    /// A writer to `topic`, which is made with one partition if it is missing.
    ///
    /// # Errors
    /// Brokers that do not answer, or do not make the topic.
    pub fn open(brokers: &Brokers, topic: &str) -> Result<RecordWriter, RecordError> {
        make(brokers, topic)?;
        let mut config = brokers.producer();
        // A message that does not arrive ends the producer: what was sent behind it must not arrive alone.
        config.set("enable.gapless.guarantee", "true");
        let producer = PolledProducer::start(&config, Deliveries)?;
        Ok(RecordWriter { topic: topic.to_owned(), producer })
    }

    /// Writes messages, and waits until they are there. After an error some of the first of them may be there too, and
    /// another writer has to be opened.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn write(&self, messages: &[Outgoing]) -> Result<(), RecordError> {
        let batch = Arc::new(Batch::new(messages.len()));
        for (at, message) in messages.iter().enumerate() {
            self.send(message, Box::new((batch.clone(), at)))?;
        }
        batch.wait(messages.len()).into_iter().try_for_each(|result| match result {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
            None => Err(RecordError::Silence),
        })
    }

    /// Puts a message into the producer's queue.
    fn send(&self, message: &Outgoing, place: PlaceInBatch) -> Result<(), RecordError> {
        let mut record: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(&self.topic, place).payload(&*message.value).partition(PARTITION);
        if let Some(key) = &message.key {
            record = record.key(&**key);
        }
        Ok(enqueue(&self.producer, record)?)
    }
}

/// Makes a topic if it is missing.
fn make(brokers: &Brokers, topic: &str) -> Result<(), RecordError> {
    let admin = AdminClient::from_config_and_context(&brokers.client(), Quiet)?;
    let metadata = admin.inner().fetch_metadata(None, REQUEST_TIMEOUT)?;
    if has(&metadata, topic) {
        return Ok(());
    }
    let copies = metadata.brokers().len().clamp(1, COPIES);
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(copies as i32));
    Ok(topic::make(&admin, &new, copies)?)
}
