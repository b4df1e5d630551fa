//! A zone as it was: changes are taken back from what it is now.

use dns::{Name, NameHasher};
use zone::{Action, Contents, RecordList, ZoneChange, diff};

use super::History;
use super::bodies::Bodies;
use super::index::Step;
use crate::accepted::Accepted;
use crate::journal::JournalError;
use crate::store::Kind;

/// Most changes that are taken back for one answer.
const MAX_STEPS: usize = 1 << 18;

/// A zone at some moment.
#[derive(Clone)]
pub enum Past {
    /// It had these records.
    Contents(Contents),
    /// There was no such zone, or it had no records.
    Absent,
    /// History does not reach back that far.
    Forgotten,
}

impl Past {
    fn of(contents: Option<Contents>) -> Past {
        contents.map_or(Past::Absent, Past::Contents)
    }
}

/// `contents` as they were before `chain`, which is what [`History::since_serial`] gives. `None`: that is not
/// their chain.
pub fn undo_to(contents: Contents, chain: &[Accepted]) -> Option<Contents> {
    chain.iter().rev().try_fold(contents, |contents, accepted| {
        let change = of_zone(accepted, contents.origin())?;
        if change.to != contents.soa().map(|soa| soa.serial) {
            return None;
        }
        let hasher = contents.hasher();
        undo(Some(contents), change, hasher).ok().flatten()
    })
}

impl History {
    /// `contents` as they were at `serial`; `None`: history does not reach back that far, or the zone came to be
    /// since.
    ///
    /// # Errors
    /// As [`History::changes`].
    pub fn at_serial(&self, contents: &Contents, serial: u32) -> Result<Option<Contents>, JournalError> {
        self.follower.sync_all()?;
        let mut steps = Vec::new();
        for step in self.steps_to_now(contents.origin(), serial_of(Some(contents))) {
            let step = step?;
            if step.to == Some(serial) {
                break;
            }
            if step.from.is_none() || step.to.is_none() || steps.len() >= MAX_STEPS {
                return Ok(None);
            }
            steps.push(step);
        }
        let reached = steps.last().map_or_else(|| serial_of(Some(contents)), |step: &Step| step.from);
        if reached != Some(serial) {
            return Ok(None);
        }
        self.undo_steps(contents.origin(), Some(contents.clone()), &steps)
    }

    /// The zone as it was at `at_ms` milliseconds since 1970; `now` is what it has now.
    ///
    /// # Errors
    /// As [`History::changes`].
    pub fn at_time(&self, zone: &Name, now: Option<&Contents>, at_ms: u64) -> Result<Past, JournalError> {
        self.follower.sync_all()?;
        let mut steps: Vec<Step> = Vec::new();
        let mut is_reached = false;
        for step in self.steps_to_now(zone, serial_of(now)) {
            let step = step?;
            if step.at_ms <= at_ms {
                is_reached = true;
                break;
            }
            if steps.len() >= MAX_STEPS {
                return Ok(Past::Forgotten);
            }
            steps.push(step);
        }
        // Where the oldest known step makes the zone, one of this name may have been there before.
        if !is_reached && at_ms < self.index.forgotten_ms()? {
            return Ok(Past::Forgotten);
        }
        self.undo_steps(zone, now.cloned(), &steps).map(Past::of)
    }

    /// What was done to a zone up to the moment when its serial was `serial`, the newest first: the contents at
    /// hand may be older than the index.
    fn steps_to_now(&self, zone: &Name, serial: Option<u32>) -> impl Iterator<Item = Result<Step, JournalError>> {
        self.index.steps(zone).skip_while(move |step| step.as_ref().is_ok_and(|step| step.to != serial))
    }

    /// Takes `steps` back, the newest first.
    fn undo_steps(&self, zone: &Name, now: Option<Contents>, steps: &[Step]) -> Result<Option<Contents>, JournalError> {
        // A change of the whole zone says what was before it, whatever came after.
        let whole = |step: &Step| matches!(step.kind, Kind::Create | Kind::Replace | Kind::Delete);
        let start = steps.iter().rposition(whole).unwrap_or(0);
        let mut bodies = Bodies::one_by_one(&*self.journal);
        steps.get(start..).unwrap_or_default().iter().try_fold(now, |contents, step| {
            let accepted = bodies.read(step.place)?;
            let corrupt = |why: &str| JournalError::Corrupt { offset: accepted.offset, why: why.to_owned() };
            let change = of_zone(&accepted, zone).ok_or_else(|| corrupt("it is not about the zone of the index"))?;
            undo(contents, change, self.hasher).map_err(corrupt)
        })
    }
}

fn serial_of(contents: Option<&Contents>) -> Option<u32> {
    contents.and_then(Contents::soa).map(|soa| soa.serial)
}

fn of_zone<'a>(accepted: &'a Accepted, zone: &Name) -> Option<&'a ZoneChange> {
    accepted.change.zones.iter().find(|change| change.zone.is(zone))
}

/// The zone before `change`, from what it was afterwards.
fn undo(contents: Option<Contents>, change: &ZoneChange, hasher: NameHasher) -> Result<Option<Contents>, &'static str> {
    let listed = |records: &RecordList| match records.is_empty() {
        true => None,
        false => Some(diff::build(&change.zone.name, hasher, records).0),
    };
    match &change.action {
        Action::Create { .. } => Ok(None),
        Action::Configure { .. } => Ok(contents),
        Action::Delete { records, .. } | Action::Replace { before: records, .. } => Ok(listed(records)),
        Action::Edit(changes) => match contents {
            Some(contents) => Ok(Some(diff::undo_changes(&contents, changes))),
            None => Err("it changes a zone that had no records"),
        },
    }
}
