//! What is not signed: provably, or not.

use std::sync::Arc;

use dns::edns::ede;
use dns::{NameBuf, RType};

use crate::world::World;
use crate::zone::{Denying, Zone, name};
use resolver::anchors::Anchors;
use resolver::security::Security::{Bogus, Indeterminate, Insecure, Secure};

fn zones(test: Zone, children: Vec<Zone>) -> World {
    World::new([Zone::new(".", &[]), test].into_iter().chain(children).collect())
}

fn plain(apex: &str) -> Zone {
    Zone::new(apex, &[&format!("www.{apex} A 192.0.2.1")]).unsigned()
}

#[test]
fn below_an_unsigned_delegation() {
    for denying in [
        Denying::Nsec,
        Denying::Nsec3 { iterations: 0, opt_out: false },
        Denying::Nsec3 { iterations: 0, opt_out: true },
    ] {
        for forwarded in [false, true] {
            let mut test = Zone::new("test.", &[]);
            test.denying = denying;
            let mut world = zones(test, vec![plain("plain.test."), plain("sub.plain.test.")]);
            world.forwarded = forwarded;
            world.check("www.plain.test.", RType::A, Insecure, None);
            world.take_asked();
            let verified = world.trust.verifications();
            world.check("nothing.plain.test.", RType::A, Insecure, None);
            world.check("www.sub.plain.test.", RType::A, Insecure, None);
            // It is known now.
            assert_eq!((world.take_asked(), world.trust.verifications()), (Vec::new(), verified));
        }
    }
}

#[test]
fn signed_below_an_unsigned_delegation() {
    let island = Zone::new("island.plain.test.", &["www.island.plain.test. A 192.0.2.1"]);
    let mut world = zones(Zone::new("test.", &[]), vec![plain("plain.test."), island]);
    world.check("www.island.plain.test.", RType::A, Insecure, None);
    world.check("nothing.island.plain.test.", RType::A, Insecure, None);
    // With a trust anchor of its own.
    let ds = world.zone("island.plain.test.").own_ds();
    assert!(world.anchors.add(&name("island.plain.test."), RType::DS, &ds[0]));
    world.check("www.island.plain.test.", RType::A, Secure, None);
    world.check("www.plain.test.", RType::A, Insecure, None);
}

#[test]
fn signatures_are_missing() {
    let mut world = World::with_zone(&["www.zone.test. A 192.0.2.1", "b.a.zone.test. A 192.0.2.1"]);
    world = world.lying(|_, reply| {
        reply.answers.iter_mut().for_each(|rrset| {
            if rrset.rtype == RType::A {
                Arc::make_mut(rrset).signatures = Default::default();
            }
        });
    });
    let verdict = world.check("www.zone.test.", RType::A, Bogus, Some(ede::RRSIGS_MISSING));
    assert_eq!(
        verdict.reason.expect("reason").text,
        "A of www.zone.test.: no signature by zone.test., which is signed"
    );
    assert!(verdict.bogus_server.is_some());
    // Each label below the zone was asked for; an empty non-terminal is no zone cut.
    world.take_asked();
    world.check("b.a.zone.test.", RType::A, Bogus, Some(ede::RRSIGS_MISSING));
    assert_eq!(world.take_asked(), ["a.zone.test. DS", "b.a.zone.test. DS"]);
}

#[test]
fn everything_is_stripped() {
    // As by a middlebox: neither signatures nor proofs of anything in test. and below.
    let world = World::with_zone(&["www.zone.test. A 192.0.2.1"]).lying(|question, reply| {
        if !question.name.is_root() && question.rtype != RType::DNSKEY && *question.name != *name("test.") {
            reply.answers.iter_mut().for_each(|rrset| Arc::make_mut(rrset).signatures = Default::default());
            reply.authorities.retain(|rrset| rrset.rtype == RType::SOA);
            reply.authorities.iter_mut().for_each(|rrset| Arc::make_mut(rrset).signatures = Default::default());
        }
    });
    world.check("www.zone.test.", RType::A, Bogus, Some(ede::RRSIGS_MISSING));
    world.check("nothing.zone.test.", RType::A, Bogus, Some(ede::RRSIGS_MISSING));
}

#[test]
fn an_unsigned_child_without_proof() {
    // The referral has no NSEC: DS does not exist, but nothing shows it.
    let world = zones(Zone::new("test.", &[]), vec![plain("plain.test.")]).lying(|question, reply| {
        if question.rtype == RType::DS && *question.name == *name("plain.test.") {
            reply.authorities.clear();
        }
    });
    let verdict = world.check("www.plain.test.", RType::A, Bogus, Some(ede::RRSIGS_MISSING));
    assert_eq!(verdict.bogus_server, None);
    // That a delegation has DS cannot be hidden with the proof of another name.
    let mut world = zones(Zone::new("test.", &[]), vec![plain("plain.test."), Zone::new("zone.test.", &[])]);
    let proof = world.zone("test.").proofs(&name("plain.test."), false);
    world = world.lying(move |question, reply| {
        if question.rtype == RType::DS && *question.name == *name("zone.test.") {
            reply.answers.clear();
            reply.authorities.clone_from(&proof);
        }
    });
    world.check("zone.test.", RType::SOA, Bogus, Some(ede::DNSSEC_BOGUS));
}

