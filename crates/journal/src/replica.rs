//! The fold of the journal: every node, the one that made a change included, gets its zones from here.
//!
//! Pure but for reading the journal: the same events give the same zones and the same verdicts everywhere. The
//! committer calls [`Replica::catch_up`] after each append and then [`Replica::publish`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dns::{Name, NameBuf, NameHasher};
use zone::{Action, ChangeSet, Contents, Published, Zone, ZoneChange, ZoneSettings, ZoneTable};

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

/// A zone as the events so far leave it.
#[derive(Clone)]
pub struct ZoneState {
    /// The apex.
    pub name: NameBuf,
    /// How it is served.
    pub settings: Arc<ZoneSettings>,
    /// The records; `None`: a secondary before its first transfer.
    pub contents: Option<Contents>,
    /// The offset of the last change to it that this process folded; 0: it came from the store.
    pub version: Offset,
}

impl ZoneState {
    /// The serial of its contents.
    pub fn serial(&self) -> Option<u32> {
        serial_of(self.contents.as_ref())
    }
}

/// The serial of a zone's contents.
pub fn serial_of(contents: Option<&Contents>) -> Option<u32> {
    contents.and_then(Contents::soa).map(|soa| soa.serial)
}

/// Why a change does not count: it was built on a state that was not the zone's when its turn came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The first zone in the change of which that is so.
    pub zone: NameBuf,
    /// Its serial when the change's turn came.
    pub serial: Option<u32>,
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
    zones: HashMap<NameBuf, ZoneState>,
    /// The last serials of zones that went.
    gone: HashMap<NameBuf, u32>,
    /// What to read next.
    next: Offset,
    assembler: Assembler,
    prepared: HashMap<Offset, Known>,
    prepared_zones: usize,
    /// Zones changed since the last publication.
    touched: HashSet<NameBuf>,
}

impl Replica {
    /// The state `zones` as of offset `position`, from the store; 0 and nothing: before all events.
    pub fn new(hasher: NameHasher, position: Offset, zones: Vec<ZoneState>) -> Replica {
        let touched = zones.iter().map(|zone| zone.name.clone()).collect();
        let zones = zones.into_iter().map(|zone| (zone.name.clone(), zone)).collect();
        let (assembler, prepared, gone) = (Assembler::default(), HashMap::new(), HashMap::new());
        Replica { hasher, zones, gone, next: position + 1, assembler, prepared, prepared_zones: 0, touched }
    }

    /// Takes over the last serials of zones that went, from the store.
    pub fn remember_gone(&mut self, gone: Vec<(NameBuf, u32)>) {
        self.gone.extend(gone);
    }

    /// The serial that a zone of this name had when it last went. Beyond [`MAX_GONE`] zones it is remembered in the
    /// store only, for the next start.
    pub fn gone_serial(&self, name: &Name) -> Option<u32> {
        self.gone.get(name).copied()
    }

    /// The hasher of the zones' contents.
    pub fn hasher(&self) -> NameHasher {
        self.hasher
    }

    /// What will be read next.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// The zone with this name.
    pub fn zone(&self, name: &Name) -> Option<&ZoneState> {
        self.zones.get(name)
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
        if let Some(change) = set.zones.iter().find(|change| !self.fits(change)) {
            let serial = self.zones.get(&change.zone).and_then(ZoneState::serial);
            return Ok(Err(Rejected { zone: change.zone.clone(), serial }));
        }
        let mut prepared: HashMap<NameBuf, Prepared> =
            prepared.into_iter().map(|prepared| (prepared.zone.clone(), prepared)).collect();
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
            self.put(offset, change, contents);
        }
        Ok(Ok(()))
    }

    /// Whether the change was built on what is there.
    fn fits(&self, change: &ZoneChange) -> bool {
        let state = self.zones.get(&change.zone);
        let built_on = match &change.action {
            Action::Create { .. } => state.is_none(),
            Action::Edit(_) | Action::Replace { .. } => state.is_some(),
            Action::Configure { before: settings, .. } | Action::Delete { settings, .. } => {
                state.is_some_and(|state| *state.settings == *settings)
            }
        };
        built_on && state.and_then(ZoneState::serial) == change.from
    }

    fn put(&mut self, offset: Offset, change: &ZoneChange, contents: Option<Contents>) {
        let name = change.zone.clone();
        let settings = match &change.action {
            Action::Delete { .. } => None,
            Action::Create { settings, .. } | Action::Configure { after: settings, .. } => {
                Some(Arc::new(settings.clone()))
            }
            Action::Edit(_) | Action::Replace { .. } => self.zones.get(&name).map(|state| state.settings.clone()),
        };
        match settings {
            Some(settings) => {
                let state = ZoneState { name: name.clone(), settings, contents, version: offset };
                self.zones.insert(name.clone(), state);
            }
            None => drop(self.zones.remove(&name)),
        }
        if let (Action::Delete { .. }, Some(serial)) = (&change.action, change.from)
            && (self.gone.len() < MAX_GONE || self.gone.contains_key(&name))
        {
            self.gone.insert(name.clone(), serial);
        }
        self.touched.insert(name);
    }

    /// Publishes what changed since the last time. `serve` makes of a zone what queries see of it; `None`: this
    /// zone is not ours to publish. Returns the names of what changed. Old versions are left to
    /// [`Published::collect`].
    pub fn publish(
        &mut self,
        published: &Published<ZoneTable>,
        serve: impl Fn(&Name, Option<&ZoneState>) -> Option<Option<Arc<Zone>>>,
    ) -> Vec<NameBuf> {
        let touched: Vec<NameBuf> = self.touched.drain().collect();
        let changes: Vec<(NameBuf, Option<Arc<Zone>>)> =
            touched.iter().filter_map(|name| Some((name.clone(), serve(name, self.zones.get(name))?))).collect();
        if !changes.is_empty() {
            published.update_only(|table| table.with_all(changes));
        }
        touched
    }

    /// Has the zone published again although no event changed it: it expired, its settings are overridden.
    pub fn touch(&mut self, name: &Name) {
        self.touched.insert(name.to_owned());
    }
}

/// The contents of a zone after a change.
///
/// # Errors
/// What is wrong with the change.
pub fn apply(hasher: NameHasher, before: Option<&Contents>, change: &ZoneChange) -> Result<Option<Contents>, String> {
    match &change.action {
        Action::Create { records, .. } | Action::Replace { after: records, .. } => {
            Ok((!records.is_empty()).then(|| zone::diff::build(&change.zone, hasher, records).0))
        }
        Action::Edit(changes) => {
            let before = before.ok_or_else(|| format!("an edit of zone {}, which has no records", change.zone))?;
            Ok(Some(zone::diff::change(before, changes).0))
        }
        Action::Configure { .. } => Ok(before.cloned()),
        Action::Delete { .. } => Ok(None),
    }
}
