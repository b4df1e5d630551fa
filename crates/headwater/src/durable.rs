//! What outlives a restart: the journal, the store and what is folded from them, opened in the order in which they
//! depend on each other. Called by `node.rs` at the start.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dns::NameHasher;
use journal::{
    DirLock, Follower, History, Journal, JournalError, Offset, Replica, StoredZone, ZoneState, check_position,
};
use zone::{Published, ZoneKind, ZoneTable};

use crate::auth::{AccessError, AccessStore};
use crate::clock::now_ms;
use crate::commit::Committer;
use crate::config::ZoneSource;
use crate::data_dir::DataDir;
use crate::keeper::{Keeper, Reporter};
use crate::secondary::Secondaries;

/// While the store cannot be written, the log says so this often.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// Octets of changes that wait for the store after a start, at most: more than a server that was stopped while its
/// store could not be written leaves.
const MAX_BACKLOG_OCTETS: usize = 2 * Follower::MAX_QUEUED_OCTETS;

/// Why the server cannot start with its data directory.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// It cannot be made or read.
    #[error("data directory {path}: {error}; another one: `data_dir` or --data")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Another server has it.
    #[error("data directory {0} is in use by another server; another one: `data_dir` or --data")]
    InUse(String),
    /// It cannot be written, and a zone is to be there.
    #[error("{error}; zone {zone} has no file, so its records would be there")]
    NoPlace {
        /// Which.
        zone: dns::NameBuf,
        /// Why.
        error: Box<DurableError>,
    },
    /// The journal.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// The store.
    #[error(
        "{path}: {error}; without this file, and those beside it with -wal and -shm, it is made anew from the journal"
    )]
    Store {
        /// Where it is.
        path: String,
        /// Why.
        error: JournalError,
    },
    /// Users, tokens and keys.
    #[error("{0}")]
    Access(#[from] AccessError),
    /// A thread.
    #[error("thread: {0}")]
    Thread(io::Error),
}

/// The durable parts of a node.
pub struct Durable {
    /// Makes changes.
    pub committer: Committer,
    /// Knows the zones.
    pub keeper: Arc<Keeper>,
    /// Past changes.
    pub history: Arc<History>,
    /// Users, roles, tokens and keys.
    pub access: Arc<AccessStore>,
    thread: JoinHandle<()>,
    /// Until everything else here is gone.
    _lock: Option<DirLock>,
}

impl Durable {
    /// Opens the data directory, brings the zones of the journal up to date and publishes them.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn open(
        directory: &Path,
        hasher: NameHasher,
        zones: &Arc<Published<ZoneTable>>,
        configured: &[Arc<ZoneSource>],
        secondaries: Secondaries,
    ) -> Result<Durable, DurableError> {
        let journal_zone = configured.iter().find(|source| source.file().is_none()).map(|source| &source.name);
        let DataDir { journal, access, store, store_path, lock } = DataDir::open(directory, journal_zone)?;
        let of_store = |error| DurableError::Store { path: store_path.display().to_string(), error };
        let position = store.position().map_err(of_store)?;
        check_position(position, journal.bounds()?)?;
        let stored = store.load(hasher).map_err(of_store)?;
        let gone = store.gone().map_err(of_store)?;
        let secondary = |zone: &&StoredZone| zone.settings.kind == ZoneKind::Secondary;
        let checked = |zone: &StoredZone| Some((zone.name.clone(), zone.checked?));
        secondaries.remember(stored.iter().filter(secondary).filter_map(checked).collect());
        let follower = Arc::new(Follower::start(store, server::priority::background, report())?);
        let mut replica = Replica::new(hasher, position, stored.into_iter().map(state_of).collect());
        replica.remember_gone(gone);
        let keeper = Keeper::new(secondaries, follower.clone(), position);
        catch_up(&mut replica, &*journal, &keeper)?;
        let history = Arc::new(History::new(&store_path, journal.clone(), follower, hasher)?);
        keeper.configure(configured);
        let observer = Box::new(Reporter(keeper.clone()));
        let (committer, thread) =
            Committer::start(journal, replica, zones.clone(), observer).map_err(DurableError::Thread)?;
        keeper.started();
        Ok(Durable { committer, keeper, history, access: Arc::new(access), thread, _lock: lock })
    }

    /// Forgets the history that is not to be kept any longer.
    pub fn retain(&self, policy: &crate::config::Journal) {
        let plan = self.history.plan_trim(now_ms(), policy.retention_days, policy.retention_changes);
        let trimmed =
            plan.and_then(|before| before.map(|before| self.history.trim(before).map(|()| before)).transpose());
        match trimmed {
            Ok(Some(before)) => tracing::info!(before, "history before this offset forgotten"),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "history cannot be trimmed"),
        }
    }

    /// Makes the changes that wait, and has the store take them all.
    pub fn stop(self) {
        self.keeper.secondaries.stop();
        self.committer.stop();
        if self.thread.join().is_err() {
            tracing::error!("the committer panicked; this is a bug of the server");
        }
        self.keeper.follower.stop();
    }
}

/// Folds what the journal has beyond the store; the store and the latest changes follow.
fn catch_up(replica: &mut Replica, journal: &dyn Journal, keeper: &Keeper) -> Result<(), JournalError> {
    let (mut folded, mut last, mut room) = (0u64, 0 as Offset, Ok(()));
    replica.catch_up(journal, None, |event| {
        if event.outcome.is_ok() && room.is_ok() {
            keeper.recent.add(std::slice::from_ref(&event.event));
            last = event.event.offset;
            room = keeper.follower.wait_for_room(MAX_BACKLOG_OCTETS);
            keeper.follower.push(std::slice::from_ref(&event.event));
        }
        folded += 1;
    })?;
    room?;
    if folded > 0 {
        keeper.advanced(last);
        tracing::info!(changes = folded, "changes behind the store's position folded");
    }
    Ok(())
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

fn state_of(zone: StoredZone) -> ZoneState {
    let StoredZone { name, settings, contents, .. } = zone;
    ZoneState { name, settings: Arc::new(settings), contents, version: 0 }
}
