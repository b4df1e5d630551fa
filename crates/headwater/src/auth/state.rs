//! Access as the fold of its events: users, roles, tokens, TSIG keys, settings. Pure: whoever folds the same events
//! gets the same state and the same outcome of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use dns::{Name, NameBuf};
use journal::Offset;

use super::event::{AccessEvent, EventKind, Settings};
use super::grant::{Grant, Verb, built_in_roles};
use super::limits::{MAX_KEYS, MAX_LIST, MAX_NAME, MAX_ROLES, MAX_TITLE, MAX_TOKENS, MAX_USERS, MAX_WHY};
use super::password::PasswordHash;
use super::seal::Sealed;
use super::token::{TokenHash, is_id};

/// The TSIG algorithms that a key may have (RFC 8945 6).
pub const TSIG_ALGORITHMS: [&str; 5] = ["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];

/// Everything about access at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessState {
    next: Offset,
    users: BTreeMap<Arc<str>, Arc<User>>,
    roles: BTreeMap<Arc<str>, Arc<Role>>,
    tokens: BTreeMap<Arc<str>, Arc<Token>>,
    keys: BTreeMap<NameBuf, Arc<Key>>,
    settings: Settings,
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
    /// Too many.
    #[error("there are {max} {what}s already, more there cannot be")]
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
        }
    }
}

impl AccessState {
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

    /// Folds the event at `offset`. Events that are folded already are passed over.
    ///
    /// # Errors
    /// Why it does not count; then nothing but [`AccessState::next`] has changed.
    pub fn fold(&mut self, offset: Offset, event: &AccessEvent) -> Result<(), Rejected> {
        if offset < self.next {
            return Ok(());
        }
        self.next = offset.saturating_add(1);
        self.apply(event)
    }

