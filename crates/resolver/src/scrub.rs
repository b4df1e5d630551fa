//! What a reply means, and what of it may be believed.
//!
//! A server is believed for names in the zone it was asked as a server of, and for nothing else (RFC 5452 6,
//! RFC 2181 5.4.1). Records outside it, and records that the question does not need, are left out here, so that nothing
//! behind this point meets them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dns::name::MAX_NAME_LEN;
use dns::rdata::typed::target;
use dns::{Name, NameBuf, RType, Rcode};

use crate::fetched::{Fetched, Kind};
use crate::limits::MAX_CHAIN_IN_REPLY;
use crate::question::Question;
use crate::reply::Reply;
use crate::rrset::Rrset;

/// Whom and what was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What was asked.
    pub question: &'a Question,
    /// The zone that the server was asked for.
    pub zone: &'a Name,
    /// The server resolves for us: it need not be authoritative, and the whole chain is its answer.
    pub forwarder: bool,
    /// Use glue only for names in the zone.
    pub harden_glue: bool,
    /// The server.
    pub server: SocketAddr,
}

/// A delegation as a referral gives it.
#[derive(Debug, Clone)]
pub struct Referral {
    /// The zone cut.
    pub zone: NameBuf,
    /// The names of its name servers with the addresses that came with them.
    pub servers: Vec<(NameBuf, Vec<IpAddr>)>,
    /// Seconds it may be kept.
    pub ttl: u32,
    /// The DS RRset, or the NSEC or NSEC3 records that prove that there is none; empty from unsigned zones.
    pub ds: Option<Arc<Fetched>>,
}

/// What a reply means.
#[derive(Debug, Clone)]
pub enum Meaning {
    /// An answer.
    Answer(Fetched),
    /// Ask the servers of a zone below.
    Referral(Referral),
    /// The server does not serve the zone, or not well.
    Lame(&'static str),
    /// An answer without authority, which counts only if no server has a better one.
    Weak(Fetched),
    /// The server says that it cannot answer.
    Error(Rcode),
}

/// What the reply to a question means.
pub fn scrub(asked: &Asked<'_>, reply: &Reply) -> Meaning {
    match reply.header.rcode {
        Rcode::NOERROR | Rcode::NXDOMAIN => {}
        // RFC 6672 2.2: a DNAME that makes names too long.
        Rcode::YXDOMAIN if !reply.answers.is_empty() => {}
        rcode => return Meaning::Error(rcode),
    }
    let chain = Chain::follow(asked, reply);
    // A server that offers recursion and has no authority tells what is in its cache.
    let recursive = reply.header.ra && !reply.header.aa && !asked.forwarder;
    let answer = |fetched| if recursive { Meaning::Weak(fetched) } else { Meaning::Answer(fetched) };
    if chain.found {
        return answer(chain.fetched(asked, Kind::Positive, positive_proofs(asked, reply)));
    }
    if chain.answers.last().is_some_and(|rrset| rrset.rtype == RType::DNAME) {
        return answer(chain.fetched(asked, Kind::TooLong, Vec::new()));
    }
    let last = chain.last.clone();
    let soa = soa_for(asked, reply, &last);
    if !chain.answers.is_empty() {
        // The rest of the chain is believed if the reply proves that it speaks of it, otherwise asked for.
        let kind = match (soa, reply.header.rcode) {
            (Some(_), Rcode::NXDOMAIN) => Kind::NxDomain,
            (Some(_), _) => Kind::NoData,
            (None, Rcode::NXDOMAIN) if asked.forwarder => Kind::NxDomain,
            (None, _) => Kind::Alias(last),
        };
        return answer(chain.fetched(asked, kind, negative_proofs(asked, reply, soa)));
    }
    if reply.header.rcode == Rcode::NXDOMAIN {
        return answer(chain.fetched(asked, Kind::NxDomain, negative_proofs(asked, reply, soa)));
    }
    if soa.is_some() {
        return answer(chain.fetched(asked, Kind::NoData, negative_proofs(asked, reply, soa)));
    }
    without_answer(asked, reply, chain)
}

/// NOERROR without answers and without SOA: a referral, or a lame server, or an empty answer.
fn without_answer(asked: &Asked<'_>, reply: &Reply, chain: Chain) -> Meaning {
    let no_data = |chain: Chain| chain.fetched(asked, Kind::NoData, negative_proofs(asked, reply, None));
    if asked.forwarder {
        return Meaning::Answer(no_data(chain));
    }
    let ns = reply.authorities.iter().filter(|rrset| rrset.rtype == RType::NS);
    let mut ns = ns.filter(|rrset| asked.question.name.is_at_or_below(&rrset.owner));
    match ns.next() {
        Some(ns) if *ns.owner != *asked.zone && ns.owner.is_at_or_below(asked.zone) => {
            Meaning::Referral(referral(asked, reply, ns))
        }
        Some(ns) if *ns.owner == *asked.zone && reply.header.aa => Meaning::Answer(no_data(chain)),
        Some(_) => Meaning::Lame("it refers to its own zone or to one above"),
        None if reply.authorities.iter().any(|rrset| rrset.rtype == RType::SOA) => {
            Meaning::Lame("the answer is from another zone")
        }
        None if reply.header.aa => Meaning::Answer(no_data(chain)),
        None => Meaning::Weak(no_data(chain)),
    }
}

/// The aliases and the RRset of the answer section, in their order.
struct Chain {
    answers: Vec<Arc<Rrset>>,
    /// The name that the aliases lead to.
    last: NameBuf,
    /// Whether the last of the answers is what was asked for.
    found: bool,
}

impl Chain {
    fn follow(asked: &Asked<'_>, reply: &Reply) -> Chain {
        let mut chain = Chain { answers: Vec::new(), last: asked.question.name.clone(), found: false };
        let qtype = asked.question.rtype;
        for _ in 0..MAX_CHAIN_IN_REPLY {
            if !chain.last.is_at_or_below(asked.zone) {
                return chain;
            }
            // A CNAME that a DNAME makes is not there by itself (RFC 6672 3.1).
            let made = matches!(qtype, RType::CNAME | RType::ANY) && chain.dname(asked, reply).is_some();
            if qtype == RType::ANY && !made {
                let all = reply.answers.iter().filter(|rrset| *rrset.owner == *chain.last);
                chain.answers.extend(all.cloned().map(Arc::new));
                chain.found = !chain.answers.is_empty();
                return chain;
            }
            if let Some(rrset) = Reply::find(&reply.answers, &chain.last, qtype).filter(|_| !made) {
                chain.answers.push(Arc::new(rrset.clone()));
                chain.found = true;
                return chain;
            }
            let Some(next) = chain.alias(asked, reply) else { return chain };
            if made {
                chain.found = true;
                return chain;
            }
            let seen = chain.answers.iter().any(|rrset| rrset.rtype == RType::CNAME && *rrset.owner == *next);
            chain.last = next;
            if seen {
                return chain;
            }
        }
        chain
    }

