//! The name servers of the zones on the way to an answer: of one that was just fetched, and of one that the cache has had
//! for longer than what is known of its zone.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use dns::{Class, Message, Name, NameBuf, NameHasher, RType, Record};
use resolver::anchors::Anchors;
use resolver::cache::CacheSettings;
use resolver::local::NoLocalData;
use resolver::settings::{Fallback, ForwardZone, Forwarder, Hint, Settings};
use resolver::trace::Trace;
use resolver::upstream::{Exchange, Transport};
use resolver::way::NamedServer;
use resolver::{Outcome, Question, Resolver, Shared};
use simulator::{Delivery, FakeNetwork, Sim};

const SECOND_US: u64 = 1_000_000;
/// TTL of delegations, and of all other data, in seconds.
const CUT_TTL: u32 = 60;
const TTL: u32 = 86_400;

fn name(text: &str) -> NameBuf {
    text.parse().expect(text)
}

fn record(owner: &str, rtype: RType, ttl: u32, rdata: &[u8]) -> Record {
    Record { owner: name(owner), rtype, class: Class::IN, ttl, rdata: rdata.to_vec() }
}

fn server(zone: &str, ns: &str, ttl: u32) -> Record {
    record(zone, RType::NS, ttl, name(ns).as_wire())
}

/// 192.0.2.1 has the root, .2 `evil.test`, .3 `sub.evil.test`; .9 resolves by itself.
struct World;

impl World {
    /// The zone that a server has, its name server, and the cuts below: name, name server, last octet of its address.
    fn zone(address: IpAddr) -> (&'static str, &'static str, &'static [(&'static str, &'static str, u8)]) {
        match address.to_string().as_str() {
            "192.0.2.1" => (".", "a.root.", &[("evil.test.", "ns.evil.test.", 2)]),
            "192.0.2.2" => ("evil.test.", "ns.evil.test.", &[("sub.evil.test.", "ns.sub.evil.test.", 3)]),
            "192.0.2.3" => ("sub.evil.test.", "ns.sub.evil.test.", &[]),
            // As a resolver would say it.
            _ => ("evil.test.", "ns.evil.test.", &[]),
        }
    }
}

impl FakeNetwork for World {
    fn reply(&mut self, _: u64, exchange: &Exchange) -> Delivery {
        let mut reply = Message::parse(&exchange.message).expect("a query");
        let (zone, ns, cuts) = World::zone(exchange.server.ip());
        let (asked, rtype) = (reply.questions[0].name.clone(), reply.questions[0].rtype);
        (reply.header.qr, reply.header.ra) = (true, true);
        let cut = cuts.iter().find(|(cut, ..)| asked.is_at_or_below(&name(cut)));
        let owner = asked.to_canonical().to_string();
        if let Some((cut, ns, last)) = cut {
            reply.authorities = vec![server(cut, ns, CUT_TTL)];
            reply.additionals = vec![record(ns, RType::A, CUT_TTL, &[192, 0, 2, *last])];
        } else {
            reply.header.aa = true;
            match rtype {
                RType::A if owner == "alias.evil.test." => {
                    let target = name("www.sub.evil.test.");
                    reply.answers = vec![record(&owner, RType::CNAME, TTL, target.as_wire())];
                }
                RType::A if owner == ns => {
                    let last = if exchange.server.ip().to_string().ends_with('3') { 3 } else { 2 };
                    reply.answers = vec![record(&owner, RType::A, TTL, &[192, 0, 2, last])];
                }
                RType::A => reply.answers = vec![record(&owner, RType::A, TTL, &[192, 0, 2, 80])],
                RType::NS if owner == zone => reply.answers = vec![server(zone, ns, TTL)],
                _ => {
                    let soa = [Name::root().as_wire(), Name::root().as_wire(), &[0, 0, 14, 16].repeat(5)].concat();
                    reply.authorities = vec![record(zone, RType::SOA, TTL, &soa)];
                }
            }
        }
        Delivery::Reply { message: reply.to_wire(65_535), after_us: 1000 }
    }
}

struct Bench {
    sim: Sim<World>,
    resolver: Rc<Resolver<Sim<World>>>,
}

impl Bench {
    fn new(forward: Vec<ForwardZone>) -> Bench {
        let hint = Hint { name: name("a.root."), addresses: vec![[192, 0, 2, 1].into()] };
        let settings = Settings {
            root_hints: vec![hint],
            priming: false,
            validate: false,
            special_names: false,
            forward,
            ..Settings::default()
        };
        let (hasher, seed) = (NameHasher::new(0x5eed), 1);
        let shared = Shared::new(settings, CacheSettings::default(), Anchors::default(), hasher, seed);
        let sim = Sim::new(World, seed, 1_790_000_000);
        Bench { resolver: Resolver::new(sim.clone(), shared, Rc::new(NoLocalData)), sim }
    }

