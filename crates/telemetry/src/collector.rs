//! The collector: one thread takes the records from the rings of all threads, many times a second, and offers them to
//! each reader. A reader has a thread and a bounded queue of its own; one that is slow loses rows, which are counted,
//! and keeps nobody else waiting.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use server::record::{Batch, Record, Recorders, Wanted};

use crate::decision::Naming;
use crate::locked::lock;
use crate::rows::Rows;

/// From one look at the rings to the next. A ring has room for what a fast worker answers meanwhile.
const INTERVAL: Duration = Duration::from_millis(10);
/// The longest time that a reader hears nothing.
const IDLE_INTERVAL: Duration = Duration::from_millis(100);
/// The longest wait for readers to be offered what there is.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a reader gets.
#[derive(Debug)]
pub enum Delivery<'a> {
    /// What was recorded.
    Rows(&'a Arc<Rows>),
    /// Nothing came for a while: time to write out what was held back.
    Idle,
    /// Nothing comes any more.
    End,
}

/// Takes records from rings and offers them to readers.
pub struct Collector {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    recorders: Arc<Recorders>,
    readers: Mutex<Vec<Arc<Queue>>>,
    stopping: AtomicBool,
    /// Another number each time the server starts.
    instance: u32,
    /// How often the rings were emptied.
    turns: AtomicU64,
    /// Finds words for what policy did; `None`: there is no policy.
    naming: Mutex<Option<Arc<dyn Naming>>>,
}

/// What waits for one reader.
struct Queue {
    name: String,
    wanted: Mutex<Wanted>,
    sender: Mutex<Option<Sender<Arc<Rows>>>>,
    max_bytes: usize,
    waiting_bytes: AtomicUsize,
    rows: AtomicU64,
    dropped: AtomicU64,
}

/// A reader that is served. It ends when this is dropped: what waits for it is still delivered.
pub struct Subscription {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What a reader wants, to be changed while it is served.
pub struct Wanting {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
}

/// What a reader got and lost so far, in records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderCounts {
    /// Its name.
    pub name: String,
    /// Offered.
    pub offered: u64,
    /// Of these, lost because its queue was full, or because it could not do anything with them.
    pub dropped: u64,
}

