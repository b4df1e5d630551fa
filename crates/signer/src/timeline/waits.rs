//! What is waited for, in sentences.

use super::facts::{Awaited, Wait};
use super::sentence::{moment, name};
use super::timing::Times;
use crate::keys::{ElementKind, Goal, Visibility, ZoneKey, ZoneKeys};

/// Everything that is waited for. The signature over the DNSKEY RRset goes with the DNSKEY record and is not named.
pub fn waits(keys: &ZoneKeys, times: &Times<'_>) -> Vec<Wait> {
    let mut waits = Vec::new();
    for key in &keys.keys {
        let kinds = key.role.elements().iter().filter(|&&kind| kind != ElementKind::KeySignature);
        for &kind in kinds.filter(|&&kind| !key.element(kind).is_stable()) {
            waits.push(wait(keys, key, kind, times));
        }
    }
    waits
}

fn wait(keys: &ZoneKeys, key: &ZoneKey, kind: ElementKind, times: &Times<'_>) -> Wait {
    let published = key.element(kind).is_published();
    let until_s = times.until_s(keys, key, kind);
    let what = match (kind, until_s, published) {
        (_, Some(_), _) | (ElementKind::Dnskey | ElementKind::KeySignature, ..) => Awaited::Caches(kind),
        (ElementKind::ZoneSignatures, None, _) => Awaited::Signing,
        (ElementKind::Ds, None, true) => Awaited::DsPublished,
        (ElementKind::Ds, None, false) => Awaited::DsWithdrawn,
    };
    let since_s = key.element(kind).since_s;
    let sentence = sentence(key, what, published, since_s, until_s);
    Wait { tag: key.tag(), algorithm: key.algorithm(), what, since_s, until_s, sentence }
}

fn sentence(key: &ZoneKey, what: Awaited, published: bool, since_s: u64, until_s: Option<u64>) -> String {
    let (since, key_name) = (moment(since_s), name(key));
    let until = until_s.map(|until_s| format!(" until {}", moment(until_s))).unwrap_or_default();
    match what {
        Awaited::Signing if published => {
            format!("waits since {since} for every RRset of the zone to be signed by {key_name}")
        }
        Awaited::Signing => format!("waits since {since} for the signatures by {key_name} to leave the zone"),
        Awaited::DsPublished => {
            let again = match key.goal {
                Goal::InUse => "",
                Goal::Gone => ", which another shall replace",
            };
            format!("waits since {since} for the DS record of {key_name} at the parent{again}")
        }
        Awaited::DsWithdrawn => {
            format!("waits since {since} for the parent to withdraw the DS record of {key_name}")
        }
        Awaited::Caches(kind) => {
            let (what, set) = match kind {
                ElementKind::Dnskey | ElementKind::KeySignature => ("DNSKEY record", "DNSKEY RRset"),
                ElementKind::ZoneSignatures => ("signatures", "zone"),
                ElementKind::Ds => ("DS record", "DS RRset"),
            };
            match published {
                true => format!("waits{until} for caches to forget the {set} without the {what} of {key_name}"),
                false => format!("waits{until} for caches to forget the {what} of {key_name}"),
            }
        }
    }
}

/// What an element has become, in a sentence.
pub fn became(key: &ZoneKey, kind: ElementKind) -> String {
    let key_name = format!("{}, a {}", name(key), key.role);
    match (kind, key.element(kind).visibility) {
        (ElementKind::Dnskey, Visibility::Rumoured) => format!("the DNSKEY record of {key_name}, is published"),
        (ElementKind::Dnskey, Visibility::Omnipresent) => format!("every cache has the DNSKEY record of {key_name}"),
        (ElementKind::Dnskey, Visibility::Unretentive) => format!("the DNSKEY record of {key_name}, is withdrawn"),
        (ElementKind::Dnskey, Visibility::Hidden) => format!("no cache has the DNSKEY record of {key_name}"),
        (ElementKind::KeySignature, _) => format!("the signature over the DNSKEY RRset by {key_name}, changes"),
        (ElementKind::ZoneSignatures, Visibility::Rumoured) => format!("{key_name}, begins to sign the zone"),
        (ElementKind::ZoneSignatures, Visibility::Omnipresent) => format!("every cache has signatures by {key_name}"),
        (ElementKind::ZoneSignatures, Visibility::Unretentive) => format!("{key_name}, signs the zone no longer"),
        (ElementKind::ZoneSignatures, Visibility::Hidden) => format!("no cache has signatures by {key_name}"),
        (ElementKind::Ds, Visibility::Rumoured) => format!("the parent is asked for the DS record of {key_name}"),
        (ElementKind::Ds, Visibility::Omnipresent) => format!("every cache has the DS record of {key_name}"),
        (ElementKind::Ds, Visibility::Unretentive) => {
            format!("the parent is asked to withdraw the DS record of {key_name}")
        }
        (ElementKind::Ds, Visibility::Hidden) => format!("no cache has the DS record of {key_name}"),
    }
}
