//! Sends UPDATE messages (RFC 2136) with TSIG over UDP, and waits for the answers.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dns::message::{Question, Record};
use dns::{Class, Edns, Header, Message, NameBuf, Opcode, RType, Rcode};
use dnssec::tsig::{Algorithm, Expected, Key, sign_request};

use super::ZONE;
use super::server::SECRET;

/// An answer comes within this time, or never.
const PATIENCE: Duration = Duration::from_secs(60);
/// While a server starts, or is busy with signing, questions are asked again after this time.
const IMPATIENCE: Duration = Duration::from_secs(5);

/// A client.
pub struct Client {
    socket: UdpSocket,
    key: Arc<Key>,
    id: u16,
}

impl Client {
    /// Of this server.
    pub fn new(server: SocketAddr) -> Client {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(server).expect("an address");
        let key = Key::new(name("bench."), Algorithm::HmacSha256, SECRET);
        Client { socket, key: Arc::new(key), id: 0 }
    }

    /// Whether the server answers for the zone with signatures, and denies names with them.
    pub fn is_signed(&mut self) -> bool {
        let mut has = |owner: &str, section: fn(&Message) -> &[Record]| {
            self.ask(owner).is_some_and(|answer| section(&answer).iter().any(|record| record.rtype == RType::RRSIG))
        };
        has(&format!("h0.{ZONE}"), |answer| &answer.answers)
            && has(&format!("nothing.{ZONE}"), |answer| &answer.authorities)
    }

    /// An answer with signatures; `None`: none came.
    fn ask(&mut self, owner: &str) -> Option<Message> {
        self.id = self.id.wrapping_add(1);
        let edns = Edns { dnssec_ok: true, ..Edns::default() };
        let query = Message { edns: Some(edns), ..Message::query(self.id, name(owner), RType::A) };
        self.socket.set_read_timeout(Some(IMPATIENCE)).expect("a timeout");
        self.socket.send(&query.to_wire(512)).ok()?;
        let mut buffer = [0; 4096];
        loop {
            let len = self.socket.recv(&mut buffer).ok()?;
            let answer = Message::parse(&buffer[..len]).ok()?;
            if answer.header.id == self.id {
                return Some(answer);
            }
        }
    }

    /// Adds addresses at new names all over the zone, up to `window` messages at once; returns how long each took, in
    /// milliseconds.
    pub fn change(&mut self, names: usize, changes: usize, window: usize) -> Vec<f64> {
        self.socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (mut sent, mut took) = (HashMap::new(), Vec::with_capacity(changes));
        let mut buffer = [0; 4096];
        for number in 0..changes {
            self.id = self.id.wrapping_add(1);
            let (message, expected) = self.update(&owner(number, names, changes), number);
            sent.insert(self.id, (Instant::now(), expected));
            self.socket.send(&message).expect("it is sent");
            while sent.len() >= window || number + 1 == changes && !sent.is_empty() {
                let len = self.socket.recv(&mut buffer).expect("an answer");
                took.extend(answered(&mut sent, &buffer[..len]));
            }
        }
        took
    }

    fn update(&self, owner: &str, number: usize) -> (Vec<u8>, Expected) {
        let record = Record {
            owner: name(owner),
            rtype: RType::A,
            class: Class::IN,
            ttl: 300,
            rdata: (number as u32).to_be_bytes().to_vec(),
        };
        let message = Message {
            header: Header { id: self.id, opcode: Opcode::UPDATE, ..Header::default() },
            questions: vec![Question { name: name(ZONE), rtype: RType::SOA, class: Class::IN }],
            authorities: vec![record],
            ..Message::default()
        };
        let mut message = message.to_wire(4096);
        let expected = sign_request(&self.key, &mut message, now_s());
        (message, expected)
    }

    /// The first and the last change are there, with signatures.
    pub fn check_signed(&mut self, names: usize, changes: usize) {
        for number in [0, changes - 1] {
            let answer = self.ask(&owner(number, names, changes)).expect("an answer");
            let has = |rtype| answer.answers.iter().any(|record| record.rtype == rtype);
            assert!(has(RType::A) && has(RType::RRSIG), "{answer:?}");
        }
    }
}

/// The time since the message that an answer is for.
fn answered(sent: &mut HashMap<u16, (Instant, Expected)>, answer: &[u8]) -> Option<f64> {
    let header = Message::parse(answer).expect("a message").header;
    let (begin, mut expected) = sent.remove(&header.id)?;
    let took = begin.elapsed();
    expected.check(answer, now_s()).expect("signed by the server");
    assert_eq!(header.rcode, Rcode::NOERROR);
    Some(took.as_secs_f64() * 1e3)
}

fn owner(number: usize, names: usize, changes: usize) -> String {
    format!("new{number}.h{}.{ZONE}", number * (names / changes))
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}