    fn resolve(&self, text: &str) -> Arc<Outcome> {
        let (resolver, question) = (self.resolver.clone(), Question::new(name(text), RType::A));
        let outcome =
            self.sim.block_on(10 * SECOND_US, async move { resolver.resolve(question, false, Trace::default()).await });
        outcome.expect("an outcome")
    }

    /// The servers of a name, and how many messages it took to find them.
    fn servers(&self, names: &[&str], outcome: &Arc<Outcome>, with_addresses: bool) -> (Vec<Vec<String>>, u64) {
        let names: Vec<NameBuf> = names.iter().map(|text| name(text)).collect();
        let (resolver, outcome, before) = (self.resolver.clone(), outcome.clone(), self.sim.sent());
        let found = self.sim.block_on(10 * SECOND_US, async move {
            let now_us = resolver::Upstream::now_us(resolver.upstream());
            resolver.name_servers_of(&names, &outcome, with_addresses, now_us).await
        });
        let text = |server: &NamedServer| match &server.addresses[..] {
            [] => server.name.to_string(),
            addresses => format!("{} {addresses:?}", server.name),
        };
        let found = found.expect("servers").iter().map(|servers| servers.iter().map(text).collect()).collect();
        (found, self.sim.sent() - before)
    }
}

const EVIL: &str = "ns.evil.test.";
const SUB: &str = "ns.sub.evil.test.";

#[test]
fn what_was_just_fetched_costs_no_question() {
    let bench = Bench::new(Vec::new());
    let outcome = bench.resolve("www.sub.evil.test.");
    let found = bench.servers(&["www.sub.evil.test."], &outcome, false);
    assert_eq!(found, (vec![vec![SUB.to_owned(), EVIL.to_owned()]], 0));
    let outcome = bench.resolve("alias.evil.test.");
    assert_eq!(outcome.answers.len(), 2);
    let (found, _) = bench.servers(&["alias.evil.test.", "www.sub.evil.test."], &outcome, false);
    assert_eq!(found, [vec![EVIL.to_owned()], vec![SUB.to_owned(), EVIL.to_owned()]]);
}

#[test]
fn addresses_are_those_of_the_delegation_and_are_asked_for_where_they_are_missing() {
    let bench = Bench::new(Vec::new());
    let outcome = bench.resolve("www.sub.evil.test.");
    let wanted = vec![format!("{SUB} [192.0.2.3]"), format!("{EVIL} [192.0.2.2]")];
    // Of IPv6 there are none, which is asked for once.
    let (found, sent) = bench.servers(&["www.sub.evil.test."], &outcome, true);
    assert_eq!((found, sent > 0), (vec![wanted.clone()], true));
    assert_eq!(bench.servers(&["www.sub.evil.test."], &outcome, true), (vec![wanted], 0));
}

#[test]
fn servers_of_an_answer_that_outlives_its_delegation_are_asked_for() {
    let bench = Bench::new(Vec::new());
    bench.resolve("www.sub.evil.test.");
    bench.sim.pass(u64::from(CUT_TTL + 1) * SECOND_US);
    let outcome = bench.resolve("www.sub.evil.test.");
    assert!(outcome.cached && outcome.zones.is_empty(), "{outcome:?}");
    let (found, sent) = bench.servers(&["www.sub.evil.test."], &outcome, false);
    assert_eq!((found, sent > 0), (vec![vec![SUB.to_owned(), EVIL.to_owned()]], true));
    let (found, sent) = bench.servers(&["www.sub.evil.test."], &outcome, false);
    assert_eq!((found, sent), (vec![vec![SUB.to_owned(), EVIL.to_owned()]], 0), "they are known now");
}

#[test]
fn a_name_below_many_labels_costs_one_question_and_none_again() {
    let bench = Bench::new(Vec::new());
    let deep = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.evil.test.";
    bench.resolve(deep);
    bench.sim.pass(u64::from(CUT_TTL + 1) * SECOND_US);
    let outcome = bench.resolve(deep);
    let (found, _) = bench.servers(&[deep], &outcome, false);
    assert_eq!(found, [vec![EVIL.to_owned()]], "the SOA of the negative answer leads to the apex");
    assert_eq!(bench.servers(&[deep], &outcome, false), (vec![vec![EVIL.to_owned()]], 0));
}

#[test]
fn forwarders_are_asked_for_name_servers() {
    let servers = vec![Forwarder { address: ([192, 0, 2, 9], 53).into(), transport: Transport::Udp }];
    let bench = Bench::new(vec![ForwardZone { name: NameBuf::root(), servers, fallback: Fallback::None }]);
    let outcome = bench.resolve("www.evil.test.");
    let (found, sent) = bench.servers(&["www.evil.test."], &outcome, true);
    assert_eq!((found, sent > 0), (vec![vec![format!("{EVIL} [192.0.2.2]")]], true));
}
