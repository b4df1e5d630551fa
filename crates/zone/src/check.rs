//! Semantic checks of a zone: what makes it unusable, and what its owner should correct.
//!
//! [`Checker`] looks at a whole zone while it is built; [`check_change`] looks at what a change touches, with
//! the same rules. How bad it is to break one is for [`Rule::severity`] to say.

mod change;
mod denial;
mod target;

use dns::name::MAX_NAME_LEN;
use dns::rdata::rules;
use dns::{Name, NameBuf, NameHasher, RType};

use crate::contents::{Contents, Nsec3Params};
use crate::node::{CUT, DNAME, MAX_NODE_BYTES, MAX_RRSET_RECORDS, NSEC3_ONLY, Node};
use crate::order::labels_of;
use crate::room::{Overflow, ROOMY_NODE_BYTES};
use denial::{Nsec3Link, NsecChain};

pub use crate::finding::{Finding, Rule, Severity, Source};
pub use change::check_change;
pub(crate) use change::{carry, keep};

/// Most findings that are kept for one zone.
pub(crate) const MAX_FINDINGS: usize = 1000;
/// Most name server names that are kept to be looked up at the end.
const MAX_PENDING: usize = 1 << 24;

/// Looks at each node once, in canonical order.
pub struct Checker {
    origin: NameBuf,
    findings: Vec<Finding>,
    /// The key of the last delegation or DNAME, and which of the two.
    above: Option<(Vec<u8>, u16)>,
    /// Owners of NS records and the name servers inside the zone that they name.
    pending: Vec<(Vec<u8>, NameBuf)>,
    /// Other hosts inside the zone that its records name.
    targets: Vec<target::Target>,
    nsec: Option<NsecChain>,
    /// The chains of NSEC3 records that the apex names.
    nsec3: Vec<Nsec3Params>,
    nsec3_links: Vec<Nsec3Link>,
    signed: bool,
}

impl Checker {
    /// A checker for the zone `origin`.
    pub fn new(origin: &Name) -> Checker {
        Checker {
            origin: origin.to_owned(),
            findings: Vec::new(),
            above: None,
            pending: Vec::new(),
            targets: Vec::new(),
            nsec: None,
            nsec3: Vec::new(),
            nsec3_links: Vec::new(),
            signed: false,
        }
    }

    /// The records of one type at one name differ in TTL; the smallest is used (RFC 2181 5.2).
    pub fn ttl_mismatch(&mut self, labels: &[u8], rtype: RType) {
        self.say(Rule::OneTtl, labels, Some(rtype), "records differ in TTL, the smallest is used".into());
    }

    /// An RRset or a node cannot be held, and is left out.
    pub fn too_large(&mut self, labels: &[u8], rtype: RType) {
        let message =
            format!("more than {MAX_NODE_BYTES} octets of one owner, or {MAX_RRSET_RECORDS} records of one type");
        self.say(Rule::Size, labels, Some(rtype), message);
    }

    /// Looks for RRsets that fit into no message, among those of the types that are `wanted`.
    #[inline]
    pub fn room(&mut self, node: &Node<'_>, hasher: NameHasher, wanted: impl Fn(RType) -> bool) {
        if node.octets() <= ROOMY_NODE_BYTES {
            return;
        }
        let mut wire = node.labels().to_vec();
        wire.extend_from_slice(self.origin.as_wire());
        for rrset in node.rrsets().filter(|rrset| wanted(rrset.rtype)) {
            let (owner, (_, signatures)) = (Name::from_validated(&wire), rrset.signatures());
            if let Some(overflow) = Overflow::of(owner, rrset.rtype, hasher, rrset.data(), signatures) {
                let rule = if overflow.is_of_signatures() { Rule::SignedSize } else { Rule::Size };
                self.say(rule, node.labels(), Some(rrset.rtype), overflow.to_string());
            }
        }
    }

    /// A record is left out because its owner is not in the zone.
    pub fn outside(&mut self, owner: &Name, rtype: RType) {
        let message = format!("is not in the zone {}, and left out", self.origin);
        self.find(Finding { rule: Rule::InZone, owner: owner.to_owned(), rtype: Some(rtype), host: None, message });
    }

