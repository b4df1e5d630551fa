//! Receipts: which servers of the cluster have served a change, and writes that wait for them (`?wait=`).
//!
//! The middleware here stands around every write: it takes `wait` and `timeout_ms` out of the request, has it made, then waits
//! until the servers have what it made, and adds to the response what each has said.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use dns::NameBuf;
use journal::{Accepted, Offset};
use node::cluster::{Awaited, Holders, Positions, Receipt, WaitFor, drained};
use serde::Serialize;
use serde_json::{Map, Value, json};
use server::clock::unix_ms;
use utoipa::ToSchema;

use super::limits::{DEFAULT_WAIT_MS, MAX_NODES_WAITED, MAX_WAIT_MS, MAX_WAITED_BODY_BYTES};
use super::page::encode;
use super::problem::Problem;
use super::state::App;

/// The parameter that says who is waited for.
pub const WAIT: &str = "wait";
/// The parameter that says for how long.
pub const TIMEOUT_MS: &str = "timeout_ms";

/// What is of one server alone: nobody else has it, so there is nothing to wait for.
const LOCAL: [&str; 9] =
    ["/drafts", "/session", "/cache", "/backups", "/log", "/config", "/setup", "/explain", "/queries"];

/// Whether a write to this path of the API can wait for other servers.
pub fn may_wait(path: &str) -> bool {
    path == "/drafts/{id}/commit" || !LOCAL.iter().any(|local| path.starts_with(local))
}

/// The change of a response, for who waits for its receipts.
#[derive(Debug, Clone)]
pub struct MadeChange {
    /// Its place in the journal.
    pub offset: Offset,
    /// The zones that it changed.
    pub zones: Vec<NameBuf>,
}

/// What a server has said of a change: either since when it serves it, or why it is not known to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReceiptOut {
    /// The server.
    pub node: String,
    /// It has served the change since then, at the latest, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served_at_ms: Option<u64>,
    /// Why it is not known to have served it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl From<Receipt> for ReceiptOut {
    fn from(Receipt { node, served_at_ms, .. }: Receipt) -> ReceiptOut {
        let problem = served_at_ms.as_ref().err().cloned();
        ReceiptOut { node, served_at_ms: served_at_ms.ok(), problem }
    }
}

/// The receipts of a change.
pub fn of_change(app: &App, change: &Accepted) -> Vec<ReceiptOut> {
    let receipts = match app.node.cluster() {
        None => vec![own(app, change.change.at_ms)],
        Some(cluster) => {
            let zones = change.change.zones.iter().map(|zone| &zone.zone.name);
            let awaited = awaited(app, change.offset, zones);
            cluster.nodes().receipts(&awaited, &drained(&app.node.settings().state()))
        }
    };
    receipts.into_iter().map(ReceiptOut::from).collect()
}

/// What servers are to have served of the change of these zones at `offset`.
fn awaited<'n>(app: &App, offset: Offset, zones: impl IntoIterator<Item = &'n NameBuf>) -> Awaited {
    let positions = Positions { zones: offset, ..Positions::default() };
    Awaited { positions, holders: app.node.holders(zones) }
}

/// The receipt of a server that shares its zones with nobody.
fn own(app: &App, at_ms: u64) -> Receipt {
    Receipt { node: app.node_name(), served_at_ms: Ok(at_ms), is_drained: false }
}

/// What a write waits for.
struct Wait {
    servers: WaitFor,
    timeout: Duration,
}

/// The middleware.
pub async fn wait(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().and_then(|path| path.as_str().strip_prefix("/api/v1"));
    // Elsewhere there are no such parameters, and whoever gives them hears so.
    if request.method().is_safe() || !path.is_some_and(may_wait) {
        return next.run(request).await;
    }
    let wanted = match take_wait(request.uri_mut()) {
        Ok(wanted) => wanted,
        Err(problem) => return problem.into_response(),
    };
    let response = next.run(request).await;
    match wanted {
        Some(wanted) if response.status().is_success() => with_receipts(&app, &wanted, response).await,
        _ => response,
    }
}

/// Takes the parameters out of `uri`.
fn take_wait(uri: &mut Uri) -> Result<Option<Wait>, Problem> {
    let given = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(given) = given.map_err(|error| Problem::bad_request(error.body_text()))?;
    let (ours, others): (Vec<_>, Vec<_>) = given.into_iter().partition(|(name, _)| is_ours(name));
    if ours.is_empty() {
        return Ok(None);
    }
    *uri = without(uri, &others)?;
    wait_of(&ours)
}

fn is_ours(name: &str) -> bool {
    name == WAIT || name == TIMEOUT_MS
}

/// `uri` with `query` in the place of its own.
fn without(uri: &Uri, query: &[(String, String)]) -> Result<Uri, Problem> {
    let mut text = uri.path().to_owned();
    for (at, (name, value)) in query.iter().enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    let bad = || Problem::bad_request("the parameters cannot be read");
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(text.parse().map_err(|_| bad())?);
    Uri::from_parts(parts).map_err(|_| bad())
}

