//! The collections of shared settings, and how many documents each may hold.

use std::fmt;

use serde::{Deserialize, Serialize};

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
}

impl Collection {
    /// All of them, in the order of their documents.
    pub const ALL: [Collection; 12] = [
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
    ];

    /// How many documents it may hold; an event that adds more does not count.
    pub fn max_documents(self) -> usize {
        match self {
            Collection::Rules | Collection::Devices | Collection::Blocks => 20_000,
            Collection::Muted => 10_000,
            Collection::Acknowledgements | Collection::Pauses => 5_000,
            Collection::Lists
            | Collection::Groups
            | Collection::Schedules
            | Collection::AlertRules
            | Collection::Silences
            | Collection::Views => 1_000,
        }
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
        }
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
