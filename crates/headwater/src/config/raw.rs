//! The whole schema of the configuration file: every key with its meaning, type and default. Read by
//! `config::load`, turned into typed values by `checked.rs`, described to people by `document.rs`.
//!
//! Keys of features that are not built yet stand here from the first day; `unsupported.rs` refuses their values.

use super::section::{choice, section};
use super::value::{At, Int, Numbers, OneOrMany, SecretText, text_list};

pub(super) type Port = Int<1, 65535>;
pub(super) type Milliseconds = Int<1, 600_000>;
pub(super) type Seconds = Int<0, 2_147_483_647>;
pub(super) type Size = Int<1, 1_048_576>;

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
        /// What is kept of past changes.
        journal: Journal = Journal::default(),
        /// The web interface and the API.
        web: Web = Web::default(),
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
        /// Addresses and prefixes that may query the zone; empty: everybody.
        allow_query: Vec<At<String>> = Vec::new(),
        /// Who may transfer the zone: an address or prefix, `key:NAME`, or both: `192.0.2.0/24 key:NAME`; empty: nobody.
        allow_transfer: Vec<At<String>> = Vec::new(),
        /// Who may update the zone (RFC 2136): the same, and limited: `key:acme. name=_acme-challenge.*.example.org type=TXT,CAA`. `*` is one
        /// label, `**` in front one or more. Not for a zone from a file.
        allow_update: Vec<At<String>> = Vec::new(),
        /// Who may notify a secondary, as for `allow_transfer`; empty: the primaries.
        allow_notify: Vec<At<String>> = Vec::new(),
        /// Whom to notify: `address[:port] [key:NAME]`.
        notify: Vec<At<String>> = Vec::new(),
        /// Where to transfer the zone from: `address[:port] [key:NAME]`; not empty: this server is a secondary.
        primaries: Vec<At<String>> = Vec::new(),
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
    /// Recursion.
    Resolver at "resolver" {
        /// Resolve for clients of `security.allowed_networks`.
        enabled: bool = true,
        /// File with the root servers, in zone-file form; empty: built in.
        root_hints: String = String::new(),
        /// Ask for the root servers at start (RFC 9609).
        priming: bool = true,
        /// Ask servers over IPv4.
        ipv4: bool = true,
        /// Ask servers over IPv6.
        ipv6: bool = true,
        /// Files of DS or DNSKEY records of any domain, in zone-file form; empty: the root's, built in.
        trust_anchor_files: Vec<At<String>> = Vec::new(),
        /// Follow key changes of the trust anchors (RFC 5011).
        trust_anchor_update: bool = true,
        /// Tell the trust anchors in use (RFC 8145).
        trust_anchor_signalling: bool = true,
        /// Names below which nothing is validated (RFC 7646).
        negative_trust_anchors: Vec<At<String>> = Vec::new(),
        /// Validate answers (DNSSEC).
        validate: bool = true,
        /// Tell each server no more of a name than it needs (RFC 9156): strict where the server answers properly, else relaxed.
        qname_minimisation: bool = true,
        /// Mix the case of names asked for (0x20).
        randomise_case: bool = true,
        /// Send cookies to servers that have answered before (RFC 7873).
        cookies: bool = true,
        /// Trust glue only inside the zone that gives it.
        harden_glue: bool = true,
        /// Validate algorithms 5 and 7 instead of treating them as insecure.
        allow_sha1: bool = false,
        /// Answer special-use names and locally served zones here (RFC 6761, RFC 6303).
        special_names: bool = true,
        /// Names that are forwarded elsewhere. Of these and `stub_zones` the longest name counts.
        forward_zones: Vec<At<ForwardZone>> = Vec::new(),
        /// Names whose authoritative servers are given here.
        stub_zones: Vec<At<StubZone>> = Vec::new(),
        /// PEM file of certificates of authorities that may certify servers asked over TLS and HTTPS, besides those that the system trusts.
        tls_ca_file: String = String::new(),
        /// How long clients wait for an answer; they get one 500 ms before that, or after half of it if that is less than a second.
        query_timeout_ms: Milliseconds = Int(5000),
        /// Time after which a question is asked again.
        retry_interval_ms: Milliseconds = Int(400),
        /// How often a question is asked again.
        retries: Int<0, 100> = Int(3),
        /// Source addresses of questions, chosen among at random; empty, or none of the server's family: the system chooses.
        outgoing_addresses: Vec<At<String>> = Vec::new(),
        /// Port that servers are asked on; for tests.
        upstream_port: Port = Int(53),
        /// Prefixes that must not be asked.
        do_not_query: Vec<At<String>> = Vec::new(),
        /// Named limits of the work for one query, `exchanges: 50`; for tests. The names are in the guide of the resolver.
        max_work_per_query: Numbers = Numbers::default(),
        /// Protection of private networks against public names with private addresses.
        rebinding_protection: RebindingProtection = RebindingProtection::default(),
        /// IPv6 addresses for hosts that have only IPv4 ones (RFC 6147).
        dns64: Dns64 = Dns64::default(),
    }
}

