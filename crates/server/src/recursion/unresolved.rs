//! A client's question on its way through the resolver, and the response that it gets in the end.

use std::sync::Arc;

use dns::NameHasher;
use dns::edns::ede;
use dns::header::{HEADER_LEN, Rcode};
use dns::query::{Query, flags};
use dns::question::HashedName;
use dns::response::{Full, Writer};
use dnssec::tsig::Signer;
use policy::{Looks, Mark};
use resolver::{Outcome, Question, Security};

use super::judging::{Judging, Place};
use crate::answered::{self, Answered, By, Exit, Refusal, Source};
use crate::clock::unix_seconds;
use crate::delivery::datagram::Outbox;
use crate::delivery::{Outgoing, ReturnPath};
use crate::edns::ResponseEdns;
use crate::limits::{MAX_MESSAGE_SIZE, MAX_UDP_SIZE};
use crate::policy::judge::{self, Judged, NameServers};
use crate::policy::limits::Miss;
use crate::trace;

/// A question that one look at zones and cache does not answer.
pub struct Unresolved {
    /// Header and question as they came, the header counting no records.
    head: Vec<u8>,
    /// Questions with the same one go to the same thread.
    pub(crate) hash: u64,
    /// What its name counts for ([`super::zone_hash`]).
    zone: u64,
    /// The OPT record of the response, if it has one.
    opt: Option<ResponseEdns>,
    /// Largest response in octets, room for a signature already taken off.
    limit: usize,
    /// Signs the response, if the query was signed.
    signer: Option<Signer>,
    /// When it came, by the clock of the resolver threads, in microseconds.
    arrived_us: u64,
    /// Bytes of the query; 0 if they are not known.
    query_len: u16,
    /// The query as it came, if it is to be recorded.
    query: Option<Box<[u8]>>,
    /// What rules say of it.
    judging: Option<Box<Judging>>,
    /// Counts it as a question that others are asked about, if that is limited.
    miss: Option<Miss>,
}

impl Unresolved {
    /// A question that came at `arrived_us`, whose header and question section are `head`; `hash` is of its name, `zone` of
    /// what that counts for.
    pub(crate) fn new(
        head: &[u8],
        (hash, zone): (u64, u64),
        opt: Option<ResponseEdns>,
        limit: usize,
        arrived_us: u64,
    ) -> Unresolved {
        let mut head = head.to_vec();
        if let Some(counts) = head.get_mut(4..HEADER_LEN) {
            counts.copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        }
        let (signer, query, judging, miss) = (None, None, None, None);
        Unresolved { head, hash, zone, opt, limit, signer, arrived_us, query_len: 0, query, judging, miss }
    }

    /// The same, with what is recorded of its query besides: its length, and itself if that is wanted.
    pub(crate) fn recorded(mut self: Box<Self>, query_len: usize, query: Option<&[u8]>) -> Box<Unresolved> {
        self.query_len = query_len.try_into().unwrap_or(u16::MAX);
        self.query = query.map(Box::from);
        self
    }

    /// The same, whose answer is judged by rules.
    pub(crate) fn judged(mut self, judging: Option<Judging>) -> Unresolved {
        self.judging = judging.map(Box::new);
        self
    }

    /// The same, counted until it has an answer.
    pub(crate) fn counted(mut self, miss: Option<Miss>) -> Unresolved {
        self.miss = miss;
        self
    }

    /// The same, with a response that `signer` signs.
    pub(crate) fn signed(mut self: Box<Self>, signer: Signer) -> Box<Unresolved> {
        self.signer = Some(signer);
        self
    }

