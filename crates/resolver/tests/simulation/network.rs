//! The servers of a [`World`]: authoritative servers as they should be, and as they should not.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use dns::{Class, Edns, Message, Name, NameBuf, Question, RType, Rcode, Record};
use resolver::upstream::{Exchange, Transport};
use simulator::{Delivery, FakeNetwork};

use crate::signed::{self, Signer};
use crate::world::{FORGED, FORGER, Found, Manner, NEGATIVE_TTL, Rng, Server, TTL, World, Zone, find};

/// The network of a world.
pub struct Network {
    world: Rc<World>,
    signer: Signer,
    rng: Rng,
    /// What was sent, line by line.
    pub log: Vec<String>,
}

impl Network {
    /// The network of this world; losses come from the seed.
    pub fn new(world: Rc<World>, seed: u64) -> Network {
        Network { signer: Signer::new(world.clone()), world, rng: Rng(seed), log: Vec::new() }
    }

    fn deliver(&mut self, now_us: u64, exchange: &Exchange) -> (Delivery, &'static str) {
        let world = self.world.clone();
        let Some(server) = world.servers.get(&exchange.server.ip()) else { return (Delivery::Silence, "nobody") };
        let query = Message::parse(&exchange.message).expect("our queries are well-formed");
        let now_s = now_us / 1_000_000;
        if server.outage.is_some_and(|(from, to)| (from..to).contains(&now_s)) {
            return (Delivery::Silence, "outage");
        }
        if self.rng.chance(world.loss) {
            return (Delivery::Silence, "lost");
        }
        let after_us = server.latency_us;
        let reply = |message: Message, what| {
            (Delivery::Reply { message: wire(&message, &query, &exchange.transport), after_us }, what)
        };
        let udp = exchange.transport == Transport::Udp;
        match server.manner {
            Manner::Dead => (Delivery::Silence, "dead"),
            Manner::Unreachable => (Delivery::Unreachable { after_us }, "unreachable"),
            Manner::Refuses => reply(empty(&query, Rcode::REFUSED), "refused"),
            Manner::Fails => reply(empty(&query, Rcode::SERVFAIL), "servfail"),
            Manner::RefersUp => {
                let mut message = empty(&query, Rcode::NOERROR);
                message.authorities.push(record(
                    Name::root(),
                    RType::NS,
                    TTL,
                    below("root0", Name::root()).into_wire(),
                ));
                reply(message, "refers up")
            }
            Manner::Garbage => {
                let message = (0..self.rng.below(300)).map(|_| self.rng.next() as u8).collect();
                (Delivery::Reply { message, after_us }, "garbage")
            }
            Manner::TcpOnly if udp => {
                let mut message = empty(&query, Rcode::NOERROR);
                message.header.tc = true;
                reply(message, "truncated")
            }
            Manner::NoEdns if query.edns.is_some() => {
                let rcode = if after_us.is_multiple_of(2) { Rcode::FORMERR } else { Rcode::NOTIMP };
                let message = Message { edns: None, ..empty(&query, rcode) };
                (Delivery::Reply { message: message.to_wire(512), after_us }, "no EDNS")
            }
            Manner::Corrupts => {
                let message = self.right(exchange.server.ip(), server, &query);
                let mut message = wire(&message, &query, &exchange.transport);
                self.damage(&mut message);
                (Delivery::Reply { message, after_us }, "damaged")
            }
            manner => {
                let (message, what) = self.altered(manner, exchange.server.ip(), server, &query);
                reply(message, what)
            }
        }
    }

    /// What a server says instead of what it should.
    fn altered(
        &mut self,
        manner: Manner,
        address: IpAddr,
        server: &Server,
        query: &Message,
    ) -> (Message, &'static str) {
        match manner {
            Manner::OtherQuestion => {
                let mut message = self.right(address, server, query);
                message.questions[0].name = below("other", Name::root());
                (message, "other question")
            }
            Manner::LosesCase => {
                let mut message = self.right(address, server, query);
                message.questions[0].name = message.questions[0].name.to_canonical();
                (message, "right")
            }
            Manner::Forges => {
                let mut message = empty(query, Rcode::NOERROR);
                message.header.aa = true;
                message.answers.push(record(&query.questions[0].name, RType::A, TTL, FORGED.to_vec()));
                (message, "forged")
            }
            Manner::Strips => {
                let mut message = self.right(address, server, query);
                let proof = |record: &Record| matches!(record.rtype, RType::RRSIG | RType::NSEC | RType::DS);
                message.answers.retain(|record| !proof(record));
                message.authorities.retain(|record| !proof(record));
                (message, "stripped")
            }
            Manner::Lies => {
                let mut message = self.right(address, server, query);
                self.lie(server, &mut message);
                (message, "right, with lies")
            }
            _ => (self.right(address, server, query), "right"),
        }
    }

