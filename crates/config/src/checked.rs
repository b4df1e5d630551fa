//! The configuration as the server uses it: typed, valid, complete. Built from `raw.rs` by `Config::load`, which
//! gets every semantic error at once; nothing downstream checks a value again.

use super::alerts::check_alerts;
use super::cluster::{Cluster, check_cluster};
use super::dnssec::{Dnssec, check_dnssec};
use super::keys::{TsigKey, check_keys};
use super::logging::{Logging, check_logging};
use super::metrics::{Metrics, check_metrics};
use super::networks::{NetworkFile, NetworkList};
use super::outgoing::{ChangeEvents, ChangeWebhook, check_change_events, check_webhooks};
use super::policy::{self, Blocking, Client, Group, Security};
use super::problem::{Mark, Report};
use super::raw::{self, Protocol, Raw};
use super::recursion::{Cache, Resolver};
use super::sockets::{Addresses, parse_address, parse_socket};
use super::streams::{Ingest, check_ingest};
use super::value::At;
use super::web::{Web, check_web, uses_bind_address};
use super::zone_source::ZoneSource;
use super::zones::{Known, check_zones};
use super::{LoadOptions, recursion, unsupported};
use dns::NameBuf;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The journal's database in the data directory, unless `journal.file` names another.
const JOURNAL_FILE: &str = "journal.db";

/// Everything the server is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Sockets, threads and the form of answers.
    pub server: Server,
    /// Directory for what must outlive a restart.
    pub data_dir: PathBuf,
    /// The zones, in the order given, those of `zones_dir` last and by name; names are unique.
    pub zones: Vec<Arc<ZoneSource>>,
    /// TSIG keys; names are unique.
    pub tsig_keys: Vec<TsigKey>,
    /// Signing of zones.
    pub dnssec: Dnssec,
    /// Where changes are recorded, and what is kept of past ones.
    pub journal: Journal,
    /// Who shares the zones; `None`: the journal is a file.
    pub cluster: Option<Cluster>,
    /// Topics whose records are taken over.
    pub ingest: Vec<Ingest>,
    /// The topic that is told of changes; `None`: there is none.
    pub change_events: Option<ChangeEvents>,
    /// Who is told of changes by HTTP.
    pub webhooks: Vec<ChangeWebhook>,
    /// Recursion.
    pub resolver: Resolver,
    /// What recursion keeps.
    pub cache: Cache,
    /// Who may use recursion, and how much a client may ask.
    pub security: Security,
    /// What is blocked.
    pub blocking: Blocking,
    /// Devices.
    pub clients: Vec<Client>,
    /// Groups of devices; `default` is one of them.
    pub groups: Vec<Group>,
    /// The server's own log, and the query log.
    pub logging: Logging,
    /// The history of queries.
    pub history: History,
    /// The web interface.
    pub web: Web,
    /// Metrics.
    pub metrics: Metrics,
    /// Who is told when something is wrong.
    pub alerts: ::alerts::Settings,
}

/// Sockets, threads and the form of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name, the primary in the SOA record of new zones; the host's unless it is given.
    pub name: NameBuf,
    /// What to listen on; never empty, addresses are unique.
    pub listen: Vec<Listen>,
    /// UDP worker threads; at least 1.
    pub workers: usize,
    /// Whether `version.bind` and `id.server` are answered.
    pub chaos: bool,
    /// Whether authority and additional section are filled only where the answer needs them.
    pub minimal_responses: bool,
    /// Name server identifier (RFC 5001); empty: none.
    pub nsid: Vec<u8>,
    /// Largest UDP answer, in octets.
    pub edns_udp_size: u16,
    /// User to become once the sockets are open.
    pub user: Option<String>,
    /// Bounds of connections.
    pub tcp: Tcp,
    /// Kernel buffer asked for each UDP socket, in octets.
    pub udp_receive_buffer: usize,
    /// Whether a change of the configuration file is a reload.
    pub watch_config: bool,
}

