//! Verification of an RRset's signature (RFC 4035 5.3), called by the resolver's validator.
//!
//! [`verify_rrset`] tries one key, [`verify_with_keys`] those keys of a zone that fit, within a budget.

use std::cmp::Ordering;

use dns::rdata::typed::Rrsig;
use dns::{Name, RType, serial};

use crate::algorithm::Algorithm;
use crate::canonical::{RRSIG_HEAD_LEN, rrsig_labels, signed_data};
pub use crate::canonical::{Rrset, Scratch};
use crate::key::PublicKey;

/// What a good signature says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The longest TTL that the RRset may be kept with, in seconds: the smallest of the one received, the original
    /// one, and what is left of the signature's validity (RFC 4035 5.3.3).
    pub ttl: u32,
    /// If the RRset was made from a wildcard, how many labels the wildcard's parent has: the closest encloser. Then a
    /// proof that no closer name exists is needed as well (RFC 4035 5.3.4).
    pub wildcard: Option<usize>,
    /// When the signature ends.
    pub expiration: u32,
    /// The tag of the key.
    pub key_tag: u16,
}

/// Why a signature does not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The RRSIG or the RRset is not what it should be.
    #[error("malformed signature or data")]
    Malformed,
    /// It signs another type.
    #[error("the signature is of another type")]
    WrongType,
    /// The signer is not the zone, or the owner is outside of it.
    #[error("the signer is not the zone")]
    SignerMismatch,
    /// More labels than the owner has.
    #[error("the signature has more labels than the owner")]
    TooManyLabels,
    /// It ends before it begins.
    #[error("the signature expires before its inception")]
    ExpirationBeforeInception,
    /// It begins in the future.
    #[error("the signature is not yet valid")]
    NotYetValid,
    /// It ended in the past.
    #[error("the signature has expired")]
    Expired,
    /// Nothing here verifies its algorithm.
    #[error("unsupported algorithm")]
    UnsupportedAlgorithm,
    /// Key tag or algorithm differ, or the key may not sign this: no zone key, or revoked.
    #[error("no key fits the signature")]
    KeyMismatch,
    /// The data was not signed by the key.
    #[error("bad signature")]
    BadSignature,
    /// The budget is used up.
    #[error("too many signatures to verify")]
    OverBudget,
}

/// How many public-key operations are left. Each question has one, or its answers can be made to cost any amount
/// (CVE-2023-50387).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyBudget {
    left: u32,
}

impl VerifyBudget {
    /// A budget of so many operations.
    pub fn new(operations: u32) -> VerifyBudget {
        VerifyBudget { left: operations }
    }

    /// What is left.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Takes what was used of another budget: one for an RRset, made from what is left here.
    pub fn spend(&mut self, operations: u32) {
        self.left = self.left.saturating_sub(operations);
    }

    /// Takes one; false if there is none.
    fn take(&mut self) -> bool {
        let had = self.left > 0;
        self.left = self.left.saturating_sub(1);
        had
    }
}

/// Everything about a signature that needs no key (RFC 4035 5.3.1): whether it is one of this set by `zone` that is
/// valid at `now`, seconds since 1970.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_rrsig<'a>(set: &Rrset<'_>, rrsig: &'a [u8], zone: &Name, now: u32) -> Result<Rrsig<'a>, VerifyError> {
    let rrsig = Rrsig::parse(rrsig).ok_or(VerifyError::Malformed)?;
    if set.rdatas.is_empty() {
        return Err(VerifyError::Malformed);
    }
    // RFC 4035 2.2: signatures are not signed.
    if rrsig.type_covered != set.rtype || set.rtype == RType::RRSIG {
        return Err(VerifyError::WrongType);
    }
    if rrsig.signer != zone || !set.owner.is_at_or_below(zone) {
        return Err(VerifyError::SignerMismatch);
    }
    let labels = usize::from(rrsig.labels);
    if labels > rrsig_labels(set.owner) {
        return Err(VerifyError::TooManyLabels);
    }
    // A wildcard above the zone's apex is not in the zone.
    if labels < zone.label_count() {
        return Err(VerifyError::SignerMismatch);
    }
    check_validity(&rrsig, now)?;
    Ok(rrsig)
}

