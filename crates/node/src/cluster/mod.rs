//! A server of a cluster: its three streams are in Kafka. Opened by `data_dir.rs`, looked at by health checks.
//!
//! Servers tell each other how far they are (`report.rs`): each puts its report on a board (`reporter.rs`) and keeps those of
//! all (`nodes.rs`). From them come receipts: who has served a change, since when.

mod drained;
mod home;
mod inventory;
mod nodes;
mod placement;
mod report;
mod reporter;
mod security;
mod snapshots;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use config::Cluster as Configured;
use journal::{JournalError, Offset, Stream};
use journal_kafka::{
    Board, ClusterKey, Heard, KafkaJournal, Kept, KeyError, SecurityError, Settings, SettingsError, Snapshots, Status,
};
use server::clock::unix_ms;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use drained::{drained, set_drained};
pub use home::{HomeError, is_of_cluster};
pub use inventory::Inventory;
pub use nodes::{Awaited, NodeView, Nodes, Presence, Receipt, WaitFor};
pub use placement::{Holders, Identity};
pub use report::{Positions, Report};
pub use reporter::{Watched, problems_on};
pub(crate) use security::security;
use snapshots::Snapshooter;
pub use snapshots::{LOOK_INTERVAL, SnapshotsError};

/// Name of the file in the data directory with copies of the streams that are folded as a whole.
const COPY_FILE: &str = "cluster.db";
/// A server that starts waits so long for a broker.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The same of one that may answer with what it has: brokers that are there answer within this time, and say whether its place
/// in the journal is still there.
const STALE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a server cannot take part in its cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Its key.
    #[error("cluster.key_file: {0}")]
    Key(#[from] KeyError),
    /// Its data directory.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A file for connections to brokers.
    #[error("{0}")]
    Security(#[from] SecurityError),
    /// No broker answered in time, or a topic is not as it must be.
    #[error("cluster.brokers: {0}; a server that has zones starts without them if `cluster.start` is `stale`")]
    NotFound(JournalError),
    /// A stream cannot be opened.
    #[error("cluster: {0}")]
    Stream(#[from] JournalError),
    /// Kafka's client cannot be started.
    #[error("cluster: {0}")]
    Client(#[from] SettingsError),
    /// The server's place in the journal is gone, and there is no snapshot to begin with.
    #[error("cluster: no snapshot of the zones can be had: {0}")]
    Snapshot(#[from] SnapshotsError),
}

/// A server that has the name of this one and reported within so long runs beside it.
const TWIN_FOR_MS: u64 = 60_000;
/// Between two looks whether the board has been read.
const BOARD_PAUSE: Duration = Duration::from_millis(10);
/// How long a server that stops waits until it has said so.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The streams of a cluster, and its servers.
pub struct Cluster {
    streams: [Arc<KafkaJournal>; 3],
    brokers: String,
    identity: Identity,
    nodes: Arc<Nodes>,
    board: Arc<Board>,
    inventory: Arc<Inventory>,
    snapshooter: Snapshooter,
    /// When this server started, in milliseconds since 1970.
    started_ms: u64,
    /// When another server of the same name reported last, in milliseconds since 1970; 0: none ever did.
    twin_ms: Arc<AtomicU64>,
    /// Ends the task that reports.
    reporting: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
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
    /// Looks for the streams, and waits for them as configured. The store in `directory`, which is not open, has all changes up
    /// to offset `position`; where that is too little, a snapshot takes its place.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn open(configured: &Configured, directory: &Path, position: Offset) -> Result<Opened, ClusterError> {
        let key = ClusterKey::read(&configured.key_file)?;
        home::check(directory, position, &key, &configured.topic_prefix)?;
        let secrets = key.derive("secrets");
        let (brokers, topic_prefix) = (configured.brokers.clone(), configured.topic_prefix.clone());
        let security = security(configured)?;
        let settings = Settings { brokers, security, topic_prefix, key, node: configured.node.clone() };
        let copy = directory.join(COPY_FILE);
        let zones = KafkaJournal::open(&settings, Stream::Zones, position, server::priority::patient)?;
        let keep = |stream| Kept::open(&settings, stream, &copy, server::priority::patient).map(Arc::new);
        let (zones, access, shared) = (Arc::new(zones), keep(Stream::Access)?, keep(Stream::Settings)?);
        let streams = [zones.clone(), access.kafka().clone(), shared.kafka().clone()];
        let (nodes, twin_ms, started_ms) = (Arc::new(Nodes::new(&configured.node)), Arc::default(), unix_ms());
        let board = open_board(&settings, &nodes, &twin_ms, started_ms)?;
        let cluster = Arc::new(Cluster {
            streams,
            brokers: configured.brokers.join(", "),
            identity: Identity { name: configured.node.clone(), labels: configured.labels.clone() },
            nodes,
            board: Arc::new(board),
            inventory: Arc::default(),
            snapshooter: Snapshooter::new(Snapshots::new(&settings)?, directory, configured.snapshot_changes),
            started_ms,
            twin_ms,
            reporting: Mutex::default(),
        });
        // Who has nothing has nothing to answer with.
        let may_be_stale = configured.starts_stale && position > 0;
        match cluster.wait_until_found(if may_be_stale { STALE_TIMEOUT } else { START_TIMEOUT }) {
            // What is wrong with brokers and topics is said by the health check.
            Err(_) if may_be_stale => {}
            found => found?,
        }
        let [changes, ..] = &cluster.streams;
        if changes.status().away.is_none() {
            cluster.snapshooter.begin(position, changes.known_bounds())?;
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

    /// Whether the changes behind `position` are gone from the journal, so that this server cannot go on.
    pub fn is_left_behind(&self, position: Offset) -> bool {
        let [changes, ..] = &self.streams;
        position + 1 < changes.known_bounds().first
    }

    /// Whether no server of this name is known any more, though all have been heard of that there are.
    pub fn has_forgotten(&self, server: &str) -> bool {
        self.board.is_read() && !self.nodes.views().iter().any(|view| view.report.node == server)
    }

    /// What zones are placed by at this server.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its servers.
    pub fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// Waits until the servers that `servers` names have served what is awaited, at most so long; returns what each has said
    /// until then. `drained` says who is not waited for.
    pub async fn wait(
        &self,
        awaited: &Awaited,
        servers: WaitFor,
        timeout: Duration,
        drained: impl Fn() -> BTreeSet<String>,
    ) -> Vec<Receipt> {
        let end = Instant::now() + timeout;
        // Before that, not all that must be waited for may be known.
        while !self.board.is_read() && Instant::now() < end {
            tokio::time::sleep(BOARD_PAUSE).await;
        }
        self.nodes.wait(awaited, servers, end.saturating_duration_since(Instant::now()), drained).await
    }

    /// Which zones of the journal this server has.
    pub fn inventory(&self) -> &Arc<Inventory> {
        &self.inventory
    }

    /// Reports that no server of this cluster wrote.
    pub fn foreign_reports(&self) -> u64 {
        self.board.foreign()
    }

    /// Whether another server that is called the same has reported lately.
    pub fn has_twin(&self) -> bool {
        unix_ms().saturating_sub(self.twin_ms.load(Ordering::Relaxed)) < TWIN_FOR_MS
    }

    /// Begins to tell the other servers how far this one is. It answers queries by now.
    pub fn report(&self, watched: Watched, runtime: &Handle) {
        let (stop, stopped) = oneshot::channel();
        let (nodes, board, started_ms) = (self.nodes.clone(), self.board.clone(), self.started_ms);
        let labels = self.identity.labels.clone();
        let reporter = reporter::Reporter { nodes, board, watched, labels, started_ms, number: 0 };
        let task = runtime.spawn(reporter.run(stopped));
        *self.reporting.lock().unwrap_or_else(PoisonError::into_inner) = Some((stop, task));
    }

    /// Tells the other servers that this one stops.
    pub fn stop(&self, runtime: &Handle) {
        let reporting = self.reporting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, task)) = reporting {
            drop(stop);
            // A panic has been reported; who waits longer finds this server absent.
            let _ = runtime.block_on(async { tokio::time::timeout(STOP_TIMEOUT, task).await });
        }
    }

    /// Makes a snapshot of the zones if one is due, for servers that come new. The journal is at `position`. Blocking.
    pub fn make_due_snapshot(&self, position: Offset) {
        if let Err(error) = self.snapshooter.look(&self.nodes.views(), position) {
            tracing::error!(%error, "no snapshot of the zones was made; it is tried again");
        }
    }

    /// The journal of changes may be trimmed before this offset: new servers begin with a snapshot that has what stands before.
    pub fn may_trim_before(&self) -> Offset {
        self.snapshooter.latest() + 1
    }

    /// Has all servers forget one that will not come back.
    pub fn forget(&self, node: &str) {
        let report = Report::removed(node, unix_ms());
        match serde_json::to_vec(&report) {
            Ok(body) => self.board.post(node, &body),
            Err(error) => tracing::error!(%error, "a report cannot be written; this is a bug of the server"),
        }
        self.nodes.hear(report, Duration::ZERO);
    }

    /// Where its brokers are, in words.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }
}

/// The board, whose reports go to `nodes`. One of a server that is called as this one, and that did not start at
/// `started_ms`, is noted in `twin_ms`.
fn open_board(
    settings: &Settings,
    nodes: &Arc<Nodes>,
    twin_ms: &Arc<AtomicU64>,
    started_ms: u64,
) -> Result<Board, SettingsError> {
    let (nodes, twin_ms) = (nodes.clone(), twin_ms.clone());
    let heard = move |Heard { key, body, is_old }: Heard<'_>| {
        let report = match serde_json::from_slice::<Report>(body) {
            Ok(report) if report.node == key => report,
            Ok(report) => return tracing::warn!(key, node = report.node, "a report stands under another name"),
            Err(error) => return tracing::warn!(key, %error, "a report of another server cannot be read"),
        };
        if report.node != nodes.own() {
            let age = if is_old { unix_ms().saturating_sub(report.at_ms) } else { 0 };
            nodes.hear(report, Duration::from_millis(age));
        } else if report.started_ms != started_ms && !is_old && !report.is_stopping {
            twin_ms.store(unix_ms(), Ordering::Relaxed);
        }
    };
    Board::open(settings, server::priority::patient, heard)
}
