//! The journal in Kafka does what every journal must do, over a real broker.

mod common;
#[path = "../../journal/tests/common/conformance.rs"]
mod conformance;

use std::time::{Duration, Instant};

use common::Broker;
use journal::{Bounds, Journal, JournalError, Offset, Stream};
use journal_kafka::{ClusterKey, KafkaJournal, Kept, Security, Settings};

/// How long a broker may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn broker(directory: &tempfile::TempDir) -> Option<Broker> {
    Broker::start(&directory.path().join("kafka"), env!("CARGO_TARGET_TMPDIR"))
}

fn settings(directory: &tempfile::TempDir, broker: &Broker, prefix: &str) -> Settings {
    let path = directory.path().join("cluster.key");
    let key = ClusterKey::make(&path).or_else(|_| ClusterKey::read(&path)).expect("a key");
    let (brokers, security) = (vec![broker.address()], Security::default());
    Settings { brokers, security, topic_prefix: prefix.to_owned(), key, node: "test".to_owned() }
}

fn open(settings: &Settings, known: u64) -> KafkaJournal {
    let journal = KafkaJournal::open(settings, Stream::Zones, known, || {}).expect("opens");
    journal.wait_until_found(PATIENCE).expect("a broker answers");
    journal
}

/// One broker serves all: it takes seconds to start.
#[test]
fn kafka() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut broker) = broker(&directory) else { return };
    let number = std::cell::Cell::new(0);
    conformance::conformance(&|check| {
        number.set(number.get() + 1);
        let settings = settings(&directory, &broker, &format!("conformance{}", number.get()));
        check(&|| Box::new(open(&settings, 0)));
    });
    conformance::conformance_but_for_trimming(&|check| {
        number.set(number.get() + 1);
        let settings = settings(&directory, &broker, &format!("kept{}", number.get()));
        let copies = std::cell::Cell::new(0);
        check(&|| {
            copies.set(copies.get() + 1);
            let file = directory.path().join(format!("copy-{}-{}.db", number.get(), copies.get()));
            let kept = Kept::open(&settings, Stream::Access, &file, || {}).expect("opens");
            kept.kafka().wait_until_found(PATIENCE).expect("a broker answers");
            Box::new(kept)
        });
    });
    foreign_messages(&settings(&directory, &broker, "foreign"), &broker);
    unfit_topics(&settings(&directory, &broker, "unfit"), &broker);
    replaced(&settings(&directory, &broker, "replaced"));
    away(&settings(&directory, &broker, "away"), &directory, &mut broker);
}

/// What nobody with the key wrote is counted and passed over.
fn foreign_messages(settings: &Settings, broker: &Broker) {
    let journal = open(settings, 0);
    let first = journal.append(&[b"one"]).expect("appended")[0];
    let args = ["--topic", "foreign.changes"];
    broker.tool("org.apache.kafka.tools.ConsoleProducer", &args, b"not one of ours\nnor this\n");
    let second = journal.append(&[b"two"]).expect("appended")[0];
    assert_eq!(second, first + 3);
    for reader in [&journal, &open(settings, 0)] {
        let bodies: Vec<_> = reader.read(1, usize::MAX).expect("read").into_iter().map(|entry| entry.body).collect();
        assert_eq!(bodies, [b"one", b"two"]);
    }
    assert_eq!(journal.status().foreign, 2);
}

/// A topic that would lose events is refused, and the refusal says what would be right.
fn unfit_topics(settings: &Settings, broker: &Broker) {
    let topic = "org.apache.kafka.tools.TopicCommand";
    let base = ["--create", "--topic", "unfit.changes", "--partitions"];
    let (two, one) = (["2"], ["1", "--config", "cleanup.policy=compact"]);
    let week = ["1"];
    let cases: [(&[&str], &str); 3] =
        [(&two, "it must have 1"), (&one, "it must be delete"), (&week, "retention.ms is 604800000")];
    for (args, want) in cases {
        broker.tool(topic, &[&base[..], args].concat(), b"");
        let journal = KafkaJournal::open(settings, Stream::Zones, 0, || {}).expect("opens");
        let end = Instant::now() + PATIENCE;
        let said = loop {
            let error = journal.wait_until_found(Duration::from_millis(100)).expect_err("unfit").to_string();
            if error.contains(want) || Instant::now() > end {
                break error;
            }
        };
        assert!(said.contains(want), "{said}");
        assert!(matches!(journal.append(&[b"x"]), Err(JournalError::Unwritable(_))));
        drop(journal);
        broker.tool(topic, &["--delete", "--topic", "unfit.changes"], b"");
    }
}

/// A topic that does not have what was read from it is another one.
fn replaced(settings: &Settings) {
    let last = *open(settings, 0).append(&[b"a", b"b"]).expect("appended").last().expect("two");
    assert_eq!(open(settings, last).bounds().expect("bounds"), Bounds { first: 1, next: last + 1 });
    let journal = KafkaJournal::open(settings, Stream::Zones, last + 1, || {}).expect("opens");
    let end = Instant::now() + PATIENCE;
    while journal.status().lost.is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(matches!(journal.wait_until_found(PATIENCE), Err(JournalError::Lost { .. })));
    assert!(matches!(journal.read(1, 1), Err(JournalError::Lost { .. })));
    assert!(matches!(journal.append(&[b"c"]), Err(JournalError::Unwritable(_))));
}

/// Appends once a broker is found. That connections were lost may be told after it was found.
fn appended_again(journal: &Kept, body: &[u8]) -> Offset {
    let end = Instant::now() + PATIENCE;
    loop {
        journal.kafka().wait_until_found(PATIENCE).expect("found again");
        match journal.append(&[body]) {
            Err(JournalError::Unwritable(why)) => assert!(Instant::now() < end, "{why}"),
            appended => return appended.expect("appended")[0],
        }
    }
}

/// While the broker is away nothing is written, at once, what was read stays, and it is found again.
fn away(settings: &Settings, directory: &tempfile::TempDir, broker: &mut Broker) {
    let file = directory.path().join("away.db");
    let kept = |file| Kept::open(settings, Stream::Settings, file, || {}).expect("opens");
    let journal = kept(&file);
    journal.kafka().wait_until_found(PATIENCE).expect("a broker answers");
    let first = journal.append(&[b"before"]).expect("appended")[0];
    assert_eq!(journal.read(first, 1).expect("read").len(), 1);
    broker.kill();
    let end = Instant::now() + PATIENCE;
    while journal.kafka().status().away.is_none() {
        assert!(Instant::now() < end, "nobody notices");
        std::thread::sleep(Duration::from_millis(10));
    }
    let begin = Instant::now();
    assert!(matches!(journal.append(&[b"refused"]), Err(JournalError::Unwritable(_))));
    assert!(begin.elapsed() < Duration::from_secs(1), "at once");
    assert_eq!(journal.read(first, 1).expect("what was read stays").len(), 1);
    assert_eq!(journal.read(first + 1, 1).expect("nothing new"), []);
    assert!(!journal.wait(first + 1, Duration::from_millis(20)).expect("waits"));
    drop(journal);
    let journal = kept(&file);
    assert_eq!(journal.read(1, usize::MAX).expect("from the copy")[0].body, b"before");
    broker.restart();
    let second = appended_again(&journal, b"after");
    let bodies: Vec<_> = [first, second].map(|at| journal.read(at, 1).expect("read")[0].body.clone()).into();
    assert_eq!(bodies, [&b"before"[..], b"after"]);
}
