//! The CONFIG part of a scenario: Unbound's configuration lines, or Deckard's flat keys.
//!
//! A key is mapped to a setting of ours, or is harmless at the values listed here and ignored, or the scenario is
//! skipped: it would test what we do not have.

use std::net::{IpAddr, SocketAddr};

use dns::{NameBuf, Record};
use ipnet::IpNet;

use super::problem::Problem;
use super::text;
use resolver::settings::{Fallback, ForwardZone, Forwarder, Hint, Settings, StubZone};
use resolver::upstream::Transport;

/// Whose rules a scenario follows where the two differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Flat keys: a QUERY step lasts until its answer, what no entry matches is answered with SERVFAIL.
    #[default]
    Deckard,
    /// Sections (`server:`): traffic flows between the steps, what no entry matches stays unanswered.
    Testbound,
}

/// What the CONFIG part asks for.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whose rules.
    pub dialect: Dialect,
    /// Addresses of the root's name servers.
    pub roots: Vec<IpAddr>,
    /// Zones with servers of their own.
    pub stubs: Vec<(NameBuf, Vec<IpAddr>)>,
    /// Zones that are forwarded.
    pub forwards: Vec<(NameBuf, Vec<IpAddr>)>,
    /// DS and DNSKEY records that are trusted.
    pub anchors: Vec<Record>,
    /// Names below which nothing is validated.
    pub negative_anchors: Vec<NameBuf>,
    /// The time when the scenario begins.
    pub unix_s: u64,
    /// QNAME minimisation; `None`: the scenario does not say.
    pub qname_minimisation: Option<bool>,
    /// IPv4 is used.
    pub ipv4: bool,
    /// IPv6 is used.
    pub ipv6: bool,
    /// Glue is used only within the zone that gave it.
    pub harden_glue: bool,
    /// Validation.
    pub validate: bool,
    /// Loopback addresses may be asked.
    pub loopback: bool,
    /// Other addresses that are never asked.
    pub do_not_query: Vec<IpNet>,
    /// Least TTL, in seconds.
    pub min_ttl: u32,
    /// Greatest TTL, in seconds.
    pub max_ttl: u32,
    /// Greatest TTL of negative answers, in seconds.
    pub negative_ttl: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            dialect: Dialect::Deckard,
            roots: Vec::new(),
            stubs: Vec::new(),
            forwards: Vec::new(),
            anchors: Vec::new(),
            negative_anchors: Vec::new(),
            // 2018-01-01: any moment will do where nothing is signed.
            unix_s: 1_514_764_800,
            qname_minimisation: None,
            ipv4: true,
            ipv6: true,
            harden_glue: true,
            validate: true,
            loopback: false,
            do_not_query: Vec::new(),
            min_ttl: 0,
            max_ttl: 86_400,
            negative_ttl: 3600,
        }
    }
}

/// Keys that change nothing here, with the values at which that is so; none: at any value.
const HARMLESS: [(&str, &[&str]); 54] = [
    ("access-control", &[]),
    ("aggressive-nsec", &[]),
    ("answer-cookie", &["no"]),
    ("caps-whitelist", &[]),
    ("chroot", &[]),
    ("deny-any", &["no"]),
    ("directory", &[]),
    ("disable-edns-do", &["no"]),
    ("discard-timeout", &[]),
    ("do-tcp", &["yes"]),
    ("do-udp", &["yes"]),
    ("ede", &[]),
    ("edns-buffer-size", &[]),
    ("extended-statistics", &[]),
    ("fake-sha1", &[]),
    ("force-ipv6", &[]),
    ("harden-algo-downgrade", &["no"]),
    ("harden-below-nxdomain", &["yes"]),
    ("harden-dnssec-stripped", &["yes"]),
    ("harden-large-queries", &[]),
    ("harden-referral-path", &["no"]),
    ("harden-short-bufsize", &[]),
    ("harden-unknown-additional", &["yes"]),
    ("hide-identity", &[]),
    ("hide-version", &[]),
    ("identity", &[]),
    ("infra-keep-probing", &["no"]),
    ("interface", &[]),
    ("log-queries", &[]),
    ("log-replies", &[]),
    ("log-servfail", &[]),
    ("log-time-ascii", &[]),
    ("max-udp-size", &[]),
    ("minimal-responses", &["yes"]),
    ("neg-cache-size", &[]),
    ("num-queries-per-thread", &[]),
    ("num-threads", &[]),
    ("outbound-msg-retry", &[]),
    ("outgoing-interface", &[]),
    ("pidfile", &[]),
    ("prefetch", &["no"]),
    ("prefetch-key", &["no"]),
    ("qname-minimisation-strict", &["no"]),
    ("root-key-sentinel", &["no"]),
    ("rrset-roundrobin", &[]),
    ("serve-expired", &["no"]),
    ("target-fetch-policy", &[]),
    ("trust-anchor-signaling", &["no"]),
    ("use-caps-for-id", &["no"]),
    ("use-syslog", &[]),
    ("username", &[]),
    ("val-clean-additional", &["yes"]),
    ("val-permissive-mode", &["no"]),
    ("verbosity", &[]),
];

