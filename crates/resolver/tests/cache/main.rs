//! The cache as its callers see it: what goes in comes out, for as long as it should.

mod forgotten;
mod kept;

use std::sync::Arc;

use dns::question::HashedName;
use dns::rdata::typed::Soa;
use dns::response::Writer;
use dns::{Message, Name, NameBuf, NameHasher, RType, Rcode};
use resolver::Rrset;
use resolver::cache::{Ask, Cache, CacheSettings, Found, Hit, NewEntry, NewFailure, NewNegative, NewPositive, Rank};
use resolver::security::{Reason, Security};
use resolver::settings::{Settings, StubZone};
use resolver::terms::Terms;

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
    let hit = cache.answer(now_ms, &ask, &mut alias, |_| false, &mut w);
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
    let ttl =
        |now_ms: u64| cache.lookup(now_ms, &name("WWW.example."), RType::A, Name::root()).map(|found| found.ttl());
    assert_eq!(ttl(1500), Some(10));
    assert_eq!(ttl(1501), Some(9));
    assert_eq!(ttl(2500), Some(9));
    assert_eq!(ttl(11_499), Some(1));
    assert_eq!(ttl(11_500), None);
    assert_eq!(cache.lookup(1500, &name("www.example."), RType::AAAA, Name::root()), None);
    assert_eq!(cache.lookup(1500, &name("ww.example."), RType::A, Name::root()), None);
    let Some(Found::Positive(found)) = cache.lookup(1500, &name("www.example."), RType::A, Name::root()) else {
        panic!("positive")
    };
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
    assert!(matches!(cache.lookup(0, &name("www.example."), RType::A, Name::root()), Some(Found::Alias(_))));
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
    for ttl in [5, 10, 10, 10] {
        cache.insert(now_ms, NewEntry::Failure(new));
        let Some(Found::Failure(found)) = cache.lookup(now_ms, &failing, RType::A, Name::root()) else {
            panic!("failure")
        };
        assert_eq!((found.ttl, &found.reason), (ttl, &reason));
        let (hit, _) = ask(&cache, now_ms, "dead.test.", plain(RType::A)).expect("hit");
        assert_eq!((hit.rcode, hit.reason), (Rcode::SERVFAIL, Some(22)));
        now_ms += u64::from(ttl) * 1000;
        assert!(ask(&cache, now_ms, "dead.test.", plain(RType::A)).is_none());
    }
    put(&cache, now_ms, &a("dead.test.", 1, 1));
    cache.insert(now_ms + 1000, NewEntry::Failure(new));
    assert_eq!(cache.lookup(now_ms + 1000, &failing, RType::A, Name::root()).map(|found| found.ttl()), Some(5));
}

#[test]
fn trust_wins_until_it_expires() {
    let check = |old: (Rank, Security), new: (Rank, Security), replaced: bool| {
        let cache = cache(small());
        let rrsets = [a("x.test.", 100, 1), a("x.test.", 100, 2)];
        for (rrset, (rank, security)) in rrsets.iter().zip([old, new]) {
            cache.insert(0, NewEntry::Positive(NewPositive { rank, security, ..positive(rrset) }));
        }
        let Some(Found::Positive(found)) = cache.lookup(0, &name("x.test."), RType::A, Name::root()) else {
            panic!("positive")
        };
        assert_eq!(found.data.rrset.rdata == rrsets[1].rdata, replaced, "{old:?} {new:?}");
        // What has expired protects nothing.
        let (rank, security) = new;
        cache.insert(100_000, NewEntry::Positive(NewPositive { rank, security, ..positive(&rrsets[1]) }));
        let Some(Found::Positive(found)) = cache.lookup(100_000, &name("x.test."), RType::A, Name::root()) else {
            panic!()
        };
        assert_eq!(found.data.rrset.rdata, rrsets[1].rdata);
    };
    use Rank::{AuthoritativeAnswer as Answer, AuthorityData as Authority, NonAuthoritativeAnswer as Forwarded};
    use Security::{Bogus, Indeterminate, Insecure, Secure};
    check((Answer, Insecure), (Answer, Insecure), true);
    check((Answer, Insecure), (Answer, Indeterminate), true);
    check((Answer, Insecure), (Forwarded, Insecure), false);
    check((Forwarded, Insecure), (Authority, Insecure), false);
    check((Authority, Insecure), (Answer, Insecure), true);
    check((Answer, Secure), (Answer, Insecure), false);
    check((Authority, Secure), (Answer, Insecure), false);
    check((Answer, Insecure), (Authority, Secure), true);
    check((Answer, Bogus), (Authority, Insecure), true);
    check((Authority, Insecure), (Answer, Bogus), false);
}

