//! Several servers that share their zones: where the journal is then, and how this server takes part.

use std::collections::BTreeMap;
use std::path::PathBuf;

use alerts::secret::Secret;

use super::place::Place;
use super::problem::{Mark, Report};
use super::raw::{self, ClusterStart, Raw, SaslMechanism};
use super::reader::{Step, path_text};
use super::unsupported;
use super::value::{At, Named, Value, Walk};

/// Longest name of a topic that Kafka takes, less what is put behind the prefix.
const MAX_PREFIX: usize = 249 - ".settings".len();

/// How this server shares its zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// `HOST:PORT` of Kafka's brokers; never empty.
    pub brokers: Vec<String>,
    /// How connections to them are protected; `None`: not at all.
    pub tls: Option<ClusterTls>,
    /// Who this server is for them; `None`: whoever it is by its certificate, or nobody.
    pub sasl: Option<ClusterSasl>,
    /// What names of topics begin with.
    pub topic_prefix: String,
    /// The file of the cluster's key.
    pub key_file: PathBuf,
    /// What this server is called there.
    pub node: String,
    /// Whether it answers before a broker did.
    pub starts_stale: bool,
    /// A snapshot of the zones is made after so many changes.
    pub snapshot_changes: u64,
    /// What this server is, for zones that a part of the servers answers for.
    pub labels: BTreeMap<String, String>,
}

/// TLS to the brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterTls {
    /// The authorities that are trusted; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// The files of this server's certificate and its key; `None`: brokers get to see none.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// A user of the brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSasl {
    /// How it shows who it is; never [`SaslMechanism::None`].
    pub mechanism: SaslMechanism,
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: Password,
}

/// Where a password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// It is this.
    Given(Secret),
    /// It is in this file.
    File(PathBuf),
}

/// The cluster; `None`: the journal is a file of this server.
pub(super) fn check_cluster(raw: &Raw, server_name: &str, report: &mut Report) -> Option<Cluster> {
    let cluster = &raw.cluster;
    if cluster.brokers.is_empty() {
        check_nothing_else(cluster, report);
        return None;
    }
    check_brokers(&cluster.brokers, "cluster.brokers", report);
    let mut error = |mark: Mark, path: &str, message: String| report.error(mark, path, message);
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
    if journal.backup_hours.0 != 0 {
        let message = format!("beside cluster.brokers {}", unsupported::MESSAGE);
        error(Mark::default(), "journal.backup_hours", message);
    }
    let tls = check_tls(&cluster.tls, report);
    let sasl = check_sasl(&cluster.sasl, tls.is_some(), report);
    Some(Cluster {
        tls,
        sasl,
        brokers: cluster.brokers.iter().map(|broker| broker.value.clone()).collect(),
        topic_prefix: prefix.value.clone(),
        key_file: report.resolve(cluster.key_file.mark, &cluster.key_file),
        node: if cluster.node.is_empty() {
            server_name.trim_end_matches('.').to_owned()
        } else {
            cluster.node.value.clone()
        },
        starts_stale: cluster.start.value == ClusterStart::Stale,
        snapshot_changes: cluster.snapshot_changes.0,
        labels: check_labels(&cluster.labels, report),
    })
}

/// The labels, which have to be such that the placement of a zone can name them.
fn check_labels(labels: &Named<String>, report: &mut Report) -> BTreeMap<String, String> {
    let mut checked = BTreeMap::new();
    for (key, value) in &labels.0 {
        match Place::check_label(key, value) {
            Ok(()) => drop(checked.insert(key.clone(), value.value.clone())),
            Err(message) => report.error(value.mark, format!("cluster.labels.{key}"), message),
        }
    }
    checked
}

/// Reports what is set though there is no cluster.
fn check_nothing_else(cluster: &raw::Cluster, report: &mut Report) {
    let mut visit = |section: &'static str, path: &[Step], mark: Mark| {
        let is_unsupported = matches!(path.last(), Some(Step::Key(key)) if unsupported::is_unsupported(section, key));
        if !is_unsupported {
            report.error(mark, path_text(path), "has no effect without cluster.brokers");
        }
    };
    let mut walk = Walk { section: "cluster", path: vec![Step::Key("cluster")], visit: &mut visit };
    cluster.changed(&raw::Cluster::default(), Mark::default(), &mut walk);
}

/// TLS; `None`: there is none.
fn check_tls(tls: &raw::ClusterTls, report: &mut Report) -> Option<ClusterTls> {
    let (certificate, key) = (&tls.certificate_file, &tls.key_file);
    for (there, missing, key) in [(certificate, key, "key_file"), (key, certificate, "certificate_file")] {
        if missing.is_empty() && !there.is_empty() {
            report.error(there.mark, format!("cluster.tls.{key}"), "is needed: a certificate and its key go together");
        }
    }
    let file = |file: &At<String>| (!file.is_empty()).then(|| report.resolve(file.mark, file));
    let (ca_file, certificate, key) = (file(&tls.ca_file), file(certificate), file(key));
    let is_on = *tls.enabled || ca_file.is_some() || certificate.is_some() || key.is_some();
    is_on.then(|| ClusterTls { ca_file, certificate: certificate.zip(key) })
}

/// The user; `None`: there is none.
fn check_sasl(sasl: &raw::ClusterSasl, has_tls: bool, report: &mut Report) -> Option<ClusterSasl> {
    let (mechanism, password, file) = (*sasl.mechanism, &sasl.password, &sasl.password_file);
    let mut error = |mark: Mark, key: &str, message: &str| report.error(mark, format!("cluster.sasl.{key}"), message);
    let given = [
        ("user", sasl.user.mark, !sasl.user.is_empty()),
        ("password", password.mark, !password.text().is_empty()),
        ("password_file", file.mark, !file.is_empty()),
    ];
    if mechanism == SaslMechanism::None {
        for (key, mark, _) in given.into_iter().filter(|(.., is_given)| *is_given) {
            error(mark, key, "has no effect without cluster.sasl.mechanism");
        }
        return None;
    }
    let [(.., has_user), (.., has_password), (.., has_file)] = given;
    if !has_user {
        error(sasl.mechanism.mark, "user", "is needed with cluster.sasl.mechanism");
    }
    match (has_password, has_file) {
        (false, false) => {
            error(
                sasl.mechanism.mark,
                "password_file",
                "it or cluster.sasl.password is needed with cluster.sasl.mechanism",
            );
        }
        (true, true) => error(file.mark, "password_file", "has no effect beside cluster.sasl.password"),
        _ => {}
    }
    if mechanism == SaslMechanism::Plain && !has_tls {
        let message = "`plain` sends the password as it is: it needs cluster.tls; without TLS take scram-sha-512";
        error(sasl.mechanism.mark, "mechanism", message);
    }
    let user = sasl.user.value.clone();
    let password = match has_file {
        true => Password::File(report.resolve(file.mark, file)),
        false => Password::Given(password.text().into()),
    };
    Some(ClusterSasl { mechanism, user, password })
}

/// Reports what is no broker in the list at `path`.
pub(super) fn check_brokers(brokers: &[At<String>], path: &str, report: &mut Report) {
    for (at, broker) in brokers.iter().enumerate().filter(|(_, broker)| !is_broker(broker)) {
        let message = format!("`{}` is not HOST:PORT, as in kafka.example.org:9092", broker.value);
        report.error(broker.mark, format!("{path}[{at}]"), message);
    }
}

/// Whether this is `HOST:PORT`.
fn is_broker(text: &At<String>) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    !host.is_empty() && host.chars().all(is_host) && port.parse::<u16>().is_ok_and(|port| port != 0)
}
