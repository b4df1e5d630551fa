//! What is published and withdrawn, as the goals of the keys ask for it. A move is made if the chains of all caches are
//! valid after it, or if they were not before and it makes it no worse.

use std::collections::BTreeSet;

use dnssec::algorithm::Algorithm;

use super::facts::Wanted;
use super::rules::{self, Violations};
use crate::keys::{Element, ElementKind, Goal, Visibility, ZoneKey, ZoneKeys};

use ElementKind::{Dnskey, Ds, KeySignature, ZoneSignatures};
use Visibility::{Hidden, Omnipresent, Rumoured, Unretentive};

/// Elements that change in one moment: the place of the key, the element, what it becomes.
type Move = Vec<(usize, ElementKind, Visibility)>;

/// Makes the first move that can be made; whether there was one.
pub fn step(keys: &mut ZoneKeys, wanted: Wanted, now_s: u64) -> bool {
    let candidates = [sign_zone, publish_keys, publish_ds, withdraw_ds, withdraw_keys, stop_signing];
    candidates
        .iter()
        .any(|candidate| candidate(&keys.keys, wanted).into_iter().any(|step| make(keys, &step, wanted, now_s)))
}

/// Makes a move, if it can be made.
fn make(keys: &mut ZoneKeys, step: &Move, wanted: Wanted, now_s: u64) -> bool {
    let is_signed = rules::is_signed(&keys.keys, wanted);
    let mut after = keys.clone();
    after.changes = after.changes.saturating_add(1);
    for &(index, kind, visibility) in step {
        let Some(key) = after.keys.get_mut(index) else { return false };
        *key.element_mut(kind) = Element { visibility, since_s: now_s, change: after.changes };
        match kind {
            Ds => {
                key.ds_confirmed = None;
                key.active_since_s = key.active_since_s.or(Some(now_s));
            }
            ZoneSignatures => {
                after.signed_since_s = None;
                if !key.role.signs_keys() {
                    key.active_since_s = key.active_since_s.or(Some(now_s));
                }
            }
            Dnskey | KeySignature => {}
        }
    }
    let before = Violations::of(&keys.keys, is_signed);
    let can_be = Violations::of(&after.keys, is_signed).may_follow(before);
    if can_be {
        *keys = after;
    }
    can_be
}

/// The keys with a goal, and their places.
fn with_goal(keys: &[ZoneKey], goal: Goal) -> impl Iterator<Item = (usize, &ZoneKey)> {
    keys.iter().enumerate().filter(move |(_, key)| key.goal == goal)
}

/// A key begins to sign the zone: at once if no other key of its algorithm does, so that signatures are there before the
/// key (RFC 6781 4.1.4), else when every cache has it, in place of those that go (RFC 6781 4.1.1.1). Beside a key that others
/// may have it signs at once, too: caches get key and signatures in one time instead of two (RFC 6781 4.1.1.2).
fn sign_zone(keys: &[ZoneKey], wanted: Wanted) -> Vec<Move> {
    let step = |(index, key): (usize, &ZoneKey)| {
        let signs = |&(place, other): &(usize, &ZoneKey)| {
            place != index && other.algorithm() == key.algorithm() && other.is_published() && other.signs_zone()
        };
        let others: Vec<(usize, &ZoneKey)> = keys.iter().enumerate().filter(signs).collect();
        let going: Vec<(usize, &ZoneKey)> =
            others.iter().copied().filter(|(_, other)| other.goal == Goal::Gone).collect();
        let starts = (index, ZoneSignatures, Rumoured);
        if going.iter().any(|(_, other)| other.compromised) && !key.is(Dnskey, Omnipresent) {
            return Some(vec![starts]);
        }
        let is_time = others.is_empty()
            || key.is(Dnskey, Omnipresent) && going.iter().all(|(_, other)| other.is(ZoneSignatures, Omnipresent));
        let stops = going.iter().map(|&(place, _)| (place, ZoneSignatures, Unretentive));
        is_time.then(|| std::iter::once(starts).chain(stops).collect())
    };
    let waits = |(_, key): &(usize, &ZoneKey)| key.role.signs_zone() && key.is(ZoneSignatures, Hidden);
    match wanted {
        Wanted::Signed => with_goal(keys, Goal::InUse).filter(waits).filter_map(step).collect(),
        Wanted::Insecure => Vec::new(),
    }
}

