//! Hours of a week in a time zone: whether an instant lies in them, and when that changes next.
//!
//! A day's hours begin at the first instant at which the clock shows `from`, and end when it shows `to` for the last
//! time. So hours are in one piece where a clock is set back over one of their ends, and what a clock set forward skips
//! is nothing: 02:10 to 02:50 does not happen on a day without these minutes.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};

use super::spec::Day;
use super::zone::Zone;

/// Minutes of a day.
pub(super) const DAY_MINUTES: u16 = 24 * 60;
/// How many days before an instant hours may begin that it lies in: one, and one that a change of date line took away.
const DAYS_BACK: usize = 2;
/// How many days after an instant hours may begin that it lies in: one, where a clock is set back over midnight.
const DAYS_FORTH: usize = 1;
/// How many days after an instant the next hours begin at the latest: a week, and one more if a day is taken away.
const DAYS_AHEAD: usize = 15;

/// Hours that come again every week.
#[derive(Debug, Clone)]
pub struct Hours {
    /// Bit n: they begin on day n, from Monday on.
    days: u8,
    /// Minutes after midnight.
    from: u16,
    /// Minutes after midnight; at or before `from` on the next day.
    to: u16,
    zone: Zone,
}

impl Hours {
    /// Hours from minute `from` to minute `to` ([`DAY_MINUTES`] at the most) that begin on `days`.
    pub fn new(days: &[Day], from: u16, to: u16, zone: Zone) -> Hours {
        Hours { days: days.iter().fold(0, |mask, day| mask | 1 << *day as u8), from, to, zone }
    }

    /// Whether `at_ms` lies in them.
    pub fn hold(&self, at_ms: i64) -> bool {
        self.days_around(at_ms, DAYS_FORTH).filter_map(|day| self.on(day)).any(|span| span.contains(&at_ms))
    }

    /// The next instant after `at_ms` at which they begin or end.
    pub fn next_edge_ms(&self, at_ms: i64) -> Option<i64> {
        let mut next: Option<i64> = None;
        for span in self.days_around(at_ms, DAYS_AHEAD).filter_map(|day| self.on(day)) {
            let edges = [span.start, span.end].into_iter().filter(|edge| *edge > at_ms);
            next = next.into_iter().chain(edges).min();
            if span.start > at_ms {
                break;
            }
        }
        next
    }

    /// The days whose hours may matter at `at_ms`.
    fn days_around(&self, at_ms: i64, ahead: usize) -> impl Iterator<Item = Date> + use<> {
        let mut first = self.zone.day(at_ms);
        for _ in 0..DAYS_BACK {
            first = first.yesterday().unwrap_or(first);
        }
        std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(DAYS_BACK + 1 + ahead)
    }

    /// When they hold that begin on `day`: nothing if none do, or if no such time exists on that day.
    fn on(&self, day: Date) -> Option<Range<i64>> {
        if self.days >> day.weekday().to_monday_zero_offset() & 1 == 0 {
            return None;
        }
        let end = if self.to <= self.from { day.tomorrow().ok()? } else { day };
        let start_ms = self.zone.first_ms(time(day, self.from)?)?;
        let end_ms = self.zone.last_ms(time(end, self.to)?)?;
        (start_ms < end_ms).then_some(start_ms..end_ms)
    }
}

/// `minutes` after midnight of `day`, by the clock.
fn time(day: Date, minutes: u16) -> Option<DateTime> {
    let day = if minutes >= DAY_MINUTES { day.tomorrow().ok()? } else { day };
    let minutes = minutes % DAY_MINUTES;
    let time = Time::new(i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?, 0, 0).ok()?;
    Some(day.to_datetime(time))
}

