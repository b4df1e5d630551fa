//! Where the brokers are, what topics are called, and how librdkafka is told what we want of it.

use std::time::Duration;

use journal::{JournalError, Stream};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::key::ClusterKey;

/// What became of an event is known after so long: it is there, or it is not, or nobody knows.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a broker may take for what it answers at once.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the journal is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `HOST:PORT` of brokers: at least one of those that answer leads to all others.
    pub brokers: Vec<String>,
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
    Client(#[from] KafkaError),
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// A thread cannot be started.
    #[error("thread: {0}")]
    Thread(#[from] std::io::Error),
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

    /// What all clients have in common.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.brokers.join(","))
            .set("client.id", format!("headwater-{}", self.node))
            // A broker that comes back is found within a second; librdkafka has each client wait a little differently.
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", "10000")
            .set("log.connection.close", "false");
        config
    }

    /// One writer: each event once, in its order, on all replicas that are in sync.
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("retry.backoff.ms", "50")
            // Shorter than the wait for it, so that the client itself gives up, and sends nothing later.
            .set("message.timeout.ms", "4500")
            .set("request.timeout.ms", "4000")
            .set("queue.buffering.max.kbytes", "65536");
        config
    }

    /// A reader that remembers its place itself; the group is a name that librdkafka asks for, nothing is kept for it.
    pub fn consumer(&self, wait: Duration) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", format!("{}.{}", self.topic_prefix, self.node))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_uncommitted")
            .set("fetch.wait.max.ms", wait.as_millis().to_string())
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.max.messages.kbytes", "16384");
        config
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

/// What librdkafka says: what matters of it is said elsewhere too.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    tracing::debug!(?level, facility, message, "Kafka");
}
