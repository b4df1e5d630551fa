//! `/users` and `/session`: who may log in, and logging in.

use std::sync::Arc;

use access::{EventKind, Grant, Principal, User};
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{hash, missing, require_admin, slice, submit};
use super::auth::{COOKIE, session_of};
use super::blocking::blocking;
use super::body::{Body, Params};
use super::caller::{Caller, refusal};
use super::connection::Secured;
use super::page::{self, ListParams, Page};
use super::problem::Problem;
use super::roles::GrantDoc;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, change, delete))
        .routes(routes!(log_in, who, log_out))
}

/// Somebody who may log in.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserOut {
    /// The name to log in with.
    pub name: String,
    /// The name for people.
    pub display_name: String,
    /// The roles, by name.
    pub roles: Vec<String>,
    /// Whether neither the user nor their tokens may do anything.
    pub disabled: bool,
    /// Whether there is a password to log in with.
    pub has_password: bool,
    /// Since when there is this user, in milliseconds since 1970.
    pub created_at_ms: u64,
}

impl From<&Arc<User>> for UserOut {
    fn from(user: &Arc<User>) -> UserOut {
        UserOut {
            name: user.name.to_string(),
            display_name: user.display_name.clone(),
            roles: user.roles.clone(),
            disabled: user.disabled,
            has_password: user.password.is_some(),
            created_at_ms: user.created_ms,
        }
    }
}

/// The users, by name.
#[utoipa::path(get, path = "/users", tag = "access", params(ListParams), responses((status = 200, body = Page<UserOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let (state, size) = (app.access.state(), page::size(params.limit)?);
    Ok(slice(state.users(), |user| user.name.to_string(), params.after.as_deref(), size, UserOut::from).respond(&uri))
}

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "anna", "display_name": "Anna", "roles": ["editor"], "password": "correct horse battery"}))]
pub struct NewUser {
    /// The name to log in with: letters, digits, `.`, `_`, `@`, `-`.
    name: String,
    /// The name for people.
    #[serde(default)]
    display_name: String,
    /// The roles, by name.
    #[serde(default)]
    roles: Vec<String>,
    /// Without it, no log-in by password.
    #[serde(default)]
    password: Option<String>,
}

/// Makes a user.
#[utoipa::path(post, path = "/users", tag = "access", request_body = NewUser, responses((status = 201, body = UserOut)))]
async fn create(State(app): State<Arc<App>>, caller: Caller, Body(body): Body<NewUser>) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let password = match body.password {
        Some(password) => Some(hash(password).await?),
        None => None,
    };
    let name = body.name.clone();
    let kind = EventKind::UserCreated { name: body.name, display_name: body.display_name, roles: body.roles, password };
    submit(&app, &caller, kind).await?;
    Ok((StatusCode::CREATED, Json(user(&app, &name)?)).into_response())
}

fn user(app: &App, name: &str) -> Result<UserOut, Problem> {
    app.access.state().user(name).map(UserOut::from).ok_or_else(|| missing("user", name))
}

/// One user; everybody may see themselves.
#[utoipa::path(get, path = "/users/{name}", tag = "access", params(("name" = String, Path, description = "The user")),
    responses((status = 200, body = UserOut)))]
async fn get(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Result<Json<UserOut>, Problem> {
    if caller.principal.user_name() != Some(&name) {
        require_admin(&caller)?;
    }
    user(&app, &name).map(Json)
}

/// What changes of a user; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// The name for people.
    #[serde(default)]
    display_name: Option<String>,
    /// The roles, all of them.
    #[serde(default)]
    roles: Option<Vec<String>>,
    /// Another password; ends all sessions.
    #[serde(default)]
    password: Option<String>,
    /// To change one's own password: the one before.
    #[serde(default)]
    old_password: Option<String>,
    /// Whether neither the user nor their tokens may do anything.
    #[serde(default)]
    disabled: Option<bool>,
}

/// Changes a user; everybody may change their own display name and password.
#[utoipa::path(patch, path = "/users/{name}", tag = "access", params(("name" = String, Path, description = "The user")),
    request_body = UserPatch, responses((status = 200, body = UserOut)))]