section! {
    /// Protection of private networks against public names with private addresses (DNS rebinding).
    RebindingProtection at "resolver.rebinding_protection" {
        /// Refuse answers in which a name has a private, loopback or link-local address.
        enabled: bool = false,
        /// Names at and below which such addresses are wanted.
        allowed: Vec<At<String>> = Vec::new(),
    }
}

section! {
    /// IPv6 addresses for hosts that have only IPv4 ones (RFC 6147).
    Dns64 at "resolver.dns64" {
        /// Prefix of the addresses: `64:ff9b::/96`, or one of the network's own of 32, 40, 48, 56, 64 or 96 bits; empty: off.
        prefix: String = String::new(),
        /// IPv6 prefixes whose addresses count as none, besides `::ffff:0:0/96`.
        exclude: Vec<At<String>> = Vec::new(),
    }
}

section! {
    /// One name that is forwarded elsewhere.
    ForwardZone at "resolver.forward_zones[]" {
        /// The name; everything below it is forwarded too.
        name: String = String::new(),
        /// Where to, as in `upstream_servers`.
        servers: Vec<At<String>> = Vec::new(),
        /// What happens if none of them gives an answer.
        fallback: Fallback = Fallback::None,
    }
}

section! {
    /// One name whose authoritative servers are given.
    StubZone at "resolver.stub_zones[]" {
        /// The name.
        name: String = String::new(),
        /// Its authoritative servers: `192.0.2.1`, `192.0.2.1:5300`, `[2001:db8::1]:5300`.
        servers: Vec<At<String>> = Vec::new(),
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
    /// The server's own log.
    Logging at "logging" {
        /// Least severity that is logged.
        level: Level = Level::Info,
        /// `json`, one object a line, or `text`; empty: `text` on a terminal, else `json`.
        format: Format = Format::Auto,
        /// File; empty: standard error.
        file: String = String::new(),
        /// Size at which the file is rotated, in MiB.
        max_size_mb: Size = Int(50),
        /// How many rotated files are kept.
        backup_count: Int<0, 1000> = Int(5),
        /// The query log.
        queries: QueryLog = QueryLog::default(),
    }
}

choice! {
    /// Severity of a log line.
    Level {
        /// What stops the server or a part of it.
        Error = "ERROR",
        /// What needs attention.
        Warn = "WARN",
        /// What an operator wants to know.
        Info = "INFO",
        /// What explains behaviour.
        Debug = "DEBUG",
        /// Everything.
        Trace = "TRACE",
    }
}

choice! {
    /// Form of the log.
    Format {
        /// Text on a terminal, else one JSON object a line.
        Auto = "",
        /// One JSON object a line.
        Json = "json",
        /// Text, one line each.
        Text = "text",
    }
}

section! {
    /// The query log.
    QueryLog at "logging.queries" {
        /// Write a line for every query.
        enabled: bool = false,
        /// Where to, as in `upstream_servers`.
        outputs: Vec<At<Output>> = vec![At::default_of(Output::File)],
        /// File of the output `file`.
        file: String = "logs/queries.jsonl".into(),
    }
}

choice! {
    /// Where the query log goes.
    Output {
        /// The file.
        File = "file",
        /// Standard output.
        Stdout = "stdout",
        /// The system's log.
        Syslog = "syslog",
    }
}

section! {
    /// Who may ask, and how much.
    Security at "security" {
        /// Prefixes that may use recursion and the cache. The server's own zones answer everybody; a zone's `allow_query` narrows that.
        allowed_networks: Vec<At<String>> = text_list(&[
            "127.0.0.0/8",
            "::1/128",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ]),
        /// Most queries a second from one address; 0: no limit.
        rate_limit_per_ip: Int<0, 1_000_000_000> = Int(0),
        /// Use the blocklists.
        blacklist_enabled: bool = true,
    }
}

section! {
    /// What is kept of past changes.
    Journal at "journal" {
        /// Days that the history of zones is kept; 0: for ever.
        retention_days: Int<0, 36_500> = Int(0),
        /// How many changes of the history are kept; 0: all.
        retention_changes: Int<0, { u64::MAX }> = Int(0),
    }
}

section! {
    /// The web interface and the API.
    Web at "web" {
        /// Serve them.
        enabled: bool = true,
        /// One address, or a list, to serve them on, at `server.web_port`; empty: those of `server.bind_address`.
        bind_address: OneOrMany = OneOrMany::default(),
        /// Show changes as they happen.
        real_time_updates: bool = true,
        /// How many past events the pages keep.
        history_limit: Int<0, 1_000_000> = Int(1000),
    }
}
