//! Counts that decay with time, in one word of state.
//!
//! What is counted fades by the factor e in [`TIME_CONSTANT_MS`], at every moment and not at the edge of a window. What
//! comes at a steady rate is counted, after a while, as what comes in that time: so the count is an estimate of the rate.
//! Counts are kept as shares of a limit, so that limits of all sizes are told with the same precision.

use super::outcome::Slip;

/// In which a count fades to 1/e, in ms.
pub const TIME_CONSTANT_MS: u64 = 1000;
/// In which a count fades to one half, in ms.
const HALF_LIFE_MS: u64 = TIME_CONSTANT_MS * 693 / 1000;
/// A count grows to no more than so many times its limit: after a flood of whatever size it takes 1.4 times
/// [`TIME_CONSTANT_MS`] to fade below the limit.
pub const MAX_EXCESS: u64 = 4;

/// Bits for the count.
const VALUE_BITS: u32 = 26;
/// Bits for when it was last brought up to date, in ms; they come round after half a year.
const TIME_BITS: u32 = 34;
const VALUE_MASK: u64 = (1 << VALUE_BITS) - 1;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// A count that has reached its limit.
const LIMIT: u64 = (1 << VALUE_BITS) / MAX_EXCESS;
/// How much the clocks of two threads may differ, in ms. A count from further in the future is from before the moments
/// came round, and has faded.
const CLOCK_SLACK_MS: u64 = 1000;
/// Steps of one ms that have a factor of their own.
const FINE: u64 = 64;
/// Steps of [`FINE`] ms that have; after all of them nothing is left.
const COARSE: u64 = 256;
/// The factor 1.
const ONE_BITS: u32 = 31;

const _: () = assert!(VALUE_BITS + TIME_BITS + Slip::BITS == u64::BITS);

/// The factors of fading.
pub(super) struct Decay {
    fine: Box<[u32]>,
    coarse: Box<[u32]>,
}

/// A state, taken apart and brought up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    value: u64,
    at_ms: u64,
    /// How many answers were dropped since the last truncated one.
    pub dropped: u64,
}

impl Count {
    /// As a word of state.
    #[inline]
    pub fn pack(self) -> u64 {
        self.value | (self.at_ms & TIME_MASK) << VALUE_BITS | self.dropped << (VALUE_BITS + TIME_BITS)
    }

    /// With `price` added, see [`price_of`].
    #[inline]
    pub fn add(self, price: u64) -> Count {
        Count { value: (self.value + price).min(VALUE_MASK), ..self }
    }

    /// With `dropped` answers dropped since the last truncated one.
    #[inline]
    pub fn with_dropped(self, dropped: u64) -> Count {
        Count { dropped, ..self }
    }

    /// Whether it has passed its limit, `price` having been added last.
    #[inline]
    pub fn is_beyond(self, price: u64) -> bool {
        // Half of it: of what comes at a steady rate the count is half of one less before, half of one more after.
        self.value > LIMIT + price / 2
    }
}

/// The share of one in a limit of so many a second.
pub(super) fn price_of(per_second: u64) -> u64 {
    let per_second = per_second.clamp(1, LIMIT) * TIME_CONSTANT_MS / 1000;
    (LIMIT + per_second / 2) / per_second
}

impl Decay {
    /// Makes the factors.
    pub fn new() -> Decay {
        let factor = |ms: u64| ((-(ms as f64) / TIME_CONSTANT_MS as f64).exp() * f64::from(1u32 << ONE_BITS)) as u32;
        Decay { fine: (0..FINE).map(factor).collect(), coarse: (0..COARSE).map(|step| factor(step * FINE)).collect() }
    }

    /// The count `state` at `now_ms`.
    #[inline]
    pub fn count(&self, state: Option<u64>, now_ms: u64) -> Count {
        let now_ms = now_ms & TIME_MASK;
        let Some(state) = state else { return Count { value: 0, at_ms: now_ms, dropped: 0 } };
        let (value, at_ms) = (state & VALUE_MASK, state >> VALUE_BITS & TIME_MASK);
        let dropped = state >> (VALUE_BITS + TIME_BITS);
        let passed_ms = now_ms.wrapping_sub(at_ms) & TIME_MASK;
        if passed_ms == 0 || passed_ms > TIME_MASK - CLOCK_SLACK_MS {
            return Count { value, at_ms, dropped };
        }
        Count { value: self.fade(value, passed_ms), at_ms: now_ms, dropped }
    }

    /// What is left of `value` after `passed_ms`.
    #[inline]
    fn fade(&self, value: u64, passed_ms: u64) -> u64 {
        let fine = self.fine.get((passed_ms % FINE) as usize).copied().unwrap_or(0);
        let coarse =
            usize::try_from(passed_ms / FINE).ok().and_then(|step| self.coarse.get(step)).copied().unwrap_or(0);
        (((value * u64::from(fine)) >> ONE_BITS) * u64::from(coarse)) >> ONE_BITS
    }
}

