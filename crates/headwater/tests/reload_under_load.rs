//! Reloads under load: SIGHUP after SIGHUP with zones that change, break, come and go, while clients
//! ask all the time. No query is lost, every answer is from a version that was current between its
//! query and it, and no zone goes back. HEADWATER_SOAK_SECONDS makes it longer.

mod common;

use std::fmt::Write;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{ANSWER_TIMEOUT, PATIENCE, Random, Scratch, Server, free_port, query, receive, until};
use dns::{Message, RType, Rcode};

/// Zones that are always there; one more comes and goes.
const ZONES: usize = 6;
/// Names in each zone that carry its version.
const NAMES: usize = 150;
/// Threads that ask.
const CLIENTS: usize = 3;
/// Queries that each has under way.
const WINDOW: usize = 24;
/// Every so many versions one zone is broken.
const BREAK_EVERY: u64 = 5;

/// The versions that a zone may be in: what is certainly loaded, and what may be by now. For the zone
/// that comes and goes even versions mean that it is not there.
#[derive(Default)]
struct Versions {
    loaded: AtomicU64,
    written: AtomicU64,
}

struct State {
    address: SocketAddr,
    zones: Vec<Versions>,
    stop: AtomicBool,
    asked: AtomicU64,
}

fn zone(version: u64) -> String {
    let mut text = format!("$TTL 60\n@ SOA ns1 host {version} 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n");
    for name in 0..NAMES {
        writeln!(text, "n{name} TXT \"{version}\"").expect("a string takes it");
    }
    text
}

fn config(address: SocketAddr, with_last: bool) -> String {
    let mut text =
        format!("server:\n  workers: 2\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\nzones:\n");
    for number in 0..ZONES + usize::from(with_last) {
        writeln!(text, "  - {{ name: z{number}.test, file: z{number}.test.zone }}").expect("a string takes it");
    }
    text
}

/// Asks until told to stop; panics at the first wrong answer, returns how many never came.
fn client(state: &State, seed: u64) -> u64 {
    let mut random = Random(seed);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
    socket.connect(state.address).expect("connect");
    socket.set_read_timeout(Some(ANSWER_TIMEOUT)).expect("timeout");
    let mut seen = [0; ZONES + 1];
    let (mut lost, mut id) = (0, 0u16);
    while !state.stop.load(Ordering::Relaxed) {
        let before: Vec<u64> = state.zones.iter().map(|zone| zone.loaded.load(Ordering::SeqCst)).collect();
        let first = id;
        let mut asked = [0; WINDOW];
        for zone in &mut asked {
            *zone = random.below(ZONES + 1);
            let mut query = query(&format!("n{}.z{zone}.test", random.below(NAMES)), RType::TXT);
            query.header.id = id;
            id = id.wrapping_add(1);
            socket.send(&query.to_wire(512)).expect("sent");
        }
        let mut latest = seen;
        for _ in 0..WINDOW {
            let mut buffer = [0; 512];
            let Ok(len) = receive(&socket, &mut buffer) else {
                lost += 1;
                continue;
            };
            let answer = Message::parse(&buffer[..len]).expect("well-formed");
            // What came too late for its window was counted as lost.
            let Some(&zone) = asked.get(usize::from(answer.header.id.wrapping_sub(first))) else { continue };
            let written = state.zones[zone].written.load(Ordering::SeqCst);
            let version = version(&answer, before[zone].max(seen[zone])..=written, zone == ZONES);
            latest[zone] = latest[zone].max(version);
        }
        seen = latest;
        state.asked.fetch_add(WINDOW as u64, Ordering::Relaxed);
    }
    lost
}

