//! Sliding windows in one word of state: how many in this window and in the one before.
//!
//! What counts is this window's questions and that share of the last one's which the window still covers if it slides
//! up to now. So in no window that begins at a multiple of its length do more than the limit pass; in one that begins
//! elsewhere, as many more as came in the last instants of the window before.

/// Most questions in a window that are counted. A limit beyond that is none.
pub const MAX_PER_WINDOW: u32 = (1 << COUNT_BITS) - 1;
/// Longest window, in ms; a longer one is this.
pub const MAX_WINDOW_MS: u32 = 86_400_000;

/// Bits for questions of a window.
const COUNT_BITS: u32 = 18;
/// Bits for which window it is; they come round after half a year of windows of one second.
const INDEX_BITS: u32 = 24;
const SLIP_BITS: u32 = 4;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;

/// A limit on questions in a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    length_us: u64,
    limit: u64,
}

/// Which window it is, and how much is left of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    index: u64,
    left_us: u64,
}

/// A state, taken apart and brought up to now. 0 is the state of a client that has asked nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    index: u64,
    before: u64,
    now: u64,
    /// How many answers were dropped since the last truncated one.
    pub dropped: u64,
}

impl Counts {
    /// With `dropped` answers dropped since the last truncated one.
    pub fn with_dropped(self, dropped: u64) -> Counts {
        Counts { dropped, ..self }
    }

    #[inline]
    fn of(state: u64, at: Moment) -> Counts {
        let Moment { index, .. } = at;
        let (before, now) = (state >> COUNT_BITS & COUNT_MASK, state & COUNT_MASK);
        let dropped = state >> (u64::BITS - SLIP_BITS);
        match index.wrapping_sub(state >> (2 * COUNT_BITS)) & INDEX_MASK {
            0 => Counts { index, before, now, dropped },
            1 => Counts { index, before: now, now: 0, dropped },
            // The clock of another thread is ahead: what it counted in the window that has just begun counts.
            INDEX_MASK => Counts { index: index + 1, before, now, dropped },
            _ => Counts { index, before: 0, now: 0, dropped: 0 },
        }
    }

    /// As a word of state.
    #[inline]
    pub fn pack(self) -> u64 {
        let counts = self.before << COUNT_BITS | self.now;
        (self.index & INDEX_MASK) << (2 * COUNT_BITS) | counts | self.dropped << (u64::BITS - SLIP_BITS)
    }
}

impl Window {
    /// At most `limit` questions, at least one, in `length_ms`; `None` if that is more than can be counted.
    pub fn new(length_ms: u32, limit: u64) -> Option<Window> {
        let length_us = u64::from(length_ms.clamp(1, MAX_WINDOW_MS)) * 1000;
        (limit <= u64::from(MAX_PER_WINDOW)).then_some(Window { length_us, limit: limit.max(1) })
    }

    /// The moment `now_us` as windows see it.
    #[inline]
    pub fn at(&self, now_us: u64) -> Moment {
        let index = now_us / self.length_us;
        let left_us = self.length_us - (now_us - index * self.length_us);
        Moment { index: index & INDEX_MASK, left_us }
    }

    /// Counts a question, if there is room for one: the new state, or the same as of now with what slips.
    #[inline]
    pub fn take(&self, state: u64, at: Moment) -> Result<u64, Counts> {
        let mut counts = Counts::of(state, at);
        // Scaled by the window's length, so that nothing is divided.
        if counts.before * at.left_us + (counts.now + 1) * self.length_us > self.limit * self.length_us {
            return Err(counts);
        }
        counts.now += 1;
        Ok(counts.pack())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn passed(window: Window, state: &mut u64, times_us: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut take = |now_us| window.take(*state, window.at(now_us)).map(|new| *state = new).is_ok();
        times_us.filter(|&now_us| take(now_us)).collect()
    }

    #[test]
    fn no_window_on_the_grid_passes_more_than_the_limit() {
        for (length_ms, limit) in [(1000, 1), (1000, 20), (10_000, 200), (250, 7)] {
            let window = Window::new(length_ms, limit).expect("a window");
            let length_us = u64::from(length_ms) * 1000;
            let start = 1_234_567_890_123;
            let passed = passed(window, &mut 0, (start..start + 7 * length_us).step_by(997));
            for index in
                passed.first().expect("one passed") / length_us..=passed.last().expect("one passed") / length_us
            {
                let within = passed.iter().filter(|&&time| time / length_us == index).count() as u64;
                assert!(within <= limit, "{within} > {limit}");
            }
            // It lets the limit through on average, once the first window is over.
            let late = passed.iter().filter(|&&time| time >= start + 2 * length_us).count() as u64;
            assert!(late + 5 >= 5 * limit * 9 / 10 && late <= 5 * limit + 1, "{late} of 5 * {limit}");
        }
    }

    #[test]
    fn the_end_of_a_window_counts_in_the_next() {
        let window = Window::new(1000, 10).expect("a window");
        let mut state = 0;
        assert_eq!(passed(window, &mut state, [S - 1; 20].into_iter()).len(), 10);
        assert_eq!(passed(window, &mut state, [S; 20].into_iter()).len(), 0);
        assert_eq!(passed(window, &mut state, [S + S / 2; 20].into_iter()).len(), 5);
        assert_eq!(passed(window, &mut state, [4 * S; 20].into_iter()).len(), 10);
    }

    #[test]
    fn a_clock_that_is_a_little_behind_counts_with_the_others() {
        let window = Window::new(1000, 10).expect("a window");
        let mut state = 0;
        passed(window, &mut state, [S; 10].into_iter());
        assert_eq!(passed(window, &mut state, [S - 1; 10].into_iter()).len(), 0);
    }

    #[test]
    fn a_limit_that_cannot_be_counted_is_none() {
        assert!(Window::new(1000, u64::from(MAX_PER_WINDOW)).is_some());
        assert!(Window::new(1000, u64::from(MAX_PER_WINDOW) + 1).is_none());
    }

    #[test]
    fn what_slips_stays_with_the_state() {
        let window = Window::new(1000, 1).expect("a window");
        let state = window.take(0, window.at(5)).expect("room");
        let limited = window.take(state, window.at(5)).expect_err("no room");
        let limited = limited.with_dropped(9);
        assert_eq!(window.take(limited.pack(), window.at(5)), Err(limited));
    }
}
