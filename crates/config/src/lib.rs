//! Configuration: file, environment and flags in; typed values, or every problem at once, out.
//!
//! `raw.rs` is the schema, `reader.rs` and `value.rs` read it from YAML, `unsupported.rs` refuses what is not built
//! yet, `checked.rs`, `zones.rs`, `lists.rs`, `peer.rs`, `keys.rs`, `recursion.rs`, `logging.rs`, `files.rs`, `sockets.rs`, `upstream.rs`, `metrics.rs`, `networks.rs`, `dnssec.rs`, `cluster.rs`, `streams.rs`, `outgoing.rs` and `web.rs` turn it into
//! typed values, `changes.rs` compares two configurations at a reload, `document.rs` prints schema, defaults and reference. There is no global state: loading again is a reload.
//!
//! `sources.rs` is where it all comes from, `setting.rs` every key with its origin, `edit/` changes the file's text in place,
//! `secrets.rs` keeps secrets out of what is shown, `versions.rs` has past configurations.

#![forbid(unsafe_code)]

mod alerts;
mod changes;
pub mod checked;
mod cluster;
mod dnssec;
pub mod document;
pub mod edit;
mod files;
mod keys;
mod lists;
pub mod logging;
mod metrics;
mod networks;
mod options;
mod outgoing;
mod peer;
mod place;
mod placeholder;
mod policy;
mod problem;
pub mod raw;
mod reader;
mod recursion;
pub mod secrets;
mod section;
mod setting;
mod sockets;
mod sources;
mod streams;
mod unsupported;
pub mod upstream;
mod value;
pub mod versions;
mod web;
mod zone_source;
mod zones;

pub use ::alerts::Settings as Alerts;
pub use changes::changes;
pub use checked::{Config, History, Journal, Listen, Server, Tcp};
pub use cluster::{Cluster, ClusterSasl, ClusterTls, Password};
pub use dnssec::{Dnssec, Policies, unknown_policy};
pub use keys::{Secret, TsigKey};
pub use lists::{EntryPlace, ListProblem, ZoneLists};
pub use logging::{Logging, is_module};
pub use metrics::Metrics;
pub use networks::{NetworkFile, NetworkList, named_files};
pub use options::LoadOptions;
pub use outgoing::{ChangeEvents, ChangeWebhook};
pub use peer::{Peer, PeerError};
pub use place::{Place, PlaceError};
pub use policy::{
    Anomalies, BlockList, Blocking, Client, DEFAULT_GROUP, Group, ListSource, PolicyZone, RateLimit, Security,
};
pub use problem::{Problem, Warning};
pub use raw::dnssec::{DEFAULT_POLICY, PolicyName};
pub use raw::{Clock, Compress, Format, Level, ListFormat, SaslMechanism};
pub use recursion::{Cache, CacheOverride, Resolver};
pub use setting::{Difference, Effect, Origin, Setting, differences, effect_of};
pub use sources::{ADMIN_PASSWORD, Loaded, Sources};
pub use streams::Ingest;
pub use web::{CertificateSource, Web, WebSocket};
pub use zone_source::{ZoneOrigin, ZoneSource};

use std::ffi::OsString;

impl Config {
    /// Loads the file, the process's environment and the flags: the later overrides the earlier. All problems come
    /// at once, in the order of the text.
    pub fn load(options: LoadOptions) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
        Config::load_with(options, std::env::vars_os())
    }

    /// Like `load`, with `environment` instead of the process's.
    pub fn load_with(
        options: LoadOptions,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
        Sources::new(options, environment).load().map(|loaded| (loaded.config, loaded.warnings))
    }
}
