//! The prerequisites of an update (RFC 2136 2.4 and 3.2): what must hold before anything is done.

use std::collections::{BTreeSet, HashMap};

use dns::{Class, Name, RType, Rcode, Record};

use super::overlay::canonical;
use crate::contents::Contents;

/// Whether all of them hold; the first that does not gives the response code. Values are compared when all
/// else has been found to hold (3.2.3).
pub fn check(prerequisites: &[Record], contents: &Contents) -> Result<(), Rcode> {
    let mut wanted: HashMap<(&Name, RType), BTreeSet<Vec<u8>>> = HashMap::new();
    for record in prerequisites {
        if record.ttl != 0 {
            return Err(Rcode::FORMERR);
        }
        if !record.owner.is_at_or_below(contents.origin()) {
            return Err(Rcode::NOTZONE);
        }
        match record.class {
            Class::IN => {
                let rrset = wanted.entry((&record.owner, record.rtype)).or_default();
                rrset.insert(canonical(record.rtype, &record.rdata));
            }
            Class::ANY | Class::NONE => existence(record, contents)?,
            _ => return Err(Rcode::FORMERR),
        }
    }
    let holds = |((owner, rtype), data): (&(&Name, RType), &BTreeSet<Vec<u8>>)| {
        let rrset = contents.get(owner).and_then(|node| node.rrset(*rtype));
        rrset.is_some_and(|rrset| {
            usize::from(rrset.count) == data.len()
                && rrset.data().all(|record| data.contains(&canonical(*rtype, record)))
        })
    };
    if wanted.iter().all(holds) { Ok(()) } else { Err(Rcode::NXRRSET) }
}

/// Whether a name or an RRset exists (class ANY), or does not (class NONE).
fn existence(record: &Record, contents: &Contents) -> Result<(), Rcode> {
    if !record.rdata.is_empty() {
        return Err(Rcode::FORMERR);
    }
    let node = contents.get(&record.owner);
    // An empty non-terminal has a node, but is not in use (2.4.4).
    let exists = node.is_some_and(|node| match record.rtype {
        RType::ANY => !node.is_empty(),
        RType::RRSIG => node.rrsets().any(|rrset| rrset.is_signed()),
        rtype => node.rrset(rtype).is_some(),
    });
    match (record.class == Class::ANY, exists, record.rtype) {
        (true, true, _) | (false, false, _) => Ok(()),
        (true, false, RType::ANY) => Err(Rcode::NXDOMAIN),
        (true, false, _) => Err(Rcode::NXRRSET),
        (false, true, RType::ANY) => Err(Rcode::YXDOMAIN),
        (false, true, _) => Err(Rcode::YXRRSET),
    }
}
