//! The messages that a primary answers a transfer query with (RFC 5936 2.2, RFC 1995 4), read one after
//! the other into lists of records.
//!
//! The caller has checked and removed signatures. The messages come from outside: their size is bounded, and every field
//! is checked.

use dns::header::HEADER_LEN;
use dns::name;
use dns::rdata::wire;
use dns::{Class, Header, Name, NameBuf, Opcode, RType, Rcode, serial};

use super::{Step, XfrError, serial_of};
use crate::records::{RecordList, RecordListBuilder};

/// Octets of a record between its owner and its data.
const FIXED_LEN: usize = 10;

/// What one transfer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most records.
    pub records: u64,
    /// Most octets, records uncompressed.
    pub octets: u64,
}

impl Default for Limits {
    /// Room for the largest zones there are.
    fn default() -> Limits {
        Limits { records: 1 << 29, octets: 1 << 35 }
    }
}

/// What is known after a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// There is more to come. After the one message of a UDP answer: ask again over TCP (RFC 1995 4).
    More,
    /// The primary has nothing newer than we have.
    UpToDate {
        /// The primary's serial.
        serial: u32,
    },
    /// The whole zone, its SOA record first and once.
    Full(RecordList),
    /// Differences, each from the serial where the one before ends.
    Incremental(Vec<Step>),
}

/// A transfer being received.
pub struct Incoming {
    zone: NameBuf,
    qtype: RType,
    serial: Option<u32>,
    id: u16,
    limits: Limits,
    state: State,
    /// The serial of the first SOA record: that of the zone afterwards.
    target: u32,
    steps: Vec<Step>,
    ignored: u64,
    /// The record at hand: its owner, uncompressed, whether that is in the zone, its data.
    owner: Vec<u8>,
    in_zone: bool,
    rdata: Vec<u8>,
}

enum State {
    /// Nothing has come yet.
    Start,
    /// The first SOA record has.
    Second(RecordListBuilder),
    /// The zone as a whole.
    Whole(RecordListBuilder),
    /// What goes, from this serial.
    Deleting(u32, RecordListBuilder),
    /// What comes, between these serials; and what goes.
    Adding(u32, u32, RecordList, RecordListBuilder),
    /// All is there, or an error was.
    Done,
}

/// A record's fixed part.
struct Fixed {
    rtype: RType,
    ttl: u32,
}

impl Incoming {
    /// A transfer of `zone` that was asked for with this type and identifier; `serial` is that of the query,
    /// for IXFR.
    pub fn new(zone: NameBuf, qtype: RType, serial: Option<u32>, id: u16, limits: Limits) -> Incoming {
        Incoming {
            zone,
            qtype,
            serial: serial.filter(|_| qtype == RType::IXFR),
            id,
            limits,
            state: State::Start,
            target: 0,
            steps: Vec::new(),
            ignored: 0,
            owner: Vec::with_capacity(255),
            in_zone: false,
            rdata: Vec::new(),
        }
    }

    /// Records that were left out because their owners are not in the zone.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Takes the next message, at most 65,535 octets. After anything but [`Progress::More`] there is no next.
    pub fn message(&mut self, message: &[u8]) -> Result<Progress, XfrError> {
        let result = self.read_message(message);
        if result != Ok(Progress::More) {
            self.state = State::Done;
        }
        result
    }

    fn read_message(&mut self, message: &[u8]) -> Result<Progress, XfrError> {
        let (mut at, answers) = self.read_head(message)?;
        self.owner.clear();
        for left in (0..answers).rev() {
            let fixed;
            (fixed, at) = self.read_record(message, at)?;
            match self.take(&fixed)? {
                Progress::More => {}
                // More than one SOA record from a primary that has nothing newer: a whole zone we do not need.
                progress @ Progress::UpToDate { .. } => return Ok(progress),
                _ if left > 0 => return Err(XfrError::Sequence("records behind the last SOA record")),
                progress => return Ok(progress),
            }
        }
        Ok(Progress::More)
    }

