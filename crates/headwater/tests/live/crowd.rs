//! Two hundred who look at once, one of whom takes nothing.

use std::io::Read;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dns::RType;
use serde_json::json;

use crate::common::{Scratch, query};
use crate::site::{Ended, Site, Socket};

/// Who look.
const VIEWERS: usize = 200;
/// Queries a second that are sent, if the machine can.
const RATE: u64 = 20_000;
/// Queries that are sent at once.
const BURST: u64 = 100;
/// The short form.
const SHORT: Duration = Duration::from_secs(6);
/// Tells how many seconds the long form takes.
const LONG: &str = "HEADWATER_LIVE_SECONDS";

/// Sends queries until told to stop; answers are counted and thrown away.
fn flood(address: SocketAddr, stop: &AtomicBool, answered: &AtomicU64) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("connect");
    socket.set_nonblocking(true).expect("nonblocking");
    let packets = ["www.example.", "mail.example.", "no.example."].map(|name| query(name, RType::TXT).to_wire(512));
    let (begin, mut sent, mut buffer) = (Instant::now(), 0, [0; 1500]);
    while !stop.load(Ordering::Relaxed) {
        let due = (begin.elapsed().as_secs_f64() * RATE as f64) as u64;
        for _ in 0..due.saturating_sub(sent).min(BURST) {
            let _ = socket.send(&packets[(sent % 3) as usize]);
            sent += 1;
        }
        // What could not be sent in time is not made up for.
        sent = sent.max(due.saturating_sub(RATE / 10));
        while socket.recv(&mut buffer).is_ok() {
            answered.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Frames that came until told to stop: figures, rows. Panics if the stream ends before.
fn look(mut socket: Socket, stop: &AtomicBool) -> (u64, u64) {
    let (mut figures, mut rows) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        match socket.frame() {
            Ok(frame) if frame["t"] == "stat" => figures += 1,
            Ok(frame) if frame["t"] == "rows" => rows += 1,
            Ok(_) => {}
            Err(ended) => panic!("{ended:?}"),
        }
    }
    (figures, rows)
}

/// Seconds of processor time that a process has used.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().expect("ticks")).sum();
    // The unit that the kernel shows times in is a hundredth of a second.
    ticks / 100.0
}

#[test]
fn many_look_and_one_who_stalls_is_in_nobodys_way() {
    let scratch = Scratch::new("live-crowd");
    let site = Site::start(&scratch, "");
    let long = std::env::var(LONG).ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let time = long.unwrap_or(SHORT);
    let filters = ["", "name:*.example", "code:NXDOMAIN", "client:127.0.0.1 type:TXT"];
    let open = |n: usize| {
        let stream = TcpStream::connect(("127.0.0.1", site.web)).expect("a connection");
        let mut socket = site.open_over(stream, "/api/v1/live", &[site.bearer()]).expect("open");
        socket.send(&json!({"op": "rows", "filter": filters[n % filters.len()], "rate": 40}));
        socket
    };
    let mut stalled = open(0);
    let viewers: Vec<Socket> = (1..VIEWERS).map(open).collect();
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let pid = site.server.process.id();
    let (counts, memory, cpu) = std::thread::scope(|scope| {
        scope.spawn(|| flood(site.server.address, &stop, &answered));
        let viewers: Vec<_> = viewers.into_iter().map(|socket| scope.spawn(|| look(socket, &stop))).collect();
        std::thread::sleep(time / 3);
        let (before, used) = (site.server.process.anonymous_kib(), cpu_seconds(pid));
        answered.store(0, Ordering::Relaxed);
        std::thread::sleep(time * 2 / 3);
        let memory = (before, site.server.process.anonymous_kib());
        let cpu = (cpu_seconds(pid) - used) / (time * 2 / 3).as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        let counts: Vec<(u64, u64)> = viewers.into_iter().map(|viewer| viewer.join().expect("it went on")).collect();
        (counts, memory, cpu)
    });
    let rate = answered.load(Ordering::Relaxed) as f64 / (time * 2 / 3).as_secs_f64();
    let status = site.get("/api/status");
    println!(
        "{VIEWERS} viewers, {rate:.0} answers/s: {:.0} % of a core, {} KiB at first, {} KiB at the end; {}",
        100.0 * cpu,
        memory.0,
        memory.1,
        status["live"]
    );
    // The machine may be busy with something else for a while.
    let least = time.as_secs() / 2;
    assert!(counts.iter().all(|(figures, rows)| *figures >= least && *rows >= 2 * least), "{counts:?}");
    assert!(memory.1 < memory.0 + 16 * 1024, "memory grows: {memory:?} KiB");
    if long.is_some() {
        // What the system has taken for it comes still, and then the end.
        let end = std::iter::repeat_with(|| stalled.frame()).find_map(Result::err);
        assert!(matches!(end, Some(Ended::Closed(1013) | Ended::Broken)), "{end:?}");
        assert_eq!(status["live"]["too_slow"], 1, "{status}");
    }
    let mut octet = [0; 1];
    assert!(stalled.0.get_mut().read(&mut octet).is_ok(), "it was sent something");
}
