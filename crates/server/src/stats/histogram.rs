//! How long things took, counted in classes.

use super::Counter;

/// Upper bounds of the classes, in microseconds: from 25 us to 10 s, two or three to a power of ten. The last class has
/// none.
pub const BOUNDS_US: [u64; 18] = [
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];
/// Classes of a histogram.
pub const CLASSES: usize = BOUNDS_US.len() + 1;

/// Counts durations.
#[derive(Debug, Default)]
pub struct Histogram {
    sum_us: Counter,
    classes: [Counter; CLASSES],
}

/// What a histogram has counted, or several together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// All durations together, in microseconds.
    pub sum_us: u64,
    /// How many there were of each class of [`BOUNDS_US`].
    pub classes: [u64; CLASSES],
}

impl Histogram {
    /// Counts a duration; `add` is how its counters are added to.
    #[inline(always)]
    pub(crate) fn count(&self, elapsed_us: u64, add: impl Fn(&Counter, u64)) {
        add(&self.sum_us, elapsed_us);
        add(&self.classes[class(elapsed_us)], 1);
    }

    /// Counts a duration; only the thread that owns the histogram may.
    #[inline]
    pub fn add(&self, elapsed_us: u64) {
        self.count(elapsed_us, Counter::add);
    }

    /// Counts a duration on any thread.
    pub fn add_shared(&self, elapsed_us: u64) {
        self.count(elapsed_us, Counter::add_shared);
    }

    /// What it has counted.
    pub fn get(&self) -> Times {
        Times { sum_us: self.sum_us.get(), classes: std::array::from_fn(|class| self.classes[class].get()) }
    }
}

impl Times {
    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// Adds what another histogram has counted.
    pub fn merge(&mut self, other: &Times) {
        self.sum_us = self.sum_us.wrapping_add(other.sum_us);
        self.classes.iter_mut().zip(other.classes).for_each(|(class, count)| *class += count);
    }

    /// The bound below which this share (0 to 1) of all durations was, in microseconds; the largest bound for what took
    /// longer, `None` when there were none.
    pub fn quantile_us(&self, share: f64) -> Option<u64> {
        let wanted = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let class = self.classes.iter().position(|&count| {
            seen += count;
            seen >= wanted
        })?;
        Some(BOUNDS_US[class.min(BOUNDS_US.len() - 1)])
    }
}

/// The class of a duration. Nearly all answers are of the first one.
#[inline(always)]
fn class(elapsed_us: u64) -> usize {
    if elapsed_us <= BOUNDS_US[0] { 0 } else { slow_class(elapsed_us) }
}

#[inline(never)]
fn slow_class(elapsed_us: u64) -> usize {
    BOUNDS_US.partition_point(|&bound_us| bound_us < elapsed_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_class() {
        let histogram = Histogram::default();
        for elapsed_us in [0, 25, 26, 50, 51, 10_000_000] {
            histogram.add(elapsed_us);
        }
        histogram.add_shared(10_000_001);
        let times = histogram.get();
        assert_eq!(times.classes, [2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((times.count(), times.sum_us), (7, 20_000_153));
        let mut twice = times;
        twice.merge(&times);
        assert_eq!((twice.count(), twice.sum_us), (14, 40_000_306));
    }

    #[test]
    fn quantiles_are_bounds() {
        let histogram = Histogram::default();
        assert_eq!(histogram.get().quantile_us(0.5), None);
        (0..98).for_each(|_| histogram.add(300));
        (0..2).for_each(|_| histogram.add(60_000_000));
        let times = histogram.get();
        assert_eq!(
            [0.0, 0.5, 0.98, 0.99].map(|share| times.quantile_us(share)),
            [Some(500), Some(500), Some(500), Some(10_000_000)]
        );
    }
}
