//! Serial numbers of zones (RFC 1982), and how the next one is found.

use std::cmp::Ordering;

use crate::rdata::codec;

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

/// YYYYMMDD00 of the day (in UTC) that is `now_s` seconds after the start of 1970 (RFC 1912 2.2). Years from 4295
/// on do not fit; they wrap around.
pub fn of_day(now_s: u64) -> u32 {
    let (year, month, day) = codec::date(u32::try_from(now_s / 86400).unwrap_or(u32::MAX));
    ((year * 10_000 + month * 100 + day) * 100) as u32
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

    /// Seconds as `date -u -d DAY +%s` gives them.
    #[test]
    fn serials_of_days() {
        let check = |now_s, want| assert_eq!(of_day(now_s), want, "{now_s}");
        check(0, 1970010100);
        check(951_782_399, 2000022800);
        check(951_782_400, 2000022900);
        check(1_735_689_599, 2024123100);
        check(1_735_689_600, 2025010100);
        check(4_107_542_399, 2100022800);
        check(4_107_542_400, 2100030100);
        let _ = of_day(u64::MAX);
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
