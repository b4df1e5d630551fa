//! Policy zones for tests: written as lines, or generated with an oracle that looks at every rule.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use dns::question::HashedName;
use dns::{NameBuf, NameHasher, RType};
use ipnet::IpNet;

use super::{PolicyRecord, PolicySource, PolicyZone, Replacement, RpzQuestion, Stage, TriggerKind};
use crate::who::ListId;

/// The hasher of every zone and name in tests.
pub(crate) const HASHER: NameHasher = NameHasher::new(0x5eed);

/// Numbers that are the same in each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % u64::from(bound)) as u32
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u32) as usize]
    }
}

pub(crate) fn name(text: &str) -> NameBuf {
    text.parse().expect(text)
}

pub(crate) fn hashed(text: &str) -> HashedName {
    let mut hashed = HashedName::default();
    hashed.set(&name(text), HASHER);
    hashed
}

/// A record that owns its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OwnedRecord {
    pub(crate) owner: NameBuf,
    pub(crate) rtype: RType,
    pub(crate) rdata: Vec<u8>,
    pub(crate) ttl: u32,
}

impl OwnedRecord {
    /// `owner type data`, TTL 60; types CNAME, A, AAAA, TXT.
    pub(crate) fn line(text: &str) -> OwnedRecord {
        let words: Vec<&str> = text.split(' ').collect();
        let [owner, rtype, data] = words[..] else { panic!("not a record: {text}") };
        let rtype = RType::from_text(rtype.as_bytes()).expect(text);
        let rdata = match rtype {
            RType::CNAME => name(data).as_wire().to_vec(),
            RType::A => data.parse::<Ipv4Addr>().expect(text).octets().to_vec(),
            RType::AAAA => data.parse::<Ipv6Addr>().expect(text).octets().to_vec(),
            RType::TXT => [&[data.len() as u8], data.as_bytes()].concat(),
            _ => panic!("no form for {text}"),
        };
        OwnedRecord { owner: name(owner), rtype, rdata, ttl: 60 }
    }

    pub(crate) fn borrowed(&self) -> PolicyRecord<'_> {
        PolicyRecord { owner: &self.owner, rtype: self.rtype, ttl: self.ttl, rdata: &self.rdata }
    }
}

/// A zone with these lines, none of which is wrong.
pub(crate) fn zone(lines: &[&str]) -> PolicyZone {
    let records: Vec<OwnedRecord> = lines.iter().map(|line| OwnedRecord::line(line)).collect();
    let (zone, report) = PolicyZone::build(HASHER, records.iter().map(OwnedRecord::borrowed));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    zone
}

/// The zone as the list with this number, as given.
pub(crate) fn source(list: u8, zone: PolicyZone) -> PolicySource {
    let (zone, replacement) = (Arc::new(zone), Replacement::Given);
    let list = ListId(list);
    PolicySource {
        list,
        zone,
        replacement,
        log: true,
        break_dnssec: false,
        recursive_only: true,
        max_policy_ttl_s: None,
    }
}

/// A zone as sets of records, as names and networks that are tried one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) records: BTreeSet<OwnedRecord>,
    pub(crate) rules: BTreeMap<String, (TriggerKind, Pattern)>,
}

/// What a rule of a [`Model`] matches.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    Name(String),
    Below(String),
    Network(IpNet),
}

/// Where a rule stands among others; less is first.
pub(crate) type Rank = (usize, usize, TriggerKind, NameBuf, bool, Reverse<usize>, Option<IpAddr>);

const LABELS: [&str; 3] = ["a", "b", "c"];
const ACTIONS: [&str; 6] =
    ["CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME rpz-drop.", "A 192.0.2.1", "CNAME *.walled.test."];

/// A name of one to four labels out of few.
pub(crate) fn random_name(random: &mut Random) -> String {
    let labels = 1 + random.below(4);
    (0..labels).map(|_| *random.pick(&LABELS)).collect::<Vec<_>>().join(".")
}

/// An address out of few.
pub(crate) fn random_address(random: &mut Random) -> IpAddr {
    let last = random.below(8) as u8;
    if random.below(2) == 0 {
        Ipv4Addr::new(10, 0, random.below(2) as u8 * 128, last).into()
    } else {
        Ipv6Addr::new(0x2001, 0xdb8, 0, random.below(2) as u16, 0, 0, 0, last.into()).into()
    }
}

