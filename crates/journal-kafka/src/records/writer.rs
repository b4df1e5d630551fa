//! Writes messages to a topic in order, and waits until all copies have them.

use std::sync::Arc;
use std::time::Instant;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};

use super::RecordError;
use crate::append::{Batch, FULL_PAUSE, from_kafka};
use crate::brokers::Brokers;
use crate::settings::{Quiet, REQUEST_TIMEOUT, WRITE_TIMEOUT, log};
use crate::topic::{COPIES, CREATE_TIMEOUT, PARTITION, block_on, has};

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
    producer: ThreadedProducer<Deliveries>,
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
    type DeliveryOpaque = Box<(Arc<Batch>, usize)>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Self::DeliveryOpaque) {
        let result = match result {
            Ok(message) => Ok(from_kafka(message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        opaque.0.set(opaque.1, result);
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
        let producer = ThreadedProducer::from_config_and_context(&config, Deliveries)?;
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

    /// Puts a message into the producer's queue, which may be full for a while.
    fn send(&self, message: &Outgoing, opaque: Box<(Arc<Batch>, usize)>) -> Result<(), RecordError> {
        let end = Instant::now() + WRITE_TIMEOUT;
        let mut record: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(&self.topic, opaque).payload(&*message.value).partition(PARTITION);
        if let Some(key) = &message.key {
            record = record.key(&**key);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) if Instant::now() < end => {
                    record = again;
                    std::thread::sleep(FULL_PAUSE);
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
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
    let options = AdminOptions::new().request_timeout(Some(CREATE_TIMEOUT)).operation_timeout(Some(CREATE_TIMEOUT));
    for made in block_on(admin.create_topics([&new], &options))? {
        match made {
            Ok(_) => tracing::info!(topic, copies, "made Kafka's topic"),
            // Somebody else was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(KafkaError::AdminOp(code).into()),
        }
    }
    Ok(())
}
