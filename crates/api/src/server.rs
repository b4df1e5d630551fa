//! The HTTP server of the API on tokio, with and without TLS: bounded in connections, in handshakes, and in the time
//! of each of their phases.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::connection::{Peer, Secured, serve_connection, serve_http1, serve_http2, stopped};
use super::dashboard;
use super::limits::{
    CERTIFICATE_LOOK_INTERVAL, DRAIN_TIMEOUT, HANDSHAKE_TIMEOUT, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_CLIENT,
    MAX_HANDSHAKES, MAX_HANDSHAKES_PER_CLIENT,
};
use super::room::{Place, Room};
use super::state::App;
use super::tls::{Handshake, Secure, is_http2};

/// Between two attempts to accept when the system has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket to serve on.
pub struct Listening {
    /// The socket.
    pub socket: TcpListener,
    /// Its TLS; `None`: HTTP in the clear.
    pub secure: Option<Arc<Secure>>,
}

/// A running server.
pub struct Server {
    stopping: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// What all connections share.
#[derive(Clone)]
struct Shared {
    router: Router,
    connections: Arc<Room>,
    /// Connections whose handshake is under way have room of their own: slow ones take no place from others.
    handshakes: Arc<Room>,
    stopping: watch::Receiver<bool>,
}

/// Serves the API on `listeners`. Must be called within a tokio runtime.
///
/// # Errors
/// A listener that tokio cannot take over.
pub fn serve(listeners: Vec<Listening>, app: Arc<App>) -> io::Result<Server> {
    let stopping = app.stopping.clone();
    let shared = Shared {
        router: super::router(app),
        connections: Room::new(MAX_CONNECTIONS, MAX_CONNECTIONS_PER_CLIENT),
        handshakes: Room::new(MAX_HANDSHAKES, MAX_HANDSHAKES_PER_CLIENT),
        stopping: stopping.subscribe(),
    };
    // The first page shall not wait for it.
    let mut tasks = vec![tokio::task::spawn_blocking(dashboard::prepare)];
    for Listening { socket, secure } in listeners {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::TcpListener::from_std(socket)?;
        if let Some(secure) = &secure {
            tasks.push(tokio::spawn(look_after(secure.clone(), stopping.subscribe())));
        }
        tasks.push(tokio::spawn(accept(socket, secure, shared.clone())));
    }
    Ok(Server { stopping, tasks })
}

impl Server {
    /// Takes no more connections, lets requests under way finish for a while, then closes everything.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        for task in self.tasks {
            // A task that panicked has nothing left to stop.
            let _ = task.await;
        }
    }
}

/// Keeps the certificate of a socket up to date.
async fn look_after(secure: Arc<Secure>, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => return,
            () = tokio::time::sleep(CERTIFICATE_LOOK_INTERVAL) => {}
        }
        let secure = secure.clone();
        // A look that panicked has changed nothing; there is a next one.
        let _ = tokio::task::spawn_blocking(move || secure.refresh()).await;
    }
}

async fn accept(listener: tokio::net::TcpListener, secure: Option<Arc<Secure>>, shared: Shared) {
    let mut stopping = shared.stopping.clone();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "accepting an HTTP connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let room = if secure.is_some() { &shared.handshakes } else { &shared.connections };
        // Above the bounds a connection is closed at once.
        let Some(place) = room.take(address.ip()) else { continue };
        // Without it small responses wait for acknowledgements; if it fails they are only slower.
        let _ = stream.set_nodelay(true);
        match secure.clone() {
            None => connections.spawn(converse(stream, address, shared.clone(), place)),
            Some(secure) => connections.spawn(converse_securely(stream, address, secure, shared.clone(), place)),
        };
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        connections.shutdown().await;
    }
}

async fn converse(stream: TcpStream, address: SocketAddr, mut shared: Shared, _place: Place) {
    if let Err(error) = serve_connection(stream, address, shared.router, &mut shared.stopping).await {
        tracing::debug!(%error, client = %address, "HTTP connection ended");
    }
}

async fn converse_securely(
    stream: TcpStream,
    address: SocketAddr,
    secure: Arc<Secure>,
    mut shared: Shared,
    handshaking: Place,
) {
    let shaken = tokio::select! {
        () = stopped(&mut shared.stopping) => return,
        shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, secure.accept(stream)) => shaken,
    };
    let stream = match shaken {
        Ok(Ok(Handshake::Done(stream))) => stream,
        Ok(Ok(Handshake::InTheClear)) => return,
        Ok(Err(error)) => return tracing::debug!(%error, client = %address, "TLS handshake failed"),
        Err(_) => return tracing::debug!(client = %address, "TLS handshake took too long"),
    };
    drop(handshaking);
    let Some(_place) = shared.connections.take(address.ip()) else { return };
    let secured = Secured { is_vouched_for: !secure.identity().is_self_signed() };
    let peer = Peer { address, secured: Some(secured) };
    let outcome = match is_http2(&stream) {
        true => serve_http2(stream, peer, shared.router, &mut shared.stopping).await,
        false => serve_http1(stream, peer, shared.router, &mut shared.stopping).await,
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, client = %address, "HTTPS connection ended");
    }
}
