//! A journal in memory, and random histories with a model of what they lead to.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dns::{NameBuf, NameHasher, RType};
use journal::{Accepted, Bounds, Entry, Journal, JournalError, Offset, StoredZone, codec, frame};
use zone::{
    Action, Builder, ChangeSet, Contents, Edit, EventId, NodeId, RecordList, Records, SerialPolicy, ZoneChange,
    ZoneKind, ZoneSettings, diff,
};

pub const HASHER: NameHasher = NameHasher::new(3);

pub fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

pub fn soa(serial: u32) -> Vec<u8> {
    let mut data = b"\x02ns\x00\x02hm\x00".to_vec();
    [serial, 3600, 900, 604_800, 300].iter().for_each(|number| data.extend_from_slice(&number.to_be_bytes()));
    data
}

/// Holds its entries at offsets with gaps between them.
#[derive(Default)]
pub struct SparseJournal {
    state: Mutex<(Vec<Entry>, Offset)>,
}

impl Journal for SparseJournal {
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        let entries = &mut self.state.lock().expect("lock").0;
        let mut next = entries.last().map_or(1, |entry| entry.offset + 1 + entry.offset % 3);
        let append = |body: &&[u8]| {
            entries.push(Entry { offset: next, body: body.to_vec() });
            next += 1;
            next - 1
        };
        Ok(bodies.iter().map(append).collect())
    }

    fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        let (entries, first) = &*self.state.lock().expect("lock");
        if from < *first {
            return Err(JournalError::Trimmed { wanted: from, first: *first });
        }
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += entry.body.len();
            bytes <= max_bytes
        };
        let wanted = || entries.iter().filter(|entry| entry.offset >= from);
        let some: Vec<Entry> = wanted().take_while(fits).cloned().collect();
        Ok(if some.is_empty() { wanted().take(1).cloned().collect() } else { some })
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        let (entries, first) = &*self.state.lock().expect("lock");
        Ok(Bounds { first: (*first).max(1), next: entries.last().map_or(1, |entry| entry.offset + 1) })
    }

    fn wait(&self, _: Offset, _: Duration) -> Result<bool, JournalError> {
        Ok(false)
    }

    fn trim(&self, before: Offset) -> Result<(), JournalError> {
        let (entries, first) = &mut *self.state.lock().expect("lock");
        entries.retain(|entry| entry.offset >= before);
        *first = before;
        Ok(())
    }
}

/// Appends a change as the committer does.
pub fn append(journal: &dyn Journal, change: ChangeSet) -> Accepted {
    let bodies = frame::split(&codec::encode(&change), (change.at_ms as u128).to_be_bytes());
    let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
    let offsets = journal.append(&bodies).expect("in memory");
    let (first, offset) = offsets.first().zip(offsets.last()).expect("at least one body");
    Accepted { first: *first, offset: *offset, change: Arc::new(change) }
}

/// A zone of the model.
#[derive(Clone)]
pub struct Model {
    pub settings: ZoneSettings,
    pub contents: Option<Contents>,
    /// The event that changed it last.
    pub last: Option<EventId>,
}

impl Model {
    pub fn serial(&self) -> Option<u32> {
        self.contents.as_ref().and_then(Contents::soa).map(|soa| soa.serial)
    }
}

pub type State = BTreeMap<NameBuf, Model>;

/// What is there after a change.
pub struct Moment {
    pub accepted: Accepted,
    pub state: State,
}

pub fn listed(contents: Option<&Contents>) -> Option<RecordList> {
    contents.map(diff::list)
}