fn wait_of(given: &[(String, String)]) -> Result<Option<Wait>, Problem> {
    let value = |wanted: &str| given.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let timeout_ms = match value(TIMEOUT_MS).map(str::parse) {
        None => DEFAULT_WAIT_MS,
        Some(Ok(timeout_ms)) if timeout_ms <= MAX_WAIT_MS => timeout_ms,
        Some(_) => return Err(Problem::parameter(TIMEOUT_MS, format!("0 to {MAX_WAIT_MS}"))),
    };
    let servers = match value(WAIT) {
        None => return Err(Problem::parameter(TIMEOUT_MS, "it says how long `wait` waits, which is missing")),
        Some("all") => WaitFor::All,
        Some("quorum") => WaitFor::Quorum,
        Some(count) => match count.parse() {
            Ok(count) if (1..=MAX_NODES_WAITED).contains(&count) => WaitFor::Count(count),
            _ => {
                let forms = format!("`all`, `quorum`, or a number of servers from 1 to {MAX_NODES_WAITED}");
                return Err(Problem::parameter(WAIT, forms));
            }
        },
    };
    Ok(Some(Wait { servers, timeout: Duration::from_millis(timeout_ms) }))
}

/// Waits for what `response` tells of, and adds the receipts to it.
async fn with_receipts(app: &App, wanted: &Wait, response: Response) -> Response {
    let receipts = match app.node.cluster() {
        None => vec![own(app, unix_ms())],
        Some(cluster) => {
            // What else was made: everything up to now.
            let awaited = match response.extensions().get::<MadeChange>() {
                Some(MadeChange { offset, zones }) => awaited(app, *offset, zones),
                None => Awaited { positions: app.node.positions(), holders: Holders::All },
            };
            let settings = app.node.settings().clone();
            cluster.wait(&awaited, wanted.servers, wanted.timeout, || drained(&settings.state())).await
        }
    };
    let is_met = wanted.servers.is_met(&receipts);
    let receipts: Vec<ReceiptOut> = receipts.into_iter().map(ReceiptOut::from).collect();
    add(response, &receipts, is_met).await
}

/// Adds receipts to a response whose body is a JSON object or empty; another one is left as it is.
async fn add(response: Response, receipts: &[ReceiptOut], is_met: bool) -> Response {
    let (mut head, body) = response.into_parts();
    let is_json =
        head.headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if !is_json && head.status != StatusCode::NO_CONTENT {
        return Response::from_parts(head, body);
    }
    let Ok(octets) = axum::body::to_bytes(body, MAX_WAITED_BODY_BYTES).await else {
        let detail = "the change was made, but what was said of it is too long to add receipts to; ask for the change";
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response();
    };
    let object = if octets.is_empty() { Some(Map::new()) } else { serde_json::from_slice(&octets).ok() };
    let Some(mut object) = object else { return Response::from_parts(head, Body::from(octets)) };
    object.insert("receipts".to_owned(), json!(receipts));
    object.insert("wait_met".to_owned(), json!(is_met));
    if head.status == StatusCode::NO_CONTENT {
        head.status = StatusCode::OK;
    }
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(head, Body::from(Value::Object(object).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(uri: &str) -> Result<(String, Option<(WaitFor, u64)>), StatusCode> {
        let mut uri: Uri = uri.parse().expect("a URI");
        let wait = take_wait(&mut uri).map_err(|problem| problem.status())?;
        Ok((uri.to_string(), wait.map(|wait| (wait.servers, wait.timeout.as_millis() as u64))))
    }

    #[test]
    fn the_parameters_are_taken_out_of_the_request() {
        let good = |uri, wanted: &str, wait| assert_eq!(taken(uri), Ok((wanted.to_owned(), wait)), "{uri}");
        good("/a", "/a", None);
        good("/a?why=x%20y", "/a?why=x%20y", None);
        good("/a?wait=all", "/a", Some((WaitFor::All, DEFAULT_WAIT_MS)));
        good("/a?why=x%26y&wait=quorum&timeout_ms=7", "/a?why=x%26y", Some((WaitFor::Quorum, 7)));
        good("/a?timeout_ms=0&wait=3&dry_run=true", "/a?dry_run=true", Some((WaitFor::Count(3), 0)));
        for bad in ["/a?wait=", "/a?wait=0", "/a?wait=most", "/a?timeout_ms=5", "/a?wait=all&timeout_ms=x"] {
            assert_eq!(taken(bad), Err(StatusCode::BAD_REQUEST), "{bad}");
        }
        assert_eq!(taken(&format!("/a?wait=all&timeout_ms={}", MAX_WAIT_MS + 1)), Err(StatusCode::BAD_REQUEST));
    }

    #[tokio::test]
    async fn receipts_are_added_to_objects_and_to_nothing() {
        let receipts = [ReceiptOut { node: "a".to_owned(), served_at_ms: Some(7), problem: None }];
        let added = |response: Response| async {
            let (head, body) = add(response, &receipts, true).await.into_parts();
            let octets = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
            (head.status, String::from_utf8(octets.to_vec()).expect("text"))
        };
        let said = r#""receipts":[{"node":"a","served_at_ms":7}],"wait_met":true}"#;
        let json = axum::Json(json!({"change": 3})).into_response();
        assert_eq!(added(json).await, (StatusCode::OK, format!(r#"{{"change":3,{said}"#)));
        assert_eq!(added(StatusCode::NO_CONTENT.into_response()).await, (StatusCode::OK, format!("{{{said}")));
        assert_eq!(added("text".into_response()).await, (StatusCode::OK, "text".to_owned()));
    }
}
