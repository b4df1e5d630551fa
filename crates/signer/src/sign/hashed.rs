//! The chain of NSEC3 records (RFC 5155 3, 7.1).

use std::collections::{BTreeMap, BTreeSet};

use dns::rdata::bitmap;
use dns::rdata::typed::Nsec3;
use dns::{Name, NameBuf, RType};
use dnssec::nsec3::{Hash, hash, label};
use zone::contents::Nsec3Params;
use zone::{Contents, Edit, Standing};

use super::Draft;
use super::names::own_types;

/// Delegations without DS may be missing behind this record (RFC 5155 3.1.2.1).
pub const OPT_OUT: u8 = 1;
/// SHA-1, the only hash algorithm (RFC 5155 11).
const SHA1: u8 = 1;

impl Draft<'_> {
    /// Keeps the chain in step: the touched names, the empty non-terminals above them, and the hashes before those.
    pub(super) fn hashed(&mut self, params: &Nsec3Params, touched: BTreeSet<NameBuf>) {
        let mut ring = self.after.hash_ring(params);
        let mut affected: BTreeMap<Hash, Option<NameBuf>> = BTreeMap::new();
        let (mut edits, mut moved) = (Vec::new(), Vec::new());
        for owner in with_ancestors(touched, &self.signer.origin) {
            let hash = hash(&owner, &params.salt, params.iterations);
            let (wanted, has) = (belongs(&self.after, &owner, self.signer.opts_out()), ring.contains(&hash));
            if wanted {
                affected.insert(hash, Some(owner));
            } else if has {
                edits.push(Edit { owner: self.hashed_owner(&hash), rtype: RType::NSEC3, records: None });
            }
            if wanted != has {
                ring.set(&hash, wanted);
                moved.push(hash);
            }
        }
        for hash in moved {
            if let Some(before) = ring.before(&hash) {
                affected.entry(before).or_insert(None);
            }
        }
        for (hash, owner) in affected {
            let Some(next) = ring.next(&hash) else { continue };
            let record_owner = self.hashed_owner(&hash);
            let rdata = match owner {
                Some(owner) => Some(self.nsec3(&next, &hashed_types(&self.after, &owner))),
                None => self.relinked(&record_owner, &next),
            };
            edits.extend(rdata.and_then(|rdata| self.unless_there(record_owner, RType::NSEC3, rdata)));
            self.apply_some(&mut edits);
        }
        self.apply(edits);
    }

    /// Whether the chain that is there treats delegations without DS otherwise than the policy says.
    pub(super) fn opt_out_changed(&self) -> bool {
        let Some(params) = self.signer.nsec3() else { return false };
        let Some(first) = self.after.hash_ring(&params).iter().next() else { return false };
        let records = self.after.records(&self.hashed_owner(&first), RType::NSEC3);
        let flags = records.as_ref().and_then(|records| Nsec3::parse(records.data.first()?)).map(|nsec3| nsec3.flags);
        flags.is_some_and(|flags| (flags & OPT_OUT != 0) != self.signer.opts_out())
    }

    fn hashed_owner(&self, hash: &Hash) -> NameBuf {
        hashed_owner(&self.signer.origin, hash)
    }

    fn nsec3(&self, next: &Hash, types: &[RType]) -> Vec<u8> {
        let flags = if self.signer.opts_out() { OPT_OUT } else { 0 };
        let mut rdata = vec![SHA1, flags, 0, 0, 0, next.len() as u8];
        rdata.extend_from_slice(next);
        bitmap::encode(types.iter().copied(), &mut rdata);
        rdata
    }

    /// The record that is there, with another next one.
    fn relinked(&self, owner: &Name, next: &Hash) -> Option<Vec<u8>> {
        let records = self.after.records(owner, RType::NSEC3)?;
        let types: Vec<RType> = Nsec3::parse(records.data.first()?)?.types.iter().collect();
        Some(self.nsec3(next, &types))
    }
}

/// The owner of the NSEC3 record for a hash (RFC 5155 3).
pub fn hashed_owner(origin: &Name, hash: &Hash) -> NameBuf {
    let label = label(hash);
    let mut wire = vec![label.len() as u8];
    wire.extend_from_slice(&label);
    wire.extend_from_slice(origin.as_wire());
    Name::from_validated(&wire).to_owned()
}

/// The names, and those between them and the apex.
pub fn with_ancestors(mut names: BTreeSet<NameBuf>, origin: &Name) -> BTreeSet<NameBuf> {
    let mut others = BTreeSet::new();
    for name in &names {
        for ancestor in name.ancestors().skip(1).take_while(|ancestor| ancestor.is_at_or_below(origin)) {
            // A name that is there brings its own ancestors.
            if names.contains(ancestor) || !others.insert(ancestor.to_owned()) {
                break;
            }
        }
    }
    names.extend(others);
    names.retain(|name| name.is_at_or_below(origin));
    names
}

/// Whether a name has an NSEC3 record (RFC 5155 7.1): it exists, an empty non-terminal too, and is the zone's own or
/// delegates. With opt-out, a delegation without DS has none.
pub fn belongs(contents: &Contents, owner: &Name, opts_out: bool) -> bool {
    match contents.standing(owner) {
        Standing::Occluded => false,
        Standing::Delegation if opts_out => contents.records(owner, RType::DS).is_some(),
        _ => contents.has_name(owner),
    }
}

/// The types that the NSEC3 record of a name lists (RFC 5155 3.1.8): RRSIG if anything there is signed.
pub fn hashed_types(contents: &Contents, owner: &Name) -> Vec<RType> {
    let mut types = own_types(contents, owner);
    let has_signed = match contents.standing(owner) {
        Standing::Delegation => types.contains(&RType::DS),
        _ => !types.is_empty(),
    };
    if has_signed {
        types.push(RType::RRSIG);
    }
    types
}
