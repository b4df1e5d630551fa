//! Moments as text.

/// Appends the moment `time_us` microseconds after 1970 began, as `2026-01-02T03:04:05.678Z` (RFC 3339).
pub fn push_rfc3339(out: &mut Vec<u8>, time_us: u64) {
    let (seconds, ms) = (time_us / 1_000_000, time_us / 1000 % 1000);
    let (year, month, day) = date(seconds);
    digits(out, year, 4);
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
    out.push(b'T');
    for (unit, separator) in [(seconds / 3600 % 24, b':'), (seconds / 60 % 60, b':'), (seconds % 60, b'.')] {
        digits(out, unit, 2);
        out.push(separator);
    }
    digits(out, ms, 3);
    out.push(b'Z');
}

/// A moment as a part of a file's name: `20260102T030405Z`, which sorts by time.
pub fn stamp(seconds: u64) -> String {
    let (year, month, day) = date(seconds);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

fn date(seconds: u64) -> (u64, u64, u64) {
    dns::rdata::date(u32::try_from(seconds / 86_400).unwrap_or(u32::MAX))
}

/// Appends the last `count` decimal digits of a number.
fn digits(out: &mut Vec<u8>, number: u64, count: u32) {
    out.extend((0..count).rev().map(|place| b'0' + (number / 10u64.pow(place) % 10) as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_decimals_and_z() {
        let text = |time_us| {
            let mut out = Vec::new();
            push_rfc3339(&mut out, time_us);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(1_767_225_599_999_999), "2025-12-31T23:59:59.999Z");
        assert_eq!(text(1_709_210_096_007_000), "2024-02-29T12:34:56.007Z");
        assert_eq!(stamp(1_709_210_096), "20240229T123456Z");
    }
}