/// Whether both are the same but for the case of owners.
pub fn is_same(a: Option<&Contents>, b: Option<&Contents>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.record_count() == b.record_count() && diff::diff(a, b).is_empty(),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// What was loaded is the state of the model.
pub fn assert_same(loaded: &[StoredZone], state: &State) {
    assert_eq!(loaded.len(), state.len());
    for zone in loaded {
        let (name, model) = (&zone.key.name, &state[&zone.key.name]);
        assert_eq!((&zone.settings, zone.last), (&model.settings, model.last), "{name}");
        assert_eq!(name.as_wire(), name_in(state, name).as_wire());
        assert!(is_same(zone.contents.as_ref(), model.contents.as_ref()), "{name} differs");
    }
}

/// The name as it was given.
fn name_in(state: &State, name: &NameBuf) -> NameBuf {
    state.get_key_value(name).map(|(name, _)| name.clone()).expect("in the model")
}

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Makes changes at random.
pub struct World {
    pub random: Random,
    pub state: State,
    now_ms: u64,
    serial: u32,
    events: u64,
}

/// The node that makes the changes.
pub const NODE: NodeId = *b"a world.";

const ZONES: [&str; 5] = ["example.", "sub.example.", "Other.test.", "three.test.", "."];

impl World {
    pub fn new(seed: u64) -> World {
        World { random: Random(seed), state: State::new(), now_ms: 1000, serial: 0, events: 0 }
    }

    /// A history of `len` changes, appended to `journal`.
    pub fn history(seed: u64, journal: &dyn Journal, len: usize) -> Vec<Moment> {
        let mut world = World::new(seed);
        let moment = |_| {
            let accepted = append(journal, world.change());
            Moment { accepted, state: world.state.clone() }
        };
        (0..len).map(moment).collect()
    }

    fn change(&mut self) -> ChangeSet {
        self.now_ms += self.random.below(5) * 100;
        let skip = self.random.below(ZONES.len() as u64) as usize;
        let count = 1 + self.random.below(3) as usize;
        let names = ZONES.iter().cycle().skip(skip).take(count).map(|zone| name(zone));
        self.events += 1;
        // Some are as before events had an identity.
        let id = (!self.events.is_multiple_of(5)).then_some(EventId { node: NODE, number: self.events });
        let zones: Vec<_> = names.collect::<Vec<_>>().into_iter().map(|zone| self.zone_change(zone, id)).collect();
        for zone in &zones {
            self.state.get_mut(&zone.zone.name).into_iter().for_each(|model| model.last = id);
        }
        ChangeSet { at_ms: self.now_ms, who: "user:anna".into(), why: "at random".into(), reverts: None, id, zones }
    }

    fn zone_change(&mut self, zone: NameBuf, id: Option<EventId>) -> ZoneChange {
        self.serial += 1;
        let base = id.and_then(|_| self.state.get(&zone)?.last);
        let Some(old) = self.state.get(&zone).cloned() else { return self.create(zone) };
        let (from, choice) = (old.serial(), self.random.below(20));
        let before = listed(old.contents.as_ref()).unwrap_or_default();
        let (action, new) = match (choice, &old.contents) {
            (0..=1, _) => (Action::Delete { settings: old.settings.clone(), records: before }, None),
            (2..=3, _) => {
                let settings = self.settings();
                let action = Action::Configure { before: old.settings, after: settings.clone() };
                (action, Some(Model { settings, contents: old.contents, last: None }))
            }
            (4..=5, _) | (_, None) => {
                let contents = Some(self.contents(&zone));
                let after = listed(contents.as_ref()).unwrap_or_default();
                (Action::Replace { before, after }, Some(Model { settings: old.settings, contents, last: None }))
            }
            (_, Some(contents)) => {
                let edits = self.edits(&zone);
                let changes = diff::diff(contents, &contents.with(&edits));
                let after = diff::change(contents, &changes).0;
                (Action::Edit(changes), Some(Model { settings: old.settings, contents: Some(after), last: None }))
            }
        };
        let to = new.as_ref().and_then(Model::serial);
        match new {
            Some(new) => drop(self.state.insert(zone.clone(), new)),
            None => drop(self.state.remove(&zone)),
        }
        ZoneChange { zone: zone.into(), base, from, to, primary_serial: None, action }
    }

    fn create(&mut self, zone: NameBuf) -> ZoneChange {
        let settings = self.settings();
        let contents = (self.random.below(4) > 0).then(|| self.contents(&zone));
        let model = Model { settings: settings.clone(), contents, last: None };
        let (to, records) = (model.serial(), listed(model.contents.as_ref()).unwrap_or_default());
        self.state.insert(zone.clone(), model);
        ZoneChange {
            zone: zone.into(),
            base: None,
            from: None,
            to,
            primary_serial: None,
            action: Action::Create { settings, records },
        }
    }

    fn settings(&mut self) -> ZoneSettings {
        let kind = if self.random.below(2) == 0 { ZoneKind::Primary } else { ZoneKind::Secondary };
        let notify = (0..self.random.below(3)).map(|n| format!("192.0.2.{n} key:k.")).collect();
        let dnssec = if kind == ZoneKind::Primary { "default" } else { "" }.to_owned();
        ZoneSettings { kind, serial_policy: SerialPolicy::Date, notify, dnssec, ..ZoneSettings::default() }
    }

    fn contents(&mut self, zone: &NameBuf) -> Contents {
        let mut contents = Builder::new(zone, HASHER).finish().0;
        for _ in 0..1 + self.random.below(6) {
            contents = contents.with(&self.edits(zone));
        }
        contents
    }

    /// Some edits, the SOA record with the next serial among them.
    fn edits(&mut self, zone: &NameBuf) -> Vec<Edit> {
        let data = vec![soa(self.serial)];
        let mut edits = vec![Edit {
            owner: zone.clone(),
            rtype: RType::SOA,
            records: Some(Records { ttl: 3600, data, signatures: Vec::new() }),
        }];
        for _ in 0..self.random.below(5) {
            let label = ["www", "WWW", "mail", "Mail", "*", "a.b.deep", "d\\000\\001\\002", "txt"];
            let label = label[self.random.below(label.len() as u64) as usize];
            let owner = format!("{label}.{zone}").replace("..", ".");
            let (rtype, data) = match self.random.below(4) {
                0 => (RType::TXT, vec![b"\x05hello".to_vec()]),
                1 => (RType::AAAA, vec![vec![self.random.below(256) as u8; 16]]),
                2 => (RType::MX, vec![b"\x00\x0a\x04Mail\x00".to_vec()]),
                _ => (RType::A, (0..1 + self.random.below(3)).map(|n| vec![192, 0, n as u8, 1]).collect()),
            };
            let ttl = self.random.below(1000) as u32;
            let signed = self.random.below(3) == 0;
            let signatures = if signed { vec![signature(rtype, ttl)] } else { Vec::new() };
            let records = (self.random.below(3) > 0).then_some(Records { ttl, data, signatures });
            edits.push(Edit { owner: name(&owner), rtype, records });
        }
        edits
    }
}

fn signature(covered: RType, ttl: u32) -> Vec<u8> {
    let mut data = covered.0.to_be_bytes().to_vec();
    data.extend_from_slice(&[13, 2]);
    data.extend_from_slice(&ttl.to_be_bytes());
    data.extend_from_slice(&[0, 0, 0, 2, 0, 0, 0, 1, 0, 7, 0]);
    data.extend_from_slice(&[9; 64]);
    data
}
