//! What a request wants becomes a change: built on the zones as the requests before it leave them, checked, with
//! a serial.

use std::collections::HashMap;
use std::sync::Arc;

use dns::rdata::typed::Soa;
use dns::{Name, NameBuf, RType};
use journal::{Offset, Replica};
use zone::check::{Finding, Rule, Source};
use zone::records::ListedRecord;
use zone::{
    Action, Contents, Edit, EventId, RecordList, RecordListBuilder, RrsetChange, ZoneChange, ZoneKind, ZoneSettings,
};

use super::Observer;
use super::judged::{is_old_serial, judge};
use super::request::{CommitError, Intent, PendingZone, PendingZones, SerialRule, SigningFailure};
use super::serials::{self, Serials, set_serial};
use super::signed::Signing;
use crate::read_only::{self, MaintainedIn, Part, ReadOnly};

/// A replacement that changes at most one RRset in this many names is stored as an edit.
const EDIT_SHARE: usize = 4;
/// A replacement that changes so few RRsets is an edit however small the zone is.
const EDIT_ALWAYS: usize = 64;

/// What a change is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// This version of the zone.
    Version(Offset),
    /// The event with this number in the same group.
    Event(usize),
}

/// A zone that a request of the group changed.
#[derive(Clone)]
struct Changed {
    /// The zone afterwards; `None`: it is gone.
    zone: Option<PendingZone>,
    base: Base,
    /// The event that did it.
    last: EventId,
}

/// The zones as the requests of a group leave them.
pub struct GroupZones<'r> {
    replica: &'r Replica,
    observer: &'r dyn Observer,
    changed: HashMap<NameBuf, Changed>,
    /// The last serials of zones that went.
    gone: HashMap<NameBuf, u32>,
    now_ms: u64,
}

/// A request as a change.
#[derive(Default)]
pub struct BuiltChange {
    pub changes: Vec<ZoneChange>,
    pub warnings: Vec<Finding>,
    /// The zones after it, and what each was built on.
    pub after: Vec<(NameBuf, Base, Option<Contents>)>,
}

impl PendingZones for GroupZones<'_> {
    fn zone(&self, name: &Name) -> Option<PendingZone> {
        match self.changed.get(name) {
            Some(changed) => changed.zone.clone(),
            None => self.replica.zone(name).map(|state| PendingZone {
                contents: state.contents.clone(),
                settings: state.settings.clone(),
                primary_serial: state.primary_serial,
            }),
        }
    }

    fn is_signed_here(&self, name: &Name) -> bool {
        let is_signed = self.zone(name).and_then(|zone| zone.contents).is_some_and(|contents| contents.is_signed());
        // Keys that cannot be used are keys all the same.
        is_signed && self.observer.signer(name).map_or(true, |signer| signer.is_some())
    }

    fn check_changeable(&self, name: &Name, part: Part) -> Result<(), CommitError> {
        let kind = self.zone(name).map(|zone| zone.settings.kind).unwrap_or_default();
        match read_only::reason(self.observer.maintained_in(name), kind, part) {
            Some(why) => Err(CommitError::ReadOnly { zone: name.to_owned(), why }),
            None => Ok(()),
        }
    }
}

