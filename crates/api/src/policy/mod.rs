//! `/blocking`, `/groups`, `/clients`: what is blocked, for whom, and why.
//!
//! What the configuration says is shown and cannot be changed here; what is set here is documents of the shared settings.
//! `edit.rs` is the way of every change; `named.rs` what groups and devices have in common.

mod check;
mod devices;
mod edit;
mod groups;
mod history;
mod lists;
mod named;
mod pauses;
mod rules;
mod simulate;

use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::State;
use journal::shared::Document;
use node::policy::Policing;
use policy::devices::Scope;
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(blocking))
        .merge(lists::router())
        .merge(rules::router())
        .merge(groups::router())
        .merge(devices::router())
        .merge(pauses::router())
        .merge(check::router())
        .merge(history::router())
        .merge(simulate::router())
}

fn policing(app: &App) -> Result<&Arc<Policing>, Problem> {
    app.policing.get().ok_or_else(|| Problem::unavailable("no server is running here").retry_after_s(1))
}

/// What is blocked, for a caller that may know.
fn readable<'a>(app: &'a App, caller: &Caller) -> Result<&'a Arc<Policing>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    policing(app)
}

/// Why a change is made.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WhyParams {
    /// Why, for the history.
    #[serde(default)]
    pub why: String,
}

/// Who set something by API, when and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SetOut {
    /// The version, which `If-Match` compares: the number of the change that made it what it is.
    version: u64,
    /// Who.
    by: String,
    /// When, in milliseconds since 1970, like all times here.
    at_ms: u64,
    /// Why, in their words.
    why: String,
}

impl SetOut {
    fn of(document: &Document) -> SetOut {
        let Document { version, set_by, set_at_ms, why, .. } = document;
        SetOut { version: *version, by: set_by.clone(), at_ms: *set_at_ms, why: why.clone() }
    }
}

/// `api`, or `file` for what stands in the configuration.
fn origin(set: Option<&SetOut>) -> &'static str {
    if set.is_some() { "api" } else { "file" }
}

/// Blocking as a whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockingOut {
    /// Whether anything is blocked.
    enabled: bool,
    /// What is answered: `null`, `nxdomain`, `nodata`, `refused`, `drop`, `truncate` or `addresses`.
    action: &'static str,
    /// Seconds that a blocked answer may be kept.
    ttl_s: u32,
    /// Lists that are on.
    lists: usize,
    /// Names that are listed, each counted once.
    names: u64,
    /// Rules that are more than a name.
    rules: u64,
    /// Memory of the names, in bytes.
    memory_bytes: u64,
    /// Until when nothing is blocked for anybody; null: blocking is not paused for all.
    paused_until_ms: Option<i64>,
    /// Pauses that hold now, those of groups and devices included.
    pauses: usize,
}

/// What is blocked as a whole.
#[utoipa::path(get, path = "/blocking", tag = "blocking", responses((status = 200, body = BlockingOut)))]
async fn blocking(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<BlockingOut>, Problem> {
    let policing = readable(&app, &caller)?;
    let (plan, summary) = (policing.planned(&policing.documents().state()), policing.summary());
    let now_ms = i64::try_from(unix_ms()).unwrap_or(i64::MAX);
    let pauses = || plan.pauses.iter().filter(|pause| pause.until_ms > now_ms);
    Ok(Json(BlockingOut {
        enabled: plan.enabled,
        action: word(&plan.action),
        ttl_s: plan.ttl_s,
        lists: plan.lists.iter().filter(|list| list.is_on).count(),
        names: summary.names,
        rules: summary.rules,
        memory_bytes: summary.memory_octets,
        paused_until_ms: pauses().filter(|pause| pause.scope == Scope::All).map(|pause| pause.until_ms).max(),
        pauses: pauses().count(),
    }))
}

/// An action as one word.
fn word(action: &policy::Action) -> &'static str {
    match action {
        policy::Action::Null => "null",
        policy::Action::Nxdomain => "nxdomain",
        policy::Action::Nodata => "nodata",
        policy::Action::Refused => "refused",
        policy::Action::Drop => "drop",
        policy::Action::TcpOnly => "truncate",
        policy::Action::Addresses(_) => "addresses",
    }
}
