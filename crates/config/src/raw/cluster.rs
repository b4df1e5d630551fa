//! Keys of servers that share their zones.

use crate::section::{choice, section};
use crate::value::{At, Named};

section! {
    /// Several servers that share their zones.
    Cluster at "cluster" {
        /// `HOST:PORT` of brokers of Apache Kafka, one or more of them; not empty: the journal is there. TLS and SASL are not supported yet.
        brokers: Vec<At<String>> = Vec::new(),
        /// What names of topics begin with: `PREFIX.changes`, `PREFIX.access`, `PREFIX.settings`.
        topic_prefix: String = "headwater".into(),
        /// File of the key that all servers of the cluster share: 32 random octets in base64, mode 600; `headwater cluster init` makes one. Events are
        /// authenticated and secrets sealed with it. Required with `brokers`.
        key_file: String = String::new(),
        /// Name of this server at the brokers; empty: `server.name`.
        node: String = String::new(),
        /// When to answer after a start. A server that has no changes yet waits for the brokers in any case.
        start: ClusterStart = ClusterStart::Synced,
        /// What this server is, for whoever places zones.
        labels: Named<String> = Named::default(),
    }
}

choice! {
    /// When a server of a cluster answers after a start.
    ClusterStart {
        /// Once it has all changes. If no broker answers within 60 s it does not start.
        Synced = "synced",
        /// At once, with what it had; changes come as soon as a broker answers.
        Stale = "stale",
    }
}
