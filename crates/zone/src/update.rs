//! Dynamic update (RFC 2136 sections 2 and 3): from the octets of a message and a version of a zone to the
//! RRsets that change, or to the response code. Pure; the control plane calls it, the committer carries the
//! edits out and gives the zone its next serial.
//!
//! All of a message happens or nothing does, and each of its operations sees those before it.

mod overlay;
mod prerequisite;
#[cfg(test)]
mod tests;

use dns::rdata::rules::{self, Fault};
use dns::rdata::typed::Soa;
use dns::rdata::wire;
use dns::{Class, Edns, Header, Message, Name, NameBuf, Opcode, RType, Rcode, Record};

use crate::check::stands_beside_alias;
use crate::contents::Contents;
use crate::draft::Edit;
use overlay::{Overlay, Rrset};

/// An UPDATE message (RFC 2136 2) whose zone section is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateMessage {
    /// Identifier and flags.
    pub header: Header,
    /// The zone to be changed (2.3).
    pub zone: NameBuf,
    /// What must hold (2.4).
    pub prerequisites: Vec<Record>,
    /// What is to be done (2.5).
    pub updates: Vec<Record>,
    /// The OPT record.
    pub edns: Option<Edns>,
}

/// Takes an UPDATE request apart and processes its zone section (RFC 2136 3.1.1). Whether the zone is one of
/// ours (3.1.2) is for the caller to find out.
///
/// Errors: FORMERR for what is not well-formed or has not exactly one SOA in its zone section, NOTAUTH for
/// classes other than IN.
pub fn parse(message: &[u8]) -> Result<UpdateMessage, Rcode> {
    let message = Message::parse(message).map_err(|_| Rcode::FORMERR)?;
    if message.header.opcode != Opcode::UPDATE || message.header.qr {
        return Err(Rcode::FORMERR);
    }
    let [zone] = <[_; 1]>::try_from(message.questions).map_err(|_| Rcode::FORMERR)?;
    if zone.rtype != RType::SOA {
        return Err(Rcode::FORMERR);
    }
    if zone.class != Class::IN {
        return Err(Rcode::NOTAUTH);
    }
    Ok(UpdateMessage {
        header: message.header,
        zone: zone.name,
        prerequisites: message.answers,
        updates: message.authorities,
        edns: message.edns,
    })
}

/// What an update makes of the zone: one edit for each RRset that is another afterwards, none where nothing
/// changes. An empty list means that the zone stays as it is, serial included (RFC 2136 3.6).
///
/// `may` says whether the requestor may change records of an owner and a type. It is asked for every record
/// of the update section; where all RRsets of a name are to go, for [`RType::ANY`] and, if that is not
/// granted, for each type that would go. NSEC, NSEC3 and RRSIG records are nobody's to change: the server
/// makes them.
///
/// Errors: the response code of RFC 2136 3.2 to 3.4; REFUSED as well for records that break the rules of their type
/// ([`rules`]). Whether the zone is one that can be served afterwards is for the caller to find out.
pub fn apply(
    update: &UpdateMessage,
    contents: &Contents,
    may: &dyn Fn(&Name, RType) -> bool,
) -> Result<Vec<Edit>, Rcode> {
    contents.ask_for(update.updates.iter().map(|record| &*record.owner));
    prerequisite::check(&update.prerequisites, contents)?;
    if !update.updates.iter().all(|record| is_permitted(record, contents, may)) {
        return Err(Rcode::REFUSED);
    }
    for record in &update.updates {
        prescan(record, contents)?;
    }
    let mut overlay = Overlay::new(contents, update.updates.len());
    for record in &update.updates {
        match record.class {
            Class::ANY => delete_rrsets(record, &mut overlay),
            Class::NONE => delete_record(record, &mut overlay),
            _ => add(record, &mut overlay),
        }
    }
    Ok(overlay.edits())
}

/// RFC 2136 3.3.
fn is_permitted(record: &Record, contents: &Contents, may: &dyn Fn(&Name, RType) -> bool) -> bool {
    if record.class != Class::ANY || record.rtype != RType::ANY {
        return !is_made_here(record.rtype) && may(&record.owner, record.rtype);
    }
    let node = contents.get(&record.owner);
    let mut going = node.iter().flat_map(|node| node.rrsets()).map(|rrset| rrset.rtype);
    may(&record.owner, RType::ANY)
        || going.all(|rtype| stays(&record.owner, rtype, contents) || may(&record.owner, rtype))
}

