//! The borrowed reading of a query on the hot path (RFC 1035 4.1, RFC 6891 6.1): one walk over the
//! packet, no allocation. [`crate::message`] is the owned form for everything else.

use crate::class::Class;
use crate::edns;
use crate::header::{HEADER_LEN, Opcode};
use crate::namehash::NameHasher;
use crate::question::HashedName;
use crate::rtype::RType;

/// What the header's flag bits mean, as they stand in its third and fourth octet.
pub mod flags {
    /// Query or response.
    pub const QR: u8 = 0x80;
    /// Authoritative answer.
    pub const AA: u8 = 0x04;
    /// Truncated.
    pub const TC: u8 = 0x02;
    /// Recursion desired.
    pub const RD: u8 = 0x01;
    /// Recursion available (fourth octet).
    pub const RA: u8 = 0x80;
    /// Authentic data (fourth octet, RFC 6840 5.7).
    pub const AD: u8 = 0x20;
    /// Checking disabled (fourth octet, RFC 4035 3.2.2).
    pub const CD: u8 = 0x10;
    /// The four bits of the opcode.
    pub const OPCODE: u8 = 0x78;

    /// What the third and the fourth octet of a response have of its query's: the opcode, and if that is QUERY, RD
    /// (RFC 1035 4.1.1) and CD (RFC 4035 3.2.2). In UPDATE and NOTIFY these bits are zero (RFC 2136 2.2, RFC 1996 4),
    /// and what they mean for an opcode that we do not know, we do not know (RFC 8906 3.1.4).
    #[inline]
    pub const fn kept(third: u8, fourth: u8) -> (u8, u8) {
        match third & OPCODE {
            0 => (third & RD, fourth & CD),
            opcode => (opcode, 0),
        }
    }
}

/// EDNS of a query (RFC 6891).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EdnsQuery {
    /// The largest UDP message that the client takes, in octets, at least 512.
    pub udp_size: u16,
    /// The version asked for; only 0 exists.
    pub version: u8,
    /// DNSSEC OK (RFC 3225).
    pub dnssec_ok: bool,
    /// The options in the packet, as offsets.
    pub options: (u16, u16),
    /// Whether the client asked for the server's identifier (RFC 5001).
    pub nsid: bool,
    /// Whether the client wants to know about TCP keepalive (RFC 7828).
    pub keepalive: bool,
    /// Where the COOKIE option's data stands in the packet, and its length (RFC 7873).
    pub cookie: Option<(u16, u8)>,
}

/// Why a packet is not a query that can be answered by its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswerable {
    /// Not a query at all (a response, or shorter than a header): silence, or it could loop.
    Ignore,
    /// Malformed: FORMERR with the header alone (RFC 1035 4.1.1).
    Malformed,
    /// Malformed behind the question: FORMERR with the question.
    MalformedTail,
    /// An UPDATE (RFC 2136 2) with one zone and records that are well-formed in outline: all that follows the
    /// header is read as of a query.
    Update,
    /// A NOTIFY (RFC 1996 3), read like an UPDATE.
    Notify,
    /// Another opcode than these and QUERY.
    Opcode(u8),
    /// No question, but a cookie: the client wants a server cookie (RFC 7873 5.4).
    CookieOnly,
}

/// A query, without its name, which goes into a [`HashedName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// What is asked for.
    pub qtype: RType,
    /// In which class.
    pub qclass: Class,
    /// Whether the client wants recursion (RD).
    pub recursion_desired: bool,
    /// Where the question ends in the packet.
    pub question_end: u16,
    /// EDNS, if the client speaks it.
    pub edns: Option<EdnsQuery>,
    /// Where a TSIG record starts (RFC 8945), always the last of the packet.
    pub tsig: Option<u16>,
}

impl Default for Query {
    fn default() -> Query {
        Query { qtype: RType(0), qclass: Class::IN, recursion_desired: false, question_end: 0, edns: None, tsig: None }
    }
}

impl Query {
    /// Reads `packet`; its name goes to `qname`.
    ///
    /// On an error after the question, `self` holds what was read up to there.
    #[inline]
    pub fn read(&mut self, packet: &[u8], qname: &mut HashedName, hasher: NameHasher) -> Result<(), Unanswerable> {
        *self = Query::default();
        let Some((header, _)) = packet.split_first_chunk::<HEADER_LEN>() else {
            return Err(Unanswerable::Ignore);
        };
        if header[2] & flags::QR != 0 {
            return Err(Unanswerable::Ignore);
        }
        self.recursion_desired = header[2] & flags::RD != 0;
        let opcode = header[2] >> 3 & 0x0f;
        let count = |i: usize| u16::from_be_bytes([header[i], header[i + 1]]);
        let (questions, answers, authorities, additionals) = (count(4), count(6), count(8), count(10));
        if opcode != 0 {
            return Err(self.read_other(Opcode(opcode), packet, qname, hasher));
        }
        // RFC 9619: a query has one question; none is fine with a cookie alone (RFC 7873 5.4).
        match questions {
            1 => {}
            0 => return self.read_without_question(packet, answers, authorities, additionals),
            _ => return Err(Unanswerable::Malformed),
        }
        let at = self.read_question(packet, qname, hasher).ok_or(Unanswerable::Malformed)?;
        if answers | authorities | additionals == 0 {
            return if packet.len() == at { Ok(()) } else { Err(Unanswerable::MalformedTail) };
        }
        self.read_records(packet, at, u32::from(answers) + u32::from(authorities), additionals)
            .ok_or(Unanswerable::MalformedTail)
    }

