//! A row as it goes into the history, and as it comes out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dns::{Class, NameBuf, RType, Rcode};
use resolver::Security;
use server::answered::Source;
use server::transport::Transport;

use super::bytes::{Reader, push_short};
use super::data;
use super::shape::{Shape, security_number, source_number, transport_number};
use crate::decision::Decision;
use crate::filter::{FoldedName, LABEL_DOT};
use crate::names;
use crate::request_id::RequestId;
use crate::rows::Row;

/// In the place of the labels of an apex: there is none.
const NO_APEX: u8 = u8::MAX;
/// Bytes of a text of a decision that are kept.
const MAX_TEXT_LEN: usize = 255;

/// A row on its way into the history, in the forms that segments keep.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The identifier.
    pub id: u128,
    /// Microseconds that the answer took.
    pub elapsed_us: u32,
    /// Bytes of the query.
    pub query_len: u16,
    /// Bytes of the response.
    pub response_len: u16,
    /// What takes few values.
    pub shape: Option<Shape>,
    /// Labels of the apex, and the folded name; empty: there is no question.
    pub name: Vec<u8>,
    /// The client's address.
    pub client: Vec<u8>,
    /// The upstream's port and address; empty: none was asked.
    pub upstream: Vec<u8>,
    /// What is kept of the answers.
    pub data: Vec<u8>,
    /// What policy said; empty: nothing.
    pub decision: Vec<u8>,
    scratch: Vec<u8>,
}

impl Entry {
    /// Becomes the row. The memory that it has is used again.
    pub fn set(&mut self, row: &Row<'_>) {
        let (record, decision) = (&row.record, &row.decision);
        self.id = row.id.bits();
        self.elapsed_us = u32::try_from(record.elapsed_us).unwrap_or(u32::MAX);
        (self.query_len, self.response_len) = (record.query_len, record.response_len);
        self.shape = Some(Shape {
            question: row.question.map(|(_, rtype, class)| (rtype.0, class.0)),
            rcode: record.rcode.0,
            source: source_number(record.source),
            transport: transport_number(record.transport),
            security: security_number(record.security),
            instance: row.id.instance(),
        });
        self.name.clear();
        if let Some((name, ..)) = row.question {
            self.name.push(record.apex_labels.unwrap_or(NO_APEX));
            self.name.extend_from_slice(FoldedName::new(name).as_bytes());
        }
        self.client.clear();
        push_address(&mut self.client, record.client.ip());
        self.upstream.clear();
        if let Some(server) = record.upstream {
            self.upstream.extend_from_slice(&server.port().to_le_bytes());
            push_address(&mut self.upstream, server.ip());
        }
        data::write(record.response, &mut self.scratch, &mut self.data);
        self.decision.clear();
        if *decision != Decision::default() {
            texts(decision).iter().for_each(|text| push_short(&mut self.decision, cut(text).as_bytes()));
        }
    }

    /// Appends it as the log of the open segment has it.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Some(shape) = self.shape else { return };
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.elapsed_us.to_le_bytes());
        out.extend_from_slice(&self.query_len.to_le_bytes());
        out.extend_from_slice(&self.response_len.to_le_bytes());
        shape.write(out);
        // A folded name has at most 254 octets, and one with the apex before it 255.
        [&self.name, &self.client, &self.upstream, &self.data].iter().for_each(|part| push_short(out, part));
        out.extend_from_slice(&(self.decision.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.decision);
    }

    /// Becomes what [`Entry::write`] wrote.
    pub fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.id = reader.u128()?;
        self.elapsed_us = reader.u32()?;
        (self.query_len, self.response_len) = (reader.u16()?, reader.u16()?);
        self.shape = Some(Shape::read(reader)?);
        for part in [&mut self.name, &mut self.client, &mut self.upstream, &mut self.data] {
            part.clear();
            part.extend_from_slice(reader.short()?);
        }
        let len = reader.u16()?;
        self.decision.clear();
        self.decision.extend_from_slice(reader.take(len.into())?);
        Some(())
    }
}

fn texts<'a>(decision: &Decision<'a>) -> [&'a str; 5] {
    [decision.action, decision.policy, decision.group, decision.list, decision.rule]
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT_LEN)).unwrap_or(text)
}

/// The decision that these octets of a segment are.
pub fn decision(octets: &[u8]) -> Decision<'_> {
    let mut reader = Reader::new(octets);
    let mut text = || reader.short().and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
    Decision { action: text(), policy: text(), group: text(), list: text(), rule: text() }
}

fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match names::address(address) {
        IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
    }
}

/// The address that these octets of a segment are.
pub fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => octets.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into()),
        _ => octets.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into()),
    }
}

/// The server that these octets of a segment are; `None`: none.
pub fn upstream(octets: &[u8]) -> Option<SocketAddr> {
    let mut reader = Reader::new(octets);
    let port = reader.u16()?;
    Some(SocketAddr::new(address(reader.rest())?, port))
}

/// The labels of the apex and the folded name that these octets of a segment are; `None`: there is no question.
pub fn name(octets: &[u8]) -> Option<(Option<u8>, &[u8])> {
    let (&apex, name) = octets.split_first()?;
    Some(((apex != NO_APEX).then_some(apex), name))
}

/// The name whose folded form this is.
pub fn unfold(folded: &[u8]) -> Option<NameBuf> {
    let mut wire = Vec::with_capacity(folded.len() + 1);
    for label in folded.strip_suffix(b".")?.split(|&octet| octet == b'.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).ok()?);
        wire.extend(label.iter().map(|&octet| if octet == LABEL_DOT { b'.' } else { octet }));
    }
    wire.push(0);
    NameBuf::from_wire(wire).ok()
}

/// A row that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// What it is called.
    pub id: RequestId,
    /// Microseconds that the answer took.
    pub elapsed_us: u64,
    /// Who asked; IPv4 as IPv4.
    pub client: IpAddr,
    /// How.
    pub transport: Transport,
    /// Who gave the answer.
    pub source: Source,
    /// The RCODE.
    pub rcode: Rcode,
    /// What validation said.
    pub security: Option<Security>,
    /// What was asked, the name in lower case.
    pub question: Option<(NameBuf, RType, Class)>,
    /// The apex of the zone of ours that the name is in.
    pub zone: Option<NameBuf>,
    /// Who was asked.
    pub upstream: Option<SocketAddr>,
    /// Bytes of the query.
    pub query_len: u16,
    /// Bytes of the response.
    pub response_len: u16,
    /// The data of the answers in presentation form; what is not within the first 64 bytes is left out.
    pub data: Vec<String>,
    /// What policy said.
    pub decision: StoredDecision,
}

/// A [`Decision`] that was found; empty texts are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredDecision {
    /// What was done.
    pub action: Option<String>,
    /// The policy that said so.
    pub policy: Option<String>,
    /// The client's group.
    pub group: Option<String>,
    /// The list that has the name.
    pub list: Option<String>,
    /// The rule that matched.
    pub rule: Option<String>,
}

impl StoredDecision {
    /// What these octets of a segment are.
    pub fn read(octets: &[u8]) -> StoredDecision {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let [action, policy, group, list, rule] = texts(&decision(octets)).map(text);
        StoredDecision { action, policy, group, list, rule }
    }
}
