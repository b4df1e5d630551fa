//! Answers that are secure, and what they cost.

use std::sync::Arc;

use dns::RType;
use dnssec::algorithm::Algorithm;
use futures_util::future::join3;

use crate::world::{World, run};
use crate::zone::{Zone, name};
use resolver::fetched::{Fetched, Kind};
use resolver::question::Question;
use resolver::rrset::Rrset;
use resolver::security::Security::{Insecure, Secure};
use resolver::validate::{Budget, validate};

#[test]
fn a_chain_from_the_root() {
    let world = World::with_zone(&["www.zone.test. A 192.0.2.1", "zone.test. MX 1 www.zone.test."]);
    let verdict = world.check("www.zone.test.", RType::A, Secure, None);
    let asked = world.take_asked();
    // One question for DS and one for DNSKEY of each zone.
    assert_eq!(asked, [". DNSKEY", "zone.test. DS", "test. DS", "test. DNSKEY", "zone.test. DNSKEY"]);
    // DNSKEY of three zones, DS of two, and the answer.
    assert_eq!(world.trust.verifications(), 6);
    // Nothing is asked or verified twice.
    let (_, budget) =
        world.judge("zone.test.", RType::MX, &world.reply(&name("zone.test."), RType::MX, &[]).expect("MX"));
    assert_eq!((world.take_asked().len(), world.trust.verifications()), (0, 7));
    assert_eq!(budget.verifications(), world.limits.verifications - 1);
    assert_eq!(verdict.answers[0].ttl, 3600);
}

#[test]
fn algorithms() {
    for algorithm in [Algorithm::ECDSAP256SHA256, Algorithm::ECDSAP384SHA384, Algorithm::RSASHA256] {
        let zone = Zone::new("zone.test.", &["www.zone.test. A 192.0.2.1"]).algorithm(algorithm);
        let world = World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), zone]);
        world.check("www.zone.test.", RType::A, Secure, None);
    }
}

#[test]
fn wildcards() {
    for nsec3 in [false, true] {
        let mut zone = Zone::new("zone.test.", &["*.zone.test. A 192.0.2.1", "a.zone.test. TXT x"]);
        if nsec3 {
            zone = zone.nsec3(1, false);
        }
        let world = World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), zone]);
        let verdict = world.check("x.y.zone.test.", RType::A, Secure, None);
        assert_eq!(verdict.answers[0].wildcard, Some(name("*.zone.test.")));
        let verdict = world.check("*.zone.test.", RType::A, Secure, None);
        assert_eq!(verdict.answers[0].wildcard, None);
        world.check("x.y.zone.test.", RType::AAAA, Secure, None);
    }
}

#[test]
fn aliases_across_zones() {
    let other = Zone::new("other.test.", &["www.other.test. A 192.0.2.1", "here.other.test. CNAME a.plain.test."]);
    let zone = Zone::new("zone.test.", &["www.zone.test. CNAME www.other.test.", "d.zone.test. DNAME other.test."]);
    let plain = Zone::new("plain.test.", &["a.plain.test. A 192.0.2.1"]).unsigned();
    let world = World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), zone, other, plain]);
    world.check("www.zone.test.", RType::A, Secure, None);
    // Two replies as one, as forwarders give them.
    let joined = |names: &[&str]| {
        let replies: Vec<Fetched> =
            names.iter().map(|at| world.reply(&name(at), RType::A, &[]).expect("reply")).collect();
        let answers = replies.iter().flat_map(|reply| reply.answers.clone()).collect();
        let authorities = replies.iter().flat_map(|reply| reply.authorities.clone()).collect();
        Fetched { answers, authorities, ..replies.into_iter().next_back().expect("reply") }
    };
    let verdict = world.judge("www.zone.test.", RType::A, &joined(&["www.zone.test.", "www.other.test."])).0;
    assert_eq!((verdict.security, verdict.answers.len()), (Secure, 2));
    // DNAME, the CNAME made from it, and what is at its end.
    let through = joined(&["www.d.zone.test.", "www.other.test."]);
    let verdict = world.judge("www.d.zone.test.", RType::A, &through).0;
    assert_eq!((verdict.security, verdict.answers.len()), (Secure, 3));
    // Neither name nor data at the end of the chain.
    let verdict = world.judge("x.d.zone.test.", RType::A, &joined(&["x.d.zone.test.", "x.other.test."])).0;
    assert_eq!(verdict.security, Secure, "{verdict:?}");
    let mut nodata = joined(&["www.zone.test.", "www.other.test."]);
    nodata.answers.truncate(1);
    nodata.kind = Kind::NoData;
    nodata.authorities = world.zone("other.test.").answer(&name("www.other.test."), RType::TXT).authorities;
    let verdict = world.judge("www.zone.test.", RType::TXT, &nodata).0;
    assert_eq!(verdict.security, Secure, "{verdict:?}");
    // Through an insecure zone.
    let through = joined(&["here.other.test.", "a.plain.test."]);
    let verdict = world.judge("here.other.test.", RType::A, &through).0;
    let parts: Vec<_> = verdict.answers.iter().map(|judged| judged.security).collect();
    assert_eq!((verdict.security, parts), (Insecure, vec![Secure, Insecure]));
    // A CNAME that its DNAME does not make.
    let mut wrong = joined(&["www.d.zone.test.", "www.other.test."]);
    let mut cname = (*wrong.answers[1]).clone();
    cname.rdata = Default::default();
    cname.rdata.push(name("else.other.test.").as_wire());
    wrong.answers[1] = Arc::new(cname);
    let verdict = world.judge("www.d.zone.test.", RType::A, &wrong).0;
    assert_eq!(verdict.security, resolver::Security::Bogus);
    assert_eq!(verdict.reason.map(|reason| reason.code), Some(dns::edns::ede::RRSIGS_MISSING));
}

