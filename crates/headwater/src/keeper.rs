//! What the server knows about its zones besides their records: where they come from, how they are served, who is
//! told of their changes. The committer reports to it ([`Observer`]), everybody else asks it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dns::{Name, NameBuf};
use journal::{Accepted, Follower, JournalError, Offset, Replica, ZoneState};
use tokio::sync::watch;
use zone::{Zone, ZoneKind, ZoneSettings};

use crate::commit::Observer;
use crate::config::{Peer, ZoneLists, ZoneOrigin, ZoneSource};
use crate::notify::Notifier;
use crate::recent::Recent;
use crate::secondary::Secondaries;

/// A zone of the server.
#[derive(Clone)]
pub struct Entry {
    /// The apex.
    pub name: NameBuf,
    /// How it is served.
    pub settings: Arc<ZoneSettings>,
    /// The lists in the settings, parsed.
    pub lists: Arc<ZoneLists>,
    /// Its records come from a zone file.
    pub is_file: bool,
    /// The configuration says how it is served, and the API does not change that.
    pub is_configured: bool,
    /// The offset of its last change; 0: none since the start.
    pub version: Offset,
}

/// All zones, and those that the configuration names.
#[derive(Default)]
struct Zones {
    all: BTreeMap<NameBuf, Arc<Entry>>,
    configured: HashMap<NameBuf, Arc<ZoneSource>>,
}

/// Knows the zones.
pub struct Keeper {
    zones: RwLock<Zones>,
    /// The lists of settings that say nothing.
    plain: (Arc<ZoneSettings>, Arc<ZoneLists>),
    /// The latest changes, for incremental transfers.
    pub recent: Recent,
    /// The secondaries.
    pub secondaries: Secondaries,
    /// Who sends NOTIFY.
    pub notifier: Notifier,
    /// What keeps the store up.
    pub follower: Arc<Follower>,
    /// The offset of the latest change that is visible.
    position: watch::Sender<Offset>,
    /// Set once all zones of the store have been published: what comes then is news.
    started: OnceLock<()>,
}