    /// What the server should say.
    fn right(&mut self, address: IpAddr, server: &Server, query: &Message) -> Message {
        let Question { name, rtype, .. } = query.questions[0].clone();
        if address == FORGER {
            let mut message = empty(query, Rcode::NOERROR);
            message.header.aa = true;
            message.answers.push(record(&name, RType::A, TTL, FORGED.to_vec()));
            return message;
        }
        let world = self.world.clone();
        let serves = |name: &Name| {
            let zones = server.zones.iter().copied().filter(|&zone| name.is_at_or_below(&world.zones[zone].apex));
            zones.max_by_key(|&zone| world.zones[zone].apex.label_count())
        };
        // RFC 4035 3.1.4.1: DS is what the zone above the cut has.
        let above = name.parent().filter(|_| rtype == RType::DS).and_then(serves);
        match above.or_else(|| serves(&name)) {
            Some(zone) => {
                let (mut message, last) = authoritative(&world, server, zone, query);
                if query.edns.as_ref().is_some_and(|edns| edns.dnssec_ok) {
                    self.signer.complete(zone, &last, &mut message);
                }
                message
            }
            None => empty(query, Rcode::REFUSED),
        }
    }

    /// Changes some octets, mostly behind the question, and the length now and then.
    fn damage(&mut self, message: &mut Vec<u8>) {
        for _ in 0..self.rng.below(6) {
            let from = if self.rng.chance(10) { 2 } else { 12 };
            let at = from + self.rng.below(message.len().saturating_sub(from));
            let value = *self.rng.pick(&[0, 1, 2, 5, 12, 0x40, 0xc0, 0xff]);
            match self.rng.below(8) {
                0 => message.truncate(at),
                1 => message.insert(at.min(message.len()), value),
                2 => drop(message.get(at).is_some().then(|| message.remove(at))),
                3 => message.extend_from_within(at.min(message.len())..),
                4 => message.iter_mut().skip(at).take(1).for_each(|octet| *octet = value),
                // A count, an RCODE, a flag.
                5 => message.iter_mut().skip(2 + at % 10).take(1).for_each(|octet| *octet ^= 1 << (at % 8)),
                _ => message.iter_mut().skip(at).take(1).for_each(|octet| *octet ^= 1 << (value % 8)),
            }
        }
    }

    /// Adds records for names that the server has nothing to say about.
    fn lie(&mut self, server: &Server, message: &mut Message) {
        let world = self.world.clone();
        let mut rng = Rng(self.rng.next());
        let own = |name: &NameBuf| server.zones.iter().any(|&zone| name.is_at_or_below(&world.zones[zone].apex));
        for _ in 0..3 {
            let victim = world.some_name(&mut rng);
            if own(&victim) {
                continue;
            }
            let zone = &world.zones[world.zone_of(&victim)].apex;
            message.answers.push(record(&victim, RType::A, TTL, FORGED.to_vec()));
            if !own(zone) {
                message.authorities.push(record(zone, RType::NS, TTL, below("forger", Name::root()).into_wire()));
            }
            message.additionals.push(record(&victim, RType::A, TTL, FORGED.to_vec()));
        }
        // Neither may it give addresses to name servers elsewhere.
        let IpAddr::V4(forger) = FORGER else { return };
        for host in &world.hosts {
            if !own(&host.name) && rng.chance(30) {
                message.additionals.push(record(&host.name, RType::A, TTL, forger.octets().to_vec()));
            }
        }
    }
}

impl FakeNetwork for Network {
    fn reply(&mut self, now_us: u64, exchange: &Exchange) -> Delivery {
        let (delivery, what) = self.deliver(now_us, exchange);
        let query = Message::parse(&exchange.message).expect("our queries are well-formed");
        let question = &query.questions[0];
        self.log.push(format!(
            "{now_us} {} {:?} {} {} edns={}: {what}",
            exchange.server,
            exchange.transport,
            question.name,
            question.rtype,
            query.edns.is_some()
        ));
        delivery
    }
}

fn below(label: &str, apex: &Name) -> NameBuf {
    apex.prepend(label.as_bytes()).expect("short name")
}

fn record(owner: &Name, rtype: RType, ttl: u32, rdata: Vec<u8>) -> Record {
    Record { owner: owner.to_owned(), rtype, class: Class::IN, ttl, rdata }
}

