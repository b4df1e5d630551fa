//! What goes into the cache and what comes out of it.

use std::net::IpAddr;
use std::sync::Arc;

use dns::{Name, RType, Rcode};

use crate::outcome::Timed;
use crate::rrset::Rrset;
use crate::security::{Reason, Security};

/// How much data can be trusted for where it stood in a reply (RFC 2181 5.4.1). Delegations and glue are not kept
/// here, so only the ranks of answers appear, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Authority section of an authoritative answer.
    AuthorityData = 0,
    /// Answer section of a reply without AA: what forwarders give.
    NonAuthoritativeAnswer = 1,
    /// Answer section of an authoritative answer.
    AuthoritativeAnswer = 2,
}

/// Something to be kept.
#[derive(Debug, Clone, Copy)]
pub enum NewEntry<'a> {
    /// An RRset.
    Positive(NewPositive<'a>),
    /// That there is none.
    Negative(NewNegative<'a>),
    /// That nothing could be found out (RFC 9520).
    Failure(NewFailure<'a>),
}

/// An RRset to be kept under its owner and type.
#[derive(Debug, Clone, Copy)]
pub struct NewPositive<'a> {
    /// It, with its signatures; its TTL is kept, within the bounds of the settings.
    pub rrset: &'a Rrset,
    /// Where it stood.
    pub rank: Rank,
    /// What validation said.
    pub security: Security,
    /// NSEC and NSEC3 RRsets that prove the expansion of a wildcard; for a CNAME made from a DNAME, the DNAME, which
    /// answers carry in front of it. The entry lives no longer than the first of them.
    pub proofs: &'a [Arc<Rrset>],
    /// Who gave it.
    pub origin: Option<IpAddr>,
    /// Why it is bogus, or not secure.
    pub reason: Option<&'a Reason>,
}

/// A negative answer to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewNegative<'a> {
    /// The name: the last of a chain of aliases.
    pub name: &'a Name,
    /// The type that it does not have; `None` if the name does not exist.
    pub rtype: Option<RType>,
    /// The SOA of the zone that says so; without one it is kept for a few seconds only (RFC 2308 5).
    pub soa: Option<&'a Rrset>,
    /// NSEC and NSEC3 RRsets that prove it.
    pub proofs: &'a [Arc<Rrset>],
    /// Where it stood.
    pub rank: Rank,
    /// What validation said.
    pub security: Security,
    /// Who gave it.
    pub origin: Option<IpAddr>,
    /// Why it is bogus, or not secure.
    pub reason: Option<&'a Reason>,
}

/// A failure to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewFailure<'a> {
    /// The name that was asked for.
    pub name: &'a Name,
    /// The type that was asked for.
    pub rtype: RType,
    /// Why it failed.
    pub reason: &'a Reason,
    /// [`Security::Bogus`] if validation failed it: clients that set CD are not told of it.
    pub security: Security,
}

/// An RRset from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedRrset {
    /// It, with what is left of its TTL.
    pub data: Timed,
    /// Where it stood.
    pub rank: Rank,
    /// What validation said.
    pub security: Security,
    /// What was kept with it, see [`NewPositive::proofs`].
    pub proofs: Vec<Timed>,
    /// Who gave it.
    pub origin: Option<IpAddr>,
    /// Why it is bogus, or not secure.
    pub reason: Option<Reason>,
    /// It is popular and about to expire: worth asking for anew. Said once.
    pub prefetch: bool,
    /// It has expired (RFC 8767).
    pub stale: bool,
}

/// A negative answer from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedNegative {
    /// NXDOMAIN, or NOERROR if the name exists without the type.
    pub rcode: Rcode,
    /// SOA, then NSEC and NSEC3 RRsets, with what is left of the TTL.
    pub authorities: Vec<Timed>,
    /// What is left of its TTL, in seconds.
    pub ttl: u32,
    /// Where it stood.
    pub rank: Rank,
    /// What validation said.
    pub security: Security,
    /// Who gave it.
    pub origin: Option<IpAddr>,
    /// Why it is bogus, or not secure.
    pub reason: Option<Reason>,
    /// It is popular and about to expire. Said once.
    pub prefetch: bool,
    /// It has expired (RFC 8767).
    pub stale: bool,
}

/// A failure from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFailure {
    /// Why it failed.
    pub reason: Reason,
    /// [`Security::Bogus`] if validation failed it.
    pub security: Security,
    /// For how long it is not tried again, in seconds.
    pub ttl: u32,
}

/// A question that failed and has not been answered since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failing {
    /// It is not to be tried again yet; why it failed.
    Now(String),
    /// It may be tried again.
    Lately,
}

/// What the cache has for a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The RRset.
    Positive(CachedRrset),
    /// A CNAME at the name; another type was asked for.
    Alias(CachedRrset),
    /// That there is none.
    Negative(CachedNegative),
    /// That nothing could be found out.
    Failure(CachedFailure),
}

impl Found {
    /// What is left of its TTL, in seconds.
    pub fn ttl(&self) -> u32 {
        match self {
            Found::Positive(cached) | Found::Alias(cached) => cached.data.ttl,
            Found::Negative(cached) => cached.ttl,
            Found::Failure(cached) => cached.ttl,
        }
    }

    /// What validation said.
    pub fn security(&self) -> Security {
        match self {
            Found::Positive(cached) | Found::Alias(cached) => cached.security,
            Found::Negative(cached) => cached.security,
            Found::Failure(cached) => cached.security,
        }
    }

    /// Whether it has expired (RFC 8767).
    pub fn is_stale(&self) -> bool {
        match self {
            Found::Positive(cached) | Found::Alias(cached) => cached.stale,
            Found::Negative(cached) => cached.stale,
            Found::Failure(_) => false,
        }
    }

    /// Its name in traces: `positive`, `alias`, `negative`, `failure`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Found::Positive(_) => "positive",
            Found::Alias(_) => "alias",
            Found::Negative(_) => "negative",
            Found::Failure(_) => "failure",
        }
    }
}

/// What a client asks, apart from the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The type.
    pub qtype: RType,
    /// The client wants signatures and proofs (RFC 3225).
    pub dnssec_ok: bool,
    /// The client takes bogus data (RFC 4035 3.2.2).
    pub checking_disabled: bool,
}

/// An answer that was written from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The RCODE.
    pub rcode: Rcode,
    /// That of the worst part.
    pub security: Security,
    /// INFO-CODE of the worst part's reason (RFC 8914).
    pub reason: Option<u16>,
    /// A part of it is popular and about to expire: the question is worth resolving anew. Said once.
    pub prefetch: bool,
    /// A part of it has expired (RFC 8767).
    pub stale: bool,
}

impl Hit {
    /// Whether all of it is secure: AD may be set for clients that understand it (RFC 4035 3.2.3, RFC 6840 5.8).
    pub fn authentic(&self) -> bool {
        self.security == Security::Secure && !self.stale && self.rcode != Rcode::SERVFAIL
    }
}
