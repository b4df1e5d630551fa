//! The fold of the journal: every node, the one that made a change included, gets its zones from here.
//!
//! Pure but for reading the journal: the same events give the same zones and the same verdicts everywhere. The
//! committer calls [`Replica::catch_up`] after each append and then [`Replica::publish`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dns::{Name, NameBuf, NameHasher};
use zone::{
    Action, ChangeSet, Contents, EventId, NodeId, Published, Zone, ZoneChange, ZoneKey, ZoneSettings, ZoneTable,
};

use crate::accepted::Accepted;
use crate::codec;
use crate::frame::Assembler;
use crate::journal::{Journal, JournalError, Offset};

/// Octets of events that are read from the journal at once.
const READ_BYTES: usize = 4 << 20;
/// Most zones that went and whose last serials are remembered.
pub const MAX_GONE: usize = 1 << 20;
/// Most zones whose contents are handed over without folding them again.
const MAX_PREPARED: usize = 1 << 20;
/// Most nodes whose last event is remembered: a node has another identity after each start.
pub const MAX_WRITERS: usize = 4096;

/// A zone as the events so far leave it.
#[derive(Clone)]
pub struct ZoneState {
    /// Which zone.
    pub key: ZoneKey,
    /// How it is served.
    pub settings: Arc<ZoneSettings>,
    /// The records; `None`: a secondary before its first transfer.
    pub contents: Option<Contents>,
    /// The event that changed it last; `None`: one of format 1 did.
    pub last: Option<EventId>,
    /// The primary's serial of this version, where the zone has serials of its own.
    pub primary_serial: Option<u32>,
    /// The offset of the last change to it that this process folded; 0: it came from the store.
    pub version: Offset,
}

impl ZoneState {
    /// The serial of its contents.
    pub fn serial(&self) -> Option<u32> {
        serial_of(self.contents.as_ref())
    }

    /// Of a secondary: the serial that its primary had of this version.
    pub fn serial_at_primary(&self) -> Option<u32> {
        self.primary_serial.or_else(|| self.serial())
    }
}

/// The serial of a zone's contents.
pub fn serial_of(contents: Option<&Contents>) -> Option<u32> {
    contents.and_then(Contents::soa).map(|soa| soa.serial)
}

/// Why a change does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// It was built on a state that was not the zone's when its turn came.
    Outdated {
        /// The first zone in the change of which that is so.
        zone: ZoneKey,
        /// Its serial when the change's turn came.
        serial: Option<u32>,
    },
    /// The same event counted before, or a later one of the same node: this is one that the journal took although it
    /// had said that it could not.
    Repeated,
}

/// The last event of a node that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEvent {
    /// Its number.
    pub number: u64,
    /// Where it stands.
    pub offset: Offset,
}

/// An event and what became of it.
#[derive(Debug, Clone)]
pub struct Folded {
    /// The change and its place.
    pub event: Accepted,
    /// Whether it counts.
    pub outcome: Result<(), Rejected>,
}

/// Contents that whoever made a change has computed already.
pub struct Prepared {
    /// Of which zone.
    pub zone: NameBuf,
    /// The version of the zone that they were built on.
    pub based_on: Offset,
    /// The zone after the change.
    pub contents: Option<Contents>,
}

/// What whoever made a change knows about it already.
struct Known {
    /// The change, if all of it is in one entry.
    change: Option<Arc<ChangeSet>>,
    zones: Vec<Prepared>,
}

/// All zones of the journal at some offset.
pub struct Replica {
    hasher: NameHasher,
    zones: HashMap<ZoneKey, ZoneState>,
    /// The last serials of zones that went.
    gone: HashMap<ZoneKey, u32>,
    /// The last events of the nodes that wrote the journal.
    writers: HashMap<NodeId, LastEvent>,
    /// What to read next.
    next: Offset,
    assembler: Assembler,
    prepared: HashMap<Offset, Known>,
    prepared_zones: usize,
    /// Zones changed since the last publication.
    touched: HashSet<ZoneKey>,
}

impl Replica {
    /// The state `zones` as of offset `position`, from the store; 0 and nothing: before all events.
    pub fn new(hasher: NameHasher, position: Offset, zones: Vec<ZoneState>) -> Replica {
        let touched = zones.iter().map(|zone| zone.key.clone()).collect();
        let zones = zones.into_iter().map(|zone| (zone.key.clone(), zone)).collect();
        let (assembler, prepared) = (Assembler::default(), HashMap::new());
        let (gone, writers, next) = (HashMap::new(), HashMap::new(), position + 1);
        Replica { hasher, zones, gone, writers, next, assembler, prepared, prepared_zones: 0, touched }
    }

