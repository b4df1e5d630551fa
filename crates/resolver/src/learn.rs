//! Validates what the network returned, asks other servers when it does not validate, and puts the result into the
//! cache.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use dns::RType;
use dns::edns::ede;

use crate::assembly::negative_ttl;
use crate::cache::{NewEntry, NewFailure, NewNegative, NewPositive, Rank};
use crate::delegation::Delegation;
use crate::fetched::{Fetched, Kind};
use crate::limits::MAX_BOGUS_RETRIES;
use crate::local::Local;
use crate::question::Question;
use crate::resolve::Resolver;
use crate::route::Route;
use crate::rrset::Rrset;
use crate::security::{Reason, Security};
use crate::upstream::Upstream;
use crate::validate::{Judged, Policy, Verdict, claimed_wildcard, validate};
use crate::work::Context;

impl<U: Upstream> Resolver<U> {
    /// Asks the network, and asks again elsewhere if what it says does not validate.
    pub(crate) async fn fetch_valid(
        self: &Rc<Self>,
        context: &Context,
        question: &Question,
        start: Option<Arc<Delegation>>,
        signed: bool,
    ) -> Result<(Arc<Fetched>, Verdict), Reason> {
        let mut avoid = Vec::new();
        let mut bogus: Option<(Arc<Fetched>, Verdict)> = None;
        for _ in 0..=MAX_BOGUS_RETRIES {
            let fetched = match start.clone() {
                Some(start) => Box::pin(self.iterate(context, question, Some(start), &avoid)).await,
                None => self.fetch(context, question, &avoid).await,
            };
            let fetched = match (fetched, bogus.take()) {
                (Ok(fetched), _) => fetched,
                // Nobody is left to ask, or a limit keeps us from it: that says nothing of the answer.
                (Err(error), Some((fetched, mut verdict))) => {
                    verdict.reason.iter_mut().for_each(|reason| reason.limit |= error.limit);
                    return Ok((fetched, verdict));
                }
                (Err(reason), None) => return Err(reason),
            };
            // Names that others answer for are asked for there.
            let route = self.settings().route(&question.name, question.rtype);
            let fetched = fetched.cut_off(question, |target| {
                self.settings().route(target, question.rtype) != route
                    || !matches!(self.local().find(target, question.rtype), Local::Elsewhere)
            });
            let verdict = match signed && self.settings().validate {
                true => self.judge(context, question, &fetched).await,
                false => unchecked(&fetched, if signed { Security::Indeterminate } else { Security::Insecure }),
            };
            match (verdict.security, verdict.bogus_server) {
                (Security::Bogus, Some(server)) => {
                    avoid.push(server);
                    bogus = Some((fetched, verdict));
                }
                _ => return Ok((fetched, verdict)),
            }
        }
        bogus.ok_or_else(|| Reason::new(ede::DNSSEC_BOGUS, format!("{question}: no answer validates")))
    }

    async fn judge(self: &Rc<Self>, context: &Context, question: &Question, fetched: &Fetched) -> Verdict {
        let (settings, anchors) = (self.settings(), self.shared().anchors());
        let policy = Policy {
            anchors: &anchors,
            negative_anchors: &settings.negative_trust_anchors,
            allow_sha1: settings.allow_sha1,
            limits: &settings.limits,
        };
        validate(self, context, question, fetched, &self.shared().trust, &policy).await
    }

    /// Puts what was fetched into the cache. `asked` is the client's question that led to `question`.
    ///
    /// No question is to make the answer to another one worse, so whatever is kept is kept where only its own question
    /// meets it: RRsets under their names and types, but none that came together with others for ANY, for which servers
    /// say what they like (RFC 8482); what did not validate under the question that it was the answer to (RFC 9520 3.1).
    pub(crate) fn keep(
        &self,
        context: &Context,
        (asked, question): (&Question, &Question),
        fetched: &Fetched,
        verdict: &Verdict,
    ) {
        if !self.is_current(context) {
            return;
        }
        self.keep_all(asked, question, fetched, verdict);
        if !self.is_current(context) {
            self.take_back(question, fetched);
        }
    }

    /// Takes out what was just kept: something changed meanwhile.
    fn take_back(&self, question: &Question, fetched: &Fetched) {
        let cache = &self.shared().cache;
        for rrset in &fetched.answers {
            cache.flush_type(&rrset.owner, rrset.rtype);
        }
        cache.flush_type(fetched.last_name(&question.name), question.rtype);
    }

    fn keep_all(&self, asked: &Question, question: &Question, fetched: &Fetched, verdict: &Verdict) {
        if question.rtype != RType::ANY {
            self.keep_answers(question, fetched, verdict);
        }
        match verdict.security {
            Security::Bogus => self.keep_failure(asked, question, fetched, verdict),
            _ => self.keep_absence(question, fetched, verdict),
        }
    }

