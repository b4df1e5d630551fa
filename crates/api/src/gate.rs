//! What every request passes: who asks, the bounds of its body, and `Idempotency-Key`.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, MatchedPath, OriginalUri, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use super::accepts::Accepts;
use super::auth;
use super::caller::Caller;
use super::idempotency::{Key, Known, Stored};
use super::limits::{
    BODY_TIMEOUT, IMPORT_TIMEOUT, MAX_BODY_BYTES, MAX_CHANGESET_BYTES, MAX_CONFIG_BYTES, MAX_DRAFT_BYTES,
    MAX_IDEMPOTENCY_KEY_BYTES, MAX_IDEMPOTENT_BYTES, MAX_IMPORT_BYTES,
};
use super::names;
use super::problem::Problem;
use super::state::App;

/// The name of the header.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Says that a response is one of before.
const REPLAYED: &str = "idempotency-replayed";

/// Where a request comes from; the server puts it into each.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub SocketAddr);

/// The address of the client.
pub fn client_of(parts: &Parts) -> IpAddr {
    address_of(&parts.extensions)
}

/// The same, of a request's extensions.
fn address_of(extensions: &Extensions) -> IpAddr {
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    extensions.get::<ClientAddress>().map_or(unknown, |address| address.0.ip().to_canonical())
}

/// The address of the client, for handlers.
pub struct Client(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Client, Infallible> {
        Ok(Client(client_of(parts)))
    }
}

/// What the middleware knows.
#[derive(Clone)]
pub struct Gate {
    app: Arc<App>,
    accepts: Arc<Accepts>,
}

impl Gate {
    /// A gate before operations that take what `accepts` says.
    pub fn new(app: Arc<App>, accepts: Accepts) -> Gate {
        Gate { app, accepts: Arc::new(accepts) }
    }
}

/// The first middleware: refuses whoever `web.allowed_networks` do not let in, before they say who they are.
pub async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let client = address_of(request.extensions());
    // Only the control socket knows its callers before they say who they are.
    let is_local = request.extensions().get::<Caller>().is_some();
    if is_local || app.admission.passes(client, request.uri().path(), request.headers()) {
        return next.run(request).await;
    }
    tracing::debug!(target: "security", %client, "request refused: not in web.allowed_networks");
    refused(Problem::forbidden(format!("the server's web.allowed_networks do not let {client} in")))
}

/// The middleware.
pub async fn gate(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    pass(&gate, request, next).await.unwrap_or_else(refused)
}

