//! QNAME minimisation (RFC 9156): how much of a name is shown to the servers of a zone.
//!
//! Names on the way are asked for with type NS in the zones of the root and of registries, which delegate, and with type A
//! in those below: RFC 9156 2.1 recommends it because servers and middleboxes answer it correctly most often. When the
//! servers of a zone mishandle a shortened name, they get the whole name, for a while from the first question on
//! ([`PlainZones`]).

use std::net::SocketAddr;

use dns::{Name, NameBuf, RType};

use crate::bounded::Bounded;
use crate::fetched::Kind;
use crate::limits::{Limits, MAX_PLAIN_ZONES, MINIMISE_ONE_LABEL};
use crate::question::Question;
use crate::zone::{Said, ZoneError};

/// Names of so many labels are asked for with type NS.
const NS_LABELS: usize = 2;
/// A zone whose servers do not deal well with shorter names is shown whole names for so long.
const PLAIN_US: u64 = 900 * 1_000_000;

/// Why a zone is shown the whole name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its servers had no answer, these for all we know.
    Failed(Vec<SocketAddr>),
    /// They said that a shorter name does not exist.
    Denied,
    /// A shorter name is an alias.
    Alias,
}

/// How much of a name is shown to the servers of a zone (RFC 9156 2.3).
pub(crate) struct Minimiser<'a> {
    question: &'a Question,
    /// Labels that the servers of the zone at hand have been shown.
    shown: usize,
    /// Names that were asked.
    asked: u32,
    off: bool,
    /// The zone that is shown all.
    gave_up: Option<(NameBuf, Why)>,
}

impl<'a> Minimiser<'a> {
    pub fn new(question: &'a Question, on: bool) -> Minimiser<'a> {
        Minimiser { question, shown: 0, asked: 0, off: !on, gave_up: None }
    }

    /// What to ask the servers of `zone`, which may be known to want the whole name.
    pub fn next(&mut self, zone: &Name, limits: &Limits, plain: bool) -> Question {
        let labels = self.question.name.label_count();
        self.shown = self.shown.max(zone.label_count());
        let left = labels.saturating_sub(self.shown);
        let steps_left = limits.minimised.saturating_sub(self.asked) as usize;
        let gave_up = self.gave_up.as_ref().is_some_and(|(at, _)| **at == *zone);
        if self.off || plain || gave_up || left <= 1 || steps_left == 0 {
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
        let rtype = if name.label_count() > NS_LABELS { RType::A } else { RType::NS };
        Question::new(name, rtype)
    }

    /// The name exists, or may, and is no zone cut: show more.
    pub fn advance(&mut self, asked: &Question) {
        self.shown = asked.name.label_count();
    }

    /// Shows the servers of this zone all.
    pub fn give_up(&mut self, zone: &Name, why: Why) {
        self.gave_up = Some((zone.to_owned(), why));
    }

    /// Whether what was said to the whole name shows that the servers of `zone` do not deal well with shorter ones: whoever
    /// has an answer had none before. That others are dead is no reason to show more.
    pub fn was_misled(&self, zone: &Name, said: &Result<Said, ZoneError>) -> bool {
        let (Some((at, why)), Ok(said)) = (&self.gave_up, said) else { return false };
        match (why, said) {
            _ if **at != *zone => false,
            (Why::Failed(asked), Said::Answer { fetched, .. }) => {
                fetched.server.is_some_and(|server| asked.contains(&server))
            }
            (Why::Denied, Said::Answer { fetched, .. }) => fetched.kind != Kind::NxDomain,
            (Why::Denied, Said::Referral(_)) => true,
            _ => false,
        }
    }
}

/// Zones whose servers do not deal well with shorter names.
pub(crate) struct PlainZones {
    until_us: Bounded<NameBuf, u64>,
}

impl PlainZones {
    pub fn new(seed: u64) -> PlainZones {
        PlainZones { until_us: Bounded::new(MAX_PLAIN_ZONES, seed) }
    }

    /// Whether a zone is shown whole names.
    pub fn has(&self, zone: &Name, now_us: u64) -> bool {
        self.until_us.look(zone, |until_us| until_us.is_some_and(|until_us| now_us < *until_us))
    }

    /// Has it shown whole names for [`PLAIN_US`].
    pub fn insert(&self, zone: &Name, now_us: u64) {
        self.until_us.insert(zone.to_owned(), now_us + PLAIN_US);
    }
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
                let next = minimiser.next(&zone, &Limits::default(), false);
                asked.push(next.to_string());
                if next == question {
                    break;
                }
                minimiser.advance(&next);
            }
            assert_eq!(asked, expected, "{name} from {zone}");
        };
        check("www.example.org.", ".", &["org. NS", "example.org. NS", "www.example.org. A"]);
        check(
            "a.b.c.example.org.",
            "example.org.",
            &["c.example.org. A", "b.c.example.org. A", "a.b.c.example.org. A"],
        );
        check("www.example.org.", "example.org.", &["www.example.org. A"]);
        check(".", ".", &[". A"]);
        // RFC 9156 2.3: long names in at most ten steps.
        let long = "z.y.x.w.v.u.t.s.r.q.p.o.n.m.l.k.j.i.h.g.f.e.d.c.b.a.";
        let question = Question::new(long.parse::<NameBuf>().expect("name"), RType::A);
        let mut minimiser = Minimiser::new(&question, true);
        let steps = std::iter::from_fn(|| {
            let next = minimiser.next(Name::root(), &Limits::default(), false);
            minimiser.advance(&next);
            (next != question).then_some(next)
        });
        assert!(steps.count() <= 10);
    }

    #[test]
    fn a_zone_that_does_not_do_it_is_shown_all_and_the_next_is_not() {
        let name = |text: &str| text.parse::<NameBuf>().expect("name");
        let question = Question::new(name("a.b.sub.example."), RType::MX);
        let mut minimiser = Minimiser::new(&question, true);
        let next = |minimiser: &mut Minimiser<'_>, zone: &str, plain| {
            let next = minimiser.next(&name(zone), &Limits::default(), plain);
            format!("{next}")
        };
        assert_eq!(next(&mut minimiser, "example.", false), Question::new(name("sub.example."), RType::NS).to_string());
        minimiser.give_up(&name("example."), Why::Failed(Vec::new()));
        assert_eq!(next(&mut minimiser, "example.", false), question.to_string());
        let below = Question::new(name("b.sub.example."), RType::A).to_string();
        assert_eq!(next(&mut minimiser, "sub.example.", false), below);
        assert_eq!(next(&mut minimiser, "sub.example.", true), question.to_string());
    }

    #[test]
    fn zones_are_shown_less_again_after_a_while() {
        let (zones, zone) = (PlainZones::new(1), "example.".parse::<NameBuf>().expect("name"));
        assert!(!zones.has(&zone, 0));
        zones.insert(&zone, 0);
        assert!(zones.has(&zone, PLAIN_US - 1) && !zones.has(&zone, PLAIN_US));
    }
}
