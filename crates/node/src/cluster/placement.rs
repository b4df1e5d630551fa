//! Which servers of a cluster answer for which zones (`placement` of a zone). Every server holds every zone, so that each takes
//! changes of all of them and knows their serials.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::ZoneLists;

use super::report::Report;

/// What zones are placed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the server is called.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// The servers that answer for some zones.
#[derive(Debug, Clone, Default)]
pub enum Holders {
    /// All.
    #[default]
    All,
    /// Those that answer for one of these zones at least.
    Of(Vec<Arc<ZoneLists>>),
}

impl Identity {
    /// Whether the server answers for a zone with these lists.
    pub fn answers_for(&self, zone: &ZoneLists) -> bool {
        zone.is_placed_at(&self.name, &self.labels)
    }
}

impl Holders {
    /// Whether the server that made this report is one of them.
    pub fn has(&self, report: &Report) -> bool {
        match self {
            Holders::All => true,
            Holders::Of(zones) => zones.iter().any(|zone| zone.is_placed_at(&report.node, &report.labels)),
        }
    }
}
