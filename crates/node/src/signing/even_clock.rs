//! A clock that jumps ahead makes nobody's cache older: keys move on by the time that has passed. Until the clock is
//! believed, signatures are made so that they are valid by both times.

use std::time::{Duration, Instant};

/// The clock may go so much faster than time passes before it has jumped, in seconds.
const MAX_DRIFT_S: u64 = 10;
/// A clock that jumped and then goes evenly for so long is believed.
pub const BELIEVED_AFTER: Duration = Duration::from_secs(86_400);

/// Compares the clock with the time that passes.
#[derive(Debug, Clone)]
pub struct EvenClock {
    /// A moment, and what the clock said then, in seconds since 1970: the last one before a jump.
    anchor: (Instant, u64),
    jumped: Option<Instant>,
}

impl EvenClock {
    /// A clock that says `clock_s`, in seconds since 1970, and is believed.
    pub fn new(now: Instant, clock_s: u64) -> EvenClock {
        EvenClock { anchor: (now, clock_s), jumped: None }
    }

    /// By how many seconds the clock is ahead of the time that has passed. One that was set back is believed: then
    /// everything is waited for longer.
    pub fn lead_s(&mut self, now: Instant, clock_s: u64) -> u64 {
        let (then, then_s) = self.anchor;
        let lead_s = clock_s.saturating_sub(then_s + now.duration_since(then).as_secs());
        if lead_s > MAX_DRIFT_S && now.duration_since(*self.jumped.get_or_insert(now)) < BELIEVED_AFTER {
            return lead_s;
        }
        *self = EvenClock::new(now, clock_s);
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_ahead_is_believed_after_a_day() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut clock = EvenClock::new(start, 1_000_000);
        assert_eq!(clock.lead_s(start + 100 * second, 1_000_105), 0);
        assert_eq!(clock.lead_s(start + 200 * second, 2_000_205), 1_000_000);
        assert_eq!(clock.lead_s(start + 300 * second, 2_000_305), 1_000_000);
        // It is right again.
        assert_eq!(clock.lead_s(start + 400 * second, 1_000_405), 0);
        assert_eq!(clock.lead_s(start + 500 * second, 2_000_505), 1_000_000);
        assert_eq!(clock.lead_s(start + 86_899 * second, 2_086_904), 1_000_000);
        assert_eq!(clock.lead_s(start + 86_900 * second, 2_086_905), 0);
        // Set back.
        assert_eq!(clock.lead_s(start + 87_000 * second, 5_000), 0);
        assert_eq!(clock.lead_s(start + 87_100 * second, 5_100), 0);
    }
}
