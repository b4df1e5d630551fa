//! `metrics`: where they are sent, and how many there are.

use std::net::SocketAddr;
use std::time::Duration;

use super::problem::Report;
use super::raw;

/// Metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// The StatsD agent that they are sent to.
    pub statsd: Option<SocketAddr>,
    /// How often.
    pub statsd_interval: Duration,
    /// Most zones that have metrics of their own.
    pub zones_max: usize,
}

/// Checks the section.
pub(super) fn check_metrics(metrics: &raw::Metrics, report: &mut Report) -> Metrics {
    let text = &metrics.statsd;
    let statsd = text.strip_prefix("udp://").and_then(|address| address.parse().ok());
    if statsd.is_none() && !text.is_empty() {
        let message = format!("`{}` is not udp://ADDR:PORT, such as udp://127.0.0.1:8125", text.value);
        report.error(text.mark, "metrics.statsd", message);
    }
    Metrics {
        statsd,
        statsd_interval: Duration::from_secs(metrics.statsd_interval_seconds.0),
        zones_max: metrics.zones_max.0 as usize,
    }
}
