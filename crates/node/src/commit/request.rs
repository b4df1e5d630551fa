//! What is submitted to the committer, and what comes back.

use std::sync::Arc;

use dns::{Name, NameBuf, RType, Rcode};
use journal::{JournalError, Offset};
use signer::gate::GateError;
use signer::sign::SigningError;
use zone::check::{Finding, Source};
use zone::xfr::XfrError;
use zone::{ChangeSet, Contents, Edit, EventId, RecordList, ZoneKind, ZoneSettings};

use crate::read_only::{Part, ReadOnly};

/// A zone as the changes that are under way leave it.
#[derive(Clone)]
pub struct PendingZone {
    /// The records; `None`: a secondary before its first transfer.
    pub contents: Option<Contents>,
    /// How it is served.
    pub settings: Arc<ZoneSettings>,
    /// The primary's serial of this version, where the zone has serials of its own.
    pub primary_serial: Option<u32>,
}

impl PendingZone {
    /// Of a secondary: the serial that its primary had of this version.
    pub fn serial_at_primary(&self) -> Option<u32> {
        self.primary_serial.or_else(|| journal::replica::serial_of(self.contents.as_ref()))
    }

    /// The zone with other records.
    pub(super) fn with(&self, contents: Contents, primary_serial: Option<u32>) -> PendingZone {
        PendingZone { contents: Some(contents), settings: self.settings.clone(), primary_serial }
    }

    /// The zone with other signatures: one that has a primary has a serial of its own from then on.
    pub(super) fn signed(&self, contents: Contents) -> PendingZone {
        let is_secondary = self.settings.kind == ZoneKind::Secondary;
        self.with(contents, self.serial_at_primary().filter(|_| is_secondary))
    }
}

/// What a change is built on.
pub trait PendingZones {
    /// The zone of the journal with this name.
    fn zone(&self, name: &Name) -> Option<PendingZone>;
    /// Whether this part of a zone can be changed.
    ///
    /// # Errors
    /// [`CommitError::ReadOnly`].
    fn check_changeable(&self, name: &Name, part: Part) -> Result<(), CommitError>;
    /// Whether the zone has signatures that are made here.
    fn is_signed_here(&self, name: &Name) -> bool;
}

/// How the serial of a changed zone is found, and whose its records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SerialRule {
    /// By the zone's policy; a later serial that the change itself brings is kept.
    Policy,
    /// The SOA record that the change brings is taken as it is.
    AsGiven,
    /// The same, and the records are the primary's: a secondary serves what it gets. One that is signed here, or was, goes
    /// on above its own serial.
    Transferred,
    /// By the zone's policy; the records are those of the zone file that the zone is signed from.
    FromFile,
}

impl SerialRule {
    /// What a change with this rule is a change of.
    pub fn part(self) -> Part {
        match self {
            SerialRule::Policy | SerialRule::AsGiven => Part::Records,
            SerialRule::Transferred => Part::Transfer,
            SerialRule::FromFile => Part::File,
        }
    }

    /// Whose records a change with this rule brings.
    pub fn source(self) -> Source {
        match self {
            SerialRule::Policy | SerialRule::AsGiven | SerialRule::FromFile => Source::Made,
            SerialRule::Transferred => Source::Transferred,
        }
    }

    /// Whether the serial is found by the zone's policy.
    pub fn is_by_policy(self) -> bool {
        matches!(self, SerialRule::Policy | SerialRule::FromFile)
    }
}

/// What shall happen to a zone.
#[derive(Debug, Clone)]
pub enum Intent {
    /// It comes to be.
    Create {
        /// How it is served.
        settings: ZoneSettings,
        /// Its records; empty only for a secondary.
        records: RecordList,
        /// The serial, if there was a zone of this name before: by the policy it goes on above the last one.
        serial: SerialRule,
    },
    /// RRsets become what the edits say; those that are so already are left out, and if nothing is left, nothing
    /// happens.
    Edit {
        /// In their order.
        edits: Vec<Edit>,
        /// The serial.
        serial: SerialRule,
    },
    /// All records are exchanged; small differences become an edit.
    Replace {
        /// What there is afterwards.
        records: RecordList,
        /// The serial.
        serial: SerialRule,
    },
    /// It is served in another way.
    Configure {
        /// The way.
        settings: ZoneSettings,
    },
    /// What is signed here is signed as its keys want it now; these RRsets get new signatures. If nothing is to be done,
    /// nothing happens.
    Sign {
        /// Owners and types.
        again: Vec<(NameBuf, RType)>,
    },
    /// A zone that was not signed becomes signed: `signed` is what became of `from`. What has changed since is signed with it.
    SignWhole {
        /// What was signed.
        from: Contents,
        /// The same, signed.
        signed: Contents,
    },
    /// It goes.
    Delete,
}

