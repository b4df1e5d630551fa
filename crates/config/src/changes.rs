//! What differs between two configurations, in words: logged at every reload.

use super::checked::{Config, Listen};
use super::dnssec::Dnssec;
use super::keys::TsigKey;
use super::logging::Logging;
use super::networks::NetworkList;
use super::recursion::forwarder_text;
use super::zone_source::{ZoneOrigin, ZoneSource};
use dns::Name;
use resolver::settings::{Fallback, ForwardZone};
use std::collections::{HashMap, HashSet};
use std::fmt::{Debug, Display};
use std::net::SocketAddr;
use std::sync::Arc;
use zone::{DnssecValidation, ZoneSettings};

/// Most lines of a value that are shown.
const MAX_DIFFERENCES: usize = 10;

/// One line for every difference: `server.nsid: "a" -> "b"`, `zones: + example.org.`.
pub fn changes(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = Lines(Vec::new());
    let (a, b) = (&old.server, &new.server);
    lines.compare("server.name", &a.name, &b.name);
    lines.compare("server.listen", sockets(&a.listen), sockets(&b.listen));
    lines.compare("server.workers", a.workers, b.workers);
    lines.compare("server.chaos", a.chaos, b.chaos);
    lines.compare("server.minimal_responses", a.minimal_responses, b.minimal_responses);
    lines.compare("server.nsid", quoted(&a.nsid), quoted(&b.nsid));
    lines.compare("server.edns_udp_size", a.edns_udp_size, b.edns_udp_size);
    lines.compare("server.user", a.user.as_deref().unwrap_or(""), b.user.as_deref().unwrap_or(""));
    lines.compare_debug("server.tcp", &a.tcp, &b.tcp);
    lines.compare("server.udp_receive_buffer_kb", a.udp_receive_buffer >> 10, b.udp_receive_buffer >> 10);
    lines.compare("server.watch_config", a.watch_config, b.watch_config);
    lines.compare("data_dir", old.data_dir.display().to_string(), new.data_dir.display().to_string());
    lines.compare_recursion(old, new);
    lines.compare("logging.level", old.logging.level.as_str(), new.logging.level.as_str());
    lines.compare("logging.levels", levels(&old.logging), levels(&new.logging));
    lines.compare("logging.format", old.logging.format.as_str(), new.logging.format.as_str());
    lines.compare_debug("logging.file", &old.logging.file, &new.logging.file);
    lines.compare_debug("logging.syslog", &old.logging.syslog, &new.logging.syslog);
    lines.compare_debug("logging.queries", &old.logging.queries, &new.logging.queries);
    let (a, b) = (&old.history, &new.history);
    lines.compare("history.enabled", a.enabled, b.enabled);
    lines.compare("history.max_rows", a.max_rows, b.max_rows);
    lines.compare("history.max_days", a.max_days, b.max_days);
    lines.compare("history.max_mb", a.max_mb, b.max_mb);
    lines.compare("web.history_limit", old.web.history_limit, new.web.history_limit);
    lines.compare("web.enabled", old.web.enabled, new.web.enabled);
    lines.compare("web.listen", bracketed(&old.web.listen), bracketed(&new.web.listen));
    lines.compare_networks("web.allowed_networks", &old.web.allowed_networks, &new.web.allowed_networks);
    lines.compare_networks("web.metrics_allowed", &old.web.metrics_allowed, &new.web.metrics_allowed);
    let (a, b) = (&old.metrics, &new.metrics);
    let agent = |statsd: Option<SocketAddr>| statsd.map_or("none".to_owned(), |address| format!("udp://{address}"));
    lines.compare("metrics.statsd", agent(a.statsd), agent(b.statsd));
    let (from, to) = (a.statsd_interval.as_secs(), b.statsd_interval.as_secs());
    lines.compare("metrics.statsd_interval_seconds", from, to);
    lines.compare("metrics.zones_max", a.zones_max, b.zones_max);
    lines.compare("web.cors", bracketed(&old.web.cors), bracketed(&new.web.cors));
    lines.compare("web.real_time_updates", old.web.real_time_updates, new.web.real_time_updates);
    let (a, b) = (&old.journal, &new.journal);
    lines.compare("journal.file", a.file.display().to_string(), b.file.display().to_string());
    lines.compare("journal.retention_days", limit(a.retention_days), limit(b.retention_days));
    lines.compare("journal.retention_changes", limit(a.retention_changes), limit(b.retention_changes));
    lines.compare("journal.backup_hours", limit(a.backup_hours), limit(b.backup_hours));
    lines.compare("journal.backups_kept", a.backups_kept.to_string(), b.backups_kept.to_string());
    lines.compare_debug("cluster", &old.cluster, &new.cluster);
    lines.compare_debug("ingest", &old.ingest, &new.ingest);
    lines.compare_debug("change_events", &old.change_events, &new.change_events);
    lines.compare_debug("webhooks", &old.webhooks, &new.webhooks);
    lines.compare_policy(old, new);
    lines.compare_dnssec(&old.dnssec, &new.dnssec);
    lines.compare_keys(&old.tsig_keys, &new.tsig_keys);
    lines.compare_zones(&old.zones, &new.zones);
    lines.0
}

