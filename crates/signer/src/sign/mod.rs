//! What a change has signed anew: the RRsets that it touches, the records of denial beside them, and what the signer puts
//! at the apex (RFC 4035 2, RFC 5155 7.1). A zone that is signed as a whole is the same, with all names touched.

mod apex;
mod hashed;
mod names;
mod packed;
mod signatures;
mod stale;
mod zone_digest;

use std::collections::BTreeSet;

use dns::{Name, NameBuf, RType};
use zone::{Contents, Edit, Records, RrsetChange, Standing};

use crate::zone_signer::{ZoneSigner, is_signers_own};
use packed::PackedNames;

pub(crate) use apex::dnskeys;
pub(crate) use hashed::{hashed_owner, with_ancestors};
pub(crate) use stale::time_near;
pub use stale::{Stale, first_end_s, stale};
pub use zone_digest::zonemd;

/// Why a zone cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// It has no SOA record, so that there is no TTL for denial.
    #[error("the zone {0} has no SOA record")]
    NoSoa(NameBuf),
    /// An RRset cannot be signed.
    #[error("the {rtype} records of {owner} cannot be signed: {why}")]
    Rrset {
        /// The owner.
        owner: NameBuf,
        /// The type.
        rtype: RType,
        /// Why.
        why: dnssec::sign::SignError,
    },
}

/// Names that are signed before the next ones are looked at: what waits for its signatures takes memory.
const BATCH: usize = 4096;

/// An RRset that gets signatures.
struct Unsigned {
    owner: NameBuf,
    rtype: RType,
    records: Records,
}

/// A zone on its way from one signed version to the next.
struct Draft<'a> {
    signer: &'a ZoneSigner,
    before: &'a Contents,
    /// With what was changed so far.
    after: Contents,
    /// Owners and types that may differ from `before`; `None`: nobody wants to know.
    changed: Option<BTreeSet<(NameBuf, RType)>>,
    unsigned: Vec<Unsigned>,
    /// The TTL of records of denial (RFC 9077 3).
    denial_ttl: u32,
}

/// The changes with all that has to change with them so that the zone is signed afterwards. `before` is signed already; the
/// RRsets `again` get new signatures in any case. The serial is the caller's matter: it stands among the changes. With
/// `threads` more than one, many signatures are made by as many threads.
///
/// # Errors
/// What cannot be signed.
pub fn sign_change(
    signer: &ZoneSigner,
    before: &Contents,
    changes: Vec<RrsetChange>,
    again: &[(NameBuf, RType)],
    now_s: u64,
    threads: usize,
) -> Result<Vec<RrsetChange>, SigningError> {
    let mut draft = Draft::new(signer, before, Some(BTreeSet::new()));
    draft.take(changes);
    draft.prepare()?;
    let touched = if draft.has_another_denial() { draft.all_names() } else { draft.touched() };
    draft.denial(touched.clone());
    let again: BTreeSet<(NameBuf, RType)> = again.iter().cloned().collect();
    let mut names = touched;
    names.extend(draft.changed.iter().flatten().chain(&again).map(|(owner, _)| owner.clone()));
    draft.sign_names(names.iter().map(|name| &**name), &again, now_s, threads)?;
    draft.make_digest(now_s)?;
    Ok(draft.changes())
}

/// The zone with signatures over all that is its own, and the records of denial; without both, if the signer has no keys
/// for them. It takes the memory of the zone and of its signatures, and little else.
///
/// # Errors
/// What cannot be signed.
pub fn sign_whole(
    signer: &ZoneSigner,
    contents: &Contents,
    now_s: u64,
    threads: usize,
) -> Result<Contents, SigningError> {
    let mut draft = Draft::new(signer, contents, None);
    draft.prepare()?;
    // Of millions of names there is no second list.
    draft.denial(draft.all_names());
    // NSEC3 records have owners of their own.
    let names = draft.after.nodes().map(|node| draft.after.owner(&node)).collect::<PackedNames>();
    draft.sign_names(names.iter(), &BTreeSet::new(), now_s, threads)?;
    draft.make_digest(now_s)?;
    Ok(draft.after)
}

/// Whether what stands at the apex, or the kind of denial, is not what the signer wants: a change without records of its
/// own brings it there.
pub fn is_behind(signer: &ZoneSigner, contents: &Contents) -> bool {
    let Some(denial_ttl) = denial_ttl(contents) else { return false };
    let draft = Draft { denial_ttl, ..Draft::new(signer, contents, None) };
    !apex::edits(signer, contents).is_empty() || draft.has_another_denial()
}

