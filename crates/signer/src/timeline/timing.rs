//! How long each element takes, and what time and the parent's servers do to it (RFC 7583 3).

use super::facts::{DsSeen, Facts};
use crate::keys::{DsConfirmation, DsSource, Element, ElementKind, Goal, Visibility, ZoneKey, ZoneKeys};
use crate::policy::SigningPolicy;

/// What decides about time.
#[derive(Debug, Clone, Copy)]
pub struct Times<'a> {
    /// What the operator wants.
    pub policy: &'a SigningPolicy,
    /// What was observed.
    pub facts: &'a Facts,
    /// Now, in seconds since 1970.
    pub now_s: u64,
}

impl Times<'_> {
    /// From a change of the DNSKEY RRset or its signatures until no cache has what was before. While caches may remember
    /// that there was no DNSKEY RRset, the TTL of negative answers counts too.
    pub fn key_set_s(&self, keys: &ZoneKeys) -> u64 {
        let Times { policy, facts, .. } = self;
        let first = !keys.keys.iter().any(|key| key.is(ElementKind::Dnskey, Visibility::Omnipresent));
        let negative_s = if first { facts.max_ttl_s } else { 0 };
        let ttl_s = policy.dnskey_ttl_s.max(facts.dnskey_ttl_s).max(negative_s);
        sum([ttl_s, policy.propagation_s, policy.safety_s])
    }

    /// From when the zone is signed by the keys that shall sign it until no cache has other signatures.
    pub fn signatures_s(&self) -> u64 {
        sum([self.facts.max_ttl_s, self.policy.propagation_s, self.policy.safety_s])
    }

    /// From when all servers of the parent have a DS RRset until no cache has another.
    pub fn ds_s(&self, key: &ZoneKey) -> u64 {
        let seen_s = self.facts.ds_of(key).map_or(0, |seen| seen.ttl_s);
        sum([self.policy.parent_ds_ttl_s.max(seen_s), self.policy.safety_s])
    }

    /// When time moves an element on, in seconds since 1970; `None`: it is stable, or waits for something else.
    pub fn until_s(&self, keys: &ZoneKeys, key: &ZoneKey, kind: ElementKind) -> Option<u64> {
        let element = key.element(kind);
        if element.is_stable() {
            return None;
        }
        match kind {
            ElementKind::Dnskey | ElementKind::KeySignature => {
                Some(element.since_s.saturating_add(self.key_set_s(keys)))
            }
            ElementKind::ZoneSignatures => {
                keys.signed_since_s.map(|signed_s| signed_s.max(element.since_s).saturating_add(self.signatures_s()))
            }
            ElementKind::Ds => self.parent_done_s(key).map(|done_s| done_s.saturating_add(self.ds_s(key))),
        }
    }

    /// Since when the parent has done what it shall do about a DS record, on all its servers.
    pub fn parent_done_s(&self, key: &ZoneKey) -> Option<u64> {
        let published = key.ds.visibility == Visibility::Rumoured;
        let by_hand = key.ds_confirmed.filter(|known| known.by == DsSource::Hand && known.published == published);
        let by_hand_s = by_hand.map(|known| known.at_s.saturating_add(self.policy.parent_propagation_s.into()));
        let seen_s = self.facts.ds_of(key).and_then(|seen| match published {
            true => seen.at_all_servers_since_s,
            false => seen.gone_from_all_servers_since_s,
        });
        let seen_s = seen_s.map(|seen_s| seen_s.min(self.now_s));
        let done_s = [by_hand_s, seen_s].into_iter().flatten().min()?;
        // A parent that still works on CDS records that it read before they changed may publish the DS record again.
        let late_s = sum([self.policy.propagation_s, self.policy.parent_propagation_s]);
        Some(if published { done_s } else { done_s.max(key.ds.since_s.saturating_add(late_s)) })
    }

    /// How long before its predecessor's lifetime ends a successor is published: then it takes over when it ends.
    pub fn lead_s(&self, keys: &ZoneKeys) -> u64 {
        self.key_set_s(keys)
    }
}

fn sum<const N: usize>(seconds: [u32; N]) -> u64 {
    seconds.into_iter().map(u64::from).sum()
}

/// A time in the future counts as now: the clock went back, and what was measured with it is waited for anew.
pub fn no_future(keys: &mut ZoneKeys, now_s: u64) {
    keys.signed_since_s = keys.signed_since_s.map(|since_s| since_s.min(now_s));
    for key in &mut keys.keys {
        key.active_since_s = key.active_since_s.map(|since_s| since_s.min(now_s));
        if let Some(known) = &mut key.ds_confirmed {
            known.at_s = known.at_s.min(now_s);
        }
        for &kind in key.role.elements() {
            let element = key.element_mut(kind);
            element.since_s = element.since_s.min(now_s);
        }
    }
}

