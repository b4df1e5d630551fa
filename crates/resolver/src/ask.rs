//! One question to one server: the message, EDNS, cookies, mixed case, the way to TCP.
//!
//! RFC 1035 4.1, RFC 6891, RFC 7766 (TCP after TC), RFC 7873 (cookies), RFC 8467 (padding). Called by [`crate::zone`] and
//! [`crate::forward`]. What a reply calls for is in [`crate::followup`].

use std::net::SocketAddr;
use std::pin::pin;

use dns::edns::EdnsOption;
use dns::header::HEADER_LEN;
use dns::query::flags;
use dns::{Class, Edns, Name, NameBuf, RType, Rcode};
use futures_util::future::{Either, join, select};

use crate::followup::{Next, Round, is_answer};
use crate::limits::UDP_SIZE;
use crate::question::Question;
use crate::reply::{Reply, Unusable};
use crate::resolve::Resolver;
use crate::servers::{Asking, Cookies, Inability, Level, Manner};
use crate::trace::Step;
use crate::upstream::{Exchange, ExchangeError, Transport, Upstream};
use crate::work::{Context, Exceeded};

/// Exchanges with one server for one question: plainer and plainer, with a new cookie, over TCP.
const MAX_ROUNDS: usize = 7;
/// Encrypted queries are padded to a multiple of so many octets (RFC 8467 4.1).
const PADDED_TO: usize = 128;
/// The reply to a question with EDNS is given so much longer than that to one without, in microseconds.
const EDNS_GRACE_US: u64 = 10_000;

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
    /// Answers without signatures are of no use: EDNS is not left out because the server is silent.
    pub signatures: bool,
    /// Other servers of the zone were silent.
    pub wary: bool,
    /// Nobody had an answer for questions with EDNS: without.
    pub plain: bool,
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
    /// The question came back in another case than it was asked in.
    #[error("a reply with the question in another case")]
    WrongCase,
    /// A reply over a stream with TC set, which is no answer (RFC 2181 9).
    #[error("a truncated reply over TCP")]
    Truncated,
    /// A limit of the question was passed.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
}

impl AskError {
    /// Nothing came back from the server.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, AskError::Exchange(_) | AskError::Exceeded(_))
            && *self != AskError::Exchange(ExchangeError::Unfit)
    }
}

impl<U: Upstream> Resolver<U> {
    /// Asks a server one question, in as many ways as it takes.
    ///
    /// # Errors
    /// That no well-formed reply was to be had; the server's record says so from now on.
    pub(crate) async fn ask(&self, context: &Context, ask: Ask<'_>) -> Result<Reply, AskError> {
        let mut round = Round::new(self.manner(context, &ask), ask.transport.clone());
        for _ in 0..MAX_ROUNDS {
            let mut heard = match std::mem::take(&mut round.manner.beside) {
                // Rare, and large.
                true => Box::pin(self.ask_beside(context, &ask, &mut round)).await,
                false => self.exchange(context, &ask, &round).await,
            };
            if let Err(AskError::WrongCase) = heard {
                heard = Box::pin(self.ask_twice(context, &ask, &mut round)).await;
            }
            match self.next(&ask, heard, round) {
                Next::Done(Ok(reply), manner) => {
                    self.note(context, &ask, &reply, &manner);
                    return Ok(reply);
                }
                Next::Done(error, _) => return error,
                Next::Again(next) => round = next,
            }
        }
        Err(AskError::Malformed)
    }

    fn manner(&self, context: &Context, ask: &Ask<'_>) -> Manner {
        let settings = self.settings();
        let asking = Asking {
            now_us: self.upstream().now_us(),
            began_us: context.work.began_us,
            first_timeout_us: settings.retry_interval_ms * 1000,
            cookies: settings.cookies && *ask.transport == Transport::Udp,
            signatures: ask.signatures,
            wary: ask.wary,
        };
        let mut manner = self.shared().servers.manner(ask.server, &asking);
        if ask.plain {
            (manner.level, manner.beside, manner.proven) = (Level::Plain, false, false);
        }
        manner
    }

    /// Remembers of a server that answered what it can do, and what it could not.
    fn note(&self, context: &Context, ask: &Ask<'_>, reply: &Reply, manner: &Manner) {
        if !is_answer(reply) {
            return;
        }
        let (servers, now_us) = (&self.shared().servers, self.upstream().now_us());
        match (manner.wanted, manner.level) {
            (Level::Edns | Level::Cookie, Level::Plain) => servers.unable(ask.server, Inability::Edns, now_us),
            (Level::Cookie, Level::Edns) => servers.unable(ask.server, Inability::Cookie, now_us),
            _ => {}
        }
        if !manner.proven {
            servers.proven(ask.server, manner.level, reply.edns.is_some(), context.work.began_us);
        }
    }

    /// Asks with EDNS and without it at the same time a server that said nothing to EDNS before. What it says with EDNS
    /// counts, if it comes: only there are signatures.
    async fn ask_beside(&self, context: &Context, ask: &Ask<'_>, round: &mut Round) -> Result<Reply, AskError> {
        let begun_us = self.upstream().now_us();
        let plain = round.at(Level::Plain);
        let heard = {
            let with = pin!(self.exchange(context, ask, round));
            let without = pin!(self.exchange(context, ask, &plain));
            match select(with, without).await {
                Either::Left((Err(error), without)) if error.is_silence() => Err(without.await),
                Either::Left((heard, _)) => Ok(heard),
                Either::Right((Err(error), with)) if error.is_silence() => Ok(with.await),
                Either::Right((heard, with)) => {
                    let now_us = self.upstream().now_us();
                    let patience = pin!(self.upstream().sleep_until(2 * now_us - begun_us + EDNS_GRACE_US));
                    match select(with, patience).await {
                        Either::Left((Err(error), _)) if error.is_silence() => Err(heard),
                        Either::Left((better, _)) => Ok(better),
                        Either::Right(_) => Err(heard),
                    }
                }
            }
        };
        heard.unwrap_or_else(|without| {
            *round = plain;
            without
        })
    }

