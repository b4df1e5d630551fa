//! The files of the data directory, and what stands in for them where it cannot be written. Called by `durable.rs`.
//!
//! A server whose data directory is read-only serves what it has: the zones of files, and those of the journal if
//! there is one; nothing can be changed. A journal that cannot be read is another matter: its zones would be missing,
//! so the server does not start.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::{AccessError, AccessStore};
use dns::NameBuf;
use journal::shared::SharedSettings;
use journal::{DirLock, Journal, JournalError, LockError, MemoryJournal, SqliteJournal, Store, Stream};

use crate::cluster::{Cluster, ClusterError, Opened, is_of_cluster};

/// Name of the store's file in the data directory.
pub(crate) const STORE_FILE: &str = "store.db";
/// Name of the key that secrets are sealed with. It lies beside the journal: every server that reads it needs the key.
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
    /// Another server has it.
    #[error("data directory {0} is in use by another server; another one: `data_dir` or --data")]
    InUse(String),
    /// It cannot be written, and a zone is to be there.
    #[error("{error}; zone {zone} has no zone file, so its records are stored there")]
    NoPlace {
        /// Which.
        zone: dns::NameBuf,
        /// Why.
        error: Box<DurableError>,
    },
    /// It has zones of a cluster, and there is none.
    #[error(
        "data directory {0}: its zones are of a cluster, and cluster.brokers is empty: set it again; for a server alone, export the zones while the \
         cluster is there (`headwater zone export`), start with an empty data directory, and import them"
    )]
    OfCluster(String),
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
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A thread.
    #[error("thread: {0}")]
    Thread(io::Error),
}

/// The data directory, open.
pub struct DataDir {
    /// Changes of zones.
    pub journal: Arc<dyn Journal>,
    /// Users, roles, tokens and keys.
    pub access: AccessStore,
    /// What is set by API and holds for every server on the journal.
    pub settings: SharedSettings,
    /// The store.
    pub store: Store,
    /// Where the store is, for further connections.
    pub store_path: PathBuf,
    /// Who shares the streams; `None`: they are in a file, or nowhere.
    pub cluster: Option<Arc<Cluster>>,
    /// Keeps other servers away; `None`: nothing can be written anyway.
    pub lock: Option<DirLock>,
}

