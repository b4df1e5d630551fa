//! Produces the messages that answer a transfer query. The control plane takes and sends them one by one. The zone's version
//! is held until the last message, so that a transfer is consistent however long it takes.

use std::borrow::Borrow;
use std::cmp::Ordering;

use dns::header::HEADER_LEN;
use dns::query::flags;
use dns::{RType, Rcode, serial};

use super::writer::MessageWriter;
use super::{Asked, MAX_MESSAGE_LEN, condense};
use crate::change::ZoneChange;
use crate::contents::Contents;
use crate::index::PageAt;
use crate::node::{Node, Rrset};
use crate::records::{Place, RecordList, RecordListBuilder};

/// Messages are filled up to this many octets, so that compression pointers reach all of them; only a record
/// that is larger makes a larger message.
const USUAL_MESSAGE_LEN: usize = 1 << 14;

/// An answer to a transfer query.
pub struct Outgoing {
    asked: Asked,
    contents: Contents,
    /// What is sent; `None`: the whole zone, between two copies of its SOA record (RFC 5936 2.2).
    list: Option<RecordList>,
    /// Largest message.
    limit: usize,
    sent: Sent,
    started: bool,
    done: bool,
}

/// How far a transfer is: a place in the list, or one in the zone.
#[derive(Default)]
struct Sent {
    place: Place,
    stage: Stage,
    page: PageAt,
    /// Nodes of the page that are done.
    nodes: usize,
    /// Records of the next node that are done.
    records: usize,
}

#[derive(Default)]
enum Stage {
    #[default]
    Opening,
    Nodes,
    Closing,
}

impl Outgoing {
    /// The whole zone.
    pub fn axfr(contents: Contents, asked: Asked) -> Outgoing {
        let (limit, sent) = (MAX_MESSAGE_LEN, Sent::default());
        Outgoing { asked, contents, list: None, limit, sent, started: false, done: false }
    }

    /// The same with no message larger than `limit` octets: room for what is appended to each, a signature.
    pub fn within(self, limit: usize) -> Outgoing {
        Outgoing { limit: limit.min(MAX_MESSAGE_LEN), ..self }
    }

    /// The difference from what the client has, if `changes` (in their order, at least from the client's serial
    /// on) tell it and it is not larger than the zone, else the whole zone (RFC 1995 4). The SOA record
    /// alone if the client has this version or a later one (RFC 1995 2).
    pub fn ixfr<C: Borrow<ZoneChange>>(contents: Contents, asked: Asked, changes: &[C]) -> Outgoing {
        let (Some(soa), Some(have)) = (contents.soa(), asked.serial) else { return Outgoing::axfr(contents, asked) };
        if matches!(serial::compare(soa.serial, have), Some(Ordering::Less | Ordering::Equal)) {
            return Outgoing::soa(contents, asked);
        }
        match condense(have, &contents, changes) {
            Ok(list) => Outgoing::list(contents, asked, list),
            Err(_) => Outgoing::axfr(contents, asked),
        }
    }

    /// The SOA record alone: the client is up to date, or shall come again over TCP.
    pub fn soa(contents: Contents, asked: Asked) -> Outgoing {
        let mut list = RecordListBuilder::default();
        let soa = soa_of(&contents).and_then(|soa| Some((soa.ttl, soa.first()?)));
        if let Some((ttl, rdata)) = soa {
            list.push(contents.origin(), RType::SOA, ttl, rdata);
        }
        Outgoing::list(contents, asked, list.finish())
    }

    fn list(contents: Contents, asked: Asked, list: RecordList) -> Outgoing {
        Outgoing { list: Some(list), ..Outgoing::axfr(contents, asked) }
    }

