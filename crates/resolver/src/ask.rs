//! One question to one server: the message, EDNS, cookies, mixed case, the way to TCP.
//!
//! RFC 1035 4.1, RFC 6891, RFC 7766 (TCP after TC), RFC 7873 (cookies), RFC 8467 (padding). Called by [`crate::iterate`] and
//! [`crate::forward`].

use std::net::SocketAddr;

use dns::edns::EdnsOption;
use dns::header::HEADER_LEN;
use dns::query::flags;
use dns::{Class, Edns, Name, NameBuf, RType, Rcode};

use crate::limits::UDP_SIZE;
use crate::question::Question;
use crate::reply::{Reply, Unusable};
use crate::resolve::Resolver;
use crate::servers::{Inability, Manner};
use crate::trace::Step;
use crate::upstream::{Exchange, ExchangeError, Transport, Upstream};
use crate::work::{Context, Exceeded};

/// Exchanges with one server for one question: without EDNS, with a new cookie, over TCP.
const MAX_ROUNDS: usize = 5;
/// Encrypted queries are padded to a multiple of so many octets (RFC 8467 4.1).
const PADDED_TO: usize = 128;

/// A server and what it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The server.
    pub server: SocketAddr,
    /// Its name, if it is asked under one.
    pub name: Option<&'a Name>,
    /// How.
    pub transport: &'a Transport,
    /// What.
    pub question: &'a Question,
    /// It shall resolve for us.
    pub recursion: bool,
}

/// Why a server gave nothing to work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No reply.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// A reply that is not well-formed.
    #[error("malformed reply")]
    Malformed,
    /// A reply with more RRsets than are looked at.
    #[error(transparent)]
    TooManyRrsets(Unusable),
    /// A limit of the question was passed.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
}

/// What comes next after a reply.
enum Next {
    Done(Reply),
    /// Ask again in this manner.
    Again(Manner),
    /// Ask over TCP.
    Tcp,
}

impl<U: Upstream> Resolver<U> {
    /// Asks a server one question, over TCP if need be.
    ///
    /// # Errors
    /// That no well-formed reply was to be had; the server's record says so from now on.
    pub(crate) async fn ask(&self, context: &Context, ask: Ask<'_>) -> Result<Reply, AskError> {
        let first_us = self.settings().retry_interval_ms * 1000;
        let servers = &self.shared().servers;
        let mut manner = servers.manner(ask.server, self.upstream().now_us(), first_us);
        if self.settings().cookies {
            manner.cookie.get_or_insert_with(|| self.new_cookie(&ask));
        }
        let mut transport = ask.transport.clone();
        for _ in 0..MAX_ROUNDS {
            let (message, cased) = self.message(&ask, &manner, &transport);
            let reply = self.exchange(context, &ask, &transport, message, &manner).await?;
            match self.next(&ask, reply, manner.clone(), &transport, &cased) {
                Next::Done(reply) => return Ok(reply),
                Next::Again(changed) => manner = changed,
                Next::Tcp => transport = Transport::Tcp,
            }
        }
        Err(AskError::Malformed)
    }

    /// One message there and its reply back.
    async fn exchange(
        &self,
        context: &Context,
        ask: &Ask<'_>,
        transport: &Transport,
        message: Vec<u8>,
        manner: &Manner,
    ) -> Result<Reply, AskError> {
        let now_us = self.upstream().now_us();
        let left_us = context.deadline_us.saturating_sub(now_us);
        if left_us == 0 {
            return Err(Exceeded::Time(self.settings().query_timeout_ms).into());
        }
        context.work.exchange(&self.settings().limits)?;
        // A stream needs a round trip more, and a handshake.
        let rounds = match transport {
            Transport::Udp => 1,
            Transport::Tcp => 3,
            _ => 5,
        };
        let patience_us = manner.timeout_us * rounds;
        let timeout_us = patience_us.min(left_us);
        let exchange = Exchange { server: ask.server, transport: transport.clone(), message, timeout_us };
        let octets = self.upstream().exchange(exchange).await;
        let elapsed_us = self.upstream().now_us().saturating_sub(now_us);
        let reply = match &octets {
            Ok(octets) => Reply::parse(octets, ask.question.rtype).map_err(|error| match error {
                Unusable::Malformed => AskError::Malformed,
                error @ Unusable::TooManyRrsets => AskError::TooManyRrsets(error),
            }),
            // It was not given the time that it may take: that says nothing of the server.
            Err(ExchangeError::Timeout) if left_us < patience_us => {
                Err(Exceeded::Time(self.settings().query_timeout_ms).into())
            }
            Err(error) => Err((*error).into()),
        };
        match reply {
            Err(AskError::Exchange(ExchangeError::Timeout)) => {
                self.shared().servers.timed_out(ask.server, manner.doublings);
            }
            _ if octets.is_ok() => self.shared().servers.answered(ask.server, elapsed_us),
            _ => {}
        }
        self.trace_exchange(context, ask, transport, elapsed_us, &reply);
        reply
    }

