//! Where the brokers are, what topics are called, and how librdkafka is told what we want of it.

use std::time::Duration;

use journal::{JournalError, Stream};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use crate::brokers::Brokers;
use crate::key::ClusterKey;
use crate::said;
use crate::security::Security;

/// What became of an event is known after so long: it is there, or it is not, or nobody knows.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a broker may take for what it answers at once.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the journal is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `HOST:PORT` of brokers: at least one of those that answer leads to all others.
    pub brokers: Vec<String>,
    /// How connections to them are protected, and who this server is for them.
    pub security: Security,
    /// What names of topics begin with.
    pub topic_prefix: String,
    /// The key of the cluster.
    pub key: ClusterKey,
    /// What this node is called at the brokers.
    pub node: String,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// librdkafka refuses to start.
    #[error("Kafka's client cannot be started: {0}")]
    Client(String),
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// A thread cannot be started.
    #[error("thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl From<KafkaError> for SettingsError {
    fn from(error: KafkaError) -> SettingsError {
        SettingsError::Client(said::of_files(&error.to_string()))
    }
}

impl From<SettingsError> for JournalError {
    fn from(error: SettingsError) -> JournalError {
        JournalError::Unreadable(error.to_string())
    }
}

impl Settings {
    /// The topic of a stream.
    pub fn topic(&self, stream: Stream) -> String {
        let name = match stream {
            Stream::Zones => "changes",
            Stream::Access => "access",
            Stream::Settings => "settings",
        };
        format!("{}.{name}", self.topic_prefix)
    }

    /// The topic in which servers say how far they are.
    pub fn receipts_topic(&self) -> String {
        format!("{}.receipts", self.topic_prefix)
    }

    /// The topic with snapshots of the zones.
    pub fn snapshots_topic(&self) -> String {
        format!("{}.snapshots", self.topic_prefix)
    }

    /// What all clients have in common.
    pub fn client(&self) -> ClientConfig {
        self.brokers().client()
    }

    /// One writer: each event once, in its order, on all replicas that are in sync.
    pub fn producer(&self) -> ClientConfig {
        self.brokers().producer()
    }

    /// A reader that remembers its place itself.
    pub fn consumer(&self, wait: Duration) -> ClientConfig {
        self.brokers().consumer(&self.topic_prefix, wait)
    }

    fn brokers(&self) -> Brokers {
        let (addresses, node) = (self.brokers.clone(), self.node.clone());
        Brokers { addresses, node, security: self.security.clone() }
    }
}

/// Has the log say what librdkafka says, for who looks closely.
pub struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka");
    }
}

impl ConsumerContext for Quiet {}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::debug!(%error, "Kafka");
        }
    }
}

/// What librdkafka says: what matters of it is said elsewhere too.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    tracing::debug!(?level, facility, message, "Kafka");
}