impl DataDir {
    /// Opens what is in `directory`, and the journal in `journal_file`; makes what is missing. `journal_zone` is a zone
    /// that the configuration wants to be in the journal, if there is one.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn open(
        directory: &Path,
        journal_file: &Path,
        journal_zone: Option<&NameBuf>,
    ) -> Result<DataDir, DurableError> {
        let cannot = |error| DurableError::Directory { path: directory.display().to_string(), error };
        match take(directory) {
            Ok(lock) => DataDir::writable(directory, journal_file, lock),
            Err(LockError::InUse(_)) => Err(DurableError::InUse(directory.display().to_string())),
            Err(LockError::Io { source, .. }) if !is_read_only(&source) => Err(cannot(source)),
            Err(LockError::Io { source, .. }) => {
                let has_journal = journal_file.try_exists().map_err(cannot)?;
                if let Some(zone) = journal_zone.filter(|_| !has_journal) {
                    return Err(DurableError::NoPlace { zone: zone.clone(), error: Box::new(cannot(source)) });
                }
                tracing::error!(
                    directory = %directory.display(), error = %source,
                    "the data directory cannot be written: zones are served as they are, nothing can be changed"
                );
                if has_journal {
                    DataDir::read_only(directory, journal_file)
                } else {
                    DataDir::refusing(directory, &source)
                }
            }
        }
    }

    /// Opens what is in `directory`, which must be writable, and the streams of the cluster.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn in_cluster(directory: &Path, cluster: &config::Cluster) -> Result<DataDir, DurableError> {
        let lock = take(directory).map_err(|error| match error {
            LockError::InUse(_) => DurableError::InUse(directory.display().to_string()),
            LockError::Io { source, .. } => {
                DurableError::Directory { path: directory.display().to_string(), error: source }
            }
        })?;
        let store_path = directory.join(STORE_FILE);
        let of_store = |error| DurableError::Store { path: store_path.display().to_string(), error };
        // A snapshot may take its place.
        let position = open_store(&store_path)?.position().map_err(of_store)?;
        let Opened { zones, access, settings, secrets, cluster: streams } =
            Cluster::open(cluster, directory, position)?;
        let access = AccessStore::open_with_key(access, secrets, &cluster.key_file)?;
        let settings = SharedSettings::open(settings)?;
        let store = open_store(&store_path)?;
        Ok(DataDir { journal: zones, access, settings, store, store_path, cluster: Some(streams), lock: Some(lock) })
    }

    /// Nothing on disk: changes go to `journal`, and the store is in memory.
    ///
    /// # Errors
    /// A database in memory that cannot be made.
    pub fn in_memory(
        journal: Arc<dyn Journal>,
        access: AccessStore,
        settings: SharedSettings,
    ) -> Result<DataDir, DurableError> {
        let store_path = memory_database()?;
        Ok(DataDir {
            journal,
            access,
            settings,
            store: open_store(&store_path)?,
            store_path,
            cluster: None,
            lock: None,
        })
    }

    fn writable(directory: &Path, journal_file: &Path, lock: DirLock) -> Result<DataDir, DurableError> {
        if is_of_cluster(directory) {
            return Err(DurableError::OfCluster(directory.display().to_string()));
        }
        let journal = open_stream(journal_file, Stream::Zones)?;
        let access = open_stream(journal_file, Stream::Access)?;
        let access = AccessStore::open(access, &journal_file.with_file_name(SEAL_KEY_FILE))?;
        let settings = SharedSettings::open(open_stream(journal_file, Stream::Settings)?)?;
        let store_path = directory.join(STORE_FILE);
        let (store, lock) = (open_store(&store_path)?, Some(lock));
        Ok(DataDir { journal, access, settings, store, store_path, cluster: None, lock })
    }

    fn read_only(directory: &Path, journal_file: &Path) -> Result<DataDir, DurableError> {
        // Elsewhere others may write it.
        let is_here = journal_file.parent() == Some(directory);
        let path = if is_here { read_only_database(journal_file) } else { journal_file.into() };
        let journal = open_stream(&path, Stream::Zones)?;
        let access = open_stream(&path, Stream::Access)?;
        let access = AccessStore::open_read_only(access, &journal_file.with_file_name(SEAL_KEY_FILE))?;
        let settings = match open_stream(&path, Stream::Settings) {
            // Of an earlier version, which had none.
            Err(JournalError::Outdated { path }) => refusing(&format!("{path} cannot be written")),
            opened => opened?,
        };
        let settings = SharedSettings::open(settings)?;
        let store_file = directory.join(STORE_FILE);
        let has_store = store_file.try_exists().unwrap_or(false);
        let store_path = if has_store { read_only_database(&store_file) } else { memory_database()? };
        Ok(DataDir {
            journal,
            access,
            settings,
            store: open_store(&store_path)?,
            store_path,
            cluster: None,
            lock: None,
        })
    }

    /// Nothing is there, and nothing can be made.
    fn refusing(directory: &Path, error: &io::Error) -> Result<DataDir, DurableError> {
        let empty = || refusing(&format!("data directory {}: {error}", directory.display()));
        let access = AccessStore::open_read_only(empty(), &directory.join(SEAL_KEY_FILE))?;
        DataDir::in_memory(empty(), access, SharedSettings::open(empty())?)
    }
}

/// An empty stream that stays so, because of `why`.
fn refusing(why: &str) -> Arc<dyn Journal> {
    let journal = MemoryJournal::default();
    journal.refuse(Some(why));
    Arc::new(journal)
}

fn take(directory: &Path) -> Result<DirLock, LockError> {
    let io = |source| LockError::Io { path: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(io)?;
    DirLock::take(directory)
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

fn open_stream(path: &Path, stream: Stream) -> Result<Arc<dyn Journal>, JournalError> {
    Ok(Arc::new(SqliteJournal::open(path, stream, server::priority::background)?))
}

fn open_store(path: &Path) -> Result<Store, DurableError> {
    Store::open(path).map_err(|error| DurableError::Store { path: path.display().to_string(), error })
}

/// How SQLite opens a database in a directory where it can make no files. With a write-ahead log it uses the index
/// that is left beside it; without one nothing is to be looked for, and nobody else writes.
fn read_only_database(path: &Path) -> PathBuf {
    let mut log = OsString::from(path);
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    match std::path::absolute(path).ok().and_then(|path| path.into_os_string().into_string().ok()) {
        Some(path) if !has_log => {
            let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            PathBuf::from(format!("file:{path}?immutable=1"))
        }
        _ => path.to_owned(),
    }
}

/// A database of its own in memory, there as long as a connection to it is open. Its readers wait for a writer as those
/// of a file do; with a cache that connections share they would fail.
fn memory_database() -> Result<PathBuf, DurableError> {
    let id = getrandom::u64().map_err(|error| DurableError::Thread(error.into()))?;
    Ok(PathBuf::from(format!("file:/headwater-{id:016x}?vfs=memdb")))
}
