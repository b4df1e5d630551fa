//! Proofs that something does not exist, good and bad.

use std::sync::Arc;

use dns::RType;
use dns::edns::ede;

use crate::world::World;
use crate::zone::{Zone, name};
use resolver::fetched::Kind;
use resolver::security::Security::{Bogus, Insecure, Secure};

const LINES: &[&str] = &["a.zone.test. A 192.0.2.1", "x.ent.zone.test. A 192.0.2.1", "*.wild.zone.test. TXT x"];

fn world(iterations: Option<u16>, opt_out: bool) -> World {
    let mut zone = Zone::new("zone.test.", LINES);
    if let Some(iterations) = iterations {
        zone = zone.nsec3(iterations, opt_out);
    }
    let child = Zone::new("plain.zone.test.", &["www.plain.zone.test. A 192.0.2.1"]).unsigned();
    World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), zone, child])
}

#[test]
fn names_and_types() {
    for iterations in [None, Some(0), Some(150)] {
        let world = world(iterations, false);
        world.check("a.zone.test.", RType::AAAA, Secure, None);
        world.check("b.zone.test.", RType::A, Secure, None);
        world.check("c.b.zone.test.", RType::A, Secure, None);
        world.check("ent.zone.test.", RType::A, Secure, None);
        world.check("z.wild.zone.test.", RType::A, Secure, None);
        world.check("zone.test.", RType::TXT, Secure, None);
        // DS belongs to the parent; at a delegation without one, at a name that is not delegated, at one that does not exist.
        world.check("plain.zone.test.", RType::DS, Secure, None);
        world.check("a.zone.test.", RType::DS, Secure, None);
        world.check("b.zone.test.", RType::DS, Secure, None);
        world.check(".", RType::DS, Secure, None);
    }
}

#[test]
fn opt_out() {
    let world = world(Some(0), true);
    // RFC 5155 9.2: what may hide an unsigned delegation is not authentic.
    world.check("b.zone.test.", RType::A, Insecure, None);
    world.check("plain.zone.test.", RType::DS, Insecure, None);
    world.check("a.zone.test.", RType::AAAA, Secure, None);
    world.check("www.plain.zone.test.", RType::A, Insecure, None);
}

#[test]
fn too_many_iterations() {
    let world = world(Some(151), false);
    let code = Some(ede::UNSUPPORTED_NSEC3_ITERATIONS);
    world.check("b.zone.test.", RType::A, Insecure, code);
    world.check("a.zone.test.", RType::AAAA, Insecure, code);
    world.check("a.zone.test.", RType::A, Secure, None);
    world.check("www.plain.zone.test.", RType::A, Insecure, code);
}

/// Takes a reply's proofs apart.
fn changed(change: impl Fn(&Zone, &mut resolver::Fetched) + 'static, qname: &str, code: u16) {
    for iterations in [None, Some(0)] {
        let world = world(iterations, false);
        let mut reply = world.reply(&name(qname), RType::A, &[]).expect("reply");
        change(world.zone("zone.test."), &mut reply);
        let verdict = world.judge(qname, RType::A, &reply).0;
        assert_eq!(verdict.security, Bogus, "{qname} {verdict:?}");
        assert_eq!(verdict.reason.map(|reason| reason.code), Some(code), "{qname}");
        assert_eq!(verdict.bogus_server, reply.server);
    }
}

