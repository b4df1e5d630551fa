//! The committer's thread: a group of requests becomes one append.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dns::NameBuf;
use journal::{Accepted, Folded, Journal, JournalError, Offset, Prepared, Rejected, Replica, codec, frame};
use server::clock::unix_ms;
use zone::check::Finding;
use zone::{ChangeSet, Contents, EventId, NodeId, Published, ZoneTable};

use super::cleanup::Cleanup;
use super::pending::{Base, BuiltChange, GroupZones};
use super::request::{CommitError, Committed};
use super::{Job, Jobs, Observer, OnOutcome, Request};
use crate::read_only::MaintainedIn;

/// Most requests that share an append.
const MAX_GROUP: usize = 512;
/// Octets of encoded events after which a group is closed.
const MAX_GROUP_BYTES: usize = 8 << 20;
/// A request that another writer was faster than is prepared again so often. Two that change one zone without a break
/// lose about every second time.
const MAX_ATTEMPTS: u8 = 64;
/// A writer waits so long before its next group when another one has lost against it: who is slower to read what others
/// wrote would lose for ever.
const YIELD: Duration = Duration::from_millis(5);
/// Events of which the journal does not say whether it has them are appended so often.
const MAX_APPENDS: u8 = 4;

/// The committer's thread.
pub struct Group {
    pub journal: Arc<dyn Journal>,
    pub replica: Replica,
    pub published: Arc<Published<ZoneTable>>,
    pub observer: Box<dyn Observer>,
    pub cleanup: Cleanup,
    /// The offset that is folded next, for whoever follows the journal.
    pub next: Arc<AtomicU64>,
    /// Who this is in the journal.
    pub node: NodeId,
    /// The number of its last event.
    pub number: u64,
    /// Another writer has lost against this one since the last group.
    pub others_lost: bool,
}

/// What became of this node's events, by their numbers: where they stand, or why they do not count.
type FoldResults = HashMap<u64, Result<Offset, Rejected>>;

/// A request with its change, on the way to the journal.
struct Made {
    request: Request,
    outcome: OnOutcome,
    attempts: u8,
    change: Arc<ChangeSet>,
    warnings: Vec<Finding>,
    /// The zones after the change, and what each was built on.
    after: Vec<(NameBuf, Base, Option<Contents>)>,
    /// The number of its event and the octets; `None` where there is nothing to append.
    event: Option<(u64, Vec<u8>)>,
    /// Why it is refused.
    refused: Option<CommitError>,
}

/// What was done for the jobs of a round, those included that had to be done again.
#[derive(Default)]
struct Done {
    zones: Vec<NameBuf>,
    octets: usize,
}

/// Publishes what the replica holds anew; returns which zones that were.
pub fn publish(replica: &mut Replica, published: &Published<ZoneTable>, observer: &mut dyn Observer) -> Vec<NameBuf> {
    let zones = replica.publish(published, |name, state| {
        let is_ours = observer.maintained_in(name) != MaintainedIn::File;
        is_ours.then(|| state.map(|state| observer.serve(state)))
    });
    observer.published(replica, &zones);
    zones
}

impl Group {
    /// Makes changes until told to stop.
    pub fn run(mut self, jobs: &Jobs) {
        let mut stopping = false;
        while !stopping {
            let Ok(first) = jobs.recv() else { return };
            if matches!(first, Job::Change { .. }) && std::mem::take(&mut self.others_lost) {
                std::thread::sleep(YIELD);
            }
            let mut waiting = vec![first];
            waiting.extend(jobs.try_iter().take(MAX_GROUP - 1));
            let mut done = Done::default();
            while !waiting.is_empty() {
                waiting = self.turn(waiting, &mut stopping, &mut done);
            }
            let contents = done.zones.iter().filter_map(|zone| self.replica.zone(zone)?.contents.as_ref());
            let names = contents.filter_map(Contents::sort_later).collect();
            self.cleanup.acknowledged(done.octets, names);
        }
    }

