//! Owned messages (RFC 1035 4) for everything off the hot path: clients, transfers, updates, the
//! resolver, tests. The server reads queries and writes answers without them.
//!
//! [`Message::parse`] takes a message apart, [`Message::to_wire`] puts one together.

mod parse;
mod write;

pub use parse::{MessageError, MessageErrorKind};

use crate::class::Class;
use crate::edns::Edns;
use crate::header::Header;
use crate::name::NameBuf;
use crate::rtype::RType;

/// Longest message: TCP frames it with a 16-bit length (RFC 1035 4.2.2).
pub const MAX_MESSAGE_LEN: usize = 65535;

/// A query or response with everything it consists of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Identifier, flags, opcode, response code.
    pub header: Header,
    /// The question section; the zone section of an UPDATE (RFC 2136 2.3).
    pub questions: Vec<Question>,
    /// The answer section; the prerequisites of an UPDATE.
    pub answers: Vec<Record>,
    /// The authority section; the changes of an UPDATE.
    pub authorities: Vec<Record>,
    /// The additional section, without the OPT record.
    pub additionals: Vec<Record>,
    /// The OPT record.
    pub edns: Option<Edns>,
}

/// What is asked (RFC 1035 4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// QNAME.
    pub name: NameBuf,
    /// QTYPE.
    pub rtype: RType,
    /// QCLASS.
    pub class: Class,
}

/// A resource record (RFC 1035 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name it belongs to.
    pub owner: NameBuf,
    /// TYPE.
    pub rtype: RType,
    /// CLASS; NONE and ANY have a meaning in UPDATE messages (RFC 2136 2.4, 2.5).
    pub class: Class,
    /// Seconds, as they stand on the wire.
    pub ttl: u32,
    /// Record data, uncompressed. Empty in some records of an UPDATE, whatever their type.
    pub rdata: Vec<u8>,
}

impl Message {
    /// A query for one name and type of class IN, with identifier `id` and recursion desired.
    ///
    /// ```
    /// use dns::{Message, RType};
    ///
    /// let query = Message::query(4711, "www.example.org".parse()?, RType::AAAA);
    /// let octets = query.to_wire(512);
    /// assert_eq!(octets.len(), 33);
    /// assert_eq!(Message::parse(&octets).ok(), Some(query));
    /// # Ok::<(), dns::NameError>(())
    /// ```
    pub fn query(id: u16, name: NameBuf, rtype: RType) -> Message {
        Message {
            header: Header { id, rd: true, ..Header::default() },
            questions: vec![Question { name, rtype, class: Class::IN }],
            ..Message::default()
        }
    }
}
