//! SIGKILL at random moments while zones are signed and keys are replaced: no key, no state and no acknowledged change is
//! lost, and no answer is bogus.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use dns::message::{Question, Record};
use dns::{Class, Header, Message, NameBuf, Opcode, RType, serial::is_later};

use crate::common::{Random, Server, until};
use crate::family::{CHILD, LIMIT, Watched, ZONES};
use crate::site::{Site, has};
use crate::validators::assert_valid;
use crate::{fresh_seed, setting};

/// Names whose data change.
const HOSTS: usize = 12;
/// Names that stay as they are, so that signing the zone anew takes several changes.
const BALLAST: usize = 1100;
/// Longest time between the start of a round and its kill.
const MAX_ROUND_MS: usize = 1200;
/// When a start is killed at the latest.
const MAX_START_MS: usize = 150;
/// States of keys, in the order in which a key has them.
const STATES: [&str; 7] = ["generated", "published", "ready", "active", "retired", "dead", "removed"];

/// What a host has: the last value that was acknowledged, and one that was sent and may have been taken.
#[derive(Clone, Copy, Default)]
struct Host {
    acknowledged: u32,
    sent: u32,
}

/// Replaces the address of a host; whether that was acknowledged. An error: the server is gone.
fn replace(stream: &mut TcpStream, owner: &str, value: u32) -> std::io::Result<bool> {
    let owner: NameBuf = owner.parse().expect("a name");
    let line = |class, ttl, rdata| Record { owner: owner.clone(), rtype: RType::A, class, ttl, rdata };
    let message = Message {
        header: Header { id: 1, opcode: Opcode::UPDATE, ..Header::default() },
        questions: vec![Question { name: CHILD.parse().expect("a name"), rtype: RType::SOA, class: Class::IN }],
        authorities: vec![line(Class::ANY, 0, Vec::new()), line(Class::IN, 1, value.to_be_bytes().to_vec())],
        ..Message::default()
    };
    let message = message.to_wire(usize::from(u16::MAX));
    stream.write_all(&[&(message.len() as u16).to_be_bytes()[..], &message].concat())?;
    let mut len = [0; 2];
    stream.read_exact(&mut len)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut answer)?;
    Ok(answer[3] & 15 == 0)
}

/// Changes hosts until the server is gone; returns how many changes were acknowledged.
fn load(server: SocketAddr, hosts: &mut [Host], random: &mut Random) -> usize {
    let Ok(mut stream) = TcpStream::connect(server) else { return 0 };
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    for acknowledged in 0.. {
        let number = random.below(HOSTS);
        let host = &mut hosts[number];
        host.sent = host.sent.max(host.acknowledged) + 1;
        match replace(&mut stream, &format!("h{number}.{CHILD}"), host.sent) {
            Ok(true) => host.acknowledged = host.sent,
            Ok(false) => panic!("a change of h{number} to {} is refused", host.sent),
            Err(_) => return acknowledged,
        }
    }
    0
}

/// The keys with their states, as positions in [`STATES`].
fn keys(site: &Site) -> BTreeMap<(u64, u64), usize> {
    let lines = site.key(&["list", CHILD, "--json"]);
    let key = |line: &str| {
        let key: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let state = STATES.iter().position(|state| key["state"] == **state).expect("a state");
        ((key["algorithm_number"].as_u64().expect("a number"), key["tag"].as_u64().expect("a tag")), state)
    };
    lines.lines().map(key).collect()
}

/// What the harness knows.
struct Known {
    watched: Watched,
    hosts: Vec<Host>,
    /// Algorithm and tag of each key, and how far it had come.
    keys: BTreeMap<(u64, u64), usize>,
    serial: u32,
    acknowledged: usize,
    /// All keys that there were.
    seen: BTreeSet<(u64, u64)>,
    /// Whether there were NSEC and NSEC3 records.
    denials: BTreeSet<bool>,
}

impl Known {
    fn site(&self) -> &Site {
        &self.watched.site
    }

    /// Begins what the kill is to interrupt; returns a zone that is new, if there is one.
    fn begin(&mut self, round: u64) -> Option<String> {
        let zones = |number: u64| {
            let zones = if number % 2 == 1 { ZONES.replace("nsec3: false", "nsec3: true") } else { ZONES.to_owned() };
            if number / 2 % 2 == 1 { zones.replace("ecdsap256sha256", "ed25519") } else { zones }
        };
        match round % 5 {
            // Refused while one is under way.
            0 => drop(self.site().command(&["key", "roll", CHILD, "--zsk"])),
            1 => self.watched.site.configure(&zones(round / 5)),
            2 => drop(self.site().command(&["key", "roll", CHILD, "--ksk"])),
            3 => {
                let zone = format!("first{round}.test.");
                self.site()
                    .command(&["zone", "create", &zone, "--dnssec", "fast", "--allow-transfer", "127.0.0.0/8"])
                    .ok();
                self.site().command(&["zone", "import", &zone, "first.zone"]).ok();
                return Some(zone);
            }
            _ => {}
        }
        None
    }

