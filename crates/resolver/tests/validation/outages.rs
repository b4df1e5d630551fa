//! Servers that do not answer for a while: stale data, fallback of forwarders, priming; and how names are shown.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use dns::edns::ede;
use dns::{Name, RType, Rcode};

use crate::internet::{Internet, Network, Server, address, delegate, forward};
use crate::zone::{Zone, name};
use resolver::anchors::Anchors;
use resolver::cache::CacheSettings;
use resolver::local::{Local, LocalData, NoLocalData};
use resolver::outcome::Outcome;
use resolver::question::Question;
use resolver::rrset::Rrset;
use resolver::settings::{Fallback, ForwardZone, Settings};
use resolver::trace::{Step, Trace};
use resolver::upstream::Upstream;

const ROOT: u8 = 1;
const EXAMPLE: u8 = 2;
const RESOLVER: u8 = 9;
const SECOND_US: u64 = 1_000_000;

fn internet(settings: Settings, cache: CacheSettings, local: Rc<dyn LocalData>) -> Internet {
    let mut example = Zone::new(
        "example.",
        &[
            "www.example. A 192.0.2.102",
            "alias.example. CNAME www.example.",
            "to.elsewhere.example. CNAME nowhere.dead.",
            "Big.Case.example. A 192.0.2.103",
            "to.case.example. CNAME BIG.case.EXAMPLE.",
        ],
    );
    let dead = Zone::new("dead.", &[]).unsigned();
    // The alias lives for longer than what it leads to.
    example.sets.get_mut(&(name("www.example."), RType::A)).expect("it is there").ttl = 60;
    let mut root = Zone::new(".", &["ns.test. A 192.0.2.1"]);
    delegate(&mut root, &example, EXAMPLE, true);
    delegate(&mut root, &dead, 99, false);
    let mut anchors = Anchors::default();
    root.own_ds().iter().for_each(|ds| assert!(anchors.add(&root.apex, RType::DS, ds)));
    let [root, example] = [root, example].map(|mut zone| {
        zone.seal();
        Rc::new(zone)
    });
    let server = |zones: &[&Rc<Zone>], recursive| Server {
        zones: zones.iter().map(|zone| Rc::clone(zone)).collect(),
        recursive,
        dead: false,
    };
    let servers = [
        (ROOT, server(&[&root], false)),
        (EXAMPLE, server(&[&example], false)),
        (RESOLVER, server(&[&root, &example], true)),
    ];
    let network = Network { servers: servers.into_iter().collect(), ..Network::default() };
    Internet::with_local(network, settings, cache, anchors, local)
}

fn stale_cache() -> CacheSettings {
    CacheSettings { serve_stale: true, prefetch: false, ..CacheSettings::default() }
}

impl Internet {
    /// RCODE, INFO-CODE, and how long it took in milliseconds.
    fn timed(&self, qname: &str) -> (Rcode, Option<u16>, u64) {
        let before_us = self.sim.now_us();
        let outcome = self.ask(qname, RType::A);
        let took_ms = (self.sim.now_us() - before_us) / 1000;
        (outcome.rcode, outcome.reason.as_ref().map(|reason| reason.code), took_ms)
    }
}

/// A zone of ours with an alias that leads out of it.
struct Ours;

impl LocalData for Ours {
    fn find(&self, qname: &Name, _: RType) -> Local {
        if *qname != *name("www.ours.") {
            return Local::Elsewhere;
        }
        let cname = Rrset::new(qname.to_owned(), RType::CNAME, 300).with(name("www.example.").as_wire());
        let (answers, alias) = (vec![Arc::new(cname)], Some(name("www.example.")));
        Local::Answer { rcode: Rcode::NOERROR, answers, authorities: Vec::new(), alias }
    }
}

/// RFC 8767 5: a client waits for 1.8 s at most, whichever part of the chain has expired.
#[test]
fn stale_data_behind_fresh_aliases() {
    for qname in ["www.example.", "alias.example.", "www.ours."] {
        // The server is asked again for as long as a question may take.
        let settings = Settings { retries: 100, ..Internet::settings() };
        let internet = internet(settings, stale_cache(), Rc::new(Ours));
        assert_eq!(internet.timed(qname).0, Rcode::NOERROR, "{qname}");
        internet.sim.pass(100 * SECOND_US);
        internet.set_dead(EXAMPLE, true);
        assert_eq!(internet.timed(qname), (Rcode::NOERROR, Some(ede::STALE_ANSWER), 1800), "{qname}");
    }
}

