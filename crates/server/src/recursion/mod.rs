//! Recursion: questions that neither our zones nor the cache answer, on threads of their own.
//!
//! [`crate::query`] hands them over; each thread drives a resolver over its [`crate::upstream::Net`] and sends the
//! responses itself, through the worker's socket or its mailbox.

mod executor;
mod judging;
mod local;
mod places;
mod queue;
mod thread;
mod unresolved;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use dns::{NameBuf, RType};
use policy::limits::access::Networks;
use resolver::cache::Cache;
use resolver::resolve::{Resolver, Shared};
use resolver::trace::{Stamped, Trace};
use resolver::way::NamedServer;
use resolver::{Outcome, Question};
use zone::{Published, ZoneTable};

use crate::answered::Exit;
use crate::clock::Clock;
use crate::limits::MAX_RESOLVER_QUEUE;
use crate::upstream::stream::{Authorities, StreamSettings, Streams};
use crate::upstream::{Key, Net};
use queue::Queue;

pub(crate) use judging::Judging;
pub use local::LocalZones;
pub(crate) use places::zone_hash;
pub(crate) use unresolved::Client;
pub use unresolved::Unresolved;

/// What resolves questions on one thread.
pub trait Resolve: 'static {
    /// Resolves one that came at `arrived_us`; steps go to `trace`.
    fn resolve(
        self: Rc<Self>,
        question: Question,
        checking_disabled: bool,
        trace: Trace,
        arrived_us: u64,
    ) -> impl Future<Output = Arc<Outcome>> + 'static;

    /// The name servers of the zones that these names are in, for each name: those of the question of `outcome`, which
    /// came at `arrived_us`, and of the aliases in its answer. With their addresses if those are wanted.
    fn name_servers(
        self: Rc<Self>,
        names: Vec<NameBuf>,
        outcome: Arc<Outcome>,
        with_addresses: bool,
        arrived_us: u64,
    ) -> impl Future<Output = Vec<Vec<NamedServer>>> + 'static;

    /// Resolves one anew although the cache has it, to keep the cache warm.
    fn refresh(self: Rc<Self>, question: Question) -> impl Future<Output = ()> + 'static;
}

impl Resolve for Resolver<Net> {
    async fn resolve(
        self: Rc<Self>,
        question: Question,
        checking_disabled: bool,
        trace: Trace,
        arrived_us: u64,
    ) -> Arc<Outcome> {
        self.resolve_arrived(question, checking_disabled, trace, arrived_us).await
    }

    async fn name_servers(
        self: Rc<Self>,
        names: Vec<NameBuf>,
        outcome: Arc<Outcome>,
        with_addresses: bool,
        arrived_us: u64,
    ) -> Vec<Vec<NamedServer>> {
        self.name_servers_of(&names, &outcome, with_addresses, arrived_us).await
    }

    async fn refresh(self: Rc<Self>, question: Question) {
        Resolver::refresh(&self, question).await;
    }
}

/// What makes the resolver of each thread.
pub fn resolver(shared: Arc<Shared>) -> impl Fn(Net, Rc<LocalZones>) -> Rc<Resolver<Net>> + Clone + Send + 'static {
    move |net, local| Resolver::new(net, shared.clone(), local)
}

/// Recursion as queries see it.
#[derive(Clone)]
pub struct Recursion {
    /// Who may use it, and the cache.
    pub allowed: Arc<Networks>,
    /// Who resolves.
    pub threads: Arc<Threads>,
    /// What is known already; `None`: nothing.
    pub cache: Option<Arc<Cache>>,
    /// Addresses of IPv6 are made of those of IPv4 (RFC 6147), which only the resolver does.
    pub dns64: bool,
    /// Private addresses are kept from clients, which only the resolver does.
    pub rebinding: bool,
}

impl Recursion {
    /// Whether `client` may use it.
    #[inline]
    pub fn allows(&self, client: IpAddr) -> bool {
        // They hold for good: no time has to be told.
        self.allowed.allows(client, 0)
    }

    /// The cache, if its data is an answer to questions for this type.
    #[inline]
    pub(crate) fn cache(&self, qtype: RType) -> Option<&Cache> {
        let remade = match qtype {
            RType::AAAA => self.dns64 || self.rebinding,
            RType::PTR => self.dns64,
            RType::A => self.rebinding,
            _ => false,
        };
        self.cache.as_deref().filter(|_| !remade)
    }

    /// The time that resolver threads go by, in microseconds.
    pub(crate) fn now_us(&self) -> u64 {
        self.threads.clock.now_us()
    }

    /// The time that the cache goes by.
    #[inline]
    pub(crate) fn now_ms(&self) -> u64 {
        self.threads.clock.now_ms()
    }
}

