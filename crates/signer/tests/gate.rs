//! What the gate refuses: each fault is put into a signed change by hand.

mod support;

use dns::rdata::typed::Rrsig;
use dns::{NameBuf, RType};
use dnssec::algorithm::Algorithm;
use dnssec::key::{SEP, ZONE_KEY};
use dnssec::verify::VerifyError;
use signer::gate::{GateError, KeysOf, check, check_keys, leads};
use signer::policy::DenialMode;
use signer::sign::{sign_change, sign_whole, stale};
use signer::zone_signer::{FormerKeys, KeyInUse, ZoneSigner};
use support::*;
use zone::{Contents, Edit, RrsetChange};

const DENIALS: [DenialMode; 3] =
    [DenialMode::Nsec, DenialMode::Nsec3 { opt_out: false }, DenialMode::Nsec3 { opt_out: true }];

fn ecdsa(denial: DenialMode) -> ZoneSigner {
    signer(Algorithm::ECDSAP256SHA256, denial)
}

/// The changes that put a host there, and the zone before them.
fn new_host(signer: &ZoneSigner) -> (Contents, Vec<RrsetChange>) {
    let before = signed(signer, &zone(PLAIN));
    let changes = edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]);
    let changes = sign_change(signer, &before, changes, &[], now_s(), 1).expect("it can be signed");
    (before, changes)
}

/// What the gate says after `spoil` has been at the change.
fn judged(signer: &ZoneSigner, now_s: u64, spoil: impl Fn(&mut Vec<RrsetChange>)) -> Result<(), GateError> {
    let (before, mut changes) = new_host(signer);
    spoil(&mut changes);
    check(signer, &apply(&before, &changes), &changes, now_s, 1)
}

fn of<'c>(changes: &'c mut [RrsetChange], owner: &str, rtype: RType) -> &'c mut RrsetChange {
    let owner: NameBuf = name(owner);
    changes.iter_mut().find(|change| change.owner == owner && change.rtype == rtype).expect("it is changed")
}

