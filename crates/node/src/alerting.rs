//! What alerts watch: the node's metrics and health checks.

use std::io;
use std::sync::Arc;

use alerts::engine::{Check, Sample};
use alerts::{Alerting, Observed};
use config::Config;
use journal::shared::SharedSettings;
use telemetry::health::State;
use telemetry::metrics::{Snapshot, Value};

use crate::alert_decisions::SharedDecisions;
use crate::monitor::Monitor;

/// The file in the data directory that alerts are kept in.
const ALERTS_FILE: &str = "alerts.json";

/// Starts to watch, and to tell people, as configured. What they decide is in `shared`.
///
/// # Errors
/// A thread that cannot be started.
pub fn start(config: &Config, monitor: &Monitor, shared: &Arc<SharedSettings>) -> io::Result<Alerting> {
    let (file, watched) = (config.data_dir.join(ALERTS_FILE), monitor.clone());
    let decisions = Arc::new(SharedDecisions::new(shared.clone()));
    Alerting::start(file, config.alerts.clone(), decisions, move || observed(&watched))
}

/// Metrics and health as they are now. Histograms are left out: a rule compares one number.
fn observed(monitor: &Monitor) -> Observed {
    let check = |check: telemetry::health::Check| Check {
        name: check.name.to_owned(),
        is_passed: check.finding.state == State::Ok,
        reason: check.finding.reason,
    };
    Observed {
        samples: samples(&monitor.metrics()),
        checks: monitor.health().checks().into_iter().map(check).collect(),
    }
}

fn samples(snapshot: &Snapshot) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (family, values) in snapshot.families() {
        for sample in values {
            let value = match &sample.value {
                Value::Count(count) => *count as f64,
                Value::Number(number) => *number,
                Value::Times(_) | Value::Sum(..) => continue,
            };
            let labels = family.labels.iter().map(|&name| name.to_owned()).zip(sample.labels.iter().cloned()).collect();
            samples.push(Sample { metric: family.name.to_owned(), labels, value });
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use telemetry::metrics::catalogue::{CHANGE_SERVED_SECONDS, ZONE_EXPIRES, ZONES};

    use super::*;

    #[test]
    fn numbers_can_be_watched() {
        let mut snapshot = Snapshot::default();
        snapshot.number(&ZONE_EXPIRES, &["example.org."], 7.0);
        snapshot.count(&ZONES, &["serving"], 2);
        snapshot.add(&CHANGE_SERVED_SECONDS, &[], Value::Sum(1.0, 1));
        let samples = samples(&snapshot);
        let zone = ("zone".to_owned(), "example.org.".to_owned());
        assert_eq!(samples.len(), 2);
        assert_eq!((samples[0].metric.as_str(), &samples[0].labels[0]), ("headwater_zone_expires_seconds", &zone));
        assert_eq!((samples[1].labels[0].1.as_str(), samples[1].value), ("serving", 2.0));
    }
}