struct Lines(Vec<String>);

impl Lines {
    fn compare<T: PartialEq + Display>(&mut self, key: &str, old: T, new: T) {
        if old != new {
            self.0.push(format!("{key}: {old} -> {new}"));
        }
    }

    fn compare_recursion(&mut self, old: &Config, new: &Config) {
        let (a, b) = (&old.resolver, &new.resolver);
        self.compare("resolver.enabled", a.enabled, b.enabled);
        self.compare("resolver.outgoing_addresses", bracketed(&a.outgoing_addresses), bracketed(&b.outgoing_addresses));
        self.compare("resolver.trust_anchor_update", a.trust_anchor_update, b.trust_anchor_update);
        self.compare("resolver.trust_anchor_signalling", a.trust_anchor_signalling, b.trust_anchor_signalling);
        if a.tls_authorities != b.tls_authorities {
            self.0.push("resolver.tls_ca_file: changed".into());
        }
        if a.trust_anchors != b.trust_anchors {
            self.0.push("resolver.trust_anchor_files: changed".into());
        }
        let (a, b) = (&*a.settings, &*b.settings);
        self.compare("resolver.forward_zones", bracketed(&forwards(a)), bracketed(&forwards(b)));
        self.compare("resolver.stub_zones", bracketed(&stubs(a)), bracketed(&stubs(b)));
        let negative = |settings: &resolver::Settings| bracketed(&settings.negative_trust_anchors);
        self.compare("resolver.negative_trust_anchors", negative(a), negative(b));
        let alike = resolver::Settings {
            forward: a.forward.clone(),
            stubs: a.stubs.clone(),
            negative_trust_anchors: a.negative_trust_anchors.clone(),
            // It follows `server.minimal_responses`, which has a line of its own.
            minimal_responses: a.minimal_responses,
            ..b.clone()
        };
        self.compare_debug("resolver", a, &alike);
        self.compare_debug("cache", &old.cache, &new.cache);
    }

    fn compare_policy(&mut self, old: &Config, new: &Config) {
        let (a, b) = (&old.security, &new.security);
        self.compare_networks("security.allowed_networks", &a.allowed_networks, &b.allowed_networks);
        self.compare_networks("security.denied_networks", &a.denied_networks, &b.denied_networks);
        self.compare_debug("security.rate_limit", &a.rate_limit, &b.rate_limit);
        self.compare_debug("security.anomalies", &a.anomalies, &b.anomalies);
        self.compare_debug("blocking", &old.blocking, &new.blocking);
        self.compare_debug("clients", &old.clients, &new.clients);
        self.compare_debug("groups", &old.groups, &new.groups);
    }

    fn compare_dnssec(&mut self, old: &Dnssec, new: &Dnssec) {
        self.compare("dnssec.keys_dir", old.keys_dir.display().to_string(), new.keys_dir.display().to_string());
        for (name, policy) in &new.policies {
            match old.policies.get(name) {
                None => self.0.push(format!("dnssec.policies: + {name}")),
                Some(known) => self.compare_debug(&format!("dnssec.policies.{name}"), known, policy),
            }
        }
        for name in old.policies.keys().filter(|&name| !new.policies.contains_key(name)) {
            self.0.push(format!("dnssec.policies: - {name}"));
        }
    }

