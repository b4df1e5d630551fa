//! What happens to access, as events of a journal of their own: their form and its version.
//!
//! An event is one JSON object, `{"v":2,"id":...,"at_ms":...,"who":...,"why":...,"kind":{KIND:{...}}}`; version 1 had no
//! `id`. Fields and kinds are only ever added with a new version; `testdata/access/` holds events of every version, which
//! must stay readable.

use std::fmt;

use data_encoding::HEXLOWER;
use dns::NameBuf;
use journal::corridor::EventTag;
use serde::{Deserialize, Serialize};

use super::grant::Grant;
use super::limits::MAX_EVENT;
use super::password::PasswordHash;
use super::seal::Sealed;
use super::token_hash::TokenHash;

/// The version that is written.
const VERSION: u32 = 2;

/// Something that happened to access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEvent {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who did it, as [`super::Principal`] is written.
    pub who: String,
    /// Why, in their words; may be empty.
    pub why: String,
    /// What.
    pub kind: EventKind,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EventKind {
    /// A user comes to be.
    UserCreated {
        /// The name to log in with: letters, digits, `.`, `_`, `@`, `-`.
        name: String,
        /// The name for people.
        display_name: String,
        /// The roles, by name.
        roles: Vec<String>,
        /// `None`: no log-in by password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<PasswordHash>,
    },
    /// A user changes; what is `None` stays.
    UserChanged {
        /// Which.
        name: String,
        /// The name for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_name: Option<String>,
        /// The roles, all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        roles: Option<Vec<String>>,
        /// The password; ends all sessions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<PasswordHash>,
        /// Whether neither the user nor their tokens may do anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disabled: Option<bool>,
    },
    /// A user goes, with their tokens.
    UserDeleted {
        /// Which.
        name: String,
    },
    /// A role comes to be.
    RoleCreated {
        /// Its name.
        name: String,
        /// What it is for.
        description: String,
        /// What it allows.
        grants: Vec<Grant>,
    },
    /// A role becomes what is said here.
    RoleChanged {
        /// Which.
        name: String,
        /// What it is for.
        description: String,
        /// What it allows.
        grants: Vec<Grant>,
    },
    /// A role goes; nobody may have it any more.
    RoleDeleted {
        /// Which.
        name: String,
    },
    /// A token comes to be.
    TokenCreated {
        /// Its public identifier, part of its text.
        id: String,
        /// What it is called.
        name: String,
        /// The user whose it is.
        owner: String,
        /// The digest of its secret.
        secret_sha256: TokenHash,
        /// When it no longer counts, in milliseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_ms: Option<u64>,
        /// What it allows, of what its owner may do.
        grants: Vec<Grant>,
    },
    /// A token no longer counts.
    TokenRevoked {
        /// Which.
        id: String,
    },
    /// A TSIG key comes to be (RFC 8945).
    KeyCreated {
        /// Its name.
        #[serde(with = "name_as_text")]
        name: NameBuf,
        /// Its algorithm, as in RFC 8945 6, without the dot at the end: `hmac-sha256`.
        algorithm: String,
        /// Its secret.
        secret: Sealed,
    },
    /// A TSIG key goes.
    KeyDeleted {
        /// Which.
        #[serde(with = "name_as_text")]
        name: NameBuf,
    },
    /// The settings of access become what is said here.
    SettingsChanged(Settings),
}

/// Settings of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// After how many seconds without a request a session ends.
    pub session_idle_s: u64,
    /// After how many seconds a session ends in any case.
    pub session_max_s: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { session_idle_s: 30 * 60, session_max_s: 12 * 3600 }
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
struct Written<K> {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    at_ms: u64,
    who: String,
    why: String,
    kind: K,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl AccessEvent {
    /// The octets for the journal.
    ///
    /// # Errors
    /// [`EventError::TooLarge`].
    pub fn encode(&self, tag: EventTag) -> Result<Vec<u8>, EventError> {
        let (id, who, why) = (Some(HEXLOWER.encode(&tag)), self.who.clone(), self.why.clone());
        let written = Written { v: VERSION, id, at_ms: self.at_ms, who, why, kind: &self.kind };
        let body = serde_json::to_vec(&written).map_err(unreadable)?;
        if body.len() > MAX_EVENT { Err(EventError::TooLarge(body.len())) } else { Ok(body) }
    }

    /// The event that `body` holds; one of version 1 has no tag.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn decode(body: &[u8]) -> Result<(Option<EventTag>, AccessEvent), EventError> {
        if body.len() > MAX_EVENT {
            return Err(EventError::TooLarge(body.len()));
        }
        let version: Version = serde_json::from_slice(body).map_err(unreadable)?;
        match version.v {
            0 => return Err(EventError::Unreadable("there is no version 0".to_owned())),
            1 | VERSION => {}
            later => return Err(EventError::FromTheFuture(later)),
        }
        let Written { v, id, at_ms, who, why, kind } = serde_json::from_slice(body).map_err(unreadable)?;
        let tag = id
            .map(|id| HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok())
            .map(|tag: Option<EventTag>| tag.ok_or_else(|| EventError::Unreadable("its id is not one".to_owned())));
        let tag = tag.transpose()?;
        if tag.is_some() != (v == VERSION) {
            return Err(EventError::Unreadable("events of version 2, and no others, have an id".to_owned()));
        }
        Ok((tag, AccessEvent { at_ms, who, why, kind }))
    }
}

