//! A client's question on its way through the resolver, and the response that it gets in the end.

use std::sync::Arc;

use dns::header::{HEADER_LEN, Rcode};
use dns::query::{Query, flags};
use dns::question::HashedName;
use dns::response::Writer;
use dns::{Name, NameHasher, RType};
use dnssec::tsig::Signer;
use resolver::{Outcome, Question, Security};

use crate::clock::unix_seconds;
use crate::edns::ResponseEdns;
use crate::handover::Outgoing;
use crate::limits::{MAX_MESSAGE_SIZE, MAX_UDP_SIZE};
use crate::listen::udp::back::{Outbox, WayBack};
use crate::stats::Stats;

/// How a response gets to its client.
#[derive(Default)]
pub(crate) enum Way {
    /// Nobody waits for it: the cache is refreshed.
    #[default]
    Nowhere,
    /// As a datagram.
    Datagram(WayBack),
    /// To the worker that has the connection; it is called once.
    Stream(Box<dyn FnOnce(Outgoing) + Send>),
}

/// A question that one look at zones and cache does not answer. One that is dropped without a response gets SERVFAIL.
pub(crate) struct Client {
    /// Header and question as they came, the header counting no records.
    head: Vec<u8>,
    /// The OPT record of the response, if it has one.
    opt: Option<ResponseEdns>,
    /// Largest response in octets, room for a signature already taken off.
    limit: usize,
    /// Signs the response, if the query was signed.
    pub signer: Option<Signer>,
    /// Where the response goes.
    pub way: Way,
    /// When it came, by the clock of the resolver threads, in microseconds.
    pub arrived_us: u64,
}

/// A question that waits for its listener to say where the response goes.
pub(crate) struct Resolving {
    /// Which packet of the batch it was; `None` if nobody waits for a response.
    pub index: Option<usize>,
    /// Questions with the same one go to the same thread.
    pub hash: u64,
    pub client: Box<Client>,
}

impl Client {
    /// A question that came at `arrived_us`, whose header and question section are `head`.
    pub fn new(head: &[u8], opt: Option<ResponseEdns>, limit: usize, arrived_us: u64) -> Client {
        let mut head = head.to_vec();
        if let Some(counts) = head.get_mut(4..HEADER_LEN) {
            counts.copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        }
        Client { head, opt, limit, signer: None, way: Way::Nowhere, arrived_us }
    }

    /// What is asked; `None` if it is no question, which only a mistake of ours could be.
    pub fn question(&self) -> Option<Question> {
        let (name, behind) = Name::split_from_wire(self.head.get(HEADER_LEN..)?).ok()?;
        let rtype = behind.first_chunk::<2>()?;
        Some(Question::new(name, RType(u16::from_be_bytes(*rtype))))
    }

    /// Whether the client takes data that does not validate (RFC 4035 3.2.2).
    pub fn checking_disabled(&self) -> bool {
        self.head.get(3).is_some_and(|octet| octet & flags::CD != 0)
    }

    /// The response, in `buf`, which has room for the question at least; returns its length.
    fn write(&self, outcome: &Outcome, buf: &mut [u8], name: &mut HashedName, hasher: NameHasher) -> usize {
        let Some(room) = buf.get_mut(..self.head.len()) else { return 0 };
        room.copy_from_slice(&self.head);
        let mut query = Query::default();
        if query.read(&self.head, name, hasher).is_err() {
            return 0;
        }
        let mut w = Writer::new(buf, name, hasher, self.head.len(), self.limit);
        let dnssec_ok = self.opt.as_ref().is_some_and(ResponseEdns::dnssec_ok);
        match &self.opt {
            None => outcome.write(&mut w, query.qtype, false),
            Some(opt) => {
                w.reserve(opt.room());
                outcome.write(&mut w, query.qtype, dnssec_ok);
                w.release(opt.room());
                let reason = outcome.reason.as_ref().map(|reason| (reason.code, &*reason.text));
                let _ = opt.write_with_reason(&mut w, (outcome.rcode.0 >> 4) as u8, reason);
            }
        }
        // RFC 6840 5.7, 5.8: AD is for those who asked for it, with DO or AD.
        let wants_ad = dnssec_ok || self.head.get(3).is_some_and(|octet| octet & flags::AD != 0);
        let ad = if wants_ad && outcome.is_authentic() { flags::AD } else { 0 };
        // Without EDNS an RCODE has four bits only (RFC 6891 6.1.3).
        let rcode = if self.opt.is_none() && outcome.rcode.0 > 15 { Rcode::SERVFAIL } else { outcome.rcode };
        w.finish_recursive(1, 0, flags::RA | ad, rcode.0 as u8)
    }

