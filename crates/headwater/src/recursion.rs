//! The resolver of a node: its threads and its cache, as configured.
//!
//! [`crate::node`] starts it, tells workers of it, and changes it with a reload.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use resolver::anchors::Anchors;
use resolver::cache::{Cache, CacheSettings, TtlOverride};
use resolver::resolve::Shared;
use resolver::terms::{Changes, Terms};
use server::clock::Clock;
use server::recursion::{self, Running, ThreadSettings};
use tokio::task::JoinHandle;
use zone::{Published, ZoneTable};

use crate::clock::now_ms;
use crate::config::{self, Config};
use crate::listeners::Workers;
use crate::lookups::Lookup;
use crate::node::NodeError;
use crate::trust;

/// Where the cache is kept over a restart, in the data directory.
const CACHE_FILE: &str = "cache.bin";
/// Entries that are looked at in one turn of the search for expired ones.
const SWEEP_BUDGET: usize = 100_000;
/// How often the cache is kept while the server runs.
const SAVE_INTERVAL: Duration = Duration::from_secs(900);

/// The resolver of a node; it may be switched off.
pub struct Recursor {
    started: Option<Started>,
}

struct Started {
    running: Running,
    shared: Arc<Shared>,
    /// Tasks that go on beside the threads.
    tasks: Vec<JoinHandle<()>>,
    /// What it was made of.
    made_of: Made,
    /// What is learned holds under these.
    terms: Arc<Terms>,
    clock: Clock,
    file: Option<PathBuf>,
}

/// The parts of a configuration that a resolver depends on.
#[derive(Clone, PartialEq)]
struct Made {
    resolver: config::Resolver,
    cache: config::Cache,
    threads: usize,
}

impl Made {
    fn of(config: &Config) -> Made {
        Made { resolver: config.resolver.clone(), cache: config.cache.clone(), threads: config.server.workers }
    }
}

/// What a node has that a resolver needs.
pub struct Parts<'a> {
    /// Our own zones.
    pub zones: &'a Arc<Published<ZoneTable>>,
    /// Where counters are kept.
    pub workers: &'a Workers,
    /// Where tasks run.
    pub runtime: &'a tokio::runtime::Handle,
}

impl Recursor {
    /// Starts the threads, if recursion is configured; a cache that was kept is read before.
    ///
    /// # Errors
    /// Threads or random numbers that the system does not give.
    pub fn start(config: &Config, parts: &Parts<'_>) -> Result<Recursor, NodeError> {
        let started = config.resolver.enabled.then(|| Started::new(config, parts, None)).transpose()?;
        if let Some(started) = &started {
            started.load();
        }
        Ok(Recursor { started })
    }

    /// What workers have to know of it.
    pub fn settings(&self, config: &Config) -> Option<recursion::Recursion> {
        let started = self.started.as_ref()?;
        Some(recursion::Recursion {
            allowed: config.security.allowed_networks.clone(),
            threads: started.running.threads().clone(),
            cache: Some(started.shared.cache.clone()),
            dns64: started.shared.settings.dns64.is_some(),
            rebinding: started.shared.settings.rebinding.is_some(),
        })
    }

    /// The resolver for others than workers, if there is one.
    pub fn lookup(&self) -> Option<Lookup> {
        self.started.as_ref().map(Started::lookup)
    }

    /// The resolver for a new configuration, which runs beside this one until [`Recursor::finish`]; `None`: this one
    /// fits. The cache goes on if its settings stay.
    ///
    /// # Errors
    /// Threads or random numbers that the system does not give.
    pub fn change(&self, config: &Config, parts: &Parts<'_>) -> Result<Option<Recursor>, NodeError> {
        let wanted = config.resolver.enabled.then(|| Made::of(config));
        let current = self.started.as_ref();
        if wanted.as_ref() == current.map(|started| &started.made_of) {
            return Ok(None);
        }
        let started = match wanted {
            Some(_) => Some(Started::new(config, parts, current)?),
            None => None,
        };
        Ok(Some(Recursor { started }))
    }

    /// Takes the place of `before`, whose resolutions under way end. What the cache has from it, and may not hold any
    /// longer, is taken out: it was learned from others, or validated otherwise.
    pub fn succeed(&self, before: Recursor) {
        let changes = match (&before.started, &self.started) {
            (Some(before), Some(now)) => before.terms.changes_to(&now.terms),
            _ => Changes::default(),
        };
        let flush = || self.started.as_ref().map_or(0, |now| now.shared.cache.flush_changed(&changes));
        let mut entries = flush();
        before.finish();
        // Also what those that just ended have put in.
        entries += flush();
        if entries > 0 {
            tracing::info!(entries, "what the cache had of names that are resolved otherwise now is taken out");
        }
    }

    /// Lets resolutions under way end.
    fn finish(self) {
        if let Some(started) = self.started {
            started.tasks.iter().for_each(JoinHandle::abort);
            started.running.stop();
        }
    }

    /// The same at the end of the server: the cache is kept if it is configured.
    pub fn stop(self) {
        if let Some(started) = &self.started {
            started.save();
        }
        self.finish();
    }
}

