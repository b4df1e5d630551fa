//! A sample of a stream whose length nobody knows before, in which every row has the same chance (Vitter, algorithm R).

/// Random numbers for samples: quick, and not for secrets (xorshift64*, Vigna).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed.max(1))
    }

    /// A number below `bound`, which is not 0; by multiplication (Lemire), whose bias is one in 2^32 / `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(word) * u128::from(bound)) >> 64) as u64
    }
}

/// The sample.
#[derive(Debug)]
pub struct Reservoir<T> {
    capacity: usize,
    offered: u64,
    kept: Vec<T>,
}

impl<T> Reservoir<T> {
    /// Samples of up to `capacity` rows.
    pub fn new(capacity: usize) -> Reservoir<T> {
        Reservoir { capacity, offered: 0, kept: Vec::with_capacity(capacity) }
    }

    /// Offers one more; `make` is called if it is kept.
    pub fn offer(&mut self, dice: &mut Dice, make: impl FnOnce() -> T) {
        self.offered += 1;
        if self.kept.len() < self.capacity {
            self.kept.push(make());
        } else if let Some(place) = self.kept.get_mut(dice.below(self.offered) as usize) {
            *place = make();
        }
    }

    /// How many were offered.
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// The sample in random order, so that its first rows are a sample too; the next one begins.
    pub fn take(&mut self, dice: &mut Dice) -> Vec<T> {
        self.offered = 0;
        let mut kept = std::mem::replace(&mut self.kept, Vec::with_capacity(self.capacity));
        for last in (1..kept.len()).rev() {
            kept.swap(last, dice.below(last as u64 + 1) as usize);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: u64 = 100;
    const TURNS: u64 = 40_000;
    /// Of the chi-square distribution with 99 degrees of freedom, exceeded by chance once in 1000 times.
    const CRITICAL: f64 = 148.2;

    /// How far the counts are from being all alike.
    fn chi_square(counts: &[u64]) -> f64 {
        let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
        counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum()
    }

    /// How often each row is among the first `wanted` of a sample of ten.
    fn drawn(wanted: usize) -> Vec<u64> {
        let (mut dice, mut reservoir) = (Dice::new(7), Reservoir::new(10));
        let mut counts = vec![0; ROWS as usize];
        for _ in 0..TURNS {
            (0..ROWS).for_each(|row| reservoir.offer(&mut dice, || row));
            assert_eq!(reservoir.offered(), ROWS);
            let sample = reservoir.take(&mut dice);
            assert_eq!(sample.len(), 10);
            sample.into_iter().take(wanted).for_each(|row| counts[row as usize] += 1);
        }
        counts
    }

    #[test]
    fn samples_and_their_beginnings_are_uniform() {
        for wanted in [10, 3, 1] {
            let chi_square = chi_square(&drawn(wanted));
            // Drawn without putting back the counts lie closer together; never further apart.
            assert!(chi_square < CRITICAL, "{wanted}: {chi_square}");
        }
        // The test can tell: a sample that prefers some rows fails it.
        let mut counts = drawn(1);
        counts[0] += counts[0] / 2;
        assert!(chi_square(&counts) > CRITICAL);
    }

    #[test]
    fn few_rows_are_all_kept() {
        let (mut dice, mut reservoir) = (Dice::new(1), Reservoir::new(10));
        (0..4).for_each(|row| reservoir.offer(&mut dice, || row));
        let mut sample = reservoir.take(&mut dice);
        sample.sort_unstable();
        assert_eq!(sample, [0, 1, 2, 3]);
        assert_eq!(reservoir.take(&mut dice), Vec::<i32>::new());
    }
}
