//! The API without a server: over the data directory, in this process, while no server has it. Zones are changed
//! through the same journal, committer and checks as by the server; only nobody listens.

use std::io;
use std::os::unix::net::UnixStream;

use anyhow::Context;
use axum::Router;
use dns::NameHasher;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use zone::{Published, ZoneTable};

use crate::config::Config;
use crate::control;
use crate::durable::Durable;
use crate::files::FileZones;
use crate::lookups::Lookups;
use crate::secondary::{Secondaries, Waiting};
use crate::web;

/// A data directory, opened. What was changed is in the store when it is dropped.
pub struct Offline {
    router: Router,
    stopping: watch::Sender<bool>,
    runtime: Runtime,
    /// Gone once it is stopped.
    durable: Option<Durable>,
    /// Takes what concerns secondaries; nobody does it.
    _waiting: Waiting,
}

impl Offline {
    /// Opens the data directory of a server that does not run.
    ///
    /// # Errors
    /// What keeps it from being opened, a running server among it.
    pub fn open(config: &Config) -> anyhow::Result<Offline> {
        let hasher = NameHasher::new(getrandom::u64()?);
        let zones = Published::new(ZoneTable::new(hasher, Vec::new()));
        let (secondaries, waiting) = Secondaries::new();
        let durable = Durable::open(&config.data_dir, hasher, &zones, &config.zones, secondaries)?;
        FileZones::default().reload(&config.zones, &zones, |_, _, _| {});
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("async")
            .enable_all()
            .build()
            .context("thread")?;
        let app = web::app(&durable, &zones, Lookups::new(zones.clone()), config)?;
        let stopping = watch::Sender::new(false);
        Ok(Offline { router: control::local(app), stopping, runtime, durable: Some(durable), _waiting: waiting })
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