    /// The response as a message of its own.
    fn message(&mut self, outcome: &Outcome, tools: &mut Tools) -> Vec<u8> {
        tools.buffer.resize(MAX_MESSAGE_SIZE, 0);
        let len = self.write(outcome, &mut tools.buffer, &mut tools.name, tools.hasher);
        let mut message = tools.buffer.get(..len).unwrap_or_default().to_vec();
        if let Some(signer) = &mut self.signer {
            signer.sign(&mut message, unix_seconds());
        }
        message
    }

    /// Answers.
    pub fn respond(mut self: Box<Self>, outcome: &Outcome, tools: &mut Tools) {
        match std::mem::take(&mut self.way) {
            Way::Nowhere => {}
            Way::Stream(deliver) => deliver(Outgoing::Message(self.message(outcome, tools))),
            Way::Datagram(way) if self.signer.is_some() => {
                let message = self.message(outcome, tools);
                let room = tools.outbox.room();
                let len = message.len().min(room.len());
                room[..len].copy_from_slice(&message[..len]);
                tools.send(way, len);
            }
            Way::Datagram(way) => {
                let (name, hasher) = (&mut *tools.name, tools.hasher);
                let len = self.write(outcome, tools.outbox.room(), name, hasher);
                tools.send(way, len);
            }
        }
    }
}

impl Client {
    /// SERVFAIL, without anything of a thread.
    fn failure(&mut self) -> Vec<u8> {
        let mut message = vec![0; usize::from(MAX_UDP_SIZE)];
        let outcome = Outcome::empty(Rcode::SERVFAIL, Security::Indeterminate);
        // Nothing is looked up: any hasher will do.
        let len = self.write(&outcome, &mut message, &mut HashedName::default(), NameHasher::new(0));
        message.truncate(len);
        if let Some(signer) = &mut self.signer {
            signer.sign(&mut message, unix_seconds());
        }
        message
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        match std::mem::take(&mut self.way) {
            Way::Nowhere => {}
            Way::Stream(deliver) => deliver(Outgoing::Message(self.failure())),
            Way::Datagram(way) => way.send(&self.failure()),
        }
    }
}

/// What a resolver thread writes responses with.
pub(crate) struct Tools {
    outbox: Outbox,
    name: Box<HashedName>,
    buffer: Vec<u8>,
    hasher: NameHasher,
    stats: Arc<Stats>,
}

impl Tools {
    pub fn new(hasher: NameHasher, stats: Arc<Stats>) -> Tools {
        Tools { outbox: Outbox::new(), name: Box::default(), buffer: Vec::new(), hasher, stats }
    }

    fn send(&mut self, way: WayBack, len: usize) {
        let response = self.outbox.room().get(..len).unwrap_or_default();
        self.stats.response(response);
        if response.get(2).is_some_and(|octet| octet & flags::TC != 0) {
            self.stats.truncated.add(1);
        }
        self.outbox.push(way, len);
    }

    /// Sends what was answered.
    pub fn flush(&mut self) {
        self.outbox.flush();
        self.stats.send_errors.add(self.outbox.take_failed());
    }
}
