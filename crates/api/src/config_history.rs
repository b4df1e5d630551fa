//! `/config/history`: the configurations that were in use, and going back to one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use config::versions::Version;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::require_admin;
use super::blocking::blocking;
use super::body::Params;
use super::caller::Caller;
use super::config_plan::{DifferenceOut, Wanted};
use super::configuration::{ConfigOutcome, ConfigParams, shown, take_over};
use super::operator::Running;
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(restore))
}

/// A configuration that was in use.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionOut {
    /// Its number.
    id: u64,
    /// Since when it was in use, in milliseconds since 1970.
    at_ms: u64,
    /// Who brought it in.
    who: String,
    /// Why.
    why: String,
    /// Whether it is in use now.
    in_use: bool,
}

impl VersionOut {
    fn new(version: &Version, running: &Running) -> VersionOut {
        let about = version.about.clone();
        let in_use = running.in_use().text.as_deref() == Some(&*version.text);
        VersionOut { id: version.id, at_ms: about.at_ms, who: about.who, why: about.why, in_use }
    }
}

/// The configurations that are kept, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionsOut {
    /// All of them: there are not many.
    items: Vec<VersionOut>,
}

/// The configurations that were in use, the latest first.
#[utoipa::path(get, path = "/config/history", tag = "config", responses((status = 200, body = VersionsOut)))]
async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<VersionsOut>, Problem> {
    require_admin(&caller)?;
    let running = app.operator()?.running.clone();
    blocking(move || {
        let ids = running.versions.ids().into_iter().rev();
        let items = ids.filter_map(|id| Some(VersionOut::new(&running.versions.get(id)?, &running))).collect();
        Ok(Json(VersionsOut { items }))
    })
    .await
}

/// A configuration that was in use, with its text.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionText {
    /// Who brought it in, and when.
    #[serde(flatten)]
    version: VersionOut,
    /// Its text, with something in place of each secret.
    text: String,
    /// What would be different if it came back.
    diff: Vec<DifferenceOut>,
}

/// One configuration that was in use.
#[utoipa::path(get, path = "/config/history/{id}", tag = "config", params(("id" = u64, Path, description = "Its number")),
    responses((status = 200, body = VersionText)))]
async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<VersionText>, Problem> {
    require_admin(&caller)?;
    let running = app.operator()?.running.clone();
    blocking(move || {
        let version = find(&running, &id)?;
        let now = running.sources.settings(running.in_use().text.as_deref());
        let then = running.sources.settings(Some(&version.text));
        let diff = config::differences(&now, &then).into_iter().map(DifferenceOut::from).collect();
        Ok(Json(VersionText { version: VersionOut::new(&version, &running), text: shown(&version.text)?, diff }))
    })
    .await
}

/// Takes over a configuration of before.
#[utoipa::path(post, path = "/config/history/{id}/restore", tag = "config",
    params(("id" = u64, Path, description = "Its number"), ConfigParams), responses((status = 200, body = ConfigOutcome)))]
async fn restore(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Params(mut params): Params<ConfigParams>,
) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let running = app.operator()?.running.clone();
    let version = blocking(move || find(&running, &id)).await?;
    if params.why.is_empty() {
        params.why = format!("back to version {}", version.id);
    }
    take_over(&app, &caller, &headers, params, Wanted { text: Some(version.text), changes: None }).await
}

fn find(running: &Running, id: &str) -> Result<Version, Problem> {
    let version = id.parse().ok().and_then(|id| running.versions.get(id));
    version.ok_or_else(|| Problem::not_found(format!("there is no version {id}")))
}
