//! Two servers, each with a data directory of its own, on one journal: what is changed at one is answered by the other.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dns::RType;

use crate::common::{PATIENCE, Random, Scratch, Server, headwater, until};
use crate::model::{Part, Rows};
use crate::node::{self, ZONE};
use crate::transfer::axfr;
use crate::updates::stream;
use crate::{fresh_seed, setting};

/// Clients of each server.
const CLIENTS: usize = 2;
/// Longest stream of updates of a round.
const MAX_LOAD_MS: usize = 250;

/// Two servers on one journal.
struct Pair {
    scratches: [Scratch; 2],
    servers: [Server; 2],
    /// Where the journal is.
    _shared: Scratch,
}

impl Pair {
    /// `extra`: more lines of the configuration.
    fn start(name: &str, extra: &str) -> Pair {
        let shared = Scratch::new(&format!("{name}-journal"));
        let file = shared.path().join("journal.db");
        let scratches = ["a", "b"].map(|which| Scratch::new(&format!("{name}-{which}")));
        for scratch in &scratches {
            let journal = format!("journal: {{ file: {} }}\n{extra}", file.display());
            scratch.write("headwater.yaml", &(journal + &node::config(&node::journal_zone(ZONE))));
        }
        // At once: both make the journal, its key and the zone.
        let mut servers = scratches.each_ref().map(node::launch);
        servers.iter_mut().for_each(|server| server.process.wait_for("\"ready\"", 1));
        Pair { scratches, servers, _shared: shared }
    }

    fn kill(&mut self, which: usize) {
        self.servers[which].process.kill();
    }

    fn restart(&mut self, which: usize) {
        self.servers[which] = node::start(&self.scratches[which]);
    }

    fn log(&self) -> String {
        self.servers.each_ref().map(|server| server.process.log()).concat()
    }

    /// Waits until the server answers with this; says what it answers in the end.
    fn wait_for(&self, which: usize, name: &str, want: &str) {
        let ask = || self.servers[which].data(name, RType::TXT);
        let found = until(PATIENCE, || (ask() == want).then_some(()));
        assert!(found.is_some(), "server {which}: {name}: {}, not {want}\n{}", ask(), self.log());
    }

    fn stop(self) {
        self.servers.into_iter().for_each(|server| drop(node::stop(server)));
    }
}

