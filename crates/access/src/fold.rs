//! The fold of the events of access. Pure: whoever folds the same events gets the same state and the same outcome of
//! each. Called by `store.rs`.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use dns::NameBuf;
use journal::Offset;
use journal::corridor::{EventTag, line_problem};

use super::event::{AccessEvent, EventKind, Settings};
use super::grant::{Grant, Verb};
use super::limits::{MAX_KEYS, MAX_LIST, MAX_NAME, MAX_ROLES, MAX_TITLE, MAX_TOKENS, MAX_USERS, MAX_WHY};
use super::password::PasswordHash;
use super::past::AccessChange;
use super::seal::Sealed;
use super::state::{AccessState, Key, Rejected, Role, TSIG_ALGORITHMS, Token, User};
use super::token::is_id;

impl AccessState {
    /// Folds the event at `offset`. Events that are folded already are passed over.
    ///
    /// # Errors
    /// Why it does not count; then nothing but [`AccessState::next`] has changed.
    pub fn fold(&mut self, offset: Offset, event: &AccessEvent) -> Result<(), Rejected> {
        if offset < self.next {
            return Ok(());
        }
        self.next = offset.saturating_add(1);
        // A token that goes can be named only before.
        let revoked = match &event.kind {
            EventKind::TokenRevoked { id } => self.token(id).map(|token| (token.name.clone(), token.owner.clone())),
            _ => None,
        };
        let change = AccessChange::new(offset, event, revoked);
        self.apply(event)?;
        self.past.push(change);
        Ok(())
    }

