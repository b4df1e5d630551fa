//! Semantic checks of a zone: what makes it unusable (errors) and what its owner should look at (warnings).
//!
//! [`Checker`] looks at a whole zone while it is built; [`check_change`] looks at what a change touches, with
//! the same rules.

mod change;

use std::fmt;

use dns::rdata::typed::{Nsec, Nsec3};
use dns::{Name, NameBuf, RType};

use crate::contents::Contents;
use crate::node::{CUT, DNAME, NSEC3_ONLY, Node};
use crate::order::{MAX_KEY_LEN, labels_of, sort_key};

pub use change::check_change;

/// Most findings that are kept for one zone.
pub(crate) const MAX_FINDINGS: usize = 1000;
/// Most name server names that are kept to be looked up at the end.
const MAX_PENDING: usize = 1 << 24;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The zone works, but not as its owner will have meant.
    Warning,
    /// The zone is refused.
    Error,
}

/// Something that is wrong with a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub owner: NameBuf,
    /// At which type, where one is to blame.
    pub rtype: Option<RType>,
    /// What is wrong, for people.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.owner)?;
        if let Some(rtype) = self.rtype {
            write!(f, " {rtype}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Looks at each node once, in canonical order.
pub struct Checker {
    origin: NameBuf,
    findings: Vec<Finding>,
    /// The key of the last delegation or DNAME, and which of the two.
    above: Option<(Vec<u8>, u16)>,
    /// Owners of NS records and the name servers inside the zone that they name.
    pending: Vec<(Vec<u8>, NameBuf)>,
    nsec: Option<NsecChain>,
    nsec3: Option<Nsec3Param>,
    nsec3_links: Vec<(Vec<u8>, Vec<u8>)>,
    signed: bool,
}

/// The chain of NSEC records seen so far.
struct NsecChain {
    owner: Vec<u8>,
    next: Vec<u8>,
}

/// The parameters that the chain in use has.
struct Nsec3Param {
    salt: std::sync::Arc<[u8]>,
    iterations: u16,
}

impl Checker {
    /// A checker for the zone `origin`.
    pub fn new(origin: &Name) -> Checker {
        Checker {
            origin: origin.to_owned(),
            findings: Vec::new(),
            above: None,
            pending: Vec::new(),
            nsec: None,
            nsec3: None,
            nsec3_links: Vec::new(),
            signed: false,
        }
    }

    /// The records of one type at one name differ in TTL; the smallest is used (RFC 2181 5.2).
    pub fn ttl_mismatch(&mut self, labels: &[u8], rtype: RType) {
        self.say(Severity::Warning, labels, Some(rtype), "records differ in TTL, the smallest is used".into());
    }

    /// An RRset or a node cannot be held.
    pub fn too_large(&mut self, labels: &[u8], rtype: RType) {
        self.say(Severity::Error, labels, Some(rtype), "more data than a message can carry".into());
    }

    fn say(&mut self, severity: Severity, labels: &[u8], rtype: Option<RType>, message: String) {
        if self.findings.len() >= MAX_FINDINGS {
            return;
        }
        let mut wire = labels.to_vec();
        wire.extend_from_slice(self.origin.as_wire());
        let owner = Name::from_validated(&wire).to_owned();
        self.findings.push(Finding { severity, owner, rtype, message });
    }

    /// The next node, with its sort key and its depth below the apex.
    pub fn node(&mut self, node: &Node<'_>, key: &[u8], depth: usize, flags: u16) {
        if depth == 0 {
            self.learn(node);
        }
        let above = self.flags_above(key);
        self.node_alone(node, depth, flags, above);
        if above.is_none() {
            if flags & (CUT | DNAME) != 0 {
                self.above = Some((key.to_vec(), flags));
            }
            self.collect_name_servers(node, key, None);
            self.denial(node, key, flags);
        }
    }

    /// What the apex says about the whole zone.
    fn learn(&mut self, apex: &Node<'_>) {
        self.signed = apex.rrset(RType::DNSKEY).is_some();
        self.nsec3 = Contents::nsec3_param(apex).map(|(salt, iterations)| Nsec3Param { salt, iterations });
    }

    /// What can be said of one node; `above` are the flags of the delegation or DNAME that hides it.
    fn node_alone(&mut self, node: &Node<'_>, depth: usize, flags: u16, above: Option<u16>) {
        if depth == 0 {
            self.apex(node);
        } else if node.rrset(RType::SOA).is_some() {
            self.say(Severity::Error, node.labels(), Some(RType::SOA), "SOA below the apex".into());
        }
        self.one_alias(node);
        match above {
            Some(above) => self.hidden(node, above),
            None if flags & CUT != 0 && flags & DNAME != 0 => {
                let message = "DNAME beside a delegation (RFC 6672 2.4)".into();
                self.say(Severity::Error, node.labels(), Some(RType::DNAME), message);
            }
            None => {}
        }
    }

    fn apex(&mut self, node: &Node<'_>) {
        match node.rrset(RType::SOA).map_or(0, |soa| soa.count) {
            0 => self.say(Severity::Error, &[], Some(RType::SOA), "no SOA record at the apex".into()),
            1 => {}
            _ => self.say(Severity::Error, &[], Some(RType::SOA), "more than one SOA record".into()),
        }
        if node.rrset(RType::NS).is_none() {
            self.say(Severity::Error, &[], Some(RType::NS), "no NS record at the apex".into());
        }
        if let Some(param) = self.nsec3.as_ref().filter(|param| param.iterations > dnssec::nsec3::MAX_ITERATIONS) {
            let message = format!("{} iterations, more than {}", param.iterations, dnssec::nsec3::MAX_ITERATIONS);
            self.say(Severity::Error, &[], Some(RType::NSEC3PARAM), message);
        }
    }

    /// RFC 2181 10.1, RFC 6672 2.4, RFC 4035 2.5.
    fn one_alias(&mut self, node: &Node<'_>) {
        let (mut cname, mut dname, mut other) = (0, 0, None);
        for rrset in node.rrsets().filter(|rrset| rrset.count > 0) {
            match rrset.rtype {
                RType::CNAME => cname = rrset.count,
                RType::DNAME => dname = rrset.count,
                rtype if stands_beside_alias(rtype) => {}
                rtype => other = Some(rtype),
            }
        }
        if cname > 1 {
            self.say(Severity::Error, node.labels(), Some(RType::CNAME), "more than one CNAME record".into());
        }
        if dname > 1 {
            self.say(Severity::Error, node.labels(), Some(RType::DNAME), "more than one DNAME record".into());
        }
        if cname > 0
            && let Some(rtype) = other.or((dname > 0).then_some(RType::DNAME))
        {
            self.say(Severity::Error, node.labels(), Some(RType::CNAME), format!("CNAME beside {rtype}"));
        }
    }

    /// The flags of the delegation or DNAME that hides the next node.
    fn flags_above(&mut self, key: &[u8]) -> Option<u16> {
        let (above, flags) = self.above.as_ref()?;
        if !is_below(key, above) {
            self.above = None;
            return None;
        }
        Some(*flags)
    }

    /// Nothing may be below a DNAME, and only addresses are of use below a delegation.
    fn hidden(&mut self, node: &Node<'_>, above: u16) {
        if node.is_empty() || node.has(NSEC3_ONLY) || node.rrset(RType::NSEC3).is_some() {
            return;
        }
        if above & DNAME != 0 {
            self.say(Severity::Error, node.labels(), None, "data below a DNAME (RFC 6672 2.4)".into());
        } else if node.rrsets().any(|rrset| !matches!(rrset.rtype, RType::A | RType::AAAA)) {
            self.say(Severity::Warning, node.labels(), None, "data below a delegation is never answered".into());
        }
    }

    /// Remembers the name servers that this owner names: those in the zone, or at or below `base`.
    fn collect_name_servers(&mut self, node: &Node<'_>, key: &[u8], base: Option<&Name>) {
        let base = base.unwrap_or(&self.origin);
        let Some(rrset) = node.rrset(RType::NS) else { return };
        for host in rrset.data().filter_map(|data| Name::from_wire(data).ok()) {
            if host.is_at_or_below(base) && self.pending.len() < MAX_PENDING {
                self.pending.push((key.to_vec(), host.to_owned()));
            }
        }
    }

    fn denial(&mut self, node: &Node<'_>, key: &[u8], flags: u16) {
        if let Some(nsec) = node.rrset(RType::NSEC).and_then(|rrset| Nsec::parse(rrset.first()?)) {
            self.follow(node, key, nsec.next);
            let missing = node.rrsets().find(|rrset| rrset.count > 0 && !nsec.types.contains(rrset.rtype));
            if let Some(rrset) = missing.filter(|_| flags & CUT == 0) {
                self.say(Severity::Error, node.labels(), Some(RType::NSEC), format!("does not list {}", rrset.rtype));
            }
        } else if self.nsec.is_some() && !node.is_empty() {
            self.say(Severity::Error, node.labels(), Some(RType::NSEC), "missing in a zone with NSEC records".into());
        }
        self.nsec3_links.extend(self.nsec3_link(node, key));
        self.unsigned(node, flags);
    }

    /// The hash of an owner in the chain and the one that it names as the next.
    fn nsec3_link(&self, node: &Node<'_>, key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let param = self.nsec3.as_ref()?;
        let rrset = node.rrset(RType::NSEC3)?;
        let hash = crate::builder::chain_hash(node, key, &(param.salt.clone(), param.iterations))?;
        let mut records = rrset.data().filter_map(Nsec3::parse);
        let in_use = records.find(|n| n.salt == &param.salt[..] && n.iterations == param.iterations)?;
        Some((hash.to_vec(), in_use.next_hashed.to_vec()))
    }

    /// In a signed zone everything authoritative has a signature (RFC 4035 2.2).
    fn unsigned(&mut self, node: &Node<'_>, flags: u16) {
        if !self.signed {
            return;
        }
        let unsigned = node.rrsets().find(|rrset| {
            let authoritative = flags & CUT == 0 || matches!(rrset.rtype, RType::DS | RType::NSEC);
            rrset.count > 0 && authoritative && !rrset.is_signed()
        });
        if let Some(rrset) = unsigned {
            self.say(Severity::Warning, node.labels(), Some(rrset.rtype), "not signed".into());
        }
    }

    /// The last NSEC must name this owner (RFC 4034 4.1.1).
    fn follow(&mut self, node: &Node<'_>, key: &[u8], next: &Name) {
        self.end_link(key);
        let Some(labels) = next.strip_suffix(&self.origin) else {
            self.say(Severity::Error, node.labels(), Some(RType::NSEC), "next name is outside the zone".into());
            return;
        };
        let next = sort_key(labels, &mut [0; MAX_KEY_LEN]).to_vec();
        self.nsec = Some(NsecChain { owner: key.to_vec(), next });
    }

    /// The last NSEC must name the owner with this key.
    fn end_link(&mut self, key: &[u8]) {
        if let Some(chain) = self.nsec.take().filter(|chain| chain.next != key) {
            self.broken(&chain.owner);
        }
    }

    fn broken(&mut self, owner_key: &[u8]) {
        let mut buffer = [0; 256];
        let labels = labels_of(owner_key, &mut buffer).to_vec();
        self.say(
            Severity::Error,
            &labels,
            Some(RType::NSEC),
            "chain is broken: next name is not the next owner".into(),
        );
    }

    /// What can only be said when the zone is whole.
    pub fn finish(mut self, contents: &Contents) -> Vec<Finding> {
        self.end_link(&[]);
        self.nsec3_ring();
        self.name_servers(contents);
        self.findings
    }

    fn name_servers(&mut self, contents: &Contents) {
        for (key, host) in std::mem::take(&mut self.pending) {
            self.name_server(contents, &key, &host);
        }
    }

    fn nsec3_ring(&mut self) {
        let mut links = std::mem::take(&mut self.nsec3_links);
        links.sort_unstable();
        for i in 0..links.len() {
            if links[i].1 != links[(i + 1) % links.len()].0 {
                self.nsec3_broken(&links[i].0);
            }
        }
    }

    fn nsec3_broken(&mut self, hash: &[u8]) {
        let message = "chain is broken: next hash is not the next owner".into();
        self.say(Severity::Error, &nsec3_owner(hash), Some(RType::NSEC3), message);
    }

    /// A name server inside the zone needs an address (RFC 1912 2.3, RFC 9471).
    fn name_server(&mut self, contents: &Contents, owner_key: &[u8], host: &Name) {
        let mut buffer = [0; 256];
        let owner = labels_of(owner_key, &mut buffer).to_vec();
        let node = contents.get(host);
        if node.is_some_and(|node| node.rrset(RType::CNAME).is_some()) {
            self.say(Severity::Error, &owner, Some(RType::NS), format!("{host} is an alias (RFC 2181 10.3)"));
        } else if !node.is_some_and(|node| has_address(&node)) && !found_elsewhere(contents, host, &owner) {
            self.say(Severity::Error, &owner, Some(RType::NS), format!("{host} has no address in the zone"));
        }
    }
}

/// Whether the name with this key is below the one with the key `above`.
fn is_below(key: &[u8], above: &[u8]) -> bool {
    key.len() > above.len() && key.starts_with(above) && (above.is_empty() || key[above.len()] == 0)
}

/// The labels of the owner of an NSEC3 record (RFC 5155 3).
fn nsec3_owner(hash: &[u8]) -> Vec<u8> {
    let mut labels = vec![dnssec::nsec3::LABEL_LEN as u8];
    labels.extend(hash.first_chunk().map(dnssec::nsec3::label).into_iter().flatten());
    labels
}

/// Whether a type may have one owner with a CNAME (RFC 4034 3 and 4, RFC 3007 3.1.1).
pub(crate) fn stands_beside_alias(rtype: RType) -> bool {
    matches!(rtype, RType::NSEC | RType::RRSIG | RType::KEY)
}

fn has_address(node: &Node<'_>) -> bool {
    node.rrset(RType::A).is_some() || node.rrset(RType::AAAA).is_some()
}

/// Whether the address of `host` can come from another delegation or from a wildcard.
fn found_elsewhere(contents: &Contents, host: &Name, owner: &[u8]) -> bool {
    let zone = contents.origin();
    let above = host.ancestors().skip(1).take_while(|name| name.is_at_or_below(zone));
    for (name, node) in above.filter_map(|name| Some((name, contents.get(name)?))) {
        if name != zone && node.rrset(RType::NS).is_some() {
            return name.strip_suffix(zone) != Some(owner);
        }
        let wildcard = name.prepend(b"*").ok();
        if wildcard.and_then(|wildcard| contents.get(&wildcard).map(|node| has_address(&node))) == Some(true) {
            return true;
        }
    }
    false
}
