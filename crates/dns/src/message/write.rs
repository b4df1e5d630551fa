//! [`Message`] to octets: name compression (RFC 1035 4.1.4) and truncation (RFC 2181 9).

use std::collections::HashMap;

use super::{MAX_MESSAGE_LEN, Message, Question, Record};
use crate::edns::OPT_LEN;
use crate::header::{HEADER_LEN, Rcode};
use crate::name::Name;
use crate::rdata::wire;
use crate::rtype::RType;

/// Compression pointers have 14 bits.
const POINTER_END: usize = 1 << 14;
const TC_OCTET: usize = 2;
const TC_BIT: u8 = 0x02;

impl Message {
    /// The message in wire form, at most `limit` octets (and at most 65535). The header and an OPT
    /// record without options are written whatever `limit` is.
    ///
    /// From the first RRset (records of one name, class and type that follow each other) that does
    /// not fit, its section and those behind it are left out; EDNS options that do not fit beside
    /// the question are too. TC is set when something of question, answer or authority had to go.
    /// A TSIG record is a record like any other here: who signs leaves room for it.
    ///
    /// The OPT record comes first in the additional section, so that a TSIG record stays last. A
    /// response code above 15 needs EDNS; without it SERVFAIL is written.
    pub fn to_wire(&self, limit: usize) -> Vec<u8> {
        let limit = limit.min(MAX_MESSAGE_LEN);
        let mut writer = Writer { out: self.header_octets(), names: HashMap::new(), limit };
        let opt_reserve = if self.edns.is_some() { OPT_LEN } else { 0 };
        writer.limit = limit.saturating_sub(opt_reserve);
        let mut counts = [0; 4];
        let mut whole = writer.section(&self.questions, &mut counts[0]);

        let room = limit.saturating_sub(writer.out.len());
        let opt = self.edns.as_ref().map(|edns| edns.to_record(self.header.rcode, room)).unwrap_or_default();
        writer.limit = limit.saturating_sub(opt.len());
        whole = whole && writer.section(&self.answers, &mut counts[1]);
        whole = whole && writer.section(&self.authorities, &mut counts[2]);

        writer.out.extend_from_slice(&opt);
        writer.limit = limit;
        if whole {
            writer.section(&self.additionals, &mut counts[3]);
        } else {
            writer.out[TC_OCTET] |= TC_BIT;
        }
        counts[3] += u16::from(self.edns.is_some());
        for (field, count) in writer.out[4..HEADER_LEN].chunks_exact_mut(2).zip(counts) {
            field.copy_from_slice(&count.to_be_bytes());
        }
        writer.out
    }

    /// The header with all counts zero.
    fn header_octets(&self) -> Vec<u8> {
        let mut header = self.header;
        if self.edns.is_none() && header.rcode.0 > 15 {
            header.rcode = Rcode::SERVFAIL;
        }
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(&header.id.to_be_bytes());
        out.extend_from_slice(&header.flag_word().to_be_bytes());
        out.resize(HEADER_LEN, 0);
        out
    }
}

/// The message so far, and where the names in it stand.
struct Writer<'a> {
    out: Vec<u8>,
    /// Offset of every name and ending of a name that a pointer can reach, octets as they are: a
    /// pointer never changes the case of a name.
    names: HashMap<&'a [u8], u16>,
    limit: usize,
}

/// A question or a record.
trait Entry {
    fn write<'a>(&'a self, writer: &mut Writer<'a>);

    /// Whether both stay in the message or neither.
    fn same_rrset(&self, other: &Self) -> bool;
}

impl Entry for Question {
    fn write<'a>(&'a self, writer: &mut Writer<'a>) {
        writer.name(&self.name);
        writer.u16(self.rtype.0);
        writer.u16(self.class.0);
    }

    fn same_rrset(&self, _other: &Question) -> bool {
        false
    }
}

impl Entry for Record {
    fn write<'a>(&'a self, writer: &mut Writer<'a>) {
        writer.name(&self.owner);
        writer.u16(self.rtype.0);
        writer.u16(self.class.0);
        writer.out.extend_from_slice(&self.ttl.to_be_bytes());
        let len_at = writer.out.len();
        writer.u16(0);
        writer.rdata(self.rtype, &self.rdata);
        // Data of more than 65535 octets is beyond every limit: the record is taken back.
        let len = (writer.out.len() - len_at - 2) as u16;
        writer.out[len_at..len_at + 2].copy_from_slice(&len.to_be_bytes());
    }

    fn same_rrset(&self, other: &Record) -> bool {
        // RRSIG records of one name are as many RRsets as they cover types (RFC 4034 3).
        self.rtype == other.rtype
            && self.class == other.class
            && self.owner == other.owner
            && (self.rtype != RType::RRSIG || self.rdata.first_chunk::<2>() == other.rdata.first_chunk::<2>())
    }
}

impl<'a> Writer<'a> {
    /// Writes entries and counts them; at the first that does not fit takes its RRset back and
    /// returns false.
    fn section<E: Entry>(&mut self, entries: &'a [E], count: &mut u16) -> bool {
        let mut rrset_start = (0, self.out.len());
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 && !entry.same_rrset(&entries[index - 1]) {
                rrset_start = (index, self.out.len());
            }
            entry.write(self);
            if self.out.len() > self.limit {
                let (kept, end) = rrset_start;
                self.out.truncate(end);
                self.names.retain(|_, at| usize::from(*at) < end);
                *count = kept as u16;
                return false;
            }
        }
        // It fits 65535 octets, so the number fits too.
        *count = entries.len() as u16;
        true
    }

    fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes a name, its longest known ending as a pointer.
    fn name(&mut self, name: &'a Name) {
        let mut ending = name;
        for label in name.labels() {
            if let Some(&at) = self.names.get(ending.as_wire()) {
                return self.u16(0xc000 | at);
            }
            if self.out.len() < POINTER_END {
                self.names.insert(ending.as_wire(), self.out.len() as u16);
            }
            self.out.push(label.len() as u8);
            self.out.extend_from_slice(label);
            ending = ending.parent().unwrap_or(Name::root());
        }
        self.out.push(0);
    }

    /// Writes record data, compressed where the type is of RFC 1035 (RFC 3597 4). Data that is not
    /// what its type says goes out as it is.
    fn rdata(&mut self, rtype: RType, rdata: &'a [u8]) {
        let layout = wire::layout(rtype);
        let Some((prefix, mut rest)) = rdata.split_at_checked(layout.prefix.into()) else {
            return self.out.extend_from_slice(rdata);
        };
        self.out.extend_from_slice(prefix);
        for _ in 0..layout.names {
            let Ok((name, behind)) = Name::split_from_wire(rest) else { break };
            self.name(name);
            rest = behind;
        }
        self.out.extend_from_slice(rest);
    }
}