#[test]
fn ttls_of_all_parts_count() {
    let cache = cache(CacheSettings { min_ttl_s: 0, ..small() });
    put(&cache, 0, &a("zero.test.", 0, 1));
    assert!(cache.lookup(0, &name("zero.test."), RType::A, Name::root()).is_none());
    let (rrset, mut proof) = (a("wild.test.", 100, 1), (*nsec("a.test.", "z.test.")).clone());
    proof.ttl = 40;
    let proofs = [Arc::new(proof)];
    cache.insert(0, NewEntry::Positive(NewPositive { proofs: &proofs, ..positive(&rrset) }));
    assert_eq!(cache.lookup(0, &name("wild.test."), RType::A, Name::root()).map(|found| found.ttl()), Some(40));
    // RFC 2308 5: no SOA, no caching worth the name.
    let gone = name("gone.test.");
    cache.insert(0, NewEntry::Negative(negative(&gone, None, None)));
    assert_eq!(cache.lookup(0, &gone, RType::A, Name::root()).map(|found| found.ttl()), Some(5));
}

#[test]
fn nothing_is_below_a_name_that_does_not_exist() {
    let cache = cache(small());
    let soa = soa("test.", 500, 60);
    for (at, security) in [("gone.test.", Security::Secure), ("maybe.test.", Security::Insecure)] {
        let at = name(at);
        cache.insert(0, NewEntry::Negative(NewNegative { security, ..negative(&at, None, Some(&soa)) }));
    }
    let rcode = |at: &str| match cache.lookup(0, &name(at), RType::A, Name::root()) {
        Some(Found::Negative(found)) => Some(found.rcode),
        _ => None,
    };
    assert_eq!(rcode("a.b.gone.test."), Some(Rcode::NXDOMAIN));
    assert_eq!(rcode("a.b.maybe.test."), None);
    assert_eq!(rcode("maybe.test."), Some(Rcode::NXDOMAIN));
}

#[test]
fn dnames_and_the_aliases_made_from_them() {
    let cache = cache(small());
    let dname = Rrset::new(name("old.test."), RType::DNAME, 50).with(name("new.test.").as_wire());
    let (made, proofs) = (alias("www.old.test.", "www.new.test.", 100), [Arc::new(dname.clone())]);
    put(&cache, 0, &dname);
    cache.insert(0, NewEntry::Positive(NewPositive { proofs: &proofs, ..positive(&made) }));
    put(&cache, 0, &a("www.new.test.", 100, 1));
    let found = cache.lookup_dname(0, &name("a.b.old.test."), Name::root()).expect("a DNAME");
    assert_eq!(*found.data.rrset, dname);
    assert!(cache.lookup_dname(0, &name("old.test."), Name::root()).is_none());
    assert!(cache.lookup_dname(50_000, &name("a.old.test."), Name::root()).is_none());
    for ask_for in [plain(RType::A), with_do(RType::A)] {
        let (_, message) = ask(&cache, 0, "www.old.test.", ask_for).expect("hit");
        let types: Vec<_> = message.answers.iter().map(|record| record.rtype).collect();
        assert_eq!((types, message.authorities.len()), (vec![RType::DNAME, RType::CNAME, RType::A], 0));
    }
}

#[test]
fn proofs_of_aliases_stand_behind_the_answers() {
    let cache = cache(small());
    let (made, proofs) = (alias("x.test.", "y.test.", 100), [nsec("a.test.", "z.test.")]);
    let secure = Security::Secure;
    cache.insert(0, NewEntry::Positive(NewPositive { proofs: &proofs, security: secure, ..positive(&made) }));
    let target = a("y.test.", 100, 1);
    cache.insert(0, NewEntry::Positive(NewPositive { proofs: &proofs, security: secure, ..positive(&target) }));
    let (hit, message) = ask(&cache, 0, "x.test.", with_do(RType::A)).expect("hit");
    let types = |records: &[dns::Record]| records.iter().map(|record| record.rtype).collect::<Vec<_>>();
    assert!(hit.authentic());
    assert_eq!(types(&message.answers), [RType::CNAME, RType::A]);
    // Once, though both need it.
    assert_eq!(types(&message.authorities), [RType::NSEC, RType::RRSIG]);
    let (_, message) = ask(&cache, 0, "x.test.", plain(RType::A)).expect("hit");
    assert_eq!(message.authorities.len(), 0);
    let (_, message) = ask_for_at_most(&cache, 0, "x.test.", with_do(RType::A), 64).expect("hit");
    assert!(message.header.tc);
}

