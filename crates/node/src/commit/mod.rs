//! The one corridor for changes: API, UPDATE, transfers in and imports all end in [`Committer::submit`].
//!
//! One thread takes what is submitted, in groups: each request is prepared on top of those before it and checked
//! (`pending.rs`), the group is appended to the journal with one synchronisation, folded by the replica and published;
//! then everybody hears the outcome. Acknowledged means: durable, accepted by the fold, and visible to queries.

mod cleanup;
mod group;
mod judged;
mod pending;
mod request;
mod serials;
mod signed;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use dns::{Name, NameBuf};
use journal::{Accepted, Journal, JournalError, Offset, Replica, ZoneState};
use signer::zone_signer::ZoneSigner;
use zone::{NodeId, Published, Zone, ZoneSettings, ZoneTable};

use crate::follow::{Fold, Following};

use crate::read_only::MaintainedIn;
use crate::timings::Timings;

pub use request::{
    CommitError, Committed, Intent, PendingZone, PendingZones, Prepare, Request, SerialRule, SigningFailure,
};
pub use serials::set_serial;

/// Most requests that wait; one more is refused.
const MAX_WAITING: usize = 8192;

/// Is called with the outcome of a request.
pub type OnOutcome = Box<dyn FnOnce(Result<Committed, CommitError>) + Send>;

/// What the committer tells the rest of the server, on its own thread: nothing here may wait for long.
pub trait Observer: Send {
    /// Where a zone of this name is maintained, if there is one.
    fn maintained_in(&self, name: &Name) -> MaintainedIn;
    /// How the zone is served, if the configuration says so: then nobody else does.
    fn configured(&self, name: &Name) -> Option<Arc<ZoneSettings>>;
    /// Who signs a zone of this name; `None`: nobody.
    ///
    /// # Errors
    /// It is signed here, and cannot be now: why.
    fn signer(&self, name: &Name) -> Result<Option<Arc<ZoneSigner>>, String>;
    /// A change of a zone that is signed here was signed, or why not.
    fn signed(&self, name: &Name, failure: Option<&SigningFailure>);
    /// What queries see of a zone of the journal.
    fn serve(&self, state: &ZoneState) -> Arc<Zone>;
    /// Waits until a group of changes can be taken.
    ///
    /// # Errors
    /// Why none can be taken now, and waiting does not help.
    fn wait_for_room(&self) -> Result<(), JournalError>;
    /// These changes count, and will be visible at once; in order.
    fn committed(&mut self, changes: &[Accepted]);
    /// These zones were published anew: they changed, came or went. All that was committed is visible.
    fn published(&mut self, replica: &Replica, zones: &[NameBuf]);
}

/// What stands in the committer's queue.
enum Job {
    /// A change.
    Change { request: Request, outcome: OnOutcome, attempts: u8 },
    /// Publish these zones again: how they are served depends on more than the journal.
    Touch(Vec<NameBuf>),
    /// Fold what other writers appended.
    Follow(SyncSender<Result<(), JournalError>>),
    /// Look at the zones of the journal.
    Inspect(Box<dyn FnOnce(&Replica) + Send>),
    /// Finish what waits, and end.
    Stop,
}

/// Submits changes; clones submit to the same thread.
#[derive(Clone)]
pub struct Committer {
    queue: SyncSender<Job>,
    stopping: Arc<AtomicBool>,
    /// The offset that is folded next.
    next: Arc<AtomicU64>,
    /// Who this is in the journal.
    node: NodeId,
    /// How long changes take.
    timings: Arc<Timings>,
}

/// The threads of a committer.
pub struct Threads {
    commit: JoinHandle<()>,
    follow: Following,
}

impl Threads {
    /// Waits for their end, which [`Committer::stop`] begins.
    pub fn join(self) {
        if self.commit.join().is_err() {
            tracing::error!("the committer panicked; this is a bug of the server");
        }
        self.follow.stop();
    }
}

