//! One resolver thread: takes questions, runs resolutions, sends and receives, sleeps until something happens.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use resolver::trace::Trace;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use zone::{Published, ZoneTable};

use super::executor::Executor;
use super::places::Places;
use super::queue::Queue;
use super::unresolved::{Client, Found, Responder};
use super::{Job, LocalZones, Resolve, ThreadSettings, Threads};
use crate::answered::Exit;
use crate::limits::{RESOLVER_DRAIN, RESOLVER_STEPS};
use crate::policy::judge::{self, NameServers};
use crate::upstream::stream::Streams;
use crate::upstream::{self, Net, Task};

/// How long a thread sleeps at most before it looks whether zones changed.
const WAKE_INTERVAL: Duration = Duration::from_millis(200);
/// A thread that failed starts again after this long.
const RESTART_DELAY: Duration = Duration::from_millis(10);
/// Events that one system call reports.
const EVENTS: usize = 256;
/// The event of the queue's bell: it only ends the waiting. The others have a socket's number.
const BELL: u64 = u64::MAX;

/// What a thread is made of.
pub struct Parts {
    pub settings: ThreadSettings,
    pub zones: Arc<Published<ZoneTable>>,
    pub exit: Arc<Exit>,
    pub queue: Arc<Queue<Job>>,
    pub streams: Streams,
    pub threads: Arc<Threads>,
}

/// Runs a thread until it shall stop. One that panics is a bug, but must not leave questions unanswered: clients whose
/// resolution was lost get SERVFAIL, and a new resolver goes on.
pub fn supervise<R: Resolve>(parts: &Parts, make: impl Fn(Net, Rc<LocalZones>) -> Rc<R>) {
    loop {
        let run = || Thread::new(parts, &make).and_then(|mut thread| thread.run());
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => break,
            Ok(Err(error)) => tracing::error!(%error, "a resolver thread failed and starts again"),
            Err(_) => tracing::error!("a resolver thread panicked and starts again; this is a bug of the server"),
        }
        if parts.threads.stopping() {
            break;
        }
        std::thread::sleep(RESTART_DELAY);
    }
    drop(parts.queue.close());
}

struct Thread<'a, R> {
    parts: &'a Parts,
    poller: Rc<OwnedFd>,
    events: Vec<Event>,
    net: Net,
    local: Rc<LocalZones>,
    resolver: Rc<R>,
    executor: Executor,
    jobs: Vec<Job>,
    spawned: Vec<Task>,
    responder: Rc<RefCell<Responder>>,
    /// For clients that wait.
    places: Rc<Places>,
}

