//! The keys of a zone as a document, their tags, and the words for how far they have come.

use dnssec::algorithm::Algorithm;
use dnssec::key::key_tag;
use signer::keys::{AddError, Goal, Origin, REVOKED, Role, Visibility, ZoneKey, ZoneKeys};

fn dnskey(flags: u16, octet: u8) -> Vec<u8> {
    [&flags.to_be_bytes()[..], &[3, 13], &[octet; 64]].concat()
}

#[test]
fn a_document_survives_what_it_does_not_know_and_what_it_lacks() {
    let mut keys = ZoneKeys::default();
    keys.add(ZoneKey::in_service(Role::Csk, Origin::Operator, dnskey(257, 7), 5, true)).expect("the first key");
    let text = serde_json::to_string(&keys).expect("JSON");
    assert_eq!(serde_json::from_str::<ZoneKeys>(&text).expect("the same"), keys);
    let read: ZoneKeys = serde_json::from_str(r#"{"keys":[{"role":"zsk","dnskey":"AQADDQE=","colour":1}],"x":[]}"#)
        .expect("a document of another version");
    assert_eq!(read.keys, [ZoneKey::new(Role::Zsk, Origin::Made, vec![1, 0, 3, 13, 1], 0)]);
    assert_eq!((read.keys[0].flags(), read.keys[0].algorithm()), (256, Algorithm::ECDSAP256SHA256));
    serde_json::from_str::<ZoneKeys>(r#"{"keys":[{"role":"zsk","dnskey":"!"}]}"#).expect_err("no base64");
    // What has no algorithm harms nothing.
    let short = ZoneKey::new(Role::Zsk, Origin::Made, vec![], 0);
    assert_eq!((short.flags(), short.algorithm().0, short.tag()), (0, 0, 0));
}

#[test]
fn tags_are_unique_among_revoked_forms() {
    let mut keys = ZoneKeys::default();
    keys.add(ZoneKey::new(Role::Ksk, Origin::Made, dnskey(257, 7), 0)).expect("the first key");
    assert!(!keys.tag_is_free(&dnskey(257, 7)));
    assert!(!keys.tag_is_free(&dnskey(257 | REVOKED, 7)));
    assert!(keys.tag_is_free(&dnskey(257, 8)));
    // A key whose tag is that of the revoked form: 128 more, put into the key.
    let mut other = dnskey(257, 7);
    other[5] += 128;
    assert_eq!(key_tag(&other), key_tag(&dnskey(257 | REVOKED, 7)));
    assert!(!keys.tag_is_free(&other));
    let taken = keys.add(ZoneKey::new(Role::Ksk, Origin::Made, other.clone(), 0));
    assert_eq!(taken, Err(AddError::TagTaken(key_tag(&other))));
    assert_eq!(keys.add(ZoneKey::new(Role::Ksk, Origin::Made, vec![1], 0)), Err(AddError::TooShort(1)));
}

#[test]
fn words_of_rfc_7583() {
    use Visibility::{Hidden, Omnipresent, Rumoured, Unretentive};
    let check = |role, goal, [record, signatures, ds]: [Visibility; 3], word: &str| {
        let mut key = ZoneKey { goal, ..ZoneKey::new(role, Origin::Made, dnskey(256, 1), 0) };
        key.dnskey_record.visibility = record;
        key.zone_signatures.visibility = signatures;
        key.ds.visibility = ds;
        assert_eq!(key.state().as_str(), word, "{key:?}");
    };
    check(Role::Zsk, Goal::InUse, [Hidden, Hidden, Hidden], "generated");
    check(Role::Zsk, Goal::InUse, [Rumoured, Hidden, Hidden], "published");
    check(Role::Zsk, Goal::InUse, [Omnipresent, Hidden, Hidden], "ready");
    check(Role::Zsk, Goal::InUse, [Omnipresent, Rumoured, Hidden], "active");
    check(Role::Zsk, Goal::Gone, [Omnipresent, Omnipresent, Hidden], "active");
    check(Role::Zsk, Goal::Gone, [Omnipresent, Unretentive, Hidden], "retired");
    check(Role::Zsk, Goal::Gone, [Omnipresent, Hidden, Hidden], "dead");
    check(Role::Zsk, Goal::Gone, [Unretentive, Hidden, Hidden], "removed");
    check(Role::Zsk, Goal::Gone, [Hidden, Hidden, Hidden], "removed");
    check(Role::Ksk, Goal::InUse, [Omnipresent, Hidden, Rumoured], "ready");
    check(Role::Ksk, Goal::InUse, [Omnipresent, Hidden, Omnipresent], "active");
    // It is to go before caches have its DS record, and is still needed.
    check(Role::Ksk, Goal::Gone, [Omnipresent, Hidden, Rumoured], "ready");
    check(Role::Ksk, Goal::Gone, [Omnipresent, Hidden, Unretentive], "retired");
    check(Role::Csk, Goal::InUse, [Rumoured, Rumoured, Hidden], "active");
    check(Role::Csk, Goal::Gone, [Omnipresent, Omnipresent, Unretentive], "retired");
    // The signatures of an algorithm that goes are withdrawn after its keys (RFC 6781 4.1.4).
    check(Role::Zsk, Goal::Gone, [Hidden, Omnipresent, Hidden], "removed");
}
