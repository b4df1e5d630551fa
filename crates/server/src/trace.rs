//! What the resolver and other servers do for a query, for an operator who follows it: the log at level DEBUG of
//! `server::recursion` and `server::upstream`; `query/follow.rs` has the stages before. What is off costs one comparison.

use std::net::SocketAddr;

use dns::header::Rcode;
use resolver::upstream::{Exchange, ExchangeError};
use tracing::{Level, debug};

use crate::answered;

/// Of the resolver.
const RECURSION: &str = "server::recursion";
/// Of questions to other servers.
const UPSTREAM: &str = "server::upstream";

/// The resolver has an answer, whose record is `answer`.
#[inline]
pub fn resolved(answer: &answered::Answered<'_>) {
    if tracing::enabled!(target: RECURSION, Level::DEBUG) {
        say_resolved(answer);
    }
}

#[cold]
fn say_resolved(answer: &answered::Answered<'_>) {
    let answered::Answered { client, rcode, elapsed_us, upstream, .. } = answer;
    let upstream = upstream.map(|server| server.to_string());
    let Some((name, rtype, _)) = answer.question() else { return };
    debug!(target: RECURSION, %client, %name, %rtype, %rcode, elapsed_us, upstream, "resolved");
}

/// An exchange with another server that is followed.
pub struct Followed {
    server: SocketAddr,
    question: String,
    begun_us: u64,
}

/// A question goes to another server; none: nobody follows it.
#[inline]
pub fn asks(exchange: &Exchange, now_us: u64) -> Option<Followed> {
    tracing::enabled!(target: UPSTREAM, Level::DEBUG).then(|| say_asks(exchange, now_us))
}

#[cold]
fn say_asks(exchange: &Exchange, now_us: u64) -> Followed {
    let question = answered::question(&exchange.message).map(|(name, rtype, _)| format!("{name} {rtype}"));
    let (server, transport, question) = (exchange.server, exchange.transport.as_str(), question.unwrap_or_default());
    debug!(target: UPSTREAM, %server, transport, question, "asks");
    Followed { server, question, begun_us: now_us }
}

impl Followed {
    /// The exchange is over.
    #[cold]
    pub fn ended(self, reply: &Result<Vec<u8>, ExchangeError>, now_us: u64) {
        let Followed { server, question, begun_us } = self;
        let elapsed_us = now_us.saturating_sub(begun_us);
        match reply {
            Ok(reply) => {
                let (octets, rcode) = (reply.len(), reply.get(3).map(|octet| Rcode(u16::from(octet & 15)).to_string()));
                debug!(target: UPSTREAM, %server, question, octets, rcode, elapsed_us, "reply");
            }
            Err(error) => debug!(target: UPSTREAM, %server, question, ?error, elapsed_us, "no reply"),
        }
    }
}