/// RFC 8767 5: once it is known that nobody answers, clients do not wait, and servers are tried every 30 s at most.
#[test]
fn stale_data_at_once_and_recovery() {
    let internet = internet(Internet::settings(), stale_cache(), Rc::new(NoLocalData));
    internet.timed("alias.example.");
    internet.sim.pass(100 * SECOND_US);
    internet.set_dead(EXAMPLE, true);
    internet.timed("alias.example.");
    internet.sim.network_mut().times_us.clear();
    for second in 0..300 {
        let (rcode, info, took_ms) = internet.timed("alias.example.");
        assert!(rcode == Rcode::NOERROR && info == Some(ede::STALE_ANSWER) && took_ms == 0, "{second}: {took_ms} ms");
        internet.sim.pass(SECOND_US);
    }
    // One attempt is a few messages within the time of a question.
    let times_us = std::mem::take(&mut internet.sim.network_mut().times_us);
    let attempts = times_us.windows(2).filter(|pair| pair[1] - pair[0] > 10 * SECOND_US).count() + 1;
    assert!((7..=10).contains(&attempts), "{attempts} attempts in 300 s");
    internet.set_dead(EXAMPLE, false);
    let fresh = (0..60).find(|_| {
        internet.sim.pass(SECOND_US);
        internet.timed("alias.example.").1.is_none()
    });
    assert!(fresh.is_some_and(|seconds| seconds <= 31), "{fresh:?}");
}

/// What is explained is what a client gets: while a failure is remembered, stale data from the cache.
#[test]
fn stale_data_is_explained() {
    for qname in ["www.example.", "alias.example."] {
        let internet = internet(Internet::settings(), stale_cache(), Rc::new(NoLocalData));
        internet.timed(qname);
        internet.sim.pass(100 * SECOND_US);
        internet.set_dead(EXAMPLE, true);
        internet.timed(qname);
        internet.asked();
        let trace = Trace::on();
        let explained = internet.ask_traced(qname, RType::A, trace.clone());
        let client = internet.ask(qname, RType::A);
        let of = |outcome: &Outcome| (outcome.rcode, outcome.answers.len(), outcome.reason.clone());
        assert_eq!(of(&explained), of(&client), "{qname}");
        assert_eq!(client.reason.as_ref().map(|reason| reason.code), Some(ede::STALE_ANSWER), "{qname}");
        let steps: Vec<Step> = trace.take().into_iter().map(|stamped| stamped.step).collect();
        let expired = Question::new(name("www.example."), RType::A);
        let [Step::Begin(_), Step::Cache { question, what: "stale", ttl: 30, .. }, Step::End { rcode, .. }] =
            &steps[..]
        else {
            panic!("{qname}: {steps:?}");
        };
        assert_eq!((question, *rcode), (&expired, Rcode::NOERROR), "{qname}");
        assert_eq!(internet.asked(), Vec::<String>::new(), "{qname}");
        // Once the failure is forgotten, the attempt is shown to its end, which is stale data again.
        internet.sim.pass(100 * SECOND_US);
        let trace = Trace::on();
        let explained = internet.ask_traced(qname, RType::A, trace.clone());
        assert_eq!(explained.reason.as_ref().map(|reason| reason.code), Some(ede::STALE_ANSWER), "{qname}");
        let is_exchange = |step: &Step| matches!(step, Step::Exchange { .. });
        assert!(trace.take().iter().any(|stamped| is_exchange(&stamped.step)), "{qname}");
    }
}

