//! `resolver`, `upstream_servers` and `cache`: how names in no zone of ours are resolved, for whom, and
//! what of it is kept.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dns::{NameBuf, Record};
use ipnet::{IpNet, Ipv6Net};
use resolver::dns64::Dns64;
use resolver::limits::Limits;
use resolver::rebinding::Rebinding;
use resolver::settings::{Fallback, ForwardZone, Forwarder, Settings, StubZone};
use resolver::upstream::{Peer, Transport};
use server::upstream::stream::Authorities;

use super::files::{check_anchors, check_authorities, check_hints};
use super::problem::{Mark, Report, closest};
use super::raw::{self, Clock};
use super::upstream::{INSECURE, UpstreamError, parse_forwarder, parse_server};
use super::value::At;

/// Most servers of one list; asking them in turn would outlast any client.
const MAX_SERVERS: usize = 100;

/// Recursion.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolver {
    /// Whether there is any.
    pub enabled: bool,
    /// How it works. `upstream_servers` are the forward zone of the root; root hints and limits are complete.
    pub settings: Arc<Settings>,
    /// Source addresses; empty: the system chooses.
    pub outgoing_addresses: Vec<IpAddr>,
    /// DS and DNSKEY records of the files; `None`: no files, the root's are built in.
    pub trust_anchors: Option<Vec<Record>>,
    /// Follow key changes of the trust anchors (RFC 5011).
    pub trust_anchor_update: bool,
    /// Tell the trust anchors in use (RFC 8145).
    pub trust_anchor_signalling: bool,
    /// Who may certify servers that are asked over TLS, besides those that the system trusts.
    pub tls_authorities: Authorities,
}

/// What recursion keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// Most memory, in octets.
    pub max_size: usize,
    /// TTL in seconds of what has none of its own.
    pub default_ttl: u32,
    /// Shortest TTL, in seconds.
    pub min_ttl: u32,
    /// Longest TTL, in seconds.
    pub max_ttl: u32,
    /// Longest TTL of a negative answer, in seconds (RFC 2308 5).
    pub negative_ttl: u32,
    /// Renew popular entries before they expire.
    pub prefetch: bool,
    /// Answer from expired entries when no server answers (RFC 8767).
    pub serve_stale: bool,
    /// Seconds between searches for expired entries.
    pub sweep_interval_s: u32,
    /// Keep the cache over a restart.
    pub persist: bool,
    /// Seconds between two times that it is written to the disk.
    pub save_interval_s: u32,
    /// What TTLs are counted by.
    pub clock: Clock,
    /// Other bounds for some names, the longest name first.
    pub overrides: Vec<CacheOverride>,
}

/// Bounds of TTLs for a name and what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOverride {
    /// The name.
    pub name: NameBuf,
    /// Shortest TTL, in seconds.
    pub min_ttl: u32,
    /// Longest TTL, in seconds.
    pub max_ttl: u32,
}

impl Resolver {
    /// Where everything is forwarded to that no other rule is for, as it is written.
    pub fn upstreams(&self) -> Vec<String> {
        let everything = self.settings.forward.iter().find(|zone| zone.name.is_root());
        everything.map_or_else(Vec::new, |zone| zone.servers.iter().map(forwarder_text).collect())
    }
}

