//! Small signed zones behind fake servers, as the whole resolver meets them: authoritative ones, and resolvers that
//! others forward to.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use dns::{Edns, Message, Name, NameBuf, NameHasher, RType, Rcode, Record};

use crate::zone::{NOW, Zone, name, target};
use resolver::anchors::Anchors;
use resolver::cache::CacheSettings;
use resolver::fetched::Kind;
use resolver::local::{LocalData, NoLocalData};
use resolver::outcome::Outcome;
use resolver::question::Question;
use resolver::resolve::{Resolver, Shared};
use resolver::rrset::Rrset;
use resolver::settings::{Fallback, ForwardZone, Forwarder, Hint, Settings, StubZone};
use resolver::trace::Trace;
use resolver::upstream::{Exchange, Transport};
use simulator::{Delivery, FakeNetwork, Sim};

/// What a server has.
pub struct Server {
    pub zones: Vec<Rc<Zone>>,
    /// It resolves for others: it has no authority, and follows aliases.
    pub recursive: bool,
    pub dead: bool,
}

/// The servers by the last octet of their addresses in 192.0.2.0/24, and what they were asked.
#[derive(Default)]
pub struct Network {
    pub servers: BTreeMap<u8, Server>,
    pub asked: Vec<String>,
    /// When each was asked, in microseconds.
    pub times_us: Vec<u64>,
}

pub fn address(last: u8) -> SocketAddr {
    ([192, 0, 2, last], 53).into()
}

pub fn stub(zone: &str, server: u8) -> StubZone {
    StubZone { name: name(zone), servers: vec![address(server)] }
}

pub fn forward(zone: &str, server: u8) -> ForwardZone {
    let servers = vec![Forwarder { address: address(server), transport: Transport::Udp }];
    ForwardZone { name: name(zone), servers, fallback: Fallback::None }
}

/// The zone as a delegation of `parent`, served at an address; signed with DS if `secure`.
pub fn delegate(parent: &mut Zone, child: &Zone, server: u8, secure: bool) {
    let host = format!("ns{server}.{}", child.apex);
    parent.add(&format!("{} NS {host}", child.apex));
    parent.add(&format!("{host} A 192.0.2.{server}"));
    if secure {
        child.own_ds().iter().for_each(|ds| parent.put(child.apex.clone(), RType::DS, ds));
    }
}

impl Server {
    /// The zone that answers: for DS the one above the cut (RFC 4035 4.2).
    fn zone(&self, qname: &Name, rtype: RType) -> Option<&Zone> {
        let home = qname.parent().filter(|_| rtype == RType::DS).unwrap_or(qname);
        let zones = self.zones.iter().filter(|zone| home.is_at_or_below(&zone.apex));
        zones.max_by_key(|zone| zone.apex.len()).map(|zone| &**zone)
    }

    fn answer(&self, query: &Message) -> Message {
        let mut message = Message { header: query.header, questions: query.questions.clone(), ..Message::default() };
        message.edns = query.edns.as_ref().map(|_| Edns { udp_size: 4096, dnssec_ok: true, ..Edns::default() });
        (message.header.qr, message.header.ra, message.header.aa) = (true, self.recursive, !self.recursive);
        let (mut qname, rtype) = (query.questions[0].name.clone(), query.questions[0].rtype);
        loop {
            let Some(zone) = self.zone(&qname, rtype) else {
                if message.answers.is_empty() {
                    message.header.rcode = Rcode::REFUSED;
                }
                return message;
            };
            if let Some(cut) = cut(zone, &qname, rtype).filter(|_| !self.recursive) {
                message.header.aa = false;
                refer(zone, &cut, &mut message);
                return message;
            }
            let fetched = zone.answer(&qname, rtype);
            let names = fetched.answers.iter().filter(|set| set.rtype == RType::NS).map(|set| target(set));
            let glue = names.filter_map(|name| zone.sets.get(&(name, RType::A)));
            glue.for_each(|set| push(set, &mut message.additionals));
            fetched.answers.iter().for_each(|rrset| push(rrset, &mut message.answers));
            match fetched.kind {
                Kind::Alias(next) if self.recursive => qname = next,
                kind => {
                    fetched.authorities.iter().for_each(|rrset| push(rrset, &mut message.authorities));
                    message.header.rcode = kind.rcode();
                    return message;
                }
            }
        }
    }
}