#[test]
fn dname_twice_and_at_a_wildcard() {
    let lines = ["d.zone.test. DNAME d.d.zone.test.", "*.w.zone.test. DNAME zone.test.", "zone.test. TXT x"];
    let world = World::with_zone(&lines);
    // One DNAME that makes two aliases.
    let mut reply = world.reply(&name("a.d.zone.test."), RType::A, &[]).expect("reply");
    let next = world.reply(&name("a.d.d.zone.test."), RType::A, &[]).expect("reply");
    reply.answers.push(next.answers[1].clone());
    reply.kind = next.kind;
    let verdict = world.judge("a.d.zone.test.", RType::A, &reply).0;
    assert_eq!((verdict.security, verdict.answers.len()), (Secure, 3));
    // What a wildcard DNAME makes is not followed.
    let zone = world.zone("zone.test.");
    let wildcard = zone.sets[&(name("*.w.zone.test."), RType::DNAME)].clone();
    let cname = Rrset::new(name("a.b.w.zone.test."), RType::CNAME, 60).with(name("a.zone.test.").as_wire());
    let mut reply = world.reply(&name("b.w.zone.test."), RType::DNAME, &[]).expect("reply");
    assert_eq!(*reply.answers, [Arc::new(Rrset { owner: name("b.w.zone.test."), ..wildcard })]);
    assert_eq!(world.judge("b.w.zone.test.", RType::DNAME, &reply).0.security, Secure);
    reply.answers.push(Arc::new(cname));
    reply.kind = Kind::Alias(name("a.zone.test."));
    let verdict = world.judge("a.b.w.zone.test.", RType::A, &reply).0;
    assert_eq!(verdict.security, resolver::Security::Bogus);
}

#[test]
fn any_and_the_chain_itself() {
    let world = World::with_zone(&["www.zone.test. A 192.0.2.1", "www.zone.test. TXT x"]);
    let verdict = world.check("www.zone.test.", RType::ANY, Secure, None);
    assert_eq!(verdict.answers.len(), 3);
    world.check("zone.test.", RType::DNSKEY, Secure, None);
    world.check("zone.test.", RType::DS, Secure, None);
    world.check(".", RType::DNSKEY, Secure, None);
    world.check("zone.test.", RType::SOA, Secure, None);
    // The keys of the answer are those of the chain.
    let fresh = World::with_zone(&[]);
    fresh.check("zone.test.", RType::DNSKEY, Secure, None);
    assert!(!fresh.take_asked().contains(&"zone.test. DNSKEY".to_owned()));
}

/// Several questions that wait for the same keys: nothing is verified twice.
#[test]
fn questions_at_once() {
    let world = World::with_zone(&["a.zone.test. A 192.0.2.1", "b.zone.test. A 192.0.2.1", "c.zone.test. A 192.0.2.1"]);
    let policy = world.policy();
    let judge = async |qname: &str| {
        let (question, budget) = (Question::new(name(qname), RType::A), Budget::new(&world.limits));
        let reply = world.reply(&question.name, RType::A, &[]).expect("reply");
        validate(&world, &budget, &question, &reply, &world.trust, &policy).await.security
    };
    let all = run(join3(judge("a.zone.test."), judge("b.zone.test."), judge("c.zone.test.")));
    assert_eq!(all, (Secure, Secure, Secure));
    // The chain, which costs five, and three answers.
    assert_eq!(world.trust.verifications(), 8);
}