/// The changes of a key's DNSKEY record, and of its signature over the RRset that has the record.
fn key_set_change(index: usize, key: &ZoneKey, visibility: Visibility) -> Move {
    let kinds = key.role.elements().iter().filter(|kind| matches!(kind, Dnskey | KeySignature));
    kinds.map(|&kind| (index, kind, visibility)).collect()
}

/// The keys that match, all of an algorithm at once, or else one by one.
fn together(keys: &[ZoneKey], matches: impl Fn(&ZoneKey) -> bool, visibility: Visibility) -> Vec<Move> {
    let algorithms: BTreeSet<Algorithm> = keys.iter().filter(|key| matches(key)).map(ZoneKey::algorithm).collect();
    let of = |algorithm: Algorithm| {
        let chosen = keys.iter().enumerate().filter(|(_, key)| key.algorithm() == algorithm && matches(key));
        let single: Vec<Move> = chosen.map(|(index, key)| key_set_change(index, key, visibility)).collect();
        std::iter::once(single.concat()).chain(single).collect::<Vec<Move>>()
    };
    algorithms.into_iter().flat_map(of).collect()
}

/// DNSKEY records are published. Those of a new algorithm come together: each algorithm of the RRset signs everything.
fn publish_keys(keys: &[ZoneKey], wanted: Wanted) -> Vec<Move> {
    let matches = |key: &ZoneKey| wanted == Wanted::Signed && key.goal == Goal::InUse && key.is(Dnskey, Hidden);
    together(keys, matches, Rumoured)
}

/// The parent is asked for the DS record of a key that every cache has.
fn publish_ds(keys: &[ZoneKey], wanted: Wanted) -> Vec<Move> {
    let is_ready = |(_, key): &(usize, &ZoneKey)| {
        let everywhere = key.is(Dnskey, Omnipresent) && key.is(KeySignature, Omnipresent);
        wanted == Wanted::Signed && everywhere && key.is(Ds, Hidden)
    };
    with_goal(keys, Goal::InUse).filter(is_ready).map(|(index, _)| vec![(index, Ds, Rumoured)]).collect()
}

/// The parent is asked to withdraw a DS record: when another shall be there, in the same change, or when none shall.
fn withdraw_ds(keys: &[ZoneKey], wanted: Wanted) -> Vec<Move> {
    let replaced = with_goal(keys, Goal::InUse).any(|(_, key)| key.wants_ds());
    let goes = |(_, key): &(usize, &ZoneKey)| key.wants_ds() && (replaced || wanted == Wanted::Insecure);
    with_goal(keys, Goal::Gone).filter(goes).map(|(index, _)| vec![(index, Ds, Unretentive)]).collect()
}

/// DNSKEY records are withdrawn that no DS record in a cache can name.
fn withdraw_keys(keys: &[ZoneKey], _: Wanted) -> Vec<Move> {
    let matches = |key: &ZoneKey| key.goal == Goal::Gone && key.is(Dnskey, Omnipresent) && key.is(Ds, Hidden);
    together(keys, matches, Unretentive)
}

/// Signatures are withdrawn that no one needs: of an algorithm whose keys are gone, of a zone that goes insecure, or beside
/// those of a key that has taken over. They wait for the latter: the time of all signatures begins again when some go.
fn stop_signing(keys: &[ZoneKey], _: Wanted) -> Vec<Move> {
    let is_taking_over = |key: &ZoneKey, going: &ZoneKey| {
        key.goal == Goal::InUse && key.algorithm() == going.algorithm() && key.is(ZoneSignatures, Rumoured)
    };
    let goes = |(_, key): &(usize, &ZoneKey)| {
        key.is(ZoneSignatures, Omnipresent) && !keys.iter().any(|other| is_taking_over(other, key))
    };
    with_goal(keys, Goal::Gone).filter(goes).map(|(index, _)| vec![(index, ZoneSignatures, Unretentive)]).collect()
}
