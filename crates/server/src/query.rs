//! The one function that answers a query: [`Worker::answer`], and the same for a batch of packets.
//!
//! The stages of a batch: `admit` reads each packet, `route` finds its zone, then `asked.rs` takes each packet its way
//! and gives back what becomes of it, a [`Disposition`]. A batch runs each stage over all its packets before the next
//! one, and asks for the memory that the next stage will touch, so that the waits for memory overlap. Nothing here waits
//! for I/O, takes a lock on the data it reads, or allocates. Whoever called passes on what others shall answer
//! ([`Worker::pass_on`]), as it knows the way back.

mod asked;
mod follow;
mod limited;
mod packet;
mod recursive;
mod ruled;
mod signed;
mod verdict;

use std::sync::Arc;

use policy::Rules;
use zone::{Published, Reader, Zone, ZoneTable};

use crate::answered::{Answered, By, Exit};
use crate::clock::{Clock, unix_us};
use crate::control::Control;
use crate::control::plane::ControlPlane;
use crate::delivery::ReturnPath;
use crate::limits::UDP_BATCH;
use crate::policy::limits::WorkLimits;
use crate::recursion::{Client, Job, Recursion};
use crate::settings::Settings;
use crate::transport::Transport;
use asked::{Asked, Scratch};
use packet::{KeptQueries, Slot};

pub use packet::{Disposition, Packet, Response};

/// One thread's means to answer queries.
pub struct Worker {
    zones: Reader<ZoneTable>,
    settings: Reader<Settings>,
    exit: Arc<Exit>,
    slots: Box<[Slot; UDP_BATCH]>,
    scratch: Scratch,
    queries: KeptQueries,
    /// The control plane, if there is one.
    control: Option<ControlPlane>,
    /// No answers come later.
    alone: bool,
    /// What waits for [`Worker::flush`]: jobs for resolver threads, with the hash that chooses the thread.
    jobs: Vec<(u64, Job)>,
    /// Scratch space: those of one thread.
    batch: Vec<Job>,
}

impl Worker {
    /// A worker that answers from `zones`.
    pub fn new(zones: Arc<Published<ZoneTable>>, settings: Arc<Published<Settings>>, exit: Arc<Exit>) -> Worker {
        Worker {
            zones: Reader::new(zones),
            settings: Reader::new(settings),
            exit,
            slots: Box::new(std::array::from_fn(|_| Slot::default())),
            scratch: Scratch::default(),
            queries: KeptQueries::default(),
            control: None,
            alone: false,
            jobs: Vec::new(),
            batch: Vec::new(),
        }
    }

    /// This worker with a control plane, which answers what the worker cannot. Without one, UPDATE and NOTIFY are not
    /// implemented and zone transfers refused.
    pub fn with_control(mut self, control: Option<Arc<dyn Control>>) -> Worker {
        self.control = control.map(ControlPlane::new);
        self
    }

    /// Nobody can answer in the worker's place: there is no way back.
    pub(crate) fn alone(&mut self) {
        self.control = None;
        self.alone = true;
    }

    /// How much processor time clients may take over TCP.
    pub(crate) fn work_limits(&self) -> Option<WorkLimits> {
        self.settings.get().limits.as_ref().and_then(|limits| limits.work.clone())
    }

    /// Takes the latest zones and settings, so that old ones can be freed while no query comes.
    pub fn refresh(&mut self) {
        self.zones.refresh();
        self.settings.refresh();
    }

    /// What its responses leave by.
    pub fn exit(&self) -> &Arc<Exit> {
        &self.exit
    }

