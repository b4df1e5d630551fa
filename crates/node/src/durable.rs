//! What outlives a restart: the journal, the store and what is folded from them, opened in the order in which they
//! depend on each other. Called by `node.rs` at the start.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::AccessStore;
use config::{Config, ZoneSource};
use dns::NameHasher;
use journal::corridor::{Corridor, StreamState};
use journal::shared::SharedSettings;
use journal::{
    DirLock, Follower, History, Journal, JournalError, Offset, Replica, StoredZone, ZoneState, check_position,
};
use resolver::cache::ChangedNames;
use tokio::sync::watch;
use zone::{Published, ZoneKind, ZoneTable};

use crate::catalogue::Catalogue;
use crate::cluster::Cluster;
use crate::commit::{Committer, Threads};
use crate::data_dir::{DataDir, DurableError};
use crate::follow::Following;
use crate::lookups::Lookups;
use crate::observer::{self, ZoneObserver};
use crate::presigned::Presigned;
use crate::recent::Recent;
use crate::scheduler::Scheduler;
use crate::signers::Signers;
use crate::signing::{Configured, load_signers};
use crate::timings::{TimedJournal, Timings};

/// While the store cannot be written, the log says so this often.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// Octets of changes that wait for the store after a start, at most: more than a server that was stopped while its
/// store could not be written leaves.
const MAX_BACKLOG_OCTETS: usize = 2 * Follower::MAX_QUEUED_OCTETS;

/// The durable parts of a node.
pub struct Durable {
    /// Makes changes.
    pub committer: Committer,
    /// The zones.
    pub catalogue: Arc<Catalogue>,
    /// The latest changes.
    pub recent: Arc<Recent>,
    /// Timed work: secondaries, NOTIFY.
    pub scheduler: Scheduler,
    /// What keeps the store up.
    pub follower: Arc<Follower>,
    /// The offset of the latest change that is visible.
    pub position: watch::Sender<Offset>,
    /// Past changes.
    pub history: Arc<History>,
    /// Users, roles, tokens and keys.
    pub access: Arc<AccessStore>,
    /// What is set by API and holds for every server on the journal.
    pub settings: Arc<SharedSettings>,
    /// Who signs which zone.
    pub signers: Arc<Signers>,
    /// What is known of zones that others sign and that are validated.
    pub presigned: Arc<Presigned>,
    /// How long changes take.
    pub timings: Arc<Timings>,
    /// Who shares the streams; `None`: they are in a file.
    pub cluster: Option<Arc<Cluster>>,
    threads: Threads,
    /// They have the events of other servers folded.
    following: [Following; 2],
    /// Until everything else here is gone.
    _lock: Option<DirLock>,
}

