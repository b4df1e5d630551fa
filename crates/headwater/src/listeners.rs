//! The sockets of the data plane and the threads behind them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use server::control::Control;
use server::listen::{probe, tcp, udp};
use server::query::{Transport, Worker};
use server::settings::Settings;
use server::stats::Stats;
use zone::{Published, ZoneTable};

use crate::config::Listen;
use crate::node::NodeError;

/// A worker that panicked starts again after this long.
const RESTART_DELAY: Duration = Duration::from_millis(10);

/// The threads that serve one address.
struct Listener {
    listen: Listen,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What workers are made of.
pub struct Workers {
    zones: Arc<Published<ZoneTable>>,
    settings: Arc<Published<Settings>>,
    control: OnceLock<Arc<dyn Control>>,
    connections: Arc<tcp::ConnectionLimits>,
    /// Of all workers that ever ran, so that sums never go down.
    stats: Mutex<Vec<Arc<Stats>>>,
}

impl Workers {
    /// Workers that answer from `zones`.
    pub fn new(zones: Arc<Published<ZoneTable>>, settings: Arc<Published<Settings>>) -> Workers {
        Workers { zones, settings, control: OnceLock::new(), connections: Arc::default(), stats: Mutex::default() }
    }

    /// Has the workers that are made from now on hand what they cannot answer over to `control`.
    pub fn set_control(&self, control: Arc<dyn Control>) {
        let _ = self.control.set(control);
    }

    /// Makes the workers of one thread: one, unless it panics.
    fn worker(&self) -> impl Fn() -> Worker + Send + 'static {
        let stats = Arc::new(Stats::default());
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).push(stats.clone());
        let (zones, settings, control) = (self.zones.clone(), self.settings.clone(), self.control.get().cloned());
        move || Worker::new(zones.clone(), settings.clone(), stats.clone()).with_control(control.clone())
    }

    /// Counters for so many resolver threads.
    pub fn resolver_stats(&self, threads: usize) -> Vec<Arc<Stats>> {
        let fresh: Vec<Arc<Stats>> = (0..threads).map(|_| Arc::default()).collect();
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).extend(fresh.iter().cloned());
        fresh
    }

    /// The counters as text, one a line, summed over all workers.
    pub fn stats_report(&self) -> String {
        let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        Stats::report(stats.iter().map(|stats| &**stats))
    }
}

/// The listeners of a node.
#[derive(Default)]
pub struct Listeners {
    running: Vec<Listener>,
    workers: usize,
}

impl Listeners {
    /// Starts to serve on `sockets`, with `workers` threads for each address and protocol.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(sockets: Vec<(Listen, Sockets)>, workers: usize, make: &Workers) -> Result<Listeners, NodeError> {
        let mut listeners = Listeners { running: Vec::new(), workers };
        for (listen, sockets) in sockets {
            listeners.running.push(serve(listen, sockets, make)?);
        }
        Ok(listeners)
    }

    /// Opens what `wanted` has and is not open yet. Nothing has changed before [`Change::finish`].
    ///
    /// # Errors
    /// A socket that cannot be opened.
    pub fn change(&self, wanted: &[Listen], workers: usize) -> Result<Change, NodeError> {
        let stays = |listen: &Listen| workers == self.workers && wanted.contains(listen);
        let kept: Vec<Listen> = self.running.iter().map(|old| old.listen).filter(|listen| stays(listen)).collect();
        let fresh: Vec<Listen> = wanted.iter().filter(|listen| !kept.contains(listen)).copied().collect();
        // An address that only changes its protocols or its number of threads is handed over.
        let handed_over = |listen: &Listen| self.running.iter().any(|old| old.listen.address == listen.address);
        Ok(Change { kept, sockets: open(&fresh, workers, handed_over)?, workers })
    }

    /// Lets all threads answer what has come in, and finish.
    pub fn stop(self) {
        stop(self.running);
    }
}

/// Sockets that are open and not served yet.
pub struct Change {
    kept: Vec<Listen>,
    sockets: Vec<(Listen, Sockets)>,
    workers: usize,
}

impl Change {
    /// Serves on the new sockets, then closes those that are not wanted any more.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn finish(self, listeners: &mut Listeners, make: &Workers) -> Result<(), NodeError> {
        let (kept, gone): (Vec<_>, Vec<_>) =
            listeners.running.drain(..).partition(|listener| self.kept.contains(&listener.listen));
        (listeners.running, listeners.workers) = (kept, self.workers);
        for (listen, sockets) in self.sockets {
            listeners.running.push(serve(listen, sockets, make)?);
        }
        stop(gone);
        Ok(())
    }
}

/// Starts the threads of one address.
fn serve(listen: Listen, sockets: Sockets, make: &Workers) -> Result<Listener, NodeError> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for socket in sockets.udp {
        let (worker, stop) = (make.worker(), stop.clone());
        threads.push(spawn("udp", move || supervise(|| udp::run(&socket, worker(), &stop)))?);
    }
    for socket in sockets.tcp {
        let (worker, stop, limits) = (make.worker(), stop.clone(), make.connections.clone());
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

/// The sockets of one address, one of each kind for each worker.
pub struct Sockets {
    udp: Vec<std::net::UdpSocket>,
    tcp: Vec<std::net::TcpListener>,
}

/// Opens sockets; those for which `shared` holds are ours already.
///
/// # Errors
/// The first that cannot be opened.
pub fn open(
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
