//! What the servers of the test's own world know: which zones there are, and what is true of each name. An address
//! is a function of its name, so that every answer can be told right or wrong.

use std::net::IpAddr;

use dns::{Class, Message, Name, NameBuf, Question, RType, Rcode, Record};

/// A zone: its apex, and the numbers of the two servers that have it.
pub struct Zone {
    pub apex: &'static str,
    pub servers: [u8; 2],
    /// Where the names of its servers are.
    host: &'static str,
}

/// Every zone, parents first. The servers of the last have their names in another zone, so that no referral may
/// bring their addresses.
pub const ZONES: [Zone; 5] = [
    Zone { apex: ".", servers: [1, 8], host: "root." },
    Zone { apex: "alpha.", servers: [2, 3], host: "alpha." },
    Zone { apex: "one.alpha.", servers: [4, 5], host: "one.alpha." },
    Zone { apex: "two.alpha.", servers: [6, 7], host: "two.alpha." },
    Zone { apex: "three.alpha.", servers: [4, 7], host: "two.alpha." },
];
/// Zones that questions are about.
pub const ASKED: [&str; 3] = ["one.alpha.", "two.alpha.", "three.alpha."];
/// An address that is true of no name.
pub const FORGED: [u8; 4] = [203, 0, 113, 66];
const TTL: u32 = 3600;

/// What a resolver has to answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Truth {
    pub rcode: Rcode,
    /// The alias and where it leads.
    pub alias: Option<String>,
    /// Data of the type asked for, at the end of the alias.
    pub data: Option<Vec<u8>>,
}

pub fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

/// The text of a name in lower case, with its last dot.
pub fn text(name: &Name) -> String {
    name.to_canonical().to_string()
}

/// The address of a name (FNV-1a of its text).
fn address(name: &str, rtype: RType) -> Option<Vec<u8>> {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for octet in name.bytes() {
        hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    }
    let hash = hash.to_be_bytes();
    match rtype {
        RType::A => Some([&[198, 18][..], &hash[..2]].concat()),
        RType::AAAA => Some([&[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0][..], &hash].concat()),
        _ => None,
    }
}

/// What is true of a name of a zone in [`ASKED`]: its first label begins with `a` where it has addresses, `c` where
/// it is an alias for a name of the next zone, `t` where it has neither, and any other letter where it is not there.
pub fn truth(name: &str, rtype: RType) -> Truth {
    let kind = name.as_bytes()[0];
    let alias = (kind == b'c').then(|| {
        let zone = ASKED.iter().position(|zone| name.ends_with(&format!(".{zone}"))).expect("a zone of the test");
        let label = name[1..].split('.').next().expect("a label");
        format!("a{label}.{}", ASKED[(zone + 1) % ASKED.len()])
    });
    let data = match (&alias, kind) {
        (Some(target), _) => address(target, rtype),
        (None, b'a') => address(name, rtype),
        _ => None,
    };
    let rcode = if matches!(kind, b'a' | b'c' | b't') { Rcode::NOERROR } else { Rcode::NXDOMAIN };
    Truth { rcode, alias, data }
}

fn record(owner: &Name, rtype: RType, rdata: Vec<u8>) -> Record {
    Record { owner: owner.to_owned(), rtype, class: Class::IN, ttl: TTL, rdata }
}

/// The address of a server as record data.
pub fn address_record(owner: &Name, address: IpAddr) -> Record {
    match address {
        IpAddr::V4(v4) => record(owner, RType::A, v4.octets().to_vec()),
        IpAddr::V6(v6) => record(owner, RType::AAAA, v6.octets().to_vec()),
    }
}

/// One server: the zones it has, and where all servers are.
pub struct Knowledge {
    pub zones: Vec<&'static Zone>,
    pub addresses: fn(u8) -> IpAddr,
}

