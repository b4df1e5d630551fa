//! Topics of others whose records are taken over into zones that are there, by the corridor of all changes. Each has a thread
//! ([`worker`]), an actor of its own whose rights `authorise` decides, and a place in each partition ([`places`]).

mod entry;
mod places;
mod status;
mod worker;

use std::io;
use std::path::Path;
use std::sync::Arc;

use access::{Grant, Principal, Verb};
use config::Config;
use telemetry::health::Finding;
use telemetry::metrics::Snapshot;

use crate::brokers::brokers;
use crate::commit::Committer;
use crate::crew::{Crew, Member};
use crate::handle::NodeHandle;
use crate::persist::Stop;
use status::{State, Status};
use worker::Worker;

/// The directory in the data directory with the places of streams.
const DIRECTORY: &str = "ingest";

/// The streams that are taken over.
#[derive(Default)]
pub struct Ingest {
    crew: Crew<config::Ingest, Status>,
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

/// Begins to take a stream over.
fn start(
    configured: &config::Ingest,
    config: &Config,
    parts: (&Committer, &NodeHandle),
    directory: &Path,
) -> io::Result<Member<config::Ingest, Status>> {
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
    Member::start((configured.clone(), status), stop, "ingest", move || {
        server::priority::patient();
        worker.run();
    })
}

impl Ingest {
    /// Takes over the streams of a configuration; those that are as they were go on.
    ///
    /// # Errors
    /// A thread that cannot be started, a directory that cannot be made.
    pub fn configure(&self, config: &Config, committer: &Committer, handle: &NodeHandle) -> io::Result<()> {
        let directory = config.data_dir.join(DIRECTORY);
        self.crew.configure(&config.ingest, &directory, |configured| {
            start(configured, config, (committer, handle), &directory)
        })
    }

    /// Ends them.
    pub fn stop(&self) {
        self.crew.stop();
    }

    fn states(&self) -> Vec<(String, State)> {
        self.crew.each(|configured, status| (configured.name.clone(), status.state().clone()))
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
