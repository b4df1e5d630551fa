//! Random topologies: a tree of zones, name servers in and out of them, and what is wrong with some.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dns::{NameBuf, RType};

/// Random numbers from a seed (SplitMix64).
pub struct Rng(pub u64);

impl Rng {
    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// What a server is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Right and quick.
    Good,
    /// Truncates everything over UDP.
    TcpOnly,
    /// Says FORMERR or NOTIMP to EDNS.
    NoEdns,
    /// Repeats the question in lower case.
    LosesCase,
    /// Right, but adds records of zones that are not its own.
    Lies,
    /// Right, but takes half a second or more.
    Slow,
    /// Does not answer.
    Dead,
    /// Cannot be reached.
    Unreachable,
    /// REFUSED.
    Refuses,
    /// SERVFAIL.
    Fails,
    /// Refers to the root.
    RefersUp,
    /// Sends octets that are no message.
    Garbage,
    /// Answers another question.
    OtherQuestion,
    /// Damages its replies.
    Corrupts,
    /// Gives false answers for the zones that it serves.
    Forges,
    /// Leaves out signatures and proofs.
    Strips,
}

impl Manner {
    const WELL: [Manner; 6] =
        [Manner::Good, Manner::TcpOnly, Manner::NoEdns, Manner::LosesCase, Manner::Lies, Manner::Slow];
    const ILL: [Manner; 7] = [
        Manner::Dead,
        Manner::Unreachable,
        Manner::Refuses,
        Manner::Fails,
        Manner::RefersUp,
        Manner::Garbage,
        Manner::OtherQuestion,
    ];

    /// Whether answers come, and are right.
    pub fn is_well(self) -> bool {
        Manner::WELL.contains(&self)
    }
}

/// A server at one address.
#[derive(Debug, Clone)]
pub struct Server {
    /// The zones it serves, as indexes.
    pub zones: Vec<usize>,
    /// What it is like.
    pub manner: Manner,
    /// When it is dead nevertheless, in seconds of the simulation.
    pub outage: Option<(u64, u64)>,
    /// How long it takes, in microseconds.
    pub latency_us: u64,
    /// Follows aliases within its zone.
    pub chases: bool,
}

/// A name server.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name.
    pub name: NameBuf,
    /// The zone that its addresses are in.
    pub zone: usize,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// The records at a name.
pub type Node = BTreeMap<u16, Vec<Vec<u8>>>;

/// A zone.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Its apex.
    pub apex: NameBuf,
    /// The zone above, but for the root.
    pub parent: Option<usize>,
    /// Its name servers, and the addresses that the zone above gives with them.
    pub servers: Vec<(usize, Vec<IpAddr>)>,
    /// What is in it, name servers and SOA included.
    pub nodes: BTreeMap<NameBuf, Node>,
    /// It is signed.
    pub signed: bool,
    /// The zone above has a DS for it; of the root: it is the trust anchor.
    pub has_ds: bool,
}

/// All of it.
#[derive(Debug)]
pub struct World {
    /// The root first, and each zone behind the one above it.
    pub zones: Vec<Zone>,
    /// The name servers.
    pub hosts: Vec<Host>,
    /// The servers by address.
    pub servers: BTreeMap<IpAddr, Server>,
    /// Of a hundred messages, so many are lost.
    pub loss: usize,
    /// The resolver minimises names.
    pub minimise: bool,
    /// The resolver mixes upper and lower case.
    pub mix_case: bool,
    /// The resolver has IPv6.
    pub ipv6: bool,
    /// Some zones are signed, and the resolver validates.
    pub dnssec: bool,
}

/// The address of a server that answers every question with [`FORGED`].
pub const FORGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 66));
/// An address that no right answer has.
pub const FORGED: [u8; 4] = [203, 0, 113, 67];
/// TTL of all records, in seconds.
pub const TTL: u32 = 300;
/// TTL of negative answers, in seconds.
pub const NEGATIVE_TTL: u32 = 60;

const LABELS: &[&str] = &["a", "b", "c", "www", "mail", "x", "y", "deep", "alpha", "beta", "k", "z"];

fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

fn below(label: &str, apex: &NameBuf) -> NameBuf {
    apex.prepend(label.as_bytes()).expect("short name")
}

