//! `/nodes`: the servers of the cluster, how far each is, and whom nobody waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use journal::shared::{Author, SettingsError};
use node::cluster::{Cluster, NodeView, Positions, Presence, drained, set_drained};
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::slice;
use super::blocking::blocking;
use super::body::{Body, Params};
use super::caller::Caller;
use super::outcome::check_why;
use super::page::{self, ListParams, Page};
use super::policy::WhyParams;
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, change, remove))
}

/// A server of the cluster.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeOut {
    /// What it is called.
    name: String,
    /// It is the one that answers this request.
    is_this: bool,
    /// `serving`; `stopped`: it said so; `absent`: nobody has heard of it for a while.
    state: &'static str,
    /// Nobody waits for it.
    drained: bool,
    /// The version of its program.
    version: String,
    /// When it started, in milliseconds since 1970.
    started_ms: u64,
    /// So long ago it said how it is, in milliseconds.
    heard_ms_ago: u64,
    /// The last change of zones that it serves.
    position: u64,
    /// How many places of the journal it is behind the server that is furthest.
    lag: u64,
    /// How many zones of the journal it has.
    zones: u64,
    /// It has other zones or serials than this server had at the same position of the journal.
    drift: bool,
    /// Labels of its configuration.
    labels: BTreeMap<String, String>,
    /// Health checks that fail there.
    problems: Vec<String>,
}

fn cluster(app: &App) -> Result<&Arc<Cluster>, Problem> {
    app.node.cluster().ok_or_else(|| Problem::not_found("this server is in no cluster (`cluster.brokers` is empty)"))
}

fn shown(view: &NodeView, lag: u64, drained: &BTreeSet<String>) -> NodeOut {
    let NodeView { report, is_own, presence, silent, differs } = view.clone();
    let Positions { zones: position, .. } = report.positions;
    NodeOut {
        is_this: is_own,
        state: presence.as_str(),
        drained: drained.contains(&report.node),
        version: report.version,
        started_ms: report.started_ms,
        heard_ms_ago: silent.as_millis() as u64,
        position,
        lag,
        zones: report.zones,
        drift: differs,
        labels: report.labels,
        problems: report.problems,
        name: report.node,
    }
}

/// This server, where there is no other.
fn alone(app: &App) -> NodeOut {
    let position = app.node.positions().zones;
    let started_ms = unix_ms().saturating_sub(app.started.elapsed().as_millis() as u64);
    NodeOut {
        name: app.node_name(),
        is_this: true,
        state: Presence::Serving.as_str(),
        drained: false,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms,
        heard_ms_ago: 0,
        position,
        lag: 0,
        zones: app.node.zone_count() as u64,
        drift: false,
        labels: BTreeMap::new(),
        problems: Vec::new(),
    }
}

fn all(app: &App) -> Vec<NodeOut> {
    let Some(cluster) = app.node.cluster() else { return vec![alone(app)] };
    let (views, drained) = (cluster.nodes().views(), drained(&app.node.settings().state()));
    NodeView::lags(&views).map(|(view, lag)| shown(view, lag, &drained)).collect()
}

fn one(app: &App, name: &str) -> Result<NodeOut, Problem> {
    let missing = || Problem::not_found(format!("there is no server {name} in the cluster"));
    all(app).into_iter().find(|node| node.name == name).ok_or_else(missing)
}

/// The servers of the cluster in the order of their names; a server that shares its zones with nobody alone.
#[utoipa::path(get, path = "/nodes", tag = "nodes", params(ListParams), responses((status = 200, body = Page<NodeOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let (key, size) = (|node: &NodeOut| node.name.clone(), page::size(params.limit)?);
    Ok(slice(all(&app).into_iter(), key, params.after.as_deref(), size, |node| node).respond(&uri))
}

/// A server of the cluster.
#[utoipa::path(get, path = "/nodes/{node}", tag = "nodes", params(("node" = String, Path, description = "The server")),
    responses((status = 200, body = NodeOut)))]
async fn get(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Result<Json<NodeOut>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    one(&app, &name).map(Json)
}

/// What is decided about a server.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeIn {
    /// Nobody waits for it.
    drained: bool,
    /// Why.
    #[serde(default)]
    why: String,
}

/// Has a server drained, so that nobody waits for it, or waited for again. It goes on answering.
#[utoipa::path(put, path = "/nodes/{node}", tag = "nodes", params(("node" = String, Path, description = "The server")),
    request_body = NodeIn, responses((status = 200, body = NodeOut)))]
async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(wanted): Body<NodeIn>,
) -> Result<Json<NodeOut>, Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    check_why(&wanted.why)?;
    cluster(&app)?;
    one(&app, &name)?;
    decide(&app, &caller, &name, wanted).await?;
    one(&app, &name).map(Json)
}

async fn decide(app: &App, caller: &Caller, name: &str, wanted: NodeIn) -> Result<(), Problem> {
    let (settings, name) = (app.node.settings().clone(), name.to_owned());
    let author = Author::new(&caller.who(), &wanted.why, unix_ms());
    let decided = move || -> Result<(), Problem> {
        // Nothing is written where nothing changes.
        if set_drained(&settings.state(), &name, wanted.drained)?.is_empty() {
            return Ok(());
        }
        settings.submit::<SettingsError>(&author, |state| set_drained(state, &name, wanted.drained))?;
        Ok(())
    };
    blocking(decided).await
}

/// Has all servers forget one that has stopped for good. It comes back when it starts again.
#[utoipa::path(delete, path = "/nodes/{node}", tag = "nodes",
    params(WhyParams, ("node" = String, Path, description = "The server")), responses((status = 204)))]
async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<WhyParams>,
) -> Result<StatusCode, Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    check_why(&params.why)?;
    let node = one(&app, &name)?;
    let cluster = cluster(&app)?;
    if node.state == Presence::Serving.as_str() {
        return Err(Problem::conflict(format!("{name} is serving: stop it first; `drained` has nobody wait for it")));
    }
    decide(&app, &caller, &name, NodeIn { drained: false, why: params.why }).await?;
    tracing::info!(target: "security", node = name, by = caller.who(), "a server of the cluster is removed");
    cluster.forget(&name);
    Ok(StatusCode::NO_CONTENT)
}
