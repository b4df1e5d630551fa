//! The one corridor for changes: API, UPDATE, transfers in and imports all end in [`Committer::submit`].
//!
//! One thread takes what is submitted, in groups: each request is prepared on top of those before it and checked
//! (`draft.rs`), the group is appended to the journal with one synchronisation, folded by the replica and published;
//! then everybody hears the outcome. Acknowledged means: durable, accepted by the fold, and visible to queries.

mod afterwards;
mod draft;
mod group;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use dns::{Name, NameBuf};
use journal::{Accepted, Journal, JournalError, Replica, ZoneState};
use zone::{Published, Zone, ZoneSettings, ZoneTable};

pub use request::{CommitError, Committed, DraftZone, Drafts, Intent, Prepare, Request, SerialRule};

/// Most requests that wait; one more is refused.
const MAX_WAITING: usize = 8192;

/// Takes the outcome of a request.
pub type Outcome = Box<dyn FnOnce(Result<Committed, CommitError>) + Send>;

/// What the committer tells the rest of the server, on its own thread: nothing here may wait for long.
pub trait Observer: Send {
    /// Whether the zone is served from a file, and so not ours.
    fn is_file_zone(&self, name: &Name) -> bool;
    /// How the zone is served, if the configuration says so: then nobody else does.
    fn configured(&self, name: &Name) -> Option<Arc<ZoneSettings>>;
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
    Change { request: Request, outcome: Outcome, attempts: u8 },
    /// Publish these zones again: how they are served depends on more than the journal.
    Touch(Vec<NameBuf>),
    /// Another writer appended.
    Follow,
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
}

impl Committer {
    /// Starts the thread that makes changes, after publishing what `replica` holds.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(
        journal: Arc<dyn Journal>,
        mut replica: Replica,
        published: Arc<Published<ZoneTable>>,
        mut observer: Box<dyn Observer>,
    ) -> std::io::Result<(Committer, JoinHandle<()>)> {
        let (queue, jobs) = sync_channel(MAX_WAITING);
        group::publish(&mut replica, &published, &mut *observer);
        let afterwards = afterwards::Afterwards::start(published.clone())?;
        let run = move || {
            server::priority::patient();
            group::Group { journal, replica, published, observer, afterwards }.run(&jobs);
        };
        let thread = std::thread::Builder::new().name("commit".into()).spawn(run)?;
        Ok((Committer { queue, stopping: Arc::default() }, thread))
    }

    /// Submits a change; `outcome` is called on the committer's thread when it is made or refused.
    pub fn submit(&self, request: Request, outcome: impl FnOnce(Result<Committed, CommitError>) + Send + 'static) {
        let outcome: Outcome = Box::new(outcome);
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

    /// Folds what other writers appended.
    pub fn follow(&self) {
        let _ = self.queue.send(Job::Follow);
    }

    /// Looks at the zones of the journal; `None` if the server is stopping.
    pub fn inspect<T: Send + 'static>(&self, look: impl FnOnce(&Replica) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = sync_channel(1);
        self.queue.send(Job::Inspect(Box::new(move |replica| drop(answer.send(look(replica)))))).ok()?;
        answered.recv().ok()
    }

    /// Takes no more changes, and ends when those that wait are made.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let _ = self.queue.send(Job::Stop);
    }
}

type Jobs = Receiver<Job>;
