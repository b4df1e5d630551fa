//! Numbers that look random and are the same for the same seed (splitmix64), so that a demo can be made again.

/// A generator of numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The one of this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number from 0 to 1, without 1.
    pub fn part(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        (self.part() * end as f64) as usize
    }

    /// True in so many of 100 cases.
    pub fn percent(&mut self, of_100: u32) -> bool {
        self.part() * 100.0 < f64::from(of_100)
    }

    /// The place of a weight, more often the heavier it is.
    pub fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut rest = self.part() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (place, weight) in weights.enumerate() {
            last = place;
            rest -= weight;
            if rest < 0.0 {
                break;
            }
        }
        last
    }

    /// The time until the next of things that happen `rate` times a second, independent of each other, in seconds.
    pub fn gap(&mut self, rate: f64) -> f64 {
        -(1.0 - self.part()).ln() / rate.max(1e-9)
    }

    /// A factor around 1, seldom far from it: times of answers have this form.
    pub fn factor(&mut self, spread: f64) -> f64 {
        let sum: f64 = (0..6).map(|_| self.part()).sum();
        ((sum - 3.0) * spread * 1.4).exp()
    }
}

/// A number that belongs to these octets: always the same, and far from that of others.
pub fn of_octets(octets: &[u8]) -> u64 {
    let fold = |sum: u64, octet: &u8| (sum ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3);
    mixed(octets.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

fn mixed(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_the_seed() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            (0..5).map(|_| random.number()).collect::<Vec<u64>>()
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }

    #[test]
    fn choices_are_as_likely_as_they_shall_be() {
        let mut random = Random::new(7);
        let heavy = (0..10_000).filter(|_| random.weighted([1.0, 3.0].into_iter()) == 1).count();
        assert!((7_200..7_800).contains(&heavy), "{heavy}");
        let gaps: f64 = (0..10_000).map(|_| random.gap(20.0)).sum();
        assert!((450.0..550.0).contains(&gaps), "{gaps}");
        assert!((0..1000).all(|_| random.below(3) < 3) && random.below(0) == 0);
        assert!((0..1000).all(|_| (0.05..20.0).contains(&random.factor(0.5))));
    }
}
