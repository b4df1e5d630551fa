//! A server of a cluster: its three streams are in Kafka. Opened by `data_dir.rs`, looked at by health checks.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Cluster as Configured;
use journal::{JournalError, Offset, Stream};
use journal_kafka::{ClusterKey, KafkaJournal, Kept, KeyError, Settings, Status};

/// Name of the file in the data directory with copies of the streams that are folded as a whole.
const COPY_FILE: &str = "cluster.db";
/// A server that starts waits so long for a broker.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a server cannot take part in its cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Its key.
    #[error("cluster.key_file: {0}")]
    Key(#[from] KeyError),
    /// No broker answered in time, or a topic is not as it must be.
    #[error("cluster.brokers: {0}; a server that has zones starts without them if `cluster.start` is `stale`")]
    NotFound(JournalError),
    /// A stream cannot be opened.
    #[error("cluster: {0}")]
    Stream(#[from] JournalError),
}

/// The streams of a cluster.
pub struct Cluster {
    streams: [Arc<KafkaJournal>; 3],
    brokers: String,
}

/// What a data directory has of a cluster.
pub struct Opened {
    /// Changes of zones.
    pub zones: Arc<KafkaJournal>,
    /// Users, tokens and keys.
    pub access: Arc<Kept>,
    /// Shared settings.
    pub settings: Arc<Kept>,
    /// The key that secrets are sealed with.
    pub secrets: [u8; 32],
    /// All three.
    pub cluster: Arc<Cluster>,
}

impl Cluster {
    /// Looks for the streams, and waits for them as configured. The store in `directory` has all changes up to offset
    /// `position`.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn open(configured: &Configured, directory: &Path, position: Offset) -> Result<Opened, ClusterError> {
        let key = ClusterKey::read(&configured.key_file)?;
        let secrets = key.derive("secrets");
        let (brokers, topic_prefix) = (configured.brokers.clone(), configured.topic_prefix.clone());
        let settings = Settings { brokers, topic_prefix, key, node: configured.node.clone() };
        let copy = directory.join(COPY_FILE);
        let zones = KafkaJournal::open(&settings, Stream::Zones, position, server::priority::patient)
            .map_err(|error| ClusterError::Stream(error.into()))?;
        let keep = |stream| Kept::open(&settings, stream, &copy, server::priority::patient).map(Arc::new);
        let (zones, access, shared) = (Arc::new(zones), keep(Stream::Access)?, keep(Stream::Settings)?);
        let streams = [zones.clone(), access.kafka().clone(), shared.kafka().clone()];
        let cluster = Arc::new(Cluster { streams, brokers: configured.brokers.join(", ") });
        // Who has nothing has nothing to answer with.
        let may_be_stale = configured.starts_stale && position > 0;
        if !may_be_stale {
            cluster.wait_until_found(START_TIMEOUT)?;
        }
        Ok(Opened { zones, access, settings: shared, secrets, cluster })
    }

    fn wait_until_found(&self, timeout: Duration) -> Result<(), ClusterError> {
        tracing::info!(brokers = self.brokers, "looking for the brokers of the cluster");
        let end = Instant::now() + timeout;
        self.streams.iter().try_for_each(|stream| {
            let left = end.saturating_duration_since(Instant::now());
            stream.wait_until_found(left).map_err(ClusterError::NotFound)
        })
    }

    /// How the streams are: changes of zones, access, shared settings.
    pub fn status(&self) -> [Status; 3] {
        self.streams.each_ref().map(|stream| stream.status())
    }

    /// Where its brokers are, in words.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }
}
