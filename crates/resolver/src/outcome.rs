//! What a client gets: the end of a resolution, ready to be written as a response.

use std::net::SocketAddr;
use std::sync::Arc;

use dns::response::{Full, Owner, Section, Writer};
use dns::{Name, NameBuf, RType, Rcode};

use crate::rrset::Rrset;
use crate::security::{Reason, Security};

/// An RRset with the TTL that it has now, in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// The RRset.
    pub rrset: Arc<Rrset>,
    /// What is left of its TTL.
    pub ttl: u32,
}

/// The answer to a client's question.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// RCODE.
    pub rcode: Rcode,
    /// That of its worst part.
    pub security: Security,
    /// Aliases and the RRset, in the order of the chain.
    pub answers: Vec<Timed>,
    /// SOA of negative answers; NSEC and NSEC3 proofs, which only clients that set DO get.
    pub authorities: Vec<Timed>,
    /// Addresses of name servers in the authority section, where responses are not minimal.
    pub additionals: Vec<Timed>,
    /// Why it is as it is.
    pub reason: Option<Reason>,
    /// All of it came from the cache.
    pub cached: bool,
    /// Who gave the last part that did not.
    pub server: Option<SocketAddr>,
    /// The version of our own zones that it was made with, where they had a part in it ([`crate::local::LocalData::version`]).
    pub zones_seen: Option<u64>,
    /// Of the names in it that were just fetched, the zones whose servers answered for them, as far as delegations told.
    pub zones: Vec<(NameBuf, NameBuf)>,
}

impl Outcome {
    /// An answer without records.
    pub fn empty(rcode: Rcode, security: Security) -> Outcome {
        let (answers, authorities, additionals, zones) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Outcome {
            rcode,
            security,
            answers,
            authorities,
            additionals,
            reason: None,
            cached: false,
            server: None,
            zones_seen: None,
            zones,
        }
    }

    /// SERVFAIL for this reason.
    pub fn failure(reason: Reason) -> Outcome {
        Outcome { reason: Some(reason), ..Outcome::empty(Rcode::SERVFAIL, Security::Indeterminate) }
    }

    /// What a client without CD gets: nothing of bogus data but the reason (RFC 4035 5.5).
    pub fn checked(&self) -> Outcome {
        match self.security {
            Security::Bogus => Outcome {
                security: Security::Bogus,
                server: self.server,
                cached: self.cached,
                reason: self.reason.clone(),
                zones_seen: self.zones_seen,
                zones: self.zones.clone(),
                ..Outcome::empty(Rcode::SERVFAIL, Security::Bogus)
            },
            _ => self.clone(),
        }
    }

    /// The zone whose servers just answered for `name`, the question's or an alias.
    pub fn zone_of(&self, name: &Name) -> Option<&Name> {
        self.zones.iter().find(|(known, _)| **known == *name).map(|(_, zone)| &**zone)
    }

    /// Whether all of it is secure: AD may be set for clients that understand it (RFC 4035 3.2.3, RFC 6840 5.8). A failure
    /// is nothing that anybody could have signed.
    pub fn is_authentic(&self) -> bool {
        self.security == Security::Secure && self.rcode != Rcode::SERVFAIL
    }

    /// Writes its records; a client without DO gets no signatures and proofs (RFC 4035 3.2.1), but as the answer
    /// when it asks for them. What does not fit sets TC, unless the answer section is whole (RFC 2181 9).
    pub fn write(&self, w: &mut Writer<'_>, qtype: RType, dnssec_ok: bool) {
        for timed in &self.answers {
            if write_rrset(w, Section::Answer, timed, dnssec_ok || qtype == RType::ANY).is_err() {
                w.set_truncated();
                return;
            }
        }
        for timed in &self.authorities {
            let proof = timed.rrset.rtype == RType::NSEC || timed.rrset.rtype == RType::NSEC3;
            if proof && !dnssec_ok {
                continue;
            }
            if write_rrset(w, Section::Authority, timed, dnssec_ok).is_err() {
                w.set_truncated();
                return;
            }
        }
        for timed in &self.additionals {
            // What does not fit is left out (RFC 2181 9).
            if write_rrset(w, Section::Additional, timed, dnssec_ok).is_err() {
                return;
            }
        }
    }
}

/// All of an RRset or nothing.
fn write_rrset(w: &mut Writer<'_>, section: Section, timed: &Timed, dnssec_ok: bool) -> Result<(), Full> {
    let (rrset, mark) = (&*timed.rrset, w.mark());
    let owner = if *rrset.owner == *w.question().name() { Owner::Question } else { Owner::Name(&rrset.owner) };
    let mut write = |rtype, rdata| w.record(section, owner, rtype, timed.ttl, rdata);
    let mut result = rrset.rdata.iter().try_for_each(|rdata| write(rrset.rtype, rdata));
    if dnssec_ok && result.is_ok() {
        result = rrset.signatures.iter().try_for_each(|rdata| write(RType::RRSIG, rdata));
    }
    if result.is_err() {
        w.rollback(mark);
    }
    result
}
