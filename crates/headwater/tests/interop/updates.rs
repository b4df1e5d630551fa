//! `nsupdate` against Headwater and BIND: the same scripts must get the same response codes and leave the same zone,
//! but for its serial (RFC 2136).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::common::{PATIENCE, Scratch, Server, until};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, nsupdate, serial};
use crate::zonefile::LONG_TIMERS;

/// All cases, in the form that the file explains.
const CASES: &str = include_str!("cases.txt");

/// An update and what becomes of it.
struct Case {
    name: &'static str,
    rcode: &'static str,
    changes: bool,
    script: &'static str,
}

fn cases() -> Vec<Case> {
    let blocks = CASES.split("\n= ").skip(1);
    blocks
        .map(|block| {
            let (head, rest) = block.split_once('\n').expect("a script");
            let (name, wanted) = head.rsplit_once(": ").expect("what becomes of it");
            let (rcode, change) = wanted.split_once(' ').expect("response code and change");
            assert!(["changed", "same"].contains(&change), "{head}");
            let script = rest.split("\n\n").next().expect("a script");
            Case { name, rcode, changes: change == "changed", script }
        })
        .collect()
}

/// A zone's records but for the serial, and the serial.
type State = (BTreeSet<String>, Option<u32>);

/// The zone as it is now.
fn state(server: SocketAddr, signing: Signing, zone: &str) -> State {
    let serial = serial(server, zone);
    let hidden = serial.map_or(String::new(), |serial| format!(" {serial} "));
    let records = contents(server, signing, zone);
    let records = records.into_iter().map(|line| match line.contains(" SOA ") {
        true => line.replacen(&hidden, " SERIAL ", 1),
        false => line,
    });
    (records.collect(), serial)
}

/// A zone in BIND's words and in Headwater's. It is what Headwater makes of a new zone.
fn zone(name: &str, signing: Signing, policy: &str, allow_update: &str) -> (Zone, String) {
    let who = signing.key().map_or("127.0.0.1".to_owned(), |(name, ..)| format!("key:{name}"));
    let update = if allow_update.is_empty() { format!("\"{who}\"") } else { allow_update.to_owned() };
    let entry = format!("  - {{ name: {name}, allow_transfer: [\"{who}\"], allow_update: [{update}] }}\n");
    let extra = if policy.is_empty() { String::new() } else { format!("update-policy {{ {policy} }};") };
    let file = format!(
        "{name} 3600 SOA ns.interop.test. hostmaster.{name} 1 {LONG_TIMERS}\n{name} 3600 NS ns.interop.test.\n"
    );
    (Zone { name: name.to_owned(), signing, primary: Some(file), extra }, entry)
}

/// Headwater and BIND with the same zones.
struct Servers {
    _scratch: Scratch,
    ours: Server,
    bind: Peer,
}

impl Servers {
    fn start(scratch: &str, zones: Vec<(Zone, String)>) -> Servers {
        let scratch = Scratch::new(scratch);
        let (zones, entries): (Vec<Zone>, Vec<String>) = zones.into_iter().unzip();
        let ours = tools::headwater(&scratch, free_address(), &entries.concat());
        let bind = Peer::start(Kind::Bind, &scratch, free_address(), ours.address, &zones);
        for zone in &zones {
            let serves = until(PATIENCE, || serial(bind.address, &zone.name));
            assert!(serves.is_some(), "BIND does not serve {}:\n{}", zone.name, bind.process.log());
        }
        Servers { _scratch: scratch, ours, bind }
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        [self.ours.address, self.bind.address]
    }
}

/// A zone of both servers on its way through the cases.
struct Run<'a> {
    addresses: [SocketAddr; 2],
    zone: &'a str,
    signing: Signing,
    options: &'a [&'a str],
    states: [State; 2],
}

impl<'a> Run<'a> {
    fn new(addresses: [SocketAddr; 2], zone: &'a str, signing: Signing, options: &'a [&'a str]) -> Run<'a> {
        let states = addresses.map(|address| state(address, signing, zone));
        assert_eq!(states[0], states[1], "{zone} at the start");
        Run { addresses, zone, signing, options, states }
    }

    /// Runs a case on both; says what is not as it should be.
    fn check(&mut self, case: &Case) -> Vec<String> {
        let script = format!("zone {}\n{}", self.zone, case.script.replace("{z}", self.zone));
        let mut wrong = Vec::new();
        for (at, name) in ["headwater", "bind"].into_iter().enumerate() {
            let rcode = nsupdate(self.addresses[at], self.signing, self.options, &script).err();
            let rcode = rcode.unwrap_or_else(|| "NOERROR".to_owned());
            let after = state(self.addresses[at], self.signing, self.zone);
            let changed = after != self.states[at];
            if (&*rcode, changed) != (case.rcode, case.changes) {
                wrong.push(format!("{name}: {rcode}, changed: {changed}"));
            }
            self.states[at] = after;
        }
        let [ours, bind] = &self.states;
        wrong.extend(ours.0.difference(&bind.0).map(|line| format!("only headwater: {line}")));
        wrong.extend(bind.0.difference(&ours.0).map(|line| format!("only bind: {line}")));
        wrong
    }
}

#[test]
fn scripts_do_what_they_do_to_bind() {
    if !Kind::Bind.is_installed() {
        return;
    }
    let ways: [(&str, Signing, &[&str]); 4] = [
        ("udp.plain.test.", Signing::None, &[]),
        ("tcp.plain.test.", Signing::None, &["-v"]),
        ("udp.key.test.", Signing::Sha512, &[]),
        ("tcp.key.test.", Signing::Sha256, &["-v"]),
    ];
    let zones = ways.iter().map(|(name, signing, _)| zone(name, *signing, "", "")).collect();
    let servers = Servers::start("interop-updates", zones);
    let (addresses, cases) = (servers.addresses(), cases());
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs = ways.map(|(zone, signing, options)| {
            let cases = &cases;
            scope.spawn(move || {
                let mut run = Run::new(addresses, zone, signing, options);
                let check = |case: &Case| Some((case.name, run.check(case))).filter(|(_, wrong)| !wrong.is_empty());
                let wrong: Vec<_> = cases.iter().filter_map(check).collect();
                wrong.into_iter().map(|(name, wrong)| format!("{zone} {name}:\n  {}\n", wrong.join("\n  "))).collect()
            })
        });
        runs.into_iter().flat_map(|run| -> Vec<String> { run.join().expect("a run") }).collect()
    });
    println!("{} updates, {} ways each, on both servers", cases.len(), ways.len());
    assert!(wrong.is_empty(), "{}\n{}", wrong.concat(), servers.ours.process.log());
}