impl<'r> GroupZones<'r> {
    pub fn new(replica: &'r Replica, observer: &'r dyn Observer, now_ms: u64) -> GroupZones<'r> {
        GroupZones { replica, observer, changed: HashMap::new(), gone: HashMap::new(), now_ms }
    }

    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Makes a change of what a request wants, all of it or nothing. `event` is its number in the group, `id` its
    /// identity; a `dry_run` leaves no trace.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn make(
        &mut self,
        intents: Vec<(NameBuf, Intent)>,
        event: usize,
        id: EventId,
        dry_run: bool,
    ) -> Result<BuiltChange, CommitError> {
        let mut built = BuiltChange::default();
        let mut after = Vec::with_capacity(intents.len());
        for (name, intent) in intents {
            let before = self.zone(&name);
            let made = self.change(&name, before, intent, &mut built.warnings);
            if let Err(CommitError::Signing { why, .. }) = &made {
                self.observer.signed(&name, Some(why));
            }
            let Some((change, zone)) = made? else { continue };
            built.changes.push(change);
            after.push((name, zone));
        }
        for (name, zone) in after {
            let base = self.base(&name);
            let contents = zone.as_ref().and_then(|zone| zone.contents.clone());
            if !dry_run {
                if let (None, Some(serial)) = (&zone, self.zone(&name).as_ref().and_then(serial_of)) {
                    self.gone.insert(name.clone(), serial);
                }
                self.changed.insert(name.clone(), Changed { zone, base: Base::Event(event), last: id });
            }
            built.after.push((name, base, contents));
        }
        Ok(built)
    }

    fn base(&self, name: &Name) -> Base {
        match self.changed.get(name) {
            Some(changed) => changed.base,
            None => Base::Version(self.replica.zone(name).map_or(0, |state| state.version)),
        }
    }

    /// The event that changed a zone last.
    fn last(&self, name: &Name) -> Option<EventId> {
        match self.changed.get(name) {
            Some(changed) => changed.zone.as_ref().map(|_| changed.last),
            None => self.replica.zone(name).and_then(|state| state.last),
        }
    }

    /// The change of one zone, and the zone afterwards; `None` if nothing changes.
    fn change(
        &self,
        name: &Name,
        before: Option<PendingZone>,
        intent: Intent,
        warnings: &mut Vec<Finding>,
    ) -> Result<Option<(ZoneChange, Option<PendingZone>)>, CommitError> {
        let is_there = before.is_some() || self.observer.maintained_in(name) == MaintainedIn::File;
        if is_there && matches!(intent, Intent::Create { .. }) {
            return Err(CommitError::ZoneExists(name.to_owned()));
        }
        if is_there && !self.is_as_configured(name, &intent) {
            self.check_changeable(name, intent.part())?;
        }
        let from = before.as_ref().and_then(serial_of);
        let changed = |action, after: Option<PendingZone>| {
            let to = after.as_ref().and_then(serial_of);
            let (zone, base) = (name.to_owned().into(), self.last(name));
            let primary_serial = after.as_ref().and_then(|after| after.primary_serial);
            Ok(Some((ZoneChange { zone, base, from, to, primary_serial, action }, after)))
        };
        match (intent, before) {
            (Intent::Create { settings, records, serial }, _) => {
                let records = match serial {
                    SerialRule::Policy | SerialRule::FromFile => {
                        self.above_the_last(name, &settings, records, warnings)
                    }
                    SerialRule::AsGiven | SerialRule::Transferred => records,
                };
                let contents = self.create(name, &settings, &records, warnings)?;
                let after = PendingZone { contents, settings: Arc::new(settings.clone()), primary_serial: None };
                changed(Action::Create { settings, records }, Some(after))
            }
            (_, None) => Err(CommitError::NoSuchZone(name.to_owned())),
            (Intent::Configure { settings }, Some(zone)) => {
                if *zone.settings == settings {
                    return Ok(None);
                }
                let before = (*zone.settings).clone();
                let primary_serial = zone.primary_serial.filter(|_| settings.kind == ZoneKind::Secondary);
                let after =
                    PendingZone { contents: zone.contents, settings: Arc::new(settings.clone()), primary_serial };
                changed(Action::Configure { before, after: settings }, Some(after))
            }
            (Intent::Delete, Some(zone)) => {
                let records = zone.contents.as_ref().map(zone::diff::list).unwrap_or_default();
                changed(Action::Delete { settings: (*zone.settings).clone(), records }, None)
            }
            (Intent::Edit { edits, serial }, Some(zone)) => {
                let Some((changes, after)) = self.edit(name, &zone, edits, serial, warnings)? else { return Ok(None) };
                changed(Action::Edit(changes), Some(after))
            }
            (Intent::Sign { again }, Some(zone)) => {
                let Some(made) = self.sign_again(name, &zone, &again)? else { return Ok(None) };
                changed(made.0, Some(zone.signed(made.1)))
            }
            (Intent::SignWhole { from, signed }, Some(zone)) => {
                let Some(made) = self.sign_whole(name, &zone, &from, &signed)? else { return Ok(None) };
                changed(made.0, Some(zone.signed(made.1)))
            }
            (Intent::Replace { records, serial }, Some(zone)) => {
                let Some((action, after)) = self.replace(name, &zone, &records, serial, warnings)? else {
                    return Ok(None);
                };
                changed(action, Some(after))
            }
        }
    }

    /// Whether a zone is to be served as the configuration says: the configuration's own request.
    fn is_as_configured(&self, name: &Name, intent: &Intent) -> bool {
        let Intent::Configure { settings } = intent else { return false };
        matches!(self.observer.maintained_in(name), MaintainedIn::Configuration | MaintainedIn::SignedFile)
            && self.observer.configured(name).is_some_and(|configured| *configured == *settings)
    }

    /// The records of a new zone. If there was one of this name before, its secondaries may still have it: the serial
    /// goes on above that (RFC 1982), or they would not take the new zone.
    fn above_the_last(
        &self,
        name: &Name,
        settings: &ZoneSettings,
        records: RecordList,
        warnings: &mut Vec<Finding>,
    ) -> RecordList {
        let last = self.gone.get(name).copied().or_else(|| self.replica.gone_serial(name));
        let is_soa = |record: &ListedRecord<'_>| record.rtype == RType::SOA && *record.owner == *name;
        let brought = records.iter().find(is_soa).and_then(|soa| Soa::parse(soa.rdata).map(|soa| soa.serial));
        let (Some(last), Some(brought)) = (last, brought) else { return records };
        if dns::serial::is_later(brought, last) {
            return records;
        }
        let serial = zone::settings::next_serial(settings.serial_policy, last, self.now_ms / 1000);
        let message =
            format!("serial {brought} is not later than {last}, the last one before the zone went: it is {serial}");
        warnings.push(Finding {
            rule: Rule::Serial,
            owner: name.to_owned(),
            rtype: Some(RType::SOA),
            host: None,
            message,
        });
        let mut list = RecordListBuilder::default();
        for record in records.iter() {
            if is_soa(&record) {
                let mut soa = record.rdata.to_vec();
                set_serial(&mut soa, serial);
                list.push(record.owner, record.rtype, record.ttl, &soa);
            } else {
                list.push(record.owner, record.rtype, record.ttl, record.rdata);
            }
        }
        list.finish()
    }

    fn create(
        &self,
        name: &Name,
        settings: &ZoneSettings,
        records: &RecordList,
        warnings: &mut Vec<Finding>,
    ) -> Result<Option<Contents>, CommitError> {
        if records.is_empty() && settings.kind == ZoneKind::Secondary {
            return Ok(None);
        }
        let (contents, findings) = zone::diff::build(name, self.replica.hasher(), records);
        judge(findings, Source::Made, &[], warnings)?;
        Ok(Some(contents))
    }

    /// What edits change, with a new serial by the policy; `None` if nothing.
    fn edit(
        &self,
        name: &Name,
        zone: &PendingZone,
        edits: Vec<Edit>,
        serial: SerialRule,
        warnings: &mut Vec<Finding>,
    ) -> Result<Option<(Vec<RrsetChange>, PendingZone)>, CommitError> {
        let Some(contents) = &zone.contents else { return Err(no_contents(name)) };
        let brought = edits.iter().rev().find(|edit| edit.rtype == RType::SOA && *edit.owner == *name);
        let brought = brought.and_then(|soa| soa.records.as_ref()?.data.first()).and_then(|soa| Soa::parse(soa));
        let brought = brought.map(|soa| soa.serial);
        let mut changes = net_changes(contents, edits);
        if let Some(outside) = changes.iter().find(|change| !change.owner.is_at_or_below(contents.origin())) {
            return Err(invalid(&outside.owner, format!("is not in the zone {}", contents.origin())));
        }
        let signing = self.signing(contents)?;
        if let Some(signing) = &signing {
            changes = signing.plain(changes);
        }
        let serials = Serials::of(zone, serial, signing.is_some(), brought);
        if changes.is_empty() && !serials.primary_has_another(zone) {
            return Ok(None);
        }
        if serials.are_own {
            serials::raise(contents, &zone.settings, self.now_ms, &mut changes);
        }
        if let Some(signing) = &signing {
            changes = signing.sign(contents, changes, &[])?;
        }
        let (after, findings) = zone::diff::change(contents, &changes);
        judge(findings, serial.source(), contents.findings(), warnings)?;
        signing.map_or(Ok(()), |signing| self.pass(&signing, &after, &changes))?;
        Ok(Some((changes, zone.with(after, serials.primary))))
    }

    /// Who signs changes of a zone that is signed already.
    fn signing(&self, contents: &Contents) -> Result<Option<Signing>, CommitError> {
        if !contents.is_signed() {
            return Ok(None);
        }
        let name = contents.origin();
        match self.observer.signer(name) {
            Ok(signer) => Ok(signer.map(|signer| Signing::new(name, signer, self.now_ms))),
            Err(why) => Err(CommitError::Signing { zone: name.to_owned(), why: SigningFailure::Keys(why) }),
        }
    }

    /// What it takes that a zone is signed as its keys want it now; `None`: nothing.
    fn sign_again(
        &self,
        name: &Name,
        zone: &PendingZone,
        again: &[(NameBuf, RType)],
    ) -> Result<Option<(Action, Contents)>, CommitError> {
        let Some(contents) = &zone.contents else { return Err(no_contents(name)) };
        let Some(signing) = self.signing(contents)? else { return Ok(None) };
        if again.is_empty() && !signing.is_behind(contents) {
            return Ok(None);
        }
        let mut changes = Vec::new();
        serials::raise(contents, &zone.settings, self.now_ms, &mut changes);
        let changes = signing.sign(contents, changes, again)?;
        let (after, _) = zone::diff::change(contents, &changes);
        self.pass(&signing, &after, &changes)?;
        Ok(Some((stored(contents, &after, changes), after)))
    }

    /// Lets a signed change through the gate.
    fn pass(&self, signing: &Signing, after: &Contents, changes: &[RrsetChange]) -> Result<(), CommitError> {
        signing.check(after, changes)?;
        self.observer.signed(after.origin(), None);
        Ok(())
    }

    /// A zone that was signed as a whole, with what has changed since; `None`: it is not signed here any more.
    fn sign_whole(
        &self,
        name: &Name,
        zone: &PendingZone,
        from: &Contents,
        signed: &Contents,
    ) -> Result<Option<(Action, Contents)>, CommitError> {
        let Some(contents) = &zone.contents else { return Err(no_contents(name)) };
        let Some(signing) = self.signing(signed)?.filter(|_| !contents.is_signed()) else { return Ok(None) };
        let mut since = zone::diff::diff(from, contents);
        // What was changed of the apex meanwhile is put beside what the signer has there.
        since.iter_mut().for_each(|change| change.before = signed.records(&change.owner, change.rtype));
        serials::raise(contents, &zone.settings, self.now_ms, &mut since);
        let changes = signing.sign(signed, since, &[])?;
        let (after, _) = zone::diff::change(signed, &changes);
        self.pass(&signing, &after, &changes)?;
        let all = zone::diff::diff(contents, &after);
        Ok(Some((stored(contents, &after, all), after)))
    }

    fn replace(
        &self,
        name: &Name,
        zone: &PendingZone,
        records: &RecordList,
        serial: SerialRule,
        warnings: &mut Vec<Finding>,
    ) -> Result<Option<(Action, PendingZone)>, CommitError> {
        let (mut contents, findings) = zone::diff::build(name, self.replica.hasher(), records);
        let old = zone.contents.as_ref().map(|before| before.findings().clone()).unwrap_or_default();
        judge(findings, serial.source(), &old, warnings)?;
        let Some(before) = &zone.contents else {
            let action = Action::Replace { before: RecordList::default(), after: records.clone() };
            return Ok(Some((action, zone.with(contents, None))));
        };
        let mut changes = zone::diff::diff(before, &contents);
        let signing = self.signing(before)?;
        let serials = Serials::of(zone, serial, signing.is_some(), contents.soa().map(|soa| soa.serial));
        if serial != SerialRule::Policy && serials.are_own {
            changes.retain(|change| !is_old_serial(before, change));
        }
        if let Some(signing) = &signing {
            changes = signing.plain(changes);
        }
        if changes.is_empty() && !serials.primary_has_another(zone) {
            return Ok(None);
        }
        if serials.are_own {
            serials::raise(before, &zone.settings, self.now_ms, &mut changes);
        }
        if let Some(signing) = &signing {
            changes = signing.sign(before, changes, &[])?;
            contents = zone::diff::change(before, &changes).0;
            self.pass(signing, &contents, &changes)?;
        } else if serials.are_own {
            let soa = changes.iter().filter(|change| change.rtype == RType::SOA).map(RrsetChange::edit);
            contents = contents.with(&soa.collect::<Vec<_>>());
        }
        Ok(Some((stored(before, &contents, changes), zone.with(contents, serials.primary))))
    }
}

