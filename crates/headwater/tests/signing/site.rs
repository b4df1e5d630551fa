//! A server with signed zones, and the tools that judge it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use dns::rdata::typed::Rrsig;
use dns::{Edns, Message, RType};
use dnssec::digest::{DS_SHA256, ds_rdata};
use dnssec::key::key_tag;

use crate::common::ran::Ran;
use crate::common::{PATIENCE, Scratch, Server, free_port, headwater, query, query_edns, rdata_text, tcp, until};

/// Whether all the tools are there; says which one is not.
pub fn has(tools: &[&str]) -> bool {
    let is_missing = |tool: &&&str| Command::new(tool).arg("-v").stdin(Stdio::null()).output().is_err();
    match tools.iter().find(is_missing) {
        None => true,
        Some(tool) => {
            println!("skipped: {tool} is missing");
            false
        }
    }
}

/// What a command prints; it must succeed.
pub fn run(directory: &Path, command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).current_dir(directory).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A DNSKEY record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub tag: u16,
    pub algorithm: u8,
    pub flags: u16,
    pub rdata: Vec<u8>,
}

pub struct Site {
    pub scratch: Scratch,
    pub server: Server,
    pub address: SocketAddr,
    port: u16,
}

impl Site {
    /// Starts a server with these zones and files.
    pub fn start(name: &str, zones: &str, files: &[(&str, &str)]) -> Site {
        Site::start_at(free_port(), name, zones, files)
    }

    /// The same at this port.
    pub fn start_at(port: u16, name: &str, zones: &str, files: &[(&str, &str)]) -> Site {
        let scratch = Scratch::new(&format!("signing-{name}"));
        files.iter().for_each(|(file, text)| drop(scratch.write(file, text)));
        scratch.write("headwater.yaml", &config(port, zones));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
        server.process.wait_for("\"ready\"", 1);
        Site { scratch, server, address, port }
    }

    /// Starts it again, after it has ended.
    pub fn restart(&mut self) {
        self.restart_in(&[]);
    }

    /// The same with these environment variables.
    pub fn restart_in(&mut self, environment: &[(&str, &str)]) {
        self.server = Server::launch_in(&self.scratch, &["--config", "headwater.yaml"], self.address, environment);
        self.server.process.wait_for("\"ready\"", 1);
    }

    /// Has it use another configuration of zones.
    pub fn configure(&mut self, zones: &str) {
        self.scratch.write("headwater.yaml", &self.config_of(zones));
        self.server.reload();
    }

    /// The whole configuration with these zones.
    pub fn config_of(&self, zones: &str) -> String {
        config(self.port, zones)
    }

    /// An answer over TCP.
    pub fn ask(&self, name: &str, rtype: RType) -> Message {
        let answer = tcp(self.address, &query(name, rtype).to_wire(4096)).expect("an answer");
        Message::parse(&answer).expect("a message")
    }

    /// The same with signatures.
    pub fn ask_signed(&self, name: &str, rtype: RType) -> Message {
        let query = query_edns(name, rtype, Edns { dnssec_ok: true, ..Edns::default() });
        Message::parse(&tcp(self.address, &query.to_wire(4096)).expect("an answer")).expect("a message")
    }

    /// The tags of the keys that signed an RRset.
    pub fn signing_tags(&self, name: &str, rtype: RType) -> Vec<u16> {
        let answers = self.ask_signed(name, rtype).answers.into_iter().filter(|record| record.rtype == RType::RRSIG);
        answers.filter_map(|record| Some(Rrsig::parse(&record.rdata)?.key_tag)).collect()
    }

    /// Runs `headwater` with these words.
    pub fn command(&self, words: &[&str]) -> Ran {
        let mut command = headwater(&[words, &["--data", "data"]].concat());
        Ran::of(&command.current_dir(self.scratch.path()).output().expect("headwater runs"))
    }

    /// What `headwater key` prints; it must succeed.
    #[track_caller]
    pub fn key(&self, words: &[&str]) -> String {
        self.command(&[&["key"], words].concat()).ok()
    }

    /// What `headwater health` says, whether all is well or not.
    pub fn health(&self) -> String {
        self.command(&["health", "--json"]).out
    }

    pub fn serial(&self, zone: &str) -> u32 {
        let soa = self.ask(zone, RType::SOA).answers.into_iter().next().expect("a SOA record");
        dns::rdata::typed::Soa::parse(&soa.rdata).expect("a SOA record").serial
    }

