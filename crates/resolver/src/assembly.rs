//! Collects the parts of an answer while [`crate::resolve`] follows a chain of aliases.

use std::sync::Arc;

use dns::edns::ede;
use dns::rdata::typed::Soa;
use dns::{NameBuf, RType, Rcode};

use crate::cache::{CacheSettings, Found};
use crate::fetched::{Fetched, Kind};
use crate::outcome::{Outcome, Timed};
use crate::question::Question;
use crate::rrset::Rrset;
use crate::security::{Reason, Security};
use crate::validate::{Judged, Verdict};

/// How one name of a chain ended.
pub(crate) enum End {
    /// With this RCODE.
    Done(Rcode),
    /// It goes on at this name.
    Alias(NameBuf),
}

/// What has come together of an answer.
#[derive(Clone)]
pub(crate) struct Chain {
    /// The name that it has come to.
    pub name: NameBuf,
    seen: Vec<NameBuf>,
    answers: Vec<Timed>,
    authorities: Vec<Timed>,
    additionals: Vec<Timed>,
    security: Security,
    /// All of it came from the cache.
    pub cached: bool,
    /// Why it is as it is.
    pub reason: Option<Reason>,
    server: Option<std::net::SocketAddr>,
    zones_seen: Option<u64>,
    zones: Vec<(NameBuf, NameBuf)>,
}

impl Chain {
    pub fn new(question: &Question) -> Chain {
        Chain {
            name: question.name.clone(),
            seen: Vec::new(),
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            security: Security::Secure,
            cached: true,
            reason: None,
            server: None,
            zones_seen: None,
            zones: Vec::new(),
        }
    }

    /// Whether an alias leads to where the chain has been; remembers where it is.
    pub fn has_been_at(&mut self, next: &NameBuf) -> bool {
        self.seen.push(self.name.clone());
        self.seen.contains(next)
    }

    /// Our own zones have a part in it, as they are in this version; the first one that was seen counts.
    pub fn has_seen(&mut self, version: u64) {
        self.zones_seen.get_or_insert(version);
    }

    /// Takes in what our own zones say.
    pub fn local(&mut self, answers: Vec<Arc<Rrset>>, authorities: Vec<Arc<Rrset>>) {
        let timed = |rrset: Arc<Rrset>| Timed { ttl: rrset.ttl, rrset };
        self.cached = false;
        self.answers.extend(answers.into_iter().map(timed));
        self.authorities.extend(authorities.into_iter().map(timed));
        self.security = self.security.min(Security::Insecure);
    }

    /// Adds the delegation of ours that led to an answer: its name servers, and their addresses.
    pub fn referral(&mut self, ns: Arc<Rrset>, glue: Vec<Arc<Rrset>>) {
        let timed = |rrset: Arc<Rrset>| Timed { ttl: rrset.ttl, rrset };
        self.authorities.push(timed(ns));
        self.additionals.extend(glue.into_iter().map(timed));
    }

    /// Whether the RRset that was asked for is there.
    pub fn has(&self, question: &Question) -> bool {
        self.answers.iter().any(|timed| timed.rrset.is(&question.name, question.rtype))
    }

    /// Takes in an answer that was made here.
    pub fn made(&mut self, outcome: Outcome) -> End {
        self.cached = false;
        self.answers.extend(outcome.answers);
        self.authorities.extend(outcome.authorities);
        self.security = self.security.min(outcome.security);
        self.reason = self.reason.take().or(outcome.reason);
        End::Done(outcome.rcode)
    }

    /// Takes in what the cache has.
    pub fn found(&mut self, found: Found) -> Result<End, Reason> {
        self.security = self.security.min(found.security());
        match found {
            Found::Positive(cached) => {
                self.reason = self.reason.take().or(cached.reason);
                self.take(cached.proofs);
                self.answer(cached.data);
                Ok(End::Done(Rcode::NOERROR))
            }
            Found::Alias(cached) => {
                self.reason = self.reason.take().or(cached.reason);
                let target = cached.data.rrset.rdata.iter().next().map(|rdata| NameBuf::from_wire(rdata.to_vec()));
                self.take(cached.proofs);
                self.answer(cached.data);
                match target {
                    Some(Ok(target)) => Ok(End::Alias(target)),
                    _ => Err(Reason::new(ede::INVALID_DATA, "an alias without a target")),
                }
            }
            Found::Negative(cached) => {
                self.reason = self.reason.take().or(cached.reason);
                self.authorities.extend(cached.authorities);
                Ok(End::Done(cached.rcode))
            }
            Found::Failure(cached) => {
                self.reason = Some(cached.reason);
                Ok(End::Done(Rcode::SERVFAIL))
            }
        }
    }

