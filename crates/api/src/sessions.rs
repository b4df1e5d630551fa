//! `/sessions` and `/access/history`: who is logged in on this server, ending that, and who changed what of access.

use std::sync::Arc;

use access::{AccessChange, Action, Happening, OpenSession, Subject, Verb, session_id};
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use server::clock::unix_ms;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{missing, require_admin, slice};
use super::auth::session_of;
use super::body::Params;
use super::caller::Caller;
use super::page::{self, ListParams, Page};
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(end)).routes(routes!(history))
}

/// Somebody who is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenSessionOut {
    /// What the session is called. It lets nobody in.
    id: String,
    /// Whose it is.
    user: String,
    /// The address that used it last.
    address: String,
    /// When it began, in milliseconds since 1970.
    begun_at_ms: u64,
    /// When it was used last, in milliseconds since 1970.
    used_at_ms: u64,
    /// When it ends in any case, in milliseconds since 1970.
    ends_at_ms: u64,
    /// It is the one that this request comes with.
    is_this: bool,
}

impl OpenSessionOut {
    fn new(session: OpenSession, this: Option<&str>) -> OpenSessionOut {
        let OpenSession { id, user, client, begun_ms, used_ms, ends_ms } = session;
        OpenSessionOut {
            is_this: this == Some(&*id),
            id,
            user: user.to_string(),
            address: client.to_string(),
            begun_at_ms: begun_ms,
            used_at_ms: used_ms,
            ends_at_ms: ends_ms,
        }
    }
}

/// The sessions that the caller may see: one's own, or all for who administers access.
fn visible(app: &App, caller: &Caller) -> Result<Vec<OpenSession>, Problem> {
    let own = caller.principal.user_name();
    let all = caller.may(&Action::server(Verb::Admin));
    if own.is_none() {
        require_admin(caller)?;
    }
    let mut sessions = app.logins.sessions(&app.access.state(), unix_ms());
    sessions.retain(|session| all || own == Some(&*session.user));
    Ok(sessions)
}

/// The sessions of this server: one's own, or all for who administers access. Each server of a cluster has its own.
#[utoipa::path(get, path = "/sessions", tag = "access", params(ListParams), responses((status = 200, body = Page<OpenSessionOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let (sessions, size) = (visible(&app, &caller)?, page::size(params.limit)?);
    let this = session_of(&headers).map(session_id);
    let shown = |session| OpenSessionOut::new(session, this.as_deref());
    let key = |session: &OpenSession| session.id.clone();
    Ok(slice(sessions.into_iter(), key, params.after.as_deref(), size, shown).respond(&uri))
}

/// Ends a session: one's own, or any for who administers access.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "access", params(("id" = String, Path, description = "What the session is called")),
    responses((status = 204)))]
async fn end(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let sessions = visible(&app, &caller)?;
    let session = sessions.iter().find(|session| session.id == id).ok_or_else(|| missing("session", &id))?;
    app.logins.end_session(&id);
    tracing::info!(target: "security", by = caller.who(), "a session of user:{} is ended", session.user);
    Ok(StatusCode::NO_CONTENT)
}

/// A change of access.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessChangeOut {
    /// Its number.
    offset: u64,
    /// When, in milliseconds since 1970.
    at_ms: u64,
    /// Who did it.
    who: String,
    /// What it is about: `user`, `role`, `token`, `key` or `settings`.
    subject: &'static str,
    /// The name of that; of a token its identifier; empty for settings.
    name: String,
    /// `created`, `changed` or `deleted`.
    happened: &'static str,
    /// What a token is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Whose token it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// What changed of a user: `display_name`, `roles`, `password`, `disabled`.
    fields: Vec<&'static str>,
}

impl From<&Arc<AccessChange>> for AccessChangeOut {
    fn from(change: &Arc<AccessChange>) -> AccessChangeOut {
        let AccessChange { offset, at_ms, who, subject, name, happened, token, fields } = (**change).clone();
        let (title, owner) = token.map(|(title, owner)| (title.to_string(), owner.to_string())).unzip();
        let subject = match subject {
            Subject::User => "user",
            Subject::Role => "role",
            Subject::Token => "token",
            Subject::Key => "key",
            Subject::Settings => "settings",
        };
        let happened = match happened {
            Happening::Created => "created",
            Happening::Changed => "changed",
            Happening::Deleted => "deleted",
        };
        AccessChangeOut { offset, at_ms, who, subject, name, happened, title, owner, fields }
    }
}

/// Who changed which user, role, token or key, the latest first. The latest 1000 changes are kept.
#[utoipa::path(get, path = "/access/history", tag = "access", params(ListParams), responses((status = 200, body = Page<AccessChangeOut>)))]
async fn history(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let before = params.after.as_deref().map(str::parse::<u64>).transpose();
    let before = before.map_err(|_| Problem::parameter("after", "`next` of the page before"))?;
    let (state, size) = (app.access.state(), page::size(params.limit)?);
    let mut rest = state.past().filter(|change| before.is_none_or(|before| change.offset < before));
    let items: Vec<AccessChangeOut> = rest.by_ref().take(size).map(AccessChangeOut::from).collect();
    let next = rest.next().and_then(|_| items.last().map(|change| change.offset.to_string()));
    Ok(Page { items, next }.respond(&uri))
}