    /// Folds an event that has a tag: what has been there already does not count.
    ///
    /// # Errors
    /// As [`AccessState::fold`].
    pub fn fold_once(&mut self, offset: Offset, tag: EventTag, event: &AccessEvent) -> Result<(), Rejected> {
        if offset < self.next {
            return Ok(());
        }
        if !self.recent.admit(tag) {
            self.next = offset.saturating_add(1);
            return Err(Rejected::Repeated);
        }
        self.fold(offset, event)
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
                    password_changed: old.password_changed || password.is_some(),
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
            password_changed: false,
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
    line_problem(text, max).map_or(Ok(()), |why| Err(invalid(field, why)))
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
    K: Ord + Borrow<Q>,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{disabled, event, grant, hash, name, new_user, state, user_change};
    use super::super::token::NewToken;
    use super::*;

    fn role(name: &str, verbs: &str) -> EventKind {
        let grants = vec![grant(&format!(r#"{{"zones":["**"],"verbs":[{verbs}]}}"#))];
        EventKind::RoleCreated { name: name.to_owned(), description: String::new(), grants }
    }

    fn changed(kind: EventKind) -> EventKind {
        match kind {
            EventKind::RoleCreated { name, description, grants } => {
                EventKind::RoleChanged { name, description, grants }
            }
            other => other,
        }
    }

    fn deleted(name: &str) -> EventKind {
        EventKind::UserDeleted { name: name.to_owned() }
    }

    fn with_roles(user: &str, to: &[&str]) -> EventKind {
        let to = to.iter().map(ToString::to_string).collect();
        let name = user.to_owned();
        EventKind::UserChanged { name, display_name: None, roles: Some(to), password: None, disabled: None }
    }

    fn token(id: &str, owner: &str) -> EventKind {
        let mut token = NewToken::new(owner, "ci", vec![Grant::everything()], Some(5000)).expect("token");
        if let EventKind::TokenCreated { id: made, .. } = &mut token.kind {
            *made = id.to_owned();
        }
        token.kind
    }

    fn key(text: &str, algorithm: &str) -> EventKind {
        let secret = Sealed::try_from("A".repeat(64)).expect("sealed");
        EventKind::KeyCreated { name: name(text), algorithm: algorithm.to_owned(), secret }
    }

    fn settings(session_idle_s: u64, session_max_s: u64) -> EventKind {
        EventKind::SettingsChanged(Settings { session_idle_s, session_max_s })
    }

    /// A state with something of every kind.
    fn some() -> AccessState {
        state(&[
            new_user("root", &["admin"]),
            role("dev", r#""update""#),
            new_user("anna", &["dev"]),
            token("aaaaaaaaaaaa", "anna"),
            key("k.", "hmac-sha256"),
        ])
    }

    #[test]
    fn what_clashes_is_rejected() {
        let check = |kind: EventKind, want: &str| {
            let before = some();
            let mut after = before.clone();
            let rejected = after.fold(after.next(), &event(kind.clone())).expect_err(want);
            assert_eq!(rejected.to_string(), want);
            assert_eq!(before.check(&event(kind)), Err(rejected));
            assert_eq!(after.next(), before.next() + 1);
            after.next = before.next;
            assert_eq!(after, before, "{want}");
        };
        check(new_user("anna", &[]), "there is a user anna already");
        check(new_user("Bert", &[]), &format!("name: it must have 1 to {MAX_NAME} of {}", CHARACTERS));
        check(new_user("bert", &["dve"]), "there is no role dve");
        check(with_roles("anna", &["dev", "dve"]), "there is no role dve");
        check(user_change("bert"), "there is no user bert");
        check(deleted("bert"), "there is no user bert");
        check(deleted("root"), "user root is the last one who can administer access");
        check(disabled("root", true), "user root is the last one who can administer access");
        check(with_roles("root", &["viewer"]), "user root is the last one who can administer access");
        check(role("dev", r#""read""#), "there is a role dev already");
        check(changed(role("ops", r#""read""#)), "there is no role ops");
        check(changed(role("admin", r#""read""#)), "role admin is built in and cannot be changed");
        check(EventKind::RoleDeleted { name: "viewer".to_owned() }, "role viewer is built in and cannot be changed");
        check(EventKind::RoleDeleted { name: "dev".to_owned() }, "role dev cannot be deleted: user anna has it");
        check(token("aaaaaaaaaaaa", "anna"), "there is a token aaaaaaaaaaaa already");
        check(token("bbbbbbbbbbbb", "bert"), "there is no user bert");
        check(token("b", "anna"), "id: it is not the identifier of a token");
        check(EventKind::TokenRevoked { id: "bbbbbbbbbbbb".to_owned() }, "there is no token bbbbbbbbbbbb");
        check(key("K.", "hmac-sha512"), "there is a key K. already");
        check(key(".", "hmac-sha512"), "name: a key needs a name");
        check(key("l.", "hmac-md4"), &format!("algorithm: it must be one of {}", TSIG_ALGORITHMS.join(", ")));
        check(EventKind::KeyDeleted { name: name("l.") }, "there is no key l.");
        check(settings(59, 3600), "session_idle_s: it must be 60 to 31622400 seconds");
        check(settings(60, u64::MAX), "session_max_s: it must be 60 to 31622400 seconds");
    }

    const CHARACTERS: &str = "the characters a-z, 0-9, \".\", \"_\", \"@\", \"-\"";

    #[test]
    fn texts_are_bounded() {
        let check = |change: fn(&mut AccessEvent), want: &str| {
            let mut event = event(user_change("anna"));
            change(&mut event);
            let rejected = some().check(&event).expect_err(want).to_string();
            assert_eq!(rejected, want);
        };
        check(|event| event.who = "a".repeat(257), "who: it has more than 256 characters");
        check(|event| event.why = "a".repeat(1025), "why: it has more than 1024 characters");
        check(|event| event.why = "a\nb".to_owned(), "why: it has control characters");
    }

    #[test]
    fn what_goes_takes_along_what_hangs_on_it() {
        let mut state = some();
        state.fold(state.next(), &event(deleted("anna"))).expect("deleted");
        assert_eq!(state.tokens().count(), 0);
        state.fold(state.next(), &event(EventKind::RoleDeleted { name: "dev".to_owned() })).expect("no longer in use");
        state.fold(state.next(), &event(EventKind::KeyDeleted { name: name("K.") })).expect("case does not matter");
        assert_eq!(state.keys().count(), 0);
    }

    #[test]
    fn a_role_of_one_s_own_can_be_the_last_admin() {
        let all = r#""admin""#;
        let mut state = state(&[new_user("root", &["admin"]), role("boss", all), new_user("anna", &["boss"])]);
        state.fold(state.next(), &event(deleted("root"))).expect("anna is there");
        let less = event(changed(role("boss", r#""read""#)));
        assert_eq!(state.fold(state.next(), &less), Err(Rejected::LastAdmin("anna".to_owned())));
        assert!(state.role("boss").is_some_and(|role| role.grants[0].verbs == [Verb::Admin]));
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let mut state = some();
        state.fold(state.next(), &event(disabled("anna", true))).expect("disabled");
        let anna = state.user("anna").expect("anna");
        assert!(anna.disabled && anna.roles == ["dev"] && anna.password == Some(hash()) && anna.display_name == "ANNA");
    }

    fn kinds() -> impl Strategy<Value = EventKind> {
        let users = || prop::sample::select(vec!["root", "anna", "bert"]);
        let roles = || prop::sample::select(vec!["admin", "dev", "ops"]);
        let ids = || prop::sample::select(vec!["aaaaaaaaaaaa", "bbbbbbbbbbbb"]);
        prop_oneof![
            (users(), roles()).prop_map(|(user, role)| new_user(user, &[role])),
            (users(), roles()).prop_map(|(user, role)| with_roles(user, &[role])),
            (users(), any::<bool>()).prop_map(|(user, off)| disabled(user, off)),
            users().prop_map(deleted),
            roles().prop_map(|name| role(name, r#""read""#)),
            roles().prop_map(|name| changed(role(name, r#""admin""#))),
            roles().prop_map(|name| EventKind::RoleDeleted { name: name.to_owned() }),
            (ids(), users()).prop_map(|(id, user)| token(id, user)),
            ids().prop_map(|id| EventKind::TokenRevoked { id: id.to_owned() }),
        ]
    }

    proptest! {
        /// Folding twice, in one go or with events repeated, gives the same; names always lead somewhere.
        #[test]
        fn deterministic_and_idempotent(kinds in prop::collection::vec(kinds(), 0..40)) {
            let (mut one, mut other) = (AccessState::default(), AccessState::default());
            let mut had_admin = false;
            for (offset, kind) in kinds.into_iter().enumerate() {
                let (offset, event) = (offset as Offset, event(kind));
                let checked = one.check(&event);
                let outcome = one.fold(offset, &event);
                prop_assert_eq!(&checked, &outcome);
                prop_assert_eq!(other.fold(offset, &event), outcome);
                prop_assert_eq!(other.fold(offset, &event), Ok(()));
                prop_assert_eq!(&one, &other);
                prop_assert!(one.tokens().all(|token| one.user(&token.owner).is_some()));
                prop_assert!(one.users().all(|user| user.roles.iter().all(|role| one.role(role).is_some())));
                let has_admin = one.users().any(|user| one.administers(user));
                prop_assert!(has_admin || !had_admin, "the last administrator is gone");
                had_admin = has_admin;
            }
        }
    }
}
