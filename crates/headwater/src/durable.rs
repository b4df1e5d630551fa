//! What outlives a restart: the journal, the store and what is folded from them, opened in the order in which they
//! depend on each other. Called by `node.rs` at the start.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use dns::NameHasher;
use journal::{
    DirLock, Follower, History, Journal, JournalError, LockError, Offset, Replica, SqliteJournal, Store, StoredZone,
    Stream, ZoneState, check_position,
};
use zone::{Published, ZoneTable};

use crate::auth::{AccessError, AccessStore};
use crate::commit::Committer;
use crate::config::ZoneSource;
use crate::keeper::{Keeper, Reporter};
use crate::secondary::Secondaries;

/// Name of the journal's file in the data directory.
const JOURNAL_FILE: &str = "journal.db";
/// Name of the store's.
const STORE_FILE: &str = "store.db";
/// Name of the key that secrets are sealed with.
const SEAL_KEY_FILE: &str = "seal.key";

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
    /// Another process has it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal or the store.
    #[error("{0}")]
    Journal(#[from] JournalError),
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
    _lock: DirLock,
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
        let directory_error = |error| DurableError::Directory { path: directory.display().to_string(), error };
        std::fs::create_dir_all(directory).map_err(directory_error)?;
        let lock = DirLock::take(directory)?;
        let journal_file = directory.join(JOURNAL_FILE);
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(&journal_file, Stream::Zones)?);
        let access: Arc<dyn Journal> = Arc::new(SqliteJournal::open(&journal_file, Stream::Access)?);
        let access = Arc::new(AccessStore::open(access, &directory.join(SEAL_KEY_FILE))?);
        let store_file = directory.join(STORE_FILE);
        let store = Store::open(&store_file)?;
        let position = store.position()?;
        check_position(position, journal.bounds()?)?;
        let stored = store.load(hasher)?;
        secondaries.remember(stored.iter().filter_map(|zone| Some((zone.name.clone(), zone.checked?))).collect());
        let follower = Arc::new(Follower::start(store, |error| tracing::error!(%error, "the store lags behind"))?);
        let mut replica = Replica::new(hasher, position, stored.into_iter().map(state_of).collect());
        let keeper = Keeper::new(secondaries, follower.clone(), position);
        catch_up(&mut replica, &*journal, &keeper)?;
        let history = Arc::new(History::new(&store_file, journal.clone(), follower, hasher)?);
        keeper.configure(configured);
        let observer = Box::new(Reporter(keeper.clone()));
        let (committer, thread) =
            Committer::start(journal, replica, zones.clone(), observer).map_err(DurableError::Thread)?;
        keeper.started();
        Ok(Durable { committer, keeper, history, access, thread, _lock: lock })
    }

    /// Forgets the history that is not to be kept any longer.
    pub fn retain(&self, policy: &crate::config::Journal) {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let plan = self.history.plan_trim(now_ms, policy.retention_days, policy.retention_changes);
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

/// Whether a server has used the data directory.
pub fn exists(directory: &Path) -> bool {
    directory.join(JOURNAL_FILE).exists()
}

/// Folds what the journal has beyond the store; the store and the latest changes follow.
fn catch_up(replica: &mut Replica, journal: &dyn Journal, keeper: &Keeper) -> Result<(), JournalError> {
    let (mut folded, mut last) = (0u64, 0 as Offset);
    replica.catch_up(journal, |event| {
        if event.outcome.is_ok() {
            keeper.recent.add(std::slice::from_ref(&event.event));
            last = event.event.offset;
            keeper.follower.push(event.event);
        }
        folded += 1;
    })?;
    if folded > 0 {
        keeper.advanced(last);
        tracing::info!(changes = folded, "changes behind the store's position folded");
    }
    Ok(())
}

fn state_of(zone: StoredZone) -> ZoneState {
    let StoredZone { name, settings, contents, .. } = zone;
    ZoneState { name, settings: Arc::new(settings), contents, version: 0 }
}