    /// Whether the event would count now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, event: &AccessEvent) -> Result<(), Rejected> {
        self.clone().apply(event)
    }

    /// Each step checks everything before it changes anything.
    fn apply(&mut self, event: &AccessEvent) -> Result<(), Rejected> {
        check_text("who", &event.who, MAX_TITLE)?;
        check_text("why", &event.why, MAX_WHY)?;
        let at_ms = event.at_ms;
        match &event.kind {
            EventKind::UserCreated { name, display_name, roles, password } => {
                self.create_user(name, display_name, roles, password, at_ms)
            }
            EventKind::UserChanged { name, display_name, roles, password, disabled } => {
                let old = self.users.get(name.as_str()).ok_or_else(|| unknown("user", name))?;
                let user = User {
                    name: old.name.clone(),
                    display_name: display_name.as_ref().unwrap_or(&old.display_name).clone(),
                    roles: roles.as_ref().unwrap_or(&old.roles).clone(),
                    password: password.as_ref().or(old.password.as_ref()).cloned(),
                    disabled: disabled.unwrap_or(old.disabled),
                    created_ms: old.created_ms,
                };
                self.check_user(&user)?;
                if !self.administers(&user) {
                    self.check_other_admin(name)?;
                }
                self.users.insert(user.name.clone(), Arc::new(user));
                Ok(())
            }
            EventKind::UserDeleted { name } => {
                self.user(name).ok_or_else(|| unknown("user", name))?;
                self.check_other_admin(name)?;
                self.users.remove(name.as_str());
                self.tokens.retain(|_, token| *token.owner != **name);
                Ok(())
            }
            EventKind::RoleCreated { name, description, grants } => {
                check_name("name", name)?;
                absent("role", &self.roles, name.as_str(), MAX_ROLES)?;
                self.put_role(name, description, grants)
            }
            EventKind::RoleChanged { name, description, grants } => {
                self.check_own_role(name)?;
                self.change_role(name, description, grants)
            }
            EventKind::RoleDeleted { name } => self.delete_role(name),
            EventKind::TokenCreated { id, name, owner, secret_sha256, expires_ms, grants } => {
                self.check_new_token(id, name, owner, *expires_ms, grants, at_ms)?;
                let token = Token {
                    id: id.as_str().into(),
                    name: name.as_str().into(),
                    owner: owner.as_str().into(),
                    secret_sha256: *secret_sha256,
                    created_ms: at_ms,
                    expires_ms: *expires_ms,
                    grants: grants.as_slice().into(),
                };
                self.tokens.insert(token.id.clone(), Arc::new(token));
                Ok(())
            }
            EventKind::TokenRevoked { id } => {
                self.tokens.remove(id.as_str()).map(drop).ok_or_else(|| unknown("token", id))
            }
            EventKind::KeyCreated { name, algorithm, secret } => self.create_key(name, algorithm, secret, at_ms),
            EventKind::KeyDeleted { name } => self.keys.remove(name).map(drop).ok_or_else(|| unknown("key", name)),
            EventKind::SettingsChanged(settings) => {
                check_settings(settings)?;
                self.settings = *settings;
                Ok(())
            }
        }
    }

    fn create_user(
        &mut self,
        name: &str,
        display_name: &str,
        roles: &[String],
        password: &Option<PasswordHash>,
        at_ms: u64,
    ) -> Result<(), Rejected> {
        check_name("name", name)?;
        absent("user", &self.users, name, MAX_USERS)?;
        let user = User {
            name: name.into(),
            display_name: display_name.to_owned(),
            roles: roles.to_vec(),
            password: password.clone(),
            disabled: false,
            created_ms: at_ms,
        };
        self.check_user(&user)?;
        self.users.insert(user.name.clone(), Arc::new(user));
        Ok(())
    }

    fn check_user(&self, user: &User) -> Result<(), Rejected> {
        check_text("display_name", &user.display_name, MAX_TITLE)?;
        if user.roles.len() > MAX_LIST {
            return Err(invalid("roles", format!("more than {MAX_LIST} roles")));
        }
        match user.roles.iter().find(|role| !self.roles.contains_key(role.as_str())) {
            Some(role) => Err(unknown("role", role)),
            None => Ok(()),
        }
    }

    /// Whether `user` can administer access, from everywhere and at all times.
    fn administers(&self, user: &User) -> bool {
        let full = |grant: &Grant| {
            grant.verbs.contains(&Verb::Admin)
                && grant.zones.iter().any(|zone| zone.is_all())
                && grant.names.is_empty()
                && grant.types.is_empty()
                && grant.networks.is_empty()
                && grant.not_before_ms.is_none()
                && grant.expires_ms.is_none()
        };
        !user.disabled && self.grants_of(user).iter().flat_map(|grants| grants.iter()).any(full)
    }

    /// Rejects that `name` stops to administer access if nobody else does.
    fn check_other_admin(&self, name: &str) -> Result<(), Rejected> {
        let is_admin = self.users.get(name).is_some_and(|user| self.administers(user));
        let another = self.users.values().any(|user| *user.name != *name && self.administers(user));
        if is_admin && !another { Err(Rejected::LastAdmin(name.to_owned())) } else { Ok(()) }
    }

    fn check_own_role(&self, name: &str) -> Result<(), Rejected> {
        match self.roles.get(name) {
            None => Err(unknown("role", name)),
            Some(role) if role.built_in => Err(Rejected::BuiltIn(name.to_owned())),
            Some(_) => Ok(()),
        }
    }

    fn put_role(&mut self, name: &str, description: &str, grants: &[Grant]) -> Result<(), Rejected> {
        check_text("description", description, MAX_TITLE)?;
        Grant::check_all(grants).map_err(|why| invalid("grants", why))?;
        let name: Arc<str> = name.into();
        let description = description.to_owned();
        let role = Role { name: name.clone(), description, grants: grants.into(), built_in: false };
        self.roles.insert(name, Arc::new(role));
        Ok(())
    }

    fn change_role(&mut self, name: &str, description: &str, grants: &[Grant]) -> Result<(), Rejected> {
        let admin = self.users.values().find(|user| self.administers(user)).map(|user| user.name.clone());
        let before = self.roles.get(name).cloned();
        self.put_role(name, description, grants)?;
        if let (Some(admin), Some(before)) = (admin, before)
            && !self.users.values().any(|user| self.administers(user))
        {
            self.roles.insert(before.name.clone(), before);
            return Err(Rejected::LastAdmin(admin.to_string()));
        }
        Ok(())
    }

    fn delete_role(&mut self, name: &str) -> Result<(), Rejected> {
        self.check_own_role(name)?;
        if let Some(user) = self.users.values().find(|user| user.roles.iter().any(|role| role == name)) {
            return Err(Rejected::InUse { role: name.to_owned(), user: user.name.to_string() });
        }
        self.roles.remove(name);
        Ok(())
    }

    fn check_new_token(
        &self,
        id: &str,
        name: &str,
        owner: &str,
        expires_ms: Option<u64>,
        grants: &[Grant],
        at_ms: u64,
    ) -> Result<(), Rejected> {
        if !is_id(id) {
            return Err(invalid("id", "it is not the identifier of a token".to_owned()));
        }
        check_name("name", name)?;
        absent("token", &self.tokens, id, MAX_TOKENS)?;
        if !self.users.contains_key(owner) {
            return Err(unknown("user", owner));
        }
        if expires_ms.is_some_and(|at| at <= at_ms) {
            return Err(invalid("expires_ms", "it is not in the future".to_owned()));
        }
        if grants.is_empty() {
            return Err(invalid("grants", "a token without grants can do nothing".to_owned()));
        }
        Grant::check_all(grants).map_err(|why| invalid("grants", why))
    }

    fn create_key(&mut self, name: &NameBuf, algorithm: &str, secret: &Sealed, at_ms: u64) -> Result<(), Rejected> {
        absent("key", &self.keys, &**name, MAX_KEYS)?;
        if name.is_root() {
            return Err(invalid("name", "a key needs a name".to_owned()));
        }
        if !TSIG_ALGORITHMS.contains(&algorithm) {
            return Err(invalid("algorithm", format!("it must be one of {}", TSIG_ALGORITHMS.join(", "))));
        }
        let (algorithm, secret) = (algorithm.to_owned(), secret.clone());
        self.keys.insert(name.clone(), Arc::new(Key { name: name.clone(), algorithm, secret, created_ms: at_ms }));
        Ok(())
    }
}

