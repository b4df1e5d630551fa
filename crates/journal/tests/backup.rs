//! Backups: made while the journal is written, checked to the last bit, restored to a consistent prefix.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use journal::backup::{BackupError, create, restore, verify};
use journal::{DirLock, Journal, SqliteJournal, Store, Stream};

fn zones(dir: &Path) -> SqliteJournal {
    SqliteJournal::open(&dir.join("journal.db"), Stream::Zones, || {}).expect("opens")
}

fn text(offset: u64) -> String {
    format!("event {offset} ").repeat(20)
}

fn append(journal: &SqliteJournal, count: u64) {
    for _ in 0..count {
        let next = journal.bounds().expect("bounds").next;
        assert_eq!(journal.append(&[text(next).as_bytes()]).expect("appended"), [next]);
    }
}

/// A data directory `data` with `count` events, a store and a key.
fn data_dir(root: &Path, count: u64) -> std::path::PathBuf {
    let data = root.join("data");
    fs::create_dir(&data).expect("directory");
    append(&zones(&data), count);
    SqliteJournal::open(&data.join("journal.db"), Stream::Access, || {})
        .expect("opens")
        .append(&[b"user"])
        .expect("appended");
    drop(Store::open(&data.join("store.db")).expect("opens"));
    fs::write(data.join("seal.key"), [7; 32]).expect("written");
    data
}

/// The number of events in `dir`, all of which must be what was appended.
fn whole_events(dir: &Path) -> u64 {
    let entries = zones(dir).read(1, usize::MAX).expect("read");
    assert!(entries.iter().zip(1..).all(|(entry, i)| entry.offset == i && entry.body == text(i).as_bytes()));
    entries.len() as u64
}

#[test]
fn made_while_it_is_written_and_restored() {
    let root = tempfile::tempdir().expect("directory");
    let data = data_dir(root.path(), 500);
    let done = AtomicBool::new(false);
    let manifests = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let journal = zones(&data);
            let mut appended = 0;
            while !done.load(Ordering::SeqCst) {
                append(&journal, 1);
                appended += 1;
            }
            appended
        });
        let manifests = [0, 1, 2]
            .map(|i| create(&data, &data.join("journal.db"), &root.path().join(format!("backup{i}"))).expect("backup"));
        done.store(true, Ordering::SeqCst);
        assert!(writer.join().expect("no panic") > 0, "the writer went on");
        manifests
    });
    for (i, manifest) in manifests.iter().enumerate() {
        let (backup, restored) = (root.path().join(format!("backup{i}")), root.path().join(format!("restored {i}?#")));
        assert_eq!(verify(&backup).as_ref(), Ok(manifest));
        assert_eq!(fs::read_dir(&backup).expect("listed").count(), 5, "verifying leaves nothing behind");
        assert_eq!(restore(&backup, &restored, false).expect("restored"), *manifest);
        let count = whole_events(&restored);
        assert!(count >= 500 && count + 1 == manifest.streams.zones.next, "{count}");
        assert_eq!((manifest.streams.access.first, manifest.streams.access.next), (1, 2));
        assert_eq!(fs::read(restored.join("seal.key")).expect("key"), [7; 32]);
        append(&zones(&restored), 3);
        let again = create(&restored, &restored.join("journal.db"), &backup.join("again"))
            .expect("backup of what was restored");
        assert_eq!(again.streams.zones.next, manifest.streams.zones.next + 3);
    }
}

#[test]
fn every_flipped_octet_is_found() {
    let root = tempfile::tempdir().expect("directory");
    let data = data_dir(root.path(), 50);
    let backup = root.path().join("backup");
    create(&data, &data.join("journal.db"), &backup).expect("backup");
    let mut files: Vec<_> = fs::read_dir(&backup).expect("listed").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    let mut state = 11u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    for i in 0..200 {
        let path = &files[i % files.len()];
        let good = fs::read(path).expect("read");
        let mut bad = good.clone();
        let at = random(bad.len());
        bad[at] ^= 1 << random(8);
        fs::write(path, &bad).expect("written");
        let problems = verify(&backup).expect_err("found");
        assert!(!problems.is_empty(), "{} at {at}", path.display());
        assert!(matches!(restore(&backup, &root.path().join("new"), true), Err(BackupError::Damaged(_))));
        fs::write(path, &good).expect("written");
    }
    assert!(!root.path().join("new").exists(), "nothing was touched");
    for path in &files {
        let good = fs::read(path).expect("read");
        fs::remove_file(path).expect("removed");
        assert!(verify(&backup).is_err(), "{} is missing", path.display());
        fs::write(path, &good[..good.len() - 1]).expect("written");
        assert!(verify(&backup).is_err(), "{} is cut", path.display());
        fs::write(path, &good).expect("written");
    }
    verify(&backup).expect("whole again");
}

#[test]
fn what_is_there_is_not_overwritten_by_mistake() {
    let root = tempfile::tempdir().expect("directory");
    let data = data_dir(root.path(), 5);
    let backup = root.path().join("backup");
    create(&data, &data.join("journal.db"), &backup).expect("backup");
    assert!(matches!(create(&data, &data.join("journal.db"), &backup), Err(BackupError::Exists(_))));
    let server = DirLock::take(&data).expect("free");
    assert!(matches!(restore(&backup, &data, true), Err(BackupError::Locked(_))));
    drop(server);
    // A process that was killed left a WAL behind: its events are not in the restored journal.
    let journal = zones(&data);
    append(&journal, 20);
    let wal = fs::read(data.join("journal.db-wal")).expect("WAL");
    drop(journal);
    fs::write(data.join("journal.db-wal"), wal).expect("written");
    assert!(matches!(restore(&backup, &data, false), Err(BackupError::Exists(_))));
    restore(&backup, &data, true).expect("forced");
    assert_eq!(whole_events(&data), 5);
}

#[test]
fn without_a_journal_there_is_no_backup() {
    let root = tempfile::tempdir().expect("directory");
    let target = root.path().join("backup");
    assert!(matches!(create(root.path(), &root.path().join("journal.db"), &target), Err(BackupError::Database { .. })));
    assert!(!target.exists(), "no half backup is left");
}