    /// The response, in `buf`, which has room for the question at least.
    fn write(
        &self,
        found: &Found<'_>,
        buf: &mut [u8],
        is_stream: bool,
        scratch: &mut Scratch,
        hasher: NameHasher,
    ) -> Written {
        let outcome = found.outcome;
        let reason = outcome.reason.as_ref().map(|reason| (reason.code, &*reason.text));
        let mut written = Written::new(source(outcome), outcome.rcode, reason.map(|(code, _)| code));
        let Some(room) = buf.get_mut(..self.head.len()) else { return written };
        room.copy_from_slice(&self.head);
        let mut query = Query::default();
        let Scratch { name, judge } = scratch;
        if query.read(&self.head, name, hasher).is_err() {
            return written;
        }
        let mut w = Writer::new(buf, name, hasher, self.head.len(), self.limit);
        let room = self.opt.as_ref().map_or(0, ResponseEdns::room);
        let dnssec_ok = self.opt.as_ref().is_some_and(ResponseEdns::dnssec_ok);
        w.reserve(room);
        let is_authentic = match &self.judging {
            None => {
                outcome.write(&mut w, query.qtype, dnssec_ok);
                outcome.is_authentic()
            }
            Some(judging) => {
                match judging.write_alias(&mut w) {
                    Ok(()) => outcome.write(&mut w, query.qtype, dnssec_ok),
                    Err(Full) => w.set_truncated(),
                }
                let place = Place { question_end: self.head.len(), qtype: query.qtype, dnssec_ok, is_stream };
                written.take(judging.judge(&mut w, &place, found.servers, judge), judging);
                outcome.is_authentic() && written.source != Source::Policy
            }
        };
        w.release(room);
        let rcode = self.rcode(written.rcode);
        match &self.opt {
            None => written.info = None,
            Some(opt) => {
                let own = written.info.map(|code| (code, reason.filter(|(known, _)| *known == code)));
                let reason = own.map(|(code, reason)| reason.unwrap_or((code, "")));
                let _ = opt.write_with_reason(&mut w, (rcode.0 >> 4) as u8, reason);
            }
        }
        // RFC 6840 5.7, 5.8: AD is for those who asked for it, with DO or AD.
        let wants_ad = dnssec_ok || self.head.get(3).is_some_and(|octet| octet & flags::AD != 0);
        let ad = if wants_ad && is_authentic { flags::AD } else { 0 };
        let len = w.finish_recursive(1, 0, flags::RA | ad, rcode.0 as u8);
        Written { len, rcode, ..written }
    }

    /// Without EDNS an RCODE has four bits only (RFC 6891 6.1.3).
    fn rcode(&self, rcode: Rcode) -> Rcode {
        if self.opt.is_none() && rcode.0 > 15 { Rcode::SERVFAIL } else { rcode }
    }

    /// The response as a message of its own, made in `buf`.
    fn message(
        &mut self,
        found: &Found<'_>,
        buf: &mut [u8],
        is_stream: bool,
        scratch: &mut Scratch,
        hasher: NameHasher,
    ) -> (Vec<u8>, Written) {
        let written = self.write(found, buf, is_stream, scratch, hasher);
        let mut message = buf.get(..written.len).unwrap_or_default().to_vec();
        // What is not sent is not signed: a signature follows the one before it.
        if let Some(signer) = self.signer.as_mut().filter(|_| written.turned.is_none()) {
            signer.sign(&mut message, unix_seconds());
        }
        (message, written)
    }
}

/// What was found.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub outcome: &'a Outcome,
    /// The name servers of its names, as far as rules look at them.
    pub servers: &'a NameServers,
}

/// A response as it was written.
struct Written {
    len: usize,
    rcode: Rcode,
    source: Source,
    info: Option<u16>,
    policy: Option<Mark>,
    dropped: bool,
    /// It is not to be sent: the question's name is an alias of another, which is to be resolved.
    turned: Option<Judging>,
}

impl Written {
    fn new(source: Source, rcode: Rcode, info: Option<u16>) -> Written {
        Written { len: 0, rcode, source, info, policy: None, dropped: false, turned: None }
    }

    /// Takes over what rules said.
    fn take(&mut self, judged: Judged, judging: &Judging) {
        match judged {
            Judged::Stays(mark) => {
                self.policy = mark;
                if judging.alias().is_some() {
                    (self.source, self.info) = (Source::Policy, None);
                }
            }
            Judged::Instead { rcode, mark, info } => {
                (self.rcode, self.policy, self.source, self.info) = (rcode, mark, Source::Policy, info);
            }
            Judged::Dropped(mark) => {
                // Over a stream it is refused: the connection would wait for it.
                (self.rcode, self.policy, self.source) = (Rcode::REFUSED, mark, Source::Policy);
                (self.info, self.dropped) = (None, true);
            }
            Judged::Alias(ruling, name) => self.turned = Some(judging.turned(&ruling, &name)),
        }
    }
}

/// What a response is written with.
#[derive(Default)]
struct Scratch {
    name: Box<HashedName>,
    judge: judge::Scratch,
}

/// A client that waits for the response. One that is dropped without it gets SERVFAIL.
pub(crate) struct Client {
    asked: Box<Unresolved>,
    /// `None` once it has been answered.
    path: Option<ReturnPath>,
}

impl Client {
    pub fn new(asked: Box<Unresolved>, path: ReturnPath) -> Client {
        Client { asked, path: Some(path) }
    }

    /// What is asked; `None` if it is no question, which only a mistake of ours could be.
    pub fn question(&self) -> Option<Question> {
        let (name, rtype, _) = answered::question(&self.asked.head)?;
        let alias = self.asked.judging.as_ref().and_then(|judging| judging.alias());
        Some(Question::new(alias.unwrap_or(name), rtype))
    }

    /// What the name counts for ([`super::zone_hash`]).
    pub fn zone(&self) -> u64 {
        self.asked.zone
    }

