//! The embedded journal on a disk that fails, a process that is killed, files that are something else; and
//! what an append costs.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use journal::{Journal, JournalError, SqliteJournal, Stream};
use rusqlite::Connection;

const CHILD: &str = "HEADWATER_TEST_JOURNAL";
const ROUNDS: u64 = 30;
const STREAMS: [Stream; 3] = [Stream::Zones, Stream::Access, Stream::Settings];

fn open(path: &Path) -> Result<SqliteJournal, JournalError> {
    SqliteJournal::open(path, Stream::Zones, || {})
}

/// Not a test by itself: what `a_killed_process_loses_nothing_acknowledged` starts and kills.
#[test]
fn child_that_appends() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let journal = open(Path::new(&path)).expect("opens");
    let mut out = std::io::stdout().lock();
    for round in 0.. {
        let size = 1 + (round * 7919) % 9000;
        let body = vec![round as u8; size];
        // Two bodies each: all or none.
        let offsets = journal.append(&[&body, b"end"]).expect("appended");
        writeln!(out, "acknowledged {} {size} {}", offsets[0], round as u8).expect("parent reads");
        out.flush().expect("parent reads");
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("journal.db");
    let mut acknowledged: Vec<(u64, usize, u8)> = Vec::new();
    let mut end = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child_that_appends", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let reader = std::thread::spawn(move || out.lines().map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(20 + round * 37 % 90));
        child.kill().expect("kills");
        child.wait().expect("ends");
        let numbers = |line: &String| {
            let mut words = line.split("acknowledged ").nth(1)?.split(' ');
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        };
        acknowledged.extend(reader.join().expect("no panic").iter().filter_map(numbers));
        let entries = open(&path).expect("opens").read(1, usize::MAX).expect("read");
        assert!(entries.iter().zip(1..).all(|(entry, offset)| entry.offset == offset), "no gap");
        assert!(entries.len() >= end && entries.len() % 2 == 0, "all or none, and never less");
        end = entries.len();
        for (offset, size, octet) in &acknowledged {
            assert_eq!(entries[*offset as usize - 1].body, vec![*octet; *size], "round {round}");
        }
    }
    assert!(acknowledged.len() > 100, "it did something: {}", acknowledged.len());
}

#[test]
fn other_files_are_refused() {
    let dir = tempfile::tempdir().expect("directory");
    let check = |name: &str, want: &str| {
        let error = open(&dir.path().join(name)).err().expect("refused").to_string();
        assert!(error.contains(want), "{error}");
    };
    std::fs::write(dir.path().join("text"), "journal: yes\n".repeat(1000)).expect("written");
    check("text", "is no database");
    let sql = |name: &str, sql: &str| {
        Connection::open(dir.path().join(name)).expect("opens").execute_batch(sql).expect("SQL")
    };
    sql("foreign", "CREATE TABLE t (x)");
    check("foreign", "not a journal of this server");
    sql("versioned", "PRAGMA user_version = 3");
    check("versioned", "not a journal of this server");
    check("missing/journal.db", "cannot be opened");
    drop(open(&dir.path().join("later")).expect("opens"));
    sql("later", "PRAGMA user_version = 9");
    let error = open(&dir.path().join("later")).err().expect("refused");
    assert!(matches!(error, JournalError::FromTheFuture { found: 9, known: 2, .. }), "{error}");
}

/// All streams, opened at the same moment by several threads on a file that is not there yet.
#[test]
fn opened_by_many_at_once() {
    let dir = tempfile::tempdir().expect("directory");
    for round in 0..10 {
        let path = dir.path().join(format!("{round}.db"));
        std::thread::scope(|scope| {
            for stream in STREAMS.into_iter().chain(STREAMS) {
                let path = &path;
                scope.spawn(move || {
                    SqliteJournal::open(path, stream, || {}).expect("opens").append(&[b"a"]).expect("appended")
                });
            }
        });
        for stream in STREAMS {
            let journal = SqliteJournal::open(&path, stream, || {}).expect("opens");
            assert_eq!(journal.read(1, usize::MAX).expect("read").len(), 2, "{stream:?}");
        }
    }
}

/// A WAL that large and small changes go through is begun anew, even if the writer never rests.
#[test]
fn the_wal_stays_small_under_continuous_writes() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("journal.db");
    let journal = open(&path).expect("opens");
    let body = vec![7; 100_000];
    (0..1500).for_each(|_| drop(journal.append(&[&body]).expect("appended")));
    let wal = std::fs::metadata(dir.path().join("journal.db-wal")).expect("is there").len();
    assert!(wal < 80 << 20, "150 MB were appended, {wal} octets of WAL");
}

/// `cargo test --profile quick -p headwater-journal --test sqlite -- --ignored --nocapture cost`
#[test]
#[ignore = "a measurement"]
fn cost_of_an_append() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let dir = tempfile::tempdir_in(target).expect("directory");
    let journal = open(&dir.path().join("journal.db")).expect("opens");
    let mut file = std::fs::File::create(dir.path().join("plain")).expect("file");
    let (small, page) = ([7; 200], [7; 4096]);
    let hundred = [&small[..]; 100];
    let mut reader_delay = Vec::new();
    for round in 1..=3 {
        report(round, "plain: 4 KiB written, synced", 3000, || {
            file.write_all(&page).expect("written");
            file.sync_data().expect("synced");
        });
        report(round, "journal: 1 event of 200 octets", 10_000, || drop(journal.append(&[&small]).expect("appended")));
        report(round, "journal: 100 events of 200 octets", 2000, || drop(journal.append(&hundred).expect("appended")));
        let from = journal.bounds().expect("bounds").next - 10;
        report(round, "journal: read of 10 events", 10_000, || drop(journal.read(from, usize::MAX).expect("read")));
        let large = vec![7u8; 512 << 10];
        report(round, "journal: 512 KiB", 100, || drop(journal.append(&[&large]).expect("appended")));
        std::thread::scope(|scope| {
            let next = journal.bounds().expect("bounds").next;
            let journal = &journal;
            let waits = scope.spawn(move || journal.wait(next, Duration::from_secs(5)).map(|_| Instant::now()));
            std::thread::sleep(Duration::from_millis(30));
            journal.append(&[&small]).expect("appended");
            let acknowledged = Instant::now();
            let woken = waits.join().expect("no panic").expect("waits");
            reader_delay.push(woken.saturating_duration_since(acknowledged));
        });
    }
    println!("a waiting reader is woken after {reader_delay:?}");
}

fn report(round: u32, what: &str, times: usize, mut work: impl FnMut()) {
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    took.sort();
    let [p50, p99, max] = [took[times / 2], took[times * 99 / 100], took[times - 1]];
    println!("{round} {what}: p50 {p50:?}, p99 {p99:?}, max {max:?}");
}
