//! The other servers: BIND, Knot and NSD as primaries and secondaries of Headwater, by their configurations.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::common::{Process, Scratch};
use crate::tools::{Signing, have};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Bind,
    Knot,
    Nsd,
}

impl Kind {
    /// Whether the server and the clients that every test uses are installed.
    pub fn is_installed(self) -> bool {
        let programs: &[&str] = match self {
            Kind::Bind => &["named", "dig", "nsupdate"],
            Kind::Knot => &["knotd", "dig", "nsupdate"],
            Kind::Nsd => &["nsd", "nsd-control", "dig", "nsupdate"],
        };
        have(programs)
    }
}

/// A zone of a peer.
pub struct Zone {
    /// With a dot at the end.
    pub name: String,
    /// How transfers, updates and notifications of it are signed.
    pub signing: Signing,
    /// The peer is the primary, with this zone file; else the secondary.
    pub primary: Option<String>,
    /// Further lines of BIND's configuration of the zone.
    pub extra: String,
}

/// A running peer.
pub struct Peer {
    pub kind: Kind,
    pub address: SocketAddr,
    pub process: Process,
}

impl Peer {
    /// Starts a server in `scratch`; zones are transferred from and to `headwater`. Does not wait until it answers.
    pub fn start(kind: Kind, scratch: &Scratch, address: SocketAddr, headwater: SocketAddr, zones: &[Zone]) -> Peer {
        let directory = scratch.path().join("peer");
        std::fs::create_dir_all(&directory).expect("directory");
        for zone in zones {
            if let Some(text) = &zone.primary {
                std::fs::write(file(&directory, &zone.name), text).expect("zone file");
            }
        }
        let (config, mut command) = match kind {
            Kind::Bind => (bind(&directory, address, headwater, zones), Command::new("named")),
            Kind::Knot => (knot(&directory, address, headwater, zones), Command::new("knotd")),
            Kind::Nsd => (nsd(&directory, address, headwater, zones), Command::new("nsd")),
        };
        match kind {
            Kind::Bind => command.args(["-g", "-n", "1"]),
            Kind::Knot => &mut command,
            Kind::Nsd => command.arg("-d"),
        };
        command.arg("-c").arg(scratch.write("peer.conf", &config));
        Peer { kind, address, process: Process::start(&mut command, scratch.path(), "peer.log") }
    }

    /// Has NSD, which knows no updates, read a changed zone file.
    pub fn replace_file(&self, scratch: &Scratch, zone: &str, text: &str) {
        std::fs::write(file(&scratch.path().join("peer"), zone), text).expect("zone file");
        let config = scratch.path().join("peer.conf");
        let output =
            Command::new("nsd-control").arg("-c").arg(config).args(["reload", zone]).output().expect("nsd-control");
        assert!(output.status.success(), "{output:?}");
    }

    /// Lines of the log that have all of `words`.
    pub fn log_lines(&self, words: &[&str]) -> Vec<String> {
        let log = self.process.log();
        log.lines().filter(|line| words.iter().all(|word| line.contains(word))).map(ToOwned::to_owned).collect()
    }
}

fn file(directory: &Path, zone: &str) -> std::path::PathBuf {
    directory.join(format!("{zone}zone"))
}

fn bind(directory: &Path, address: SocketAddr, headwater: SocketAddr, zones: &[Zone]) -> String {
    let (at, port, to) = (directory.display(), address.port(), headwater.port());
    let mut config = format!(
        "options {{ directory \"{at}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile \"{at}/session.key\"; recursion no; dnssec-validation no; notify explicit;\n\
         notify-delay 0; notify-rate 1000; startup-notify-rate 1000; serial-query-rate 1000; empty-zones-enable no; }};\n\
         controls {{ }};\n"
    );
    for (name, algorithm, secret) in Signing::KEYS.into_iter().filter_map(Signing::key) {
        let _ = writeln!(config, "key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};");
    }
    for Zone { name, signing, primary, extra } in zones {
        let key = signing.key().map_or(String::new(), |(name, ..)| format!("key {name}"));
        let who = if key.is_empty() { "127.0.0.1" } else { &key };
        let role = match primary {
            Some(_) => {
                let may_update =
                    if extra.contains("update-policy") { "" } else { &format!("allow-update {{ {who}; }};") };
                format!("type primary; also-notify {{ 127.0.0.1 port {to} {key}; }}; {may_update}")
            }
            None => format!("type secondary; primaries {{ 127.0.0.1 port {to} {key}; }};"),
        };
        let _ =
            writeln!(config, "zone \"{name}\" {{ {role} file \"{name}zone\"; allow-transfer {{ {who}; }}; {extra} }};");
    }
    config
}

