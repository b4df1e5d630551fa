//! Rows and exchanges as dnstap messages (dnstap.proto): the messages as they were on the wire, with times and addresses.

use std::net::{IpAddr, SocketAddr};

use dns::header::HEADER_LEN;
use dns::{Name, Opcode};
use prost::Message as _;
use server::answered::{Refusal, Source};
use server::record::ExchangeRecord;
use server::transport::Transport;

use super::anonymise::Anonymise;
use crate::output::frames::push_frame;
use crate::rows::Row;

/// What the frames of a dnstap stream are.
pub const CONTENT_TYPE: &str = "protobuf:dnstap.Dnstap";

/// Who says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The server's name.
    pub name: String,
    /// Its version.
    pub version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Dnstap {
    #[prost(bytes = "vec", optional, tag = "1")]
    identity: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    version: Option<Vec<u8>>,
    #[prost(message, optional, tag = "14")]
    message: Option<Tapped>,
    /// Always [`MESSAGE`].
    #[prost(int32, required, tag = "15")]
    kind: i32,
}

/// The type of everything that there is.
const MESSAGE: i32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
struct Tapped {
    #[prost(int32, required, tag = "1")]
    kind: i32,
    #[prost(int32, optional, tag = "2")]
    socket_family: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    socket_protocol: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    query_address: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    response_address: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "6")]
    query_port: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    response_port: Option<u32>,
    #[prost(uint64, optional, tag = "8")]
    query_time_sec: Option<u64>,
    #[prost(fixed32, optional, tag = "9")]
    query_time_nsec: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "10")]
    query_message: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "11")]
    query_zone: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "12")]
    response_time_sec: Option<u64>,
    #[prost(fixed32, optional, tag = "13")]
    response_time_nsec: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "14")]
    response_message: Option<Vec<u8>>,
}

/// What happened, as the number of the query; that of the response is one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Auth = 1,
    Resolver = 3,
    Client = 5,
    Forwarder = 7,
    Update = 13,
}

/// Writes dnstap frames.
#[derive(Debug)]
pub struct DnstapFormat {
    identity: Identity,
}

/// Query and response with what they have in common.
struct Exchanged<'a> {
    kind: Kind,
    transport: Transport,
    /// Who asked, and whom, as far as that is known.
    addresses: [Option<SocketAddr>; 2],
    times_us: [u64; 2],
    zone: Option<&'a Name>,
    /// Empty: there is none.
    query: &'a [u8],
    /// Empty: there is none; `None`: not whole.
    response: Option<&'a [u8]>,
}

impl DnstapFormat {
    /// The form with this identity.
    pub fn new(identity: Identity) -> DnstapFormat {
        DnstapFormat { identity }
    }

    /// Appends the frames of a row: query and response.
    pub fn push_row(&self, row: &Row<'_>, anonymise: &Anonymise, out: &mut Vec<u8>) {
        let record = &row.record;
        let port = if anonymise.is_on() { 0 } else { record.client.port() };
        let client = SocketAddr::new(anonymise.address(record.client.ip()), port);
        let is_whole = record.response.len() == usize::from(record.response_len);
        self.push(
            &Exchanged {
                kind: kind(record.source, record.response),
                transport: record.transport,
                addresses: [Some(client), None],
                times_us: [record.time_us, record.time_us + record.elapsed_us],
                zone: row.zone(),
                query: record.query,
                response: is_whole.then_some(record.response),
            },
            out,
        );
    }

    /// Appends the frames of an exchange: query, and response if there is one.
    pub fn push_exchange(&self, record: &ExchangeRecord<'_>, out: &mut Vec<u8>) {
        self.push(
            &Exchanged {
                kind: if record.is_forwarder { Kind::Forwarder } else { Kind::Resolver },
                transport: record.transport,
                addresses: [None, Some(record.server)],
                times_us: [record.time_us, record.time_us + record.elapsed_us],
                zone: None,
                query: record.query,
                response: Some(record.response),
            },
            out,
        );
    }

    fn push(&self, exchanged: &Exchanged<'_>, out: &mut Vec<u8>) {
        let query = exchanged.base();
        if !exchanged.query.is_empty() {
            self.frame(Tapped { query_message: Some(exchanged.query.to_vec()), ..query.clone() }, out);
        }
        if exchanged.response.is_some_and(<[u8]>::is_empty) {
            return;
        }
        let [seconds, nanoseconds] = split(exchanged.times_us[1]);
        self.frame(
            Tapped {
                kind: exchanged.kind as i32 + 1,
                response_time_sec: Some(seconds),
                response_time_nsec: Some(nanoseconds as u32),
                response_message: exchanged.response.map(<[u8]>::to_vec),
                ..query
            },
            out,
        );
    }

    fn frame(&self, message: Tapped, out: &mut Vec<u8>) {
        let dnstap = Dnstap {
            identity: Some(self.identity.name.clone().into_bytes()),
            version: Some(self.identity.version.clone().into_bytes()),
            message: Some(message),
            kind: MESSAGE,
        };
        push_frame(out, |out| {
            // There is always room in memory.
            let _ = dnstap.encode(out);
        });
    }
}

impl Exchanged<'_> {
    /// What query and response have in common.
    fn base(&self) -> Tapped {
        let [asker, asked] = self.addresses.map(|address| address.map(|it| (it.ip().to_canonical(), it.port())));
        let [seconds, nanoseconds] = split(self.times_us[0]);
        let ip = asker.or(asked).map(|(ip, _)| ip);
        Tapped {
            kind: self.kind as i32,
            socket_family: ip.map(|ip| if ip.is_ipv4() { 1 } else { 2 }),
            socket_protocol: Some(match self.transport {
                Transport::Udp => 1,
                Transport::Tcp => 2,
            }),
            query_address: asker.map(|(ip, _)| octets(ip)),
            response_address: asked.map(|(ip, _)| octets(ip)),
            query_port: asker.map(|(_, port)| port.into()),
            response_port: asked.map(|(_, port)| port.into()),
            query_time_sec: Some(seconds),
            query_time_nsec: Some(nanoseconds as u32),
            query_zone: self.zone.map(|zone| zone.as_wire().to_vec()),
            ..Tapped::default()
        }
    }
}

/// Our zones are AUTH, what is asked of the resolver is CLIENT.
fn kind(source: Source, message: &[u8]) -> Kind {
    let opcode = message.get(2).filter(|_| message.len() >= HEADER_LEN).map(|octet| Opcode(octet >> 3 & 15));
    match source {
        _ if opcode == Some(Opcode::UPDATE) => Kind::Update,
        Source::Cache | Source::Stale | Source::Resolver | Source::Policy => Kind::Client,
        Source::Refused(Refusal::Recursion | Refusal::ResolverBusy) => Kind::Client,
        Source::Zone | Source::ControlPlane | Source::Server | Source::Refused(_) => Kind::Auth,
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// Seconds and nanoseconds.
fn split(time_us: u64) -> [u64; 2] {
    [time_us / 1_000_000, time_us % 1_000_000 * 1000]
}
