//! Entries as values, for whoever needs more than octets in a response.

use std::sync::Arc;

use dns::Rcode;

use super::entry::{Kind, NO_NAME, Proof, View};
use super::found::{CachedFailure, CachedNegative, CachedRrset, Found};
use crate::outcome::Timed;
use crate::rrset::{Packed, Rrset};
use crate::security::Reason;

/// How an entry answers the question for which it was found.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    /// It is an alias for the type that was asked for.
    pub alias: bool,
    /// The TTL that answers give it, in seconds.
    pub ttl: u32,
    /// It is to be refreshed.
    pub prefetch: bool,
    /// It has expired.
    pub stale: bool,
}

/// The entry as a value; `None` for what is none any more.
pub fn decode(view: View<'_>, used: Use) -> Option<Found> {
    match view.kind() {
        Kind::Dead => None,
        Kind::Positive if used.alias => Some(Found::Alias(rrset(view, used))),
        Kind::Positive => Some(Found::Positive(rrset(view, used))),
        Kind::Negative => Some(Found::Negative(negative(view, used))),
        Kind::Failure => {
            let reason = view.reason().unwrap_or_else(|| Reason::new(dns::edns::ede::OTHER, ""));
            Some(Found::Failure(CachedFailure { reason, security: view.security(), ttl: used.ttl }))
        }
    }
}

/// A positive entry.
pub fn rrset(view: View<'_>, used: Use) -> CachedRrset {
    let own = Proof {
        owner: view.name(),
        rtype: view.rtype(),
        ttl: view.ttl(),
        rdata: view.rdata(),
        signatures: view.signatures(),
    };
    CachedRrset {
        data: timed(own, used.ttl),
        rank: view.rank(),
        security: view.security(),
        proofs: view.proofs().map(|proof| timed(proof, used.ttl)).collect(),
        origin: view.origin(),
        reason: view.reason(),
        prefetch: used.prefetch,
        stale: used.stale,
    }
}

fn negative(view: View<'_>, used: Use) -> CachedNegative {
    CachedNegative {
        rcode: if view.rtype() == NO_NAME { Rcode::NXDOMAIN } else { Rcode::NOERROR },
        authorities: view.proofs().map(|proof| timed(proof, used.ttl)).collect(),
        ttl: used.ttl,
        rank: view.rank(),
        security: view.security(),
        origin: view.origin(),
        reason: view.reason(),
        prefetch: used.prefetch,
        stale: used.stale,
    }
}

fn timed(proof: Proof<'_>, ttl: u32) -> Timed {
    Timed { rrset: Arc::new(to_rrset(proof)), ttl }
}

/// An RRset as a value.
pub fn to_rrset(proof: Proof<'_>) -> Rrset {
    Rrset {
        owner: proof.owner.to_owned(),
        rtype: proof.rtype,
        ttl: proof.ttl,
        rdata: Packed::from_octets(proof.rdata),
        signatures: Packed::from_octets(proof.signatures),
    }
}
