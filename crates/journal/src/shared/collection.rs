//! The collections of shared settings, and how many documents each may hold.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters of an identifier.
const MAX_ID: usize = 128;
/// Characters of an identifier that is a domain name: 255 octets, of which each may need an escape of four characters.
const MAX_NAME_ID: usize = 1024;

/// What kind of setting a document is. A new collection needs a new version of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// Subscriptions to lists of names.
    Lists,
    /// Own rules of the blocking engine.
    Rules,
    /// Groups of devices.
    Groups,
    /// Devices.
    Devices,
    /// When something holds: hours of a week in a time zone.
    Schedules,
    /// Blocking that is off until some time.
    Pauses,
    /// Clients that are blocked until some time.
    Blocks,
    /// Anomalies that nobody wants to hear of until some time.
    Muted,
    /// Rules that alert.
    AlertRules,
    /// Alerts that nobody is told of until some time.
    Silences,
    /// Alerts that somebody looks after.
    Acknowledgements,
    /// Saved filters of queries.
    Views,
    /// The DNSSEC keys of a zone and their states, without private parts; one document a zone.
    ZoneKeys,
    /// What people decided about servers of the cluster.
    Nodes,
}

impl Collection {
    /// All of them, in the order of their documents.
    pub const ALL: [Collection; 14] = [
        Collection::Lists,
        Collection::Rules,
        Collection::Groups,
        Collection::Devices,
        Collection::Schedules,
        Collection::Pauses,
        Collection::Blocks,
        Collection::Muted,
        Collection::AlertRules,
        Collection::Silences,
        Collection::Acknowledgements,
        Collection::Views,
        Collection::ZoneKeys,
        Collection::Nodes,
    ];

    /// The version of events that it came with.
    pub(super) fn since(self) -> u32 {
        match self {
            Collection::Nodes => 3,
            Collection::ZoneKeys => 2,
            _ => 1,
        }
    }

    /// What its documents share their room with.
    pub(super) fn room(self) -> Room {
        if self == Collection::ZoneKeys { Room::ZoneKeys } else { Room::Settings }
    }

    /// How many documents it may hold; an event that adds more does not count.
    pub fn max_documents(self) -> usize {
        match self {
            Collection::ZoneKeys => 100_000,
            Collection::Rules | Collection::Devices | Collection::Blocks => 20_000,
            Collection::Muted => 10_000,
            Collection::Acknowledgements | Collection::Pauses => 5_000,
            Collection::Lists
            | Collection::Groups
            | Collection::Schedules
            | Collection::AlertRules
            | Collection::Silences
            | Collection::Views
            | Collection::Nodes => 1_000,
        }
    }

    /// Whether `id` may be an identifier of its documents: for keys the name of the zone as text, in lower case and with the
    /// final dot.
    ///
    /// # Errors
    /// What it must look like.
    pub(super) fn check_id(self, id: &str) -> Result<(), String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:@".contains(c);
        let (is_good, form) = match self.room() {
            Room::Settings => (
                id.len() <= MAX_ID && id.chars().all(fits),
                format!("{MAX_ID} of the characters A-Z, a-z, 0-9, \".\", \"-\", \"_\", \":\", \"@\""),
            ),
            Room::ZoneKeys => (
                id.len() <= MAX_NAME_ID && id.chars().all(|c| c.is_ascii_graphic()),
                format!("{MAX_NAME_ID} printable characters of ASCII"),
            ),
        };
        if is_good && !id.is_empty() { Ok(()) } else { Err(format!("it must have 1 to {form}")) }
    }

    /// Its name in events: `alert_rules`.
    pub fn as_str(self) -> &'static str {
        match self {
            Collection::Lists => "lists",
            Collection::Rules => "rules",
            Collection::Groups => "groups",
            Collection::Devices => "devices",
            Collection::Schedules => "schedules",
            Collection::Pauses => "pauses",
            Collection::Blocks => "blocks",
            Collection::Muted => "muted",
            Collection::AlertRules => "alert_rules",
            Collection::Silences => "silences",
            Collection::Acknowledgements => "acknowledgements",
            Collection::Views => "views",
            Collection::ZoneKeys => "zone_keys",
            Collection::Nodes => "nodes",
        }
    }
}

/// Room for bodies of documents. Keys of many zones leave that of what people set alone, and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Room {
    /// What people set.
    Settings,
    /// Keys of zones.
    ZoneKeys,
}

impl Room {
    /// Octets of the bodies of all documents in it together.
    pub fn max_octets(self) -> usize {
        match self {
            Room::Settings => 64 << 20,
            Room::ZoneKeys => 256 << 20,
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Room::Settings => "shared settings",
            Room::ZoneKeys => "keys of zones",
        })
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_called_the_same_everywhere() {
        for collection in Collection::ALL {
            let json = serde_json::to_string(&collection).expect("JSON");
            assert_eq!(json, format!("\"{collection}\""));
            assert!(collection.max_documents() > 0);
        }
        assert!(Collection::ALL.is_sorted(), "each once, in their order");
    }
}
