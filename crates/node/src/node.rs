//! A running server: its zones, its sockets, its journal, and how a reload changes them.

use std::io;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use access::{AccessError, OpenKey};
use alerts::Alerting;
use config::{Config, Listen, TsigKey, ZoneSource};
use dns::{NameBuf, NameHasher};
use dnssec::tsig::{Key, KeyRing};
use resolver::cache::ChangedNames;
use server::policy::cookie::Secrets;
use server::settings::Settings;
use telemetry::{Collector, QueryLog};
use zone::{Action, ChangeSet, Contents, Published, RecordList, ZoneChange, ZoneTable};

use crate::anomalies::Anomalies;
use crate::configured::{as_configured, from_file};
use crate::data_dir::DurableError;
use crate::durable::Durable;
use crate::files::{self, ReloadReport};
use crate::handle::NodeHandle;
use crate::history::{QueryHistory, Recording};
use crate::housekeeping::{Retention, random_secret};
use crate::ingest::Ingest;
use crate::list_hits::ListHits;
use crate::listeners::{self, Change, ListenError, Listeners, Sockets, Workers};
use crate::live::Live;
use crate::lookups::Lookups;
use crate::monitor::{self, Monitor};
use crate::policy::Policing;
use crate::read_only::MaintainedIn;
use crate::readers::Readers;
use crate::recursion::{self, Recursor, ResolverError};
use crate::schedule::SystemTimeSource;
use crate::scheduler::Scheduler;
use crate::seen_clients::SeenClients;
use crate::signing::{self, Signing};
use crate::start::Signatures;
use crate::telling::Telling;
use crate::{alerting, query_log, start};

/// How long a server that starts waits for its lists before it answers.
const LISTS_TIMEOUT: Duration = Duration::from_secs(10);
/// Zones of the journal that are made before the first outcome is waited for.
const ZONES_AT_ONCE: usize = 1024;

/// Why a server cannot run as configured.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The resolver cannot be started.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// A thread cannot be started.
    #[error("thread: {0}")]
    Thread(io::Error),
    /// The data directory cannot be used.
    #[error(transparent)]
    Durable(#[from] DurableError),
}

/// The TSIG keys of the configuration and those made through the API.
#[derive(Default)]
struct Keys {
    configured: Vec<TsigKey>,
    ring: KeyRing,
}

/// A running server.
pub struct Node {
    zones: Arc<Published<ZoneTable>>,
    settings: Arc<Published<Settings>>,
    workers: Arc<Workers>,
    listeners: Listeners,
    recursor: Recursor,
    lookups: Lookups,
    keys: Arc<RwLock<Keys>>,
    durable: Durable,
    runtime: tokio::runtime::Runtime,
    collector: Arc<Collector>,
    query_log: Arc<QueryLog>,
    live: Arc<Live>,
    scheduler: JoinHandle<()>,
    retention: Retention,
    monitor: Monitor,
    alerting: Alerting,
    /// `None` until all is there that is looked at.
    monitoring: Option<monitor::Running>,
    recording: Recording,
    policing: Arc<Policing>,
    readers: Readers,
    signatures: Signatures,
    ingest: Arc<Ingest>,
    telling: Arc<Telling>,
    give_back: fn(),
}

impl Node {
    /// Opens the sockets that the configuration names; opening them may need privileges that the process gives up
    /// before it starts the node.
    ///
    /// # Errors
    /// The first socket that cannot be opened.
    pub fn open_sockets(config: &Config) -> Result<Vec<(Listen, Sockets)>, ListenError> {
        listeners::open(&config.server.listen, (&config.server).into(), |_| false)
    }

