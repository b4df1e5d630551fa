//! Answers made from NSEC records that earlier answers proved themselves with (RFC 8198): NXDOMAIN and NODATA, and
//! expansions of wildcards that were seen.
//!
//! Only records that were validated come here. They are kept by zone, which is who signed them, in canonical order.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use dns::rdata::typed::{Nsec, Rrsig};
use dns::{Name, NameBuf, RType, Rcode};
use dnssec::denial::Denial;
use dnssec::nsec::{nsec_denies_for_wildcard, nsec_denies_name, nsec_denies_type};

use super::entry::{Kind, Proof, View};
use super::found::{CachedNegative, CachedRrset, Found, Rank};
use super::stats::Stats;
use super::{Cache, decode, lock};
use crate::outcome::Timed;
use crate::rrset::Rrset;
use crate::security::Security;

/// What a kept RRset takes beside its octets: headers of allocations, its place in the tree.
const OVERHEAD: usize = 240;
/// The same of a zone.
const ZONE_OVERHEAD: usize = 320;

/// An RRset and until when it holds.
#[derive(Debug, Clone)]
struct Kept {
    rrset: Arc<Rrset>,
    expires_ms: u64,
    used: bool,
}

impl Kept {
    fn bytes(&self) -> usize {
        let rrset = &*self.rrset;
        OVERHEAD + 2 * rrset.owner.len() + rrset.rdata.as_octets().len() + rrset.signatures.as_octets().len()
    }
}

#[derive(Debug, Default)]
struct Zone {
    soa: Option<Kept>,
    /// By owner.
    nsec: BTreeMap<NameBuf, Kept>,
    /// RRsets of wildcards.
    wildcards: BTreeMap<(NameBuf, RType), Kept>,
    bytes: usize,
    last_use: u64,
}

/// The records of all zones.
#[derive(Debug, Default)]
pub struct Aggressive {
    zones: HashMap<NameBuf, Zone>,
    bytes: usize,
    budget: usize,
    /// Counts uses, for what was used least recently.
    clock: u64,
    /// Answers that were made.
    synthesised: u64,
}

/// What the records of a zone say about a name.
enum Verdict {
    /// The name has no such type, or does not exist.
    Absent { rcode: Rcode, proofs: Vec<Kept> },
    /// A wildcard has it.
    Expanded { wildcard: Kept, proof: Kept },
}

impl Zone {
    /// The record of the last owner that is not behind `name`, if it holds.
    fn at_or_before(&mut self, name: &Name, now_ms: u64) -> Option<Kept> {
        let (_, kept) = self.nsec.range_mut::<Name, _>(up_to(name)).next_back()?;
        kept.used = true;
        (now_ms < kept.expires_ms).then(|| kept.clone())
    }

    /// What the records say: those at or before the name and, where that is needed, at or before the wildcard.
    fn judge(&mut self, apex: &Name, name: &Name, rtype: RType, now_ms: u64) -> Option<Verdict> {
        let mut proofs = vec![self.at_or_before(name, now_ms)?];
        if nsec_denies_type(&records(&proofs), apex, name, rtype) == Denial::Proved {
            return Some(Verdict::Absent { rcode: Rcode::NOERROR, proofs });
        }
        let encloser = closest_encloser(&proofs[0].rrset, name)?;
        let wildcard = encloser.prepend(b"*").ok()?;
        if let Some(other) = self.at_or_before(&wildcard, now_ms).filter(|other| !same(other, &proofs[0])) {
            proofs.push(other);
        }
        if nsec_denies_name(&records(&proofs), apex, name) == Denial::Proved {
            return Some(Verdict::Absent { rcode: Rcode::NXDOMAIN, proofs });
        }
        if nsec_denies_type(&records(&proofs), apex, name, rtype) == Denial::Proved {
            return Some(Verdict::Absent { rcode: Rcode::NOERROR, proofs });
        }
        proofs.truncate(1);
        if nsec_denies_for_wildcard(&records(&proofs), apex, name, encloser.label_count()) != Denial::Proved {
            return None;
        }
        let alias = super::is_aliased(rtype).then_some(RType::CNAME);
        let wildcard = std::iter::once(rtype).chain(alias).find_map(|rtype| {
            let kept = self.wildcards.get_mut(&(wildcard.clone(), rtype)).filter(|kept| now_ms < kept.expires_ms)?;
            kept.used = true;
            Some(kept.clone())
        });
        Some(Verdict::Expanded { wildcard: wildcard?, proof: proofs.pop()? })
    }