impl Keeper {
    /// A keeper that knows no zone yet.
    pub fn new(secondaries: Secondaries, follower: Arc<Follower>, position: Offset) -> Arc<Keeper> {
        Arc::new(Keeper {
            zones: RwLock::default(),
            plain: (Arc::default(), Arc::default()),
            recent: Recent::default(),
            secondaries,
            notifier: Notifier::default(),
            follower,
            position: watch::Sender::new(position),
            started: OnceLock::new(),
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Zones> {
        self.zones.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Zones> {
        self.zones.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A zone.
    pub fn zone(&self, name: &Name) -> Option<Arc<Entry>> {
        self.read().all.get(name).cloned()
    }

    /// How many zones there are.
    pub fn len(&self) -> usize {
        self.read().all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Up to `limit` zones behind `after`, in canonical order (RFC 4034 6.1).
    pub fn zones_after(&self, after: Option<&Name>, limit: usize) -> Vec<Arc<Entry>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let zones = self.read();
        zones.all.range::<Name, _>((start, Bound::Unbounded)).take(limit).map(|(_, zone)| zone.clone()).collect()
    }

    /// Whom to tell of changes of a zone.
    pub fn notify_peers(&self, name: &Name) -> Vec<Peer> {
        self.zone(name).map_or_else(Vec::new, |zone| zone.lists.notify.clone())
    }

    /// The offset of the latest change that is visible, as it moves.
    pub fn position(&self) -> watch::Receiver<Offset> {
        self.position.subscribe()
    }

    /// Takes over which zones the configuration names. Returns those of the journal that must be published again
    /// because of it.
    pub fn configure(&self, sources: &[Arc<ZoneSource>]) -> Vec<NameBuf> {
        let mut zones = self.write();
        let configured: HashMap<NameBuf, Arc<ZoneSource>> =
            sources.iter().map(|source| (source.name.clone(), source.clone())).collect();
        let old = std::mem::replace(&mut zones.configured, configured);
        let mut touched = Vec::new();
        for source in sources {
            if old.get(&source.name).is_some_and(|known| known == source) {
                continue;
            }
            if source.file().is_some() {
                zones.all.insert(source.name.clone(), Arc::new(file_entry(source)));
            } else {
                touched.push(source.name.clone());
            }
        }
        for name in old.into_keys().filter(|name| !zones.configured.contains_key(name)).collect::<Vec<_>>() {
            zones.all.remove(&name);
            touched.push(name);
        }
        touched
    }

    /// The entry of a zone of the journal. What the configuration says of it wins.
    fn entry(&self, zones: &Zones, state: &ZoneState) -> Entry {
        let configured = zones.configured.get(&state.name);
        let (settings, lists) = match (configured, zones.all.get(&state.name)) {
            (Some(source), _) => (source.settings.clone(), source.lists.clone()),
            (None, Some(known)) if *known.settings == *state.settings => (known.settings.clone(), known.lists.clone()),
            (None, _) if *state.settings == *self.plain.0 => self.plain.clone(),
            (None, _) => (state.settings.clone(), parse_lists(state)),
        };
        let (is_file, is_configured, version) = (false, configured.is_some(), state.version);
        Entry { name: state.name.clone(), settings, lists, is_file, is_configured, version }
    }

    /// Follows zones of the journal that changed, came or went.
    fn take_over(&self, replica: &Replica, names: &[NameBuf]) {
        let mut zones = self.write();
        let mut news = Vec::new();
        for name in names {
            if zones.configured.get(name).is_some_and(|source| source.file().is_some()) {
                continue;
            }
            let (before, state) = (zones.all.get(name).cloned(), replica.zone(name));
            let after = state.map(|state| Arc::new(self.entry(&zones, state)));
            match &after {
                Some(entry) => drop(zones.all.insert(name.clone(), entry.clone())),
                None => drop(zones.all.remove(name)),
            }
            let was_secondary = before.is_some_and(|entry| entry.settings.kind == ZoneKind::Secondary);
            match after.filter(|entry| entry.settings.kind == ZoneKind::Secondary) {
                Some(entry) => news.push((name.clone(), Some(entry.lists.primaries.clone()))),
                None if was_secondary => news.push((name.clone(), None)),
                None => {}
            }
        }
        drop(zones);
        for (name, primaries) in news {
            self.secondaries.configure(name, primaries);
        }
    }

    /// Tells those who follow these zones, if anybody does.
    pub fn notify(&self, names: &[NameBuf]) {
        let zones = self.read();
        let followed = |name: &&NameBuf| zones.all.get(*name).is_some_and(|zone| !zone.lists.notify.is_empty());
        let followed: Vec<NameBuf> = names.iter().filter(followed).cloned().collect();
        drop(zones);
        if !followed.is_empty() {
            self.notifier.changed(followed);
        }
    }

    /// Changes up to this offset count and are visible.
    pub fn advanced(&self, offset: Offset) {
        if offset > 0 {
            self.position.send_replace(offset);
        }
    }

    /// All zones of the store are published: from now on what is published is news.
    pub fn started(&self) {
        let _ = self.started.set(());
    }
}

/// The committer's observer.
pub struct Reporter(pub Arc<Keeper>);

impl Observer for Reporter {
    fn is_file_zone(&self, name: &Name) -> bool {
        self.0.read().configured.get(name).is_some_and(|source| matches!(source.origin, ZoneOrigin::File(_)))
    }

    fn configured(&self, name: &Name) -> Option<Arc<ZoneSettings>> {
        self.0.read().configured.get(name).map(|source| source.settings.clone())
    }

    fn serve(&self, state: &ZoneState) -> Arc<Zone> {
        let lists = self.0.entry(&self.0.read(), state).lists;
        let expired = state.settings.kind == ZoneKind::Secondary && self.0.secondaries.is_expired(&state.name);
        let contents = state.contents.clone().filter(|_| !expired);
        let policy = lists.policy.clone().map(|policy| policy as Arc<_>);
        Arc::new(Zone { name: state.name.clone(), contents, policy })
    }

    fn wait_for_room(&self) -> Result<(), JournalError> {
        self.0.follower.wait_for_room(Follower::MAX_QUEUED_OCTETS)
    }

    fn committed(&mut self, changes: &[Accepted]) {
        self.0.recent.add(changes);
        self.0.follower.push(changes);
    }

    fn published(&mut self, replica: &Replica, zones: &[NameBuf]) {
        self.0.take_over(replica, zones);
        self.0.advanced(replica.next_offset().saturating_sub(1));
        if self.0.started.get().is_some() {
            self.0.notify(zones);
        }
    }
}

fn file_entry(source: &ZoneSource) -> Entry {
    let (settings, lists) = (source.settings.clone(), source.lists.clone());
    Entry { name: source.name.clone(), settings, lists, is_file: true, is_configured: true, version: 0 }
}

/// The lists in a zone's settings. They were checked when they were made; if they cannot be read all the same, nobody
/// is allowed anything.
fn parse_lists(state: &ZoneState) -> Arc<ZoneLists> {
    let lists = ZoneLists::parse(&state.settings).unwrap_or_else(|problems| {
        for problem in problems {
            tracing::error!(zone = %state.name, "settings in the journal: {problem}; nobody is allowed anything");
        }
        ZoneLists { policy: Some(Arc::default()), ..ZoneLists::default() }
    });
    Arc::new(lists)
}
