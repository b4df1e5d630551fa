//! A TCP server with a zone of its own on a free port, and a client that can do what clients should not.
#![allow(dead_code)] // No test uses all of it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dns::{Name, NameBuf, NameHasher, RType};
use dnssec::tsig::KeyRing;
use server::answered::Exit;
use server::control::{Control, Messages, Reply, Request};
use server::limits::TcpLimits;
use server::listen::tcp::{self, ConnectionLimits};
use server::query::Worker;
use server::settings::Settings;
use server::stats::Counter;
use zone::builder::Builder;
use zone::{Published, Zone, ZoneTable};

/// Nothing in these tests takes longer, however slow the machine is.
const PATIENCE: Duration = Duration::from_secs(20);
/// The owner of one A record.
pub const SMALL: &[u8] = b"\x05small\x04test\0";
/// The owner of [`BIG_OCTETS`] of TXT records.
pub const BIG: &[u8] = b"\x03big\x04test\0";
/// The zone.
pub const ZONE: &[u8] = b"\x04test\0";
/// Octets of TXT data at [`BIG`].
pub const BIG_OCTETS: usize = 200 * 256;

/// A server on a thread.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it counts.
    pub exit: Arc<Exit>,
    /// Its limits.
    pub limits: Arc<ConnectionLimits>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
    /// Its sockets, until it runs.
    pub listeners: Vec<TcpListener>,
    /// Its control plane and TSIG keys.
    pub control: Option<Arc<dyn Control>>,
    pub keys: KeyRing,
}

impl Server {
    /// A server that listens but does not run yet.
    pub fn bind(limits: TcpLimits) -> Server {
        let listener = tcp::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        Server {
            address: listener.local_addr().expect("its address"),
            exit: Arc::default(),
            limits: Arc::new(ConnectionLimits::new(limits)),
            stop: Arc::default(),
            thread: None,
            listeners: vec![listener],
            control: None,
            keys: KeyRing::default(),
        }
    }

    /// A server that runs.
    pub fn start(limits: TcpLimits) -> Server {
        let mut server = Server::bind(limits);
        server.run();
        server
    }

    /// A server that runs with a control plane.
    pub fn with_control(limits: TcpLimits, take: impl Fn(Request, Reply) + Send + Sync + 'static) -> Server {
        let mut server = Server::bind(limits);
        server.control = Some(Arc::new(Fake(take)));
        server.run();
        server
    }

    /// Has it run.
    pub fn run(&mut self) {
        let settings = Settings { keys: self.keys.clone(), ..Settings::default() };
        let worker = Worker::new(Published::new(zones()), Published::new(settings), self.exit.clone());
        let worker = worker.with_control(self.control.clone());
        let (limits, stop, listeners) = (self.limits.clone(), self.stop.clone(), std::mem::take(&mut self.listeners));
        self.thread = Some(std::thread::spawn(move || tcp::run(listeners, worker, limits, &stop)));
    }

    /// A connection to it.
    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Client(stream)
    }

    /// Tells it to stop.
    pub fn tell_to_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Stops it; every connection is closed and counted then.
    pub fn stop(mut self) {
        self.tell_to_stop();
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("no panic").expect("no error");
        assert_eq!(self.limits.open(), 0, "all connections are given back");
        assert_eq!(self.exit.stats.tcp_accepted.get(), self.exit.stats.tcp_closed.get());
    }
}

/// Waits until a counter has reached `count`.
pub fn await_count(counter: &Counter, count: u64) {
    let begin = Instant::now();
    while counter.get() < count {
        assert!(begin.elapsed() < PATIENCE, "{} of {count}", counter.get());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A connection as a client has it.
pub struct Client(pub TcpStream);

impl Client {
    /// Sends octets.
    pub fn send(&mut self, octets: &[u8]) {
        self.0.write_all(octets).expect("sent");
    }

    /// The next message; `None` when the server closed the connection.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let mut prefix = [0; 2];
        self.fill(&mut prefix)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(prefix))];
        self.fill(&mut message).expect("a message comes whole");
        Some(message)
    }

    /// Asks for [`SMALL`] and expects its answer.
    pub fn expect_answer(&mut self, id: u16) {
        self.send(&query(id, SMALL, RType::A));
        check_answer(&self.receive().expect("an answer"), id, 1);
    }

    /// Expects that the server closes the connection.
    pub fn expect_close(&mut self) {
        assert_eq!(self.receive(), None);
    }

    fn fill(&mut self, mut octets: &mut [u8]) -> Option<()> {
        while !octets.is_empty() {
            match self.0.read(octets) {
                Ok(0) => return None,
                Ok(read) => octets = &mut octets[read..],
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("cannot receive: {error}"),
            }
        }
        Some(())
    }
}

