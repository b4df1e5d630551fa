//! The servers: each with the zone, signed by itself, and a key for updates.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Args, ZONE};

/// The secret of the key `bench`, and the same in base64.
pub const SECRET: &[u8] = b"signed updates are measured here";
const SECRET_BASE64: &str = "c2lnbmVkIHVwZGF0ZXMgYXJlIG1lYXN1cmVkIGhlcmU=";
/// A server that has used no more processor time than a tenth of this time has nothing to do any more.
const REST: Duration = Duration::from_secs(2);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This one.
    Headwater,
    /// Knot DNS, with automatic signing.
    Knot,
    /// BIND, with `dnssec-policy`.
    Bind,
}

impl Kind {
    /// The one with this word.
    pub fn of(word: &str) -> Option<Kind> {
        match word {
            "headwater" => Some(Kind::Headwater),
            "knot" => Some(Kind::Knot),
            "bind" => Some(Kind::Bind),
            _ => None,
        }
    }
}

/// A running server.
pub struct Server {
    /// Where it answers.
    pub address: SocketAddr,
    process: Child,
}

impl Server {
    /// Starts it and gives it the zone.
    pub fn start(args: &Args, kind: Kind, zone: &Path) -> Server {
        let dir = args.dir.join(format!("{kind:?}").to_lowercase());
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a directory");
        let dir = dir.canonicalize().expect("a path");
        let free = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let command = match kind {
            Kind::Headwater => headwater(args, &dir, address),
            Kind::Knot => knot(args, &dir, address, zone),
            Kind::Bind => bind(args, &dir, address, zone),
        };
        let log = fs::File::create(dir.join("log")).expect("a log");
        let words = args
            .core
            .map_or(command.clone(), |core| [vec!["taskset".into(), "-c".into(), core.to_string()], command].concat());
        let process = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(&dir)
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{words:?}: {error}"));
        let server = Server { address, process };
        if kind == Kind::Headwater {
            import(args, &dir, zone);
        }
        server
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Waits until it rests.
    pub fn settle(&self) {
        loop {
            let before = self.cpu_s();
            std::thread::sleep(REST);
            if self.cpu_s() - before <= REST.as_secs_f64() / 10.0 {
                return;
            }
        }
    }

    /// Its processor seconds so far.
    pub fn cpu_s(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("Linux");
        let after_name = stat.rsplit(") ").next().expect("fields");
        let field = |index: usize| after_name.split(' ').nth(index).and_then(|text| text.parse().ok()).unwrap_or(0.0);
        let ticks: f64 = field(11) + field(12);
        ticks / 100.0
    }

    /// The most memory that it had.
    pub fn most_memory_mb(&self) -> f64 {
        self.status_mb("VmHWM")
    }

    /// The memory that it has.
    pub fn memory_mb(&self) -> f64 {
        self.status_mb("VmRSS")
    }

    fn status_mb(&self, key: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("Linux");
        let line = status.lines().find(|line| line.starts_with(key)).expect("the key");
        line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok()).expect("kB") / 1024.0
    }

    /// Ends it.
    pub fn stop(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn headwater(args: &Args, dir: &Path, address: SocketAddr) -> Vec<String> {
    let (nsec3, program) = (args.nsec3, args.headwater.canonicalize().expect("the program"));
    let config = format!(
        "server: {{ listen: [ {{ address: '{address}', protocols: [udp, tcp] }} ] }}\ndata_dir: data\n\
         web: {{ enabled: false }}\n\
         tsig_keys: [ {{ name: bench, algorithm: hmac-sha256, secret: '{SECRET_BASE64}' }} ]\n\
         dnssec: {{ policies: {{ bench: {{ csk: true, ksk_lifetime: 0, nsec3: {nsec3}, nsec3_opt_out: {nsec3} }} }} }}\n\
         zones: [ {{ name: {ZONE}, dnssec: bench, allow_update: ['key:bench'] }} ]\n"
    );
    fs::write(dir.join("headwater.yaml"), config).expect("a file");
    words([&program.display().to_string(), "serve", "--config", "headwater.yaml", "--data", "data"])
}

/// Brings the zone in, once the server takes commands.
fn import(args: &Args, dir: &Path, zone: &Path) {
    let (program, zone) = (args.headwater.canonicalize().expect("the program"), zone.canonicalize().expect("a path"));
    let import = || {
        let mut command = Command::new(&program);
        command.args(["zone", "import", ZONE]).arg(&zone).args(["--data", "data"]);
        command.current_dir(dir).stdout(Stdio::null()).output().expect("it runs")
    };
    let mut failure = String::new();
    for _ in 0..10 {
        let output = import();
        if output.status.success() {
            return;
        }
        failure = String::from_utf8_lossy(&output.stderr).into_owned();
        std::thread::sleep(Duration::from_secs(1));
    }
    panic!("the zone cannot be imported: {failure}");
}

fn knot(args: &Args, dir: &Path, address: SocketAddr, zone: &Path) -> Vec<String> {
    fs::copy(zone, dir.join("signed.zone")).expect("a copy");
    let (at, port) = (address.ip(), address.port());
    let nsec3 = if args.nsec3 { "on" } else { "off" };
    let dir = dir.display();
    let config = format!(
        "server:\n    rundir: \"{dir}\"\n    listen: \"{at}@{port}\"\n\
         database:\n    storage: \"{dir}\"\n    journal-db-max-size: 4G\n\
         log:\n  - target: stderr\n    any: warning\n\
         key:\n  - id: bench\n    algorithm: hmac-sha256\n    secret: {SECRET_BASE64}\n\
         acl:\n  - id: bench\n    key: bench\n    action: update\n\
         policy:\n  - id: bench\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n    nsec3: {nsec3}\n    \
         nsec3-opt-out: {nsec3}\n    nsec3-iterations: 0\n    nsec3-salt-length: 0\n    signing-threads: 2\n\
         zone:\n  - domain: {ZONE}\n    storage: \"{dir}\"\n    file: signed.zone\n    dnssec-signing: on\n    \
         dnssec-policy: bench\n    acl: bench\n    zonefile-sync: -1\n"
    );
    fs::write(format!("{dir}/knot.conf"), config).expect("a file");
    words(["knotd", "-c", "knot.conf"])
}

fn bind(args: &Args, dir: &Path, address: SocketAddr, zone: &Path) -> Vec<String> {
    fs::copy(zone, dir.join("signed.zone")).expect("a copy");
    let (at, port) = (address.ip(), address.port());
    let nsec3 = if args.nsec3 { "nsec3param iterations 0 optout yes salt-length 0;" } else { "" };
    let config = format!(
        "options {{ directory \"{0}\"; listen-on port {port} {{ {at}; }}; listen-on-v6 {{ none; }}; recursion no;\n\
         pid-file none; session-keyfile none; notify no; dnssec-validation no; sig-signing-signatures 10000;\n\
         sig-signing-nodes 10000; max-records 0; }};\ncontrols {{ }};\n\
         key bench {{ algorithm hmac-sha256; secret \"{SECRET_BASE64}\"; }};\n\
         dnssec-policy bench {{ keys {{ csk lifetime unlimited algorithm ecdsap256sha256; }}; {nsec3} }};\n\
         zone \"{ZONE}\" {{ type primary; file \"signed.zone\"; dnssec-policy bench; inline-signing no;\n\
         allow-update {{ key bench; }}; }};\n",
        dir.display()
    );
    fs::write(dir.join("named.conf"), config).expect("a file");
    words(["named", "-g", "-c", "named.conf"])
}
