//! A node in memory for tests of the API: zones, a committer that makes each change at once, a history.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dns::{Name, NameBuf, NameHasher, RType};
use headwater::api::backend::{
    Backend, BackendError, Backup, Change, Moment, SettingProblem, TransferState, ZoneInfo, ZoneSource, ZoneState,
};
use headwater::commit::{CommitError, Committed, DraftZone, Drafts, Intent, Request};
use journal::{Bounds, Entry, Journal, JournalError, Offset};
use tokio::sync::watch;
use zone::check::{Finding, Severity, Source};
use zone::{
    Action, ChangeSet, Contents, Edit, RecordList, RecordListBuilder, Records, RrsetChange, ZoneChange, ZoneKind,
};

/// A journal in memory.
#[derive(Default)]
pub struct MemoryJournal(Mutex<Vec<Vec<u8>>>);

impl Journal for MemoryJournal {
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        let mut all = self.0.lock().expect("lock");
        let first = all.len() as u64;
        all.extend(bodies.iter().map(|body| body.to_vec()));
        Ok((first..all.len() as u64).collect())
    }

    fn read(&self, from: Offset, _max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        let all = self.0.lock().expect("lock");
        let entries = all.iter().enumerate().skip(from as usize);
        Ok(entries.map(|(i, body)| Entry { offset: i as u64, body: body.clone() }).collect())
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        Ok(Bounds { first: 0, next: self.0.lock().expect("lock").len() as u64 })
    }

    fn wait(&self, offset: Offset, _timeout: Duration) -> Result<bool, JournalError> {
        Ok(self.bounds()?.next > offset)
    }

    fn trim(&self, _before: Offset) -> Result<(), JournalError> {
        Ok(())
    }
}

/// The zones at one moment.
#[derive(Clone, Default)]
struct Zones(BTreeMap<NameBuf, DraftZone>);

/// The node.
pub struct Fake {
    state: Mutex<State>,
    position: watch::Sender<Offset>,
}

#[derive(Default)]
struct State {
    zones: Zones,
    files: BTreeMap<NameBuf, DraftZone>,
    history: Vec<Change>,
    backups: Vec<Backup>,
    /// The contents of each zone after each change.
    past: Vec<(NameBuf, u64, Option<Contents>)>,
}

struct Seen<'a>(&'a Zones, &'a BTreeMap<NameBuf, DraftZone>);

impl Drafts for Seen<'_> {
    fn zone(&self, name: &Name) -> Option<DraftZone> {
        self.0.0.get(name).cloned()
    }

    fn is_file_zone(&self, name: &Name) -> bool {
        self.1.contains_key(name)
    }
}

impl Fake {
    pub fn new() -> Fake {
        Fake { state: Mutex::default(), position: watch::Sender::new(0) }
    }

    /// Puts a zone in that is served from a file.
    pub fn add_file_zone(&self, name: &str) {
        let name: NameBuf = name.parse().expect("name");
        let records = headwater::new_zone::records(&name, &[NameBuf::root()], &[], Default::default(), 0);
        let zone = DraftZone { contents: Some(build(&name, &records).expect("good zone")), settings: Arc::default() };
        self.lock().files.insert(name, zone);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("lock")
    }

    fn make(&self, request: &mut Request) -> Result<Committed, CommitError> {
        let mut state = self.lock();
        let intents = (request.prepare)(&Seen(&state.zones, &state.files))?;
        let mut zones = state.zones.clone();
        let mut changes = Vec::new();
        for (name, intent) in intents {
            changes.extend(apply(&mut zones, &name, intent)?);
        }
        let set = Arc::new(ChangeSet {
            at_ms: headwater::clock::now_ms(),
            who: request.who.clone(),
            why: request.why.clone(),
            reverts: request.reverts,
            zones: changes,
        });
        if request.dry_run || set.zones.is_empty() {
            return Ok(Committed { offset: None, change: set, warnings: Vec::new() });
        }
        let offset = state.history.len() as u64 + 1;
        for zone in &set.zones {
            let contents = zones.0.get(&zone.zone).and_then(|zone| zone.contents.clone());
            state.past.push((zone.zone.clone(), set.at_ms, contents));
        }
        state.zones = zones;
        state.history.push(Change { offset, set: set.clone() });
        self.position.send_replace(offset);
        Ok(Committed { offset: Some(offset), change: set, warnings: Vec::new() })
    }
}

fn build(name: &Name, records: &RecordList) -> Result<Contents, CommitError> {
    let (contents, findings) = zone::diff::build(name, NameHasher::new(1), records);
    let errors: Vec<Finding> =
        findings.into_iter().filter(|finding| finding.severity(Source::Made) == Severity::Error).collect();
    if errors.is_empty() { Ok(contents) } else { Err(CommitError::Invalid(errors)) }
}

