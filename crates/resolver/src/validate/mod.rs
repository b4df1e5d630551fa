//! Validation: which parts of an answer a chain of signatures leads to from a trust anchor (RFC 4033, RFC 4034,
//! RFC 4035, RFC 5155, RFC 6840). Called by [`crate::resolve`] for each [`Fetched`] before it is kept.
//!
//! It does no I/O: DS and DNSKEY RRsets come through a [`ChainSource`], which does not validate them.
//! `answer` judges the RRsets of an answer, `negative` its proofs, `chain` finds the zone that must have signed them,
//! `keys` and `ds` judge a step of that chain, `signature` one RRset. What is found out about zones stays in a
//! [`TrustStore`].

mod alias;
mod answer;
mod budget;
mod chain;
mod ds;
mod keys;
mod negative;
mod reason;
mod signature;
mod trust;

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use dns::{Name, NameBuf, RType};
use dnssec::verify::Scratch;

pub use self::budget::Budget;
pub(crate) use self::signature::claimed_wildcard;
pub use self::trust::{SecureZone, TrustStore, ZoneTrust};
use crate::anchors::{Anchor, Anchors};
use crate::fetched::{Fetched, Kind};
use crate::limits::Limits;
use crate::question::Question;
use crate::security::{Reason, Security};

/// Where the validator gets DS and DNSKEY RRsets from, and what it needs to know of the question it works for.
pub trait ChainSource {
    /// What belongs to one question of a client: passed through.
    type Context;

    /// The DS or DNSKEY RRset of a zone, scrubbed but not validated. DS comes from the parent, or from the referral
    /// that led to the zone; if there is none, with the proof of that in the authorities. Servers in `avoid` have
    /// given something that does not validate: if that is not empty, what is remembered does not count.
    fn fetch(
        &self,
        context: &Self::Context,
        name: &Name,
        rtype: RType,
        avoid: &[SocketAddr],
    ) -> impl Future<Output = Result<Arc<Fetched>, Reason>>;

    /// What validation may still cost for this question.
    fn budget<'a>(&'a self, context: &'a Self::Context) -> &'a Budget;

    /// Seconds since 1970.
    fn unix_s(&self) -> u64;

    /// Tells of a step of validation; `why` makes its text, if somebody looks.
    fn validated(
        &self,
        context: &Self::Context,
        name: &Name,
        rtype: RType,
        security: Security,
        why: &dyn Fn() -> String,
    );
}

/// How to validate.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// Where chains begin.
    pub anchors: &'a Anchors,
    /// Names at or below which nothing is validated (RFC 7646).
    pub negative_anchors: &'a [NameBuf],
    /// Whether signatures of RSASHA1 count; if not, zones with nothing better are insecure (RFC 9905).
    pub allow_sha1: bool,
    /// What a question may cost.
    pub limits: &'a Limits,
}

/// What covers a name.
enum Cover<'a> {
    /// A trust anchor: it is validated.
    Anchor(&'a Anchor),
    /// A negative trust anchor: it is insecure.
    Negative,
    /// Nothing: it is indeterminate.
    Nothing,
}

impl<'a> Policy<'a> {
    /// What covers `name`: the closest trust anchor, or a negative one that is no farther (RFC 7646).
    fn cover(&self, name: &Name) -> Cover<'a> {
        let anchor = self.anchors.closest(name);
        let above = anchor.map_or(Name::root(), |anchor| &*anchor.zone);
        let negative = self.negative_anchors.iter().any(|at| name.is_at_or_below(at) && at.is_at_or_below(above));
        match anchor {
            _ if negative => Cover::Negative,
            Some(anchor) => Cover::Anchor(anchor),
            None => Cover::Nothing,
        }
    }
}

/// What validation says of one RRset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Its status; RRsets that did not matter are indeterminate.
    pub security: Security,
    /// Seconds that it may be kept: its TTL, at most the original one and what is left of the signature's validity
    /// (RFC 4035 5.3.3).
    pub ttl: u32,
    /// The wildcard that it was made from; of what is not secure, that its signature claims, so that whoever validates it
    /// gets the proofs.
    pub wildcard: Option<NameBuf>,
}

/// What validation says of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// That of its worst part.
    pub security: Security,
    /// Why it is not secure, unless that is quite usual.
    pub reason: Option<Reason>,
    /// What it says: [`Fetched::kind`], but if the proof of an NXDOMAIN shows that the name exists without such data,
    /// that.
    pub kind: Kind,
    /// One for each RRset of [`Fetched::answers`].
    pub answers: Vec<Judged>,
    /// One for each RRset of [`Fetched::authorities`]; in a secure answer those that are not secure themselves prove
    /// nothing and belong to nothing.
    pub authorities: Vec<Judged>,
    /// Who should not be asked again, if the answer is bogus and others may have a better one.
    pub bogus_server: Option<SocketAddr>,
}

/// Why something is bogus.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    /// For people.
    reason: Reason,
    /// Whether it may help to ask others for the same data.
    retry: bool,
    /// Whether it is so for whoever asks; if not, a limit of this question was reached, or others did not answer.
    lasting: bool,
}

impl Failure {
    /// The data is wrong.
    fn data(code: u16, text: impl Into<String>) -> Failure {
        Failure { reason: Reason::new(code, text), retry: true, lasting: true }
    }

    /// This question has cost too much.
    fn limit(text: impl Into<String>) -> Failure {
        Failure { reason: Reason::limit(dns::edns::ede::DNSSEC_BOGUS, text), retry: false, lasting: false }
    }

    /// The same, but not to be remembered if it was a limit of ours, and not the other servers, that kept us from
    /// finding better data.
    fn unless_limited(mut self, cause: &Failure) -> Failure {
        self.lasting &= !cause.reason.limit;
        self
    }

    /// Part of the chain is wrong or not to be had: other servers of the answer do not help.
    fn of_chain(self) -> Failure {
        Failure { retry: false, ..self }
    }
}

/// One validation: what all of its steps need.
struct Checker<'a, S: ChainSource> {
    source: &'a S,
    context: &'a S::Context,
    trust: &'a TrustStore,
    policy: &'a Policy<'a>,
    now_s: u64,
    /// The answer that is validated and its question, which may have keys of the chain in it.
    given: (&'a Question, &'a Fetched),
    /// Secure zones met so far: keys count for the whole answer, even if their TTL is 0.
    met: RefCell<Vec<Arc<SecureZone>>>,
    scratch: RefCell<Scratch>,
}

/// Judges an answer.
///
/// Budgets of [`ChainSource::budget`] are spent. What is learnt about zones goes to `trust`.
pub async fn validate<S: ChainSource>(
    source: &S,
    context: &S::Context,
    question: &Question,
    fetched: &Fetched,
    trust: &TrustStore,
    policy: &Policy<'_>,
) -> Verdict {
    let (now_s, given) = (source.unix_s(), (question, fetched));
    let (met, scratch) = (RefCell::default(), RefCell::default());
    answer::judge(&Checker { source, context, trust, policy, now_s, given, met, scratch }).await
}