    /// The DNAME above the last name.
    fn dname<'r>(&self, asked: &Asked<'_>, reply: &'r Reply) -> Option<&'r Rrset> {
        reply.answers.iter().find(|rrset| {
            let above = *rrset.owner != *self.last && self.last.is_at_or_below(&rrset.owner);
            rrset.rtype == RType::DNAME && above && rrset.owner.is_at_or_below(asked.zone)
        })
    }

    /// Takes in the alias at the last name; returns its target.
    fn alias(&mut self, asked: &Asked<'_>, reply: &Reply) -> Option<NameBuf> {
        if let Some(dname) = self.dname(asked, reply) {
            let target = target(RType::DNAME, dname.rdata.iter().next()?)?;
            self.answers.push(Arc::new(dname.clone()));
            let next = substitute(&self.last, &dname.owner, target)?;
            // RFC 6672 3.4: the CNAME is made of the DNAME; what the server made of it is not needed.
            let cname = Rrset::new(self.last.clone(), RType::CNAME, dname.ttl).with(next.as_wire());
            self.answers.push(Arc::new(cname));
            return Some(next);
        }
        let cname = Reply::find(&reply.answers, &self.last, RType::CNAME)?;
        let mut cname = cname.clone();
        // RFC 2181 10.1: there is one CNAME at a name.
        if cname.rdata.iter().count() > 1 {
            let first = cname.rdata.iter().next()?.to_vec();
            cname = Rrset { rdata: Default::default(), ..cname }.with(&first);
        }
        let next = NameBuf::from_wire(cname.rdata.iter().next()?.to_vec()).ok()?;
        self.answers.push(Arc::new(cname));
        Some(next)
    }

