//! The control socket: the API for commands from the same machine, over HTTP on `data_dir/control.sock`, and a few
//! requests to the process itself. Who may open the socket may do anything ([`Principal::local`]); its file permission
//! is the authority.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use access::Principal;
use api::operator::Order;
use api::{App, Caller, Problem};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Connections at a time; one more waits.
const MAX_CONNECTIONS: usize = 256;
/// How long requests under way may take when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts to accept when the system has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Where clients of the socket are, for what looks at addresses.
const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What the process is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Say the counters.
    Stats,
    /// Read the configuration and the zone files again.
    Reload,
    /// End.
    Stop,
}

/// A command and where its answer goes.
pub struct Request {
    /// What to do.
    pub command: Command,
    /// Takes the answer, once.
    pub answer: oneshot::Sender<Result<String, String>>,
}

/// What the main thread waits for.
pub enum Event {
    /// A signal.
    Signal(i32),
    /// A command on the control socket.
    Command(Request),
    /// An order of the API.
    Order(Order),
    /// The configuration file may have changed.
    FileChanged,
}

/// The socket, served.
pub struct Control {
    path: PathBuf,
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Serves the socket at `path` on `runtime`; commands to the process become `events`. The caller has the data
/// directory for itself: a socket that is there is what a killed server left.
///
/// # Errors
/// The socket cannot be made.
pub fn listen(path: &Path, app: Arc<App>, runtime: &Handle, events: Sender<Event>) -> io::Result<Control> {
    let _inside = runtime.enter();
    // Nobody shall be able to connect before the permission is right: only then does the socket get its name.
    let unnamed = path.with_extension("sock.new");
    for left in [&*unnamed, path] {
        match std::fs::remove_file(left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let listener = UnixListener::bind(&unnamed)?;
    std::fs::set_permissions(&unnamed, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&unnamed, path)?;
    let (stopping, stop) = watch::channel(false);
    let task = runtime.spawn(accept(listener, local(app).merge(process(events)), stop));
    Ok(Control { path: path.to_owned(), stopping, task })
}

impl Control {
    /// Takes no more connections, and lets requests under way finish for a while.
    pub fn stop(self, runtime: &Handle) {
        let _ = std::fs::remove_file(&self.path);
        self.stopping.send_replace(true);
        // A task that panicked has nothing left to stop.
        let _ = runtime.block_on(self.task);
    }
}

/// The API for whoever is here: they may do everything.
pub fn local(app: Arc<App>) -> Router {
    let caller = Caller { principal: Principal::local(), client: HERE.ip() };
    api::router(app).layer(Extension(caller))
}

/// Answers the requests of one connection until it ends, or until the server stops.
pub async fn converse(stream: UnixStream, router: Router, mut stopping: watch::Receiver<bool>) {
    if let Err(error) = api::serve_connection(stream, HERE, router, &mut stopping).await {
        tracing::debug!(%error, "connection on the control socket ended");
    }
}

fn process(events: Sender<Event>) -> Router {
    Router::new()
        .route("/control/stats", get(|state| ask(state, Command::Stats)))
        .route("/control/reload", post(|state| ask(state, Command::Reload)))
        .route("/control/stop", post(|state| ask(state, Command::Stop)))
        .with_state(events)
}

async fn ask(State(events): State<Sender<Event>>, command: Command) -> Response {
    let gone = || Problem::unavailable("the server is stopping").into_response();
    let (answer, answered) = oneshot::channel();
    if events.send(Event::Command(Request { command, answer })).is_err() {
        return gone();
    }
    match answered.await {
        Ok(Ok(text)) => text.into_response(),
        Ok(Err(why)) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why).into_response(),
        Err(_) => gone(),
    }
}

async fn accept(listener: UnixListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let full = connections.len() >= MAX_CONNECTIONS;
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept(), if !full => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(connections.spawn(converse(stream, router.clone(), stopping.clone()))),
            Err(error) => {
                tracing::debug!(%error, "accepting on the control socket failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        connections.shutdown().await;
    }
}