/// How a change is stored that leads from one version to the next: small ones as an edit.
fn stored(before: &Contents, after: &Contents, changes: Vec<RrsetChange>) -> Action {
    // A serial that goes back breaks the chain of incremental transfers (RFC 1995): only edits are part of it.
    let goes_on = match (before.soa(), after.soa()) {
        (Some(before), Some(after)) => dns::serial::is_later(after.serial, before.serial),
        _ => false,
    };
    if goes_on && changes.len() <= EDIT_ALWAYS.max(before.name_count() / EDIT_SHARE) {
        return Action::Edit(changes);
    }
    Action::Replace { before: zone::diff::list(before), after: zone::diff::list(after) }
}

fn serial_of(zone: &PendingZone) -> Option<u32> {
    journal::replica::serial_of(zone.contents.as_ref())
}

/// What `edits`, made one after the other, change in the end.
fn net_changes(contents: &Contents, edits: Vec<Edit>) -> Vec<RrsetChange> {
    let mut last: HashMap<(NameBuf, RType), usize> = HashMap::with_capacity(edits.len());
    // The serial is one more.
    let mut changes: Vec<RrsetChange> = Vec::with_capacity(edits.len() + 1);
    for Edit { owner, rtype, records } in edits {
        let after = records.map(|records| records.normalised(rtype)).filter(|records| !records.is_empty());
        match last.get(&(owner.clone(), rtype)) {
            Some(&at) => changes[at].after = after,
            None => {
                last.insert((owner.clone(), rtype), changes.len());
                let before = contents.records(&owner, rtype);
                changes.push(RrsetChange { owner, rtype, before, after });
            }
        }
    }
    changes.retain(|change| change.before != change.after);
    changes
}

fn no_contents(name: &Name) -> CommitError {
    CommitError::ReadOnly { zone: name.to_owned(), why: ReadOnly::Empty }
}

fn invalid(owner: &Name, message: String) -> CommitError {
    CommitError::Invalid(vec![Finding {
        rule: Rule::InZone,
        owner: owner.to_owned(),
        rtype: None,
        host: None,
        message,
    }])
}
