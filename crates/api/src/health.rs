//! `/health` and `/status`, also under the short paths of the original requirements.

use std::sync::Arc;

use access::{Action, Verb};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use telemetry::health::{Check, Finding, State as CheckState};
use telemetry::live::HubCounts;
use telemetry::statistics::Figures;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(live)).routes(routes!(ready)).routes(routes!(status))
}

/// Whether the server is up, and how it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// The worst state of a check: `ok`, `warn` or `fail`.
    status: &'static str,
    /// Whether it can answer: no check says that it should get no queries.
    ready: bool,
    /// The checks, by name.
    checks: Vec<CheckOut>,
}

/// A check.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckOut {
    /// What is checked.
    name: &'static str,
    /// `ok`, `warn` or `fail`.
    state: &'static str,
    /// When it became so, in milliseconds since 1970. This and what follows is for those who may read the server's state.
    #[serde(skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    /// What was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What to do about it; missing if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl CheckOut {
    fn new(check: Check, in_detail: bool) -> CheckOut {
        let Check { name, since_ms, finding } = check;
        CheckOut {
            name,
            state: finding.state.as_str(),
            since_ms: in_detail.then_some(since_ms),
            reason: in_detail.then_some(finding.reason),
            advice: Some(finding.advice).filter(|advice| in_detail && !advice.is_empty()),
        }
    }
}

impl Health {
    /// The last results of all checks; those alone that are `chosen`. Reasons are for those who may know them.
    fn of(app: &App, caller: Option<&Caller>, chosen: impl Fn(&Finding) -> bool) -> Health {
        let board = app.monitor.as_ref().map(node::monitor::Monitor::health);
        let state = board.map_or(CheckState::Ok, |board| board.state());
        let in_detail = caller.is_some_and(|caller| caller.may(&Action::server(Verb::Read)));
        let checks = board.map(|board| board.checks()).unwrap_or_default();
        let checks = checks.into_iter().filter(|check| chosen(&check.finding));
        Health {
            status: state.as_str(),
            ready: board.is_none_or(|board| board.is_ready()),
            checks: checks.map(|check| CheckOut::new(check, in_detail)).collect(),
        }
    }
}

/// How the server is, check by check. Without a log-in names and states alone; the status is 200 whatever they are.
#[utoipa::path(get, path = "/health", tag = "server", security(()), responses((status = 200, body = Health)))]
pub async fn health(State(app): State<Arc<App>>, caller: Option<Extension<Caller>>) -> Json<Health> {
    Json(Health::of(&app, caller.as_deref(), |_| true))
}

/// Whether the server is alive.
#[derive(Debug, Serialize, ToSchema)]
pub struct Live {
    /// `ok`.
    status: &'static str,
}

/// Answers if the server is alive, whatever its checks say. For those who restart it.
#[utoipa::path(get, path = "/health/live", tag = "server", security(()), responses((status = 200, body = Live)))]
pub async fn live() -> Json<Live> {
    Json(Live { status: "ok" })
}

/// Whether the server can answer; if not, the checks that say so. For load balancers.
#[utoipa::path(
    get, path = "/health/ready", tag = "server", security(()),
    responses((status = 200, body = Health), (status = 503, body = Health)),
)]
pub async fn ready(State(app): State<Arc<App>>, caller: Option<Extension<Caller>>) -> (StatusCode, Json<Health>) {
    let health = Health::of(&app, caller.as_deref(), |finding| finding.is_useless);
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
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
    /// The worst state of a check: `ok`, `warn` or `fail`; `GET /health` has the checks.
    health: &'static str,
    /// What was answered lately; missing where no server runs.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    traffic: Option<Traffic>,
}

/// What was answered lately.
#[derive(Debug, Serialize, ToSchema)]
pub struct Traffic {
    /// Responses since the server started.
    queries: u64,
    /// The figures of the last minute.
    #[serde(flatten)]
    figures: Figures,
    /// Live streams.
    live: HubCounts,
}

impl Traffic {
    fn of(app: &App) -> Option<Traffic> {
        let live = app.live.get()?;
        let current = live.statistics.current();
        Some(Traffic { queries: current.responses, figures: current.figures, live: live.hub.counts() })
    }
}

/// How the server is.
#[utoipa::path(get, path = "/status", tag = "server", responses((status = 200, body = Status)))]
pub async fn status(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Status>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        server_name: app.server_name.to_string(),
        uptime_s: app.started.elapsed().as_secs(),
        zones: app.node.zone_count(),
        position: *app.node.position().borrow(),
        health: Health::of(&app, None, |_| false).status,
        traffic: Traffic::of(&app),
    }))
}
