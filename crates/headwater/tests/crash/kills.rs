//! SIGKILL at random moments under a stream of updates.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dns::{RType, serial::is_later};

use crate::common::{Random, Scratch, Server};
use crate::model::{Op, Part, Rows};
use crate::node::{self, ZONE};
use crate::transfer::{Snapshot, axfr, ixfr};
use crate::updates::{Connection, stream};
use crate::{fresh_seed, setting};

const CLIENTS: usize = 4;
/// Longest stream of updates between two kills.
const MAX_LOAD_MS: usize = 150;
/// When a start is killed at the latest.
const MAX_START_MS: usize = 60;
/// Names that never change, so that differences are smaller than the zone.
const BALLAST: usize = 2000;
/// Old versions that are remembered.
const MAX_REMEMBERED: usize = 64;

/// What the harness knows of the zone.
struct Known {
    parts: Vec<Part>,
    ballast: Rows,
    /// Versions that were seen.
    versions: VecDeque<Snapshot>,
    /// The serial when the parts were looked at last.
    serial: u32,
    /// The latest serial that anybody saw.
    seen: u32,
    incremental: usize,
    acknowledged: usize,
}

#[test]
fn kills_lose_nothing() {
    let rounds = setting("HEADWATER_CRASH_ROUNDS", 25);
    let seed = setting("HEADWATER_CRASH_SEED", fresh_seed());
    println!("HEADWATER_CRASH_SEED={seed}");
    let scratch = Scratch::new("kills");
    node::prepare(&scratch);
    let mut server = node::start(&scratch);
    let mut known = begin(&server);
    for round in 0..rounds {
        let mut random = Random(seed.wrapping_add(round << 32));
        known.load_and_kill(&mut server, &mut random);
        if random.once_in(3) {
            for _ in 0..=random.below(2) {
                let mut starting = node::launch(&scratch);
                thread::sleep(Duration::from_millis(random.below(MAX_START_MS) as u64));
                starting.process.kill();
            }
        }
        server = node::start(&scratch);
        if let Err(why) = known.check(server.address, &mut random) {
            panic!("seed {seed}, round {round}: {why}\n{}", server.process.log());
        }
    }
    let Known { acknowledged, incremental, serial, .. } = known;
    println!("{rounds} kills, {acknowledged} updates acknowledged, serial {serial}, {incremental} chains followed");
    assert!(acknowledged as u64 > rounds && incremental as u64 > rounds, "too little happened");
    node::stop(server);
}

/// The zone with its ballast.
fn begin(server: &Server) -> Known {
    let mut connection = Connection::open(server.address).expect("connection");
    for first in (0..BALLAST).step_by(100) {
        let add = |i: usize| Op::Add(format!("b{i}.{ZONE}"), RType::A, (i as u32).to_be_bytes().to_vec());
        let ops: Vec<Op> = (first..first + 100).map(add).collect();
        assert_eq!(connection.update(ZONE, &ops).expect("an answer"), 0);
    }
    let version = axfr(server.address, ZONE).expect("the zone");
    Known {
        parts: (0..CLIENTS).map(|number| Part::new(number, ZONE)).collect(),
        ballast: version.rows.clone(),
        serial: version.serial,
        seen: version.serial,
        versions: VecDeque::from([version]),
        incremental: 0,
        acknowledged: 0,
    }
}

impl Known {
    /// Has all clients send updates, and kills the server at some moment.
    fn load_and_kill(&mut self, server: &mut Server, random: &mut Random) {
        let address = server.address;
        let (seeds, wait_ms) = ([(); CLIENTS].map(|()| random.next()), random.below(MAX_LOAD_MS) as u64);
        let transfers = random.once_in(3);
        let over = AtomicBool::new(false);
        let last = self.seen;
        thread::scope(|scope| {
            for (part, seed) in self.parts.iter_mut().zip(seeds) {
                scope.spawn(move || stream(address, ZONE, part, &mut Random(seed), &AtomicBool::new(false)));
            }
            let watcher = scope.spawn(|| watch(address, last, transfers, &over));
            thread::sleep(Duration::from_millis(wait_ms));
            server.process.kill();
            over.store(true, Ordering::Relaxed);
            let (seen, version) = watcher.join().expect("the watcher");
            self.seen = seen;
            self.versions.extend(version);
        });
    }

    /// What a restarted server has.
    fn check(&mut self, server: SocketAddr, random: &mut Random) -> Result<(), String> {
        let now = axfr(server, ZONE)?;
        if is_later(self.seen, now.serial) {
            return Err(format!("serial {} after {} was seen", now.serial, self.seen));
        }
        if self.versions.iter().any(|old| old.serial == now.serial && old.rows != now.rows) {
            return Err(format!("serial {} had other records before", now.serial));
        }
        let (mut least, mut most) = (0, 0);
        for part in &mut self.parts {
            self.acknowledged += part.acknowledged;
            let versions = part.found(&now.rows)?;
            (least, most) = (least + versions.0, most + versions.1);
        }
        let made = now.serial.wrapping_sub(self.serial);
        if !(least..=most).contains(&made) {
            return Err(format!("{made} versions for {least} to {most} changes"));
        }
        let parts: usize = self.parts.iter().map(|part| part.known.len()).sum();
        if now.rows.len() != parts + self.ballast.len() || !self.ballast.is_subset(&now.rows) {
            return Err("records that nobody touched are not what they were".into());
        }
        (self.serial, self.seen) = (now.serial, now.serial);
        for at in [self.versions.len() - 1, random.below(self.versions.len()), 0] {
            let old = &self.versions[at];
            let (new, is_incremental) = ixfr(server, ZONE, old)?;
            if new != now {
                return Err(format!("IXFR from {} gives other records than AXFR", old.serial));
            }
            self.incremental += usize::from(is_incremental);
        }
        self.versions.push_back(now);
        while self.versions.len() > MAX_REMEMBERED {
            self.versions.pop_front();
        }
        Ok(())
    }
}

/// Looks at the serial until the server is gone: it never goes back. Returns the last one, and a version that was
/// transferred meanwhile.
fn watch(server: SocketAddr, mut last: u32, transfers: bool, over: &AtomicBool) -> (u32, Option<Snapshot>) {
    let mut version = None;
    while !over.load(Ordering::Relaxed) {
        if let Some(serial) = node::serial(server) {
            assert!(!is_later(last, serial), "{serial} after {last}");
            last = serial;
        }
        if transfers && version.is_none() {
            version = axfr(server, ZONE).ok();
            if let Some(version) = &version {
                assert!(!is_later(last, version.serial), "{} after {last}", version.serial);
                last = version.serial;
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
    (last, version)
}