impl Committer {
    /// Starts the thread that makes changes, after publishing what `replica` holds, and the one that follows the
    /// journal.
    ///
    /// # Errors
    /// A thread that cannot be started, no random numbers.
    pub fn start(
        journal: Arc<dyn Journal>,
        mut replica: Replica,
        published: Arc<Published<ZoneTable>>,
        mut observer: Box<dyn Observer>,
    ) -> std::io::Result<(Committer, Threads)> {
        let (queue, jobs) = sync_channel(MAX_WAITING);
        group::publish(&mut replica, &published, &mut *observer);
        let cleanup = cleanup::Cleanup::start(published.clone())?;
        let mut node = NodeId::default();
        getrandom::fill(&mut node)?;
        let next = Arc::new(AtomicU64::new(replica.next_offset()));
        let (stopping, timings) = (Arc::default(), Arc::default());
        let committer = Committer { queue, stopping, next: next.clone(), node, timings };
        let follow = Following::start("follow", journal.clone(), committer.clone())?;
        let run = move || {
            server::priority::patient();
            group::Group { journal, replica, published, observer, cleanup, next, node, number: 0, others_lost: false }
                .run(&jobs);
        };
        let commit = std::thread::Builder::new().name("commit".into()).spawn(run)?;
        Ok((committer, Threads { commit, follow }))
    }

    /// The same, which counts in `timings`.
    pub fn timed(self, timings: Arc<Timings>) -> Committer {
        Committer { timings, ..self }
    }

    /// Submits a change; `outcome` is called on the committer's thread when it is made or refused.
    pub fn submit(&self, request: Request, outcome: impl FnOnce(Result<Committed, CommitError>) + Send + 'static) {
        let (begin, timings) = (Instant::now(), self.timings.clone());
        let outcome: OnOutcome = Box::new(move |result| {
            match &result {
                Ok(Committed { offset: Some(_), .. }) => timings.made(begin.elapsed()),
                Ok(_) => {}
                Err(_) => timings.refused(),
            }
            outcome(result);
        });
        if self.stopping.load(Ordering::Relaxed) {
            return outcome(Err(CommitError::Stopping));
        }
        match self.queue.try_send(Job::Change { request, outcome, attempts: 0 }) {
            Err(TrySendError::Full(Job::Change { outcome, .. })) => outcome(Err(CommitError::Busy)),
            Err(TrySendError::Disconnected(Job::Change { outcome, .. })) => outcome(Err(CommitError::Stopping)),
            _ => {}
        }
    }

    /// Submits a change and waits for the outcome.
    ///
    /// # Errors
    /// Why it was not made.
    pub async fn commit(&self, request: Request) -> Result<Committed, CommitError> {
        let (outcome, made) = tokio::sync::oneshot::channel();
        self.submit(request, move |result| drop(outcome.send(result)));
        made.await.unwrap_or(Err(CommitError::Stopping))
    }

    /// Submits a change and blocks this thread until the outcome is known.
    ///
    /// # Errors
    /// Why it was not made.
    pub fn commit_blocking(&self, request: Request) -> Result<Committed, CommitError> {
        let (outcome, made) = sync_channel(1);
        self.submit(request, move |result| drop(outcome.send(result)));
        made.recv().unwrap_or(Err(CommitError::Stopping))
    }

    /// Has zones published again: how they are served depends on more than the journal, and that changed.
    pub fn touch(&self, zones: Vec<NameBuf>) {
        let _ = self.queue.send(Job::Touch(zones));
    }

    /// Looks at the zones of the journal; `None` if the server is stopping.
    pub fn inspect<T: Send + 'static>(&self, look: impl FnOnce(&Replica) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = sync_channel(1);
        self.queue.send(Job::Inspect(Box::new(move |replica| drop(answer.send(look(replica)))))).ok()?;
        answered.recv().ok()
    }

    /// Who this is in the journal: whose events its changes are, until the next start.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Takes no more changes, and ends when those that wait are made.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let _ = self.queue.send(Job::Stop);
    }
}

/// The committer's thread folds, so that one thread alone changes zones.
impl Fold for Committer {
    fn next(&self) -> Offset {
        self.next.load(Ordering::Relaxed)
    }

    fn fold(&self) -> Result<(), String> {
        let stopping = || CommitError::Stopping.to_string();
        let (done, folded) = sync_channel(1);
        self.queue.send(Job::Follow(done)).map_err(|_| stopping())?;
        folded.recv().map_err(|_| stopping())?.map_err(|error| error.to_string())
    }
}

type Jobs = Receiver<Job>;