    /// One line if the entries differ, and one for each file with other contents.
    fn compare_networks(&mut self, key: &str, old: &NetworkList, new: &NetworkList) {
        self.compare(key, old.to_string(), new.to_string());
        for file in new.files() {
            let before = old.files().iter().find(|known| known.path == file.path && *known != file);
            if let Some(before) = before {
                let (path, from, to) = (file.path.display(), before.networks, file.networks);
                self.0.push(format!("{key}: {path} has other contents: {from} -> {to} networks"));
            }
        }
    }

    /// One line for what is too large or too rarely changed to be shown key by key.
    fn compare_debug<T: PartialEq + Debug>(&mut self, key: &str, old: &T, new: &T) {
        if old == new {
            return;
        }
        let (old, new) = (format!("{old:#?}"), format!("{new:#?}"));
        let before: HashSet<&str> = old.lines().collect();
        let differing = new.lines().filter(|line| !before.contains(line)).map(|line| line.trim().trim_end_matches(','));
        let differing: Vec<&str> = differing.take(MAX_DIFFERENCES).collect();
        self.0.push(format!("{key}: {}", if differing.is_empty() { "shorter".into() } else { differing.join(", ") }));
    }

    fn compare_zones(&mut self, old: &[Arc<ZoneSource>], new: &[Arc<ZoneSource>]) {
        let mut before: HashMap<&Name, &Arc<ZoneSource>> = old.iter().map(|zone| (&*zone.name, zone)).collect();
        for zone in new {
            let Some(known) = before.remove(&*zone.name) else {
                self.0.push(format!("zones: + {}", zone.name));
                continue;
            };
            if known != zone {
                self.compare_zone(known, zone);
            }
        }
        for zone in old.iter().filter(|zone| before.contains_key(&*zone.name)) {
            self.0.push(format!("zones: - {}", zone.name));
        }
    }

    fn compare_zone(&mut self, old: &ZoneSource, new: &ZoneSource) {
        let key = |key: &str| format!("zones: {} {key}", new.name);
        self.compare(&key("from"), origin(old), origin(new));
        let (a, b) = (&*old.settings, &*new.settings);
        if a.serial_policy != b.serial_policy {
            self.0.push(format!("{}: {:?} -> {:?}", key("serial_policy"), a.serial_policy, b.serial_policy));
        }
        for (list, a, b) in [
            ("allow_query", &a.allow_query, &b.allow_query),
            ("allow_transfer", &a.allow_transfer, &b.allow_transfer),
            ("allow_update", &a.allow_update, &b.allow_update),
            ("allow_update_forwarding", &a.allow_update_forwarding, &b.allow_update_forwarding),
            ("allow_notify", &a.allow_notify, &b.allow_notify),
            ("notify", &a.notify, &b.notify),
            ("primaries", &a.primaries, &b.primaries),
            ("placement", &a.placement, &b.placement),
        ] {
            self.compare(&key(list), bracketed(a), bracketed(b));
        }
        self.compare(&key("dnssec"), signed_by(a), signed_by(b));
        self.compare(&key("dnssec_validate"), validated(a), validated(b));
        let files =
            |zone: &ZoneSource| bracketed(&zone.key_files.iter().map(|file| file.display()).collect::<Vec<_>>());
        self.compare(&key("dnssec_key_files"), files(old), files(new));
        let api = |zone: &ZoneSource| zone.primary_api().map_or("none".to_owned(), |api| api.to_string());
        self.compare(&key("primary_api"), api(old), api(new));
    }

    /// Names keys, never their secrets.
    fn compare_keys(&mut self, old: &[TsigKey], new: &[TsigKey]) {
        let named = |keys: &'_ [TsigKey], name: &Name| keys.iter().position(|key| *key.name == *name);
        for key in new {
            match named(old, &key.name).and_then(|index| old.get(index)) {
                None => self.0.push(format!("tsig_keys: + {}", key.name)),
                Some(known) if known != key => self.0.push(format!("tsig_keys: {} changed", key.name)),
                Some(_) => {}
            }
        }
        for key in old.iter().filter(|key| named(new, &key.name).is_none()) {
            self.0.push(format!("tsig_keys: - {}", key.name));
        }
    }
}

/// Forward zones as they are written.
fn forwards(settings: &resolver::Settings) -> Vec<String> {
    let one = |zone: &ForwardZone| {
        let fallback = if zone.fallback == Fallback::Iterate { " or iterate" } else { "" };
        let servers = bracketed(&zone.servers.iter().map(forwarder_text).collect::<Vec<_>>());
        format!("{} {servers}{fallback}", zone.name)
    };
    settings.forward.iter().map(one).collect()
}

