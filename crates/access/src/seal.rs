//! TSIG secrets at rest: sealed with a key that is in the file `seal.key` beside the journal and nowhere else, so that the journal and
//! its backups alone give no secret away. Called by `store.rs`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use dnssec::seal::{KEY_LEN, NONCE_LEN, TAG_LEN};
use serde::{Deserialize, Serialize};

use super::limits::MAX_TSIG_SECRET;
use super::secret::{RandomError, random};

/// Octets that say with which key something was sealed.
const ID_LEN: usize = 8;

/// A sealed secret: which key, nonce, sealed text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sealed {
    key_id: [u8; ID_LEN],
    nonce: [u8; NONCE_LEN],
    text: Vec<u8>,
}

/// Seals and opens.
pub struct Sealer {
    key: [u8; KEY_LEN],
    id: [u8; ID_LEN],
    path: PathBuf,
}

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key's file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The key is gone.
    #[error(
        "{path} is missing: the secrets of TSIG keys are sealed with it; restore it from a backup, or delete the keys"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is not a key, or others may read it.
    #[error("{path}: {why}")]
    Unfit {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Sealed with another key.
    #[error("{path} is not the key that the secret of {what} was sealed with")]
    OtherKey {
        /// Where the key is.
        path: PathBuf,
        /// What was sealed.
        what: String,
    },
    /// Sealed with this key, but changed.
    #[error("the sealed secret of {what} is damaged")]
    Damaged {
        /// What was sealed.
        what: String,
    },
    /// Too long, or empty.
    #[error("a TSIG secret has 1 to {MAX_TSIG_SECRET} bytes")]
    Length,
    /// No random octets.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl Sealer {
    /// The sealer with the key at `path`; `may_make`: a new key, if there is none.
    ///
    /// # Errors
    /// [`SealError::Missing`], [`SealError::File`], [`SealError::Unfit`].
    pub fn open(path: &Path, may_make: bool) -> Result<Sealer, SealError> {
        let file_error = |error| SealError::File { path: path.to_owned(), error };
        match File::open(path) {
            Ok(file) => Sealer::read(file, path),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(error)),
            Err(_) if !may_make => Err(SealError::Missing { path: path.to_owned() }),
            Err(_) => {
                let key = random()?;
                match write_new(path, &key) {
                    Ok(()) => Ok(Sealer::new(key, path)),
                    // Another server on the same journal was faster: its key counts.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Sealer::open(path, false),
                    Err(error) => Err(file_error(error)),
                }
            }
        }
    }

    /// A sealer with a new key that is nowhere else: nothing that it seals can be kept.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn unsaved(path: &Path) -> Result<Sealer, SealError> {
        Ok(Sealer::new(random()?, path))
    }

    fn read(file: File, path: &Path) -> Result<Sealer, SealError> {
        let file_error = |error| SealError::File { path: path.to_owned(), error };
        let unfit = |why: String| SealError::Unfit { path: path.to_owned(), why };
        let mode = file.metadata().map_err(file_error)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(unfit(format!("its mode is {mode:03o}: others may read it; it must be 600")));
        }
        let mut octets = Vec::with_capacity(KEY_LEN + 1);
        file.take(KEY_LEN as u64 + 1).read_to_end(&mut octets).map_err(file_error)?;
        match <[u8; KEY_LEN]>::try_from(octets) {
            Ok(key) => Ok(Sealer::new(key, path)),
            Err(_) => Err(unfit(format!("it does not have {KEY_LEN} octets, so it is not a key"))),
        }
    }

    /// The sealer with a key that came from the file at `path`.
    pub(crate) fn new(key: [u8; KEY_LEN], path: &Path) -> Sealer {
        let digest = dnssec::digest::sha256(&[b"headwater seal key ".as_slice(), &key].concat());
        let mut id = [0; ID_LEN];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Sealer { key, id, path: path.to_owned() }
    }

    /// Seals the secret of `what`.
    ///
    /// # Errors
    /// [`SealError::Length`], [`SealError::Random`].
    pub fn seal(&self, what: &str, secret: &[u8]) -> Result<Sealed, SealError> {
        if secret.is_empty() || secret.len() > MAX_TSIG_SECRET {
            return Err(SealError::Length);
        }
        let nonce = random()?;
        let text = dnssec::seal::seal(&self.key, nonce, what.as_bytes(), secret).map_err(|_| SealError::Length)?;
        Ok(Sealed { key_id: self.id, nonce, text })
    }

    /// The secret of `what`.
    ///
    /// # Errors
    /// [`SealError::OtherKey`], [`SealError::Damaged`], also if it was sealed for something else.
    pub fn unseal(&self, what: &str, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        if sealed.key_id != self.id {
            return Err(SealError::OtherKey { path: self.path.clone(), what: what.to_owned() });
        }
        let damaged = |_| SealError::Damaged { what: what.to_owned() };
        dnssec::seal::open(&self.key, sealed.nonce, what.as_bytes(), &sealed.text).map_err(damaged)
    }
}

