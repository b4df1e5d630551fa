//! Topics of others whose records are taken over into zones that are there, by the corridor of all changes. Each has a thread
//! ([`worker`]), an actor of its own whose rights `authorise` decides, and a place in each partition ([`places`]).

mod entry;
mod places;
mod status;
mod worker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use access::{Grant, Principal, Verb};
use config::Config;
use telemetry::health::Finding;
use telemetry::metrics::Snapshot;

use crate::brokers::brokers;
use crate::commit::Committer;
use crate::handle::NodeHandle;
use crate::persist::{Stop, Stopper};
use status::{State, Status};
use worker::Worker;

/// The directory in the data directory with the places of streams.
const DIRECTORY: &str = "ingest";

/// The streams that are taken over.
#[derive(Default)]
pub struct Ingest {
    running: Mutex<Vec<Running>>,
}

/// A stream that is taken over.
struct Running {
    configured: config::Ingest,
    status: Arc<Status>,
    stop: Stopper,
    thread: JoinHandle<()>,
}

impl Running {
    fn start(
        configured: &config::Ingest,
        config: &Config,
        parts: (&Committer, &NodeHandle),
        directory: &Path,
    ) -> io::Result<Running> {
        let status = Arc::new(Status::default());
        let (stop, stopped) = Stop::pair();
        let worker = Worker {
            brokers: brokers(configured.brokers.as_deref(), config).map_err(io::Error::other)?,
            principal: Principal::stream(configured.name.as_str().into(), grant(configured)),
            configured: configured.clone(),
            committer: parts.0.clone(),
            handle: parts.1.clone(),
            status: status.clone(),
            stop: stopped,
            directory: directory.to_owned(),
        };
        let thread = std::thread::Builder::new().name("ingest".into()).spawn(move || {
            server::priority::patient();
            worker.run();
        })?;
        Ok(Running { configured: configured.clone(), status, stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread of a stream panicked; this is a bug of the server");
        }
    }
}

/// What the configuration lets a stream do.
fn grant(configured: &config::Ingest) -> Grant {
    Grant {
        zones: configured.zones.clone(),
        names: configured.names.clone(),
        types: configured.types.clone(),
        ..Grant::of(&[Verb::Update])
    }
}

impl Ingest {
    /// Takes over the streams of a configuration; those that are as they were go on.
    ///
    /// # Errors
    /// A thread that cannot be started, a directory that cannot be made.
    pub fn configure(&self, config: &Config, committer: &Committer, handle: &NodeHandle) -> io::Result<()> {
        let mut running = self.running();
        let (kept, gone): (Vec<Running>, Vec<Running>) =
            running.drain(..).partition(|stream| config.ingest.contains(&stream.configured));
        *running = kept;
        gone.into_iter().for_each(Running::stop);
        let directory: PathBuf = config.data_dir.join(DIRECTORY);
        for configured in &config.ingest {
            if !running.iter().any(|stream| stream.configured == *configured) {
                std::fs::create_dir_all(&directory)?;
                running.push(Running::start(configured, config, (committer, handle), &directory)?);
            }
        }
        Ok(())
    }

    /// Ends them.
    pub fn stop(&self) {
        std::mem::take(&mut *self.running()).into_iter().for_each(Running::stop);
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn states(&self) -> Vec<(String, State)> {
        let state = |stream: &Running| (stream.configured.name.clone(), stream.status.state().clone());
        self.running().iter().map(state).collect()
    }

    /// Adds their metrics.
    pub fn add_metrics(&self, snapshot: &mut Snapshot) {
        self.states().iter().for_each(|(name, state)| status::add_metrics(snapshot, name, state));
    }

    /// Whether they go on; `None`: there are none.
    pub fn health(&self, now_ms: u64) -> Option<Finding> {
        let states = self.states();
        (!states.is_empty()).then(|| status::health(&states, now_ms))
    }
}