    /// The query, and its name as it was cased.
    fn message(&self, ask: &Ask<'_>, manner: &Manner, transport: &Transport) -> (Vec<u8>, NameBuf) {
        let settings = self.settings();
        let mixed = settings.randomise_case && manner.mixed_case && !ask.recursion && *transport == Transport::Udp;
        let name = if mixed { self.mix_case(&ask.question.name) } else { ask.question.name.clone() };
        let mut out = Vec::with_capacity(HEADER_LEN + name.len() + 4 + 40);
        out.extend_from_slice(&[0; HEADER_LEN]);
        out[2] = if ask.recursion { flags::RD } else { 0 };
        // RFC 4035 3.2.2: what a forwarder thinks of signatures is for us to decide.
        out[3] = if ask.recursion && settings.validate { flags::CD } else { 0 };
        out[5] = 1;
        out.extend_from_slice(name.as_wire());
        out.extend_from_slice(&ask.question.rtype.0.to_be_bytes());
        out.extend_from_slice(&Class::IN.0.to_be_bytes());
        if manner.edns {
            out[11] = 1;
            put_edns(&mut out, manner, transport);
        }
        (out, name)
    }

    /// A cookie for a server that was never given one; no other server sees it.
    fn new_cookie(&self, ask: &Ask<'_>) -> ([u8; 8], Vec<u8>) {
        let cookie = self.upstream().random().to_be_bytes();
        self.shared().servers.remember_cookie(ask.server, cookie, Vec::new());
        (cookie, Vec::new())
    }

    /// The name with letters in random case: a reply that repeats it knows the question.
    fn mix_case(&self, name: &Name) -> NameBuf {
        let mut wire = name.as_wire().to_vec();
        let mut bits = 0;
        for (i, octet) in wire.iter_mut().enumerate() {
            if i % 64 == 0 {
                bits = self.upstream().random();
            }
            // Length octets are below 64, so none is a letter.
            if octet.is_ascii_alphabetic() && bits >> (i % 64) & 1 == 1 {
                *octet ^= 0x20;
            }
        }
        NameBuf::from_wire(wire).unwrap_or_else(|_| name.to_owned())
    }

    /// What a reply calls for.
    fn next(&self, ask: &Ask<'_>, reply: Reply, manner: Manner, transport: &Transport, cased: &NameBuf) -> Next {
        let (servers, now_us) = (&self.shared().servers, self.upstream().now_us());
        if let (Some((name, _)), Transport::Udp) = (&reply.question, transport) {
            // The case is part of what makes a reply hard to forge; over TCP it does not matter.
            if name.as_wire() != cased.as_wire() {
                servers.unable(ask.server, Inability::Case, now_us);
                return Next::Tcp;
            }
        }
        if manner.edns && reply.edns.is_none() && matches!(reply.header.rcode, Rcode::FORMERR | Rcode::NOTIMP) {
            // RFC 6891 7: it does not know EDNS.
            servers.unable(ask.server, Inability::Edns, now_us);
            return Next::Again(Manner { edns: false, ..manner });
        }
        if reply.header.rcode == Rcode::BADVERS && manner.edns {
            return Next::Again(Manner { edns: false, ..manner });
        }
        if let Some(again) = self.keep_cookie(ask, &reply, &manner) {
            return again;
        }
        match reply.header.tc && *transport == Transport::Udp {
            true => Next::Tcp,
            false => Next::Done(reply),
        }
    }

