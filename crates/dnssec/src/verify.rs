//! Verification of the signatures of RRsets (RFC 4035 5.3), for the resolver's validator.
//!
//! [`verify_rrset`] tries one key. [`verify_with_keys`] tries those keys of a zone that fit, within a budget.

use std::cmp::Ordering;

use dns::rdata::typed::Rrsig;
use dns::{Name, RType, serial};

use crate::algorithm::Algorithm;
use crate::canonical::{RRSIG_HEAD_LEN, rrsig_labels, signed_data};
pub use crate::canonical::{Rrset, Scratch};
use crate::key::PublicKey;

/// What follows from a valid signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How long the RRset may be cached, in seconds: the smallest of the received TTL, the original TTL and the time
    /// until the signature expires (RFC 4035 5.3.3).
    pub ttl: u32,
    /// The number of labels of the wildcard's parent, the closest encloser, if the RRset was expanded from a wildcard.
    /// The answer is then valid only with a proof that no closer name exists (RFC 4035 5.3.4).
    pub wildcard: Option<usize>,
    /// When the signature expires, in seconds since 1970.
    pub expiration: u32,
    /// The key tag.
    pub key_tag: u16,
}

/// Why a signature is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The RRSIG or the RRset is malformed.
    #[error("malformed signature or data")]
    Malformed,
    /// It covers another type.
    #[error("the signature is of another type")]
    WrongType,
    /// The signer is not the zone, or the owner is outside the zone.
    #[error("the signer is not the zone")]
    SignerMismatch,
    /// Its labels field is larger than the owner's number of labels.
    #[error("the signature has more labels than the owner")]
    TooManyLabels,
    /// It expires before its inception.
    #[error("the signature expires before its inception")]
    ExpirationBeforeInception,
    /// Its inception is in the future.
    #[error("the signature is not yet valid")]
    NotYetValid,
    /// It has expired.
    #[error("the signature has expired")]
    Expired,
    /// This crate does not verify its algorithm.
    #[error("unsupported algorithm")]
    UnsupportedAlgorithm,
    /// No key has its key tag and algorithm, or the key may not sign the set: it is no zone key, or it is revoked.
    #[error("no key fits the signature")]
    KeyMismatch,
    /// The key did not sign this data.
    #[error("bad signature")]
    BadSignature,
    /// The budget is used up.
    #[error("too many signatures to verify")]
    OverBudget,
}

/// How many public-key operations are left. Give each question a budget: without one, hostile zones can make its
/// validation cost any amount of time (CVE-2023-50387).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyBudget {
    left: u32,
}

impl VerifyBudget {
    /// A budget of `operations`.
    pub fn new(operations: u32) -> VerifyBudget {
        VerifyBudget { left: operations }
    }

    /// Operations that are left.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Takes operations away, for example those that a smaller budget for one RRset has used.
    pub fn spend(&mut self, operations: u32) {
        self.left = self.left.saturating_sub(operations);
    }

    /// Takes one operation; false if none is left.
    fn take(&mut self) -> bool {
        let had = self.left > 0;
        self.left = self.left.saturating_sub(1);
        had
    }
}

/// Checks everything about a signature that needs no key (RFC 4035 5.3.1): that `zone` made it, over this set, and that
/// it is valid at `now`, in seconds since 1970.
///
/// # Errors
/// The first check that fails.
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
    // A wildcard above the apex is not in the zone.
    if labels < zone.label_count() {
        return Err(VerifyError::SignerMismatch);
    }
    check_validity(&rrsig, now)?;
    Ok(rrsig)
}

/// RFC 4034 3.1.5: serial number arithmetic. No signature is valid at a time that cannot be compared with its own.
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

/// Whether `key` can have made the signature, so that it is worth the cost to verify (RFC 4035 5.3.1).
pub fn key_fits(key: &PublicKey, rrsig: &Rrsig<'_>) -> bool {
    // RFC 5011 2.1: a revoked key vouches for nothing but its own revocation.
    let may = key.is_zone_key() && (!key.is_revoked() || rrsig.type_covered == RType::DNSKEY);
    may && key.algorithm() == Algorithm::from_u8(rrsig.algorithm) && key.key_tag() == rrsig.key_tag
}

/// Verifies one signature of an RRset with one key of `zone` at `now`, in seconds since 1970.
///
/// The caller decides whether to accept the algorithm ([`crate::algorithm::is_supported`]).
///
/// # Errors
/// The first check that fails.
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

/// Verifies one signature of an RRset with those of the zone's keys that fit, until one does. Each attempt takes one
/// operation from `budget`. The crate's documentation has an example.
///
/// # Errors
/// The first check that fails; [`VerifyError::BadSignature`] if none of the keys that fit made the signature.
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
