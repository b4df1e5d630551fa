//! What operators ask for.

use std::fmt;

use super::advance::under_way;
use super::sentence::{moment, name};
use crate::keys::{DsConfirmation, DsSource, ElementKind, Goal, Role, Visibility, ZoneKey, ZoneKeys};

/// Which keys are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those of a role.
    Role(Role),
    /// The one with this key tag.
    Tag(u16),
}

/// What operators ask of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To replace these keys: [`roll`].
    Roll(Which),
    /// To have a key go: [`retire`].
    Retire {
        /// Its tag.
        tag: u16,
        /// Somebody else may have its private key.
        compromised: bool,
    },
}

impl Request {
    /// The keys after it.
    ///
    /// # Errors
    /// Those of [`roll`] and [`retire`].
    pub fn apply(self, keys: &ZoneKeys, now_s: u64) -> Result<ZoneKeys, TimelineError> {
        match self {
            Request::Roll(which) => roll(keys, which, now_s),
            Request::Retire { tag, compromised } => retire(keys, tag, compromised),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Role(role) => write!(f, "{role}"),
            Which::Tag(tag) => write!(f, "key with tag {tag}"),
        }
    }
}

/// Why something that was asked for is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// There is none.
    #[error("the zone has no {0} in use")]
    NoKey(Which),
    /// It is going already.
    #[error("{0} is on its way out already")]
    Going(String),
    /// A rollover is under way.
    #[error("a rollover is under way: {0}; the next one can begin when it is over")]
    UnderWay(String),
    /// The parent need not do anything about it.
    #[error("{0}")]
    NotWaiting(String),
}

/// Begins a rollover now: the keys get the goal to go, and [`super::advance`] asks for a successor.
///
/// # Errors
/// There is no such key, or a rollover of its role is under way.
pub fn roll(keys: &ZoneKeys, which: Which, now_s: u64) -> Result<ZoneKeys, TimelineError> {
    let matches = |key: &ZoneKey| match which {
        Which::Role(role) => key.role == role && key.goal == Goal::InUse,
        Which::Tag(tag) => key.tag() == tag && !key.is_finished(),
    };
    let role = keys.keys.iter().find(|key| matches(key)).map(|key| key.role);
    let asked_role = match which {
        Which::Role(role) => Some(role),
        Which::Tag(_) => role,
    };
    if let Some(busy) = asked_role.and_then(|role| under_way(keys, role)) {
        return Err(TimelineError::UnderWay(what_is_under_way(busy, now_s)));
    }
    if role.is_none() {
        return Err(TimelineError::NoKey(which));
    }
    let mut rolled = keys.clone();
    for key in rolled.keys.iter_mut().filter(|key| matches(key)) {
        key.goal = Goal::Gone;
    }
    Ok(rolled)
}

/// Has a key go, whether or not a rollover is under way. If no other key does its work, [`super::advance`] asks for a successor.
/// If it is `compromised`, that takes over as fast as caches allow; a key that goes already goes faster then.
///
/// # Errors
/// There is no such key, or it is on its way out.
pub fn retire(keys: &ZoneKeys, tag: u16, compromised: bool) -> Result<ZoneKeys, TimelineError> {
    let mut retired = keys.clone();
    let key = retired.keys.iter_mut().find(|key| key.tag() == tag && !key.is_finished());
    let key = key.ok_or(TimelineError::NoKey(Which::Tag(tag)))?;
    if key.goal == Goal::Gone && (key.compromised || !compromised) {
        return Err(TimelineError::Going(name(key)));
    }
    key.goal = Goal::Gone;
    key.compromised |= compromised;
    Ok(retired)
}

/// `key 12345 (ED25519), a zone-signing key, is on its way out; it is retired since 2026-11-30 20:00 UTC`.
fn what_is_under_way(key: &ZoneKey, now_s: u64) -> String {
    let what = match key.goal {
        Goal::Gone => "is on its way out",
        Goal::InUse => "has not taken over yet",
    };
    let last_s = key.role.elements().iter().map(|&kind| key.element(kind).since_s).max().filter(|&since_s| 0 < since_s);
    let since_s = last_s.unwrap_or(key.created_s).min(now_s);
    format!("{}, a {}, {what}; it is {} since {}", name(key), key.role, key.state(), moment(since_s))
}

/// Notes what somebody says of the parent: it `published` the DS record of a key, or has withdrawn it.
///
/// # Errors
/// There is no such key, or that is not what is waited for.
pub fn confirm_ds(keys: &ZoneKeys, tag: u16, published: bool, now_s: u64) -> Result<ZoneKeys, TimelineError> {
    let mut confirmed = keys.clone();
    let key = confirmed.keys.iter_mut().find(|key| key.tag() == tag && key.role.signs_keys());
    let key = key.ok_or(TimelineError::NoKey(Which::Tag(tag)))?;
    let awaited = if published { Visibility::Rumoured } else { Visibility::Unretentive };
    if !key.is(ElementKind::Ds, awaited) {
        return Err(TimelineError::NotWaiting(not_waiting(key)));
    }
    let is_known = key.ds_confirmed.is_some_and(|known| known.by == DsSource::Hand && known.published == published);
    if !is_known {
        key.ds_confirmed = Some(DsConfirmation { by: DsSource::Hand, published, at_s: now_s });
    }
    Ok(confirmed)
}

fn not_waiting(key: &ZoneKey) -> String {
    let name = name(key);
    match key.ds.visibility {
        Visibility::Hidden => format!("the parent shall have no DS record of {name} now"),
        Visibility::Rumoured => format!("the DS record of {name} shall be published; it cannot be withdrawn now"),
        Visibility::Omnipresent => {
            format!("it is known that the parent has the DS record of {name}; begin a rollover to replace it")
        }
        Visibility::Unretentive => format!("the DS record of {name} shall be withdrawn; it cannot be published now"),
    }
}
