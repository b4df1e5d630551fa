//! What the data plane counted: the sum over its threads, or what came to it within a span of time.

use server::answered::SourceGroup;
use server::stats::{BOUNDS_US, CLASSES, Totals};
use server::transport::Transport;

/// Results that are told apart.
pub const RESULTS: [&str; 4] = ["NOERROR", "NXDOMAIN", "SERVFAIL", "other"];
/// Sources of answers that are told apart.
pub const SOURCES: [SourceGroup; 8] = SourceGroup::ALL;
/// Ways of an answer whose response times are told apart.
pub const PATHS: [SourceGroup; 3] = [SourceGroup::Zone, SourceGroup::Cache, SourceGroup::Resolved];

const RESULTS_AT: usize = 0;
const TRANSPORTS_AT: usize = RESULTS_AT + RESULTS.len();
const SOURCES_AT: usize = TRANSPORTS_AT + Transport::ALL.len();
const TIMES_AT: usize = SOURCES_AT + SOURCES.len();
const DROPPED_AT: usize = TIMES_AT + PATHS.len() * CLASSES;
/// How many numbers there are.
pub const FIELDS: usize = DROPPED_AT + 1;

/// The numbers, flat, so that they can be added, taken off and packed without knowing what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts([u64; FIELDS]);

impl Default for Counts {
    fn default() -> Counts {
        Counts([0; FIELDS])
    }
}

impl Counts {
    /// What all threads together have counted; `dropped` rows were lost to log, history or live view.
    pub fn of(totals: &Totals, dropped: u64) -> Counts {
        let mut counts = Counts::default();
        let mut add = |at: usize, n: u64| counts.0[at] = counts.0[at].wrapping_add(n);
        for (rcode, groups) in totals.answers.iter().enumerate() {
            let result = match rcode {
                0 => 0,
                3 => 1,
                2 => 2,
                _ => 3,
            };
            add(RESULTS_AT + result, groups.iter().sum());
        }
        for (transport, types) in totals.questions.iter().enumerate() {
            add(TRANSPORTS_AT + transport, types.iter().sum());
        }
        for (source, group) in SOURCES.into_iter().enumerate() {
            add(SOURCES_AT + source, totals.of_group(group));
        }
        for (path, group) in PATHS.into_iter().enumerate() {
            let classes = totals.times[group as usize].classes;
            (0..).zip(classes).for_each(|(class, n)| add(TIMES_AT + path * CLASSES + class, n));
        }
        add(DROPPED_AT, dropped);
        counts
    }

    /// From the numbers themselves, as [`Counts::fields`] gives them.
    pub fn from_fields(fields: [u64; FIELDS]) -> Counts {
        Counts(fields)
    }

    /// All numbers.
    pub fn fields(&self) -> &[u64; FIELDS] {
        &self.0
    }

    /// Adds what was counted within another span.
    pub fn add(&mut self, other: &Counts) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, n)| *sum = sum.saturating_add(n));
    }

    /// What came to `before`.
    pub fn since(&self, before: &Counts) -> Counts {
        let mut counts = self.clone();
        counts.0.iter_mut().zip(before.0).for_each(|(n, before)| *n = n.saturating_sub(before));
        counts
    }

    /// Responses, in the order of [`RESULTS`].
    pub fn results(&self) -> &[u64] {
        &self.0[RESULTS_AT..TRANSPORTS_AT]
    }

    /// Questions that came, in the order of [`Transport::ALL`].
    pub fn transports(&self) -> &[u64] {
        &self.0[TRANSPORTS_AT..SOURCES_AT]
    }

    /// Responses, in the order of [`SOURCES`].
    pub fn sources(&self) -> &[u64] {
        &self.0[SOURCES_AT..TIMES_AT]
    }

    /// Responses of a way (in the order of [`PATHS`]) by the class of their response time.
    pub fn times(&self, path: usize) -> &[u64] {
        self.0[TIMES_AT..DROPPED_AT].chunks(CLASSES).nth(path).unwrap_or_default()
    }

    /// Rows that were lost to log, history or live view.
    pub fn dropped(&self) -> u64 {
        self.0[DROPPED_AT]
    }

    /// Responses.
    pub fn responses(&self) -> u64 {
        self.results().iter().sum()
    }

    /// The part of the answers for names of others that the cache gave, from 0 to 1; `None`: there were none.
    pub fn hit_ratio(&self) -> Option<f64> {
        let of = |group: SourceGroup| self.sources()[group as usize];
        let hits = of(SourceGroup::Cache) + of(SourceGroup::Stale);
        let all = hits + of(SourceGroup::Resolved);
        (all > 0).then(|| hits as f64 / all as f64)
    }

    /// The response time in milliseconds that the part `quantile` of the answers of a way did not exceed; `None`: there
    /// were none. Within a class it is taken as evenly spread; in the last one it is its lower bound.
    pub fn latency_ms(&self, path: usize, quantile: f64) -> Option<f64> {
        let classes = self.times(path);
        let all: u64 = classes.iter().sum();
        if all == 0 {
            return None;
        }
        let rank = (quantile * all as f64).max(f64::MIN_POSITIVE);
        let (mut below, mut lower_ms) = (0.0, 0.0);
        for (&n, bound_us) in classes.iter().zip(BOUNDS_US) {
            let upper_ms = bound_us as f64 / 1000.0;
            if n > 0 && below + n as f64 >= rank {
                return Some(lower_ms + (upper_ms - lower_ms) * (rank - below) / n as f64);
            }
            (below, lower_ms) = (below + n as f64, upper_ms);
        }
        Some(lower_ms)
    }
}