/// Only the kind of mistake and its place: the message of the parser might quote a secret.
fn unreadable(error: serde_json::Error) -> EventError {
    EventError::Unreadable(format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column()))
}

/// What happened, for lists of events: nothing secret.
impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventKind::UserCreated { name, .. } => write!(f, "user {name} created"),
            EventKind::UserChanged { name, .. } => write!(f, "user {name} changed"),
            EventKind::UserDeleted { name } => write!(f, "user {name} deleted"),
            EventKind::RoleCreated { name, .. } => write!(f, "role {name} created"),
            EventKind::RoleChanged { name, .. } => write!(f, "role {name} changed"),
            EventKind::RoleDeleted { name } => write!(f, "role {name} deleted"),
            EventKind::TokenCreated { id, name, owner, .. } => write!(f, "token {id} \"{name}\" of {owner} created"),
            EventKind::TokenRevoked { id } => write!(f, "token {id} revoked"),
            EventKind::KeyCreated { name, algorithm, .. } => write!(f, "key {name} ({algorithm}) created"),
            EventKind::KeyDeleted { name } => write!(f, "key {name} deleted"),
            EventKind::SettingsChanged(_) => f.write_str("settings of access changed"),
        }
    }
}

mod name_as_text {
    use dns::NameBuf;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(name: &NameBuf, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(name)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NameBuf, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::mem::discriminant;

    use super::*;

    /// Written by version 1 and by version 2; must be readable for ever.
    const V1: &str = include_str!("../../../testdata/access/v1.jsonl");
    const V2: &str = include_str!("../../../testdata/access/v2.jsonl");

    #[test]
    fn golden_events() {
        let read = |line: &str| AccessEvent::decode(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        let mut kinds = HashSet::new();
        for (old, new) in V1.lines().zip(V2.lines()) {
            let ((tag, event), (new_tag, new_event)) = (read(old), read(new));
            assert_eq!((tag, &new_event), (None, &event));
            let written = event.encode(new_tag.expect("it has one")).expect("encoded");
            assert_eq!(String::from_utf8_lossy(&written), new);
            kinds.insert(discriminant(&event.kind));
        }
        assert_eq!((V1.lines().count(), kinds.len()), (V2.lines().count(), 11), "a line for every kind");
    }

    #[test]
    fn what_is_no_event() {
        let check = |body: &str, want: &str| {
            let error = AccessEvent::decode(body.as_bytes()).expect_err(body).to_string();
            assert!(error.contains(want), "{body}: {error}");
        };
        let event = |kind: &str| format!(r#"{{"v":1,"at_ms":1,"who":"local","why":"","kind":{kind}}}"#);
        check("", "cannot be read");
        check("[]", "cannot be read");
        check(r#"{"v":0}"#, "no version 0");
        check(r#"{"v":3,"other":true}"#, "version 3, this server knows versions up to 2");
        let (v1, v2) = (V1.lines().next().expect("a line"), V2.lines().next().expect("a line"));
        check(&v1.replace("\"v\":1", "\"v\":2"), "and no others, have an id");
        check(&v2.replace("\"v\":2", "\"v\":1"), "and no others, have an id");
        check(&v2.replace("\"id\":\"", "\"id\":\"0"), "its id is not one");
        check(&event(r#"{"user_promoted":{"name":"a"}}"#), "cannot be read");
        check(&event(r#"{"user_deleted":{"name":"a","more":1}}"#), "cannot be read");
        check(&event(r#"{"user_changed":{"name":"a","password":"hunter2"}}"#), "Data error in line 1");
        check(&" ".repeat(MAX_EVENT + 1), "more than");
    }

    /// What the parser says about a mistake could hold what was to be a secret.
    #[test]
    fn mistakes_are_not_quoted() {
        let body = r#"{"v":1,"at_ms":1,"who":"","why":"","kind":{"key_created":{"name":"k.","algorithm":"x","secret":"c2VjcmV0"}}}"#;
        let error = AccessEvent::decode(body.as_bytes()).expect_err("too short a secret");
        assert!(!format!("{error} {error:?}").contains("c2VjcmV0"));
    }
}
