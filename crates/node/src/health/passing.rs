//! Checks that compare with the last time: clock, log, upstreams, root.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dns::{NameBuf, RType, Rcode};
use resolver::Question;
use server::clock::{EARLIEST_MS, unix_ms};
use telemetry::health::{Finding, State};

use super::Context;
use crate::lookups::Answer;
use crate::sources::Sources;

/// The clock may go so much faster or slower than time passes before it has jumped, in milliseconds.
const MAX_DRIFT_MS: u64 = 2000;
/// A jump, or a loss, is told of for so long.
const REMEMBERED: Duration = Duration::from_secs(600);
/// With fewer questions to other servers nothing can be said of them.
const MIN_QUESTIONS: u64 = 20;
/// The root is asked for this often, and has so long to answer.
const ROOT_INTERVAL: Duration = Duration::from_secs(300);
const ROOT_TIMEOUT: Duration = Duration::from_secs(10);

/// What was seen before.
#[derive(Default)]
pub struct Passing {
    clock: Option<(Instant, u64)>,
    jump: Option<(Instant, i64)>,
    dropped: u64,
    loss: Option<(Instant, u64)>,
    /// Questions to other servers, and those without a reply.
    asked: (u64, u64),
    upstreams: Option<Finding>,
    root: Arc<Mutex<Option<Finding>>>,
    root_asked: Option<Instant>,
}

impl Passing {
    /// Whether the clock is right, as far as that can be told from here.
    pub fn clock(&mut self) -> Finding {
        self.clock_at(Instant::now(), unix_ms())
    }

    fn clock_at(&mut self, now: Instant, wall_ms: u64) -> Finding {
        if let Some((then, then_ms)) = self.clock.replace((now, wall_ms)) {
            let expected_ms = then_ms.saturating_add(now.duration_since(then).as_millis() as u64);
            if wall_ms.abs_diff(expected_ms) > MAX_DRIFT_MS {
                self.jump = Some((now, wall_ms as i64 - expected_ms as i64));
            }
        }
        let advice = "see that the clock follows a time server: signatures, cookies and log-ins depend on it";
        match self.jump.filter(|(at, _)| now.duration_since(*at) < REMEMBERED) {
            _ if wall_ms < EARLIEST_MS => Finding::fail("the clock stands before this version was made", advice),
            Some((_, by_ms)) => Finding::warn(format!("the clock jumped by {} s", by_ms as f64 / 1000.0), advice),
            None => Finding::ok("it goes evenly"),
        }
    }

    /// Whether outputs of what is answered keep up.
    pub fn log(&mut self, sources: &Sources) -> Finding {
        self.log_at(Instant::now(), sources.collector.lost())
    }

    fn log_at(&mut self, now: Instant, dropped: u64) -> Finding {
        let lost = dropped.saturating_sub(std::mem::replace(&mut self.dropped, dropped));
        if lost > 0 {
            self.loss = Some((now, lost));
        }
        match self.loss.filter(|(at, _)| now.duration_since(*at) < REMEMBERED) {
            None => Finding::ok("nothing was lost lately"),
            Some((_, lost)) => Finding::warn(
                format!("{lost} records were lost because an output was slow, {dropped} since the start"),
                "headwater_log_dropped_total says which one; log less, or to a faster place",
            ),
        }
    }

    /// Whether other servers answer what they are asked.
    pub fn upstreams(&mut self, sources: &Sources) -> Finding {
        if sources.lookups.get().is_none() {
            return Finding::ok("nobody is asked: recursion is off");
        }
        let totals = sources.workers.totals();
        let asked = totals.get("upstream_udp") + totals.get("upstream_streams");
        self.upstreams_at(asked, totals.get("upstream_timeouts"))
    }

    fn upstreams_at(&mut self, asked: u64, unanswered: u64) -> Finding {
        let (new, lost) = (asked.saturating_sub(self.asked.0), unanswered.saturating_sub(self.asked.1));
        if new < MIN_QUESTIONS {
            // Too few to judge by: they are counted on.
            return self.upstreams.clone().unwrap_or_else(|| Finding::ok("nothing unusual"));
        }
        self.asked = (asked, unanswered);
        let reason = format!("of {new} questions to other servers {lost} got no reply");
        let advice = "see that the network, and forwarders if there are any, can be reached";
        let finding = match lost {
            _ if lost >= new => Finding::fail(reason, advice),
            _ if lost * 2 > new => Finding::warn(reason, advice),
            _ => Finding::ok(reason),
        };
        self.upstreams = Some(finding.clone());
        finding
    }

