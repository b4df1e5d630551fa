//! The network as the resolver sees it: exchanges with other servers, time, randomness, tasks.
//!
//! The server implements it over sockets, the simulator over fake servers in virtual time.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

/// How a message goes to another server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A stream (RFC 7766).
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls(Peer),
    /// DNS over HTTPS (RFC 8484): the URL's host and path.
    Https(Arc<HttpsTarget>),
}

impl Transport {
    /// Its name in logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls(_) => "tls",
            Transport::Https(_) => "https",
        }
    }
}

/// Who a server asked over TLS must prove to be (RFC 8310 5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The certificate must be for the address that is asked.
    Address,
    /// The certificate must be for this name.
    Name(Arc<str>),
    /// Any certificate will do: who listens learns nothing, but the server may be another.
    Anyone,
}

/// Where DNS over HTTPS is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpsTarget {
    /// The host's name or address, which the certificate must be for.
    pub host: String,
    /// The path, `/dns-query` for most.
    pub path: String,
    /// Any certificate will do.
    pub insecure: bool,
}

/// One message to one server.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Where it goes.
    pub server: SocketAddr,
    /// How.
    pub transport: Transport,
    /// The query. Its identifier is 0: whoever sends it puts a random one in, and takes it out of the reply.
    pub message: Vec<u8>,
    /// How long to wait for the reply, in microseconds.
    pub timeout_us: u64,
}

/// Why there is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// None came in time.
    #[error("no reply in time")]
    Timeout,
    /// The network refuses (ICMP).
    #[error("unreachable")]
    Unreachable,
    /// The server refuses, or does not prove who it is: why.
    #[error("{0}")]
    Refused(&'static str),
    /// No socket or connection is free: a limit of ours.
    #[error("too many exchanges at once")]
    Busy,
    /// Something came from the server with the identifier of the query, but it is no reply to its question. What it says
    /// is not looked at.
    #[error("a reply that does not repeat the question")]
    Unfit,
}

/// The network, the clocks and the random source.
pub trait Upstream: 'static {
    /// Microseconds that only ever grow.
    fn now_us(&self) -> u64;

    /// Seconds since 1970, for signatures.
    fn unix_s(&self) -> u64;

    /// Octets that nobody can guess.
    fn random(&self) -> u64;

    /// Sends a message and waits for the reply: one that comes from where the query went, with its identifier, and
    /// repeats its question ([`is_reply`]). Anything else is passed over; but after what comes from there with the
    /// identifier and is no reply, one is not waited for longer than [`unfit_patience_us`], and none is
    /// [`ExchangeError::Unfit`].
    fn exchange(&self, exchange: Exchange) -> impl Future<Output = Result<Vec<u8>, ExchangeError>>;

    /// Waits until `now_us` is at least `at_us`.
    fn sleep_until(&self, at_us: u64) -> impl Future<Output = ()>;

    /// Tells the operator that a forwarder does not answer, and why. It is called at most once a minute for each.
    fn refused(&self, server: SocketAddr, transport: &Transport, why: &str) {
        let _ = (server, transport, why);
    }

    /// Runs a task beside the others, on the same thread.
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()>>>);
}

/// Whether `reply` may be the reply to `query`, identifiers aside: it is a response, of the same opcode, and repeats
/// the question, case aside. A server that understood nothing may leave the question out (RFC 1035 7.3).
pub fn is_reply(query: &[u8], reply: &[u8]) -> bool {
    let (Some(asked), Some(header)) = (query.get(..12), reply.get(..12)) else { return false };
    let (is_response, same_opcode) = (header[2] & 0x80 != 0, header[2] & 0x78 == asked[2] & 0x78);
    if !is_response || !same_opcode {
        return false;
    }
    if header[4..6] == [0, 0] {
        return header[3] & 0x0f != 0 && header[6..8] == [0, 0];
    }
    let Some(end) = dns::query::skip_name(query, 12).map(|end| end + 4) else { return false };
    let (Some(question), Some(repeated)) = (query.get(12..end), reply.get(12..end)) else { return false };
    header[4..6] == [0, 1] && question.eq_ignore_ascii_case(repeated)
}

/// How long a reply is still waited for, in microseconds, after `unfit` came from the server with the identifier of the
/// query. What has no question is what the server has to say; what has another one may be somebody else's, and the reply
/// still be on its way.
pub fn unfit_patience_us(unfit: &[u8]) -> u64 {
    let bare = unfit.get(2..6).is_some_and(|octets| octets[0] & 0x80 != 0 && octets[2..] == [0, 0]);
    if bare { 0 } else { UNFIT_PATIENCE_US }
}

/// See [`unfit_patience_us`].
const UNFIT_PATIENCE_US: u64 = 100_000;

#[cfg(test)]
mod tests {
    use dns::{Message, RType};

    use super::*;

    #[test]
    fn what_may_be_a_reply() {
        let query = Message::query(0, "www.example.org.".parse().expect("name"), RType::A);
        let asked = query.to_wire(512);
        let mut reply = query.clone();
        reply.header.qr = true;
        let check = |reply: &Message, expected: bool| assert_eq!(is_reply(&asked, &reply.to_wire(512)), expected);
        check(&query, false);
        check(&reply, true);
        let mut other = reply.clone();
        other.questions[0].name = "WWW.example.org.".parse().expect("name");
        check(&other, true);
        other.questions[0].rtype = RType::AAAA;
        check(&other, false);
        let mut bare = reply.clone();
        bare.questions.clear();
        check(&bare, false);
        bare.header.rcode = dns::Rcode::FORMERR;
        check(&bare, true);
        assert!(!is_reply(&asked, &asked[..5]));
        bare.header.rcode = dns::Rcode::NOERROR;
        let patience = [&bare, &query, &other].map(|unfit| unfit_patience_us(&unfit.to_wire(512)));
        assert_eq!(patience, [0, UNFIT_PATIENCE_US, UNFIT_PATIENCE_US]);
    }
}