#[test]
fn stale_data_is_for_emergencies() {
    let check = |serve_stale: bool| {
        let cache = cache(CacheSettings { serve_stale, stale_max_s: 1000, ..small() });
        let at = name("www.test.");
        put(&cache, 0, &a("www.test.", 10, 1));
        assert!(cache.stale(5000, &at, RType::A).is_some_and(|found| found.ttl() == 5) || !serve_stale);
        assert!(cache.lookup(10_000, &at, RType::A, Name::root()).is_none());
        assert!(ask(&cache, 10_000, "www.test.", plain(RType::A)).is_none());
        let stale = cache.stale(10_000, &at, RType::A);
        assert_eq!(stale.as_ref().map(Found::ttl), serve_stale.then_some(30));
        assert!(stale.is_none_or(|found| matches!(found, Found::Positive(found) if found.stale)));
        // While the failure is remembered, the stale data is the answer.
        let reason = Reason::new(22, "no server answers");
        let failure = NewFailure { name: &at, rtype: RType::A, reason: &reason, security: Security::Indeterminate };
        cache.insert(10_000, NewEntry::Failure(failure));
        let (hit, message) = ask(&cache, 11_000, "www.test.", plain(RType::A)).expect("hit");
        let expected = if serve_stale { (Rcode::NOERROR, Some(3), 1) } else { (Rcode::SERVFAIL, Some(22), 0) };
        assert_eq!((hit.rcode, hit.reason, message.answers.len()), expected);
        assert_eq!(cache.sweep(500_000, usize::MAX), if serve_stale { 1 } else { 2 });
        assert!(cache.stale(1_010_000, &at, RType::A).is_none());
        assert_eq!(cache.sweep(1_010_000, usize::MAX), usize::from(serve_stale));
        assert_eq!(cache.stats().entries, 0);
    };
    check(false);
    check(true);
}

#[test]
fn popular_entries_are_refreshed_ahead() {
    let cache = cache(small());
    put(&cache, 0, &a("hot.test.", 100, 1));
    let prefetch = |now_ms| ask(&cache, now_ms, "hot.test.", plain(RType::A)).expect("hit").0.prefetch;
    assert!(!prefetch(1000));
    assert!(!prefetch(80_000));
    assert!(prefetch(90_000));
    assert!(!prefetch(91_000));
    put(&cache, 92_000, &a("hot.test.", 100, 1));
    assert!(!prefetch(93_000));
    assert!(prefetch(185_000));
    put(&cache, 0, &a("cold.test.", 100, 1));
    assert!(!ask(&cache, 95_000, "cold.test.", plain(RType::A)).expect("hit").0.prefetch);
    let popular: Vec<_> = cache.popular(10).into_iter().map(|(question, _)| question.to_string()).collect();
    assert_eq!(popular, ["hot.test. A"]);
}

fn secure_cache() -> Cache {
    let cache = cache(small());
    let (zone_soa, gone) = (soa("test.", 3600, 3600), name("gone.test."));
    let proofs = [nsec("b.test.", "x.k.test."), nsec("test.", "b.test.")];
    let new = NewNegative { proofs: &proofs, security: Security::Secure, ..negative(&gone, None, Some(&zone_soa)) };
    cache.insert(0, NewEntry::Negative(new));
    cache
}

#[test]
fn absence_is_made_from_records_seen() {
    let cache = secure_cache();
    let check = |at: &str, rtype: RType, expected: Option<(Rcode, usize)>| {
        let found = cache.aggressive(0, &name(at), rtype, Name::root()).map(|found| match found {
            Found::Negative(found) => (found.rcode, found.authorities.len()),
            other => panic!("{other:?}"),
        });
        assert_eq!(found, expected, "{at} {rtype}");
    };
    check("c.test.", RType::A, Some((Rcode::NXDOMAIN, 3)));
    check("deep.below.c.test.", RType::MX, Some((Rcode::NXDOMAIN, 3)));
    // Before b: the record of the apex alone covers both the name and the wildcard.
    check("a.test.", RType::A, Some((Rcode::NXDOMAIN, 2)));
    check("b.test.", RType::MX, Some((Rcode::NOERROR, 2)));
    check("b.test.", RType::A, None);
    // An empty non-terminal: the next name is below it.
    check("k.test.", RType::A, Some((Rcode::NOERROR, 2)));
    check("x.k.test.", RType::A, None);
    check("z.test.", RType::A, None);
    check("c.other.", RType::A, None);
    assert_eq!(cache.stats().synthesised, 5);
    assert!(cache.aggressive(300_000, &name("c.test."), RType::A, Name::root()).is_none());
    assert_eq!(cache.flush_name(&name("c.test.")), 0);
    check("c.test.", RType::A, None);
    check("a.test.", RType::A, Some((Rcode::NXDOMAIN, 2)));
    cache.flush_subtree(&name("test."));
    check("a.test.", RType::A, None);
}

#[test]
fn wildcards_are_expanded_again() {
    let cache = cache(small());
    let mut rrset = a("one.w.test.", 600, 1);
    rrset.signatures.push(&signature(&name("w.test."), RType::A));
    let proofs = [nsec("*.w.test.", "z.test.")];
    cache
        .insert(0, NewEntry::Positive(NewPositive { proofs: &proofs, security: Security::Secure, ..positive(&rrset) }));
    let Some(Found::Positive(found)) = cache.aggressive(1000, &name("two.w.test."), RType::A, Name::root()) else {
        panic!("found")
    };
    assert_eq!(
        (found.data.rrset.owner.to_string(), found.data.ttl, found.proofs.len()),
        ("two.w.test.".into(), 599, 1)
    );
    assert!(cache.aggressive(1000, &name("two.w.test."), RType::TXT, Name::root()).is_none());
}
