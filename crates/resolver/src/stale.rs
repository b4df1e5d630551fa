//! Serves expired data when fresh data cannot be had, or not in time (RFC 8767).
//!
//! A client waits for at most [`STALE_AFTER_MS`]. Once a question has failed or has taken longer, clients get stale data at
//! once. The resolver tries again at most every [`STALE_RECHECK_S`], and no client waits for that attempt. Fresh data
//! replaces the failure in the cache.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use dns::Rcode;
use dns::edns::ede;
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use crate::assembly::{Chain, End};
use crate::cache::limits::STALE_RECHECK_S;
use crate::cache::{Failing, NewEntry, NewFailure};
use crate::local::Local;
use crate::outcome::{Outcome, Timed};
use crate::question::Question;
use crate::resolve::Resolver;
use crate::security::{Reason, Security};
use crate::trace::Step;
use crate::upstream::Upstream;
use crate::work::Context;

/// Clients get stale data rather than wait for longer (RFC 8767 5).
const STALE_AFTER_MS: u64 = 1800;

/// An answer of which a part has expired.
struct Stale {
    outcome: Outcome,
    /// The question that the first such part answers; `None`: none has.
    expired: Option<Question>,
}

impl<U: Upstream> Resolver<U> {
    /// Waits for the flight; where stale data is at hand, not for longer than clients do (RFC 8767 5).
    pub(crate) async fn fly_or_stale(self: &Rc<Self>, context: Context, question: Question) -> Arc<Outcome> {
        let late = format!("not resolved within {STALE_AFTER_MS} ms");
        let stale = self.rest_from_cache(&question, Chain::new(&question), &late);
        let Some(Stale { outcome, expired: Some(expired) }) = stale else {
            return self.fly(context, question, false).await;
        };
        let failing = self.shared().cache.failing(self.now_ms(), &expired.name, expired.rtype);
        let patience_ms = match failing {
            Some(Failing::Now(reason)) => {
                let outcome = because(outcome, &reason);
                self.trace_stale(&context, question, expired, &outcome);
                return Arc::new(outcome);
            }
            // Whoever looks on wants to see the attempt to its end.
            _ if context.trace.is_on() => return self.fly(context, question, false).await,
            Some(Failing::Lately) => 0,
            None => STALE_AFTER_MS,
        };
        let this = self.clone();
        let flight = async move { this.fly(context, question, false).await }.boxed_local().shared();
        // It goes on when the client has its answer, so that the next one gets a fresh one.
        self.upstream().spawn(Box::pin(flight.clone().map(drop)));
        let patience = pin!(self.upstream().sleep_until(self.upstream().now_us() + patience_ms * 1000));
        match select(flight, patience).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                // Others do not wait as well; what comes of the flight takes this out again.
                self.note_failure(&expired, &Reason::new(ede::NO_REACHABLE_AUTHORITY, late), true);
                Arc::new(outcome)
            }
        }
    }

    /// Shows that stale data is the whole answer: nobody is asked while the failure of `expired` is remembered.
    fn trace_stale(&self, context: &Context, question: Question, expired: Question, outcome: &Outcome) {
        let (now_us, security) = (self.upstream().now_us(), outcome.security);
        let of_expired = |timed: &&Timed| *timed.rrset.owner == *expired.name;
        let part = outcome.answers.iter().find(of_expired).or(outcome.authorities.first());
        let ttl = part.map_or(0, |timed| timed.ttl);
        let step = |step: &dyn Fn() -> Step| context.trace.add(now_us, context.depth, step);
        step(&|| Step::Begin(question.clone()));
        step(&|| Step::Cache { question: expired.clone(), what: "stale", ttl, security });
        step(&|| Step::End { rcode: outcome.rcode, security });
    }

    /// The end of a resolution that failed: stale data if there is any (RFC 8767), else SERVFAIL. The failure is
    /// remembered (RFC 9520). That a limit was passed says something of the whole question `asked`, and nothing of the
    /// name that it had come to.
    pub(crate) fn failed(&self, asked: &Question, question: &Question, chain: Chain, reason: Reason) -> Outcome {
        let stale = self.rest_from_cache(question, chain.clone(), &reason.text);
        self.note_failure(if reason.limit { asked } else { question }, &reason, stale.is_some());
        match stale {
            Some(stale) => stale.outcome,
            None => chain.fail(reason),
        }
    }

    fn note_failure(&self, question: &Question, reason: &Reason, stale: bool) {
        let (name, rtype, security) = (&question.name, question.rtype, Security::Indeterminate);
        let failure = NewFailure { name, rtype, reason, security };
        match stale {
            true => self.shared().cache.insert_failure_for(self.now_ms(), failure, STALE_RECHECK_S),
            false => self.shared().cache.insert(self.now_ms(), NewEntry::Failure(failure)),
        }
    }

    /// The rest of a chain from our own zones and what the cache has, expired or not; `None` if there is not all of
    /// it, or stale data may not be served.
    fn rest_from_cache(&self, question: &Question, mut chain: Chain, why: &str) -> Option<Stale> {
        let (cache, now_ms) = (&self.shared().cache, self.now_ms());
        if !cache.settings().serve_stale {
            return None;
        }
        let (mut current, mut expired) = (question.clone(), None);
        for _ in 0..=self.settings().limits.aliases {
            let end = match self.local().find(&current.name, current.rtype) {
                Local::Answer { rcode, answers, authorities, alias } => {
                    chain.local(answers, authorities);
                    alias.map_or(End::Done(rcode), End::Alias)
                }
                _ => match cache.stale(now_ms, &current.name, current.rtype) {
                    Some(found) => {
                        if found.is_stale() {
                            expired.get_or_insert_with(|| current.clone());
                        }
                        chain.found(found).ok()?
                    }
                    None => self.cached_dname(&current, self.top(&current, None), &mut chain)?,
                },
            };
            match end {
                End::Alias(next) => current = Question::new(next, question.rtype),
                End::Done(Rcode::SERVFAIL) => return None,
                End::Done(rcode) => {
                    let outcome = chain.end(rcode);
                    let outcome = if expired.is_some() { because(outcome, why) } else { outcome };
                    return Some(Stale { outcome, expired });
                }
            }
        }
        None
    }
}

/// Says why an answer is stale (RFC 8914 4.4, 4.20).
fn because(outcome: Outcome, why: &str) -> Outcome {
    let code = if outcome.rcode == Rcode::NXDOMAIN { ede::STALE_NXDOMAIN } else { ede::STALE_ANSWER };
    Outcome { reason: Some(Reason::new(code, why)), ..outcome }
}
