//! Backups of a data directory, made while it is written; called by the command line and the API.
//!
//! A backup is a directory: the databases, the key that access events are sealed with, and a manifest with
//! the digest of each. Each database is copied in one read transaction: its writer goes on, only the WAL
//! cannot begin anew meanwhile. The store is copied before the journal, so that the journal covers it.

mod manifest;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnssec::digest::Sha256;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

pub use self::manifest::{FileEntry, MANIFEST, Manifest, Streams};
use self::manifest::{MANIFEST_DIGEST, digest_line};
use crate::journal::{JournalError, Offset};
use crate::lock::{DirLock, LockError};
use crate::sqlite::{Stream, bounds_in};
use crate::store;

/// Name of the store's file in a data directory.
pub const STORE: &str = "store.db";
const JOURNAL: &str = "journal.db";
const SEAL_KEY: &str = "seal.key";
/// All that a backup may hold, in the order in which it is copied.
const FILES: [&str; 3] = [SEAL_KEY, STORE, JOURNAL];
/// Files that SQLite keeps beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];
/// How often databases are copied anew because the journal was trimmed beyond the store's copy meanwhile.
const MAX_ATTEMPTS: usize = 3;
/// How often, and after which time, a database that is locked is tried again.
const MAX_BUSY: usize = 1000;
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// Octets read at once.
const BUFFER_LEN: usize = 256 << 10;

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A database cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Store and journal do not fit.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is something where the backup or the data shall go.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// A server runs on the data directory.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The backup is not as it was made.
    #[error("the backup is damaged: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Damaged(Vec<Problem>),
}

/// Something that is wrong with a backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// What is wrong.
    pub what: String,
}

/// Makes a backup of `data_dir`, and of the journal in `journal_file`, in the directory `target`, which is made, and
/// must not be there. The server may run.
///
/// # Errors
/// See [`BackupError`]; then `target` is gone again.
pub fn create(data_dir: &Path, journal_file: &Path, target: &Path) -> Result<Manifest, BackupError> {
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    // Keys and digests of passwords are in it.
    DirBuilder::new().mode(0o700).create(target).map_err(io_error(target))?;
    let created = fill(&Sources::new(data_dir, journal_file), target);
    if created.is_err() {
        let _ = fs::remove_dir_all(target);
    }
    created
}

/// Copies the store at `store`, which may be written meanwhile, to `target`, which must not be there; returns the offset up to
/// which the copy has the changes.
///
/// # Errors
/// [`BackupError::Exists`], [`BackupError::Database`].
pub fn copy_store(store: &Path, target: &Path) -> Result<Offset, BackupError> {
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let failed = |source| BackupError::Database { path: target.to_owned(), source };
    copy_database(store, target).map_err(failed)?;
    open_unwritten(target).and_then(|copy| store::position(&copy)).map_err(failed)
}

/// Puts the store in the file `new` into the place of the one in `data_dir`, on which no server may run but the caller.
///
/// # Errors
/// [`BackupError::Io`].
pub fn place_store(new: &Path, data_dir: &Path) -> Result<(), BackupError> {
    let store = data_dir.join(STORE);
    // A WAL must not outlive its database, or it would be played into the new one.
    remove(&store)?;
    COMPANIONS.iter().try_for_each(|end| remove(&data_dir.join(format!("{STORE}{end}"))))?;
    fs::rename(new, &store).map_err(io_error(new))?;
    sync(data_dir)
}