/// The version that an answer is from, which must be one of `possible`.
fn version(answer: &Message, possible: std::ops::RangeInclusive<u64>, comes_and_goes: bool) -> u64 {
    let (rcode, records) = (answer.header.rcode, &answer.answers);
    if rcode == Rcode::REFUSED && comes_and_goes {
        let even = possible.clone().find(|version| version % 2 == 0);
        return even.unwrap_or_else(|| panic!("refused, though the zone is in version {possible:?}"));
    }
    assert_eq!((rcode, records.len()), (Rcode::NOERROR, 1), "{answer:?}");
    let text = std::str::from_utf8(&records[0].rdata[1..]).expect("text");
    let version = text.parse().expect("a number");
    assert!(possible.contains(&version), "version {version}, but {possible:?} are possible");
    version
}

/// Writes the next version of everything and makes the server load it.
fn next_version(state: &State, scratch: &Scratch, server: &Server, version: u64, random: &mut Random) {
    let broken = version.is_multiple_of(BREAK_EVERY).then(|| 1 + random.below(ZONES - 1));
    for (number, versions) in state.zones.iter().enumerate() {
        let file = format!("z{number}.test.zone");
        if Some(number) == broken {
            scratch.write(&file, "this is no zone\n");
            continue;
        }
        versions.written.store(version, Ordering::SeqCst);
        scratch.write(&file, &zone(version));
    }
    scratch.write("headwater.yaml", &config(state.address, version % 2 == 1));
    for _ in 0..=random.below(3) {
        server.process.signal("HUP");
    }
    for (number, versions) in state.zones.iter().enumerate().filter(|(number, _)| Some(*number) != broken) {
        let gone = number == ZONES && version.is_multiple_of(2);
        let want = if gone { "REFUSED".to_owned() } else { format!("\"{version}\"") };
        let name = format!("n0.z{number}.test");
        // A reload on the way may have read some files before they were written; the last one has not.
        let loaded = until(PATIENCE, || (server.data(&name, RType::TXT) == want).then_some(()));
        assert!(loaded.is_some(), "version {version} of {name} is not loaded:\n{}", server.process.log());
        versions.loaded.store(version, Ordering::SeqCst);
    }
}

#[test]
fn no_query_is_lost_or_wrong() {
    let seconds = std::env::var("HEADWATER_SOAK_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    let scratch = Scratch::new("reload-under-load");
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    for number in 0..=ZONES {
        scratch.write(&format!("z{number}.test.zone"), &zone(0));
    }
    scratch.write("headwater.yaml", &config(address, false));
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    let zones = (0..=ZONES).map(|_| Versions::default()).collect();
    let state = State { address, zones, stop: AtomicBool::new(false), asked: AtomicU64::new(0) };
    let (mut version, mut memory) = (0, 0);
    let lost: u64 = thread::scope(|scope| {
        let state = &state;
        let clients: Vec<_> = (0..CLIENTS).map(|seed| scope.spawn(move || client(state, seed as u64))).collect();
        // Whatever panics here, the clients are told to stop.
        let reloads = catch_unwind(AssertUnwindSafe(|| {
            let (begin, mut random) = (Instant::now(), Random(99));
            while begin.elapsed() < Duration::from_secs(seconds) && !clients.iter().any(|client| client.is_finished()) {
                version += 1;
                next_version(state, &scratch, &server, version, &mut random);
                memory = if version == 10 { server.process.resident_kib() } else { memory };
            }
        }));
        state.stop.store(true, Ordering::Relaxed);
        let lost = clients.into_iter().map(|client| client.join().expect("a client without wrong answers")).sum();
        reloads.unwrap_or_else(|panic| resume_unwind(panic));
        lost
    });
    let asked = state.asked.load(Ordering::Relaxed);
    let (early, late) = (memory, server.process.resident_kib());
    println!("{asked} queries, {lost} lost, {version} versions; {early} KiB after ten, {late} KiB at the end");
    if lost > 0 {
        server.process.signal("USR1");
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(lost, 0, "of {asked} queries:\n{}", server.process.log());
    assert!(version >= 10 && asked > 1000, "{version} versions, {asked} queries");
    assert!(late < early + early / 2 + 8192, "memory grows: {early} KiB, then {late} KiB");
    server.process.signal("TERM");
    assert_eq!(server.process.wait().code(), Some(0));
}