    /// Whether the root can be resolved: what came of the last time that it was asked for. Nobody waits here.
    pub fn root(&mut self, context: &Context<'_>) -> Finding {
        let lookup = context.sources.lookups.get().filter(|_| context.asks_root);
        let Some(lookup) = lookup else { return Finding::ok("it is not asked for: recursion or priming is off") };
        let last = self.root.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // What is well stays so for a while; what is not is looked at again the next time.
        let is_well = last.as_ref().is_none_or(|finding| finding.state == State::Ok);
        let interval = if is_well { ROOT_INTERVAL } else { ROOT_TIMEOUT };
        if self.root_asked.is_none_or(|at| at.elapsed() >= interval) {
            self.root_asked = Some(Instant::now());
            let asking = lookup.ask(Question::new(NameBuf::root(), RType::NS), false);
            let root = self.root.clone();
            context.runtime.spawn(async move {
                let finding = of_root(tokio::time::timeout(ROOT_TIMEOUT, asking).await.ok());
                *root.lock().unwrap_or_else(PoisonError::into_inner) = Some(finding);
            });
        }
        last.unwrap_or_else(|| Finding::ok("it is being asked for"))
    }
}

/// What an answer, or none in time, says of the root.
fn of_root(answer: Option<Option<Answer>>) -> Finding {
    let advice = "see that the network can be reached, and that resolver.root_hints is right if it is set";
    match answer {
        Some(Some((outcome, _))) if outcome.rcode == Rcode::NOERROR => Finding::ok("it answers"),
        Some(Some((outcome, _))) => {
            Finding::warn(format!("the question for its name servers gave {}", outcome.rcode), advice)
        }
        Some(None) => Finding::ok("the resolver was being changed"),
        None => Finding::warn("the question for its name servers was not answered in time", advice),
    }
}

#[cfg(test)]
mod tests {
    use resolver::{Outcome, Security};

    use super::*;

    #[test]
    fn a_clock_that_jumps_is_told_of_for_a_while() {
        let (mut passing, start) = (Passing::default(), Instant::now());
        let second = Duration::from_secs(1);
        let mut state = |s: u32, wall_ms| passing.clock_at(start + s * second, wall_ms).state;
        let now_ms = EARLIEST_MS + 1_000_000;
        assert_eq!(state(0, now_ms), State::Ok);
        assert_eq!(state(10, now_ms + 10_500), State::Ok);
        assert_eq!(state(20, now_ms + 3_600_000), State::Warn, "forward");
        assert_eq!(state(610, now_ms + 3_600_000 + 590_000), State::Warn);
        assert_eq!(state(621, now_ms + 3_600_000 + 601_000), State::Ok);
        assert_eq!(state(631, now_ms), State::Warn, "back");
        assert_eq!(state(2000, EARLIEST_MS - 1), State::Fail);
    }

    #[test]
    fn losses_are_told_of_for_a_while() {
        let (mut passing, start) = (Passing::default(), Instant::now());
        let mut state = |s: u64, dropped| passing.log_at(start + Duration::from_secs(s), dropped).state;
        assert_eq!(
            [state(0, 0), state(10, 5), state(20, 5), state(611, 5)],
            [State::Ok, State::Warn, State::Warn, State::Ok]
        );
    }

    #[test]
    fn upstreams_are_judged_by_enough_questions() {
        let mut passing = Passing::default();
        assert_eq!(passing.upstreams_at(10, 10).state, State::Ok, "too few");
        assert_eq!(passing.upstreams_at(20, 20).state, State::Fail);
        assert_eq!(passing.upstreams_at(30, 21).state, State::Fail, "as before");
        assert_eq!(passing.upstreams_at(60, 45).state, State::Warn);
        assert_eq!(passing.upstreams_at(100, 50).state, State::Ok);
    }

    #[test]
    fn the_root_is_judged_by_its_answer() {
        let answer = |rcode| Some(Some((Arc::new(Outcome::empty(rcode, Security::Secure)), Vec::new())));
        let states = [answer(Rcode::NOERROR), answer(Rcode::SERVFAIL), Some(None), None].map(|it| of_root(it).state);
        assert_eq!(states, [State::Ok, State::Warn, State::Ok, State::Warn]);
    }
}