    /// Takes over the last serials of zones that went, and the last events of nodes, from the store.
    pub fn remember(&mut self, gone: Vec<(ZoneKey, u32)>, writers: Vec<(NodeId, LastEvent)>) {
        self.gone.extend(gone);
        self.writers.extend(writers);
    }

    /// The serial that a zone of this name had when it last went. Beyond [`MAX_GONE`] zones it is remembered in the
    /// store only, for the next start.
    pub fn gone_serial(&self, name: &Name) -> Option<u32> {
        self.gone.get(&ZoneKey::plain(name.to_owned())).copied()
    }

    /// The hasher of the zones' contents.
    pub fn hasher(&self) -> NameHasher {
        self.hasher
    }

    /// What will be read next.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// The plain zone with this name.
    pub fn zone(&self, name: &Name) -> Option<&ZoneState> {
        self.zones.get(&ZoneKey::plain(name.to_owned()))
    }

    /// All zones, in no order that means anything.
    pub fn zones(&self) -> impl Iterator<Item = &ZoneState> {
        self.zones.values()
    }

    /// Takes contents over for the event at `offset`, so that they are not computed again. Used only if the zones are
    /// then what they were built on. `change` is the event itself, which the journal took in one entry: then it need
    /// not be read back.
    pub fn prepare(&mut self, offset: Offset, change: Option<Arc<ChangeSet>>, zones: Vec<Prepared>) {
        if self.prepared_zones + zones.len() <= MAX_PREPARED {
            self.prepared_zones += zones.len();
            self.prepared.insert(offset, Known { change, zones });
        }
    }

