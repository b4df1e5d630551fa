//! One client: how often it asks, how many names do not exist, and whether a program made them up.

use std::net::IpAddr;

use dns::Rcode;

use super::report::{Examples, Finding, Kind, Reason, Subject};
use super::seen::Seen;
use super::sketch::{Distinct, Windowed};
use super::thresholds::Thresholds;
use super::words::{Words, ramp};

const MINUTE_MS: u64 = 60_000;
/// Registrable names without existence that are remembered, per window, to tell new ones from repeated ones.
const REMEMBERED_NAMES: usize = 64;
/// Each quiet minute takes this share off the busiest minute so far, so that old habits fade within half a day of use.
const PEAK_FADE: f32 = 0.998;
/// Mean randomness from which names count as random in the score for generated names.
const RANDOM_FROM: f32 = 0.25;
const RANDOM_FULL: f32 = 0.6;

#[derive(Debug)]
struct Counts {
    /// Queries other than blocked ones and those of classes of their own.
    judged: u32,
    nxdomain: u32,
    nxdomain_names: Distinct,
    zones: Distinct,
    /// Distinct registrable names that do not exist.
    nonexistent: u32,
    /// Sum over these of how random they look.
    randomness: f32,
    /// The last of them, 0 for none.
    remembered: [u32; REMEMBERED_NAMES],
}

impl Default for Counts {
    fn default() -> Counts {
        Counts {
            judged: 0,
            nxdomain: 0,
            nxdomain_names: Distinct::default(),
            zones: Distinct::default(),
            nonexistent: 0,
            randomness: 0.0,
            remembered: [0; REMEMBERED_NAMES],
        }
    }
}

/// What is known of a client.
#[derive(Debug)]
pub(super) struct Client {
    address: IpAddr,
    device: Option<u32>,
    pub first_ms: u64,
    queries: u64,
    window: Windowed<Counts>,
    minute: u64,
    in_minute: u32,
    /// Queries in the busiest minute so far.
    peak: f32,
    /// Minutes in a row that were far above the peak, and the queries of the busiest of them.
    hot_minutes: u32,
    hot_queries: u32,
    examples: Examples,
}

impl Client {
    pub fn new(seen: &Seen<'_>) -> Client {
        Client {
            address: seen.o.client,
            device: seen.o.device,
            first_ms: seen.o.time_ms,
            queries: 0,
            window: Windowed::default(),
            minute: seen.o.time_ms / MINUTE_MS,
            in_minute: 0,
            peak: 0.0,
            hot_minutes: 0,
            hot_queries: 0,
            examples: Examples::default(),
        }
    }

    /// Counts a query; `zone_answers` tells whether anything below its registrable name was answered before.
    pub fn count(&mut self, seen: &Seen<'_>, zone_answers: bool, words: &Words, t: &Thresholds) {
        self.address = seen.o.client;
        self.queries += 1;
        self.count_minute(seen.o.time_ms, t);
        if !seen.is_judged() {
            return;
        }
        self.window.roll(seen.o.time_ms, t.window_ms);
        let counts = &mut self.window.now;
        counts.judged += 1;
        counts.zones.add(seen.zone_hash);
        if seen.o.rcode != Rcode::NXDOMAIN || seen.is_search_list {
            return;
        }
        counts.nxdomain += 1;
        counts.nxdomain_names.add(seen.name_hash);
        self.examples.offer(counts.nxdomain, seen.o.name);
        if !zone_answers && seen.could_be_generated() && self.remember(seen.zone_hash) {
            let label = seen.registrable.labels().next().unwrap_or_default();
            let counts = &mut self.window.now;
            counts.nonexistent += 1;
            counts.randomness += words.randomness(label);
        }
    }

    /// Whether the client has been there for long enough to be judged.
    pub fn is_burnt_in(&self, now_ms: u64, t: &Thresholds) -> bool {
        now_ms.saturating_sub(self.first_ms) >= t.burn_in_ms || self.queries >= t.burn_in_queries
    }

    pub fn subject(&self) -> Subject {
        Subject { client: Some(self.address), device: self.device, ..Subject::default() }
    }

    /// Everything that the client's numbers say.
    pub fn judge(&mut self, key: u64, now_ms: u64, t: &Thresholds, found: &mut Vec<Finding>) {
        self.window.roll(now_ms, t.window_ms);
        if !self.is_burnt_in(now_ms, t) {
            return;
        }
        let verdicts = [
            (Kind::HighFrequency, self.frequency(t)),
            (Kind::NxdomainFlood, self.nxdomain(t)),
            (Kind::GeneratedNames, self.generated(t)),
        ];
        for (kind, verdict) in verdicts {
            let Some((score, reasons)) = verdict else { continue };
            if score >= t.report_score {
                let examples = if kind == Kind::HighFrequency { Vec::new() } else { self.examples.names() };
                found.push(Finding { kind, key, subject: self.subject(), score, reasons, examples });
            }
        }
    }

