//! What the network says is judged, asked for again elsewhere if it does not validate, and kept in the cache.

use std::rc::Rc;
use std::sync::Arc;

use dns::RType;
use dns::edns::ede;

use crate::assembly::negative_ttl;
use crate::cache::{NewEntry, NewNegative, NewPositive, Rank};
use crate::delegation::Delegation;
use crate::fetched::{Fetched, Kind};
use crate::limits::MAX_BOGUS_RETRIES;
use crate::question::Question;
use crate::resolve::Resolver;
use crate::rrset::Rrset;
use crate::security::{Reason, Security};
use crate::upstream::Upstream;
use crate::validate::{Judged, Policy, Verdict, validate};
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
        let mut bogus = None;
        for _ in 0..=MAX_BOGUS_RETRIES {
            let fetched = match start.clone() {
                Some(start) => self.iterate(context, question, Some(start), &avoid).await,
                None => self.fetch(context, question, &avoid).await,
            };
            let fetched = match (fetched, bogus.take()) {
                (Ok(fetched), _) => fetched,
                // Nobody is left to ask.
                (Err(_), Some(bogus)) => return Ok(bogus),
                (Err(reason), None) => return Err(reason),
            };
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
        bogus.ok_or_else(|| Reason::new(ede::DNSSEC_BOGUS, format!("{question}: nothing that validates")))
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

    /// Puts what was fetched into the cache.
    pub(crate) fn keep(&self, question: &Question, fetched: &Fetched, verdict: &Verdict) {
        let (cache, now_ms) = (&self.shared().cache, self.now_ms());
        let origin = fetched.server.map(|server| server.ip());
        let forwarded = self.settings().forward_of(&question.name).is_some();
        let rank = if forwarded { Rank::NonAuthoritativeAnswer } else { Rank::AuthoritativeAnswer };
        let reason = verdict.reason.as_ref();
        let proofs: Vec<Arc<Rrset>> =
            verdict.kept(fetched).map(|(rrset, _)| rrset).filter(|rrset| rrset.rtype != RType::SOA).cloned().collect();
        let bogus = verdict.security == Security::Bogus;
        let mut dname: Option<Arc<Rrset>> = None;
        for (rrset, judged) in fetched.answers.iter().zip(&verdict.answers) {
            // Nobody looked at what stands behind something bogus.
            if bogus && judged.security == Security::Indeterminate {
                return;
            }
            let bounded = Rrset { ttl: judged.ttl, ..(**rrset).clone() };
            let made = dname.take().filter(|_| rrset.rtype == RType::CNAME);
            let beside = match &made {
                Some(dname) => vec![dname.clone()],
                None if judged.wildcard.is_some() => proofs.clone(),
                None => Vec::new(),
            };
            dname = (rrset.rtype == RType::DNAME).then(|| Arc::new(bounded.clone()));
            let (rrset, security, proofs) = (&bounded, judged.security, &beside[..]);
            let entry = NewPositive { rrset, rank, security, proofs, origin, reason };
            cache.insert(now_ms, NewEntry::Positive(entry));
        }
        if verdict.answers.iter().any(|judged| judged.security == Security::Bogus) {
            return;
        }
        let rtype = match verdict.kind {
            Kind::NoData => Some(question.rtype),
            Kind::NxDomain => None,
            Kind::Positive | Kind::Alias(_) | Kind::TooLong => return,
        };
        let name = fetched.last_name(&question.name);
        let soa = fetched.soa().map(|soa| Rrset { ttl: negative_ttl(soa), ..(**soa).clone() });
        let (security, soa, proofs) = (verdict.security, soa.as_ref(), &proofs[..]);
        let entry = NewNegative { name, rtype, soa, proofs, rank, security, origin, reason };
        cache.insert(now_ms, NewEntry::Negative(entry));
    }
}

/// The verdict where nothing is validated.
fn unchecked(fetched: &Fetched, security: Security) -> Verdict {
    let judged = |rrset: &Arc<Rrset>| Judged { security, ttl: rrset.ttl, wildcard: None };
    Verdict {
        security,
        kind: fetched.kind.clone(),
        reason: None,
        answers: fetched.answers.iter().map(judged).collect(),
        authorities: fetched.authorities.iter().map(judged).collect(),
        bogus_server: None,
    }
}
