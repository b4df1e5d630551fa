//! What every journal must do, whatever is behind it: order, offsets that never come again, reads by size, trimming,
//! waiting, several writers, reopening. Tests of each journal run it (this crate's and those of `journal-kafka`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use journal::{Bounds, Entry, Journal, JournalError};

/// Opens one journal, again and again: each handle is a writer of its own.
pub type Open<'a> = &'a dyn Fn() -> Box<dyn Journal>;
/// One of the things that a journal must do.
pub type Check<'a> = &'a dyn Fn(Open);

/// `with_fresh` calls back with a new, empty journal.
pub fn conformance(with_fresh: &dyn Fn(Check)) {
    conformance_but_for_trimming(with_fresh);
    let checks: [fn(Open); 2] = [trimming, high_water_mark];
    checks.iter().for_each(|check| with_fresh(check));
}

/// The same for a journal that keeps what was trimmed.
pub fn conformance_but_for_trimming(with_fresh: &dyn Fn(Check)) {
    let checks: [fn(Open); 5] = [order, reads_by_size, waiting, two_writers, nothing];
    checks.iter().for_each(|check| with_fresh(check));
}

fn bodies(journal: &dyn Journal, from: u64) -> Vec<String> {
    let entries = journal.read(from, usize::MAX).expect("read");
    entries.into_iter().map(|entry| String::from_utf8(entry.body).expect("text")).collect()
}

fn order(open: Open) {
    let journal = open();
    let first = journal.append(&[b"a", b"b"]).expect("appended");
    let second = journal.append(&[b"c"]).expect("appended");
    assert!(first[0] < first[1] && first[1] < second[0], "{first:?} {second:?}");
    let entries = journal.read(first[0], usize::MAX).expect("read");
    let entry = |offset, body: &[u8]| Entry { offset, body: body.to_vec() };
    assert_eq!(entries, [entry(first[0], b"a"), entry(first[1], b"b"), entry(second[0], b"c")]);
    assert_eq!(bodies(&*journal, first[1]), ["b", "c"]);
    drop(journal);
    assert_eq!(bodies(&*open(), first[0]), ["a", "b", "c"], "reopened");
}

fn nothing(open: Open) {
    let journal = open();
    let Bounds { first, next } = journal.bounds().expect("bounds");
    assert_eq!(first, next);
    assert!(journal.append(&[]).expect("nothing to do").is_empty());
    assert_eq!(journal.bounds().expect("bounds"), Bounds { first, next });
    for from in [0, first, first + 1, u64::MAX] {
        assert_eq!(journal.read(from, usize::MAX).expect("read"), [], "{from}");
    }
    let offsets = journal.append(&[b""]).expect("an empty body is one");
    assert_eq!(journal.read(0, 0).expect("read"), [Entry { offset: offsets[0], body: Vec::new() }]);
}

fn reads_by_size(open: Open) {
    let journal = open();
    let from = journal.append(&[&[1; 10], &[2; 20], &[3; 30]]).expect("appended")[0];
    for (max_bytes, want) in [(0, 1), (9, 1), (10, 1), (29, 1), (30, 2), (59, 2), (60, 3), (usize::MAX, 3)] {
        assert_eq!(journal.read(from, max_bytes).expect("read").len(), want, "{max_bytes}");
    }
}

fn trimming(open: Open) {
    let journal = open();
    let texts: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
    let offsets = journal.append(&texts.iter().map(|text| text.as_bytes()).collect::<Vec<_>>()).expect("appended");
    journal.trim(offsets[0]).expect("trims nothing");
    assert_eq!(bodies(&*journal, offsets[0]).len(), 1000);
    journal.trim(offsets[700]).expect("trimmed");
    journal.trim(offsets[300]).expect("trims nothing");
    let bounds = journal.bounds().expect("bounds");
    assert_eq!(bounds, Bounds { first: offsets[700], next: offsets[999] + 1 });
    for wanted in [0, offsets[0], offsets[699]] {
        let error = journal.read(wanted, usize::MAX).expect_err("trimmed");
        let is_right =
            matches!(error, JournalError::Trimmed { wanted: w, first } if (w, first) == (wanted, bounds.first));
        assert!(is_right, "{error}");
    }
    assert_eq!(bodies(&*journal, offsets[700]), texts[700..]);
    drop(journal);
    assert_eq!(open().bounds().expect("bounds"), bounds, "reopened");
}