    /// Checks header and question; where the answers begin, and how many there are.
    fn read_head(&mut self, message: &[u8]) -> Result<(usize, u16), XfrError> {
        let (head, _) = message.split_first_chunk::<HEADER_LEN>().ok_or(XfrError::Malformed("no header"))?;
        let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let header = Header::from_words(word(0), word(2));
        if header.id != self.id {
            return Err(XfrError::Mismatch("identifier"));
        }
        if !header.qr || header.opcode != Opcode::QUERY {
            return Err(XfrError::Mismatch("opcode"));
        }
        if header.rcode != Rcode::NOERROR {
            return Err(XfrError::Rcode(header.rcode));
        }
        if header.tc {
            return Err(XfrError::Mismatch("truncated"));
        }
        let (questions, answers) = (word(4), word(6));
        let at = match questions {
            0 => HEADER_LEN,
            1 => self.check_question(message)?,
            _ => return Err(XfrError::Mismatch("several questions")),
        };
        // An endless sequence of messages without records would be free for the primary.
        if answers == 0 {
            return Err(XfrError::Sequence("a message without records"));
        }
        Ok((at, answers))
    }

    fn check_question(&mut self, message: &[u8]) -> Result<usize, XfrError> {
        self.owner.clear();
        let at = name::expand(message, HEADER_LEN, &mut self.owner)?;
        let rest = message.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let [t0, t1, c0, c1] = *rest.ok_or(XfrError::Malformed("the question ends early"))?;
        let same = Name::from_wire(&self.owner)? == &*self.zone
            && RType(u16::from_be_bytes([t0, t1])) == self.qtype
            && Class(u16::from_be_bytes([c0, c1])) == Class::IN;
        if same { Ok(at + 4) } else { Err(XfrError::Mismatch("question")) }
    }

    /// Reads the record at `at` into `owner` and `rdata`; returns its type and TTL, and the offset behind it.
    #[inline]
    fn read_record(&mut self, message: &[u8], at: usize) -> Result<(Fixed, usize), XfrError> {
        // The owner of the record before stays in front: it is usually the same.
        let before = self.owner.len();
        let at = name::expand(message, at, &mut self.owner)?;
        if self.owner.len() == 2 * before && self.owner[..before] == self.owner[before..] {
            self.owner.truncate(before);
        } else {
            self.owner.drain(..before);
            self.in_zone = Name::from_wire(&self.owner)?.is_at_or_below(&self.zone);
        }
        let fixed = message.get(at..).and_then(|rest| rest.first_chunk::<FIXED_LEN>());
        let [t0, t1, c0, c1, a, b, c, d, l0, l1] = *fixed.ok_or(XfrError::Malformed("a record ends early"))?;
        let rtype = RType(u16::from_be_bytes([t0, t1]));
        if Class(u16::from_be_bytes([c0, c1])) != Class::IN || rtype.is_meta() {
            return Err(XfrError::Malformed("a record that no zone can hold"));
        }
        let (at, len) = (at + FIXED_LEN, usize::from(u16::from_be_bytes([l0, l1])));
        self.rdata.clear();
        wire::expand(rtype, message, at, len, &mut self.rdata).map_err(|error| XfrError::Rdata { rtype, error })?;
        let ttl = u32::from_be_bytes([a, b, c, d]);
        // RFC 2181 8: with the top bit set it counts as 0.
        Ok((Fixed { rtype, ttl: if ttl >> 31 == 1 { 0 } else { ttl } }, at + len))
    }

