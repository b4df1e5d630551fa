//! `/metrics` and `/api/metrics`: the metrics of the server, for Prometheus. This host may read them without a log-in,
//! and so may those that `web.metrics_allowed` names; anybody else needs the right to read the server's state.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Action, Verb};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use telemetry::metrics::Format;

use super::blocking::blocking;
use super::caller::Caller;
use super::gate::Client;
use super::problem::Problem;
use super::state::App;

/// What proxies put into requests that they pass on: such a request is not of the host that sent it.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// The metrics as text, in the format that the client asks for.
///
/// # Errors
/// 401 or 403: the client may not read them; 503: there are none without a server.
pub async fn metrics(
    State(app): State<Arc<App>>,
    Client(client): Client,
    caller: Option<axum::Extension<Caller>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !is_allowed(&app, client, &headers) {
        let needed = || Problem::new(axum::http::StatusCode::UNAUTHORIZED, "this needs a log-in or a token");
        caller.ok_or_else(needed)?.require(&Action::server(Verb::Read))?;
    }
    let monitor = app.monitor.clone().ok_or_else(|| Problem::unavailable("there are no metrics: no server runs"))?;
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::accepted(&accept.collect::<Vec<_>>().join(","));
    let text = blocking(move || Ok::<_, Problem>(monitor.metrics().text(format))).await?;
    Ok(([(header::CONTENT_TYPE, format.media_type())], text).into_response())
}

/// Whether a client may read metrics without saying who it is.
fn is_allowed(app: &App, client: IpAddr, headers: &HeaderMap) -> bool {
    let is_near = client.is_loopback() || app.metrics_allowed().iter().any(|network| network.contains(&client));
    is_near && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}
