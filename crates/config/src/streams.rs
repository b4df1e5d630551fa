//! `ingest`: topics whose records this server takes over.

use std::collections::HashSet;

use dns::RType;
use zone::policy::NamePattern;

use super::cluster::check_brokers;
use super::problem::{Mark, Report};
use super::raw::{self, Raw};
use super::value::At;

/// Most topics.
const MAX_STREAMS: usize = 32;
/// Most patterns, and most types, of one.
const MAX_LIST: usize = 256;
/// Longest name of a stream, in characters.
pub(super) const MAX_NAME: usize = 64;
/// Longest name of a topic that Kafka takes.
pub(super) const MAX_TOPIC: usize = 249;

/// A topic in the format of Stream-DNS, whose records this server takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingest {
    /// What it is called here, one among the streams; fit for the name of a file.
    pub name: String,
    /// `HOST:PORT` of Kafka's brokers, never empty; `None`: those of the cluster.
    pub brokers: Option<Vec<String>>,
    /// The topic.
    pub topic: String,
    /// Where messages go that cannot be taken over; `None`: nowhere.
    pub dead_letter_topic: Option<String>,
    /// Zones whose records it may change; never empty.
    pub zones: Vec<NamePattern>,
    /// Owners that it may change; empty: all.
    pub names: Vec<NamePattern>,
    /// Types that it may change; empty: all.
    pub types: Vec<RType>,
    /// TTL of records that come without one, in seconds.
    pub default_ttl_s: u32,
}

/// The topics. What is wrong goes to the report and is left out.
pub(super) fn check_ingest(raw: &Raw, report: &mut Report) -> Vec<Ingest> {
    let entries = &raw.ingest;
    if entries.len() > MAX_STREAMS {
        report.error(entries.mark, "ingest", format!("{} entries, at most {MAX_STREAMS}", entries.len()));
    }
    let mut names = HashSet::new();
    let checked = entries.iter().enumerate().filter_map(|(index, entry)| {
        let stream = check_stream(raw, entry, &format!("ingest[{index}]"), report)?;
        let is_new = names.insert(stream.name.clone());
        if !is_new {
            let message = format!("there is another stream `{}`; give each a name of its own", stream.name);
            report.error(entry.name.mark, format!("ingest[{index}].name"), message);
        }
        is_new.then_some(stream)
    });
    checked.collect()
}

fn check_stream(raw: &Raw, entry: &At<raw::Ingest>, path: &str, report: &mut Report) -> Option<Ingest> {
    let before = report.errors();
    let brokers = brokers(raw, (&entry.brokers, entry.mark), &format!("{path}.brokers"), report);
    if entry.topic.is_empty() {
        report.error(entry.mark, format!("{path}.topic"), "missing");
    }
    for (key, text) in [("topic", &entry.topic), ("dead_letter_topic", &entry.dead_letter_topic)] {
        if !text.is_empty() && !is_topic(text, MAX_TOPIC) {
            let message =
                format!("a topic's name has 1 to {MAX_TOPIC} of the characters A-Z, a-z, 0-9, `.`, `_` and `-`");
            report.error(text.mark, format!("{path}.{key}"), message);
        }
    }
    if !entry.dead_letter_topic.is_empty() && entry.dead_letter_topic.value == entry.topic.value {
        report.error(entry.dead_letter_topic.mark, format!("{path}.dead_letter_topic"), "is the topic itself");
    }
    let name = if entry.name.is_empty() { &entry.topic } else { &entry.name };
    if !entry.topic.is_empty() && !is_topic(name, MAX_NAME) {
        let message = format!("a name has 1 to {MAX_NAME} of the characters A-Z, a-z, 0-9, `.`, `_` and `-`");
        report.error(name.mark, format!("{path}.name"), message);
    }
    if entry.zones.is_empty() {
        let message = "missing: patterns of the zones that it may change, `**` for all";
        report.error(entry.mark, format!("{path}.zones"), message);
    }
    let zones = patterns(&entry.zones, &format!("{path}.zones"), report);
    let names = patterns(&entry.names, &format!("{path}.names"), report);
    let types = types(&entry.types, &format!("{path}.types"), report);
    (report.errors() == before).then(|| Ingest {
        name: name.value.clone(),
        brokers,
        topic: entry.topic.value.clone(),
        dead_letter_topic: Some(entry.dead_letter_topic.value.clone()).filter(|topic| !topic.is_empty()),
        zones,
        names,
        types,
        default_ttl_s: entry.default_ttl_seconds.0 as u32,
    })
}

/// The brokers in the list at `path`; `None`: those of the cluster.
pub(super) fn brokers(
    raw: &Raw,
    (own, mark): (&[At<String>], Mark),
    path: &str,
    report: &mut Report,
) -> Option<Vec<String>> {
    if own.is_empty() && raw.cluster.brokers.is_empty() {
        report.error(mark, path, "missing: HOST:PORT of at least one broker, here or in cluster.brokers");
    }
    check_brokers(own, path, report);
    (!own.is_empty()).then(|| own.iter().map(|broker| broker.value.clone()).collect())
}

/// Whether Kafka takes this as the name of a topic; it does for the name of a file too.
pub(super) fn is_topic(text: &str, max: usize) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty() && text != "." && text != ".." && text.len() <= max && text.chars().all(is_fit)
}

/// The patterns in the list at `path`.
pub(super) fn patterns(texts: &At<Vec<At<String>>>, path: &str, report: &mut Report) -> Vec<NamePattern> {
    check_len(texts.len(), texts.mark, path, report);
    let parse = |text: &At<String>| match text.parse::<NamePattern>() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            report.error(text.mark, path, error.to_string());
            None
        }
    };
    texts.iter().filter_map(parse).collect()
}

fn types(texts: &At<Vec<At<String>>>, path: &str, report: &mut Report) -> Vec<RType> {
    check_len(texts.len(), texts.mark, path, report);
    let parse = |text: &At<String>| {
        let rtype = RType::from_text(text.as_bytes());
        if rtype.is_none() {
            report.error(text.mark, path, format!("`{}` is no record type", text.value));
        }
        rtype
    };
    texts.iter().filter_map(parse).collect()
}

fn check_len(len: usize, mark: Mark, path: &str, report: &mut Report) {
    if len > MAX_LIST {
        report.error(mark, path, format!("{len} entries, at most {MAX_LIST}"));
    }
}
