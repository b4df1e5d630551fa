//! The whole schema of the configuration file: every key with its meaning, type and default. Read by
//! `config::load`, turned into typed values by `checked.rs`, described to people by `document.rs`.
//!
//! Keys of features that are not built yet stand here from the first day; `unsupported.rs` refuses their values.

pub mod alerts;
pub mod cluster;
pub mod dnssec;
mod logging;
pub mod period;
pub mod policy;
pub mod resolver;
pub mod streams;

pub use alerts::{AlertRecipient, AlertRule, AlertSeverity, Alerts, Smtp, SmtpTls};
pub use cluster::{Cluster, ClusterSasl, ClusterStart, ClusterTls, SaslMechanism};
pub use dnssec::{Dnssec, PolicyName, SigningPolicy};
pub use logging::{Compress, Format, Level, Logging, Output, QueryLog};
pub use policy::{Anomalies, BlockList, Blocking, Client, Group, ListFormat, PolicyZone, RateLimit};
pub use resolver::{Dns64, ForwardZone, RebindingProtection, Resolver, StubZone};
pub use streams::{ChangeEvents, ChangeWebhook, Ingest};

use super::section::{choice, section};
use super::value::{At, Int, Named, OneOrMany, SecretText, text_list};

pub(super) type Port = Int<1, 65535>;
pub(super) type Milliseconds = Int<1, 600_000>;
pub(super) type Seconds = Int<0, 2_147_483_647>;
pub(super) type Size = Int<1, 1_048_576>;
pub(super) type Numbers = Named<Int<0, { u64::MAX }>>;

section! {
    /// Headwater's configuration.
    Raw at "" {
        /// Sockets, threads and the form of answers.
        server: Server = Server::default(),
        /// Directory for everything that must outlive a restart, and for `control.sock`.
        data_dir: String = "data".into(),
        /// Zones served, each in an entry of its own.
        zones: Vec<At<Zone>> = Vec::new(),
        /// A directory of which every `NAME.zone` is a zone; empty: none. An entry of `zones` for the same file may narrow it.
        zones_dir: String = String::new(),
        /// Keys that sign transfers, updates and notifications (TSIG, RFC 8945).
        tsig_keys: Vec<At<TsigKey>> = Vec::new(),
        /// Where to forward queries: `9.9.9.9`, `192.0.2.1:5300`, `tcp://192.0.2.1`, `tls://1.1.1.1#NAME` (the certificate must be for `NAME`,
        /// without it for the address; `#insecure`: any will do), `https://1.1.1.1/dns-query`, `https://NAME/dns-query@192.0.2.1`; empty: ask
        /// the root and on.
        upstream_servers: Vec<At<String>> = Vec::new(),
        /// What happens if none of `upstream_servers` gives an answer.
        upstream_fallback: Fallback = Fallback::None,
        /// Recursion: answers to questions about names in no zone of this server.
        resolver: Resolver = Resolver::default(),
        /// What recursion keeps.
        cache: Cache = Cache::default(),
        /// The server's own log, and the query log.
        logging: Logging = Logging::default(),
        /// Who may ask, and how much.
        security: Security = Security::default(),
        /// Names that are not answered, by lists and rules.
        blocking: Blocking = Blocking::default(),
        /// Devices with a name, each in an entry of its own.
        clients: Vec<At<Client>> = Vec::new(),
        /// Groups of clients that lists and rules are for.
        groups: Vec<At<Group>> = Vec::new(),
        /// Signing of zones.
        dnssec: Dnssec = Dnssec::default(),
        /// Where changes are recorded, and what is kept of past ones.
        journal: Journal = Journal::default(),
        /// Several servers that share their zones.
        cluster: Cluster = Cluster::default(),
        /// Topics of Apache Kafka whose records this server takes over into its zones, each in an entry of its own.
        ingest: Vec<At<Ingest>> = Vec::new(),
        /// A topic of Apache Kafka that gets a message for every change of zones.
        change_events: ChangeEvents = ChangeEvents::default(),
        /// Who gets an HTTP request for every change of zones, each in an entry of its own.
        webhooks: Vec<At<ChangeWebhook>> = Vec::new(),
        /// The history of queries.
        history: History = History::default(),
        /// The web interface and the API.
        web: Web = Web::default(),
        /// Metrics.
        metrics: Metrics = Metrics::default(),
        /// Who is told when something is wrong.
        alerts: Alerts = Alerts::default(),
    }
}

