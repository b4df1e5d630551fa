//! One conversation with a primary (RFC 1034 4.3.5): its serial over UDP, a transfer over TCP. Blocking; the
//! scheduler (`mod.rs`) gives each a thread.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dns::rdata::typed::Soa;
use dns::{Message, Name, RType, Rcode};
use dnssec::tsig::{Key, TsigError};
use zone::xfr::{self, Incoming, Limits, Progress, Step, XfrError};

use crate::outbound::{self, AnswerError, Attempts, Exchange, Stream, Wait};

/// How long a primary may take to answer a datagram, to accept a connection or a query, and to send the next octets.
const UDP_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Datagrams that are sent for one question.
const UDP_ATTEMPTS: u32 = 2;

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

impl ClientError {
    /// Whether the answer did not arrive, or not as it was sent. An answer without a signature counts: a server that has
    /// no time for the zone now, or a third party, sends such.
    pub fn is_of_connection(&self) -> bool {
        matches!(self, ClientError::Io(_) | ClientError::Tsig(TsigError::Unsigned))
    }
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
        let mut query = Message::query(outbound::random_id().map_err(io::Error::other)?, zone.to_owned(), RType::SOA);
        query.header.rd = false;
        let attempts = Attempts { count: UDP_ATTEMPTS, timeout: UDP_TIMEOUT };
        let take = |answer, _: &[u8]| match answer {
            Ok(answer) => Some(serial_in(&answer, zone)),
            Err(AnswerError::Malformed(_)) => None,
            Err(AnswerError::Tsig(error)) => Some(Err(error.into())),
        };
        let mut exchange = Exchange::new(&query, self.key.as_ref());
        outbound::ask(self.address, &mut exchange, attempts, take).map(|(serial, _)| serial)
    }

    /// Transfers `zone`: the difference from `serial` if there is one, else all of it.
    ///
    /// # Errors
    /// Nothing usable came.
    pub fn transfer(&self, zone: &Name, serial: Option<u32>) -> Result<Transferred, ClientError> {
        let id = outbound::random_id().map_err(io::Error::other)?;
        let mut exchange = Exchange::new(&xfr::query(id, zone, serial), self.key.as_ref());
        let mut stream = Stream::connect(self.address, CONNECT_TIMEOUT)?;
        stream.send(exchange.octets())?;
        let qtype = if serial.is_some() { RType::IXFR } else { RType::AXFR };
        let mut incoming = Incoming::new(zone.to_owned(), qtype, serial, id, Limits::default());
        let mut message = Vec::new();
        // Ends by itself: the limits bound the records, each message has one, and silence is cut off.
        loop {
            stream.receive(&mut message, Wait::Silence(READ_TIMEOUT))?;
            message = exchange.verify(message)?;
            let progress = incoming.message(&message)?;
            let transferred = match progress {
                Progress::More => continue,
                Progress::UpToDate { serial } => Transferred::UpToDate { serial },
                Progress::Full(records) => Transferred::Full(records),
                Progress::Incremental(steps) => Transferred::Incremental(steps),
            };
            if incoming.ignored() > 0 {
                tracing::warn!(%zone, records = incoming.ignored(), "records outside the zone left out of a transfer");
            }
            exchange.finish()?;
            return Ok(transferred);
        }
    }
}

/// The serial in the answer to a question for the SOA record of `zone`.
fn serial_in(answer: &Message, zone: &Name) -> Result<u32, ClientError> {
    if answer.header.rcode != Rcode::NOERROR {
        return Err(ClientError::Rcode(answer.header.rcode));
    }
    let soa = answer.answers.iter().find(|record| record.rtype == RType::SOA && *record.owner == *zone);
    let soa = soa.filter(|_| answer.header.aa).and_then(|record| Soa::parse(&record.rdata));
    soa.map(|soa| soa.serial).ok_or(ClientError::NoSoa)
}
