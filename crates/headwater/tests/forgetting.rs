//! A resolver whose own zones say who answers for others: after a change is acknowledged no answer is what was there before
//! it, also under load and in the middle of resolutions.

mod common;
#[path = "crash/model.rs"]
#[allow(dead_code)]
mod model;
#[path = "crash/updates.rs"]
#[allow(dead_code)]
mod updates;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::{Scratch, Server, free_port, headwater, query, udp};
use dns::{Message, RType};
use model::Op;
use updates::Connection;

/// The zone of the resolver.
const ZONE: &str = "near.test.";
/// Changes of a test.
const ROUNDS: u64 = 60;
/// Clients that ask all the time.
const CLIENTS: usize = 4;
/// Names that they ask for.
const NAMES: u64 = 5;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Two servers of the same zones at 127.0.2.1 and 127.0.2.2, which say `a` and `b`, and a resolver that asks them.
struct Site {
    resolver: Server,
    scratch: Scratch,
    _others: Vec<(Server, Scratch)>,
}

impl Site {
    fn start(name: &str, ttl_s: u32) -> Site {
        let port = free_port();
        let other = |letter: &str, number: u8| {
            let scratch = Scratch::new(&format!("{name}-{letter}"));
            for zone in ["far.near.test", "gone.test"] {
                let text = format!(
                    "$ORIGIN {zone}.\n$TTL {ttl_s}\n@ SOA ns h 1 60 60 60 {ttl_s}\n@ NS ns\nns A 127.0.2.{number}\n\
                     * TXT {letter}\nx TXT x\ny TXT y\n"
                );
                scratch.write(&format!("{zone}.zone"), &text);
            }
            scratch.write("headwater.yaml", "server: { workers: 1 }\nweb: { enabled: false }\nzones_dir: .\n");
            let address = SocketAddr::from(([127, 0, 2, number], port));
            let mut server =
                Server::launch(&scratch, &["--config", "headwater.yaml", "--listen", &address.to_string()], address);
            server.process.wait_for("\"ready\"", 1);
            (server, scratch)
        };
        let others = vec![other("a", 1), other("b", 2)];
        let scratch = Scratch::new(name);
        let config = format!(
            "server: {{ workers: 2 }}\nweb: {{ enabled: false }}\ncache: {{ persist: false }}\n\
             resolver: {{ priming: false, validate: false, trust_anchor_update: false, trust_anchor_signalling: false, \
             upstream_port: {port}, stub_zones: [{{ name: gone.test, servers: ['127.0.2.1:{port}'] }}] }}\n\
             zones:\n  - {{ name: {ZONE}, allow_update: [127.0.0.1] }}\n"
        );
        scratch.write("headwater.yaml", &config);
        let resolver = Server::start(&scratch, &["--config", "headwater.yaml"]);
        Site { resolver, scratch, _others: others }
    }

    fn update(&self, ops: &[Op]) {
        let mut connection = Connection::open(self.resolver.address).expect("a connection");
        assert_eq!(connection.update(ZONE, ops).expect("an answer"), 0, "{}", self.resolver.process.log());
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = headwater(&[args, &["--config", "headwater.yaml", "--data", "data"]].concat());
        command.current_dir(self.scratch.path());
        command
    }
}

/// The last text of the answer; the RCODE if there is none.
fn ask(server: SocketAddr, name: &str) -> String {
    let mut question = query(name, RType::TXT);
    question.header.rd = true;
    let octets = udp(server, &question.to_wire(512), PATIENCE).unwrap_or_else(|| panic!("no answer for {name}"));
    let answer = Message::parse(&octets).expect("a response");
    let text = answer.answers.iter().rev().find(|record| record.rtype == RType::TXT);
    text.map_or(answer.header.rcode.to_string(), |text| String::from_utf8_lossy(&text.rdata[1..]).into_owned())
}

fn wire(name: &str) -> Vec<u8> {
    name.parse::<dns::NameBuf>().expect("a name").as_wire().to_vec()
}

