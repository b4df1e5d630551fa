//! Time zones: what the clock on the wall shows at an instant, and when it shows a given time.
//!
//! The IANA database is built in, so that schedules mean the same on a system without one.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// The zone of this name in the built-in database, case ignored (`Europe/Berlin`).
    pub fn named(name: &str) -> Option<Zone> {
        TimeZoneDatabase::bundled().get(name).ok().map(Zone)
    }

    /// The zone that a file such as `/etc/localtime` describes (RFC 9636); `None` if it is no such file.
    pub fn from_tzif(file: &[u8]) -> Option<Zone> {
        TimeZone::tzif("system", file).ok().map(Zone)
    }

    /// What the clock shows at `at_ms`. Instants beyond the years -9999 to 9999 count as the first or last one.
    pub(super) fn clock(&self, at_ms: i64) -> DateTime {
        let bound = if at_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
        self.0.to_datetime(Timestamp::from_millisecond(at_ms).unwrap_or(bound))
    }

    /// The day at `at_ms`.
    pub(super) fn day(&self, at_ms: i64) -> Date {
        self.clock(at_ms).date()
    }

    /// The first instant at which the clock shows `time` or more, in milliseconds since 1970.
    pub(super) fn first_ms(&self, time: DateTime) -> Option<i64> {
        self.edges(time).map(|(first, _)| first)
    }

    /// The instant from which on the clock shows `time` or more for good.
    pub(super) fn last_ms(&self, time: DateTime) -> Option<i64> {
        self.edges(time).map(|(_, last)| last)
    }

    /// Both. They differ where a clock is set back over `time`, and are the moment of the change where it is set
    /// forward over it.
    fn edges(&self, time: DateTime) -> Option<(i64, i64)> {
        let ambiguous = self.0.to_ambiguous_timestamp(time);
        let earlier = ambiguous.earlier().ok()?.as_second();
        let later = ambiguous.later().ok()?.as_second();
        if !matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return Some((earlier * 1000, later * 1000));
        }
        let (mut before, mut after) = (earlier.min(later), earlier.max(later));
        while before + 1 < after {
            let middle = before + (after - before) / 2;
            if self.clock(middle * 1000) < time { before = middle } else { after = middle }
        }
        Some((after * 1000, after * 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a well-formed text").as_millisecond()
    }

    fn edges(zone: &str, time: &str) -> (i64, i64) {
        Zone::named(zone).expect("a known zone").edges(time.parse().expect("a well-formed text")).expect("an instant")
    }

    #[test]
    fn a_time_has_one_instant_on_most_days() {
        let at = instant("2026-06-01T19:00:00Z");
        assert_eq!(edges("Europe/Berlin", "2026-06-01T21:00"), (at, at));
        assert_eq!(edges("europe/berlin", "2026-06-01T21:00"), (at, at));
    }

    #[test]
    fn a_time_that_does_not_exist_is_the_moment_of_the_change() {
        let change = instant("2026-03-29T01:00:00Z");
        assert_eq!(edges("Europe/Berlin", "2026-03-29T02:30"), (change, change));
        assert_eq!(edges("Europe/Berlin", "2026-03-29T02:00"), (change, change));
        // Samoa went over the date line, and had no 30 December 2011.
        let change = instant("2011-12-30T10:00:00Z");
        assert_eq!(edges("Pacific/Apia", "2011-12-30T18:00"), (change, change));
    }

    #[test]
    fn a_time_that_is_there_twice_has_two_instants() {
        let (first, last) = edges("Europe/Berlin", "2026-10-25T02:30");
        assert_eq!((first, last), (instant("2026-10-25T00:30:00Z"), instant("2026-10-25T01:30:00Z")));
    }

    #[test]
    fn zones_are_known_without_files_and_others_are_not() {
        for name in ["America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"] {
            assert!(Zone::named(name).is_some(), "{name}");
        }
        assert!(Zone::named("Europe/Nowhere").is_none());
        assert!(Zone::named("").is_none());
        assert!(Zone::from_tzif(b"not a time zone").is_none());
    }

    #[test]
    fn the_zone_of_the_system_comes_from_its_file() {
        // A header with one type and four characters, twice, each with its body, and the rule for all years at the end.
        let header = [b"TZif2".as_slice(), &[0; 15], &[0; 16], &[0, 0, 0, 1, 0, 0, 0, 4]].concat();
        let body = [&[0, 0, 0x0e, 0x10, 0, 0], b"CET\0".as_slice()].concat();
        let rule = b"\nCET-1CEST,M3.5.0,M10.5.0/3\n".as_slice();
        let file = [&*header, &*body, &*header, &*body, rule].concat();
        let system = Zone::from_tzif(&file).expect("a file of a zone");
        let berlin = Zone::named("Europe/Berlin").expect("a known zone");
        for at in ["2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z", "2040-10-28T00:59:59Z"] {
            assert_eq!(system.clock(instant(at)), berlin.clock(instant(at)), "{at}");
        }
    }

    #[test]
    fn instants_out_of_range_do_no_harm() {
        let zone = Zone::named("Asia/Tokyo").expect("a known zone");
        assert!(zone.day(i64::MAX) > zone.day(0) && zone.day(i64::MIN) < zone.day(0));
    }
}
