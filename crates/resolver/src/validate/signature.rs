//! The signatures of one RRset: who made them, and whether they stand (RFC 4035 5.3).

use dns::edns::ede;
use dns::rdata::typed::Rrsig;
use dns::{Class, Name, NameBuf, RType};
use dnssec::canonical::suffix;
use dnssec::key::PublicKey;
use dnssec::verify::{self, Verified, VerifyBudget, VerifyError};

use super::reason::{bad_signature, rank};
use super::{ChainSource, Checker, Failure};
use crate::limits::{MAX_SIGNATURES, MAX_SIGNERS};
use crate::rrset::Rrset;

/// The zones that may have signed an RRset, by its signatures: at or above the owner, but not above `top`, the
/// deepest first. DS is the parent's, DNSKEY the zone's own (RFC 4035 2.2, 2.4).
pub(super) fn signers<'r>(rrset: &'r Rrset, top: &Name) -> Vec<&'r Name> {
    let may_sign = |signer: &Name| match rrset.rtype {
        RType::DNSKEY => *rrset.owner == *signer,
        RType::DS if !rrset.owner.is_root() => *rrset.owner != *signer && rrset.owner.is_at_or_below(signer),
        _ => rrset.owner.is_at_or_below(signer),
    };
    let mut signers: Vec<&Name> = Vec::new();
    for rrsig in rrset.signatures.iter().take(MAX_SIGNATURES).filter_map(Rrsig::parse) {
        let wanted = rrsig.type_covered == rrset.rtype && may_sign(rrsig.signer) && rrsig.signer.is_at_or_below(top);
        if wanted && !signers.contains(&rrsig.signer) {
            signers.push(rrsig.signer);
        }
    }
    signers.sort_by_key(|signer| std::cmp::Reverse(signer.len()));
    signers.truncate(MAX_SIGNERS);
    signers
}

/// Whether one of an RRset's signatures is by `zone`.
pub(super) fn is_signed_by(rrset: &Rrset, zone: &Name) -> bool {
    rrset.signatures.iter().take(MAX_SIGNATURES).filter_map(Rrsig::parse).any(|rrsig| rrsig.signer == zone)
}

/// The wildcard that an RRset was made from if its signature is right (RFC 4035 5.3.4).
pub(crate) fn claimed_wildcard(rrset: &Rrset) -> Option<NameBuf> {
    let mut signatures = rrset.signatures.iter().take(MAX_SIGNATURES).filter_map(Rrsig::parse);
    let labels = signatures.find(|rrsig| rrset.owner.is_at_or_below(rrsig.signer))?.labels;
    let wildcard = suffix(&rrset.owner, labels.into())?.prepend(b"*").ok()?;
    (usize::from(labels) < rrset.owner.label_count() && wildcard != rrset.owner).then_some(wildcard)
}

impl<S: ChainSource> Checker<'_, S> {
    /// Verifies an RRset with keys of `zone`: one good signature is enough (RFC 4035 5.3.3).
    pub(super) fn check_rrset(&self, rrset: &Rrset, zone: &Name, keys: &[PublicKey]) -> Result<Verified, Failure> {
        let rdatas: Vec<&[u8]> = rrset.rdata.iter().collect();
        let (owner, rtype) = (&*rrset.owner, rrset.rtype);
        let set = verify::Rrset { owner, class: Class::IN, rtype, ttl: rrset.ttl, rdatas: &rdatas };
        let counter = self.source.budget(self.context);
        let granted = counter.verifications().min(self.policy.limits.verifications_per_rrset);
        let mut budget = VerifyBudget::new(granted);
        let mut scratch = self.scratch.borrow_mut();
        let mut worst: Option<(VerifyError, &[u8])> = None;
        let mut result = None;
        for rrsig in rrset.signatures.iter().take(MAX_SIGNATURES) {
            let now = self.now_s as u32;
            match verify::verify_with_keys(&set, rrsig, zone, keys, now, &mut budget, &mut scratch) {
                Ok(verified) => {
                    result = Some(verified);
                    break;
                }
                Err(error) if worst.is_none_or(|(other, _)| rank(other) < rank(error)) => worst = Some((error, rrsig)),
                Err(_) => {}
            }
        }
        let spent = granted - budget.left();
        counter.spend_verifications(spent);
        self.trust.count_verifications(spent);
        match (result, worst) {
            (Some(verified), _) => Ok(verified),
            (None, Some((error, rrsig))) => Err(bad_signature(owner, rtype, zone, rrsig, error)),
            (None, None) => Err(unsigned(owner, rtype, zone)),
        }
    }
}

/// An RRset of a signed zone without signatures that could be the zone's.
pub(super) fn unsigned(owner: &Name, rtype: RType, zone: &Name) -> Failure {
    Failure::data(ede::RRSIGS_MISSING, format!("{rtype} of {owner}: no signature by {zone}, which is signed"))
}