fn knot(directory: &Path, address: SocketAddr, headwater: SocketAddr, zones: &[Zone]) -> String {
    let (at, port, to) = (directory.display(), address.port(), headwater.port());
    let mut config = format!(
        "server:\n rundir: {at}\n listen: 127.0.0.1@{port}\n udp-workers: 1\n tcp-workers: 1\n background-workers: 2\n\
         log:\n - target: stderr\n   any: info\ndatabase:\n storage: {at}\nkey:\n"
    );
    for (name, algorithm, secret) in Signing::KEYS.into_iter().filter_map(Signing::key) {
        let _ = writeln!(config, " - id: {name}\n   algorithm: {algorithm}\n   secret: {secret}");
    }
    let key = |signing: Signing| signing.key().map_or(String::new(), |(name, ..)| format!("   key: {name}\n"));
    config += "remote:\n";
    for signing in Signing::ALL {
        let _ = write!(config, " - id: to-{}\n   address: 127.0.0.1@{to}\n{}", signing.label(), key(signing));
    }
    config += "acl:\n";
    for signing in Signing::ALL {
        let (label, key) = (signing.label(), key(signing));
        let _ = write!(config, " - id: {label}\n   address: 127.0.0.1\n   action: [transfer, notify, update]\n{key}");
    }
    let _ = write!(
        config,
        "template:\n - id: default\n   storage: {at}\n   file: \"%szone\"\n   zonefile-sync: -1\nzone:\n"
    );
    for Zone { name, signing, primary, .. } in zones {
        let label = signing.label();
        let role = match primary {
            Some(_) => format!("notify: to-{label}\n   journal-content: changes"),
            None => format!("master: to-{label}\n   journal-content: all\n   zonefile-load: none"),
        };
        let _ = writeln!(config, " - domain: {name}\n   file: {name}zone\n   acl: {label}\n   {role}");
    }
    config
}

fn nsd(directory: &Path, address: SocketAddr, headwater: SocketAddr, zones: &[Zone]) -> String {
    let (at, port, to) = (directory.display(), address.port(), headwater.port());
    let mut config = format!(
        "server:\n ip-address: 127.0.0.1@{port}\n server-count: 1\n username: \"\"\n chroot: \"\"\n database: \"\"\n \
         zonesdir: \"{at}\"\n zonelistfile: \"{at}/zone.list\"\n xfrdfile: \"{at}/xfrd.state\"\n xfrdir: \"{at}\"\n \
         pidfile: \"{at}/nsd.pid\"\n verbosity: 2\n rrl-ratelimit: 0\n xfrd-reload-timeout: 0\n zonefiles-write: 0\n\
         remote-control:\n control-enable: yes\n control-interface: \"{at}/control\"\n"
    );
    for (name, algorithm, secret) in Signing::KEYS.into_iter().filter_map(Signing::key) {
        let _ = writeln!(config, "key:\n name: {name}\n algorithm: {algorithm}\n secret: \"{secret}\"");
    }
    for Zone { name, signing, primary, .. } in zones {
        let key = signing.name_or("NOKEY");
        let role = match primary {
            Some(_) => format!("notify: 127.0.0.1@{to} {key}\n create-ixfr: yes"),
            None => format!("request-xfr: 127.0.0.1@{to} {key}\n allow-notify: 127.0.0.1 {key}"),
        };
        let _ = writeln!(
            config,
            "zone:\n name: \"{name}\"\n zonefile: \"{name}zone\"\n provide-xfr: 127.0.0.1 {key}\n store-ixfr: yes\n {role}"
        );
    }
    config
}
