//! Zones that others sign, validated as they come (`dnssec_validate`): what resolvers would refuse is said, or is not taken;
//! and what has lost a signature that resolvers need is not served any more, if the zone wants it so.
//!
//! Transfers and zone files are judged before they are taken, on the threads that bring them. A thread of its own
//! ([`Watch`]) judges what was taken without that, such as everything after a start, and looks when signatures end.

mod watch;

use std::collections::{BTreeSet, HashMap};
use std::num::NonZero;
use std::sync::{PoisonError, RwLock};

use dns::{Name, NameBuf};
use signer::gate::{self, GateError, Judged, Lasting, Since};
use zone::check::{Finding, Rule};
use zone::{Contents, DnssecValidation, Edit};

use crate::signers::Refusal;
pub use watch::{Parts, Watch};

/// Threads that judge one zone, at most: others have work too.
const MAX_THREADS: usize = 4;

/// What is known of a zone that is validated.
#[derive(Debug, Clone, Default)]
pub struct Validated {
    /// The serial of the version that was judged last.
    serial: Option<u32>,
    /// What resolvers would refuse of it; some of it, where there is very much.
    pub findings: Vec<Finding>,
    /// How much that is.
    pub count: usize,
    /// Until when the first signature lasts that is needed.
    pub until: Option<Lasting>,
    /// The last version that was not taken, if none was since.
    pub refusal: Option<Refusal>,
    /// The serial of the version that is not served any more, because a signature of it has ended.
    ended: Option<u32>,
}

impl Validated {
    /// Whether the zone is not served any more, because a signature has ended that resolvers need.
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether it was the version with this serial that was judged.
    fn is_of(&self, serial: Option<u32>) -> bool {
        serial.is_some() && self.serial == serial
    }
}

/// What is known of all zones that are validated.
#[derive(Default)]
pub struct Presigned(RwLock<HashMap<NameBuf, Validated>>);

impl Presigned {
    /// What is known of a zone.
    pub fn zone(&self, zone: &Name) -> Option<Validated> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(zone).cloned()
    }

    /// What is known of every zone.
    pub fn zones(&self) -> Vec<(NameBuf, Validated)> {
        let zones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        zones.iter().map(|(zone, known)| (zone.clone(), known.clone())).collect()
    }

    /// Whether the version of a zone with this serial is not to be served any more.
    pub fn has_ended(&self, zone: &Name, serial: Option<u32>) -> bool {
        let zones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        serial.is_some() && zones.get(zone).is_some_and(|known| known.ended == serial)
    }

    /// Judges a version that is about to be taken, and remembers what was found. `change`: what leads to it from the version
    /// before, of which signatures need not be verified again if that was right.
    ///
    /// # Errors
    /// It is not to be taken: why.
    pub fn examine(
        &self,
        validation: DnssecValidation,
        contents: &Contents,
        change: Option<(&Contents, &[Edit])>,
        now_s: u64,
    ) -> Result<(), String> {
        let zone = contents.origin();
        let owners: BTreeSet<NameBuf> =
            change.iter().flat_map(|(_, edits)| edits.iter().map(|edit| edit.owner.clone())).collect();
        let known = self.zone(zone).unwrap_or_default();
        let since = change.filter(|(before, _)| known.is_of(serial_of(before)) && known.count == 0);
        let since = since.map(|(before, _)| Since { before, owners: &owners });
        let judged = gate::judge(contents, since, now_s, threads());
        let first = judged.problems.first().filter(|_| validation != DnssecValidation::Warn);
        let Some(first) = first else {
            self.taken(contents, &judged);
            return Ok(());
        };
        let serial = serial_of(contents).unwrap_or_default();
        let more = if judged.count > 1 { format!(", and {} more", judged.count - 1) } else { String::new() };
        let why = format!("resolvers would refuse the version with serial {serial}: {first}{more}");
        self.change(zone, |known| known.refusal = Some(Refusal { at_s: now_s, why: why.clone() }));
        Err(why)
    }

    /// A version that was judged is the one that counts. Logs what resolvers would refuse of it.
    fn taken(&self, contents: &Contents, judged: &Judged) {
        let zone = contents.origin();
        let findings: Vec<Finding> = judged.problems.iter().map(finding).collect();
        crate::findings::log(zone, &findings);
        let (serial, count, until) = (serial_of(contents), judged.count, judged.until);
        self.change(zone, |known| *known = Validated { serial, findings, count, until, ..Validated::default() });
    }

    /// A version that nobody has judged since the start is not to be served if a signature has ended that it needs.
    pub fn end_if_over(&self, contents: &Contents, now_s: u64) {
        let (serial, until) = (serial_of(contents), gate::needed_until(contents, now_s));
        if until.is_some_and(|until| until.end_s <= now_s) {
            self.change(contents.origin(), |known| *known = Validated { until, ended: serial, ..Validated::default() });
        }
    }

    /// The version with this serial is not to be served any more.
    fn end(&self, zone: &Name, serial: Option<u32>) {
        self.change(zone, |known| known.ended = serial);
    }

    fn change(&self, zone: &Name, change: impl FnOnce(&mut Validated)) {
        let mut zones = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(zones.entry(zone.to_owned()).or_default());
    }

    /// Forgets zones that are not validated any more; returns those of them that were not served.
    fn keep(&self, wanted: &BTreeSet<NameBuf>) -> Vec<NameBuf> {
        let mut zones = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<NameBuf> = zones.keys().filter(|zone| !wanted.contains::<Name>(zone)).cloned().collect();
        let ended = |zone: &NameBuf| zones.remove::<Name>(zone).is_some_and(|known| known.ended.is_some());
        gone.into_iter().filter(ended).collect()
    }
}

fn serial_of(contents: &Contents) -> Option<u32> {
    journal::replica::serial_of(Some(contents))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2).min(MAX_THREADS)
}

/// What a validator would refuse, as a finding of the zone.
fn finding(problem: &GateError) -> Finding {
    let (rule, owner, rtype) = match problem {
        GateError::Signature { owner, rtype, .. } | GateError::Unsigned { owner, rtype, .. } => {
            (Rule::Signed, owner, Some(*rtype))
        }
        GateError::NoKeys(owner) | GateError::NoChain(owner) => (Rule::Signed, owner, None),
        GateError::Denial { owner, .. } => (Rule::Nsec, owner, None),
    };
    let message = format!("resolvers would refuse it: {problem}");
    Finding { rule, owner: owner.clone(), rtype, host: None, message }
}