/// Denial and signatures belong to whoever signs the zone.
fn is_made_here(rtype: RType) -> bool {
    matches!(rtype, RType::NSEC | RType::NSEC3 | RType::RRSIG)
}

/// Whether an RRset stays where all RRsets of its owner are deleted (RFC 2136 3.4.2.3).
fn stays(owner: &Name, rtype: RType, contents: &Contents) -> bool {
    is_made_here(rtype) || is_vital(owner, rtype, contents)
}

/// No zone is without these.
fn is_vital(owner: &Name, rtype: RType, contents: &Contents) -> bool {
    matches!(rtype, RType::SOA | RType::NS) && owner == contents.origin()
}

/// RFC 2136 3.4.1, and the rules of each type. `is_meta` is more than the RFC names: all that no zone can hold (RFC 6895 3.1).
fn prescan(record: &Record, contents: &Contents) -> Result<(), Rcode> {
    if !record.owner.is_at_or_below(contents.origin()) {
        return Err(Rcode::NOTZONE);
    }
    let well_formed = match record.class {
        Class::IN => !record.rtype.is_meta(),
        Class::ANY => {
            let typed = record.rtype == RType::ANY || !record.rtype.is_meta();
            record.ttl == 0 && record.rdata.is_empty() && typed
        }
        // Absent data is none of its type, unless that takes none.
        Class::NONE => {
            record.ttl == 0 && !record.rtype.is_meta() && wire::validate(record.rtype, &record.rdata).is_ok()
        }
        _ => false,
    };
    if !well_formed {
        return Err(Rcode::FORMERR);
    }
    let brings = record.class == Class::IN;
    match rules::check(&record.owner, record.rtype, &record.rdata).err().and_then(Fault::refuses) {
        Some(_) if brings => Err(Rcode::REFUSED),
        _ => Ok(()),
    }
}

/// RFC 2136 3.4.2.2, for DNAME RFC 6672 5.2.
fn add<'a>(record: &'a Record, overlay: &mut Overlay<'a>) {
    let owner = overlay.owner(&record.owner);
    let clashes = match record.rtype {
        RType::CNAME => owner.has_type(|rtype| rtype != RType::CNAME && !stands_beside_alias(rtype)),
        rtype => !stands_beside_alias(rtype) && owner.has_type(|rtype| rtype == RType::CNAME),
    };
    if clashes {
        return;
    }
    let rrset = owner.rrset(record.rtype);
    match record.rtype {
        RType::SOA if !is_later(record, rrset) => return,
        RType::SOA | RType::CNAME | RType::DNAME => rrset.keep(|_| false),
        RType::WKS => rrset.keep(|data| !is_same_service(data, &record.rdata)),
        _ => {}
    }
    rrset.insert(ttl(record), &record.rdata);
}

/// A TTL with the highest bit set is none (RFC 2181 8).
fn ttl(record: &Record) -> u32 {
    if i32::try_from(record.ttl).is_ok() { record.ttl } else { 0 }
}

fn is_later(record: &Record, rrset: &Rrset) -> bool {
    let current = rrset.data().next().and_then(Soa::parse);
    current.zip(Soa::parse(&record.rdata)).is_some_and(|(old, new)| dns::serial::is_later(new.serial, old.serial))
}

/// WKS records with one address and protocol are the same service, whatever its ports (RFC 2136 1.1.5).
fn is_same_service(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<5>() == b.first_chunk::<5>()
}

/// RFC 2136 3.4.2.3.
fn delete_rrsets<'a>(record: &'a Record, overlay: &mut Overlay<'a>) {
    let contents = overlay.contents();
    let owner = overlay.owner(&record.owner);
    if record.rtype != RType::ANY {
        if !is_vital(&record.owner, record.rtype, contents) {
            owner.rrset(record.rtype).keep(|_| false);
        }
        return;
    }
    for rtype in owner.types() {
        if !stays(&record.owner, rtype, contents) {
            owner.rrset(rtype).keep(|_| false);
        }
    }
}

/// RFC 2136 3.4.2.4.
fn delete_record<'a>(record: &'a Record, overlay: &mut Overlay<'a>) {
    let vital = is_vital(&record.owner, record.rtype, overlay.contents());
    let rrset = overlay.owner(&record.owner).rrset(record.rtype);
    if vital && (record.rtype == RType::SOA || rrset.len() == 1) {
        return;
    }
    rrset.remove(&record.rdata);
}
