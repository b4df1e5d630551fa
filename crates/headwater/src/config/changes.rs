//! What differs between two configurations, in words: logged at every reload.

use super::checked::{Config, Listen, ZoneSource};
use dns::Name;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

/// One line for every difference: `server.nsid: "a" -> "b"`, `zones: + example.org.`.
pub fn changes(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = Lines(Vec::new());
    let (a, b) = (&old.server, &new.server);
    lines.compare("server.listen", sockets(&a.listen), sockets(&b.listen));
    lines.compare("server.workers", a.workers, b.workers);
    lines.compare("server.chaos", a.chaos, b.chaos);
    lines.compare("server.minimal_responses", a.minimal_responses, b.minimal_responses);
    lines.compare("server.nsid", quoted(&a.nsid), quoted(&b.nsid));
    lines.compare("server.edns_udp_size", a.edns_udp_size, b.edns_udp_size);
    lines.compare("server.user", a.user.as_deref().unwrap_or(""), b.user.as_deref().unwrap_or(""));
    lines.compare("data_dir", old.data_dir.display().to_string(), new.data_dir.display().to_string());
    lines.compare("resolver.enabled", old.resolver.enabled, new.resolver.enabled);
    lines.compare("logging.level", old.logging.level.as_str(), new.logging.level.as_str());
    lines.compare("logging.format", old.logging.format.as_str(), new.logging.format.as_str());
    lines.compare("web.enabled", old.web.enabled, new.web.enabled);
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

    fn compare_zones(&mut self, old: &[Arc<ZoneSource>], new: &[Arc<ZoneSource>]) {
        let mut before: HashMap<&Name, &Arc<ZoneSource>> = old.iter().map(|zone| (&*zone.name, zone)).collect();
        for zone in new {
            let Some(known) = before.remove(&*zone.name) else {
                self.0.push(format!("zones: + {}", zone.name));
                continue;
            };
            if known != zone {
                let name = &zone.name;
                self.compare(
                    &format!("zones: {name} file"),
                    known.file.display().to_string(),
                    zone.file.display().to_string(),
                );
                self.compare(&format!("zones: {name} allow_query"), prefixes(known), prefixes(zone));
            }
        }
        for zone in old.iter().filter(|zone| before.contains_key(&*zone.name)) {
            self.0.push(format!("zones: - {}", zone.name));
        }
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
    format!("[{}]", listen.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn prefixes(zone: &ZoneSource) -> String {
    format!("[{}]", zone.allow_query.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
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
        Arc::new(ZoneSource { name, file: PathBuf::from(file), allow_query: Vec::new() })
    }

    #[test]
    fn every_difference_is_a_line() {
        let mut old = Config::default();
        old.server.nsid = b"a".to_vec();
        old.zones = vec![zone("a.example", "a"), zone("b.example", "b"), zone("c.example", "c")];
        let mut new = old.clone();
        assert_eq!(changes(&old, &new), Vec::<String>::new());
        new.server.nsid = b"b\xff".to_vec();
        new.server.listen.truncate(1);
        new.server.listen[0].tcp = false;
        new.zones = vec![zone("C.example", "c2"), zone("b.example", "b"), zone("d.example", "d")];
        new.zones[1].allow_query = vec!["192.0.2.0/24".parse().expect("a prefix")];
        let want = [
            "server.listen: [127.0.0.1:5353, [::1]:5353] -> [127.0.0.1:5353/udp]",
            "server.nsid: \"a\" -> \"b\\xff\"",
            "zones: C.example. file: c -> c2",
            "zones: b.example. allow_query: [] -> [192.0.2.0/24]",
            "zones: + d.example.",
            "zones: - a.example.",
        ];
        assert_eq!(changes(&old, &new), want);
    }
}