    /// Answers one packet; see [`Worker::answer_batch`].
    pub fn answer<'a>(&mut self, mut packet: Packet<'a>, transport: Transport, now: u64) -> Packet<'a> {
        self.answer_batch(std::slice::from_mut(&mut packet), transport, now);
        packet
    }

    /// Answers up to [`UDP_BATCH`] packets from one version of the zones, each in its own buffer. `now` is in seconds
    /// since 1970.
    pub fn answer_batch(&mut self, packets: &mut [Packet<'_>], transport: Transport, now: u64) {
        let begin_us = Clock::Monotonic.now_us();
        let (zones, settings) = (self.zones.latest(), self.settings.latest());
        let wanted = self.exit.recorder.wanted();
        if wanted.queries {
            self.queries.keep(packets);
        }
        let slots = &mut self.slots[..packets.len()];
        for (slot, packet) in slots.iter_mut().zip(packets.iter()) {
            slot.admit(&packet.buf[..packet.len], zones);
        }
        let routes = route(slots, zones);
        if let Some(recursion) = &settings.recursion {
            self.scratch.now_ms = recursion.now_ms();
            fetch_ahead(slots, &routes, recursion, settings.rules.as_deref());
        }
        for (i, packet) in packets.iter_mut().enumerate() {
            let (slot, client) = (&slots[i], packet.client.ip());
            let (stats, zone, controlled) = (&self.exit.stats, routes[i], self.control.is_some());
            let recursion = settings.recursion.as_ref().filter(|it| !self.alone && it.allows(client));
            let asked =
                Asked { zones, settings, stats, slot, zone, transport, client, now, begin_us, controlled, recursion };
            let followed = follow::follows_queries();
            if followed {
                asked.say_received(packet);
            }
            let disposition = asked.take(packet.buf, packet.len, &mut self.scratch);
            if followed {
                follow::became(packet.client, packet.buf, &disposition);
            }
            packet.disposition = match disposition {
                Disposition::Resolve(unresolved) => Disposition::Resolve(
                    unresolved.recorded(packet.len, self.queries.get(i).filter(|_| wanted.queries)),
                ),
                disposition => disposition,
            };
            if let Disposition::Respond(Response { refresh: true, .. }) = &packet.disposition {
                self.jobs.extend(asked.refresh());
            }
        }
        let elapsed_us = Clock::Monotonic.now_us().saturating_sub(begin_us);
        let left_us = wanted.responses.then(unix_us);
        for (i, packet) in packets.iter().enumerate() {
            let Some(answered) = packet.answered(transport) else { continue };
            let mut answered = Answered { elapsed_us, left_us, query_len: packet.len as u16, ..answered };
            if wanted.responses {
                answered.apex_labels = routes[i].map(|zone| zone.name.label_count() as u8);
                answered.query = self.queries.get(i).filter(|_| wanted.queries).unwrap_or_default();
            }
            answered.leave(&self.exit, By::Owner);
        }
    }

    /// Passes on what others answer; `path` tells where the answer goes.
    #[inline]
    pub(crate) fn pass_on(&mut self, disposition: Disposition, path: impl FnOnce() -> ReturnPath) {
        match disposition {
            Disposition::Drop | Disposition::Respond(_) => {}
            Disposition::Control(submission) => {
                if let Some(control) = &self.control {
                    control.submit(*submission, path(), &self.exit.stats);
                }
            }
            Disposition::Resolve(unresolved) => {
                self.jobs.push((unresolved.hash, Job::Ask(Client::new(unresolved, path()))));
            }
        }
    }

    /// Has resolver threads take what was passed on to them. What finds no room gets SERVFAIL.
    #[inline]
    pub(crate) fn flush(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        if let Some(recursion) = &self.settings.get().recursion {
            recursion.threads.hand_over(&mut self.jobs, &mut self.batch);
        }
        // Recursion was switched off just now: they are dropped, and get SERVFAIL.
        self.jobs.clear();
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
fn fetch_ahead(slots: &[Slot], routes: &[Option<&Zone>; UDP_BATCH], recursion: &Recursion, rules: Option<&dyn Rules>) {
    let elsewhere = || slots.iter().zip(routes).filter(|(slot, zone)| slot.unanswerable.is_none() && zone.is_none());
    if slots.len() < 2 {
        return;
    }
    if let Some(rules) = rules {
        for stage in 0..2 {
            elsewhere()
                .for_each(|(Slot { name, .. }, _)| rules.memory_of(name, stage, &mut |memory| zone::prefetch(memory)));
        }
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
