//! What answers that are made to be expensive cost.

use std::sync::Arc;

use dns::RType;
use dns::edns::ede;
use dnssec::key::key_tag;

use crate::world::World;
use crate::zone::{Zone, name};
use resolver::limits::MAX_SIGNATURES;
use resolver::rrset::Rrset;
use resolver::security::Security::{Bogus, Secure};

const WWW: &str = "www.zone.test. A 192.0.2.1";

/// Other keys of the same tag: it is a sum of 16-bit words.
fn colliding(dnskey: &[u8], count: usize) -> Vec<Vec<u8>> {
    let other = |i: usize| {
        let mut key = dnskey.to_vec();
        let (a, b) = (4 + i / 15 * 2, 6 + (i / 15 + i % 15) % 15 * 2);
        (key[a], key[a + 1], key[b], key[b + 1]) = (key[b], key[b + 1], key[a], key[a + 1]);
        key
    };
    (0..count).map(other).collect()
}

/// CVE-2023-50387: many keys of one tag, many signatures.
#[test]
fn keys_and_signatures_that_collide() {
    let mut zone = Zone::new("zone.test.", &[WWW]);
    let real = zone.keys[0].dnskey_rdata().to_vec();
    let others = colliding(&real, 40);
    assert!(others.iter().all(|key| key_tag(key) == key_tag(&real)));
    others.iter().for_each(|key| zone.put(name("zone.test."), RType::DNSKEY, key));
    let forger = Zone::new("zone.test.", &[]);
    let world = World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), zone]).lying(move |question, reply| {
        if question.rtype == RType::A {
            let rrset = Arc::make_mut(&mut reply.answers[0]);
            rrset.signatures = Default::default();
            for i in 0..100 {
                let mut signature = forger.signature(rrset, &forger.keys[0]);
                let end = signature.len() - 64;
                signature[end..].fill(i);
                rrset.signatures.push(&signature);
            }
        }
    });
    world.check("zone.test.", RType::SOA, Secure, None);
    let reply = world.reply(&name("www.zone.test."), RType::A, &[]).expect("reply");
    let before = world.trust.verifications();
    let (verdict, budget) = world.judge("www.zone.test.", RType::A, &reply);
    assert_eq!(verdict.security, Bogus);
    let text = verdict.reason.expect("reason").text;
    assert_eq!(text, "A of www.zone.test.: limit of signature verifications reached");
    let spent = world.limits.verifications - budget.verifications();
    assert_eq!(spent, world.limits.verifications_per_rrset);
    assert_eq!(world.trust.verifications() - before, u64::from(spent));
}

/// Many keys and DS records of one tag: no more than so many digests are made.
#[test]
fn digests_that_collide() {
    let check = |keys: usize, records: u8, want| {
        let mut zone = Zone::new("zone.test.", &[WWW]);
        let real = zone.keys[0].dnskey_rdata().to_vec();
        colliding(&real, keys).iter().for_each(|key| zone.put(name("zone.test."), RType::DNSKEY, key));
        let mut ds = zone.own_ds();
        let mut wrong = ds[0].clone();
        ds.extend((1..records).map(|i| {
            wrong[8] = wrong[8].wrapping_add(i);
            wrong.clone()
        }));
        zone.ds = Some(ds);
        let world = World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), zone]);
        world.check("www.zone.test.", RType::A, want, (want == Bogus).then_some(ede::DNSKEY_MISSING));
    };
    // The real key is the last, its DS record the first.
    check(3, 2, Secure);
    check(21, 3, Secure);
    check(22, 3, Bogus);
    check(60, 60, Bogus);
}

#[test]
fn a_question_has_a_budget() {
    let mut world = World::with_zone(&[WWW]);
    world.limits.verifications = 3;
    let verdict = world.check("www.zone.test.", RType::A, Bogus, Some(ede::DNSSEC_BOGUS));
    assert!(verdict.reason.is_some_and(|reason| reason.text.ends_with("limit of signature verifications reached")));
    assert_eq!(verdict.bogus_server, None);
    // That is not the zones' fault: the next question gets farther.
    world.check("www.zone.test.", RType::A, Secure, None);
    assert_eq!(world.trust.verifications(), 6);
}

/// CVE-2023-50868: the hashes of long names.
#[test]
fn hashes_are_counted() {
    let zone = || Zone::new("zone.test.", &[WWW]).nsec3(20, false);
    let mut world = World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), zone()]);
    let qname = "a.b.c.d.e.f.g.h.zone.test.";
    let reply = world.reply(&name(qname), RType::A, &[]).expect("reply");
    let (verdict, budget) = world.judge(qname, RType::A, &reply);
    assert_eq!(verdict.security, Secure);
    // Each name up to the zone, and the wildcard.
    let spent = world.limits.nsec3_hashes - budget.nsec3_hashes();
    assert_eq!(spent, 10);
    world.limits.nsec3_hashes = spent - 1;
    let (verdict, budget) = world.judge(qname, RType::A, &reply);
    assert_eq!((verdict.security, verdict.bogus_server), (Bogus, None));
    let text = verdict.reason.expect("reason").text;
    assert_eq!(text, format!("{qname}: limit of NSEC3 hashes reached"));
    assert_eq!(budget.nsec3_hashes(), 0);
}

#[test]
fn signatures_are_looked_at_so_many() {
    let good = |rrset: &Rrset| rrset.signatures.iter().next().expect("signature").to_vec();
    for (before, want) in [(MAX_SIGNATURES - 1, Secure), (MAX_SIGNATURES, Bogus)] {
        let world = World::with_zone(&[WWW]);
        let mut reply = world.reply(&name("www.zone.test."), RType::A, &[]).expect("reply");
        let rrset = Arc::make_mut(&mut reply.answers[0]);
        let signature = good(rrset);
        let mut junk = signature.clone();
        // Another tag.
        junk[17] ^= 1;
        rrset.signatures = Default::default();
        (0..before).for_each(|_| rrset.signatures.push(&junk));
        rrset.signatures.push(&signature);
        assert_eq!(world.judge("www.zone.test.", RType::A, &reply).0.security, want);
    }
}
