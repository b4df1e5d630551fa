//! 20,000 clients wait for servers that say nothing: what is in the cache is answered beside them as if they were not
//! there, memory has a bound, and all is well again when the servers are back.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dns::{Message, RType, Rcode};

use crate::common::{PATIENCE, Scratch, Server, counter, counters, free_port, receive, until};
use crate::data::{address_record, name};

/// Clients that wait.
const CLIENTS: u32 = 20_000;
/// Sockets they use: an identifier has 16 bits.
const SOCKETS: usize = 8;
/// Names in the cache.
const CACHED: u16 = 200;
/// Questions for them that are under way at a time.
const WINDOW: u16 = 32;
/// How long hits are counted.
const COUNTED: Duration = Duration::from_secs(1);
/// The share of the hits that must be left beside those who wait. The two cores of a small machine also carry the
/// questions that are sent again, this test and others.
const SHARE_LEFT: f64 = 0.4;
/// What may be in use while all wait, in KiB: 20 for each.
const MEMORY_KIB: u64 = 400 << 10;
/// What may be in use afterwards.
const AFTERWARDS_KIB: u64 = 100 << 10;

/// A server for all names. While `silent`, it answers only those that begin with "cached".
struct Upstream {
    address: SocketAddr,
    silent: Arc<AtomicBool>,
    ends: Arc<AtomicBool>,
}

impl Upstream {
    fn start() -> Upstream {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("timeout");
        let (silent, ends) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let upstream = Upstream { address: socket.local_addr().expect("address"), silent, ends };
        let (silent, ends) = (upstream.silent.clone(), upstream.ends.clone());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 4096];
            while !ends.load(Ordering::Relaxed) {
                let Ok((len, client)) = socket.recv_from(&mut buffer) else { continue };
                let mut message = Message::parse(&buffer[..len]).expect("a question");
                let owner = message.questions[0].name.clone();
                let known = owner.to_string().to_ascii_lowercase().starts_with("cached");
                if known || !silent.load(Ordering::Relaxed) {
                    message.header.qr = true;
                    message.header.ra = true;
                    message.edns = None;
                    message.answers.push(address_record(&owner, [192, 0, 2, 1].into()));
                    let _ = socket.send_to(&message.to_wire(1232), client);
                }
            }
        });
        upstream
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

fn question(id: u16, owner: &str) -> Message {
    Message::query(id, name(owner), RType::A)
}

fn socket_to(server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
    socket.connect(server).expect("connect");
    socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
    socket
}

/// Asks for names in the cache; answers a second. None may be lost, or be anything else than an answer.
fn hits(server: SocketAddr) -> f64 {
    let socket = socket_to(server);
    let mut buffer = vec![0; 4096];
    let ask = |id: u16| {
        let question = question(id, &format!("cached{}.example.", id % CACHED));
        socket.send(&question.to_wire(512)).expect("sent");
    };
    (0..WINDOW).for_each(ask);
    let (begin, mut answered, mut next) = (Instant::now(), 0_u32, WINDOW);
    while begin.elapsed() < COUNTED {
        let len = receive(&socket, &mut buffer).expect("an answer");
        // NOERROR, one answer.
        assert_eq!((buffer[3] & 15, buffer[7]), (0, 1), "{:?}", Message::parse(&buffer[..len]));
        answered += 1;
        ask(next);
        next = next.wrapping_add(1);
    }
    f64::from(answered) / begin.elapsed().as_secs_f64()
}

/// Has all clients ask; each thread ends when its clients have their responses: how many were answers, and how many
/// SERVFAIL.
fn wait_for_nothing(server: &Server, scratch: &Scratch) -> Vec<JoinHandle<(u32, u32)>> {
    let taken = || counter(&counters(scratch), "resolver_queries");
    let before = taken();
    let sockets: Vec<_> = (0..SOCKETS).map(|_| socket_to(server.address)).collect();
    for client in 0..CLIENTS {
        let question = question(client as u16, &format!("n{client}.example."));
        sockets[client as usize % SOCKETS].send(&question.to_wire(512)).expect("sent");
        if client % 64 == 0 {
            // The kernel keeps no more for the server.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let all = || (taken() >= before + u64::from(CLIENTS)).then_some(());
    until(PATIENCE, all).expect("all of them wait");
    let clients = |number| (number..CLIENTS).step_by(SOCKETS).count();
    let read = |(number, socket)| std::thread::spawn(move || responses(&socket, clients(number)));
    (0..).zip(sockets).map(read).collect()
}

fn responses(socket: &UdpSocket, count: usize) -> (u32, u32) {
    let (mut answers, mut failures, mut buffer) = (0, 0, vec![0; 4096]);
    for _ in 0..count {
        receive(socket, &mut buffer).expect("a response");
        match Rcode(u16::from(buffer[3] & 15)) {
            Rcode::NOERROR => answers += 1,
            Rcode::SERVFAIL => failures += 1,
            other => panic!("{other}"),
        }
    }
    (answers, failures)
}

#[test]
fn hits_do_not_wait_for_silent_servers() {
    let (scratch, upstream) = (Scratch::new("resolving-silence"), Upstream::start());
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    scratch.write(
        "headwater.yaml",
        &format!(
            "server:\n  workers: 1\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\ndata_dir: data\n\
             resolver: {{ validate: false }}\nupstream_servers: [\"{}\"]\n\
             cache: {{ persist: false, prefetch: false }}\nweb: {{ enabled: false }}\n",
            upstream.address
        ),
    );
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    for i in 0..CACHED {
        assert_eq!(server.ask(&question(i, &format!("cached{i}.example."))).header.rcode, Rcode::NOERROR);
    }
    let alone = hits(address);
    let clients = wait_for_nothing(&server, &scratch);
    let beside = hits(address);
    let memory = server.process.anonymous_kib();
    println!("hits a second: {alone:.0} alone, {beside:.0} beside {CLIENTS} that wait; {} MiB", memory >> 10);
    assert!(beside > alone * SHARE_LEFT, "{beside} instead of {alone}");
    assert!(memory < MEMORY_KIB, "{memory} KiB");
    // Whoever still waits when the servers are back is answered; nobody is forgotten.
    upstream.silent.store(false, Ordering::Relaxed);
    let responses = clients.into_iter().map(|client| client.join().expect("a response for each"));
    let (answers, failures) = responses.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{answers} answers, {failures} failures");
    assert_eq!(answers + failures, CLIENTS);
    assert!(answers > 0, "all had given up before the servers were back");
    assert_eq!(server.ask(&question(1, "new.example.")).header.rcode, Rcode::NOERROR);
    let small = || (server.process.anonymous_kib() < AFTERWARDS_KIB).then_some(());
    until(PATIENCE, small).unwrap_or_else(|| panic!("{} KiB stay in use", server.process.anonymous_kib()));
    assert_eq!(server.ask(&question(2, "cached1.example.")).answers.len(), 1);
}