/// The response to a request that does not pass. Its body may not have been read to the end, so the connection closes,
/// and the response says so: the client must not send its next request into it (RFC 9112 9.6).
fn refused(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn pass(Gate { app, accepts }: &Gate, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    // Whoever has the control socket is known without proof.
    let caller = auth::identify(app, &parts, client_of(&parts)).await?.or_else(|| parts.extensions.get().cloned());
    let is_known = caller.is_some();
    if let Some(caller) = caller {
        parts.extensions.insert(caller);
    }
    if parts.method.is_safe() {
        if is_known {
            accepts.check(&parts, &[])?;
        }
        return Ok(next.run(Request::from_parts(parts, Body::empty())).await);
    }
    let key = match parts.extensions.get::<Caller>() {
        Some(caller) => idempotency_key(&parts, caller)?,
        None => None,
    };
    let (limit, timeout) = if is_known { bounds(parts.uri.path()) } else { (MAX_BODY_BYTES, BODY_TIMEOUT) };
    let _room = room_for(app, &parts, limit)?;
    let octets = tokio::time::timeout(timeout, read(&parts, body, limit))
        .await
        .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"))??;
    // Who is not known hears that first, from the handler.
    if is_known {
        accepts.check(&parts, &octets)?;
        if let Some(elsewhere) = elsewhere(app, &mut parts).await {
            return Ok(elsewhere);
        }
    }
    match key {
        None => Ok(next.run(Request::from_parts(parts, Body::from(octets))).await),
        Some(key) => once(app.clone(), key, parts, octets, next).await,
    }
}

/// The response that sends a change of a secondary's records to the API of its primary, for programs: they show a token or a
/// password, which is theirs there too. Pages hear from the handler that it cannot be changed here.
async fn elsewhere(app: &App, parts: &mut Parts) -> Option<Response> {
    const RECORDS: [&str; 2] = ["/api/v1/zones/{zone}/rrsets", "/api/v1/zones/{zone}/import"];
    let path = parts.extensions.get::<MatchedPath>()?.as_str();
    let is_of_records = RECORDS.iter().any(|records| path.starts_with(records));
    if !is_of_records || !parts.headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let (_, zone) = params.iter().find(|(name, _)| *name == "zone")?;
    let api = app.node.primary_api(&names::zone(zone).ok()?)?;
    // With what was taken out of it on the way here.
    let asked = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
    let place = HeaderValue::try_from(format!("{api}{}", asked.path_and_query()?)).ok()?;
    let problem =
        Problem::new(StatusCode::TEMPORARY_REDIRECT, format!("the records are changed at the primary: {api}"));
    let mut response = problem.into_response();
    response.headers_mut().insert(header::LOCATION, place);
    Some(response)
}

/// How large a body may be, and how long it may take.
fn bounds(path: &str) -> (usize, Duration) {
    let path = path.trim_end_matches('/');
    match path {
        _ if path.ends_with("/import") => (MAX_IMPORT_BYTES, IMPORT_TIMEOUT),
        _ if path.ends_with("/changesets") => (MAX_CHANGESET_BYTES, BODY_TIMEOUT),
        _ if path.contains("/v1/config") => (MAX_CONFIG_BYTES, BODY_TIMEOUT),
        _ if path.contains("/drafts") => (MAX_DRAFT_BYTES, BODY_TIMEOUT),
        _ => (MAX_BODY_BYTES, BODY_TIMEOUT),
    }
}

/// The length that the head announces.
fn length_of(parts: &Parts) -> Option<u64> {
    parts.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Room for a large body, kept until the response is there; usual ones need none.
fn room_for(app: &App, parts: &Parts, limit: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    let announced = length_of(parts).and_then(|length| usize::try_from(length).ok()).unwrap_or(limit);
    let size = announced.min(limit);
    if size <= MAX_BODY_BYTES {
        return Ok(None);
    }
    let kib = u32::try_from(size >> 10).unwrap_or(u32::MAX);
    let full = |_| Problem::unavailable("too many large bodies at the same time").retry_after_s(5);
    app.large_bodies.clone().try_acquire_many_owned(kib).map(Some).map_err(full)
}

/// Reads a body as it comes, so that memory is taken only for what has arrived.
async fn read(parts: &Parts, mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body may have {limit} octets at most"));
    if length_of(parts).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut octets = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Problem::bad_request(format!("the body cannot be read: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if octets.len() + data.len() > limit {
            return Err(too_large());
        }
        octets.extend_from_slice(&data);
    }
    Ok(octets.into())
}

fn idempotency_key(parts: &Parts, caller: &Caller) -> Result<Option<Key>, Problem> {
    let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_IDEMPOTENCY_KEY_BYTES);
    let bad = || Problem::bad_request(format!("Idempotency-Key is text of up to {MAX_IDEMPOTENCY_KEY_BYTES} octets"));
    Ok(Some(Key { who: caller.who(), key: key.ok_or_else(bad)?.to_owned() }))
}

/// Makes the request unless it was made before.
async fn once(app: Arc<App>, key: Key, parts: Parts, octets: Bytes, next: Next) -> Result<Response, Problem> {
    let uri = parts.uri.to_string();
    let if_match = parts.headers.get(header::IF_MATCH).map_or(&b""[..], HeaderValue::as_bytes);
    let request = [parts.method.as_str().as_bytes(), uri.as_bytes(), if_match, &octets];
    match app.idempotency.begin(&key, &request, Instant::now()) {
        Known::Done(stored) => return Ok(replay(stored)),
        Known::UnderWay => return Err(Problem::conflict("the request with this Idempotency-Key is being made")),
        Known::OtherRequest => {
            let detail = "this Idempotency-Key was used for another request";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        Known::New => {}
    }
    // A task of its own: the outcome is kept even if the client does not wait for it.
    let task = tokio::spawn(async move {
        let response = next.run(Request::from_parts(parts, Body::from(octets))).await;
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, MAX_IDEMPOTENT_BYTES).await.unwrap_or_default();
        let stored = Stored { status: head.status, headers: head.headers.clone(), body: body.clone() };
        let counts = !head.status.is_server_error() && head.status != StatusCode::TOO_MANY_REQUESTS;
        app.idempotency.finish(&key, counts.then_some(stored));
        Response::from_parts(head, Body::from(body))
    });
    task.await.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "it failed; this is a bug of the server"))
}

fn replay(stored: Stored) -> Response {
    let mut response = (stored.status, stored.headers, stored.body).into_response();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