fn empty(query: &Message, rcode: Rcode) -> Message {
    let mut message = Message { header: query.header, questions: query.questions.clone(), ..Message::default() };
    (message.header.qr, message.header.rcode) = (true, rcode);
    message.edns = query.edns.as_ref().map(|_| Edns::default());
    message
}

fn wire(message: &Message, query: &Message, transport: &Transport) -> Vec<u8> {
    let limit = match transport {
        Transport::Udp => query.edns.as_ref().map_or(512, |edns| usize::from(edns.udp_size)),
        _ => usize::MAX,
    };
    message.to_wire(limit)
}

/// The answer of a server of `zone` (RFC 1034 4.3.2), without proofs and signatures, and where its aliases lead.
fn authoritative(world: &World, server: &Server, zone: usize, query: &Message) -> (Message, NameBuf) {
    let mut message = empty(query, Rcode::NOERROR);
    let Question { mut name, rtype, .. } = query.questions[0].clone();
    let cuts: Vec<&NameBuf> = world.zones.iter().filter(|it| it.parent == Some(zone)).map(|it| &it.apex).collect();
    let this = &world.zones[zone];
    let mut seen = Vec::new();
    loop {
        let cut = world.zones.iter().find(|it| it.parent == Some(zone) && name.is_at_or_below(&it.apex));
        let cut = cut.filter(|it| rtype != RType::DS || name != it.apex);
        if let Some(below) = cut {
            if message.answers.is_empty() {
                refer(world, server, below, &mut message);
            }
            return (message, name);
        }
        message.header.aa = true;
        let own_key = rtype == RType::DNSKEY && name == this.apex && this.signed;
        let ds = world.zones.iter().position(|it| it.parent == Some(zone) && it.apex == name && it.has_ds);
        let ds = ds.filter(|_| rtype == RType::DS);
        if own_key || ds.is_some() {
            let rdata = ds.map_or_else(|| signed::dnskey(world, zone), |below| signed::ds(world, below));
            message.answers.push(record(&name, rtype, TTL, rdata));
            return (message, name);
        }
        let next = match find(this, &cuts, &name, rtype) {
            Found::Data(data) => {
                message.answers.extend(data.into_iter().map(|rdata| record(&name, rtype, TTL, rdata)));
                return (message, name);
            }
            Found::Cname(target) => {
                message.answers.push(record(&name, RType::CNAME, TTL, target.clone().into_wire()));
                target
            }
            Found::Dname(owner, target) => {
                message.answers.push(record(&owner, RType::DNAME, TTL, target.clone().into_wire()));
                let labels = name.strip_suffix(&owner).expect("below the DNAME");
                let Ok(made) = NameBuf::from_wire([labels, target.as_wire()].concat()) else {
                    message.header.rcode = Rcode::YXDOMAIN;
                    return (message, name);
                };
                message.answers.push(record(&name, RType::CNAME, TTL, made.clone().into_wire()));
                if rtype == RType::CNAME {
                    return (message, name);
                }
                made
            }
            found => {
                if found == Found::NxDomain {
                    message.header.rcode = Rcode::NXDOMAIN;
                }
                let soa = &this.nodes[&this.apex][&RType::SOA.0][0];
                message.authorities.push(record(&this.apex, RType::SOA, NEGATIVE_TTL, soa.clone()));
                return (message, name);
            }
        };
        if !server.chases || !next.is_at_or_below(&this.apex) || seen.contains(&next) {
            return (message, name);
        }
        seen.push(std::mem::replace(&mut name, next));
    }
}

/// A referral to `zone`.
fn refer(world: &World, server: &Server, zone: &Zone, message: &mut Message) {
    let mut glue = BTreeMap::new();
    for (host, addresses) in &zone.servers {
        let name = &world.hosts[*host].name;
        message.authorities.push(record(&zone.apex, RType::NS, TTL, name.clone().into_wire()));
        glue.insert(name, addresses);
    }
    let own = |name: &NameBuf| server.zones.iter().any(|&zone| name.is_at_or_below(&world.zones[zone].apex));
    for (name, addresses) in glue {
        // A forged address is a lie only where the server has no say.
        for address in addresses.iter().filter(|address| **address != FORGER || !own(name)) {
            let (rtype, rdata) = match address {
                IpAddr::V4(address) => (RType::A, address.octets().to_vec()),
                IpAddr::V6(address) => (RType::AAAA, address.octets().to_vec()),
            };
            message.additionals.push(record(name, rtype, TTL, rdata));
        }
    }
}
