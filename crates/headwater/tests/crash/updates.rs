//! Clients that send updates over TCP, many at once, and note what is acknowledged.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dns::message::{Question, Record};
use dns::{Class, Header, Message, NameBuf, Opcode, RType};

use crate::common::Random;
use crate::model::{Op, Part, TTL};

/// Most messages of a connection that wait for their answers.
const MAX_UNDER_WAY: usize = 16;
/// Longer than any answer takes, shorter than anybody's patience.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An UPDATE message (RFC 2136 2).
pub fn message(id: u16, zone: &str, ops: &[Op]) -> Vec<u8> {
    let name = |text: &str| text.parse::<NameBuf>().expect("name");
    let record = |owner: &str, rtype, class, ttl, rdata: &[u8]| Record {
        owner: name(owner),
        rtype,
        class,
        ttl,
        rdata: rdata.to_vec(),
    };
    let line = |op: &Op| match op {
        Op::Add(owner, rtype, data) => record(owner, *rtype, Class::IN, TTL, data),
        Op::DeleteRecord(owner, rtype, data) => record(owner, *rtype, Class::NONE, 0, data),
        Op::DeleteRrset(owner, rtype) => record(owner, *rtype, Class::ANY, 0, &[]),
        Op::DeleteName(owner) => record(owner, RType::ANY, Class::ANY, 0, &[]),
    };
    let message = Message {
        header: Header { id, opcode: Opcode::UPDATE, ..Header::default() },
        questions: vec![Question { name: name(zone), rtype: RType::SOA, class: Class::IN }],
        authorities: ops.iter().map(line).collect(),
        ..Message::default()
    };
    message.to_wire(usize::from(u16::MAX))
}

/// A TCP connection of length-prefixed messages.
pub struct Connection(TcpStream);

impl Connection {
    pub fn open(server: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Connection(stream))
    }

    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.0.write_all(&[&(message.len() as u16).to_be_bytes()[..], message].concat())
    }

    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut len = [0; 2];
        self.0.read_exact(&mut len)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
        self.0.read_exact(&mut message)?;
        Ok(message)
    }

    /// Receives the answer to an update: identifier and code.
    pub fn outcome(&mut self) -> io::Result<(u16, u8)> {
        let answer = self.receive()?;
        assert!(answer.len() >= 12, "{answer:?}");
        Ok((u16::from_be_bytes([answer[0], answer[1]]), answer[3] & 15))
    }

    /// Sends one update and returns its code.
    pub fn update(&mut self, zone: &str, ops: &[Op]) -> io::Result<u8> {
        self.send(&message(1, zone, ops))?;
        self.outcome().map(|(_, rcode)| rcode)
    }
}

/// Sends messages of `part` until the server is gone, or it is `over`: then all that was sent is answered.
pub fn stream(server: SocketAddr, zone: &str, part: &mut Part, random: &mut Random, over: &AtomicBool) {
    let Ok(mut connection) = Connection::open(server) else { return };
    let mut answered = 0;
    loop {
        let is_over = over.load(Ordering::Relaxed);
        if is_over && answered == part.sent.len() {
            return;
        }
        while !is_over && part.sent.len() - answered < 1 + random.below(MAX_UNDER_WAY) {
            let id = part.sent.len() as u16;
            let ops = part.message(random);
            if connection.send(&message(id, zone, &ops)).is_err() {
                // Answers may have come before the end.
                while let Ok(outcome) = connection.outcome() {
                    acknowledge(part, outcome);
                }
                return;
            }
        }
        match connection.outcome() {
            Ok(outcome) => acknowledge(part, outcome),
            Err(_) => return,
        }
        answered += 1;
    }
}

/// Messages of a connection are made in their order.
fn acknowledge(part: &mut Part, (id, rcode): (u16, u8)) {
    assert_eq!(rcode, 0, "update {id} of {:?}", part.sent.get(usize::from(id)));
    part.acknowledged = part.acknowledged.max(usize::from(id) + 1);
}
