//! Makes signatures, by several threads where there are many.

use dns::{Class, Name, RType};
use dnssec::canonical::{Rrset, Scratch};
use dnssec::sign::{SignatureTerms, sign_rrset};
use zone::Edit;

use super::{SigningError, Unsigned};
use crate::policy::SigningPolicy;
use crate::zone_signer::ZoneSigner;

/// With fewer RRsets than this one thread is faster than several.
const MIN_SHARE: usize = 64;

/// The RRsets with their signatures.
pub fn sign(
    signer: &ZoneSigner,
    unsigned: Vec<Unsigned>,
    now_s: u64,
    threads: usize,
) -> Result<Vec<Edit>, SigningError> {
    let threads = threads.min(unsigned.len() / MIN_SHARE).max(1);
    if threads == 1 {
        return sign_some(signer, unsigned, now_s);
    }
    let share = unsigned.len().div_ceil(threads);
    let (mut shares, mut rest) = (Vec::with_capacity(threads), unsigned);
    while rest.len() > share {
        let behind = rest.split_off(share);
        shares.push(std::mem::replace(&mut rest, behind));
    }
    shares.push(rest);
    std::thread::scope(|scope| {
        let work = |share| scope.spawn(move || sign_some(signer, share, now_s));
        let working: Vec<_> = shares.into_iter().map(work).collect();
        let mut all = Vec::new();
        for thread in working {
            // A thread that panicked has said so.
            all.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}

fn sign_some(signer: &ZoneSigner, unsigned: Vec<Unsigned>, now_s: u64) -> Result<Vec<Edit>, SigningError> {
    let mut scratch = Scratch::default();
    let sign = |Unsigned { owner, rtype, mut records }: Unsigned| {
        let rdatas: Vec<&[u8]> = records.data.iter().map(Vec::as_slice).collect();
        let set = Rrset { owner: &owner, class: Class::IN, rtype, ttl: records.ttl, rdatas: &rdatas };
        let (inception, expiration) = validity(&signer.policy, &owner, rtype, now_s);
        let terms = SignatureTerms { signer: &signer.origin, inception, expiration, labels: None };
        let sign = |key: &crate::zone_signer::KeyInUse| sign_rrset(&set, &terms, &key.key, &mut scratch);
        let signatures = signer.signers_of(&owner, rtype).iter().map(sign).collect::<Result<Vec<_>, _>>();
        let signatures = signatures.map_err(|why| SigningError::Rrset { owner: owner.clone(), rtype, why })?;
        records.signatures = signatures;
        Ok(Edit { owner, rtype, records: Some(records) })
    };
    unsigned.into_iter().map(sign).collect()
}

/// From when to when a signature made now is valid (RFC 4034 3.1.5). Signatures of different owners and types end at
/// different times, so that not all are made anew at one time.
fn validity(policy: &SigningPolicy, owner: &Name, rtype: RType, now_s: u64) -> (u32, u32) {
    let octets = owner.as_wire().iter().chain(&rtype.0.to_be_bytes()).map(u8::to_ascii_lowercase).collect::<Vec<_>>();
    // FNV-1a: any hash does that is the same for equal names.
    let hash = octets.iter().fold(0x811c_9dc5u32, |hash, &octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193));
    let earlier = (u64::from(hash) * u64::from(policy.signature_jitter_s)) >> 32;
    let lifetime = u64::from(policy.signature_lifetime_s).saturating_sub(earlier);
    let inception = now_s.saturating_sub(u64::from(policy.inception_offset_s));
    // Seconds wrap around in 2106, as RFC 4034 3.1.5 says.
    (inception as u32, (now_s + lifetime) as u32)
}
