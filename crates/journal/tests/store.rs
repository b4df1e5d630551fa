//! The store against a model: whatever happened, at whatever moment it ended.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{HASHER, Moment, Random, SparseJournal, State, World, assert_same, name};
use dns::NameBuf;
use journal::replica::MAX_WRITERS;
use journal::{Accepted, Bounds, Checked, Follower, JournalError, LastEvent, Offset, Replica, Store, check_position};
use rusqlite::Connection;
use tempfile::TempDir;
use zone::Action;

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("store.db");
    (directory, path)
}

fn state_at(history: &[Moment], offset: Offset) -> State {
    history.iter().rev().find(|moment| moment.accepted.offset <= offset).map(|m| m.state.clone()).unwrap_or_default()
}

fn changes(history: &[Moment]) -> Vec<Accepted> {
    history.iter().map(|moment| moment.accepted.clone()).collect()
}

/// A follower whose store can be written.
fn follow(store: Store) -> Follower {
    Follower::start(store, || (), |error| panic!("{error}")).expect("thread")
}

fn assert_is(path: &Path, history: &[Moment], offset: Offset) {
    let store = Store::open(path).expect("store");
    assert_eq!(store.position().expect("position"), offset);
    assert_same(&store.load(HASHER).expect("loaded"), &state_at(history, offset));
}

#[test]
fn equals_the_model_after_every_batch() {
    for seed in 0..8 {
        let history = World::history(seed, &SparseJournal::default(), 120);
        let (_directory, path) = directory();
        let (mut random, mut rest) = (Random(seed), &changes(&history)[..]);
        let mut seen: Offset = 0;
        while !rest.is_empty() {
            let (batch, behind) = rest.split_at(rest.len().min(1 + random.below(20) as usize));
            Store::open(&path).expect("store").apply(batch).expect("applied");
            (rest, seen) = (behind, batch.last().map_or(seen, |last| last.offset));
            assert_is(&path, &history, seen);
        }
    }
}

#[test]
fn what_is_in_it_is_not_made_twice() {
    let history = World::history(9, &SparseJournal::default(), 60);
    let (_directory, path) = directory();
    let changes = changes(&history);
    let mut store = Store::open(&path).expect("store");
    for end in [20, 40, 60] {
        store.apply(&changes[..end]).expect("applied");
    }
    assert_same(&store.load(HASHER).expect("loaded"), &history[59].state);
}

#[test]
fn a_batch_is_made_whole_or_not_at_all() {
    let history = World::history(10, &SparseJournal::default(), 30);
    let (_directory, path) = directory();
    let mut store = Store::open(&path).expect("store");
    store.apply(&changes(&history[..20])).expect("applied");
    let position = store.position().expect("position");
    // The last change makes zones that are there.
    let mut batch = changes(&history[20..]);
    let first = &history[0].accepted.change;
    let again =
        first.zones.iter().find(|zone| history[29].state.contains_key(&zone.zone.name)).expect("a zone that stays");
    let change = zone::ChangeSet { zones: vec![again.clone()], ..(**first).clone() };
    batch.push(Accepted { first: 9999, offset: 9999, change: Arc::new(change) });
    let error = store.apply(&batch).expect_err("it does not fit");
    assert!(matches!(error, JournalError::Corrupt { offset: 9999, .. }), "{error}");
    assert_eq!(store.position().expect("position"), position);
    assert_same(&store.load(HASHER).expect("loaded"), &history[19].state);
}

/// The follower ends at any moment; the next one goes on where the store is.
#[test]
fn catches_up_after_an_end_without_flush() {
    let history = World::history(11, &SparseJournal::default(), 200);
    let (_directory, path) = directory();
    let (changes, mut random) = (changes(&history), Random(5));
    let mut rounds = 0;
    loop {
        let store = Store::open(&path).expect("store");
        let position = store.position().expect("position");
        assert_same(&store.load(HASHER).expect("loaded"), &state_at(&history, position));
        let rest: Vec<_> = changes.iter().filter(|change| change.offset > position).collect();
        let follower = follow(store);
        let Some(last) = rest.last() else { break };
        let some = &rest[..rest.len().min(1 + random.below(40) as usize)];
        some.iter().for_each(|&change| follower.push(std::slice::from_ref(change)));
        match rounds % 3 {
            0 => follower.sync(some[some.len() / 2].offset).expect("synchronised"),
            1 => follower.stop(),
            _ => {}
        }
        rounds += 1;
        assert!(rounds < 1000, "it never gets to {}", last.offset);
    }
    assert_is(&path, &history, changes.last().expect("changes").offset);
}