    /// Keeps the cookie of a reply (RFC 7873 5.3); a server that wants another one is asked again.
    fn keep_cookie(&self, ask: &Ask<'_>, reply: &Reply, manner: &Manner) -> Option<Next> {
        let cookies = reply.edns.iter().flat_map(|edns| &edns.options);
        let (client, server) = cookies
            .filter_map(|option| match option {
                EdnsOption::Cookie { client, server } => Some((*client, server)),
                _ => None,
            })
            .next()?;
        // One that does not repeat our part is worth nothing.
        let (_, known) = manner.cookie.as_ref().filter(|(ours, _)| *ours == client)?;
        if !server.is_empty() && known != server {
            self.shared().servers.remember_cookie(ask.server, client, server.clone());
        }
        if reply.header.rcode != Rcode::BADCOOKIE {
            return None;
        }
        // Once with the new cookie, then over TCP, where none is needed (RFC 7873 5.3).
        match known == server {
            true => Some(Next::Tcp),
            false => Some(Next::Again(Manner { cookie: Some((client, server.clone())), ..manner.clone() })),
        }
    }

    fn trace_exchange(
        &self,
        context: &Context,
        ask: &Ask<'_>,
        transport: &Transport,
        elapsed_us: u64,
        reply: &Result<Reply, AskError>,
    ) {
        let transport = match transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls(_) => "tls",
            Transport::Https(_) => "https",
        };
        context.trace.add(self.upstream().now_us(), context.depth, || Step::Exchange {
            server: ask.server,
            server_name: ask.name.map(Name::to_owned),
            transport,
            question: ask.question.clone(),
            elapsed_us,
            result: match reply {
                Ok(reply) => describe(reply),
                Err(error) => error.to_string(),
            },
            rcode: reply.as_ref().ok().map(|reply| reply.header.rcode),
        });
    }
}

/// Adds the OPT record to a query that ends without it.
fn put_edns(out: &mut Vec<u8>, manner: &Manner, transport: &Transport) {
    // Clients may want signatures and proofs, whether they are looked at here or not (RFC 4035 3.2.1).
    let mut edns = Edns { udp_size: UDP_SIZE, dnssec_ok: true, ..Edns::default() };
    match (transport, &manner.cookie) {
        (Transport::Udp, Some((client, server))) => {
            edns.options.push(EdnsOption::Cookie { client: *client, server: server.clone() });
        }
        (Transport::Tls(_) | Transport::Https(_), _) => {
            // What the length of a query says of its name.
            edns.options.push(EdnsOption::Padding(0));
            let len = out.len() + edns.to_record(Rcode::NOERROR, usize::from(UDP_SIZE)).len();
            edns.options = vec![EdnsOption::Padding((len.next_multiple_of(PADDED_TO) - len) as u16)];
        }
        _ => {}
    }
    out.extend_from_slice(&edns.to_record(Rcode::NOERROR, usize::from(UDP_SIZE)));
}

/// A reply in a few words.
fn describe(reply: &Reply) -> String {
    let ns = reply.authorities.iter().find(|rrset| rrset.rtype == RType::NS);
    match (reply.header.tc, reply.answers.first(), ns) {
        (true, ..) => "truncated".to_owned(),
        (_, Some(_), _) => {
            let sets = reply.answers.iter().map(|rrset| format!("{} {}", rrset.owner, rrset.rtype));
            format!("answer: {}", sets.collect::<Vec<_>>().join(", "))
        }
        (_, None, Some(ns)) if !reply.header.aa => format!("referral to {}", ns.owner),
        _ => "no data".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use dns::Message;

    use super::*;

    /// RFC 8467 4.1, for encrypted transports alone.
    #[test]
    fn encrypted_queries_are_padded() {
        let cookie = Some(([1; 8], Vec::new()));
        let manner = Manner { edns: true, mixed_case: false, cookie, doublings: 0, timeout_us: 1 };
        let len = |label: usize, transport: &Transport| {
            let name = format!("{}.example.", "a".repeat(label)).parse().expect("a name");
            let mut out = Message::query(0, name, RType::A).to_wire(512);
            out[11] = 1;
            put_edns(&mut out, &manner, transport);
            let edns = Message::parse(&out).expect("a message").edns.expect("EDNS");
            (out.len(), edns.options)
        };
        for label in 1..64 {
            let (padded, options) = len(label, &Transport::Tls(None));
            assert!(padded.is_multiple_of(PADDED_TO), "{padded}");
            assert!(matches!(options[..], [EdnsOption::Padding(_)]), "{options:?}");
            let (plain, options) = len(label, &Transport::Udp);
            assert_eq!(plain, 12 + label + 1 + 9 + 4 + 11 + 12);
            assert!(matches!(options[..], [EdnsOption::Cookie { .. }]), "{options:?}");
            assert_eq!(len(label, &Transport::Tcp).1, []);
        }
    }
}