    fn fetched(self, asked: &Asked<'_>, kind: Kind, authorities: Vec<Arc<Rrset>>) -> Fetched {
        let (zone, server) = (asked.zone.to_owned(), Some(asked.server));
        Fetched { kind, answers: self.answers, authorities, zone, server }
    }
}

/// The name that a DNAME makes of another (RFC 6672 2.2); `None` if it is too long.
pub fn substitute(name: &Name, owner: &Name, target: &Name) -> Option<NameBuf> {
    let labels = name.strip_suffix(owner)?;
    if labels.len() + target.len() > MAX_NAME_LEN {
        return None;
    }
    NameBuf::from_wire([labels, target.as_wire()].concat()).ok()
}

/// The SOA that makes a reply negative for `name`: of a zone that has the name, and that the server may speak for.
fn soa_for<'a>(asked: &Asked<'_>, reply: &'a Reply, name: &Name) -> Option<&'a Rrset> {
    let mut soas = reply.authorities.iter().filter(|rrset| rrset.rtype == RType::SOA);
    soas.find(|soa| name.is_at_or_below(&soa.owner) && soa.owner.is_at_or_below(asked.zone))
}

/// NSEC and NSEC3 records of the zone.
fn proofs<'a>(asked: &'a Asked<'_>, reply: &'a Reply) -> impl Iterator<Item = &'a Rrset> {
    reply
        .authorities
        .iter()
        .filter(|rrset| matches!(rrset.rtype, RType::NSEC | RType::NSEC3) && rrset.owner.is_at_or_below(asked.zone))
}

/// Proofs that come with a positive answer: that it is a wildcard's.
fn positive_proofs(asked: &Asked<'_>, reply: &Reply) -> Vec<Arc<Rrset>> {
    proofs(asked, reply).filter(|rrset| !rrset.signatures.is_empty()).cloned().map(Arc::new).collect()
}

/// SOA and proofs of a negative answer. The zone's name servers are no part of it (RFC 2308 3).
fn negative_proofs(asked: &Asked<'_>, reply: &Reply, soa: Option<&Rrset>) -> Vec<Arc<Rrset>> {
    soa.into_iter().chain(proofs(asked, reply)).cloned().map(Arc::new).collect()
}

fn referral(asked: &Asked<'_>, reply: &Reply, ns: &Rrset) -> Referral {
    let mut servers: Vec<(NameBuf, Vec<IpAddr>)> = Vec::new();
    for name in ns.rdata.iter().filter_map(|rdata| target(RType::NS, rdata)) {
        let believed = !asked.harden_glue || name.is_at_or_below(asked.zone);
        let addresses = if believed { glue(reply, name) } else { Vec::new() };
        servers.push((name.to_canonical(), addresses));
    }
    Referral { zone: ns.owner.clone(), servers, ttl: ns.ttl, ds: referral_ds(asked, reply, &ns.owner) }
}

/// The addresses of a name server in the additional section.
pub fn glue(reply: &Reply, name: &Name) -> Vec<IpAddr> {
    let rrsets = reply.additionals.iter().filter(|rrset| *rrset.owner == *name);
    rrsets.flat_map(|rrset| rrset.rdata.iter().filter_map(|rdata| address(rrset.rtype, rdata))).collect()
}

/// The address in an A or AAAA record.
pub fn address(rtype: RType, rdata: &[u8]) -> Option<IpAddr> {
    match rtype {
        RType::A => <[u8; 4]>::try_from(rdata).ok().map(IpAddr::from),
        RType::AAAA => <[u8; 16]>::try_from(rdata).ok().map(IpAddr::from),
        _ => None,
    }
}

/// What a referral says about DS (RFC 4035 3.1.4.1).
fn referral_ds(asked: &Asked<'_>, reply: &Reply, cut: &Name) -> Option<Arc<Fetched>> {
    let (zone, server) = (asked.zone.to_owned(), Some(asked.server));
    if let Some(ds) = Reply::find(&reply.authorities, cut, RType::DS) {
        let answers = vec![Arc::new(ds.clone())];
        return Some(Arc::new(Fetched { kind: Kind::Positive, answers, authorities: Vec::new(), zone, server }));
    }
    let authorities: Vec<_> = proofs(asked, reply).cloned().map(Arc::new).collect();
    let said = authorities.iter().any(|rrset| !rrset.signatures.is_empty());
    said.then(|| Arc::new(Fetched { kind: Kind::NoData, answers: Vec::new(), authorities, zone, server }))
}

