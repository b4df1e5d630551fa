//! The committer on a journal in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dns::{Name, NameBuf, NameHasher, RType};
use journal::{Accepted, Fate, Journal, JournalError, MemoryJournal, Replica, ZoneState};
use signer::zone_signer::ZoneSigner;
use zone::{Published, RecordList, RecordListBuilder, SerialPolicy, Zone, ZoneSettings, ZoneTable};

use super::{CommitError, Committed, Committer, Intent, Observer, Request, SerialRule, SigningFailure};
use crate::new_zone;
use crate::read_only::MaintainedIn;

/// A zone is served unless it is said to have expired.
#[derive(Clone, Default)]
struct Watch {
    expired: Arc<AtomicBool>,
    published: Arc<Mutex<Vec<NameBuf>>>,
}

impl Observer for Watch {
    fn maintained_in(&self, _name: &Name) -> MaintainedIn {
        MaintainedIn::Journal
    }

    fn configured(&self, _name: &Name) -> Option<Arc<ZoneSettings>> {
        None
    }

    fn signer(&self, _name: &Name) -> Result<Option<Arc<ZoneSigner>>, String> {
        Ok(None)
    }

    fn signed(&self, _name: &Name, _failure: Option<&SigningFailure>) {}

    fn serve(&self, state: &ZoneState) -> Arc<Zone> {
        let contents = state.contents.clone().filter(|_| !self.expired.load(Ordering::Relaxed));
        Arc::new(Zone { name: state.key.name.clone(), contents, policy: None })
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
        House::on(MemoryJournal::default(), replica)
    }

