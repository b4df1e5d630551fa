//! Recursion over loopback: questions that clients ask come to another server, and its answers to them.

#[path = "recursion_support/other.rs"]
mod other;
mod recursion_support;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dns::{Edns, Message, NameBuf, RType, Rcode};
use resolver::cache::{Cache, CacheSettings, NewEntry, NewPositive, Rank};
use resolver::{Rrset, Security};
use server::recursion::ThreadSettings;
use zone::{Builder, Zone};

use other::Other;
use recursion_support::*;

fn query(id: u16, name: &str) -> Message {
    Message::query(id, name.parse().expect("a name"), RType::A)
}

#[test]
fn clients_get_answers_of_other_servers() {
    let upstream = Other::start();
    let server = Forwarding::to(upstream.address).start();
    let check = |name: &str, rcode: Rcode, answers: usize| {
        let response = server.ask(&query(7, name)).expect("a response");
        assert_eq!((response.header.id, response.header.rcode, response.answers.len()), (7, rcode, answers), "{name}");
        assert!(response.header.qr && response.header.ra && response.header.rd && !response.header.aa);
        assert_eq!(response.questions, query(7, name).questions);
        response
    };
    check("www.example.", Rcode::NOERROR, 1);
    check("WwW.eXample.", Rcode::NOERROR, 1);
    check("missing.example.", Rcode::NXDOMAIN, 0);
    assert!(server.recorders.take_strangers().is_empty());
    check("wrong-id.example.", Rcode::NOERROR, 1);
    assert!(server.recorders.take_strangers().contains(&upstream.address.ip()));
    for lie in ["wrong-source.example.", "wrong-question.example."] {
        check(lie, Rcode::NOERROR, 1);
    }
    assert!(server.count(|stats| stats.upstream_ignored.get()) >= 4);
    // AD is for those who ask for it.
    assert!(!check("secure.example.", Rcode::NOERROR, 1).header.ad);
    let mut wants_ad = query(8, "secure.example.");
    wants_ad.header.ad = true;
    assert!(server.ask(&wants_ad).expect("a response").header.ad);
    let edns = Some(Edns { dnssec_ok: true, ..Edns::default() });
    let with_do = server.ask(&Message { edns, ..query(9, "secure.example.") }).expect("a response");
    assert!(with_do.header.ad && with_do.edns.is_some_and(|edns| edns.dnssec_ok));
    assert_eq!(server.count(|stats| stats.resolver_queries.get()), 9);
}

#[test]
fn what_is_too_large_goes_over_tcp() {
    let upstream = Other::start();
    let server = Forwarding::to(upstream.address).start();
    // The other server truncates; so do we, for clients that ask over UDP.
    for name in ["truncated.example.", "large.example."] {
        let response = server.ask(&query(1, name)).expect("a response");
        assert!(response.header.tc, "{name}");
    }
    assert!(server.count(|stats| stats.upstream_streams.get()) >= 1);
    let queries: Vec<Message> = (0..50).map(|i| query(i, "truncated.example.")).collect();
    let responses = server.ask_over_tcp(&queries);
    assert_eq!(responses.iter().map(|it| it.header.id).collect::<HashSet<_>>().len(), 50);
    assert!(responses.iter().all(|it| it.answers.len() == 100 && !it.header.tc && it.header.ra));
}

#[test]
fn only_some_may_use_it() {
    let upstream = Other::start();
    let server = Forwarding::to(upstream.address).start();
    let response = server.ask(&query(1, "www.example.")).expect("a response");
    assert!(response.header.ra && response.header.rcode == Rcode::NOERROR);
    // RD=0 gets what the cache has, which is nothing.
    let mut plain = query(2, "www.example.");
    plain.header.rd = false;
    let response = server.ask(&plain).expect("a response");
    assert!(response.header.ra && response.header.rcode == Rcode::REFUSED);
    server.allow("192.0.2.0/24");
    let edns = Some(Edns::default());
    let response = server.ask(&Message { edns, ..query(3, "www.example.") }).expect("a response");
    assert!(!response.header.ra && response.header.rcode == Rcode::REFUSED);
    assert_eq!(server.count(|stats| stats.resolver_denied.get()), 1);
    assert_eq!(upstream.asked.load(Ordering::Relaxed), 1);
}

#[test]
fn questions_leave_from_many_ports() {
    let upstream = Other::start();
    let server = Forwarding { threads: 2, ..Forwarding::to(upstream.address) }.start();
    let mut ids = HashSet::new();
    for i in 0..300 {
        let response = server.ask(&query(i, &format!("n{i}.example."))).expect("a response");
        ids.insert(response.header.id);
    }
    let ports = upstream.ports.lock().expect("no panic");
    assert!(ports.len() > 60, "{} ports", ports.len());
    assert!(ports.keys().all(|&port| port >= 1024));
    assert!(ports.keys().any(|&port| port < 32_768), "all of them from the system's range");
    assert_eq!(ids.len(), 300);
}

