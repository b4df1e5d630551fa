//! Resolvers beside which Headwater is put, each with the defaults of its makers but for validation, in a world whose
//! root is in the file `hints`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::common::{PATIENCE, Process, Scratch, Server, free_port, until};

/// Another resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Unbound,
    Bind,
    PowerDns,
    Knot,
}

/// What is added to the configuration of a peer.
#[derive(Clone, Default)]
pub struct Extra {
    /// Among the options of BIND.
    pub options: String,
    /// Behind everything else.
    pub rest: String,
}

impl Extra {
    pub fn rest(text: String) -> Extra {
        Extra { rest: text, ..Extra::default() }
    }
}

impl Peer {
    pub const ALL: [Peer; 4] = [Peer::Unbound, Peer::Bind, Peer::PowerDns, Peer::Knot];

    /// Starts it; `None` if it is not installed. It asks on port 53.
    pub fn start(self, scratch: &Scratch) -> Option<(SocketAddr, Process)> {
        self.start_with(scratch, &Extra::default())
    }

    /// The same with more in its configuration.
    pub fn start_with(self, scratch: &Scratch, extra: &Extra) -> Option<(SocketAddr, Process)> {
        let program = match self {
            Peer::Unbound => "/usr/sbin/unbound",
            Peer::Bind => "/usr/sbin/named",
            Peer::PowerDns => "/usr/sbin/pdns_recursor",
            Peer::Knot => "/usr/sbin/kresd",
        };
        if !Path::new(program).exists() {
            return None;
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (file, config, args) = self.configuration(address.port(), &extra.options);
        scratch.write(file, &format!("{config}{}", extra.rest));
        let mut command = Command::new(program);
        let log = format!("log-{self:?}");
        let mut process = Process::start(command.args(args), scratch.path(), &log);
        let up = until(PATIENCE, || {
            let listens = std::net::TcpStream::connect(address).is_ok();
            (listens || !process.is_running()).then_some(listens)
        });
        assert_eq!(up, Some(true), "{program} does not start:\n{}", process.log());
        Some((address, process))
    }

    /// The file it reads, what stands in it, and its arguments.
    fn configuration(self, port: u16, options: &str) -> (&'static str, String, Vec<String>) {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        match self {
            Peer::Unbound => (
                "peer.conf",
                format!(
                    "server:\n interface: 127.0.0.1@{port}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n \
                     directory: \".\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n module-config: \"iterator\"\n \
                     root-hints: hints\n do-not-query-localhost: no\n do-ip6: no\n num-threads: 1\n\
                     remote-control:\n control-enable: no\n"
                ),
                words("-d -c peer.conf"),
            ),
            Peer::Bind => {
                let validation = if options.contains("validate-except") { "yes" } else { "no" };
                (
                    "named.conf",
                    format!(
                        "options {{ directory \".\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n \
                     recursion yes; allow-query {{ any; }}; dnssec-validation {validation}; pid-file none;\n \
                     empty-zones-enable no; session-keyfile none; managed-keys-directory \".\"; {options} }};\n\
                     controls {{ }};\nzone \".\" {{ type hint; file \"hints\"; }};\n"
                    ),
                    words("-4 -g -n 1 -c named.conf"),
                )
            }
            Peer::PowerDns => (
                "recursor.conf",
                format!(
                    "local-address=127.0.0.1\nlocal-port={port}\nhint-file=hints\ndnssec=off\ndont-query=\n\
                     socket-dir=.\ndaemon=no\nsecurity-poll-suffix=\nallow-from=127.0.0.0/8\nthreads=1\n\
                     packetcache-ttl=0\nsetuid=root\nsetgid=root\nwrite-pid=no\n"
                ),
                words("--config-dir=."),
            ),
            Peer::Knot => (
                "kresd.conf",
                format!(
                    "net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\nnet.ipv6 = false\n\
                     modules.unload('ta_update')\nmodules.unload('ta_signal_query')\nmodules.unload('detect_time_skew')\n\
                     trust_anchors.remove('.')\nmodules = {{ 'hints > iterate' }}\nhints.root_file('hints')\n\
                     cache.size = 20 * MB\n"
                ),
                words("-n -c kresd.conf ."),
            ),
        }
    }
}

/// Keys of `resolver` for [`headwater`] where nothing is signed.
pub const UNSIGNED: &str = "validate: false";

/// Headwater itself, asking on this port, with these keys of `resolver`.
pub fn headwater(scratch: &Scratch, upstream_port: u16, keys: &str) -> (SocketAddr, Process) {
    let server = headwater_server(scratch, upstream_port, keys);
    (server.address, server.process)
}

/// The same as a server that can be reloaded with another configuration ([`configure`]).
pub fn headwater_server(scratch: &Scratch, upstream_port: u16, keys: &str) -> Server {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    configure(scratch, address, upstream_port, keys);
    let mut server = Server::launch(scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    server
}

/// Writes the configuration of Headwater at `address`, asking on this port, with these keys of `resolver`.
pub fn configure(scratch: &Scratch, address: SocketAddr, upstream_port: u16, keys: &str) {
    let config = format!(
        "server:\n  workers: 1\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\n\
         resolver: {{ root_hints: hints, upstream_port: {upstream_port}, priming: false, {keys},\n\
         \x20 trust_anchor_update: false, trust_anchor_signalling: false }}\n\
         cache: {{ persist: false, prefetch: false, serve_stale: true }}\nweb: {{ enabled: false }}\n"
    );
    scratch.write("headwater.yaml", &config);
}
