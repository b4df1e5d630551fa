//! What was changed of access lately, and by whom. Folded with the state by `fold.rs`, shown by the API.

use std::collections::VecDeque;
use std::sync::Arc;

use journal::Offset;

use super::event::{AccessEvent, EventKind};
use super::limits::MAX_PAST;

/// What a change of access was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A user.
    User,
    /// A role.
    Role,
    /// A token.
    Token,
    /// A TSIG key.
    Key,
    /// The settings of access.
    Settings,
}

/// What happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It came to be.
    Created,
    /// It became something else.
    Changed,
    /// It went.
    Deleted,
}

/// A change of access that counted. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessChange {
    /// The offset of its event.
    pub offset: Offset,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who did it.
    pub who: String,
    /// What it was about.
    pub subject: Subject,
    /// The name of that; of a token its identifier; empty for settings.
    pub name: String,
    /// What happened to it.
    pub happened: Happening,
    /// What a token is called, and whose it is.
    pub token: Option<(Arc<str>, Arc<str>)>,
    /// The fields of a user that changed.
    pub fields: Vec<&'static str>,
}

/// The latest changes, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Past(VecDeque<Arc<AccessChange>>);

impl Past {
    pub(super) fn push(&mut self, change: AccessChange) {
        if self.0.len() >= MAX_PAST {
            self.0.pop_front();
        }
        self.0.push_back(Arc::new(change));
    }

    /// The latest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<AccessChange>> {
        self.0.iter().rev()
    }
}

impl AccessChange {
    /// The change that `event` makes, if it counts. `revoked`: what the token that it revokes is called, and whose it is.
    pub(super) fn new(offset: Offset, event: &AccessEvent, revoked: Option<(Arc<str>, Arc<str>)>) -> AccessChange {
        use Happening::{Changed, Created, Deleted};
        let (subject, happened, name) = match &event.kind {
            EventKind::UserCreated { name, .. } => (Subject::User, Created, name.clone()),
            EventKind::UserChanged { name, .. } => (Subject::User, Changed, name.clone()),
            EventKind::UserDeleted { name } => (Subject::User, Deleted, name.clone()),
            EventKind::RoleCreated { name, .. } => (Subject::Role, Created, name.clone()),
            EventKind::RoleChanged { name, .. } => (Subject::Role, Changed, name.clone()),
            EventKind::RoleDeleted { name } => (Subject::Role, Deleted, name.clone()),
            EventKind::TokenCreated { id, .. } => (Subject::Token, Created, id.clone()),
            EventKind::TokenRevoked { id } => (Subject::Token, Deleted, id.clone()),
            EventKind::KeyCreated { name, .. } => (Subject::Key, Created, name.to_string()),
            EventKind::KeyDeleted { name } => (Subject::Key, Deleted, name.to_string()),
            EventKind::SettingsChanged(_) => (Subject::Settings, Changed, String::new()),
        };
        let token = match &event.kind {
            EventKind::TokenCreated { name, owner, .. } => Some((name.as_str().into(), owner.as_str().into())),
            _ => revoked,
        };
        let (at_ms, who, fields) = (event.at_ms, event.who.clone(), fields(&event.kind));
        AccessChange { offset, at_ms, who, subject, name, happened, token, fields }
    }
}

/// The fields of a user that an event sets.
fn fields(kind: &EventKind) -> Vec<&'static str> {
    let EventKind::UserChanged { display_name, roles, password, disabled, .. } = kind else { return Vec::new() };
    let set = [
        ("display_name", display_name.is_some()),
        ("roles", roles.is_some()),
        ("password", password.is_some()),
        ("disabled", disabled.is_some()),
    ];
    set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{disabled, event, new_user, state};
    use super::super::grant::Grant;
    use super::super::token::NewToken;
    use super::*;

    #[test]
    fn what_counted_is_remembered_with_who_did_it() {
        let mut state = state(&[new_user("root", &["admin"]), new_user("anna", &[])]);
        let token = NewToken::new("anna", "ci", vec![Grant::everything()], None).expect("token");
        let id = token.id.clone();
        for kind in [token.kind, disabled("anna", true), EventKind::TokenRevoked { id: id.clone() }] {
            state.fold(state.next(), &event(kind)).expect("counts");
        }
        state.fold(state.next(), &event(new_user("anna", &[]))).expect_err("there is one already");
        let past: Vec<_> = state.past().collect();
        let shown = |change: &AccessChange| (change.subject, change.happened, change.name.clone());
        assert_eq!(shown(past[0]), (Subject::Token, Happening::Deleted, id));
        assert_eq!(past[0].token, Some(("ci".into(), "anna".into())), "its name is known though it is gone");
        assert_eq!((shown(past[1]).2.as_str(), past[1].fields.as_slice()), ("anna", &["disabled"][..]));
        assert_eq!((past.len(), past[0].who.as_str()), (5, event(disabled("anna", true)).who.as_str()));
        assert!(past.windows(2).all(|pair| pair[0].offset > pair[1].offset));
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut state = state(&[new_user("root", &["admin"]), new_user("anna", &[])]);
        for turn in 0..MAX_PAST + 10 {
            state.fold(state.next(), &event(disabled("anna", turn % 2 == 0))).expect("counts");
        }
        assert_eq!(state.past().count(), MAX_PAST);
        assert!(state.past().all(|change| change.happened == Happening::Changed));
    }
}
