//! Validating resolvers that watch the server: each trusts the keys of some zones, and asks the server for them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dns::{Edns, Message, RType, Rcode};
use dnssec::digest::{DS_SHA256, ds_rdata};

use crate::common::{PATIENCE, Process, Scratch, free_port, headwater, query_edns, rdata_text, tcp, udp, until};
use crate::site::Site;

/// How long a resolver may take for one answer, each time it is asked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Unbound,
    Bind,
    Knot,
    Headwater,
}

/// A running resolver.
pub struct Validator {
    pub kind: Kind,
    pub process: Process,
    pub address: SocketAddr,
    /// Its own directory.
    _scratch: Scratch,
}

/// The DS records of the keys that sign the keys of a zone, without the owner.
pub fn ds_of(site: &Site, zone: &str) -> Vec<String> {
    let name: dns::NameBuf = zone.parse().expect("a name");
    let secure = site.keys(zone).into_iter().filter(|key| key.flags & 1 != 0);
    secure.map(|key| rdata_text(RType::DS, &ds_rdata(&name, &key.rdata, DS_SHA256).expect("a digest"))).collect()
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Kind::Unbound => "/usr/sbin/unbound",
            Kind::Bind => "/usr/sbin/named",
            Kind::Knot => "/usr/sbin/kresd",
            Kind::Headwater => "",
        }
    }

    /// Starts it with the keys that the zones have now as trust anchors; says so if it is not installed.
    pub fn start(self, site: &Site, zones: &[&str]) -> Option<Validator> {
        let anchors = zones.iter().flat_map(|zone| ds_of(site, zone).into_iter().map(|ds| (*zone, ds)));
        self.start_with(site.address, zones, &anchors.collect::<Vec<_>>())
    }

    /// The same with these DS records.
    pub fn start_with(self, server: SocketAddr, zones: &[&str], anchors: &[(&str, String)]) -> Option<Validator> {
        if self != Kind::Headwater && !Path::new(self.program()).exists() {
            println!("skipped: {} is missing", self.program());
            return None;
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let scratch = Scratch::new(&format!("validator-{self:?}-{}", address.port()));
        let anchor_file: String = anchors.iter().map(|(zone, ds)| format!("{zone} 300 IN DS {ds}\n")).collect();
        scratch.write("anchors", &anchor_file);
        let (config, args) = match self {
            Kind::Unbound => (unbound(address, server, zones), "-d -c resolver.conf"),
            Kind::Bind => (bind(address, server, zones, anchors), "-4 -g -n 1 -c resolver.conf"),
            Kind::Knot => (knot(address, server, zones, anchors), "-n -c resolver.conf ."),
            Kind::Headwater => (ours(address, server, zones), "serve --data data --config resolver.conf"),
        };
        scratch.write("resolver.conf", &config);
        let args: Vec<&str> = args.split(' ').collect();
        let mut command = match self {
            Kind::Headwater => headwater(&args),
            _ => Command::new(self.program()),
        };
        if self != Kind::Headwater {
            command.args(&args);
        }
        let mut process = Process::start(&mut command, scratch.path(), "log");
        let up = until(PATIENCE, || {
            let listens = std::net::TcpStream::connect(address).is_ok();
            (listens || !process.is_running()).then_some(listens)
        });
        assert_eq!(up, Some(true), "{self:?} does not start:\n{}", process.log());
        Some(Validator { kind: self, process, address, _scratch: scratch })
    }
}

impl Validator {
    /// The answer to a question with DO, over TCP if it does not fit.
    pub fn ask(&self, name: &str, rtype: RType) -> Option<Message> {
        let edns = Edns { dnssec_ok: true, udp_size: 1232, ..Edns::default() };
        let mut query = query_edns(name, rtype, edns);
        query.header.rd = true;
        let query = query.to_wire(512);
        // A machine that is busy may take its time.
        let answer = (0..3).find_map(|_| udp(self.address, &query, ANSWER_TIMEOUT))?;
        let answer = Message::parse(&answer).ok()?;
        if !answer.header.tc {
            return Some(answer);
        }
        Message::parse(&tcp(self.address, &query).ok()?).ok()
    }
}

/// Unbound and BIND, if they are there, once each has validated a name.
pub fn watchers(site: &Site, zones: &[&str], name: &str) -> Vec<Validator> {
    let all: Vec<Validator> = [Kind::Unbound, Kind::Bind].iter().filter_map(|kind| kind.start(site, zones)).collect();
    for validator in &all {
        let up = || validator.ask(name, RType::A).filter(|answer| answer.header.ad);
        let (kind, log) = (validator.kind, &validator.process);
        assert!(until(PATIENCE, up).is_some(), "{kind:?}: {}\n{}", log.log(), site.server.process.log());
    }
    all
}

