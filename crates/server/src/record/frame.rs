//! Records as words of a ring, and back. A frame: three words that say what it is, the addresses, the messages.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use dns::header::Rcode;
use policy::{Did, ListId, Mark, RuleRef};
use resolver::Security;

use super::ring::Ring;
use super::{ExchangeRecord, Record, ResponseRecord};
use crate::source::{Refusal, Source};
use crate::transport::Transport;

/// Words before the messages.
const HEAD_WORDS: usize = 9;
const WORD_BYTES: usize = 8;

const RESPONSE: u8 = 0;
const EXCHANGE: u8 = 1;
/// No [`Security`] is known.
const UNJUDGED: u8 = 0xff;
/// Labels of no zone.
const NO_ZONE: u8 = 0xff;

/// Writes a record; what does not fit is dropped and counted.
#[inline]
pub(super) fn write(ring: &Ring, record: &Record<'_>) {
    match record {
        Record::Response(record) => response(ring, record),
        Record::Exchange(record) => exchange(ring, record),
    }
}

#[inline]
fn response(ring: &Ring, record: &ResponseRecord<'_>) {
    let (source, refusal) = codes(record.source);
    let security = record.security.map_or(UNJUDGED, |security| security as u8);
    let what = [RESPONSE, code_of(record.transport), source, refusal, security, record.apex_labels.unwrap_or(NO_ZONE)];
    let sizes = [record.query_len, record.response_len];
    let (time_us, elapsed_us) = (record.time_us, record.elapsed_us);
    let head = Head { what, rcode: record.rcode, sizes, time_us, elapsed_us, policy: record.policy };
    let addresses = [Some(record.client), record.upstream];
    head.write(ring, addresses, record.query, record.response);
}

fn exchange(ring: &Ring, record: &ExchangeRecord<'_>) {
    let what = [EXCHANGE, code_of(record.transport), u8::from(record.is_forwarder), 0, 0, 0];
    let (time_us, elapsed_us) = (record.time_us, record.elapsed_us);
    let head = Head { what, rcode: Rcode::NOERROR, sizes: [0; 2], time_us, elapsed_us, policy: None };
    head.write(ring, [Some(record.server), None], record.query, record.response);
}

/// What stands before addresses and messages.
struct Head {
    what: [u8; 6],
    rcode: Rcode,
    sizes: [u16; 2],
    time_us: u64,
    elapsed_us: u64,
    policy: Option<Mark>,
}

impl Head {
    #[inline]
    fn write(&self, ring: &Ring, addresses: [Option<SocketAddr>; 2], query: &[u8], response: &[u8]) {
        let words = HEAD_WORDS + query.len().div_ceil(WORD_BYTES) + response.len().div_ceil(WORD_BYTES);
        let Some(mut frame) = ring.begin(words) else { return };
        let [a, b, c, d, e, f] = self.what;
        let rcode = self.rcode.0.to_ne_bytes();
        frame.push(u64::from_ne_bytes([a, b, c, d, e, f, rcode[0], rcode[1]]));
        // No message is longer than 65,535 bytes.
        let stored = [query.len() as u16, response.len() as u16];
        frame.push(join([stored[0], stored[1], self.sizes[0], self.sizes[1]]));
        frame.push(self.time_us);
        // The ports stand beside the time, which is less than three days.
        let ports = addresses.map(|address| address.map_or(0, |address| address.port()));
        let elapsed = self.elapsed_us.min(u64::from(u32::MAX)) as u32;
        frame.push(u64::from(elapsed) | u64::from(ports[0]) << 32 | u64::from(ports[1]) << 48);
        let families = family(addresses[0]) | family(addresses[1]) << 4;
        frame.push(families | self.policy.map_or(0, mark_bits));
        for address in addresses {
            let bits = address.map_or(0, |address| bits(address.ip()));
            frame.push((bits >> 64) as u64);
            frame.push(bits as u64);
        }
        frame.push_bytes(query);
        frame.push_bytes(response);
        frame.finish();
    }
}

fn join(parts: [u16; 4]) -> u64 {
    parts.iter().rev().fold(0, |word, part| word << 16 | u64::from(*part))
}

fn split(word: u64) -> [u16; 4] {
    std::array::from_fn(|i| (word >> (16 * i)) as u16)
}

