//! The files of the data directory, and what stands in for them where it cannot be written. Called by `durable.rs`.
//!
//! A server whose data directory is read-only serves what it has: the zones of files, and those of the journal if
//! there is one; nothing can be changed. A journal that cannot be read is another matter: its zones would be missing,
//! so the server does not start.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dns::NameBuf;
use journal::{DirLock, Journal, LockError, MemoryJournal, SqliteJournal, Store, Stream};

use crate::auth::AccessStore;
use crate::durable::DurableError;

/// Name of the journal's file in the data directory.
const JOURNAL_FILE: &str = "journal.db";
/// Name of the store's.
const STORE_FILE: &str = "store.db";
/// Name of the key that secrets are sealed with.
const SEAL_KEY_FILE: &str = "seal.key";

/// The data directory, open.
pub struct DataDir {
    /// Changes of zones.
    pub journal: Arc<dyn Journal>,
    /// Users, roles, tokens and keys.
    pub access: AccessStore,
    /// The store.
    pub store: Store,
    /// Where the store is, for further connections.
    pub store_path: PathBuf,
    /// Keeps other servers away; `None`: nothing can be written anyway.
    pub lock: Option<DirLock>,
}

impl DataDir {
    /// Opens what is in `directory`, makes what is not. `journal_zone` is a zone that the configuration wants to be in
    /// the journal, if there is one.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn open(directory: &Path, journal_zone: Option<&NameBuf>) -> Result<DataDir, DurableError> {
        let cannot = |error| DurableError::Directory { path: directory.display().to_string(), error };
        match take(directory) {
            Ok(lock) => DataDir::writable(directory, lock),
            Err(LockError::InUse(_)) => Err(DurableError::InUse(directory.display().to_string())),
            Err(LockError::Io { source, .. }) if !is_read_only(&source) => Err(cannot(source)),
            Err(LockError::Io { source, .. }) => {
                let has_journal = directory.join(JOURNAL_FILE).try_exists().map_err(cannot)?;
                if let Some(zone) = journal_zone.filter(|_| !has_journal) {
                    return Err(DurableError::NoPlace { zone: zone.clone(), error: Box::new(cannot(source)) });
                }
                tracing::error!(
                    directory = %directory.display(), error = %source,
                    "the data directory cannot be written: zones are served as they are, nothing can be changed"
                );
                if has_journal { DataDir::read_only(directory) } else { DataDir::memory(directory, &source) }
            }
        }
    }

    fn writable(directory: &Path, lock: DirLock) -> Result<DataDir, DurableError> {
        let (journal, access) = journals(&directory.join(JOURNAL_FILE))?;
        let access = AccessStore::open(access, &directory.join(SEAL_KEY_FILE))?;
        let store_path = directory.join(STORE_FILE);
        Ok(DataDir { journal, access, store: open_store(&store_path)?, store_path, lock: Some(lock) })
    }

    fn read_only(directory: &Path) -> Result<DataDir, DurableError> {
        let (journal, access) = journals(&read_only_database(&directory.join(JOURNAL_FILE)))?;
        let access = AccessStore::open_read_only(access, &directory.join(SEAL_KEY_FILE))?;
        let store_file = directory.join(STORE_FILE);
        let has_store = store_file.try_exists().unwrap_or(false);
        let store_path = if has_store { read_only_database(&store_file) } else { memory_database()? };
        Ok(DataDir { journal, access, store: open_store(&store_path)?, store_path, lock: None })
    }

    /// Nothing is there, and nothing can be made.
    fn memory(directory: &Path, error: &io::Error) -> Result<DataDir, DurableError> {
        let empty = || {
            let journal = MemoryJournal::default();
            journal.refuse(Some(&format!("data directory {}: {error}", directory.display())));
            Arc::new(journal)
        };
        let access = AccessStore::open_read_only(empty(), &directory.join(SEAL_KEY_FILE))?;
        let store_path = memory_database()?;
        Ok(DataDir { journal: empty(), access, store: open_store(&store_path)?, store_path, lock: None })
    }
}

/// Whether a server has used the data directory.
pub fn exists(directory: &Path) -> bool {
    directory.join(JOURNAL_FILE).exists()
}

fn take(directory: &Path) -> Result<DirLock, LockError> {
    let io = |source| LockError::Io { path: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(io)?;
    DirLock::take(directory)
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

type Journals = (Arc<dyn Journal>, Arc<dyn Journal>);

fn journals(path: &Path) -> Result<Journals, DurableError> {
    let open = |stream| -> Result<Arc<dyn Journal>, DurableError> {
        let journal = SqliteJournal::open(path, stream, server::priority::background)?;
        Ok(Arc::new(journal))
    };
    Ok((open(Stream::Zones)?, open(Stream::Access)?))
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

/// A database of its own in memory, there as long as a connection to it is open.
fn memory_database() -> Result<PathBuf, DurableError> {
    let id = getrandom::u64().map_err(|error| DurableError::Thread(error.into()))?;
    Ok(PathBuf::from(format!("file:headwater-{id:016x}?mode=memory&cache=shared")))
}