    /// Loads the zones and starts to answer on `sockets`. `give_back` returns free memory to the system: it is called
    /// when zones have been read, which takes many times the memory that they keep.
    ///
    /// # Errors
    /// A data directory that cannot be used; threads or random numbers that the system does not give. A zone file that
    /// cannot be loaded is logged, and its zone answers SERVFAIL.
    pub fn start(config: &Config, sockets: Vec<(Listen, Sockets)>, give_back: fn()) -> Result<Node, NodeError> {
        let hasher = NameHasher::new(getrandom::u64()?);
        let runtime = start::start_runtime(config.server.workers).map_err(NodeError::Thread)?;
        let zones = Published::new(ZoneTable::new(hasher, Vec::new()));
        let cookies = Some(Secrets::new(random_secret()?));
        let settings = Published::new(Settings { cookies, ..settings(config) });
        let (scheduler, unstarted) = Scheduler::new(Arc::new(SystemTimeSource));
        let lookups = Lookups::new(zones.clone());
        let (durable, signatures) = start::open_durable(config, hasher, &zones, scheduler, (&lookups, &runtime))?;
        let keys = Arc::new(RwLock::new(Keys::default()));
        let retention = Retention::new(Mutex::new(config.journal.clone()));
        let scheduler = start::start_scheduler(unstarted, &durable, &zones, ring_of(&keys), runtime.handle())
            .map_err(NodeError::Thread)?;
        start::start_housekeeping(config, &durable, (&settings, &zones), &retention, runtime.handle());
        let workers = Arc::new(Workers::new(zones.clone(), settings.clone()));
        workers.set_limits(&config.server.tcp);
        workers.set_control(Arc::new(start::control_plane(&durable, &zones, runtime.handle())));
        let (all_keys, published) = (keys.clone(), settings.clone());
        durable.access.observe_keys(move |made| refresh_keys(&all_keys, made, &published));
        let collector = Arc::new(Collector::start(workers.recorders().clone()).map_err(NodeError::Thread)?);
        let query_log = start::start_query_log(config, &durable, &collector).map_err(NodeError::Thread)?;
        let live = Live::start(config, &workers, &collector).map_err(NodeError::Thread)?;
        let mut recording = Recording::default();
        recording.configure(config, &collector);
        let parts = recursion::Parts { zones: &zones, workers: &workers, runtime: runtime.handle() };
        let recursor = Recursor::start(config, &parts)?;
        settings.update(|settings| Settings { recursion: recursor.settings(config), ..settings.clone() });
        lookups.set(recursor.lookup());
        let policing =
            start::start_policing(config, &durable, (&settings, &zones), &lookups, (runtime.handle(), give_back))
                .map_err(NodeError::Thread)?;
        collector.set_naming(Some(policing.naming()));
        let watched = (&workers, &lookups, &collector, &policing);
        let sources = start::sources(config, &durable, &zones, watched, &signatures);
        let (ingest, telling) = (sources.ingest.clone(), sources.telling.clone());
        let monitor = Monitor::new(sources, config, runtime.handle());
        let watched = (&workers, &policing, &collector, &monitor);
        let readers = Readers::start(config, &durable, watched, runtime.handle()).map_err(NodeError::Thread)?;
        let alerting = alerting::start(config, &monitor, &durable.settings).map_err(NodeError::Thread)?;
        let mut node = Node {
            zones,
            settings,
            workers,
            listeners: Listeners::default(),
            recursor,
            lookups,
            keys,
            durable,
            runtime,
            collector,
            query_log,
            live,
            scheduler,
            retention,
            monitor,
            alerting,
            monitoring: None,
            recording,
            policing,
            readers,
            signatures,
            ingest,
            telling,
            give_back,
        };
        node.begin(config, sockets)?;
        Ok(node)
    }

    /// Loads the zones, then begins to answer, and to tell others of what it does.
    fn begin(&mut self, config: &Config, sockets: Vec<(Listen, Sockets)>) -> Result<(), NodeError> {
        self.set_keys(&config.tsig_keys);
        self.reload_zones(config, &[]);
        self.policing.configure(config);
        self.policing.settle(LISTS_TIMEOUT);
        self.listeners = Listeners::start(sockets, (&config.server).into(), &self.workers)?;
        self.monitoring = Some(self.monitor.start().map_err(NodeError::Thread)?);
        start::start_reporting(&self.durable, &self.monitor, self.runtime.handle());
        self.take_streams(config)
    }

