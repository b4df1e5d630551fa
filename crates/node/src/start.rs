//! How the parts of a node are made and started, one function each; `node.rs` says in which order.

use std::io;
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;

use config::Config;
use dns::NameHasher;
use dnssec::tsig::KeyRing;
use server::settings::Settings;
use telemetry::health::Board;
use telemetry::{Collector, QueryLog};
use tokio::runtime::{Builder, Handle, Runtime};
use zone::{Published, ZoneTable};

use crate::backups::Backups;
use crate::cluster::{Watched, problems_on};
use crate::data_dir::DurableError;
use crate::durable::Durable;
use crate::files;
use crate::handle::NodeHandle;
use crate::housekeeping::{Housekeeping, Retention};
use crate::inbound::ControlPlane;
use crate::listeners::Workers;
use crate::lists;
use crate::lookups::Lookups;
use crate::monitor::Monitor;
use crate::policy::{self, Policing};
use crate::presigned::{self, Watch};
use crate::query_log;
use crate::scheduler;
use crate::signing::{self, Configured, Signing};
use crate::sources::Sources;

pub fn start_runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).thread_name("async").enable_all().build()
}

/// What answers updates, notifications and transfers.
pub fn control_plane(durable: &Durable, zones: &Arc<Published<ZoneTable>>, runtime: &Handle) -> ControlPlane {
    ControlPlane {
        zones: zones.clone(),
        catalogue: durable.catalogue.clone(),
        recent: durable.recent.clone(),
        scheduler: durable.scheduler.clone(),
        committer: durable.committer.clone(),
        history: durable.history.clone(),
        forwards: Arc::default(),
        runtime: runtime.clone(),
    }
}

/// What is done now and then.
pub fn start_housekeeping(
    config: &Config,
    durable: &Durable,
    (settings, zones): (&Arc<Published<Settings>>, &Arc<Published<ZoneTable>>),
    retention: &Retention,
    runtime: &Handle,
) {
    let housekeeping = Housekeeping {
        zones: zones.clone(),
        settings: settings.clone(),
        history: durable.history.clone(),
        retention: retention.clone(),
        backups: Backups::new(config.data_dir.clone(), config.journal.file.clone()),
        cluster: durable.cluster.clone(),
        position: durable.position.subscribe(),
        runtime: runtime.clone(),
    };
    housekeeping.start(&durable.scheduler);
}

/// The query log, which says now and then what it lost.
pub fn start_query_log(config: &Config, durable: &Durable, collector: &Arc<Collector>) -> io::Result<Arc<QueryLog>> {
    let log = Arc::new(QueryLog::new(collector.clone()));
    log.set(query_log::settings(config))?;
    let reported = log.clone();
    durable.scheduler.every(query_log::REPORT_INTERVAL, move || reported.report());
    Ok(log)
}

/// What is blocked, and for whom: made anew when what was set by API changes, or a zone does.
pub fn start_policing(
    config: &Config,
    durable: &Durable,
    (settings, zones): (&Arc<Published<Settings>>, &Arc<Published<ZoneTable>>),
    lookups: &Lookups,
    (runtime, give_back): (&Handle, fn()),
) -> io::Result<Arc<Policing>> {
    let lookup = lists::own_resolver(lookups.clone(), runtime.clone());
    let parts = policy::Parts { settings, zones, documents: &durable.settings, lookup, give_back };
    let policing = Policing::start(&config.data_dir, parts)?;
    let told = Arc::downgrade(&policing);
    durable.settings.observe(move |_| {
        told.upgrade().iter().for_each(|policing| policing.look());
    });
    let told = Arc::downgrade(&policing);
    let mut position = durable.position.subscribe();
    runtime.spawn(async move {
        while position.changed().await.is_ok() {
            let Some(policing) = told.upgrade() else { return };
            policing.zone_changed();
        }
    });
    Ok(policing)
}

/// What signs zones, and what validates those that others sign.
pub struct Signatures {
    pub signing: Arc<Signing>,
    pub watch: Arc<Watch>,
}

impl Signatures {
    /// Ends both threads.
    pub fn stop(&self) {
        self.signing.stop();
        self.watch.stop();
    }
}

