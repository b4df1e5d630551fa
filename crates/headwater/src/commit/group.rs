//! The committer's thread: a group of requests becomes one append.

use std::collections::HashMap;
use std::sync::Arc;

use dns::NameBuf;
use journal::{Accepted, Folded, Journal, JournalError, Offset, Prepared, Rejected, Replica, codec, frame};
use zone::check::Finding;
use zone::{ChangeSet, Contents, Published, ZoneTable};

use super::afterwards::Afterwards;
use super::draft::{Base, Pending};
use super::request::{CommitError, Committed};
use super::{Job, Jobs, Observer, Outcome, Request};
use crate::clock::now_ms;

/// Most requests that share an append.
const MAX_GROUP: usize = 512;
/// Octets of encoded events after which a group is closed.
const MAX_GROUP_BYTES: usize = 8 << 20;
/// A request that another writer was faster than is prepared again so often.
const MAX_ATTEMPTS: u8 = 8;

/// The committer's thread.
pub struct Group {
    pub journal: Arc<dyn Journal>,
    pub replica: Replica,
    pub published: Arc<Published<ZoneTable>>,
    pub observer: Box<dyn Observer>,
    pub afterwards: Afterwards,
}

/// A request with its change, on the way to the journal.
struct Made {
    request: Request,
    outcome: Outcome,
    attempts: u8,
    change: Arc<ChangeSet>,
    warnings: Vec<Finding>,
    /// The zones after the change, and what each was built on.
    after: Vec<(NameBuf, Base, Option<Contents>)>,
    /// The offset, once it has one; `None` where there is nothing to append.
    offset: Option<Offset>,
}

impl Made {
    /// Whether there is something to append.
    fn is_event(&self) -> bool {
        !self.change.zones.is_empty() && !self.request.dry_run
    }
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
        if observer.is_file_zone(name) { None } else { Some(state.map(|state| observer.serve(state))) }
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
            let mut waiting = vec![first];
            waiting.extend(jobs.try_iter().take(MAX_GROUP - 1));
            let mut done = Done::default();
            while !waiting.is_empty() {
                waiting = self.turn(waiting, &mut stopping, &mut done);
            }
            let contents = done.zones.iter().filter_map(|zone| self.replica.zone(zone)?.contents.as_ref());
            let names = contents.filter_map(Contents::sort_later).collect();
            self.afterwards.acknowledged(done.octets, names);
        }
    }

    /// Does what stands in `jobs`; returns what must be done once more.
    fn turn(&mut self, jobs: Vec<Job>, stopping: &mut bool, done: &mut Done) -> Vec<Job> {
        let (mut made, mut bytes, mut later) = (Vec::new(), Vec::new(), Vec::new());
        let (mut octets, mut follow) = (0, false);
        let mut pending = Pending::new(&self.replica, &*self.observer, now_ms());
        let mut touched = Vec::new();
        for job in jobs {
            match job {
                Job::Change { request, outcome, attempts } if octets < MAX_GROUP_BYTES => {
                    if let Some(change) = make(&mut pending, request, outcome, attempts, bytes.len()) {
                        if change.is_event() {
                            let body = codec::encode(&change.change);
                            octets += body.len();
                            bytes.push(body);
                        }
                        made.push(change);
                    }
                }
                Job::Change { .. } => later.push(job),
                Job::Touch(zones) => touched.extend(zones),
                Job::Follow => follow = true,
                Job::Inspect(look) => look(&self.replica),
                Job::Stop => *stopping = true,
            }
        }
        if !touched.is_empty() {
            // Waits for no journal, and does not fail with it: a zone that has expired is served no longer.
            touched.iter().for_each(|name| self.replica.touch(name));
            done.zones.extend(publish(&mut self.replica, &self.published, &mut *self.observer));
        }
        if bytes.is_empty() && !follow {
            return settle(made, Ok(HashMap::new()), later);
        }
        match self.append(&mut made, bytes) {
            Ok(()) => done.octets += octets,
            Err(error) => {
                tracing::error!(%error, "changes cannot be stored");
                made.drain(..).for_each(|made| (made.outcome)(Err(error.clone().into())));
            }
        }
        // Others' events may come behind ours; then somebody says so.
        let until = made.iter().filter_map(|made| made.offset).max().filter(|_| !follow);
        let rejected = self.fold(until, &mut done.zones);
        settle(made, rejected, later)
    }

    /// Appends the events, and hands the contents that were computed for them to the replica.
    fn append(&mut self, made: &mut [Made], events: Vec<Vec<u8>>) -> Result<(), JournalError> {
        let mut bodies = Vec::with_capacity(events.len());
        // Of each event: its last body, and whether it is the only one.
        let mut ends = Vec::with_capacity(events.len());
        for event in events {
            if event.len() > frame::MAX_OPEN_BYTES {
                return Err(JournalError::Unwritable(format!("a change of {} octets is too large", event.len())));
            }
            let before = bodies.len();
            bodies.extend(frame::split(event, change_id()?));
            ends.push((bodies.len() - 1, bodies.len() - before == 1));
        }
        if bodies.is_empty() {
            return Ok(());
        }
        self.observer.wait_for_room()?;
        let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
        let offsets = self.journal.append(&bodies)?;
        let offset_of = |event: usize| ends.get(event).and_then(|&(end, _)| offsets.get(end)).copied().unwrap_or(0);
        let events = made.iter_mut().filter(|made| made.is_event());
        for (event, made) in events.enumerate() {
            made.offset = Some(offset_of(event));
            let prepared = made.after.drain(..).map(|(zone, base, contents)| {
                let based_on = match base {
                    Base::Version(version) => version,
                    Base::Event(event) => offset_of(event),
                };
                Prepared { zone, based_on, contents }
            });
            let whole = ends.get(event).is_some_and(|&(_, whole)| whole).then(|| made.change.clone());
            self.replica.prepare(offset_of(event), whole, prepared.collect());
        }
        Ok(())
    }

    /// Folds what is new in the journal, up to `until` if that is given, and publishes it; `zones` gets those
    /// that were published anew. Returns the offsets that do not count.
    fn fold(
        &mut self,
        until: Option<Offset>,
        zones: &mut Vec<NameBuf>,
    ) -> Result<HashMap<Offset, Rejected>, JournalError> {
        let (mut accepted, mut rejected) = (Vec::new(), HashMap::new());
        let result = self.replica.catch_up(&*self.journal, until, |Folded { event, outcome }| match outcome {
            Ok(()) => accepted.push(event),
            Err(why) => drop(rejected.insert(event.offset, why)),
        });
        let accepted: Vec<Accepted> = accepted;
        // Before they are visible: whoever sees the new serial may ask for the difference at once.
        if !accepted.is_empty() {
            self.observer.committed(&accepted);
        }
        zones.extend(publish(&mut self.replica, &self.published, &mut *self.observer));
        result.map(|()| rejected)
    }
}

