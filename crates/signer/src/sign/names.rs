//! The chain of NSEC records (RFC 4034 4, RFC 4035 2.3).

use std::collections::BTreeSet;

use dns::rdata::bitmap;
use dns::{Name, NameBuf, RType};
use zone::{Contents, Edit, Records, Standing};

use super::Draft;

impl Draft<'_> {
    /// Keeps the chain in step: the touched names and those before them.
    pub(super) fn plain(&mut self, mut touched: BTreeSet<NameBuf>) {
        let (mut ring, mut edits) = (self.after.name_ring(), Vec::new());
        // For each name whether it shall be in the chain, and whether that is new. There may be millions: nothing is cloned.
        let mut places = Vec::with_capacity(touched.len());
        for owner in &touched {
            let (wanted, has) = (belongs(&self.after, owner), ring.contains(owner));
            if !wanted && has {
                edits.push(Edit { owner: owner.clone(), rtype: RType::NSEC, records: None });
            }
            if wanted != has {
                ring.set(owner, wanted);
            }
            places.push((wanted, wanted != has));
        }
        let moved = touched.iter().zip(&places).filter(|(_, (_, is_new))| *is_new);
        let before = moved.filter_map(|(owner, _)| ring.before(owner)).filter(|before| !touched.contains(before));
        let before: BTreeSet<NameBuf> = before.collect();
        let mut wanted = places.into_iter().map(|(wanted, _)| wanted);
        touched.retain(|_| wanted.next().unwrap_or(false));
        touched.extend(before);
        for owner in touched {
            let Some(next) = ring.next(&owner) else { continue };
            let mut rdata = next.as_wire().to_vec();
            bitmap::encode(types_at(&self.after, &owner), &mut rdata);
            edits.extend(self.unless_there(owner, RType::NSEC, rdata));
            self.apply_some(&mut edits);
        }
        self.apply(edits);
    }

    /// The edit that puts this record of denial there; `None` if it is there.
    pub(super) fn unless_there(&self, owner: NameBuf, rtype: RType, rdata: Vec<u8>) -> Option<Edit> {
        let now = self.after.records(&owner, rtype);
        if now.is_some_and(|now| now.ttl == self.denial_ttl && now.data == [&rdata[..]]) {
            return None;
        }
        let records = Records { ttl: self.denial_ttl, data: vec![rdata], signatures: Vec::new() };
        Some(Edit { owner, rtype, records: Some(records) })
    }
}

/// Whether a name has an NSEC record (RFC 4035 2.3): it has records, and they are the zone's own or delegate.
pub fn belongs(contents: &Contents, owner: &Name) -> bool {
    let others = |rtype| !matches!(rtype, RType::NSEC | RType::NSEC3);
    contents.standing(owner) != Standing::Occluded
        && contents.get(owner).is_some_and(|node| node.rrsets().any(|rrset| rrset.count > 0 && others(rrset.rtype)))
}

/// The types that the NSEC record of a name lists.
pub fn types_at(contents: &Contents, owner: &Name) -> Vec<RType> {
    [own_types(contents, owner), vec![RType::NSEC, RType::RRSIG]].concat()
}

/// The types at a name that are the zone's own to tell of, without those of denial and signatures (RFC 4035 2.3).
pub fn own_types(contents: &Contents, owner: &Name) -> Vec<RType> {
    let standing = contents.standing(owner);
    let tells = |rtype: RType| match standing {
        Standing::Authoritative => !matches!(rtype, RType::NSEC | RType::NSEC3),
        Standing::Delegation => matches!(rtype, RType::NS | RType::DS),
        Standing::Occluded => false,
    };
    let node = contents.get(owner);
    let rrsets = node.iter().flat_map(|node| node.rrsets()).filter(|rrset| rrset.count > 0);
    rrsets.map(|rrset| rrset.rtype).filter(|rtype| tells(*rtype)).collect()
}
