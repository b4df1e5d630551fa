//! Shared settings in a file: a journal of before, a process that is killed, another handle, a backup.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use journal::backup::{create, restore, verify};
use journal::shared::{Author, Body, Collection, SettingsError, SettingsState, SharedSettings};
use journal::{Journal, JournalError, Offset, SqliteJournal, Stream};
use rusqlite::Connection;

const CHILD: &str = "HEADWATER_TEST_SETTINGS";
const ROUNDS: u64 = 12;
/// The schema of a journal before there were shared settings, as it was written then.
const VERSION_1: &str = "
    PRAGMA application_id = 1213688434;
    PRAGMA user_version = 1;
    CREATE TABLE events (offset INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE access_events (offset INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE bounds (stream TEXT PRIMARY KEY, first INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO bounds (stream, first) VALUES ('zones', 1), ('access', 1);
    INSERT INTO events (offset, body) VALUES (1, x'61'), (2, x'62');
    INSERT INTO access_events (offset, body) VALUES (1, x'63');
";

fn open(path: &Path) -> SharedSettings {
    let journal = SqliteJournal::open(path, Stream::Settings, || {}).expect("opens");
    SharedSettings::open(Arc::new(journal)).expect("folds")
}

fn put(settings: &SharedSettings, id: &str, number: u64) -> Offset {
    let body = Body::new(&serde_json::json!({ "number": number })).expect("a body");
    let author = Author::new("anna", "a test", number);
    let prepare =
        |state: &SettingsState| Ok::<_, SettingsError>(vec![state.put(Collection::Devices, id, body.clone())]);
    settings.submit(&author, prepare).expect("counts")
}

fn number(settings: &SharedSettings, id: &str) -> Option<u64> {
    settings.state().get(Collection::Devices, id).map(|document| document.set_at_ms)
}

fn first_version(path: &Path) {
    let connection = Connection::open(path).expect("opens");
    connection.execute_batch("PRAGMA journal_mode = WAL").expect("SQL");
    connection.execute_batch(VERSION_1).expect("SQL");
}

#[test]
fn a_journal_of_before_gets_the_stream_and_keeps_its_events() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("journal.db");
    first_version(&path);
    let settings = open(&path);
    assert_eq!(settings.state().next(), 0);
    assert_eq!(put(&settings, "phone", 7), 1);
    let events = |stream| {
        let journal = SqliteJournal::open(&path, stream, || {}).expect("opens");
        let entries = journal.read(1, usize::MAX).expect("read");
        entries.into_iter().map(|entry| entry.body).collect::<Vec<_>>()
    };
    assert_eq!(
        (events(Stream::Zones), events(Stream::Access)),
        (vec![b"a".to_vec(), b"b".to_vec()], vec![b"c".to_vec()])
    );
    assert_eq!(number(&open(&path), "phone"), Some(7));
}

#[test]
fn a_journal_of_before_that_cannot_be_written_is_read_as_it_is() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("journal.db");
    first_version(&path);
    let before = std::fs::read(&path).expect("read");
    let uri = format!("file:{}?immutable=1", path.display());
    let open = |stream| SqliteJournal::open(Path::new(&uri), stream, || {});
    let zones = open(Stream::Zones).expect("opens").read(1, usize::MAX).expect("read");
    assert_eq!(zones.len(), 2);
    let error = open(Stream::Settings).err().expect("it has none");
    assert!(matches!(error, JournalError::Outdated { .. }), "{error}");
    assert_eq!(std::fs::read(&path).expect("read"), before);
}

#[test]
fn another_handle_sees_what_is_set_while_it_waits() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("journal.db");
    let (one, other) = (open(&path), open(&path));
    for round in 1..20 {
        let offset = put(&one, "phone", round);
        let corridor = other.corridor();
        assert!(corridor.journal().wait(offset, Duration::from_secs(10)).expect("readable"));
        corridor.catch_up().expect("caught up");
        assert_eq!(number(&other, "phone"), Some(round));
        put(&other, "laptop", round);
    }
    one.corridor().catch_up().expect("caught up");
    assert_eq!(one.state(), other.state());
    assert_eq!(one.history(Collection::Devices, "laptop", None, 100).expect("history").len(), 19);
}

/// Not a test by itself: what `a_killed_process_loses_no_setting_that_was_acknowledged` starts and kills.
#[test]
fn child_that_sets() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let settings = open(Path::new(&path));
    let mut out = std::io::stdout().lock();
    let first = number(&settings, "phone").unwrap_or(0);
    for round in first + 1.. {
        put(&settings, "phone", round);
        writeln!(out, "acknowledged {round}").expect("parent reads");
        out.flush().expect("parent reads");
    }
}

#[test]
fn a_killed_process_loses_no_setting_that_was_acknowledged() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("journal.db");
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child_that_sets", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let reader = std::thread::spawn(move || out.lines().map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(50 + round * 37 % 200));
        child.kill().expect("kills");
        child.wait().expect("ends");
        let lines = reader.join().expect("no panic");
        let numbers = lines.iter().filter_map(|line| line.split("acknowledged ").nth(1)?.parse::<u64>().ok());
        acknowledged = numbers.max().unwrap_or(acknowledged).max(acknowledged);
        let settings = open(&path);
        let found = number(&settings, "phone").unwrap_or(0);
        assert!(found == acknowledged || found == acknowledged + 1, "round {round}: {found}, not {acknowledged}");
        acknowledged = found;
    }
    assert!(acknowledged > 0, "it did something");
    let past = open(&path).history(Collection::Devices, "phone", None, 1000).expect("history");
    assert!(past.iter().rev().map(|past| past.at_ms).is_sorted(), "one after the other");
}

#[test]
fn a_backup_holds_what_was_set_and_one_of_before_is_restored_as_well() {
    let root = tempfile::tempdir().expect("directory");
    let data = root.path().join("data");
    std::fs::create_dir(&data).expect("directory");
    let path = data.join("journal.db");
    first_version(&path);
    let old = root.path().join("old");
    let manifest = create(&data, &path, &old).expect("backup");
    assert_eq!(manifest.streams.settings, None);
    let settings = open(&path);
    let first = put(&settings, "phone", 7);
    put(&settings, "phone", 8);
    let new = root.path().join("new");
    let manifest = create(&data, &path, &new).expect("backup");
    assert_eq!(manifest.streams.settings.map(|bounds| (bounds.first, bounds.next)), Some((1, 3)));
    put(&settings, "phone", 9);
    drop(settings);
    for (backup, want) in [(&new, Some(8)), (&old, None)] {
        assert_eq!(verify(backup).expect("whole"), restore(backup, &data, true).expect("restored"));
        assert_eq!(number(&open(&path), "phone"), want);
    }
    // History comes with it, and goes on.
    restore(&new, &data, true).expect("restored");
    let settings = open(&path);
    let past = settings.history(Collection::Devices, "phone", None, 9).expect("history");
    assert_eq!(past.iter().map(|past| past.at_ms).collect::<Vec<_>>(), [8, 7]);
    settings.revert(past[0].offset, &Author::new("bert", "too new", 10)).expect("counts");
    let back = settings.state().get(Collection::Devices, "phone").map(|document| document.body.clone());
    assert_eq!((back, first), (past[1].after.clone(), past[1].offset));
}
