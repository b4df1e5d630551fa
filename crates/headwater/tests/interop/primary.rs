//! A primary that does what a test wants: goes away, comes back with an earlier serial, answers IXFR as it likes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use dns::rdata::typed::Soa;
use dns::{Class, Header, Message, NameBuf, Opcode, RType, Rcode, Record};

use crate::tools::free_address;

/// What IXFR is answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ixfr {
    /// The whole zone, if its serial is later than the client's, else the SOA record (RFC 1995 2).
    Whole,
    /// The SOA record alone, whatever the serials are.
    Single,
    /// NOTIMP.
    Unknown,
}

/// What the primary has.
#[derive(Clone, Debug)]
pub struct Known {
    pub serial: u32,
    /// Refresh, retry, expire and minimum.
    pub timers: [u32; 4],
    /// Of the TXT record at the apex.
    pub text: String,
    pub ixfr: Ixfr,
    /// Whether it answers at all.
    pub is_there: bool,
}

/// A running primary of one zone; its threads end with the process.
pub struct Primary {
    pub address: SocketAddr,
    zone: NameBuf,
    known: Arc<Mutex<Known>>,
    asked: Arc<Mutex<Vec<RType>>>,
}

impl Primary {
    pub fn start(zone: &str, known: Known) -> Primary {
        let address = free_address();
        let listener = TcpListener::bind(address).expect("a port");
        let socket = UdpSocket::bind(address).expect("the same port");
        let primary = Primary {
            address,
            zone: zone.parse().expect("a name"),
            known: Arc::new(Mutex::new(known)),
            asked: Arc::default(),
        };
        let (udp, tcp) = (primary.shared(), primary.shared());
        thread::spawn(move || udp.answer_datagrams(&socket));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that leaves is no fault.
                let _ = tcp.answer_stream(stream);
            }
        });
        primary
    }

    fn shared(&self) -> Primary {
        Primary { address: self.address, zone: self.zone.clone(), known: self.known.clone(), asked: self.asked.clone() }
    }

    /// Changes what it has.
    pub fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().expect("lock"));
    }

    /// The types that it was asked for since the last call.
    pub fn asked(&self) -> Vec<RType> {
        std::mem::take(&mut self.asked.lock().expect("lock"))
    }

    /// Tells the secondary at `to` of a serial (RFC 1996).
    pub fn notify(&self, to: SocketAddr, serial: u32) {
        let mut message = Message::query(7, self.zone.clone(), RType::SOA);
        message.header = Header { id: 7, opcode: Opcode::NOTIFY, aa: true, ..Header::default() };
        let known = Known { serial, ..self.known.lock().expect("lock").clone() };
        message.answers.push(self.soa(&known));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        socket.send_to(&message.to_wire(512), to).expect("sent");
        socket.recv(&mut [0; 512]).expect("NOTIFY is answered");
    }

    fn record(&self, rtype: RType, rdata: Vec<u8>) -> Record {
        Record { owner: self.zone.clone(), rtype, class: Class::IN, ttl: 60, rdata }
    }

    fn soa(&self, known: &Known) -> Record {
        let mut rdata = [b"\x02ns\x05other\0", &b"\x04host\x05other\0"[..]].concat();
        std::iter::once(known.serial).chain(known.timers).for_each(|word| rdata.extend_from_slice(&word.to_be_bytes()));
        self.record(RType::SOA, rdata)
    }

    /// The answer to a query, if it answers at all.
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let query = Message::parse(query).ok()?;
        let rtype = query.questions.first()?.rtype;
        let known = self.known.lock().expect("lock").clone();
        if !known.is_there {
            return None;
        }
        self.asked.lock().expect("lock").push(rtype);
        let have = query.authorities.first().and_then(|soa| Soa::parse(&soa.rdata)).map(|soa| soa.serial);
        let mut answer = Message { questions: query.questions.clone(), ..Message::default() };
        answer.header = Header { id: query.header.id, qr: true, aa: true, ..Header::default() };
        let has_later = have.is_none_or(|have| dns::serial::is_later(known.serial, have));
        answer.answers.push(self.soa(&known));
        match (rtype, known.ixfr) {
            (RType::IXFR, Ixfr::Unknown) => {
                answer.answers.clear();
                answer.header.rcode = Rcode::NOTIMP;
            }
            (RType::AXFR, _) | (RType::IXFR, Ixfr::Whole) if has_later => {
                answer.answers.push(self.record(RType::NS, b"\x02ns\x05other\0".to_vec()));
                let text = [&[known.text.len() as u8], known.text.as_bytes()].concat();
                answer.answers.push(self.record(RType::TXT, text));
                answer.answers.push(self.soa(&known));
            }
            _ => {}
        }
        Some(answer.to_wire(65_535))
    }

    fn answer_datagrams(&self, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        while let Ok((octets, from)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = self.answer(&buffer[..octets]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    }

    fn answer_stream(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut prefix = [0; 2];
        stream.read_exact(&mut prefix)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(prefix))];
        stream.read_exact(&mut query)?;
        let Some(answer) = self.answer(&query) else { return Ok(()) };
        stream.write_all(&[&(answer.len() as u16).to_be_bytes()[..], &answer].concat())
    }
}
