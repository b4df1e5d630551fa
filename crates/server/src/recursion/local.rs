//! Our own zones, as the resolver meets them at every new name: [`resolver::local::LocalData`] over the zone table.
//!
//! The answer is made as for a client, and taken apart again: one place knows how zones are answered from.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dns::question::HashedName;
use dns::rdata::typed::target;
use dns::response::Writer;
use dns::{Message, Name, NameBuf, RType, Rcode, Record};
use resolver::Rrset;
use resolver::local::{Local, LocalData};
use zone::answer::{Ask, Ends};
use zone::{Published, Reader, Zone, ZoneTable};

use crate::limits::MAX_MESSAGE_SIZE;

/// The zones as one resolver thread sees them.
pub struct LocalZones {
    state: RefCell<State>,
    /// Where name servers listen.
    port: u16,
}

struct State {
    zones: Reader<ZoneTable>,
    name: Box<HashedName>,
    alias: Box<HashedName>,
    buffer: Vec<u8>,
}

impl LocalZones {
    /// The zones that `zones` has; servers of delegations are asked on `port`.
    pub fn new(zones: Arc<Published<ZoneTable>>, port: u16) -> LocalZones {
        let state =
            State { zones: Reader::new(zones), name: Box::default(), alias: Box::default(), buffer: Vec::new() };
        LocalZones { state: RefCell::new(state), port }
    }

    /// Takes the latest zones, so that old ones can be freed.
    pub fn refresh(&self) {
        self.state.borrow_mut().zones.refresh();
    }
}

impl LocalData for LocalZones {
    fn version(&self) -> u64 {
        self.state.borrow().zones.latest_number()
    }

    fn find(&self, name: &Name, rtype: RType) -> Local {
        let State { zones, name: hashed, alias, buffer } = &mut *self.state.borrow_mut();
        let zones = zones.latest();
        if zones.is_empty() {
            return Local::Elsewhere;
        }
        let hasher = zones.hasher();
        hashed.set(name, hasher);
        let Some((zone, _)) = zones.find(hashed, rtype) else { return Local::Elsewhere };
        let refused = |rcode| Local::Answer { rcode, answers: Vec::new(), authorities: Vec::new(), alias: None };
        if zone.contents.is_none() {
            return refused(Rcode::SERVFAIL);
        }
        buffer.resize(MAX_MESSAGE_SIZE, 0);
        let end = question(buffer, name, rtype);
        let mut w = Writer::new(buffer, hashed, hasher, end, MAX_MESSAGE_SIZE);
        let ask = Ask { qtype: rtype, dnssec_ok: true, any_in_full: true, minimal: true };
        let verdict = zone::answer::answer(zones, zone, ask, &Zone::is_open, alias, &mut w);
        let truncated = w.is_truncated();
        let len = w.finish(1, 0, verdict.rcode.0 as u8);
        let message = buffer.get(..len).and_then(|octets| Message::parse(octets).ok()).filter(|_| !truncated);
        let Some(message) = message else { return refused(Rcode::SERVFAIL) };
        // Who asks is not known here, and what is found is told to others who ask the same: only what everybody may
        // see. Delegations lead on without being told.
        match verdict.ends {
            Ends::Cut if message.answers.is_empty() => delegation(message, self.port),
            _ if !zone.is_open() => refused(Rcode::REFUSED),
            ends => found(message, ends, name, rtype),
        }
    }
}

