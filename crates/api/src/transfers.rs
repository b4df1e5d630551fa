//! `/zones/{zone}/retransfer` and `/notify`: transfers on demand.

use std::sync::Arc;

use access::{Action, Verb, no_such_zone};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::names;
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(retransfer)).routes(routes!(notify))
}

/// What will happen.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ordered {
    /// The zone.
    zone: String,
    /// How many servers are told or asked.
    servers: usize,
}

/// Fetches a secondary zone as a whole, soon; `GET /zones/{zone}` says how it went.
#[utoipa::path(post, path = "/zones/{zone}/retransfer", tag = "transfers", params(("zone" = String, Path, description = "The zone")),
    responses((status = 202, body = Ordered)))]
async fn retransfer(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
) -> Result<(StatusCode, Json<Ordered>), Problem> {
    let zone = names::zone(&zone)?;
    caller.require(&Action::zone(Verb::Transfer, &zone))?;
    let info = app.node.zone(&zone).ok_or_else(|| Problem::not_found(no_such_zone(&zone)))?;
    app.node.retransfer(&zone)?;
    let servers = info.settings.primaries.len();
    Ok((StatusCode::ACCEPTED, Json(Ordered { zone: zone.to_string(), servers })))
}

/// Tells the secondaries of a zone about its serial, soon (RFC 1996).
#[utoipa::path(post, path = "/zones/{zone}/notify", tag = "transfers", params(("zone" = String, Path, description = "The zone")),
    responses((status = 202, body = Ordered)))]
async fn notify(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
) -> Result<(StatusCode, Json<Ordered>), Problem> {
    let zone = names::zone(&zone)?;
    caller.require(&Action::zone(Verb::Transfer, &zone))?;
    app.node.zone(&zone).ok_or_else(|| Problem::not_found(no_such_zone(&zone)))?;
    let servers = app.node.notify(&zone)?;
    Ok((StatusCode::ACCEPTED, Json(Ordered { zone: zone.to_string(), servers })))
}
