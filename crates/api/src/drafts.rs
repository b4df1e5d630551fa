//! `/drafts`: changes that are collected, previewed, and made together later.

use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use server::clock::unix_ms;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::slice;
use super::blocking::blocking;
use super::body::{Body, Params};
use super::caller::Caller;
use super::draft_store::{Draft, DraftError, DraftInfo};
use super::etag;
use super::outcome::{Outcome, check_why};
use super::page::{self, ListParams, Page};
use super::problem::{FieldError, Problem};
use super::state::App;
use super::steps::{Changeset, ZoneStep};
use super::zones::commit_changeset;

/// Characters of a draft's name.
const MAX_NAME: usize = 256;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, change, delete))
        .routes(routes!(preview))
        .routes(routes!(commit))
}

impl From<DraftError> for Problem {
    fn from(error: DraftError) -> Problem {
        let detail = error.to_string();
        match error {
            DraftError::NotThere(_) => Problem::not_found(detail),
            DraftError::TooMany => Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail),
            DraftError::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail),
            DraftError::Changed => Problem::new(StatusCode::PRECONDITION_FAILED, detail),
            // Where files are is not for clients.
            DraftError::File { error, .. } => {
                Problem::unavailable(format!("the draft cannot be stored: {}", error.kind()))
            }
            DraftError::Random(_) => Problem::unavailable(detail),
        }
    }
}

/// Whether the caller may see the drafts of `owner`: one's own, and all for who administers.
fn sees(caller: &Caller, owner: &str) -> bool {
    caller.who() == owner || caller.may(&Action::server(Verb::Admin))
}

/// A draft that the caller may see.
async fn fetch(app: &Arc<App>, caller: &Caller, id: &str) -> Result<Draft, Problem> {
    let (store, wanted) = (app.clone(), id.to_owned());
    let draft = blocking(move || store.drafts.get(&wanted).map_err(Problem::from)).await?;
    if sees(caller, &draft.owner) { Ok(draft) } else { Err(DraftError::NotThere(id.to_owned()).into()) }
}

fn respond(status: StatusCode, draft: Draft) -> Response {
    let tag = etag::of(draft.version);
    (status, [(header::ETAG, tag)], Json(draft)).into_response()
}

/// The drafts: one's own, or all for who administers.
#[utoipa::path(get, path = "/drafts", tag = "drafts", params(ListParams), responses((status = 200, body = Page<DraftInfo>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let size = page::size(params.limit)?;
    let drafts = app.drafts.list().into_iter().filter(|draft| sees(&caller, &draft.owner));
    Ok(slice(drafts, |draft| draft.id.clone(), params.after.as_deref(), size, |draft| draft).respond(&uri))
}

/// A new draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDraft {
    /// What it is called.
    name: String,
    /// Why the changes shall be made.
    #[serde(default)]
    why: String,
    /// What shall happen to each zone.
    #[serde(default)]
    zones: Vec<ZoneStep>,
}

/// Makes a draft. Its changes are checked when it is previewed or committed.
#[utoipa::path(post, path = "/drafts", tag = "drafts", request_body = NewDraft, responses((status = 201, body = Draft)))]
async fn create(State(app): State<Arc<App>>, caller: Caller, Body(body): Body<NewDraft>) -> Result<Response, Problem> {
    check(&body.name, &body.why)?;
    let now = unix_ms();
    let draft = Draft {
        id: String::new(),
        name: body.name,
        owner: caller.who(),
        created_at_ms: now,
        changed_at_ms: now,
        version: 0,
        why: body.why,
        zones: body.zones,
    };
    let draft = blocking(move || app.drafts.create(draft).map_err(Problem::from)).await?;
    Ok(respond(StatusCode::CREATED, draft))
}

fn check(name: &str, why: &str) -> Result<(), Problem> {
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return Err(Problem::unprocessable(vec![FieldError::at("/name", format!("1 to {MAX_NAME} characters"))]));
    }
    check_why(why)
}

/// One draft.
#[utoipa::path(get, path = "/drafts/{id}", tag = "drafts", params(("id" = String, Path, description = "The draft")),
    responses((status = 200, body = Draft)))]
async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(respond(StatusCode::OK, fetch(&app, &caller, &id).await?))
}

/// What changes of a draft; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftPatch {
    /// What it is called.
    #[serde(default)]
    name: Option<String>,
    /// Why the changes shall be made.
    #[serde(default)]
    why: Option<String>,
    /// All changes, in place of those that are there.
    #[serde(default)]
    zones: Option<Vec<ZoneStep>>,
    /// Changes that come to those that are there.
    #[serde(default)]
    add: Option<Vec<ZoneStep>>,
}

/// Changes a draft.
#[utoipa::path(patch, path = "/drafts/{id}", tag = "drafts", params(("id" = String, Path, description = "The draft")),
    request_body = DraftPatch, responses((status = 200, body = Draft)))]
async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    expected: etag::IfMatch,
    Body(body): Body<DraftPatch>,
) -> Result<Response, Problem> {
    check(body.name.as_deref().unwrap_or("-"), body.why.as_deref().unwrap_or_default())?;
    let draft = fetch(&app, &caller, &id).await?;
    let version = match expected {
        etag::IfMatch::Serials(versions) if !versions.contains(&draft.version) => {
            return Err(DraftError::Changed.into());
        }
        etag::IfMatch::Serials(_) => Some(draft.version),
        _ => None,
    };
    let edit = move |draft: &mut Draft| {
        draft.name = body.name.unwrap_or(std::mem::take(&mut draft.name));
        draft.why = body.why.unwrap_or(std::mem::take(&mut draft.why));
        draft.zones = body.zones.unwrap_or(std::mem::take(&mut draft.zones));
        draft.zones.extend(body.add.unwrap_or_default());
        draft.changed_at_ms = unix_ms();
    };
    let changed = blocking(move || app.drafts.change(&id, version, edit).map_err(Problem::from)).await?;
    Ok(respond(StatusCode::OK, changed))
}

/// Removes a draft.
#[utoipa::path(delete, path = "/drafts/{id}", tag = "drafts", params(("id" = String, Path, description = "The draft")),
    responses((status = 204)))]
async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    fetch(&app, &caller, &id).await?;
    blocking(move || app.drafts.delete(&id).map_err(Problem::from)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the draft would change, and what the checks say.
#[utoipa::path(post, path = "/drafts/{id}/preview", tag = "drafts", params(("id" = String, Path, description = "The draft")),
    responses((status = 200, body = Outcome)))]
async fn preview(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let draft = fetch(&app, &caller, &id).await?;
    commit_changeset(&app, &caller, Changeset { why: draft.why, zones: draft.zones }, true).await
}

/// Makes all changes of the draft, or none; then it is gone.
#[utoipa::path(post, path = "/drafts/{id}/commit", tag = "drafts", params(("id" = String, Path, description = "The draft")),
    responses((status = 200, body = Outcome)))]
async fn commit(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let draft = fetch(&app, &caller, &id).await?;
    let response = commit_changeset(&app, &caller, Changeset { why: draft.why, zones: draft.zones }, false).await?;
    // The changes are made; a draft that stays behind is only in the way.
    if let Err(problem) = blocking(move || app.drafts.delete(&id).map_err(Problem::from)).await {
        tracing::warn!("a draft that was committed cannot be removed: {}", problem.detail());
    }
    Ok(response)
}
