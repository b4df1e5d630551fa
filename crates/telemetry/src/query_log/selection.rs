//! Which rows are logged, and what of them.

use crate::filter::Filter;
use crate::request_id::RequestId;
use crate::rows::Row;

use super::anonymise::Anonymise;

/// Which rows are logged, and what of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The part of the rows that is logged, from 0 to 1. Each output logs the same ones.
    pub sample: f64,
    /// Rows that took longer than so many microseconds are logged, also those that were left out; `None`: no matter how
    /// long.
    pub slow_us: Option<u64>,
    /// What becomes of clients' addresses.
    pub anonymise: Anonymise,
    /// Rows that it does not match are not logged, however slow.
    pub filter: Filter,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection { sample: 1.0, slow_us: None, anonymise: Anonymise::No, filter: Filter::default() }
    }
}

impl Selection {
    /// Whether a row is logged.
    pub fn has(&self, row: &Row<'_>) -> bool {
        let is_slow = self.slow_us.is_some_and(|slow_us| row.record.elapsed_us > slow_us);
        (is_slow || self.has_sample(row.id)) && self.filter.matches(row)
    }

    /// Whether what has this identifier is in the sample.
    pub fn has_sample(&self, id: RequestId) -> bool {
        self.sample >= 1.0 || fraction(id) < self.sample
    }
}

/// A number from 0 to below 1 that nothing else about the row depends on.
fn fraction(id: RequestId) -> f64 {
    // The finaliser of SplitMix64: each bit of the result depends on each of the identifier.
    let mut bits = (id.bits() >> 64) as u64 ^ (id.bits() as u64).rotate_left(32);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_part_of_the_rows() {
        for sample in [0.0, 0.01, 0.5, 0.9, 1.0] {
            let selection = Selection { sample, ..Selection::default() };
            let ids = (0..100_000).map(|n| RequestId::new(1_700_000_000_000_000 + n * 50, 7, n));
            let count = ids.filter(|&id| selection.has_sample(id)).count() as f64;
            assert!((count / 100_000.0 - sample).abs() < 0.005, "{sample}: {count}");
        }
    }
}
