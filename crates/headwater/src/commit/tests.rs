//! The committer on a journal in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use dns::{Name, NameBuf, NameHasher, RType};
use journal::{Accepted, Journal, JournalError, MemoryJournal, Replica, ZoneState};
use zone::{Published, RecordList, RecordListBuilder, SerialPolicy, Zone, ZoneSettings, ZoneTable};

use super::{CommitError, Committed, Committer, Intent, Observer, Request, SerialRule};
use crate::new_zone;

/// A zone is served unless it is said to have expired.
#[derive(Clone, Default)]
struct Watch {
    expired: Arc<AtomicBool>,
    published: Arc<Mutex<Vec<NameBuf>>>,
}

impl Observer for Watch {
    fn is_file_zone(&self, _name: &Name) -> bool {
        false
    }

    fn configured(&self, _name: &Name) -> Option<Arc<ZoneSettings>> {
        None
    }

    fn serve(&self, state: &ZoneState) -> Arc<Zone> {
        let contents = state.contents.clone().filter(|_| !self.expired.load(Ordering::Relaxed));
        Arc::new(Zone { name: state.name.clone(), contents, policy: None })
    }

    fn wait_for_room(&self) -> Result<(), JournalError> {
        Ok(())
    }

    fn committed(&mut self, _changes: &[Accepted]) {}

    fn published(&mut self, _replica: &Replica, zones: &[NameBuf]) {
        self.published.lock().expect("lock").extend_from_slice(zones);
    }
}

struct House {
    journal: MemoryJournal,
    watch: Watch,
    zones: Arc<Published<ZoneTable>>,
    committer: Committer,
}

impl House {
    fn new(replica: Replica) -> House {
        let (journal, watch) = (MemoryJournal::default(), Watch::default());
        let zones = Published::new(ZoneTable::new(replica.hasher(), Vec::new()));
        let own: Arc<dyn Journal> = Arc::new(journal.clone());
        let (committer, _) = Committer::start(own, replica, zones.clone(), Box::new(watch.clone())).expect("a thread");
        House { journal, watch, zones, committer }
    }

    fn serial(&self, zone: &str) -> Option<u32> {
        let zones = self.zones.latest();
        let zone = zones.get(&name(zone))?;
        zone.contents.as_ref()?.soa().map(|soa| soa.serial)
    }

    fn submit(&self, zone: &str, intent: Intent) -> Receiver<Result<Committed, CommitError>> {
        let (outcome, outcomes) = channel();
        self.committer.submit(request(zone, intent), move |made| drop(outcome.send(made)));
        outcomes
    }

    fn commit(&self, zone: &str, intent: Intent) -> Committed {
        self.submit(zone, intent).recv().expect("an outcome").expect("committed")
    }

