//! A notice in words.

use crate::state::{Alert, Notice, Phase};

/// `test`, `firing`, or `resolved` if nothing in it is an alert any more.
pub fn status(notice: &Notice) -> &'static str {
    match notice {
        Notice { is_test: true, .. } => "test",
        Notice { alerts, .. } if alerts.iter().all(|alert| alert.phase == Phase::Resolved) => "resolved",
        Notice { .. } => "firing",
    }
}

/// What a person reads: a line for each alert.
pub fn text(notice: &Notice) -> String {
    if notice.is_test {
        return "This is a test: notices of this server arrive here.".to_owned();
    }
    let line = |alert: &Alert| {
        let labels = if alert.labels.is_empty() { String::new() } else { format!(" ({})", alert.labels) };
        let value = alert.value.map(|value| format!(", value {value}")).unwrap_or_default();
        let detail = if alert.detail.is_empty() { String::new() } else { format!(": {}", alert.detail) };
        let state = if alert.phase == Phase::Resolved { "resolved" } else { alert.severity.as_str() };
        format!("{state}: {}: {}{labels}{value}{detail}", alert.rule, alert.summary)
    };
    notice.alerts.iter().map(line).collect::<Vec<_>>().join("\n")
}
