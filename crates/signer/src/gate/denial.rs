//! Whether the records of denial prove what they have to, as a validator would judge them (RFC 4035 5.4, RFC 5155 8), and
//! whether the ring is whole.

use dns::rdata::typed::{Nsec, Nsec3};
use dns::{Name, NameBuf, RType};
use dnssec::denial::Denial;
use dnssec::nsec::{nsec_denies_name, nsec_denies_type};
use dnssec::nsec3::{Hash, HashBudget, hash, nsec3_denies_name, nsec3_denies_type};
use zone::contents::Nsec3Params;
use zone::{Contents, Standing};

use super::GateError;
use crate::sign::hashed_owner;

/// A type that no zone has: what is denied where a name exists (RFC 6895 3.1: for private use).
const ABSENT: RType = RType(65_534);
/// Hashes that one proof takes.
const MAX_HASHES: u32 = 1024;

/// The chain that proves.
enum Chain<'a> {
    Nsec(&'a Contents),
    Nsec3(&'a Contents, Nsec3Params),
}

/// Owners and data of records of denial.
type Proof = Vec<(NameBuf, Vec<u8>)>;

/// Judges what is proven at a name that changed: it is not denied if it exists, its types are told, and it is denied if it
/// does not exist.
pub fn check_name(nsec3: Option<&Nsec3Params>, after: &Contents, owner: &NameBuf) -> Result<(), GateError> {
    let chain = match nsec3 {
        Some(params) => Chain::Nsec3(after, params.clone()),
        None => Chain::Nsec(after),
    };
    let origin = after.origin();
    let wrong = |what| Err(GateError::Denial { owner: owner.clone(), what });
    if !chain.is_linked_at(origin, owner) {
        return wrong("the record before it or at it does not lead to the next one");
    }
    let standing = after.standing(owner);
    if standing == Standing::Occluded || is_hashed_owner(after, owner) {
        return Ok(());
    }
    let node = after.get(owner).filter(|_| after.has_name(owner));
    let proof = chain.proof(origin, owner);
    let Some(node) = node else {
        let is_denied = has_wildcard(after, owner) || chain.denies_name(&proof, origin, owner).is_proved();
        return if is_denied { Ok(()) } else { wrong("the name does not exist, and nothing proves it") };
    };
    if chain.denies_name(&proof, origin, owner).is_proved() {
        return wrong("the name exists, and is denied");
    }
    let told = |rtype: RType| standing == Standing::Authoritative || matches!(rtype, RType::NS | RType::DS);
    let types = node.rrsets().filter(|rrset| rrset.count > 0).map(|rrset| rrset.rtype);
    let denied = |rtype| chain.denies_type(&proof, origin, owner, rtype);
    if types.filter(|rtype| told(*rtype)).any(|rtype| denied(rtype) == Denial::Proved) {
        return wrong("a type exists there, and is denied");
    }
    // An alias answers for every type (RFC 6840 4.3), and a parent does not speak for its child.
    let is_plain = standing == Standing::Authoritative && node.rrset(RType::CNAME).is_none();
    if is_plain && !denied(ABSENT).is_proved() {
        return wrong("a type does not exist there, and nothing proves it");
    }
    Ok(())
}

/// Whether a name is the owner of NSEC3 records alone.
fn is_hashed_owner(contents: &Contents, owner: &Name) -> bool {
    contents.get(owner).is_some() && !contents.has_name(owner)
}

/// The longest ancestor of a name that exists.
fn closest_encloser<'n>(contents: &Contents, owner: &'n Name) -> &'n Name {
    let mut ancestors = owner.ancestors().skip(1);
    ancestors.find(|ancestor| contents.has_name(ancestor)).unwrap_or(Name::root())
}

fn has_wildcard(contents: &Contents, owner: &Name) -> bool {
    let wildcard = closest_encloser(contents, owner).prepend(b"*");
    wildcard.is_ok_and(|wildcard| contents.has_name(&wildcard))
}

