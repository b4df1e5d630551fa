//! One client and one name: whether it is asked for at regular intervals.

use super::known::Class;
use super::report::{Finding, Kind, Reason, Subject};
use super::seen::Seen;
use super::thresholds::Thresholds;
use super::words::ramp;

/// Queries closer together than this are one: programs ask for A, AAAA and HTTPS at once, and ask again when an answer
/// is late.
const TOGETHER_MS: u64 = 2_000;
/// How fast the mean interval and the mean deviation follow.
const FOLLOW: f32 = 0.1;
/// An interval from the TTL up to this share more is that of a cache in the client.
const TTL_SLACK: f32 = 1.15;
/// Mean deviation that adds nothing to the score any more, as a share of the interval.
const JITTER_FULL: f32 = 0.15;

/// The rhythm in which a client asks for a name. (No copy of the name: there are many of these, and few are told.)
#[derive(Debug, Default)]
pub(super) struct Beacon {
    first_ms: u64,
    last_ms: u64,
    interval_ms: f32,
    jitter: f32,
    alike: u32,
    alike_since_ms: u64,
    highest_ttl: u32,
}

/// Whether the name is one whose rhythm says anything.
pub(super) fn has_rhythm(seen: &Seen<'_>) -> bool {
    seen.is_judged() && !seen.o.zone_of_ours && seen.is_listed && seen.class == Class::Ordinary
}

impl Beacon {
    pub fn new(seen: &Seen<'_>) -> Beacon {
        Beacon { first_ms: seen.o.time_ms, last_ms: seen.o.time_ms, ..Beacon::default() }
    }

    /// Counts a query; whether the rhythm is regular for long enough.
    pub fn count(&mut self, seen: &Seen<'_>, t: &Thresholds) -> bool {
        self.highest_ttl = self.highest_ttl.max(seen.o.min_ttl);
        let gap_ms = seen.o.time_ms.saturating_sub(self.last_ms);
        if gap_ms < TOGETHER_MS {
            return false;
        }
        self.last_ms = seen.o.time_ms;
        let gap = gap_ms as f32;
        let deviation = (gap - self.interval_ms).abs() / self.interval_ms.max(1.0);
        if deviation <= t.beacon_tolerance {
            self.alike += 1;
            self.interval_ms += (gap - self.interval_ms) * FOLLOW;
            self.jitter += (deviation - self.jitter) * FOLLOW;
        } else {
            self.alike /= 4;
            if self.alike == 0 {
                (self.interval_ms, self.jitter, self.alike_since_ms) = (gap, 0.0, seen.o.time_ms);
            }
        }
        self.alike >= t.beacon_intervals
    }

    /// What a regular rhythm means: `client_first_ms` is when the client was first seen.
    pub fn judge(&self, seen: &Seen<'_>, client_first_ms: u64, key: u64, t: &Thresholds) -> Option<Finding> {
        let is_habit = self.first_ms.saturating_sub(client_first_ms) < t.beacon_learn_ms;
        let seconds = self.interval_ms / 1000.0;
        let ttl = self.highest_ttl as f32;
        let is_cache = seconds >= ttl && seconds <= ttl * TTL_SLACK + 2.0;
        let is_short = self.interval_ms < t.beacon_shortest_ms as f32
            || seen.o.time_ms.saturating_sub(self.alike_since_ms) < t.beacon_span_ms;
        if is_habit || is_cache || is_short {
            return None;
        }
        let score = 0.6
            + 0.2 * (1.0 - ramp(self.jitter, 0.0, JITTER_FULL))
            + 0.2 * ramp(self.alike as f32, t.beacon_intervals as f32, 4.0 * t.beacon_intervals as f32);
        if score < t.report_score {
            return None;
        }
        let reasons = vec![
            Reason::IntervalSeconds(seconds),
            Reason::Jitter(self.jitter),
            Reason::AlikeIntervals(self.alike),
            Reason::TtlSeconds(self.highest_ttl),
        ];
        let zone = Some(seen.o.name.to_canonical());
        let subject = Subject { client: Some(seen.o.client), device: seen.o.device, zone, server: None };
        Some(Finding { kind: Kind::Beacon, key, subject, score, reasons, examples: Vec::new() })
    }
}