    /// Opens the sockets that a new configuration names and that are not open yet. Nothing has changed before
    /// [`Node::reload`].
    ///
    /// # Errors
    /// The first socket that cannot be opened.
    pub fn open_new_sockets(&self, config: &Config) -> Result<Change, ListenError> {
        self.listeners.change(&config.server.listen, (&config.server).into())
    }

    /// Takes over a new configuration whose new sockets are open: reads the zones that changed, closes the sockets
    /// that are gone.
    ///
    /// # Errors
    /// Threads or random numbers that the system does not give.
    pub fn reload(&mut self, config: &Config, change: Change) -> Result<ReloadReport, NodeError> {
        let parts = recursion::Parts { zones: &self.zones, workers: &self.workers, runtime: self.runtime.handle() };
        let recursor = self.recursor.change(config, &parts)?;
        let retired = recursor.map(|recursor| std::mem::replace(&mut self.recursor, recursor));
        let recursion = self.recursor.settings(config);
        // What others set, at any time, stays as it is.
        self.settings.update(|now| Settings {
            recursion,
            cookies: now.cookies.clone(),
            keys: now.keys.clone(),
            rules: now.rules.clone(),
            limits: now.limits.clone(),
            ..settings(config)
        });
        self.workers.set_limits(&config.server.tcp);
        // Workers hand questions to the new threads from now on.
        self.lookups.set(self.recursor.lookup());
        if let Some(retired) = retired {
            self.recursor.succeed(retired);
        }
        *self.retention.lock().unwrap_or_else(PoisonError::into_inner) = config.journal.clone();
        self.set_keys(&config.tsig_keys);
        self.signatures.signing.configure(signing::configured(config));
        let changed = self.durable.catalogue.configure(&config.zones);
        let report = self.reload_zones(config, &changed.not_from_files);
        self.durable.committer.touch(changed.touched);
        self.signatures.watch.look();
        change.finish(&mut self.listeners, &self.workers)?;
        self.query_log.set(query_log::settings(config)).map_err(NodeError::Thread)?;
        self.query_log.reopen();
        self.live.configure(config);
        self.monitor.configure(config);
        self.alerting.configure(config.alerts.clone());
        self.monitoring.iter().for_each(monitor::Running::look);
        self.recording.configure(config, &self.collector);
        self.policing.configure(config);
        self.readers.configure(config).map_err(NodeError::Thread)?;
        self.take_streams(config)?;
        Ok(report)
    }

    /// Takes over the records of the topics that are configured, and tells others of changes.
    fn take_streams(&self, config: &Config) -> Result<(), NodeError> {
        let handle = NodeHandle::new(&self.durable, &self.zones, config.data_dir.clone(), config.journal.file.clone());
        self.telling.configure(config, &handle).map_err(NodeError::Thread)?;
        self.ingest.configure(config, &self.durable.committer, &handle).map_err(NodeError::Thread)
    }

    /// Reads the zone files that changed, and makes the zones of the journal that are configured and not there.
    fn reload_zones(&self, config: &Config, not_from_files: &[NameBuf]) -> ReloadReport {
        let Durable { catalogue, presigned, recent, scheduler, .. } = &self.durable;
        let mut changed = Vec::new();
        let report = files::reload(
            catalogue,
            presigned,
            not_from_files,
            &self.zones,
            |source, before, after| {
                if let Some(before) = before {
                    recent.add(&[file_change(source, before, after)]);
                }
                changed.push(source.name.clone());
            },
            |source, contents| self.take_from_file(source, contents),
        );
        // Before anybody takes that memory, uses a part of it and keeps it all.
        (self.give_back)();
        let mut learned = ChangedNames::default();
        changed.iter().chain(not_from_files).for_each(|zone| learned.add_subtree(zone));
        self.lookups.forget(&learned);
        scheduler.zones_changed(catalogue.followed(&changed));
        self.make_zones(config);
        report
    }

