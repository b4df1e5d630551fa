//! Looks after the node: a thread that runs the health checks and sends metrics to an agent, and the means to ask for
//! metrics and health at any time.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use config::{Config, Listen};
use telemetry::health::Board;
use telemetry::metrics::Snapshot;
use telemetry::metrics::statsd::Statsd;

pub use crate::health::Certificate;
use crate::health::{Checks, Context};
use crate::metrics;
use crate::sources::Sources;

/// How often health is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// While an agent cannot be reached, the log says so this often.
const REPORT_INTERVAL: Duration = Duration::from_secs(600);

/// Adds metrics of a part of the server that the node does not know.
pub type Source = Box<dyn Fn(&mut Snapshot) + Send + Sync>;

/// Metrics and health of a node; clones are of the same.
#[derive(Clone)]
pub struct Monitor {
    shared: Arc<Shared>,
}

struct Shared {
    sources: Sources,
    runtime: tokio::runtime::Handle,
    settings: Mutex<Settings>,
    certificates: Mutex<Vec<Certificate>>,
    further: Mutex<Vec<Source>>,
}

#[derive(Clone)]
struct Settings {
    listen: Vec<Listen>,
    metrics: config::Metrics,
    asks_root: bool,
}

impl Settings {
    fn of(config: &Config) -> Settings {
        let (listen, metrics) = (config.server.listen.clone(), config.metrics.clone());
        let resolver = &config.resolver;
        Settings { listen, metrics, asks_root: resolver.enabled && resolver.settings.priming }
    }
}

/// The thread; it ends when this is stopped.
pub(crate) struct Running {
    look: Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Has health checked soon, and not only when it is due.
    pub fn look(&self) {
        let _ = self.look.send(());
    }

    /// Ends the thread.
    pub fn stop(self) {
        drop(self.look);
        if self.thread.join().is_err() {
            tracing::error!("the thread of health checks panicked; this is a bug of the server");
        }
    }
}

impl Monitor {
    /// Metrics and health of a node; nothing is checked before [`Monitor::start`].
    pub(crate) fn new(sources: Sources, config: &Config, runtime: &tokio::runtime::Handle) -> Monitor {
        let shared = Shared {
            sources,
            runtime: runtime.clone(),
            settings: Mutex::new(Settings::of(config)),
            certificates: Mutex::default(),
            further: Mutex::default(),
        };
        Monitor { shared: Arc::new(shared) }
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub(crate) fn start(&self) -> std::io::Result<Running> {
        let (look, looks) = channel();
        let own = self.clone();
        let thread = std::thread::Builder::new().name("monitor".into()).spawn(move || {
            server::priority::background();
            own.run(&looks);
        })?;
        Ok(Running { look, thread })
    }

    /// Works as a new configuration says.
    pub(crate) fn configure(&self, config: &Config) {
        *lock(&self.shared.settings) = Settings::of(config);
    }

    /// Everything that can be measured now. It may take as long as some files take to be looked at.
    pub fn metrics(&self) -> Snapshot {
        let Settings { listen, metrics, .. } = lock(&self.shared.settings).clone();
        let mut snapshot = metrics::collect(&self.shared.sources, &listen, metrics.zones_max);
        lock(&self.shared.further).iter().for_each(|add| add(&mut snapshot));
        snapshot
    }

    /// The last results of all health checks.
    pub fn health(&self) -> &Board {
        &self.shared.sources.board
    }

    /// Has metrics of another part of the server among them.
    pub fn add_source(&self, source: impl Fn(&mut Snapshot) + Send + Sync + 'static) {
        lock(&self.shared.further).push(Box::new(source));
    }

    /// Has these certificates watched, in the place of those before.
    pub fn watch_certificates(&self, certificates: Vec<Certificate>) {
        *lock(&self.shared.certificates) = certificates;
    }

    fn run(&self, looks: &Receiver<()>) {
        let (mut checks, mut agent) = (Checks::default(), Agent::default());
        let (mut next_check, mut pushed) = (Instant::now(), None::<Instant>);
        loop {
            let Settings { metrics, asks_root, .. } = lock(&self.shared.settings).clone();
            if next_check <= Instant::now() {
                let certificates = lock(&self.shared.certificates).clone();
                let (sources, runtime) = (&self.shared.sources, &self.shared.runtime);
                checks.run(&Context { sources, certificates: &certificates, asks_root, runtime });
                next_check = Instant::now() + CHECK_INTERVAL;
            }
            if let Some(address) = metrics.statsd
                && pushed.is_none_or(|at| at.elapsed() >= metrics.statsd_interval)
            {
                pushed = Some(Instant::now());
                agent.push(address, &self.metrics());
            }
            let next_push = pushed.filter(|_| metrics.statsd.is_some()).map(|at| at + metrics.statsd_interval);
            let next = next_push.map_or(next_check, |at| at.min(next_check));
            // A reload may have set another interval: it is looked at once a second.
            let pause = next.saturating_duration_since(Instant::now()).min(Duration::from_secs(1));
            match looks.recv_timeout(pause) {
                Ok(()) => next_check = Instant::now(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// The StatsD agent that metrics are sent to.
#[derive(Default)]
struct Agent {
    statsd: Statsd,
    socket: Option<(SocketAddr, UdpSocket)>,
    reported: Option<Instant>,
}

impl Agent {
    /// Sends what is new. Nobody waits for it: what is not taken is lost.
    fn push(&mut self, address: SocketAddr, snapshot: &Snapshot) {
        if let Err(error) = self.try_push(address, snapshot)
            && self.reported.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL)
        {
            self.reported = Some(Instant::now());
            tracing::warn!(%address, %error, "metrics.statsd: the agent does not take metrics");
        }
    }

    fn try_push(&mut self, address: SocketAddr, snapshot: &Snapshot) -> std::io::Result<()> {
        let socket = match &mut self.socket {
            Some((known, socket)) if *known == address => socket,
            other => {
                let local = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
                let socket = UdpSocket::bind(SocketAddr::new(local, 0))?;
                socket.connect(address)?;
                &mut other.insert((address, socket)).1
            }
        };
        self.statsd.push(snapshot, socket)
    }
}

/// Every change is one step, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