impl Chain<'_> {
    /// The records that an answer about a name would have.
    fn proof(&self, origin: &Name, owner: &Name) -> Proof {
        let contents = match self {
            Chain::Nsec(contents) | Chain::Nsec3(contents, _) => contents,
        };
        let encloser = if contents.has_name(owner) { owner } else { closest_encloser(contents, owner) };
        let next_closer = owner.ancestors().take_while(|ancestor| *ancestor != encloser).last();
        let wildcard = encloser.prepend(b"*").ok();
        let names = [Some(owner), Some(encloser), next_closer, wildcard.as_deref()];
        names.into_iter().flatten().filter_map(|name| self.at_or_before(origin, name)).collect()
    }

    /// The record of a name, or the one that covers it.
    fn at_or_before(&self, origin: &Name, name: &Name) -> Option<(NameBuf, Vec<u8>)> {
        let (contents, owner, rtype) = match self {
            Chain::Nsec(contents) => {
                let ring = contents.name_ring();
                let owner = if ring.contains(name) { name.to_owned() } else { ring.before(name)? };
                (contents, owner, RType::NSEC)
            }
            Chain::Nsec3(contents, params) => {
                let (ring, hash) = (contents.hash_ring(params), hash(name, &params.salt, params.iterations));
                let hash = if ring.contains(&hash) { hash } else { ring.before(&hash)? };
                (contents, hashed_owner(origin, &hash), RType::NSEC3)
            }
        };
        let records = contents.records(&owner, rtype)?;
        Some((owner, records.data.into_iter().next()?))
    }

    /// Whether the records at and before a name each lead to the next one of the ring.
    fn is_linked_at(&self, origin: &Name, name: &Name) -> bool {
        match self {
            Chain::Nsec(contents) => {
                let ring = contents.name_ring();
                let leads = |owner: &NameBuf| {
                    let records = contents.records(owner, RType::NSEC);
                    let next =
                        records.as_ref().and_then(|records| Nsec::parse(records.data.first()?)).map(|nsec| nsec.next);
                    next.is_some() && next == ring.next(owner).as_deref()
                };
                let here = ring.contains(name).then(|| name.to_owned());
                here.iter().chain(&ring.before(name)).all(leads)
            }
            Chain::Nsec3(contents, params) => {
                let ring = contents.hash_ring(params);
                let leads = |hash: &Hash| {
                    let records = contents.records(&hashed_owner(origin, hash), RType::NSEC3);
                    let nsec3 = records.as_ref().and_then(|records| Nsec3::parse(records.data.first()?));
                    nsec3.is_some_and(|nsec3| ring.next(hash).is_some_and(|next| nsec3.next_hashed == next))
                };
                let hash = hash(name, &params.salt, params.iterations);
                let here = ring.contains(&hash).then_some(hash);
                here.iter().chain(&ring.before(&hash)).all(leads)
            }
        }
    }

    fn denies_name(&self, proof: &Proof, origin: &Name, owner: &Name) -> Denial {
        let records = borrowed(proof);
        match self {
            Chain::Nsec(_) => nsec_denies_name(&records, origin, owner),
            Chain::Nsec3(_, params) => {
                nsec3_denies_name(&records, origin, owner, params.iterations, &mut HashBudget::new(MAX_HASHES))
            }
        }
    }

    fn denies_type(&self, proof: &Proof, origin: &Name, owner: &Name, rtype: RType) -> Denial {
        let records = borrowed(proof);
        match self {
            Chain::Nsec(_) => nsec_denies_type(&records, origin, owner, rtype),
            Chain::Nsec3(_, params) => {
                let mut budget = HashBudget::new(MAX_HASHES);
                nsec3_denies_type(&records, origin, owner, rtype, params.iterations, &mut budget)
            }
        }
    }
}

fn borrowed(proof: &Proof) -> Vec<(&Name, &[u8])> {
    proof.iter().map(|(owner, rdata)| (&**owner, &rdata[..])).collect()
}
