//! Proofs with NSEC3 (RFC 5155 8.3 to 8.9, RFC 6840 4). Records of another zone, with an unknown hash algorithm or
//! unknown flags, or with other parameters than the first record, prove nothing.

use std::cell::Cell;

use dns::rdata::typed::Nsec3;
use dns::{Name, NameBuf, RType};

use super::{HASH_LEN, Hash, hash, hash_from_label};
use crate::canonical::suffix;
use crate::denial::{Denial, DenialRecords, hides_below, is_unsigned_delegation, lacks};

/// The only hash algorithm (RFC 5155 11).
const SHA1: u8 = 1;
/// Unsigned delegations may lie between owner and next name (RFC 5155 3.1.2.1).
const OPT_OUT: u8 = 1;

/// How many names may still be hashed. Give each question a budget: without one, hostile zones can make its validation
/// cost any amount of time (CVE-2023-50868). `max_iterations` bounds the cost of one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashBudget {
    left: u32,
}

impl HashBudget {
    /// A budget of `hashes`.
    pub fn new(hashes: u32) -> HashBudget {
        HashBudget { left: hashes }
    }

    /// Hashes that are left.
    pub fn left(&self) -> u32 {
        self.left
    }
}

/// Whether neither `qname` exists nor a wildcard that would answer for it (RFC 5155 8.4): checks an NXDOMAIN answer.
///
/// Records with more iterations than `max_iterations` give [`Denial::TooManyIterations`].
pub fn nsec3_denies_name(
    records: &DenialRecords<'_>,
    zone: &Name,
    qname: &Name,
    max_iterations: u16,
    budget: &mut HashBudget,
) -> Denial {
    settle(Proof::new(records, zone, qname, max_iterations, budget).and_then(|proof| {
        let encloser = proof.closest_encloser(qname, proof.hash(qname)?)?;
        proof.covering(&proof.hash(&encloser.wildcard()?)?)?;
        Ok(encloser.verdict())
    }))
}

/// Whether `qname` has no data of type `qtype`, neither itself nor by a wildcard (RFC 5155 8.5 to 8.7): checks a NODATA
/// answer.
///
/// The absence of DS does not say whether the name is a delegation; [`nsec3_denies_ds`] does.
pub fn nsec3_denies_type(
    records: &DenialRecords<'_>,
    zone: &Name,
    qname: &Name,
    qtype: RType,
    max_iterations: u16,
    budget: &mut HashBudget,
) -> Denial {
    settle(Proof::new(records, zone, qname, max_iterations, budget).and_then(|proof| {
        let hash = proof.hash(qname)?;
        if let Some(record) = proof.matching(&hash) {
            return proved_if(lacks(record.nsec3.types, qname, qtype));
        }
        let encloser = proof.closest_encloser(qname, hash)?;
        let wildcard = encloser.wildcard()?;
        if let Some(record) = proof.matching(&proof.hash(&wildcard)?) {
            return if lacks(record.nsec3.types, &wildcard, qtype) {
                Ok(encloser.verdict())
            } else {
                Err(Denial::NotProved)
            };
        }
        // RFC 5155 8.6, and names above an unsigned delegation, which have no record either (RFC 5155 7.1).
        if encloser.covering.opt_out() { Ok(Denial::ProvedOptOut) } else { Err(Denial::NotProved) }
    }))
}

/// Whether no name exists between `qname` and the wildcard that its data was expanded from. The wildcard's parent has
/// `encloser_labels` labels (RFC 5155 8.8); see [`crate::verify::Verified::wildcard`].
pub fn nsec3_denies_for_wildcard(
    records: &DenialRecords<'_>,
    zone: &Name,
    qname: &Name,
    encloser_labels: usize,
    max_iterations: u16,
    budget: &mut HashBudget,
) -> Denial {
    settle(Proof::new(records, zone, qname, max_iterations, budget).and_then(|proof| {
        let next_closer = suffix(qname, encloser_labels + 1).filter(|name| name.is_at_or_below(zone));
        let next_closer = next_closer.ok_or(Denial::NotProved)?;
        let covering = proof.covering(&proof.hash(next_closer)?)?;
        Ok(if covering.opt_out() { Denial::ProvedOptOut } else { Denial::Proved })
    }))
}

/// Whether `name` is a delegation of `zone` without DS (RFC 5155 8.9), or may be one that opt-out hides. If so, the
/// child zone is insecure.
pub fn nsec3_denies_ds(
    records: &DenialRecords<'_>,
    zone: &Name,
    name: &Name,
    max_iterations: u16,
    budget: &mut HashBudget,
) -> Denial {
    settle(Proof::new(records, zone, name, max_iterations, budget).and_then(|proof| {
        let hash = proof.hash(name)?;
        if let Some(record) = proof.matching(&hash) {
            return proved_if(is_unsigned_delegation(record.nsec3.types));
        }
        let encloser = proof.closest_encloser(name, hash)?;
        if encloser.covering.opt_out() { Ok(Denial::ProvedOptOut) } else { Err(Denial::NotProved) }
    }))
}