    /// Drops what has expired and, if `unused`, what was not used since this was done last; how many octets those had.
    fn drop_some(&mut self, now_ms: u64, unused: bool) -> usize {
        let mut freed = 0;
        let mut stays = |kept: &mut Kept| {
            let stays = now_ms < kept.expires_ms && (kept.used || !unused);
            kept.used &= !unused;
            if !stays {
                freed += kept.bytes();
            }
            stays
        };
        self.nsec.retain(|_, kept| stays(kept));
        self.wildcards.retain(|_, kept| stays(kept));
        self.bytes -= freed;
        freed
    }
}

fn up_to(name: &Name) -> (Bound<&Name>, Bound<&Name>) {
    (Bound::Unbounded, Bound::Included(name))
}

/// Owner and data of these records, for proofs.
fn records(kept: &[Kept]) -> Vec<(&Name, &[u8])> {
    kept.iter().flat_map(|kept| kept.rrset.rdata.iter().take(1).map(|rdata| (&*kept.rrset.owner, rdata))).collect()
}

fn same(a: &Kept, b: &Kept) -> bool {
    a.rrset.owner == b.rrset.owner
}

/// The closest name above `name` that exists, if there is nothing between the two names of this record.
fn closest_encloser<'n>(rrset: &Rrset, name: &'n Name) -> Option<&'n Name> {
    let nsec = Nsec::parse(rrset.rdata.iter().next()?)?;
    name.ancestors().skip(1).find(|above| rrset.owner.is_at_or_below(above) || nsec.next.is_at_or_below(above))
}

/// Whether the record covers nothing but what was asked for, so that it is of no use for other names: its next name
/// is the first that can be behind its owner.
fn is_minimal(owner: &Name, next: &Name) -> bool {
    next.as_wire().strip_prefix(&[1, 0]).is_some_and(|rest| *rest == *owner.as_wire())
}

impl Aggressive {
    /// Without records, and with so many octets to use.
    pub fn new(budget: usize) -> Aggressive {
        Aggressive { budget, ..Aggressive::default() }
    }

