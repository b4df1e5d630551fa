//! Patterns with `*` and `^` against names.

/// Whether `byte` can stand for `^`: a letter, digit, `_`, `-`, `.` and `%` cannot.
#[inline]
pub fn is_separator(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'%'))
}

/// Whether the whole of `name` matches `pattern`; with `open_start` and `open_end` anything may stand before and behind.
///
/// `*` stands for any octets, `^` for one separator or for the end. The time is at most the product of both lengths:
/// of several `*` only the last is ever tried again, because an earlier match of what stands between two of them leaves
/// more for the rest.
pub fn matches(pattern: &[u8], name: &[u8], open_start: bool, open_end: bool) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut again = open_start.then_some((0, 0));
    loop {
        let token = pattern.get(p).copied();
        match (token, name.get(n).copied()) {
            (None, _) if open_end => return true,
            (None, None) => return true,
            (Some(b'*'), _) => {
                p += 1;
                again = Some((p, n));
                continue;
            }
            (Some(b'^'), None) => {
                p += 1;
                continue;
            }
            (Some(token), Some(byte)) if token == byte || token == b'^' && is_separator(byte) => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            _ => {}
        }
        match again {
            Some((after, from)) if from < name.len() => {
                again = Some((after, from + 1));
                (p, n) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_for_nothing() {
        for name in ["ab", "axb", "axxb", "aab", "abb"] {
            assert!(matches(b"a*b", name.as_bytes(), false, false), "{name}");
        }
        assert!(!matches(b"a*b", b"abc", false, false));
        assert!(matches(b"a*b", b"abc", false, true));
        assert!(matches(b"a*b", b"cab", true, false));
    }

    #[test]
    fn a_separator_stands_for_the_end_as_often_as_it_is_written() {
        assert!(matches(b"a^^*^", b"a", false, false));
        assert!(matches(b"a^b", b"a/b", false, false));
        assert!(!matches(b"a^b", b"a-b", false, false));
        assert!(!matches(b"a^b", b"ab", false, false));
    }

    #[test]
    fn many_stars_take_no_more_than_the_product_of_the_lengths() {
        let pattern = "a*".repeat(150);
        let name = "a".repeat(140);
        assert!(!matches(pattern.as_bytes(), name.as_bytes(), true, false));
        assert!(matches(pattern.as_bytes(), "a".repeat(150).as_bytes(), true, false));
    }
}