/// 0: no address, else 4 or 6.
fn family(address: Option<SocketAddr>) -> u64 {
    match address {
        None => 0,
        Some(SocketAddr::V4(_)) => 4,
        Some(SocketAddr::V6(_)) => 6,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// What policy did, above the families of the addresses: did and 1, group, list, line.
fn mark_bits(mark: Mark) -> u64 {
    let Mark { did, rule, group } = mark;
    (did as u64 + 1) << 8 | u64::from(group) << 16 | u64::from(rule.list.0) << 24 | u64::from(rule.line) << 32
}

fn mark(bits: u64) -> Option<Mark> {
    let [_, did, group, list, ..] = bits.to_le_bytes();
    let did = *Did::ALL.get(usize::from(did.checked_sub(1)?))?;
    Some(Mark { did, rule: RuleRef { list: ListId(list), line: (bits >> 32) as u32 }, group })
}

fn address(family: u8, bits: u128, port: u16) -> Option<SocketAddr> {
    match family {
        4 => Some((std::net::Ipv4Addr::from_bits(bits as u32), port).into()),
        6 => Some((Ipv6Addr::from_bits(bits), port).into()),
        _ => None,
    }
}

fn code_of(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
    }
}

const TRANSPORTS: [Transport; 2] = [Transport::Udp, Transport::Tcp];
const SECURITIES: [Security; 4] = [Security::Bogus, Security::Indeterminate, Security::Insecure, Security::Secure];
const SOURCES: [Source; 7] = [
    Source::Zone,
    Source::Cache,
    Source::Stale,
    Source::Resolver,
    Source::ControlPlane,
    Source::Server,
    Source::Policy,
];
/// The code of [`Source::Refused`], behind those of [`SOURCES`].
const REFUSED: u8 = SOURCES.len() as u8;

#[inline]
fn codes(source: Source) -> (u8, u8) {
    match source {
        Source::Zone => (0, 0),
        Source::Cache => (1, 0),
        Source::Stale => (2, 0),
        Source::Resolver => (3, 0),
        Source::ControlPlane => (4, 0),
        Source::Server => (5, 0),
        Source::Policy => (6, 0),
        Source::Refused(refusal) => (REFUSED, refusal as u8),
    }
}

fn source(code: u8, refusal: u8) -> Option<Source> {
    if code == REFUSED {
        return Refusal::ALL.get(usize::from(refusal)).copied().map(Source::Refused);
    }
    SOURCES.get(usize::from(code)).copied()
}

/// Records that were taken from rings together, those of one thread in its order.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(super) bytes: Vec<u8>,
}

impl Batch {
    /// An empty one that takes so many bytes before it needs more memory.
    pub fn with_room(bytes: usize) -> Batch {
        Batch { bytes: Vec::with_capacity(bytes) }
    }

    /// The records.
    pub fn records(&self) -> Records<'_> {
        Records { rest: &self.bytes }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The memory that they take.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// The records of a [`Batch`].
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    fn word(&mut self) -> Option<[u8; WORD_BYTES]> {
        let (word, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*word)
    }

    fn number(&mut self) -> Option<u64> {
        self.word().map(u64::from_ne_bytes)
    }

    fn message(&mut self, len: u16) -> Option<&'a [u8]> {
        let message = self.rest.get(..usize::from(len))?;
        self.rest = self.rest.get(usize::from(len).next_multiple_of(WORD_BYTES)..)?;
        Some(message)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let [kind, transport, origin, refusal, security, labels, r0, r1] = self.word()?;
        let [stored_query, stored_response, query_len, response_len] = split(self.number()?);
        let time_us = self.number()?;
        let [e0, e1, port, upstream_port] = split(self.number()?);
        let elapsed_us = u64::from(e0) | u64::from(e1) << 16;
        let families = self.number()?;
        let (family, upstream_family) = (families as u8 & 15, families as u8 >> 4);
        let ip = u128::from(self.number()?) << 64 | u128::from(self.number()?);
        let upstream_ip = u128::from(self.number()?) << 64 | u128::from(self.number()?);
        let (query, response) = (self.message(stored_query)?, self.message(stored_response)?);
        let peer = address(family, ip, port)?;
        let transport = *TRANSPORTS.get(usize::from(transport))?;
        Some(if kind == EXCHANGE {
            let is_forwarder = origin != 0;
            Record::Exchange(ExchangeRecord {
                time_us,
                elapsed_us,
                server: peer,
                transport,
                is_forwarder,
                query,
                response,
            })
        } else {
            Record::Response(ResponseRecord {
                time_us,
                elapsed_us,
                client: peer,
                transport,
                source: source(origin, refusal)?,
                rcode: Rcode(u16::from_ne_bytes([r0, r1])),
                security: SECURITIES.get(usize::from(security)).copied(),
                apex_labels: Some(labels).filter(|&labels| labels != NO_ZONE),
                upstream: address(upstream_family, upstream_ip, upstream_port),
                policy: mark(families),
                query_len,
                response_len,
                query,
                response,
            })
        })
    }
}
