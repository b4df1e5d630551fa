//! The configuration as the server uses it: typed, valid, complete. Built from `raw.rs` by `Config::load`, which
//! gets every semantic error at once; nothing downstream checks a value again.

use super::keys::{TsigKey, check_keys};
use super::lists::ZoneLists;
use super::problem::{Mark, Report};
use super::raw::{self, Format, Level, Protocol, Raw};
use super::recursion::{Cache, Resolver, Security};
use super::value::At;
use super::zones::check_zones;
use super::{LoadOptions, recursion, unsupported};
use dns::NameBuf;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zone::ZoneSettings;

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
    /// What is kept of past changes.
    pub journal: Journal,
    /// Recursion.
    pub resolver: Resolver,
    /// What recursion keeps.
    pub cache: Cache,
    /// Who may use recursion.
    pub security: Security,
    /// The server's log.
    pub logging: Logging,
    /// The web interface.
    pub web: Web,
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

/// One zone and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneSource {
    /// Name of the apex.
    pub name: NameBuf,
    /// Where its records come from.
    pub origin: ZoneOrigin,
    /// How it is served. Zones with the same settings mostly share them, because one process can hold 100,000.
    pub settings: Arc<ZoneSettings>,
    /// The lists in the settings, parsed.
    pub lists: Arc<ZoneLists>,
}

/// Where a zone's records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZoneOrigin {
    /// A zone file, which alone changes them.
    File(PathBuf),
    /// The journal; a zone that is not there yet is made.
    Journal,
    /// The journal, to which transfers from the primaries bring them.
    Secondary,
}

impl ZoneSource {
    /// The zone file, of a zone that comes from one.
    pub fn file(&self) -> Option<&Path> {
        match &self.origin {
            ZoneOrigin::File(file) => Some(file),
            ZoneOrigin::Journal | ZoneOrigin::Secondary => None,
        }
    }
}

/// What is kept of past changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Days that the history of zones is kept; `None`: for ever.
    pub retention_days: Option<u32>,
    /// How many changes of the history are kept; `None`: all.
    pub retention_changes: Option<u64>,
}

/// The server's log, on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// Least severity that is logged.
    pub level: Level,
    /// Form of a line.
    pub format: Format,
}

/// The web interface and the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Whether they are served.
    pub enabled: bool,
    /// Where; addresses are unique. Empty only if they are not served.
    pub listen: Vec<SocketAddr>,
    /// Whether another port will do when that of `listen` is taken: nobody chose it.
    pub any_port: bool,
}

impl Config {
    /// The socket that commands reach the running server through.
    pub fn control_socket(&self) -> PathBuf {
        self.data_dir.join("control.sock")
    }
}

impl Default for Config {
    fn default() -> Config {
        check(Raw::default(), &LoadOptions::default(), &mut Report::new(Path::new("")))
    }
}

/// Turns `raw` and the flags into typed values. What is wrong goes to the report and is left out.
pub(super) fn check(raw: Raw, options: &LoadOptions, report: &mut Report) -> Config {
    let server = &raw.server.value;
    let web = check_web(&raw.web, server, report);
    let server = Server {
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
    };
    let data_dir = match &options.data {
        Some(directory) => directory.clone(),
        None => report.resolve(raw.data_dir.mark, &raw.data_dir),
    };
    if raw.data_dir.is_empty() {
        report.error(raw.data_dir.mark, "data_dir", "empty");
    }
    let resolver = recursion::check_resolver(&raw, report);
    let cache = recursion::check_cache(&raw.cache, report);
    let security = recursion::check_security(&raw.security, report);
    let logging = Logging { level: *raw.logging.level, format: *raw.logging.format };
    let tsig_keys = check_keys(&raw.tsig_keys, report);
    let journal = Journal {
        retention_days: Some(raw.journal.retention_days.0 as u32).filter(|&days| days != 0),
        retention_changes: Some(raw.journal.retention_changes.0).filter(|&changes| changes != 0),
    };
    let zones = check_zones(raw.zones.value, &raw.zones_dir, &options.zones, &tsig_keys, report);
    Config { server, data_dir, zones, tsig_keys, journal, resolver, cache, security, logging, web }
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

/// Whether the web interface is served on the addresses of `server.bind_address`.
fn uses_bind_address(web: &raw::Web) -> bool {
    *web.enabled && web.bind_address.0.is_empty()
}

/// The sockets of the web interface. What is wrong with `server.bind_address` is reported with the server's.
fn check_web(web: &raw::Web, server: &raw::Server, report: &mut Report) -> Web {
    let port = server.web_port.0 as u16;
    let own = !web.bind_address.0.is_empty();
    let mut sockets = Sockets { listen: Vec::new(), marks: Vec::new() };
    let addresses = if own { &web.bind_address } else { &server.bind_address };
    for text in &addresses.0 {
        let address = match own {
            true => parse_address(text, "web.bind_address", report),
            false => text.parse().ok(),
        };
        let Some(address) = address else { continue };
        let listen = Listen { address: SocketAddr::new(address, port), udp: false, tcp: true };
        if own || !sockets.listen.contains(&listen) {
            sockets.add(listen, text.mark, "web.bind_address", report);
        }
    }
    let listen = sockets.listen.iter().map(|listen| listen.address).filter(|_| *web.enabled).collect();
    Web { enabled: *web.enabled, listen, any_port: server.web_port.mark == Mark::default() }
}

/// The sockets, by the flags, else `server.listen`, else `server.bind_address` and `server.dns_port`.
/// `for_web`: whether `bind_address` is used for the web interface too.
fn check_listen(server: &raw::Server, for_web: bool, flags: &[String], report: &mut Report) -> Vec<Listen> {
    let mut sockets = Sockets { listen: Vec::new(), marks: Vec::new() };
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

/// Socket addresses so far, and where each was written.
struct Sockets {
    listen: Vec<Listen>,
    marks: Vec<Mark>,
}

impl Sockets {
    fn add(&mut self, listen: Listen, mark: Mark, path: &str, report: &mut Report) {
        match self.listen.iter().position(|known| known.address == listen.address) {
            Some(first) => {
                let place = report.place(self.marks[first]);
                report.error(mark, path, format!("{} is given twice, first at {place}", listen.address));
            }
            None => {
                self.listen.push(listen);
                self.marks.push(mark);
            }
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

fn parse_address(text: &At<String>, path: &str, report: &mut Report) -> Option<IpAddr> {
    let address = text.parse();
    if address.is_err() {
        report.error(text.mark, path, format!("`{}` is not an IP address", text.value));
    }
    address.ok()
}

fn parse_socket(text: &str, mark: Mark, path: &str, report: &mut Report) -> Option<SocketAddr> {
    let message = match text.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => return Some(address),
        Ok(_) => "port 0 is no port to answer on".to_owned(),
        Err(_) => format!("`{text}` is not ADDRESS:PORT (`192.0.2.1:53`, `[2001:db8::1]:53`)"),
    };
    report.error(mark, path, message);
    None
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