    fn keep_answers(&self, question: &Question, fetched: &Fetched, verdict: &Verdict) {
        let (origin, rank) = (origin(fetched), self.rank(question));
        let mut dname: Option<Arc<Rrset>> = None;
        for (rrset, judged) in fetched.answers.iter().zip(&verdict.answers) {
            let bogus = judged.security == Security::Bogus;
            // Nobody looked at what stands behind something bogus.
            if bogus && !is_kept_bogus(question, rrset, verdict) {
                return;
            }
            let bounded = Rrset { ttl: judged.ttl, ..(**rrset).clone() };
            let made = dname.take().filter(|_| rrset.rtype == RType::CNAME);
            let beside = match &made {
                Some(dname) => vec![dname.clone()],
                None if judged.wildcard.is_some() => proofs(fetched, verdict, judged.security),
                None => Vec::new(),
            };
            dname = (rrset.rtype == RType::DNAME).then(|| Arc::new(bounded.clone()));
            let (rrset, security, proofs, reason) = (&bounded, judged.security, &beside[..], verdict.reason.as_ref());
            let entry = NewPositive { rrset, rank, security, proofs, origin, reason };
            self.shared().cache.insert(self.now_ms(), NewEntry::Positive(entry));
            if bogus {
                return;
            }
        }
    }

    fn keep_absence(&self, question: &Question, fetched: &Fetched, verdict: &Verdict) {
        let rtype = match verdict.kind {
            Kind::NoData => Some(question.rtype),
            Kind::NxDomain => None,
            Kind::Positive | Kind::Alias(_) | Kind::TooLong => return,
        };
        let (name, rank, origin) = (fetched.last_name(&question.name), self.rank(question), origin(fetched));
        if rtype.is_none() && question.rtype == RType::DS && self.settings().is_private_apex(name) {
            // Its parent knows nothing of the name, whose other data comes from elsewhere.
            return;
        }
        let soa = fetched.soa().map(|soa| Rrset { ttl: negative_ttl(soa), ..(**soa).clone() });
        let proofs = proofs(fetched, verdict, verdict.security);
        let (security, soa, proofs, reason) = (verdict.security, soa.as_ref(), &proofs[..], verdict.reason.as_ref());
        let entry = NewNegative { name, rtype, soa, proofs, rank, security, origin, reason };
        self.shared().cache.insert(self.now_ms(), NewEntry::Negative(entry));
    }

    /// Remembers that an answer did not validate, unless the cache has it as bogus data. A limit of the client's question
    /// says nothing of the name that it had come to.
    fn keep_failure(&self, asked: &Question, question: &Question, fetched: &Fetched, verdict: &Verdict) {
        let Some(reason) = &verdict.reason else { return };
        let mut answers = fetched.answers.iter().zip(&verdict.answers);
        let kept = |(rrset, judged): (&Arc<Rrset>, &Judged)| {
            judged.security == Security::Bogus && is_kept_bogus(question, rrset, verdict)
        };
        if answers.any(kept) {
            return;
        }
        let Question { name, rtype } = if reason.limit { asked } else { question };
        let failure = NewFailure { name, rtype: *rtype, reason, security: Security::Bogus };
        self.shared().cache.insert(self.now_ms(), NewEntry::Failure(failure));
    }

    fn rank(&self, question: &Question) -> Rank {
        match self.settings().route(&question.name, question.rtype) {
            Route::Forward(_) => Rank::NonAuthoritativeAnswer,
            Route::Stub(_) | Route::Iterate => Rank::AuthoritativeAnswer,
        }
    }
}

/// Whether a bogus RRset is kept, for clients that judge for themselves: only what was asked for, where no other question
/// meets it, and not if a limit made it so.
fn is_kept_bogus(question: &Question, rrset: &Rrset, verdict: &Verdict) -> bool {
    let limit = verdict.reason.as_ref().is_some_and(|reason| reason.limit);
    rrset.is(&question.name, question.rtype) && question.rtype != RType::ANY && !limit
}

fn origin(fetched: &Fetched) -> Option<IpAddr> {
    fetched.server.map(|server| server.ip())
}

/// The proofs that go with data of this security: with secure data only what is secure itself.
fn proofs(fetched: &Fetched, verdict: &Verdict, security: Security) -> Vec<Arc<Rrset>> {
    let all = fetched.authorities.iter().zip(&verdict.authorities);
    let goes = |(rrset, judged): &(&Arc<Rrset>, &Judged)| {
        rrset.rtype != RType::SOA && (security != Security::Secure || judged.security == Security::Secure)
    };
    all.filter(goes).map(|(rrset, _)| rrset.clone()).collect()
}

/// The verdict where nothing is validated.
fn unchecked(fetched: &Fetched, security: Security) -> Verdict {
    let judged = |rrset: &Arc<Rrset>| Judged { security, ttl: rrset.ttl, wildcard: claimed_wildcard(rrset) };
    Verdict {
        security,
        kind: fetched.kind.clone(),
        reason: None,
        answers: fetched.answers.iter().map(judged).collect(),
        authorities: fetched.authorities.iter().map(judged).collect(),
        bogus_server: None,
    }
}
