//! Streams to other servers: TCP (RFC 7766), TLS (RFC 7858), HTTPS (RFC 8484), on pooled connections.
//!
//! One thread with a small runtime serves all resolver threads: what goes over streams is rare, or waits for
//! encryption anyway. [`super::Net`] hands exchanges over and gets told what came of them.

mod connection;
mod tls;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use resolver::upstream::{Exchange, ExchangeError, Transport};
use tokio::sync::{mpsc, oneshot};

use super::waits::Reply;
use crate::limits::{MAX_STREAM_EXCHANGES, MAX_UPSTREAM_STREAMS, UPSTREAM_PIPELINE, UPSTREAM_STREAMS_PER_SERVER};
use connection::{Link, Request};
use tls::{Certificates, refusal};

pub use tls::Authorities;

/// Takes what came of an exchange; called once, or dropped when the server stops.
pub type Deliver = Box<dyn FnOnce(Reply) + Send>;

/// How streams are made.
#[derive(Debug, Clone, Default)]
pub struct StreamSettings {
    /// Addresses to connect from; of a family that has none the system chooses.
    pub sources: Vec<IpAddr>,
    /// Whom to trust besides those that the system trusts.
    pub authorities: Authorities,
}

/// The way to the thread that has the streams. It ends when the last of these is dropped.
#[derive(Clone)]
pub struct Streams {
    jobs: mpsc::UnboundedSender<Job>,
    load: Arc<AtomicUsize>,
}

struct Job {
    exchange: Exchange,
    deliver: Deliver,
}