    /// Puts the record at hand where it belongs.
    #[inline]
    fn take(&mut self, fixed: &Fixed) -> Result<Progress, XfrError> {
        let cost = (self.owner.len() + FIXED_LEN + self.rdata.len()) as u64;
        self.limits.records = self.limits.records.checked_sub(1).ok_or(XfrError::TooLarge)?;
        self.limits.octets = self.limits.octets.checked_sub(cost).ok_or(XfrError::TooLarge)?;
        if fixed.rtype == RType::SOA && self.owner.len() == self.zone.len() && self.in_zone {
            return self.take_soa(fixed);
        }
        if let State::Second(list) = &mut self.state {
            self.state = State::Whole(std::mem::take(list));
        }
        let list = match &mut self.state {
            State::Second(list) | State::Whole(list) | State::Deleting(_, list) | State::Adding(.., list) => list,
            State::Start => return Err(XfrError::Sequence("it does not begin with the zone's SOA record")),
            State::Done => return Err(XfrError::Sequence("it has ended")),
        };
        if self.in_zone {
            list.push(Name::from_validated(&self.owner), fixed.rtype, fixed.ttl, &self.rdata);
        } else {
            self.ignored += 1;
        }
        Ok(Progress::More)
    }

    /// The zone's SOA record, which separates the parts of a transfer.
    fn take_soa(&mut self, fixed: &Fixed) -> Result<Progress, XfrError> {
        let serial = serial_of(&self.rdata).ok_or(XfrError::Malformed("SOA record"))?;
        let mut with_soa = RecordListBuilder::default();
        with_soa.push(Name::from_validated(&self.owner), fixed.rtype, fixed.ttl, &self.rdata);
        self.state = match std::mem::replace(&mut self.state, State::Done) {
            State::Start => {
                if self.serial.is_some_and(|have| !serial::is_later(serial, have)) {
                    return Ok(Progress::UpToDate { serial });
                }
                self.target = serial;
                State::Second(with_soa)
            }
            State::Second(_) if self.serial == Some(serial) => State::Deleting(serial, with_soa),
            State::Second(list) | State::Whole(list) => {
                return match serial == self.target {
                    true => Ok(Progress::Full(list.finish())),
                    false => Err(XfrError::Sequence("the last SOA record is not the first one")),
                };
            }
            State::Deleting(from, gone) => State::Adding(from, serial, gone.finish(), with_soa),
            State::Adding(from, to, deleted, come) => {
                if serial != to {
                    return Err(XfrError::Sequence("a difference does not begin where the one before ended"));
                }
                self.steps.push(Step { from, to, deleted, added: come.finish() });
                if to == self.target {
                    return Ok(Progress::Incremental(std::mem::take(&mut self.steps)));
                }
                State::Deleting(serial, with_soa)
            }
            State::Done => return Err(XfrError::Sequence("it has ended")),
        };
        Ok(Progress::More)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;
    use crate::xfr::tests::{ID, message_of, receive, soa};

    /// A transfer in one message, and in one message a record.
    fn check_sequence(
        have: Option<u32>,
        records: &[(&str, RType, Vec<u8>)],
        want: &dyn Fn(&Result<Progress, XfrError>) -> bool,
    ) {
        let qtype = if have.is_some() { RType::IXFR } else { RType::AXFR };
        let one = receive(&[message_of(qtype, records)], have);
        let each: Vec<_> = records.iter().map(|record| message_of(qtype, std::slice::from_ref(record))).collect();
        assert!(want(&one), "{one:?} of {records:?}");
        if !matches!(one, Err(_) | Ok(Progress::UpToDate { .. })) {
            assert_eq!(receive(&each, have), one);
        }
    }

    #[test]
    fn sequences() {
        let z = |serial| ("EXAMPLE.", RType::SOA, soa(serial));
        let a = |owner: &'static str, last| (owner, RType::A, vec![10, 0, 0, last]);
        let err = |result: &Result<Progress, XfrError>| matches!(result, Err(XfrError::Sequence(_)));
        let full = |n: u64| move |result: &Result<Progress, XfrError>| matches!(result, Ok(Progress::Full(list)) if list.len() == n);
        let steps = |want: &'static [(u32, u32)]| {
            move |result: &Result<Progress, XfrError>| match result {
                Ok(Progress::Incremental(steps)) => {
                    steps.iter().map(|step| (step.from, step.to)).eq(want.iter().copied())
                }
                _ => false,
            }
        };
        let more = |result: &Result<Progress, XfrError>| *result == Ok(Progress::More);
        let x = "x.example.";
        // Whole zones; the last two in answer to IXFR. What is out of the zone is left out.
        check_sequence(None, &[z(2), a(x, 1), z(2)], &full(2));
        check_sequence(
            None,
            &[z(2), a(x, 1), a("x.example2.", 1), ("sub.example.", RType::SOA, soa(7)), z(2)],
            &full(3),
        );
        check_sequence(None, &[z(2), z(2)], &full(1));
        check_sequence(Some(1), &[z(2), z(2)], &full(1));
        check_sequence(Some(1), &[z(2), a(x, 1), z(2)], &full(2));
        // Differences.
        check_sequence(Some(1), &[z(2), z(1), a(x, 1), z(2), a(x, 2), z(2)], &steps(&[(1, 2)]));
        check_sequence(Some(1), &[z(2), z(1), z(2), z(2)], &steps(&[(1, 2)]));
        let two = [z(3), z(1), a(x, 1), z(2), z(2), a(x, 2), z(3), a(x, 3), z(3)];
        check_sequence(Some(1), &two, &steps(&[(1, 2), (2, 3)]));
        // Nothing newer.
        check_sequence(Some(2), &[z(2)], &|result| *result == Ok(Progress::UpToDate { serial: 2 }));
        check_sequence(Some(3), &[z(2), a(x, 1), z(2)], &|result| *result == Ok(Progress::UpToDate { serial: 2 }));
        // Not at an end.
        check_sequence(Some(1), &[z(2)], &more);
        for end in 1..two.len() {
            check_sequence(Some(1), &two[..end], &more);
        }
        check_sequence(None, &[z(2), a(x, 1)], &more);
        // Not a transfer.
        check_sequence(None, &[a(x, 1), z(2)], &err);
        check_sequence(None, &[z(2), a(x, 1), z(3)], &err);
        check_sequence(None, &[z(2), a(x, 1), z(2), a(x, 2)], &err);
        check_sequence(Some(1), &[z(3), z(2), z(3), z(3)], &err);
        check_sequence(Some(1), &[z(3), z(1), z(2), z(3)], &err);
        check_sequence(Some(1), &[], &err);
    }