/// The delegation at or above a name; for DS at the cut there is none.
fn cut(zone: &Zone, qname: &Name, rtype: RType) -> Option<NameBuf> {
    let below = qname.ancestors().take_while(|at| **at != *zone.apex);
    let cuts = below.filter(|at| zone.sets.contains_key(&((*at).to_owned(), RType::NS)));
    cuts.last().filter(|cut| rtype != RType::DS || *cut != qname).map(Name::to_owned)
}

fn refer(zone: &Zone, cut: &Name, message: &mut Message) {
    let at = |rtype| zone.sets.get(&(cut.to_owned(), rtype));
    at(RType::NS).into_iter().for_each(|ns| push(ns, &mut message.authorities));
    match at(RType::DS) {
        Some(ds) => push(ds, &mut message.authorities),
        None => zone.proofs(cut, false).iter().for_each(|proof| push(proof, &mut message.authorities)),
    }
    let glue = zone.sets.values().filter(|set| set.rtype == RType::A && set.owner.is_at_or_below(cut));
    glue.for_each(|set| push(set, &mut message.additionals));
}

fn push(rrset: &Rrset, section: &mut Vec<Record>) {
    section.extend(rrset.records(rrset.ttl).chain(rrset.signature_records(rrset.ttl)));
}

impl FakeNetwork for Network {
    fn reply(&mut self, now_us: u64, exchange: &Exchange) -> Delivery {
        self.times_us.push(now_us);
        let query = Message::parse(&exchange.message).expect("our queries are well-formed");
        let IpAddr::V4(ip) = exchange.server.ip() else { return Delivery::Silence };
        let last = ip.octets()[3];
        self.asked.push(format!("{last} {} {}", query.questions[0].name, query.questions[0].rtype));
        match self.servers.get(&last).filter(|server| !server.dead) {
            Some(server) => Delivery::Reply { message: server.answer(&query).to_wire(usize::MAX), after_us: 10_000 },
            None => Delivery::Silence,
        }
    }
}

/// A resolver in that network. The root is at 192.0.2.1.
pub struct Internet {
    pub sim: Sim<Network>,
    pub resolver: Rc<Resolver<Sim<Network>>>,
}

impl Internet {
    pub fn new(network: Network, settings: Settings, cache: CacheSettings, anchors: Anchors) -> Internet {
        Internet::with_local(network, settings, cache, anchors, Rc::new(NoLocalData))
    }

    pub fn with_local(
        network: Network,
        settings: Settings,
        cache: CacheSettings,
        anchors: Anchors,
        local: Rc<dyn LocalData>,
    ) -> Internet {
        let sim = Sim::new(network, 1, u64::from(NOW));
        let shared = Shared::new(settings, cache, anchors, NameHasher::new(1), 1);
        Internet { resolver: Resolver::new(sim.clone(), shared, local), sim }
    }

    pub fn settings() -> Settings {
        let root = Hint { name: name("ns1."), addresses: vec![address(1).ip()] };
        let (priming, ipv6, randomise_case, special_names) = (false, false, false, false);
        Settings { root_hints: vec![root], priming, ipv6, randomise_case, special_names, ..Settings::default() }
    }

    pub fn ask(&self, qname: &str, rtype: RType) -> Arc<Outcome> {
        self.ask_traced(qname, rtype, Trace::default())
    }

    pub fn ask_traced(&self, qname: &str, rtype: RType, trace: Trace) -> Arc<Outcome> {
        let (resolver, question) = (self.resolver.clone(), Question::new(name(qname), rtype));
        let asking = async move { resolver.resolve(question, false, trace).await };
        self.sim.block_on(60_000_000, asking).expect("an outcome")
    }

    /// RCODE, security and how many RRsets the answer has.
    pub fn said(&self, qname: &str, rtype: RType) -> String {
        let outcome = self.ask(qname, rtype);
        let count = outcome.answers.len();
        format!("{} {} {count}", outcome.rcode, outcome.security.as_str())
    }

    /// A server stops to answer, or does so again.
    pub fn set_dead(&self, server: u8, dead: bool) {
        self.sim.network_mut().servers.get_mut(&server).expect("a server").dead = dead;
    }

    /// What was asked since the last look, `SERVER NAME TYPE`.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.sim.network_mut().asked)
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        self.sim.shut_down();
    }
}