impl Collector {
    /// Starts the thread.
    ///
    /// # Errors
    /// A thread that cannot be started; random numbers that the system does not give.
    pub fn start(recorders: Arc<Recorders>) -> std::io::Result<Collector> {
        let instance = getrandom::u32().map_err(std::io::Error::other)?;
        let shared = Arc::new(Shared {
            recorders,
            readers: Mutex::default(),
            stopping: AtomicBool::new(false),
            instance,
            turns: AtomicU64::new(0),
            naming: Mutex::default(),
        });
        let collecting = shared.clone();
        let thread = thread::Builder::new().name("records".into()).spawn(move || collecting.run())?;
        Ok(Collector { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Has `read` called with what is recorded from now on, on a thread of its own. At most `max_bytes` wait for it.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn subscribe(
        &self,
        name: &str,
        wanted: Wanted,
        max_bytes: usize,
        mut read: impl FnMut(Delivery<'_>) + Send + 'static,
    ) -> std::io::Result<Subscription> {
        self.subscribe_counted(name, wanted, max_bytes, move |delivery| {
            read(delivery);
            0
        })
    }

    /// As [`Collector::subscribe`]; `read` says how many records it lost by itself.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn subscribe_counted(
        &self,
        name: &str,
        wanted: Wanted,
        max_bytes: usize,
        mut read: impl FnMut(Delivery<'_>) -> u64 + Send + 'static,
    ) -> std::io::Result<Subscription> {
        let (sender, receiver) = channel();
        let queue = Arc::new(Queue {
            name: name.to_owned(),
            wanted: Mutex::new(wanted),
            sender: Mutex::new(Some(sender)),
            max_bytes,
            waiting_bytes: AtomicUsize::new(0),
            rows: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        let served = queue.clone();
        // What was recorded for others, and still waits, is not from now on.
        self.settle();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || served.serve(&receiver, &mut read))?;
        lock(&self.shared.readers).push(queue.clone());
        self.shared.want();
        Ok(Subscription { queue, shared: self.shared.clone(), thread: Some(thread) })
    }

    /// Where threads record what they do.
    pub fn recorders(&self) -> &Arc<Recorders> {
        &self.shared.recorders
    }

    /// What each reader got and lost.
    pub fn counts(&self) -> Vec<ReaderCounts> {
        lock(&self.shared.readers).iter().map(|queue| queue.counts()).collect()
    }

    /// Has `naming` find words for what policy does, from now on.
    pub fn set_naming(&self, naming: Option<Arc<dyn Naming>>) {
        *lock(&self.shared.naming) = naming;
    }

    /// Records that were lost because the collector did not take them in time.
    pub fn dropped(&self) -> u64 {
        self.shared.recorders.dropped()
    }

    /// Records that were lost in all: before any reader was offered them, and by each reader.
    pub fn lost(&self) -> u64 {
        self.dropped() + self.counts().iter().map(|reader| reader.dropped).sum::<u64>()
    }

    /// Records that were left out because a part will do for all who read.
    pub fn skipped(&self) -> u64 {
        self.shared.recorders.skipped()
    }

    /// Waits until readers have been offered what has been recorded until now; a second at the most.
    pub fn settle(&self) {
        let (before, begin) = (self.shared.turns.load(Ordering::Relaxed), Instant::now());
        // The turn that is being taken may have begun before.
        while self.shared.turns.load(Ordering::Relaxed) < before + 2 && begin.elapsed() < SETTLE_TIMEOUT {
            thread::sleep(INTERVAL / 4);
        }
    }

    /// Takes what has been recorded until now, and ends.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the collector of records panicked; this is a bug of the server");
        }
    }
}

impl Shared {
    fn run(&self) {
        let (mut batch, mut next) = (Batch::default(), 0);
        loop {
            let last = self.stopping.load(Ordering::Relaxed);
            self.recorders.drain(&mut batch);
            if !batch.is_empty() {
                let room = batch.size_bytes();
                let (mut records, mut responses) = (0, 0);
                for record in batch.records() {
                    records += 1;
                    responses += u64::from(matches!(record, Record::Response(_)));
                }
                let rows = Rows::new(std::mem::take(&mut batch), next, self.instance);
                let naming = lock(&self.naming).clone();
                let rows = Arc::new(match &naming {
                    Some(naming) => rows.named(&**naming),
                    None => rows,
                });
                next += responses;
                lock(&self.readers).iter().for_each(|queue| queue.offer(&rows, records));
                batch = Batch::with_room(room);
            }
            self.turns.fetch_add(1, Ordering::Relaxed);
            if last {
                return;
            }
            thread::sleep(INTERVAL);
        }
    }

    /// Has recorded what some reader wants.
    fn want(&self) {
        let readers = lock(&self.readers);
        let any = |wants: fn(&Wanted) -> bool| readers.iter().any(|queue| wants(&lock(&queue.wanted)));
        self.recorders.want(Wanted {
            responses: any(|wanted| wanted.responses),
            queries: any(|wanted| wanted.queries),
            exchanges: any(|wanted| wanted.exchanges),
            sparing: !any(|wanted| wanted.responses && !wanted.sparing),
        });
    }
}

impl Queue {
    fn offer(&self, rows: &Arc<Rows>, records: u64) {
        self.rows.fetch_add(records, Ordering::Relaxed);
        let waiting = self.waiting_bytes.load(Ordering::Relaxed);
        let fits = waiting == 0 || waiting + rows.size_bytes() <= self.max_bytes;
        if fits && let Some(sender) = &*lock(&self.sender) {
            self.waiting_bytes.fetch_add(rows.size_bytes(), Ordering::Relaxed);
            if sender.send(rows.clone()).is_ok() {
                return;
            }
        }
        self.dropped.fetch_add(records, Ordering::Relaxed);
    }

    fn serve(&self, receiver: &Receiver<Arc<Rows>>, read: &mut impl FnMut(Delivery<'_>) -> u64) {
        let mut read = |delivery: Delivery<'_>| {
            let lost = read(delivery);
            self.dropped.fetch_add(lost, Ordering::Relaxed);
        };
        loop {
            match receiver.recv_timeout(IDLE_INTERVAL) {
                Ok(rows) => {
                    read(Delivery::Rows(&rows));
                    self.waiting_bytes.fetch_sub(rows.size_bytes(), Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => read(Delivery::Idle),
                Err(RecvTimeoutError::Disconnected) => return read(Delivery::End),
            }
        }
    }

    fn counts(&self) -> ReaderCounts {
        let (offered, dropped) = (self.rows.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed));
        ReaderCounts { name: self.name.clone(), offered, dropped }
    }
}

impl Subscription {
    /// What the reader got and lost.
    pub fn counts(&self) -> ReaderCounts {
        self.queue.counts()
    }

    /// For changing what the reader wants.
    pub fn wanting(&self) -> Wanting {
        Wanting { queue: self.queue.clone(), shared: self.shared.clone() }
    }
}

impl Wanting {
    /// Has this recorded for the reader from now on. It gets what others want, too.
    pub fn set(&self, wanted: Wanted) {
        if std::mem::replace(&mut *lock(&self.queue.wanted), wanted) != wanted {
            self.shared.want();
        }
    }

    /// Records that the reader lost so far, because its queue was full or because they were not taken in time.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped.load(Ordering::Relaxed) + self.shared.recorders.dropped()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        lock(&self.shared.readers).retain(|queue| !Arc::ptr_eq(queue, &self.queue));
        self.shared.want();
        lock(&self.queue.sender).take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(reader = self.queue.name, "a reader of records panicked; this is a bug of the server");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use server::answered::Source;
    use server::record::{Recorder, ResponseRecord};
    use server::transport::Transport;

    use super::*;
    use crate::request_id::RequestId;

    const RESPONSES: Wanted = Wanted { responses: true, queries: false, exchanges: false, sparing: false };

    fn record(time_us: u64) -> Record<'static> {
        Record::Response(ResponseRecord {
            time_us,
            elapsed_us: 1,
            client: ([192, 0, 2, 1], 5300).into(),
            transport: Transport::Udp,
            source: Source::Zone,
            rcode: dns::Rcode::NOERROR,
            security: None,
            apex_labels: Some(1),
            upstream: None,
            policy: None,
            query_len: 0,
            response_len: 25,
            query: &[],
            response: b"\x07\x07\x82\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x04test\x00\x00\x01\x00\x01",
        })
    }

    #[test]
    fn readers_get_every_row_once_and_a_slow_one_loses_its_own() {
        let recorders = Arc::new(Recorders::default());
        let recorder = Recorder::new(recorders.clone());
        let collector = Collector::start(recorders.clone()).expect("a thread");
        let seen: Arc<Mutex<Vec<RequestId>>> = Arc::default();
        let ids = seen.clone();
        let fast = collector.subscribe("fast", RESPONSES, 1 << 20, move |delivery| {
            if let Delivery::Rows(rows) = delivery {
                for row in rows.rows() {
                    assert_eq!(row.zone().map(ToString::to_string).as_deref(), Some("test."));
                    lock(&ids).push(row.id);
                }
            }
        });
        let fast = fast.expect("a thread");
        let (release, held) = sync_channel::<()>(0);
        let slow = collector.subscribe("slow", RESPONSES, 1000, move |delivery| {
            if let Delivery::Rows(_) = delivery {
                let _ = held.recv();
            }
        });
        let slow = slow.expect("a thread");
        assert!(recorder.wanted() == RESPONSES);
        for turn in 0..20 {
            (0..10).for_each(|n| recorder.record(&record(1_000_000 + turn * 10 + n)));
            thread::sleep(2 * INTERVAL);
        }
        collector.stop();
        let counts = slow.counts();
        assert!(counts.offered == 200 && counts.dropped >= 180, "{counts:?}");
        assert_eq!(collector.counts().len(), 2);
        drop(release);
        drop(slow);
        assert_eq!(fast.counts().dropped, 0);
        drop(fast);
        let mut ids = lock(&seen).clone();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 200);
        assert!(!recorder.wanted().responses, "nobody reads any more");
    }
}