/// The lesser of the SOA record's minimum and TTL (RFC 9077 3).
fn denial_ttl(contents: &Contents) -> Option<u32> {
    let apex = contents.apex()?;
    let soa = apex.rrset(RType::SOA)?;
    Some(contents.soa()?.minimum.min(soa.ttl))
}

impl<'a> Draft<'a> {
    fn new(signer: &'a ZoneSigner, before: &'a Contents, changed: Option<BTreeSet<(NameBuf, RType)>>) -> Draft<'a> {
        Draft { signer, before, after: before.clone(), changed, unsigned: Vec::new(), denial_ttl: 0 }
    }

    /// Puts the signer's own records at the apex.
    fn prepare(&mut self) -> Result<(), SigningError> {
        let apex = apex::edits(self.signer, &self.after);
        self.apply(apex);
        let no_soa = || SigningError::NoSoa(self.signer.origin.clone());
        self.denial_ttl = denial_ttl(&self.after).ok_or_else(no_soa)?;
        Ok(())
    }

    /// Takes over changes of records. Signatures that they bring are not used, and what is the signer's own is left out.
    fn take(&mut self, changes: Vec<RrsetChange>) {
        let origin = &self.signer.origin;
        let own = |change: &RrsetChange| is_signers_own(origin, &change.owner, change.rtype);
        let mut edits = Vec::with_capacity(changes.len());
        for mut change in changes.into_iter().filter(|change| !own(change)) {
            if let Some(records) = &mut change.after {
                records.signatures.clear();
            }
            edits.push(Edit { owner: change.owner, rtype: change.rtype, records: change.after });
        }
        self.apply(edits);
    }

    fn apply(&mut self, edits: Vec<Edit>) {
        self.after = self.after.with(&edits);
        if let Some(changed) = &mut self.changed {
            changed.extend(edits.into_iter().map(|edit| (edit.owner, edit.rtype)));
        }
    }

    /// Whether the records of denial all change: another kind, other parameters, another TTL, or none at all.
    fn has_another_denial(&self) -> bool {
        let nsec3 = self.signer.nsec3();
        let has_nsec = !self.after.name_ring().is_empty();
        let wants_nsec = nsec3.is_none() && self.signer.signs();
        let hashed = nsec3.as_ref().map(|params| self.after.hash_ring(params));
        let lacks_hashed = hashed.is_some_and(|ring| ring.is_empty());
        has_nsec != wants_nsec
            || lacks_hashed
            || [self.before, &self.after].iter().any(|zone| zone.has_other_hash_rings(nsec3.as_ref()))
            || denial_ttl(self.before) != Some(self.denial_ttl)
            || self.opt_out_changed()
    }

    /// Every name of the zone that may have denial or signatures, and those that had.
    fn all_names(&self) -> BTreeSet<NameBuf> {
        let mut all: BTreeSet<NameBuf> = self.after.nodes().map(|node| self.after.owner(&node)).collect();
        all.extend(self.changed.iter().flatten().map(|(owner, _)| owner.clone()));
        all
    }

    /// The owners that changed, and what is below those of them where a delegation or a DNAME came or went.
    fn touched(&self) -> BTreeSet<NameBuf> {
        let mut touched: BTreeSet<NameBuf> = BTreeSet::new();
        for (owner, rtype) in self.changed.iter().flatten() {
            touched.insert(owner.clone());
            let flips = matches!(*rtype, RType::NS | RType::DNAME)
                && self.before.records(owner, *rtype).is_some() != self.after.records(owner, *rtype).is_some();
            if flips {
                for contents in [self.before, &self.after] {
                    let below = contents.nodes_from(owner).map(|node| contents.owner(&node));
                    touched.extend(below.take_while(|name| name.is_at_or_below(owner)));
                }
            }
        }
        touched
    }

    /// Keeps the records of denial in step with the names that are touched.
    fn denial(&mut self, touched: BTreeSet<NameBuf>) {
        let nsec3 = self.signer.nsec3();
        let wants_nsec = self.signer.signs() && nsec3.is_none();
        let gone = if wants_nsec { Vec::new() } else { self.without_nsec(&touched) };
        self.apply(gone);
        let gone = if nsec3.is_some() { Vec::new() } else { self.without_nsec3() };
        self.apply(gone);
        match nsec3 {
            Some(params) => self.hashed(&params, touched),
            None if wants_nsec => self.plain(touched),
            None => {}
        }
    }

    /// Makes some of many edits: what waits takes memory.
    fn apply_some(&mut self, edits: &mut Vec<Edit>) {
        if edits.len() >= BATCH {
            self.apply(std::mem::take(edits));
        }
    }

    fn without_nsec(&self, touched: &BTreeSet<NameBuf>) -> Vec<Edit> {
        let has_nsec = touched.iter().filter(|owner| self.after.records(owner, RType::NSEC).is_some());
        has_nsec.map(|owner| Edit { owner: owner.clone(), rtype: RType::NSEC, records: None }).collect()
    }

    fn without_nsec3(&self) -> Vec<Edit> {
        // What is at the apex may have changed already.
        if !self.before.has_other_hash_rings(None) {
            return Vec::new();
        }
        let hashed = self.after.nodes().filter(|node| node.rrset(RType::NSEC3).is_some());
        let gone = |node| Edit { owner: self.after.owner(&node), rtype: RType::NSEC3, records: None };
        hashed.map(gone).collect()
    }

    /// Signs what these names have that needs it.
    fn sign_names<'n>(
        &mut self,
        names: impl Iterator<Item = &'n Name>,
        again: &BTreeSet<(NameBuf, RType)>,
        now_s: u64,
        threads: usize,
    ) -> Result<(), SigningError> {
        let mut names = names.peekable();
        while names.peek().is_some() {
            names.by_ref().take(BATCH).for_each(|owner| self.sign_name(owner, again));
            self.make_signatures(now_s, threads)?;
        }
        Ok(())
    }

    /// Has the RRsets of a name signed that need it: because they changed, because their place in the zone did, or
    /// because somebody wants them `again`. Others lose their signatures.
    fn sign_name(&mut self, owner: &Name, again: &BTreeSet<(NameBuf, RType)>) {
        let Some(node) = self.after.get(owner) else { return };
        let standing = self.after.standing(owner);
        let mut stripped = Vec::new();
        let is_digest = |rtype| rtype == RType::ZONEMD && *owner == *self.signer.origin && self.signer.has_digest();
        for rrset in node.rrsets().filter(|rrset| !is_digest(rrset.rtype)) {
            let set = (owner.to_owned(), rrset.rtype);
            let wants = self.signer.signs() && rrset.count > 0 && is_signed(standing, rrset.rtype);
            let mut records = Records::of(&rrset);
            if !wants && rrset.is_signed() {
                records.signatures.clear();
                stripped.push(Edit { owner: set.0, rtype: set.1, records: Some(records) });
            } else if wants && (!rrset.is_signed() || again.contains(&set) || self.is_new(&set, &records)) {
                records.signatures.clear();
                self.unsigned.push(Unsigned { owner: set.0, rtype: set.1, records });
            }
        }
        self.apply(stripped);
    }

    /// Whether these are other records than before. Their signatures are those of before, or none.
    fn is_new(&self, (owner, rtype): &(NameBuf, RType), records: &Records) -> bool {
        let before = self.before.records(owner, *rtype);
        before.is_none_or(|before| before.ttl != records.ttl || before.data != records.data)
    }

    fn make_signatures(&mut self, now_s: u64, threads: usize) -> Result<(), SigningError> {
        let edits = signatures::sign(self.signer, std::mem::take(&mut self.unsigned), now_s, threads)?;
        self.apply(edits);
        Ok(())
    }

    /// Brings the ZONEMD record up to date, if the policy wants one: the digest is over all other signatures.
    fn make_digest(&mut self, now_s: u64) -> Result<(), SigningError> {
        if !self.signer.has_digest() {
            return Ok(());
        }
        let (owner, rtype) = (self.signer.origin.clone(), RType::ZONEMD);
        let now = self.after.records(&owner, rtype).unwrap_or_default();
        let Some(records) = zone_digest::zonemd(&self.after) else { return Ok(()) };
        if now.data != records.data || now.signatures.is_empty() {
            self.unsigned.push(Unsigned { owner, rtype, records });
            self.make_signatures(now_s, 1)?;
        }
        Ok(())
    }

    /// What differs from before.
    fn changes(self) -> Vec<RrsetChange> {
        let mut changes = Vec::new();
        for (owner, rtype) in self.changed.into_iter().flatten() {
            let (before, after) = (self.before.records(&owner, rtype), self.after.records(&owner, rtype));
            if before != after {
                changes.push(RrsetChange { owner, rtype, before, after });
            }
        }
        changes
    }
}

/// Whether an RRset of this type has signatures at a name that stands so (RFC 4035 2.2).
pub(crate) fn is_signed(standing: Standing, rtype: RType) -> bool {
    match standing {
        _ if rtype == RType::RRSIG => false,
        Standing::Authoritative => true,
        Standing::Delegation => matches!(rtype, RType::DS | RType::NSEC | RType::NSEC3),
        Standing::Occluded => rtype == RType::NSEC3,
    }
}
