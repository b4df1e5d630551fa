//! The journal: bodies of events in one total order, durable once they are appended.
//!
//! Callers see only this trait, so that an embedded database and a broker are exchangeable. Several
//! writers may append to one journal; what an event means, and whether it counts, is decided by whoever
//! folds the events in their order (`replica.rs`), everywhere the same.

use std::time::Duration;

/// The place of an event in its journal. Later events have larger offsets; there may be gaps.
pub type Offset = u64;

/// An event as the journal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub offset: Offset,
    /// Its octets, as they were appended.
    pub body: Vec<u8>,
}

/// What a journal holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// No event before this offset is there any more.
    pub first: Offset,
    /// The high-water mark: the next event gets this offset or a larger one.
    pub next: Offset,
}

impl Bounds {
    /// Whether reading from `from` on would miss nothing that ever was there.
    ///
    /// # Errors
    /// [`JournalError::Trimmed`].
    pub fn check(self, from: Offset) -> Result<(), JournalError> {
        // Offsets begin at 1: who asks for 0 before anything was trimmed misses nothing.
        let misses = from < self.first && self.first > 1;
        if misses { Err(JournalError::Trimmed { wanted: from, first: self.first }) } else { Ok(()) }
    }
}

/// Why a journal did not do something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// It cannot be written now: disk full, read-only, broker away. Nothing of what was to be appended is there.
    #[error("the journal cannot be written: {0}")]
    Unwritable(String),
    /// It does not say whether it has what was to be appended: a broker that did not answer. Each body may be there,
    /// whole, or come to be there later, or never.
    #[error("the journal did not say whether it has the change ({0}): look before you make it again")]
    Unknown(String),
    /// It cannot be read.
    #[error("the journal cannot be read: {0}")]
    Unreadable(String),
    /// It was made by a later version of this server.
    #[error(
        "{path} has schema version {found}, this server knows versions up to {known}; use the server that wrote it"
    )]
    FromTheFuture {
        /// Which file.
        path: String,
        /// Its version.
        found: u32,
        /// The latest one known.
        known: u32,
    },
    /// It was made by an earlier version of this server, which did not know this stream, and cannot be written.
    #[error("{path} is of an earlier version and cannot be written, so it cannot be brought up to date")]
    Outdated {
        /// Which file.
        path: String,
    },
    /// What was asked for has been trimmed away.
    #[error("the journal starts at offset {first}; {wanted} is no longer there")]
    Trimmed {
        /// What was asked for.
        wanted: Offset,
        /// What is there.
        first: Offset,
    },
    /// The store is ahead of the journal.
    #[error(
        "the store has changes up to offset {position}, the journal ends before {next}: the journal was lost or replaced"
    )]
    Lost {
        /// The store's position.
        position: Offset,
        /// The journal's high-water mark.
        next: Offset,
    },
    /// An event cannot be understood.
    #[error("event at offset {offset}: {why}")]
    Corrupt {
        /// Its place.
        offset: Offset,
        /// What is wrong with it.
        why: String,
    },
}

/// An ordered, durable list of events.
pub trait Journal: Send + Sync {
    /// Appends `bodies` in their order, all or none, and returns the offset of each. When it returns,
    /// they survive a crash. Events of other writers may stand between them.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`]; then none of them is there, nor will be. [`JournalError::Unknown`]: each may be
    /// there or not; whoever folds the events sees what is.
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError>;

    /// The events from offset `from` on, in order: as many as fit into `max_bytes` of bodies, at least one
    /// if there is one. Empty: none yet.
    ///
    /// # Errors
    /// [`JournalError::Trimmed`], [`JournalError::Unreadable`].
    fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError>;

    /// What it holds.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`].
    fn bounds(&self) -> Result<Bounds, JournalError>;

    /// Waits until the high-water mark is beyond `offset`, or `timeout` has passed; says whether it is.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`].
    fn wait(&self, offset: Offset, timeout: Duration) -> Result<bool, JournalError>;

    /// Puts what is durable where it is kept for good, for whoever copies files of a server that has stopped. Nothing
    /// depends on it.
    fn settle(&self) {}

    /// Forgets the events before offset `before`.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`].
    fn trim(&self, before: Offset) -> Result<(), JournalError>;
}
