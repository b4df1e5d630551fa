//! One refresh of a secondary: its primaries are asked in turn until one has what is wanted, and what it sends is
//! committed.

use std::time::Duration;

use config::Peer;
use dns::{Name, NameBuf};
use zone::xfr::{Step, edits};
use zone::{Published, RecordList, ZoneTable};

use super::Shared;
use super::client::{Primary, Transferred};
use super::timers::SoaTimers;
use crate::catalogue::ZoneRef;
use crate::commit::{CommitError, Committer, Intent, Prepare, Request, SerialRule};

/// How long a primary whose connection broke is left alone before it is asked for the difference again.
const DIFFERENCE_PAUSE: Duration = Duration::from_secs(1);

/// Why and how a zone is refreshed.
#[derive(Debug, Clone, Default)]
pub struct Visit {
    /// The primary to begin with.
    pub first: Option<usize>,
    /// A primary said that it has something newer: no need to ask for its serial.
    pub has_newer: bool,
    /// Transfer the whole zone, whatever the serials are: somebody wants it, or what is here has expired.
    pub whole: bool,
}

/// What came of a refresh.
#[derive(Debug)]
pub struct RefreshResult {
    /// The zone is what the primary at this place in the list has, with these timers; or why no primary gave it.
    pub current: Result<(usize, SoaTimers), String>,
    /// The primaries that were asked and whose serial is earlier than the zone's.
    pub behind: Vec<Behind>,
}

/// A primary that went back. Its contents are taken when the zone has expired, or when somebody wants the zone
/// transferred as a whole, and not before: it does not confirm what it no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Which.
    pub primary: Peer,
    /// Its serial.
    pub serial: u32,
    /// The zone's serial, than which it is not later (RFC 1982).
    pub ours: u32,
}

/// The zone is what a primary has.
struct Fetched {
    /// Its timers.
    soa: SoaTimers,
    /// It was not before.
    is_new: bool,
}

/// Why a primary did not bring the zone up to date.
enum Refusal {
    /// It has an earlier serial: this one, and the zone's.
    Behind(u32, u32),
    /// It is of no use now.
    Failed(String),
}

impl From<String> for Refusal {
    fn from(why: String) -> Refusal {
        Refusal::Failed(why)
    }
}

/// The serial of a zone as it is served, or would be had it not expired.
pub fn serial(zones: &Published<ZoneTable>, zone: &Name) -> Option<u32> {
    zones.latest().get(zone).and_then(|zone| journal::replica::serial_of(zone.contents.as_ref()))
}

/// Refreshes `zone`.
pub fn run(zone: &ZoneRef, visit: &Visit, shared: &Shared) -> RefreshResult {
    let (zone, primaries, committer) = (zone.name(), &zone.lists().primaries, &shared.committer);
    let keys = (shared.keys)();
    let (mut failures, mut behind, mut same) = (Vec::new(), Vec::new(), None);
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
            // Somebody has something newer: another one, then.
            Ok(Fetched { soa, is_new: false }) if visit.has_newer => same = same.or(Some((at, soa))),
            Ok(Fetched { soa, .. }) => return RefreshResult { current: Ok((at, soa)), behind },
            Err(Refusal::Failed(why)) => failures.push(format!("{peer}: {why}")),
            Err(Refusal::Behind(serial, ours)) => {
                failures.push(format!("{peer}: its serial {serial} is earlier than {ours}, the zone's"));
                behind.push(Behind { primary: peer.clone(), serial, ours });
            }
        }
    }
    let why = || if failures.is_empty() { "no primaries".to_owned() } else { failures.join("; ") };
    RefreshResult { current: same.ok_or_else(why), behind }
}

/// Brings the zone to what this primary has. An earlier serial is none of its versions to come, unless the whole zone
/// is wanted, whatever it is (RFC 1034 4.3.5).
fn refresh_from(zone: &Name, primary: &Primary, visit: &Visit, committer: &Committer) -> Result<Fetched, Refusal> {
    let name = zone.to_owned();
    // The journal's contents count: an expired zone is not served, but still there.
    let state = committer.inspect(move |replica| replica.zone(&name).map(|state| (state.serial(), soa_timers(state))));
    let (serial, timers) = state.flatten().ok_or_else(|| "the zone is gone".to_owned())?;
    let ours = serial.filter(|_| !visit.whole);
    if let (Some(ours), Some(timers), false) = (ours, timers, visit.has_newer) {
        let theirs = primary.serial(zone).map_err(|error| error.to_string())?;
        if !is_wanted(theirs, Some(ours))? {
            return Ok(Fetched { soa: timers, is_new: false });
        }
    }
    let is_new = fetch(zone, primary, ours, committer)?;
    let name = zone.to_owned();
    let timers = committer.inspect(move |replica| replica.zone(&name).and_then(soa_timers)).flatten();
    Ok(Fetched { soa: timers.ok_or_else(|| "the zone is gone".to_owned())?, is_new })
}