    /// Loads the server and kills it at some moment, perhaps again while it starts.
    fn round(&mut self, round: u64, random: &mut Random) {
        let address = self.watched.site.address;
        let (wait_ms, seed) = (random.below(MAX_ROUND_MS) as u64, random.next());
        let mut hosts = self.hosts.clone();
        let loader = thread::spawn(move || (load(address, &mut hosts, &mut Random(seed)), hosts));
        let new = self.begin(round);
        thread::sleep(Duration::from_millis(wait_ms));
        let site = &mut self.watched.site;
        site.server.process.kill();
        let (acknowledged, hosts) = loader.join().expect("the changes are taken");
        (self.hosts, self.acknowledged) = (hosts, self.acknowledged + acknowledged);
        let mut log = site.server.process.log();
        if random.once_in(3) {
            site.server = Server::launch(&site.scratch, &["--config", "headwater.yaml"], address);
            thread::sleep(Duration::from_millis(random.below(MAX_START_MS) as u64));
            site.server.process.kill();
            log += &site.server.process.log();
        }
        site.restart();
        self.check(round, &log, new);
    }

    fn check(&mut self, round: u64, log: &str, new: Option<String>) {
        let serial = self.site().serial(CHILD);
        assert!(!is_later(self.serial, serial), "serial {serial} after {}", self.serial);
        self.serial = serial;
        for (number, host) in self.hosts.iter_mut().enumerate() {
            let name = format!("h{number}.{CHILD}");
            let answer = self.watched.site.ask(&name, RType::A).answers.into_iter().next();
            let value = answer.map_or(0, |record| u32::from_be_bytes(record.rdata.try_into().expect("an address")));
            let range = host.acknowledged..=host.sent.max(host.acknowledged);
            assert!(range.contains(&value), "{name} is {value}, not in {range:?}");
            *host = Host { acknowledged: value, sent: value };
        }
        self.check_keys(log);
        self.watched.follow_child();
        let (host, wild) = (format!("h{}.{CHILD}", round as usize % HOSTS), format!("x{round}.wild.{CHILD}"));
        let (missing, ballast) = (format!("y{round}.{CHILD}"), format!("b{}.{CHILD}", round as usize % BALLAST));
        let names = [&*host, &*wild, &*missing, &*ballast].map(|name| (name, RType::A));
        assert_valid(&self.watched.watchers, &names);
        assert_valid(&self.watched.watchers, &[(CHILD, RType::DNSKEY), (CHILD, RType::SOA), (CHILD, RType::TXT)]);
        self.denials.insert(self.site().ask(CHILD, RType::NSEC3PARAM).answers.is_empty());
        if round.is_multiple_of(10) {
            self.site().verify(CHILD);
        }
        if let Some(zone) = new {
            self.site().wait_until_signed(&zone);
            self.site().verify(&zone);
            self.site().command(&["zone", "delete", &zone]).ok();
        }
    }

    /// Keys go on from where they were, and each has its private key.
    fn check_keys(&mut self, log: &str) {
        let now = keys(self.site());
        let retired = STATES.iter().position(|state| *state == "retired").expect("a state");
        for (key, before) in &self.keys {
            let is_over =
                *before >= retired || log.contains(&format!("\"tag\":{}", key.1)) && log.contains("not needed");
            match now.get(key) {
                Some(state) => assert!(state >= before, "{key:?} was {} and is {}", STATES[*before], STATES[*state]),
                None => assert!(is_over, "{key:?} was {} and is gone:\n{log}", STATES[*before]),
            }
        }
        for ((algorithm, tag), state) in &now {
            let file = format!("data/keys/K{CHILD}+{algorithm:03}+{tag:05}.private");
            let is_there = self.site().scratch.path().join(&file).exists();
            assert!(is_there || STATES[*state] == "removed", "{file} is missing: {}", STATES[*state]);
        }
        self.seen.extend(now.keys());
        self.keys = now;
        let health = self.site().health();
        assert!(!health.contains(".private"), "{health}");
    }
}

#[test]
fn kills_lose_no_key_and_make_nothing_bogus() {
    if !has(&["nsupdate", "dnssec-verify"]) {
        return;
    }
    let rounds = setting("HEADWATER_SIGNING_KILLS", 8);
    let seed = setting("HEADWATER_SIGNING_SEED", fresh_seed());
    println!("HEADWATER_SIGNING_SEED={seed}");
    let mut ballast = String::new();
    (0..BALLAST).for_each(|i| writeln!(ballast, "b{i} A 192.0.2.1").expect("text"));
    let watched = Watched::start("killed", &ballast);
    watched.site.scratch.write("first.zone", &format!("{}{ballast}", crate::family::RECORDS));
    let (keys, serial) = (keys(&watched.site), watched.site.serial(CHILD));
    let hosts = vec![Host::default(); HOSTS];
    let (seen, denials) = (BTreeSet::new(), BTreeSet::new());
    let mut known = Known { watched, hosts, keys, serial, acknowledged: 0, seen, denials };
    for round in 0..rounds {
        known.round(round, &mut Random(seed.wrapping_add(round << 32)));
    }
    let Known { watched, acknowledged, seen, denials, serial, .. } = known;
    let kinds = seen.iter().map(|(algorithm, _)| algorithm).collect::<BTreeSet<_>>();
    println!(
        "{rounds} kills, {acknowledged} changes acknowledged, serial {serial}, {} keys of algorithms {kinds:?}, NSEC3 and NSEC: {}",
        seen.len(),
        denials.len() == 2
    );
    assert!(acknowledged as u64 > rounds && seen.len() > 2, "too little happened");
    let settled = until(LIMIT, || (!watched.site.key(&["state", CHILD]).contains("error")).then_some(()));
    assert!(settled.is_some(), "{}", watched.site.key(&["state", CHILD]));
    watched.site.verify(CHILD);
}