fn list(contents: &Contents) -> RecordList {
    let mut list = RecordListBuilder::default();
    for node in contents.nodes() {
        for rrset in node.rrsets() {
            rrset.data().for_each(|data| list.push(&contents.owner(&node), rrset.rtype, rrset.ttl, data));
        }
    }
    list.finish()
}

fn serial(contents: Option<&Contents>) -> Option<u32> {
    contents.and_then(|contents| contents.soa()).map(|soa| soa.serial)
}

fn rrset(contents: &Contents, owner: &Name, rtype: RType) -> Option<Records> {
    let node = contents.get(owner)?;
    let rrset = node.rrset(rtype)?;
    Some(Records { ttl: rrset.ttl, data: rrset.data().map(<[u8]>::to_vec).collect(), signatures: Vec::new() })
}

fn with_serial(contents: &Contents, serial: u32) -> Edit {
    let owner = contents.origin().to_owned();
    let mut records = rrset(contents, &owner, RType::SOA).expect("a zone has a SOA");
    let at = records.data[0].len() - 20;
    records.data[0][at..at + 4].copy_from_slice(&serial.to_be_bytes());
    Edit { owner, rtype: RType::SOA, records: Some(records) }
}

fn apply(zones: &mut Zones, name: &NameBuf, intent: Intent) -> Result<Option<ZoneChange>, CommitError> {
    let before = zones.0.get(name).cloned();
    let from = serial(before.as_ref().and_then(|zone| zone.contents.as_ref()));
    let was = || before.clone().expect("the plan looked");
    let (after, action) = match intent {
        Intent::Create { settings, records, .. } => {
            let contents = if records.is_empty() { None } else { Some(build(name, &records)?) };
            let zone = DraftZone { contents, settings: Arc::new(settings.clone()) };
            (Some(zone), Action::Create { settings, records })
        }
        Intent::Edit { edits, .. } => {
            let old = was().contents.expect("the plan looked");
            let mut changes: Vec<RrsetChange> = Vec::new();
            let changed = |edit: &Edit| rrset(&old, &edit.owner, edit.rtype) != edit.records;
            let edits: Vec<Edit> = edits.into_iter().filter(changed).collect();
            if edits.is_empty() {
                return Ok(None);
            }
            let next = old.with(&edits);
            let soa = with_serial(&next, dns::serial::next(from.expect("a serial")));
            let next = next.with(std::slice::from_ref(&soa));
            for edit in edits.into_iter().filter(|edit| edit.rtype != RType::SOA).chain([soa]) {
                let before = rrset(&old, &edit.owner, edit.rtype);
                changes.push(RrsetChange { owner: edit.owner, rtype: edit.rtype, before, after: edit.records });
            }
            build(name, &list(&next))?;
            (Some(DraftZone { contents: Some(next), ..was() }), Action::Edit(changes))
        }
        Intent::Replace { records, .. } => {
            let next = build(name, &records)?;
            let next = next.with(&[with_serial(&next, dns::serial::next(from.unwrap_or(0)))]);
            let before = was().contents.as_ref().map(list).unwrap_or_default();
            let after = list(&next);
            (Some(DraftZone { contents: Some(next), ..was() }), Action::Replace { before, after })
        }
        Intent::Configure { settings } => {
            let before = (*was().settings).clone();
            let zone = DraftZone { settings: Arc::new(settings.clone()), ..was() };
            (Some(zone), Action::Configure { before, after: settings })
        }
        Intent::Delete => {
            let DraftZone { contents, settings } = was();
            let records = contents.as_ref().map(list).unwrap_or_default();
            (None, Action::Delete { settings: (*settings).clone(), records })
        }
    };
    let to = serial(after.as_ref().and_then(|zone| zone.contents.as_ref()));
    match after {
        Some(zone) => drop(zones.0.insert(name.clone(), zone)),
        None => drop(zones.0.remove(name)),
    }
    Ok(Some(ZoneChange { zone: name.clone(), from, to, action }))
}

fn info(name: &NameBuf, zone: &DraftZone, source: ZoneSource) -> ZoneInfo {
    let secondary = zone.settings.kind == ZoneKind::Secondary;
    ZoneInfo {
        name: name.clone(),
        source,
        state: if zone.contents.is_some() { ZoneState::Serving } else { ZoneState::Waiting },
        settings: zone.settings.clone(),
        serial: serial(zone.contents.as_ref()),
        records: zone.contents.as_ref().map_or(0, Contents::record_count),
        findings: zone.contents.as_ref().map(|contents| contents.findings().clone()).unwrap_or_default(),
        transfer: secondary.then(TransferState::default),
    }
}

