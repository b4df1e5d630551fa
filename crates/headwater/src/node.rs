//! A running server: its zones, its sockets and its worker threads, and how a reload changes them.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use dns::{Name, NameHasher};
use server::listen::{probe, tcp, udp};
use server::policy::cookie::Secrets;
use server::query::{Transport, Worker};
use server::settings::{Settings, ZonePolicy};
use server::stats::Stats;
use zone::{Published, Zone, ZoneTable};

use crate::config::{Config, Listen, ZoneSource};
use crate::loader::{self, Loader, Stamps};
use crate::progress::Progress;

/// A worker that panicked starts again after this long.
const RESTART_DELAY: Duration = Duration::from_millis(10);

/// Why a server cannot run as configured.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A socket cannot be opened.
    #[error("{address} ({protocol}): {error}{}", hint(.error))]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What.
        protocol: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// A thread cannot be started.
    #[error("thread: {0}")]
    Thread(io::Error),
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another port: `server.dns_port` or `server.listen`, or --listen",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need the privilege CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "; another address: `server.bind_address` or `server.listen`",
        _ => "",
    }
}

/// A configured zone, known by its name.
struct Configured(Arc<ZoneSource>);

impl Borrow<Name> for Configured {
    fn borrow(&self) -> &Name {
        &self.0.name
    }
}

impl Hash for Configured {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialEq for Configured {
    fn eq(&self, other: &Configured) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Configured {}

/// The threads that serve one address.
struct Listener {
    listen: Listen,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// A running server.
pub struct Node {
    zones: Arc<Published<ZoneTable>>,
    settings: Arc<Published<Settings>>,
    /// What the files of each zone looked like when they were read.
    sources: HashMap<Configured, Option<Stamps>>,
    listeners: Vec<Listener>,
    connections: Arc<tcp::ConnectionLimits>,
    workers: usize,
    /// Of all workers that ever ran, so that sums never go down.
    stats: Arc<Mutex<Vec<Arc<Stats>>>>,
}

/// What a reload did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReloadReport {
    /// Zones read anew.
    pub loaded: usize,
    /// Zones that were refused; they keep their old contents, if they had any.
    pub refused: usize,
    /// Zones that are no longer configured.
    pub removed: usize,
}

impl Node {
    /// Opens the sockets, loads the zones and starts to answer.
    ///
    /// # Errors
    /// A socket that cannot be opened. A zone that cannot be loaded is logged and answers SERVFAIL.
    pub fn start(config: &Config) -> Result<Node, NodeError> {
        let hasher = NameHasher::new(getrandom::u64()?);
        let sockets = open(&config.server.listen, config.server.workers, |_| false)?;
        let secrets = Secrets::new(random_secret()?);
        let mut node = Node {
            zones: Published::new(ZoneTable::new(hasher, Vec::new())),
            settings: Published::new(settings(config, Some(secrets))),
            sources: HashMap::new(),
            listeners: Vec::new(),
            connections: Arc::default(),
            workers: config.server.workers,
            stats: Arc::default(),
        };
        node.reload_zones(config);
        for (listen, sockets) in sockets {
            let listener = node.serve(listen, sockets)?;
            node.listeners.push(listener);
        }
        Ok(node)
    }

    /// Takes over a new configuration: sockets that are new are opened first, so that an error leaves
    /// everything as it was; then zones that changed are read, and sockets that are gone are closed.
    ///
    /// # Errors
    /// A new socket that cannot be opened; nothing has changed then.
    pub fn reload(&mut self, config: &Config) -> Result<ReloadReport, NodeError> {
        let workers_changed = config.server.workers != self.workers;
        let stays = |listener: &Listener| !workers_changed && config.server.listen.contains(&listener.listen);
        let (kept, gone): (Vec<_>, Vec<_>) = self.listeners.drain(..).partition(stays);
        let known: Vec<Listen> = kept.iter().map(|listener| listener.listen).collect();
        let fresh: Vec<Listen> =
            config.server.listen.iter().filter(|listen| !known.contains(listen)).copied().collect();
        // An address that only changes its protocols or its number of threads is handed over.
        let handed_over = |listen: &Listen| gone.iter().any(|old| old.listen.address == listen.address);
        let sockets = open(&fresh, config.server.workers, handed_over);
        let sockets = match sockets {
            Ok(sockets) => sockets,
            Err(error) => {
                self.listeners = kept.into_iter().chain(gone).collect();
                return Err(error);
            }
        };
        self.workers = config.server.workers;
        self.listeners = kept;
        let cookies = self.settings.latest().cookies.clone();
        self.settings.publish(settings(config, cookies));
        let report = self.reload_zones(config);
        for (listen, sockets) in sockets {
            let listener = self.serve(listen, sockets)?;
            self.listeners.push(listener);
        }
        stop(gone);
        Ok(report)
    }

