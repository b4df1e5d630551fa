//! One look at the keys of a zone.

use super::facts::{Facts, NewKey, Outcome, Wanted};
use super::timing::{Times, no_future, note_parent, note_sights, note_signing, pass_time};
use super::{moves, waits};
use crate::keys::{ElementKind, Goal, Role, Visibility, ZoneKey, ZoneKeys};
use crate::policy::{KeyLayout, SigningPolicy};

/// Steps in one look, at the most: each element of each key goes through its four visibilities. What is left comes with
/// the next look.
const MAX_STEPS: usize = 16 * crate::keys::MAX_KEYS;

/// The keys at `now_s` (seconds since 1970), and what follows from it. A second look at the same time with the same facts
/// changes nothing.
///
/// The caller makes the keys that are missing, adds them and looks again; it commits the keys with the records that they
/// ask for; it looks again at the latest when `next_s` says so, and whenever there are new facts.
pub fn advance(keys: &ZoneKeys, policy: &SigningPolicy, facts: &Facts, now_s: u64) -> Outcome {
    let times = Times { policy, facts, now_s };
    let mut keys = keys.clone();
    no_future(&mut keys, now_s);
    note_signing(&mut keys, facts, now_s);
    note_parent(&mut keys, facts, now_s);
    for _ in 0..MAX_STEPS {
        let passed = pass_time(&mut keys, &times);
        let aimed = aim(&mut keys, &times);
        if !moves::step(&mut keys, facts.wanted, now_s) && !passed && !aimed {
            break;
        }
    }
    note_sights(&mut keys, facts, now_s);
    let make = missing(&keys, policy, facts.wanted);
    let waits = waits::waits(&keys, &times);
    let next_s = next_s(&keys, &times, waits.iter().filter_map(|wait| wait.until_s));
    Outcome { keys, make, waits, next_s }
}

/// The roles of a layout.
fn roles(layout: KeyLayout) -> &'static [Role] {
    match layout {
        KeyLayout::Split => &[Role::Ksk, Role::Zsk],
        KeyLayout::Combined => &[Role::Csk],
    }
}

/// Gives keys the goal to go: those that the policy does not have any more, and those whose lifetime ends.
fn aim(keys: &mut ZoneKeys, times: &Times<'_>) -> bool {
    let policy = times.policy;
    let goes = |key: &ZoneKey| {
        times.facts.wanted == Wanted::Insecure
            || key.algorithm() != policy.algorithm
            || !roles(policy.layout).contains(&key.role)
            || ends_s(keys, key, times).is_some_and(|ends_s| ends_s <= times.now_s)
    };
    let going: Vec<bool> = keys.keys.iter().map(|key| key.goal == Goal::InUse && goes(key)).collect();
    for (key, _) in keys.keys.iter_mut().zip(&going).filter(|&(_, &goes)| goes) {
        key.goal = Goal::Gone;
    }
    going.contains(&true)
}

/// When a successor is made because the lifetime of a key ends; `None`: never, or not while a rollover is under way.
fn ends_s(keys: &ZoneKeys, key: &ZoneKey, times: &Times<'_>) -> Option<u64> {
    let policy = times.policy;
    let lifetime_s = if key.role.signs_keys() { policy.ksk_lifetime_s } else { policy.zsk_lifetime_s };
    if lifetime_s == 0 || key.goal == Goal::Gone || under_way(keys, key.role).is_some() {
        return None;
    }
    let takes_over_s = key.active_since_s?.saturating_add(lifetime_s);
    Some(takes_over_s.saturating_sub(times.lead_s(keys)))
}

/// A key that shows that a rollover of a role is under way: one that goes, or one that has not taken over.
pub fn under_way(keys: &ZoneKeys, role: Role) -> Option<&ZoneKey> {
    let is_busy = |key: &&ZoneKey| match key.goal {
        Goal::Gone => !key.is_finished(),
        Goal::InUse => key.role.elements().iter().any(|&kind| match key.element(kind).visibility {
            Visibility::Omnipresent => false,
            // A parent that has no DS record yet keeps nobody from replacing the key.
            Visibility::Rumoured => kind != ElementKind::Ds,
            Visibility::Hidden | Visibility::Unretentive => true,
        }),
    };
    keys.keys.iter().filter(|key| key.role.overlaps(role)).find(is_busy)
}

/// The keys that the policy has and the zone has not.
fn missing(keys: &ZoneKeys, policy: &SigningPolicy, wanted: Wanted) -> Vec<NewKey> {
    let is_there = |role: Role| keys.keys.iter().any(|key| key.goal == Goal::InUse && key.role == role);
    let roles = roles(policy.layout).iter().copied();
    match wanted {
        Wanted::Signed => roles
            .filter(|&role| !is_there(role))
            .map(|role| NewKey { role, algorithm: policy.algorithm, flags: role.flags() })
            .collect(),
        Wanted::Insecure => Vec::new(),
    }
}

/// The next moment at which time alone brings something.
fn next_s(keys: &ZoneKeys, times: &Times<'_>, waits: impl Iterator<Item = u64>) -> Option<u64> {
    let ends = keys.keys.iter().filter_map(|key| ends_s(keys, key, times));
    // The facts may have been about the keys that signed before: a second later they count.
    let unheard = times.facts.zone_is_signed && keys.signed_since_s.is_none();
    let again_s = unheard.then(|| times.now_s.saturating_add(1));
    ends.chain(waits).chain(again_s).filter(|&at_s| times.now_s < at_s).min()
}
