//! What a server of a cluster says of itself to the others.

use std::collections::BTreeMap;

use journal::Offset;
use serde::{Deserialize, Serialize};

/// Problems that a report names.
pub const MAX_PROBLEMS: usize = 8;

/// How far a server is in the three streams: everything up to these offsets holds there, and what is asked is answered by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    /// Changes of zones.
    pub zones: Offset,
    /// Users, tokens and keys.
    pub access: Offset,
    /// Shared settings.
    pub settings: Offset,
}

impl Positions {
    /// Whether all that `other` has is here too.
    pub fn covers(&self, other: &Positions) -> bool {
        self.zones >= other.zones && self.access >= other.access && self.settings >= other.settings
    }
}

/// The report. Later versions may add to it; what this one does not know it passes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What the server is called.
    pub node: String,
    /// When it started, in milliseconds since 1970, as all times here: later reports of a server come from a later start or
    /// have a larger number.
    pub started_ms: u64,
    /// Counts the reports since the start.
    pub number: u64,
    /// When this was so.
    pub at_ms: u64,
    /// How far it is.
    pub positions: Positions,
    /// The version of the server.
    pub version: String,
    /// How many zones of the journal it has.
    pub zones: u64,
    /// The sum of names and serials of these zones at `positions.zones`.
    pub inventory: u64,
    /// What it is, for whoever places zones.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Names of the health checks that fail.
    #[serde(default)]
    pub problems: Vec<String>,
    /// It stops: this is its last one.
    #[serde(default)]
    pub is_stopping: bool,
    /// Somebody removed it: it is forgotten until it reports again.
    #[serde(default)]
    pub is_removed: bool,
}

impl Report {
    /// What is said of a server that was removed then, in its place. A later start of it makes it known again.
    pub fn removed(node: &str, now_ms: u64) -> Report {
        Report {
            node: node.to_owned(),
            started_ms: now_ms,
            number: 0,
            at_ms: now_ms,
            positions: Positions::default(),
            version: String::new(),
            zones: 0,
            inventory: 0,
            labels: BTreeMap::new(),
            problems: Vec::new(),
            is_stopping: true,
            is_removed: true,
        }
    }

    /// Whether this one was made after `other`, of the same server. A server that reports after it was removed, or after another
    /// one of its name has stopped, is there.
    pub fn is_after(&self, other: &Report) -> bool {
        let goes_on = other.is_stopping && self.started_ms != other.started_ms && self.at_ms > other.at_ms;
        goes_on || (self.started_ms, self.number) > (other.started_ms, other.number)
    }
}