/// Checks the backup in `target`: every digest, every database, and that they fit together.
///
/// # Errors
/// All that is wrong.
pub fn verify(target: &Path) -> Result<Manifest, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut note = |file: &str, what: String| problems.push(Problem { file: file.to_owned(), what });
    let text = fs::read(target.join(MANIFEST)).unwrap_or_default();
    if fs::read(target.join(MANIFEST_DIGEST)).unwrap_or_default() != digest_line(&text).as_bytes() {
        note(MANIFEST, format!("it is not what {MANIFEST_DIGEST} says"));
        return Err(problems);
    }
    let manifest = match Manifest::from_json(&text) {
        Ok(manifest) => manifest,
        Err(what) => {
            note(MANIFEST, what);
            return Err(problems);
        }
    };
    if !manifest.files.iter().any(|file| file.name == JOURNAL) {
        note(MANIFEST, format!("{JOURNAL} is missing"));
    }
    for file in &manifest.files {
        if let Err(what) = check_file(target, file) {
            note(&file.name, what);
        }
    }
    if problems.is_empty() {
        match streams(target) {
            Ok(streams) if streams == manifest.streams => {}
            Ok(_) => problems.push(Problem { file: JOURNAL.to_owned(), what: "it holds other events".to_owned() }),
            Err(error) => problems.push(Problem { file: JOURNAL.to_owned(), what: error.to_string() }),
        }
    }
    if problems.is_empty() { Ok(manifest) } else { Err(problems) }
}

/// Puts the backup in `target` into `data_dir`, on which no server may run. Data that is there is replaced
/// only if `force` says so.
///
/// # Errors
/// See [`BackupError`]. Before anything is replaced, all of the backup has been verified and copied.
pub fn restore(target: &Path, data_dir: &Path, force: bool) -> Result<Manifest, BackupError> {
    let manifest = verify(target).map_err(BackupError::Damaged)?;
    fs::create_dir_all(data_dir).map_err(io_error(data_dir))?;
    let _lock = DirLock::take(data_dir)?;
    let there = FILES.iter().map(|name| data_dir.join(name)).find(|path| path.exists());
    if let Some(path) = there.filter(|_| !force) {
        return Err(BackupError::Exists(path));
    }
    let new_path = |name: &str| data_dir.join(format!(".restored-{name}"));
    for file in &manifest.files {
        copy_file(&target.join(&file.name), &new_path(&file.name))?;
    }
    // The old store first: a journal without a store is whole, a store beside another journal is not. A WAL
    // must not outlive its database, or it would be played into the restored one.
    for database in [STORE, JOURNAL] {
        remove(&data_dir.join(database))?;
        COMPANIONS.iter().try_for_each(|end| remove(&data_dir.join(format!("{database}{end}"))))?;
    }
    let order = [SEAL_KEY, JOURNAL, STORE];
    for name in order.into_iter().filter(|name| manifest.files.iter().any(|file| file.name == *name)) {
        fs::rename(new_path(name), data_dir.join(name)).map_err(io_error(data_dir))?;
    }
    sync(data_dir)?;
    Ok(manifest)
}

/// The files that a backup is made of.
struct Sources {
    store: PathBuf,
    journal: PathBuf,
    seal_key: PathBuf,
}

impl Sources {
    fn new(data_dir: &Path, journal_file: &Path) -> Sources {
        let (journal, seal_key) = (journal_file.to_owned(), journal_file.with_file_name(SEAL_KEY));
        Sources { store: data_dir.join(STORE), journal, seal_key }
    }
}

fn fill(sources: &Sources, target: &Path) -> Result<Manifest, BackupError> {
    if sources.seal_key.exists() {
        copy_file(&sources.seal_key, &target.join(SEAL_KEY))?;
    }
    let streams = copy_databases(sources, target)?;
    let mut files = Vec::new();
    for name in FILES.iter().filter(|name| target.join(name).exists()) {
        let (size, sha256) = digest(&target.join(name)).map_err(io_error(&target.join(name)))?;
        files.push(FileEntry { name: (*name).to_owned(), size, sha256 });
    }
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let created_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    let manifest = Manifest { created_ms, files, streams };
    let text = manifest.to_json();
    for (name, text) in [(MANIFEST, &text), (MANIFEST_DIGEST, &digest_line(text.as_bytes()))] {
        fs::write(target.join(name), text).map_err(io_error(&target.join(name)))?;
        sync(&target.join(name))?;
    }
    sync(target)?;
    Ok(manifest)
}