#[test]
fn proofs_that_prove_nothing() {
    // Nothing but the SOA.
    changed(|_, reply| reply.authorities.truncate(1), "b.zone.test.", ede::NSEC_MISSING);
    // Proofs of something else.
    changed(
        |zone, reply| reply.authorities = zone.proofs(&name("a.zone.test."), true),
        "b.zone.test.",
        ede::DNSSEC_BOGUS,
    );
    // A name that exists with such data is said not to.
    let deny = |zone: &Zone, reply: &mut resolver::Fetched| {
        reply.answers.clear();
        reply.kind = Kind::NxDomain;
        reply.authorities = zone.proofs(&name("a.zone.test."), true);
    };
    changed(deny, "a.zone.test.", ede::DNSSEC_BOGUS);
    // The type exists.
    let deny = |zone: &Zone, reply: &mut resolver::Fetched| {
        reply.answers.clear();
        reply.kind = Kind::NoData;
        reply.authorities = zone.proofs(&name("a.zone.test."), true);
    };
    changed(deny, "a.zone.test.", ede::DNSSEC_BOGUS);
    // Without the wildcard's proof.
    let half = |zone: &Zone, reply: &mut resolver::Fetched| {
        reply.authorities = zone.proofs(&name("b.zone.test."), false);
    };
    changed(half, "b.zone.test.", ede::DNSSEC_BOGUS);
    // No signatures at all.
    let bare = |_: &Zone, reply: &mut resolver::Fetched| {
        for rrset in &mut reply.authorities {
            Arc::make_mut(rrset).signatures = Default::default();
        }
    };
    changed(bare, "b.zone.test.", ede::NSEC_MISSING);
    // A SOA that was changed.
    let soa =
        |_: &Zone, reply: &mut resolver::Fetched| Arc::make_mut(&mut reply.authorities[0]).rdata.push(b"\0\0more");
    changed(soa, "b.zone.test.", ede::DNSSEC_BOGUS);
}

#[test]
fn proofs_put_the_rcode_right() {
    for iterations in [None, Some(0)] {
        let world = world(iterations, false);
        for qname in ["ent.zone.test.", "a.zone.test."] {
            let mut reply = world.reply(&name(qname), RType::AAAA, &[]).expect("reply");
            reply.kind = Kind::NxDomain;
            let verdict = world.judge(qname, RType::AAAA, &reply).0;
            assert_eq!((verdict.security, verdict.kind), (Secure, Kind::NoData), "{qname}");
        }
        let mut reply = world.reply(&name("b.zone.test."), RType::AAAA, &[]).expect("reply");
        reply.kind = Kind::NoData;
        assert_eq!(world.judge("b.zone.test.", RType::AAAA, &reply).0.security, Secure);
    }
}

#[test]
fn wildcards_need_proof() {
    for iterations in [None, Some(0)] {
        let world = world(iterations, false);
        let mut reply = world.reply(&name("z.wild.zone.test."), RType::TXT, &[]).expect("reply");
        assert_eq!(world.judge("z.wild.zone.test.", RType::TXT, &reply).0.security, Secure);
        let proofs = std::mem::take(&mut reply.authorities);
        let check = |reply: &resolver::Fetched, code| {
            let verdict = world.judge("z.wild.zone.test.", RType::TXT, reply).0;
            assert_eq!((verdict.security, verdict.reason.map(|reason| reason.code)), (Bogus, Some(code)));
        };
        check(&reply, ede::NSEC_MISSING);
        reply.authorities = world.zone("zone.test.").proofs(&name("a.zone.test."), false);
        check(&reply, ede::DNSSEC_BOGUS);
        assert!(!proofs.is_empty());
    }
}

#[test]
fn proofs_are_not_made_from_wildcards() {
    // A wildcard's own NSEC, spread to another owner, would deny what is between.
    let world = world(None, false);
    let mut reply = world.reply(&name("b.zone.test."), RType::A, &[]).expect("reply");
    let star = world.zone("zone.test.").proofs(&name("*.wild.zone.test."), false);
    let mut moved = (*star[0]).clone();
    moved.owner = name("a.wild.zone.test.");
    reply.authorities.truncate(1);
    reply.authorities.push(Arc::new(moved));
    let verdict = world.judge("b.zone.test.", RType::A, &reply).0;
    assert_eq!(verdict.security, Bogus);
    assert!(verdict.reason.is_some_and(|reason| reason.text.ends_with("made from a wildcard")));
}
