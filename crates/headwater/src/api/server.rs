//! The HTTP/1.1 server of the API on tokio: bounded in connections, and in the time of each of their
//! phases. TLS comes in front of it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Sleep;

use super::gate::ClientAddress;
use super::limits::{
    DRAIN_TIMEOUT, HEAD_TIMEOUT, LINGER_BYTES, LINGER_TIMEOUT, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_CLIENT,
    MAX_HEAD_BYTES, WRITE_TIMEOUT,
};
use super::state::App;

/// Between two attempts to accept when the system has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running server.
pub struct Server {
    stopping: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Serves the API on `listeners`. Must be called within a tokio runtime.
///
/// # Errors
/// A listener that tokio cannot take over.
pub fn serve(listeners: Vec<TcpListener>, app: Arc<App>) -> io::Result<Server> {
    let stopping = app.stopping.clone();
    let router = super::router(app);
    let room = Arc::new(Room::default());
    let mut tasks = Vec::new();
    for listener in listeners {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tasks.push(tokio::spawn(accept(listener, router.clone(), room.clone(), stopping.subscribe())));
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

async fn accept(
    listener: tokio::net::TcpListener,
    router: Router,
    room: Arc<Room>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            // Above the bounds a connection is closed at once.
            Ok((stream, address)) => {
                if let Some(place) = Room::take(&room, address.ip()) {
                    connections.spawn(converse(stream, address, router.clone(), place, stopping.clone()));
                }
            }
            Err(error) => {
                tracing::debug!(%error, "accepting an HTTP connection failed");
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

async fn converse(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    _place: Place,
    mut stopping: watch::Receiver<bool>,
) {
    // Without it small responses wait for acknowledgements; if it fails they are only slower.
    let _ = stream.set_nodelay(true);
    if let Err(error) = serve_connection(stream, address, router, &mut stopping).await {
        tracing::debug!(%error, client = %address, "HTTP connection ended");
    }
}

/// Answers the requests of one connection until it ends; when the server stops, the request under way is the last.
///
/// # Errors
/// The connection's.
pub async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    address: SocketAddr,
    router: Router,
    stopping: &mut watch::Receiver<bool>,
) -> hyper::Result<()> {
    let service = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ClientAddress(address));
        service.call(request)
    });
    let mut builder = http1::Builder::new();
    // Without a timer the header timeout would have no effect.
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD_BYTES);
    {
        let connection = builder.serve_connection(Patient::new(TokioIo::new(&mut stream)), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            outcome = connection.as_mut() => outcome?,
            () = stopped(stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await?;
            }
        }
    }
    tokio::select! {
        () = linger(&mut stream) => {}
        () = stopped(stopping) => {}
    }
    Ok(())
}

/// Reads what still comes until the client has closed, too. Closing with octets unread would reset the connection, and
/// the client would lose the response to a request whose body was refused (RFC 9112 9.6).
async fn linger(stream: &mut (impl AsyncRead + Unpin)) {
    let (mut rest, mut nowhere) = (stream.take(LINGER_BYTES), tokio::io::sink());
    let read = tokio::io::copy(&mut rest, &mut nowhere);
    // How it ends does not matter: it ends.
    let _ = tokio::time::timeout(LINGER_TIMEOUT, read).await;
}

/// Returns when the server stops.
pub async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that nobody can tell any more: that is an end, too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Places for connections.
struct Room {
    all: Arc<Semaphore>,
    clients: Mutex<HashMap<IpAddr, usize>>,
}

impl Default for Room {
    fn default() -> Room {
        Room { all: Arc::new(Semaphore::new(MAX_CONNECTIONS)), clients: Mutex::default() }
    }
}

/// A place of one connection, free again when dropped.
struct Place {
    room: Arc<Room>,
    client: IpAddr,
    _one: tokio::sync::OwnedSemaphorePermit,
}

impl Room {
    fn take(room: &Arc<Room>, client: IpAddr) -> Option<Place> {
        let one = room.all.clone().try_acquire_owned().ok()?;
        let mut clients = room.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = clients.entry(client).or_insert(0);
        if *count >= MAX_CONNECTIONS_PER_CLIENT {
            return None;
        }
        *count += 1;
        Some(Place { room: room.clone(), client, _one: one })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.room.clients.lock().unwrap_or_else(PoisonError::into_inner);
        match clients.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(clients.remove(&self.client)),
        }
    }
}

/// A stream on which a write that makes no progress fails after a while: a client that takes nothing would otherwise
/// keep its place for ever.
struct Patient<I> {
    inner: I,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<I: Write + Unpin> Patient<I> {
    fn new(inner: I) -> Patient<I> {
        Patient { inner, deadline: None }
    }

    /// Starts to wait where nothing could be written, and stops where something was.
    fn watch<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.deadline = None;
            return poll;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        match deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<I: Read + Unpin> Read for Patient<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<I: Write + Unpin> Write for Patient<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(context, octets);
        self.watch(context, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(context);
        self.watch(context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(context);
        self.watch(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.watch(context, poll)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_client_and_come_back() {
        let room = Arc::new(Room::default());
        let client = IpAddr::from([192, 0, 2, 1]);
        let places: Vec<Place> = std::iter::from_fn(|| Room::take(&room, client)).collect();
        assert_eq!(places.len(), MAX_CONNECTIONS_PER_CLIENT);
        assert!(Room::take(&room, IpAddr::from([192, 0, 2, 2])).is_some());
        drop(places);
        assert!(Room::take(&room, client).is_some());
        assert!(room.clients.lock().expect("lock").is_empty(), "nobody is remembered");
    }
}
