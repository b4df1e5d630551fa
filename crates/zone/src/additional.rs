//! Addresses of the names that an answer mentions (RFC 1034 4.3.2 step 6, RFC 9471 for glue).

use dns::rdata::typed::target;
use dns::response::{Owner, Section, Writer};
use dns::{Name, RType};

use crate::contents::Contents;
use crate::node::{CUT, Node, Rrset};
use crate::write::write_rrset;

/// Most names of one RRset whose addresses are added.
const MAX_TARGETS: usize = 32;

/// Adds the addresses of the name servers of a delegation. Those below the cut itself must be there,
/// or the response is truncated (RFC 9471 2.1); others are added as they fit.
pub fn glue(zone: &Contents, cut: &Node<'_>, servers: &Rrset<'_>, dnssec_ok: bool, w: &mut Writer<'_>) {
    let hosts = || servers.data().filter_map(|data| Name::from_wire(data).ok()).take(MAX_TARGETS);
    let below = |host: &Name| {
        host.strip_suffix(zone.origin()).is_some_and(|labels| {
            labels.len() >= cut.labels().len()
                && dns::name::eq_ignore_case(&labels[labels.len() - cut.labels().len()..], cut.labels())
        })
    };
    for required in [true, false] {
        for host in hosts().filter(|host| below(host) == required) {
            if !addresses(zone, host, dnssec_ok, w) && required {
                w.set_truncated();
                return;
            }
        }
    }
}

/// Adds the addresses of the names that an RRset of an answer points to, where they fit.
pub fn of_answer(zone: &Contents, rrset: &Rrset<'_>, dnssec_ok: bool, w: &mut Writer<'_>) {
    for data in rrset.data().take(MAX_TARGETS) {
        if let Some(host) = target(rrset.rtype, data).filter(|_| wants_addresses(rrset.rtype)) {
            addresses(zone, host, dnssec_ok, w);
        }
    }
}

fn wants_addresses(rtype: RType) -> bool {
    matches!(
        rtype,
        RType::NS | RType::MX | RType::SRV | RType::SVCB | RType::HTTPS | RType::AFSDB | RType::KX | RType::NAPTR
    )
}

/// Whether all addresses of `host` that the zone knows fitted.
fn addresses(zone: &Contents, host: &Name, dnssec_ok: bool, w: &mut Writer<'_>) -> bool {
    let Some(node) = zone.get(host) else { return true };
    let signed = dnssec_ok && !node.has(CUT);
    let mark = w.mark();
    for rtype in [RType::A, RType::AAAA] {
        let Some(rrset) = node.rrset(rtype) else { continue };
        if write_rrset(w, Section::Additional, Owner::Name(host), &rrset, rrset.ttl, signed).is_err() {
            w.rollback(mark);
            return false;
        }
    }
    true
}