fn signature(result: Result<(), GateError>) -> Option<(String, RType, KeysOf, VerifyError)> {
    match result {
        Err(GateError::Signature { owner, rtype, keys, why }) => Some((owner.to_string(), rtype, keys, why)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn signatures_that_do_not_verify() {
    for denial in DENIALS {
        let signer = ecdsa(denial);
        assert_eq!(judged(&signer, now_s(), |_| ()), Ok(()));
        let flipped = judged(&signer, now_s(), |changes| {
            let change = of(changes, "new.example.", RType::A);
            *change.after.as_mut().expect("records").signatures[0].last_mut().expect("an octet") ^= 1;
        });
        let new = "new.example.".to_owned();
        assert_eq!(signature(flipped), Some((new.clone(), RType::A, KeysOf::Now, VerifyError::BadSignature)));
        let data = judged(&signer, now_s(), |changes| {
            of(changes, "new.example.", RType::A).after.as_mut().expect("records").data[0][3] ^= 1;
        });
        assert_eq!(signature(data), Some((new.clone(), RType::A, KeysOf::Now, VerifyError::BadSignature)));
        let missing = judged(&signer, now_s(), |changes| {
            of(changes, "new.example.", RType::A).after.as_mut().expect("records").signatures.clear();
        });
        assert_eq!(signature(missing), Some((new, RType::A, KeysOf::Now, VerifyError::KeyMismatch)));
        // Whoever's clock it is: a signature that has ended, or not begun, is none.
        for (now_s, why) in
            [(now_s() + 15 * 86_400, VerifyError::Expired), (now_s() - 86_400, VerifyError::NotYetValid)]
        {
            let late = judged(&signer, now_s, |_| ());
            assert!(matches!(late, Err(GateError::NoChain(_))), "{late:?}");
            let blind = ZoneSigner { parent_ds: Vec::new(), ..signer.clone() };
            assert_eq!(signature(judged(&blind, now_s, |_| ())).map(|(.., found)| found), Some(why));
        }
    }
}

/// Another key whose tag is that of `key`.
fn with_the_tag_of(key: &KeyInUse) -> KeyInUse {
    loop {
        let other = support::key(Algorithm::ECDSAP256SHA256, ZONE_KEY);
        if other.id() == key.id() {
            return other;
        }
    }
}

/// A rollover that publishes one key and signs with another of the same tag, so that only some signatures verify.
#[test]
fn two_keys_with_one_tag() {
    let right = ecdsa(DenialMode::Nsec);
    let twin = with_the_tag_of(&right.zone_signers[0]);
    let wrong = ZoneSigner { zone_signers: vec![twin], ..right.clone() };
    let before = signed(&right, &zone(PLAIN));
    let changes = edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]);
    let changes = sign_change(&wrong, &before, changes, &[], now_s(), 1).expect("it can be signed");
    let said = check(&wrong, &apply(&before, &changes), &changes, now_s(), 1);
    assert_eq!(signature(said).map(|(.., why)| why), Some(VerifyError::BadSignature));
}

#[test]
fn keys_that_are_not_published() {
    let right = ecdsa(DenialMode::Nsec);
    let stranger = support::key(Algorithm::ECDSAP256SHA256, ZONE_KEY);
    let before = signed(&right, &zone(PLAIN));
    // It signs, and nobody can know it.
    let wrong = ZoneSigner { zone_signers: vec![stranger.clone()], ..right.clone() };
    let changes = edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]);
    let changes = sign_change(&wrong, &before, changes, &[], now_s(), 1).expect("it can be signed");
    let said = check(&wrong, &apply(&before, &changes), &changes, now_s(), 1);
    assert_eq!(signature(said).map(|(_, _, keys, why)| (keys, why)), Some((KeysOf::Now, VerifyError::KeyMismatch)));
    // It is published, but caches have the set of before.
    let until_s = now_s() + 3600;
    let soon = ZoneSigner {
        published: [right.published.clone(), vec![stranger.dnskey.to_vec()]].concat(),
        former: vec![FormerKeys { dnskeys: right.published.clone(), until_s }],
        ..wrong
    };
    let changes = edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]);
    let changes = sign_change(&soon, &before, changes, &[], now_s(), 1).expect("it can be signed");
    let after = apply(&before, &changes);
    let said = check(&soon, &after, &changes, now_s(), 1);
    let found = signature(said).map(|(_, _, keys, why)| (keys, why));
    assert_eq!(found, Some((KeysOf::Until(until_s), VerifyError::KeyMismatch)));
    // Once they have forgotten it, the change is good.
    assert_eq!(check(&soon, &after, &changes, until_s, 1), Ok(()));
}

#[test]
fn a_parent_that_leads_elsewhere() {
    let mut signer = ecdsa(DenialMode::Nsec);
    let before = signed(&signer, &zone(PLAIN));
    let other = support::key(Algorithm::ECDSAP256SHA256, ZONE_KEY | SEP);
    let ds = other.key.ds_rdata(&signer.origin, 2).expect("a digest");
    signer.parent_ds = vec![ds.clone()];
    let changes = edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]);
    let changes = sign_change(&signer, &before, changes, &[], now_s(), 1).expect("it can be signed");
    let after = apply(&before, &changes);
    assert_eq!(check(&signer, &after, &changes, now_s(), 1), Err(GateError::NoChain(signer.origin.clone())));
    // One of two of the same algorithm is enough (RFC 4035 5.3.1).
    signer.parent_ds.push(signer.key_signers[0].key.ds_rdata(&signer.origin, 2).expect("a digest"));
    assert_eq!(check(&signer, &after, &changes, now_s(), 1), Ok(()));
    // Another algorithm has to be reached, too (RFC 6840 5.11).
    let ed25519 = support::key(Algorithm::ED25519, ZONE_KEY | SEP);
    signer.parent_ds.push(ed25519.key.ds_rdata(&signer.origin, 2).expect("a digest"));
    assert_eq!(check(&signer, &after, &changes, now_s(), 1), Err(GateError::NoChain(signer.origin.clone())));
}