    /// An RRset for the answer section; a DNAME may make more than one alias of a chain.
    pub fn answer(&mut self, timed: Timed) {
        let there = |other: &Timed| other.rrset.is(&timed.rrset.owner, timed.rrset.rtype);
        if !self.answers.iter().any(there) {
            self.answers.push(timed);
        }
    }

    /// What comes with an RRset: a DNAME stands in front of it, proofs in the authority section.
    fn take(&mut self, proofs: Vec<Timed>) {
        for proof in proofs {
            match proof.rrset.rtype {
                RType::DNAME => self.answer(proof),
                _ => self.authorities.push(proof),
            }
        }
    }

    /// Takes in what was fetched.
    pub fn fetched(&mut self, cache: &CacheSettings, question: &Question, fetched: &Fetched, verdict: &Verdict) -> End {
        self.security = self.security.min(verdict.security);
        self.reason = self.reason.take().or_else(|| verdict.reason.clone());
        self.server = fetched.server;
        self.zones.extend(fetched.names(&question.name).map(|name| (name.to_owned(), fetched.zone.clone())));
        for (rrset, judged) in fetched.answers.iter().zip(&verdict.answers) {
            let ttl = cache.positive_ttl(&rrset.owner, judged.ttl);
            self.answer(Timed { rrset: rrset.clone(), ttl });
        }
        let negative = matches!(verdict.kind, Kind::NoData | Kind::NxDomain);
        if negative || verdict.answers.iter().any(|judged| judged.wildcard.is_some()) {
            let name = fetched.last_name(&question.name);
            let least = fetched.soa().map_or(u32::MAX, negative_ttl);
            for (rrset, judged) in verdict.kept(fetched) {
                let ttl = cache.negative_ttl(name, judged.ttl.min(least));
                self.authorities.push(Timed { rrset: rrset.clone(), ttl });
            }
        }
        match &verdict.kind {
            Kind::Alias(next) => End::Alias(next.clone()),
            kind => End::Done(kind.rcode()),
        }
    }

    pub fn end(self, rcode: Rcode) -> Outcome {
        Outcome {
            rcode,
            security: self.security,
            answers: self.answers,
            authorities: self.authorities,
            additionals: self.additionals,
            reason: self.reason,
            cached: self.cached,
            server: self.server,
            zones_seen: self.zones_seen,
            zones: self.zones,
        }
    }

    /// RFC 1034 3.6.2: a chain without end is an error; what there is of it shows why. It is no answer that signatures could
    /// vouch for.
    pub fn broken(self, why: String) -> Outcome {
        let (security, reason) = (self.security.min(Security::Indeterminate), Some(Reason::new(ede::OTHER, why)));
        Outcome { security, reason, ..self.end(Rcode::SERVFAIL) }
    }

    pub fn fail(self, reason: Reason) -> Outcome {
        let Chain { server, zones_seen, zones, .. } = self;
        Outcome { server, zones_seen, zones, ..Outcome::failure(reason) }
    }
}

impl Verdict {
    /// The RRsets of the authority section that go with the answer: AD speaks of them as well (RFC 4035 3.2.3).
    pub(crate) fn kept<'a>(&'a self, fetched: &'a Fetched) -> impl Iterator<Item = (&'a Arc<Rrset>, &'a Judged)> {
        let authorities = fetched.authorities.iter().zip(&self.authorities);
        authorities.filter(|(_, judged)| self.security != Security::Secure || judged.security == Security::Secure)
    }
}

/// RFC 2308 5: the TTL of a negative answer is the lesser of the SOA's own and its MINIMUM.
pub(crate) fn negative_ttl(soa: &Arc<Rrset>) -> u32 {
    let minimum = soa.rdata.iter().next().and_then(Soa::parse).map_or(0, |parsed| parsed.minimum);
    soa.ttl.min(minimum)
}
