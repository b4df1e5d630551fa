//! Metrics: what is counted and measured, put together when somebody asks. [`catalogue`] names every family; whoever has
//! values adds them to a [`Snapshot`], and `text.rs` and `statsd.rs` write it out.
//!
//! The text is written here and not by the crate prometheus-client, which knows OpenMetrics alone and keeps values of its
//! own: ours stand in the counters of threads already.

pub mod catalogue;
mod process;
pub mod statsd;
mod text;
mod totals;

pub use process::add_process;
use server::stats::Times;
pub use text::Format;
pub use totals::add_totals;

/// What kind of values a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up, from 0 at the start.
    Counter,
    /// What there is now.
    Gauge,
    /// Durations in seconds, counted in classes.
    Histogram,
    /// Sum and number of durations in seconds.
    Summary,
}

impl Kind {
    /// Its name in the text formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        }
    }
}

/// Metrics of one name, which differ by their labels.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, by the rules of Prometheus: base units, `_total` behind counters.
    pub name: &'static str,
    /// What values it has.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means, in a line.
    pub help: &'static str,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A count.
    Count(u64),
    /// Any number.
    Number(f64),
    /// Durations.
    Times(Box<Times>),
    /// A sum in seconds, of so many durations.
    Sum(f64, u64),
}

/// One metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The values of its labels, in the order of the family's.
    pub labels: Vec<String>,
    /// Its value.
    pub value: Value,
}

/// All metrics at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    families: Vec<(&'static Family, Vec<Sample>)>,
}

impl Snapshot {
    /// Adds a metric; those of one family stand together, whoever adds them.
    pub fn add(&mut self, family: &'static Family, labels: &[&str], value: Value) {
        let sample = Sample { labels: labels.iter().map(|&label| label.to_owned()).collect(), value };
        match self.families.iter_mut().rfind(|(known, _)| known.name == family.name) {
            Some((_, samples)) => samples.push(sample),
            None => self.families.push((family, vec![sample])),
        }
    }

    /// Adds a count.
    pub fn count(&mut self, family: &'static Family, labels: &[&str], value: u64) {
        self.add(family, labels, Value::Count(value));
    }

    /// Adds a number.
    pub fn number(&mut self, family: &'static Family, labels: &[&str], value: f64) {
        self.add(family, labels, Value::Number(value));
    }

    /// Adds durations.
    pub fn times(&mut self, family: &'static Family, labels: &[&str], times: Times) {
        self.add(family, labels, Value::Times(Box::new(times)));
    }

    /// The families that have metrics, in the order in which they came.
    pub fn families(&self) -> impl Iterator<Item = (&'static Family, &[Sample])> {
        self.families.iter().map(|(family, samples)| (*family, samples.as_slice()))
    }

    /// The metrics of one family.
    pub fn samples(&self, name: &str) -> &[Sample] {
        self.families.iter().find(|(family, _)| family.name == name).map_or(&[], |(_, samples)| samples)
    }
}