    #[test]
    fn only_answers_to_the_query_are_taken() {
        let good = message_of(RType::AXFR, &[("example.", RType::SOA, soa(1)), ("example.", RType::SOA, soa(1))]);
        let check = |at: usize, octet: u8, want: Option<XfrError>| {
            let mut message = good.clone();
            message[at] = octet;
            assert_eq!(receive(&[message], None).err(), want, "octet {at}");
        };
        check(0, good[0], None);
        check(0, 99, Some(XfrError::Mismatch("identifier")));
        check(2, 0, Some(XfrError::Mismatch("opcode")));
        check(2, 0xa0, Some(XfrError::Mismatch("opcode")));
        check(2, 0x82, Some(XfrError::Mismatch("truncated")));
        check(3, 5, Some(XfrError::Rcode(Rcode::REFUSED)));
        check(5, 2, Some(XfrError::Mismatch("several questions")));
        check(13, b'f', Some(XfrError::Mismatch("question")));
        check(22, RType::IXFR.0 as u8, Some(XfrError::Mismatch("question")));
        check(24, 3, Some(XfrError::Mismatch("question")));
        let limited = |limits| {
            let mut incoming = Incoming::new(name("example."), RType::AXFR, None, ID, limits);
            incoming.message(&good).err()
        };
        assert_eq!(limited(Limits { records: 2, octets: 1000 }), None);
        assert_eq!(limited(Limits { records: 1, octets: 1000 }), Some(XfrError::TooLarge));
        assert_eq!(limited(Limits { records: 2, octets: 100 }), Some(XfrError::TooLarge));
        let mut incoming = Incoming::new(name("example."), RType::AXFR, None, ID, Limits::default());
        assert!(incoming.message(&good[..20]).is_err());
        assert!(incoming.message(&good).is_err(), "nothing is taken after an error");
    }
}
