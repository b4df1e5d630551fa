//! When a source is asked next, in durations; chance comes as a parameter.

use std::time::Duration;

use super::subscription::Limits;

/// Regular refreshes come up to this share of the period sooner or later, so that not all servers ask at once.
const REFRESH_JITTER: f64 = 0.1;
/// Retries come up to this share of their pause later.
const RETRY_JITTER: f64 = 0.25;

/// The pause after a success. `chance` is from 0 to 1.
pub(super) fn after_success(period: Duration, chance: f64) -> Duration {
    period.mul_f64(1.0 - REFRESH_JITTER + 2.0 * REFRESH_JITTER * chance.clamp(0.0, 1.0))
}

/// The pause after `failures` attempts in a row that failed: it doubles up to the longest, and is not longer than the
/// period unless the server asks for that with `wanted`.
pub(super) fn after_failure(
    limits: &Limits,
    period: Duration,
    failures: u32,
    wanted: Option<Duration>,
    chance: f64,
) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    let pause = limits.first_retry.saturating_mul(1 << doublings).min(limits.last_retry).min(period);
    let pause = pause.mul_f64(1.0 + RETRY_JITTER * chance.clamp(0.0, 1.0));
    wanted.map_or(pause, |wanted| pause.max(wanted))
}

/// How long to wait for an attempt that was planned before a restart for `planned_ms`: not longer than a period and its
/// jitter, should the clock have been wrong.
pub(super) fn until(planned_ms: u64, now_ms: u64, period: Duration) -> Duration {
    Duration::from_millis(planned_ms.saturating_sub(now_ms)).min(after_success(period, 1.0))
}

/// A number from 0 to 1 that nobody can foretell.
pub(super) fn chance() -> f64 {
    // Without a random source lists come all at once, which is no harm.
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn refreshes_are_spread_around_their_period() {
        assert_eq!(after_success(10 * HOUR, 0.0), 9 * HOUR);
        assert_eq!(after_success(10 * HOUR, 0.5), 10 * HOUR);
        assert!(after_success(10 * HOUR, 1.0).abs_diff(11 * HOUR) < Duration::from_millis(1));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let limits = Limits::default();
        let pauses = [1, 2, 3, 30, u32::MAX].map(|failures| after_failure(&limits, DAY, failures, None, 0.0).as_secs());
        assert_eq!(pauses, [60, 120, 240, 21_600, 21_600]);
        assert_eq!(after_failure(&limits, HOUR, 30, None, 0.0), HOUR);
        assert_eq!(after_failure(&limits, HOUR, 1, None, 1.0), Duration::from_secs(75));
    }

    #[test]
    fn a_server_that_asks_for_a_pause_gets_it() {
        let limits = Limits::default();
        assert_eq!(after_failure(&limits, HOUR, 1, Some(2 * HOUR), 0.0), 2 * HOUR);
        assert_eq!(after_failure(&limits, HOUR, 1, Some(Duration::ZERO), 0.0), Duration::from_secs(60));
    }

    #[test]
    fn what_was_planned_holds_over_a_restart_but_not_with_a_wrong_clock() {
        assert_eq!(until(5_000, 2_000, DAY), Duration::from_secs(3));
        assert_eq!(until(2_000, 5_000, DAY), Duration::ZERO);
        assert_eq!(until(u64::MAX, 0, DAY), after_success(DAY, 1.0));
    }

    #[test]
    fn chance_is_between_nothing_and_all() {
        assert!((0..100).map(|_| chance()).all(|chance| (0.0..=1.0).contains(&chance)));
    }
}
