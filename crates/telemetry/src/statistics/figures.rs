//! Counts as people read them: rates, percentiles and ratios.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use utoipa::ToSchema;

use server::answered::SourceGroup;
use server::transport::Transport;

use super::counts::{Counts, PATHS, RESULTS, SOURCES};

/// A number for each of several things.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T>(pub Vec<(&'static str, T)>);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

/// Response times of one way, in milliseconds; `None`: there were no answers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Latency {
    /// Half of the answers took no longer.
    pub p50: Option<f64>,
    /// 95 % took no longer.
    pub p95: Option<f64>,
    /// 99 % took no longer.
    pub p99: Option<f64>,
}

/// What was counted within a span of time, by the second.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Figures {
    /// Responses a second.
    pub qps: f64,
    /// Responses a second by result.
    #[schema(value_type = std::collections::BTreeMap<String, f64>)]
    pub results: Named<f64>,
    /// Questions a second by the transport that they came over.
    #[schema(value_type = std::collections::BTreeMap<String, f64>)]
    pub transports: Named<f64>,
    /// Responses a second by who gave them.
    #[schema(value_type = std::collections::BTreeMap<String, f64>)]
    pub sources: Named<f64>,
    /// Response times by the way of the answer.
    #[schema(value_type = std::collections::BTreeMap<String, Latency>)]
    pub latency_ms: Named<Latency>,
    /// The part of the answers for names of others that the cache gave, from 0 to 1; `None`: there were none.
    pub hit_ratio: Option<f64>,
    /// Rows a second that were lost to log, history or live view.
    pub dropped: f64,
}

impl Figures {
    /// What was counted within `seconds`.
    pub fn of(counts: &Counts, seconds: f64) -> Figures {
        let rate = |n: u64| rounded(n as f64 / seconds.max(1e-3), 10.0);
        let rates = |names: Vec<&'static str>, numbers: &[u64]| {
            Named(names.into_iter().zip(numbers).map(|(name, n)| (name, rate(*n))).collect())
        };
        let latency = |path: usize| {
            let ms = |quantile| counts.latency_ms(path, quantile).map(|ms| rounded(ms, 1000.0));
            Latency { p50: ms(0.5), p95: ms(0.95), p99: ms(0.99) }
        };
        Figures {
            qps: rate(counts.responses()),
            results: rates(RESULTS.to_vec(), counts.results()),
            transports: rates(transport_names(), counts.transports()),
            sources: rates(source_names(&SOURCES), counts.sources()),
            latency_ms: Named((0..).zip(source_names(&PATHS)).map(|(path, name)| (name, latency(path))).collect()),
            hit_ratio: counts.hit_ratio().map(|ratio| rounded(ratio, 10_000.0)),
            dropped: rate(counts.dropped()),
        }
    }
}

/// The names of transports.
pub fn transport_names() -> Vec<&'static str> {
    Transport::ALL.map(Transport::as_str).to_vec()
}

/// The names of sources.
pub fn source_names(groups: &[SourceGroup]) -> Vec<&'static str> {
    groups.iter().map(|group| group.as_str()).collect()
}

/// As many digits as are worth sending.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use server::stats::Totals;

    use super::*;

    #[test]
    fn figures_of_a_data_plane() {
        let mut totals = Totals::default();
        totals.questions[Transport::Udp as usize][1] = 90;
        totals.questions[Transport::Tcp as usize][28] = 10;
        totals.answers[0][SourceGroup::Cache as usize] = 50;
        totals.answers[0][SourceGroup::Stale as usize] = 10;
        totals.answers[3][SourceGroup::Resolved as usize] = 20;
        totals.answers[2][SourceGroup::Error as usize] = 5;
        totals.answers[5][SourceGroup::Refused as usize] = 15;
        // All in the class from 10 to 25 ms.
        totals.times[SourceGroup::Resolved as usize].classes[9] = 20;
        let figures = serde_json::to_value(Figures::of(&Counts::of(&totals, 3), 2.0)).expect("JSON");
        assert_eq!(figures["qps"], 50.0);
        let results = serde_json::json!({"NOERROR": 30.0, "NXDOMAIN": 10.0, "SERVFAIL": 2.5, "other": 7.5});
        assert_eq!(figures["results"], results);
        assert_eq!(figures["transports"], serde_json::json!({"udp": 45.0, "tcp": 5.0}));
        let of = |source: &str| figures["sources"][source].as_f64();
        assert_eq!(["cache", "stale", "resolved", "zone"].map(of), [25.0, 5.0, 10.0, 0.0].map(Some));
        assert_eq!((&figures["hit_ratio"], &figures["dropped"]), (&0.75.into(), &1.5.into()));
        assert_eq!(figures["latency_ms"]["resolved"], serde_json::json!({"p50": 17.5, "p95": 24.25, "p99": 24.85}));
        assert_eq!(figures["latency_ms"]["zone"]["p50"], serde_json::Value::Null);
    }
}
