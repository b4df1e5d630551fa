//! Changes of shared settings as events of their stream: their form and its version.
//!
//! An event is one JSON object, `{"v":1,"id":...,"at_ms":...,"who":...,"why":...,"changes":[{"put":{...}},...]}`. Fields,
//! collections and kinds of changes are only ever added with a new version; `testdata/settings/` holds events of every
//! version, which must stay readable.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::collection::Collection;
use crate::corridor::EventTag;
use crate::journal::Offset;

/// The latest version. The one that is written is the earliest that has what the event needs, so that servers that know
/// no later one go on as long as they can.
const VERSION: u32 = 3;
/// Octets of an event; larger ones are not appended.
const MAX_EVENT: usize = 1 << 20;
/// Changes in one event.
pub const MAX_CHANGES: usize = 1_000;

/// A change of shared settings: all of it counts, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsEvent {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who did it.
    pub who: String,
    /// Why, in their words; may be empty.
    pub why: String,
    /// The offset of the event that it takes back; `None`: it takes back none.
    pub reverts: Option<Offset>,
    /// What becomes of which documents; each document once.
    pub changes: Vec<Change>,
}

/// What becomes of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// It becomes what is said here; it need not be there yet.
    Put {
        /// Where it is.
        collection: Collection,
        /// Its identifier in the collection.
        id: String,
        /// The offset of the event that changed it last, be it that it deleted it; 0: nothing is known of it. The event
        /// does not count if that is another one.
        if_version: Offset,
        /// What it says.
        body: Body,
    },
    /// It goes.
    Delete {
        /// Where it is.
        collection: Collection,
        /// Its identifier in the collection.
        id: String,
        /// The offset of the event that changed it last. The event does not count if that is another one.
        if_version: Offset,
    },
}

impl Change {
    /// The document: its collection and its identifier.
    pub fn document(&self) -> (Collection, &str) {
        match self {
            Change::Put { collection, id, .. } | Change::Delete { collection, id, .. } => (*collection, id),
        }
    }

    /// The offset of the event that must have changed the document last; 0: nothing must be known of it.
    pub fn if_version(&self) -> Offset {
        match self {
            Change::Put { if_version, .. } | Change::Delete { if_version, .. } => *if_version,
        }
    }

    /// What the document says afterwards; `None`: it is gone.
    pub fn body(&self) -> Option<&Body> {
        match self {
            Change::Put { body, .. } => Some(body),
            Change::Delete { .. } => None,
        }
    }

    /// The same change of a document that must have been changed last by the event at `version`.
    pub fn expecting(mut self, version: Offset) -> Change {
        match &mut self {
            Change::Put { if_version, .. } | Change::Delete { if_version, .. } => *if_version = version,
        }
        self
    }
}

