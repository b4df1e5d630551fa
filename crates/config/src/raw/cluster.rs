//! Keys of servers that share their zones.

use crate::section::{choice, section};
use crate::value::{At, Int, Named, SecretText};

section! {
    /// Several servers that share their zones.
    Cluster at "cluster" {
        /// `HOST:PORT` of brokers of Apache Kafka, one or more of them; not empty: the journal is there.
        brokers: Vec<At<String>> = Vec::new(),
        /// How connections to brokers are protected.
        tls: ClusterTls = ClusterTls::default(),
        /// Who this server is for the brokers.
        sasl: ClusterSasl = ClusterSasl::default(),
        /// What names of topics begin with: `PREFIX.changes`, `PREFIX.access`, `PREFIX.settings`.
        topic_prefix: String = "headwater".into(),
        /// File of the key that all servers of the cluster share: 32 random octets in base64, mode 600; `headwater cluster init` makes one. Events are
        /// authenticated and secrets sealed with it. Required with `brokers`.
        key_file: String = String::new(),
        /// Name of this server at the brokers; empty: `server.name`.
        node: String = String::new(),
        /// When to answer after a start. A server that has no changes yet waits for the brokers in any case.
        start: ClusterStart = ClusterStart::Synced,
        /// After so many changes a snapshot of the zones is made, which new servers begin with.
        snapshot_changes: Int<1_000, { u32::MAX as u64 }> = Int(50_000),
        /// What this server is, as in `region: eu`, for zones that a part of the servers answers for (`placement` of a zone).
        labels: Named<String> = Named::default(),
    }
}

section! {
    /// TLS to the brokers.
    ClusterTls at "cluster.tls" {
        /// Speak TLS to the brokers, all of them; so does a server for which any of the files below is given.
        enabled: bool = false,
        /// PEM file of certificate authorities instead of the system's; empty: the system's.
        ca_file: String = String::new(),
        /// PEM file of the certificate that brokers get to see, and those that it is issued by; empty: none.
        certificate_file: String = String::new(),
        /// PEM file of its private key.
        key_file: String = String::new(),
    }
}

section! {
    /// A user of the brokers.
    ClusterSasl at "cluster.sasl" {
        /// How this server shows who it is.
        mechanism: SaslMechanism = SaslMechanism::None,
        /// Name of the user.
        user: String = String::new(),
        /// Its password; better in `password_file`, or in the environment: `HEADWATER_CLUSTER__SASL__PASSWORD`.
        password: SecretText = SecretText::default(),
        /// File with nothing but the password, mode 600, instead of `password`.
        password_file: String = String::new(),
    }
}

choice! {
    /// How a server shows a broker who it is (SASL, RFC 4422).
    SaslMechanism {
        /// Not at all, or by `cluster.tls.certificate_file`.
        None = "none",
        /// The broker gets the password (RFC 4616): only with TLS.
        Plain = "plain",
        /// The broker does not get the password (RFC 7677).
        ScramSha256 = "scram-sha-256",
        /// The same with SHA-512.
        ScramSha512 = "scram-sha-512",
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
