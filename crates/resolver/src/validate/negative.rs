//! Proofs that something does not exist: NSEC and NSEC3 RRsets of the authority section, verified once each, and
//! what they prove (RFC 4035 5.4, RFC 5155 8, RFC 6840 4, RFC 9276 3.2).

use dns::edns::ede;
use dns::{Name, NameBuf, RType};
use dnssec::denial::Denial;
use dnssec::nsec::{nsec_denies_ds, nsec_denies_for_wildcard, nsec_denies_name, nsec_denies_type};
use dnssec::nsec3::{HashBudget, nsec3_denies_ds, nsec3_denies_for_wildcard, nsec3_denies_name, nsec3_denies_type};

use super::signature::is_signed_by;
use super::{ChainSource, Checker, Failure, Judged, SecureZone};
use crate::fetched::Fetched;
use crate::limits::MAX_PROOFS;
use crate::rrset::Rrset;
use crate::security::{Reason, Security};

/// The authority section of a reply, as far as it was verified.
pub(super) struct Proofs<'f> {
    fetched: &'f Fetched,
    judged: Vec<Judged>,
    /// By which zone each RRset was verified.
    zones: Vec<Option<NameBuf>>,
    failure: Option<Failure>,
}

/// Owners and data of verified NSEC and NSEC3 records of one zone.
#[derive(Default)]
pub(super) struct Records<'f> {
    nsec: Vec<(&'f Name, &'f [u8])>,
    nsec3: Vec<(&'f Name, &'f [u8])>,
    /// Seconds that what they prove may be kept.
    pub(super) ttl: u32,
}

impl Records<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.nsec.is_empty() && self.nsec3.is_empty()
    }
}

/// Whether it is of a type that proves absence.
fn is_proof(rrset: &Rrset) -> bool {
    rrset.rtype == RType::NSEC || rrset.rtype == RType::NSEC3
}