impl World {
    /// The world of this seed, with signed zones or without.
    pub fn new(rng: &mut Rng, dnssec: bool) -> World {
        let mut world = World {
            zones: Vec::new(),
            hosts: Vec::new(),
            servers: BTreeMap::new(),
            loss: *rng.pick(&[0, 0, 0, 0, 0, 5, 30]),
            minimise: rng.chance(70),
            mix_case: rng.chance(50),
            ipv6: rng.chance(60),
            dnssec,
        };
        world.add_root(rng);
        for _ in 0..3 + rng.below(12) {
            world.add_zone(rng);
        }
        for zone in 0..world.zones.len() {
            world.fill(zone, rng);
        }
        world.add_apexes();
        world.servers.insert(
            FORGER,
            Server { zones: vec![], manner: Manner::Good, outage: None, latency_us: 1000, chases: false },
        );
        world
    }

    fn add_root(&mut self, rng: &mut Rng) {
        self.zones.push(Zone {
            apex: NameBuf::root(),
            parent: None,
            servers: vec![],
            nodes: BTreeMap::new(),
            signed: self.dnssec,
            has_ds: self.dnssec,
        });
        for i in 0..1 + rng.below(2) {
            let host = self.add_host(&format!("root{i}"), 0, rng);
            if i == 0 {
                for address in self.hosts[host].addresses.clone() {
                    let server = self.servers.get_mut(&address).expect("server");
                    (server.manner, server.outage) = (Manner::Good, None);
                }
            }
            self.serve(0, host, rng);
        }
    }

