//! What a term of a filter asks about.

use std::fmt;

use crate::names;

/// What a term asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The client's address.
    Client,
    /// The group of the client.
    Group,
    /// The name that was asked for.
    Name,
    /// The type that was asked for.
    Type,
    /// The RCODE.
    Code,
    /// What policy did.
    Action,
    /// The list that has the name.
    List,
    /// The rule that matched.
    Rule,
    /// Who gave the answer.
    Source,
    /// Whether the cache had it.
    Cache,
    /// The server that was asked.
    Upstream,
    /// The transport.
    Proto,
    /// What validation said.
    Dnssec,
    /// The zone of ours that the name is in.
    Zone,
    /// How long the answer took.
    Time,
    /// The query's identifier.
    Id,
}

const KEYS: [(Key, &str); 16] = [
    (Key::Client, "client"),
    (Key::Group, "group"),
    (Key::Name, "name"),
    (Key::Type, "type"),
    (Key::Code, "code"),
    (Key::Action, "action"),
    (Key::List, "list"),
    (Key::Rule, "rule"),
    (Key::Source, "source"),
    (Key::Cache, "cache"),
    (Key::Upstream, "upstream"),
    (Key::Proto, "proto"),
    (Key::Dnssec, "dnssec"),
    (Key::Zone, "zone"),
    (Key::Time, "time"),
    (Key::Id, "id"),
];

impl Key {
    /// The key with this name, case ignored.
    pub fn from_text(text: &str) -> Option<Key> {
        KEYS.iter().find(|(_, name)| text.eq_ignore_ascii_case(name)).map(|(key, _)| *key)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        KEYS.iter().find(|(key, _)| *key == self).map_or("", |(_, name)| name)
    }

    /// The words that it takes; empty: it takes other values.
    pub fn words(self) -> Vec<&'static str> {
        match self {
            Key::Source => {
                let refusals = names::REFUSALS.iter().map(|(_, word)| *word);
                names::SOURCES.iter().map(|(_, word)| *word).chain([names::REFUSED]).chain(refusals).collect()
            }
            Key::Cache => vec!["hit", "miss", "stale"],
            Key::Proto => names::TRANSPORTS.iter().map(|(_, word)| *word).collect(),
            Key::Dnssec => names::SECURITIES.iter().map(|(_, word)| *word).collect(),
            _ => Vec::new(),
        }
    }

    /// The names of all keys.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KEYS.iter().map(|(_, name)| *name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