/// Has a request decide what it wants, and makes a change of it. One that is refused is told so at once.
fn make(pending: &mut Pending<'_>, mut request: Request, outcome: Outcome, attempts: u8, event: usize) -> Option<Made> {
    let result = (request.prepare)(pending).and_then(|intents| pending.make(intents, event, request.dry_run));
    match result {
        Ok(drafted) => {
            let change = Arc::new(ChangeSet {
                at_ms: pending.now_ms(),
                who: request.who.clone(),
                why: request.why.clone(),
                reverts: request.reverts,
                zones: drafted.changes,
            });
            let (warnings, after) = (drafted.warnings, drafted.after);
            Some(Made { request, outcome, attempts, change, warnings, after, offset: None })
        }
        Err(error) => {
            outcome(Err(error));
            None
        }
    }
}

/// Tells everybody the outcome; who lost against another writer tries again.
fn settle(made: Vec<Made>, rejected: Result<HashMap<Offset, Rejected>, JournalError>, later: Vec<Job>) -> Vec<Job> {
    server::control::together(|| tell(made, &rejected, later))
}

fn tell(made: Vec<Made>, rejected: &Result<HashMap<Offset, Rejected>, JournalError>, mut later: Vec<Job>) -> Vec<Job> {
    for Made { request, outcome, attempts, change, warnings, offset, .. } in made {
        let lost = match rejected {
            // What was appended may count or not; nobody can say now.
            Err(error) => {
                outcome(Err(error.clone().into()));
                continue;
            }
            Ok(rejected) => offset.and_then(|offset| rejected.get(&offset)),
        };
        match lost {
            None => outcome(Ok(Committed { offset, change, warnings })),
            Some(_) if attempts < MAX_ATTEMPTS => {
                later.push(Job::Change { request, outcome, attempts: attempts + 1 });
            }
            Some(Rejected { zone, serial }) => {
                outcome(Err(CommitError::Conflict { zone: zone.clone(), serial: *serial }));
            }
        }
    }
    later
}

/// Tells the parts of one large event from those of others.
fn change_id() -> Result<[u8; 16], JournalError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| JournalError::Unwritable(format!("no random numbers: {error}")))?;
    Ok(id)
}
