//! Zone transfers as sequences of messages: AXFR (RFC 5936), IXFR (RFC 1995), sent and received.
//!
//! No sockets, no clock, no signatures: the control plane carries the messages, and signs and checks them.
//! [`Outgoing`] is a primary's side, [`condense`] makes its differences; [`Incoming`] is a secondary's, and
//! [`edits`] turns what it received into a change.

mod difference;
mod error;
mod incoming;
mod outgoing;
mod steps;
#[cfg(test)]
mod tests;
mod writer;

use dns::rdata::typed::Soa;
use dns::{Class, Message, Name, NameBuf, RType};

pub use difference::{NoDifference, condense};
pub use error::XfrError;
pub use incoming::{Incoming, Limits, Progress};
pub use outgoing::Outgoing;
pub use steps::{Step, edits};

/// Largest message of a transfer in octets: what TCP carries.
pub const MAX_MESSAGE_LEN: usize = 65_535;

/// A query for a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The message's identifier.
    pub id: u16,
    /// The zone, as the client wrote it.
    pub name: NameBuf,
    /// AXFR or IXFR.
    pub qtype: RType,
    /// The serial that the client has (RFC 1995 3); an IXFR query without one is malformed.
    pub serial: Option<u32>,
    recursion_desired: bool,
    /// Of the client's EDNS: whether DNSSEC is OK.
    edns: Option<bool>,
}

impl Asked {
    /// Reads a query; `None` if it is malformed: not one question of class IN for AXFR or IXFR, or an IXFR
    /// without the client's SOA record.
    pub fn read(message: &[u8]) -> Option<Asked> {
        let message = Message::parse(message).ok()?;
        let [question] = &message.questions[..] else { return None };
        if question.class != Class::IN || !matches!(question.rtype, RType::AXFR | RType::IXFR) {
            return None;
        }
        let mut soas = message.authorities.iter().filter(|r| r.rtype == RType::SOA && r.owner == question.name);
        let serial = soas.find_map(|record| Soa::parse(&record.rdata)).map(|soa| soa.serial);
        if question.rtype == RType::IXFR && serial.is_none() {
            return None;
        }
        Some(Asked {
            id: message.header.id,
            name: question.name.clone(),
            qtype: question.rtype,
            serial,
            recursion_desired: message.header.rd,
            edns: message.edns.map(|edns| edns.dnssec_ok),
        })
    }
}

/// The serial in the data of an SOA record.
fn serial_of(rdata: &[u8]) -> Option<u32> {
    Soa::parse(rdata).map(|soa| soa.serial)
}

/// The query of a secondary that has `serial`, or of one that wants the whole zone (RFC 1995 3, RFC 5936 2.1).
pub fn query(id: u16, zone: &Name, serial: Option<u32>) -> Message {
    let mut message = Message::query(id, zone.to_owned(), if serial.is_some() { RType::IXFR } else { RType::AXFR });
    message.header.rd = false;
    // Only the serial of the client's SOA counts.
    message.authorities.extend(serial.map(|serial| dns::Record {
        owner: zone.to_owned(),
        rtype: RType::SOA,
        class: Class::IN,
        ttl: 0,
        rdata: [&[0, 0], &serial.to_be_bytes()[..], &[0; 16]].concat(),
    }));
    message
}
