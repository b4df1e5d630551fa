//! Several servers that share their zones: where the journal is then, and how this server takes part.

use std::path::PathBuf;

use super::problem::{Mark, Report};
use super::raw::{ClusterStart, Raw};
use super::unsupported;
use super::value::At;

/// Longest name of a topic that Kafka takes, less what is put behind the prefix.
const MAX_PREFIX: usize = 249 - ".settings".len();

/// How this server shares its zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// `HOST:PORT` of Kafka's brokers; never empty.
    pub brokers: Vec<String>,
    /// What names of topics begin with.
    pub topic_prefix: String,
    /// The file of the cluster's key.
    pub key_file: PathBuf,
    /// What this server is called there.
    pub node: String,
    /// Whether it answers before a broker did.
    pub starts_stale: bool,
}

/// The cluster; `None`: the journal is a file of this server.
pub(super) fn check_cluster(raw: &Raw, server_name: &str, report: &mut Report) -> Option<Cluster> {
    let cluster = &raw.cluster;
    let start_is_stale = cluster.start.value == ClusterStart::Stale;
    if cluster.brokers.is_empty() {
        let default = super::raw::Cluster::default();
        let texts = [
            ("topic_prefix", &cluster.topic_prefix, &default.topic_prefix),
            ("key_file", &cluster.key_file, &default.key_file),
            ("node", &cluster.node, &default.node),
        ];
        for (key, text, _) in texts.into_iter().filter(|(_, text, default)| text.value != default.value) {
            report.error(text.mark, format!("cluster.{key}"), "has no effect without cluster.brokers");
        }
        if start_is_stale {
            report.error(cluster.start.mark, "cluster.start", "has no effect without cluster.brokers");
        }
        return None;
    }
    let mut error = |mark: Mark, path: &str, message: String| report.error(mark, path, message);
    for (at, broker) in cluster.brokers.iter().enumerate().filter(|(_, broker)| !is_broker(broker)) {
        let path = format!("cluster.brokers[{at}]");
        error(broker.mark, &path, format!("`{}` is not HOST:PORT, as in kafka.example.org:9092", broker.value));
    }
    let prefix = &cluster.topic_prefix;
    let is_topic = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if prefix.is_empty() || prefix.len() > MAX_PREFIX || !prefix.chars().all(is_topic) {
        let message = format!("a topic's name has 1 to {MAX_PREFIX} of the characters A-Z, a-z, 0-9, `.`, `_` and `-`");
        error(prefix.mark, "cluster.topic_prefix", message);
    }
    if cluster.key_file.is_empty() {
        let mark = cluster.brokers.first().map_or(Mark::default(), |broker| broker.mark);
        let message =
            "is needed with cluster.brokers; `headwater cluster init FILE` makes a key, which all servers share";
        error(mark, "cluster.key_file", message.to_owned());
    }
    let journal = &raw.journal;
    if !journal.file.is_empty() {
        error(journal.file.mark, "journal.file", "has no effect beside cluster.brokers".to_owned());
    }
    let limits = [
        ("retention_days", journal.retention_days.0),
        ("retention_changes", journal.retention_changes.0),
        ("backup_hours", journal.backup_hours.0),
    ];
    for (key, _) in limits.into_iter().filter(|(_, value)| *value != 0) {
        let message = format!("beside cluster.brokers {}", unsupported::MESSAGE);
        error(Mark::default(), &format!("journal.{key}"), message);
    }
    Some(Cluster {
        brokers: cluster.brokers.iter().map(|broker| broker.value.clone()).collect(),
        topic_prefix: prefix.value.clone(),
        key_file: report.resolve(cluster.key_file.mark, &cluster.key_file),
        node: if cluster.node.is_empty() { server_name.to_owned() } else { cluster.node.value.clone() },
        starts_stale: start_is_stale,
    })
}

/// Whether this is `HOST:PORT`.
fn is_broker(text: &At<String>) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    !host.is_empty() && host.chars().all(is_host) && port.parse::<u16>().is_ok_and(|port| port != 0)
}