    /// Has what is submitted meanwhile stand in one group.
    fn in_one_group<T>(&self, submit: impl FnOnce() -> T) -> T {
        let (go, gone) = channel::<()>();
        let (begun, begins) = channel();
        let committer = self.committer.clone();
        let waits = std::thread::spawn(move || {
            committer.inspect(move |_| {
                let _ = begun.send(());
                let _ = gone.recv();
            })
        });
        begins.recv().expect("it looks");
        let submitted = submit();
        go.send(()).expect("it waits");
        waits.join().expect("no panic");
        submitted
    }
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

fn request(zone: &str, intent: Intent) -> Request {
    let zone = name(zone);
    let prepare = Box::new(move |_: &dyn super::Drafts| Ok(vec![(zone.clone(), intent.clone())]));
    Request { who: "test".to_owned(), why: String::new(), reverts: None, prepare, dry_run: false }
}

/// The records of a zone with this serial.
fn records(zone: &str, serial: u32) -> RecordList {
    let zone = name(zone);
    let made = new_zone::records(&zone, &[name("ns.other.")], &[], SerialPolicy::Increment, 0);
    let mut list = RecordListBuilder::default();
    for record in made.iter() {
        let mut data = record.rdata.to_vec();
        if record.rtype == RType::SOA {
            super::draft::set_serial(&mut data, serial);
        }
        list.push(record.owner, record.rtype, record.ttl, &data);
    }
    list.finish()
}

fn create(zone: &str, serial: u32) -> Intent {
    Intent::Create { settings: ZoneSettings::default(), records: records(zone, serial), serial: SerialRule::Policy }
}

fn empty() -> Replica {
    Replica::new(NameHasher::new(1), 0, Vec::new())
}

/// RFC 1034 4.3.5: that a zone has expired does not wait until changes can be stored again.
#[test]
fn what_expired_is_published_though_nothing_can_be_stored() {
    let house = House::new(empty());
    house.commit("a.", create("a.", 5));
    assert_eq!(house.serial("a."), Some(5));
    house.journal.refuse(Some("disk full"));
    house.watch.expired.store(true, Ordering::Relaxed);
    let refused = house.in_one_group(|| {
        let refused = house.submit("b.", create("b.", 1));
        house.committer.touch(vec![name("a.")]);
        refused
    });
    assert!(matches!(refused.recv().expect("an outcome"), Err(CommitError::Journal(_))));
    house.committer.inspect(|_| ()).expect("it goes on");
    assert_eq!(house.serial("a."), None);
    assert_eq!(house.watch.published.lock().expect("lock").last(), Some(&name("a.")));
    // What others appended counts as well.
    house.journal.refuse(None);
    assert_eq!(house.commit("b.", create("b.", 1)).change.zones[0].to, Some(1));
}

/// What another writer appended is followed in the group in which our own changes cannot be stored.
#[test]
fn others_are_followed_though_nothing_can_be_stored() {
    let house = House::new(empty());
    let body = journal::codec::encode(&House::new(empty()).commit("o.", create("o.", 3)).change);
    for part in journal::frame::split(body, [7; 16]) {
        house.journal.append(&[&part]).expect("appended");
    }
    house.journal.refuse(Some("disk full"));
    let refused = house.in_one_group(|| {
        let refused = house.submit("b.", create("b.", 1));
        house.committer.follow();
        refused
    });
    assert!(refused.recv().expect("an outcome").is_err());
    house.committer.inspect(|_| ()).expect("it goes on");
    assert_eq!(house.serial("o."), Some(3));
}

/// RFC 1982: the secondaries of a zone that went and came again take it only if its serial goes on.
#[test]
fn a_zone_made_again_goes_on_above_its_last_serial() {
    let house = House::new(empty());
    house.commit("a.", create("a.", 100));
    house.commit("a.", Intent::Delete);
    let again = house.commit("a.", create("a.", 7));
    assert_eq!((again.change.zones[0].to, house.serial("a.")), (Some(101), Some(101)));
    assert!(again.warnings[0].to_string().contains("100"), "{:?}", again.warnings);
    // A later serial is kept.
    house.commit("a.", Intent::Delete);
    let later = house.commit("a.", create("a.", 500));
    assert!(later.warnings.is_empty() && house.serial("a.") == Some(500));
    // Who insists gets the serial that is given.
    house.commit("a.", Intent::Delete);
    let (settings, serial) = (ZoneSettings::default(), SerialRule::AsGiven);
    house.commit("a.", Intent::Create { settings, records: records("a.", 9), serial });
    assert_eq!(house.serial("a."), Some(9));
    house.commit("a.", Intent::Delete);
    house.commit("a.", create("a.", 500));
    // In one group, and whatever the case of the name.
    let outcomes = house.in_one_group(|| [house.submit("A.", Intent::Delete), house.submit("A.", create("A.", 500))]);
    assert!(outcomes.iter().all(|outcome| outcome.recv().expect("an outcome").is_ok()));
    assert_eq!(house.serial("a."), Some(501));
    // Around the end of the numbers; a zone that never was begins as it is given.
    house.commit("a.", Intent::Replace { records: records("a.", u32::MAX), serial: SerialRule::AsGiven });
    house.commit("a.", Intent::Delete);
    house.commit("a.", create("a.", u32::MAX));
    assert_eq!(house.serial("a."), Some(1));
    assert_eq!(house.commit("b.", create("b.", 7)).change.zones[0].to, Some(7));
}

/// What the store remembered of zones that went counts after a restart.
#[test]
fn the_last_serial_outlives_a_restart() {
    let mut replica = empty();
    replica.remember_gone(vec![(name("a."), 41)]);
    let house = House::new(replica);
    house.commit("a.", create("a.", 1));
    assert_eq!(house.serial("a."), Some(42));
}