/// Names that were never answered are tried again soon: nobody waits for minutes after the servers have come back.
#[test]
fn names_asked_throughout_an_outage() {
    let internet = internet(Internet::settings(), stale_cache(), Rc::new(NoLocalData));
    internet.set_dead(EXAMPLE, true);
    let end_us = internet.sim.now_us() + 600 * SECOND_US;
    while internet.sim.now_us() < end_us {
        assert_eq!(internet.timed("www.example.").0, Rcode::SERVFAIL);
        internet.sim.pass(SECOND_US);
    }
    internet.set_dead(EXAMPLE, false);
    let fresh = (0..60).find(|_| {
        internet.sim.pass(SECOND_US);
        internet.timed("www.example.").0 == Rcode::NOERROR
    });
    assert!(fresh.is_some_and(|seconds| seconds <= 11), "{fresh:?}");
}

fn forwarding(fallback: Fallback) -> Settings {
    let forward = vec![ForwardZone { fallback, ..forward(".", RESOLVER) }];
    Settings { forward, ..Internet::settings() }
}

#[test]
fn forwarders_that_do_not_answer() {
    let cache = || CacheSettings { max_ttl_s: 1, ..CacheSettings::default() };
    let without = internet(forwarding(Fallback::None), cache(), Rc::new(NoLocalData));
    without.set_dead(RESOLVER, true);
    let outcome = without.ask("www.example.", RType::A);
    assert_eq!(outcome.rcode, Rcode::SERVFAIL);
    let why = outcome.reason.as_ref().map_or("", |reason| &reason.text);
    assert!(why.contains("192.0.2.9:53: no reply in time"), "{why}");

    let with = internet(forwarding(Fallback::Iterate), cache(), Rc::new(NoLocalData));
    let servers = |with: &Internet| {
        let mut servers: Vec<String> = with.asked().iter().map(|line| line[..1].to_owned()).collect();
        servers.sort();
        servers.dedup();
        servers.concat()
    };
    assert_eq!((with.timed("www.example.").0, servers(&with)), (Rcode::NOERROR, "9".to_owned()));
    with.set_dead(RESOLVER, true);
    with.sim.pass(10 * SECOND_US);
    let (rcode, _, took_ms) = with.timed("www.example.");
    assert!(rcode == Rcode::NOERROR && took_ms < 1500, "{rcode} {took_ms} ms");
    assert_eq!(with.ask("alias.example.", RType::A).security.as_str(), "secure");
    // Nobody waits any more for one that is known to be dead.
    with.sim.pass(10 * SECOND_US);
    let (rcode, _, took_ms) = with.timed("www.example.");
    assert!(rcode == Rcode::NOERROR && took_ms < 100, "{rcode} {took_ms} ms");
    // Once it answers again, it is the only one that is asked.
    with.set_dead(RESOLVER, false);
    with.timed("missing.example.");
    with.sim.pass(10 * SECOND_US);
    with.asked();
    assert_eq!((with.timed("www.example.").0, servers(&with)), (Rcode::NOERROR, "9".to_owned()));
    // SERVFAIL from all is no answer either (it serves no such zone).
    with.sim.network_mut().servers.get_mut(&RESOLVER).expect("it is there").zones.clear();
    with.sim.pass(10 * SECOND_US);
    assert_eq!(with.timed("www.example.").0, Rcode::NOERROR);
}

/// RFC 9609: what priming learned answers clients' questions for it, and is not asked for again.
#[test]
fn priming_is_kept() {
    let primings = |internet: &Internet| internet.asked().iter().filter(|line| *line == "1 . NS").count();
    let settings = || Settings { priming: true, ..Internet::settings() };
    for first in ["www.example.", "."] {
        let internet = internet(settings(), CacheSettings::default(), Rc::new(NoLocalData));
        let rtype = if first == "." { RType::NS } else { RType::A };
        assert_eq!(internet.said(first, rtype), "NOERROR secure 1");
        internet.sim.pass(SECOND_US);
        let cache = &internet.resolver.shared().cache;
        let kept =
            cache.lookup(internet.sim.now_us() / 1000, Name::root(), RType::NS, Name::root()).expect("it is kept");
        assert_eq!((kept.security().as_str(), kept.as_str()), ("secure", "positive"));
        assert_eq!(internet.said(".", RType::NS), "NOERROR secure 1");
        assert_eq!(primings(&internet), 1, "{first}");
    }
}