impl Started {
    fn new(config: &Config, parts: &Parts<'_>, before: Option<&Started>) -> Result<Started, NodeError> {
        let made_of = Made::of(config);
        let default_ttl_s = config.cache.default_ttl;
        let settings = resolver::Settings { default_ttl_s, ..(*config.resolver.settings).clone() };
        let terms = Arc::new(Terms::new(&settings, &anchors(&config.resolver)));
        let seed = getrandom::u64()?;
        let port = settings.upstream_port;
        let configured = anchors(&config.resolver);
        let shared = match before.filter(|before| before.made_of.cache == made_of.cache) {
            Some(before) => before.shared.with_settings(settings, configured.clone(), seed),
            None => {
                let hasher = parts.zones.latest().hasher();
                Shared::new(settings, cache_settings(&config.cache), configured.clone(), hasher, seed)
            }
        };
        let clock = match config.cache.clock {
            config::Clock::Monotonic => Clock::Monotonic,
            config::Clock::Wall => Clock::Wall,
        };
        let (sources, authorities) =
            (config.resolver.outgoing_addresses.clone(), config.resolver.tls_authorities.clone());
        let threads = ThreadSettings { clock, sources, port, authorities };
        let stats = parts.workers.resolver_stats(made_of.threads);
        let running = recursion::start(threads, parts.zones, stats, recursion::resolver(shared.clone()));
        let running = running.map_err(NodeError::Thread)?;
        let file = config.cache.persist.then(|| config.data_dir.join(CACHE_FILE));
        let mut started = Started { running, shared, tasks: Vec::new(), made_of, terms, clock, file };
        started.tasks.push(parts.runtime.spawn(sweep(started.shared.cache.clone(), clock, &config.cache)));
        started.tasks.extend(started.file.clone().map(|file| {
            let saver = started.saver(file);
            parts.runtime.spawn(saver.run())
        }));
        let keeper = trust::Keeper {
            lookup: started.lookup(),
            configured,
            file: config.resolver.trust_anchor_update.then(|| config.data_dir.join(trust::FILE)),
            signalling: config.resolver.trust_anchor_signalling,
        };
        if config.resolver.settings.validate {
            started.tasks.extend(keeper.start(parts.runtime));
        }
        Ok(started)
    }

    fn lookup(&self) -> Lookup {
        Lookup { shared: self.shared.clone(), resolver: self.running.threads().clone(), clock: self.clock }
    }

    /// Reads the cache that another run kept; a file that is damaged is as good as none.
    fn load(&self) {
        let Some(path) = &self.file else { return };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                return tracing::warn!(path = %path.display(), %error, "the cache that was kept cannot be read");
            }
        };
        match self.shared.cache.load(self.clock.now_ms(), now_ms(), &self.terms, &mut BufReader::new(file)) {
            Ok(entries) => tracing::info!(entries, "the cache goes on where it stopped"),
            Err(error) => tracing::warn!(path = %path.display(), %error, "the cache that was kept is not used"),
        }
    }

    fn save(&self) {
        if let Some(file) = self.file.clone() {
            self.saver(file).save();
        }
    }

    fn saver(&self, file: PathBuf) -> Saver {
        Saver { cache: self.shared.cache.clone(), terms: self.terms.clone(), clock: self.clock, file }
    }
}

/// Takes out what has expired, now and then.
fn sweep(cache: Arc<Cache>, clock: Clock, config: &config::Cache) -> impl Future<Output = ()> + use<> {
    let interval = Duration::from_secs(config.sweep_interval_s.max(1).into());
    async move {
        loop {
            tokio::time::sleep(interval).await;
            let removed = cache.sweep(clock.now_ms(), SWEEP_BUDGET);
            tracing::debug!(removed, "expired entries of the cache");
        }
    }
}

/// Keeps the cache in a file.
struct Saver {
    cache: Arc<Cache>,
    terms: Arc<Terms>,
    clock: Clock,
    file: PathBuf,
}

impl Saver {
    /// Now and then, so that a server that is killed does not begin with nothing.
    async fn run(self) {
        let saver = Arc::new(self);
        loop {
            tokio::time::sleep(SAVE_INTERVAL).await;
            let saver = saver.clone();
            // Aborting the task does not stop this; the file gets its name only when it is whole.
            if tokio::task::spawn_blocking(move || saver.save()).await.is_err() {
                tracing::error!("the cache is not kept: a panic, which is a bug of the server");
            }
        }
    }

    fn save(&self) {
        let path = self.file.display();
        match self.try_save() {
            Ok(entries) => tracing::info!(entries, "the cache is kept"),
            Err(error) => tracing::warn!(%path, %error, "the cache cannot be kept"),
        }
    }

    fn try_save(&self) -> io::Result<u64> {
        static SAVING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = SAVING.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that is there is a whole one.
        let unfinished = self.file.with_extension("new");
        let mut file = BufWriter::new(File::create(&unfinished)?);
        let entries = self.cache.save(self.clock.now_ms(), now_ms(), &self.terms, &mut file)?;
        drop(file.into_inner().map_err(io::IntoInnerError::into_error)?);
        std::fs::rename(&unfinished, &self.file)?;
        Ok(entries)
    }
}

/// Those of the files, or the root's that are built in.
fn anchors(resolver: &config::Resolver) -> Anchors {
    let Some(records) = &resolver.trust_anchors else { return Anchors::root() };
    let mut anchors = Anchors::default();
    for record in records {
        if !anchors.add(&record.owner, record.rtype, &record.rdata) {
            tracing::warn!(zone = %record.owner, "too many trust anchors: this one is left out");
        }
    }
    anchors
}

fn cache_settings(cache: &config::Cache) -> CacheSettings {
    let overrides = cache.overrides.iter();
    let overrides =
        overrides.map(|it| (it.name.clone(), TtlOverride { min_s: it.min_ttl, max_s: it.max_ttl })).collect();
    CacheSettings {
        max_size_bytes: cache.max_size,
        min_ttl_s: cache.min_ttl,
        max_ttl_s: cache.max_ttl,
        negative_ttl_s: cache.negative_ttl,
        serve_stale: cache.serve_stale,
        prefetch: cache.prefetch,
        overrides,
        ..CacheSettings::default()
    }
}
