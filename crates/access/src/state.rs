//! Access at one moment: users, roles, tokens, TSIG keys, settings. Made by `fold.rs` only, read by everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use dns::{Name, NameBuf};
use journal::Offset;
use journal::corridor::RecentTags;

use super::event::Settings;
use super::grant::{Grant, built_in_roles};
use super::password::PasswordHash;
use super::past::{AccessChange, Past};
use super::seal::Sealed;
use super::token_hash::TokenHash;

/// The TSIG algorithms that a key may have (RFC 8945 6).
pub const TSIG_ALGORITHMS: [&str; 6] =
    ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];

/// Everything about access at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessState {
    pub(super) next: Offset,
    pub(super) users: BTreeMap<Arc<str>, Arc<User>>,
    pub(super) roles: BTreeMap<Arc<str>, Arc<Role>>,
    pub(super) tokens: BTreeMap<Arc<str>, Arc<Token>>,
    pub(super) keys: BTreeMap<NameBuf, Arc<Key>>,
    pub(super) settings: Settings,
    /// The events that were folded last.
    pub(super) recent: RecentTags,
    /// The changes that counted last.
    pub(super) past: Past,
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name to log in with.
    pub name: Arc<str>,
    /// The name for people.
    pub display_name: String,
    /// The roles, by name.
    pub roles: Vec<String>,
    /// `None`: no log-in by password.
    pub password: Option<PasswordHash>,
    /// Whether neither the user nor their tokens may do anything.
    pub disabled: bool,
    /// Since when there is this user, in milliseconds since 1970.
    pub created_ms: u64,
    /// Whether the password is another one than the first.
    pub password_changed: bool,
}

/// A named set of grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: Arc<str>,
    /// What it is for.
    pub description: String,
    /// What it allows.
    pub grants: Arc<[Grant]>,
    /// Whether it is always there, as it is.
    pub built_in: bool,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its public identifier.
    pub id: Arc<str>,
    /// What it is called.
    pub name: Arc<str>,
    /// The user whose it is.
    pub owner: Arc<str>,
    /// The digest of its secret.
    pub secret_sha256: TokenHash,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it no longer counts, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
    /// What it allows, of what its owner may do.
    pub grants: Arc<[Grant]>,
}

/// A TSIG key (RFC 8945).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: NameBuf,
    /// Its algorithm, one of [`TSIG_ALGORITHMS`].
    pub algorithm: String,
    /// Its secret.
    pub secret: Sealed,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
}

/// Why an event does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is one with this name.
    #[error("there is a {what} {name} already")]
    Exists {
        /// `user`, `role`, `token` or `key`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is none with this name.
    #[error("there is no {what} {name}")]
    Unknown {
        /// `user`, `role`, `token` or `key`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A user has it.
    #[error("role {role} cannot be deleted: user {user} has it")]
    InUse {
        /// The role.
        role: String,
        /// A user with it.
        user: String,
    },
    /// It is always there.
    #[error("role {0} is built in and cannot be changed")]
    BuiltIn(String),
    /// Nobody could administer access any more.
    #[error("user {0} is the last one who can administer access")]
    LastAdmin(String),
    /// Something that cannot be.
    #[error("{field}: {why}")]
    Invalid {
        /// The field of the event.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
    /// It was there before: the journal took it twice.
    #[error("it stands in the journal already")]
    Repeated,
    /// Too many.
    #[error("there are {max} {what}s already, which is the limit")]
    TooMany {
        /// `user`, `role`, `token` or `key`.
        what: &'static str,
        /// How many there can be.
        max: usize,
    },
}

impl Default for AccessState {
    fn default() -> AccessState {
        let role = |(name, description, grants): (&str, &str, Vec<Grant>)| {
            let name: Arc<str> = name.into();
            let role =
                Role { name: name.clone(), description: description.to_owned(), grants: grants.into(), built_in: true };
            (name, Arc::new(role))
        };
        AccessState {
            next: 0,
            users: BTreeMap::new(),
            roles: built_in_roles().into_iter().map(role).collect(),
            tokens: BTreeMap::new(),
            keys: BTreeMap::new(),
            settings: Settings::default(),
            recent: RecentTags::default(),
            past: Past::default(),
        }
    }
}

impl AccessState {
    /// The latest changes of access, the latest first; at most [`super::limits::MAX_PAST`].
    pub fn past(&self) -> impl Iterator<Item = &Arc<AccessChange>> {
        self.past.iter()
    }

    /// The first offset whose event is not in this state.
    pub fn next(&self) -> Offset {
        self.next
    }

    /// The users by name.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// The user with this name.
    pub fn user(&self, name: &str) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// The roles by name.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<Role>> {
        self.roles.values()
    }

    /// The role with this name.
    pub fn role(&self, name: &str) -> Option<&Arc<Role>> {
        self.roles.get(name)
    }

    /// The tokens by identifier, those that have expired included.
    pub fn tokens(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.tokens.values()
    }

    /// The token with this identifier.
    pub fn token(&self, id: &str) -> Option<&Arc<Token>> {
        self.tokens.get(id)
    }

    /// The TSIG keys by name.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values()
    }

    /// The TSIG key with this name.
    pub fn key(&self, name: &Name) -> Option<&Arc<Key>> {
        self.keys.get(name)
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the roles of `user` allow.
    pub fn grants_of(&self, user: &User) -> Vec<Arc<[Grant]>> {
        user.roles.iter().filter_map(|role| self.roles.get(role.as_str())).map(|role| role.grants.clone()).collect()
    }
}
