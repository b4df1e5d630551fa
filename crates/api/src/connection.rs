//! One connection of HTTP/1.1 or HTTP/2: its requests go to the router with where they come from, and every phase has
//! a bound.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::activity::Activity;
use super::gate::ClientAddress;
use super::lent::Lent;
use super::limits::{
    DRAIN_TIMEOUT, HEAD_TIMEOUT, LOOK_INTERVAL, MAX_HEAD_BYTES, MAX_STREAMS_PER_CONNECTION, PING_INTERVAL,
    STREAM_SEND_BYTES, STREAM_WINDOW_BYTES, WRITE_TIMEOUT,
};
use super::linger::linger;
use super::patient::Patient;

/// What browsers shall remember of a site with a real certificate: no HTTP in the clear for a year (RFC 6797 6.1).
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// Says of a request that it came over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secured {
    /// Whether somebody vouches for our certificate.
    pub is_vouched_for: bool,
}

/// Where the requests of a connection come from.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The client's address.
    pub address: SocketAddr,
    /// How it is protected.
    pub secured: Option<Secured>,
}

/// A router that is told where requests come from.
#[derive(Clone)]
struct Told {
    service: TowerToHyperService<Router>,
    peer: Peer,
}

impl Told {
    fn new(router: Router, peer: Peer) -> Told {
        Told { service: TowerToHyperService::new(router), peer }
    }

    fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
        let peer = self.peer;
        request.extensions_mut().insert(ClientAddress(peer.address));
        if let Some(secured) = peer.secured {
            request.extensions_mut().insert(secured);
        }
        let answered = self.service.call(request);
        async move {
            let mut response = answered.await?;
            if peer.secured.is_some_and(|secured| secured.is_vouched_for) {
                let value = HeaderValue::from_static(STRICT_TRANSPORT);
                response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
            }
            Ok(response)
        }
    }
}

/// Answers the requests of one connection of HTTP/1.1 in the clear until it ends; when the server stops, the request
/// under way is the last.
///
/// # Errors
/// The connection's.
pub async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    address: SocketAddr,
    router: Router,
    stopping: &mut watch::Receiver<bool>,
) -> hyper::Result<()> {
    serve_http1(stream, Peer { address, secured: None }, router, stopping).await
}

/// The same, from `peer`.
///
/// # Errors
/// The connection's.
pub async fn serve_http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Peer,
    router: Router,
    stopping: &mut watch::Receiver<bool>,
) -> hyper::Result<()> {
    let told = Told::new(router, peer);
    let service = hyper::service::service_fn(move |request| told.answer(request));
    let mut builder = http1::Builder::new();
    // Without a timer the header timeout would have no effect.
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD_BYTES);
    let (lent, mut returned) = Lent::new(stream);
    {
        let connection = builder.serve_connection(Patient::new(TokioIo::new(lent)), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            outcome = connection.as_mut() => outcome?,
            () = stopped(stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await?;
            }
        }
    }
    // What has become a live stream does not come back.
    let Ok(mut stream) = returned.try_recv() else { return Ok(()) };
    tokio::select! {
        () = linger(&mut stream) => {}
        () = stopped(stopping) => {}
    }
    Ok(())
}

/// Answers the requests of one connection of HTTP/2. It ends when nobody uses it, and when its client does not take
/// what it asked for.
///
/// # Errors
/// The connection's.
pub async fn serve_http2<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: Peer,
    router: Router,
    stopping: &mut watch::Receiver<bool>,
) -> hyper::Result<()> {
    let (told, activity) = (Told::new(router, peer), Arc::new(Activity::default()));
    let of_requests = activity.clone();
    let service = hyper::service::service_fn(move |request| {
        let (running, answered) = (of_requests.begin(), told.answer(request));
        async move { Ok::<_, Infallible>(answered.await?.map(|body| running.watch(body))) }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL)
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(STREAM_WINDOW_BYTES)
        .max_send_buf_size(STREAM_SEND_BYTES);
    let mut connection = std::pin::pin!(builder.serve_connection(Patient::new(TokioIo::new(stream)), service));
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    let mut is_closing = false;
    loop {
        let close = tokio::select! {
            outcome = connection.as_mut() => return outcome,
            () = stopped(stopping), if !is_closing => true,
            _ = looks.tick() => activity.is_idle(HEAD_TIMEOUT),
        };
        if activity.is_stalled(WRITE_TIMEOUT) || activity.is_idle(HEAD_TIMEOUT + DRAIN_TIMEOUT) {
            return Ok(());
        }
        if close && !is_closing {
            is_closing = true;
            connection.as_mut().graceful_shutdown();
        }
    }
}

/// Returns when the server stops.
pub async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that nobody can tell any more: that is an end, too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