/// Every validator finds a secure answer to every question, positive or negative.
#[track_caller]
pub fn assert_valid(validators: &[Validator], questions: &[(&str, RType)]) {
    for validator in validators {
        let (kind, log) = (validator.kind, &validator.process);
        for (name, rtype) in questions {
            let answer = validator.ask(name, *rtype);
            let answer = answer.unwrap_or_else(|| panic!("{kind:?} gives no answer: {}", log.log()));
            let is_good = answer.header.ad && matches!(answer.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN);
            assert!(is_good, "{kind:?}: {name} {rtype}: {answer:?}\n{}", log.log());
        }
    }
}

fn unbound(address: SocketAddr, server: SocketAddr, zones: &[&str]) -> String {
    let stub = |zone: &&str| format!("stub-zone:\n  name: \"{zone}\"\n  stub-addr: 127.0.0.1@{}\n", server.port());
    format!(
        "server:\n  interface: 127.0.0.1@{0}\n  port: {0}\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  \
         directory: \".\"\n  pidfile: \"\"\n  use-syslog: no\n  logfile: \"\"\n  verbosity: 1\n  val-log-level: 2\n  \
         do-not-query-localhost: no\n  do-ip6: no\n  num-threads: 1\n  trust-anchor-file: anchors\n  \
         local-zone: \"test.\" nodefault\n  module-config: \"validator iterator\"\n  infra-host-ttl: 1\n  \
         aggressive-nsec: no\n  harden-below-nxdomain: no\n  \
         infra-keep-probing: yes\nremote-control:\n  control-enable: no\n{1}",
        address.port(),
        zones.iter().map(stub).collect::<String>()
    )
}

fn bind(address: SocketAddr, server: SocketAddr, zones: &[&str], anchors: &[(&str, String)]) -> String {
    let anchor = |(zone, ds): &(&str, String)| {
        let words: Vec<&str> = ds.split_whitespace().collect();
        format!("\"{zone}\" static-ds {} {} {} \"{}\"; ", words[0], words[1], words[2], words[3..].concat())
    };
    let forward = |zone: &&str| {
        let port = server.port();
        format!("zone \"{zone}\" {{ type forward; forward only; forwarders {{ 127.0.0.1 port {port}; }}; }};\n")
    };
    format!(
        "options {{ directory \".\"; listen-on port {} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion yes; \
         allow-query {{ any; }}; dnssec-validation yes; pid-file none; empty-zones-enable no; session-keyfile none; \
         managed-keys-directory \".\"; servfail-ttl 0; }};\ncontrols {{ }};\ntrust-anchors {{ {} }};\n{}",
        address.port(),
        anchors.iter().map(anchor).collect::<String>(),
        zones.iter().map(forward).collect::<String>()
    )
}

fn knot(address: SocketAddr, server: SocketAddr, zones: &[&str], anchors: &[(&str, String)]) -> String {
    let anchor = |(zone, ds): &(&str, String)| format!("trust_anchors.add('{zone} 300 IN DS {ds}')\n");
    let forward = |zone: &&str| {
        let port = server.port();
        format!("policy.add(policy.suffix(policy.FORWARD('127.0.0.1@{port}'), {{ todname('{zone}') }}))\n")
    };
    format!(
        "net.listen('127.0.0.1', {}, {{ kind = 'dns' }})\nnet.ipv6 = false\nmodules.unload('ta_update')\n\
         modules.unload('ta_signal_query')\nmodules.unload('detect_time_skew')\ntrust_anchors.remove('.')\n\
         cache.size = 20 * MB\n{}{}",
        address.port(),
        anchors.iter().map(anchor).collect::<String>(),
        zones.iter().map(forward).collect::<String>()
    )
}

fn ours(address: SocketAddr, server: SocketAddr, zones: &[&str]) -> String {
    let stub = |zone: &&str| format!("{{ name: {zone}, servers: [\"{server}\"] }}");
    format!(
        "server:\n  workers: 1\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\n\
         resolver:\n  trust_anchor_files: [anchors]\n  trust_anchor_update: false\n  trust_anchor_signalling: false\n  \
         priming: false\n  upstream_port: {}\n  stub_zones: [{}]\ncache: {{ persist: false, prefetch: false }}\n\
         web: {{ enabled: false }}\n",
        server.port(),
        zones.iter().map(stub).collect::<Vec<_>>().join(", ")
    )
}
