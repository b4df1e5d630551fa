//! One conversation with a primary (RFC 1034 4.3.5): its serial over UDP, a transfer over TCP. Blocking; the
//! scheduler (`mod.rs`) gives each a thread.

use std::io::{self, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use dns::rdata::typed::Soa;
use dns::{Message, Name, RType, Rcode};
use dnssec::tsig::{self, Key, TsigError};
use zone::xfr::{self, Incoming, Limits, Progress, Step, XfrError};

use crate::clock::now_s;

/// How long a primary may take to answer a datagram, to accept a connection and to send the next octets.
const UDP_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Datagrams that are sent for one question.
const UDP_ATTEMPTS: usize = 2;
/// Datagrams that are read, and passed over because they are not the answer, for one attempt.
const MAX_STRAY: usize = 16;
/// Octets that one system call reads.
const READ_BYTES: usize = 256 << 10;

/// Why a primary is of no use now.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The network.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What it sent.
    #[error("{0}")]
    Transfer(#[from] XfrError),
    /// Its signature.
    #[error("TSIG: {0}")]
    Tsig(#[from] TsigError),
    /// Its refusal.
    #[error("it answers {0}")]
    Rcode(Rcode),
    /// An answer without what was asked for.
    #[error("its answer has no SOA record of the zone, or is not authoritative")]
    NoSoa,
}

/// What a transfer brought.
pub enum Transferred {
    /// Nothing newer.
    UpToDate {
        /// The primary's serial.
        serial: u32,
    },
    /// The whole zone.
    Full(zone::RecordList),
    /// Differences.
    Incremental(Vec<Step>),
}

/// A primary, and the key to talk to it with.
pub struct Primary {
    /// Address and port.
    pub address: SocketAddr,
    /// Signs queries; answers must be signed with it then.
    pub key: Option<Arc<Key>>,
}

impl Primary {
    /// The serial that the primary has of `zone`.
    ///
    /// # Errors
    /// No answer, or one that is none.
    pub fn serial(&self, zone: &Name) -> Result<u32, ClientError> {
        let local = match self.address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = UdpSocket::bind((local, 0))?;
        socket.connect(self.address)?;
        socket.set_read_timeout(Some(UDP_TIMEOUT))?;
        let mut last = ClientError::Io(io::ErrorKind::TimedOut.into());
        for _ in 0..UDP_ATTEMPTS {
            match self.ask_serial(&socket, zone) {
                Err(ClientError::Io(error)) => last = error.into(),
                result => return result,
            }
        }
        Err(last)
    }

    fn ask_serial(&self, socket: &UdpSocket, zone: &Name) -> Result<u32, ClientError> {
        let id = random_id()?;
        let mut query = Message::query(id, zone.to_owned(), RType::SOA);
        query.header.rd = false;
        let mut query = query.to_wire(dns::message::MAX_MESSAGE_LEN);
        let mut expected = self.key.as_ref().map(|key| tsig::sign_request(key, &mut query, now_s()));
        socket.send(&query)?;
        let mut buffer = [0; 4096];
        for _ in 0..MAX_STRAY {
            let octets = receive(socket, &mut buffer)?;
            let mut answer = buffer[..octets].to_vec();
            if answer.get(..2) != Some(&id.to_be_bytes()[..]) {
                continue;
            }
            if let Some(expected) = &mut expected {
                answer = expected.check(&answer, now_s())?;
            }
            let Ok(answer) = Message::parse(&answer) else { continue };
            if !answer.header.qr || answer.questions.first().is_none_or(|question| *question.name != *zone) {
                continue;
            }
            if answer.header.rcode != Rcode::NOERROR {
                return Err(ClientError::Rcode(answer.header.rcode));
            }
            let soa = answer.answers.iter().find(|record| record.rtype == RType::SOA && *record.owner == *zone);
            let soa = soa.filter(|_| answer.header.aa).and_then(|record| Soa::parse(&record.rdata));
            return soa.map(|soa| soa.serial).ok_or(ClientError::NoSoa);
        }
        Err(ClientError::Io(io::ErrorKind::TimedOut.into()))
    }

    /// Transfers `zone`: the difference from `serial` if there is one, else all of it.
    ///
    /// # Errors
    /// Nothing usable came.
    pub fn transfer(&self, zone: &Name, serial: Option<u32>) -> Result<Transferred, ClientError> {
        let id = random_id()?;
        let mut query = xfr::query(id, zone, serial);
        let mut expected = self.key.as_ref().map(|key| tsig::sign_request(key, &mut query, now_s()));
        let mut stream = TcpStream::connect_timeout(&self.address, CONNECT_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_write_timeout(Some(READ_TIMEOUT))?;
        let prefix = (query.len() as u16).to_be_bytes();
        stream.write_all(&[&prefix[..], &query].concat())?;
        let mut stream = BufReader::with_capacity(READ_BYTES, stream);
        let qtype = if serial.is_some() { RType::IXFR } else { RType::AXFR };
        let mut incoming = Incoming::new(zone.to_owned(), qtype, serial, id, Limits::default());
        let mut message = Vec::new();
        // Ends by itself: the limits bound the records, each message has one, and silence is cut off.
        loop {
            let mut prefix = [0; 2];
            read_exact(&mut stream, &mut prefix)?;
            message.resize(usize::from(u16::from_be_bytes(prefix)), 0);
            read_exact(&mut stream, &mut message)?;
            let progress = match &mut expected {
                Some(expected) => incoming.message(&expected.check(&message, now_s())?)?,
                None => incoming.message(&message)?,
            };
            let transferred = match progress {
                Progress::More => continue,
                Progress::UpToDate { serial } => Transferred::UpToDate { serial },
                Progress::Full(records) => Transferred::Full(records),
                Progress::Incremental(steps) => Transferred::Incremental(steps),
            };
            if incoming.ignored() > 0 {
                tracing::warn!(%zone, records = incoming.ignored(), "records outside the zone left out of a transfer");
            }
            if let Some(expected) = expected {
                expected.finish()?;
            }
            return Ok(transferred);
        }
    }
}

/// Receives a datagram; a signal does not end the wait.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.recv(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn read_exact(stream: &mut impl Read, buffer: &mut [u8]) -> Result<(), ClientError> {
    stream.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), "the primary closed the connection in the middle of the transfer").into()
        }
        io::ErrorKind::WouldBlock => io::Error::from(io::ErrorKind::TimedOut).into(),
        _ => error.into(),
    })
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(id))
}