    /// Reads the question behind the header; returns where it ends.
    #[inline]
    fn read_question(&mut self, packet: &[u8], qname: &mut HashedName, hasher: NameHasher) -> Option<usize> {
        let at = HEADER_LEN + qname.read(&packet[HEADER_LEN..], hasher).ok()?;
        let fixed = packet[at..].first_chunk::<4>()?;
        self.qtype = RType(u16::from_be_bytes([fixed[0], fixed[1]]));
        self.qclass = Class(u16::from_be_bytes([fixed[2], fixed[3]]));
        self.question_end = (at + 4) as u16;
        Some(at + 4)
    }

    /// Reads a message of another opcode: NOTIFY and UPDATE have one question, or zone, like a query.
    #[cold]
    fn read_other(
        &mut self,
        opcode: Opcode,
        packet: &[u8],
        qname: &mut HashedName,
        hasher: NameHasher,
    ) -> Unanswerable {
        let kind = match opcode {
            Opcode::UPDATE => Unanswerable::Update,
            Opcode::NOTIFY => Unanswerable::Notify,
            Opcode(other) => {
                self.read_edns_of_other(packet, qname, hasher);
                return Unanswerable::Opcode(other);
            }
        };
        let count = |i: usize| u16::from_be_bytes([packet[i], packet[i + 1]]);
        let at = if count(4) == 1 { self.read_question(packet, qname, hasher) } else { None };
        let Some(at) = at else { return Unanswerable::Malformed };
        match self.read_records(packet, at, u32::from(count(6)) + u32::from(count(8)), count(10)) {
            Some(()) => kind,
            None => Unanswerable::MalformedTail,
        }
    }

    /// Looks for EDNS in a message of another opcode, whose records otherwise mean nothing here.
    fn read_edns_of_other(&mut self, packet: &[u8], qname: &mut HashedName, hasher: NameHasher) {
        let count = |i: usize| u16::from_be_bytes([packet[i], packet[i + 1]]);
        let start = match count(4) {
            0 => Some(HEADER_LEN),
            1 => qname.read(&packet[HEADER_LEN..], hasher).ok().map(|len| HEADER_LEN + len + 4),
            _ => None,
        };
        let before = u32::from(count(6)) + u32::from(count(8));
        let read = start.and_then(|start| self.read_records(packet, start, before, count(10)));
        if read.is_none() {
            self.edns = None;
        }
    }

    fn read_without_question(&mut self, packet: &[u8], an: u16, ns: u16, ar: u16) -> Result<(), Unanswerable> {
        self.question_end = HEADER_LEN as u16;
        if an | ns == 0
            && self.read_records(packet, HEADER_LEN, 0, ar).is_some()
            && self.edns.is_some_and(|edns| edns.cookie.is_some())
        {
            return Err(Unanswerable::CookieOnly);
        }
        Err(Unanswerable::Malformed)
    }

    /// Walks the records behind the question; `None` when they are malformed. Every record takes at
    /// least eleven octets of the packet, which bounds the loop.
    fn read_records(&mut self, packet: &[u8], mut at: usize, before: u32, additionals: u16) -> Option<()> {
        for index in 0..before + u32::from(additionals) {
            if self.tsig.is_some() {
                return None; // RFC 8945 5.1: TSIG must be the last record.
            }
            let start = at;
            at = skip_name(packet, at)?;
            let fixed = packet.get(at..)?.first_chunk::<10>()?;
            let rtype = RType(u16::from_be_bytes([fixed[0], fixed[1]]));
            let len = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
            let data = at + 10;
            at = data + len;
            packet.get(data..at)?;
            match rtype {
                RType::OPT => {
                    // RFC 6891 6.1.1: at most one, in the additional section, owned by the root.
                    if index < before || self.edns.is_some() || packet[start] != 0 {
                        return None;
                    }
                    self.edns = Some(read_edns(packet, fixed, data, at)?);
                }
                RType::TSIG if index < before => return None,
                RType::TSIG => self.tsig = Some(start as u16),
                _ => {}
            }
        }
        (at == packet.len()).then_some(())
    }
}

