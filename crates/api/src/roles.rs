//! `/roles`: named sets of grants.

use std::sync::Arc;

use access::{EventKind, Grant, Role};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{missing, require_admin, slice, submit};
use super::body::{Body, Params};
use super::caller::Caller;
use super::page::{self, ListParams, Page};
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, replace, delete))
}

/// What is allowed. All limits hold together; of several grants, one that allows is enough.
#[derive(ToSchema)]
#[schema(as = Grant)]
#[expect(dead_code, reason = "describes `auth::Grant`, which is not bound to a form of documentation")]
pub struct GrantDoc {
    /// In which zones: patterns of apexes (`example.org`, `*.example.org`, `**`).
    zones: Vec<String>,
    /// Which owners, as patterns; empty: no limit.
    names: Option<Vec<String>>,
    /// Which types; empty: no limit.
    types: Option<Vec<String>>,
    /// What may be done: `read`, `create`, `update`, `delete`, `configure`, `transfer`, `read_logs`, `admin`.
    verbs: Vec<String>,
    /// From which networks; empty: from everywhere.
    networks: Option<Vec<String>>,
    /// From when on, in milliseconds since 1970.
    not_before_ms: Option<u64>,
    /// Until when, in milliseconds since 1970.
    expires_ms: Option<u64>,
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleOut {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it allows.
    #[schema(value_type = Vec<GrantDoc>)]
    pub grants: Vec<Grant>,
    /// Whether it is always there, as it is.
    pub built_in: bool,
}

impl From<&Arc<Role>> for RoleOut {
    fn from(role: &Arc<Role>) -> RoleOut {
        RoleOut {
            name: role.name.to_string(),
            description: role.description.clone(),
            grants: role.grants.to_vec(),
            built_in: role.built_in,
        }
    }
}

/// The roles, by name.
#[utoipa::path(get, path = "/roles", tag = "access", params(ListParams), responses((status = 200, body = Page<RoleOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let (state, size) = (app.access.state(), page::size(params.limit)?);
    Ok(slice(state.roles(), |role| role.name.to_string(), params.after.as_deref(), size, RoleOut::from).respond(&uri))
}

/// A new role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// Its name.
    name: String,
    /// What it is for.
    #[serde(default)]
    description: String,
    /// What it allows.
    #[schema(value_type = Vec<GrantDoc>)]
    grants: Vec<Grant>,
}

/// Makes a role.
#[utoipa::path(post, path = "/roles", tag = "access", request_body = NewRole, responses((status = 201, body = RoleOut)))]
async fn create(State(app): State<Arc<App>>, caller: Caller, Body(body): Body<NewRole>) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let name = body.name.clone();
    let kind = EventKind::RoleCreated { name: body.name, description: body.description, grants: body.grants };
    submit(&app, &caller, kind).await?;
    Ok((StatusCode::CREATED, Json(role(&app, &name)?)).into_response())
}

fn role(app: &App, name: &str) -> Result<RoleOut, Problem> {
    app.access.state().role(name).map(RoleOut::from).ok_or_else(|| missing("role", name))
}

/// One role.
#[utoipa::path(get, path = "/roles/{name}", tag = "access", params(("name" = String, Path, description = "The role")),
    responses((status = 200, body = RoleOut)))]
async fn get(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Result<Json<RoleOut>, Problem> {
    require_admin(&caller)?;
    role(&app, &name).map(Json)
}

/// What a role becomes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    /// What it is for.
    #[serde(default)]
    description: String,
    /// What it allows.
    #[schema(value_type = Vec<GrantDoc>)]
    grants: Vec<Grant>,
}

/// Changes a role as a whole.
#[utoipa::path(put, path = "/roles/{name}", tag = "access", params(("name" = String, Path, description = "The role")),
    request_body = RoleBody, responses((status = 200, body = RoleOut)))]
async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(body): Body<RoleBody>,
) -> Result<Json<RoleOut>, Problem> {
    require_admin(&caller)?;
    let kind = EventKind::RoleChanged { name: name.clone(), description: body.description, grants: body.grants };
    submit(&app, &caller, kind).await?;
    role(&app, &name).map(Json)
}

/// Removes a role that nobody has.
#[utoipa::path(delete, path = "/roles/{name}", tag = "access", params(("name" = String, Path, description = "The role")),
    responses((status = 204)))]
async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    require_admin(&caller)?;
    submit(&app, &caller, EventKind::RoleDeleted { name }).await?;
    Ok(StatusCode::NO_CONTENT)
}
