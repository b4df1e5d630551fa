//! BIND and Unbound with the same policy zone and the same forwarder.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::common::{PATIENCE, Process, Scratch, free_port, until};

/// A resolver with a policy zone.
pub struct Peer {
    pub name: &'static str,
    pub address: SocketAddr,
    _process: Process,
}

/// Whom a resolver asks.
#[derive(Clone, Copy)]
pub enum Upstream {
    /// This server, for everything.
    Forward(SocketAddr),
    /// The servers of zones, on port 53, from the root in the file `hints` on.
    Root,
}

/// Starts those that are installed. The policy zone is the file `rpz.zone` in `scratch`.
pub fn start_all(scratch: &Scratch, upstream: Upstream) -> Vec<Peer> {
    [("bind", "/usr/sbin/named"), ("unbound", "/usr/sbin/unbound")]
        .into_iter()
        .filter_map(|(name, program)| match Path::new(program).exists() {
            true => Some(start(name, program, scratch, upstream)),
            false => {
                println!("skipped: no {name}");
                None
            }
        })
        .collect()
}

fn start(name: &'static str, program: &str, scratch: &Scratch, upstream: Upstream) -> Peer {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command = Command::new(program);
    match name {
        "bind" => {
            scratch.write("named.conf", &bind(address.port(), upstream));
            command.args(["-4", "-g", "-n", "1", "-c", "named.conf"]);
        }
        _ => {
            scratch.write("unbound.conf", &unbound(address.port(), upstream));
            command.args(["-d", "-c", "unbound.conf"]);
        }
    }
    let mut process = Process::start(&mut command, scratch.path(), &format!("log-{name}"));
    let up = until(PATIENCE, || {
        let listens = std::net::TcpStream::connect(address).is_ok();
        (listens || !process.is_running()).then_some(listens)
    });
    assert_eq!(up, Some(true), "{program} does not start:\n{}", process.log());
    Peer { name, address, _process: process }
}

fn bind(port: u16, upstream: Upstream) -> String {
    let (forwarders, root) = match upstream {
        Upstream::Forward(to) => (format!("forwarders {{ 127.0.0.1 port {}; }}; forward only;", to.port()), ""),
        Upstream::Root => (String::new(), "zone \".\" { type hint; file \"hints\"; };\n"),
    };
    format!(
        "options {{ directory \".\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         recursion yes; allow-query {{ any; }}; allow-recursion {{ any; }}; dnssec-validation no; pid-file none;\n\
         empty-zones-enable no; session-keyfile none; managed-keys-directory \".\"; minimal-responses yes;\n\
         {forwarders}\n\
         response-policy {{ zone \"rpz.\"; }} qname-wait-recurse no break-dnssec yes; }};\ncontrols {{ }};\n\
         zone \"rpz.\" {{ type primary; file \"rpz.zone\"; allow-query {{ none; }}; }};\n{root}"
    )
}

fn unbound(port: u16, upstream: Upstream) -> String {
    let (root, forward) = match upstream {
        Upstream::Forward(to) => ("", format!("forward-zone:\n name: \".\"\n forward-addr: 127.0.0.1@{}\n", to.port())),
        Upstream::Root => (" root-hints: hints\n", String::new()),
    };
    format!(
        "server:\n interface: 127.0.0.1@{port}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \".\"\n \
         pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n module-config: \"respip iterator\"\n do-not-query-localhost: no\n \
         do-ip6: no\n num-threads: 1\n access-control: 127.0.0.0/8 allow\n minimal-responses: yes\n{root}\
         remote-control:\n control-enable: no\n{forward}\
         rpz:\n name: \"rpz.\"\n zonefile: \"rpz.zone\"\n"
    )
}