/// Bounds of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// Connections at a time.
    pub connections: usize,
    /// Connections of one client at a time.
    pub per_client: usize,
    /// A connection on which nothing is completed for so long is closed.
    pub idle: Duration,
    /// Zone transfers that one worker sends at a time.
    pub transfers: usize,
}

/// One socket address, and what to speak there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Address and port.
    pub address: SocketAddr,
    /// DNS over UDP.
    pub udp: bool,
    /// DNS over TCP.
    pub tcp: bool,
}

/// Where changes are recorded, and what is kept of past ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Its database.
    pub file: PathBuf,
    /// Days that the history of zones is kept; `None`: for ever.
    pub retention_days: Option<u32>,
    /// How many changes of the history are kept; `None`: all.
    pub retention_changes: Option<u64>,
    /// Hours from one backup to the next; `None`: none is made by itself.
    pub backup_hours: Option<u32>,
    /// How many of these backups are kept.
    pub backups_kept: usize,
}

/// The history of queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Whether it is kept.
    pub enabled: bool,
    /// Most rows.
    pub max_rows: u64,
    /// Most days that a row is kept.
    pub max_days: u32,
    /// Most room on disk, in MiB.
    pub max_mb: u64,
}

impl Config {
    /// The socket that commands reach the running server through.
    pub fn control_socket(&self) -> PathBuf {
        self.data_dir.join("control.sock")
    }

    /// The files of networks that its lists name.
    pub fn network_files(&self) -> impl Iterator<Item = &NetworkFile> {
        let (security, web) = (&self.security, &self.web);
        let lists =
            [&security.allowed_networks, &security.denied_networks, &web.allowed_networks, &web.metrics_allowed];
        lists.into_iter().flat_map(NetworkList::files)
    }
}

impl Default for Config {
    fn default() -> Config {
        check(Raw::default(), &LoadOptions::default(), &mut Report::new(Path::new("")))
    }
}

/// Turns `raw` and the flags into typed values. What is wrong goes to the report and is left out.
pub(super) fn check(raw: Raw, options: &LoadOptions, report: &mut Report) -> Config {
    let web = check_web(&raw.web, &raw.server.value, report);
    let server = check_server(&raw, options, report);
    let data_dir = match &options.data {
        Some(directory) => directory.clone(),
        None => report.resolve(raw.data_dir.mark, &raw.data_dir),
    };
    if raw.data_dir.is_empty() {
        report.error(raw.data_dir.mark, "data_dir", "empty");
    }
    let resolver = recursion::check_resolver(&raw, report);
    let cache = recursion::check_cache(&raw.cache, report);
    let security = policy::check_security(&raw.security, report);
    let logging = check_logging(&raw.logging, report);
    let tsig_keys = check_keys(&raw.tsig_keys, report);
    let journal = check_journal(&raw.journal, &data_dir, report);
    let cluster = check_cluster(&raw, &server.name.to_string(), report);
    let ingest = check_ingest(&raw, report);
    let change_events = check_change_events(&raw, report);
    let alerts = check_alerts(&raw.alerts, &server.name, report);
    // What is wrong with them has been told with `alerts`.
    let allowed =
        recursion::networks(&raw.alerts.allow_internal, "alerts.allow_internal", &mut Report::new(Path::new("")));
    let webhooks = check_webhooks(&raw, &allowed, report);
    let history = check_history(&raw.history);
    let blocking = policy::check_blocking(&raw, report);
    let groups = policy::check_groups(&raw, report);
    let clients = policy::check_clients(&raw, &groups, report);
    let mut entries = raw.zones.value;
    entries.extend(policy::zone_entries(&raw.blocking.rpz, report));
    let dnssec = check_dnssec(&raw.dnssec, &data_dir, report);
    let known = Known { keys: &tsig_keys, policies: &dnssec.policies };
    let zones = check_zones(entries, &raw.zones_dir, &options.zones, known, report);
    let metrics = check_metrics(&raw.metrics, report);
    Config {
        server,
        data_dir,
        zones,
        tsig_keys,
        dnssec,
        journal,
        cluster,
        ingest,
        change_events,
        webhooks,
        resolver,
        cache,
        security,
        blocking,
        clients,
        groups,
        logging,
        history,
        web,
        metrics,
        alerts,
    }
}