/// A query with its length before it.
pub fn query(id: u16, name: &[u8], qtype: RType) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message[..2].copy_from_slice(&id.to_be_bytes());
    message.extend_from_slice(name);
    message.extend_from_slice(&qtype.0.to_be_bytes());
    message.extend_from_slice(&1u16.to_be_bytes());
    framed(&message)
}

/// A message without records, of another opcode, with its length before it.
pub fn other(id: u16, opcode: u8, name: &[u8], qtype: RType) -> Vec<u8> {
    let mut message = query(id, name, qtype);
    message[4] |= opcode << 3;
    message
}

/// An update of [`ZONE`] without records.
pub fn update(id: u16) -> Vec<u8> {
    other(id, 5, ZONE, RType::SOA)
}

/// The response to a request of the control plane: its header and question.
pub fn response(request: &[u8]) -> Vec<u8> {
    let mut message = request.to_vec();
    message[2] |= 0x80;
    message
}

/// A control plane that is a function.
pub struct Fake<F>(pub F);

impl<F: Fn(Request, Reply) + Send + Sync> Control for Fake<F> {
    fn take(&self, request: Request, reply: Reply) {
        (self.0)(request, reply);
    }
}

/// Where a message of [`Flood`] has its number.
pub const FLOOD_NUMBER: usize = 23;

/// A transfer of `left` messages of `octets` octets, each with one NULL record that begins with a number.
pub struct Flood {
    pub request: Vec<u8>,
    pub left: u32,
    pub octets: usize,
}

impl Messages for Flood {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.left == 0 {
            return false;
        }
        assert!(out.is_empty());
        self.left -= 1;
        out.extend_from_slice(&response(&self.request[..4]));
        out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 1, 0, 0, 0, 0]);
        out.extend_from_slice(&((self.octets - FLOOD_NUMBER) as u16).to_be_bytes());
        assert_eq!(out.len(), FLOOD_NUMBER);
        out.extend_from_slice(&self.left.to_be_bytes());
        out.resize(self.octets, 0);
        true
    }
}

/// A message with its length before it.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len()).expect("a message");
    [&len.to_be_bytes(), message].concat()
}

/// Checks that `message` is a response without error, with `answers` records.
pub fn check_answer(message: &[u8], id: u16, answers: u16) {
    assert_eq!(message[..2], id.to_be_bytes());
    assert_eq!((message[2] & 0x86, message[3] & 0xf), (0x84, 0), "QR and AA, not TC; NOERROR");
    assert_eq!(message[6..8], answers.to_be_bytes());
}

/// The zone `test.`.
pub fn zones() -> ZoneTable {
    let hasher = NameHasher::new(1);
    let origin: NameBuf = "test.".parse().expect("a name");
    let mut builder = Builder::new(&origin, hasher);
    let soa = [b"\0\0".as_slice(), &[0; 20]].concat();
    let mut add = |owner: &str, rtype, data: &[u8]| {
        let owner: NameBuf = owner.parse().expect("a name");
        builder.add(&owner, rtype, 60, data).expect("in the zone");
    };
    add("test.", RType::SOA, &soa);
    add("test.", RType::NS, b"\x02ns\x07example\0");
    add("small.test.", RType::A, &[192, 0, 2, 1]);
    for i in 0..BIG_OCTETS / 256 {
        add("big.test.", RType::TXT, &[[255].as_slice(), &[i as u8; 255]].concat());
    }
    let (contents, findings) = builder.finish();
    assert!(findings.is_empty(), "{findings:?}");
    let zone = Zone { name: Name::to_owned(&origin), contents: Some(contents), policy: None };
    ZoneTable::new(hasher, vec![Arc::new(zone)])
}