#[test]
fn each_answers_what_the_other_changed() {
    let mut pair = Pair::start("shared", "");
    assert!(!pair.scratches[0].path().join("data/journal.db").exists(), "the journal is elsewhere");
    for round in 0..10 {
        let (writer, reader) = (round % 2, 1 - round % 2);
        let (label, text) = (format!("n{round}"), format!("round {round}"));
        assert_eq!(node::add_text(&pair.servers[writer], &label, &text), 0, "{}", pair.log());
        pair.wait_for(reader, &format!("{label}.{ZONE}"), &format!("\"{text}\""));
    }
    // What came while it was away is there after a start, and what comes then.
    pair.kill(1);
    assert_eq!(node::add_text(&pair.servers[0], "away", "x"), 0);
    pair.restart(1);
    assert_eq!(pair.servers[1].data(&format!("away.{ZONE}"), RType::TXT), "\"x\"");
    assert_eq!(node::add_text(&pair.servers[0], "later", "y"), 0);
    pair.wait_for(1, &format!("later.{ZONE}"), "\"y\"");
    // A backup has the shared journal; it is not restored over one that others use.
    let run = |args: &[&str]| {
        let args = [args, &["--config", "headwater.yaml", "--data", "data"]].concat();
        headwater(&args).current_dir(pair.scratches[0].path()).output().expect("headwater runs")
    };
    let made = run(&["backup", "create", "copy"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let refused = run(&["backup", "restore", "copy", "--force"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("other servers may use it"), "{said}");
    pair.stop();
}

/// Users, tokens and keys are the same everywhere, without a restart.
#[test]
fn access_is_shared() {
    let pair = Pair::start("shared-access", "");
    let run = |which: usize, args: &[&str]| {
        let args = [args, &["--config", "headwater.yaml", "--data", "data"]].concat();
        let done = headwater(&args).current_dir(pair.scratches[which].path()).output().expect("headwater runs");
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (done.status.success(), text(&done.stdout) + &text(&done.stderr))
    };
    for (writer, key) in [(0, "one."), (1, "two.")] {
        let (done, said) = run(writer, &["key", "tsig", "create", key]);
        assert!(done, "{said}\n{}", pair.log());
        let listed = until(PATIENCE, || run(1 - writer, &["key", "tsig", "list"]).1.contains(key).then_some(()));
        assert!(listed.is_some(), "{key} at the other server: {}", run(1 - writer, &["key", "tsig", "list"]).1);
    }
    // The second server can open what the first one sealed, and the other way round.
    assert!(!pair.log().contains("TSIG keys cannot be opened"), "{}", pair.log());
    pair.stop();
}

/// Clients of both change one zone, and servers are killed: nothing that was acknowledged is lost, whoever was asked,
/// and both have the same in the end.
#[test]
fn kills_under_load_lose_nothing() {
    let rounds = setting("HEADWATER_SHARED_ROUNDS", 10);
    let seed = setting("HEADWATER_CRASH_SEED", fresh_seed());
    println!("HEADWATER_CRASH_SEED={seed}");
    let mut pair = Pair::start("shared-kills", "");
    let mut parts: Vec<Part> = (0..2 * CLIENTS).map(|number| Part::new(number, ZONE)).collect();
    let mut acknowledged = 0;
    for round in 0..rounds {
        let mut random = Random(seed.wrapping_add(round << 32));
        let killed: Vec<usize> = match random.below(4) {
            0 => vec![],
            1 => vec![0],
            2 => vec![1],
            _ => vec![0, 1],
        };
        load(&mut pair, &mut parts, &killed, &mut random);
        killed.iter().for_each(|&which| pair.restart(which));
        let rows = agreed(&pair).unwrap_or_else(|why| panic!("seed {seed}, round {round}: {why}\n{}", pair.log()));
        for part in &mut parts {
            acknowledged += part.acknowledged;
            if let Err(why) = part.found(&rows) {
                panic!("seed {seed}, round {round}: {why}\n{}", pair.log());
            }
        }
    }
    println!("{rounds} rounds, {acknowledged} updates acknowledged");
    assert!(acknowledged as u64 > rounds, "too little happened");
    pair.stop();
}

/// Has all clients send updates, kills some servers meanwhile, and has the others answer what was sent.
fn load(pair: &mut Pair, parts: &mut [Part], killed: &[usize], random: &mut Random) {
    let addresses = pair.servers.each_ref().map(|server| server.address);
    let over = AtomicBool::new(false);
    let is_right = thread::scope(|scope| {
        let mut clients = Vec::new();
        for (number, part) in parts.iter_mut().enumerate() {
            let (mut random, address) = (Random(random.next()), addresses[number % 2]);
            let over = &over;
            clients.push(scope.spawn(move || stream(address, ZONE, part, &mut random, over)));
        }
        thread::sleep(Duration::from_millis(random.below(MAX_LOAD_MS) as u64));
        killed.iter().for_each(|&which| pair.kill(which));
        thread::sleep(Duration::from_millis(random.below(MAX_LOAD_MS) as u64));
        over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().is_ok()).fold(true, |all, one| all & one)
    });
    assert!(is_right, "{}", pair.log());
}

/// The records that both servers have, once they agree.
fn agreed(pair: &Pair) -> Result<Rows, String> {
    let of = |address: SocketAddr| axfr(address, ZONE);
    let mut last = String::new();
    let found = until(PATIENCE, || {
        let [a, b] = pair.servers.each_ref().map(|server| of(server.address));
        match (a, b) {
            (Ok(a), Ok(b)) if a == b => Some(a.rows),
            (Ok(a), Ok(b)) => {
                last = format!("serials {} and {}, {} and {} records", a.serial, b.serial, a.rows.len(), b.rows.len());
                None
            }
            (a, b) => {
                last = format!("{:?} {:?}", a.err(), b.err());
                None
            }
        }
    });
    found.ok_or(last)
}
