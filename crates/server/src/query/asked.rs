//! The way of one packet behind admission and routing, stage by stage: `readable`, `authenticate` (signed.rs), `permitted`,
//! `ruled` (ruled.rs), `answer` from a zone, the cache (recursive.rs) or the server itself, `finish`. A stage is a function that gives a
//! [`Verdict`]; a policy is one more of them, before the answer or behind it.

use std::net::IpAddr;

use dns::edns::ede;
use dns::header::Rcode;
use dns::query::{EdnsQuery, Unanswerable, flags};
use dns::question::HashedName;
use dns::response::Writer;
use dns::{Class, RType};
use zone::answer::{Ask, Ends};
use zone::{Zone, ZoneTable};

use super::follow;
use super::packet::{Disposition, Packet, Response, Slot};
use super::verdict::{Reply, Ruled, Verdict};
use crate::answered::{Refusal, Source};
use crate::chaos;
use crate::edns::ResponseEdns;
use crate::limits::PLAIN_UDP_SIZE;
use crate::policy::cookie::CLIENT_LEN;
use crate::policy::judge;
use crate::recursion::Recursion;
use crate::settings::Settings;
use crate::stats::Stats;
use crate::transport::Transport;

/// What the stages need besides the packet.
#[derive(Default)]
pub(super) struct Scratch {
    pub alias: Box<HashedName>,
    /// The time that the cache goes by, if there is one.
    pub now_ms: u64,
    /// Look-ups in the cache so far.
    pub lookups: u32,
    /// For rules about what stands in answers.
    pub judge: judge::Scratch,
}

/// The question of one packet with all that its answer depends on.
pub(super) struct Asked<'a> {
    pub zones: &'a ZoneTable,
    pub settings: &'a Settings,
    pub stats: &'a Stats,
    pub slot: &'a Slot,
    pub zone: Option<&'a Zone>,
    pub transport: Transport,
    pub client: IpAddr,
    pub now: u64,
    /// When the batch came, in microseconds of a clock that does not jump.
    pub begin_us: u64,
    /// There is a control plane.
    pub controlled: bool,
    /// The client may have names resolved that are in no zone of ours.
    pub recursion: Option<&'a Recursion>,
}