impl Streams {
    /// Starts the thread.
    ///
    /// # Errors
    /// A thread or a runtime that the system does not give us.
    pub fn start(settings: StreamSettings) -> io::Result<(Streams, JoinHandle<()>)> {
        let (jobs, queue) = mpsc::unbounded_channel();
        let load = Arc::new(AtomicUsize::new(0));
        let streams = Streams { jobs, load: load.clone() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let certificates = Certificates::new(settings.authorities);
        let pool = Arc::new(Pool { sources: settings.sources, certificates, state: Mutex::default() });
        let run = move || runtime.block_on(work(queue, pool, load));
        let thread = std::thread::Builder::new().name("streams".into()).spawn(run)?;
        Ok((streams, thread))
    }

    /// Has a message sent over a stream; `false` if too many are on the way.
    pub fn ask(&self, exchange: Exchange, deliver: Deliver) -> bool {
        // The queue has no bound of its own: this one bounds it.
        if self.load.fetch_add(1, Ordering::Relaxed) >= MAX_STREAM_EXCHANGES {
            self.load.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.jobs.send(Job { exchange, deliver }).is_ok()
    }
}

async fn work(mut queue: mpsc::UnboundedReceiver<Job>, pool: Arc<Pool>, load: Arc<AtomicUsize>) {
    while let Some(Job { exchange, deliver }) = queue.recv().await {
        let (pool, load) = (pool.clone(), load.clone());
        tokio::spawn(async move {
            let timeout = Duration::from_micros(exchange.timeout_us);
            let reply = pool.exchange(exchange, timeout).await;
            load.fetch_sub(1, Ordering::Relaxed);
            deliver(reply);
        });
    }
}

/// Whom a connection is to, and how.
type Target = (SocketAddr, Transport);

/// A connection, or one that is being made: what is asked waits until it is there.
struct Connection {
    requests: mpsc::Sender<Request>,
    /// Questions on the way.
    load: AtomicUsize,
    /// Replies that came.
    replies: AtomicUsize,
    used: Mutex<Instant>,
    /// Why it ended, once it has.
    ended: Arc<OnceLock<&'static str>>,
}

#[derive(Default)]
struct State {
    connections: HashMap<Target, Vec<Arc<Connection>>>,
    count: usize,
}

/// All connections.
struct Pool {
    sources: Vec<IpAddr>,
    certificates: Certificates,
    state: Mutex<State>,
}

impl Pool {
    async fn exchange(self: &Arc<Self>, exchange: Exchange, timeout: Duration) -> Reply {
        let Exchange { server, transport, message, .. } = exchange;
        let target = (server, transport);
        let asking = async {
            let (connection, reused) = self.connection(&target, false)?;
            match connection.ask(self, &target, message.clone()).await {
                // The server may have closed it just when we wrote: once more on a new one (RFC 7766 6.2.4).
                None if reused => {
                    let (connection, _) = self.connection(&target, true)?;
                    connection.ask(self, &target, message).await.unwrap_or_else(|| Err(connection.refusal()))
                }
                reply => reply.unwrap_or_else(|| Err(connection.refusal())),
            }
        };
        tokio::time::timeout(timeout, asking).await.unwrap_or(Err(ExchangeError::Timeout))
    }

    /// A connection that may be used, and whether it was there before.
    fn connection(self: &Arc<Self>, target: &Target, fresh: bool) -> Result<(Arc<Connection>, bool), ExchangeError> {
        let mut state = lock(&self.state);
        state.prune(target);
        let known = state.connections.get(target).map_or(&[][..], Vec::as_slice);
        let quietest = known.iter().min_by_key(|connection| connection.load.load(Ordering::Relaxed)).cloned();
        let many = known.len() >= UPSTREAM_STREAMS_PER_SERVER;
        if let Some(connection) = quietest.filter(|_| !fresh || many) {
            let load = connection.load.load(Ordering::Relaxed);
            // One connection is enough until it is rather full.
            if load < UPSTREAM_PIPELINE / 4 || many && load < UPSTREAM_PIPELINE {
                return Ok((connection, true));
            }
        }
        if many || !state.make_room() {
            return Err(ExchangeError::Busy);
        }
        let (requests, queue) = mpsc::channel(UPSTREAM_PIPELINE);
        let (used, ended) = (Mutex::new(Instant::now()), Arc::<OnceLock<&'static str>>::default());
        let (load, replies) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let connection = Connection { requests, load, replies, used, ended: ended.clone() };
        let connection = Arc::new(connection);
        state.connections.entry(target.clone()).or_default().push(connection.clone());
        state.count += 1;
        let (pool, target) = (self.clone(), target.clone());
        tokio::spawn(async move {
            let why = match pool.serve(&target, queue).await {
                Ok(()) => "it closed the connection",
                Err(error) => {
                    tracing::debug!(server = %target.0, transport = ?target.1, %error, "connection to another server");
                    refusal(&error)
                }
            };
            // Who waited for it runs after this on the same thread, and finds the reason.
            let _ = ended.set(why);
            lock(&pool.state).prune(&target);
        });
        Ok((connection, false))
    }

    /// Makes a connection and serves it until it ends.
    async fn serve(&self, target: &Target, queue: mpsc::Receiver<Request>) -> io::Result<()> {
        let (server, transport) = target;
        let source = self.sources.iter().find(|source| source.is_ipv4() == server.is_ipv4());
        let link = Link::open(*server, source.copied(), transport, &self.certificates).await?;
        link.serve(queue).await
    }

    /// Forgets a connection on which nothing comes back.
    fn discard(&self, target: &Target, connection: &Connection) {
        let mut state = lock(&self.state);
        let Some(known) = state.connections.get_mut(target) else { return };
        let before = known.len();
        known.retain(|it| !std::ptr::eq(&**it, connection));
        let gone = before - known.len();
        state.count -= gone;
    }
}

impl Connection {
    /// Why nothing came back.
    fn refusal(&self) -> ExchangeError {
        ExchangeError::Refused(self.ended.get().copied().unwrap_or("no connection"))
    }

    /// Asks on this connection; `None` if it ended before the reply.
    async fn ask(&self, pool: &Pool, target: &Target, message: Vec<u8>) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        let mut asking =
            Asking { connection: self, pool, target, heard: self.replies.load(Ordering::Relaxed), over: false };
        self.load.fetch_add(1, Ordering::Relaxed);
        *lock(&self.used) = Instant::now();
        let sent = self.requests.send(Request { message, reply }).await;
        let reply = match sent {
            Ok(()) => answer.await.ok(),
            Err(_) => None,
        };
        asking.over = true;
        self.replies.fetch_add(usize::from(reply.is_some()), Ordering::Relaxed);
        reply
    }
}

/// A question on the way. Dropped without a reply when its time is over: if nothing else came back meanwhile, the
/// connection leads nowhere, and is not used again.
struct Asking<'a> {
    connection: &'a Connection,
    pool: &'a Pool,
    target: &'a Target,
    heard: usize,
    over: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.connection.load.fetch_sub(1, Ordering::Relaxed);
        if !self.over && self.connection.replies.load(Ordering::Relaxed) == self.heard {
            self.pool.discard(self.target, self.connection);
        }
    }
}

impl State {
    /// Forgets connections to `target` that are closed.
    fn prune(&mut self, target: &Target) {
        let Some(known) = self.connections.get_mut(target) else { return };
        let before = known.len();
        known.retain(|connection| !connection.requests.is_closed());
        self.count -= before - known.len();
        if known.is_empty() {
            self.connections.remove(target);
        }
    }

    /// Closes what was idle for the longest time if there are too many connections.
    fn make_room(&mut self) -> bool {
        if self.count < MAX_UPSTREAM_STREAMS {
            return true;
        }
        let idle = self.connections.iter().flat_map(|(target, known)| known.iter().map(move |it| (target, it)));
        let idle = idle.filter(|(_, connection)| connection.load.load(Ordering::Relaxed) == 0);
        let Some((target, oldest)) = idle.min_by_key(|(_, connection)| *lock(&connection.used)) else { return false };
        let (target, oldest) = (target.clone(), oldest.clone());
        if let Some(known) = self.connections.get_mut(&target) {
            known.retain(|it| !Arc::ptr_eq(it, &oldest));
            self.count -= 1;
            if known.is_empty() {
                self.connections.remove(&target);
            }
        }
        true
    }
}

/// Every change is one step, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
