//! Serial numbers of zones (RFC 1982), and how the next one is found.

use std::cmp::Ordering;

/// Half of the space of serials.
const HALF: u32 = 1 << 31;

/// Compares two serials; `None` for the one pair that RFC 1982 3.2 leaves undefined.
pub fn compare(a: u32, b: u32) -> Option<Ordering> {
    match a.wrapping_sub(b) {
        0 => Some(Ordering::Equal),
        HALF => None,
        difference if difference < HALF => Some(Ordering::Greater),
        _ => Some(Ordering::Less),
    }
}

/// Whether `a` is later than `b`.
pub fn is_later(a: u32, b: u32) -> bool {
    compare(a, b) == Some(Ordering::Greater)
}

/// The serial after `serial`. 0 is left out: some software takes it for "none".
pub fn next(serial: u32) -> u32 {
    serial.wrapping_add(1).max(1)
}

/// `wanted` if that is later than `serial`, else the one after `serial`.
pub fn at_least(serial: u32, wanted: u32) -> u32 {
    if is_later(wanted, serial) { wanted } else { next(serial) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1982 5.1 and 5.2, in 32 bits.
    #[test]
    fn compares_around_the_end() {
        let check = |a, b, want| assert_eq!(compare(a, b), want, "{a} {b}");
        check(1, 0, Some(Ordering::Greater));
        check(0, u32::MAX, Some(Ordering::Greater));
        check(u32::MAX, 0, Some(Ordering::Less));
        check(HALF - 1, 0, Some(Ordering::Greater));
        check(HALF, 0, None);
        check(HALF + 1, 0, Some(Ordering::Less));
        check(7, 7, Some(Ordering::Equal));
    }

    #[test]
    fn the_next_one_is_later_and_not_zero() {
        for serial in [0, 1, HALF - 1, HALF, u32::MAX - 1, u32::MAX] {
            assert!(next(serial) != 0 && is_later(next(serial), serial), "{serial}");
        }
        assert_eq!(at_least(2026010100, 2026010200), 2026010200);
        assert_eq!(at_least(2026010300, 2026010200), 2026010301);
    }
}