/// Makes changes one after the other while clients ask: `change` of an even round has `names` answered with the first text, of
/// an odd one with the second. Nobody who asks after the acknowledgement gets the other.
fn check(site: &Site, names: &[String], texts: [&str; 2], change: impl Fn(u64) -> Vec<Op> + Sync) {
    site.update(&change(0));
    let (acknowledged, begun, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let address = site.resolver.address;
    let asked = AtomicU64::new(0);
    let look = |name: &str| {
        let before = acknowledged.load(Ordering::SeqCst);
        let said = ask(address, name);
        let after = begun.load(Ordering::SeqCst);
        let may_be = |text: &str| (before..=after).any(|round| texts[(round % 2) as usize] == text);
        assert!(may_be(&said), "{name}: {said} in rounds {before} to {after}\n{}", site.resolver.process.log());
        asked.fetch_add(1, Ordering::Relaxed);
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (over, look) = (&over, &look);
                scope.spawn(move || {
                    let mut next = client;
                    while !over.load(Ordering::Relaxed) {
                        look(&names[next % names.len()]);
                        next += 1;
                    }
                })
            })
            .collect();
        let changes = scope.spawn(|| {
            for round in 1..=ROUNDS {
                begun.store(round, Ordering::SeqCst);
                site.update(&change(round));
                acknowledged.store(round, Ordering::SeqCst);
                names.iter().for_each(|name| look(name));
            }
        });
        let changed = changes.join();
        over.store(true, Ordering::Relaxed);
        let failed = clients.into_iter().map(thread::ScopedJoinHandle::join).find_map(Result::err);
        assert!(failed.is_none() && changed.is_ok(), "an answer was older than the change");
    });
    println!("{ROUNDS} changes, {} answers", asked.load(Ordering::Relaxed));
    assert!(asked.load(Ordering::Relaxed) > ROUNDS * names.len() as u64);
}

#[test]
fn a_delegation_that_leads_elsewhere() {
    let site = Site::start("forgetting-cut", 3600);
    let names: Vec<String> = (0..NAMES).map(|n| format!("n{n}.far.{ZONE}")).collect();
    check(&site, &names, ["a", "b"], |round| {
        let number = (round % 2) as u8 + 1;
        let server = format!("ns{number}.far.{ZONE}");
        let cut = format!("far.{ZONE}");
        vec![
            Op::Add(server.clone(), RType::A, vec![127, 0, 2, number]),
            Op::DeleteRrset(cut.clone(), RType::NS),
            Op::Add(cut, RType::NS, wire(&server)),
        ]
    });
}

#[test]
fn an_alias_that_leads_elsewhere() {
    // Nothing is kept, so that every question is on its way for a while.
    let site = Site::start("forgetting-alias", 0);
    let (cut, server) = (format!("far.{ZONE}"), format!("ns1.far.{ZONE}"));
    site.update(&[Op::Add(server.clone(), RType::A, vec![127, 0, 2, 1]), Op::Add(cut, RType::NS, wire(&server))]);
    let names: Vec<String> = (0..NAMES).map(|n| format!("alias{n}.{ZONE}")).collect();
    check(&site, &names, ["x", "y"], |round| {
        let target = wire(&format!("{}.far.{ZONE}", ["x", "y"][(round % 2) as usize]));
        let changes = names.iter().map(|name| {
            [Op::DeleteRrset(name.clone(), RType::CNAME), Op::Add(name.clone(), RType::CNAME, target.clone())]
        });
        changes.flatten().collect()
    });
}

#[test]
fn a_zone_that_comes_and_goes() {
    let site = Site::start("forgetting-zone", 3600);
    let address = site.resolver.address;
    let run = |args: &[&str]| {
        let done = site.command(args).output().expect("headwater runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    assert_eq!(ask(address, "n.gone.test."), "a");
    let entries = || {
        let shown = site.command(&["cache", "list", "n.gone.test", "--json"]).output().expect("headwater runs");
        String::from_utf8_lossy(&shown.stdout).contains("n.gone.test")
    };
    assert!(entries(), "it is kept");
    run(&["zone", "create", "gone.test"]);
    assert_eq!(ask(address, "n.gone.test."), "NXDOMAIN");
    assert!(!entries(), "what others said of it is forgotten");
    run(&["zone", "delete", "gone.test"]);
    assert_eq!(ask(address, "n.gone.test."), "a");
}
