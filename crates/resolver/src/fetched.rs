//! What the network said about one question: scrubbed, not validated.
//!
//! [`crate::iterate`] and [`crate::forward`] make it, [`crate::validate`] judges it, [`crate::resolve`] keeps it.

use std::net::SocketAddr;
use std::sync::Arc;

use dns::{Name, NameBuf, RType, Rcode};

use crate::rrset::Rrset;

/// What kind of answer it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The RRset that was asked for is the last of the answers.
    Positive,
    /// The answers are aliases, and lead to a name that has to be asked for anew.
    Alias(NameBuf),
    /// The last name of the answers, or the question's own, has no such type.
    NoData,
    /// The last name of the answers, or the question's own, does not exist.
    NxDomain,
    /// The last of the answers is a DNAME that makes the name too long (RFC 6672 2.2).
    TooLong,
}

impl Kind {
    /// The RCODE that goes with it.
    pub fn rcode(&self) -> Rcode {
        match self {
            Kind::NxDomain => Rcode::NXDOMAIN,
            Kind::TooLong => Rcode::YXDOMAIN,
            Kind::Positive | Kind::Alias(_) | Kind::NoData => Rcode::NOERROR,
        }
    }
}

/// A reply that answers its question, with what does not belong in it taken out.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// What it says.
    pub kind: Kind,
    /// The aliases (CNAME, and DNAME before the CNAME that it makes), then the RRset, in the order of the chain.
    pub answers: Vec<Arc<Rrset>>,
    /// SOA, NSEC and NSEC3 RRsets of the authority section.
    pub authorities: Vec<Arc<Rrset>>,
    /// The zone whose servers said it, as far as delegations told; its apex may be deeper.
    pub zone: NameBuf,
    /// Who said it; `None` if it was made of what a referral had said.
    pub server: Option<SocketAddr>,
}

impl Fetched {
    /// The names that it answers for: `asked`, and the aliases it leads to but for one that has to be asked for anew.
    pub fn names<'a>(&'a self, asked: &'a Name) -> impl Iterator<Item = &'a Name> {
        let elsewhere = match &self.kind {
            Kind::Alias(next) => Some(&**next),
            _ => None,
        };
        let aliases = self.answers.iter().filter(|rrset| rrset.rtype == RType::CNAME);
        let targets = aliases.filter_map(|rrset| Name::from_wire(rrset.rdata.iter().next()?).ok());
        std::iter::once(asked).chain(targets.filter(move |name| elsewhere != Some(*name)))
    }

    /// The name that the aliases lead to, which a negative answer speaks of; `asked` if there are none.
    pub fn last_name<'a>(&'a self, asked: &'a Name) -> &'a Name {
        let mut aliases = self.answers.iter().rev().filter(|rrset| rrset.rtype == RType::CNAME);
        let target = |rrset: &'a Arc<Rrset>| dns::rdata::typed::target(RType::CNAME, rrset.rdata.iter().next()?);
        aliases.next().and_then(target).unwrap_or(asked)
    }

    /// Whether NSEC or NSEC3 records with signatures came along.
    pub fn has_signed_proofs(&self) -> bool {
        let is_proof = |rrset: &&Arc<Rrset>| matches!(rrset.rtype, RType::NSEC | RType::NSEC3);
        self.authorities.iter().filter(is_proof).any(|rrset| !rrset.signatures.is_empty())
    }

    /// The SOA of the authority section.
    pub fn soa(&self) -> Option<&Arc<Rrset>> {
        self.authorities.iter().find(|rrset| rrset.rtype == RType::SOA)
    }
}