/// The resolver's settings.
pub(super) fn check_resolver(raw: &raw::Raw, report: &mut Report) -> Resolver {
    let mut zones = Zones { forward: Vec::new(), stubs: Vec::new(), first: HashMap::new() };
    zones.add_all(raw, report);
    let minimal_responses = *raw.server.minimal_responses;
    let raw = &raw.resolver;
    if !*raw.ipv4 && !*raw.ipv6 && *raw.enabled {
        let mark = raw.ipv4.mark.max(raw.ipv6.mark);
        report.error(mark, "resolver", "with neither ipv4 nor ipv6 no server can be asked");
    }
    let settings = Settings {
        root_hints: check_hints(&raw.root_hints, report),
        priming: *raw.priming,
        ipv4: *raw.ipv4,
        ipv6: *raw.ipv6,
        validate: *raw.validate,
        negative_trust_anchors: names(&raw.negative_trust_anchors, "resolver.negative_trust_anchors", report),
        qname_minimisation: *raw.qname_minimisation,
        randomise_case: *raw.randomise_case,
        cookies: *raw.cookies,
        harden_glue: *raw.harden_glue,
        allow_sha1: *raw.allow_sha1,
        special_names: *raw.special_names,
        minimal_responses,
        forward: zones.forward,
        stubs: zones.stubs,
        query_timeout_ms: raw.query_timeout_ms.0,
        retry_interval_ms: raw.retry_interval_ms.0,
        retries: raw.retries.0 as u32,
        upstream_port: raw.upstream_port.0 as u16,
        do_not_query: networks(&raw.do_not_query, "resolver.do_not_query", report),
        rebinding: check_rebinding(&raw.rebinding_protection, report),
        dns64: check_dns64(&raw.dns64, report),
        limits: check_limits(&raw.max_work_per_query, report),
        ..Settings::default()
    };
    let address = |text: &str| text.parse().map_err(|_| format!("`{text}` is not an IP address"));
    Resolver {
        enabled: *raw.enabled,
        settings: settings.shared(),
        outgoing_addresses: list(&raw.outgoing_addresses, "resolver.outgoing_addresses", report, address),
        trust_anchors: check_anchors(&raw.trust_anchor_files, report),
        trust_anchor_update: *raw.trust_anchor_update,
        trust_anchor_signalling: *raw.trust_anchor_signalling,
        tls_authorities: check_authorities(&raw.tls_ca_file, report),
    }
}

/// The cache's settings.
pub(super) fn check_cache(raw: &raw::Cache, report: &mut Report) -> Cache {
    let ordered = |min: &At<raw::Seconds>, max: &At<raw::Seconds>, path: &str, report: &mut Report| {
        if min.0 > max.0 {
            let (mark, (min, max)) = (min.mark.max(max.mark), (min.0, max.0));
            report.error(mark, path, format!("min_ttl {min} is more than max_ttl {max}"));
        }
    };
    ordered(&raw.min_ttl, &raw.max_ttl, "cache", report);
    let mut overrides: Vec<CacheOverride> = Vec::with_capacity(raw.overrides.len());
    for (index, entry) in raw.overrides.iter().enumerate() {
        let path = format!("cache.overrides[{index}]");
        ordered(&entry.min_ttl, &entry.max_ttl, &path, report);
        let Some(name) = name_of(&entry.name, entry.mark, &format!("{path}.name"), report) else { continue };
        if overrides.iter().any(|known| known.name == name) {
            report.error(entry.name.mark, format!("{path}.name"), format!("{name} is given twice"));
            continue;
        }
        overrides.push(CacheOverride { name, min_ttl: entry.min_ttl.0 as u32, max_ttl: entry.max_ttl.0 as u32 });
    }
    overrides.sort_by_key(|entry| std::cmp::Reverse(entry.name.label_count()));
    Cache {
        max_size: usize::try_from(raw.max_size_mb.0 << 20).unwrap_or(usize::MAX),
        default_ttl: raw.default_ttl.0 as u32,
        min_ttl: raw.min_ttl.0 as u32,
        max_ttl: raw.max_ttl.0 as u32,
        negative_ttl: raw.negative_ttl.0 as u32,
        prefetch: *raw.prefetch,
        serve_stale: *raw.serve_stale,
        sweep_interval_s: raw.sweep_interval_seconds.0 as u32,
        persist: *raw.persist,
        save_interval_s: raw.save_interval_seconds.0 as u32,
        clock: *raw.clock,
        overrides,
    }
}

/// Forward and stub zones so far, and where each was written.
struct Zones {
    forward: Vec<ForwardZone>,
    stubs: Vec<StubZone>,
    first: HashMap<NameBuf, Mark>,
}

