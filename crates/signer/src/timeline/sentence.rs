//! Moments and keys in sentences.

use crate::keys::ZoneKey;

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// `2026-11-30 20:00 UTC`; seconds are shown unless they are 0, so that nothing looks earlier than it is.
pub fn moment(time_s: u64) -> String {
    let (year, month, day) = dns::rdata::date(u32::try_from(time_s / DAY_S).unwrap_or(u32::MAX));
    let (hour, minute, second) = (time_s / 3600 % 24, time_s / 60 % 60, time_s % 60);
    let seconds = if second == 0 { String::new() } else { format!(":{second:02}") };
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}{seconds} UTC")
}

/// `key 12345 (ED25519)`.
pub fn name(key: &ZoneKey) -> String {
    format!("key {} ({})", key.tag(), key.algorithm())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_shown_if_there_are_any() {
        assert_eq!(moment(0), "1970-01-01 00:00 UTC");
        assert_eq!(moment(1_709_210_096), "2024-02-29 12:34:56 UTC");
        assert_eq!(moment(1_796_068_800), "2026-11-30 20:00 UTC");
    }
}