/// Each DS RRset that a name server of the parent has goes on to lead to a key; that of one of them is not enough.
#[test]
fn every_server_of_the_parent_leads_on() {
    let mut signer = ecdsa(DenialMode::Nsec);
    let before = signed(&signer, &zone(PLAIN));
    let other = support::key(Algorithm::ECDSAP256SHA256, ZONE_KEY | SEP);
    let wrong = other.key.ds_rdata(&signer.origin, 2).expect("a digest");
    let right = signer.parent_ds.clone();
    assert!(leads(&before, &right, now_s()) && !leads(&before, std::slice::from_ref(&wrong), now_s()));
    assert!(leads(&before, &[wrong.clone(), right[0].clone()], now_s()));
    let changes = edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]);
    let changes = sign_change(&signer, &before, changes, &[], now_s(), 1).expect("it can be signed");
    let after = apply(&before, &changes);
    signer.parent_sets = vec![right.clone(), vec![wrong.clone(), right[0].clone()]];
    assert_eq!(check(&signer, &after, &changes, now_s(), 1), Ok(()));
    signer.parent_sets.push(vec![wrong]);
    assert_eq!(check(&signer, &after, &changes, now_s(), 1), Err(GateError::NoChain(signer.origin.clone())));
}

/// A key of an algorithm without signatures of it (RFC 4035 2.2).
#[test]
fn an_algorithm_that_signs_nothing() {
    let mut signer = ecdsa(DenialMode::Nsec);
    let before = signed(&signer, &zone(PLAIN));
    let ed25519 = support::key(Algorithm::ED25519, ZONE_KEY);
    signer.published.push(ed25519.dnskey.to_vec());
    let changes = edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]);
    let changes = sign_change(&signer, &before, changes, &[], now_s(), 1).expect("it can be signed");
    let said = check(&signer, &apply(&before, &changes), &changes, now_s(), 1);
    assert!(matches!(said, Err(GateError::Unsigned { algorithm: 15, .. })), "{said:?}");
}

#[test]
fn denial_that_does_not_prove() {
    for denial in DENIALS {
        let signer = ecdsa(denial);
        let rtype = if denial == DenialMode::Nsec { RType::NSEC } else { RType::NSEC3 };
        // The record of the new name is missing, or that before it still leads past it.
        let (_, changes) = new_host(&signer);
        for left_out in changes.iter().filter(|change| change.rtype == rtype) {
            let said = judged(&signer, now_s(), |changes| {
                changes.retain(|change| change.owner != left_out.owner || change.rtype != rtype);
            });
            // With opt-out an unsigned host may go unnoticed, but not its broken ring.
            assert!(matches!(said, Err(GateError::Denial { .. } | GateError::Signature { .. })), "{denial:?} {said:?}");
        }
    }
    // A type that is there and not told.
    let signer = ecdsa(DenialMode::Nsec);
    let (before, mut changes) = new_host(&signer);
    let other = edit(&before, "new.example.", RType::TXT, &[b"\x01x".to_vec()]);
    let other = sign_change(&signer, &before, other, &[], now_s(), 1).expect("it can be signed");
    let txt = other.iter().find(|change| change.rtype == RType::NSEC && change.owner == name("new.example."));
    of(&mut changes, "new.example.", RType::NSEC).after = txt.expect("its denial").after.clone();
    let said = check(&signer, &apply(&before, &changes), &changes, now_s(), 1);
    let what = "a type exists there, and is denied";
    assert_eq!(said, Err(GateError::Denial { owner: name("new.example."), what }));
}

/// A clock that was ahead, and is right again: signatures that are not valid yet are made anew.
#[test]
fn signatures_of_a_clock_that_was_ahead() {
    let signer = ecdsa(DenialMode::Nsec);
    let ahead_s = 20 * 86_400;
    let now = sign_whole(&signer, &zone(PLAIN), now_s() + ahead_s, 1).expect("it can be signed");
    assert_eq!(stale(&signer, &now, now_s() + ahead_s, 10).ahead_s, 0);
    let found = stale(&signer, &now, now_s(), 1000);
    let offset_s = u64::from(signer.policy.inception_offset_s);
    assert!((ahead_s - offset_s - 60..=ahead_s - offset_s).contains(&found.ahead_s), "{found:?}");
    assert_eq!(found.count, found.sets.len());
    let again = sign_change(&signer, &now, Vec::new(), &found.sets, now_s(), 1).expect("it can be signed");
    let renewed = apply(&now, &again);
    assert_eq!(check(&signer, &renewed, &again, now_s(), 1), Ok(()));
    let left = stale(&signer, &renewed, now_s(), 0);
    assert_eq!((left.count, left.ahead_s), (0, 0));
}