    fn count_minute(&mut self, now_ms: u64, t: &Thresholds) {
        let minute = now_ms / MINUTE_MS;
        if minute > self.minute {
            let queries = self.in_minute as f32;
            let is_hot = self.in_minute >= t.frequency_floor_per_minute && queries >= t.frequency_factor * self.peak;
            if is_hot {
                self.hot_minutes += 1;
                self.hot_queries = self.hot_queries.max(self.in_minute);
            } else {
                self.peak = (self.peak * PEAK_FADE).max(queries);
            }
            if !is_hot || minute > self.minute + 1 {
                (self.hot_minutes, self.hot_queries) = (0, 0);
            }
            (self.minute, self.in_minute) = (minute, 0);
        }
        self.in_minute = self.in_minute.saturating_add(1);
    }

    fn frequency(&self, t: &Thresholds) -> Option<(f32, Vec<Reason>)> {
        if self.hot_minutes < t.frequency_minutes {
            return None;
        }
        let times = self.hot_queries as f32 / self.peak.max(1.0);
        let score = 0.7
            + 0.2 * ramp(times, t.frequency_factor, 10.0 * t.frequency_factor)
            + 0.1 * ramp(self.hot_minutes as f32, 0.0, 10.0);
        let reasons = vec![
            Reason::QueriesPerMinute(self.hot_queries),
            Reason::TimesUsual(times),
            Reason::MinutesInARow(self.hot_minutes),
        ];
        Some((score, reasons))
    }

    fn nxdomain(&self, t: &Thresholds) -> Option<(f32, Vec<Reason>)> {
        let (now, before) = (&self.window.now, &self.window.before);
        let answers = now.nxdomain + before.nxdomain;
        let share = answers as f32 / (now.judged + before.judged).max(1) as f32;
        if answers < t.nxdomain_answers || share < t.nxdomain_share {
            return None;
        }
        let names = now.nxdomain_names.with(&before.nxdomain_names);
        if names < t.nxdomain_names {
            return None;
        }
        let least = t.nxdomain_answers as f32;
        let score = 0.5 + 0.25 * ramp(answers as f32, least, 3.0 * least) + 0.25 * ramp(share, t.nxdomain_share, 0.8);
        let reasons =
            vec![Reason::NxdomainAnswers(answers), Reason::NxdomainShare(share), Reason::DistinctNames(names as u32)];
        Some((score, reasons))
    }

    fn generated(&self, t: &Thresholds) -> Option<(f32, Vec<Reason>)> {
        let (now, before) = (&self.window.now, &self.window.before);
        let count = now.nonexistent + before.nonexistent;
        if count < t.dga_random_names.min(t.dga_any_names) {
            return None;
        }
        let share = (count as f32 / now.zones.with(&before.zones).max(1.0)).min(1.0);
        let randomness = (now.randomness + before.randomness) / count as f32;
        let looks = ramp(randomness, RANDOM_FROM, RANDOM_FULL);
        // The more the names look random, the fewer of them suffice.
        let least = t.dga_any_names as f32 - looks * (t.dga_any_names.saturating_sub(t.dga_random_names)) as f32;
        if (count as f32) < least || share < t.dga_share {
            return None;
        }
        let score = 0.6
            + 0.2 * ramp(count as f32, least, 2.0 * least)
            + 0.2 * ramp(share, t.dga_share, 3.0 * t.dga_share)
            + 0.1 * looks;
        let reasons =
            vec![Reason::NonexistentZones(count), Reason::NonexistentZoneShare(share), Reason::Randomness(randomness)];
        Some((score.min(1.0), reasons))
    }

    /// Whether `zone_hash` is not among the last ones of the window and the one before; it is then.
    fn remember(&mut self, zone_hash: u64) -> bool {
        let short = (zone_hash >> 32) as u32 | 1;
        let (now, before) = (&mut self.window.now, &self.window.before);
        if now.remembered.contains(&short) || before.remembered.contains(&short) {
            return false;
        }
        if let Some(slot) = now.remembered.get_mut(now.nonexistent as usize % REMEMBERED_NAMES) {
            *slot = short;
        }
        true
    }
}
