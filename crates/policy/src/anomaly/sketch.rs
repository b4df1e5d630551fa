//! Counting distinct things, a window and the one before it, in little memory.

/// Registers of a sketch: a standard error of 13 %.
const REGISTERS: usize = 64;
/// Estimates below this many count empty registers, which is more exact there.
const LINEAR_BELOW: f32 = 2.5 * REGISTERS as f32;

/// About how many distinct hashes it was given (HyperLogLog, Flajolet et al. 2007).
#[derive(Debug, Clone, Copy)]
pub struct Distinct([u8; REGISTERS]);

impl Default for Distinct {
    fn default() -> Distinct {
        Distinct([0; REGISTERS])
    }
}

impl Distinct {
    /// Counts `hash` in.
    pub fn add(&mut self, hash: u64) {
        // The multiplication spreads hashes whose upper bits are alike.
        let hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let rank = ((hash << 6) | 0x20).leading_zeros() as u8 + 1;
        if let Some(register) = self.0.get_mut((hash >> 58) as usize) {
            *register = (*register).max(rank);
        }
    }

    /// About how many distinct hashes were counted in here or in `other`.
    pub fn with(&self, other: &Distinct) -> f32 {
        let (mut sum, mut empty) = (0.0f32, 0u32);
        for (a, b) in self.0.iter().zip(&other.0) {
            let rank = (*a).max(*b);
            // 2 to the power of -rank, which is 59 at most.
            sum += f32::from_bits((127 - u32::from(rank)) << 23);
            empty += u32::from(rank == 0);
        }
        let registers = REGISTERS as f32;
        let estimate = 0.709 * registers * registers / sum;
        if estimate < LINEAR_BELOW && empty > 0 { registers * (registers / empty as f32).ln() } else { estimate }
    }
}

/// Something counted in the current window and the one before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Windowed<T> {
    number: u64,
    /// The window now.
    pub now: T,
    /// The window before.
    pub before: T,
}

impl<T: Default> Windowed<T> {
    /// Goes on to the window that `now_ms` is in; windows that have passed without a call are empty.
    pub fn roll(&mut self, now_ms: u64, window_ms: u64) {
        let number = now_ms / window_ms.max(1);
        if number > self.number {
            let last = std::mem::take(&mut self.now);
            self.before = if number == self.number + 1 { last } else { T::default() };
            self.number = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_near_the_number_of_distinct_hashes() {
        let hasher = dns::NameHasher::new(5);
        for n in [0u32, 1, 10, 60, 300, 5_000, 200_000] {
            let mut sketch = Distinct::default();
            (0..n).for_each(|i| sketch.add(hasher.extend(1, &i.to_be_bytes())));
            (0..n).for_each(|i| sketch.add(hasher.extend(1, &i.to_be_bytes())));
            let estimate = sketch.with(&Distinct::default());
            let error = (estimate - n as f32).abs() / n.max(1) as f32;
            assert!(error < 0.35, "{n}: {estimate}");
        }
    }

    #[test]
    fn what_is_in_both_is_counted_once() {
        let hasher = dns::NameHasher::new(6);
        let (mut a, mut b) = (Distinct::default(), Distinct::default());
        (0..40u8).for_each(|i| a.add(hasher.extend(1, &[i])));
        (20..60u8).for_each(|i| b.add(hasher.extend(1, &[i])));
        assert!((40.0..85.0).contains(&a.with(&b)), "{}", a.with(&b));
        let both = a.with(&b);
        (20..60u8).for_each(|i| a.add(hasher.extend(1, &[i])));
        assert_eq!(a.with(&b), both);
    }

    #[test]
    fn a_window_becomes_the_one_before_and_then_nothing() {
        let mut counted = Windowed::<u32>::default();
        counted.roll(1_000, 100);
        counted.now = 7;
        counted.roll(1_099, 100);
        assert_eq!((counted.now, counted.before), (7, 0));
        counted.roll(1_100, 100);
        assert_eq!((counted.now, counted.before), (0, 7));
        counted.now = 3;
        counted.roll(1_300, 100);
        assert_eq!((counted.now, counted.before), (0, 0));
        counted.now = 1;
        counted.roll(900, 100);
        assert_eq!(counted.now, 1, "a clock that goes back keeps the window");
    }
}
