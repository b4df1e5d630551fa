//! One refresh of a secondary: its primaries are asked in turn until one has what is wanted, and what it sends is
//! committed.

use std::time::Duration;

use config::Peer;
use dns::{Name, RType};
use server::clock::unix_seconds;
use signer::zone_signer::is_signers_own;
use zone::xfr::{Step, edits};
use zone::{Contents, DnssecValidation, Edit, RecordList, RecordListBuilder};

use super::Shared;
use super::client::{Primary, Transferred};
use super::timers::SoaTimers;
use crate::catalogue::ZoneRef;
use crate::commit::{CommitError, Intent, PendingZones, Prepare, Request, SerialRule, set_serial};

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

/// Refreshes `zone`.
pub fn run(zone: &ZoneRef, visit: &Visit, shared: &Shared) -> RefreshResult {
    let primaries = &zone.lists().primaries;
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
        match refresh_from(zone, &primary, visit, shared) {
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
fn refresh_from(zone: &ZoneRef, primary: &Primary, visit: &Visit, shared: &Shared) -> Result<Fetched, Refusal> {
    let (name, committer) = (zone.name().clone(), &shared.committer);
    // The journal's contents count: an expired zone is not served, but still there.
    let state = committer
        .inspect(move |replica| replica.zone(&name).map(|state| (state.serial_at_primary(), soa_timers(state))));
    let (serial, timers) = state.flatten().ok_or_else(|| "the zone is gone".to_owned())?;
    let ours = serial.filter(|_| !visit.whole);
    if let (Some(ours), Some(timers), false) = (ours, timers, visit.has_newer) {
        let theirs = primary.serial(zone.name()).map_err(|error| error.to_string())?;
        if !is_wanted(theirs, Some(ours))? {
            return Ok(Fetched { soa: timers, is_new: false });
        }
    }
    let is_new = fetch(zone, primary, ours, shared)?;
    let name = zone.name().clone();
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
fn fetch(zone: &ZoneRef, primary: &Primary, ours: Option<u32>, shared: &Shared) -> Result<bool, Refusal> {
    let (name, mut difference_from) = (zone.name(), ours);
    let mut may_ask_again = true;
    loop {
        let result = match primary.transfer(name, difference_from) {
            Err(error) if error.is_of_connection() && difference_from.is_some() && may_ask_again => {
                tracing::debug!(zone = %name, primary = %primary.address, "the difference is asked for again: {error}");
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
                _ => store_full(zone, primary, records, shared),
            },
            Ok(Transferred::Incremental(steps)) => store_steps(zone, primary, steps, shared),
            Err(why) => Err(why),
        };
        match (stored, difference_from.take()) {
            (Ok(()), _) => return Ok(true),
            // RFC 1995 4: where a difference is of no use, the whole zone is.
            (Err(why), Some(_)) => {
                tracing::info!(zone = %name, primary = %primary.address, "transferred as a whole: {why}")
            }
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

fn store_full(zone: &ZoneRef, primary: &Primary, records: RecordList, shared: &Shared) -> Result<(), String> {
    let name = zone.name().clone();
    let signed = is_signed(&name, &records);
    if zone.validation() != DnssecValidation::Off {
        let hasher = shared.committer.inspect(|replica| replica.hasher()).ok_or("the server is stopping")?;
        let (contents, _) = zone::diff::build(&name, hasher, &records);
        shared.presigned.examine(zone.validation(), &contents, None, unix_seconds())?;
    }
    let prepare = move |_: &dyn PendingZones| {
        let intent = Intent::Replace { records: records.clone(), serial: SerialRule::Transferred };
        Ok(vec![(name.clone(), intent)])
    };
    store(zone.name(), primary, Box::new(prepare), signed, shared)
}

fn store_steps(zone: &ZoneRef, primary: &Primary, steps: Vec<Step>, shared: &Shared) -> Result<(), String> {
    let name = zone.name().clone();
    let signed = steps.iter().any(|step| is_signed(&name, &step.added));
    if zone.validation() != DnssecValidation::Off {
        examine_steps(zone, &steps, shared)?;
    }
    let prepare = move |zones: &dyn PendingZones| {
        let contents = at_primary(zones, &name)?;
        let serial = contents.soa().map(|soa| soa.serial);
        if serial != steps.first().map(|step| step.from) {
            return Err(CommitError::Conflict { zone: name.clone(), serial });
        }
        let plain =
            zones.is_signed_here(&name).then(|| steps.iter().map(|step| plain(&name, step)).collect::<Vec<_>>());
        let edits = edits(plain.as_deref().unwrap_or(&steps), &contents)?;
        Ok(vec![(name.clone(), Intent::Edit { edits, serial: SerialRule::Transferred })])
    };
    store(zone.name(), primary, Box::new(prepare), signed, shared)
}

/// Judges what differences lead to. The zone that they are made for is looked at again when they are committed.
fn examine_steps(zone: &ZoneRef, steps: &[Step], shared: &Shared) -> Result<(), String> {
    let name = zone.name().clone();
    let before = shared.committer.inspect(move |replica| replica.zone(&name).and_then(|state| state.contents.clone()));
    let before = before.flatten().ok_or("the zone is gone")?;
    let edits = edits(steps, &before).map_err(|error| error.to_string())?;
    let after = before.with(&edits);
    shared.presigned.examine(zone.validation(), &after, Some((&before, &edits)), unix_seconds())
}

/// Whether a primary sends a zone with signatures.
fn is_signed(zone: &Name, records: &RecordList) -> bool {
    records.iter().any(|record| record.rtype == RType::RRSIG && *record.owner == *zone)
}

/// A difference without what the signer alone makes, which the zone has in another form here.
fn plain(zone: &Name, step: &Step) -> Step {
    let of = |records: &RecordList| {
        let mut list = RecordListBuilder::default();
        let others = records.iter().filter(|record| !is_signers_own(zone, record.owner, record.rtype));
        others.for_each(|record| list.push(record.owner, record.rtype, record.ttl, record.rdata));
        list.finish()
    };
    Step { from: step.from, to: step.to, deleted: of(&step.deleted), added: of(&step.added) }
}

/// The version of a zone that its primary has, as far as differences from it are concerned: with the primary's serial.
fn at_primary(zones: &dyn PendingZones, name: &Name) -> Result<Contents, CommitError> {
    let zone = zones.zone(name).ok_or_else(|| CommitError::NoSuchZone(name.to_owned()))?;
    let (contents, primary_serial) = (zone.contents, zone.primary_serial);
    let contents = contents.ok_or_else(|| CommitError::NoSuchZone(name.to_owned()))?;
    let soa = primary_serial.and_then(|serial| Some((serial, contents.records(name, RType::SOA)?)));
    let Some((serial, mut records)) = soa else { return Ok(contents) };
    records.data.iter_mut().for_each(|soa| set_serial(soa, serial));
    Ok(contents.with(&[Edit { owner: name.to_owned(), rtype: RType::SOA, records: Some(records) }]))
}

fn store(
    zone: &Name,
    primary: &Primary,
    prepare: Prepare,
    has_signatures: bool,
    shared: &Shared,
) -> Result<(), String> {
    let (who, why) = (format!("transfer:{}", primary.address), "zone transfer".to_owned());
    let request = Request { who, why, reverts: None, prepare, dry_run: false };
    let committed = shared.committer.commit_blocking(request).map_err(|error| error.to_string())?;
    if let Some(change) = committed.change.zones.first() {
        let (from, to, primary_serial) = (change.from, change.to, change.primary_serial);
        tracing::info!(%zone, primary = %primary.address, from, to, primary_serial, "transferred");
        if has_signatures && primary_serial.is_some() {
            tracing::warn!(
                %zone, primary = %primary.address,
                "the primary signs the zone too: its signatures, its records of denial and its CDS and CDNSKEY records are \
                 left out, because the zone is signed here; have one of the two sign it"
            );
        }
        // Once for each version; the zone is served all the same.
        crate::findings::log(zone, &committed.warnings);
    }
    Ok(())
}