/// Whether `name` may be the name of a user, a role or a token: lower case, so that no two look the same, and nothing
/// that needs quoting in logs and URLs.
pub fn is_name(name: &str) -> bool {
    let fits = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'@' | b'-');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits)
}

fn check_name(field: &'static str, name: &str) -> Result<(), Rejected> {
    let why = || format!("it must have 1 to {MAX_NAME} of the characters a-z, 0-9, \".\", \"_\", \"@\", \"-\"");
    if is_name(name) { Ok(()) } else { Err(invalid(field, why())) }
}

fn check_text(field: &'static str, text: &str, max: usize) -> Result<(), Rejected> {
    if text.chars().count() > max {
        return Err(invalid(field, format!("it has more than {max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "it has control characters".to_owned()));
    }
    Ok(())
}

fn check_settings(settings: &Settings) -> Result<(), Rejected> {
    const YEAR_S: u64 = 366 * 86_400;
    let why = || format!("it must be 60 to {YEAR_S} seconds");
    if !(60..=YEAR_S).contains(&settings.session_idle_s) {
        return Err(invalid("session_idle_s", why()));
    }
    if !(60..=YEAR_S).contains(&settings.session_max_s) {
        return Err(invalid("session_max_s", why()));
    }
    Ok(())
}

fn absent<K, Q, V>(what: &'static str, map: &BTreeMap<K, V>, name: &Q, max: usize) -> Result<(), Rejected>
where
    K: Ord + std::borrow::Borrow<Q>,
    Q: Ord + ToString + ?Sized,
{
    if map.contains_key(name) {
        return Err(Rejected::Exists { what, name: name.to_string() });
    }
    if map.len() >= max { Err(Rejected::TooMany { what, max }) } else { Ok(()) }
}

fn unknown(what: &'static str, name: &(impl ToString + ?Sized)) -> Rejected {
    Rejected::Unknown { what, name: name.to_string() }
}

fn invalid(field: &'static str, why: String) -> Rejected {
    Rejected::Invalid { field, why }
}
