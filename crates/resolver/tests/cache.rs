//! The cache as its callers see it: what goes in comes out, for as long as it should.

use std::sync::Arc;

use dns::question::HashedName;
use dns::rdata::typed::Soa;
use dns::response::Writer;
use dns::{Message, Name, NameBuf, NameHasher, RType, Rcode};
use resolver::Rrset;
use resolver::cache::{Ask, Cache, CacheSettings, Found, Hit, NewEntry, NewFailure, NewNegative, NewPositive, Rank};
use resolver::security::{Reason, Security};

const HASHER: NameHasher = NameHasher::new(7);

fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

fn small() -> CacheSettings {
    CacheSettings { max_size_bytes: 1 << 20, ..CacheSettings::default() }
}

fn cache(settings: CacheSettings) -> Cache {
    Cache::new(settings, HASHER)
}

fn a(owner: &str, ttl: u32, last: u8) -> Rrset {
    Rrset::new(name(owner), RType::A, ttl).with(&[192, 0, 2, last])
}

fn alias(owner: &str, target: &str, ttl: u32) -> Rrset {
    Rrset::new(name(owner), RType::CNAME, ttl).with(name(target).as_wire())
}

fn soa(owner: &str, ttl: u32, minimum: u32) -> Rrset {
    let mut rdata = [name("ns.test.").as_wire(), name("mail.test.").as_wire()].concat();
    for number in [1, 2, 3, 4, minimum] {
        rdata.extend_from_slice(&u32::to_be_bytes(number));
    }
    assert!(Soa::parse(&rdata).is_some());
    Rrset::new(name(owner), RType::SOA, ttl).with(&rdata)
}

fn nsec(owner: &str, next: &str) -> Arc<Rrset> {
    let mut rdata = name(next).as_wire().to_vec();
    dns::rdata::bitmap::encode([RType::A, RType::RRSIG, RType::NSEC], &mut rdata);
    let mut rrset = Rrset::new(name(owner), RType::NSEC, 3600).with(&rdata);
    rrset.signatures.push(&signature(&rrset.owner, RType::NSEC));
    Arc::new(rrset)
}

/// RRSIG data for an RRset of the zone `test.`.
fn signature(owner: &Name, covered: RType) -> Vec<u8> {
    let mut rdata = covered.0.to_be_bytes().to_vec();
    rdata.extend_from_slice(&[13, owner.label_count() as u8, 0, 0, 14, 16]);
    rdata.extend_from_slice(&[0; 10]);
    rdata.extend_from_slice(name("test.").as_wire());
    rdata.extend_from_slice(&[1; 64]);
    rdata
}

fn positive(rrset: &Rrset) -> NewPositive<'_> {
    NewPositive {
        rrset,
        rank: Rank::AuthoritativeAnswer,
        security: Security::Insecure,
        proofs: &[],
        origin: None,
        reason: None,
    }
}

fn negative<'a>(name: &'a NameBuf, rtype: Option<RType>, soa: Option<&'a Rrset>) -> NewNegative<'a> {
    NewNegative {
        name,
        rtype,
        soa,
        proofs: &[],
        rank: Rank::AuthoritativeAnswer,
        security: Security::Insecure,
        origin: None,
        reason: None,
    }
}

fn put(cache: &Cache, now_ms: u64, rrset: &Rrset) {
    cache.insert(now_ms, NewEntry::Positive(positive(rrset)));
}

/// The answer as a client gets it.
fn ask(cache: &Cache, now_ms: u64, qname: &str, ask: Ask) -> Option<(Hit, Message)> {
    ask_for_at_most(cache, now_ms, qname, ask, 1232)
}

fn ask_for_at_most(cache: &Cache, now_ms: u64, qname: &str, ask: Ask, limit: usize) -> Option<(Hit, Message)> {
    let mut buf = Message::query(9, name(qname), ask.qtype).to_wire(512);
    let end = buf.len();
    buf.resize(65_535, 0);
    let (mut question, mut alias) = (HashedName::default(), HashedName::default());
    question.set(&name(qname), HASHER);
    let mut w = Writer::new(&mut buf, &question, HASHER, end, limit);
    let hit = cache.answer(now_ms, &ask, &mut alias, &mut w);
    if hit.is_none() {
        assert!(w.is_empty());
    }
    let rcode = hit?.rcode.0 as u8;
    let len = w.finish(1, 0, rcode);
    Some((hit?, Message::parse(&buf[..len]).expect("a message")))
}

fn plain(qtype: RType) -> Ask {
    Ask { qtype, dnssec_ok: false, checking_disabled: false }
}

fn with_do(qtype: RType) -> Ask {
    Ask { dnssec_ok: true, ..plain(qtype) }
}

#[test]
fn an_rrset_lives_as_long_as_its_ttl() {
    let cache = cache(small());
    put(&cache, 1500, &a("www.Example.", 10, 1));
    let ttl = |now_ms: u64| cache.lookup(now_ms, &name("WWW.example."), RType::A).map(|found| found.ttl());
    assert_eq!(ttl(1500), Some(10));
    assert_eq!(ttl(1501), Some(9));
    assert_eq!(ttl(2500), Some(9));
    assert_eq!(ttl(11_499), Some(1));
    assert_eq!(ttl(11_500), None);
    assert_eq!(cache.lookup(1500, &name("www.example."), RType::AAAA), None);
    assert_eq!(cache.lookup(1500, &name("ww.example."), RType::A), None);
    let Some(Found::Positive(found)) = cache.lookup(1500, &name("www.example."), RType::A) else { panic!("positive") };
    assert_eq!(*found.data.rrset, a("www.Example.", 10, 1));
}

