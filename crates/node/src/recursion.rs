//! The resolver of a node: its threads and its cache, as configured.
//!
//! [`crate::node`] starts it, tells workers of it, and changes it with a reload.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use config::Config;
use resolver::anchors::Anchors;
use resolver::cache::{Cache, CacheSettings, TtlOverride};
use resolver::resolve::Shared;
use resolver::terms::{Changes, Terms};
use server::clock::Clock;
use server::clock::unix_ms;
use server::recursion::{self, Running, ThreadSettings};
use tokio::task::JoinHandle;
use zone::{Published, ZoneTable};

use crate::listeners::Workers;
use crate::lookups::Lookup;
use crate::trust_anchors;

/// Where the cache is kept over a restart, in the data directory.
const CACHE_FILE: &str = "cache.bin";
/// Entries that are looked at in one turn of the search for expired ones.
const SWEEP_BUDGET: usize = 100_000;

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

impl Made {
    /// Whether what the cache has can stay: its settings do, how often it is looked through and saved aside.
    fn keeps_cache(&self, wanted: &Made) -> bool {
        let config::Cache { sweep_interval_s, save_interval_s, persist, .. } = wanted.cache;
        config::Cache { sweep_interval_s, save_interval_s, persist, ..self.cache.clone() } == wanted.cache
    }
}

/// Why the resolver cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// A thread cannot be started.
    #[error("thread: {0}")]
    Thread(io::Error),
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
    pub fn start(config: &Config, parts: &Parts<'_>) -> Result<Recursor, ResolverError> {
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
            allowed: config.security.allowed_networks.table().clone(),
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
    pub fn change(&self, config: &Config, parts: &Parts<'_>) -> Result<Option<Recursor>, ResolverError> {
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
            tracing::info!(entries, "removed cached data of names that are now resolved in another way");
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
    fn new(config: &Config, parts: &Parts<'_>, before: Option<&Started>) -> Result<Started, ResolverError> {
        let made_of = Made::of(config);
        let default_ttl_s = config.cache.default_ttl;
        let settings = resolver::Settings { default_ttl_s, ..(*config.resolver.settings).clone() };
        let terms = Arc::new(Terms::new(&settings, &anchors(&config.resolver)));
        let seed = getrandom::u64()?;
        let port = settings.upstream_port;
        let configured = anchors(&config.resolver);
        let shared = match before.filter(|before| before.made_of.keeps_cache(&made_of)) {
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
        let forwarders = shared.settings.forward.iter().flat_map(|zone| &zone.servers).map(|server| server.address);
        let forwarders: Vec<_> = forwarders.collect();
        let exits = parts.workers.resolver_exits(made_of.threads, &forwarders);
        let running = recursion::start(threads, parts.zones, exits, recursion::resolver(shared.clone()));
        let running = running.map_err(ResolverError::Thread)?;
        let file = config.cache.persist.then(|| config.data_dir.join(CACHE_FILE));
        let mut started = Started { running, shared, tasks: Vec::new(), made_of, terms, clock, file };
        started.tasks.push(parts.runtime.spawn(sweep(started.shared.cache.clone(), clock, &config.cache)));
        started.tasks.extend(started.file.clone().map(|file| {
            let saver = started.saver(file);
            parts.runtime.spawn(saver.run(Duration::from_secs(config.cache.save_interval_s.into())))
        }));
        let tracker = trust_anchors::AnchorTracker {
            lookup: started.lookup(),
            configured,
            file: config.resolver.trust_anchor_update.then(|| config.data_dir.join(trust_anchors::FILE)),
            signalling: config.resolver.trust_anchor_signalling,
        };
        if config.resolver.settings.validate {
            started.tasks.extend(tracker.start(parts.runtime));
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
                return tracing::warn!(path = %path.display(), %error, "the saved cache cannot be read");
            }
        };
        match self.shared.cache.load(self.clock.now_ms(), unix_ms(), &self.terms, &mut BufReader::new(file)) {
            Ok(entries) => tracing::info!(entries, "loaded the saved cache"),
            Err(error) => tracing::warn!(path = %path.display(), %error, "the saved cache is not used"),
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
    async fn run(self, interval: Duration) {
        let saver = Arc::new(self);
        loop {
            tokio::time::sleep(interval).await;
            let saver = saver.clone();
            // Aborting the task does not stop this; the file gets its name only when it is whole.
            if tokio::task::spawn_blocking(move || saver.save()).await.is_err() {
                tracing::error!("the cache was not saved because of a panic, which is a bug of the server");
            }
        }
    }

    fn save(&self) {
        let path = self.file.display();
        match self.try_save() {
            Ok(entries) => tracing::info!(entries, "saved the cache"),
            Err(error) => tracing::warn!(%path, %error, "the cache cannot be saved"),
        }
    }

    fn try_save(&self) -> io::Result<u64> {
        static SAVING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = SAVING.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that is there is a whole one.
        let unfinished = self.file.with_extension("new");
        let mut file = BufWriter::new(File::create(&unfinished)?);
        let entries = self.cache.save(self.clock.now_ms(), unix_ms(), &self.terms, &mut file)?;
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