/// The same for stub and forward zones.
const HARMLESS_IN_ZONES: [(&str, &[&str]); 7] = [
    ("forward-first", &["no"]),
    ("forward-no-cache", &["no"]),
    ("forward-tls-upstream", &["no"]),
    ("stub-first", &["no"]),
    ("stub-no-cache", &["no"]),
    ("stub-prime", &[]),
    ("stub-tls-upstream", &["no"]),
];

/// Where in the CONFIG part a line stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Section {
    #[default]
    Server,
    Stub,
    Forward,
}

/// Reads the CONFIG part, line by line.
#[derive(Default)]
pub struct Reader {
    config: Config,
    section: Section,
}

impl Reader {
    /// Takes a line, without its comment.
    pub fn line(&mut self, number: usize, line: &str) -> Result<(), Problem> {
        let Some((key, value)) = line.split_once(':') else {
            return Err(Problem::Skip(format!("CONFIG line {number}: {line}")));
        };
        let (key, value) = (key.trim(), unquoted(value.trim()));
        if value.is_empty() {
            return self.section(key);
        }
        let known = match self.section {
            Section::Server => self.server(number, key, value)? || is_harmless(&HARMLESS, key, value),
            Section::Stub | Section::Forward => {
                self.zone(number, key, value)? || is_harmless(&HARMLESS_IN_ZONES, key, value)
            }
        };
        if known { Ok(()) } else { Err(Problem::Skip(format!("CONFIG {key}: {value}"))) }
    }

    /// All of it.
    pub fn finish(self) -> Config {
        let mut config = self.config;
        // The root as a stub zone is a way to say where the root's servers are.
        let (roots, stubs) = config.stubs.into_iter().partition::<Vec<_>, _>(|(name, _)| name.is_root());
        config.stubs = stubs;
        config.roots.extend(roots.into_iter().flat_map(|(_, addresses)| addresses));
        config
    }

    fn section(&mut self, key: &str) -> Result<(), Problem> {
        self.section = match key {
            "server" => Section::Server,
            "stub-zone" => {
                self.config.stubs.push((NameBuf::root(), Vec::new()));
                Section::Stub
            }
            "forward-zone" => {
                self.config.forwards.push((NameBuf::root(), Vec::new()));
                Section::Forward
            }
            _ => return Err(Problem::Skip(format!("CONFIG {key}:"))),
        };
        self.config.dialect = Dialect::Testbound;
        Ok(())
    }