fn check_server(raw: &Raw, options: &LoadOptions, report: &mut Report) -> Server {
    let server = &raw.server.value;
    Server {
        name: check_server_name(&server.name, report),
        listen: check_listen(server, uses_bind_address(&raw.web), &options.listen, report),
        workers: match server.workers.0 {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers as usize,
        },
        chaos: *server.chaos,
        minimal_responses: *server.minimal_responses,
        nsid: check_nsid(&server.nsid, report),
        edns_udp_size: server.edns_udp_size.0 as u16,
        user: Some(server.user.value.clone()).filter(|user| !user.is_empty()),
        tcp: check_tcp(&server.tcp, report),
        udp_receive_buffer: (server.udp_receive_buffer_kb.0 << 10) as usize,
        watch_config: *server.watch_config,
    }
}

fn check_journal(raw: &raw::Journal, data_dir: &Path, report: &Report) -> Journal {
    Journal {
        file: match raw.file.as_str() {
            "" => data_dir.join(JOURNAL_FILE),
            _ => report.resolve(raw.file.mark, &raw.file),
        },
        retention_days: Some(raw.retention_days.0 as u32).filter(|&days| days != 0),
        retention_changes: Some(raw.retention_changes.0).filter(|&changes| changes != 0),
        backup_hours: Some(raw.backup_hours.0 as u32).filter(|&hours| hours != 0),
        backups_kept: raw.backups_kept.0 as usize,
    }
}

fn check_history(raw: &raw::History) -> History {
    let (max_rows, max_mb) = (raw.max_rows.0, raw.max_mb.0);
    History { enabled: *raw.enabled, max_rows, max_days: raw.max_days.0 as u32, max_mb }
}

/// The name given, or else the host's.
fn check_server_name(name: &At<String>, report: &mut Report) -> NameBuf {
    if name.is_empty() {
        let host = nix::unistd::gethostname().ok().and_then(|host| host.into_string().ok());
        return host.and_then(|host| host.parse().ok()).unwrap_or_else(NameBuf::root);
    }
    name.parse().unwrap_or_else(|error| {
        report.error(name.mark, "server.name", format!("`{}` is not a domain name: {error}", name.value));
        NameBuf::root()
    })
}

fn check_tcp(tcp: &At<raw::Tcp>, report: &mut Report) -> Tcp {
    let (all, one) = (&tcp.max_connections, &tcp.max_connections_per_client);
    if one.0 > all.0 && one.mark != Mark::default() {
        let message = format!("max_connections_per_client {} is more than max_connections {}", one.0, all.0);
        report.error(one.mark.max(all.mark), "server.tcp", message);
    }
    Tcp {
        connections: all.0 as usize,
        per_client: one.0.min(all.0) as usize,
        idle: Duration::from_millis(tcp.idle_timeout_ms.0),
        transfers: tcp.max_transfers_per_worker.0 as usize,
    }
}