#[test]
fn answers_follow_aliases() {
    let cache = cache(small());
    put(&cache, 0, &alias("www.example.", "web.example.", 100));
    assert!(ask(&cache, 0, "www.example.", plain(RType::A)).is_none());
    put(&cache, 50_000, &a("web.example.", 100, 1));
    let (hit, message) = ask(&cache, 60_000, "WWW.example.", plain(RType::A)).expect("hit");
    assert_eq!((hit.rcode, hit.security, hit.authentic()), (Rcode::NOERROR, Security::Insecure, false));
    let ttls: Vec<_> = message.answers.iter().map(|record| (record.rtype, record.ttl)).collect();
    assert_eq!(ttls, [(RType::CNAME, 40), (RType::A, 90)]);
    let (_, message) = ask(&cache, 60_000, "www.example.", plain(RType::CNAME)).expect("hit");
    assert_eq!(message.answers.len(), 1);
    assert!(matches!(cache.lookup(0, &name("www.example."), RType::A), Some(Found::Alias(_))));
    // A loop is no answer.
    put(&cache, 0, &alias("a.example.", "b.example.", 100));
    put(&cache, 0, &alias("b.example.", "a.example.", 100));
    assert!(ask(&cache, 0, "a.example.", plain(RType::A)).is_none());
}

#[test]
fn negative_answers() {
    let cache = cache(small());
    let (gone, soa) = (name("gone.test."), soa("test.", 500, 60));
    cache.insert(0, NewEntry::Negative(negative(&gone, None, Some(&soa))));
    for qtype in [RType::A, RType::TXT] {
        let (hit, message) = ask(&cache, 10_000, "gone.test.", plain(qtype)).expect("hit");
        assert_eq!((hit.rcode, message.authorities.len(), message.authorities[0].ttl), (Rcode::NXDOMAIN, 1, 50));
    }
    assert!(ask(&cache, 60_000, "gone.test.", plain(RType::A)).is_none());
    let there = name("there.test.");
    let proofs = [nsec("there.test.", "zoo.test.")];
    let new =
        NewNegative { proofs: &proofs, security: Security::Secure, ..negative(&there, Some(RType::MX), Some(&soa)) };
    cache.insert(0, NewEntry::Negative(new));
    let (hit, message) = ask(&cache, 0, "there.test.", with_do(RType::MX)).expect("hit");
    assert!(hit.authentic());
    let types: Vec<_> = message.authorities.iter().map(|record| record.rtype).collect();
    assert_eq!((hit.rcode, types), (Rcode::NOERROR, vec![RType::SOA, RType::NSEC, RType::RRSIG]));
    assert!(ask(&cache, 0, "there.test.", plain(RType::A)).is_none());
}

#[test]
fn bogus_data_is_for_those_who_ask_for_it() {
    let cache = cache(small());
    let (rrset, reason) = (a("bad.test.", 3600, 1), Reason::new(6, "signature of bad.test. is wrong"));
    let new = NewPositive { security: Security::Bogus, reason: Some(&reason), ..positive(&rrset) };
    cache.insert(0, NewEntry::Positive(new));
    let (hit, message) = ask(&cache, 0, "bad.test.", plain(RType::A)).expect("hit");
    assert_eq!((hit.rcode, hit.reason, message.answers.len()), (Rcode::SERVFAIL, Some(6), 0));
    let disabled = Ask { checking_disabled: true, ..plain(RType::A) };
    let (hit, message) = ask(&cache, 0, "bad.test.", disabled).expect("hit");
    assert_eq!((hit.rcode, hit.authentic(), message.answers.len()), (Rcode::NOERROR, false, 1));
    assert!(ask(&cache, 60_000, "bad.test.", plain(RType::A)).is_none());
}

#[test]
fn failures_last_longer_when_they_repeat() {
    let cache = cache(small());
    let (failing, reason) = (name("dead.test."), Reason::new(22, "no server answers"));
    let new = NewFailure { name: &failing, rtype: RType::A, reason: &reason, security: Security::Indeterminate };
    let mut now_ms = 0;
    for ttl in [5, 10, 20, 40, 80, 160, 300, 300] {
        cache.insert(now_ms, NewEntry::Failure(new));
        let Some(Found::Failure(found)) = cache.lookup(now_ms, &failing, RType::A) else { panic!("failure") };
        assert_eq!((found.ttl, &found.reason), (ttl, &reason));
        let (hit, _) = ask(&cache, now_ms, "dead.test.", plain(RType::A)).expect("hit");
        assert_eq!((hit.rcode, hit.reason), (Rcode::SERVFAIL, Some(22)));
        now_ms += u64::from(ttl) * 1000;
        assert!(ask(&cache, now_ms, "dead.test.", plain(RType::A)).is_none());
    }
    put(&cache, now_ms, &a("dead.test.", 1, 1));
    cache.insert(now_ms + 1000, NewEntry::Failure(new));
    assert_eq!(cache.lookup(now_ms + 1000, &failing, RType::A).map(|found| found.ttl()), Some(5));
}