    fn say(&mut self, rule: Rule, labels: &[u8], rtype: Option<RType>, message: String) {
        let owner = owner_in(labels, &self.origin, &mut [0; MAX_NAME_LEN]).to_owned();
        self.find(Finding { rule, owner, rtype, host: None, message });
    }

    /// The same of a record whose host is to blame.
    fn say_of_host(&mut self, rule: Rule, labels: &[u8], rtype: RType, host: NameBuf, message: String) {
        let owner = owner_in(labels, &self.origin, &mut [0; MAX_NAME_LEN]).to_owned();
        self.find(Finding { rule, owner, rtype: Some(rtype), host: Some(host), message });
    }

    /// What refuses a zone is kept before what does not, where there is no room for both.
    fn find(&mut self, finding: Finding) {
        let refuses = |finding: &Finding| finding.severity(Source::Made) == Severity::Error;
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else if refuses(&finding)
            && let Some(last) = self.findings.iter_mut().rfind(|other| !refuses(other))
        {
            *last = finding;
        }
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
            self.collect_targets(node, key, |_| true);
            self.denial(node, key, flags);
        }
    }

    /// What the apex says about the whole zone.
    fn learn(&mut self, apex: &Node<'_>) {
        self.signed = apex.rrset(RType::DNSKEY).is_some();
        self.nsec3 = Nsec3Params::of(apex);
    }

    /// What can be said of one node; `above` are the flags of the delegation or DNAME that hides it.
    fn node_alone(&mut self, node: &Node<'_>, depth: usize, flags: u16, above: Option<u16>) {
        if depth == 0 {
            self.apex(node);
        } else if node.rrset(RType::SOA).is_some() {
            self.say(Rule::SoaBelowApex, node.labels(), Some(RType::SOA), "SOA below the apex".into());
        }
        self.one_alias(node);
        self.rules(node);
        self.alone(node);
        if above.is_none() {
            self.delegation(node, depth, flags);
        }
        match above {
            Some(above) => self.hidden(node, above),
            None if flags & CUT != 0 && flags & DNAME != 0 => {
                let message = "DNAME beside a delegation (RFC 6672 2.4)".into();
                self.say(Rule::DnameBesideCut, node.labels(), Some(RType::DNAME), message);
            }
            None => {}
        }
    }

    fn apex(&mut self, node: &Node<'_>) {
        match node.rrset(RType::SOA).map_or(0, |soa| soa.count) {
            0 => self.say(Rule::OneSoa, &[], Some(RType::SOA), "no SOA record at the apex".into()),
            1 => {}
            _ => self.say(Rule::OneSoa, &[], Some(RType::SOA), "more than one SOA record".into()),
        }
        if node.rrset(RType::NS).is_none() {
            self.say(Rule::ApexNs, &[], Some(RType::NS), "no NS record at the apex".into());
        }
        self.iterations(node);
    }

    /// Who may delegate, and what stands only at delegations.
    fn delegation(&mut self, node: &Node<'_>, depth: usize, flags: u16) {
        let is_cut = flags & CUT != 0;
        if node.rrset(RType::DS).is_some() && !is_cut {
            let (rule, message) = match depth {
                0 => (Rule::ApexDs, "DS at the apex; it belongs in the parent zone (RFC 4035 2.4)"),
                _ => (Rule::DsAlone, "DS without NS records (RFC 4034 5)"),
            };
            self.say(rule, node.labels(), Some(RType::DS), message.into());
        }
        if is_cut && node.labels().starts_with(b"\x01*") {
            let message = "NS at a wildcard delegates nothing (RFC 4592 4.2)".into();
            self.say(Rule::WildcardNs, node.labels(), Some(RType::NS), message);
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
            self.say(Rule::OneCname, node.labels(), Some(RType::CNAME), "more than one CNAME record".into());
        }
        if dname > 1 {
            self.say(Rule::OneDname, node.labels(), Some(RType::DNAME), "more than one DNAME record".into());
        }
        if cname > 0
            && let Some(rtype) = other.or((dname > 0).then_some(RType::DNAME))
        {
            self.say(Rule::OneCname, node.labels(), Some(RType::CNAME), format!("CNAME beside {rtype}"));
        }
    }

    /// Records that break the rules of their type. Whoever writes one is told so and refused; what is here all the same
    /// came by transfer, or long ago.
    fn rules(&mut self, node: &Node<'_>) {
        let origin = self.origin.clone();
        for rrset in node.rrsets() {
            let Some(rule) = rules::of(rrset.rtype) else { continue };
            let mut wire = [0; MAX_NAME_LEN];
            let owner = owner_in(node.labels(), &origin, &mut wire);
            for fault in rrset.data().filter_map(|data| rule(owner, data).err()) {
                self.say(Rule::OfType, node.labels(), Some(rrset.rtype), fault.to_string());
            }
        }
    }

    /// Records that have to be the only one of their RRset and are not.
    fn alone(&mut self, node: &Node<'_>) {
        for rrset in node.rrsets().filter(|rrset| rrset.count > 1) {
            if let Some(fault) = rrset.data().find_map(|data| rules::needs_to_be_alone(rrset.rtype, data)) {
                self.say(Rule::Alone, node.labels(), Some(rrset.rtype), fault.to_string());
            }
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

    /// Nothing below a DNAME is answered, and only addresses are of use below a delegation.
    fn hidden(&mut self, node: &Node<'_>, above: u16) {
        if node.is_empty() || node.has(NSEC3_ONLY) || node.rrset(RType::NSEC3).is_some() {
            return;
        }
        if above & DNAME != 0 {
            self.say(
                Rule::BelowDname,
                node.labels(),
                None,
                "data below a DNAME is never answered (RFC 6672 2.4)".into(),
            );
        } else if node.rrsets().any(|rrset| !matches!(rrset.rtype, RType::A | RType::AAAA)) {
            self.say(Rule::BelowCut, node.labels(), None, "data below a delegation is never answered".into());
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

    /// What can only be said when the zone is whole.
    pub fn finish(mut self, contents: &Contents) -> Vec<Finding> {
        self.end_link(&[]);
        self.nsec3_rings();
        self.name_servers(contents);
        self.aliased_targets(contents);
        self.findings
    }

    fn name_servers(&mut self, contents: &Contents) {
        for (key, host) in std::mem::take(&mut self.pending) {
            self.name_server(contents, &key, &host);
        }
    }

    /// A name server inside the zone needs an address (RFC 1912 2.3, RFC 9471).
    fn name_server(&mut self, contents: &Contents, owner_key: &[u8], host: &Name) {
        let mut buffer = [0; 256];
        let owner = labels_of(owner_key, &mut buffer).to_vec();
        let node = contents.get(host);
        if node.is_some_and(|node| node.rrset(RType::CNAME).is_some()) {
            self.say(Rule::NameServer, &owner, Some(RType::NS), format!("{host} is an alias (RFC 2181 10.3)"));
        } else if !node.is_some_and(|node| has_address(&node)) && !found_elsewhere(contents, host, &owner) {
            self.say(Rule::NameServer, &owner, Some(RType::NS), format!("{host} has no address in the zone"));
        }
    }
}

/// The name of an owner, given its labels below the apex, in `wire`.
fn owner_in<'w>(labels: &[u8], origin: &Name, wire: &'w mut [u8; MAX_NAME_LEN]) -> &'w Name {
    let len = labels.len() + origin.len();
    wire[..labels.len()].copy_from_slice(labels);
    wire[labels.len()..len].copy_from_slice(origin.as_wire());
    Name::from_validated(&wire[..len])
}

/// Whether the name with this key is below the one with the key `above`.
fn is_below(key: &[u8], above: &[u8]) -> bool {
    key.len() > above.len() && key.starts_with(above) && (above.is_empty() || key[above.len()] == 0)
}

/// Whether a type may have one owner with a CNAME (RFC 4034 3 and 4, RFC 3007 3.1.1).
pub(crate) fn stands_beside_alias(rtype: RType) -> bool {
    matches!(rtype, RType::NSEC | RType::RRSIG | RType::KEY)
}

fn has_address(node: &Node<'_>) -> bool {
    node.rrset(RType::A).is_some() || node.rrset(RType::AAAA).is_some()
}

/// Whether the address of `host` can come from another delegation, which it may be itself, or from a wildcard.
fn found_elsewhere(contents: &Contents, host: &Name, owner: &[u8]) -> bool {
    let zone = contents.origin();
    let upwards = host.ancestors().take_while(|name| name.is_at_or_below(zone));
    for (name, node) in upwards.filter_map(|name| Some((name, contents.get(name)?))) {
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