    /// Its part of the counts.
    pub fn stats(&self) -> Stats {
        Stats {
            bytes: self.bytes as u64,
            max_bytes: self.budget as u64,
            synthesised: self.synthesised,
            ..Stats::default()
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Aggressive { synthesised: self.synthesised, ..Aggressive::new(self.budget) };
    }

    fn zone(&mut self, apex: &Name) -> &mut Zone {
        self.clock += 1;
        if !self.zones.contains_key(apex) {
            self.bytes += ZONE_OVERHEAD + apex.len();
            self.zones.insert(apex.to_owned(), Zone { bytes: ZONE_OVERHEAD + apex.len(), ..Zone::default() });
        }
        let zone = self.zones.entry(apex.to_owned()).or_default();
        zone.last_use = self.clock;
        zone
    }

    /// Keeps one RRset of a zone.
    fn keep(&mut self, apex: &Name, rrset: Arc<Rrset>, expires_ms: u64, now_ms: u64) {
        let kept = Kept { rrset, expires_ms, used: false };
        let (owner, rtype, bytes) = (kept.rrset.owner.clone(), kept.rrset.rtype, kept.bytes());
        let zone = self.zone(apex);
        let old = match rtype {
            RType::SOA => zone.soa.replace(kept),
            RType::NSEC => zone.nsec.insert(owner, kept),
            _ => zone.wildcards.insert((owner, rtype), kept),
        };
        let freed = old.map_or(0, |old| old.bytes());
        zone.bytes = zone.bytes + bytes - freed;
        self.bytes = self.bytes + bytes - freed;
        self.make_room(apex, now_ms);
    }

    fn make_room(&mut self, apex: &Name, now_ms: u64) {
        // Whatever expired, then what was not used; a zone that has most of the room first, then the least used ones.
        for unused in [false, true, true] {
            let half = self.budget / 2;
            if self.bytes > self.budget
                && let Some(zone) = self.zones.get_mut(apex).filter(|zone| zone.bytes > half)
            {
                self.bytes -= zone.drop_some(now_ms, unused);
            }
        }
        while self.bytes > self.budget {
            let least = self.zones.iter().min_by_key(|(_, zone)| zone.last_use).map(|(name, _)| name.clone());
            let Some(zone) = least.and_then(|name| self.zones.remove(&name)) else { return };
            self.bytes -= zone.bytes;
        }
    }

    /// What the records of zones at or below `top` say about a name and a type.
    fn find(&mut self, now_ms: u64, name: &Name, rtype: RType, top: &Name) -> Option<Found> {
        for apex in name.ancestors().take_while(|apex| apex.is_at_or_below(top)) {
            let Some(zone) = self.zones.get_mut(apex) else { continue };
            // RFC 1034 3.6: the DS of an apex is in the zone above.
            if rtype == RType::DS && apex == name {
                continue;
            }
            let Some(verdict) = zone.judge(apex, name, rtype, now_ms) else { continue };
            let soa = zone.soa.clone().filter(|soa| now_ms < soa.expires_ms);
            self.clock += 1;
            zone.last_use = self.clock;
            let found = found(verdict, soa, name, rtype, now_ms)?;
            self.synthesised += 1;
            return Some(found);
        }
        None
    }

    /// Forgets what could say something about a name or, if `below`, about those below it.
    pub fn forget(&mut self, name: &Name, below: bool) {
        if below {
            let mut freed = 0;
            self.zones.retain(|apex, zone| {
                let stays = !apex.is_at_or_below(name);
                freed += if stays { 0 } else { zone.bytes };
                stays
            });
            self.bytes -= freed;
        }
        for apex in name.ancestors() {
            let Some(zone) = self.zones.get_mut(apex) else { continue };
            let before = zone.nsec.range::<Name, _>(up_to(name)).next_back().map(|(owner, _)| owner.clone());
            let mut freed = 0;
            let mut goes = |owner: &Name, kept: &Kept| {
                let goes = before.as_deref() == Some(owner) || below && owner.is_at_or_below(name);
                freed += if goes { kept.bytes() } else { 0 };
                goes
            };
            zone.nsec.retain(|owner, kept| !goes(owner, kept));
            zone.wildcards.retain(|(owner, _), kept| !goes(owner, kept));
            zone.bytes -= freed;
            self.bytes -= freed;
        }
    }

    /// Drops what has expired.
    fn sweep(&mut self, now_ms: u64) {
        let mut freed = 0;
        self.zones.retain(|_, zone| {
            freed += zone.drop_some(now_ms, false);
            let stays = !zone.nsec.is_empty() || zone.soa.as_ref().is_some_and(|soa| now_ms < soa.expires_ms);
            freed += if stays { 0 } else { zone.bytes };
            stays
        });
        self.bytes -= freed;
    }
}

/// The answer that a verdict makes.
fn found(verdict: Verdict, soa: Option<Kept>, name: &Name, rtype: RType, now_ms: u64) -> Option<Found> {
    let parts: Vec<Kept> = match &verdict {
        // RFC 2308 3: a negative answer needs the SOA.
        Verdict::Absent { proofs, .. } => std::iter::once(soa?).chain(proofs.iter().cloned()).collect(),
        Verdict::Expanded { wildcard, proof } => vec![wildcard.clone(), proof.clone()],
    };
    let expires_ms = parts.iter().map(|kept| kept.expires_ms).min()?;
    let ttl = u32::try_from((expires_ms - now_ms) / 1000).unwrap_or(u32::MAX).max(1);
    let timed = parts.into_iter().map(|kept| Timed { rrset: kept.rrset, ttl });
    let (rank, security) = (Rank::AuthoritativeAnswer, Security::Secure);
    let (origin, reason, prefetch, stale) = (None, None, false, false);
    match verdict {
        Verdict::Absent { rcode, .. } => {
            let authorities = timed.collect();
            let cached = CachedNegative { rcode, authorities, ttl, rank, security, origin, reason, prefetch, stale };
            Some(Found::Negative(cached))
        }
        Verdict::Expanded { wildcard, .. } => {
            // RFC 4035 5.3.4: its signatures hold for the name that it is expanded to.
            let rrset = Rrset { owner: name.to_owned(), ..(*wildcard.rrset).clone() };
            let is_alias = rrset.rtype == RType::CNAME && rtype != RType::CNAME;
            let (data, proofs) = (Timed { rrset: Arc::new(rrset), ttl }, timed.skip(1).collect());
            let cached = CachedRrset { data, rank, security, proofs, origin, reason, prefetch, stale };
            Some(if is_alias { Found::Alias(cached) } else { Found::Positive(cached) })
        }
    }
}

impl Cache {
    /// An answer that secure NSEC records of earlier answers prove (RFC 8198): NXDOMAIN, NODATA, or the expansion of a
    /// wildcard. Zones above `top` have no say. Worth asking for when [`Cache::lookup`] has nothing.
    pub fn aggressive(&self, now_ms: u64, name: &Name, rtype: RType, top: &Name) -> Option<Found> {
        if !self.settings.aggressive {
            return None;
        }
        lock(&self.aggressive).find(now_ms, name, rtype, top)
    }

