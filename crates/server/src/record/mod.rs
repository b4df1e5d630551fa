//! What is told of each response, and of each exchange with another server, to whoever keeps or shows it: query log,
//! history, live view. A thread puts records into a ring of its own as it answers ([`Recorder`]), and never waits: what
//! does not fit is dropped and counted. One reader takes them from all rings ([`Recorders::drain`]).

mod frame;
mod pace;
mod ring;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dns::header::Rcode;
use policy::Mark;
use resolver::Security;

use crate::source::Source;
use crate::transport::Transport;

pub use frame::{Batch, Records};
pub use pace::SPARING_PER_SECOND;

use pace::{Pace, SPARING_BURST};
use ring::Ring;

#[cfg(test)]
mod tests;

/// What is recorded. Nothing unless somebody wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Responses.
    pub responses: bool,
    /// With each response the query as it came.
    pub queries: bool,
    /// Exchanges with other servers.
    pub exchanges: bool,
    /// While a thread answers more than [`SPARING_PER_SECOND`], a part will do.
    pub sparing: bool,
}

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// A response left.
    Response(ResponseRecord<'a>),
    /// Another server was asked.
    Exchange(ExchangeRecord<'a>),
}

/// A response, and the query that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseRecord<'a> {
    /// When the query came, in microseconds since 1970.
    pub time_us: u64,
    /// Microseconds from then until the response left.
    pub elapsed_us: u64,
    /// Who asked.
    pub client: SocketAddr,
    /// How.
    pub transport: Transport,
    /// Who gave the answer, or why there is none.
    pub source: Source,
    /// The RCODE, with the upper bits that are in the OPT record.
    pub rcode: Rcode,
    /// What validation said; `None`: nothing was validated.
    pub security: Option<Security>,
    /// Labels of the apex of the zone of ours that the name is in; `None`: it is in none.
    pub apex_labels: Option<u8>,
    /// Who told the resolver the last part that it did not know.
    pub upstream: Option<SocketAddr>,
    /// What policy did with it; `None`: nothing.
    pub policy: Option<Mark>,
    /// Bytes of the query; 0 if they are not known.
    pub query_len: u16,
    /// Bytes of the response.
    pub response_len: u16,
    /// The query as it came; empty unless queries are wanted.
    pub query: &'a [u8],
    /// The response; of messages of zone transfers the first bytes.
    pub response: &'a [u8],
}

/// A question to another server, and its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeRecord<'a> {
    /// When the question left, in microseconds since 1970.
    pub time_us: u64,
    /// Microseconds until the reply came, or was waited for no longer.
    pub elapsed_us: u64,
    /// Who was asked.
    pub server: SocketAddr,
    /// Whether over a stream.
    pub transport: Transport,
    /// It was asked as a forwarder: to resolve, and not what it is authoritative for.
    pub is_forwarder: bool,
    /// The question.
    pub query: &'a [u8],
    /// The reply; empty: none came in time.
    pub response: &'a [u8],
}

/// The rings of threads, each with its pace, and when they were looked at.
#[derive(Debug, Default)]
struct Rings {
    list: Vec<(Arc<Ring>, Pace)>,
    looked: Option<Instant>,
}

/// The rings of all threads.
#[derive(Debug, Default)]
pub struct Recorders {
    wanted: AtomicU8,
    rings: Mutex<Rings>,
    /// For threads that answer now and then: they take turns.
    shared: Mutex<Ring>,
    /// What was dropped in rings whose threads are gone.
    dropped: AtomicU64,
    /// What was left out, likewise.
    skipped: AtomicU64,
    /// Who sent replies to questions that nobody asked, at most [`MAX_STRANGERS`] until they are taken.
    strangers: Mutex<Vec<IpAddr>>,
}

/// Replies to questions that nobody asked that are kept until they are taken; of a flood so many are enough.
pub const MAX_STRANGERS: usize = 4096;

const RESPONSES: u8 = 1;
const QUERIES: u8 = 2;
const EXCHANGES: u8 = 4;
const SPARING: u8 = 8;