/// Notes since when the zone is signed by the keys that shall sign it. What is said in the second in which these keys
/// changed does not count: it may be about those before.
pub fn note_signing(keys: &mut ZoneKeys, facts: &Facts, now_s: u64) {
    let changed_s = signing_changed_s(keys);
    keys.signed_since_s = match keys.signed_since_s {
        _ if !facts.zone_is_signed => None,
        None if changed_s.is_none_or(|changed_s| changed_s < now_s) => Some(now_s),
        since_s => since_s,
    };
}

/// When the keys that sign the zone changed last, as far as caches may not know of it.
pub fn signing_changed_s(keys: &ZoneKeys) -> Option<u64> {
    let signatures = keys.keys.iter().map(|key| key.zone_signatures);
    signatures.filter(|element| !element.is_stable()).map(|element| element.since_s).max()
}

/// Takes over what the parent's servers say of DS records, where they say something else than is known of them.
pub fn note_parent(keys: &mut ZoneKeys, facts: &Facts, now_s: u64) {
    for key in keys.keys.iter_mut().filter(|key| key.role.signs_keys()) {
        if let Some(visibility) = facts.ds_of(key).and_then(|seen| contradicted(key, seen)) {
            key.ds = Element { visibility, since_s: now_s, ..key.ds };
            key.ds_confirmed = None;
        }
    }
}

/// Notes since when the parent's servers have done what is waited for, so that it is known after a restart. What somebody
/// said stays.
pub fn note_sights(keys: &mut ZoneKeys, facts: &Facts, now_s: u64) {
    for key in keys.keys.iter_mut().filter(|key| key.role.signs_keys()) {
        let Some(seen) = facts.ds_of(key) else { continue };
        let (published, since_s) = match key.ds.visibility {
            Visibility::Rumoured => (true, seen.at_all_servers_since_s),
            Visibility::Unretentive => (false, seen.gone_from_all_servers_since_s),
            Visibility::Hidden | Visibility::Omnipresent => continue,
        };
        if key.ds_confirmed.is_none_or(|known| known.by == DsSource::Seen) {
            let sight = |at_s: u64| DsConfirmation { by: DsSource::Seen, published, at_s: at_s.min(now_s) };
            key.ds_confirmed = since_s.map(sight);
        }
    }
}

/// What a DS record is, if it is not what is known of it.
fn contradicted(key: &ZoneKey, seen: &DsSeen) -> Option<Visibility> {
    let is_gone = seen.gone_from_all_servers_since_s;
    match key.ds.visibility {
        // The parent has it unasked, or again.
        Visibility::Hidden if is_gone.is_none() => {
            Some(if key.goal == Goal::InUse { Visibility::Rumoured } else { Visibility::Unretentive })
        }
        // The parent withdrew it unasked. What somebody said is contradicted only by all servers, and later.
        Visibility::Omnipresent => {
            let is_lost = match key.ds_confirmed {
                Some(DsConfirmation { by: DsSource::Hand, at_s, .. }) => is_gone.is_some_and(|gone_s| at_s < gone_s),
                _ => seen.at_all_servers_since_s.is_none(),
            };
            is_lost.then_some(Visibility::Rumoured)
        }
        _ => None,
    }
}

/// Moves on every element whose time is over. It only makes the mixtures that caches may have fewer.
pub fn pass_time(keys: &mut ZoneKeys, times: &Times<'_>) -> bool {
    let mut done = Vec::new();
    for (index, key) in keys.keys.iter().enumerate() {
        for &kind in key.role.elements() {
            if times.until_s(keys, key, kind).is_some_and(|until_s| until_s <= times.now_s) {
                done.push((index, kind));
            }
        }
    }
    for &(index, kind) in &done {
        if let Some(key) = keys.keys.get_mut(index) {
            settle(key, kind, times);
        }
    }
    !done.is_empty()
}

fn settle(key: &mut ZoneKey, kind: ElementKind, times: &Times<'_>) {
    let published = key.element(kind).is_published();
    if kind == ElementKind::Ds {
        let by_hand = key.ds_confirmed.is_some_and(|known| known.by == DsSource::Hand && known.published == published);
        let at_s = times.parent_done_s(key).unwrap_or(times.now_s);
        if !by_hand {
            key.ds_confirmed = Some(DsConfirmation { by: DsSource::Seen, published, at_s });
        }
    }
    let element = key.element_mut(kind);
    element.visibility = if published { Visibility::Omnipresent } else { Visibility::Hidden };
    element.since_s = times.now_s;
}
