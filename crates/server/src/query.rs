//! The one function that answers a query: [`Worker::answer`], and the same for a batch of packets.
//!
//! Three stages: `admit` reads the packet, `route` finds the zone, `write` makes the response over the
//! packet. A batch runs each stage over all its packets before the next one, and asks for the memory
//! that the next stage will touch, so that the waits for memory overlap. Nothing here waits for I/O,
//! takes a lock on the data it reads, or allocates. What is signed, and what the control plane answers, goes apart.

mod apart;
mod elsewhere;

use std::net::IpAddr;
use std::sync::Arc;

use dns::edns::ede;
use dns::header::Rcode;
use dns::query::{EdnsQuery, Query, Unanswerable, flags};
use dns::question::HashedName;
use dns::response::Writer;
use dns::{Class, RType};
use zone::answer::{Ask, Ends};
use zone::{Published, Reader, Zone, ZoneTable};

use crate::chaos;
use crate::control::Control;
use crate::edns::ResponseEdns;
use crate::handover::{Desk, Handover};
use crate::limits::{MAX_MESSAGE_SIZE, PLAIN_UDP_SIZE, UDP_BATCH};
use crate::policy::cookie::CLIENT_LEN;
use crate::recursion::{Job, Recursion, Resolving};
use crate::settings::{Settings, ZonePolicy};
use crate::stats::Stats;

/// How a query came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

/// A packet to be answered in place.
pub struct Packet<'a> {
    /// The query at the start, room for the response over it.
    pub buf: &'a mut [u8],
    /// Octets of the query; then of the response, 0 for none.
    pub len: usize,
    /// Who asks.
    pub client: IpAddr,
}

impl Default for Packet<'_> {
    fn default() -> Self {
        Packet { buf: &mut [], len: 0, client: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED) }
    }
}

/// What a stage leaves for the next.
#[derive(Default)]
struct Slot {
    query: Query,
    name: HashedName,
    unanswerable: Option<Unanswerable>,
}

/// One thread's means to answer queries.
pub struct Worker {
    zones: Reader<ZoneTable>,
    settings: Reader<Settings>,
    stats: Arc<Stats>,
    slots: Box<[Slot; UDP_BATCH]>,
    scratch: Scratch,
    /// The control plane, if there is one.
    pub(crate) desk: Option<Desk>,
    /// No answers come later.
    alone: bool,
}

/// What the third stage needs besides the packet.
#[derive(Default)]
struct Scratch {
    alias: Box<HashedName>,
    /// What the control plane shall answer.
    handed: Vec<Handover>,
    /// What a resolver thread shall answer.
    resolving: Vec<Resolving>,
    jobs: Vec<Job>,
    /// The time that the cache goes by, if there is one.
    now_ms: u64,
}

/// What the header says besides the records, and why.
struct Verdict {
    rcode: Rcode,
    /// The AA bit.
    set: u8,
    /// The AD bit.
    set_low: u8,
    /// The reason to give (RFC 8914).
    info: Option<u16>,
    /// It takes a resolver to answer: nothing is written.
    resolve: bool,
}

impl From<Rcode> for Verdict {
    fn from(rcode: Rcode) -> Verdict {
        Verdict { rcode, set: 0, set_low: 0, info: None, resolve: false }
    }
}

impl Verdict {
    fn refused(info: u16) -> Verdict {
        Verdict { info: Some(info), ..Verdict::from(Rcode::REFUSED) }
    }
}

/// The question of one packet with all that its answer depends on.
struct Asked<'a> {
    zones: &'a ZoneTable,
    settings: &'a Settings,
    stats: &'a Stats,
    slot: &'a Slot,
    /// Which packet of the batch it is.
    index: usize,
    zone: Option<&'a Zone>,
    transport: Transport,
    client: IpAddr,
    now: u64,
    /// There is a control plane.
    controlled: bool,
    /// The client may have names resolved that are in no zone of ours.
    recursion: Option<&'a Recursion>,
}

impl Worker {
    /// A worker that answers from `zones`.
    pub fn new(zones: Arc<Published<ZoneTable>>, settings: Arc<Published<Settings>>, stats: Arc<Stats>) -> Worker {
        Worker {
            zones: Reader::new(zones),
            settings: Reader::new(settings),
            stats,
            slots: Box::new(std::array::from_fn(|_| Slot::default())),
            scratch: Scratch::default(),
            desk: None,
            alone: false,
        }
    }