    /// Reads every zone whose source or files changed, and publishes all of them at once.
    fn reload_zones(&mut self, config: &Config) -> ReloadReport {
        let old = self.zones.latest();
        let changed: Vec<&Arc<ZoneSource>> = config.zones.iter().filter(|source| !self.is_current(source)).collect();
        let progress = Progress::new("zones", changed.len());
        let loaded = loader::in_parallel(
            &changed,
            || Loader::new(old.hasher()),
            |loader, source| loader.load(&source.name, &source.file),
            |done| progress.at(done),
        );
        progress.finish();
        let mut report = ReloadReport::default();
        let mut sources = HashMap::with_capacity(config.zones.len());
        let mut table = Vec::with_capacity(config.zones.len());
        // The changed zones stand in the same order as all of them.
        let mut results = changed.into_iter().zip(loaded).peekable();
        for source in &config.zones {
            let before = old.get(&source.name);
            let result = results.next_if(|(changed, _)| Arc::ptr_eq(changed, source));
            let (zone, stamps) = match result.map(|(_, result)| result) {
                Some(Ok(loaded)) => {
                    report.loaded += 1;
                    warn(source, &loaded.warnings);
                    (Arc::new(zone_of(source, Some(loaded.contents))), Some(loaded.stamps))
                }
                Some(Err(refused)) => {
                    report.refused += 1;
                    let contents = before.and_then(|zone| zone.contents.clone());
                    refuse(source, &refused, contents.is_some());
                    (Arc::new(zone_of(source, contents)), Some(refused.stamps))
                }
                None => {
                    let stamps = self.sources.remove::<Name>(&source.name).flatten();
                    (before.cloned().unwrap_or_else(|| Arc::new(zone_of(source, None))), stamps)
                }
            };
            table.push(zone);
            sources.insert(Configured(source.clone()), stamps);
        }
        report.removed = old.zones().filter(|zone| !sources.contains_key::<Name>(&zone.name)).count();
        self.sources = sources;
        self.zones.publish(ZoneTable::new(old.hasher(), table));
        report
    }

    fn is_current(&self, source: &ZoneSource) -> bool {
        self.sources.get_key_value::<Name>(&source.name).is_some_and(|(known, stamps)| {
            *known.0 == *source && stamps.as_ref().is_some_and(|stamps| stamps.are_current(&source.file))
        })
    }

    /// Starts the threads of one address.
    fn serve(&self, listen: Listen, sockets: Sockets) -> Result<Listener, NodeError> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for socket in sockets.udp {
            let (worker, stop) = (self.worker(), stop.clone());
            threads.push(spawn("udp", move || supervise(|| udp::run(&socket, worker(), &stop)))?);
        }
        for socket in sockets.tcp {
            let (worker, stop, limits) = (self.worker(), stop.clone(), self.connections.clone());
            let run = move || {
                let listener = socket.try_clone()?;
                tcp::run(vec![listener], worker(), limits.clone(), &stop)
            };
            threads.push(spawn("tcp", move || {
                supervise(|| run().unwrap_or_else(|error| tracing::error!(%error, "TCP listener failed")));
            })?);
        }
        Ok(Listener { listen, stop, threads })
    }

    /// Makes the workers of one thread: one, unless it panics.
    fn worker(&self) -> impl Fn() -> Worker + Send + 'static {
        let stats = Arc::new(Stats::default());
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).push(stats.clone());
        let (zones, settings) = (self.zones.clone(), self.settings.clone());
        move || Worker::new(zones.clone(), settings.clone(), stats.clone())
    }

    /// Makes a new secret for server cookies (RFC 7873 7.1); cookies of the last one stay valid.
    pub fn rotate_cookies(&self) -> Result<(), NodeError> {
        let mut next = Settings::clone(&self.settings.latest());
        let secret = random_secret()?;
        next.cookies = next.cookies.map(|secrets| secrets.rotated(secret));
        self.settings.publish(next);
        Ok(())
    }

    /// Frees what no worker uses any more.
    pub fn collect(&self) {
        self.zones.collect();
        self.settings.collect();
    }

    /// The counters as text, one a line, summed over all workers.
    pub fn stats_report(&self) -> String {
        let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        let zones = self.zones.latest();
        let records: u64 = zones.zones().filter_map(|zone| zone.contents.as_ref()).map(|c| c.record_count()).sum();
        format!("zones {}\nrecords {records}\n{}", zones.len(), Stats::report(stats.iter().map(|stats| &**stats)))
    }

    /// How many zones are served, and how many of them have no contents.
    pub fn zone_counts(&self) -> (usize, usize) {
        let zones = self.zones.latest();
        (zones.len(), zones.zones().filter(|zone| zone.contents.is_none()).count())
    }

    /// Answers what has come in, then stops.
    pub fn stop(mut self) {
        stop(std::mem::take(&mut self.listeners));
    }
}

