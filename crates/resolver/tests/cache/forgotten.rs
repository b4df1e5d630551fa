//! What the cache forgets when it is told that names changed elsewhere.

use proptest::prelude::*;
use resolver::cache::ChangedNames;

use super::*;

/// Names of few labels, so that they are often above each other.
fn some_name() -> impl Strategy<Value = NameBuf> {
    let label = prop::sample::select(vec!["a", "b", "*"]);
    prop::collection::vec(label, 0..4).prop_map(|labels| {
        name(&format!("{}test.", labels.iter().map(|label| format!("{label}.")).collect::<String>()))
    })
}

/// Whether a change of `changed`, or of everything at and below it, may have made untrue what is kept at `kept`.
fn is_concerned(kept: &Name, changed: &Name, below: bool) -> bool {
    match changed.labels().next() == Some(b"*") {
        true => changed.parent().is_some_and(|encloser| kept.is_at_or_below(encloser)) || kept == changed,
        false => kept == changed || below && kept.is_at_or_below(changed),
    }
}

proptest! {
    /// Nothing that may be untrue stays, and what has nothing to do with it does.
    #[test]
    fn what_changed_is_forgotten_and_nothing_else(
        kept in prop::collection::btree_set(some_name(), 0..30),
        names in prop::collection::btree_set(some_name(), 0..12),
        subtrees in prop::collection::btree_set(some_name(), 0..3),
    ) {
        let cache = cache(small());
        for owner in &kept {
            put(&cache, 0, &Rrset::new(owner.clone(), RType::A, 100).with(&[192, 0, 2, 1]));
            put(&cache, 0, &Rrset::new(owner.clone(), RType::TXT, 100).with(b"\x01x"));
        }
        let mut changed = ChangedNames::default();
        names.iter().for_each(|name| changed.add_name(name));
        subtrees.iter().for_each(|name| changed.add_subtree(name));
        let told = cache.changes_told();
        let gone = cache.forget(&changed);
        prop_assert_eq!(cache.changes_told() > told, !changed.is_empty());
        let is_gone = |kept: &NameBuf| {
            names.iter().any(|changed| is_concerned(kept, changed, false))
                || subtrees.iter().any(|top| kept.is_at_or_below(top))
        };
        let left: Vec<NameBuf> = kept.iter().filter(|kept| !is_gone(kept)).cloned().collect();
        let mut found: Vec<NameBuf> = cache.browse(0, None, 100, None).into_iter().map(|row| row.name).collect();
        found.dedup();
        prop_assert_eq!(&found, &left);
        prop_assert_eq!(gone, 2 * (kept.len() - left.len()));
    }
}

/// A name that comes to be also ends that names above it did not exist, and proofs that cover it.
#[test]
fn what_says_that_a_name_is_not_there_is_forgotten() {
    let soa = soa("test.", 100, 100);
    let top = Name::root();
    let (above, new) = (name("b.test."), name("x.b.test."));
    let mut changed = ChangedNames::default();
    changed.add_name(&new);
    let fill = || {
        let cache = cache(CacheSettings { max_size_bytes: 32 << 20, ..CacheSettings::default() });
        let proofs = [nsec("a.test.", "c.test."), nsec("test.", "a.test.")];
        let gone = NewNegative { security: Security::Secure, proofs: &proofs, ..negative(&above, None, Some(&soa)) };
        cache.insert(0, NewEntry::Negative(gone));
        cache
    };
    let cache = fill();
    assert!(cache.lookup(1, &new, RType::A, top).is_some(), "nothing is below a name that is not there");
    assert!(cache.aggressive(1, &new, RType::A, top).is_some(), "the proof covers it");
    cache.forget(&changed);
    assert!(cache.lookup(1, &new, RType::A, top).is_none());
    assert!(cache.aggressive(1, &new, RType::A, top).is_none());
    // Others that the same proof covered are asked for again; that costs a question and is never wrong.
    assert!(cache.lookup(1, &above, RType::A, top).is_none());
}