impl Backend for Fake {
    fn zones_after(&self, after: Option<&Name>, limit: usize) -> Vec<ZoneInfo> {
        let state = self.lock();
        let mut all: Vec<ZoneInfo> =
            state.zones.0.iter().map(|(name, zone)| info(name, zone, ZoneSource::Journal)).collect();
        all.extend(state.files.iter().map(|(name, zone)| info(name, zone, ZoneSource::File)));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.retain(|zone| after.is_none_or(|after| zone.name.canonical_cmp(after).is_gt()));
        all.truncate(limit);
        all
    }

    fn zone(&self, name: &Name) -> Option<ZoneInfo> {
        self.zones_after(None, usize::MAX).into_iter().find(|zone| *zone.name == *name)
    }

    fn contents(&self, name: &Name) -> Option<Contents> {
        let state = self.lock();
        state.zones.0.get(name).or_else(|| state.files.get(name)).and_then(|zone| zone.contents.clone())
    }

    fn closest_zone(&self, name: &Name) -> Option<NameBuf> {
        let state = self.lock();
        name.ancestors().find(|name| state.zones.0.contains_key(*name)).map(Name::to_owned)
    }

    fn zone_count(&self) -> usize {
        let state = self.lock();
        state.zones.0.len() + state.files.len()
    }

    fn check_settings(&self, settings: &zone::ZoneSettings) -> Vec<SettingProblem> {
        let bad = |(index, _): (usize, &String)| SettingProblem {
            field: "allow_query",
            index,
            detail: "not a network".into(),
        };
        settings.allow_query.iter().enumerate().filter(|(_, entry)| *entry == "nonsense").map(bad).collect()
    }

    fn submit(&self, mut request: Request, reply: Box<dyn FnOnce(Result<Committed, CommitError>) + Send>) {
        let outcome = self.make(&mut request);
        reply(outcome);
    }

    fn position(&self) -> watch::Receiver<Offset> {
        self.position.subscribe()
    }

    fn changes(&self, zone: Option<&Name>, before: Option<Offset>, limit: usize) -> Result<Vec<Change>, BackendError> {
        let state = self.lock();
        let of_zone = |change: &&Change| {
            zone.is_none_or(|name| change.set.zones.iter().any(|zone| *zone.zone == *name))
                && before.is_none_or(|before| change.offset < before)
        };
        Ok(state.history.iter().rev().filter(of_zone).take(limit).cloned().collect())
    }

    fn changes_after(&self, after: Offset, limit: usize) -> Result<Vec<Change>, BackendError> {
        Ok(self.lock().history.iter().filter(|change| change.offset > after).take(limit).cloned().collect())
    }

    fn change(&self, offset: Offset) -> Result<Change, BackendError> {
        let state = self.lock();
        let found = state.history.iter().find(|change| change.offset == offset).cloned();
        found.ok_or_else(|| BackendError::NotThere(format!("there is no change {offset}")))
    }

    fn zone_at(&self, zone: &Name, moment: Moment) -> Result<Contents, BackendError> {
        let state = self.lock();
        let mut versions = state.past.iter().rev().filter(|(name, ..)| **name == *zone);
        let found = versions.find(|(_, at_ms, contents)| match moment {
            Moment::Serial(wanted) => serial(contents.as_ref()) == Some(wanted),
            Moment::TimeMs(time) => *at_ms <= time,
        });
        let contents = found.and_then(|(_, _, contents)| contents.clone());
        contents.ok_or_else(|| BackendError::NotThere(format!("{zone} was not there then")))
    }

    fn retransfer(&self, zone: &Name) -> Result<(), BackendError> {
        match self.zone(zone) {
            Some(zone) if zone.settings.kind == ZoneKind::Secondary => Ok(()),
            _ => Err(BackendError::Refused("it is no secondary".into())),
        }
    }

    fn notify(&self, zone: &Name) -> Result<usize, BackendError> {
        Ok(self.zone(zone).map_or(0, |zone| zone.settings.notify.len()))
    }

    fn backup_create(&self) -> Result<Backup, BackendError> {
        let mut state = self.lock();
        let name = format!("backup-{}", state.backups.len());
        let backup = Backup { name, created_at_ms: 1, size_bytes: 2, position: state.history.len() as u64 };
        state.backups.push(backup.clone());
        Ok(backup)
    }

    fn backup_list(&self) -> Result<Vec<Backup>, BackendError> {
        Ok(self.lock().backups.clone())
    }

    fn backup_verify(&self, name: &str) -> Result<Vec<String>, BackendError> {
        match self.lock().backups.iter().any(|backup| backup.name == name) {
            true => Ok(Vec::new()),
            false => Err(BackendError::NotThere(format!("there is no backup {name}"))),
        }
    }
}
