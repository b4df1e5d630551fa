//! One server a data directory: taken by the server when it starts, and by whoever exchanges what is in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// The file in the data directory. It stays there; only the lock on it counts.
pub const LOCK_FILE: &str = "lock";

/// The right to a data directory; it ends when this is dropped, or with the process, however that ends.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

/// Why a data directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{0} is in use by a running server")]
    InUse(PathBuf),
    /// The lock file cannot be opened or locked.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl DirLock {
    /// Takes the lock of `data_dir`, without waiting.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn take(data_dir: &Path) -> Result<DirLock, LockError> {
        let path = data_dir.join(LOCK_FILE);
        let io = |source| LockError::Io { path: path.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(DirLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse(data_dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().expect("directory");
        let lock = DirLock::take(dir.path()).expect("free");
        assert!(matches!(DirLock::take(dir.path()), Err(LockError::InUse(_))));
        drop(lock);
        DirLock::take(dir.path()).expect("free again");
        assert!(matches!(DirLock::take(&dir.path().join("missing")), Err(LockError::Io { .. })));
    }
}