    /// Does what stands in `jobs`; returns what must be done once more.
    fn turn(&mut self, jobs: Vec<Job>, stopping: &mut bool, done: &mut Done) -> Vec<Job> {
        let (mut made, mut later) = (Vec::new(), Vec::new());
        let (mut octets, mut events, mut followers) = (0, 0, Vec::new());
        let mut pending = GroupZones::new(&self.replica, &*self.observer, unix_ms());
        let mut touched = Vec::new();
        for job in jobs {
            match job {
                Job::Change { request, outcome, attempts } if octets < MAX_GROUP_BYTES => {
                    let id = EventId { node: self.node, number: self.number + 1 };
                    let change = make(&mut pending, request, outcome, attempts, (events, id));
                    if let Some((number, body)) = &change.event {
                        (self.number, events, octets) = (*number, events + 1, octets + body.len());
                    }
                    made.push(change);
                }
                Job::Change { .. } => later.push(job),
                Job::Touch(zones) => touched.extend(zones),
                Job::Follow(done) => followers.push(done),
                Job::Inspect(look) => look(&self.replica),
                Job::Stop => *stopping = true,
            }
        }
        if !touched.is_empty() {
            // Waits for no journal, and does not fail with it: a zone that has expired is served no longer.
            touched.iter().for_each(|name| self.replica.touch(name));
            done.zones.extend(publish(&mut self.replica, &self.published, &mut *self.observer));
        }
        let mut results = FoldResults::new();
        if events == 0 && followers.is_empty() {
            return settle(made, &results, None, later);
        }
        let appended = self.append(&mut made, &mut results, &mut done.zones);
        match &appended {
            Ok(_) => done.octets += octets,
            Err(error) => tracing::error!(%error, "changes cannot be stored"),
        }
        // Others' events may come behind ours: the thread that follows the journal says so.
        let until = appended.as_ref().ok().copied().flatten().filter(|_| followers.is_empty());
        let folded = self.fold(until, &mut results, &mut done.zones);
        // A follower that has ended does not mind.
        followers.iter().for_each(|done| drop(done.try_send(folded.clone())));
        settle(made, &results, appended.err().or(folded.err()), later)
    }

    /// Appends the events, and returns the offset of the last one. Where the journal does not say whether it has them,
    /// the fold does; those that it has not found are appended again: of an event that comes twice, one counts.
    fn append(
        &mut self,
        made: &mut [Made],
        results: &mut FoldResults,
        zones: &mut Vec<NameBuf>,
    ) -> Result<Option<Offset>, JournalError> {
        let mut doubt = None;
        for _ in 0..MAX_APPENDS {
            let events = made.iter().filter_map(|made| made.event.as_ref());
            let left = events.filter(|(number, _)| !results.contains_key(number)).map(|(_, body)| body.as_slice());
            let bodies = Bodies::of(left)?;
            if bodies.parts.is_empty() {
                return Ok(None);
            }
            self.observer.wait_for_room()?;
            match self.journal.append(&bodies.parts.iter().map(Vec::as_slice).collect::<Vec<_>>()) {
                Ok(offsets) => {
                    if doubt.is_none() {
                        self.hand_over(made, &bodies, &offsets);
                    }
                    return Ok(offsets.last().copied());
                }
                Err(JournalError::Unknown(why)) => {
                    tracing::warn!(why, "the journal does not say whether it has changes; it is read");
                    // Where it cannot be read either, the doubt stays.
                    let doubtful = |_| JournalError::Unknown(why.clone());
                    self.fold(None, results, zones).map_err(doubtful)?;
                    doubt = Some(why);
                }
                Err(error) => return Err(doubt.map_or(error, JournalError::Unknown)),
            }
        }
        Err(JournalError::Unknown(doubt.unwrap_or_default()))
    }

    /// Hands the contents that were computed for events to the replica.
    fn hand_over(&mut self, made: &mut [Made], bodies: &Bodies, offsets: &[Offset]) {
        let offset_of =
            |event: usize| bodies.ends.get(event).and_then(|&(end, _)| offsets.get(end)).copied().unwrap_or(0);
        for (event, made) in made.iter_mut().filter(|made| made.event.is_some()).enumerate() {
            let prepared = made.after.drain(..).map(|(zone, base, contents)| {
                let based_on = match base {
                    Base::Version(version) => version,
                    Base::Event(event) => offset_of(event),
                };
                Prepared { zone, based_on, contents }
            });
            let whole = bodies.ends.get(event).is_some_and(|&(_, whole)| whole).then(|| made.change.clone());
            self.replica.prepare(offset_of(event), whole, prepared.collect());
        }
    }

    /// Folds what is new in the journal, up to `until` if that is given, and publishes it; `zones` gets those
    /// that were published anew, `results` what became of our own events.
    fn fold(
        &mut self,
        until: Option<Offset>,
        results: &mut FoldResults,
        zones: &mut Vec<NameBuf>,
    ) -> Result<(), JournalError> {
        let (node, mut accepted, mut others_lost) = (self.node, Vec::new(), false);
        let result = self.replica.catch_up(&*self.journal, until, |Folded { event, outcome }| {
            if let Some(EventId { number, .. }) = event.change.id.filter(|id| id.node == node) {
                match &outcome {
                    Ok(()) => drop(results.insert(number, Ok(event.offset))),
                    // If it counted before, it counts.
                    Err(why) => drop(results.entry(number).or_insert_with(|| Err(why.clone()))),
                }
            }
            let is_foreign = event.change.id.is_some_and(|id| id.node != node);
            others_lost |= is_foreign && matches!(outcome, Err(Rejected::Outdated { .. }));
            if outcome.is_ok() {
                accepted.push(event);
            }
        });
        self.others_lost |= others_lost;
        self.next.store(self.replica.next_offset(), Ordering::Relaxed);
        let accepted: Vec<Accepted> = accepted;
        // Before they are visible: whoever sees the new serial may ask for the difference at once.
        if !accepted.is_empty() {
            self.observer.committed(&accepted);
        }
        zones.extend(publish(&mut self.replica, &self.published, &mut *self.observer));
        result
    }
}

