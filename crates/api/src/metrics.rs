//! `/metrics` and `/api/metrics`: the metrics of the server, for Prometheus. This host may read them without a log-in,
//! and so may those that `web.metrics_allowed` names; anybody else needs the right to read the server's state.

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
    if !app.admission.shows_metrics(client, &headers) {
        let needed = || Problem::new(axum::http::StatusCode::UNAUTHORIZED, "this needs a log-in or a token");
        caller.ok_or_else(needed)?.require(&Action::server(Verb::Read))?;
    }
    let monitor = app.monitor.clone().ok_or_else(|| Problem::unavailable("there are no metrics: no server runs"))?;
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::accepted(&accept.collect::<Vec<_>>().join(","));
    let text = blocking(move || Ok::<_, Problem>(monitor.metrics().text(format))).await?;
    Ok(([(header::CONTENT_TYPE, format.media_type())], text).into_response())
}