    /// A name server in a zone, with one to three addresses.
    fn add_host(&mut self, label: &str, zone: usize, rng: &mut Rng) -> usize {
        let mut addresses = Vec::new();
        for i in 0..1 + rng.below(2) {
            let number = self.servers.len() as u16;
            let v6 = (i > 0 || zone != 0) && rng.chance(20);
            let address = match v6 {
                true => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number)),
                false => IpAddr::V4(Ipv4Addr::new(10, 0, (number >> 8) as u8, number as u8)),
            };
            let manner = if rng.chance(65) {
                *rng.pick(&[
                    Manner::Good,
                    Manner::Good,
                    Manner::Good,
                    Manner::TcpOnly,
                    Manner::NoEdns,
                    Manner::LosesCase,
                    Manner::Lies,
                    Manner::Slow,
                ])
            } else {
                *rng.pick(&Manner::ILL)
            };
            let start = rng.below(1000) as u64;
            let outage = rng.chance(10).then(|| (start, start + 1 + rng.below(600) as u64));
            let slow = if manner == Manner::Slow { 500_000 + rng.below(700_000) as u64 } else { 0 };
            let latency_us = 500 + rng.below(80_000) as u64 + slow;
            self.servers.insert(address, Server { zones: vec![], manner, outage, latency_us, chases: rng.chance(50) });
            addresses.push(address);
        }
        self.hosts.push(Host { name: below(label, &self.zones[zone].apex), zone, addresses });
        self.hosts.len() - 1
    }

    /// Makes a host a name server of a zone: with glue as the zone above has it, right or wrong.
    fn serve(&mut self, zone: usize, host: usize, rng: &mut Rng) {
        if self.zones[zone].servers.iter().any(|(other, _)| *other == host) {
            return;
        }
        let (apex, name) = (self.zones[zone].apex.clone(), self.hosts[host].name.clone());
        let addresses = self.hosts[host].addresses.clone();
        for address in &addresses {
            let server = self.servers.get_mut(address).expect("server");
            if !server.zones.contains(&zone) {
                server.zones.push(zone);
            }
        }
        let above = self.zones[zone].parent.map(|parent| self.zones[parent].apex.clone()).unwrap_or(NameBuf::root());
        let stale = IpAddr::V4(Ipv4Addr::new(10, 9, 9, 1 + rng.below(250) as u8));
        let glue = match rng.below(100) {
            // What the zone above may not speak for is not to be used.
            _ if !name.is_at_or_below(&above) => {
                if rng.chance(20) {
                    vec![FORGER]
                } else {
                    vec![]
                }
            }
            0..5 if zone != 0 => vec![],
            5..10 if zone != 0 => vec![stale],
            10..20 if zone != 0 => [vec![stale], addresses].concat(),
            20..50 if !name.is_at_or_below(&apex) => vec![],
            _ => addresses,
        };
        self.zones[zone].servers.push((host, glue));
    }

    fn add_zone(&mut self, rng: &mut Rng) {
        let parent = if rng.chance(30) { 0 } else { rng.below(self.zones.len()) };
        let mut apex = below(&format!("z{}", self.zones.len()), &self.zones[parent].apex);
        if rng.chance(20) {
            // With an empty non-terminal between.
            apex = below("q", &apex);
        }
        if apex.label_count() > 8 {
            return;
        }
        let index = self.zones.len();
        let signed = self.dnssec && rng.chance(75);
        let has_ds = signed && self.zones[parent].signed && rng.chance(90);
        self.zones.push(Zone { apex, parent: Some(parent), servers: vec![], nodes: BTreeMap::new(), signed, has_ds });
        for i in 0..1 + rng.below(3) {
            let host = match rng.below(100) {
                0..50 => self.add_host(&format!("ns{i}"), index, rng),
                50..75 => {
                    let home = rng.below(self.zones.len());
                    self.add_host(&format!("ns{i}-{index}"), home, rng)
                }
                _ => rng.below(self.hosts.len()),
            };
            self.serve(index, host, rng);
        }
    }

    /// Whether a name of this zone belongs to a zone below it.
    fn is_cut_off(&self, zone: usize, name: &NameBuf) -> bool {
        self.zones.iter().any(|other| other.parent == Some(zone) && name.is_at_or_below(&other.apex))
    }

    /// Records besides those that every zone has.
    fn fill(&mut self, zone: usize, rng: &mut Rng) {
        let apex = self.zones[zone].apex.clone();
        for _ in 0..2 + rng.below(6) {
            let mut owner = below(rng.pick::<&str>(LABELS), &apex);
            if rng.chance(30) {
                owner = below(rng.pick::<&str>(LABELS), &owner);
            }
            if rng.chance(12) {
                owner = below("*", &owner);
            }
            let taken = self.hosts.iter().any(|host| host.name == owner) || self.zones[zone].nodes.contains_key(&owner);
            let under = |node: &Node| node.contains_key(&RType::DNAME.0);
            let below_dname =
                self.zones[zone].nodes.iter().any(|(other, node)| under(node) && owner.is_at_or_below(other));
            if taken || below_dname || self.is_cut_off(zone, &owner) {
                continue;
            }
            let target = self.some_name(rng).into_wire();
            let empty_below = !self.zones[zone].nodes.keys().any(|other| other.is_at_or_below(&owner))
                && !self.zones.iter().any(|other| other.apex.is_at_or_below(&owner))
                && !self.hosts.iter().any(|host| host.name.is_at_or_below(&owner));
            let mut node = Node::new();
            match rng.below(100) {
                0..25 => drop(node.insert(RType::CNAME.0, vec![target])),
                25..35 if empty_below && !owner.is_wildcard() => drop(node.insert(RType::DNAME.0, vec![target])),
                _ => {
                    let address = |rng: &mut Rng| vec![198, 51, 100, rng.below(256) as u8];
                    let addresses: BTreeSet<Vec<u8>> = (0..1 + rng.below(3)).map(|_| address(rng)).collect();
                    node.insert(RType::A.0, addresses.into_iter().collect());
                    if rng.chance(40) {
                        node.insert(RType::TXT.0, vec![b"\x04text".to_vec()]);
                    }
                }
            }
            self.zones[zone].nodes.insert(owner, node);
        }
    }

    /// SOA and NS of every zone, addresses of every host.
    fn add_apexes(&mut self) {
        for zone in &mut self.zones {
            let node = zone.nodes.entry(zone.apex.clone()).or_default();
            let names = zone.servers.iter().map(|(host, _)| self.hosts[*host].name.clone().into_wire()).collect();
            node.insert(RType::NS.0, names);
            let numbers = [1, 3600, 600, 86400, NEGATIVE_TTL].map(u32::to_be_bytes).concat();
            let soa = [name("ns.").as_wire(), name("host.").as_wire(), &numbers].concat();
            node.insert(RType::SOA.0, vec![soa]);
        }
        for host in &self.hosts {
            let node = self.zones[host.zone].nodes.entry(host.name.clone()).or_default();
            for address in &host.addresses {
                let (rtype, rdata) = match address {
                    IpAddr::V4(address) => (RType::A, address.octets().to_vec()),
                    IpAddr::V6(address) => (RType::AAAA, address.octets().to_vec()),
                };
                node.entry(rtype.0).or_default().push(rdata);
            }
        }
    }

    /// A name that exists, or might.
    pub fn some_name(&self, rng: &mut Rng) -> NameBuf {
        let zone = rng.pick(&self.zones);
        let names: Vec<&NameBuf> = zone.nodes.keys().collect();
        let mut name = if names.is_empty() || rng.chance(20) { zone.apex.clone() } else { (*rng.pick(&names)).clone() };
        if name.is_wildcard() {
            name = name.parent().expect("wildcard").to_owned();
        }
        for _ in 0..*rng.pick(&[0, 0, 0, 1, 1, 2]) {
            name = name.prepend(rng.pick::<&str>(LABELS).as_bytes()).unwrap_or(name);
        }
        name
    }

    /// Makes some of the servers damage their replies; none of the root's.
    pub fn corrupt(&mut self, rng: &mut Rng) {
        for server in self.servers.values_mut().filter(|server| !server.zones.is_empty() && !server.zones.contains(&0))
        {
            if rng.chance(30) {
                server.manner = Manner::Corrupts;
            }
        }
    }

    /// Makes some servers of zones that are all secure give false answers.
    pub fn forge(&mut self, rng: &mut Rng) {
        let secure: Vec<bool> = (0..self.zones.len()).map(|zone| self.is_secure(zone)).collect();
        for server in self.servers.values_mut().filter(|server| !server.zones.is_empty() && !server.zones.contains(&0))
        {
            if rng.chance(20) && server.zones.iter().all(|&zone| secure[zone]) {
                server.manner = *rng.pick(&[Manner::Forges, Manner::Strips]);
            }
        }
    }

    /// Whether a chain of signatures leads to a zone.
    pub fn is_secure(&self, zone: usize) -> bool {
        let this = &self.zones[zone];
        this.signed && this.has_ds && this.parent.is_none_or(|parent| self.is_secure(parent))
    }

    /// Whether answers for a name may be wrong: it is in or below a zone with a server that damages its replies, or
    /// that gives false ones where no signatures show it.
    pub fn is_corrupt(&self, name: &NameBuf) -> bool {
        let secure = self.is_secure(self.zone_of(name));
        let corrupt = self.servers.values().filter(|server| match server.manner {
            Manner::Corrupts => true,
            Manner::Forges | Manner::Strips => !secure,
            _ => false,
        });
        corrupt.flat_map(|server| &server.zones).any(|&zone| name.is_at_or_below(&self.zones[zone].apex))
    }

    /// The zone that a name is in.
    pub fn zone_of(&self, name: &NameBuf) -> usize {
        let all = self.zones.iter().enumerate().filter(|(_, zone)| name.is_at_or_below(&zone.apex));
        all.max_by_key(|(_, zone)| zone.apex.label_count()).map_or(0, |(index, _)| index)
    }
}