    /// This worker with a control plane, which answers what the worker cannot (see [`Worker::hand_over`]). Without
    /// one, UPDATE and NOTIFY are not implemented and zone transfers refused.
    pub fn with_control(mut self, control: Option<Arc<dyn Control>>) -> Worker {
        self.desk = control.map(Desk::new);
        self
    }

    /// Nobody can answer in the worker's place: there is no way back.
    pub(crate) fn alone(&mut self) {
        self.desk = None;
        self.alone = true;
    }

    /// Takes the latest zones and settings, so that old ones can be freed while no query comes.
    pub fn refresh(&mut self) {
        self.zones.refresh();
        self.settings.refresh();
    }

    /// The worker's counters.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Answers one packet; see [`Worker::answer_batch`].
    pub fn answer(&mut self, packet: Packet<'_>, transport: Transport, now: u64) -> usize {
        let mut batch = [packet];
        self.answer_batch(&mut batch, transport, now);
        batch[0].len
    }

    /// Answers up to [`UDP_BATCH`] packets from one version of the zones, each in its own buffer.
    ///
    /// `now` is in seconds since 1970. What the control plane shall answer has no response, and is to be had from
    /// [`Worker::handed_over`] afterwards.
    pub fn answer_batch(&mut self, packets: &mut [Packet<'_>], transport: Transport, now: u64) {
        let (zones, settings) = (self.zones.latest(), self.settings.latest());
        let slots = &mut self.slots[..packets.len()];
        for (slot, packet) in slots.iter_mut().zip(packets.iter()) {
            slot.admit(&packet.buf[..packet.len], zones);
        }
        let routes = route(slots, zones);
        if let Some(recursion) = &settings.recursion {
            self.scratch.now_ms = recursion.now_ms();
            fetch_ahead(slots, &routes, recursion);
        }
        for (i, packet) in packets.iter_mut().enumerate() {
            let (slot, client) = (&slots[i], packet.client);
            let (stats, zone, controlled) = (&*self.stats, routes[i], self.desk.is_some());
            let recursion = settings.recursion.as_ref().filter(|recursion| !self.alone && recursion.allows(client));
            let asked =
                Asked { zones, settings, stats, slot, index: i, zone, transport, client, now, controlled, recursion };
            packet.len = asked.write(packet.buf, packet.len, &mut self.scratch);
        }
    }

    /// Takes what the control plane shall answer.
    pub fn handed_over(&mut self) -> Vec<Handover> {
        std::mem::take(&mut self.scratch.handed)
    }

    /// What a resolver thread shall answer, and is not told yet where to.
    pub(crate) fn resolving(&mut self) -> &mut Vec<Resolving> {
        &mut self.scratch.resolving
    }

    /// Hands over what a resolver thread shall answer. What finds no room gets SERVFAIL.
    pub(crate) fn hand_to_resolver(&mut self) {
        let Scratch { resolving, jobs, .. } = &mut self.scratch;
        if let Some(recursion) = &self.settings.get().recursion {
            let refused = recursion.threads.hand_over(resolving, jobs);
            self.stats.resolver_busy.add(refused as u64);
        }
        // Recursion was switched off just now: they are dropped, and get SERVFAIL.
        resolving.clear();
    }
}

impl Slot {
    /// First stage: reads the packet.
    #[inline]
    fn admit(&mut self, packet: &[u8], zones: &ZoneTable) {
        self.unanswerable = self.query.read(packet, &mut self.name, zones.hasher()).err();
    }
}

/// Second stage: the zone of each question, with the memory that its answer needs under way.
#[inline]
fn route<'z>(slots: &[Slot], zones: &'z ZoneTable) -> [Option<&'z Zone>; UDP_BATCH] {
    let mut routes = [None; UDP_BATCH];
    let questions = || slots.iter().enumerate().filter(|(_, slot)| slot.unanswerable.is_none());
    if zones.is_large() {
        for stage in 0..3 {
            questions().for_each(|(_, slot)| zones.prefetch(&slot.name, stage));
        }
    }
    for (i, slot) in questions() {
        routes[i] = zones.find(&slot.name, slot.query.qtype).map(|(zone, _)| zone);
    }
    for stage in 0..3 {
        for (i, slot) in questions() {
            let contents = routes[i].and_then(|zone| zone.contents.as_ref());
            if let Some(contents) = contents.filter(|contents| zones.is_large() || contents.is_large()) {
                contents.prefetch(&slot.name, stage);
            }
        }
    }
    routes
}