impl Intent {
    /// What it changes of a zone that is there.
    pub fn part(&self) -> Part {
        match self {
            Intent::Edit { serial, .. } | Intent::Replace { serial, .. } => serial.part(),
            Intent::Sign { .. } | Intent::SignWhole { .. } => Part::Signatures,
            Intent::Create { .. } | Intent::Configure { .. } | Intent::Delete => Part::Settings,
        }
    }
}

/// Decides what shall happen, seeing what is there. Runs on the committer's thread: it must not wait. It is called
/// again if another writer was faster.
pub type Prepare = Box<dyn FnMut(&dyn PendingZones) -> Result<Vec<(NameBuf, Intent)>, CommitError> + Send>;

/// A change to be made.
pub struct Request {
    /// Who makes it; see [`ChangeSet::who`].
    pub who: String,
    /// Why.
    pub why: String,
    /// The offset of the change that this one takes back.
    pub reverts: Option<Offset>,
    /// What shall happen.
    pub prepare: Prepare,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The offset of the change; `None`: there was nothing to change, or it was a dry run.
    pub offset: Option<Offset>,
    /// The change.
    pub change: Arc<ChangeSet>,
    /// What the owners of the zones should look at.
    pub warnings: Vec<Finding>,
}

/// Why a change of a signed zone is not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SigningFailure {
    /// The keys are not at hand.
    #[error("its keys cannot be used: {0}")]
    Keys(String),
    /// It cannot be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// Resolvers would refuse what it leads to.
    #[error("resolvers would refuse the zone: {0}")]
    Gate(#[from] GateError),
}

/// Why a change was not made. Nothing of it has happened, but for [`CommitError::Unknown`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// There is no such zone.
    #[error("there is no zone {0}")]
    NoSuchZone(NameBuf),
    /// There is one with this name.
    #[error("there is a zone {0} already")]
    ZoneExists(NameBuf),
    /// The zone cannot be changed this way.
    #[error("zone {zone} cannot be changed: {why}")]
    ReadOnly {
        /// Which.
        zone: NameBuf,
        /// Why.
        why: ReadOnly,
    },
    /// The zone is no longer what the request was made for, or another writer was always faster.
    #[error("zone {zone} has changed in the meantime{}", .serial.map(|s| format!(" (its serial is {s})")).unwrap_or_default())]
    Conflict {
        /// Which.
        zone: NameBuf,
        /// Its serial now.
        serial: Option<u32>,
    },
    /// The zone would not be one that can be served.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Finding>),
    /// Whoever asks may not do this.
    #[error("{0}")]
    Denied(String),
    /// A dynamic update is answered with this code (RFC 2136).
    #[error("update refused: {0}")]
    Update(Rcode),
    /// The difference that a primary sent does not fit the zone (RFC 1995).
    #[error(transparent)]
    Difference(#[from] XfrError),
    /// It is signed here, and the change cannot be signed.
    #[error("zone {zone} is left as it is: {why}")]
    Signing {
        /// Which.
        zone: NameBuf,
        /// Why.
        why: SigningFailure,
    },
    /// The change cannot be stored.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal did not say whether it has the change: it may be made or not, or come to be made later.
    #[error("the journal did not say in time whether it has change {id} ({why}): look at it before you make it again")]
    Unknown {
        /// What it is known by, if it is there.
        id: EventId,
        /// What was said instead.
        why: String,
    },
    /// Too many changes wait.
    #[error("too many changes wait to be made")]
    Busy,
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
}
