//! How many records a thread may write while a part of what it answers will do.

use std::time::Duration;

/// Answers a second up to which a thread records all of them. Beyond it the part that it records gets smaller as fast as
/// the load gets larger: its time goes to those who ask.
pub const SPARING_PER_SECOND: u64 = 25_000;
/// Records that may come at once: those of a tenth of a second.
pub(super) const SPARING_BURST: u64 = SPARING_PER_SECOND / 10;
/// The load is the mean of about this time.
const MEMORY: Duration = Duration::from_millis(250);

/// What one thread answers, as its ring tells at each look.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Answers so far.
    answers: u64,
    /// Answers a second, lately.
    per_second: f64,
    /// The part of a record that was not allowed at the last look.
    rest: f64,
}

impl Pace {
    /// The records that are allowed for the time since the last look. `answers` is how many there were so far, recorded or
    /// not.
    pub fn allow(&mut self, answers: u64, since: Duration) -> u64 {
        let full = SPARING_PER_SECOND as f64;
        let seconds = since.as_secs_f64().max(1e-6);
        let now = answers.saturating_sub(self.answers) as f64 / seconds;
        self.answers = answers;
        self.per_second += (now - self.per_second) * (seconds / MEMORY.as_secs_f64()).min(1.0);
        let rate = if self.per_second <= full { full } else { full * full / self.per_second };
        let more = rate * seconds + self.rest;
        self.rest = more.fract();
        more as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(10);

    /// Records a second that are allowed at this load, once it has lasted.
    fn at(load: u64) -> u64 {
        let mut pace = Pace::default();
        let answers = |look: u64| look * load / 100;
        (1..=200).for_each(|look| {
            pace.allow(answers(look), LOOK);
        });
        (201..=300).map(|look| pace.allow(answers(look), LOOK)).sum()
    }

    #[test]
    fn more_load_means_fewer_records_than_at_the_limit() {
        let near = |load, records: u64| assert!(at(load).abs_diff(records) <= records / 50, "{load}: {}", at(load));
        near(100, SPARING_PER_SECOND);
        near(SPARING_PER_SECOND, SPARING_PER_SECOND);
        near(2 * SPARING_PER_SECOND, SPARING_PER_SECOND / 2);
        near(10 * SPARING_PER_SECOND, SPARING_PER_SECOND / 10);
    }

    #[test]
    fn looks_that_come_late_allow_as_much() {
        let mut pace = Pace::default();
        let looks = [3, 40, 7, 10, 90, 10];
        let (mut at_ms, mut allowed) = (0, 0);
        for since in looks.iter().cycle().take(600) {
            at_ms += since;
            allowed += pace.allow(at_ms * 20, Duration::from_millis(*since));
        }
        let expected = at_ms * SPARING_PER_SECOND / 1000;
        assert!(allowed.abs_diff(expected) <= expected / 100, "{allowed} of {expected}");
    }
}