choice! {
    /// What happens if no forwarder gives an answer.
    Fallback {
        /// The query fails.
        None = "none",
        /// The servers of the zone are asked, from the root down.
        Iterate = "iterate",
    }
}

section! {
    /// Sockets, threads and the form of answers.
    Server at "server" {
        /// Name of this server, the primary in the SOA record of new zones; empty: the host's name.
        name: String = String::new(),
        /// One address, or a list, to answer on; together with `dns_port`.
        bind_address: OneOrMany = OneOrMany::default_of(&["127.0.0.1", "::1"]),
        /// UDP and TCP port.
        dns_port: Port = Int(5353),
        /// Port of the web interface and the API. If it is not set and 8080 is taken, the next free port is used; the log names it.
        web_port: Port = Int(8080),
        /// UDP worker threads, and as many for everything else; 0: one for each core.
        workers: Int<0, 1024> = Int(0),
        /// Answer `version.bind` and `id.server` in class CH.
        chaos: bool = true,
        /// Fill authority and additional section only where the answer needs them.
        minimal_responses: bool = true,
        /// Certificate for the protocols tls, https and quic.
        tls: Tls = Tls::default(),
        /// Sockets one by one, instead of `bind_address` and `dns_port`.
        listen: Vec<At<Listen>> = Vec::new(),
        /// Name server identifier (RFC 5001): an even number of hexadecimal digits, else text; empty: none.
        nsid: String = String::new(),
        /// Largest UDP answer, in octets.
        edns_udp_size: Int<512, 4096> = Int(1232),
        /// User to become once the sockets are open; empty: stay.
        user: String = String::new(),
        /// Bounds of connections.
        tcp: Tcp = Tcp::default(),
        /// Buffer that the kernel is asked for, for each UDP socket, in KiB; it may have a lower limit (`net.core.rmem_max`).
        udp_receive_buffer_kb: Int<64, 1_048_576> = Int(4096),
        /// Take over the configuration file, and the files of networks that it names, when they change, as on SIGHUP.
        watch_config: bool = true,
    }
}

section! {
    /// Bounds of connections.
    Tcp at "server.tcp" {
        /// Most connections at a time.
        max_connections: Int<16, 1_000_000> = Int(20_000),
        /// Most connections of one client at a time, which is an IPv4 address or the /64 of an IPv6 address.
        max_connections_per_client: Int<1, 1_000_000> = Int(2_000),
        /// Close a connection on which nothing is completed for so long. When more than half of all connections are taken it is 2000 at most.
        idle_timeout_ms: Int<100, 600_000> = Int(10_000),
        /// Most zone transfers that one worker sends at a time; more get SERVFAIL.
        max_transfers_per_worker: Int<1, 10_000> = Int(100),
    }
}

section! {
    /// Certificate for the protocols tls, https and quic.
    Tls at "server.tls" {
        /// PEM file of the certificate chain.
        certificate: String = String::new(),
        /// PEM file of the private key.
        key: String = String::new(),
    }
}

section! {
    /// One socket address.
    Listen at "server.listen[]" {
        /// `127.0.0.1:5300` or `[::1]:5300`.
        address: String = String::new(),
        /// What to speak there.
        protocols: Vec<At<Protocol>> = vec![At::default_of(Protocol::Udp), At::default_of(Protocol::Tcp)],
    }
}