/// Writes a file that is either there whole and durable, or not at all, and that nobody else may read.
fn write_new(path: &Path, key: &[u8; KEY_LEN]) -> io::Result<()> {
    let part = path.with_extension(format!("key.part-{}", std::process::id()));
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(key)?;
    file.sync_all()?;
    // A link, not a rename: it fails if another process was faster.
    let linked = std::fs::hard_link(&part, path);
    std::fs::remove_file(&part)?;
    linked?;
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({})", self.path.display())
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

impl TryFrom<String> for Sealed {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Sealed, &'static str> {
        let why = "not a sealed secret";
        let octets = BASE64.decode(text.as_bytes()).map_err(|_| why)?;
        let (key_id, rest) = octets.split_first_chunk::<ID_LEN>().ok_or(why)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(why)?;
        if text.len() <= TAG_LEN || text.len() > MAX_TSIG_SECRET + TAG_LEN {
            return Err(why);
        }
        Ok(Sealed { key_id: *key_id, nonce: *nonce, text: text.to_vec() })
    }
}

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> String {
        BASE64.encode(&[sealed.key_id.as_slice(), &sealed.nonce, &sealed.text].concat())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("seal.key");
        assert!(matches!(Sealer::open(&path, false), Err(SealError::Missing { .. })));
        let first = Sealer::open(&path, true).expect("made");
        let metadata = std::fs::metadata(&path).expect("file");
        assert_eq!((metadata.mode() & 0o777, metadata.len()), (0o600, 32));
        let second = Sealer::open(&path, true).expect("read");
        let sealed = first.seal("k", b"secret").expect("sealed");
        assert_eq!(second.unseal("k", &sealed).expect("open"), b"secret");
        let left: Vec<_> = std::fs::read_dir(dir.path()).expect("directory").collect();
        assert_eq!(left.len(), 1, "nothing else is left: {left:?}");
    }

    #[test]
    fn files_that_are_no_key() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("seal.key");
        let check = |octets: &[u8], mode, want: &str| {
            std::fs::write(&path, octets).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
            let error = Sealer::open(&path, true).expect_err(want).to_string();
            assert!(error.contains("seal.key") && error.contains(want), "{error}");
        };
        check(&[7; 31], 0o600, "does not have 32 octets");
        check(&[7; 33], 0o600, "does not have 32 octets");
        check(&[7; 32], 0o640, "its mode is 640");
    }

    #[test]
    fn opens_what_it_sealed_only() {
        let dir = tempfile::tempdir().expect("directory");
        let sealer = Sealer::open(&dir.path().join("a"), true).expect("key");
        let other = Sealer::open(&dir.path().join("b"), true).expect("key");
        let sealed = sealer.seal("k", b"secret").expect("sealed");
        let text = String::from(sealed.clone());
        assert_eq!(Sealed::try_from(text.clone()), Ok(sealed.clone()));
        assert!(matches!(other.unseal("k", &sealed), Err(SealError::OtherKey { .. })));
        assert!(matches!(sealer.unseal("l", &sealed), Err(SealError::Damaged { .. })));
        let mut octets = BASE64.decode(text.as_bytes()).expect("base64");
        *octets.last_mut().expect("octet") ^= 1;
        let damaged = Sealed::try_from(BASE64.encode(&octets)).expect("form");
        assert!(matches!(sealer.unseal("k", &damaged), Err(SealError::Damaged { .. })));
        assert_ne!(sealer.seal("k", b"secret").expect("sealed"), sealed, "another nonce");
        for secret in [&[][..], &[0; MAX_TSIG_SECRET + 1]] {
            assert!(matches!(sealer.seal("k", secret), Err(SealError::Length)));
        }
        for text in ["", "AAAA", "?", &"A".repeat(48), &"A".repeat(2000)] {
            assert!(Sealed::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(!format!("{sealer:?} {sealed:?}").contains(&text));
    }
}
