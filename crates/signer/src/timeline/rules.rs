//! Whether caches find a valid chain, whatever mixture of RRsets they have.
//!
//! Caches get each RRset by itself. Of the DNSKEY RRset they have one of the versions that were served lately; which these
//! are follows from the order of the changes. So it is with the signatures of every other RRset. Of the DS RRset anything
//! may be there that was asked of the parent lately or is withdrawn: the parent changes it when it likes.
//!
//! For each algorithm of the DS RRset there is a key that it names, that is in the DNSKEY RRset and signs it, and a key in
//! the DNSKEY RRset that signs the zone (RFC 4035 2.2, 5). For each algorithm of the DNSKEY RRset a key signs the DNSKEY
//! RRset, and one the zone (RFC 4035 2.2, RFC 6840 5.11).

use std::collections::BTreeSet;

use dnssec::algorithm::Algorithm;

use super::facts::Wanted;
use crate::keys::{Element, ElementKind, Visibility, ZoneKey};

/// How many mixtures of what caches may have are not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Violations {
    /// For those who come from a DS record that may be at the parent.
    pub from_parent: usize,
    /// For those who trust a key of the zone without a DS record, if the zone counts as signed.
    pub from_anchor: usize,
}

impl Violations {
    /// Those of `keys`. `is_signed`: see [`is_signed`].
    pub fn of(keys: &[ZoneKey], is_signed: bool) -> Violations {
        let has_ds = keys.iter().any(|key| !key.is(ElementKind::Ds, Visibility::Hidden));
        if !has_ds && !is_signed {
            return Violations::default();
        }
        let count = count(keys);
        Violations { from_parent: if has_ds { count } else { 0 }, from_anchor: if is_signed { count } else { 0 } }
    }

    /// Whether this state may follow the state with `before`: nothing gets worse for anybody.
    pub fn may_follow(self, before: Violations) -> bool {
        self.from_parent <= before.from_parent && self.from_anchor <= before.from_anchor
    }
}

fn count(keys: &[ZoneKey]) -> usize {
    let key_sets = versions(keys, &[ElementKind::Dnskey, ElementKind::KeySignature]);
    let signatures = versions(keys, &[ElementKind::ZoneSignatures]);
    let algorithms: BTreeSet<Algorithm> = keys.iter().map(ZoneKey::algorithm).collect();
    let mut count = 0;
    for &set in &key_sets {
        count += usize::from(!keys.iter().any(|key| has_record(key, set)));
        for &algorithm in &algorithms {
            let of_algorithm: Vec<&ZoneKey> = keys.iter().filter(|key| key.algorithm() == algorithm).collect();
            count += violations_of(&of_algorithm, set, &signatures);
        }
    }
    count
}

/// Whether the zone counts as signed for those who trust its keys without a DS record: it shall be signed, and every
/// cache has or gets what a chain of one algorithm needs.
pub fn is_signed(keys: &[ZoneKey], wanted: Wanted) -> bool {
    let complete = |of_keys: ElementKind, key: &&ZoneKey| {
        [ElementKind::Dnskey, of_keys].iter().all(|&kind| key.is(kind, Visibility::Omnipresent))
    };
    let signs_keys = |key: &&ZoneKey| complete(ElementKind::KeySignature, key);
    let signs_zone = |key: &&ZoneKey| complete(ElementKind::ZoneSignatures, key);
    wanted == Wanted::Signed
        && keys
            .iter()
            .filter(signs_keys)
            .any(|first| keys.iter().filter(signs_zone).any(|second| first.algorithm() == second.algorithm()))
}

/// The violations of one algorithm, in the version `set` of the DNSKEY RRset with every version of signatures.
fn violations_of(keys: &[&ZoneKey], set: u64, signatures: &[u64]) -> usize {
    let in_ds = |visibility| keys.iter().filter(move |key| key.is(ElementKind::Ds, visibility));
    let signs_set = |key: &&&ZoneKey| has_record(key, set) && is_there(&key.key_signature, set);
    let stays = in_ds(Visibility::Omnipresent).count() > 0;
    // What is always in the DS RRset decides; without it, each key may be the only one there.
    let chain = if stays {
        in_ds(Visibility::Omnipresent).any(|key| signs_set(&key))
    } else {
        in_ds(Visibility::Rumoured).chain(in_ds(Visibility::Unretentive)).all(|key| signs_set(&key))
    };
    let may_have_ds = keys.iter().any(|key| !key.is(ElementKind::Ds, Visibility::Hidden));
    let published = keys.iter().any(|key| has_record(key, set));
    let signed = keys.iter().any(|key| signs_set(&key));
    let unsigned_data = signatures
        .iter()
        .filter(|&&data| !keys.iter().any(|key| has_record(key, set) && is_there(&key.zone_signatures, data)))
        .count();
    let bad_data = if may_have_ds || published { unsigned_data } else { 0 };
    usize::from(!chain) + usize::from(published && !signed) + bad_data
}

fn has_record(key: &ZoneKey, set: u64) -> bool {
    is_there(&key.dnskey_record, set)
}

/// Whether an element is in the version that a change made.
fn is_there(element: &Element, version: u64) -> bool {
    match element.visibility {
        Visibility::Hidden => false,
        Visibility::Omnipresent => true,
        Visibility::Rumoured => element.change <= version,
        Visibility::Unretentive => version < element.change,
    }
}