impl<'a, R: Resolve> Thread<'a, R> {
    fn new(parts: &'a Parts, make: impl Fn(Net, Rc<LocalZones>) -> Rc<R>) -> io::Result<Thread<'a, R>> {
        let poller = Rc::new(epoll::create(CreateFlags::CLOEXEC)?);
        epoll::add(&poller, parts.queue.bell(), EventData::new_u64(BELL), EventFlags::IN | EventFlags::ET)?;
        let queue = parts.queue.clone();
        let net = Net::new(upstream::Parts {
            clock: parts.settings.clock,
            poller: poller.clone(),
            sources: parts.settings.sources.clone(),
            streams: parts.streams.clone(),
            inbox: Box::new(move |key| {
                let queue = queue.clone();
                // As many as exchanges over streams: their limit is its limit.
                Box::new(move |reply| queue.put(&mut vec![Job::Streamed(key, reply)], usize::MAX))
            }),
            exit: parts.exit.clone(),
        });
        let local = Rc::new(LocalZones::new(parts.zones.clone(), parts.settings.port));
        let hasher = parts.zones.latest().hasher();
        Ok(Thread {
            parts,
            poller,
            events: Vec::with_capacity(EVENTS),
            resolver: make(net.clone(), local.clone()),
            local,
            net,
            executor: Executor::default(),
            jobs: Vec::new(),
            spawned: Vec::new(),
            responder: Rc::new(RefCell::new(Responder::new(hasher, parts.exit.clone()))),
            places: Rc::default(),
        })
    }

    fn run(&mut self) -> io::Result<()> {
        while !self.parts.threads.stopping() {
            self.turn()?;
        }
        drop(self.parts.queue.close());
        let deadline_us = self.net.tick() + RESOLVER_DRAIN.as_micros() as u64;
        while self.places.taken() > 0 && self.net.tick() < deadline_us {
            self.turn()?;
        }
        self.responder.borrow_mut().flush();
        Ok(())
    }

    /// Does all that can be done, then waits for something to happen.
    fn turn(&mut self) -> io::Result<()> {
        let mut jobs = std::mem::take(&mut self.jobs);
        self.parts.queue.take(&mut jobs);
        jobs.drain(..).for_each(|job| self.begin(job));
        self.jobs = jobs;
        let more = self.advance();
        self.net.flush();
        self.responder.borrow_mut().flush();
        let events = self.wait(more)?;
        self.net.tick();
        for event in events.iter().map(|event| event.data.u64()).filter(|&data| data != BELL) {
            self.net.receive(event as usize);
        }
        self.events = events;
        self.net.expire();
        Ok(())
    }

    /// Runs tasks that can go on; `true` if there are still some.
    fn advance(&mut self) -> bool {
        for _ in 0..RESOLVER_STEPS {
            if self.executor.step() {
                continue;
            }
            self.net.take_spawned(&mut self.spawned);
            if self.spawned.is_empty() {
                return false;
            }
            self.spawned.drain(..).for_each(|task| self.executor.spawn(task));
        }
        true
    }

    /// Waits for events; they are lent out, and go back to `self.events`.
    fn wait(&mut self, more: bool) -> io::Result<Vec<Event>> {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let timeout = match self.net.next_us() {
            _ if more || !self.parts.queue.sleep() => Duration::ZERO,
            None => WAKE_INTERVAL,
            Some(at_us) => Duration::from_micros(at_us.saturating_sub(self.net.tick())).min(WAKE_INTERVAL),
        };
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(timeout.subsec_nanos()) };
        match epoll::wait(&self.poller, spare_capacity(&mut events), Some(&timeout)) {
            Ok(0) => self.local.refresh(),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(events)
    }

    fn begin(&mut self, job: Job) {
        match job {
            Job::Ask(client) => self.ask(client),
            Job::Refresh(question) => self.executor.spawn(Box::pin(self.resolver.clone().refresh(question))),
            Job::Streamed(key, reply) => self.net.deliver(key, reply),
            Job::Explain(question, checking_disabled, explained) => {
                let trace = Trace::on();
                let resolving =
                    self.resolver.clone().resolve(question, checking_disabled, trace.clone(), self.net.now());
                self.executor.spawn(Box::pin(async move {
                    let outcome = resolving.await;
                    explained(outcome, trace.take());
                }));
            }
            Job::Wake => {}
        }
    }

    fn ask(&mut self, client: Client) {
        let Some(place) = self.places.take(client.zone()) else { return client.refuse() };
        let Some(question) = client.question() else { return };
        let (resolver, net) = (self.resolver.clone(), self.net.clone());
        let (responder, hasher) = (self.responder.clone(), self.parts.zones.latest().hasher());
        self.executor.spawn(Box::pin(async move {
            let (cd, since_us) = (client.checking_disabled(), client.arrived_us());
            let mut waits = Some((client, question));
            // A rule may turn the question into another, once.
            while let Some((client, question)) = waits.take() {
                let looks = client.looks();
                let name = looks.servers.then(|| question.name.clone());
                let outcome = resolver.clone().resolve(question, cd, Trace::default(), since_us).await;
                let servers = match name {
                    None => NameServers::default(),
                    Some(name) => {
                        // Boxed: this is rare, and the clients that wait for the other future are many.
                        let names = judge::names(&name, &outcome);
                        let found =
                            resolver.clone().name_servers(names, outcome.clone(), looks.server_addresses, since_us);
                        NameServers::new(&Box::pin(found).await, hasher)
                    }
                };
                let found = Found { outcome: &outcome, servers: &servers };
                let turned = client.respond(&found, &mut responder.borrow_mut(), net.now());
                waits = turned.and_then(|client| client.question().map(|question| (client, question)));
            }
            drop(place);
        }));
    }
}
