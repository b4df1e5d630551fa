//! What the API needs from the node, and nothing more: zones, their history, transfers, keys, backups
//! and the corridor for changes. The node implements it; tests have one in memory.

use std::sync::Arc;

use dns::{Name, NameBuf};
use journal::Offset;
use tokio::sync::{oneshot, watch};
use zone::check::{Finding, Source};
use zone::{ChangeSet, Contents, ZoneKind, ZoneSettings};

use crate::commit::{CommitError, Committed, Request};

/// How a request for something that is no change failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackendError {
    /// What was asked for is not there.
    #[error("{0}")]
    NotThere(String),
    /// It was there, but history has been trimmed.
    #[error("{0}")]
    Trimmed(String),
    /// It cannot be done to this object.
    #[error("{0}")]
    Refused(String),
    /// It did not work out now.
    #[error("{0}")]
    Failed(String),
}

/// Where a zone is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneSource {
    /// In the journal: the API can change it.
    Journal,
    /// In the journal, but how it is served stands in the configuration: only its records can be changed here.
    Configuration,
    /// In a file: read-only here.
    File,
}

/// Whether a zone answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneState {
    /// It does.
    Serving,
    /// It has no contents yet: its file is bad, or its first transfer is outstanding.
    Waiting,
    /// It was not refreshed in time (RFC 1035 3.3.13 EXPIRE): SERVFAIL.
    Expired,
}

/// How the transfers of a secondary zone go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransferState {
    /// The primary that was asked last.
    pub primary: Option<String>,
    /// When a primary last said that the zone is current, or sent it; milliseconds since 1970.
    pub refreshed_at_ms: Option<u64>,
    /// When the next refresh is due.
    pub next_refresh_at_ms: Option<u64>,
    /// When the zone stops being served unless it is refreshed.
    pub expires_at_ms: Option<u64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Primaries whose serial is earlier than the zone's, with it.
    pub behind: Vec<(String, u32)>,
}

/// A zone as lists show it.
#[derive(Debug, Clone)]
pub struct ZoneInfo {
    /// The apex.
    pub name: NameBuf,
    /// Where it is described.
    pub source: ZoneSource,
    /// Whether it answers.
    pub state: ZoneState,
    /// How it is served.
    pub settings: Arc<ZoneSettings>,
    /// Its serial, if it has contents.
    pub serial: Option<u32>,
    /// Number of records.
    pub records: u64,
    /// What the checks say about the records; some of it, where there is very much.
    pub findings: Arc<[Finding]>,
    /// Of a secondary.
    pub transfer: Option<TransferState>,
}

impl ZoneInfo {
    /// Whose records the zone has.
    pub fn records_from(&self) -> Source {
        match (self.settings.kind, self.source) {
            (ZoneKind::Secondary, _) => Source::Transferred,
            (ZoneKind::Primary, ZoneSource::File) => Source::ZoneFile,
            (ZoneKind::Primary, _) => Source::Made,
        }
    }
}

/// A change of the history.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its place in the journal.
    pub offset: Offset,
    /// What it is.
    pub set: Arc<ChangeSet>,
}

/// A moment of a zone's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When it had this serial.
    Serial(u32),
    /// At this time, in milliseconds since 1970.
    TimeMs(u64),
}

/// A backup that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its name, which is also that of its file.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// Octets.
    pub size_bytes: u64,
    /// The offset up to which it has changes.
    pub position: Offset,
}

/// Something wrong with an entry of a zone's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The list.
    pub field: &'static str,
    /// The entry's place in it.
    pub index: usize,
    /// What is wrong.
    pub detail: String,
}

