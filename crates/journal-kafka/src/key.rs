//! The key that the nodes of a cluster share: 32 random octets, in a file as base64.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use dnssec::mac::KEY_LEN;

/// Most octets of a file that are read: more than a key or a password, and the end of its line.
const MAX_FILE: u64 = 256;

/// Why a file with a secret is not read.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// It cannot be read.
    #[error("{0}")]
    File(#[from] io::Error),
    /// Its mode.
    #[error("its mode is {0:03o}: others may read it; it must be 600")]
    Mode(u32),
}

/// What is in a file that nobody else may read; at most 256 octets of it.
pub fn read_private(path: &Path) -> Result<Vec<u8>, PrivateError> {
    let file = File::open(path)?;
    let mode = file.metadata()?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PrivateError::Mode(mode));
    }
    let mut octets = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut octets)?;
    Ok(octets)
}

/// The key. What events are authenticated with, and secrets in them sealed, is derived from it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterKey([u8; KEY_LEN]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{path}: {error}; `headwater cluster init FILE` makes a key")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is not a key, or others may read it.
    #[error("{path}: {why}")]
    Unfit {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl ClusterKey {
    /// Reads the key in the file at `path`.
    ///
    /// # Errors
    /// [`KeyError::File`], [`KeyError::Unfit`].
    pub fn read(path: &Path) -> Result<ClusterKey, KeyError> {
        let unfit = |why: String| KeyError::Unfit { path: path.to_owned(), why };
        let text = read_private(path).map_err(|error| match error {
            PrivateError::File(error) => KeyError::File { path: path.to_owned(), error },
            mode @ PrivateError::Mode(_) => unfit(mode.to_string()),
        })?;
        let octets = BASE64.decode(text.trim_ascii()).ok().and_then(|octets| octets.try_into().ok());
        octets.map(ClusterKey).ok_or_else(|| unfit(format!("it does not have {KEY_LEN} octets in base64")))
    }

    /// Makes a new key in a file that must not exist, and that nobody else may read.
    ///
    /// # Errors
    /// [`KeyError::File`], [`KeyError::Random`].
    pub fn make(path: &Path) -> Result<ClusterKey, KeyError> {
        let mut key = [0; KEY_LEN];
        getrandom::fill(&mut key)?;
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            writeln!(file, "{}", BASE64.encode(&key))?;
            file.sync_all()
        };
        write().map_err(|error| KeyError::File { path: path.to_owned(), error })?;
        Ok(ClusterKey(key))
    }

    /// The key for one purpose: whoever learns it knows nothing of the others.
    pub fn derive(&self, purpose: &str) -> [u8; KEY_LEN] {
        dnssec::mac::mac(&self.0, &[b"headwater cluster key for ", purpose.as_bytes()])
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made_and_others_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("cluster.key");
        assert!(matches!(ClusterKey::read(&path), Err(KeyError::File { .. })));
        let made = ClusterKey::make(&path).expect("made");
        assert!(ClusterKey::make(&path).is_err(), "what is there stays");
        assert_eq!(ClusterKey::read(&path).expect("read"), made);
        assert_ne!(made.derive("events"), made.derive("secrets"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("a mode");
        let error = ClusterKey::read(&path).expect_err("others may read it").to_string();
        assert!(error.contains("its mode is 640"), "{error}");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("a mode");
        for text in ["", "AAAA", &"A".repeat(300), "not base64 at all, but of that length......."] {
            std::fs::write(&path, text).expect("written");
            assert!(matches!(ClusterKey::read(&path), Err(KeyError::Unfit { .. })), "{text}");
        }
    }
}