fn settle(result: Result<Denial, Denial>) -> Denial {
    result.unwrap_or_else(|denial| denial)
}

fn proved_if(proved: bool) -> Result<Denial, Denial> {
    if proved { Ok(Denial::Proved) } else { Err(Denial::NotProved) }
}

/// A record and the hash in its owner.
struct Record<'a> {
    hash: Hash,
    next: &'a Hash,
    nsec3: Nsec3<'a>,
}

impl<'a> Record<'a> {
    /// RFC 5155 8.1, 8.2: ignores records with unknown hash algorithms or flags.
    fn parse(owner: &Name, rdata: &'a [u8], zone: &Name) -> Option<Record<'a>> {
        let nsec3 = Nsec3::parse(rdata).filter(|nsec3| nsec3.algorithm == SHA1 && nsec3.flags & !OPT_OUT == 0)?;
        let hash = hash_from_label(owner.labels().next()?)?;
        let next: &[u8; HASH_LEN] = nsec3.next_hashed.try_into().ok()?;
        (owner.parent() == Some(zone)).then_some(Record { hash, next, nsec3 })
    }

    fn opt_out(&self) -> bool {
        self.nsec3.flags & OPT_OUT != 0
    }

    /// Whether `hash` is between the owner's hash and the next one. The next hash of a zone's last record is the first.
    fn covers(&self, hash: &Hash) -> bool {
        let (behind, before) = (*hash > self.hash, hash < self.next);
        if self.hash < *self.next { behind && before } else { (behind || before) && *hash != self.hash }
    }
}

/// The usable records of an answer.
struct Proof<'a> {
    records: Vec<Record<'a>>,
    zone: &'a Name,
    salt: &'a [u8],
    iterations: u16,
    /// Hashes that are left.
    budget: &'a Cell<u32>,
}

/// The result of the closest encloser proof of RFC 5155 8.3.
struct Encloser<'a> {
    name: &'a Name,
    /// The record that covers the next closer name.
    covering: &'a Record<'a>,
}

impl Encloser<'_> {
    /// The wildcard at the closest encloser. It is never longer than the next closer name.
    fn wildcard(&self) -> Result<NameBuf, Denial> {
        self.name.prepend(b"*").map_err(|_| Denial::NotProved)
    }

    /// RFC 5155 9.2: opt-out may hide an unsigned delegation below the closest encloser.
    fn verdict(&self) -> Denial {
        if self.covering.opt_out() { Denial::ProvedOptOut } else { Denial::Proved }
    }
}

impl<'a> Proof<'a> {
    fn new(
        records: &DenialRecords<'a>,
        zone: &'a Name,
        name: &Name,
        max_iterations: u16,
        budget: &'a mut HashBudget,
    ) -> Result<Proof<'a>, Denial> {
        let mut records: Vec<Record<'a>> =
            records.iter().filter_map(|(owner, rdata)| Record::parse(owner, rdata, zone)).collect();
        let first = records.first().filter(|_| name.is_at_or_below(zone)).ok_or(Denial::NotProved)?.nsec3;
        // RFC 5155 8.2: one set of parameters for a zone.
        records.retain(|record| (record.nsec3.iterations, record.nsec3.salt) == (first.iterations, first.salt));
        if first.iterations > max_iterations {
            return Err(Denial::TooManyIterations);
        }
        Ok(Proof {
            records,
            zone,
            salt: first.salt,
            iterations: first.iterations,
            budget: Cell::from_mut(&mut budget.left),
        })
    }

    fn hash(&self, name: &Name) -> Result<Hash, Denial> {
        let left = self.budget.get().checked_sub(1);
        self.budget.set(left.unwrap_or(0));
        left.ok_or(Denial::OverBudget)?;
        Ok(hash(name, self.salt, self.iterations))
    }

    fn matching(&self, hash: &Hash) -> Option<&Record<'a>> {
        self.records.iter().find(|record| record.hash == *hash)
    }

    fn covering(&self, hash: &Hash) -> Result<&Record<'a>, Denial> {
        self.records.iter().find(|record| record.covers(hash)).ok_or(Denial::NotProved)
    }

    /// The longest ancestor of `name` that has a record, if another record covers the next closer name (RFC 5155 8.3).
    /// `hash` is that of `name`, which must have no record.
    fn closest_encloser<'s>(&'s self, name: &'s Name, hash: Hash) -> Result<Encloser<'s>, Denial> {
        if self.matching(&hash).is_some() {
            return Err(Denial::NotProved);
        }
        let mut next_closer = hash;
        for name in name.ancestors().skip(1).take_while(|name| name.is_at_or_below(self.zone)) {
            let hash = self.hash(name)?;
            let Some(record) = self.matching(&hash) else {
                next_closer = hash;
                continue;
            };
            // RFC 5155 8.3, RFC 6840 4.1.
            if hides_below(record.nsec3.types) {
                return Err(Denial::NotProved);
            }
            return Ok(Encloser { name, covering: self.covering(&next_closer)? });
        }
        Err(Denial::NotProved)
    }
}
