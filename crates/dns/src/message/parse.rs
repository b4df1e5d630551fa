//! Parses bytes into a [`Message`], strictly: every byte of an accepted message is well-formed.

use super::{MAX_MESSAGE_LEN, Message, Question, Record};
use crate::class::Class;
use crate::edns::{Edns, EdnsError};
use crate::header::{HEADER_LEN, Header, Rcode};
use crate::name::{NameBuf, NameError};
use crate::rdata::{RdataError, wire};
use crate::rtype::RType;

/// Least octets of a question: root name, type, class.
const MIN_QUESTION_LEN: usize = 5;
/// Least octets of a record: root owner, type, class, TTL, data length.
const MIN_RECORD_LEN: usize = 11;

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageErrorKind {
    /// It ends inside its header, a question or a record.
    #[error("message ends early")]
    Truncated,
    /// It is longer than 65535 octets.
    #[error("message longer than 65535 octets")]
    TooLong,
    /// The header counts more questions or records than the octets can hold.
    #[error("the header counts more records than the message holds")]
    BadCount,
    /// A bad domain name.
    #[error("bad domain name: {0}")]
    Name(#[from] NameError),
    /// Record data that is not what its type says.
    #[error("{0}: {1}")]
    Rdata(RType, RdataError),
    /// An OPT record that is not in the additional section or not at the root (RFC 6891 6.1.1).
    #[error("misplaced OPT record")]
    MisplacedOpt,
    /// A second OPT record (RFC 6891 6.1.1).
    #[error("more than one OPT record")]
    RepeatedOpt,
    /// Bad data in the OPT record.
    #[error("{0}")]
    Edns(#[from] EdnsError),
    /// Octets behind the last record.
    #[error("data after the message")]
    TrailingData,
}

/// What is wrong with a message, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (at octet {offset})")]
pub struct MessageError {
    /// What is wrong.
    pub kind: MessageErrorKind,
    /// Where the faulty part begins, in octets from the start of the message.
    pub offset: usize,
}

impl Message {
    /// Takes a whole message apart. Record data is expanded, compressed names in it followed.
    ///
    /// Errors: anything that is not well-formed, octets behind the last record included. Work and
    /// memory are bounded by the length: at most 65535 octets, each record at least eleven.
    pub fn parse(octets: &[u8]) -> Result<Message, MessageError> {
        if octets.len() > MAX_MESSAGE_LEN {
            return Err(MessageError { kind: MessageErrorKind::TooLong, offset: MAX_MESSAGE_LEN });
        }
        let mut reader = Reader { octets, at: 0 };
        let mut header = Header::from_words(reader.u16()?, reader.u16()?);
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let [questions, answers, authorities, additionals] = counts.map(usize::from);
        let records = answers + authorities + additionals;
        if questions * MIN_QUESTION_LEN + records * MIN_RECORD_LEN > octets.len() - HEADER_LEN {
            return Err(reader.error(MessageErrorKind::BadCount));
        }

        let questions = (0..questions).map(|_| reader.question()).collect::<Result<_, _>>()?;
        let answers = reader.records(answers)?;
        let authorities = reader.records(authorities)?;
        let (additionals, edns) = reader.additionals(additionals, &mut header.rcode)?;
        if reader.at != octets.len() {
            return Err(reader.error(MessageErrorKind::TrailingData));
        }
        Ok(Message { header, questions, answers, authorities, additionals, edns })
    }
}

/// A place in a message.
struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

/// A record up to its data, and where its data is.
struct RecordHead {
    start: usize,
    owner: NameBuf,
    rtype: RType,
    class: Class,
    ttl: u32,
    rdata_at: usize,
    rdata_len: usize,
}

impl Reader<'_> {
    fn error(&self, kind: MessageErrorKind) -> MessageError {
        MessageError { kind, offset: self.at }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        match self.octets.get(self.at..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(self.error(MessageErrorKind::Truncated)),
        }
    }

    fn u16(&mut self) -> Result<u16, MessageError> {
        self.chunk().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, MessageError> {
        self.chunk().map(u32::from_be_bytes)
    }

    fn name(&mut self) -> Result<NameBuf, MessageError> {
        let (name, end) = NameBuf::from_message(self.octets, self.at).map_err(|kind| self.error(kind.into()))?;
        self.at = end;
        Ok(name)
    }

    fn question(&mut self) -> Result<Question, MessageError> {
        Ok(Question { name: self.name()?, rtype: RType(self.u16()?), class: Class(self.u16()?) })
    }

    fn records(&mut self, count: usize) -> Result<Vec<Record>, MessageError> {
        (0..count).map(|_| self.record_head().and_then(|head| self.record(head))).collect()
    }

    /// The additional section with its OPT record set apart; that adds its part to `rcode`.
    fn additionals(&mut self, count: usize, rcode: &mut Rcode) -> Result<(Vec<Record>, Option<Edns>), MessageError> {
        let mut records = Vec::new();
        let mut edns = None;
        for _ in 0..count {
            let head = self.record_head()?;
            if head.rtype != RType::OPT {
                records.push(self.record(head)?);
                continue;
            }
            let error = |kind| MessageError { kind, offset: head.start };
            if edns.is_some() {
                return Err(error(MessageErrorKind::RepeatedOpt));
            }
            if !head.owner.is_root() {
                return Err(error(MessageErrorKind::MisplacedOpt));
            }
            let rdata = &self.octets[head.rdata_at..head.rdata_at + head.rdata_len];
            let (opt, extended_rcode) =
                Edns::from_record(head.class.0, head.ttl, rdata).map_err(|kind| error(kind.into()))?;
            // RFC 6891 6.1.3: the OPT record has the upper eight of twelve bits.
            *rcode = Rcode(u16::from(extended_rcode) << 4 | rcode.0);
            edns = Some(opt);
        }
        Ok((records, edns))
    }

    /// Reads a record up to its data, checks that the data is there, and goes behind it.
    fn record_head(&mut self) -> Result<RecordHead, MessageError> {
        let start = self.at;
        let owner = self.name()?;
        let (rtype, class) = (RType(self.u16()?), Class(self.u16()?));
        let (ttl, rdata_len) = (self.u32()?, usize::from(self.u16()?));
        let rdata_at = self.at;
        if rdata_len > self.octets.len() - rdata_at {
            return Err(self.error(MessageErrorKind::Truncated));
        }
        self.at += rdata_len;
        Ok(RecordHead { start, owner, rtype, class, ttl, rdata_at, rdata_len })
    }

    fn record(&self, head: RecordHead) -> Result<Record, MessageError> {
        if head.rtype == RType::OPT {
            return Err(MessageError { kind: MessageErrorKind::MisplacedOpt, offset: head.start });
        }
        let mut rdata = Vec::with_capacity(head.rdata_len);
        // RFC 2136 2.4, 2.5: prerequisites and deletions name a type without giving its data.
        let absent = head.rdata_len == 0 && (head.class == Class::ANY || head.class == Class::NONE);
        if !absent {
            let error = |e| MessageError { kind: MessageErrorKind::Rdata(head.rtype, e), offset: head.rdata_at };
            wire::expand(head.rtype, self.octets, head.rdata_at, head.rdata_len, &mut rdata).map_err(error)?;
        }
        Ok(Record { owner: head.owner, rtype: head.rtype, class: head.class, ttl: head.ttl, rdata })
    }
}