    /// The keys that the zone publishes.
    pub fn keys(&self, zone: &str) -> Vec<Key> {
        let answers = self.ask(zone, RType::DNSKEY).answers.into_iter().filter(|record| record.rtype == RType::DNSKEY);
        let key = |rdata: Vec<u8>| Key {
            tag: key_tag(&rdata),
            algorithm: rdata[3],
            flags: u16::from_be_bytes([rdata[0], rdata[1]]),
            rdata,
        };
        answers.map(|record| key(record.rdata)).collect()
    }

    /// The whole zone as text.
    pub fn transfer(&self, zone: &str) -> String {
        let port = self.port.to_string();
        let text = run(self.scratch.path(), &["dig", "@127.0.0.1", "-p", &port, "+noall", "+answer", "AXFR", zone]);
        let lines = text.lines().filter(|line| !line.starts_with(';') && !line.is_empty());
        // One space, one form: whatever columns the tool makes.
        let line = |line: &str| {
            let words = line.split_whitespace().take(4).collect::<Vec<_>>();
            let rest = line.split_whitespace().skip(4).collect::<Vec<_>>().join(" ");
            let mut text = words.join("\t");
            write!(text, "\t{rest}").expect("text");
            text
        };
        lines.map(line).collect::<Vec<_>>().join("\n") + "\n"
    }

    pub fn wait_until_signed(&self, zone: &str) {
        let signed = || (!self.keys(zone).is_empty()).then_some(());
        assert!(until(PATIENCE, signed).is_some(), "{zone} is not signed:\n{}", self.server.process.log());
    }

    /// Has the whole zone verified.
    pub fn verify(&self, zone: &str) {
        let text = self.transfer(zone);
        // The second SOA record ends the transfer.
        let (records, _) = text.trim_end().rsplit_once('\n').expect("records");
        let path = self.scratch.write("verified.zone", &format!("{records}\n"));
        run(self.scratch.path(), &["dnssec-verify", "-q", "-z", "-o", zone, &path.display().to_string()]);
    }

    /// Sends an update, which must be taken.
    #[track_caller]
    pub fn update(&self, zone: &str, lines: &[&str]) {
        assert!(self.tries_update(zone, lines), "{lines:?}: {}", self.server.process.log());
    }

    /// Sends an update; whether it is taken.
    pub fn tries_update(&self, zone: &str, lines: &[&str]) -> bool {
        let script = format!("server 127.0.0.1 {}\nzone {zone}\n{}\nsend\n", self.port, lines.join("\n"));
        let path = self.scratch.write("update", &script);
        Command::new("nsupdate").arg(path).output().expect("nsupdate runs").status.success()
    }

    /// What a validator that trusts the zone's key-signing keys says of a name.
    #[track_caller]
    pub fn validate(&self, zone: &str, name: &str, rtype: &str) {
        let anchors = self.anchors(zone);
        let path = self.scratch.write("anchors", &anchors);
        let (root, name) = (format!("+root={zone}"), format!("{name}.{zone}"));
        let path = path.display().to_string();
        let port = self.port.to_string();
        let command = ["delv", "@127.0.0.1", "-p", &port, "-a", &path, &root, &name, rtype];
        let output = Command::new(command[0]).args(&command[1..]).output().expect("delv runs");
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(said.contains("fully validated"), "{name} {rtype}: {said}\n{}", self.transfer(zone));
    }

    fn anchors(&self, zone: &str) -> String {
        let secure = self.keys(zone).into_iter().filter(|key| key.flags & 1 != 0);
        let zone_name: dns::NameBuf = zone.parse().expect("a name");
        let anchor = |key: Key| {
            let ds = ds_rdata(&zone_name, &key.rdata, DS_SHA256).expect("a digest");
            let text = rdata_text(RType::DS, &ds);
            let words: Vec<&str> = text.split_whitespace().collect();
            format!("{zone} static-ds {} {} {} \"{}\";", words[0], words[1], words[2], words[3..].concat())
        };
        format!("trust-anchors {{ {} }};\n", secure.map(anchor).collect::<Vec<_>>().join(" "))
    }
}

fn config(port: u16, zones: &str) -> String {
    format!(
        "server: {{ workers: 1, listen: [ {{ address: '127.0.0.1:{port}', protocols: [udp, tcp] }} ] }}\n\
         data_dir: data\nweb: {{ enabled: false }}\n{zones}"
    )
}