#[test]
fn a_stopped_follower_has_written_everything() {
    let history = World::history(12, &SparseJournal::default(), 100);
    let (_directory, path) = directory();
    let follower = follow(Store::open(&path).expect("store"));
    history.iter().for_each(|moment| follower.push(std::slice::from_ref(&moment.accepted)));
    follower.stop();
    assert_is(&path, &history, history[99].accepted.offset);
}

/// Whoever makes many changes has the disk; the store follows when there is rest.
#[test]
fn follows_when_it_is_quiet() {
    let history = World::history(18, &SparseJournal::default(), 20);
    let (_directory, path) = directory();
    let follower = follow(Store::open(&path).expect("store"));
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    for moment in &history {
        longest = longest.max(last.elapsed());
        last = Instant::now();
        follower.push(std::slice::from_ref(&moment.accepted));
        std::thread::sleep(Duration::from_millis(100));
        let stored = follower.stored();
        // A machine that slept itself proves nothing.
        let was_quiet = longest.max(last.elapsed()) > Duration::from_millis(900);
        assert!(was_quiet || stored == 0, "it did not wait");
    }
    let end = history[19].accepted.offset;
    let deadline = Instant::now() + Duration::from_secs(30);
    while follower.stored() < end {
        assert!(Instant::now() < deadline, "it does not follow");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(follower);
    assert_is(&path, &history, end);
}

/// A store that cannot be written until its table has its name again, its follower with `history` to write, and how
/// many failures were reported.
fn broken_store(path: &Path, history: &[Moment]) -> (Connection, Follower, Arc<AtomicUsize>) {
    let store = Store::open(path).expect("store");
    let broken = Connection::open(path).expect("open");
    broken.execute_batch("ALTER TABLE changes RENAME TO elsewhere").expect("renamed");
    let reports = Arc::new(AtomicUsize::new(0));
    let counter = reports.clone();
    let count = move |_: &JournalError| {
        counter.fetch_add(1, Ordering::SeqCst);
    };
    let follower = Follower::start(store, || (), count).expect("thread");
    history.iter().for_each(|moment| follower.push(std::slice::from_ref(&moment.accepted)));
    (broken, follower, reports)
}

/// While the database cannot be written nothing is lost; afterwards everything is there, in order.
#[test]
fn failures_are_reported_and_made_good() {
    let history = World::history(13, &SparseJournal::default(), 50);
    let (_directory, path) = directory();
    let (broken, follower, reports) = broken_store(&path, &history);
    let error = follower.sync_all().expect_err("cannot be written");
    assert!(matches!(error, JournalError::Unwritable(_)), "{error}");
    assert!(reports.load(Ordering::SeqCst) > 0);
    broken.execute_batch("ALTER TABLE elsewhere RENAME TO changes").expect("renamed");
    while follower.sync_all().is_err() {}
    drop(follower);
    assert_is(&path, &history, history[49].accepted.offset);
}

/// What cannot be written does not hold up the end.
#[test]
fn a_follower_of_a_broken_store_ends() {
    let history = World::history(17, &SparseJournal::default(), 20);
    let (_directory, path) = directory();
    let (broken, follower, reports) = broken_store(&path, &history);
    follower.stop();
    assert!(reports.load(Ordering::SeqCst) > 0);
    assert!(follower.sync(1).is_err(), "it has ended");
    follower.push(std::slice::from_ref(&history[0].accepted));
    broken.execute_batch("ALTER TABLE elsewhere RENAME TO changes").expect("renamed");
    assert_is(&path, &history, 0);
}

#[test]
fn refreshes_are_remembered_until_the_zone_goes() {
    let history = World::history(14, &SparseJournal::default(), 30);
    let (_directory, path) = directory();
    let follower = follow(Store::open(&path).expect("store"));
    history.iter().for_each(|moment| follower.push(std::slice::from_ref(&moment.accepted)));
    let checked = |n: u64| Checked { at_s: 1000 + n, expires_at_s: 2000 + n };
    let zones: Vec<_> = history[29].state.keys().cloned().collect();
    zones.iter().for_each(|zone| follower.note_check(zone.clone(), checked(1)));
    follower.note_check(zones[0].clone(), checked(2));
    follower.note_check(name("not.there."), checked(3));
    follower.stop();
    let loaded = Store::open(&path).expect("store").load(HASHER).expect("loaded");
    for zone in loaded {
        assert_eq!(zone.checked, Some(checked(if zone.key.name == zones[0] { 2 } else { 1 })), "{}", zone.key);
    }
}

/// The serials of zones when they went, by the changes of a history.
fn gone_by(changes: &[Accepted]) -> BTreeMap<NameBuf, u32> {
    let zones = changes.iter().flat_map(|accepted| &accepted.change.zones);
    let gone = zones.filter(|change| matches!(change.action, Action::Delete { .. }));
    gone.filter_map(|change| Some((change.zone.name.clone(), change.from?))).collect()
}

/// The last serial of a zone that went outlives restarts, the zone's return and what history forgets.
#[test]
fn the_last_serials_of_zones_that_went_are_remembered() {
    let history = World::history(21, &SparseJournal::default(), 200);
    let (_directory, path) = directory();
    let changes = changes(&history);
    let gone = gone_by(&changes);
    assert!(gone.len() > 1, "{gone:?}");
    let known = |path: &Path| -> BTreeMap<NameBuf, u32> {
        let gone = Store::open(path).expect("store").gone().expect("read");
        gone.into_iter().map(|(zone, serial)| (zone.name, serial)).collect()
    };
    for batch in changes.chunks(7) {
        Store::open(&path).expect("store").apply(batch).expect("applied");
    }
    assert_eq!(known(&path), gone);
    let mut replica = Replica::new(HASHER, 0, Vec::new());
    replica.remember(Store::open(&path).expect("store").gone().expect("read"), Vec::new());
    assert!(gone.iter().all(|(zone, serial)| replica.gone_serial(zone) == Some(*serial)));
    // A store of the first schema knows it by its index of changes.
    let old = path.with_extension("old");
    Store::open(&old).expect("store").apply(&changes).expect("applied");
    let db = Connection::open(&old).expect("open");
    db.execute_batch(&format!("{TO_SCHEMA_2} DROP TABLE gone; PRAGMA user_version = 1")).expect("written");
    drop(db);
    assert_eq!(known(&old), gone);
    Store::open(&path).expect("store").forget(Offset::MAX).expect("forgotten");
    assert_eq!(known(&path), gone);
}

/// Takes back what later schemas added.
const TO_SCHEMA_2: &str =
    "ALTER TABLE zones DROP COLUMN primary_serial; DROP TABLE writers; ALTER TABLE zones DROP COLUMN last_node;
     ALTER TABLE zones DROP COLUMN last_number; PRAGMA user_version = 2;";

/// A store of the second schema is opened, has the sum that it had, and goes on.
#[test]
fn a_store_without_identities_of_events_is_brought_up_to_date() {
    let history = World::history(22, &SparseJournal::default(), 60);
    let unidentified = |accepted: Accepted| {
        let change = zone::ChangeSet { id: None, ..(*accepted.change).clone() };
        Accepted { change: Arc::new(change), ..accepted }
    };
    let (_directory, path) = directory();
    let (old, new): (Vec<Accepted>, Vec<Accepted>) = changes(&history).into_iter().partition(|a| a.offset < 60);
    let old: Vec<Accepted> = old.into_iter().map(unidentified).collect();
    Store::open(&path).expect("store").apply(&old).expect("applied");
    Connection::open(&path).expect("open").execute_batch(TO_SCHEMA_2).expect("written");
    let mut store = Store::open(&path).expect("store");
    assert!(store.load(HASHER).expect("loaded").iter().all(|zone| zone.last.is_none()));
    assert_eq!(store.writers().expect("read"), []);
    store.apply(&new).expect("applied");
    drop(store);
    let mut end = history[59].state.clone();
    let touched = |name: &NameBuf| new.iter().any(|a| a.change.zones.iter().any(|change| change.zone.is(name)));
    end.iter_mut().filter(|(name, _)| !touched(name)).for_each(|(_, model)| model.last = None);
    assert_same(&Store::open(&path).expect("store").load(HASHER).expect("loaded"), &end);
}

/// Who wrote last, and that nodes which are silent are forgotten in the end, in the store as in the replica.
#[test]
fn writers_are_remembered() {
    let (_directory, path) = directory();
    let mut store = Store::open(&path).expect("store");
    let node = |n: u64| n.to_be_bytes();
    let event = |offset: u64, n: u64| {
        let id = Some(zone::EventId { node: node(n), number: offset });
        let change = zone::ChangeSet { id, ..zone::ChangeSet::default() };
        Accepted { first: offset, offset, change: Arc::new(change) }
    };
    let most = MAX_WRITERS as u64;
    store.apply(&(1..=most).map(|n| event(n, n)).collect::<Vec<_>>()).expect("applied");
    // The first one again, then two new ones: the second and the third are the silent ones.
    store.apply(&[event(most + 1, 1), event(most + 2, most + 1), event(most + 3, most + 2)]).expect("applied");
    let writers: BTreeMap<_, _> = store.writers().expect("read").into_iter().collect();
    assert_eq!(writers.len(), MAX_WRITERS);
    assert_eq!(writers[&node(1)], LastEvent { number: most + 1, offset: most + 1 });
    assert!([2, 3].iter().all(|&n| !writers.contains_key(&node(n))) && writers.contains_key(&node(4)));
}

#[test]
fn a_store_from_the_future_is_refused() {
    let (_directory, path) = directory();
    drop(Store::open(&path).expect("store"));
    Connection::open(&path).expect("open").pragma_update(None, "user_version", 99).expect("written");
    let error = Store::open(&path).err().expect("refused");
    assert!(matches!(error, JournalError::FromTheFuture { found: 99, known: 4, .. }), "{error}");
}

#[test]
fn position_and_journal_must_fit() {
    let check = |position, first, next| check_position(position, Bounds { first, next });
    assert_eq!(check(0, 1, 1).ok(), Some(1), "both are new");
    assert_eq!(check(0, 1, 50).ok(), Some(1), "the store is rebuilt");
    assert_eq!(check(49, 1, 50).ok(), Some(50));
    assert_eq!(check(9, 10, 50).ok(), Some(10));
    assert!(matches!(check(0, 10, 50), Err(JournalError::Trimmed { wanted: 1, first: 10 })));
    assert!(matches!(check(8, 10, 50), Err(JournalError::Trimmed { wanted: 9, first: 10 })));
    assert!(matches!(check(50, 1, 50), Err(JournalError::Lost { position: 50, next: 50 })));
    assert!(matches!(check(7, 1, 1), Err(JournalError::Lost { .. })));
}

/// Rows with octets that cannot be are an error that names the zone.
#[test]
fn damaged_rows_are_errors() {
    let damages = [
        "UPDATE rrsets SET data = x''",
        "UPDATE rrsets SET data = x'01610001000401020304'",
        "UPDATE rrsets SET data = 'text'",
        "UPDATE rrsets SET data = substr(data, 1, length(data) - 1)",
        "UPDATE rrsets SET ttl = -1",
        "UPDATE rrsets SET type = 1 WHERE type = 6",
        "DELETE FROM rrsets WHERE type = 6",
        "UPDATE zones SET name = x'05'",
        "UPDATE zones SET settings = x'01'",
        "UPDATE zones SET has_contents = 1",
    ];
    for damage in damages {
        let history = World::history(15, &SparseJournal::default(), 40);
        let end = history.iter().position(|m| m.state.values().any(|z| z.contents.is_none()) && m.state.len() > 2);
        let (_directory, path) = directory();
        let mut store = Store::open(&path).expect("store");
        store.apply(&changes(&history[..=end.expect("a secondary without contents")])).expect("applied");
        Connection::open(&path).expect("open").execute_batch(damage).expect(damage);
        let error = store.load(HASHER).err().expect(damage);
        assert!(matches!(error, JournalError::Unreadable(_)), "{damage}: {error}");
    }
}

/// Octets of the file that change are noticed, or do not matter for what is served.
#[test]
fn flipped_octets_are_noticed() {
    let history = World::history(16, &SparseJournal::default(), 150);
    let (_directory, path) = directory();
    let mut store = Store::open(&path).expect("store");
    store.apply(&changes(&history)).expect("applied");
    drop(store);
    let good = std::fs::read(&path).expect("file");
    let (mut random, mut refused) = (Random(3), 0);
    for _ in 0..300 {
        let mut bad = good.clone();
        let at = random.below(bad.len() as u64) as usize;
        bad[at] ^= 1 << random.below(8);
        std::fs::write(&path, &bad).expect("written");
        match Store::open(&path).and_then(|store| store.load(HASHER)) {
            Ok(zones) => assert_same(&zones, &history[149].state),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0);
}
