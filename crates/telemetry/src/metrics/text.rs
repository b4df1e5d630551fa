//! The text formats: Prometheus 0.0.4, and OpenMetrics 1.0.

use std::fmt::Write;

use server::stats::BOUNDS_US;

use super::{Family, Kind, Sample, Snapshot, Value};

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What a client takes by its Accept header; Prometheus' own format unless it asks for the other.
    pub fn accepted(accept: &str) -> Format {
        let wants = accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            parts.next().is_some_and(|range| range.eq_ignore_ascii_case("application/openmetrics-text"))
                && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        });
        if wants { Format::OpenMetrics } else { Format::Prometheus }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Snapshot {
    /// All metrics as text.
    pub fn text(&self, format: Format) -> String {
        let mut out = String::new();
        for (family, samples) in self.families() {
            let name = match format {
                Format::OpenMetrics => family.name.strip_suffix("_total").unwrap_or(family.name),
                Format::Prometheus => family.name,
            };
            let _ = writeln!(out, "# HELP {name} {}", family.help.replace('\\', "\\\\"));
            let _ = writeln!(out, "# TYPE {name} {}", family.kind.as_str());
            samples.iter().for_each(|sample| lines(&mut out, family, sample));
        }
        if format == Format::OpenMetrics {
            out += "# EOF\n";
        }
        out
    }
}

/// The lines of one metric.
fn lines(out: &mut String, family: &Family, Sample { labels, value }: &Sample) {
    let mut line = |suffix: &str, bound: Option<&str>, value: &dyn std::fmt::Display| {
        out.push_str(family.name);
        out.push_str(suffix);
        let pairs = family.labels.iter().copied().zip(labels.iter().map(String::as_str));
        let pairs = pairs.chain(bound.map(|bound| ("le", bound)));
        for (n, (name, value)) in pairs.clone().enumerate() {
            let _ = write!(out, "{}{name}=\"{}\"", if n == 0 { '{' } else { ',' }, escaped(value));
        }
        let _ = writeln!(out, "{} {value}", if pairs.count() == 0 { "" } else { "}" });
    };
    match value {
        Value::Count(count) => line("", None, count),
        Value::Number(number) => line("", None, number),
        Value::Sum(sum_s, count) => {
            line("_sum", None, sum_s);
            line("_count", None, count);
        }
        Value::Times(times) => {
            debug_assert_eq!(family.kind, Kind::Histogram);
            let mut below = 0;
            for (class, count) in times.classes.iter().enumerate() {
                below += count;
                let bound = BOUNDS_US.get(class).map_or("+Inf".to_owned(), |&us| format!("{:?}", us as f64 / 1e6));
                line("_bucket", Some(&bound), &below);
            }
            line("_sum", None, &(times.sum_us as f64 / 1e6));
            line("_count", None, &below);
        }
    }
}

/// A label's value as it stands between quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use server::stats::Histogram;

    use super::*;
    use crate::metrics::catalogue::{CHANGE_SERVED_SECONDS, CONNECTIONS, RESPONSES, UPSTREAM_SECONDS};

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.count(&RESPONSES, &["NOERROR", "zone"], 7);
        snapshot.number(&CONNECTIONS, &[], 2.0);
        snapshot.count(&RESPONSES, &["a\\b\"c\n", "cache"], 1);
        let times = Histogram::default();
        [20, 30, 20_000_000].iter().for_each(|&us| times.add(us));
        snapshot.times(&UPSTREAM_SECONDS, &["iterate"], times.get());
        snapshot.times(&CHANGE_SERVED_SECONDS, &[], times.get());
        snapshot
    }

    #[test]
    fn prometheus_text() {
        let text = snapshot().text(Format::Prometheus);
        let begin = "# HELP headwater_responses_total Responses, by RCODE and by who gave them.\n\
                     # TYPE headwater_responses_total counter\n\
                     headwater_responses_total{rcode=\"NOERROR\",source=\"zone\"} 7\n\
                     headwater_responses_total{rcode=\"a\\\\b\\\"c\\n\",source=\"cache\"} 1\n";
        assert!(text.starts_with(begin), "{text}");
        for line in [
            "headwater_connections 2",
            "headwater_upstream_seconds_bucket{server=\"iterate\",le=\"2.5e-5\"} 1",
            "headwater_upstream_seconds_bucket{server=\"iterate\",le=\"5e-5\"} 2",
            "headwater_upstream_seconds_bucket{server=\"iterate\",le=\"10.0\"} 2",
            "headwater_upstream_seconds_bucket{server=\"iterate\",le=\"+Inf\"} 3",
            "headwater_upstream_seconds_sum{server=\"iterate\"} 20.00005",
            "headwater_upstream_seconds_count{server=\"iterate\"} 3",
            "headwater_change_served_seconds_bucket{le=\"0.1\"} 2",
            "headwater_change_served_seconds_count 3",
        ] {
            assert!(text.lines().any(|got| got == line), "no `{line}` in:\n{text}");
        }
    }

    #[test]
    fn open_metrics_names_the_family_without_its_ending() {
        let text = snapshot().text(Format::OpenMetrics);
        assert!(text.contains("# TYPE headwater_responses counter\nheadwater_responses_total{"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn clients_choose_the_format() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        for accept in ["", "*/*", "text/plain", "application/openmetrics-text;q=0"] {
            assert_eq!(Format::accepted(accept), Format::Prometheus, "{accept}");
        }
    }
}