fn read_edns(packet: &[u8], fixed: &[u8; 10], start: usize, end: usize) -> Option<EdnsQuery> {
    let mut edns = EdnsQuery {
        udp_size: u16::from_be_bytes([fixed[2], fixed[3]]).max(512),
        version: fixed[5],
        dnssec_ok: fixed[6] & 0x80 != 0,
        options: (start as u16, end as u16),
        ..EdnsQuery::default()
    };
    let mut at = start;
    while at < end {
        let head = packet.get(at..end)?.first_chunk::<4>()?;
        let code = u16::from_be_bytes([head[0], head[1]]);
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let data = at + 4;
        at = data + len;
        if at > end {
            return None;
        }
        match code {
            edns::code::NSID => edns.nsid = true,
            edns::code::KEEPALIVE => edns.keepalive = true,
            edns::code::COOKIE => {
                // RFC 7873 5.2.2: a client cookie of 8 octets, alone or with a server cookie of 8 to 32.
                if len != 8 && !(16..=40).contains(&len) {
                    return None;
                }
                edns.cookie = edns.cookie.or(Some((data as u16, len as u8)));
            }
            _ => {}
        }
    }
    Some(edns)
}

/// The offset behind the possibly compressed name at `at`; pointers must point backwards.
pub fn skip_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let len = *packet.get(at)? as usize;
        match len & 0xc0 {
            0 if len == 0 => return Some(at + 1),
            0 => at += 1 + len,
            0xc0 => {
                let target = (len & 0x3f) << 8 | *packet.get(at + 1)? as usize;
                return (target < at).then_some(at + 2);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x04test\0\0\x06\0\x01";
    const RECORD: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\xc0\0\x02\x01";
    /// What deletes a record set (RFC 2136 2.5.2).
    const DELETION: &[u8] = b"\xc0\x0c\0\x01\0\xff\0\0\0\0\0\0";
    const OPT: &[u8] = b"\0\0\x29\x10\0\0\0\0\0\0\0";
    const TSIG: &[u8] = b"\x01k\0\0\xfa\0\xff\0\0\0\0\0\0";

    /// A message of this opcode, with so many records in each section.
    fn message(opcode: u8, counts: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let [qd, an, ns, ar] = counts;
        let header = [7, 7, opcode << 3, 0, 0, qd, 0, an, 0, ns, 0, ar];
        [&header, &*parts.concat()].concat()
    }

    /// Reads it; wants this outcome, and TSIG and EDNS or not.
    fn check(message: &[u8], want: Result<(), Unanswerable>, tsig: bool, edns: bool) {
        let (mut query, mut name) = (Query::default(), HashedName::default());
        assert_eq!(query.read(message, &mut name, NameHasher::new(1)), want, "{message:?}");
        assert_eq!((query.tsig.is_some(), query.edns.is_some()), (tsig, edns), "{message:?}");
        if let Ok(()) | Err(Unanswerable::Update | Unanswerable::Notify) = want {
            assert_eq!((query.qtype, query.qclass, query.question_end), (RType::SOA, Class::IN, 22));
            assert_eq!(name.name().to_string(), "test.");
            let at = message.len() - TSIG.len();
            assert!(query.tsig.is_none_or(|tsig| usize::from(tsig) == at), "{message:?}");
        }
    }

    #[test]
    fn queries_notifications_and_updates() {
        for (opcode, want) in [(0, Ok(())), (4, Err(Unanswerable::Notify)), (5, Err(Unanswerable::Update))] {
            let tail = Err(Unanswerable::MalformedTail);
            check(&message(opcode, [1, 0, 0, 0], &[QUESTION]), want, false, false);
            check(&message(opcode, [1, 0, 0, 2], &[QUESTION, OPT, TSIG]), want, true, true);
            check(&message(opcode, [1, 1, 2, 1], &[QUESTION, RECORD, DELETION, RECORD, TSIG]), want, true, false);
            check(&message(opcode, [1, 0, 0, 2], &[QUESTION, TSIG, OPT]), tail, true, false);
            check(&message(opcode, [1, 0, 1, 0], &[QUESTION, TSIG]), tail, false, false);
            check(&message(opcode, [1, 0, 1, 0], &[QUESTION, RECORD, RECORD]), tail, false, false);
            check(&message(opcode, [1, 0, 2, 0], &[QUESTION, RECORD]), tail, false, false);
            check(&message(opcode, [1, 0, 0, 0], &[&QUESTION[..8]]), Err(Unanswerable::Malformed), false, false);
            check(&message(opcode, [2, 0, 0, 0], &[QUESTION, QUESTION]), Err(Unanswerable::Malformed), false, false);
            check(&message(opcode, [0, 0, 0, 0], &[]), Err(Unanswerable::Malformed), false, false);
        }
        check(&message(2, [1, 0, 0, 1], &[QUESTION, OPT]), Err(Unanswerable::Opcode(2)), false, true);
    }
}