    /// Asks once more in mixed case, and beside it in plain: the question came back in another case. A server that cannot
    /// help it does so again, and what it says to the plain question counts, for which port and identifier had to be
    /// guessed anew. If somebody else had guessed them, it repeats the case.
    async fn ask_twice(&self, context: &Context, ask: &Ask<'_>, round: &mut Round) -> Result<Reply, AskError> {
        let plain = round.in_plain_case();
        let (again, in_plain_case) =
            join(self.exchange(context, ask, round), self.exchange(context, ask, &plain)).await;
        if again.is_ok() {
            return again;
        }
        if matches!(again, Err(AskError::WrongCase)) {
            self.shared().servers.unable(ask.server, Inability::Case, self.upstream().now_us());
        }
        *round = plain;
        in_plain_case
    }

    /// One message there and its reply back.
    async fn exchange(&self, context: &Context, ask: &Ask<'_>, round: &Round) -> Result<Reply, AskError> {
        let Round { manner, transport, .. } = round;
        let now_us = self.upstream().now_us();
        let left_us = context.deadline_us.saturating_sub(now_us);
        let out_of_time = Exceeded::Time(self.settings().answer_within_ms());
        if left_us == 0 {
            return Err(out_of_time.into());
        }
        context.work.exchange(&self.settings().limits)?;
        // A stream needs a round trip more, and a handshake.
        let rounds = match transport {
            Transport::Udp => 1,
            Transport::Tcp => 3,
            _ => 5,
        };
        let patience_us = manner.timeout_us * rounds;
        let (message, cased) = self.message(ask, manner, transport);
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
            Err(ExchangeError::Timeout) if left_us < patience_us => Err(out_of_time.into()),
            Err(error) => Err((*error).into()),
        };
        let reply = reply.and_then(|reply| match (&reply.question, &cased) {
            (Some((name, _)), Some(cased)) if name.as_wire() != cased.as_wire() => Err(AskError::WrongCase),
            _ => Ok(reply),
        });
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

    /// The query, and its name if its case was mixed: then it is part of what makes a reply hard to forge.
    fn message(&self, ask: &Ask<'_>, manner: &Manner, transport: &Transport) -> (Vec<u8>, Option<NameBuf>) {
        let settings = self.settings();
        let mixed = settings.randomise_case && manner.mixed_case && !ask.recursion && *transport == Transport::Udp;
        let cased = mixed.then(|| self.mix_case(&ask.question.name));
        let name = cased.as_ref().unwrap_or(&ask.question.name);
        let mut out = Vec::with_capacity(HEADER_LEN + name.len() + 4 + 40);
        out.extend_from_slice(&[0; HEADER_LEN]);
        out[2] = if ask.recursion { flags::RD } else { 0 };
        // RFC 4035 3.2.2: what a forwarder thinks of signatures is for us to decide.
        out[3] = if ask.recursion && settings.validate { flags::CD } else { 0 };
        out[5] = 1;
        out.extend_from_slice(name.as_wire());
        out.extend_from_slice(&ask.question.rtype.0.to_be_bytes());
        out.extend_from_slice(&Class::IN.0.to_be_bytes());
        if manner.level > Level::Plain {
            out[11] = 1;
            let with_cookie = manner.level == Level::Cookie && *transport == Transport::Udp;
            let cookies = with_cookie.then(|| manner.cookie.clone().unwrap_or_else(|| self.new_cookie(ask)));
            put_edns(&mut out, cookies, transport);
        }
        (out, cased)
    }

    /// A cookie for a server that was never given one; no other server sees it.
    fn new_cookie(&self, ask: &Ask<'_>) -> Cookies {
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
fn put_edns(out: &mut Vec<u8>, cookies: Option<Cookies>, transport: &Transport) {
    // Clients may want signatures and proofs, whether they are looked at here or not (RFC 4035 3.2.1).
    let mut edns = Edns { udp_size: UDP_SIZE, dnssec_ok: true, ..Edns::default() };
    match (transport, cookies) {
        (_, Some((client, server))) => edns.options.push(EdnsOption::Cookie { client, server }),
        (Transport::Tls(_) | Transport::Https(_), None) => {
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
    use crate::upstream::Peer;

    /// RFC 8467 4.1, for encrypted transports alone.
    #[test]
    fn encrypted_queries_are_padded() {
        let len = |label: usize, transport: &Transport| {
            let name = format!("{}.example.", "a".repeat(label)).parse().expect("a name");
            let mut out = Message::query(0, name, RType::A).to_wire(512);
            out[11] = 1;
            let cookies = (*transport == Transport::Udp).then(|| ([1; 8], Vec::new()));
            put_edns(&mut out, cookies, transport);
            let edns = Message::parse(&out).expect("a message").edns.expect("EDNS");
            (out.len(), edns.options)
        };
        for label in 1..64 {
            let (padded, options) = len(label, &Transport::Tls(Peer::Address));
            assert!(padded.is_multiple_of(PADDED_TO), "{padded}");
            assert!(matches!(options[..], [EdnsOption::Padding(_)]), "{options:?}");
            let (plain, options) = len(label, &Transport::Udp);
            assert_eq!(plain, 12 + label + 1 + 9 + 4 + 11 + 12);
            assert!(matches!(options[..], [EdnsOption::Cookie { .. }]), "{options:?}");
            assert_eq!(len(label, &Transport::Tcp).1, []);
        }
    }
}