/// Writes a query to the start of `buffer`, which has room; returns its length.
fn question(buffer: &mut [u8], name: &Name, rtype: RType) -> usize {
    let (wire, fixed) = (name.as_wire(), dns::header::HEADER_LEN);
    buffer[..fixed].copy_from_slice(&[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let end = fixed + wire.len();
    buffer[fixed..end].copy_from_slice(wire);
    buffer[end..end + 2].copy_from_slice(&rtype.0.to_be_bytes());
    buffer[end + 2..end + 4].copy_from_slice(&dns::Class::IN.0.to_be_bytes());
    end + 4
}

/// The answer, with the alias that it leads out with.
fn found(message: Message, ends: Ends, name: &Name, rtype: RType) -> Local {
    let rcode = message.header.rcode;
    // A referral behind aliases is the business of the name that they lead to.
    let authorities = if ends == Ends::Here { rrsets(message.authorities, RType::ANY) } else { Vec::new() };
    let answers = rrsets(message.answers, rtype);
    let alias = (ends != Ends::Here).then(|| last_alias(&answers, name)).flatten();
    Local::Answer { rcode, answers, authorities, alias }
}

/// Where the aliases in `answers` lead from `name`.
fn last_alias(answers: &[Arc<Rrset>], name: &Name) -> Option<NameBuf> {
    let mut at: Option<NameBuf> = None;
    // Each alias leads to another, so that there are no more steps than aliases.
    for _ in answers {
        let owner: &Name = at.as_deref().unwrap_or(name);
        let Some(rrset) = answers.iter().find(|rrset| rrset.is(owner, RType::CNAME)) else { break };
        at = Some(target(RType::CNAME, rrset.rdata.iter().next()?)?.to_owned());
    }
    at
}

/// What a referral says.
fn delegation(message: Message, port: u16) -> Local {
    let Message { authorities, additionals, .. } = message;
    let addresses: Vec<(NameBuf, IpAddr)> = additionals.iter().filter_map(address).collect();
    let sets = rrsets(authorities, RType::ANY);
    let Some(ns) = sets.iter().find(|rrset| rrset.rtype == RType::NS) else { return Local::Elsewhere };
    let servers = ns.rdata.iter().filter_map(|rdata| target(RType::NS, rdata)).map(|server| {
        let addresses = addresses.iter().filter(|(owner, _)| **owner == *server);
        (server.to_owned(), addresses.map(|&(_, ip)| SocketAddr::new(ip, port)).collect())
    });
    let servers = servers.collect();
    let ds = sets.iter().find(|rrset| rrset.is(&ns.owner, RType::DS)).cloned();
    let glue = additionals.into_iter().filter(|record| matches!(record.rtype, RType::A | RType::AAAA)).collect();
    Local::Delegated { zone: ns.owner.clone(), servers, ds, ns: ns.clone(), glue: rrsets(glue, RType::ANY) }
}

/// The address in a record.
fn address(record: &Record) -> Option<(NameBuf, IpAddr)> {
    let ip = match record.rtype {
        RType::A => IpAddr::from(<[u8; 4]>::try_from(&record.rdata[..]).ok()?),
        RType::AAAA => IpAddr::from(<[u8; 16]>::try_from(&record.rdata[..]).ok()?),
        _ => return None,
    };
    Some((record.owner.clone(), ip))
}

/// Records as RRsets, in the order in which they begin, each with the signatures that cover it.
fn rrsets(records: Vec<Record>, asked: RType) -> Vec<Arc<Rrset>> {
    let mut sets: Vec<Rrset> = Vec::new();
    for record in &records {
        let is_signature = record.rtype == RType::RRSIG && asked != RType::RRSIG;
        let covered = record.rdata.first_chunk::<2>().map(|octets| RType(u16::from_be_bytes(*octets)));
        let rtype = if is_signature { covered.unwrap_or(record.rtype) } else { record.rtype };
        let at = sets.iter().position(|set| set.is(&record.owner, rtype)).unwrap_or_else(|| {
            sets.push(Rrset::new(record.owner.clone(), rtype, record.ttl));
            sets.len() - 1
        });
        let set = &mut sets[at];
        if is_signature { set.signatures.push(&record.rdata) } else { set.rdata.push(&record.rdata) }
    }
    // What covers nothing that is there says nothing.
    sets.into_iter().filter(|set| !set.rdata.is_empty()).map(Arc::new).collect()
}

#[cfg(test)]
mod tests {
    use dns::zonefile::{self, NoIncludes, Options, Sink};
    use dns::{Class, NameHasher};
    use zone::{Builder, ZonePolicy};

    use super::*;

    struct ToBuilder(Builder);

    impl Sink for ToBuilder {
        fn record(&mut self, record: zonefile::Record<'_>) {
            self.0.add(record.owner, record.rtype, record.ttl, record.rdata).expect("in the zone");
        }
    }

    fn zone(name: &str, text: &str, policy: Option<ZonePolicy>) -> Arc<Zone> {
        let name: NameBuf = name.parse().expect("a name");
        let file = std::path::Path::new("test.zone");
        let options = Options { origin: &name, default_ttl: Some(60), file, class: Class::IN, rules: false };
        let mut sink = ToBuilder(Builder::new(&name, NameHasher::new(7)));
        assert!(zonefile::parse(text.as_bytes(), &options, &NoIncludes, &mut sink).problems.is_empty());
        let policy = policy.map(Arc::new);
        Arc::new(Zone { contents: Some(sink.0.finish().0), name, policy })
    }

    fn local() -> LocalZones {
        let own = "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2\nout CNAME www.elsewhere.\n\
                   in CNAME www\ncut CNAME a.sub\nprivate CNAME www.private.\n\
                   sub NS ns.sub\nsub NS ns.elsewhere.\nns.sub A 192.0.2.3\nns.sub AAAA 2001:db8::3\n";
        let private = "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.4\nwww A 192.0.2.5\nsub NS ns\n";
        let network = "10.0.0.0/8".parse::<dns::network::Entry>();
        let policy =
            ZonePolicy { allow_query: [network.expect("a network")].into_iter().collect(), ..Default::default() };
        let zones = vec![zone("example.", own, None), zone("private.", private, Some(policy))];
        LocalZones::new(Published::new(ZoneTable::new(NameHasher::new(7), zones)), 5300)
    }

    /// Names of answers and authorities with their types, or servers; then the alias.
    fn check(name: &str, expected: &str) {
        let name: NameBuf = name.parse().expect("a name");
        let sets = |sets: &[Arc<Rrset>]| -> String {
            sets.iter().map(|set| format!("{} {} ", set.owner, set.rtype)).collect()
        };
        let found = match local().find(&name, RType::A) {
            Local::Elsewhere => "elsewhere".into(),
            Local::Answer { rcode, answers, authorities, alias } => {
                let alias = alias.map_or(String::new(), |alias| alias.to_string());
                format!("{rcode} {}/ {}/ {alias}", sets(&answers), sets(&authorities))
            }
            Local::Delegated { zone, servers, ds, .. } => {
                assert!(ds.is_none());
                format!("{zone} {servers:?}")
            }
        };
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn what_our_zones_say() {
        check("www.other.", "elsewhere");
        check("www.example.", "NOERROR www.example. A / / ");
        check("in.example.", "NOERROR in.example. CNAME www.example. A / / ");
        check("missing.example.", "NXDOMAIN / example. SOA / ");
        check("out.example.", "NOERROR out.example. CNAME / / www.elsewhere.");
        check("cut.example.", "NOERROR cut.example. CNAME / / a.sub.example.");
        // Nobody may look into a zone through the resolver that not everybody may look into.
        check("private.example.", "NOERROR private.example. CNAME / / ");
        check("www.private.", "REFUSED / / ");
        check("www.sub.private.", "sub.private. [(ns.private., [192.0.2.4:5300])]");
        check(
            "www.sub.example.",
            "sub.example. [(ns.sub.example., [192.0.2.3:5300, [2001:db8::3]:5300]), (ns.elsewhere., [])]",
        );
    }
}