/// Why octets are no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A later version of this server wrote it.
    #[error("it has version {0}, this server knows versions up to {VERSION}; use the server that wrote it")]
    FromTheFuture(u32),
    /// It is something else.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It is too large.
    #[error("it has {0} bytes, more than {MAX_EVENT}")]
    TooLarge(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<C> {
    v: u32,
    id: String,
    at_ms: u64,
    who: String,
    why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reverts: Option<Offset>,
    changes: C,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl SettingsEvent {
    /// The octets for the journal.
    ///
    /// # Errors
    /// [`EventError::TooLarge`].
    pub fn encode(&self, tag: EventTag) -> Result<Vec<u8>, EventError> {
        let (id, who, why) = (HEXLOWER.encode(&tag), self.who.clone(), self.why.clone());
        let (at_ms, reverts, changes) = (self.at_ms, self.reverts, &self.changes);
        let body = serde_json::to_vec(&Written { v: self.version(), id, at_ms, who, why, reverts, changes })
            .map_err(unreadable)?;
        if body.len() > MAX_EVENT { Err(EventError::TooLarge(body.len())) } else { Ok(body) }
    }

    /// The event that `body` holds, and its tag.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn decode(body: &[u8]) -> Result<(EventTag, SettingsEvent), EventError> {
        if body.len() > MAX_EVENT {
            return Err(EventError::TooLarge(body.len()));
        }
        let version = serde_json::from_slice::<Version>(body).map_err(unreadable)?.v;
        match version {
            0 => return Err(EventError::Unreadable("there is no version 0".to_owned())),
            1..=VERSION => {}
            later => return Err(EventError::FromTheFuture(later)),
        }
        let Written { v: _, id, at_ms, who, why, reverts, changes } =
            serde_json::from_slice(body).map_err(unreadable)?;
        let tag = HEXLOWER.decode(id.as_bytes()).ok().and_then(|tag| tag.try_into().ok());
        let tag = tag.ok_or_else(|| EventError::Unreadable("its id is not one".to_owned()))?;
        let event = SettingsEvent { at_ms, who, why, reverts, changes };
        if event.version() > version {
            // Servers that know no later version refuse it, and all must fold the same.
            let why = format!("version {version} has not all of its collections");
            return Err(EventError::Unreadable(why));
        }
        Ok((tag, event))
    }

    /// The earliest version that has all of its collections.
    fn version(&self) -> u32 {
        self.changes.iter().map(|change| change.document().0.since()).max().unwrap_or(1)
    }

    /// What it does to a document; `None`: nothing.
    pub(super) fn change_of(&self, collection: Collection, id: &str) -> Option<&Change> {
        self.changes.iter().find(|change| change.document() == (collection, id))
    }
}

fn unreadable(error: serde_json::Error) -> EventError {
    EventError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Written by version 1; must be readable for ever.
    const V1: &str = include_str!("../../../../testdata/settings/v1.jsonl");
    /// Written by version 2, where version 1 has not what is needed.
    const V2: &str = include_str!("../../../../testdata/settings/v2.jsonl");
    /// Written by version 3, where version 2 has not what is needed.
    const V3: &str = include_str!("../../../../testdata/settings/v3.jsonl");

    #[test]
    fn golden_events() {
        let mut collections = HashSet::new();
        let (mut has_delete, mut has_revert) = (false, false);
        for line in V1.lines().chain(V2.lines()).chain(V3.lines()) {
            let (tag, event) = SettingsEvent::decode(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(String::from_utf8_lossy(&event.encode(tag).expect("encoded")), line);
            collections.extend(event.changes.iter().map(|change| change.document().0));
            has_delete |= event.changes.iter().any(|change| change.body().is_none());
            has_revert |= event.reverts.is_some();
        }
        assert_eq!((collections.len(), has_delete, has_revert), (Collection::ALL.len(), true, true));
    }

    #[test]
    fn what_is_no_event() {
        let check = |body: &str, want: &str| {
            let error = SettingsEvent::decode(body.as_bytes()).expect_err(body).to_string();
            assert!(error.contains(want), "{body}: {error}");
        };
        let golden = V1.lines().next().expect("a line");
        check("", "cannot be read");
        check("[]", "cannot be read");
        check(r#"{"v":0}"#, "no version 0");
        check(r#"{"v":4,"other":true}"#, "version 4, this server knows versions up to 3");
        let keys = V2.lines().next().expect("a line");
        check(&keys.replace("\"v\":2", "\"v\":1"), "version 1 has not all of its collections");
        check(&golden.replace("\"id\":\"", "\"id\":\"0"), "its id is not one");
        check(&golden.replace("\"id\"", "\"tag\""), "unknown field `tag`");
        check(&golden.replace("\"put\"", "\"move\""), "unknown variant `move`");
        check(&golden.replace("\"lists\"", "\"wishes\""), "unknown variant `wishes`");
        check(&golden.replace("\"if_version\":0", "\"if_version\":-1"), "invalid value");
        check(&golden.replace("\"if_version\":0,", ""), "missing field `if_version`");
        check(&golden.replace("\"if_version\":0", "\"if_version\":0,\"more\":1"), "unknown field `more`");
        check(&" ".repeat(MAX_EVENT + 1), "more than");
    }
}
