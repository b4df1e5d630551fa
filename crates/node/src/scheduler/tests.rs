//! The scheduler, with a clock that the test moves.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use access::AccessStore;
use dns::rdata::typed::Soa;
use dns::{Message, NameBuf, NameHasher, Opcode, RType};
use journal::MemoryJournal;
use journal::shared::SharedSettings;
use zone::{Published, RecordList, RecordListBuilder, ZoneKind, ZoneSettings, ZoneTable};

use super::{Parts, Scheduler};
use crate::commit::{Intent, Request, SerialRule};
use crate::data_dir::DataDir;
use crate::durable::Durable;
use crate::lookups::Lookups;
use crate::schedule::{Now, TimeSource};
use crate::secondary::Status;
use crate::signing::Configured;

/// The time at the start, in seconds since 1970.
const START_S: u64 = 1_000_000;
const REFRESH_S: u32 = 100;
const RETRY_S: u32 = 10;
const EXPIRE_S: u32 = 1000;

struct Moved {
    milliseconds: AtomicU64,
    begin: Instant,
}

impl TimeSource for Moved {
    fn now(&self) -> Now {
        let passed = Duration::from_millis(self.milliseconds.load(Ordering::SeqCst));
        Now { instant: self.begin + passed, unix_s: START_S + passed.as_secs() }
    }
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

/// The records of `z.`.
fn records(serial: u32) -> RecordList {
    let mut soa = b"\x02ns\x00\x02hm\x00".to_vec();
    [serial, REFRESH_S, RETRY_S, EXPIRE_S, 1].iter().for_each(|field| soa.extend_from_slice(&field.to_be_bytes()));
    let mut records = RecordListBuilder::default();
    records.push(&name("z."), RType::SOA, 60, &soa);
    records.push(&name("z."), RType::NS, 60, b"\x02ns\x00");
    records.finish()
}

/// A node whose scheduler goes by a clock that the test moves.
struct House {
    time: Arc<Moved>,
    runtime: tokio::runtime::Runtime,
    zones: Arc<Published<ZoneTable>>,
    durable: Durable,
    thread: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl House {
    fn new() -> House {
        let time = Arc::new(Moved { milliseconds: AtomicU64::new(0), begin: Instant::now() });
        let (scheduler, unstarted) = Scheduler::new(time.clone());
        let dir = tempfile::tempdir().expect("directory");
        let journal = || Arc::new(MemoryJournal::default());
        let access = AccessStore::open(journal(), &dir.path().join("seal.key")).expect("access");
        let settings = SharedSettings::open(journal()).expect("shared settings");
        let data = DataDir::in_memory(journal(), access, settings).expect("a store in memory");
        let hasher = NameHasher::new(1);
        let zones = Published::new(ZoneTable::new(hasher, Vec::new()));
        let durable =
            Durable::start(data, hasher, &zones, (&[], &Configured::default()), (scheduler, &Lookups::default()))
                .expect("a node");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let parts = Parts {
            zones: &zones,
            keys: Arc::new(dnssec::tsig::KeyRing::default),
            follower: &durable.follower,
            committer: &durable.committer,
            presigned: &durable.presigned,
            runtime: runtime.handle(),
        };
        let thread = unstarted.run(&parts).expect("a thread");
        House { time, runtime, zones, durable, thread, _dir: dir }
    }

    fn commit(&self, intent: Intent) {
        let prepare = Box::new(move |_: &dyn crate::commit::PendingZones| Ok(vec![(name("z."), intent.clone())]));
        let request = Request { who: "test".to_owned(), why: String::new(), reverts: None, prepare, dry_run: false };
        self.durable.committer.commit_blocking(request).expect("committed");
    }

    fn pass(&self, milliseconds: u64) {
        self.time.milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
        // The thread sleeps by the system's clock: something that concerns no zone wakes it.
        self.durable.scheduler.every(Duration::from_secs(u32::MAX.into()), || {});
    }

    fn status(&self) -> Option<Status> {
        self.durable.scheduler.status(&name("z."))
    }

    fn wait_for(&self, what: &str, is_so: &dyn Fn(&Status) -> bool) {
        let found = until(|| self.status().is_some_and(|status| is_so(&status)));
        assert!(found, "{what}: {:?}", self.status());
    }

    fn stop(self) {
        self.durable.scheduler.stop();
        self.thread.join().expect("no panic");
        self.durable.stop();
        self.runtime.shutdown_background();
    }
}

/// Whether it becomes so in some seconds.
fn until(is_so: impl Fn() -> bool) -> bool {
    (0..2000).any(|_| {
        is_so() || {
            std::thread::sleep(Duration::from_millis(5));
            false
        }
    })
}

/// RFC 1034 4.3.5: a thousand seconds of refresh, retry and expiry, in less than one.
#[test]
fn a_zone_expires_by_the_clock_of_the_scheduler() {
    let house = House::new();
    // Its primary does not answer.
    let primaries = vec!["127.0.0.1:1".to_owned()];
    let settings = ZoneSettings { kind: ZoneKind::Secondary, primaries, ..ZoneSettings::default() };
    house.commit(Intent::Create { settings, records: records(1), serial: SerialRule::AsGiven });
    let next_s = |passed: u64| START_S + passed + u64::from(RETRY_S);
    house.wait_for("the first attempt", &|status| !status.error.is_empty() && status.next_at_s == next_s(0));
    house.pass(500_000);
    house.wait_for("a retry", &|status| status.next_at_s == next_s(500) && !status.expired);
    house.pass(499_000);
    house.wait_for("another one", &|status| status.next_at_s == next_s(999) && !status.expired);
    let is_served = || house.zones.latest().get(&name("z.")).is_some_and(|zone| zone.contents.is_some());
    assert!(is_served());
    house.pass(1_000);
    house.wait_for("the end", &|status| status.expired);
    assert!(until(|| !is_served()));
    house.commit(Intent::Delete);
    assert!(until(|| house.status().is_none()), "what is gone is no secondary");
    house.stop();
}

/// RFC 1996 3.6: what is not answered is repeated, ever more slowly, and not for ever.
#[test]
fn notify_is_repeated_by_the_clock_of_the_scheduler() {
    let follower = UdpSocket::bind("127.0.0.1:0").expect("a port");
    follower.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let receive = || {
        let mut buffer = [0; 512];
        let (size, from) = follower.recv_from(&mut buffer).expect("a NOTIFY");
        (Message::parse(&buffer[..size]).expect("a message"), from)
    };
    let serial = |message: &Message| Soa::parse(&message.answers[0].rdata).map(|soa| soa.serial);
    let house = House::new();
    let notify = vec![follower.local_addr().expect("address").to_string()];
    let settings = ZoneSettings { notify, ..ZoneSettings::default() };
    house.commit(Intent::Create { settings, records: records(1), serial: SerialRule::AsGiven });
    let (first, _) = receive();
    assert_eq!((first.header.opcode, serial(&first)), (Opcode::NOTIFY, Some(1)));
    // A change meanwhile sends nothing more, but what is repeated tells of it.
    house.commit(Intent::Replace { records: records(2), serial: SerialRule::AsGiven });
    for attempt in 0..6 {
        house.pass(500 << attempt);
        assert_eq!(serial(&receive().0), Some(2), "attempt {attempt}");
    }
    house.commit(Intent::Replace { records: records(3), serial: SerialRule::AsGiven });
    // The last attempt has failed; what changed since is news.
    house.pass(500 << 6);
    let (mut answer, from) = receive();
    assert_eq!(serial(&answer), Some(3));
    answer.header.qr = true;
    follower.send_to(&answer.to_wire(512), from).expect("sent");
    std::thread::sleep(Duration::from_millis(200));
    house.pass(100_000);
    follower.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    assert!(follower.recv_from(&mut [0; 512]).is_err(), "an answer ends it");
    house.stop();
}

/// What is done now and then is done by the same clock.
#[test]
fn periodic_work_is_done_when_it_is_due() {
    let house = House::new();
    let count = Arc::new(AtomicU64::new(0));
    let own = count.clone();
    house.durable.scheduler.every(Duration::from_secs(10), move || _ = own.fetch_add(1, Ordering::SeqCst));
    house.durable.committer.inspect(|_| ());
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(count.load(Ordering::SeqCst), 0);
    for done in 1..4 {
        house.pass(10_000);
        assert!(until(|| count.load(Ordering::SeqCst) == done), "{done}");
    }
    house.stop();
}