impl Zones {
    fn add_all(&mut self, raw: &raw::Raw, report: &mut Report) {
        let (upstreams, fallback) = (&raw.upstream_servers, &raw.upstream_fallback);
        if !upstreams.is_empty() {
            let name = self.unique(NameBuf::root(), upstreams.mark, "upstream_servers", report);
            let servers = servers(upstreams, "upstream_servers", report, parse_forwarder);
            self.forward.extend(name.map(|name| ForwardZone { name, servers, fallback: fallback_of(fallback) }));
        } else if **fallback == raw::Fallback::Iterate {
            report.warn(fallback.mark, "upstream_fallback", "without `upstream_servers` it has no effect");
        }
        let raw = &raw.resolver;
        for (index, entry) in raw.forward_zones.iter().enumerate() {
            let path = format!("resolver.forward_zones[{index}]");
            let name = self.name(&entry.name, entry.mark, &path, report);
            let servers = some_servers(&entry.servers, entry.mark, &path, report, parse_forwarder);
            let fallback = fallback_of(&entry.fallback);
            self.forward.extend(name.map(|name| ForwardZone { name, servers, fallback }));
        }
        let port = raw.upstream_port.0 as u16;
        for (index, entry) in raw.stub_zones.iter().enumerate() {
            let path = format!("resolver.stub_zones[{index}]");
            let name = self.name(&entry.name, entry.mark, &path, report);
            let servers: Vec<SocketAddr> =
                some_servers(&entry.servers, entry.mark, &path, report, |text| parse_server(text, port));
            self.stubs.extend(name.map(|name| StubZone { name, servers }));
        }
        self.forward.sort_by_key(|zone| std::cmp::Reverse(zone.name.label_count()));
        self.stubs.sort_by_key(|zone| std::cmp::Reverse(zone.name.label_count()));
    }

    fn name(&mut self, text: &At<String>, entry: Mark, path: &str, report: &mut Report) -> Option<NameBuf> {
        let path = format!("{path}.name");
        let name = name_of(text, entry, &path, report)?;
        self.unique(name, text.mark, &path, report)
    }

    fn unique(&mut self, name: NameBuf, mark: Mark, path: &str, report: &mut Report) -> Option<NameBuf> {
        if let Some(&first) = self.first.get(&*name) {
            let message = format!("where {name} is resolved is given twice, first at {}", report.place(first));
            report.error(mark, path, message);
            return None;
        }
        self.first.insert(name.clone(), mark);
        Some(name)
    }
}

fn fallback_of(raw: &raw::Fallback) -> Fallback {
    match raw {
        raw::Fallback::None => Fallback::None,
        raw::Fallback::Iterate => Fallback::Iterate,
    }
}

/// Servers of a zone, which has to have some.
fn some_servers<T>(
    texts: &At<Vec<At<String>>>,
    entry: Mark,
    path: &str,
    report: &mut Report,
    parse: impl Fn(&str) -> Result<T, UpstreamError>,
) -> Vec<T> {
    let path = format!("{path}.servers");
    if texts.is_empty() {
        report.error(if texts.mark == Mark::default() { entry } else { texts.mark }, &path, "no server");
    }
    servers(texts, &path, report, parse)
}

fn servers<T>(
    texts: &At<Vec<At<String>>>,
    path: &str,
    report: &mut Report,
    parse: impl Fn(&str) -> Result<T, UpstreamError>,
) -> Vec<T> {
    if texts.len() > MAX_SERVERS {
        report.error(texts.mark, path, format!("more than {MAX_SERVERS} servers"));
    }
    let mut found = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match parse(text) {
            Ok(server) => found.push(server),
            Err(error) => {
                let suggestion = error.suggestion();
                report.error_meaning(text.mark, format!("{path}[{index}]"), error.to_string(), suggestion);
            }
        }
    }
    found
}

/// The texts of a list, parsed; those that are wrong are reported.
fn list<T>(texts: &[At<String>], path: &str, report: &mut Report, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
    let mut found = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match parse(text) {
            Ok(value) => found.push(value),
            Err(message) => report.error(text.mark, format!("{path}[{index}]"), message),
        }
    }
    found
}

/// Prefixes; an address alone is one too.
pub(super) fn networks(texts: &[At<String>], path: &str, report: &mut Report) -> Vec<IpNet> {
    let network = |text: &str| dns::network::parse(text).ok_or_else(|| format!("`{text}` is not an address or prefix"));
    list(texts, path, report, network)
}

