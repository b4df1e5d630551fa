//! Private keys on disk: files in BIND's format that nobody but the server's user may read. They are nowhere else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use dns::Name;
use dnssec::key_file::{self, KeyFileError, MAX_FILE_LEN, Timing, file_stem, parse_private};
use dnssec::sign::{SignError, SigningKey};
use zeroize::Zeroizing;

/// Why a key cannot be kept or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// A file.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It is no key.
    #[error("{path}: {error}")]
    Key {
        /// Which.
        path: String,
        /// Why.
        error: KeyFileError,
    },
    /// It is another key than the zone has.
    #[error(
        "{path}: the private key is not the one of the zone's DNSKEY record with tag {tag}: bring the right file back"
    )]
    Another {
        /// Which file.
        path: String,
        /// The tag of the record.
        tag: u16,
    },
    /// Some are missing.
    #[error("none of the keys that are here signs the zone's records: bring its zone-signing key in, too")]
    Incomplete,
    /// The crypto library.
    #[error("a key cannot be made: {0}")]
    Crypto(#[from] SignError),
}

/// The directory of private keys.
#[derive(Debug, Clone)]
pub struct KeyStore {
    directory: PathBuf,
}

impl KeyStore {
    /// The keys in `directory`, which is made when there is one to keep.
    pub fn new(directory: PathBuf) -> KeyStore {
        KeyStore { directory }
    }

    /// Where the private key of a DNSKEY record is kept.
    pub fn path(&self, zone: &Name, dnskey: &[u8], ending: &str) -> PathBuf {
        self.directory.join(format!("{}.{ending}", file_stem(zone, dnskey)))
    }

    /// Keeps a key. It is on the disk when this returns.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn keep(&self, zone: &Name, ttl_s: u32, key: &SigningKey) -> Result<(), KeyStoreError> {
        let in_directory = |error| failed(&self.directory, error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(in_directory)?;
        let private = key_file::to_private_text(key, &Timing::default())?;
        let public = Zeroizing::new(key_file::to_public_text(zone, ttl_s, key));
        for (ending, text) in [("key", public), ("private", private)] {
            let path = self.path(zone, key.dnskey_rdata(), ending);
            write(&path, text.as_bytes()).map_err(|error| failed(&path, error))?;
        }
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(in_directory)
    }

    /// The private key of a DNSKEY record.
    ///
    /// # Errors
    /// It is not there, is none, or is another one.
    pub fn load(&self, zone: &Name, dnskey: &[u8]) -> Result<SigningKey, KeyStoreError> {
        let path = self.path(zone, dnskey, "private");
        let flags = dnskey.first_chunk::<2>().map_or(0, |flags| u16::from_be_bytes(*flags));
        let key = read(&path, flags)?;
        if key.dnskey_rdata() != dnskey {
            let tag = dnssec::key::key_tag(dnskey);
            return Err(KeyStoreError::Another { path: path.display().to_string(), tag });
        }
        Ok(key)
    }

    /// Destroys the private key of a DNSKEY record that nothing needs any more.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn destroy(&self, zone: &Name, dnskey: &[u8]) -> Result<(), KeyStoreError> {
        for ending in ["private", "key"] {
            let path = self.path(zone, dnskey, ending);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path, error)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A private key of an operator's file; flags stand in the public file beside it.
///
/// # Errors
/// One of the two cannot be read, or they are not those of one key.
pub fn read_pair(path: &Path) -> Result<SigningKey, KeyStoreError> {
    let with = |ending: &str| {
        // Names of key files have dots: only the two known endings are exchanged.
        let name = path.to_string_lossy();
        let stem = name.strip_suffix(".private").or(name.strip_suffix(".key")).unwrap_or(&name);
        PathBuf::from(format!("{stem}.{ending}"))
    };
    let (private, public) = (with("private"), with("key"));
    let text = read_text(&public)?;
    let known = |error| KeyStoreError::Key { path: public.display().to_string(), error };
    let record = key_file::parse_public(&text).map_err(known)?;
    let key = read(&private, record.flags)?;
    record.check(&key).map_err(|error| KeyStoreError::Key { path: private.display().to_string(), error })?;
    Ok(key)
}

fn read(path: &Path, flags: u16) -> Result<SigningKey, KeyStoreError> {
    let text = read_text(path)?;
    let known = |error| KeyStoreError::Key { path: path.display().to_string(), error };
    parse_private(&text, flags, None).map(|(key, _)| key).map_err(known)
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, KeyStoreError> {
    let mut text = Zeroizing::new(String::new());
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_LEN as u64 + 1).read_to_string(&mut text));
    read.map_err(|error| failed(path, error))?;
    Ok(text)
}

fn failed(path: &Path, error: io::Error) -> KeyStoreError {
    KeyStoreError::File { path: path.display().to_string(), error }
}

/// Writes a file of which there is all or nothing.
fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}