    pub(super) fn aggressive_sweep(&self, now_ms: u64) {
        lock(&self.aggressive).sweep(now_ms);
    }

    /// Keeps the NSEC records, the SOA and the wildcards of an entry.
    pub(super) fn learn(&self, view: View<'_>, now_ms: u64) {
        if !self.settings.aggressive || view.security() != Security::Secure {
            return;
        }
        let nsec = view.proofs().filter(|proof| proof.rtype == RType::NSEC);
        let mut aggressive = None;
        for proof in nsec {
            let Some(apex) = signer(proof.owner, proof.signatures).map(|(apex, _)| apex) else { continue };
            let Some(nsec) = super::entry::records(proof.rdata).next().and_then(Nsec::parse) else { continue };
            if is_minimal(proof.owner, nsec.next) {
                continue;
            }
            let aggressive = aggressive.get_or_insert_with(|| lock(&self.aggressive));
            aggressive.keep(apex, Arc::new(decode::to_rrset(proof)), view.expires_ms(), now_ms);
            for soa in view.proofs().filter(|soa| soa.rtype == RType::SOA && soa.owner == apex) {
                aggressive.keep(apex, Arc::new(decode::to_rrset(soa)), view.expires_ms(), now_ms);
            }
            if let Some(wildcard) = wildcard(view) {
                aggressive.keep(apex, Arc::new(wildcard), view.expires_ms(), now_ms);
            }
        }
    }
}

/// Who signed an RRset, which is the zone that it is in, and of how many labels.
fn signer<'a>(owner: &Name, signatures: &'a [u8]) -> Option<(&'a Name, u8)> {
    let signature = Rrsig::parse(super::entry::records(signatures).next()?)?;
    owner.is_at_or_below(signature.signer).then_some((signature.signer, signature.labels))
}

/// The RRset of the wildcard that a positive entry was made from (RFC 4034 3.1.3).
fn wildcard(view: View<'_>) -> Option<Rrset> {
    if view.kind() != Kind::Positive {
        return None;
    }
    let (owner, rtype, ttl) = (view.name(), view.rtype(), view.ttl());
    let proof = Proof { owner, rtype, ttl, rdata: view.rdata(), signatures: view.signatures() };
    let (_, labels) = signer(owner, proof.signatures)?;
    let encloser = owner.ancestors().nth(owner.label_count().checked_sub(usize::from(labels))?)?;
    if encloser == owner {
        return None;
    }
    Some(Rrset { owner: encloser.prepend(b"*").ok()?, ..decode::to_rrset(proof) })
}
