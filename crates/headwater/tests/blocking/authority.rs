//! A small Internet: a root with `com`, and servers of the domains below, each with addresses and a process of its own.

use std::net::{Ipv4Addr, SocketAddr};

use crate::common::{Scratch, Server};

/// Servers of zones.
pub struct Internet {
    /// The port of all of them.
    pub port: u16,
    _servers: Vec<(Server, Scratch)>,
}

/// Domains below `com`: the name of its name server, and the last octet of the server's address.
pub const DOMAINS: &[(&str, &str, u8)] = &[
    ("good.com", "ns.good.com", 2),
    ("evil.com", "ns.evil.com", 2),
    // A name server of another domain, which is listed.
    ("guest.com", "ns.evil.com", 2),
    ("wild.com", "a.ns.wild.com", 2),
    ("addr.com", "ns.addr.com", 3),
    ("net4.com", "ns.net4.com", 5),
    ("both.com", "ns.both.com", 3),
    ("data.com", "ns.data.com", 2),
    ("moved.com", "ns.moved.com", 2),
    ("free.com", "ns.free.com", 2),
    ("tcp.com", "ns.tcp.com", 2),
    ("garden.com", "ns.garden.com", 2),
    ("mid.com", "ns.mid.com", 2),
    ("fine.com", "ns.fine.com", 2),
    ("short.com", "ns.short.com", 2),
];

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, last)
}

/// The hints of resolvers.
pub fn hints() -> String {
    format!(". 3600 NS a.root.\na.root. 3600 A {}\n", address(1))
}

/// The head of a zone whose records have this TTL.
fn head(ttl: u32, server: &str) -> String {
    format!("$TTL {ttl}\n@ SOA {server}. host.{server}. 1 7200 900 1209600 300\n@ NS {server}.\n")
}

impl Internet {
    /// Starts the servers on this port.
    pub fn start(name: &str, port: u16) -> Internet {
        let mut com = head(600, "a.root");
        let mut domains = Vec::new();
        for (domain, server, last) in DOMAINS {
            let ttl = if *domain == "short.com" { 1 } else { 600 };
            com += &format!("{domain}. {ttl} NS {server}.\n");
            let is_within = server.ends_with(&format!(".{domain}"));
            let mut zone = head(600, server);
            zone += "www A 192.0.2.10\nwww TXT \"outside\"\n";
            if is_within {
                com += &format!("{server}. {ttl} A {}\n", address(*last));
                zone += &format!("{server}. A {}\n", address(*last));
            }
            match *domain {
                "good.com" => zone += "to-evil CNAME www.evil.com.\nto-addr CNAME www.addr.com.\nlisted A 192.0.2.66\n",
                "both.com" => zone += "listed A 192.0.2.66\n",
                "evil.com" => zone += "passed A 192.0.2.10\nnamed A 192.0.2.10\nlisted A 192.0.2.66\n",
                "mid.com" => zone += &format!("sub NS ns.sub\nns.sub A {}\n", address(8)),
                "fine.com" => zone += &format!("sub NS ns.sub\nns.sub A {}\n", address(9)),
                _ => {}
            }
            domains.push((*domain, zone));
        }
        let root = format!("{}a.root. A {}\ncom. NS a.root.\n", head(600, "a.root"), address(1));
        let below = |domain: &str, last: u8| {
            format!("{}ns A {}\nwww A 192.0.2.10\n", head(600, &format!("ns.sub.{domain}")), address(last))
        };
        let servers = vec![
            authority(&format!("{name}-root"), &[1], port, &[(".", root), ("com", com)]),
            authority(&format!("{name}-domains"), &[2, 3, 5], port, &domains),
            authority(&format!("{name}-mid"), &[8], port, &[("sub.mid.com", below("mid.com", 8))]),
            authority(&format!("{name}-fine"), &[9], port, &[("sub.fine.com", below("fine.com", 9))]),
        ];
        Internet { port, _servers: servers }
    }
}

/// A server of zones at these addresses.
fn authority(name: &str, lasts: &[u8], port: u16, zones: &[(&str, String)]) -> (Server, Scratch) {
    let scratch = Scratch::new(&format!("blocking-{name}"));
    let addresses: Vec<SocketAddr> = lasts.iter().map(|last| (address(*last), port).into()).collect();
    let listen = addresses.iter().map(|address| format!("{{ address: \"{address}\", protocols: [udp, tcp] }}"));
    let mut config = format!(
        "server:\n  workers: 1\n  listen: [{}]\nweb: {{ enabled: false }}\nresolver: {{ enabled: false }}\n\
         history: {{ enabled: false }}\nzones:\n",
        listen.collect::<Vec<_>>().join(", ")
    );
    for (number, (zone, text)) in zones.iter().enumerate() {
        let file = format!("{number}.zone");
        scratch.write(&file, text);
        config += &format!("  - {{ name: \"{zone}\", file: {file} }}\n");
    }
    scratch.write("headwater.yaml", &config);
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], addresses[0]);
    server.process.wait_for("\"ready\"", 1);
    (server, scratch)
}