impl Asked<'_> {
    /// Takes the packet, the first `len` bytes of `buf`, its way. A response is written over it.
    #[inline]
    pub fn take(&self, buf: &mut [u8], len: usize, scratch: &mut Scratch) -> Disposition {
        self.stats.received(self.transport);
        match self.said("readable", self.readable()) {
            Verdict::Continue => {}
            Verdict::Answer(reply) => {
                let questions = u16::from(self.slot.unanswerable == Some(Unanswerable::MalformedTail));
                return Disposition::Respond(self.respond_empty(buf, len, questions, reply));
            }
            Verdict::Drop => return Disposition::Drop,
        }
        if let Some(limits) = &self.settings.limits {
            return self.take_limited(limits, buf, len, scratch);
        }
        self.take_admitted(buf, len, scratch)
    }

    /// Takes a packet on that limits let through.
    #[inline]
    pub(super) fn take_admitted(&self, buf: &mut [u8], len: usize, scratch: &mut Scratch) -> Disposition {
        // One test for what is rare.
        let query = &self.slot.query;
        let rare = self.slot.unanswerable.is_some() | query.tsig.is_some();
        if rare | (query.qtype == RType::AXFR) | (query.qtype == RType::IXFR) {
            return self.authenticate(buf, len, scratch);
        }
        self.respond(buf, self.limit(), scratch)
    }

    /// Tells whoever follows queries that this one came.
    #[cold]
    pub fn say_received(&self, packet: &Packet<'_>) {
        let octets = packet.buf.get(..packet.len).unwrap_or_default();
        let zone = self.zone.map(|zone| &*zone.name);
        follow::received(packet.client, self.transport, octets, zone, self.recursion.is_some());
    }

    /// What a stage said, told to whoever follows queries.
    #[inline(always)]
    pub(super) fn said(&self, stage: &'static str, verdict: Verdict) -> Verdict {
        if follow::follows_queries() {
            let (word, rcode) = verdict.in_words();
            follow::verdict(stage, self.slot.name.name(), self.slot.query.qtype, word, rcode);
        }
        verdict
    }

    /// Stage: what the packet is at all.
    #[inline]
    fn readable(&self) -> Verdict {
        match self.slot.unanswerable {
            None => {
                self.stats.asked(self.transport, self.slot.query.qtype);
                Verdict::Continue
            }
            Some(Unanswerable::Ignore) => {
                self.stats.ignored.add(1);
                Verdict::Drop
            }
            Some(Unanswerable::Update | Unanswerable::Notify) if self.controlled => Verdict::Continue,
            Some(Unanswerable::Malformed | Unanswerable::MalformedTail) => Verdict::Answer(Reply::malformed()),
            Some(Unanswerable::Update | Unanswerable::Notify | Unanswerable::Opcode(_)) => {
                Verdict::Answer(Reply::own(Rcode::NOTIMP))
            }
            Some(Unanswerable::CookieOnly) => Verdict::Answer(Reply::own(Rcode::NOERROR)),
        }
    }

    /// The response to a query, in at most `limit` bytes, or the question for those who can answer it.
    #[inline]
    pub(super) fn respond(&self, buf: &mut [u8], limit: usize, scratch: &mut Scratch) -> Disposition {
        let query = &self.slot.query;
        let mut w = Writer::new(buf, &self.slot.name, self.zones.hasher(), usize::from(query.question_end), limit);
        let mut opt = query.edns.as_ref().map(|edns| self.edns(edns, w.octets()));
        let room = opt.as_ref().map_or(0, ResponseEdns::room);
        w.reserve(room);
        let reply = match self.said("permitted", self.permitted()) {
            Verdict::Continue => match self.ruled_and_answered(&mut w, scratch) {
                Ruled::Answer(reply) => reply,
                Ruled::Drop => return Disposition::Drop,
                Ruled::Follow(judging) => match self.miss(&mut w) {
                    Ok(miss) => return Disposition::Resolve(self.unresolved(buf, limit, opt, (Some(judging), miss))),
                    Err(reply) => reply,
                },
                Ruled::Pass(passed) => match self.miss(&mut w) {
                    Ok(miss) => {
                        return Disposition::Resolve(self.unresolved(buf, limit, opt, (self.judging(passed), miss)));
                    }
                    Err(reply) => reply,
                },
            },
            Verdict::Answer(reply) => reply,
            Verdict::Drop => return Disposition::Drop,
        };
        w.release(room);
        if let Some(opt) = &mut opt {
            if let Some(info) = reply.info {
                opt.extended_error(info);
            }
            let _ = opt.write(&mut w, (reply.rcode.0 >> 4) as u8);
        }
        Disposition::Respond(self.finish(w, 1, reply))
    }

    /// Stages: what rules say of the question, the answer, and what rules say of that. What passes takes the resolver.
    #[inline]
    fn ruled_and_answered(&self, w: &mut Writer<'_>, scratch: &mut Scratch) -> Ruled {
        match self.ruled(w) {
            Ruled::Pass(passed) if !self.needs_servers(&passed) => match self.answer(w, scratch) {
                Some(reply) => self.judged(reply, passed, w, scratch),
                None => Ruled::Pass(passed),
            },
            ruled => ruled,
        }
    }

    /// Stage: what may be asked, and by this client.
    #[inline]
    fn permitted(&self) -> Verdict {
        let query = &self.slot.query;
        if query.edns.is_some_and(|edns| edns.version != 0) {
            return Verdict::Answer(Reply::own(Rcode::BADVERS));
        }
        match query.qclass {
            Class::IN | Class::ANY => {}
            Class::CH => return Verdict::Continue,
            _ => return Verdict::Answer(Reply::own(Rcode::REFUSED)),
        }
        match query.qtype {
            RType::AXFR | RType::IXFR => return Verdict::Answer(Reply::own(self.transfer())),
            // RFC 1035 3.2.3: obsolete.
            RType::MAILB | RType(254) => return Verdict::Answer(Reply::own(Rcode::NOTIMP)),
            RType::OPT | RType::TSIG | RType::TKEY => return Verdict::Answer(Reply::own(Rcode::FORMERR)),
            _ => {}
        }
        match self.zone {
            Some(zone) if zone.allows_query(self.client) => Verdict::Continue,
            Some(_) => Verdict::Answer(Reply::refused(Refusal::Zone, ede::PROHIBITED)),
            None => self.recursion_permitted(),
        }
    }

    /// RFC 5936 2.2.1: NOTAUTH for what is no apex of ours; without a control plane nobody may transfer.
    fn transfer(&self) -> Rcode {
        match self.zone {
            Some(zone) if *zone.name == *self.slot.name.name() => Rcode::REFUSED,
            _ => Rcode::NOTAUTH,
        }
    }

    /// Stage: the answer of the server itself, a zone or the cache; `None`: it takes the resolver.
    #[inline]
    fn answer(&self, w: &mut Writer<'_>, scratch: &mut Scratch) -> Option<Reply> {
        match self.zone {
            _ if self.slot.query.qclass == Class::CH => {
                Some(Reply::own(chaos::answer(self.settings, &self.slot.query, w)))
            }
            Some(zone) => self.zone_answer(zone, w, scratch),
            None => self.cached_answer(w, scratch),
        }
    }

    #[inline]
    fn zone_answer(&self, zone: &Zone, w: &mut Writer<'_>, scratch: &mut Scratch) -> Option<Reply> {
        let query = &self.slot.query;
        let ask = Ask {
            qtype: query.qtype,
            dnssec_ok: query.edns.is_some_and(|edns| edns.dnssec_ok),
            any_in_full: self.transport.is_stream(),
            minimal: self.settings.minimal_responses,
        };
        let may_ask = |zone: &Zone| zone.allows_query(self.client);
        let mark = w.mark();
        let answer = zone::answer::answer(self.zones, zone, ask, &may_ask, &mut scratch.alias, w);
        if answer.ends != Ends::Here && self.goes_on(zone, answer.ends) {
            w.start_over(mark);
            return self.cached_answer(w, scratch);
        }
        let info = zone.contents.is_none().then_some(ede::NOT_READY);
        // Nobody has all classes of a name, so an answer to QCLASS ANY cannot be authoritative
        // (RFC 1035 6.2).
        let authoritative = answer.authoritative && query.qclass != Class::ANY;
        let set = if authoritative { flags::AA } else { 0 };
        Some(Reply { set, info, ..Reply::new(answer.rcode, Source::Zone) })
    }

    /// A response without records: it keeps its question if there is one, else the header alone is sent back.
    pub(super) fn respond_empty(&self, buf: &mut [u8], len: usize, questions: u16, reply: Reply) -> Response {
        let query = &self.slot.query;
        let end = if questions == 0 { dns::header::HEADER_LEN } else { usize::from(query.question_end) };
        let mut w = Writer::new(buf, &self.slot.name, self.zones.hasher(), end, len.max(usize::from(PLAIN_UDP_SIZE)));
        // RFC 6891 6.1.1: a query with OPT gets a response with OPT.
        if let Some(edns) = query.edns.map(|edns| self.edns(&edns, w.octets())) {
            let _ = edns.write(&mut w, 0);
        }
        self.finish(w, questions, reply)
    }

    /// Largest response in bytes.
    #[inline]
    pub(super) fn limit(&self) -> usize {
        let edns = self.slot.query.edns.as_ref();
        self.transport.response_limit(edns.map(|edns| edns.udp_size.min(self.settings.udp_size)))
    }

    /// The OPT record of the response; `octets` is the packet, whose options are not overwritten yet.
    fn edns(&self, query: &EdnsQuery, octets: &[u8]) -> ResponseEdns {
        let mut opt = ResponseEdns::new(query, self.settings.udp_size);
        self.stats.edns.add(1);
        if query.dnssec_ok {
            self.stats.dnssec_ok.add(1);
        }
        if query.nsid {
            opt.nsid(&self.settings.nsid);
        }
        if query.keepalive && self.transport.is_stream() {
            opt.keepalive(self.settings.tcp_idle);
        }
        if let (Some((at, len)), Some(secrets)) = (query.cookie, &self.settings.cookies) {
            let (client, now) = (self.client, self.now as u32);
            self.stats.cookies.add(1);
            let cookie = octets.get(usize::from(at)..usize::from(at) + usize::from(len)).unwrap_or(&[]);
            if secrets.verify(cookie, client, now) {
                self.stats.cookies_valid.add(1);
            }
            if let Some(client_cookie) = cookie.first_chunk::<CLIENT_LEN>() {
                opt.cookie(&secrets.make(client_cookie, client, now));
            }
        }
        opt
    }

    /// Writes the header.
    #[inline]
    pub(super) fn finish(&self, w: Writer<'_>, questions: u16, reply: Reply) -> Response {
        let Reply { rcode, set, set_low, info, source, security, refresh, policy } = reply;
        let available = if self.recursion.is_some() { flags::RA } else { 0 };
        let len = w.finish_recursive(questions, set, set_low | available, rcode.0 as u8);
        // Without OPT there is no room for a reason.
        let info = info.filter(|_| self.slot.query.edns.is_some());
        // No message is longer than its length can say.
        Response { len: len as u16, rcode, source, security, info, refresh, policy }
    }
}