/// Whether what a primary has is to be transferred, by its serial and ours; `None`: whatever it is.
fn is_wanted(theirs: u32, ours: Option<u32>) -> Result<bool, Refusal> {
    match ours {
        Some(ours) if theirs == ours => Ok(false),
        Some(ours) if !dns::serial::is_later(theirs, ours) => Err(Refusal::Behind(theirs, ours)),
        _ => Ok(true),
    }
}

/// Transfers what the primary has behind serial `ours`, or the whole zone. What was asked for as a difference may come
/// as a whole zone, from another version than the primary just said it had: its serial is looked at once more. Says
/// whether there was anything.
///
/// A connection that broke says nothing about the difference: a primary that reloads drops connections. So the
/// difference is asked for once more before the whole zone is.
fn fetch(zone: &Name, primary: &Primary, ours: Option<u32>, committer: &Committer) -> Result<bool, Refusal> {
    let mut difference_from = ours;
    let mut may_ask_again = true;
    loop {
        let result = match primary.transfer(zone, difference_from) {
            Err(error) if error.is_of_connection() && difference_from.is_some() && may_ask_again => {
                tracing::debug!(%zone, primary = %primary.address, "the difference is asked for again: {error}");
                may_ask_again = false;
                std::thread::sleep(DIFFERENCE_PAUSE);
                continue;
            }
            result => result.map_err(|error| error.to_string()),
        };
        let stored = match result {
            Ok(Transferred::UpToDate { serial }) => return is_wanted(serial, ours),
            Ok(Transferred::Full(records)) => match serial_of(&records) {
                Some(serial) if !is_wanted(serial, ours)? => return Ok(false),
                _ => store_full(zone, primary, records, committer),
            },
            Ok(Transferred::Incremental(steps)) => store_steps(zone, primary, steps, committer),
            Err(why) => Err(why),
        };
        match (stored, difference_from.take()) {
            (Ok(()), _) => return Ok(true),
            // RFC 1995 4: where a difference is of no use, the whole zone is.
            (Err(why), Some(_)) => tracing::info!(%zone, primary = %primary.address, "transferred as a whole: {why}"),
            (Err(why), None) => return Err(why.into()),
        }
    }
}

/// The serial of a zone that was transferred: its SOA record comes first.
fn serial_of(records: &RecordList) -> Option<u32> {
    let soa = records.iter().next()?;
    dns::rdata::typed::Soa::parse(soa.rdata).map(|soa| soa.serial)
}

fn soa_timers(state: &journal::ZoneState) -> Option<SoaTimers> {
    state.contents.as_ref().and_then(|contents| contents.soa()).map(|soa| SoaTimers::of(&soa))
}

fn store_full(zone: &Name, primary: &Primary, records: RecordList, committer: &Committer) -> Result<(), String> {
    let name = zone.to_owned();
    let prepare = move |_: &dyn crate::commit::PendingZones| {
        let intent = Intent::Replace { records: records.clone(), serial: SerialRule::Transferred };
        Ok(vec![(name.clone(), intent)])
    };
    store(zone, primary, Box::new(prepare), committer)
}

fn store_steps(zone: &Name, primary: &Primary, steps: Vec<Step>, committer: &Committer) -> Result<(), String> {
    let name: NameBuf = zone.to_owned();
    let prepare = move |zones: &dyn crate::commit::PendingZones| {
        let contents = zones.zone(&name).and_then(|zone| zone.contents);
        let Some(contents) = contents else { return Err(CommitError::NoSuchZone(name.clone())) };
        let serial = contents.soa().map(|soa| soa.serial);
        if serial != steps.first().map(|step| step.from) {
            return Err(CommitError::Conflict { zone: name.clone(), serial });
        }
        let edits = edits(&steps, &contents)?;
        Ok(vec![(name.clone(), Intent::Edit { edits, serial: SerialRule::Transferred })])
    };
    store(zone, primary, Box::new(prepare), committer)
}

fn store(zone: &Name, primary: &Primary, prepare: Prepare, committer: &Committer) -> Result<(), String> {
    let (who, why) = (format!("transfer:{}", primary.address), "zone transfer".to_owned());
    let request = Request { who, why, reverts: None, prepare, dry_run: false };
    let committed = committer.commit_blocking(request).map_err(|error| error.to_string())?;
    if let Some(change) = committed.change.zones.first() {
        tracing::info!(%zone, primary = %primary.address, from = change.from, to = change.to, "transferred");
        // Once for each version; the zone is served all the same.
        crate::findings::log(zone, &committed.warnings);
    }
    Ok(())
}