/// How much the entry `state` matters: about its count, halved for each half-life and not at every moment.
#[inline]
pub(super) fn load(state: u64, now_ms: u64) -> u64 {
    let passed_ms = now_ms.wrapping_sub(state >> VALUE_BITS) & TIME_MASK;
    let halvings = if passed_ms > TIME_MASK - CLOCK_SLACK_MS { 0 } else { passed_ms / HALF_LIFE_MS };
    (state & VALUE_MASK).checked_shr(u32::try_from(halvings).unwrap_or(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds one with a limit of `per_second` at each of the moments; whether it was beyond.
    fn run(decay: &Decay, state: &mut Option<u64>, per_second: u64, times_ms: impl Iterator<Item = u64>) -> Vec<bool> {
        let one = |now_ms| {
            let count = decay.count(*state, now_ms).add(price_of(per_second));
            *state = Some(count.pack());
            count.is_beyond(price_of(per_second))
        };
        times_ms.map(one).collect()
    }

    #[test]
    fn a_count_fades_by_e_in_its_time() {
        let decay = Decay::new();
        for (passed_ms, left) in [(0, 1.0), (1, 0.9990), (64, 0.9380), (693, 0.5), (1000, 0.3679), (5000, 0.0067)] {
            let got = decay.fade(1 << 24, passed_ms) as f64 / f64::from(1 << 24);
            assert!((got - left).abs() < 0.0002, "{got} after {passed_ms} ms, not {left}");
        }
        assert_eq!(decay.fade(VALUE_MASK, 60_000), 0);
    }

    #[test]
    fn fading_in_many_steps_is_fading_in_one() {
        let decay = Decay::new();
        let stepwise = (0..1000).fold(1u64 << 24, |value, _| decay.fade(value, 1));
        let whole = decay.fade(1 << 24, 1000);
        assert!(whole.abs_diff(stepwise) < whole / 1000, "{stepwise} {whole}");
    }

    #[test]
    fn a_steady_rate_below_the_limit_is_never_beyond_and_one_above_is_for_good() {
        let decay = Decay::new();
        for per_second in [5u64, 100, 1000, 50_000] {
            // Moments are whole ms: so many in each, a tenth less and more than the limit.
            let at = |share: u64| (0..per_second * share).map(move |i| i * 10_000 / (per_second * share));
            let below = run(&decay, &mut None, per_second, at(9));
            assert_eq!(below.iter().filter(|beyond| **beyond).count(), 0, "{per_second}");
            // Five a second come in steps of a fifth of the limit; half of it more is needed to be sure.
            let above = run(&decay, &mut None, per_second, at(15));
            let late = above.len() * 4 / 10;
            assert!(above[late..].iter().all(|beyond| *beyond), "{per_second}");
        }
    }

    #[test]
    fn after_a_flood_of_any_size_the_limit_holds_again_soon() {
        let decay = Decay::new();
        let mut state = None;
        run(&decay, &mut state, 100, (0..1_000_000).map(|i| i / 1000));
        assert!(decay.count(state, 1000 + 1300).is_beyond(price_of(100)));
        assert!(!decay.count(state, 1000 + 1450).is_beyond(price_of(100)));
        assert_eq!(load(state.expect("a state"), 1000 + 20_000), 0);
    }

    #[test]
    fn a_clock_that_is_a_little_behind_does_not_fade_anything() {
        let decay = Decay::new();
        let mut state = None;
        run(&decay, &mut state, 2, [5000; 3].into_iter());
        assert!(decay.count(state, 4500).is_beyond(price_of(2)));
        assert_eq!(run(&decay, &mut state, 2, [4999].into_iter()), [true]);
    }

    #[test]
    fn moments_that_came_round_are_long_ago() {
        let decay = Decay::new();
        let mut state = None;
        run(&decay, &mut state, 2, [5000; 10].into_iter());
        assert!(!decay.count(state, 5000 + (1 << (TIME_BITS - 1))).is_beyond(price_of(2)));
        assert!(!decay.count(state, 5000 + (1 << TIME_BITS) - 2 * CLOCK_SLACK_MS).is_beyond(price_of(2)));
    }

    #[test]
    fn what_slips_stays_with_the_count() {
        let decay = Decay::new();
        let count = decay.count(None, 9).add(price_of(1)).with_dropped(15);
        assert_eq!(decay.count(Some(count.pack()), 9), count);
    }

    #[test]
    fn the_load_of_a_count_is_at_most_twice_what_it_has_faded_to() {
        let decay = Decay::new();
        let state = decay.count(None, 5000).add(price_of(1)).pack();
        for now_ms in [4500, 5000, 5001, 5692, 5693, 7000, 9999] {
            let count = decay.count(Some(state), now_ms).value;
            let load = load(state, now_ms);
            assert!(load >= count / 2 && load <= 2 * count + 2, "{load} for {count} at {now_ms}");
        }
    }

    #[test]
    fn prices_are_shares_of_the_limit() {
        for per_second in [1, 7, 1000, 768_000] {
            let total = price_of(per_second) * per_second;
            assert!(total.abs_diff(LIMIT) <= LIMIT / 40, "{per_second}: {total}");
        }
        assert_eq!((price_of(0), price_of(u64::MAX)), (LIMIT, 1));
    }
}