async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(body): Body<UserPatch>,
) -> Result<Json<UserOut>, Problem> {
    let own = caller.principal.user_name() == Some(&name) && body.roles.is_none() && body.disabled.is_none();
    if !own {
        require_admin(&caller)?;
    } else if body.password.is_some() {
        // Whoever finds a session open must not be able to keep it.
        let old = body.old_password.ok_or_else(|| Problem::forbidden("this needs old_password"))?;
        super::auth::by_password(&app, name.clone(), old, caller.client).await?;
    }
    let password = match body.password {
        Some(password) => Some(hash(password).await?),
        None => None,
    };
    let (display_name, roles, disabled) = (body.display_name, body.roles, body.disabled);
    let kind = EventKind::UserChanged { name: name.clone(), display_name, roles, password, disabled };
    submit(&app, &caller, kind).await?;
    user(&app, &name).map(Json)
}

/// Removes a user with their tokens.
#[utoipa::path(delete, path = "/users/{name}", tag = "access", params(("name" = String, Path, description = "The user")),
    responses((status = 204)))]
async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    require_admin(&caller)?;
    submit(&app, &caller, EventKind::UserDeleted { name: name.clone() }).await?;
    app.logins.log_out_everywhere(&name);
    Ok(StatusCode::NO_CONTENT)
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The name.
    user: String,
    /// The password.
    password: String,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionOut {
    /// As the history names them.
    who: String,
    /// The user, if it is one.
    user: Option<String>,
    /// When the session ends in any case, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at_ms: Option<u64>,
    /// What they may do. A token may do no more of it than its owner.
    #[schema(value_type = Vec<GrantDoc>)]
    grants: Vec<Grant>,
}

impl SessionOut {
    fn new(principal: &Principal, ends_at_ms: Option<u64>) -> SessionOut {
        SessionOut {
            who: principal.to_string(),
            user: principal.user_name().map(str::to_owned),
            ends_at_ms,
            grants: principal.grants().cloned().collect(),
        }
    }
}

/// Logs in. The session is a cookie; changes by it need the header `X-Headwater` or a JSON body.
#[utoipa::path(post, path = "/session", tag = "access", request_body = LogIn, security(()), responses((status = 201, body = SessionOut)))]
async fn log_in(
    State(app): State<Arc<App>>,
    super::gate::Client(client): super::gate::Client,
    secured: Option<Extension<Secured>>,
    Body(body): Body<LogIn>,
) -> Result<Response, Problem> {
    let (access, logins) = (app.access.clone(), app.logins.clone());
    let log_in = move || logins.log_in(&access.state(), &body.user, &body.password, client, unix_ms()).map_err(refusal);
    let session = blocking(log_in).await?;
    let max_age_s = session.ends_ms.saturating_sub(unix_ms()) / 1000;
    let cookie = cookie(secured.is_some(), session.session.reveal(), max_age_s)?;
    let out = SessionOut::new(&session.principal, Some(session.ends_ms));
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(out)).into_response())
}

/// Who asks, however they showed it.
#[utoipa::path(get, path = "/session", tag = "access", responses((status = 200, body = SessionOut)))]
async fn who(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap) -> Json<SessionOut> {
    let session = session_of(&headers).filter(|_| !headers.contains_key(header::AUTHORIZATION));
    let ends_at_ms = session.and_then(|text| app.logins.session_ends_ms(&app.access.state(), text));
    Json(SessionOut::new(&caller.principal, ends_at_ms))
}

/// Ends the session.
#[utoipa::path(delete, path = "/session", tag = "access", responses((status = 204)))]
async fn log_out(
    State(app): State<Arc<App>>,
    _caller: Caller,
    secured: Option<Extension<Secured>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(session) = session_of(&headers) {
        app.logins.log_out(session);
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(secured.is_some(), "", 0)?)]).into_response())
}

/// `is_secured`: the request came over TLS, and so must every one that the cookie comes with.
fn cookie(is_secured: bool, session: &str, max_age_s: u64) -> Result<HeaderValue, Problem> {
    let secure = if is_secured { "; Secure" } else { "" };
    let text = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{secure}");
    HeaderValue::try_from(text).map_err(|_| Problem::unavailable("the session cannot be written"))
}