    fn on(journal: MemoryJournal, replica: Replica) -> House {
        let watch = Watch::default();
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

    /// Waits until queries see this serial.
    fn wait_for(&self, zone: &str, serial: u32) {
        let is_there = || self.serial(zone) == Some(serial);
        let seen = (0..2000).any(|_| {
            is_there() || {
                std::thread::sleep(Duration::from_millis(5));
                false
            }
        });
        assert!(seen, "{zone} has serial {:?}, not {serial}", self.serial(zone));
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
    let prepare = Box::new(move |_: &dyn super::PendingZones| Ok(vec![(zone.clone(), intent.clone())]));
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
            super::serials::set_serial(&mut data, serial);
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

/// The node sees what another writer appended, also while its own changes cannot be stored.
#[test]
fn others_are_followed_though_nothing_can_be_stored() {
    let house = House::new(empty());
    let body = journal::codec::encode(&House::new(empty()).commit("o.", create("o.", 3)).change);
    let refused = house.in_one_group(|| {
        for part in journal::frame::split(&body, [7; 16]) {
            house.journal.append(&[&part]).expect("appended");
        }
        house.journal.refuse(Some("disk full"));
        house.submit("b.", create("b.", 1))
    });
    assert!(refused.recv().expect("an outcome").is_err());
    house.wait_for("o.", 3);
}

/// Two committers on one journal: what is changed at one is published at the other.
#[test]
fn committers_follow_each_other() {
    let one = House::new(empty());
    let other = House::on(one.journal.clone(), empty());
    one.commit("a.", create("a.", 1));
    other.wait_for("a.", 1);
    for serial in 2..50 {
        let (writer, reader) = if serial % 2 == 0 { (&other, &one) } else { (&one, &other) };
        writer.commit("a.", Intent::Replace { records: records("a.", serial), serial: SerialRule::AsGiven });
        reader.wait_for("a.", serial);
    }
    one.commit("a.", Intent::Delete);
    let is_gone = || other.zones.latest().get(&name("a.")).is_none();
    assert!((0..2000).any(|_| is_gone() || {
        std::thread::sleep(Duration::from_millis(5));
        false
    }));
}

/// The journal does not say what it has, whatever that is: every change is made once, and its outcome is known.
#[test]
fn what_the_journal_does_not_say_is_read() {
    use Fate::{Kept, Late, Lost};
    let patterns: [&[&[Fate]]; 8] = [
        &[&[Kept]],
        &[&[Lost]],
        &[&[Late]],
        &[&[Kept, Lost]],
        &[&[Lost, Kept]],
        &[&[Late, Kept, Lost]],
        &[&[Lost], &[Late], &[Kept]],
        &[&[Late], &[Late, Lost], &[Lost, Late]],
    ];
    for fates in patterns {
        let house = House::new(empty());
        for zone in ["a.", "b.", "c."] {
            house.commit(zone, create(zone, 1));
        }
        fates.iter().for_each(|fates| house.journal.doubt(fates));
        let next = |serial| Intent::Replace { records: records("a.", serial), serial: SerialRule::AsGiven };
        // On top of each other, and apart.
        let outcomes = house.in_one_group(|| {
            let submits = [("a.", next(2)), ("a.", next(3)), ("b.", Intent::Delete), ("c.", Intent::Delete)];
            submits.map(|(zone, intent)| house.submit(zone, intent))
        });
        let made: Vec<Committed> =
            outcomes.iter().map(|outcome| outcome.recv().expect("an outcome").expect("made")).collect();
        assert_eq!(made.iter().map(|made| made.change.zones[0].to).collect::<Vec<_>>(), [Some(2), Some(3), None, None]);
        // What is late would fit here, but it counted already, or never will.
        house.commit("b.", create("b.", 9));
        house.commit("a.", next(4));
        assert_eq!(["a.", "b.", "c."].map(|zone| house.serial(zone)), [Some(4), Some(9), None], "{fates:?}");
        // Whoever reads the journal from its begin sees the same.
        let mut replica = empty();
        let mut counted = 0;
        replica.catch_up(&house.journal, None, |folded| counted += u32::from(folded.outcome.is_ok())).expect("folded");
        assert_eq!(counted, 3 + 4 + 2, "{fates:?}");
        let serial = |zone: &str| replica.zone(&name(zone)).and_then(ZoneState::serial);
        assert_eq!(["a.", "b.", "c."].map(serial), [Some(4), Some(9), None], "{fates:?}");
    }
}

/// A journal that never says: whoever asked hears that nobody knows, and it goes on.
#[test]
fn what_the_journal_never_says_is_unknown() {
    let house = House::new(empty());
    (0..4).for_each(|_| house.journal.doubt(&[Fate::Lost]));
    let outcome = house.submit("a.", create("a.", 1)).recv().expect("an outcome");
    assert!(matches!(outcome, Err(CommitError::Unknown { .. })), "{outcome:?}");
    assert_eq!(house.serial("a."), None);
    house.commit("a.", create("a.", 1));
    assert_eq!(house.serial("a."), Some(1));
}

/// A large change, of which the journal keeps some parts, comes again as a whole.
#[test]
fn parts_of_a_change_that_are_lost_come_again() {
    use Fate::{Kept, Lost};
    let large = || {
        let mut list = RecordListBuilder::default();
        records("a.", 1).iter().for_each(|record| list.push(record.owner, record.rtype, record.ttl, record.rdata));
        let text = [&[255][..], &[b'x'; 255]].concat();
        (0..5000).for_each(|i| list.push(&name(&format!("n{i}.a.")), RType::TXT, 300, &text));
        Intent::Create { settings: ZoneSettings::default(), records: list.finish(), serial: SerialRule::Policy }
    };
    for fates in [&[Kept, Kept, Lost][..], &[Lost, Kept, Kept], &[Kept, Lost]] {
        let house = House::new(empty());
        house.journal.doubt(fates);
        house.commit("a.", large());
        assert_eq!(house.serial("a."), Some(1), "{fates:?}");
    }
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
    replica.remember(vec![(name("a.").into(), 41)], Vec::new());
    let house = House::new(replica);
    house.commit("a.", create("a.", 1));
    assert_eq!(house.serial("a."), Some(42));
}