    /// Creates journal zones that the configuration names but the journal lacks, and applies its settings to the
    /// others. Submits many before it waits for the first outcome, so that they share appends.
    fn make_zones(&self, config: &Config) {
        let in_journal =
            |source: &&Arc<ZoneSource>| self.durable.catalogue.maintained_in(&source.name) != MaintainedIn::File;
        let named: Vec<&Arc<ZoneSource>> = config.zones.iter().filter(in_journal).collect();
        for group in named.chunks(ZONES_AT_ONCE) {
            let (outcome, outcomes) = channel();
            for source in group {
                let (outcome, zone) = (outcome.clone(), source.name.clone());
                let request = as_configured(source, &config.server.name);
                self.durable.committer.submit(request, move |made| drop(outcome.send((zone, made))));
            }
            drop(outcome);
            for (zone, made) in outcomes {
                if let Err(error) = made {
                    tracing::error!(%zone, %error, "the zone cannot be created or changed as the configuration says");
                }
            }
        }
    }

    /// Brings the records of a zone file into the journal, where the zone is signed.
    fn take_from_file(&self, source: &ZoneSource, contents: &Contents) {
        let request = from_file(source, contents);
        if let Err(error) = self.durable.committer.commit_blocking(request) {
            tracing::error!(zone = %source.name, %error, "the records of the zone file are not taken over");
        }
    }

    /// Has messages verified with the keys of the configuration and those made through the API.
    fn set_keys(&self, configured: &[TsigKey]) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).configured = configured.to_vec();
        let access = &self.durable.access;
        refresh_keys(&self.keys, access.open_keys(&access.state()), &self.settings);
    }

    /// The counters as text, one a line, summed over all workers.
    pub fn stats_report(&self) -> String {
        let zones = self.zones.latest();
        let contents = || zones.zones().filter_map(|zone| zone.contents.as_ref());
        let records: u64 = contents().map(Contents::record_count).sum();
        let findings: usize = contents().map(|contents| contents.findings().len()).sum();
        let found_in = contents().filter(|contents| !contents.findings().is_empty()).count();
        let zones =
            format!("zones {}\nrecords {records}\nfindings {findings}\nzones_with_findings {found_in}", zones.len());
        format!("{zones}\n{}", self.workers.totals().report())
    }

    /// Queries that were answered so far.
    pub fn responses(&self) -> u64 {
        self.workers.responses()
    }

    /// How many zones are served, and how many of them have no contents.
    pub fn zone_counts(&self) -> (usize, usize) {
        let zones = self.zones.latest();
        (zones.len(), zones.zones().filter(|zone| zone.contents.is_none()).count())
    }

    /// The zones as they are served.
    pub fn zones(&self) -> &Arc<Published<ZoneTable>> {
        &self.zones
    }

    /// The resolver as others than workers see it.
    pub fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// Whoever wants to see what is answered is told here.
    pub fn collector(&self) -> &Arc<Collector> {
        &self.collector
    }

    /// The query log.
    pub fn query_log(&self) -> &Arc<QueryLog> {
        &self.query_log
    }

    /// What is seen of it as it answers.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Metrics and health.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Who is told when something is wrong.
    pub fn alerting(&self) -> &Alerting {
        &self.alerting
    }

    /// What is blocked, and for whom.
    pub fn policing(&self) -> &Arc<Policing> {
        &self.policing
    }

    /// What signs zones.
    pub fn signing(&self) -> &Arc<Signing> {
        &self.signatures.signing
    }

    /// What is unusual in what is asked.
    pub fn anomalies(&self) -> &Arc<Anomalies> {
        &self.readers.anomalies
    }

    /// Who asks, since when.
    pub fn seen_clients(&self) -> &Arc<SeenClients> {
        &self.readers.seen_clients
    }

    /// How often each list blocked.
    pub fn list_hits(&self) -> &Arc<ListHits> {
        &self.readers.list_hits
    }

    /// The history of queries.
    pub fn queries(&self) -> &QueryHistory {
        self.recording.shown()
    }

    /// What outlives a restart.
    pub fn durable(&self) -> &Durable {
        &self.durable
    }

    /// Where tasks run.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Answers what has come in, makes the changes that wait, then stops.
    pub fn stop(mut self) {
        if let Some(cluster) = &self.durable.cluster {
            cluster.stop(self.runtime.handle());
        }
        self.ingest.stop();
        self.telling.stop();
        self.alerting.stop();
        if let Some(monitoring) = self.monitoring.take() {
            monitoring.stop();
        }
        self.listeners.stop();
        self.policing.stop();
        self.recursor.stop();
        self.collector.stop();
        self.query_log.stop();
        self.live.stop();
        self.readers.stop(&self.workers, &self.policing);
        self.recording.stop();
        self.signatures.stop();
        self.durable.stop();
        if self.scheduler.join().is_err() {
            tracing::error!("the scheduler panicked; this is a bug of the server");
        }
        self.runtime.shutdown_background();
    }
}

