//! A zone of the configuration, and where its records come from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dns::NameBuf;
use zone::ZoneSettings;

use super::lists::ZoneLists;

/// One zone and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneSource {
    /// Name of the apex.
    pub name: NameBuf,
    /// Where its records come from.
    pub origin: ZoneOrigin,
    /// How it is served. Zones with the same settings mostly share them, because one process can hold 100,000.
    pub settings: Arc<ZoneSettings>,
    /// The lists in the settings, parsed.
    pub lists: Arc<ZoneLists>,
    /// Files of keys to sign with, in BIND's format; empty: keys are made.
    pub key_files: Vec<PathBuf>,
}

/// Where a zone's records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZoneOrigin {
    /// A zone file, which alone changes them.
    File(PathBuf),
    /// The journal; a zone that is not there yet is made.
    Journal,
    /// The journal, to which transfers from the primaries bring them.
    Secondary {
        /// Where the API of the primary is, without a final slash.
        primary_api: Option<Arc<str>>,
    },
}

impl ZoneSource {
    /// Whether the zone is signed here.
    pub fn is_signed(&self) -> bool {
        !self.settings.dnssec.is_empty()
    }

    /// Of a secondary: where the API of its primary is, without a final slash, if somebody has said so.
    pub fn primary_api(&self) -> Option<&Arc<str>> {
        match &self.origin {
            ZoneOrigin::Secondary { primary_api } => primary_api.as_ref(),
            ZoneOrigin::Journal | ZoneOrigin::File(_) => None,
        }
    }

    /// The zone file, of a zone that comes from one.
    pub fn file(&self) -> Option<&Path> {
        match &self.origin {
            ZoneOrigin::File(file) => Some(file),
            ZoneOrigin::Journal | ZoneOrigin::Secondary { .. } => None,
        }
    }
}
