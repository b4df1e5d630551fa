//! The catalogue: which zones there are, where each is maintained, how it is served, and its place in canonical order.
//! It has one entry for a zone; whatever else knows something of a zone refers to that.

mod entry;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use config::{ZoneLists, ZoneOrigin, ZoneSource};
use dns::{Name, NameBuf};
use journal::{Replica, ZoneState};
use zone::{DnssecValidation, ZonePolicy, ZoneSettings};

use crate::cluster::{Holders, Identity};
use crate::read_only::MaintainedIn;
use crate::signers::Signers;

pub use entry::{ZoneEntry, ZoneRef};

/// What a new configuration changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reconfigured {
    /// Zones that the journal may have, and that are to be published again.
    pub touched: Vec<NameBuf>,
    /// Zones that came from a file and do not any more.
    pub not_from_files: Vec<NameBuf>,
}

/// A change of what the secondaries are: this zone is one, or it is none any more.
pub enum SecondaryChange {
    /// It is one, perhaps with other primaries than before.
    Is(ZoneRef),
    /// It was one.
    Was(ZoneRef),
}

#[derive(Default)]
struct Zones {
    entries: HashSet<ZoneRef>,
    /// The same in canonical order (RFC 4034 6.1). To find one by its name here takes some thirty comparisons.
    order: BTreeSet<ZoneRef>,
    /// Those of them that name a policy to sign by.
    signed: BTreeSet<ZoneRef>,
    /// Those of them whose signatures others make and that are validated.
    validated: BTreeSet<ZoneRef>,
    /// What the configuration says of zones of the journal, until the journal has them and says the same.
    wanted: BTreeMap<NameBuf, Arc<ZoneSource>>,
}

impl Zones {
    /// What the configuration says of a zone.
    fn source(&self, name: &Name) -> Option<&Arc<ZoneSource>> {
        self.wanted.get(name).or_else(|| self.entries.get(name)?.source())
    }

    fn put(&mut self, entry: ZoneRef) {
        if entry.settings().dnssec.is_empty() {
            self.signed.remove(&entry);
        } else {
            self.signed.replace(entry.clone());
        }
        if entry.validation() == DnssecValidation::Off {
            self.validated.remove(&entry);
        } else {
            self.validated.replace(entry.clone());
        }
        self.entries.replace(entry.clone());
        self.order.replace(entry);
    }

    fn remove(&mut self, name: &Name) {
        if let Some(entry) = self.entries.take(name) {
            self.order.remove(&entry);
            self.signed.remove(&entry);
            self.validated.remove(&entry);
        }
    }
}

/// The catalogue.
#[derive(Default)]
pub struct Catalogue {
    zones: RwLock<Zones>,
    /// Who signs which zone.
    signers: Arc<Signers>,
    /// What zones are placed by at this server; `None`: it is in no cluster, and answers for all.
    identity: Option<Identity>,
    /// Of zones without lists that other servers answer for.
    elsewhere: OnceLock<Arc<ZonePolicy>>,
    /// The settings that say nothing, which most zones of the journal share, and their lists.
    plain: (Arc<ZoneSettings>, Arc<ZoneLists>),
}

