//! Reloads under load, by signal, by API and by changes of the file, mixed: no query is lost, memory stays.
//! HEADWATER_RELOADS says how many, 50 without it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use dns::{Message, RType, Rcode};
use dnssec::tsig::{Algorithm, Key, sign_request};
use serde_json::json;

use super::House;
use super::common::{ANSWER_TIMEOUT, Random, query, receive};

const CONFIG: &str = "\
# Under load.
server:
  workers: 2
  watch_config: true
  listen: [{ address: \"127.0.0.1:PORT\" }]
  nsid: n0   # the version
zones: [{ name: z.test, file: z.zone }]
resolver: { enabled: false }
tsig_keys: [{ name: reload., algorithm: hmac-sha256, secret: \"c2VjcmV0IG9mIHRoZSB0ZXN0\" }]
";
/// The secret of the configuration.
const SECRET: &[u8] = b"secret of the test";

/// Threads that ask.
const CLIENTS: u64 = 2;
/// Queries that each has under way.
const WINDOW: usize = 16;
/// After so many reloads the server has all the memory that it needs.
const WARM: u64 = 25;

/// Asks until told to stop; how many answers never came.
fn client(address: SocketAddr, stop: &AtomicBool, asked: &AtomicU64) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("connected");
    socket.set_read_timeout(Some(ANSWER_TIMEOUT)).expect("a timeout");
    let mut lost = 0;
    let key = Arc::new(Key::new("reload.".parse().expect("a name"), Algorithm::HmacSha256, SECRET));
    let now = || UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    while !stop.load(Ordering::Relaxed) {
        for at in 0..WINDOW {
            let mut octets = query("www.z.test", RType::A).to_wire(512);
            // Keys are there all the time.
            if at == 0 {
                sign_request(&key, &mut octets, now());
            }
            socket.send(&octets).expect("sent");
        }
        for _ in 0..WINDOW {
            let mut buffer = [0; 512];
            let Ok(len) = receive(&socket, &mut buffer) else {
                lost += 1;
                continue;
            };
            let answer = Message::parse(&buffer[..len]).expect("well-formed");
            assert_eq!((answer.header.rcode, answer.answers.len()), (Rcode::NOERROR, 1), "{answer:?}");
        }
        asked.fetch_add(WINDOW as u64, Ordering::Relaxed);
    }
    lost
}

/// One reload in one of three ways; now and then a file that is refused.
fn reload(house: &House, number: u64, random: &mut Random) {
    let nsid = format!("n{number}");
    let text = house.file();
    let old = text.split("nsid: ").nth(1).and_then(|rest| rest.split(' ').next()).expect("the version").to_owned();
    let next = text.replace(&format!("nsid: {old} "), &format!("nsid: {nsid} "));
    match random.below(3) {
        // A file that was written just now may be read meanwhile: then the change is to be asked for once more.
        0 => house.wait_until("changed", || {
            let response = house.call("PATCH", "/config", json!({ "server.nsid": nsid }));
            assert!([200, 412].contains(&response.status), "{:?}", response.body);
            response.status == 200
        }),
        1 => {
            house.scratch.write("headwater.yaml", &next);
            house.server.process.signal("HUP");
        }
        _ => drop(house.scratch.write("headwater.yaml", &next)),
    }
    house.wait_until(&nsid, || house.nsid() == nsid);
    if random.once_in(10) {
        let good = house.file();
        house.scratch.write("headwater.yaml", &good.replace("workers: 2", "workers: many"));
        house.server.process.signal("HUP");
        house.scratch.write("headwater.yaml", &good);
        assert_eq!(house.nsid(), nsid);
    }
}

#[test]
fn reloads_of_every_kind_lose_no_query() {
    let reloads: u64 = std::env::var("HEADWATER_RELOADS").ok().and_then(|n| n.parse().ok()).unwrap_or(50);
    let scratch = super::Scratch::new("config-load");
    scratch.write("z.zone", "@ 60 SOA ns host 1 60 60 60 60\n@ 60 NS ns\nns 60 A 192.0.2.1\nwww 60 A 192.0.2.2\n");
    let port = super::free_port();
    scratch.write("headwater.yaml", &CONFIG.replace("PORT", &port.to_string()));
    let server = super::launch(&scratch, port, &[], &[]);
    let house = House { scratch, server };
    let (stop, asked, mut early) = (AtomicBool::new(false), AtomicU64::new(0), 0);
    let lost: u64 = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| client(house.server.address, &stop, &asked))).collect();
        let mut random = Random(7);
        let all = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 1..=reloads {
                reload(&house, number, &mut random);
                early = if number == WARM { house.server.process.anonymous_kib() } else { early };
            }
        }));
        stop.store(true, Ordering::Relaxed);
        let lost = clients.into_iter().map(|client| client.join().expect("a client without wrong answers")).sum();
        all.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        lost
    });
    let (asked, late) = (asked.into_inner(), house.server.process.anonymous_kib());
    println!("{reloads} reloads, {asked} queries, {lost} lost; {early} KiB after {WARM}, {late} KiB at the end");
    assert_eq!(lost, 0, "of {asked} queries:\n{}", house.server.process.log());
    assert!(asked > 1000, "{asked} queries");
    assert!(late < early + early / 4 + 4096, "memory grows: {early} KiB, then {late} KiB");
    assert!(house.file().starts_with("# Under load.\n") && house.file().contains("   # the version\n"));
}