choice! {
    /// What is spoken on a socket.
    Protocol {
        /// DNS over UDP (RFC 1035 4.2.1).
        Udp = "udp",
        /// DNS over TCP (RFC 7766).
        Tcp = "tcp",
        /// DNS over TLS (RFC 7858).
        Tls = "tls",
        /// DNS over HTTPS (RFC 8484).
        Https = "https",
        /// DNS over QUIC (RFC 9250).
        Quic = "quic",
        /// DNS over UDP, past the kernel's network stack.
        Xdp = "xdp",
    }
}

section! {
    /// One zone.
    Zone at "zones[]" {
        /// Name of the zone's apex.
        name: String = String::new(),
        /// Zone file (RFC 1035 5). With neither `file` nor `primaries` the zone lives in the journal, and is made there if it is missing.
        file: String = String::new(),
        /// How the serial of a zone in the journal grows.
        serial_policy: SerialPolicy = SerialPolicy::Increment,
        /// Networks that may query the zone; empty: everybody. In this list and the next four `!` before a network denies it, and the longest match
        /// decides (see [lists of networks](access.md#lists-of-networks)).
        allow_query: Vec<At<String>> = Vec::new(),
        /// Who may transfer the zone: an address or prefix, `key:NAME`, or both: `192.0.2.0/24 key:NAME`; empty: nobody.
        allow_transfer: Vec<At<String>> = Vec::new(),
        /// Who may update the zone (RFC 2136): the same, and limited: `key:acme. name=_acme-challenge.*.example.org type=TXT,CAA`. `*` is one
        /// label, `**` in front one or more. Not for a zone from a file.
        allow_update: Vec<At<String>> = Vec::new(),
        /// Of a secondary: whose updates (RFC 2136) go on to the primaries, as for `allow_transfer`; empty: nobody's. The primary decides what they may change.
        allow_update_forwarding: Vec<At<String>> = Vec::new(),
        /// Who may notify a secondary, as for `allow_transfer`; empty: the primaries.
        allow_notify: Vec<At<String>> = Vec::new(),
        /// Whom to notify: `address[:port] [key:NAME]`.
        notify: Vec<At<String>> = Vec::new(),
        /// Where to transfer the zone from: `address[:port] [key:NAME]`; not empty: this server is a secondary.
        primaries: Vec<At<String>> = Vec::new(),
        /// Where the API of the primary is, as in `https://ns1.example.org:8443`: whoever changes records of the secondary with a token here is sent there.
        primary_api: String = String::new(),
        /// Name of the policy of `dnssec.policies` that the zone is signed by here, or `off`.
        dnssec: PolicyName = PolicyName::default(),
        /// Files of keys to sign with, in BIND's format; empty: they are made.
        dnssec_key_files: Vec<At<String>> = Vec::new(),
        /// What is done if resolvers would refuse a version of the zone that its primary or its file brings, signed by others.
        dnssec_validate: DnssecValidation = DnssecValidation::Off,
        /// Which servers of a cluster answer for the zone: names of servers (`cluster.node`), and labels `KEY=VALUE` (`cluster.labels`); in both, `*`
        /// stands for any text. Empty: all. The others refuse queries and transfers of it. Not for a zone from a file.
        placement: Vec<At<String>> = Vec::new(),
    }
}

choice! {
    /// What is done about signatures of others that resolvers would refuse.
    DnssecValidation {
        /// Nobody looks.
        Off = "off",
        /// The version is served, and log, findings, metrics and health say it.
        Warn = "warn",
        /// The version is not taken, and the one before it is served.
        Refuse = "refuse",
        /// The same; and the zone answers SERVFAIL once a signature has ended that resolvers need.
        Expire = "expire",
    }
}

choice! {
    /// How the next serial is found.
    SerialPolicy {
        /// One more.
        Increment = "increment",
        /// YYYYMMDDnn of today, or one more.
        Date = "date",
        /// Seconds since 1970, or one more.
        UnixTime = "unixtime",
    }
}