#[cfg(test)]
mod tests {
    use dns::{Class, Message, Record};

    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("name")
    }

    /// Records from lines `OWNER TYPE DATA`, where the data is a name, or an IPv4 address.
    fn records(lines: &[&str]) -> Vec<Record> {
        let record = |line: &&str| {
            let [owner, rtype, data] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let rtype = RType::from_text(rtype.as_bytes()).expect("type");
            let rdata = match rtype {
                RType::A => data.parse::<std::net::Ipv4Addr>().expect("address").octets().to_vec(),
                RType::SOA => [name(data).as_wire(), name(data).as_wire(), &[0; 20]].concat(),
                _ => name(data).into_wire(),
            };
            Record { owner: name(owner), rtype, class: Class::IN, ttl: 300, rdata }
        };
        lines.iter().map(record).collect()
    }

    /// What a server of `example.` means by a reply to `www.example. A`.
    fn meaning(flags: &str, sections: [&[&str]; 3]) -> String {
        let question = Question::new(name("www.example."), RType::A);
        let mut message = Message::query(0, question.name.clone(), question.rtype);
        message.header.qr = true;
        for flag in flags.split(' ') {
            match flag {
                "aa" => message.header.aa = true,
                "ra" => message.header.ra = true,
                "nx" => message.header.rcode = Rcode::NXDOMAIN,
                "servfail" => message.header.rcode = Rcode::SERVFAIL,
                other => assert_eq!(other, ""),
            }
        }
        [message.answers, message.authorities, message.additionals] = sections.map(records);
        let reply = Reply::parse(&message.to_wire(4096), RType::A).expect("well-formed");
        let (zone, server) = (name("example."), ([192, 0, 2, 1], 53).into());
        let asked = Asked { question: &question, zone: &zone, forwarder: false, harden_glue: true, server };
        let of = |fetched: Fetched| {
            let sets = |rrsets: &[Arc<Rrset>]| {
                rrsets.iter().map(|rrset| format!(" {}/{}", rrset.owner, rrset.rtype)).collect::<String>()
            };
            format!("{:?}{} |{}", fetched.kind, sets(&fetched.answers), sets(&fetched.authorities))
        };
        match scrub(&asked, &reply) {
            Meaning::Answer(fetched) => of(fetched),
            Meaning::Weak(fetched) => format!("weak {}", of(fetched)),
            Meaning::Referral(referral) => format!("to {} {:?}", referral.zone, referral.servers),
            Meaning::Lame(_) => "lame".to_owned(),
            Meaning::Error(rcode) => rcode.to_string(),
        }
    }

    #[test]
    fn what_replies_mean() {
        let check = |flags: &str, sections: [&[&str]; 3], expected: &str| {
            assert_eq!(meaning(flags, sections), expected, "{flags} {sections:?}");
        };
        let www = "www.example. A 192.0.2.1";
        check("aa", [&[www], &["example. NS ns.example."], &["ns.example. A 192.0.2.2"]], "Positive www.example./A |");
        check("", [&[www], &[], &[]], "Positive www.example./A |");
        check("ra", [&[www], &[], &[]], "weak Positive www.example./A |");
        check("servfail", [&[www], &[], &[]], "SERVFAIL");
        // Only what the question leads to, and only within the zone.
        check("aa", [&[www, "other.example. A 192.0.2.9"], &[], &[]], "Positive www.example./A |");
        let out = "www.example. CNAME www.test.";
        check("aa", [&[out, "www.test. A 192.0.2.9"], &[], &[]], "Alias(www.test.) www.example./CNAME |");
        let inside = "www.example. CNAME a.example.";
        check("aa", [&[inside, "a.example. A 192.0.2.9"], &[], &[]], "Positive www.example./CNAME a.example./A |");
        check("aa nx", [&[inside], &[], &[]], "Alias(a.example.) www.example./CNAME |");
        let soa = "example. SOA ns.example.";
        check("aa nx", [&[inside], &[soa], &[]], "NxDomain www.example./CNAME | example./SOA");
        check("aa", [&[inside], &[soa], &[]], "NoData www.example./CNAME | example./SOA");
        check("aa", [&["example. DNAME test."], &[], &[]], "Alias(www.test.) example./DNAME www.example./CNAME |");
        check("aa", [&[inside, "a.example. CNAME www.example."], &[], &[]], {
            "Alias(www.example.) www.example./CNAME a.example./CNAME |"
        });
        // Negative answers.
        check("aa nx", [&[], &[soa], &[]], "NxDomain | example./SOA");
        check("aa", [&[], &[soa], &[]], "NoData | example./SOA");
        check("aa nx", [&[], &[". SOA ns.example."], &[]], "NxDomain |");
        check("aa", [&[], &[". SOA ns.example."], &[]], "lame");
        check("aa", [&[], &[], &[]], "NoData |");
        check("", [&[], &[], &[]], "weak NoData |");
    }

    #[test]
    fn referrals_bring_glue_of_their_zone_only() {
        let check = |sections: [&[&str]; 3], expected: &str| assert_eq!(meaning("", sections), expected);
        let glue = ["ns.www.example. A 192.0.2.1", "ns.test. A 192.0.2.2", "mail.example. A 192.0.2.3"];
        let ns = ["www.example. NS ns.www.example.", "www.example. NS ns.test."];
        check([&[], &ns, &glue], "to www.example. [(ns.www.example., [192.0.2.1]), (ns.test., [])]");
        check([&[], &["example. NS ns.example."], &[]], "lame");
        check([&[], &[". NS ns.example."], &[]], "lame");
        check([&[], &["other.example. NS ns.example."], &[]], "weak NoData |");
    }
}