/// RFC 4034 3.1.5: serial number arithmetic. Times that cannot be compared fit no signature.
fn check_validity(rrsig: &Rrsig<'_>, now: u32) -> Result<(), VerifyError> {
    let not_after = |a, b| matches!(serial::compare(a, b), Some(Ordering::Less | Ordering::Equal));
    if !not_after(rrsig.inception, rrsig.expiration) {
        return Err(VerifyError::ExpirationBeforeInception);
    }
    if !not_after(rrsig.inception, now) {
        return Err(VerifyError::NotYetValid);
    }
    if !not_after(now, rrsig.expiration) {
        return Err(VerifyError::Expired);
    }
    Ok(())
}

/// Whether `key` may have made the signature, so that verifying is worth its cost (RFC 4035 5.3.1).
pub fn key_fits(key: &PublicKey, rrsig: &Rrsig<'_>) -> bool {
    // RFC 5011 2.1: a revoked key vouches for nothing but its own revocation.
    let may = key.is_zone_key() && (!key.is_revoked() || rrsig.type_covered == RType::DNSKEY);
    may && key.algorithm() == Algorithm::from_u8(rrsig.algorithm) && key.key_tag() == rrsig.key_tag
}

/// Verifies one signature of an RRset with one key of `zone` at `now`, seconds since 1970.
///
/// Whether the algorithm is wanted is the caller's to say ([`crate::algorithm::is_supported`]).
///
/// # Errors
/// The first thing that is wrong with it.
pub fn verify_rrset(
    set: &Rrset<'_>,
    rrsig: &[u8],
    zone: &Name,
    key: &PublicKey,
    now: u32,
    scratch: &mut Scratch,
) -> Result<Verified, VerifyError> {
    let mut budget = VerifyBudget::new(1);
    verify_with_keys(set, rrsig, zone, std::slice::from_ref(key), now, &mut budget, scratch)
}

/// Verifies one signature of an RRset with whichever of the zone's keys made it. Each try takes one from `budget`.
///
/// # Errors
/// The first thing that is wrong with the signature; [`VerifyError::BadSignature`] if no key that fits made it.
pub fn verify_with_keys(
    set: &Rrset<'_>,
    rrsig: &[u8],
    zone: &Name,
    keys: &[PublicKey],
    now: u32,
    budget: &mut VerifyBudget,
    scratch: &mut Scratch,
) -> Result<Verified, VerifyError> {
    let head = rrsig.first_chunk::<RRSIG_HEAD_LEN>().ok_or(VerifyError::Malformed)?;
    let rrsig = check_rrsig(set, rrsig, zone, now)?;
    let mut fitting = keys.iter().filter(|key| key_fits(key, &rrsig)).peekable();
    if fitting.peek().is_none() {
        let known = crate::algorithm::is_supported(Algorithm::from_u8(rrsig.algorithm), true);
        return Err(if known { VerifyError::KeyMismatch } else { VerifyError::UnsupportedAlgorithm });
    }
    let signed = signed_data(set, head, rrsig.signer, scratch).ok_or(VerifyError::Malformed)?;
    for key in fitting {
        if !budget.take() {
            return Err(VerifyError::OverBudget);
        }
        if key.verify(signed, rrsig.signature) {
            return Ok(verified(set, &rrsig, now));
        }
    }
    Err(VerifyError::BadSignature)
}

fn verified(set: &Rrset<'_>, rrsig: &Rrsig<'_>, now: u32) -> Verified {
    let left = rrsig.expiration.wrapping_sub(now);
    let labels = usize::from(rrsig.labels);
    Verified {
        ttl: set.ttl.min(rrsig.original_ttl).min(left),
        wildcard: (labels < rrsig_labels(set.owner)).then_some(labels),
        expiration: rrsig.expiration,
        key_tag: rrsig.key_tag,
    }
}
