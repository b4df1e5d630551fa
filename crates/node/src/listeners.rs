//! The sockets of the data plane and the threads behind them.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use config::Listen;
use server::answered::Exit;
use server::control::Control;
use server::limits::{self, TcpLimits};
use server::listen::{probe, tcp, udp};
use server::query::Worker;
use server::record::{Recorder, Recorders};
use server::settings::Settings;
use server::stats::{Stats, Totals};
use server::transport::Transport;
use zone::{Published, ZoneTable};

/// A worker that panicked starts again after this long.
const RESTART_DELAY: Duration = Duration::from_millis(10);

/// Why the data plane cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
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

/// The threads that serve one address.
struct Listener {
    listen: Listen,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What responses leave by. Sums never go down.
#[derive(Default)]
struct Exits {
    /// Of threads that run.
    running: Vec<Arc<Exit>>,
    /// What threads have counted that are gone.
    gone: Totals,
}

/// What workers are made of.
pub struct Workers {
    zones: Arc<Published<ZoneTable>>,
    settings: Arc<Published<Settings>>,
    control: OnceLock<Arc<dyn Control>>,
    connections: Arc<tcp::ConnectionLimits>,
    exits: Mutex<Exits>,
    /// Threads that have stopped to listen although nobody told them to.
    failed: Arc<AtomicUsize>,
    recorders: Arc<Recorders>,
}

impl Workers {
    /// Workers that answer from `zones`.
    pub fn new(zones: Arc<Published<ZoneTable>>, settings: Arc<Published<Settings>>) -> Workers {
        Workers {
            zones,
            settings,
            control: OnceLock::new(),
            connections: Arc::default(),
            exits: Mutex::default(),
            failed: Arc::default(),
            recorders: Arc::default(),
        }
    }

    /// Has these bounds of connections count from now on.
    pub fn set_limits(&self, tcp: &config::Tcp) {
        let idle_busy = limits::TCP_IDLE_BUSY.min(tcp.idle);
        self.connections.change(&TcpLimits {
            connections: tcp.connections,
            per_client: tcp.per_client,
            idle: tcp.idle,
            idle_busy,
            streams: tcp.transfers,
            ..TcpLimits::default()
        });
    }

    /// Has the workers that are made from now on hand what they cannot answer over to `control`.
    pub fn set_control(&self, control: Arc<dyn Control>) {
        let _ = self.control.set(control);
    }

    /// Makes the workers of one thread: one, unless it panics.
    fn worker(&self) -> impl Fn() -> Worker + Send + 'static {
        let exit = self.exit(Stats::default());
        let (zones, settings, control) = (self.zones.clone(), self.settings.clone(), self.control.get().cloned());
        move || Worker::new(zones.clone(), settings.clone(), exit.clone()).with_control(control.clone())
    }

    /// What the responses of one more thread leave by.
    fn exit(&self, stats: Stats) -> Arc<Exit> {
        let exit = Arc::new(Exit { stats, recorder: Recorder::new(self.recorders.clone()) });
        self.exits.lock().unwrap_or_else(PoisonError::into_inner).running.push(exit.clone());
        exit
    }

    /// The exits of so many resolver threads that ask these forwarders, and other servers.
    pub fn resolver_exits(&self, threads: usize, forwarders: &[SocketAddr]) -> Vec<Arc<Exit>> {
        (0..threads).map(|_| self.exit(Stats::of_resolver(forwarders))).collect()
    }

    /// How many threads have stopped to listen although nobody told them to.
    pub fn failed_listeners(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    /// The records of what leaves, and of what is asked of other servers.
    pub fn recorders(&self) -> &Arc<Recorders> {
        &self.recorders
    }

    /// Responses so far.
    pub fn responses(&self) -> u64 {
        self.totals().responses()
    }

    /// The counters of all threads together.
    pub fn totals(&self) -> Totals {
        let mut exits = self.exits.lock().unwrap_or_else(PoisonError::into_inner);
        let Exits { running, gone } = &mut *exits;
        running.retain(|exit| {
            let is_used = Arc::strong_count(exit) > 1;
            if !is_used {
                gone.add(&exit.stats);
            }
            is_used
        });
        let mut totals = gone.clone();
        running.iter().for_each(|exit| totals.add(&exit.stats));
        totals
    }
}

/// The listeners of a node.
#[derive(Default)]
pub struct Listeners {
    running: Vec<Listener>,
    threads: Threads,
}

/// How each address is served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Threads {
    /// Threads for each protocol.
    pub workers: usize,
    /// Kernel buffer of each UDP socket, in octets.
    pub receive_buffer: usize,
}