#[test]
fn silence_fills_no_memory_and_ends() {
    const CLIENTS: u16 = 20_000;
    let upstream = Other::start();
    let server = Forwarding { timeout_us: 3_000_000, ..Forwarding::to(upstream.address) }.start();
    upstream.silent.store(true, Ordering::Relaxed);
    let socket = client();
    let rss = || {
        let status = std::fs::read_to_string("/proc/self/statm").expect("the system tells");
        status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
    };
    let before = rss();
    for i in 0..CLIENTS {
        socket.send_to(&query(i, &format!("n{i}.example.")).to_wire(512), server.address).expect("sent");
        if i % 64 == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let deadline = Instant::now() + Duration::from_secs(2);
    while server.count(|stats| stats.resolver_queries.get()) < u64::from(CLIENTS) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let taken = server.count(|stats| stats.resolver_queries.get());
    assert!(taken > u64::from(CLIENTS) / 2, "{taken} questions came in");
    let grown = rss().saturating_sub(before);
    assert!(grown < 200 << 20, "{grown} octets more");
    // All fail in the end, and the next question is answered when the other server is back.
    let mut failed = 0;
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("an option");
    while failed < taken
        && let Some(response) = receive(&socket)
    {
        assert_eq!(response.header.rcode, Rcode::SERVFAIL);
        failed += 1;
    }
    assert!(failed > taken / 2, "{failed} of {taken} responses");
    upstream.silent.store(false, Ordering::Relaxed);
    let begin = Instant::now();
    assert_eq!(server.ask(&query(1, "back.example.")).expect("a response").header.rcode, Rcode::NOERROR);
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[test]
fn stopping_answers_who_waits() {
    let upstream = Other::start();
    let mut server = Forwarding { timeout_us: 60_000_000, ..Forwarding::to(upstream.address) }.start();
    upstream.silent.store(true, Ordering::Relaxed);
    let socket = client();
    let edns = Some(Edns { options: vec![dns::edns::EdnsOption::Nsid(vec![])], ..Edns::default() });
    socket.send_to(&Message { edns, ..query(5, "www.example.") }.to_wire(512), server.address).expect("sent");
    while upstream.asked.load(Ordering::Relaxed) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let begin = Instant::now();
    server.stop_resolver();
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let response = receive(&socket).expect("a response");
    assert_eq!((response.header.id, response.header.rcode), (5, Rcode::SERVFAIL));
    assert!(response.edns.is_some_and(|edns| edns.options.len() == 1), "NSID as in every response");
    // From now on there is nobody who resolves.
    assert_eq!(server.ask(&query(6, "www.example.")).expect("a response").header.rcode, Rcode::SERVFAIL);
}

/// The zone "own.".
fn own_zone() -> Arc<Zone> {
    let name: NameBuf = "own.".parse().expect("a name");
    let mut builder = Builder::new(&name, dns::NameHasher::new(7));
    let soa = b"\x02ns\x00\x01h\x00\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
    let records: [(&str, RType, &[u8]); 6] = [
        ("own.", RType::SOA, soa),
        ("own.", RType::NS, b"\x02ns\x03own\x00"),
        ("ns.own.", RType::A, &[192, 0, 2, 1]),
        ("www.own.", RType::A, &[192, 0, 2, 2]),
        ("out.own.", RType::CNAME, b"\x03www\x07example\x00"),
        ("sub.own.", RType::NS, b"\x02ns\x07example\x00"),
    ];
    for (owner, rtype, rdata) in records {
        let owner: NameBuf = owner.parse().expect("a name");
        builder.add(&owner, rtype, 60, rdata).expect("in the zone");
    }
    Arc::new(Zone { name, contents: Some(builder.finish().0), policy: None })
}

/// A zone may come in after the cache learned of its names.
#[test]
fn what_the_cache_has_of_names_in_our_zones_is_not_told() {
    let upstream = Other::start();
    let cache = Arc::new(Cache::new(CacheSettings::default(), dns::NameHasher::new(7)));
    let put = |owner: &str, rtype, rdata: &[u8]| {
        let rrset = Rrset::new(owner.parse().expect("a name"), rtype, 60).with(rdata);
        let (rank, security) = (Rank::AuthoritativeAnswer, Security::Insecure);
        let entry = NewPositive { rrset: &rrset, rank, security, proofs: &[], origin: None, reason: None };
        cache.insert(ThreadSettings::default().clock.now_ms(), NewEntry::Positive(entry));
    };
    put("here.example.", RType::CNAME, b"\x03www\x03own\x00");
    put("there.example.", RType::CNAME, b"\x03www\x05other\x00");
    put("www.own.", RType::A, &[203, 0, 113, 1]);
    put("www.other.", RType::A, &[203, 0, 113, 2]);
    let start = |zones| {
        let server = Forwarding { zones, cache: Some(cache.clone()), ..Forwarding::to(upstream.address) }.start();
        move |name: &str| {
            let response = server.ask(&query(1, name)).expect("a response");
            (response.answers.len(), server.count(|stats| stats.resolver_queries.get()))
        }
    };
    let without = start(Vec::new());
    assert_eq!([without("here.example."), without("there.example.")], [(2, 0), (2, 0)]);
    // The test's resolver gives one record for everything: what counts is that it was asked.
    let with = start(vec![own_zone()]);
    assert_eq!([with("there.example."), with("here.example.")], [(2, 0), (1, 1)]);
}

#[test]
fn our_zones_come_first_and_lead_on() {
    let upstream = Other::start();
    let server = Forwarding { zones: vec![own_zone()], ..Forwarding::to(upstream.address) }.start();
    let check = |name: &str, rd: bool, expected: (bool, usize, usize)| {
        let mut query = query(1, name);
        query.header.rd = rd;
        let response = server.ask(&query).expect("a response");
        let handed_over = server.count(|stats| stats.resolver_queries.get()) as usize;
        assert_eq!((response.header.aa, response.answers.len(), handed_over), expected, "{name}");
        assert!(response.header.ra);
    };
    check("www.own.", true, (true, 1, 0));
    check("out.own.", false, (true, 1, 0));
    check("www.sub.own.", false, (false, 0, 0));
    // The test's resolver asks for the whole question: what counts is that it was asked.
    check("out.own.", true, (false, 1, 1));
    check("www.sub.own.", true, (false, 1, 2));
}