/// A zone of ours that delegates `example.`.
struct Delegates;

impl LocalData for Delegates {
    fn find(&self, qname: &Name, _: RType) -> Local {
        let (zone, host) = (name("example."), name("ns2.example."));
        if !qname.is_at_or_below(&zone) {
            return Local::Elsewhere;
        }
        let servers: Vec<(_, Vec<SocketAddr>)> = vec![(host.clone(), vec![address(EXAMPLE)])];
        let ns = Arc::new(Rrset::new(zone.clone(), RType::NS, 300).with(host.as_wire()));
        let glue = vec![Arc::new(Rrset::new(host, RType::A, 300).with(&[192, 0, 2, EXAMPLE]))];
        Local::Delegated { zone, servers, ds: None, ns, glue }
    }
}

/// As BIND has it: the name servers of the zone go with an answer, not with the absence of one.
#[test]
fn a_delegation_of_ours_goes_with_the_answer() {
    let check = |minimal_responses: bool, qname: &str, authorities: &str, additionals: &str| {
        let settings = Settings { minimal_responses, ..Internet::settings() };
        let internet = internet(settings, CacheSettings::default(), Rc::new(Delegates));
        // Fresh, and from the cache.
        for _ in 0..2 {
            let outcome = internet.ask(qname, RType::A);
            let types = |of: &[resolver::outcome::Timed]| {
                let sets = of.iter().filter(|timed| !matches!(timed.rrset.rtype, RType::NSEC));
                sets.map(|timed| format!("{} {};", timed.rrset.owner, timed.rrset.rtype)).collect::<String>()
            };
            let got = (types(&outcome.authorities), types(&outcome.additionals));
            assert_eq!(got, (authorities.to_owned(), additionals.to_owned()), "{qname} minimal={minimal_responses}");
        }
    };
    check(true, "www.example.", "", "");
    check(false, "www.example.", "example. NS;", "ns2.example. A;");
    check(false, "missing.example.", "example. SOA;", "");
}

/// Nobody sees names in the case in which we happened to ask for them.
#[test]
fn names_are_shown_in_lower_case() {
    let settings = Settings { randomise_case: true, ..Internet::settings() };
    let internet = internet(settings, stale_cache(), Rc::new(NoLocalData));
    let lower = |text: &str| {
        let names = ["example", "case", "www", "elsewhere", "dead", "nowhere"];
        for name in names {
            for (at, _) in text.to_ascii_lowercase().match_indices(name) {
                assert_eq!(&text[at..at + name.len()], name, "{text}");
            }
        }
    };
    for qname in
        ["WWW.example.", "Big.CASE.example.", "to.Case.example.", "missing.Case.example.", "To.elsewhere.example."]
    {
        let trace = Trace::on();
        let outcome = internet.ask_traced(qname, RType::A, trace.clone());
        outcome.reason.iter().for_each(|reason| lower(&reason.text));
        for stamped in trace.take() {
            match &stamped.step {
                Step::Begin(question) | Step::Local(question) | Step::Cache { question, .. } => {
                    lower(&question.to_string())
                }
                Step::Zone(name) | Step::Alias(name) => lower(&name.to_string()),
                Step::Exchange { question, result, .. } => lower(&format!("{question} {result}")),
                Step::Validation { name, why, .. } => lower(&format!("{name} {why}")),
                Step::End { .. } => {}
            }
        }
        // Data keeps the case of its zone, never the one that we asked in.
        let records = outcome.answers.iter().flat_map(|timed| timed.rrset.records(timed.ttl));
        for record in records.filter(|record| record.rtype == RType::CNAME) {
            let data = Name::from_wire(&record.rdata).expect("a name").to_string();
            assert!(["BIG.case.EXAMPLE.", "nowhere.dead."].contains(&data.as_str()), "{data}");
        }
    }
    let rows = internet.resolver.shared().cache.browse(internet.sim.now_us() / 1000, None, 1000, None);
    assert!(rows.len() > 5);
    rows.iter().for_each(|row| lower(&row.name.to_string()));
    rows.iter().filter_map(|row| row.reason.as_ref()).for_each(|reason| lower(&reason.text));
}