#[test]
fn a_cut_that_servers_share() {
    // No delegation of zone.test. or of the empty non-terminal above it was seen.
    let zone = || Zone::new("zone.ent.test.", &["www.zone.ent.test. A 192.0.2.1"]);
    for (child, want) in [(zone(), Secure), (zone().unsigned(), Insecure)] {
        let mut world = zones(Zone::new("test.", &[]), vec![child]);
        world.forwarded = true;
        world.check("www.zone.ent.test.", RType::A, want, None);
        world.check("other.zone.ent.test.", RType::A, want, None);
    }
}

#[test]
fn aliases_are_no_cuts() {
    let mut world = World::with_zone(&["a.zone.test. CNAME www.zone.test.", "x.a.zone.test. A 192.0.2.1"]);
    world = world.lying(|question, reply| {
        if question.rtype == RType::A {
            reply.answers.iter_mut().for_each(|rrset| Arc::make_mut(rrset).signatures = Default::default());
        }
    });
    world.check("x.a.zone.test.", RType::A, Bogus, Some(ede::RRSIGS_MISSING));
    assert!(world.take_asked().ends_with(&["a.zone.test. DS".to_owned(), "x.a.zone.test. DS".to_owned()]));
}

#[test]
fn what_is_unsupported() {
    let check = |ds: &[&str], allow_sha1, want, code| {
        let zone = Zone::new("zone.test.", &["www.zone.test. A 192.0.2.1"]).with_ds(ds);
        let mut world = zones(Zone::new("test.", &[]), vec![zone]);
        world.allow_sha1 = allow_sha1;
        world.check("www.zone.test.", RType::A, want, Some(code));
        world.check("nothing.zone.test.", RType::A, want, Some(code));
    };
    let (algorithm, digest) = (ede::UNSUPPORTED_DNSKEY_ALGORITHM, ede::UNSUPPORTED_DS_DIGEST);
    check(&["1 16 2 AB"], false, Insecure, algorithm);
    check(&["1 3 2 AB", "2 1 1 AB"], true, Insecure, algorithm);
    check(&["1 13 3 AB"], false, Insecure, digest);
    check(&["1 16 2 AB", "2 13 200 AB"], false, Insecure, digest);
    // RFC 9905: RSASHA1 is not supported, unless that is wanted.
    check(&["1 5 2 AB", "2 7 1 AB"], false, Insecure, algorithm);
    check(&["1 5 2 AB", "2 7 1 AB"], true, Bogus, ede::DNSKEY_MISSING);
    // One that is supported is enough to make it bogus.
    check(&["1 16 2 AB", "2 15 2 AB"], false, Bogus, ede::DNSKEY_MISSING);
}

#[test]
fn digests_of_sha1() {
    let build = |types: &[u8]| {
        let zone = Zone::new("zone.test.", &["www.zone.test. A 192.0.2.1"]);
        let ds = types.iter().map(|number| zone.keys[0].ds_rdata(&zone.apex, *number).expect("DS")).collect();
        zones(Zone::new("test.", &[]), vec![Zone { ds: Some(ds), ..zone }])
    };
    build(&[1]).check("www.zone.test.", RType::A, Secure, None);
    build(&[1, 4]).check("www.zone.test.", RType::A, Secure, None);
    // RFC 4509 3: a good digest of SHA-1 beside a bad one of SHA-256 does not count.
    let mut zone = Zone::new("zone.test.", &[]);
    let mut wrong = zone.keys[0].ds_rdata(&zone.apex, 2).expect("DS");
    wrong[10] ^= 1;
    zone.ds = Some(vec![zone.keys[0].ds_rdata(&zone.apex, 1).expect("DS"), wrong]);
    let world = zones(Zone::new("test.", &[]), vec![zone]);
    world.check("zone.test.", RType::SOA, Bogus, Some(ede::DNSKEY_MISSING));
}

#[test]
fn anchors_above_and_below() {
    let mut world = World::with_zone(&["www.zone.test. A 192.0.2.1"]);
    world.negative_anchors = vec![name("zone.test.")];
    world.check("www.zone.test.", RType::A, Insecure, None);
    world.check("nothing.zone.test.", RType::A, Insecure, None);
    assert!(world.take_asked().is_empty());
    world.check("test.", RType::SOA, Secure, None);
    // RFC 7646: a negative anchor is the end of what is above, not of a trust anchor below it.
    world.negative_anchors = vec![NameBuf::root(), name("test.")];
    world.check("www.zone.test.", RType::A, Insecure, None);
    let ds = world.zone("zone.test.").own_ds();
    assert!(world.anchors.add(&name("zone.test."), RType::DS, &ds[0]));
    world.check("www.zone.test.", RType::A, Secure, None);
    world.negative_anchors.push(name("zone.test."));
    world.check("www.zone.test.", RType::A, Insecure, None);
    // No anchor at all.
    let mut world = World::with_zone(&["www.zone.test. A 192.0.2.1"]);
    world.anchors = Anchors::default();
    world.check("www.zone.test.", RType::A, Indeterminate, None);
    world.check("nothing.zone.test.", RType::A, Indeterminate, None);
    // An anchor that cannot be used.
    assert!(world.anchors.add(&name("test."), RType::DS, &[0, 1, 16, 2, 3]));
    world.check("www.zone.test.", RType::A, Insecure, Some(ede::UNSUPPORTED_DNSKEY_ALGORITHM));
}
