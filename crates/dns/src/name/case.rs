//! Comparing octets without regard to ASCII case (RFC 4343), eight at a time where that pays: the hash of names
//! and the index of zones live on it.

use std::cmp::Ordering;

/// Lower-cases the ASCII letters of eight octets at once.
#[inline]
pub fn lower8(x: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low7 = x & (0x7f * ONES);
    let above_z = low7 + (0x7f - b'Z' as u64) * ONES;
    let from_a = low7 + (0x80 - b'A' as u64) * ONES;
    let upper = (from_a ^ above_z) & !x & (0x80 * ONES);
    x | (upper >> 2)
}

/// Equality that ignores ASCII case (RFC 4343).
#[inline]
pub fn eq_ignore_case(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (Some(last_a), Some(last_b)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) else {
        return a.iter().zip(b).all(|(x, y)| x.eq_ignore_ascii_case(y));
    };
    // The last word may overlap the one before it.
    let same = |x: &[u8; 8], y: &[u8; 8]| lower8(u64::from_le_bytes(*x)) == lower8(u64::from_le_bytes(*y));
    let (words_a, words_b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    words_a.iter().zip(words_b).all(|(x, y)| same(x, y)) && same(last_a, last_b)
}

/// Order of two labels as lower-case octet strings.
pub fn cmp_ignore_case(a: &[u8], b: &[u8]) -> Ordering {
    for (x, y) in a.iter().zip(b) {
        match x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower8_is_ascii_only() {
        for byte in 0..=255u8 {
            let want = u64::from_le_bytes([byte.to_ascii_lowercase(); 8]);
            assert_eq!(lower8(u64::from_le_bytes([byte; 8])), want, "{byte:#x}");
        }
    }
}