/// How resolver threads are made.
#[derive(Debug, Clone)]
pub struct ThreadSettings {
    /// What their time follows.
    pub clock: Clock,
    /// Addresses to ask other servers from; of a family that has none the system chooses.
    pub sources: Vec<IpAddr>,
    /// Where name servers listen that our own zones delegate to.
    pub port: u16,
    /// Whom to trust to certify other servers, besides those that the system trusts.
    pub authorities: Authorities,
}

impl Default for ThreadSettings {
    fn default() -> ThreadSettings {
        let (clock, authorities) = (Clock::default(), Authorities::default());
        ThreadSettings { clock, sources: Vec::new(), port: 53, authorities }
    }
}

/// Takes what [`Threads::explain`] found.
pub type Explained = Box<dyn FnOnce(Arc<Outcome>, Vec<Stamped>) + Send>;

/// What a thread is given to do.
pub(crate) enum Job {
    /// A client's question.
    Ask(Client),
    /// A question of the cache, to keep it warm; nobody waits.
    Refresh(Question),
    /// What came of an exchange over a stream.
    Streamed(Key, Result<Vec<u8>, resolver::upstream::ExchangeError>),
    /// A question of the control plane.
    Explain(Question, bool, Explained),
    /// Nothing but to look whether to stop.
    Wake,
}

impl Job {
    /// There is no room for it.
    fn refuse(self) {
        if let Job::Ask(client) = self {
            client.refuse();
        }
    }
}

/// The resolver threads, for those who hand them questions.
pub struct Threads {
    queues: Vec<Arc<Queue<Job>>>,
    clock: Clock,
    stop: AtomicBool,
}

/// Resolver threads that run.
pub struct Running {
    threads: Arc<Threads>,
    handles: Vec<JoinHandle<()>>,
}

/// Starts a resolver thread for each of `exits`; `make` makes its resolver.
///
/// # Errors
/// Threads and descriptors that the system does not give us.
pub fn start<R: Resolve>(
    settings: ThreadSettings,
    zones: &Arc<Published<ZoneTable>>,
    exits: Vec<Arc<Exit>>,
    make: impl Fn(Net, Rc<LocalZones>) -> Rc<R> + Clone + Send + 'static,
) -> io::Result<Running> {
    let streams = StreamSettings { sources: settings.sources.clone(), authorities: settings.authorities.clone() };
    let (streams, stream_thread) = Streams::start(streams)?;
    let queues = exits.iter().map(|_| Queue::new().map(Arc::new)).collect::<io::Result<Vec<_>>>()?;
    let threads = Arc::new(Threads { queues, clock: settings.clock, stop: AtomicBool::new(false) });
    let mut running = Running { threads: threads.clone(), handles: Vec::new() };
    for (queue, exit) in threads.queues.iter().zip(exits) {
        let parts = thread::Parts {
            settings: settings.clone(),
            zones: zones.clone(),
            exit,
            queue: queue.clone(),
            streams: streams.clone(),
            threads: threads.clone(),
        };
        let make = make.clone();
        let work = move || thread::supervise(&parts, make);
        running.handles.push(std::thread::Builder::new().name("resolver".into()).spawn(work)?);
    }
    running.handles.push(stream_thread);
    Ok(running)
}

impl Running {
    /// For those who hand questions over.
    pub fn threads(&self) -> &Arc<Threads> {
        &self.threads
    }

    /// Lets resolutions end within [`crate::limits::RESOLVER_DRAIN`]; the others get SERVFAIL.
    pub fn stop(mut self) {
        self.threads.stop();
        for handle in self.handles.drain(..) {
            if handle.join().is_err() {
                tracing::error!("a resolver thread panicked");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.threads.stop();
    }
}

impl Threads {
    /// Resolves a question for the control plane; `explained` is called once, or dropped when the server stops.
    pub fn explain(&self, question: Question, checking_disabled: bool, explained: Explained) {
        if let Some(queue) = self.queues.first() {
            queue.put(&mut vec![Job::Explain(question, checking_disabled, explained)], MAX_RESOLVER_QUEUE);
        }
    }

    /// Hands jobs over, each to the thread that its hash chooses, with one call for each thread; `batch` is scratch
    /// space. Clients that find no room get SERVFAIL.
    pub(crate) fn hand_over(&self, jobs: &mut Vec<(u64, Job)>, batch: &mut Vec<Job>) {
        let count = self.queues.len() as u64;
        for (i, queue) in self.queues.iter().enumerate() {
            let ours = jobs.extract_if(.., |(hash, _)| *hash % count == i as u64);
            batch.extend(ours.map(|(_, job)| job));
            if !batch.is_empty() {
                queue.put(batch, MAX_RESOLVER_QUEUE);
                batch.drain(..).for_each(Job::refuse);
            }
        }
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        for queue in &self.queues {
            queue.put(&mut vec![Job::Wake], usize::MAX);
        }
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