section! {
    /// One TSIG key.
    TsigKey at "tsig_keys[]" {
        /// Name of the key, a domain name.
        name: String = String::new(),
        /// `hmac-sha256`; also with sha1, sha224, sha384, sha512, and md5 for old peers.
        algorithm: String = "hmac-sha256".into(),
        /// The secret, in base64.
        secret: SecretText = SecretText::default(),
    }
}

section! {
    /// What recursion keeps.
    Cache at "cache" {
        /// Most memory, in MiB.
        max_size_mb: Size = Int(100),
        /// TTL in seconds of what has none of its own: texts of failures, synthesised and blocked answers.
        default_ttl: Seconds = Int(300),
        /// Shortest TTL, in seconds.
        min_ttl: Seconds = Int(1),
        /// Longest TTL, in seconds.
        max_ttl: Seconds = Int(86400),
        /// Longest TTL of a negative answer, in seconds (RFC 2308).
        negative_ttl: Seconds = Int(300),
        /// Renew popular entries before they expire.
        prefetch: bool = true,
        /// Answer from expired entries when no server answers (RFC 8767).
        serve_stale: bool = false,
        /// Time between searches for expired entries.
        sweep_interval_seconds: Int<1, 86400> = Int(300),
        /// Keep the cache over a restart.
        persist: bool = true,
        /// Time between two times that the cache is written to the disk while the server runs.
        save_interval_seconds: Int<10, 86400> = Int(900),
        /// What TTLs are counted by; `wall` follows the system's real-time clock.
        clock: Clock = Clock::Monotonic,
        /// Other bounds of TTLs for some names.
        overrides: Vec<At<CacheOverride>> = Vec::new(),
    }
}

section! {
    /// Other bounds of TTLs for one name and what is below it; the longest name counts.
    CacheOverride at "cache.overrides[]" {
        /// The name.
        name: String = String::new(),
        /// Shortest TTL, in seconds.
        min_ttl: Seconds = Int(1),
        /// Longest TTL, in seconds.
        max_ttl: Seconds = Int(86400),
    }
}

choice! {
    /// What TTLs are counted by.
    Clock {
        /// A clock that only runs forward.
        Monotonic = "monotonic",
        /// The system's real-time clock.
        Wall = "wall",
    }
}

section! {
    /// Who may ask, and how much.
    Security at "security" {
        /// Networks that may use recursion and the cache. `!` before a network denies it, the longest match decides, `file:PATH` reads a file
        /// (see [lists of networks](access.md#lists-of-networks)). The server's own zones answer everybody; a zone's `allow_query` narrows that.
        allowed_networks: Vec<At<String>> = text_list(&[
            "127.0.0.0/8",
            "::1/128",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ]),
        /// Networks that get no answer to anything. `!` before a network is an exception, the longest match decides, `file:PATH` reads a file.
        denied_networks: Vec<At<String>> = Vec::new(),
        /// Most queries a second from one address; 0: no limit.
        rate_limit_per_ip: Int<0, 1_000_000_000> = Int(0),
        /// More about `rate_limit_per_ip`, and about answers.
        rate_limit: RateLimit = RateLimit::default(),
        /// Clients that behave in an unusual way.
        anomalies: Anomalies = Anomalies::default(),
        /// Use the blocklists.
        blacklist_enabled: bool = true,
    }
}

section! {
    /// Where changes are recorded, and what is kept of past ones.
    Journal at "journal" {
        /// The journal's database; empty: `journal.db` in `data_dir`. Servers on one machine may name the same file: each applies what the others change.
        /// `seal.key` lies beside it.
        file: String = String::new(),
        /// Days that the history of zones is kept; 0: for ever.
        retention_days: Int<0, 36_500> = Int(0),
        /// How many changes of the history are kept; 0: all.
        retention_changes: Int<0, { u64::MAX }> = Int(0),
        /// Hours from one backup into `backups` in `data_dir` to the next; 0: none is made by itself.
        backup_hours: Int<0, 8760> = Int(0),
        /// How many of these backups are kept. Those that were made by hand are not deleted.
        backups_kept: Int<1, 1000> = Int(7),
    }
}