/// The minute that `text` (`21:00`) names. `24:00` is one only where a day may end.
pub(super) fn minutes(text: &str, may_be_24: bool) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|_| minutes.len() == 2)?);
    let of_day = hours * 60 + minutes;
    (minutes < 60 && (of_day < DAY_MINUTES || may_be_24 && of_day == DAY_MINUTES)).then_some(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
    const MINUTE_MS: i64 = 60_000;
    const DAY: usize = DAY_MINUTES as usize;

    fn instant(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().expect("a well-formed text").as_millisecond()
    }

    fn hours(days: &[Day], from: &str, to: &str, zone: &str) -> Hours {
        Hours::new(
            days,
            minutes(from, false).expect("a time"),
            minutes(to, true).expect("a time"),
            Zone::named(zone).expect("a known zone"),
        )
    }

    #[test]
    fn times_are_read() {
        for (text, value) in [("00:00", 0), ("7:05", 425), ("23:59", 1439)] {
            assert_eq!(minutes(text, false), Some(value), "{text}");
        }
        assert_eq!((minutes("24:00", true), minutes("24:00", false)), (Some(1440), None));
        for text in ["", ":", "24:01", "12:60", "12", "12:5", "012:00", "+1:00", "12:00:00", "-1:00", "99999:00"] {
            assert_eq!(minutes(text, true), None, "{text}");
        }
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
        let hours = hours(&[Day::Fri], "21:00", "07:00", "Europe/Berlin");
        // 5 June 2026 is a Friday; Berlin is two hours ahead.
        for (at, holds) in [
            ("2026-06-05T18:59:59Z", false),
            ("2026-06-05T19:00:00Z", true),
            ("2026-06-06T04:59:59.999Z", true),
            ("2026-06-06T05:00:00Z", false),
            ("2026-06-06T20:00:00Z", false),
        ] {
            assert_eq!(hours.hold(instant(at)), holds, "{at}");
        }
        assert_eq!(hours.next_edge_ms(instant("2026-06-05T19:00:00Z")), Some(instant("2026-06-06T05:00:00Z")));
        assert_eq!(hours.next_edge_ms(instant("2026-06-06T05:00:00Z")), Some(instant("2026-06-12T19:00:00Z")));
    }

    #[test]
    fn from_a_time_to_the_same_is_a_whole_day() {
        let hours = hours(&[Day::Mon], "08:00", "08:00", "UTC");
        assert!(hours.hold(instant("2026-06-02T07:59:59Z")) && !hours.hold(instant("2026-06-02T08:00:00Z")));
    }

    #[test]
    fn minutes_that_a_clock_skips_do_not_happen() {
        let skipped = hours(&ALL, "02:10", "02:50", "Europe/Berlin");
        let change = instant("2026-03-29T01:00:00Z");
        assert!(!skipped.hold(change) && !skipped.hold(change - 1));
        assert_eq!(skipped.next_edge_ms(change - MINUTE_MS), Some(instant("2026-03-30T00:10:00Z")));
        let begun = hours(&ALL, "02:30", "04:00", "Europe/Berlin");
        assert!(begun.hold(change) && !begun.hold(change - 1));
        assert_eq!(begun.next_edge_ms(change), Some(instant("2026-03-29T02:00:00Z")));
    }

    #[test]
    fn hours_are_in_one_piece_when_an_hour_comes_twice() {
        let ending = hours(&ALL, "21:00", "02:30", "Europe/Berlin");
        let second = instant("2026-10-25T01:30:00Z");
        assert_eq!(ending.next_edge_ms(instant("2026-10-24T20:00:00Z")), Some(second));
        let beginning = hours(&ALL, "02:30", "03:30", "Europe/Berlin");
        let first = instant("2026-10-25T00:30:00Z");
        assert_eq!(beginning.next_edge_ms(first - 1), Some(first));
        assert_eq!(beginning.next_edge_ms(first), Some(instant("2026-10-25T02:30:00Z")));
    }

    /// Whether hours hold at each minute from `start_ms` on, from what the clock shows at each of them and nothing else.
    fn minute_by_minute(hours: &Hours, start_ms: i64, count: usize) -> Vec<bool> {
        let clock: Vec<DateTime> = (0..count).map(|i| hours.zone.clock(start_ms + i as i64 * MINUTE_MS)).collect();
        let mut holds = vec![false; count];
        let mut day = clock[0].date();
        // Where a day's hours can be: no clock is more than a day away from where even days would put it.
        let mut near = 0;
        while day <= clock[count - 1].date() {
            let (start, end) = (near.max(2 * DAY) - 2 * DAY, (near + 4 * DAY).min(count));
            let shown = &clock[start..end];
            if hours.days >> day.weekday().to_monday_zero_offset() & 1 == 1 {
                let from = time(day, hours.from).expect("a time");
                let end_day = if hours.to <= hours.from { day.tomorrow().expect("a day") } else { day };
                let to = time(end_day, hours.to).expect("a time");
                let first = shown.iter().position(|shown| *shown >= from).unwrap_or(shown.len());
                let last = shown.iter().rposition(|shown| *shown < to).map_or(0, |i| i + 1);
                holds[start + first.min(last)..start + last].fill(true);
            }
            day = day.tomorrow().expect("a day");
            near += DAY;
        }
        holds
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_year_is_as_the_clock_says_minute_by_minute(
            days in proptest::sample::subsequence(ALL.to_vec(), 1..=7),
            from in 0..DAY_MINUTES,
            to in 0..=DAY_MINUTES,
            zone in proptest::sample::select(vec![
                "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu",
                "Pacific/Apia", "Africa/Casablanca", "America/St_Johns",
            ]),
            year in 2010i16..2040,
        ) {
            let hours = Hours::new(&days, from, to, Zone::named(zone).expect("a known zone"));
            let start_ms = hours.zone.first_ms(Date::new(year, 1, 1).expect("a day").at(12, 0, 0, 0)).expect("an instant");
            let count = 365 * DAY;
            let oracle = minute_by_minute(&hours, start_ms, count);
            // What began before the first minute is not in the oracle, so the first two days are left out.
            let mut at = 2 * DAY;
            while at < count - 2 * DAY {
                let at_ms = start_ms + at as i64 * MINUTE_MS;
                prop_assert_eq!(hours.hold(at_ms), oracle[at], "{}", hours.zone.clock(at_ms));
                let edge = hours.next_edge_ms(at_ms).expect("a change");
                let until = ((edge - start_ms) / MINUTE_MS) as usize;
                prop_assert!(until > at);
                let same = &oracle[at..until.min(count)];
                prop_assert!(same.iter().all(|holds| *holds == oracle[at]), "changes before {}", hours.zone.clock(edge));
                at = until;
            }
        }
    }
}
