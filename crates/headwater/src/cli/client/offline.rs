//! The API without a server: over the data directory, in this process, while no server has it. Zones are changed
//! through the same journal, committer and checks as by the server; only nobody listens.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use anyhow::Context;
use api::web;
use axum::Router;
use config::Config;
use dns::NameHasher;
use node::durable::Durable;
use node::files;
use node::history::QueryHistory;
use node::lookups::Lookups;
use node::schedule::SystemTimeSource;
use node::scheduler::{Scheduler, Unstarted};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use zone::{Published, ZoneTable};

use crate::control;

/// A data directory, opened. What was changed is in the store when it is dropped.
pub struct Offline {
    router: Router,
    stopping: watch::Sender<bool>,
    runtime: Runtime,
    /// Gone once it is stopped.
    durable: Option<Durable>,
    /// Timed work waits here; nobody does it.
    _unstarted: Unstarted,
}

impl Offline {
    /// Opens the data directory of a server that does not run.
    ///
    /// # Errors
    /// What keeps it from being opened, a running server among it.
    pub fn open(config: &Config) -> anyhow::Result<Offline> {
        let hasher = NameHasher::new(getrandom::u64()?);
        let zones = Published::new(ZoneTable::new(hasher, Vec::new()));
        let (scheduler, unstarted) = Scheduler::new(Arc::new(SystemTimeSource));
        let signing = node::signing::configured(config);
        let durable = Durable::open_configured(config, hasher, &zones, &signing, (scheduler, &Lookups::default()))?;
        // The server that runs next signs what has changed in files.
        files::reload(&durable.catalogue, &durable.presigned, &[], &zones, |_, _, _| {}, |_, _| {});
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("async")
            .enable_all()
            .build()
            .context("thread")?;
        let lookups = Lookups::new(zones.clone());
        let app = Arc::new(web::app(&durable, &zones, lookups, QueryHistory::default(), config)?);
        let stopping = watch::Sender::new(false);
        Ok(Offline { router: control::local(app), stopping, runtime, durable: Some(durable), _unstarted: unstarted })
    }

    /// A connection to the API.
    ///
    /// # Errors
    /// The system's.
    pub fn connect(&self) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        theirs.set_nonblocking(true)?;
        let _inside = self.runtime.enter();
        let theirs = tokio::net::UnixStream::from_std(theirs)?;
        self.runtime.spawn(control::converse(theirs, self.router.clone(), self.stopping.subscribe()));
        Ok(ours)
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        self.stopping.send_replace(true);
        if let Some(durable) = self.durable.take() {
            durable.stop();
        }
    }
}