    /// Folds every event that the journal has, or those up to offset `until`; `each` hears of them in order.
    ///
    /// # Errors
    /// The journal's. An event that cannot be understood is one: nothing behind it is folded, so that no node
    /// goes on with zones that differ from the others'.
    pub fn catch_up(
        &mut self,
        journal: &dyn Journal,
        until: Option<Offset>,
        mut each: impl FnMut(Folded),
    ) -> Result<(), JournalError> {
        while until.is_none_or(|until| self.next <= until) {
            if let Some(change) = self.prepared.get_mut(&self.next).and_then(|known| known.change.take()) {
                let event = Accepted { first: self.next, offset: self.next, change };
                let outcome = self.fold(event.offset, &event.change)?;
                each(Folded { event, outcome });
                self.next += 1;
                continue;
            }
            let entries = journal.read(self.next, READ_BYTES)?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                let offset = entry.offset;
                if let Some(whole) = self.assembler.push(entry)? {
                    let change = codec::decode(&whole.body)
                        .map_err(|error| JournalError::Corrupt { offset, why: error.to_string() })?;
                    let event = Accepted { first: whole.first, offset, change: Arc::new(change) };
                    let outcome = self.fold(offset, &event.change)?;
                    each(Folded { event, outcome });
                }
                self.next = offset + 1;
            }
        }
        Ok(())
    }

    /// Folds one event: all of it, or nothing if it was built on something else.
    fn fold(&mut self, offset: Offset, set: &ChangeSet) -> Result<Result<(), Rejected>, JournalError> {
        let prepared = self.prepared.remove(&offset).map(|known| known.zones).unwrap_or_default();
        self.prepared_zones -= prepared.len();
        if set.id.is_some_and(|id| self.writers.get(&id.node).is_some_and(|last| id.number <= last.number)) {
            return Ok(Err(Rejected::Repeated));
        }
        if let Some(change) = set.zones.iter().find(|change| !self.fits(change, set.id)) {
            let serial = self.zones.get(&change.zone).and_then(ZoneState::serial);
            return Ok(Err(Rejected::Outdated { zone: change.zone.clone(), serial }));
        }
        let mut prepared: HashMap<ZoneKey, Prepared> =
            prepared.into_iter().map(|prepared| (ZoneKey::plain(prepared.zone.clone()), prepared)).collect();
        let mut next = Vec::with_capacity(set.zones.len());
        for change in &set.zones {
            let state = self.zones.get(&change.zone);
            let version = state.map_or(0, |state| state.version);
            let ready = prepared.remove(&change.zone).filter(|prepared| prepared.based_on == version);
            let contents = match ready {
                Some(prepared) => prepared.contents,
                None => apply(self.hasher, state.and_then(|state| state.contents.as_ref()), change)
                    .map_err(|why| JournalError::Corrupt { offset, why })?,
            };
            next.push(contents);
        }
        for (change, contents) in set.zones.iter().zip(next) {
            self.put(offset, set.id, change, contents);
        }
        self.note_writer(offset, set.id);
        Ok(Ok(()))
    }

    /// Remembers the event as the last one of its node. Of too many nodes, the one that was silent longest is
    /// forgotten, by every reader alike.
    fn note_writer(&mut self, offset: Offset, id: Option<EventId>) {
        let Some(EventId { node, number }) = id else { return };
        self.writers.insert(node, LastEvent { number, offset });
        if self.writers.len() > MAX_WRITERS
            && let Some(oldest) = self.writers.iter().min_by_key(|(_, last)| last.offset).map(|(node, _)| *node)
        {
            self.writers.remove(&oldest);
        }
    }

    /// Whether the change of the event `id` was built on what is there. Serials alone do not say it: two nodes that
    /// change the same version make the same serial of it.
    fn fits(&self, change: &ZoneChange, id: Option<EventId>) -> bool {
        let state = self.zones.get(&change.zone);
        let built_on = match &change.action {
            Action::Create { .. } => state.is_none(),
            Action::Edit(_) | Action::Replace { .. } => state.is_some(),
            Action::Configure { before: settings, .. } | Action::Delete { settings, .. } => {
                state.is_some_and(|state| *state.settings == *settings)
            }
        };
        let has_base = id.is_none() || state.and_then(|state| state.last) == change.base;
        built_on && has_base && state.and_then(ZoneState::serial) == change.from
    }

    fn put(&mut self, offset: Offset, last: Option<EventId>, change: &ZoneChange, contents: Option<Contents>) {
        let key = change.zone.clone();
        let settings = match &change.action {
            Action::Delete { .. } => None,
            Action::Create { settings, .. } | Action::Configure { after: settings, .. } => {
                Some(Arc::new(settings.clone()))
            }
            Action::Edit(_) | Action::Replace { .. } => self.zones.get(&key).map(|state| state.settings.clone()),
        };
        match settings {
            Some(settings) => {
                let (key, primary_serial) = (key.clone(), change.primary_serial);
                let state = ZoneState { key: key.clone(), settings, contents, last, primary_serial, version: offset };
                self.zones.insert(key.clone(), state);
            }
            None => drop(self.zones.remove(&key)),
        }
        if let (Action::Delete { .. }, Some(serial)) = (&change.action, change.from)
            && (self.gone.len() < MAX_GONE || self.gone.contains_key(&key))
        {
            self.gone.insert(key.clone(), serial);
        }
        self.touched.insert(key);
    }

    /// Publishes what changed since the last time. `serve` makes of a zone what queries see of it; `None`: this
    /// zone is not ours to publish. Returns the names of what changed. Old versions are left to
    /// [`Published::collect`]. Zones that are variants are kept, not served: queries find zones by their names.
    pub fn publish(
        &mut self,
        published: &Published<ZoneTable>,
        serve: impl Fn(&Name, Option<&ZoneState>) -> Option<Option<Arc<Zone>>>,
    ) -> Vec<NameBuf> {
        let plain = self.touched.drain().filter(|key| key.variant.is_empty());
        let touched: Vec<NameBuf> = plain.map(|key| key.name).collect();
        let changes: Vec<(NameBuf, Option<Arc<Zone>>)> =
            touched.iter().filter_map(|name| Some((name.clone(), serve(name, self.zone(name))?))).collect();
        if !changes.is_empty() {
            published.update_only(|table| table.with_all(changes));
        }
        touched
    }

    /// Has the zone published again although no event changed it: it expired, its settings are overridden.
    pub fn touch(&mut self, name: &Name) {
        self.touched.insert(ZoneKey::plain(name.to_owned()));
    }
}

/// The contents of a zone after a change.
///
/// # Errors
/// What is wrong with the change.
pub fn apply(hasher: NameHasher, before: Option<&Contents>, change: &ZoneChange) -> Result<Option<Contents>, String> {
    match &change.action {
        Action::Create { records, .. } | Action::Replace { after: records, .. } => {
            Ok((!records.is_empty()).then(|| zone::diff::build(&change.zone.name, hasher, records).0))
        }
        Action::Edit(changes) => {
            let before = before.ok_or_else(|| format!("an edit of zone {}, which has no records", change.zone))?;
            Ok(Some(zone::diff::change(before, changes).0))
        }
        Action::Configure { .. } => Ok(before.cloned()),
        Action::Delete { .. } => Ok(None),
    }
}