/// Gives the keys that there are when it is called.
fn ring_of(keys: &Arc<RwLock<Keys>>) -> Arc<dyn Fn() -> KeyRing + Send + Sync> {
    let keys = keys.clone();
    Arc::new(move || keys.read().unwrap_or_else(PoisonError::into_inner).ring.clone())
}

/// Publishes the keys that there are now.
fn refresh_keys(keys: &RwLock<Keys>, made: Result<Vec<OpenKey>, AccessError>, settings: &Published<Settings>) {
    let made = made.unwrap_or_else(|error| {
        tracing::error!(%error, "TSIG keys cannot be opened");
        Vec::new()
    });
    let made = made.into_iter().filter_map(|key| Some(Key::new(key.name, key.algorithm.parse().ok()?, &key.secret)));
    let mut keys = keys.write().unwrap_or_else(PoisonError::into_inner);
    // The configuration wins: it comes last.
    let configured = keys.configured.iter().map(|key| Key::new(key.name.clone(), key.algorithm, key.secret.octets()));
    let ring = KeyRing::new(made.chain(configured));
    keys.ring = ring.clone();
    settings.update(|settings| Settings { keys: ring, ..settings.clone() });
}

/// What a reload changed in a zone from a file, as transfers need it. Without a later serial there is no difference
/// to send: what was known of the zone's changes is forgotten.
fn file_change(source: &ZoneSource, before: &Contents, after: &Contents) -> journal::Accepted {
    let serial = |contents: &Contents| contents.soa().map_or(0, |soa| soa.serial);
    let (from, to) = (serial(before), serial(after));
    let wanted = source.lists.policy.as_ref().is_some_and(|policy| !policy.allow_transfer.is_empty());
    let action = if wanted && dns::serial::is_later(to, from) {
        Action::Edit(zone::diff::diff(before, after))
    } else {
        Action::Replace { before: RecordList::default(), after: RecordList::default() }
    };
    let change = ZoneChange {
        zone: source.name.clone().into(),
        base: None,
        from: Some(from),
        to: Some(to),
        primary_serial: None,
        action,
    };
    let change = Arc::new(ChangeSet { zones: vec![change], ..ChangeSet::default() });
    journal::Accepted { first: 0, offset: 0, change }
}

/// The data plane's settings for a configuration; the keys come separately.
fn settings(config: &Config) -> Settings {
    let identity = || nix::unistd::gethostname().ok()?.into_string().ok();
    Settings {
        version: config.server.chaos.then(|| concat!("headwater ", env!("CARGO_PKG_VERSION")).to_owned()),
        server_id: if config.server.chaos { identity() } else { None },
        nsid: config.server.nsid.clone(),
        udp_size: config.server.edns_udp_size,
        tcp_idle: config.server.tcp.idle,
        minimal_responses: config.server.minimal_responses,
        cookies: None,
        recursion: None,
        limits: None,
        rules: None,
        keys: KeyRing::default(),
    }
}