fn names(texts: &[At<String>], path: &str, report: &mut Report) -> Vec<NameBuf> {
    list(texts, path, report, |text| text.parse().map_err(|error| format!("`{text}` is not a domain name: {error}")))
}

/// A name that an entry has to have.
fn name_of(text: &At<String>, entry: Mark, path: &str, report: &mut Report) -> Option<NameBuf> {
    if text.is_empty() {
        report.error(entry, path, "missing");
        return None;
    }
    let name = text.parse();
    name.map_err(|error| report.error(text.mark, path, format!("`{}` is not a domain name: {error}", text.value))).ok()
}

fn check_rebinding(raw: &raw::RebindingProtection, report: &mut Report) -> Option<Rebinding> {
    let allowed = names(&raw.allowed, "resolver.rebinding_protection.allowed", report);
    raw.enabled.then_some(Rebinding { allowed })
}

fn check_dns64(raw: &raw::Dns64, report: &mut Report) -> Option<Dns64> {
    let network = |text: &str| text.parse::<Ipv6Net>().map_err(|_| format!("`{text}` is not an IPv6 prefix"));
    let exclude = list(&raw.exclude, "resolver.dns64.exclude", report, network);
    if raw.prefix.is_empty() {
        return None;
    }
    let made = network(&raw.prefix).and_then(|prefix| Dns64::new(prefix, exclude).map_err(|error| error.to_string()));
    made.map_err(|message| report.error(raw.prefix.mark, "resolver.dns64.prefix", message)).ok()
}

/// Declares which limits can be configured, each by its name in `Limits`.
macro_rules! limits {
    ($($name:ident)+) => {
        /// Names of the limits.
        const LIMITS: &[&str] = &[$(stringify!($name)),+];

        /// Sets one; `false`: there is none of that name. What is larger than the field is the field's largest.
        fn set_limit(limits: &mut Limits, name: &str, value: u64) -> bool {
            match name {
                $(stringify!($name) => limits.$name = value.try_into().unwrap_or(!0),)+
                _ => return false,
            }
            true
        }
    };
}

limits!(exchanges aliases referrals name_server_lookups name_servers addresses depth verifications
    verifications_per_rrset nsec3_hashes nsec3_iterations minimised);

fn check_limits(raw: &raw::Numbers, report: &mut Report) -> Limits {
    let mut limits = Limits::default();
    for (name, number) in &raw.0 {
        if !set_limit(&mut limits, name, number.value.0) {
            let path = format!("resolver.max_work_per_query.{name}");
            let meant = closest(name, LIMITS.iter().copied());
            report.error_meaning(
                number.mark,
                path,
                format!("unknown limit; those there are: {}", LIMITS.join(", ")),
                meant,
            );
        }
    }
    limits
}

/// A forwarder as it is written in the configuration.
pub(super) fn forwarder_text(forwarder: &Forwarder) -> String {
    let address = forwarder.address;
    match &forwarder.transport {
        Transport::Udp => address.to_string(),
        Transport::Tcp => format!("tcp://{address}"),
        Transport::Tls(Peer::Address) => format!("tls://{address}"),
        Transport::Tls(Peer::Name(name)) => format!("tls://{address}#{name}"),
        Transport::Tls(Peer::Anyone) => format!("tls://{address}#{INSECURE}"),
        Transport::Https(target) => {
            let insecure = if target.insecure { format!("#{INSECURE}") } else { String::new() };
            format!("https://{}{}@{address}{insecure}", target.host, target.path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_its_name() {
        let Limits {
            exchanges: _,
            aliases: _,
            referrals: _,
            name_server_lookups: _,
            name_servers: _,
            addresses: _,
            depth: _,
            verifications: _,
            verifications_per_rrset: _,
            nsec3_hashes: _,
            nsec3_iterations: _,
            minimised: _,
        } = Limits::default();
        assert_eq!(LIMITS.len(), 12, "as many as the fields above");
        for name in LIMITS {
            let mut limits = Limits::default();
            assert!(set_limit(&mut limits, name, 1_000_000_000_000));
            assert_ne!(limits, Limits::default(), "{name}");
        }
    }
}
