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

/// Starts those that are installed. The policy zone is the file `rpz.zone` in `scratch`.
pub fn start_all(scratch: &Scratch, upstream: SocketAddr) -> Vec<Peer> {
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

fn start(name: &'static str, program: &str, scratch: &Scratch, upstream: SocketAddr) -> Peer {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command = Command::new(program);
    match name {
        "bind" => {
            scratch.write("named.conf", &bind(address.port(), upstream.port()));
            command.args(["-4", "-g", "-n", "1", "-c", "named.conf"]);
        }
        _ => {
            scratch.write("unbound.conf", &unbound(address.port(), upstream.port()));
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

fn bind(port: u16, upstream: u16) -> String {
    format!(
        "options {{ directory \".\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         recursion yes; allow-query {{ any; }}; allow-recursion {{ any; }}; dnssec-validation no; pid-file none;\n\
         empty-zones-enable no; session-keyfile none; managed-keys-directory \".\"; minimal-responses yes;\n\
         forwarders {{ 127.0.0.1 port {upstream}; }}; forward only;\n\
         response-policy {{ zone \"rpz.\"; }} qname-wait-recurse no break-dnssec yes; }};\ncontrols {{ }};\n\
         zone \"rpz.\" {{ type primary; file \"rpz.zone\"; allow-query {{ none; }}; }};\n"
    )
}

fn unbound(port: u16, upstream: u16) -> String {
    format!(
        "server:\n interface: 127.0.0.1@{port}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \".\"\n \
         pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n module-config: \"respip iterator\"\n do-not-query-localhost: no\n \
         do-ip6: no\n num-threads: 1\n access-control: 127.0.0.0/8 allow\n minimal-responses: yes\n\
         remote-control:\n control-enable: no\nforward-zone:\n name: \".\"\n forward-addr: 127.0.0.1@{upstream}\n\
         rpz:\n name: \"rpz.\"\n zonefile: \"rpz.zone\"\n"
    )
}