    /// A key of `server:`, or without sections. Says whether it is known.
    fn server(&mut self, number: usize, key: &str, value: &str) -> Result<bool, Problem> {
        let config = &mut self.config;
        match key {
            "do-ip4" => config.ipv4 = boolean(number, value)?,
            "do-ip6" => config.ipv6 = boolean(number, value)?,
            "harden-glue" => config.harden_glue = boolean(number, value)?,
            "query-minimization" | "qname-minimisation" => config.qname_minimisation = Some(boolean(number, value)?),
            "do-not-query-localhost" => config.loopback = !boolean(number, value)?,
            "do-not-query-address" => config.do_not_query.push(network(number, value)?),
            "stub-addr" => config.roots.push(address(number, value)?),
            "trust-anchor" => {
                let record = text::record(value, 3600).map_err(|what| Problem::bad(number, what))?;
                config.anchors.push(record);
            }
            "domain-insecure" => config.negative_anchors.push(name(number, value)?),
            "val-override-timestamp" => config.unix_s = number_of(number, value)?,
            "val-override-date" => config.unix_s = date(number, value)?,
            "cache-min-ttl" => config.min_ttl = number_of(number, value)?,
            "cache-max-ttl" => config.max_ttl = number_of(number, value)?,
            "cache-max-negative-ttl" => config.negative_ttl = number_of(number, value)?,
            "module-config" => match value.split_whitespace().collect::<Vec<_>>()[..] {
                ["validator", "iterator"] => {}
                ["iterator"] => config.validate = false,
                _ => return Ok(false),
            },
            "features" => return self.features(number, value),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `KEY = VALUE; KEY = VALUE`; what has no value is a comment.
    fn features(&mut self, number: usize, value: &str) -> Result<bool, Problem> {
        for (key, value) in value.split(';').filter_map(|feature| feature.split_once('=')) {
            match key.trim() {
                "min_ttl" => self.config.min_ttl = number_of(number, value.trim())?,
                "max_ttl" => self.config.max_ttl = number_of(number, value.trim())?,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// A key of a stub or forward zone.
    fn zone(&mut self, number: usize, key: &str, value: &str) -> Result<bool, Problem> {
        let zones = if self.section == Section::Stub { &mut self.config.stubs } else { &mut self.config.forwards };
        let Some((zone, addresses)) = zones.last_mut() else { return Ok(false) };
        match (self.section, key) {
            (_, "name") => *zone = name(number, value)?,
            (Section::Stub, "stub-addr") | (Section::Forward, "forward-addr") => {
                addresses.push(address(number, value)?)
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn is_harmless(list: &[(&str, &[&str])], key: &str, value: &str) -> bool {
    list.iter().any(|(known, values)| *known == key && (values.is_empty() || values.contains(&value)))
}

fn boolean(number: usize, value: &str) -> Result<bool, Problem> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" | "1" => Ok(true),
        "no" | "off" | "false" | "0" => Ok(false),
        _ => Err(Problem::bad(number, format!("neither yes nor no: {value}"))),
    }
}

fn number_of<T: std::str::FromStr>(number: usize, value: &str) -> Result<T, Problem> {
    value.parse().map_err(|_| Problem::bad(number, format!("not a number: {value}")))
}

fn name(number: usize, value: &str) -> Result<NameBuf, Problem> {
    value.parse().map_err(|error| Problem::bad(number, format!("{value}: {error}")))
}

fn network(number: usize, value: &str) -> Result<IpNet, Problem> {
    dns::network::parse(value).ok_or_else(|| Problem::bad(number, format!("not an address: {value}")))
}

/// An address; one with a port is more than the virtual network has.
fn address(number: usize, value: &str) -> Result<IpAddr, Problem> {
    if value.contains(['@', '#']) {
        return Err(Problem::Skip(format!("CONFIG line {number}: a port or name with the address {value}")));
    }
    value.parse().map_err(|_| Problem::bad(number, format!("not an address: {value}")))
}

/// YYYYMMDDHHMMSS in UTC, or a number: negative ones switch the clock check off, which we cannot.
fn date(number: usize, value: &str) -> Result<u64, Problem> {
    if value.starts_with('-') {
        return Err(Problem::Skip(format!("CONFIG val-override-date: {value}")));
    }
    let moment = dns::rdata::text::timestamp(value.as_bytes());
    moment.map(u64::from).ok_or_else(|| Problem::bad(number, format!("not a date: {value}")))
}

impl Config {
    /// Our settings: the fixed profile and what the scenario says.
    pub fn settings(&self) -> Settings {
        let hint =
            Hint { name: text::HINT_NAME.parse().unwrap_or_else(|_| NameBuf::root()), addresses: self.roots.clone() };
        let mut do_not_query = self.do_not_query.clone();
        // A root server on a loopback address is meant to be asked.
        if !self.loopback && !self.roots.iter().any(IpAddr::is_loopback) {
            do_not_query.extend(["127.0.0.0/8", "::1/128"].into_iter().filter_map(|it| it.parse::<IpNet>().ok()));
        }
        let port = Settings::default().upstream_port;
        let socket = |address: &IpAddr| SocketAddr::new(*address, port);
        let mut stubs: Vec<StubZone> = (self.stubs.iter())
            .map(|(name, addresses)| StubZone { name: name.clone(), servers: addresses.iter().map(socket).collect() })
            .collect();
        let forwarder = |address| Forwarder { address: socket(address), transport: Transport::Udp };
        let mut forward: Vec<ForwardZone> = (self.forwards.iter())
            .map(|(name, all)| {
                let (name, servers) = (name.clone(), all.iter().map(forwarder).collect());
                ForwardZone { name, servers, fallback: Fallback::None }
            })
            .collect();
        stubs.sort_by_key(|zone| std::cmp::Reverse(zone.name.label_count()));
        forward.sort_by_key(|zone| std::cmp::Reverse(zone.name.label_count()));
        Settings {
            root_hints: vec![hint],
            priming: false,
            ipv4: self.ipv4,
            ipv6: self.ipv6,
            validate: self.validate,
            negative_trust_anchors: self.negative_anchors.clone(),
            qname_minimisation: self.qname_minimisation.unwrap_or(true),
            randomise_case: false,
            harden_glue: self.harden_glue,
            allow_sha1: true,
            special_names: false,
            forward,
            stubs,
            do_not_query,
            cookies: false,
            ..Settings::default()
        }
    }
}

/// The text without the quotes around it.
fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text).trim()
}
