//! `/setup`: what whoever has just started the server needs to know.

use std::sync::Arc;

use access::{ADMIN, Action, Verb};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(setup))
}

/// A socket that DNS is served on.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListenerOut {
    /// Address and port.
    address: String,
    /// `udp`, `tcp`.
    protocols: Vec<&'static str>,
}

/// Facts about a server.
#[derive(Debug, Serialize, ToSchema)]
pub struct Setup {
    /// How many zones there are.
    zones: usize,
    /// Where queries are forwarded to; empty: the servers of the Internet are asked.
    upstreams: Vec<String>,
    /// Whether names are resolved that are in no zone of the server.
    recursion: bool,
    /// How many lists block names.
    lists: usize,
    /// Queries so far.
    queries: u64,
    /// Whether any client has asked.
    clients_seen: bool,
    /// What DNS is served on.
    listeners: Vec<ListenerOut>,
    /// What the API is served on.
    web: Vec<String>,
    /// Whether the first administrator still has the first password.
    default_password: bool,
}

/// What whoever has just started the server needs to know.
#[utoipa::path(get, path = "/setup", tag = "server", responses((status = 200, body = Setup)))]
async fn setup(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Setup>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let running = &app.operator()?.running;
    let in_use = running.in_use();
    let protocols = |listen: &config::Listen| [(listen.udp, "udp"), (listen.tcp, "tcp")];
    let listener = |listen: &config::Listen| ListenerOut {
        address: listen.address.to_string(),
        protocols: protocols(listen).into_iter().filter_map(|(on, name)| on.then_some(name)).collect(),
    };
    let admin = app.access.state();
    Ok(Json(Setup {
        zones: app.node.zone_count(),
        upstreams: in_use.upstreams.clone(),
        recursion: in_use.recursion,
        lists: app.policing.get().map_or(0, |policing| policing.plan().lists.len()),
        queries: running.queries(),
        clients_seen: running.queries() > 0,
        listeners: in_use.listen.iter().map(listener).collect(),
        web: in_use.web.iter().map(ToString::to_string).collect(),
        default_password: admin.user(ADMIN).is_some_and(|user| user.password.is_some() && !user.password_changed),
    }))
}
