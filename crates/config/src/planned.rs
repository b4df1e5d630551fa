//! Keys of features that are not built yet, beside those that stand in `raw.rs` in the sections of what is built.

use serde_json::Value as Json;

use super::reader::{Node, Reader};
use super::section::{choice, section};
use super::value::{At, Kind, Named, Value};

section! {
    /// Signing of zones.
    Dnssec at "dnssec" {
        /// Directory of the keys.
        keys_dir: String = "keys".into(),
        /// Policies by name.
        policies: Named<SigningPolicy> = Named::default_of("default", SigningPolicy::default()),
    }
}

section! {
    /// How zones are signed.
    SigningPolicy at "dnssec.policies.NAME" {
        /// The algorithm of the keys.
        algorithm: SigningAlgorithm = SigningAlgorithm::EcdsaP256Sha256,
        /// Time after which the key-signing key is replaced (`365d`); 0: never.
        ksk_lifetime: String = "0".into(),
        /// Time after which the zone-signing key is replaced; 0: never.
        zsk_lifetime: String = "90d".into(),
        /// Prove with NSEC3 that names are not there, instead of NSEC.
        nsec3: bool = false,
    }
}

choice! {
    /// An algorithm to sign with.
    SigningAlgorithm {
        /// ECDSA with P-256 (RFC 6605).
        EcdsaP256Sha256 = "ecdsap256sha256",
        /// ECDSA with P-384 (RFC 6605).
        EcdsaP384Sha384 = "ecdsap384sha384",
        /// Ed25519 (RFC 8080).
        Ed25519 = "ed25519",
        /// RSA (RFC 5702).
        RsaSha256 = "rsasha256",
    }
}

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

/// Name of a policy that a zone is signed by; `off`: it is not signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyName(String);

impl Default for PolicyName {
    fn default() -> Self {
        PolicyName("off".into())
    }
}

impl Value for PolicyName {
    const KIND: Kind = Kind::Text;

    fn read(&mut self, node: Node<'_>, reader: &mut Reader<'_, '_>) {
        self.0.read(node, reader);
    }

    fn is_off(&self) -> bool {
        matches!(&*self.0, "" | "off")
    }

    fn to_json(&self) -> Json {
        self.0.to_json()
    }
}