    /// Writes the next message to `out`, which is empty; `false`: there is none, and `out` is left empty.
    ///
    /// A zone without SOA and a record too large for a message end the transfer with SERVFAIL.
    pub fn next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.done {
            return false;
        }
        let is_first = !self.started;
        self.started = true;
        let mut writer =
            MessageWriter::begin(out, &self.asked, is_first, self.contents.origin(), USUAL_MESSAGE_LEN.min(self.limit));
        let mut complete = self.sent.fill(&self.contents, self.list.as_ref(), &mut writer);
        if !complete && writer.is_empty() {
            writer.set_limit(self.limit);
            complete = self.sent.fill(&self.contents, self.list.as_ref(), &mut writer);
        }
        let failed = writer.is_empty();
        writer.finish();
        self.done = complete || failed;
        if failed {
            self.write_failure(out);
        }
        true
    }

    /// The whole answer in one message of at most `limit` octets, or, if it does not fit, the SOA record alone:
    /// for UDP (RFC 1995 2). Names can be so long that not even that fits: then the answer is truncated.
    pub fn into_datagram(mut self, limit: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let origin = self.contents.origin();
        let mut writer = MessageWriter::begin(&mut out, &self.asked, true, origin, limit.min(MAX_MESSAGE_LEN));
        let complete = self.sent.fill(&self.contents, self.list.as_ref(), &mut writer);
        writer.finish();
        if !complete {
            out.clear();
            let question_end = HEADER_LEN + self.asked.name.len() + 4;
            Outgoing::soa(self.contents, self.asked).next(&mut out);
            if out.len() > limit {
                out.truncate(question_end);
                out[2] |= flags::TC;
                out[6..HEADER_LEN].fill(0);
            }
        }
        out
    }

    fn write_failure(&self, out: &mut Vec<u8>) {
        out.clear();
        out.resize(HEADER_LEN, 0);
        out[..2].copy_from_slice(&self.asked.id.to_be_bytes());
        (out[2], out[3]) = (flags::QR, Rcode::SERVFAIL.0 as u8);
    }
}

impl Sent {
    /// Writes what fits; whether that was the last of it.
    fn fill<'a>(
        &mut self,
        contents: &'a Contents,
        list: Option<&'a RecordList>,
        writer: &mut MessageWriter<'a>,
    ) -> bool {
        match list {
            Some(list) => self.fill_from(list, contents, writer),
            None => self.fill_whole(contents, writer),
        }
    }

    fn fill_from<'a>(&mut self, list: &'a RecordList, contents: &'a Contents, writer: &mut MessageWriter<'a>) -> bool {
        while let Some((record, next)) = list.record_at(self.place) {
            if let Some(labels) = record.owner.strip_suffix(contents.origin()) {
                writer.owner(labels);
                if !writer.record(record.rtype, record.ttl, record.rdata) {
                    return false;
                }
            }
            self.place = next;
        }
        true
    }

    fn fill_whole<'a>(&mut self, contents: &'a Contents, writer: &mut MessageWriter<'a>) -> bool {
        if let Stage::Opening = self.stage {
            if !write_soa(contents, writer) {
                return false;
            }
            self.stage = Stage::Nodes;
        }
        if let Stage::Nodes = self.stage {
            if !self.fill_nodes(contents, writer) {
                return false;
            }
            self.stage = Stage::Closing;
        }
        write_soa(contents, writer)
    }

    fn fill_nodes<'a>(&mut self, contents: &'a Contents, writer: &mut MessageWriter<'a>) -> bool {
        while let Some(page) = contents.index.page_at(&mut self.page) {
            for (node, _) in page.nodes().skip(self.nodes) {
                if !write_node(&node, writer, &mut self.records) {
                    return false;
                }
                self.records = 0;
                self.nodes += 1;
            }
            self.nodes = 0;
            self.page.advance();
        }
        true
    }
}

/// Writes a node's records from number `done` on, all but the SOA record.
#[inline]
fn write_node<'a>(node: &Node<'a>, writer: &mut MessageWriter<'a>, done: &mut usize) -> bool {
    writer.owner(node.labels());
    let mut number = 0;
    let mut put = |rtype, ttl, rdata| {
        number += 1;
        if number > *done {
            if !writer.record(rtype, ttl, rdata) {
                return false;
            }
            *done = number;
        }
        true
    };
    for rrset in node.rrsets() {
        let is_soa = rrset.rtype == RType::SOA && node.labels().is_empty();
        if !is_soa && !rrset.data().all(|rdata| put(rrset.rtype, rrset.ttl, rdata)) {
            return false;
        }
        let (ttl, mut signatures) = rrset.signatures();
        if !signatures.all(|rdata| put(RType::RRSIG, ttl, rdata)) {
            return false;
        }
    }
    true
}

fn soa_of(contents: &Contents) -> Option<Rrset<'_>> {
    contents.apex()?.rrset(RType::SOA)
}

fn write_soa<'a>(contents: &'a Contents, writer: &mut MessageWriter<'a>) -> bool {
    writer.owner(&[]);
    soa_of(contents).and_then(|soa| Some(writer.record(RType::SOA, soa.ttl, soa.first()?))).unwrap_or(false)
}