/// The versions of an RRset that caches may have, each named by the change that made it; 0: before the changes that
/// caches may not know of.
fn versions(keys: &[ZoneKey], kinds: &[ElementKind]) -> Vec<u64> {
    let elements = keys.iter().flat_map(|key| kinds.iter().map(|&kind| key.element(kind)));
    let changes: BTreeSet<u64> =
        elements.filter(|element| !element.is_stable()).map(|element| element.change).collect();
    std::iter::once(0).chain(changes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Origin, Role};

    /// A key whose elements are given as letters: `-` hidden, `+` omnipresent, a digit: rumoured by that change, `w` and
    /// a digit: withdrawn by it. The order is DNSKEY, its signature, signatures of the zone, DS.
    fn key(algorithm: u8, elements: [&str; 4]) -> ZoneKey {
        let mut key = ZoneKey::new(Role::Csk, Origin::Made, vec![1, 1, 3, algorithm, 0], 0);
        for (&kind, text) in Role::Csk.elements().iter().zip(elements) {
            let (visibility, change) = match text {
                "-" => (Visibility::Hidden, "0"),
                "+" => (Visibility::Omnipresent, "0"),
                text if text.starts_with('w') => (Visibility::Unretentive, &text[1..]),
                text => (Visibility::Rumoured, text),
            };
            *key.element_mut(kind) = Element { visibility, since_s: 0, change: change.parse().expect("a number") };
        }
        key
    }

    #[test]
    fn chains_of_every_mixture() {
        let check = |keys: &[(u8, [&str; 4])], expected: bool| {
            let keys: Vec<ZoneKey> = keys.iter().map(|&(algorithm, elements)| key(algorithm, elements)).collect();
            assert_eq!(Violations::of(&keys, false).from_parent == 0, expected, "{keys:?}");
        };
        const WHOLE: [&str; 4] = ["+", "+", "+", "+"];
        check(&[], true);
        check(&[(8, WHOLE)], true);
        check(&[(8, ["-", "-", "-", "-"])], true);
        check(&[(8, ["1", "1", "1", "-"])], true);
        // Something is not in every cache.
        check(&[(8, ["+", "1", "+", "1"])], false);
        check(&[(8, ["+", "+", "1", "1"])], false);
        check(&[(8, ["1", "+", "+", "+"])], false);
        check(&[(8, ["+", "w1", "+", "w1"])], false);
        // Key-signing and zone-signing key.
        check(&[(8, ["+", "+", "-", "+"]), (8, ["+", "-", "+", "-"])], true);
        check(&[(8, ["+", "+", "-", "+"]), (13, ["+", "-", "+", "-"])], false);
        // Pre-publication (RFC 6781 4.1.1.1): the successor is everywhere before signatures are exchanged.
        let ksk = (8, ["+", "+", "-", "+"]);
        check(&[ksk, (8, ["+", "-", "+", "-"]), (8, ["1", "-", "-", "-"])], true);
        check(&[ksk, (8, ["+", "-", "w1", "-"]), (8, ["+", "-", "1", "-"])], true);
        check(&[ksk, (8, ["+", "-", "w1", "-"]), (8, ["1", "-", "1", "-"])], false);
        check(&[ksk, (8, ["+", "-", "w1", "-"]), (8, ["+", "-", "2", "-"])], false);
        check(&[ksk, (8, ["w2", "-", "w1", "-"]), (8, ["+", "-", "1", "-"])], false);
        check(&[ksk, (8, ["w1", "-", "-", "-"]), (8, ["+", "-", "+", "-"])], true);
        // DS records that are exchanged (RFC 6781 4.1.2).
        let zsk = (8, ["+", "-", "+", "-"]);
        check(&[zsk, (8, ["+", "+", "-", "w1"]), (8, ["+", "+", "-", "1"])], true);
        check(&[zsk, (8, ["+", "+", "-", "w1"]), (8, ["1", "1", "-", "1"])], false);
        check(&[zsk, (8, ["w1", "w1", "-", "w1"]), (8, ["+", "+", "-", "1"])], false);
        check(&[zsk, (8, ["w1", "w1", "-", "w1"]), (8, ["+", "+", "-", "+"])], true);
        // Another algorithm (RFC 6781 4.1.4): signatures before keys.
        check(&[(8, WHOLE), (13, ["-", "-", "1", "-"])], true);
        check(&[(8, WHOLE), (13, ["1", "1", "1", "-"])], false);
        check(&[(8, WHOLE), (13, ["1", "1", "+", "-"])], true);
        check(&[(8, WHOLE), (13, ["1", "-", "+", "-"])], false);
        check(&[(8, WHOLE), (13, ["1", "2", "+", "-"])], false);
        check(&[(8, ["+", "+", "+", "w1"]), (13, ["+", "+", "+", "1"])], true);
        check(&[(8, ["w1", "w1", "+", "-"]), (13, WHOLE)], true);
        check(&[(8, ["w1", "w1", "w1", "-"]), (13, WHOLE)], false);
        check(&[(8, ["-", "-", "w1", "-"]), (13, WHOLE)], true);
    }
}
