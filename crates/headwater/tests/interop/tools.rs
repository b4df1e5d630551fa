//! The keys that all servers share, the clients dig and nsupdate, and the configuration of Headwater.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use dns::rdata::typed::Soa;
use dns::{Message, RType};

use crate::common::{PATIENCE, Scratch, Server, free_port, query, udp, until};

/// How messages between the servers are signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signing {
    None,
    Sha256,
    Sha512,
}

impl Signing {
    pub const ALL: [Signing; 3] = [Signing::None, Signing::Sha256, Signing::Sha512];
    /// Those with a key.
    pub const KEYS: [Signing; 2] = [Signing::Sha256, Signing::Sha512];

    /// The key's name, algorithm and secret.
    pub fn key(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Signing::None => None,
            Signing::Sha256 => Some(("key256", "hmac-sha256", "c2l4dGVlbiBvciBtb3JlIG9jdGV0cyBvZiBzZWNyZXQ=")),
            Signing::Sha512 => Some(("key512", "hmac-sha512", "YW5vdGhlciBzZWNyZXQsIGZvciBhbm90aGVyIGFsZ29yaXRobQ==")),
        }
    }

    /// Part of a zone's name.
    pub fn label(self) -> &'static str {
        self.key().map_or("plain", |(name, ..)| name)
    }

    /// The key's name; another word without key.
    pub fn name_or(self, without: &'static str) -> &'static str {
        self.key().map_or(without, |(name, ..)| name)
    }

    /// The arguments that make dig and nsupdate sign.
    fn arguments(self) -> Vec<String> {
        let key = self.key().map(|(name, algorithm, secret)| format!("{algorithm}:{name}:{secret}"));
        key.map_or_else(Vec::new, |key| vec!["-y".into(), key])
    }
}

/// Whether all of these programs are there; says so if not.
pub fn have(programs: &[&str]) -> bool {
    let is_missing = |program: &&&str| {
        Command::new(program)
            .arg("-h")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_err()
    };
    let missing: Vec<_> = programs.iter().filter(is_missing).collect();
    missing.iter().for_each(|program| println!("skipped: no {program}"));
    missing.is_empty()
}

/// Runs nsupdate with `script`. `Ok` means NOERROR; else what the server answered, or what nsupdate said.
pub fn nsupdate(server: SocketAddr, signing: Signing, options: &[&str], script: &str) -> Result<(), String> {
    update_by("nsupdate", server, signing, options, script)
}

/// The same with Knot's client.
pub fn knsupdate(server: SocketAddr, signing: Signing, options: &[&str], script: &str) -> Result<(), String> {
    update_by("knsupdate", server, signing, options, script)
}

fn update_by(
    program: &str,
    server: SocketAddr,
    signing: Signing,
    options: &[&str],
    script: &str,
) -> Result<(), String> {
    let mut child = Command::new(program)
        .args(signing.arguments())
        .args(["-t", "30"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let script = format!("server {} {}\n{script}\nsend\n", server.ip(), server.port());
    child.stdin.take().expect("stdin").write_all(script.as_bytes()).expect("script");
    let output = child.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
    match said.strip_prefix("update failed: ") {
        Some(rcode) => Err(rcode.to_owned()),
        None if said.is_empty() && output.status.success() => Ok(()),
        None => Err(format!("{program}: {said}")),
    }
}

/// The records that dig gets by a transfer: `AXFR` or `IXFR=SERIAL`.
pub fn transfer(server: SocketAddr, signing: Signing, zone: &str, kind: &str) -> Result<Vec<String>, String> {
    let output = Command::new("dig")
        .args(signing.arguments())
        .args([&format!("@{}", server.ip()), "-p", &server.port().to_string(), "+noall", "+answer", "+time=10"])
        .args([zone, kind])
        .output()
        .expect("dig");
    let text = String::from_utf8_lossy(&output.stdout);
    let bad = text.lines().find(|line| line.starts_with(";; ") || line.starts_with("; Transfer"));
    if let Some(line) = bad {
        return Err(line.to_owned());
    }
    let records = text.lines().filter(|line| !line.is_empty() && !line.starts_with(';'));
    Ok(records.map(canonical).collect())
}

/// The line of a record: one blank between words, the owner in small letters.
fn canonical(line: &str) -> String {
    let mut words = line.split_ascii_whitespace();
    let owner = words.next().unwrap_or_default().to_ascii_lowercase();
    words.fold(owner, |line, word| line + " " + word)
}

/// All records of a zone, in no order.
pub fn contents(server: SocketAddr, signing: Signing, zone: &str) -> BTreeSet<String> {
    let records = transfer(server, signing, zone, "AXFR");
    records.unwrap_or_else(|error| panic!("AXFR of {zone} from {server}: {error}")).into_iter().collect()
}

/// The serial of a zone as it is served.
pub fn serial(server: SocketAddr, zone: &str) -> Option<u32> {
    let octets = udp(server, &query(zone, RType::SOA).to_wire(65_535), Duration::from_secs(1))?;
    let answer = Message::parse(&octets).expect("a well-formed response");
    answer.answers.first().and_then(|record| Soa::parse(&record.rdata)).map(|soa| soa.serial)
}

/// Waits until a server has this serial of a zone.
pub fn wait_for_serial(server: SocketAddr, zone: &str, wanted: u32, log: impl Fn() -> String) {
    let reached = until(PATIENCE, || (serial(server, zone) == Some(wanted)).then_some(()));
    let now = serial(server, zone);
    assert!(reached.is_some(), "{zone} at {server} has serial {now:?}, not {wanted}:\n{}", log());
}

/// An address that nobody uses just now.
pub fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// Starts Headwater with all keys and these entries of `zones`.
pub fn headwater(scratch: &Scratch, address: SocketAddr, zones: &str) -> Server {
    headwater_with(scratch, address, &Signing::KEYS, zones)
}

/// The same with these keys.
pub fn headwater_with(scratch: &Scratch, address: SocketAddr, keys: &[Signing], zones: &str) -> Server {
    let mut config = format!(
        "server:\n  name: ns.interop.test.\n  workers: 1\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\n\
         web: {{ enabled: false }}\ntsig_keys:\n"
    );
    for (name, algorithm, secret) in keys.iter().filter_map(|key| key.key()) {
        config += &format!("  - {{ name: {name}, algorithm: {algorithm}, secret: \"{secret}\" }}\n");
    }
    scratch.write("headwater.yaml", &format!("{config}zones:\n{zones}"));
    let mut server = Server::launch(scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    server
}