/// Lets all threads of `listeners` finish.
fn stop(listeners: Vec<Listener>) {
    for listener in &listeners {
        listener.stop.store(true, Ordering::Relaxed);
    }
    for thread in listeners.into_iter().flat_map(|listener| listener.threads) {
        if thread.join().is_err() {
            tracing::error!("a worker panicked");
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, NodeError> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(NodeError::Thread)
}

/// Runs a worker until it returns. One that panics is a bug, but must not leave its socket unserved.
fn supervise(run: impl Fn()) {
    while catch_unwind(AssertUnwindSafe(&run)).is_err() {
        tracing::error!("a worker panicked and starts again; this is a bug of the server");
        std::thread::sleep(RESTART_DELAY);
    }
}

fn random_secret() -> Result<[u8; 16], NodeError> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

/// The sockets of one address, one of each kind for each worker.
struct Sockets {
    udp: Vec<std::net::UdpSocket>,
    tcp: Vec<std::net::TcpListener>,
}

/// Opens sockets; those for which `shared` holds are ours already.
fn open(
    listen: &[Listen],
    workers: usize,
    shared: impl Fn(&Listen) -> bool,
) -> Result<Vec<(Listen, Sockets)>, NodeError> {
    let open_one = |listen: &Listen| {
        let address = listen.address;
        let failed = |protocol| move |error| NodeError::Bind { address, protocol, error };
        let mut sockets = Sockets { udp: Vec::new(), tcp: Vec::new() };
        if listen.udp {
            // Sockets that share a port would hide that somebody else has it.
            if !shared(listen) {
                probe(address, Transport::Udp).map_err(failed("udp"))?;
            }
            for _ in 0..workers {
                sockets.udp.push(udp::bind(address).map_err(failed("udp"))?);
            }
        }
        if listen.tcp {
            if !shared(listen) {
                probe(address, Transport::Tcp).map_err(failed("tcp"))?;
            }
            for _ in 0..workers {
                sockets.tcp.push(tcp::bind(address).map_err(failed("tcp"))?);
            }
        }
        Ok((*listen, sockets))
    };
    listen.iter().map(open_one).collect()
}

/// The data plane's settings for a configuration.
fn settings(config: &Config, cookies: Option<Secrets>) -> Settings {
    let identity = || nix::unistd::gethostname().ok()?.into_string().ok();
    Settings {
        version: config.server.chaos.then(|| concat!("headwater ", env!("CARGO_PKG_VERSION")).to_owned()),
        server_id: if config.server.chaos { identity() } else { None },
        nsid: config.server.nsid.clone(),
        udp_size: config.server.edns_udp_size,
        minimal_responses: config.server.minimal_responses,
        cookies,
        ..Settings::default()
    }
}

fn zone_of(source: &ZoneSource, contents: Option<zone::Contents>) -> Zone {
    let policy = (!source.allow_query.is_empty())
        .then(|| Arc::new(ZonePolicy { allow_query: source.allow_query.clone() }) as Arc<_>);
    Zone { name: source.name.clone(), contents, policy }
}

fn warn(source: &ZoneSource, warnings: &[dns::zonefile::Problem]) {
    for warning in warnings {
        tracing::warn!(zone = %source.name, "{warning}");
    }
}

fn refuse(source: &ZoneSource, refused: &loader::Refused, keeps: bool) {
    for problem in &refused.problems {
        tracing::error!(zone = %source.name, "{problem}");
    }
    let now = if keeps { "its old contents stay in service" } else { "it answers SERVFAIL" };
    tracing::error!(zone = %source.name, problems = refused.problems.len(), "zone refused, {now}");
}
