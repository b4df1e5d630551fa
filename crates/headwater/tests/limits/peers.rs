//! Other authoritative servers with their own response rate limiting.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::common::{PATIENCE, Process, Scratch, free_port, until};
use crate::site::ZONE;

/// Another server.
#[derive(Debug, Clone, Copy)]
pub enum Peer {
    Nsd,
    Knot,
    Bind,
}

impl Peer {
    pub const ALL: [Peer; 3] = [Peer::Nsd, Peer::Knot, Peer::Bind];

    /// Starts it with five equal responses a second to a network, of the others every second one truncated; `None` if it
    /// is not installed.
    pub fn start(self, scratch: &Scratch) -> Option<(SocketAddr, Process)> {
        let program = match self {
            Peer::Nsd => "/usr/sbin/nsd",
            Peer::Knot => "/usr/sbin/knotd",
            Peer::Bind => "/usr/sbin/named",
        };
        if !Path::new(program).exists() {
            return None;
        }
        scratch.write("example.org.zone", &format!("$ORIGIN example.org.\n{ZONE}"));
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let config = scratch.write("peer.conf", &self.configuration(scratch.path(), address.port()));
        let args: &[&str] = match self {
            Peer::Nsd => &["-d", "-c"],
            Peer::Knot => &["-c"],
            Peer::Bind => &["-4", "-g", "-n", "1", "-c"],
        };
        let mut process = Process::start(Command::new(program).args(args).arg(config), scratch.path(), "peer.log");
        let up = until(PATIENCE, || {
            let listens = std::net::TcpStream::connect(address).is_ok();
            (listens || !process.is_running()).then_some(listens)
        });
        assert_eq!(up, Some(true), "{program} does not start:\n{}", process.log());
        Some((address, process))
    }

    fn configuration(self, directory: &Path, port: u16) -> String {
        let directory = directory.display();
        match self {
            Peer::Nsd => format!(
                "server:\n server-count: 1\n ip-address: 127.0.0.1@{port}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{directory}\"\n \
                 database: \"\"\n pidfile: \"\"\n xfrdfile: \"\"\n zonelistfile: \"{directory}/list\"\n \
                 rrl-ratelimit: 5\n rrl-slip: 2\n\
                 remote-control:\n control-enable: no\nzone:\n name: example.org\n zonefile: example.org.zone\n"
            ),
            Peer::Knot => format!(
                "server:\n listen: 127.0.0.1@{port}\n rundir: {directory}\n udp-workers: 1\n tcp-workers: 1\n background-workers: 1\n\
                 database:\n storage: {directory}\nmod-rrl:\n - id: limit\n   rate-limit: 5\n   slip: 2\n\
                 template:\n - id: default\n   storage: {directory}\n   global-module: mod-rrl/limit\n\
                 zone:\n - domain: example.org\n   file: example.org.zone\n"
            ),
            Peer::Bind => format!(
                "options {{ directory \"{directory}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n \
                 recursion no; pid-file none; session-keyfile none; minimal-any yes;\n \
                 rate-limit {{ responses-per-second 5; slip 2; }}; }};\ncontrols {{ }};\n\
                 zone \"example.org\" {{ type primary; file \"example.org.zone\"; check-names ignore; }};\n"
            ),
        }
    }
}