impl From<&config::Server> for Threads {
    fn from(server: &config::Server) -> Threads {
        Threads { workers: server.workers, receive_buffer: server.udp_receive_buffer }
    }
}

impl Listeners {
    /// Starts to serve on `sockets`, which were opened for `threads`.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(sockets: Vec<(Listen, Sockets)>, threads: Threads, make: &Workers) -> Result<Listeners, ListenError> {
        let mut listeners = Listeners { running: Vec::new(), threads };
        for (listen, sockets) in sockets {
            listeners.running.push(serve(listen, sockets, make)?);
        }
        Ok(listeners)
    }

    /// Opens what `wanted` has and is not open yet. Nothing has changed before [`Change::finish`].
    ///
    /// # Errors
    /// A socket that cannot be opened.
    pub fn change(&self, wanted: &[Listen], threads: Threads) -> Result<Change, ListenError> {
        let stays = |listen: &Listen| threads == self.threads && wanted.contains(listen);
        let kept: Vec<Listen> = self.running.iter().map(|old| old.listen).filter(|listen| stays(listen)).collect();
        let fresh: Vec<Listen> = wanted.iter().filter(|listen| !kept.contains(listen)).copied().collect();
        // An address that only changes its protocols or its number of threads is handed over.
        let handed_over = |listen: &Listen| self.running.iter().any(|old| old.listen.address == listen.address);
        Ok(Change { kept, sockets: open(&fresh, threads, handed_over)?, threads })
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
    threads: Threads,
}

impl Change {
    /// Serves on the new sockets, then closes those that are not wanted any more.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn finish(self, listeners: &mut Listeners, make: &Workers) -> Result<(), ListenError> {
        let (kept, gone): (Vec<_>, Vec<_>) =
            listeners.running.drain(..).partition(|listener| self.kept.contains(&listener.listen));
        (listeners.running, listeners.threads) = (kept, self.threads);
        for (listen, sockets) in self.sockets {
            listeners.running.push(serve(listen, sockets, make)?);
        }
        stop(gone);
        Ok(())
    }
}

/// Starts the threads of one address.
fn serve(listen: Listen, sockets: Sockets, make: &Workers) -> Result<Listener, ListenError> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for socket in sockets.udp {
        let (worker, stop) = (make.worker(), stop.clone());
        threads.push(spawn("udp", move || supervise(|| udp::run(&socket, worker(), &stop)))?);
    }
    for socket in sockets.tcp {
        let (worker, stop, limits) = (make.worker(), stop.clone(), make.connections.clone());
        let failed = make.failed.clone();
        let run = move || {
            let listener = socket.try_clone()?;
            tcp::run(vec![listener], worker(), limits.clone(), &stop)
        };
        threads.push(spawn("tcp", move || {
            supervise(|| {
                run().unwrap_or_else(|error| {
                    failed.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(%error, "TCP listener failed");
                });
            });
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

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ListenError> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(ListenError::Thread)
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
    Threads { workers, receive_buffer }: Threads,
    shared: impl Fn(&Listen) -> bool,
) -> Result<Vec<(Listen, Sockets)>, ListenError> {
    let open_one = |listen: &Listen| {
        let address = listen.address;
        let failed = |protocol| move |error| ListenError::Bind { address, protocol, error };
        let mut sockets = Sockets { udp: Vec::new(), tcp: Vec::new() };
        if listen.udp {
            // Sockets that share a port would hide that somebody else has it.
            if !shared(listen) {
                probe(address, Transport::Udp).map_err(failed("udp"))?;
            }
            for _ in 0..workers {
                sockets.udp.push(udp::bind(address, receive_buffer).map_err(failed("udp"))?);
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
