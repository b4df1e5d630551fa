//! Topics whose messages are others' and no events of the journal: read from places that the caller remembers, written
//! in order and with every delivery awaited.

mod reader;
mod writer;

use rdkafka::error::KafkaError;

use crate::settings::SettingsError;

pub use reader::{Gap, Record, RecordReader};
pub use writer::{Outgoing, RecordWriter};

/// Why a topic of others cannot be used now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// Brokers do not answer, or say no.
    #[error("{0}")]
    Kafka(#[from] KafkaError),
    /// The brokers do not have the topic.
    #[error("the brokers have no topic {0}")]
    NoTopic(String),
    /// What was to be read next is not there: it was deleted, or the topic was replaced.
    #[error("topic {0} does not have what comes next; it is looked at anew")]
    Moved(String),
    /// Nobody said in time that a message has arrived.
    #[error("a broker did not say in time that it has a message")]
    Silence,
    /// Kafka's client cannot be started.
    #[error("{0}")]
    Client(String),
}

impl From<SettingsError> for RecordError {
    fn from(error: SettingsError) -> RecordError {
        RecordError::Client(error.to_string())
    }
}
