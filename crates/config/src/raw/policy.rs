//! The keys of policy: limits, lists and rules, devices and groups.

use crate::section::{choice, section};
use crate::value::{At, Int, OneOrMany};

type Rate = Int<0, 1_000_000_000>;

section! {
    /// Limits of queries and answers.
    RateLimit at "security.rate_limit" {
        /// Queries that may come at once; 0: as many as in a second.
        burst: Rate = Int(0),
        /// Time that rates are measured over.
        window_seconds: Int<1, 3600> = Int(1),
        /// Every so many of the answers that are held back, one is sent truncated; 0: none is.
        slip: Int<0, 15> = Int(2),
        /// Prefixes without limits.
        exempt: Vec<At<String>> = Vec::new(),
        /// Most equal answers a second to one address; to the networks around it 32 (/24), 256 (/20) and 768 (/18) times as many,
        /// IPv6 2 (/64), 3 (/56), 4 (/48) and 64 (/32) times. 0: no limit.
        responses_per_second: Rate = Int(0),
        /// Most questions a second of one address (IPv4) or /56 (IPv6) that other servers must be asked about; 0: no limit.
        client_misses_per_second: Rate = Int(0),
        /// Most of them that wait for an answer at a time; 0: no limit.
        client_outstanding: Int<0, 65_535> = Int(0),
        /// Most such questions a second for names below one registrable name, of all clients, that have no positive answer: the
        /// rate of an attack with random names. Names that were answered in the last hour are asked about all the same; 0: no limit.
        zone_misses_per_second: Rate = Int(0),
        /// Most processor time that one address (IPv4) or /64 (IPv6) gets over TCP, in milliseconds a second; at once twice as much.
        /// Whoever takes more waits until it is paid back, ten seconds at most; 0: no limit.
        tcp_work_ms_per_second: Int<0, 1_000_000> = Int(0),
        /// Count what would be held back, and hold nothing back.
        dry_run: bool = false,
    }
}

section! {
    /// Clients that behave in an unusual way.
    Anomalies at "security.anomalies" {
        /// Look for them.
        enabled: bool = true,
        /// Time that such a client gets no answers; 0: it gets them.
        block_seconds: Int<0, 86_400> = Int(0),
    }
}

section! {
    /// Names that are not answered, by lists and rules.
    Blocking at "blocking" {
        /// Use lists and rules; `security.blacklist_enabled` is the same switch.
        enabled: bool = true,
        /// The answer: `null` (0.0.0.0 and ::), `nxdomain`, `nodata`, `refused`, `drop`, or addresses.
        action: OneOrMany = OneOrMany::default_of(&["null"]),
        /// TTL of the answer, in seconds.
        ttl: Int<0, 86_400> = Int(300),
        /// Lists of names and rules.
        lists: Vec<At<BlockList>> = Vec::new(),
        /// Rules in the syntax of AdGuard, one an entry.
        rules: Vec<At<String>> = Vec::new(),
        /// Response policy zones.
        rpz: Vec<At<PolicyZone>> = Vec::new(),
        /// Addresses and prefixes of networks inside that lists may be fetched from; others come from public addresses only.
        allow_internal: Vec<At<String>> = Vec::new(),
    }
}

section! {
    /// One list.
    BlockList at "blocking.lists[]" {
        /// Its name.
        name: String = String::new(),
        /// Where to get it from; or else `file`.
        url: String = String::new(),
        /// Its file; or else `url`.
        file: String = String::new(),
        /// Its form.
        format: ListFormat = ListFormat::Auto,
        /// The groups of clients that it is for.
        groups: Vec<At<String>> = vec![At::default_of("default".to_owned())],
        /// The answer; empty: that of `blocking.action`.
        action: OneOrMany = OneOrMany::default(),
        /// Use it.
        enabled: bool = true,
        /// Time between two looks at where it comes from.
        refresh_hours: Int<1, 8760> = Int(24),
    }
}

choice! {
    /// The form of a list.
    ListFormat {
        /// As it looks.
        Auto = "auto",
        /// Lines of hosts files: names alone.
        Hosts = "hosts",
        /// One name a line: it and all below it.
        Domains = "domains",
        /// Names with `*.` before them: each name and all below it.
        Wildcards = "wildcards",
        /// Rules of AdGuard.
        Adblock = "adblock",
        /// Lines `address=/NAME/` and `local=/NAME/` of dnsmasq.
        Dnsmasq = "dnsmasq",
        /// Lines `local-zone:` of Unbound.
        Unbound = "unbound",
    }
}

section! {
    /// One response policy zone.
    PolicyZone at "blocking.rpz[]" {
        /// Its name.
        name: String = String::new(),
        /// Its zone file; or else `primaries`.
        file: String = String::new(),
        /// Where to transfer it from: `address[:port] [key:NAME]`.
        primaries: Vec<At<String>> = Vec::new(),
        /// What its rules do in place of what they say: `given`, `disabled` (only recorded), `passthru`, `drop`, `nxdomain`,
        /// `nodata`, `tcp_only`, or the name, with a dot, that names become an alias of.
        r#override: String = "given".into(),
        /// Record in logs and history which rule answered.
        log: bool = true,
        /// Rewrite signed answers also for clients that set DO, which may validate them.
        break_dnssec: bool = true,
    }
}

section! {
    /// One device.
    Client at "clients[]" {
        /// Its name.
        name: String = String::new(),
        /// Its addresses and prefixes.
        addresses: Vec<At<String>> = Vec::new(),
        /// Its group.
        group: String = "default".into(),
        /// What it is, for rules with `$ctag`: `device_tv`, `user_child` and others.
        tags: Vec<At<String>> = Vec::new(),
    }
}

section! {
    /// One group of clients.
    Group at "groups[]" {
        /// Its name.
        name: String = String::new(),
        /// The lists that are for it, besides those that name it.
        lists: Vec<At<String>> = Vec::new(),
        /// Rules for it alone.
        rules: Vec<At<String>> = Vec::new(),
        /// When nothing but `allowed` rules lets the group ask, such as `mon-fri 21:00-07:00 Europe/Berlin`; several with `;`
        /// between; empty: never.
        schedule: String = String::new(),
        /// Have search engines filter their results.
        safe_search: bool = false,
    }
}