section! {
    /// The history of queries: what was asked, by whom, and what the answer was, kept to be searched.
    History at "history" {
        /// Keep it, in `history` in `data_dir`.
        enabled: bool = true,
        /// Most rows. When they are more the oldest go, up to a sixteenth of all at once.
        max_rows: Int<1000, 10_000_000_000> = Int(10_000_000),
        /// Most days that a row is kept.
        max_days: Int<1, 3650> = Int(30),
        /// Most room on disk, in MiB.
        max_mb: Int<16, 1_048_576> = Int(1024),
    }
}

section! {
    /// The web interface and the API.
    Web at "web" {
        /// Serve them.
        enabled: bool = true,
        /// One address, or a list, to serve them on, at `server.web_port`; empty: those of `server.bind_address`.
        bind_address: OneOrMany = OneOrMany::default(),
        /// Sockets one by one, instead of `bind_address` and `server.web_port`.
        listen: Vec<At<WebListen>> = Vec::new(),
        /// Certificate of the sockets that speak HTTPS and have none of their own. Where `listen` is empty, a certificate here makes the web
        /// interface and the API speak HTTPS, and nothing else.
        tls: WebTls = WebTls::default(),
        /// Origins (`https://dash.example.org`) of other sites whose pages may use the API.
        cors: Vec<At<String>> = Vec::new(),
        /// Serve live streams of queries and statistics; `false` closes those that are open.
        real_time_updates: bool = true,
        /// How many rows of the history of queries `/api/logs` gives unless it is asked for another number; at most 10,000.
        history_limit: Int<0, 1_000_000> = Int(1000),
        /// Networks whose hosts may use the web interface and the API; empty: all. `!` before a network denies it, the longest match decides,
        /// `file:PATH` reads a file. Others get status 403, but for `/metrics` if they may read that. The control socket is not concerned.
        allowed_networks: Vec<At<String>> = Vec::new(),
        /// Networks whose hosts may read `/metrics` without a log-in, besides this host; with `!` and `file:PATH` as in `allowed_networks`.
        metrics_allowed: Vec<At<String>> = Vec::new(),
    }
}

section! {
    /// Metrics.
    Metrics at "metrics" {
        /// Agent that metrics are sent to, `udp://ADDR:PORT`; empty: none.
        statsd: String = String::new(),
        /// How often they are sent to it.
        statsd_interval_seconds: Int<1, 3600> = Int(10),
        /// Most zones that have metrics of their own; above, all are left out.
        zones_max: Int<0, 100_000> = Int(1000),
    }
}

section! {
    /// One socket address of the web interface.
    WebListen at "web.listen[]" {
        /// `127.0.0.1:8443` or `[::1]:8443`.
        address: String = String::new(),
        /// What to speak there.
        protocol: WebProtocol = WebProtocol::Http,
        /// PEM file of the certificate chain; empty: that of `web.tls`.
        certificate: String = String::new(),
        /// PEM file of the private key, not encrypted.
        key: String = String::new(),
    }
}

choice! {
    /// What is spoken on a socket of the web interface.
    WebProtocol {
        /// HTTP/1.1 in the clear.
        Http = "http",
        /// HTTP/1.1 and HTTP/2 over TLS 1.2 and 1.3.
        Https = "https",
    }
}

section! {
    /// Certificate of the web interface.
    WebTls at "web.tls" {
        /// PEM file of the certificate chain. Files are read again when they change.
        certificate: String = String::new(),
        /// PEM file of the private key, not encrypted.
        key: String = String::new(),
        /// Make a certificate at the first start and keep it in `data_dir`; the log shows its fingerprint.
        self_signed: bool = false,
    }
}