/// Events as a journal takes them.
#[derive(Default)]
struct Bodies {
    parts: Vec<Vec<u8>>,
    /// Of each event: its last part, and whether it is the only one.
    ends: Vec<(usize, bool)>,
}

impl Bodies {
    fn of<'e>(events: impl Iterator<Item = &'e [u8]>) -> Result<Bodies, JournalError> {
        let mut bodies = Bodies::default();
        for event in events {
            if event.len() > frame::MAX_OPEN_BYTES {
                return Err(JournalError::Unwritable(format!("a change of {} octets is too large", event.len())));
            }
            let before = bodies.parts.len();
            bodies.parts.extend(frame::split(event, part_id()?));
            bodies.ends.push((bodies.parts.len() - 1, bodies.parts.len() - before == 1));
        }
        Ok(bodies)
    }
}

/// Has a request decide what it wants, and makes a change of it: the event with this place in the group and this
/// identity.
fn make(
    pending: &mut GroupZones<'_>,
    mut request: Request,
    outcome: OnOutcome,
    attempts: u8,
    (event, id): (usize, EventId),
) -> Made {
    let result = (request.prepare)(pending).and_then(|intents| pending.make(intents, event, id, request.dry_run));
    let (built, refused) = match result {
        Ok(built) => (built, None),
        Err(error) => (BuiltChange::default(), Some(error)),
    };
    let is_event = !built.changes.is_empty() && !request.dry_run;
    let change = Arc::new(ChangeSet {
        at_ms: pending.now_ms(),
        who: request.who.clone(),
        why: request.why.clone(),
        reverts: request.reverts,
        id: is_event.then_some(id),
        zones: built.changes,
    });
    let (warnings, after) = (built.warnings, built.after);
    let event = is_event.then(|| (id.number, codec::encode(&change)));
    Made { request, outcome, attempts, change, warnings, after, event, refused }
}

/// Tells everybody the outcome; who lost against another writer tries again, and so does whoever was answered on top of a
/// change that does not count. `failure` is why some are not known.
fn settle(made: Vec<Made>, results: &FoldResults, failure: Option<JournalError>, later: Vec<Job>) -> Vec<Job> {
    server::control::together(|| tell(made, results, failure.as_ref(), later))
}

fn tell(made: Vec<Made>, results: &FoldResults, failure: Option<&JournalError>, mut later: Vec<Job>) -> Vec<Job> {
    // Nobody knows, or it did not show up in the journal.
    let unknown = || JournalError::Unknown("it is not to be found there".to_owned());
    let failed = |id: Option<EventId>| match (failure.cloned().unwrap_or_else(unknown), id) {
        (JournalError::Unknown(why), Some(id)) => CommitError::Unknown { id, why },
        (failure, _) => CommitError::from(failure),
    };
    // Why the zones are not as the requests before this one would have left them.
    let mut lost: Option<CommitError> = None;
    for Made { request, outcome, attempts, change, warnings, event, refused, .. } in made {
        let offset = match event.as_ref().map(|(number, _)| results.get(number)) {
            None => None,
            Some(Some(Ok(offset))) => Some(*offset),
            Some(Some(Err(Rejected::Outdated { zone, serial }))) => {
                lost = Some(CommitError::Conflict { zone: zone.name.clone(), serial: *serial });
                None
            }
            Some(Some(Err(Rejected::Repeated)) | None) => {
                lost = Some(failed(change.id));
                None
            }
        };
        let again = failure.is_none() && attempts < MAX_ATTEMPTS;
        match (offset, lost.clone()) {
            (Some(_), _) | (None, None) => {
                outcome(refused.map_or(Ok(Committed { offset, change, warnings }), Err));
            }
            (None, Some(_)) if again => later.push(Job::Change { request, outcome, attempts: attempts + 1 }),
            (None, Some(why)) => outcome(Err(why)),
        }
    }
    later
}

/// Tells the parts of one large event from those of others.
fn part_id() -> Result<[u8; 16], JournalError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| JournalError::Unwritable(format!("no random numbers: {error}")))?;
    Ok(id)
}

#[cfg(test)]
mod tests;