impl<'f> Proofs<'f> {
    /// Nothing of it is verified yet.
    pub(super) fn new(fetched: &'f Fetched) -> Proofs<'f> {
        let unseen = |ttl| Judged { security: Security::Indeterminate, ttl, wildcard: None };
        let judged = fetched.authorities.iter().map(|rrset| unseen(rrset.ttl)).collect();
        Proofs { fetched, judged, zones: vec![None; fetched.authorities.len()], failure: None }
    }

    /// Verifies the RRset at `index`, once.
    fn check<S: ChainSource>(&mut self, checker: &Checker<'_, S>, zone: &SecureZone, index: usize) -> bool {
        let rrset = &*self.fetched.authorities[index];
        if self.zones[index].as_deref() == Some(&*zone.zone) {
            return self.judged[index].security == Security::Secure;
        }
        self.zones[index] = Some(zone.zone.clone());
        let judged = &mut self.judged[index];
        match checker.check_rrset(rrset, &zone.zone, &zone.keys) {
            // Neither SOA nor proofs are ever made from wildcards.
            Ok(verified) if verified.wildcard.is_none() => {
                *judged = Judged { security: Security::Secure, ttl: verified.ttl, wildcard: None };
                return true;
            }
            Ok(_) => {
                let text = format!("{} of {}: made from a wildcard", rrset.rtype, rrset.owner);
                self.failure.get_or_insert(Failure::data(ede::DNSSEC_BOGUS, text));
            }
            Err(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
        judged.security = Security::Bogus;
        false
    }

    /// The NSEC and NSEC3 records that `zone` signed.
    pub(super) fn records<S: ChainSource>(&mut self, checker: &Checker<'_, S>, zone: &SecureZone) -> Records<'f> {
        let mut records = Records { ttl: u32::MAX, ..Records::default() };
        let mut looked_at = 0;
        for (index, rrset) in self.fetched.authorities.iter().enumerate() {
            if !is_proof(rrset) || looked_at == MAX_PROOFS || !is_signed_by(rrset, &zone.zone) {
                continue;
            }
            looked_at += 1;
            if !self.check(checker, zone, index) {
                continue;
            }
            records.ttl = records.ttl.min(self.judged[index].ttl);
            let list = if rrset.rtype == RType::NSEC { &mut records.nsec } else { &mut records.nsec3 };
            list.extend(rrset.rdata.iter().map(|rdata| (&*rrset.owner, rdata)));
        }
        records
    }

    /// Verifies the SOA RRset of a negative answer, whose TTL is that of the answer (RFC 2308 5).
    pub(super) fn check_soa<S: ChainSource>(
        &mut self,
        checker: &Checker<'_, S>,
        zone: &SecureZone,
    ) -> Result<(), Failure> {
        let is_soa = |rrset: &Rrset| rrset.is(&zone.zone, RType::SOA);
        let Some(index) = self.fetched.authorities.iter().position(|rrset| is_soa(rrset)) else { return Ok(()) };
        if self.check(checker, zone, index) {
            return Ok(());
        }
        let unclear = || Failure::data(ede::DNSSEC_BOGUS, format!("SOA of {}: bad signature", zone.zone));
        Err(self.failure.clone().unwrap_or_else(unclear))
    }

    /// Why nothing was proved about `name`.
    pub(super) fn failure(&self, name: &Name, rtype: RType, zone: &Name) -> Failure {
        let unproved = || {
            let text = format!("{rtype} of {name}: the NSEC and NSEC3 records of {zone} do not prove its absence");
            let any = self.fetched.authorities.iter().any(|rrset| is_proof(rrset));
            Failure::data(if any { ede::DNSSEC_BOGUS } else { ede::NSEC_MISSING }, text)
        };
        self.failure.clone().unwrap_or_else(unproved)
    }

    /// What was found out about each RRset; all the same if nothing was verified because it need not be.
    pub(super) fn into_judged(self, unverified: Option<Security>) -> Vec<Judged> {
        let mut judged = self.judged;
        if let Some(security) = unverified {
            judged.iter_mut().for_each(|judged| judged.security = security);
        }
        judged
    }
}

/// An answer that is insecure because of its zone's parameters (RFC 9276 3.2).
pub(super) fn iterations_reason(zone: &Name) -> Reason {
    Reason::new(ede::UNSUPPORTED_NSEC3_ITERATIONS, format!("NSEC3 of {zone}: too many iterations"))
}

impl<S: ChainSource> Checker<'_, S> {
    /// Tries NSEC, then NSEC3 within the budget of this question.
    fn denies(
        &self,
        records: &Records<'_>,
        nsec: impl FnOnce() -> Denial,
        nsec3: impl FnOnce(u16, &mut HashBudget) -> Denial,
    ) -> Denial {
        let denied = if records.nsec.is_empty() { Denial::NotProved } else { nsec() };
        if denied != Denial::NotProved || records.nsec3.is_empty() {
            return denied;
        }
        let counter = self.source.budget(self.context);
        let granted = counter.nsec3_hashes();
        let mut budget = HashBudget::new(granted);
        let denied = nsec3(self.policy.limits.nsec3_iterations, &mut budget);
        counter.spend_nsec3_hashes(granted - budget.left());
        denied
    }

    /// Whether `name` is a delegation without DS.
    pub(super) fn denies_ds(&self, records: &Records<'_>, zone: &Name, name: &Name) -> Denial {
        let nsec = || nsec_denies_ds(&records.nsec, zone, name);
        self.denies(records, nsec, |limit, budget| nsec3_denies_ds(&records.nsec3, zone, name, limit, budget))
    }

    /// Whether `name` has no data of this type.
    pub(super) fn denies_type(&self, records: &Records<'_>, zone: &Name, name: &Name, rtype: RType) -> Denial {
        let nsec = || nsec_denies_type(&records.nsec, zone, name, rtype);
        self.denies(records, nsec, |limit, budget| nsec3_denies_type(&records.nsec3, zone, name, rtype, limit, budget))
    }

    /// Whether `name` does not exist.
    pub(super) fn denies_name(&self, records: &Records<'_>, zone: &Name, name: &Name) -> Denial {
        let nsec = || nsec_denies_name(&records.nsec, zone, name);
        self.denies(records, nsec, |limit, budget| nsec3_denies_name(&records.nsec3, zone, name, limit, budget))
    }

    /// Whether nothing is closer to `name` than a wildcard below the ancestor with so many labels.
    pub(super) fn denies_closer(&self, records: &Records<'_>, zone: &Name, name: &Name, labels: usize) -> Denial {
        let nsec = || nsec_denies_for_wildcard(&records.nsec, zone, name, labels);
        self.denies(records, nsec, |limit, budget| {
            nsec3_denies_for_wildcard(&records.nsec3, zone, name, labels, limit, budget)
        })
    }

    /// The question's hashes are used up.
    pub(super) fn hash_limit(&self, name: &Name) -> Failure {
        Failure::limit(format!("{name}: limit of NSEC3 hashes reached"))
    }
}