/// Signatures that end soon are found, and those of keys that do not sign any more.
#[test]
fn signatures_that_are_to_be_made_anew() {
    let signer = ecdsa(DenialMode::Nsec);
    let now = signed(&signer, &zone(PLAIN));
    let fresh = stale(&signer, &now, now_s(), 10);
    assert_eq!((fresh.count, fresh.sets.len()), (0, 0));
    let (next, end) = (fresh.next_s.expect("a time"), fresh.first_end_s.expect("a time"));
    let refresh = u64::from(signer.policy.signature_refresh_s);
    assert_eq!(next + refresh, end);
    assert!((now_s() + 12 * 86_400..=now_s() + 14 * 86_400).contains(&end), "{end}");
    assert_eq!(stale(&signer, &now, next, 10).count, 1);
    let all = stale(&signer, &now, now_s() + 8 * 86_400, 3);
    assert_eq!(all.sets.len(), 3);
    let again = sign_change(&signer, &now, Vec::new(), &all.sets, now_s() + 8 * 86_400, 1);
    let again = again.expect("it can be signed");
    assert_eq!(again.len(), 3);
    for RrsetChange { after, .. } in &again {
        let rrsig = Rrsig::parse(&after.as_ref().expect("records").signatures[0]).expect("a signature");
        assert!(u64::from(rrsig.expiration) > now_s() + 20 * 86_400);
    }
    let renewed = apply(&now, &again);
    assert_eq!(stale(&signer, &renewed, now_s() + 8 * 86_400, 0).count, all.count - 3);
    let other = ZoneSigner { zone_signers: vec![support::key(Algorithm::ECDSAP256SHA256, ZONE_KEY)], ..signer };
    let by_others = stale(&other, &now, now_s(), 0).count;
    // All but DNSKEY, CDS and CDNSKEY.
    assert_eq!(by_others, all.count - 3);
    // What is not the zone's own and signed for whatever reason, too.
    let records = now.records(&name("www.example."), RType::HTTPS).expect("records");
    let odd = now.with(&[Edit { owner: name("ns.sub.example."), rtype: RType::A, records: Some(records) }]);
    assert_eq!(stale(&other, &odd, now_s(), 0).count, by_others + 1);
}

/// What the names that a change touches do not show: the step to keys with which signatures elsewhere do not verify.
#[test]
fn other_keys_are_judged_by_every_signature() {
    let right = ecdsa(DenialMode::Nsec);
    let before = signed(&right, &zone(PLAIN));
    let step = |published: Vec<Vec<u8>>, now_s: u64| {
        let signer = ZoneSigner { published, ..right.clone() };
        check_keys(&signer, &before, now_s, 2)
    };
    let [ksk, zsk] = [0, 1].map(|place| right.published[place].clone());
    assert_eq!(step(right.published.clone(), now_s()), Ok(()), "the same keys");
    let stranger = support::key(Algorithm::ECDSAP256SHA256, ZONE_KEY).dnskey.to_vec();
    let more = vec![ksk.clone(), zsk.clone(), stranger.clone()];
    assert_eq!(step(more.clone(), now_s()), Ok(()), "one more");
    let lost = signature(step(vec![ksk.clone(), stranger], now_s()));
    assert_eq!(lost.map(|(.., keys, why)| (keys, why)), Some((KeysOf::Now, VerifyError::KeyMismatch)));
    // That of .de in May 2026: another key, the same tag.
    let twin = with_the_tag_of(&right.zone_signers[0]).dnskey.to_vec();
    let twin = signature(step(vec![ksk.clone(), twin], now_s()));
    assert_eq!(twin.map(|(.., why)| why), Some(VerifyError::BadSignature));
    // An algorithm that has signed nothing.
    let ed25519 = support::key(Algorithm::ED25519, ZONE_KEY).dnskey.to_vec();
    let published = vec![ksk, zsk, ed25519];
    let said = step(published.clone(), now_s());
    assert!(matches!(said, Err(GateError::Unsigned { algorithm: 15, .. })), "{said:?}");
    // Where the parent leads nobody there yet, it may come with its signatures.
    let new = ZoneSigner { published, parent_ds: Vec::new(), ..right.clone() };
    assert_eq!(check_keys(&new, &before, now_s(), 2), Ok(()));
    // Signatures that have ended keep nobody from taking the keys that will make them anew.
    assert_eq!(step(more, now_s() + 30 * 86_400), Ok(()));
}

