//! `/health` and `/status`, also under the short paths of the original requirements.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Caller;
use super::problem::Problem;
use super::state::App;
use crate::auth::{Action, Verb};

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(status))
}

/// Whether the server is up.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
}

/// Answers if the server is up. For load balancers: no log-in.
#[utoipa::path(get, path = "/health", tag = "server", security(()), responses((status = 200, body = Health)))]
pub async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// Its version.
    version: &'static str,
    /// The name that new zones get as name server.
    server_name: String,
    /// Since it started.
    uptime_s: u64,
    /// How many zones there are.
    zones: usize,
    /// The latest change.
    position: u64,
}

/// How the server is.
#[utoipa::path(get, path = "/status", tag = "server", responses((status = 200, body = Status)))]
pub async fn status(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Status>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        server_name: app.server_name.to_string(),
        uptime_s: app.started.elapsed().as_secs(),
        zones: app.backend.zone_count(),
        position: *app.backend.position().borrow(),
    }))
}