/// What outlives a restart, and what has to do with signatures.
pub fn open_durable(
    config: &Config,
    hasher: NameHasher,
    zones: &Arc<Published<ZoneTable>>,
    scheduler: scheduler::Scheduler,
    (lookups, runtime): (&Lookups, &Runtime),
) -> Result<(Durable, Signatures), DurableError> {
    let signing = signing::configured(config);
    let durable = Durable::open_configured(config, hasher, zones, &signing, (scheduler, lookups))?;
    let signing = start_signing(&durable, zones, signing, (lookups, runtime.handle())).map_err(DurableError::Thread)?;
    let watch = start_watch(&durable, zones, runtime.handle()).map_err(DurableError::Thread)?;
    Ok((durable, Signatures { signing, watch }))
}

/// What signs zones: it looks when a zone changes, or what is known of keys.
fn start_signing(
    durable: &Durable,
    zones: &Arc<Published<ZoneTable>>,
    configured: Configured,
    (lookups, runtime): (&Lookups, &Handle),
) -> io::Result<Arc<Signing>> {
    let signing = Signing::start(signing::Parts {
        zones: zones.clone(),
        catalogue: durable.catalogue.clone(),
        settings: durable.settings.clone(),
        committer: durable.committer.clone(),
        signers: durable.signers.clone(),
        configured: RwLock::new(configured),
        lookups: lookups.clone(),
        scheduler: durable.scheduler.clone(),
        cluster: durable.cluster.clone(),
        left: signing::LeftToOthers::default(),
    })?;
    let told = Arc::downgrade(&signing);
    durable.settings.observe(move |state| told.upgrade().iter().for_each(|signing| signing.follow(state)));
    let told = Arc::downgrade(&signing);
    let mut position = durable.position.subscribe();
    runtime.spawn(async move {
        while position.changed().await.is_ok() {
            let Some(signing) = told.upgrade() else { return };
            signing.look();
        }
    });
    Ok(signing)
}

/// What validates zones that others sign: it looks when a zone changes.
fn start_watch(durable: &Durable, zones: &Arc<Published<ZoneTable>>, runtime: &Handle) -> io::Result<Arc<Watch>> {
    let watch = Watch::start(presigned::Parts {
        zones: zones.clone(),
        catalogue: durable.catalogue.clone(),
        committer: durable.committer.clone(),
        presigned: durable.presigned.clone(),
        withdraw: files::withdraw,
    })?;
    let told = Arc::downgrade(&watch);
    let mut position = durable.position.subscribe();
    runtime.spawn(async move {
        while position.changed().await.is_ok() {
            let Some(watch) = told.upgrade() else { return };
            watch.look();
        }
    });
    Ok(watch)
}

/// What metrics and health look at.
pub fn sources(
    config: &Config,
    durable: &Durable,
    zones: &Arc<Published<ZoneTable>>,
    (workers, lookups, collector, policing): (&Arc<Workers>, &Lookups, &Arc<Collector>, &Arc<Policing>),
    signatures: &Signatures,
) -> Sources {
    Sources {
        handle: NodeHandle::new(durable, zones, config.data_dir.clone(), config.journal.file.clone()),
        workers: workers.clone(),
        lookups: lookups.clone(),
        collector: collector.clone(),
        policing: policing.clone(),
        signing: signatures.signing.clone(),
        timings: durable.timings.clone(),
        cluster: durable.cluster.clone(),
        ingest: Arc::default(),
        telling: Arc::default(),
        board: Board::default(),
    }
}

/// Has the other servers of the cluster, if there is one, know how far this one is.
pub fn start_reporting(durable: &Durable, monitor: &Monitor, runtime: &Handle) {
    let Some(cluster) = &durable.cluster else { return };
    let monitor = monitor.clone();
    let watched = Watched {
        position: durable.position.subscribe(),
        access: durable.access.clone(),
        settings: durable.settings.clone(),
        inventory: cluster.inventory().clone(),
        problems: Arc::new(move || problems_on(monitor.health())),
    };
    cluster.report(watched, runtime);
}

pub fn start_scheduler(
    unstarted: scheduler::Unstarted,
    durable: &Durable,
    zones: &Arc<Published<ZoneTable>>,
    keys: Arc<dyn Fn() -> KeyRing + Send + Sync>,
    runtime: &Handle,
) -> io::Result<JoinHandle<()>> {
    let (follower, committer, presigned) = (&durable.follower, &durable.committer, &durable.presigned);
    unstarted.run(&scheduler::Parts { zones, keys, follower, committer, presigned, runtime })
}
