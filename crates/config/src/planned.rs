//! Keys of features that are not built yet, beside those that stand in `raw.rs` in the sections of what is built.

use super::section::{choice, section};
use super::value::{At, Named};

section! {
    /// Several servers that share their zones.
    Cluster at "cluster" {
        /// `HOST:PORT` of Kafka's brokers; not empty: the journal is there.
        brokers: Vec<At<String>> = Vec::new(),
        /// What names of topics begin with.
        topic_prefix: String = "headwater".into(),
        /// File of the key that secrets are sealed with: 32 random octets in base64.
        key_file: String = String::new(),
        /// Name of this server; empty: `server.name`.
        node: String = String::new(),
        /// When to answer after a start.
        start: ClusterStart = ClusterStart::Synced,
        /// What this server is, for whoever places zones.
        labels: Named<String> = Named::default(),
    }
}

choice! {
    /// When a server of a cluster answers after a start.
    ClusterStart {
        /// Once it has all changes.
        Synced = "synced",
        /// At once, with what it had.
        Stale = "stale",
    }
}
