//! What a reply about DS says: a signed zone below, an unsigned one, or no zone cut (RFC 4035 5.2, RFC 5155 8.9).

use dns::edns::ede;
use dns::{Name, RType};
use dnssec::denial::Denial;
use dnssec::digest::usable_ds;

use super::keys::unsupported;
use super::negative::{Proofs, iterations_reason};
use super::signature::{is_signed_by, signers};
use super::{ChainSource, Checker, Failure, SecureZone};
use crate::fetched::Fetched;
use crate::rrset::Rrset;
use crate::security::Reason;

/// What is at a name, by its parent.
pub(super) enum Cut {
    /// A zone that is signed, with the digests of these keys; seconds that the DS RRset may be kept.
    Signed(Vec<Vec<u8>>, u32),
    /// A zone that is not signed, or not with anything we can verify; seconds that this counts.
    Unsigned(Option<Reason>, u32),
    /// No zone of its own.
    None,
    /// No such name, and so no zone below it either.
    NoName,
}

/// The DS RRset of a reply.
fn ds_rrset<'f>(fetched: &'f Fetched, name: &Name) -> Option<&'f Rrset> {
    fetched.answers.iter().find(|rrset| rrset.is(name, RType::DS)).map(|rrset| &**rrset)
}

/// An alias at the name: then it is no zone cut (RFC 2181 10.1, RFC 1034 3.6.2).
fn alias<'f>(fetched: &'f Fetched, name: &Name) -> Option<&'f Rrset> {
    fetched.answers.iter().find(|rrset| rrset.is(name, RType::CNAME)).map(|rrset| &**rrset)
}

/// The zone that a reply about DS of `name` is from, by its signatures: the deepest that signed any of it, at or
/// below `top`.
pub(super) fn parent_zone<'f>(fetched: &'f Fetched, name: &Name, top: &Name) -> Option<&'f Name> {
    let positive = ds_rrset(fetched, name).or_else(|| alias(fetched, name));
    let rrsets = positive.into_iter().chain(fetched.authorities.iter().map(|rrset| &**rrset));
    let signers = rrsets.flat_map(|rrset| signers(rrset, top));
    signers.filter(|signer| name.is_at_or_below(signer) && name != *signer).max_by_key(|signer| signer.len())
}

/// Whether it has DS records that have to be verified together with the zone's keys.
pub(super) fn usable<'f>(fetched: &'f Fetched, name: &Name, allow_sha1: bool) -> Vec<&'f [u8]> {
    let rdatas: Vec<&[u8]> = ds_rrset(fetched, name).map(|rrset| rrset.rdata.iter().collect()).unwrap_or_default();
    usable_ds(&rdatas, allow_sha1)
}

impl<S: ChainSource> Checker<'_, S> {
    /// What `parent`, the zone above, says about `name`.
    pub(super) fn check_ds(&self, parent: &SecureZone, name: &Name, fetched: &Fetched) -> Result<Cut, Failure> {
        if let Some(rrset) = ds_rrset(fetched, name) {
            let verified = self.check_rrset(rrset, &parent.zone, &parent.keys)?;
            if verified.wildcard.is_some() {
                return Err(Failure::data(ede::DNSSEC_BOGUS, format!("DS of {name}: made from a wildcard")));
            }
            let all: Vec<&[u8]> = rrset.rdata.iter().collect();
            let usable = usable_ds(&all, self.policy.allow_sha1);
            return Ok(match usable.is_empty() {
                true => Cut::Unsigned(Some(unsupported(name, &all, self.policy.allow_sha1)), verified.ttl),
                false => Cut::Signed(usable.iter().map(|rdata| rdata.to_vec()).collect(), verified.ttl),
            });
        }
        if let Some(rrset) = alias(fetched, name) {
            // A wildcard's alias that hides a delegation can only make an answer bogus, so its proof is not asked for.
            return self.check_rrset(rrset, &parent.zone, &parent.keys).map(|_| Cut::None);
        }
        self.check_no_ds(parent, name, fetched)
    }

    fn check_no_ds(&self, parent: &SecureZone, name: &Name, fetched: &Fetched) -> Result<Cut, Failure> {
        let mut proofs = Proofs::new(fetched);
        let records = proofs.records(self, parent);
        let (denied, ttl) = (self.denies_ds(&records, &parent.zone, name), records.ttl);
        match denied {
            Denial::Proved | Denial::ProvedOptOut => return Ok(Cut::Unsigned(None, ttl)),
            Denial::TooManyIterations => return Ok(Cut::Unsigned(Some(iterations_reason(&parent.zone)), ttl)),
            Denial::OverBudget => return Err(self.hash_limit(name)),
            Denial::NotProved => {}
        }
        // What was not found to be a delegation is part of the zone: it has no DS, or does not exist.
        let (none, cut) = match self.denies_type(&records, &parent.zone, name, RType::DS) {
            Denial::NotProved => (self.denies_name(&records, &parent.zone, name), Cut::NoName),
            denied => (denied, Cut::None),
        };
        match none {
            Denial::OverBudget => Err(self.hash_limit(name)),
            denied if denied.is_proved() => Ok(cut),
            _ if records.is_empty() && !fetched.authorities.iter().any(|set| is_signed_by(set, &parent.zone)) => Err(
                Failure::data(ede::NSEC_MISSING, format!("DS of {name}: {} does not prove its absence", parent.zone)),
            ),
            _ => Err(proofs.failure(name, RType::DS, &parent.zone)),
        }
    }
}