impl Knowledge {
    /// The zone that a name is in, as far as this server knows.
    pub fn zone_of(&self, asked: &Name) -> Option<&'static Zone> {
        self.zones.iter().rev().copied().find(|zone| asked.is_at_or_below(&name(zone.apex)))
    }

    /// The response to a question, as an authoritative server without EDNS gives it.
    pub fn respond(&self, query: &Message) -> Message {
        let mut response = Message { questions: query.questions.clone(), ..Message::default() };
        response.header.id = query.header.id;
        response.header.qr = true;
        response.header.opcode = query.header.opcode;
        let [question] = &query.questions[..] else {
            response.header.rcode = Rcode::FORMERR;
            return response;
        };
        let Some(zone) = self.zone_of(&question.name) else {
            response.header.rcode = Rcode::REFUSED;
            return response;
        };
        match child(zone, &question.name) {
            Some(child) => self.refer(child, &mut response),
            None => self.answer(zone, question, &mut response),
        }
        response
    }

    fn refer(&self, zone: &Zone, response: &mut Message) {
        self.name_servers(zone, &mut response.authorities, &mut response.additionals);
    }

    /// The NS records of a zone, and the addresses that belong to them: only of names inside the zone.
    fn name_servers(&self, zone: &Zone, records: &mut Vec<Record>, glue: &mut Vec<Record>) {
        for (i, number) in zone.servers.into_iter().enumerate() {
            let host = server_name(zone, i);
            records.push(record(&name(zone.apex), RType::NS, host.as_wire().to_vec()));
            if host.is_at_or_below(&name(zone.apex)) {
                glue.push(address_record(&host, (self.addresses)(number)));
            }
        }
    }

    fn answer(&self, zone: &Zone, question: &Question, response: &mut Message) {
        response.header.aa = true;
        let (owner, rtype) = (&question.name, question.rtype);
        let asked = text(owner);
        let host = ZONES.iter().find_map(|it| {
            let i = (0..2).find(|&i| text(&server_name(it, i)) == asked)?;
            Some(address_record(owner, (self.addresses)(it.servers[i])))
        });
        if asked == zone.apex && rtype == RType::NS {
            self.name_servers(zone, &mut response.answers, &mut response.additionals);
        } else if let Some(host) = host {
            response.answers.extend((host.rtype == rtype).then_some(host));
        } else if ASKED.contains(&zone.apex) && asked != zone.apex && !asked.starts_with("deep.") {
            let truth = truth(&asked, rtype);
            response.header.rcode = truth.rcode;
            if let Some(target) = truth.alias {
                response.answers.push(record(owner, RType::CNAME, name(&target).as_wire().to_vec()));
            } else {
                response.answers.extend(truth.data.map(|data| record(owner, rtype, data)));
            }
        } else if asked != zone.apex && asked != "root." && !asked.starts_with("deep.") {
            response.header.rcode = Rcode::NXDOMAIN;
        }
        if response.answers.is_empty() {
            response.authorities.push(soa(zone));
        }
    }
}

/// The zone that `zone` delegates and that `name` is in.
fn child(zone: &Zone, asked: &Name) -> Option<&'static Zone> {
    let labels = |zone: &Zone| name(zone.apex).label_count();
    ZONES.iter().find(|it| labels(it) == labels(zone) + 1 && asked.is_at_or_below(&name(it.apex)))
}

fn server_name(zone: &Zone, i: usize) -> NameBuf {
    // Names of servers in another zone, beside that zone's own.
    let prefix = if zone.apex.ends_with(zone.host) || zone.apex == "." { "ns" } else { "far" };
    name(&format!("{prefix}{i}.{}", zone.host))
}

fn soa(zone: &Zone) -> Record {
    let (server, mailbox) = (server_name(zone, 0), name("hostmaster.alpha."));
    let numbers = [1u32, 7200, 900, 1_209_600, 300].map(u32::to_be_bytes).concat();
    record(&name(zone.apex), RType::SOA, [server.as_wire(), mailbox.as_wire(), &numbers[..]].concat())
}

/// The root servers as a file of hints, with the given addresses of the root's servers.
pub fn hints(addresses: fn(u8) -> IpAddr) -> String {
    let root = &ZONES[0];
    let line = |i: usize| {
        let (host, address) = (server_name(root, i), addresses(root.servers[i]));
        let rtype = if address.is_ipv4() { "A" } else { "AAAA" };
        format!(". 3600 IN NS {host}\n{host} 3600 IN {rtype} {address}\n")
    };
    line(0) + &line(1)
}