/// Former keys that are those of now cost nothing, and those that lack one refuse what only that one made.
#[test]
fn caches_that_hold_several_sets() {
    let right = ecdsa(DenialMode::Nsec);
    let until_s = now_s() + 3600;
    let with = |dnskeys: &[Vec<u8>]| FormerKeys { dnskeys: dnskeys.to_vec(), until_s };
    let stranger = support::key(Algorithm::ECDSAP256SHA256, ZONE_KEY).dnskey.to_vec();
    let all = [right.published.clone(), vec![stranger]].concat();
    let several = ZoneSigner { former: vec![with(&all), with(&right.published)], ..right.clone() };
    assert_eq!(judged(&several, now_s(), |_| ()), Ok(()));
    let lacking = ZoneSigner { former: vec![with(&all), with(&right.published[..1])], ..right };
    let before = signed(&ZoneSigner { former: Vec::new(), ..lacking.clone() }, &zone(PLAIN));
    let changes = edit(&before, "new.example.", RType::A, &[vec![192, 0, 2, 99]]);
    let changes = sign_change(&lacking, &before, changes, &[], now_s(), 1).expect("it can be signed");
    let said = signature(check(&lacking, &apply(&before, &changes), &changes, now_s(), 1));
    assert_eq!(said.map(|(.., keys, why)| (keys, why)), Some((KeysOf::Until(until_s), VerifyError::KeyMismatch)));
}

/// What a change does not touch is not verified again, but its times are looked at; new keys have all of the name verified.
#[test]
fn what_stays_is_looked_at_as_far_as_it_can_change() {
    let signer = ecdsa(DenialMode::Nsec);
    let (before, changes) = new_host(&signer);
    let blind = ZoneSigner { parent_ds: Vec::new(), ..signer.clone() };
    let after = apply(&before, &changes);
    let spoilt = |rtype: RType| {
        let mut records = after.records(after.origin(), rtype).expect("records");
        *records.signatures[0].last_mut().expect("an octet") ^= 1;
        after.with(&[Edit { owner: after.origin().to_owned(), rtype, records: Some(records) }])
    };
    assert_eq!(check(&blind, &spoilt(RType::MX), &changes, now_s(), 1), Ok(()));
    let mut with_keys = changes.clone();
    let dnskey = after.records(after.origin(), RType::DNSKEY);
    with_keys.push(RrsetChange {
        owner: after.origin().to_owned(),
        rtype: RType::DNSKEY,
        before: dnskey.clone(),
        after: dnskey,
    });
    let said = signature(check(&blind, &spoilt(RType::MX), &with_keys, now_s(), 1));
    assert_eq!(said.map(|(_, rtype, _, why)| (rtype, why)), Some((RType::MX, VerifyError::BadSignature)));
    // The clock is wrong: also what was not touched has ended.
    let late = now_s() + 20 * 86_400;
    let again =
        sign_change(&signer, &before, edit(&before, "x.example.", RType::A, &[vec![192, 0, 2, 1]]), &[], late, 1);
    let again = again.expect("it can be signed");
    let said = signature(check(&blind, &apply(&before, &again), &again, late, 1));
    assert_eq!(said.map(|(.., why)| why), Some(VerifyError::Expired));
}
