//! What is known of a zone besides its records, and references to it.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use config::{ZoneLists, ZoneSource};
use dns::{Name, NameBuf};
use zone::{DnssecValidation, ZoneKind, ZoneSettings};

use crate::loader::Stamps;
use crate::read_only::{self, MaintainedIn, Part, ReadOnly};

/// What is known of a zone besides its records. An entry stays as it is: another way to serve the zone is another entry.
pub struct ZoneEntry(Description);

/// Who says how a zone is served.
enum Description {
    /// The configuration.
    Configured {
        source: Arc<ZoneSource>,
        maintained_in: MaintainedIn,
        /// Of a zone from a file: what its files looked like when they were read.
        files: Mutex<Option<Stamps>>,
    },
    /// The journal.
    Journal { name: NameBuf, settings: Arc<ZoneSettings>, lists: Arc<ZoneLists> },
}

impl ZoneEntry {
    /// Of a zone that the configuration describes.
    pub(super) fn configured(source: &Arc<ZoneSource>, maintained_in: MaintainedIn, files: Option<Stamps>) -> ZoneRef {
        let (source, files) = (source.clone(), Mutex::new(files));
        ZoneRef(Arc::new(ZoneEntry(Description::Configured { source, maintained_in, files })))
    }

    /// Of a zone of the journal.
    pub(super) fn of_journal(name: &NameBuf, settings: Arc<ZoneSettings>, lists: Arc<ZoneLists>) -> ZoneRef {
        ZoneRef(Arc::new(ZoneEntry(Description::Journal { name: name.clone(), settings, lists })))
    }

    /// The apex.
    pub fn name(&self) -> &NameBuf {
        match &self.0 {
            Description::Configured { source, .. } => &source.name,
            Description::Journal { name, .. } => name,
        }
    }

    /// How it is served.
    pub fn settings(&self) -> &Arc<ZoneSettings> {
        match &self.0 {
            Description::Configured { source, .. } => &source.settings,
            Description::Journal { settings, .. } => settings,
        }
    }

    /// The lists in the settings, parsed.
    pub fn lists(&self) -> &Arc<ZoneLists> {
        match &self.0 {
            Description::Configured { source, .. } => &source.lists,
            Description::Journal { lists, .. } => lists,
        }
    }

    /// Where it is maintained.
    pub fn maintained_in(&self) -> MaintainedIn {
        match &self.0 {
            Description::Configured { maintained_in, .. } => *maintained_in,
            Description::Journal { .. } => MaintainedIn::Journal,
        }
    }

    /// Whether it is a secondary.
    pub fn is_secondary(&self) -> bool {
        self.settings().kind == ZoneKind::Secondary
    }

    /// What is done about signatures that others made: of zones that come from others, and are not signed here.
    pub fn validation(&self) -> DnssecValidation {
        let settings = self.settings();
        let comes_from_others = self.is_secondary() || self.source().is_some_and(|source| source.file().is_some());
        if comes_from_others && settings.dnssec.is_empty() { settings.dnssec_validate } else { DnssecValidation::Off }
    }

    /// Why this part of the zone cannot be changed; `None`: it can.
    pub fn read_only(&self, part: Part) -> Option<ReadOnly> {
        read_only::reason(self.maintained_in(), self.settings().kind, part)
    }

    /// What the configuration says of it.
    pub fn source(&self) -> Option<&Arc<ZoneSource>> {
        match &self.0 {
            Description::Configured { source, .. } => Some(source),
            Description::Journal { .. } => None,
        }
    }

    /// Notes what the files of the zone looked like when they were read.
    pub fn note_read(&self, stamps: Stamps) {
        if let Description::Configured { files, .. } = &self.0 {
            *files.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamps);
        }
    }

    /// What the files of the zone looked like when they were read.
    pub fn files_read(&self) -> Option<Stamps> {
        match &self.0 {
            Description::Configured { files, .. } => files.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Description::Journal { .. } => None,
        }
    }
}

/// A reference to the entry of a zone. Two are the same if they are about zones of one name.
#[derive(Clone)]
pub struct ZoneRef(Arc<ZoneEntry>);

impl ZoneRef {
    /// Whether it is the very same entry, not another one of the same zone.
    pub(super) fn is_same_entry(&self, other: &ZoneRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for ZoneRef {
    type Target = ZoneEntry;

    fn deref(&self) -> &ZoneEntry {
        &self.0
    }
}

impl Borrow<Name> for ZoneRef {
    fn borrow(&self) -> &Name {
        self.name()
    }
}

impl Hash for ZoneRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl PartialEq for ZoneRef {
    fn eq(&self, other: &ZoneRef) -> bool {
        self.name() == other.name()
    }
}

impl Eq for ZoneRef {}

impl PartialOrd for ZoneRef {
    fn partial_cmp(&self, other: &ZoneRef) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ZoneRef {
    fn cmp(&self, other: &ZoneRef) -> Ordering {
        self.name().cmp(other.name())
    }
}
