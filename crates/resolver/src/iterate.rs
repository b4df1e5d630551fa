//! Iteration (RFC 1034 5.3.3): from the closest zone that is known down to the one that answers.
//!
//! QNAME minimisation (RFC 9156) shows each zone no more of the name than it needs. Called by [`crate::resolve`] for
//! one name at a time; the servers of one zone are asked in [`crate::zone`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use dns::{Name, NameBuf, RType};

use crate::delegation::Delegation;
use crate::fetched::{Fetched, Kind};
use crate::limits::{Limits, MINIMISE_ONE_LABEL};
use crate::question::Question;
use crate::resolve::Resolver;
use crate::security::Reason;
use crate::trace::Step;
use crate::upstream::Upstream;
use crate::work::Context;
use crate::zone::{Said, ZoneError};

/// How much of a name is shown to the servers of a zone (RFC 9156 2.3).
struct Minimiser<'a> {
    question: &'a Question,
    /// Labels that the servers of the zone at hand have been shown.
    shown: usize,
    /// Names that were asked.
    asked: u32,
    off: bool,
}

impl<'a> Minimiser<'a> {
    fn new(question: &'a Question, on: bool) -> Minimiser<'a> {
        Minimiser { question, shown: 0, asked: 0, off: !on }
    }

    /// What to ask the servers of `zone`.
    fn next(&mut self, zone: &Name, limits: &Limits) -> Question {
        let labels = self.question.name.label_count();
        self.shown = self.shown.max(zone.label_count());
        let left = labels.saturating_sub(self.shown);
        let steps_left = limits.minimised.saturating_sub(self.asked) as usize;
        if self.off || left <= 1 || steps_left == 0 {
            return self.question.clone();
        }
        // The first labels one by one, the rest in groups.
        let more = if self.asked < MINIMISE_ONE_LABEL { 1 } else { left.div_ceil(steps_left) };
        if more >= left {
            return self.question.clone();
        }
        self.asked += 1;
        let skip = left - more;
        let name = self.question.name.ancestors().nth(skip).unwrap_or(&self.question.name);
        Question::new(name, RType::NS)
    }

    /// The name exists, or may, and is no zone cut: show more.
    fn advance(&mut self, asked: &Question) {
        self.shown = asked.name.label_count();
    }

    /// Servers do not deal with it properly: show all.
    fn give_up(&mut self) {
        self.off = true;
    }
}

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
        match self.forwarders_of(&question.name) {
            Some(zone) => self.forward(context, zone, question, avoid).await,
            None => self.iterate(context, question, None, avoid).await,
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
        let limits = &self.settings().limits;
        let mut minimiser = Minimiser::new(question, self.settings().qname_minimisation);
        let mut cut = match start {
            Some(start) => start,
            None => self.closest(context, question).await,
        };
        let mut steps = limits.referrals + limits.minimised;
        while let Some(left) = steps.checked_sub(1) {
            steps = left;
            context.trace.add(self.upstream().now_us(), context.depth, || Step::Zone(cut.zone.clone()));
            let asked = minimiser.next(&cut.zone, limits);
            let whole = asked == *question;
            match self.ask_zone(context, &cut, &asked, avoid, !whole).await {
                Ok(Said::Referral(below)) if question.rtype == RType::DS && below.zone == question.name => {
                    return Ok(Reached::Answer(no_ds(&below, &cut)));
                }
                Ok(Said::Referral(below)) => match enough(&below) {
                    Some(found) => return Ok(Reached::Enough(found)),
                    None => cut = below,
                },
                Ok(Said::Answer { fetched, .. }) if whole => return Ok(Reached::Answer(fetched)),
                Ok(Said::Answer { fetched, authoritative }) => match fetched.kind {
                    // RFC 8020: nothing is below a name that does not exist; if its server says so properly. Behind an
                    // alias it says so of another name.
                    Kind::NxDomain if authoritative && fetched.answers.is_empty() && fetched.soa().is_some() => {
                        return Ok(Reached::Answer(fetched));
                    }
                    Kind::NxDomain | Kind::Alias(_) | Kind::TooLong => minimiser.give_up(),
                    _ if fetched.answers.iter().any(|rrset| rrset.rtype == RType::CNAME) => minimiser.give_up(),
                    Kind::NoData | Kind::Positive => minimiser.advance(&asked),
                },
                Err(ZoneError::Failed(_)) if !whole => minimiser.give_up(),
                Err(error) => return Err(error.into()),
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
        let stub = self.settings().stub_of(&question.name);
        // For DS at its apex, what is above a stub zone is asked.
        let stub = stub.filter(|stub| question.rtype != RType::DS || stub.name != question.name || stub.name.is_root());
        match (known, stub) {
            (Some(known), Some(stub)) if known.zone.label_count() <= stub.name.label_count() => {
                Arc::new(Delegation::of_stub(stub))
            }
            (Some(known), _) => known,
            (None, Some(stub)) => Arc::new(Delegation::of_stub(stub)),
            (None, None) => self.root(context).await,
        }
    }
}

/// What a referral says about DS when the question for it is answered with the referral.
fn no_ds(below: &Delegation, above: &Delegation) -> Arc<Fetched> {
    below.ds.clone().unwrap_or_else(|| {
        let zone: NameBuf = above.zone.clone();
        Arc::new(Fetched { kind: Kind::NoData, answers: Vec::new(), authorities: Vec::new(), zone, server: None })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_label_by_label() {
        let check = |name: &str, zone: &str, expected: &[&str]| {
            let question = Question::new(name.parse::<NameBuf>().expect("name"), RType::A);
            let zone: NameBuf = zone.parse().expect("name");
            let mut minimiser = Minimiser::new(&question, true);
            let mut asked = Vec::new();
            loop {
                let next = minimiser.next(&zone, &Limits::default());
                asked.push(next.name.to_string());
                if next == question {
                    break;
                }
                minimiser.advance(&next);
            }
            assert_eq!(asked, expected, "{name} from {zone}");
        };
        check("www.example.org.", ".", &["org.", "example.org.", "www.example.org."]);
        check("www.example.org.", "example.org.", &["www.example.org."]);
        check(".", ".", &["."]);
        // RFC 9156 2.3: long names in at most ten steps.
        let long = "z.y.x.w.v.u.t.s.r.q.p.o.n.m.l.k.j.i.h.g.f.e.d.c.b.a.";
        let question = Question::new(long.parse::<NameBuf>().expect("name"), RType::A);
        let mut minimiser = Minimiser::new(&question, true);
        let steps = std::iter::from_fn(|| {
            let next = minimiser.next(Name::root(), &Limits::default());
            minimiser.advance(&next);
            (next != question).then_some(next)
        });
        assert!(steps.count() <= 10);
    }
}