impl Durable {
    /// Opens the data directory and the journal, brings the zones of the journal up to date and publishes them.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn open(
        directory: &Path,
        journal_file: &Path,
        hasher: NameHasher,
        zones: &Arc<Published<ZoneTable>>,
        configured: (&[Arc<ZoneSource>], &Configured),
        parts: (Scheduler, &Lookups),
    ) -> Result<Durable, DurableError> {
        let in_journal = |source: &&Arc<ZoneSource>| source.file().is_none() || source.is_signed();
        let journal_zone = configured.0.iter().find(in_journal).map(|source| &source.name);
        Durable::start(DataDir::open(directory, journal_file, journal_zone)?, hasher, zones, configured, parts)
    }

    /// The same for whatever the configuration says: a journal in a file, or a cluster.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn open_configured(
        config: &Config,
        hasher: NameHasher,
        zones: &Arc<Published<ZoneTable>>,
        signing: &Configured,
        parts: (Scheduler, &Lookups),
    ) -> Result<Durable, DurableError> {
        let (directory, configured) = (&config.data_dir, (&*config.zones, signing));
        match &config.cluster {
            None => Durable::open(directory, &config.journal.file, hasher, zones, configured, parts),
            Some(cluster) => Durable::start(DataDir::in_cluster(directory, cluster)?, hasher, zones, configured, parts),
        }
    }

    /// Brings the zones of the journal up to date and publishes them.
    ///
    /// # Errors
    /// What keeps the data from being used.
    pub fn start(
        data: DataDir,
        hasher: NameHasher,
        zones: &Arc<Published<ZoneTable>>,
        (configured, signing): (&[Arc<ZoneSource>], &Configured),
        (scheduler, lookups): (Scheduler, &Lookups),
    ) -> Result<Durable, DurableError> {
        let DataDir { journal, access, settings, store, store_path, cluster, lock } = data;
        let timings = Arc::new(Timings::default());
        let journal: Arc<dyn Journal> = Arc::new(TimedJournal { inner: journal, timings: timings.clone() });
        let of_store = |error| DurableError::Store { path: store_path.display().to_string(), error };
        let position = store.position().map_err(of_store)?;
        check_position(position, journal.bounds()?)?;
        let stored = store.load(hasher).map_err(of_store)?;
        let (gone, writers) = (store.gone().map_err(of_store)?, store.writers().map_err(of_store)?);
        let secondary = |zone: &&StoredZone| zone.settings.kind == ZoneKind::Secondary;
        let checked = |zone: &StoredZone| Some((zone.key.name.clone(), zone.checked?));
        scheduler.remember(stored.iter().filter(secondary).filter_map(checked).collect());
        let follower = Arc::new(Follower::start(store, server::priority::background, report())?);
        let mut replica = Replica::new(hasher, position, stored.into_iter().map(ZoneState::from).collect());
        replica.remember(gone, writers);
        let identity = cluster.as_ref().map(|cluster| cluster.identity().clone());
        let signers = load_signers(&settings, signing, identity.as_ref().map(|identity| &*identity.name));
        let (catalogue, recent) = (Arc::new(Catalogue::new(signers.clone(), identity)), Arc::new(Recent::default()));
        let presigned = Arc::new(Presigned::default());
        let position = watch::Sender::new(position);
        let last = catch_up(&mut replica, &*journal, &recent, &follower)?;
        observer::advance(&position, last);
        let history = Arc::new(History::new(&store_path, journal.clone(), follower.clone(), hasher)?);
        catalogue.configure(configured);
        let observer = Box::new(ZoneObserver {
            catalogue: catalogue.clone(),
            signers: signers.clone(),
            presigned: presigned.clone(),
            recent: recent.clone(),
            scheduler: scheduler.clone(),
            follower: follower.clone(),
            position: position.clone(),
            inventory: cluster.as_ref().map(|cluster| cluster.inventory().clone()),
            lookups: lookups.clone(),
            changed: ChangedNames::default(),
            started: false,
        });
        let (committer, threads) =
            Committer::start(journal, replica, zones.clone(), observer).map_err(DurableError::Thread)?;
        let committer = committer.timed(timings.clone());
        let following = [follow("follow-access", access.corridor())?, follow("follow-settings", settings.corridor())?];
        Ok(Durable {
            committer,
            catalogue,
            recent,
            scheduler,
            follower,
            position,
            history,
            access: Arc::new(access),
            settings: Arc::new(settings),
            signers,
            presigned,
            timings,
            cluster,
            threads,
            following,
            _lock: lock,
        })
    }

    /// Makes the changes that wait, and has the store take them all.
    pub fn stop(self) {
        self.scheduler.stop();
        self.committer.stop();
        self.threads.join();
        self.following.into_iter().for_each(Following::stop);
        self.follower.stop();
        // All streams are in one file.
        self.settings.corridor().journal().settle();
    }
}

/// Has a corridor fold what other servers append to its stream.
fn follow<S: StreamState>(thread: &str, corridor: &Arc<Corridor<S>>) -> Result<Following, DurableError> {
    Following::start(thread, corridor.journal().clone(), corridor.clone()).map_err(DurableError::Thread)
}

/// Folds what the journal has beyond the store; the store and the latest changes follow. Returns the offset of the last
/// change, 0 if there is none.
fn catch_up(
    replica: &mut Replica,
    journal: &dyn Journal,
    recent: &Recent,
    follower: &Follower,
) -> Result<Offset, JournalError> {
    let (mut folded, mut last, mut room) = (0u64, 0 as Offset, Ok(()));
    replica.catch_up(journal, None, |event| {
        if event.outcome.is_ok() && room.is_ok() {
            recent.add(std::slice::from_ref(&event.event));
            last = event.event.offset;
            room = follower.wait_for_room(MAX_BACKLOG_OCTETS);
            follower.push(std::slice::from_ref(&event.event));
        }
        folded += 1;
    })?;
    room?;
    if folded > 0 {
        tracing::info!(changes = folded, "applied the changes that the store did not have yet");
    }
    Ok(last)
}

/// Says that the store cannot be written, now and then.
fn report() -> impl Fn(&JournalError) + Send {
    let last: Cell<Option<Instant>> = Cell::new(None);
    move |error| {
        if last.get().is_none_or(|last| last.elapsed() >= REPORT_INTERVAL) {
            last.set(Some(Instant::now()));
            tracing::error!(%error, "the store lags behind; the journal has the changes");
        }
    }
}
