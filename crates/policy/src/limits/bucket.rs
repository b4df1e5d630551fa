//! Token buckets in one word of state.
//!
//! Instead of tokens and when they were last counted, the state is the moment at which the bucket is full again: whatever
//! is taken moves it away, and how far away it may be is how much the bucket holds. Between any two moments no more is
//! taken than the bucket holds and what flows in meanwhile.

use super::outcome::Slip;

/// Bits of a moment: nanoseconds, which come round after 36 years.
const TIME_BITS: u32 = 60;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// The longest time after which a bucket is full, in ns; more is this: a day.
const MAX_FILL_NS: u64 = 86_400 * NS_PER_S;
/// How much the clocks of two threads may differ, in ns. A bucket that is full later than any could be belongs to the
/// time before the moments came round, and is full.
const CLOCK_SLACK_NS: u64 = 10 * NS_PER_S;
const NS_PER_S: u64 = 1_000_000_000;
const NS_PER_US: u64 = 1000;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// In which one unit flows in.
    unit_ns: u64,
    /// In which the empty bucket is full.
    fill_ns: u64,
    /// In which the bucket is full that lacks the most: more may be taken than there is where nobody can know before.
    lack_ns: u64,
}

impl Rate {
    /// `per_second` units flow in, at least one; the bucket holds `burst`, at least one; what is taken without asking
    /// may exceed that by `debt`.
    pub fn new(per_second: u64, burst: u64, debt: u64) -> Rate {
        // Rounded up, so that it never is more than `per_second`.
        let unit_ns = NS_PER_S.div_ceil(per_second.max(1));
        let fill = |units: u64| units.saturating_mul(unit_ns).clamp(unit_ns, MAX_FILL_NS);
        Rate { unit_ns, fill_ns: fill(burst), lack_ns: fill(burst.saturating_add(debt)) }
    }

    /// Takes one unit, if there is one: the new state, or the same with what slips.
    #[inline]
    pub fn take(&self, state: Option<u64>, now_us: u64) -> Result<u64, u64> {
        let lack_ns = self.lack_ns(state, now_us) + self.unit_ns;
        if lack_ns > self.fill_ns {
            return Err(state.unwrap_or(0) >> TIME_BITS);
        }
        Ok(pack(now_us, lack_ns, slipped(state)))
    }

    /// Takes `units` whether they are there or not.
    #[inline]
    pub fn charge(&self, state: Option<u64>, units: u64, now_us: u64) -> u64 {
        let lack_ns = self.lack_ns(state, now_us).saturating_add(units.saturating_mul(self.unit_ns));
        pack(now_us, lack_ns.min(self.lack_ns), slipped(state))
    }

    /// Gives one unit back; never is more in it than it holds.
    #[inline]
    pub fn give_back(&self, state: u64, now_us: u64) -> u64 {
        pack(now_us, self.lack_ns(Some(state), now_us).saturating_sub(self.unit_ns), slipped(Some(state)))
    }

    /// Whether there is one unit.
    #[inline]
    pub fn has_one(&self, state: Option<u64>, now_us: u64) -> bool {
        self.lack_ns(state, now_us) + self.unit_ns <= self.fill_ns
    }

    /// How long the bucket takes to be full, in ns: 0 if whoever it is about did nothing that matters still.
    #[inline]
    pub fn lack_ns(&self, state: Option<u64>, now_us: u64) -> u64 {
        let Some(state) = state else { return 0 };
        let lack_ns = state.wrapping_sub(now_us.wrapping_mul(NS_PER_US)) & TIME_MASK;
        if lack_ns > self.lack_ns + CLOCK_SLACK_NS { 0 } else { lack_ns }
    }
}

/// The state `state` with what slips.
#[inline]
pub(super) fn with_slipped(state: Option<u64>, dropped: u64) -> Option<u64> {
    state.map(|state| state & TIME_MASK | dropped << TIME_BITS)
}

#[inline]
fn slipped(state: Option<u64>) -> u64 {
    state.unwrap_or(0) >> TIME_BITS
}

#[inline]
fn pack(now_us: u64, lack_ns: u64, dropped: u64) -> u64 {
    now_us.wrapping_mul(NS_PER_US).wrapping_add(lack_ns) & TIME_MASK | dropped << TIME_BITS
}

