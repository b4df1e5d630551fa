//! What NS, MX and SRV records name instead of a host: an alias, or an address in place of a name.

use std::net::IpAddr;

use dns::{Name, NameBuf, RType};

use super::{Checker, MAX_PENDING, Rule};
use crate::contents::Contents;
use crate::node::{CUT, DNAME, Node};
use crate::order::labels_of;

/// A host that a record of the zone names.
pub(super) struct Target {
    /// The key of the owner.
    key: Vec<u8>,
    rtype: RType,
    host: NameBuf,
}

/// Where the host begins in the data of a type that names one.
fn host_at(rtype: RType) -> Option<usize> {
    match rtype {
        RType::NS => Some(0),
        RType::MX => Some(2),
        RType::SRV => Some(6),
        _ => None,
    }
}

impl Checker {
    /// Looks at the hosts that the records of a node name, of the types that are `wanted`: at their text now, and where
    /// they are in the zone, at what they are when the zone is whole. Name servers are looked at there anyway.
    pub(super) fn collect_targets(&mut self, node: &Node<'_>, key: &[u8], wanted: impl Fn(RType) -> bool) {
        for rrset in node.rrsets().filter(|rrset| wanted(rrset.rtype)) {
            let Some(at) = host_at(rrset.rtype) else { continue };
            for host in rrset.data().filter_map(|data| Name::from_wire(data.get(at..)?).ok()) {
                if is_address(host, &self.origin) {
                    let message = format!("{host} is an address, where the name of a host belongs (RFC 1035 3.3.9)");
                    self.say(Rule::Host, node.labels(), Some(rrset.rtype), message);
                } else if rrset.rtype != RType::NS
                    && host.is_at_or_below(&self.origin)
                    && !host.is_root()
                    && self.targets.len() < MAX_PENDING
                {
                    self.targets.push(Target { key: key.to_vec(), rtype: rrset.rtype, host: host.to_owned() });
                }
            }
        }
    }

    /// Mail exchangers (RFC 2181 10.3) and hosts of services (RFC 2782) must not be aliases.
    pub(super) fn aliased_targets(&mut self, contents: &Contents) {
        for Target { key, rtype, host } in std::mem::take(&mut self.targets) {
            if leads_to_alias(contents, &host) {
                let mut buffer = [0; 256];
                let owner = labels_of(&key, &mut buffer).to_vec();
                let rule = if rtype == RType::MX { "RFC 2181 10.3" } else { "RFC 2782" };
                let message = format!("{host} is an alias ({rule})");
                self.say_of_host(Rule::Host, &owner, rtype, host, message);
            }
        }
    }
}

/// Whether a name that comes or goes can change what a host is ([`leads_to_alias`]): they have an ancestor below the apex
/// in common, whose existence may hang on the name, or the name is a wildcard at the apex or the apex itself.
pub(super) fn may_concern(origin: &Name, name: &Name, host: &Name) -> bool {
    let depth = name.label_count().checked_sub(origin.label_count() + 1);
    let top = depth.and_then(|depth| name.ancestors().nth(depth));
    top.is_none_or(|top| top.is_wildcard() || host.is_at_or_below(top))
}

/// Whether a name of the zone is an alias: by a CNAME of its own or of a wildcard, or by a DNAME above it.
fn leads_to_alias(contents: &Contents, host: &Name) -> bool {
    let is_alias = |node: Node<'_>| node.rrset(RType::CNAME).is_some();
    let own = contents.get(host).map(is_alias);
    let mut closest = None;
    for name in host.ancestors().skip(1).take_while(|name| name.is_at_or_below(contents.origin())) {
        let Some(node) = contents.get(name) else { continue };
        closest = closest.or(Some(name));
        if node.has(DNAME) {
            return true;
        }
        if node.has(CUT) {
            return false;
        }
    }
    let wildcard = || contents.get(&closest?.prepend(b"*").ok()?).map(is_alias);
    own.or_else(wildcard).unwrap_or(false)
}