impl Catalogue {
    /// An empty catalogue; `signers` knows which zones are signed here, `identity` which are placed here.
    pub fn new(signers: Arc<Signers>, identity: Option<Identity>) -> Catalogue {
        Catalogue { signers, identity, ..Catalogue::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Zones> {
        self.zones.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Zones> {
        self.zones.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A zone.
    pub fn zone(&self, name: &Name) -> Option<ZoneRef> {
        self.read().entries.get(name).cloned()
    }

    /// How many zones there are.
    pub fn len(&self) -> usize {
        self.read().entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Up to `limit` zones behind `after`, in canonical order (RFC 4034 6.1).
    pub fn zones_after(&self, after: Option<&Name>, limit: usize) -> Vec<ZoneRef> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.read().order.range::<Name, _>((start, Bound::Unbounded)).take(limit).cloned().collect()
    }

    /// The zones from files, those that are signed here too, in canonical order.
    pub fn file_zones(&self) -> Vec<ZoneRef> {
        let zones = self.read();
        let is_from_file = |zone: &&ZoneRef| zone.source().is_some_and(|source| source.file().is_some());
        zones.order.iter().filter(is_from_file).cloned().collect()
    }

    /// The zones that name a policy to sign by, in canonical order.
    pub fn signed_zones(&self) -> Vec<NameBuf> {
        self.read().signed.iter().map(|zone| zone.name().clone()).collect()
    }

    /// The zones whose signatures others make and that are validated, in canonical order.
    pub fn validated_zones(&self) -> Vec<ZoneRef> {
        self.read().validated.iter().cloned().collect()
    }

    /// Whether this server answers for a zone with these lists.
    pub fn answers_for(&self, lists: &ZoneLists) -> bool {
        self.identity.as_ref().is_none_or(|identity| identity.answers_for(lists))
    }

    /// Whether a zone is to be signed by one of the servers of a cluster.
    pub fn is_signed_in_cluster(&self, name: &Name) -> bool {
        self.identity.is_some() && self.zone(name).is_some_and(|zone| !zone.settings().dnssec.is_empty())
    }

    /// How many zones only other servers answer for.
    pub fn elsewhere_count(&self) -> usize {
        if self.identity.is_none() {
            return 0;
        }
        self.read().order.iter().filter(|zone| !self.answers_for(zone.lists())).count()
    }

    /// Which servers answer for zones: all, where one of them is not there.
    pub fn holders<'n>(&self, names: impl IntoIterator<Item = &'n NameBuf>) -> Holders {
        let zones = self.read();
        let lists = names.into_iter().map(|name| Some(zones.entries.get::<Name>(name)?.lists().clone()));
        lists.collect::<Option<Vec<_>>>().map_or(Holders::All, Holders::Of)
    }

    /// Those of the zones with these names that somebody wants to be told of by this server.
    pub fn followed<'n>(&self, names: impl IntoIterator<Item = &'n NameBuf>) -> Vec<ZoneRef> {
        let zones = self.read();
        let entries = names.into_iter().filter_map(|name| zones.entries.get::<Name>(name));
        let tells = |lists: &ZoneLists| !lists.notify.is_empty() && self.answers_for(lists);
        entries.filter(|zone| tells(zone.lists())).cloned().collect()
    }

    /// Where a zone of this name is maintained, or would be if it were there.
    pub fn maintained_in(&self, name: &Name) -> MaintainedIn {
        self.read().source(name).map_or(MaintainedIn::Journal, |source| self.place_of(source))
    }

    /// What the configuration says of a zone, whether or not the zone is there.
    pub fn configured(&self, name: &Name) -> Option<Arc<ZoneSource>> {
        self.read().source(name).cloned()
    }

    /// Who may do what with a zone of the journal at this server. What the configuration says of it wins.
    pub fn policy(&self, state: &ZoneState) -> Option<Arc<ZonePolicy>> {
        let entry = self.describe(&self.read(), state);
        let lists = entry.lists();
        match &lists.policy {
            policy if self.answers_for(lists) => policy.clone(),
            Some(policy) => Some(Arc::new(ZonePolicy::elsewhere(Some(policy)))),
            None => Some(self.elsewhere.get_or_init(|| Arc::new(ZonePolicy::elsewhere(None))).clone()),
        }
    }

    /// What is done about signatures that others made of a zone of the journal.
    pub fn validation(&self, state: &ZoneState) -> DnssecValidation {
        self.describe(&self.read(), state).validation()
    }

    /// Takes over which zones the configuration names.
    pub fn configure(&self, sources: &[Arc<ZoneSource>]) -> Reconfigured {
        let mut zones = self.write();
        let mut changed = Reconfigured::default();
        for source in sources {
            let is_known = zones.source(&source.name).is_some_and(|known| known == source);
            let entry = zones.entries.get::<Name>(&source.name).cloned();
            let is_from_file = source.file().is_some();
            if is_known && zones.wanted.contains_key::<Name>(&source.name) {
                zones.wanted.insert(source.name.clone(), source.clone());
            } else if is_known || is_from_file {
                // Also if it is the same: the one of the old configuration shall go with that.
                let files = entry.filter(|_| is_known).and_then(|zone| zone.files_read());
                let place = self.place_of(source);
                if place == MaintainedIn::SignedFile {
                    changed.touched.push(source.name.clone());
                }
                zones.put(ZoneEntry::configured(source, place, files));
                zones.wanted.remove::<Name>(&source.name);
            } else {
                if entry.is_some_and(|zone| zone.maintained_in() == MaintainedIn::File) {
                    zones.remove(&source.name);
                    changed.not_from_files.push(source.name.clone());
                }
                zones.wanted.insert(source.name.clone(), source.clone());
                changed.touched.push(source.name.clone());
            }
        }
        let named: HashSet<&Name> = sources.iter().map(|source| &*source.name).collect();
        zones.wanted.retain(|name, _| named.contains::<Name>(name));
        let is_gone = |zone: &&ZoneRef| zone.source().is_some() && !named.contains::<Name>(zone.name());
        for zone in zones.order.iter().filter(is_gone).cloned().collect::<Vec<_>>() {
            zones.remove(zone.name());
            if zone.maintained_in() == MaintainedIn::File {
                changed.not_from_files.push(zone.name().clone());
            }
            changed.touched.push(zone.name().clone());
        }
        changed
    }

    /// Follows zones of the journal that changed, came or went.
    pub fn follow(&self, replica: &Replica, names: &[NameBuf]) -> Vec<SecondaryChange> {
        let mut zones = self.write();
        let mut changes = Vec::new();
        for name in names {
            if zones.source(name).is_some_and(|source| self.place_of(source) == MaintainedIn::File) {
                continue;
            }
            let before = zones.entries.get::<Name>(name).cloned();
            match replica.zone(name) {
                Some(state) => {
                    let entry = self.describe(&zones, state);
                    if before.as_ref().is_none_or(|before| !before.is_same_entry(&entry)) {
                        zones.put(entry);
                    }
                    zones.wanted.remove::<Name>(name);
                }
                None => {
                    if let Some(source) = zones.source(name).cloned() {
                        zones.wanted.insert(name.clone(), source);
                    }
                    zones.remove(name);
                }
            }
            match zones.entries.get::<Name>(name).filter(|zone| zone.is_secondary()) {
                Some(zone) => changes.push(SecondaryChange::Is(zone.clone())),
                None => changes.extend(before.filter(|zone| zone.is_secondary()).map(SecondaryChange::Was)),
            }
        }
        changes
    }

    /// The entry of a zone of the journal; the one that it has, if that says the same.
    fn describe(&self, zones: &Zones, state: &ZoneState) -> ZoneRef {
        let (name, known) = (&state.key.name, zones.entries.get::<Name>(&state.key.name));
        if let Some(source) = zones.source(name) {
            let is_same = |zone: &&ZoneRef| zone.source().is_some_and(|known| Arc::ptr_eq(known, source));
            let anew = || ZoneEntry::configured(source, self.place_of(source), None);
            return known.filter(is_same).cloned().unwrap_or_else(anew);
        }
        if let Some(known) = known.filter(|zone| **zone.settings() == *state.settings) {
            return known.clone();
        }
        let (settings, lists) = match *state.settings == *self.plain.0 {
            true => self.plain.clone(),
            false => (state.settings.clone(), parse_lists(state)),
        };
        ZoneEntry::of_journal(name, settings, lists)
    }

    /// Where a zone that the configuration names is maintained. One that is not to be signed any more goes on being signed
    /// until no resolver expects signatures.
    fn place_of(&self, source: &ZoneSource) -> MaintainedIn {
        match source.origin {
            ZoneOrigin::File(_) if source.is_signed() || self.signers.has(&source.name) => MaintainedIn::SignedFile,
            ZoneOrigin::File(_) => MaintainedIn::File,
            ZoneOrigin::Journal | ZoneOrigin::Secondary { .. } => MaintainedIn::Configuration,
        }
    }
}

/// The lists in a zone's settings. They were checked when they were made; if they cannot be read all the same, nobody
/// is allowed anything.
fn parse_lists(state: &ZoneState) -> Arc<ZoneLists> {
    let lists = ZoneLists::parse(&state.settings).unwrap_or_else(|problems| {
        for problem in problems {
            tracing::error!(zone = %state.key, "settings in the journal: {problem}; nobody is allowed anything");
        }
        ZoneLists { policy: Some(Arc::default()), ..ZoneLists::default() }
    });
    Arc::new(lists)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dns::NameHasher;
    use zone::ZoneKind;

    use super::*;
    use crate::loader;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("a name")
    }

    fn source(text: &str, origin: ZoneOrigin) -> Arc<ZoneSource> {
        Arc::new(ZoneSource {
            name: name(text),
            origin,
            settings: Arc::default(),
            lists: Arc::default(),
            key_files: Vec::new(),
        })
    }

    fn file(text: &str) -> Arc<ZoneSource> {
        source(text, ZoneOrigin::File(Path::new(text).into()))
    }

    /// A journal with these zones.
    fn replica(zones: &[(&str, ZoneSettings)]) -> Replica {
        let state = |(zone, settings): &(&str, ZoneSettings)| ZoneState {
            key: name(zone).into(),
            settings: Arc::new(settings.clone()),
            contents: None,
            last: None,
            primary_serial: None,
            version: 1,
        };
        Replica::new(NameHasher::new(1), 2, zones.iter().map(state).collect())
    }

    fn names(catalogue: &Catalogue) -> Vec<String> {
        catalogue.zones_after(None, 99).iter().map(|zone| zone.name().to_string()).collect()
    }

    #[test]
    fn zones_that_are_signed_here() {
        let catalogue = Catalogue::default();
        let signed = |text: &str| {
            let settings = Arc::new(ZoneSettings { dnssec: "default".to_owned(), ..ZoneSettings::default() });
            Arc::new(ZoneSource { settings, ..(*file(text)).clone() })
        };
        catalogue.configure(&[file("a."), signed("c."), signed("b.")]);
        assert_eq!(catalogue.signed_zones(), [name("b."), name("c.")]);
        assert_eq!(catalogue.maintained_in(&name("b.")), MaintainedIn::SignedFile);
        catalogue.configure(&[file("b."), signed("a.")]);
        assert_eq!(catalogue.signed_zones(), [name("a.")]);
        assert_eq!(catalogue.maintained_in(&name("b.")), MaintainedIn::File);
        // Until no resolver expects signatures.
        catalogue.signers.set(&name("b."), Err("no keys".to_owned()));
        assert_eq!(catalogue.maintained_in(&name("b.")), MaintainedIn::SignedFile);
    }

    #[test]
    fn zones_stand_in_canonical_order() {
        let catalogue = Catalogue::default();
        catalogue.configure(&[file("z.example."), file("example."), file("a.b.example."), file("A.example.")]);
        assert_eq!(names(&catalogue), ["example.", "A.example.", "a.b.example.", "z.example."]);
        let after = catalogue.zones_after(Some(&name("a.example.")), 1);
        assert_eq!(after[0].name().to_string(), "a.b.example.");
        assert_eq!((catalogue.len(), catalogue.file_zones().len()), (4, 4));
    }

    /// A zone that the configuration names and the journal lacks is maintained in the configuration, and not there.
    #[test]
    fn what_is_wanted_is_not_there_yet() {
        let catalogue = Catalogue::default();
        let changed = catalogue.configure(&[source("a.", ZoneOrigin::Journal), file("f.")]);
        assert_eq!(changed, Reconfigured { touched: vec![name("a.")], not_from_files: vec![] });
        assert_eq!(
            (names(&catalogue), catalogue.maintained_in(&name("a."))),
            (vec!["f.".into()], MaintainedIn::Configuration)
        );
        let plain = ZoneSettings::default();
        catalogue.follow(&replica(&[("a.", plain.clone())]), &[name("a.")]);
        assert_eq!(names(&catalogue), ["a.", "f."]);
        assert!(catalogue.configure(&[source("a.", ZoneOrigin::Journal), file("f.")]) == Reconfigured::default());
        catalogue.follow(&replica(&[]), &[name("a.")]);
        assert_eq!(
            (names(&catalogue), catalogue.maintained_in(&name("a."))),
            (vec!["f.".into()], MaintainedIn::Configuration)
        );
    }

    #[test]
    fn zones_change_places() {
        let catalogue = Catalogue::default();
        catalogue.configure(&[file("f."), file("g.")]);
        let missing = loader::load(&name("f."), Path::new("/no/such/file"), NameHasher::new(1));
        let stamps = missing.err().expect("there is no such file").stamps;
        catalogue.file_zones().iter().for_each(|zone| zone.note_read(stamps.clone()));
        // From the file to the journal; away; the other one stays, and need not be read.
        let changed = catalogue.configure(&[source("f.", ZoneOrigin::Journal)]);
        assert_eq!(changed.not_from_files, [name("f."), name("g.")]);
        assert_eq!(changed.touched, [name("f."), name("g.")]);
        assert_eq!(catalogue.maintained_in(&name("f.")), MaintainedIn::Configuration);
        catalogue.follow(&replica(&[]), &changed.touched);
        assert_eq!(names(&catalogue), [""; 0]);
        catalogue.configure(&[file("f.")]);
        assert!(catalogue.file_zones()[0].files_read().is_none(), "another source is read anew");
        catalogue.file_zones()[0].note_read(stamps);
        catalogue.configure(&[file("f.")]);
        assert!(catalogue.file_zones()[0].files_read().is_some(), "the same is not");
    }

    #[test]
    fn secondaries_come_and_go() {
        let catalogue = Catalogue::default();
        let kind = ZoneKind::Secondary;
        let secondary = ZoneSettings { kind, primaries: vec!["192.0.2.1".into()], ..ZoneSettings::default() };
        let follow = |zones: &[(&str, ZoneSettings)]| match &catalogue.follow(&replica(zones), &[name("s.")])[..] {
            [SecondaryChange::Is(zone)] => zone.lists().primaries.len(),
            [SecondaryChange::Was(_)] => 0,
            _ => 99,
        };
        assert_eq!(follow(&[("s.", ZoneSettings::default())]), 99);
        assert_eq!(follow(&[("s.", secondary.clone())]), 1);
        let before = catalogue.zone(&name("s.")).expect("there");
        assert_eq!(follow(&[("s.", secondary)]), 1);
        assert!(before.is_same_entry(&catalogue.zone(&name("s.")).expect("there")), "nothing changed");
        assert_eq!(follow(&[]), 0);
        assert_eq!(follow(&[]), 99);
    }
}
