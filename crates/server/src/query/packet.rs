//! A packet, what becomes of it, and what was read of it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use dns::header::Rcode;
use dns::query::{Query, Unanswerable};
use dns::question::HashedName;
use policy::Mark;
use resolver::Security;
use zone::ZoneTable;

use crate::answered::{Answered, Source};
use crate::control::plane::Submission;
use crate::recursion::Unresolved;
use crate::transport::Transport;

/// A packet to be answered in place.
pub struct Packet<'a> {
    /// The query at the start, room for the response over it.
    pub buf: &'a mut [u8],
    /// Bytes of the query.
    pub len: usize,
    /// Who asks.
    pub client: SocketAddr,
    /// What became of it.
    pub disposition: Disposition,
}

/// What becomes of a packet.
#[derive(Default)]
pub enum Disposition {
    /// Nothing is sent.
    #[default]
    Drop,
    /// The response stands in the packet's buffer.
    Respond(Response),
    /// The control plane answers.
    Control(Box<Submission>),
    /// A resolver thread answers.
    Resolve(Box<Unresolved>),
}

/// A response that stands over its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Its bytes.
    pub len: u16,
    /// Its RCODE.
    pub rcode: Rcode,
    /// Who gave it.
    pub source: Source,
    /// What validation said of it; `None`: nothing was validated.
    pub security: Option<Security>,
    /// The reason that it gives (RFC 8914).
    pub info: Option<u16>,
    /// It came from the cache, which will not have it for long: the question is to be resolved anew.
    pub refresh: bool,
    /// What policy did with the question.
    pub policy: Option<Mark>,
}

impl<'a> Packet<'a> {
    /// A query of `len` bytes at the start of `buf`.
    #[inline]
    pub fn new(buf: &'a mut [u8], len: usize, client: SocketAddr) -> Packet<'a> {
        Packet { buf, len, client, disposition: Disposition::Drop }
    }

    /// The response in the buffer, if there is one.
    #[inline]
    pub fn response(&self) -> Option<&[u8]> {
        match &self.disposition {
            Disposition::Respond(response) => self.buf.get(..usize::from(response.len)),
            _ => None,
        }
    }

    /// The record of the response in the buffer.
    #[inline]
    pub fn answered(&self, transport: Transport) -> Option<Answered<'_>> {
        match &self.disposition {
            Disposition::Respond(response) => Some(response.answered(self.buf, self.client, transport)),
            _ => None,
        }
    }
}

impl Response {
    /// The record of this response, which stands in `buf`.
    #[inline(always)]
    pub(super) fn answered<'a>(&self, buf: &'a [u8], client: SocketAddr, transport: Transport) -> Answered<'a> {
        let message = buf.get(..usize::from(self.len)).unwrap_or_default();
        let (security, info, policy) = (self.security, self.info, self.policy);
        Answered { security, info, policy, ..Answered::new(client, transport, message, self.rcode, self.source) }
    }
}

impl Default for Packet<'_> {
    fn default() -> Self {
        Packet::new(&mut [], 0, SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)))
    }
}

/// Queries as they came, for those who record them: responses are written over them.
#[derive(Default)]
pub(super) struct KeptQueries {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl KeptQueries {
    /// Keeps the queries of a batch, and no others.
    pub fn keep(&mut self, packets: &[Packet<'_>]) {
        self.bytes.clear();
        self.ends.clear();
        for packet in packets {
            self.bytes.extend_from_slice(packet.buf.get(..packet.len).unwrap_or_default());
            self.ends.push(self.bytes.len());
        }
    }

    /// The query at this place in the batch.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let start = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start..*self.ends.get(at)?)
    }
}

/// What a stage leaves for the next.
#[derive(Default)]
pub(super) struct Slot {
    pub query: Query,
    pub name: HashedName,
    pub unanswerable: Option<Unanswerable>,
}

impl Slot {
    /// First stage: reads the packet.
    #[inline]
    pub fn admit(&mut self, packet: &[u8], zones: &ZoneTable) {
        self.unanswerable = self.query.read(packet, &mut self.name, zones.hasher()).err();
    }
}