/// Whether a name reads as an address, by itself or with the zone's name behind it: who writes a zone file forgets the
/// dot as easily as the name.
fn is_address(host: &Name, origin: &Name) -> bool {
    let labels = host.strip_suffix(origin).filter(|labels| !labels.is_empty());
    let Some(labels) = labels.or_else(|| host.strip_suffix(Name::root())) else { return false };
    let mut text = [0; 40];
    let (mut len, mut rest) = (0, labels);
    while let Some((&count, behind)) = rest.split_first() {
        let Some((label, next)) = behind.split_at_checked(usize::from(count)) else { return false };
        let digits = label.iter().all(|octet| octet.is_ascii_hexdigit() || *octet == b':');
        let dot = usize::from(len > 0);
        let Some(room) = text.get_mut(len..len + dot + label.len()).filter(|_| digits) else { return false };
        room[..dot].fill(b'.');
        room[dot..].copy_from_slice(label);
        (len, rest) = (len + dot + label.len(), next);
    }
    std::str::from_utf8(&text[..len]).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use crate::change::RrsetChange;
    use crate::check::check_change;
    use crate::diff::diff;
    use crate::testing::{name, zone};

    const ZONE: &str = "@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2\nalias CNAME www\n\
                        *.wild CNAME www\n*.none TXT x\ntree DNAME other.\nsub NS ns.other.\n";

    /// What the check of the whole zone and that of the change both say of a line.
    fn found(line: &str) -> Vec<String> {
        let (before, after) = (zone(ZONE).0, zone(&format!("{ZONE}{line}\n")));
        let changes: Vec<RrsetChange> = diff(&before, &after.0);
        let mut of_change: Vec<String> = check_change(&after.0, &changes).iter().map(ToString::to_string).collect();
        let mut of_zone: Vec<String> = after.1.iter().map(ToString::to_string).collect();
        of_change.sort();
        of_zone.sort();
        assert_eq!(of_change, of_zone, "{line}");
        of_zone
    }

    #[test]
    fn hosts_that_are_aliases() {
        for (line, wanted) in [
            ("m MX 10 alias", "m.example. MX: alias.example. is an alias (RFC 2181 10.3)"),
            ("m MX 10 ALIAS", "m.example. MX: ALIAS.example. is an alias (RFC 2181 10.3)"),
            ("m MX 10 a.b.wild", "m.example. MX: a.b.wild.example. is an alias (RFC 2181 10.3)"),
            ("m MX 10 x.tree", "m.example. MX: x.tree.example. is an alias (RFC 2181 10.3)"),
            ("_s._tcp SRV 1 2 3 alias", "_s._tcp.example. SRV: alias.example. is an alias (RFC 2782)"),
            ("*.m MX 10 alias", "*.m.example. MX: alias.example. is an alias (RFC 2181 10.3)"),
        ] {
            assert_eq!(found(line), [wanted], "{line}");
        }
        for line in [
            "m MX 10 www",
            "m MX 0 .",
            "m MX 10 tree",
            "m MX 10 x.none",
            "m MX 10 alias.other.",
            "s SRV 0 0 0 .",
            "m MX 10 x.sub",
        ] {
            assert_eq!(found(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn addresses_in_place_of_hosts() {
        for line in [
            "m MX 10 192.0.2.1.",
            "m MX 10 192.0.2.1",
            "m MX 10 2001:db8::1",
            "m MX 10 2001:db8::1.",
            "s SRV 1 2 3 192.0.2.1.",
            "d NS 192.0.2.1.",
        ] {
            let found = found(line);
            assert!(found.len() == 1 && found[0].contains("is an address"), "{line}: {found:?}");
        }
        for line in
            ["m MX 10 192.0.2.", "m MX 10 192.0.2.1.2.", "m MX 10 192.0.2.256.", "m MX 10 fe.ed.", "m MX 10 mail4."]
        {
            assert_eq!(found(line), [""; 0], "{line}");
        }
        assert!(!super::is_address(&name("1.2.0.192.in-addr.arpa."), &name("2.0.192.in-addr.arpa.")));
    }
}