/// Copies store and journal so that the journal goes on where the store ends.
fn copy_databases(sources: &Sources, target: &Path) -> Result<Streams, BackupError> {
    let mut attempt = 1;
    loop {
        for (name, from) in [(STORE, &sources.store), (JOURNAL, &sources.journal)] {
            let to = target.join(name);
            remove(&to)?;
            if name == JOURNAL || from.exists() {
                copy_database(from, &to).map_err(|source| BackupError::Database { path: from.clone(), source })?;
                sync(&to)?;
            }
        }
        match streams(target) {
            Err(BackupError::Journal(JournalError::Trimmed { .. })) if attempt < MAX_ATTEMPTS => attempt += 1,
            done => return done,
        }
    }
}

/// What the journal in `dir`, which nobody writes, holds; an error if the store there does not fit to it.
fn streams(dir: &Path) -> Result<Streams, BackupError> {
    let failed = |name: &str| {
        let path = dir.join(name);
        move |source| BackupError::Database { path, source }
    };
    let read = || {
        let journal = open_unwritten(&dir.join(JOURNAL))?;
        let always = |stream| bounds_in(&journal, stream)?.ok_or(rusqlite::Error::QueryReturnedNoRows);
        let settings = bounds_in(&journal, Stream::Settings)?;
        Ok(Streams { zones: always(Stream::Zones)?, access: always(Stream::Access)?, settings })
    };
    let streams = read().map_err(failed(JOURNAL))?;
    let path = dir.join(STORE);
    if path.exists() {
        let position = open_unwritten(&path).and_then(|store| store::position(&store)).map_err(failed(STORE))?;
        store::check_position(position, streams.zones)?;
    }
    Ok(streams)
}

fn copy_database(from: &Path, to: &Path) -> rusqlite::Result<()> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let mut target = Connection::open(to)?;
    {
        let backup = Backup::new(&source, &mut target)?;
        // All pages in one step, so of one state: a copy in several steps would begin anew with each commit.
        let mut busy = 0;
        loop {
            match backup.step(-1)? {
                StepResult::Done => break,
                StepResult::Busy | StepResult::Locked if busy >= MAX_BUSY => {
                    return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(5), None));
                }
                _ => busy += 1,
            }
            std::thread::sleep(BUSY_PAUSE);
        }
    }
    target.close().map_err(|(_, error)| error)
}

/// Opens a database that nobody writes, so that SQLite puts no files beside it.
fn open_unwritten(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for &octet in path.as_os_str().as_encoded_bytes() {
        match octet {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(octet)),
            _ => uri.push_str(&format!("%{octet:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags)
}

fn check_file(dir: &Path, file: &FileEntry) -> Result<(), String> {
    if !FILES.contains(&file.name.as_str()) {
        return Err("no backup has such a file".to_owned());
    }
    let path = dir.join(&file.name);
    let (size, sha256) = digest(&path).map_err(|error| error.to_string())?;
    if size != file.size {
        return Err(format!("it is {size} octets long, it was {}", file.size));
    }
    if sha256 != file.sha256 {
        return Err("its digest has changed".to_owned());
    }
    if file.name == SEAL_KEY {
        return Ok(());
    }
    let quick_check = |database: Connection| database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match open_unwritten(&path).and_then(quick_check) {
        Ok(said) if said == "ok" => Ok(()),
        Ok::<String, _>(said) => Err(said),
        Err(error) => Err(error.to_string()),
    }
}

fn digest(path: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut file = File::open(path)?;
    let (mut digest, mut size, mut buffer) = (Sha256::default(), 0, vec![0; BUFFER_LEN]);
    loop {
        let len = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..len).filter(|read| !read.is_empty()) else { break };
        digest.update(read);
        size += len as u64;
    }
    Ok((size, digest.finish()))
}

/// Copies a file that nobody writes, with its permissions.
fn copy_file(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::copy(from, to).map_err(io_error(from))?;
    sync(to)
}

fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(io_error(path))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { path: path.clone(), source }
}