/// What a zone has for a name and a type (RFC 1034 4.3.2, RFC 4592, RFC 6672).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// These records.
    Data(Vec<Vec<u8>>),
    /// An alias to this name.
    Cname(NameBuf),
    /// A DNAME at the first name to the second.
    Dname(NameBuf, NameBuf),
    /// Nothing of this type.
    NoData,
    /// Nothing at all.
    NxDomain,
}

/// What `zone` has; `cuts` are the zones below, whose names exist.
pub fn find(zone: &Zone, cuts: &[&NameBuf], name: &NameBuf, rtype: RType) -> Found {
    let decode = |rdata: &[Vec<u8>]| NameBuf::from_wire(rdata[0].clone()).expect("name");
    for above in name.ancestors().skip(1) {
        if let Some(target) = zone.nodes.get(above).and_then(|node| node.get(&RType::DNAME.0)) {
            return Found::Dname(above.to_owned(), decode(target));
        }
        if *above == *zone.apex {
            break;
        }
    }
    let of = |node: &Node| match (node.get(&rtype.0), node.get(&RType::CNAME.0)) {
        (Some(data), _) => Found::Data(data.clone()),
        (None, Some(target)) => Found::Cname(decode(target)),
        (None, None) => Found::NoData,
    };
    if let Some(node) = zone.nodes.get(name) {
        return of(node);
    }
    let exists = |name: &dns::Name| {
        zone.nodes.keys().any(|other| other.is_at_or_below(name)) || cuts.iter().any(|cut| cut.is_at_or_below(name))
    };
    if exists(name) {
        return Found::NoData;
    }
    let encloser = name.ancestors().skip(1).find(|above| exists(above)).unwrap_or(&zone.apex);
    match encloser.prepend(b"*").ok().and_then(|wildcard| zone.nodes.get(&wildcard)) {
        Some(node) => of(node),
        None => Found::NxDomain,
    }
}
