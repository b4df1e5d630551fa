//! One refresh of a secondary: its primaries are asked in turn until one has what is wanted, and what it sends is
//! committed.

use std::sync::{Arc, Mutex, PoisonError};

use dns::{Name, NameBuf};
use zone::xfr::{Step, edits};
use zone::{Published, RecordList, ZoneTable};

use super::Shared;
use super::client::{Primary, Transferred};
use super::timers::SoaTimers;
use crate::commit::{CommitError, Committer, Intent, Prepare, Request, SerialRule};
use crate::config::Peer;

/// Why and how a zone is refreshed.
#[derive(Debug, Clone, Default)]
pub struct Visit {
    /// The primary to begin with.
    pub first: Option<usize>,
    /// A primary said that it has something newer: no need to ask for its serial.
    pub has_newer: bool,
    /// Transfer the whole zone, whatever the serials are.
    pub whole: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// The zone is what this primary has.
    Current {
        /// Its place in the list.
        primary: usize,
        /// The timers of the zone's SOA record.
        soa: SoaTimers,
    },
    /// None of them gave the zone.
    Failed(String),
}

/// The serial of a zone as it is served, or would be had it not expired.
pub fn serial(zones: &Published<ZoneTable>, zone: &Name) -> Option<u32> {
    zones.latest().get(zone).and_then(|zone| journal::replica::serial_of(zone.contents.as_ref()))
}

/// Refreshes `zone`.
pub fn run(zone: &Name, primaries: &[Peer], visit: &Visit, shared: &Shared, committer: &Committer) -> Outcome {
    let keys = (shared.keys)();
    let mut failures = Vec::new();
    let first = visit.first.unwrap_or(0).min(primaries.len().saturating_sub(1));
    for at in (first..primaries.len()).chain(0..first) {
        let peer = &primaries[at];
        let key = match &peer.key {
            None => None,
            Some(name) => match keys.get(name) {
                Some(key) => Some(key.clone()),
                None => {
                    failures.push(format!("{peer}: there is no key {name}"));
                    continue;
                }
            },
        };
        let primary = Primary { address: peer.address, key };
        match refresh_from(zone, &primary, visit, committer) {
            Ok(soa) => return Outcome::Current { primary: at, soa },
            Err(why) => failures.push(format!("{peer}: {why}")),
        }
    }
    Outcome::Failed(if failures.is_empty() { "no primaries".to_owned() } else { failures.join("; ") })
}

/// Brings the zone to what this primary has.
fn refresh_from(zone: &Name, primary: &Primary, visit: &Visit, committer: &Committer) -> Result<SoaTimers, String> {
    let name = zone.to_owned();
    // The journal's contents count: an expired zone is not served, but still there.
    let state = committer.inspect(move |replica| replica.zone(&name).map(|state| (state.serial(), soa_timers(state))));
    let (ours, timers) = state.flatten().ok_or("the zone is gone")?;
    if let (Some(ours), Some(timers), false, false) = (ours, timers, visit.whole, visit.has_newer) {
        let theirs = primary.serial(zone).map_err(|error| error.to_string())?;
        if !dns::serial::is_later(theirs, ours) {
            return Ok(timers);
        }
    }
    let mut serial = ours.filter(|_| !visit.whole);
    loop {
        let result = primary.transfer(zone, serial).map_err(|error| error.to_string());
        let stored = match result {
            Ok(Transferred::UpToDate) => break,
            Ok(Transferred::Full(records)) => store_full(zone, primary, records, committer),
            Ok(Transferred::Incremental(steps)) => store_steps(zone, primary, steps, committer),
            Err(why) => Err(why),
        };
        match (stored, serial.take()) {
            (Ok(()), _) => break,
            // RFC 1995 4: where a difference is of no use, the whole zone is.
            (Err(why), Some(_)) => tracing::info!(%zone, primary = %primary.address, "transferred as a whole: {why}"),
            (Err(why), None) => return Err(why),
        }
    }
    let name = zone.to_owned();
    let timers = committer.inspect(move |replica| replica.zone(&name).and_then(soa_timers)).flatten();
    timers.ok_or_else(|| "the zone is gone".to_owned())
}

fn soa_timers(state: &journal::ZoneState) -> Option<SoaTimers> {
    state.contents.as_ref().and_then(|contents| contents.soa()).map(|soa| SoaTimers::of(&soa))
}

fn store_full(zone: &Name, primary: &Primary, records: RecordList, committer: &Committer) -> Result<(), String> {
    let name = zone.to_owned();
    let prepare = move |_: &dyn crate::commit::Drafts| {
        let intent = Intent::Replace { records: records.clone(), serial: SerialRule::Transferred };
        Ok(vec![(name.clone(), intent)])
    };
    store(zone, primary, Box::new(prepare), committer)
}

fn store_steps(zone: &Name, primary: &Primary, steps: Vec<Step>, committer: &Committer) -> Result<(), String> {
    let name: NameBuf = zone.to_owned();
    let why = Arc::new(Mutex::new(None));
    let noted = why.clone();
    let prepare = move |drafts: &dyn crate::commit::Drafts| {
        let contents = drafts.zone(&name).and_then(|zone| zone.contents);
        let Some(contents) = contents else { return Err(CommitError::NoSuchZone(name.clone())) };
        let serial = contents.soa().map(|soa| soa.serial);
        if serial != steps.first().map(|step| step.from) {
            return Err(CommitError::Conflict { zone: name.clone(), serial });
        }
        match edits(&steps, &contents) {
            Ok(edits) => Ok(vec![(name.clone(), Intent::Edit { edits, serial: SerialRule::Transferred })]),
            Err(error) => {
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                Err(CommitError::Conflict { zone: name.clone(), serial })
            }
        }
    };
    let stored = store(zone, primary, Box::new(prepare), committer);
    stored.map_err(|error| why.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(error))
}

fn store(zone: &Name, primary: &Primary, prepare: Prepare, committer: &Committer) -> Result<(), String> {
    let (who, why) = (format!("transfer:{}", primary.address), "zone transfer".to_owned());
    let request = Request { who, why, reverts: None, prepare, dry_run: false };
    let committed = committer.commit_blocking(request).map_err(|error| error.to_string())?;
    if let Some(change) = committed.change.zones.first() {
        tracing::info!(%zone, primary = %primary.address, from = change.from, to = change.to, "transferred");
        // Once for each version; the zone is served all the same.
        crate::logging::findings(zone, &committed.warnings);
    }
    Ok(())
}