    /// Whether the client takes data that does not validate (RFC 4035 3.2.2).
    pub fn checking_disabled(&self) -> bool {
        self.asked.head.get(3).is_some_and(|octet| octet & flags::CD != 0)
    }

    /// When the question came, by the clock of the resolver threads, in microseconds.
    pub fn arrived_us(&self) -> u64 {
        self.asked.arrived_us
    }

    /// What has to be found out besides the answer, for rules.
    pub fn looks(&self) -> Looks {
        self.asked.judging.as_ref().map_or(Looks::default(), |judging| judging.looks())
    }

    /// Answers, at `now_us` by the same clock. If rules say that the question's name is an alias of another, the client
    /// comes back, to be answered with what that is.
    pub fn respond(mut self, found: &Found<'_>, responder: &mut Responder, now_us: u64) -> Option<Client> {
        let path = self.path.take()?;
        let outcome = found.outcome;
        if let Some(miss) = &mut self.asked.miss {
            miss.positive = outcome.rcode == Rcode::NOERROR && !outcome.answers.is_empty();
        }
        let elapsed_us = now_us.saturating_sub(self.asked.arrived_us);
        let Responder { outbox, scratch, buffer, hasher, exit } = responder;
        let record = |asked: &Unresolved, path: &ReturnPath, response: &[u8], written: &Written| {
            let answered = Answered {
                elapsed_us,
                query_len: asked.query_len,
                query: asked.query.as_deref().unwrap_or_default(),
                security: Some(outcome.security),
                upstream: outcome.server,
                info: written.info,
                policy: written.policy,
                ..path.answered(response, written.rcode, written.source)
            };
            trace::resolved(&answered);
            answered.leave(exit, By::Owner);
        };
        if matches!(path, ReturnPath::Datagram(_)) && self.asked.signer.is_none() {
            let room = outbox.room(&exit.stats);
            let mut written = self.asked.write(found, room, false, scratch, *hasher);
            if let Some(turned) = written.turned.take() {
                return Some(self.turned(turned, path));
            }
            if written.dropped {
                exit.stats.rules_dropped.add(1);
                return None;
            }
            record(&self.asked, &path, room.get(..written.len).unwrap_or_default(), &written);
            if let ReturnPath::Datagram(path) = path {
                outbox.push(path, written.len);
            }
            return None;
        }
        buffer.resize(MAX_MESSAGE_SIZE, 0);
        let is_stream = !matches!(path, ReturnPath::Datagram(_));
        let (message, mut written) = self.asked.message(found, buffer, is_stream, scratch, *hasher);
        if let Some(turned) = written.turned.take() {
            return Some(self.turned(turned, path));
        }
        record(&self.asked, &path, &message, &written);
        path.send(Outgoing::Message(message));
        None
    }

    /// The client, whose question has another name now.
    fn turned(mut self, judging: Judging, path: ReturnPath) -> Client {
        self.asked.judging = Some(Box::new(judging));
        self.path = Some(path);
        self
    }

    /// SERVFAIL at once: too many wait already.
    pub fn refuse(mut self) {
        self.fail(Source::Refused(Refusal::ResolverBusy));
    }

    /// SERVFAIL, without anything of a thread.
    fn fail(&mut self, source: Source) {
        let Some(path) = self.path.take() else { return };
        let mut buffer = vec![0; usize::from(MAX_UDP_SIZE)];
        let outcome = Outcome::empty(Rcode::SERVFAIL, Security::Indeterminate);
        let found = Found { outcome: &outcome, servers: &NameServers::default() };
        // Nothing is looked up: any hasher will do, and rules are not asked.
        self.asked.judging = None;
        let (message, _) = self.asked.message(&found, &mut buffer, true, &mut Scratch::default(), NameHasher::new(0));
        path.respond(message, Rcode::SERVFAIL, source, None, 0);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.fail(Source::Server);
    }
}

/// Who gave an answer of the resolver.
fn source(outcome: &Outcome) -> Source {
    match outcome.reason.as_ref().map(|reason| reason.code) {
        Some(ede::STALE_ANSWER | ede::STALE_NXDOMAIN) => Source::Stale,
        _ => Source::Resolver,
    }
}

/// What a resolver thread writes and sends responses with.
pub(crate) struct Responder {
    outbox: Outbox,
    scratch: Scratch,
    buffer: Vec<u8>,
    hasher: NameHasher,
    exit: Arc<Exit>,
}

impl Responder {
    pub fn new(hasher: NameHasher, exit: Arc<Exit>) -> Responder {
        Responder { outbox: Outbox::new(), scratch: Scratch::default(), buffer: Vec::new(), hasher, exit }
    }

    /// Sends what was answered.
    pub fn flush(&mut self) {
        self.outbox.flush(&self.exit.stats);
    }
}