/// The owner of a rule out of few, its kind, and what it matches.
pub(crate) fn random_owner(random: &mut Random) -> (String, TriggerKind, Pattern) {
    let kind = *random.pick(&TriggerKind::ALL);
    let end = kind.label().map(|label| format!(".{label}")).unwrap_or_default();
    if !kind.is_address() {
        let name = random_name(random);
        return if random.below(2) == 0 {
            (format!("{name}{end}"), kind, Pattern::Name(name))
        } else {
            (format!("*.{name}{end}"), kind, Pattern::Below(name))
        };
    }
    let address = random_address(random);
    let lengths = if address.is_ipv4() { [8, 17, 24, 30, 32] } else { [16, 64, 65, 126, 128] };
    let network = IpNet::new(address, *random.pick(&lengths)).expect("length").trunc();
    let parts: Vec<String> = match network.addr() {
        IpAddr::V4(address) => address.to_string().split('.').rev().map(str::to_owned).collect(),
        IpAddr::V6(address) => {
            let text = address.to_string().replace("::", ":zz:");
            text.trim_matches(':').split(':').rev().map(str::to_owned).collect()
        }
    };
    (format!("{}.{}{end}", network.prefix_len(), parts.join(".")), kind, Pattern::Network(network))
}

impl Model {
    /// Changes some rules; returns the records that go and those that come.
    pub(crate) fn change(&mut self, random: &mut Random, steps: u32) -> (Vec<OwnedRecord>, Vec<OwnedRecord>) {
        let before = self.records.clone();
        for _ in 0..steps {
            let (owner, kind, pattern) = random_owner(random);
            self.records.retain(|record| record.owner != name(&owner));
            self.rules.remove(&owner);
            if random.below(3) > 0 {
                let action = *random.pick(&ACTIONS);
                self.records.insert(OwnedRecord::line(&format!("{owner} {action}")));
                if action.starts_with('A') {
                    self.records.insert(OwnedRecord::line(&format!("{owner} TXT text{}", random.below(3))));
                }
                self.rules.insert(owner, (kind, pattern));
            }
        }
        (before.difference(&self.records).cloned().collect(), self.records.difference(&before).cloned().collect())
    }

    pub(crate) fn build(&self) -> PolicyZone {
        let (zone, report) = PolicyZone::build(HASHER, self.records.iter().map(OwnedRecord::borrowed));
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        zone
    }

    /// The owners of all rules that match, with their rank.
    pub(crate) fn matches(
        &self,
        position: usize,
        question: &RpzQuestion<'_>,
        stages: &[Stage<'_>],
    ) -> Vec<(Rank, String)> {
        let mut found = Vec::new();
        for (number, stage) in stages.iter().enumerate() {
            let servers = || stage.servers.iter();
            let server_addresses = || servers().flat_map(|server| server.addresses.iter().copied());
            for (owner, (kind, pattern)) in &self.rules {
                let ranks: Vec<_> = match kind {
                    // The client is looked at once.
                    TriggerKind::ClientIp if number > 0 => vec![],
                    TriggerKind::ClientIp => pattern.ranks([question.client]),
                    TriggerKind::ResponseIp => pattern.ranks(stage.addresses.iter().copied()),
                    TriggerKind::NsIp => pattern.ranks(server_addresses()),
                    TriggerKind::Qname => pattern.name_rank(stage.name, false).into_iter().collect(),
                    TriggerKind::Nsdname => {
                        servers().filter_map(|server| pattern.name_rank(server.name, true)).collect()
                    }
                };
                let best = ranks.into_iter().min();
                found.extend(best.map(|(a, b, c, d)| ((number, position, *kind, a, b, c, d), owner.clone())));
            }
        }
        found
    }
}

impl Pattern {
    fn ranks(
        &self,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Vec<(NameBuf, bool, Reverse<usize>, Option<IpAddr>)> {
        let Pattern::Network(network) = self else { return Vec::new() };
        let length = usize::from(network.prefix_len()) + if network.addr().is_ipv4() { 96 } else { 0 };
        let inside = addresses.into_iter().filter(|address| network.contains(address));
        inside.map(|address| (NameBuf::root(), false, Reverse(length), Some(address))).collect()
    }

    fn name_rank(&self, of: &HashedName, server: bool) -> Option<(NameBuf, bool, Reverse<usize>, Option<IpAddr>)> {
        let text = of.name().to_string().to_lowercase();
        let text = text.trim_end_matches('.');
        let first = if server { of.name().to_canonical() } else { NameBuf::root() };
        match self {
            Pattern::Name(name) if text == name => Some((first, false, Reverse(name.len()), None)),
            Pattern::Below(name) if text.ends_with(&format!(".{name}")) => {
                Some((first, true, Reverse(name.len()), None))
            }
            _ => None,
        }
    }
}