/// Stub zones as they are written.
fn stubs(settings: &resolver::Settings) -> Vec<String> {
    settings.stubs.iter().map(|zone| format!("{} {}", zone.name, bracketed(&zone.servers))).collect()
}

fn levels(logging: &Logging) -> String {
    bracketed(&logging.levels.iter().map(|(module, level)| format!("{module}: {level}")).collect::<Vec<_>>())
}

fn origin(zone: &ZoneSource) -> String {
    match &zone.origin {
        ZoneOrigin::File(file) => file.display().to_string(),
        ZoneOrigin::Journal => "the journal".into(),
        ZoneOrigin::Secondary { .. } => "its primaries".into(),
    }
}

fn signed_by(settings: &ZoneSettings) -> &str {
    if settings.dnssec.is_empty() { "off" } else { &settings.dnssec }
}

fn validated(settings: &ZoneSettings) -> &'static str {
    match settings.dnssec_validate {
        DnssecValidation::Off => "off",
        DnssecValidation::Warn => "warn",
        DnssecValidation::Refuse => "refuse",
        DnssecValidation::Expire => "expire",
    }
}

fn sockets(listen: &[Listen]) -> String {
    let one = |listen: &Listen| {
        let protocols = match (listen.udp, listen.tcp) {
            (true, false) => "/udp",
            (false, true) => "/tcp",
            _ => "",
        };
        format!("{}{protocols}", listen.address)
    };
    bracketed(&listen.iter().map(one).collect::<Vec<_>>())
}

fn bracketed<T: Display>(entries: &[T]) -> String {
    format!("[{}]", entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// A number of which there may be none.
fn limit<T: Display>(number: Option<T>) -> String {
    number.map_or("none".into(), |number| number.to_string())
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn zone(name: &str, file: &str) -> Arc<ZoneSource> {
        let name = name.parse().expect("a name");
        let origin = ZoneOrigin::File(PathBuf::from(file));
        Arc::new(ZoneSource { name, origin, settings: Arc::default(), lists: Arc::default(), key_files: Vec::new() })
    }

    #[test]
    fn every_difference_is_a_line() {
        let mut old = Config::default();
        old.server.nsid = b"a".to_vec();
        old.zones = vec![zone("a.example", "a"), zone("b.example", "b"), zone("c.example", "c")];
        let names = |names: &[&str]| names.iter().map(|name| name.parse().expect("a name")).collect();
        Arc::make_mut(&mut old.resolver.settings).negative_trust_anchors = names(&["a.example"]);
        let mut new = old.clone();
        assert_eq!(changes(&old, &new), Vec::<String>::new());
        new.server.nsid = b"b\xff".to_vec();
        let settings = Arc::make_mut(&mut new.resolver.settings);
        settings.negative_trust_anchors = names(&["b.example", "c.example"]);
        let servers = vec![super::super::upstream::parse_forwarder("192.0.2.1").expect("a server")];
        let name = "corp.example".parse().expect("a name");
        settings.forward = vec![ForwardZone { name, servers, fallback: Fallback::Iterate }];
        new.server.listen.truncate(1);
        new.server.listen[0].tcp = false;
        new.zones = vec![zone("C.example", "c2"), zone("b.example", "b"), zone("d.example", "d")];
        let settings = ZoneSettings { allow_query: vec!["192.0.2.0/24".into()], ..ZoneSettings::default() };
        let changed = Arc::make_mut(&mut new.zones[1]);
        (changed.settings, changed.origin) = (Arc::new(settings), ZoneOrigin::Journal);
        let want = [
            "server.listen: [127.0.0.1:5353, [::1]:5353] -> [127.0.0.1:5353/udp]",
            "server.nsid: \"a\" -> \"b\\xff\"",
            "resolver.forward_zones: [] -> [corp.example. [192.0.2.1:53] or iterate]",
            "resolver.negative_trust_anchors: [a.example.] -> [b.example., c.example.]",
            "zones: C.example. from: c -> c2",
            "zones: b.example. from: b -> the journal",
            "zones: b.example. allow_query: [] -> [192.0.2.0/24]",
            "zones: + d.example.",
            "zones: - a.example.",
        ];
        assert_eq!(changes(&old, &new), want);
    }
}