/// The sockets, by the flags, else `server.listen`, else `server.bind_address` and `server.dns_port`.
/// `for_web`: whether `bind_address` is used for the web interface too.
fn check_listen(server: &raw::Server, for_web: bool, flags: &[String], report: &mut Report) -> Vec<Listen> {
    let mut sockets = Sockets::default();
    if !flags.is_empty() {
        for flag in flags {
            let source = report.add_source(format!("--listen {flag}"), Path::new(""));
            let mark = Mark { source, line: 0, column: 0 };
            if let Some(address) = parse_socket(flag, mark, "", report) {
                sockets.add(Listen { address, udp: true, tcp: true }, mark, "", report);
            }
        }
    } else if !server.listen.is_empty() {
        for (index, entry) in server.listen.iter().enumerate() {
            check_entry(entry, index, &mut sockets, report);
        }
        for (mark, key) in [(server.bind_address.mark, "bind_address"), (server.dns_port.mark, "dns_port")] {
            if mark != Mark::default() && !(for_web && key == "bind_address") {
                report.warn(mark, format!("server.{key}"), "has no effect beside server.listen");
            }
        }
    } else {
        let port = server.dns_port.0 as u16;
        if server.bind_address.0.is_empty() {
            report.error(server.bind_address.mark, "server.bind_address", "no address to answer on");
        }
        for text in &server.bind_address.0 {
            if let Some(address) = parse_address(text, "server.bind_address", report) {
                let listen = Listen { address: SocketAddr::new(address, port), udp: true, tcp: true };
                sockets.add(listen, text.mark, "server.bind_address", report);
            }
        }
    }
    sockets.listen
}

/// The sockets so far.
#[derive(Default)]
struct Sockets {
    listen: Vec<Listen>,
    addresses: Addresses,
}

impl Sockets {
    fn add(&mut self, listen: Listen, mark: Mark, path: &str, report: &mut Report) {
        if self.addresses.claim(listen.address, mark, path, report) {
            self.listen.push(listen);
        }
    }
}

fn check_entry(entry: &At<raw::Listen>, index: usize, sockets: &mut Sockets, report: &mut Report) {
    let path = format!("server.listen[{index}]");
    let (mut udp, mut tcp) = (false, false);
    for protocol in entry.protocols.iter() {
        match protocol.value {
            Protocol::Udp => udp = true,
            Protocol::Tcp => tcp = true,
            Protocol::Tls | Protocol::Https | Protocol::Quic | Protocol::Xdp => {
                let message = format!("{} is {}", protocol.value, unsupported::MESSAGE);
                report.error(protocol.mark, format!("{path}.protocols"), message);
            }
        }
    }
    if entry.protocols.is_empty() {
        report.error(entry.protocols.mark, format!("{path}.protocols"), "no protocol");
    }
    let address_path = format!("{path}.address");
    if entry.address.is_empty() {
        report.error(entry.mark, address_path, "missing");
    } else if let Some(address) = parse_socket(&entry.address, entry.address.mark, &address_path, report) {
        sockets.add(Listen { address, udp, tcp }, entry.address.mark, &address_path, report);
    }
}

/// Hexadecimal digits in pairs, or else text.
fn check_nsid(nsid: &At<String>, report: &mut Report) -> Vec<u8> {
    /// Leaves room for everything else in the smallest UDP answer.
    const MAX_NSID_BYTES: usize = 128;
    let pairs: Option<Vec<u8>> = nsid.as_bytes().chunks(2).map(hex_pair).collect();
    let bytes = pairs.unwrap_or_else(|| nsid.as_bytes().to_vec());
    if bytes.len() > MAX_NSID_BYTES {
        report.error(nsid.mark, "server.nsid", format!("longer than {MAX_NSID_BYTES} octets"));
    }
    bytes
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    match pair {
        [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one<T>(run: impl Fn(&mut Report) -> T) -> (T, Vec<String>) {
        let mut report = Report::new(Path::new(""));
        let value = run(&mut report);
        let problems = report.finish().err().unwrap_or_default();
        (value, problems.iter().map(|problem| problem.message.clone()).collect())
    }

    #[test]
    fn nsid_is_hex_or_text() {
        let long = "x".repeat(129);
        let cases: &[(&str, &[u8], usize)] = &[
            ("", b"", 0),
            ("6e73", b"ns", 0),
            ("6E7331", b"ns1", 0),
            ("6e7", b"6e7", 0),
            ("ns1", b"ns1", 0),
            (&long, long.as_bytes(), 1),
        ];
        for (text, want, errors) in cases {
            let (got, problems) = check_one(|report| check_nsid(&At::default_of(text.to_string()), report));
            assert_eq!((&got[..], problems.len()), (*want, *errors), "{text}");
        }
    }
}