/// Has the memory of the cache under way that questions about no zone of ours need. One alone would wait all the same.
#[inline]
fn fetch_ahead(slots: &[Slot], routes: &[Option<&Zone>; UDP_BATCH], recursion: &Recursion) {
    let elsewhere = || slots.iter().zip(routes).filter(|(slot, zone)| slot.unanswerable.is_none() && zone.is_none());
    if slots.len() < 2 {
        return;
    }
    // An entry begins anywhere in a line, and ends in another.
    for (indexed, lines) in [(false, 1), (true, 3)] {
        for (Slot { name, query, .. }, _) in elsewhere() {
            let cache = recursion.cache(query.qtype);
            let memory = cache.and_then(|cache| cache.memory_of(name.hash(name.labels()), query.qtype, indexed));
            if let Some(memory) = memory {
                (0..lines).for_each(|line| zone::prefetch(memory.wrapping_add(64 * line)));
            }
        }
    }
}

impl Asked<'_> {
    /// Third stage: the response over the query; returns its length, 0 for none.
    #[inline]
    fn write(&self, buf: &mut [u8], len: usize, scratch: &mut Scratch) -> usize {
        let (stats, query) = (self.stats, &self.slot.query);
        match self.transport {
            Transport::Udp => stats.udp_received.add(1),
            Transport::Tcp => stats.tcp_received.add(1),
        }
        match self.slot.unanswerable {
            None => {
                stats.qtypes.add(query.qtype);
                // One test for what is rare.
                if query.tsig.is_some() | (query.qtype == RType::AXFR) | (query.qtype == RType::IXFR) {
                    return self.apart(buf, len, scratch);
                }
                self.respond(buf, self.limit(), scratch)
            }
            Some(Unanswerable::Ignore) => {
                stats.ignored.add(1);
                0
            }
            Some(Unanswerable::Update | Unanswerable::Notify) if self.controlled => self.apart(buf, len, scratch),
            Some(Unanswerable::Malformed) => self.respond_malformed(buf, len, 0),
            Some(Unanswerable::MalformedTail) => self.respond_malformed(buf, len, 1),
            Some(Unanswerable::Update | Unanswerable::Notify | Unanswerable::Opcode(_)) => {
                self.respond_empty(buf, len, 0, Rcode::NOTIMP)
            }
            Some(Unanswerable::CookieOnly) => self.respond_empty(buf, len, 0, Rcode::NOERROR),
        }
    }

    fn respond_malformed(&self, buf: &mut [u8], len: usize, questions: u16) -> usize {
        self.stats.malformed.add(1);
        self.respond_empty(buf, len, questions, Rcode::FORMERR)
    }

    /// A response without records: it keeps its question if there is one, else the header alone is sent back.
    fn respond_empty(&self, buf: &mut [u8], len: usize, questions: u16, rcode: Rcode) -> usize {
        let query = &self.slot.query;
        let end = if questions == 0 { dns::header::HEADER_LEN } else { usize::from(query.question_end) };
        let mut w = Writer::new(buf, &self.slot.name, self.zones.hasher(), end, len.max(usize::from(PLAIN_UDP_SIZE)));
        // RFC 6891 6.1.1: a query with OPT gets a response with OPT.
        if let Some(edns) = query.edns.map(|edns| self.edns(&edns, w.octets())) {
            let _ = edns.write(&mut w, 0);
        }
        self.finish(w, questions, rcode.into())
    }

    /// Largest response in octets.
    #[inline]
    fn limit(&self) -> usize {
        match (self.transport, &self.slot.query.edns) {
            (Transport::Tcp, _) => MAX_MESSAGE_SIZE,
            (Transport::Udp, None) => usize::from(PLAIN_UDP_SIZE),
            (Transport::Udp, Some(edns)) => usize::from(edns.udp_size.min(self.settings.udp_size)),
        }
    }

    /// The response to a query, in at most `limit` octets.
    #[inline]
    fn respond(&self, buf: &mut [u8], limit: usize, scratch: &mut Scratch) -> usize {
        let query = &self.slot.query;
        let mut w = Writer::new(buf, &self.slot.name, self.zones.hasher(), usize::from(query.question_end), limit);
        let mut opt = query.edns.as_ref().map(|edns| self.edns(edns, w.octets()));
        let room = opt.as_ref().map_or(0, ResponseEdns::room);
        w.reserve(room);
        let known_version = query.edns.is_none_or(|edns| edns.version == 0);
        let verdict = if known_version { self.answer(&mut w, scratch) } else { Verdict::from(Rcode::BADVERS) };
        if verdict.resolve {
            return self.leave_to_resolver(buf, limit, opt, scratch);
        }
        w.release(room);
        if let Some(opt) = &mut opt {
            if let Some(info) = verdict.info {
                opt.extended_error(info);
            }
            let _ = opt.write(&mut w, (verdict.rcode.0 >> 4) as u8);
        }
        self.finish(w, 1, verdict)
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
        if query.keepalive && self.transport == Transport::Tcp {
            opt.keepalive();
        }
        if let (Some((at, len)), Some(secrets)) = (query.cookie, &self.settings.cookies) {
            self.stats.cookies.add(1);
            let cookie = octets.get(usize::from(at)..usize::from(at) + usize::from(len)).unwrap_or(&[]);
            if secrets.verify(cookie, self.client, self.now as u32) {
                self.stats.cookies_valid.add(1);
            }
            if let Some(client_cookie) = cookie.first_chunk::<CLIENT_LEN>() {
                opt.cookie(&secrets.make(client_cookie, self.client, self.now as u32));
            }
        }
        opt
    }

    /// Decides who answers: our zones, the cache, a resolver thread, nobody.
    #[inline]
    fn answer(&self, w: &mut Writer<'_>, scratch: &mut Scratch) -> Verdict {
        let query = &self.slot.query;
        match query.qclass {
            Class::IN | Class::ANY => {}
            Class::CH => return chaos::answer(self.settings, query, w).into(),
            _ => return Rcode::REFUSED.into(),
        }
        match query.qtype {
            RType::AXFR | RType::IXFR => return self.transfer().into(),
            RType::MAILB | RType(254) => return Rcode::NOTIMP.into(), // RFC 1035 3.2.3: obsolete.
            RType::OPT | RType::TSIG | RType::TKEY => return Rcode::FORMERR.into(),
            _ => {}
        }
        let Some(zone) = self.zone else { return self.elsewhere(w, scratch) };
        if !self.may_ask(zone) {
            self.stats.denied.add(1);
            return Verdict::refused(ede::PROHIBITED);
        }
        let ask = Ask {
            qtype: query.qtype,
            dnssec_ok: query.edns.is_some_and(|edns| edns.dnssec_ok),
            any_in_full: self.transport == Transport::Tcp,
            minimal: self.settings.minimal_responses,
        };
        let may_ask = |zone: &Zone| self.may_ask(zone);
        let mark = w.mark();
        let verdict = zone::answer::answer(self.zones, zone, ask, &may_ask, &mut scratch.alias, w);
        if verdict.ends != Ends::Here && self.goes_on(zone, verdict.ends) {
            w.rollback(mark);
            return self.resolve(w, scratch);
        }
        let info = zone.contents.is_none().then_some(ede::NOT_READY);
        // Nobody has all classes of a name, so an answer to QCLASS ANY cannot be authoritative
        // (RFC 1035 6.2).
        let authoritative = verdict.authoritative && query.qclass != Class::ANY;
        let set = if authoritative { flags::AA } else { 0 };
        Verdict { set, info, ..Verdict::from(verdict.rcode) }
    }

    fn may_ask(&self, zone: &Zone) -> bool {
        let policy = zone.policy.as_ref().and_then(|policy| policy.downcast_ref::<ZonePolicy>());
        policy.is_none_or(|policy| policy.allows_query(self.client))
    }

    /// RFC 5936 2.2.1: NOTAUTH for what is no apex of ours; without a control plane nobody may transfer.
    fn transfer(&self) -> Rcode {
        match self.zone {
            Some(zone) if *zone.name == *self.slot.name.name() => Rcode::REFUSED,
            _ => Rcode::NOTAUTH,
        }
    }

    #[inline]
    fn finish(&self, w: Writer<'_>, questions: u16, verdict: Verdict) -> usize {
        let stats = self.stats;
        if w.is_truncated() {
            stats.truncated.add(1);
        }
        let Verdict { rcode, set, set_low, .. } = verdict;
        let available = if self.recursion.is_some() { flags::RA } else { 0 };
        let len = w.finish_recursive(questions, set, set_low | available, rcode.0 as u8);
        stats.rcode(rcode);
        stats.responses.add(1);
        stats.response_bytes.add(len as u64);
        len
    }
}
