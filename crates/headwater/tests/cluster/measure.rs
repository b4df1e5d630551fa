//! How fast changes come to the servers of a cluster, and how many of them: figures, printed. `HEADWATER_BIN` names the
//! program that is measured; `cargo xtask long cluster` builds and measures the release.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dns::RType;

use crate::Cluster;
use crate::common::{Scratch, query};
use crate::model::Op;
use crate::node::ZONE;
use crate::updates::{Connection, message};

/// Changes whose way is timed.
const TIMED: usize = 400;
/// Questions a second to each of two servers meanwhile.
const LOAD_PER_S: u32 = 5_000;
/// How long changes are counted.
const COUNTED_FOR: Duration = Duration::from_secs(5);
/// Connections that send changes at once, one each.
const OUTSTANDING: usize = 32;

/// Sends questions at a steady rate until `over`, and counts those without an answer.
fn load(server: SocketAddr, over: &AtomicBool, lost: &AtomicU64) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(server).expect("connected");
    socket.set_nonblocking(true).expect("set");
    let question = query(ZONE, RType::SOA).to_wire(512);
    let (begin, mut sent, mut answered, mut buffer) = (Instant::now(), 0u64, 0u64, [0; 512]);
    while !over.load(Ordering::Relaxed) {
        let due = (begin.elapsed().as_secs_f64() * f64::from(LOAD_PER_S)) as u64;
        while sent < due {
            sent += u64::from(socket.send(&question).is_ok());
        }
        while socket.recv(&mut buffer).is_ok() {
            answered += 1;
        }
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(Duration::from_millis(100));
    while socket.recv(&mut buffer).is_ok() {
        answered += 1;
    }
    lost.fetch_add(sent - answered, Ordering::Relaxed);
}

/// Asks until the server has the name; returns when that was.
fn wait_until_answered(server: SocketAddr, name: &str) -> Instant {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(server).expect("connected");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("set");
    let (question, mut buffer) = (query(name, RType::TXT).to_wire(512), [0; 512]);
    loop {
        socket.send(&question).expect("sent");
        let has_answer = socket.recv(&mut buffer).is_ok_and(|len| len > 8 && buffer[7] > 0);
        if has_answer {
            return Instant::now();
        }
        thread::sleep(Duration::from_micros(200));
    }
}

fn text(label: &str) -> Op {
    Op::Add(format!("{label}.{ZONE}"), RType::TXT, b"\x01x".to_vec())
}

/// A percentile of times, in milliseconds.
fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len() - 1)).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

fn print(what: &str, times: &mut [Duration]) {
    let (p50, p99) = (percentile(times, 50), percentile(times, 99));
    println!("{what}: p50 {p50:.2} ms, p99 {p99:.2} ms ({} times)", times.len());
}

/// From the answer at the first server to the answers of the others.
fn time_ways(cluster: &Cluster, tag: &str) {
    let addresses: Vec<SocketAddr> = cluster.servers.iter().map(|server| server.address).collect();
    let mut connection = Connection::open(addresses[0]).expect("a connection");
    let (mut accepting, mut ways) = (Vec::new(), Vec::new());
    for at in 0..TIMED {
        let name = format!("{tag}{at}.{ZONE}");
        let others: Vec<_> = addresses[1..]
            .iter()
            .map(|&address| (address, name.clone()))
            .map(|(address, name)| thread::spawn(move || wait_until_answered(address, &name)))
            .collect();
        thread::sleep(Duration::from_millis(5));
        let begin = Instant::now();
        assert_eq!(connection.update(ZONE, &[text(&format!("{tag}{at}"))]).expect("an answer"), 0);
        let accepted = Instant::now();
        accepting.push(accepted - begin);
        let answered = others.into_iter().map(|other| other.join().expect("answered"));
        ways.push(answered.map(|at| at.saturating_duration_since(accepted)).max().expect("two"));
    }
    print("accepted at one server", &mut accepting);
    print("from there to answered by both others", &mut ways);
}

/// A write by API that waits for all: from the request to its response.
fn time_waits(cluster: &Cluster, tag: &str) {
    let socket = cluster.scratches[0].path().join("data/control.sock");
    let mut times = Vec::new();
    for at in 0..TIMED {
        let body = r#"{"records":["\"x\""],"ttl":60}"#;
        let request = format!(
            "PUT /api/v1/zones/{ZONE}/rrsets/{tag}-wait{at}/TXT?wait=all HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let begin = Instant::now();
        let mut stream = UnixStream::connect(&socket).expect("the control socket");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("received");
        times.push(begin.elapsed());
        assert!(response.contains("\"wait_met\":true"), "{response}");
    }
    print("a write with wait=all", &mut times);
}

/// Changes of so many records each that a server takes from so many connections at once, a second.
fn count(server: SocketAddr, tag: &str, connections: usize, records: usize) {
    let over = Arc::new(AtomicBool::new(false));
    let begin = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|client| {
            let (over, tag) = (over.clone(), format!("{tag}-{client}"));
            thread::spawn(move || {
                let mut connection = Connection::open(server).expect("a connection");
                let mut made = 0u64;
                while !over.load(Ordering::Relaxed) {
                    let ops: Vec<Op> = (0..records).map(|record| text(&format!("{tag}-{made}-{record}"))).collect();
                    connection.send(&message(1, ZONE, &ops)).expect("sent");
                    assert_eq!(connection.outcome().expect("an answer").1, 0);
                    made += 1;
                }
                made
            })
        })
        .collect();
    thread::sleep(COUNTED_FOR);
    over.store(true, Ordering::Relaxed);
    let made: u64 = clients.into_iter().map(|client| client.join().expect("no panic")).sum();
    let per_s = made as f64 / begin.elapsed().as_secs_f64();
    println!(
        "{connections} outstanding, {records} records each: {per_s:.0} changes/s, {:.0} records/s",
        per_s * records as f64
    );
}

#[test]
#[ignore = "prints figures, asserts little: cargo xtask long cluster"]
fn figures() {
    let Some(cluster) = Cluster::start("cluster-measure", "synced") else { return };
    let (over, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    println!("without queries");
    time_ways(&cluster, "quiet");
    time_waits(&cluster, "quiet");
    let loads: Vec<_> = cluster.servers[..2]
        .iter()
        .map(|server| (server.address, over.clone(), lost.clone()))
        .map(|(address, over, lost)| thread::spawn(move || load(address, &over, &lost)))
        .collect();
    println!("with {LOAD_PER_S} queries/s to each of two servers");
    time_ways(&cluster, "busy");
    time_waits(&cluster, "busy");
    over.store(true, Ordering::Relaxed);
    loads.into_iter().for_each(|load| load.join().expect("no panic"));
    println!("queries without an answer: {}", lost.load(Ordering::Relaxed));
    for (which, server) in cluster.servers.iter().enumerate() {
        println!("changes at server {which}");
        count(server.address, &format!("one{which}"), 1, 1);
        count(server.address, &format!("many{which}"), OUTSTANDING, 1);
        count(server.address, &format!("large{which}"), OUTSTANDING, 100);
    }
    cluster.agreed();
    let scratch: &Scratch = &cluster.scratches[0];
    println!(
        "the servers agree; store of one: {} bytes",
        scratch.path().join("data/store.db").metadata().map_or(0, |file| file.len())
    );
    cluster.stop();
}
