//! Iteration (RFC 1034 5.3.3): from the closest zone that is known down to the one that answers.
//!
//! QNAME minimisation ([`crate::minimise`]) shows each zone no more of the name than it needs. Called by
//! [`crate::resolve`] for one name at a time; the servers of one zone are asked in [`crate::zone`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use dns::{NameBuf, RType};

use crate::delegation::Delegation;
use crate::fetched::{Fetched, Kind};
use crate::minimise::{Minimiser, Why};
use crate::question::Question;
use crate::resolve::Resolver;
use crate::route::Route;
use crate::security::Reason;
use crate::settings::Fallback;
use crate::trace::Step;
use crate::upstream::Upstream;
use crate::work::Context;
use crate::zone::{Said, ZoneError};

/// Where a descent ended.
pub(crate) enum Reached<T> {
    /// At the answer.
    Answer(Arc<Fetched>),
    /// On the way there, at a delegation that says enough.
    Enough(T),
}

impl<U: Upstream> Resolver<U> {
    /// Asks the network about one name: forwarders, or the servers of its zone. Nothing is validated.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn fetch(
        self: &Rc<Self>,
        context: &Context,
        question: &Question,
        avoid: &[SocketAddr],
    ) -> Result<Arc<Fetched>, Reason> {
        match self.settings().route(&question.name, question.rtype) {
            Route::Forward(zone) => match zone.fallback {
                Fallback::None => Box::pin(self.forward(context, zone, question, avoid)).await,
                Fallback::Iterate => Box::pin(self.forward_or_iterate(context, zone, question, avoid)).await,
            },
            Route::Stub(_) | Route::Iterate => self.iterate(context, question, None, avoid).await,
        }
    }

    /// Asks from the closest zone down. Servers in `avoid` are not asked for the answer itself.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn iterate(
        self: &Rc<Self>,
        context: &Context,
        question: &Question,
        start: Option<Arc<Delegation>>,
        avoid: &[SocketAddr],
    ) -> Result<Arc<Fetched>, Reason> {
        match self.descend(context, question, start, avoid, |_| None::<Infallible>).await? {
            Reached::Answer(fetched) => Ok(fetched),
            Reached::Enough(never) => match never {},
        }
    }

    /// As [`Resolver::iterate`], but ends where `enough` makes something of a delegation on the way.
    pub(crate) async fn descend<T>(
        self: &Rc<Self>,
        context: &Context,
        question: &Question,
        start: Option<Arc<Delegation>>,
        avoid: &[SocketAddr],
        enough: impl Fn(&Delegation) -> Option<T>,
    ) -> Result<Reached<T>, Reason> {
        let (limits, plain_zones) = (&self.settings().limits, &self.shared().plain_zones);
        let mut minimiser = Minimiser::new(question, self.settings().qname_minimisation);
        let mut cut = match start {
            Some(start) => start,
            None => self.closest(context, question).await,
        };
        if let Some(primed) = cut.primed.as_ref().filter(|_| is_priming(question) && avoid.is_empty()) {
            return Ok(Reached::Answer(primed.clone()));
        }
        // That a shorter name does not exist, which was not proved.
        let mut denied = None;
        let mut steps = limits.referrals + limits.minimised;
        while let Some(left) = steps.checked_sub(1) {
            steps = left;
            let now_us = self.upstream().now_us();
            context.trace.add(now_us, context.depth, || Step::Zone(cut.zone.clone()));
            let asked = minimiser.next(&cut.zone, limits, plain_zones.has(&cut.zone, now_us));
            let whole = asked == *question;
            let said = self.ask_zone(context, &cut, &asked, avoid, !whole).await;
            if whole && minimiser.was_misled(&cut.zone, &said) {
                plain_zones.insert(&cut.zone, self.upstream().now_us());
            }
            match said {
                Ok(Said::Referral(below)) if question.rtype == RType::DS && below.zone == question.name => {
                    return Ok(Reached::Answer(no_ds(&below, &cut)));
                }
                Ok(Said::Referral(below)) => match enough(&below) {
                    Some(found) => return Ok(Reached::Enough(found)),
                    None => (cut, denied) = (below, None),
                },
                Ok(Said::Answer { fetched, .. }) if whole => return Ok(Reached::Answer(fetched)),
                Ok(Said::Answer { fetched, authoritative }) => match fetched.kind {
                    // RFC 8020: nothing is below a name that does not exist; if its server says so properly, and proves
                    // it: some say so of empty non-terminals. Behind an alias it says so of another name.
                    Kind::NxDomain if authoritative && fetched.answers.is_empty() && fetched.soa().is_some() => {
                        if self.needs_signatures(&cut) && fetched.has_signed_proofs() {
                            return Ok(Reached::Answer(fetched));
                        }
                        minimiser.give_up(&cut.zone, Why::Denied);
                        denied = Some(fetched);
                    }
                    Kind::NxDomain => minimiser.give_up(&cut.zone, Why::Denied),
                    Kind::Alias(_) | Kind::TooLong => minimiser.give_up(&cut.zone, Why::Alias),
                    _ if fetched.answers.iter().any(|rrset| rrset.rtype == RType::CNAME) => {
                        minimiser.give_up(&cut.zone, Why::Alias);
                    }
                    Kind::NoData | Kind::Positive => minimiser.advance(&asked),
                },
                Err(ZoneError::Failed(_, asked)) if !whole => minimiser.give_up(&cut.zone, Why::Failed(asked)),
                Err(error) => match (error, denied) {
                    (ZoneError::Failed(..), Some(denied)) => return Ok(Reached::Answer(denied)),
                    (error, _) => return Err(error.into()),
                },
            }
        }
        Err(Reason::limit(
            dns::edns::ede::OTHER,
            format!("more than {} referrals (limit `referrals`)", limits.referrals),
        ))
    }

    /// The closest zone to a question whose servers are known.
    async fn closest(self: &Rc<Self>, context: &Context, question: &Question) -> Arc<Delegation> {
        let now_us = self.upstream().now_us();
        let known = self.shared().delegations.closest(&question.name, question.rtype, now_us);
        match (known, self.settings().stub(&question.name, question.rtype)) {
            (Some(known), Some(stub)) if known.zone.label_count() <= stub.name.label_count() => {
                Arc::new(Delegation::of_stub(stub))
            }
            (Some(known), _) => known,
            (None, Some(stub)) => Arc::new(Delegation::of_stub(stub)),
            (None, None) => self.root(context).await,
        }
    }
}

/// Whether it is what priming asks (RFC 9609 3.1).
fn is_priming(question: &Question) -> bool {
    question.name.is_root() && question.rtype == RType::NS
}

/// What a referral says about DS when the question for it is answered with the referral.
fn no_ds(below: &Delegation, above: &Delegation) -> Arc<Fetched> {
    below.ds.clone().unwrap_or_else(|| {
        let zone: NameBuf = above.zone.clone();
        Arc::new(Fetched { kind: Kind::NoData, answers: Vec::new(), authorities: Vec::new(), zone, server: None })
    })
}