impl Recorders {
    /// Has this recorded from now on, and nothing else.
    pub fn want(&self, wanted: Wanted) {
        let bits = [
            (wanted.responses, RESPONSES),
            (wanted.queries, QUERIES),
            (wanted.exchanges, EXCHANGES),
            (wanted.sparing, SPARING),
        ];
        let bits = bits.iter().filter(|(wanted, _)| *wanted).map(|(_, bit)| bit).sum();
        self.wanted.store(bits, Ordering::Relaxed);
    }

    /// What is recorded now.
    #[inline]
    pub fn wanted(&self) -> Wanted {
        let bits = self.wanted.load(Ordering::Relaxed);
        let has = |bit: u8| bits & bit != 0;
        Wanted { responses: has(RESPONSES), queries: has(QUERIES), exchanges: has(EXCHANGES), sparing: has(SPARING) }
    }

    /// Takes what has been recorded and puts it behind what is in `batch`. Only one thread may do so.
    pub fn drain(&self, batch: &mut Batch) {
        let mut take = |word: u64| batch.bytes.extend_from_slice(&word.to_ne_bytes());
        let is_sparing = self.wanted().sparing;
        let now = Instant::now();
        let mut rings = lock(&self.rings);
        let since = rings.looked.replace(now).map_or(Duration::ZERO, |looked| now - looked);
        rings.list.retain_mut(|(ring, pace)| {
            let allowed = pace.allow(ring.offered(), since);
            ring.allow(is_sparing.then_some(allowed), SPARING_BURST);
            // Before the ring is read: what its thread wrote last is read too.
            let is_used = Arc::strong_count(ring) > 1;
            ring.drain(&mut take);
            if !is_used {
                self.dropped.fetch_add(ring.dropped(), Ordering::Relaxed);
                self.skipped.fetch_add(ring.skipped(), Ordering::Relaxed);
            }
            is_used
        });
        drop(rings);
        // The lock is for those who write; the ring may be read meanwhile, but cannot be reached without it.
        lock(&self.shared).drain(&mut take);
    }

    /// Takes who sent replies to questions that nobody asked, once for each reply.
    pub fn take_strangers(&self) -> Vec<IpAddr> {
        std::mem::take(&mut *lock(&self.strangers))
    }

    /// Records that were left out so far because a part will do.
    pub fn skipped(&self) -> u64 {
        let running: u64 = lock(&self.rings).list.iter().map(|(ring, _)| ring.skipped()).sum();
        running + self.skipped.load(Ordering::Relaxed)
    }

    /// Records that were dropped so far because they were not taken in time.
    pub fn dropped(&self) -> u64 {
        let rings = lock(&self.rings);
        let running: u64 = rings.list.iter().map(|(ring, _)| ring.dropped()).sum();
        running + lock(&self.shared).dropped() + self.dropped.load(Ordering::Relaxed)
    }
}

/// Every change is one step, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread's means to record what it does.
#[derive(Debug, Default)]
pub struct Recorder {
    ring: Arc<Ring>,
    all: Arc<Recorders>,
}

impl Recorder {
    /// A recorder whose records `all` gives to its reader.
    pub fn new(all: Arc<Recorders>) -> Recorder {
        let ring: Arc<Ring> = Arc::default();
        lock(&all.rings).list.push((Arc::clone(&ring), Pace::default()));
        Recorder { ring, all }
    }

    /// What is to be recorded.
    #[inline]
    pub fn wanted(&self) -> Wanted {
        self.all.wanted()
    }

    /// Records something; only the thread that owns the recorder may.
    #[inline]
    pub fn record(&self, record: &Record<'_>) {
        frame::write(&self.ring, record);
    }

    /// Notes that a reply to a question that nobody asked claims to be from this address. It never waits.
    pub fn stranger(&self, from: IpAddr) {
        if let Ok(mut strangers) = self.all.strangers.try_lock()
            && strangers.len() < MAX_STRANGERS
        {
            strangers.push(from);
        }
    }

    /// Records something on any other thread.
    pub fn record_shared(&self, record: &Record<'_>) {
        frame::write(&lock(&self.all.shared), record);
    }
}