/// Offsets do not come again, even if nothing is left that has one.
fn high_water_mark(open: Open) {
    let journal = open();
    let last = *journal.append(&[b"a", b"b"]).expect("appended").last().expect("two");
    journal.trim(u64::MAX).expect("trimmed");
    assert_eq!(journal.bounds().expect("bounds"), Bounds { first: last + 1, next: last + 1 });
    drop(journal);
    let journal = open();
    assert_eq!(journal.bounds().expect("bounds"), Bounds { first: last + 1, next: last + 1 });
    assert!(journal.append(&[b"c"]).expect("appended")[0] > last);
    assert_eq!(bodies(&*journal, last + 1), ["c"]);
}

fn waiting(open: Open) {
    let (reader, writer) = (open(), open());
    let next = reader.bounds().expect("bounds").next;
    let started = Instant::now();
    assert!(!reader.wait(next, Duration::from_millis(50)).expect("waits"));
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert!(!reader.wait(next, Duration::ZERO).expect("looks"));
    std::thread::scope(|scope| {
        let waits = [&*reader, &*writer].map(|journal| scope.spawn(|| journal.wait(next, Duration::from_secs(20))));
        writer.append(&[b"a"]).expect("appended");
        waits.into_iter().for_each(|wait| assert!(wait.join().expect("no panic").expect("waits")));
    });
    assert!(started.elapsed() < Duration::from_secs(10), "it did not wait for the end");
    assert!(reader.wait(next, Duration::ZERO).expect("looks"));
}

/// What two writers append stands in the order in which each did it, and a reader sees it grow in order. Events of one may
/// stand between those of the other.
fn two_writers(open: Open) {
    const ROUNDS: usize = 150;
    let from = open().bounds().expect("bounds").next;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers = ["x", "y"].map(|who| {
            let journal = open();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let texts = ["0", "1", "2"].map(|part| format!("{who} {round} {part}"));
                    let offsets = journal.append(&texts.each_ref().map(|text| text.as_bytes())).expect("appended");
                    assert_eq!(bodies(&*journal, offsets[0])[..1], texts[..1], "its own are there");
                }
            })
        });
        let (journal, done) = (open(), &done);
        let reader = scope.spawn(move || {
            let (mut seen, mut last): (Vec<String>, Option<Instant>) = (Vec::new(), None);
            while seen.len() < 2 * 3 * ROUNDS {
                let is_last = done.load(Ordering::SeqCst);
                let since = is_last.then(|| *last.get_or_insert_with(Instant::now));
                assert!(since.is_none_or(|at| at.elapsed() < Duration::from_secs(30)), "{} are there", seen.len());
                let now = bodies(&*journal, from);
                assert!(now.starts_with(&seen), "what was read once stays as it was");
                seen = now;
            }
            seen
        });
        writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
        done.store(true, Ordering::SeqCst);
        let seen = reader.join().expect("no panic");
        assert_eq!(seen.len(), 2 * 3 * ROUNDS);
        for who in ["x", "y"] {
            let of_one: Vec<&String> = seen.iter().filter(|text| text.starts_with(who)).collect();
            let rounds = (0..ROUNDS).flat_map(|round| ["0", "1", "2"].map(|part| format!("{who} {round} {part}")));
            assert_eq!(of_one, rounds.collect::<Vec<_>>().iter().collect::<Vec<_>>());
        }
    });
}