/// The node, as the API sees it. Methods marked as blocking are called on threads for that.
pub trait Backend: Send + Sync + 'static {
    /// Up to `limit` zones in canonical order (RFC 4034 6.1), those behind `after`. Its cost must not depend on the
    /// number of zones.
    fn zones_after(&self, after: Option<&Name>, limit: usize) -> Vec<ZoneInfo>;
    /// A zone.
    fn zone(&self, name: &Name) -> Option<ZoneInfo>;
    /// The records of a zone; `None`: there is no such zone, or it has no contents.
    fn contents(&self, name: &Name) -> Option<Contents>;
    /// The apex of the zone that `name` is in: the closest one at or above it.
    fn closest_zone(&self, name: &Name) -> Option<NameBuf>;
    /// How many zones there are.
    fn zone_count(&self) -> usize;
    /// What is wrong with the entries of settings.
    fn check_settings(&self, settings: &ZoneSettings) -> Vec<SettingProblem>;

    /// Hands a change to the committer; `reply` is called once.
    fn submit(&self, request: Request, reply: Box<dyn FnOnce(Result<Committed, CommitError>) + Send>);

    /// The offset of the latest change that is visible, as it moves.
    fn position(&self) -> watch::Receiver<Offset>;
    /// Up to `limit` changes, of one zone or of all, the latest first, those before `before`. Blocking.
    ///
    /// # Errors
    /// [`BackendError::Failed`].
    fn changes(&self, zone: Option<&Name>, before: Option<Offset>, limit: usize) -> Result<Vec<Change>, BackendError>;
    /// Up to `limit` changes behind `after`, the earliest first. Blocking.
    ///
    /// # Errors
    /// [`BackendError::Trimmed`], [`BackendError::Failed`].
    fn changes_after(&self, after: Offset, limit: usize) -> Result<Vec<Change>, BackendError>;
    /// One change. Blocking.
    ///
    /// # Errors
    /// [`BackendError::NotThere`], [`BackendError::Trimmed`], [`BackendError::Failed`].
    fn change(&self, offset: Offset) -> Result<Change, BackendError>;
    /// A zone as it was. Blocking.
    ///
    /// # Errors
    /// [`BackendError::NotThere`]: it did not exist then; [`BackendError::Trimmed`], [`BackendError::Failed`].
    fn zone_at(&self, zone: &Name, moment: Moment) -> Result<Contents, BackendError>;

    /// Fetches a secondary zone from its primaries as a whole, soon.
    ///
    /// # Errors
    /// [`BackendError::Refused`]: it is no secondary.
    fn retransfer(&self, zone: &Name) -> Result<(), BackendError>;
    /// Tells the secondaries of a zone about its serial, soon; says how many are told.
    ///
    /// # Errors
    /// [`BackendError::Refused`]: the zone has no contents.
    fn notify(&self, zone: &Name) -> Result<usize, BackendError>;

    /// Makes a backup. Blocking.
    ///
    /// # Errors
    /// [`BackendError::Failed`].
    fn backup_create(&self) -> Result<Backup, BackendError>;
    /// All backups, the latest first. Blocking.
    ///
    /// # Errors
    /// [`BackendError::Failed`].
    fn backup_list(&self) -> Result<Vec<Backup>, BackendError>;
    /// Reads a backup through and says what is wrong with it. Blocking.
    ///
    /// # Errors
    /// [`BackendError::NotThere`], [`BackendError::Failed`].
    fn backup_verify(&self, name: &str) -> Result<Vec<String>, BackendError>;
}

/// Submits a change and waits for what becomes of it.
///
/// # Errors
/// What the committer says; [`CommitError::Stopping`] if it is gone.
pub async fn commit(backend: &dyn Backend, request: Request) -> Result<Committed, CommitError> {
    let (sender, receiver) = oneshot::channel();
    // A client that has gone away waits for nothing; its change is made all the same.
    backend.submit(request, Box::new(move |outcome| drop(sender.send(outcome))));
    receiver.await.unwrap_or(Err(CommitError::Stopping))
}

/// Runs something that blocks.
///
/// # Errors
/// What it says; [`BackendError::Failed`] if it panicked.
pub async fn blocking<T: Send + 'static, E: From<BackendError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let failed = |_| Err(BackendError::Failed("it failed; this is a bug of the server".into()).into());
    tokio::task::spawn_blocking(work).await.unwrap_or_else(failed)
}