const _: () = assert!(TIME_BITS + Slip::BITS == u64::BITS);

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    /// How many of the questions at `times_us` pass.
    fn passed(rate: Rate, state: &mut Option<u64>, times_us: impl Iterator<Item = u64>) -> u64 {
        let mut take = |now_us| rate.take(*state, now_us).map(|new| *state = Some(new)).is_ok();
        times_us.filter(|&now_us| take(now_us)).count() as u64
    }

    #[test]
    fn never_more_than_burst_and_rate_times_time_pass() {
        for (per_second, burst) in [(1, 1), (3, 1), (7, 20), (1000, 10), (999_983, 64)] {
            for step_us in [1, 17, 333, 10_000, 700_000] {
                for length_us in [1, S / 3, S, 5 * S] {
                    let rate = Rate::new(per_second, burst, 0);
                    // From full, wherever the clock stands.
                    let start = 123_456_789_012;
                    let times = (start..=start + length_us).step_by(step_us).take(200_000);
                    let asked = times.clone().count() as u64;
                    let got = passed(rate, &mut None, times);
                    let most = burst + per_second * length_us / S;
                    assert!(got <= most.min(asked), "{got} of {asked}, most {most}: {per_second} {burst} {step_us}");
                }
            }
        }
    }

    #[test]
    fn who_asks_no_more_than_the_rate_always_passes() {
        let rate = Rate::new(20, 1, 0);
        assert_eq!(passed(rate, &mut None, (0..1000).map(|i| i * 50_000)), 1000);
    }

    #[test]
    fn an_idle_client_gets_its_burst_again() {
        let rate = Rate::new(10, 5, 0);
        let mut state = None;
        assert_eq!(passed(rate, &mut state, (0..100).map(|_| S)), 5);
        assert_eq!(passed(rate, &mut state, (0..100).map(|_| S + S / 10)), 1);
        assert_eq!(passed(rate, &mut state, (0..100).map(|_| 2 * S)), 5);
        assert_eq!(rate.lack_ns(state, 3 * S), 0);
    }

    #[test]
    fn what_is_charged_beyond_is_paid_back_up_to_a_bound() {
        let rate = Rate::new(1000, 100, 2000);
        let state = Some(rate.charge(None, 1_000_000, 0));
        assert!(!rate.has_one(state, S));
        assert!(!rate.has_one(state, 2 * S));
        assert!(rate.has_one(state, 2 * S + 1000));
    }

    #[test]
    fn what_is_given_back_is_never_more_than_the_bucket_holds() {
        let rate = Rate::new(1, 3, 0);
        let mut state = None;
        assert_eq!(passed(rate, &mut state, [0; 10].into_iter()), 3);
        state = state.map(|state| rate.give_back(state, 0));
        assert_eq!(passed(rate, &mut state, [0; 10].into_iter()), 1);
        for _ in 0..10 {
            state = state.map(|state| rate.give_back(state, 0));
        }
        assert_eq!(passed(rate, &mut state, [0; 10].into_iter()), 3);
    }

    #[test]
    fn a_clock_that_is_a_little_behind_is_no_gift() {
        let rate = Rate::new(1, 3, 0);
        let mut state = None;
        passed(rate, &mut state, [5 * S; 3].into_iter());
        assert_eq!(passed(rate, &mut state, [5 * S - 2000; 5].into_iter()), 0);
    }

    #[test]
    fn moments_that_came_round_are_long_ago() {
        let rate = Rate::new(1, 3, 0);
        let state = rate.charge(None, 3, 0);
        let half_round_us = (1 << (TIME_BITS - 1)) / NS_PER_US;
        assert_eq!(rate.lack_ns(Some(state), half_round_us + 60 * S), 0);
    }

    #[test]
    fn what_slips_stays_with_the_state() {
        let rate = Rate::new(1, 1, 0);
        let state = with_slipped(rate.take(None, 7).ok(), 9);
        assert_eq!(rate.take(state, 7), Err(9));
        assert_eq!(rate.take(state, 7 + S).map(|state| state >> TIME_BITS), Ok(9));
    }
}
