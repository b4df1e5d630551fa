//! Random numbers that nobody can guess, without a system call for each: identifiers, ports, seeds.

use std::hash::{BuildHasher, RandomState};

/// Numbers that are fetched at once.
const POOL: usize = 256;

/// One thread's random numbers.
pub struct Random {
    pool: Box<[u8; 8 * POOL]>,
    used: usize,
    /// For the case that the system has none: SipHash, with keys from when it had.
    spare: RandomState,
    count: u64,
}

impl Default for Random {
    fn default() -> Random {
        Random { pool: Box::new([0; 8 * POOL]), used: POOL, spare: RandomState::new(), count: 0 }
    }
}

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        if self.used == POOL {
            self.used = 0;
            if getrandom::fill(&mut self.pool[..]).is_err() {
                for number in self.pool.chunks_exact_mut(8) {
                    self.count += 1;
                    number.copy_from_slice(&self.spare.hash_one(self.count).to_ne_bytes());
                }
            }
        }
        let number = self.pool[8 * self.used..].first_chunk().map_or(0, |octets| u64::from_ne_bytes(*octets));
        self.used += 1;
        number
    }

    /// A number below `bound`, which is small.
    pub fn below(&mut self, bound: usize) -> usize {
        let scaled = u128::from(self.next()) * bound as u128;
        (scaled >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_and_keep_their_bound() {
        let mut random = Random::default();
        let mut numbers: Vec<u64> = (0..3 * POOL).map(|_| random.next()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 3 * POOL);
        let mut seen = [false; 7];
        (0..1000).for_each(|_| seen[random.below(7)] = true);
        assert_eq!(seen, [true; 7]);
    }
}
