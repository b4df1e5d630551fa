//! `change_events` and `webhooks`: who is told of changes of zones.

use std::path::Path;

use ipnet::IpNet;
use zone::policy::NamePattern;

use super::problem::{Mark, Report};
use super::raw::{self, Raw};
use super::streams::{MAX_NAME, MAX_TOPIC, brokers, is_topic, patterns};
use super::value::At;

/// Most webhooks.
const MAX_WEBHOOKS: usize = 32;
/// Largest file of a secret, in octets.
const MAX_SECRET_BYTES: usize = 4096;

/// A topic that gets a message for every change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeEvents {
    /// `HOST:PORT` of Kafka's brokers, never empty; `None`: those of the cluster.
    pub brokers: Option<Vec<String>>,
    /// The topic.
    pub topic: String,
    /// Zones whose changes are told; empty: all.
    pub zones: Vec<NamePattern>,
}

/// Somebody who gets an HTTP request for every change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeWebhook {
    /// Its name, one among them; fit for the name of a file.
    pub name: String,
    /// Where requests go, and what signs them.
    pub target: alerts::webhook::Target,
    /// Zones whose changes are told; empty: all.
    pub zones: Vec<NamePattern>,
}

/// The topic; `None`: there is none.
pub(super) fn check_change_events(raw: &Raw, report: &mut Report) -> Option<ChangeEvents> {
    let events = &raw.change_events;
    if events.topic.is_empty() {
        for (key, list) in [("brokers", &events.brokers), ("zones", &events.zones)] {
            if !list.is_empty() {
                report.error(list.mark, format!("change_events.{key}"), "has no effect without change_events.topic");
            }
        }
        return None;
    }
    let brokers = brokers(raw, (&events.brokers, events.topic.mark), "change_events.brokers", report);
    if !is_topic(&events.topic, MAX_TOPIC) {
        let message = format!("a topic's name has 1 to {MAX_TOPIC} of the characters A-Z, a-z, 0-9, `.`, `_` and `-`");
        report.error(events.topic.mark, "change_events.topic", message);
    }
    Some(ChangeEvents {
        brokers,
        topic: events.topic.value.clone(),
        zones: patterns(&events.zones, "change_events.zones", report),
    })
}

/// The webhooks, which may reach `allowed` besides what is public. What is wrong goes to the report and is left out.
pub(super) fn check_webhooks(raw: &Raw, allowed: &[IpNet], report: &mut Report) -> Vec<ChangeWebhook> {
    let entries = &raw.webhooks;
    if entries.len() > MAX_WEBHOOKS {
        report.error(entries.mark, "webhooks", format!("{} entries, at most {MAX_WEBHOOKS}", entries.len()));
    }
    let mut checked: Vec<ChangeWebhook> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("webhooks[{index}]");
        if checked.iter().any(|webhook| webhook.name == *entry.name) {
            report.error(entry.name.mark, format!("{path}.name"), format!("{} is given twice", entry.name.value));
            continue;
        }
        checked.extend(check_webhook(entry, &path, allowed, report));
    }
    checked
}

fn check_webhook(
    entry: &At<raw::ChangeWebhook>,
    path: &str,
    allowed: &[IpNet],
    report: &mut Report,
) -> Option<ChangeWebhook> {
    let before = report.errors();
    if !is_topic(&entry.name, MAX_NAME) {
        let mark = if entry.name.is_empty() { entry.mark } else { entry.name.mark };
        let message = format!("a name has 1 to {MAX_NAME} of the characters A-Z, a-z, 0-9, `.`, `_` and `-`");
        report.error(mark, format!("{path}.name"), message);
    }
    if !entry.url.starts_with("http://") && !entry.url.starts_with("https://") {
        let mark = if entry.url.is_empty() { entry.mark } else { entry.url.mark };
        let message = format!("`{}` does not begin with http:// or https://", entry.url.value);
        report.error(mark, format!("{path}.url"), message);
    }
    let secret = match entry.secret_file.as_str() {
        "" => String::new(),
        file => secret(&report.resolve(entry.secret_file.mark, file), entry.secret_file.mark, path, report),
    };
    let zones = patterns(&entry.zones, &format!("{path}.zones"), report);
    (report.errors() == before).then(|| ChangeWebhook {
        name: entry.name.value.clone(),
        target: alerts::webhook::Target {
            url: entry.url.value.clone(),
            secret: secret.as_str().into(),
            allowed: allowed.to_vec(),
        },
        zones,
    })
}

/// The secret in a file, without the end of its line.
fn secret(file: &Path, mark: Mark, path: &str, report: &mut Report) -> String {
    let text = std::fs::read(file).map_err(|error| error.to_string()).and_then(|octets| {
        let text = String::from_utf8(octets).map_err(|_| "is no text".to_owned())?;
        let text = text.trim();
        match text.len() {
            0 => Err("has no secret".to_owned()),
            1..=MAX_SECRET_BYTES => Ok(text.to_owned()),
            len => Err(format!("has {len} octets, at most {MAX_SECRET_BYTES}")),
        }
    });
    text.unwrap_or_else(|why| {
        report.error(mark, format!("{path}.secret_file"), format!("{}: {why}", file.display()));
        String::new()
    })
}
