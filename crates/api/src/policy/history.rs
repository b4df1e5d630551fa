//! `/blocking/history`: what became of something that was set here, and the way back.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use journal::shared::{Body, Collection, PastChange, SettingsError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::blocking::blocking;
use super::super::body::Params;
use super::super::caller::Caller;
use super::super::page::{self, Page};
use super::super::problem::Problem;
use super::super::state::App;
use super::edit::Edit;
use super::named::id_of;
use super::{WhyParams, readable};

/// What has a history here.
const COLLECTIONS: [Collection; 5] =
    [Collection::Lists, Collection::Rules, Collection::Groups, Collection::Devices, Collection::Pauses];

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(history)).routes(routes!(revert))
}

/// Whose history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HistoryParams {
    /// `lists`, `rules`, `groups`, `devices` or `pauses`.
    collection: String,
    /// Name or identifier of the document.
    id: String,
    /// Items of the page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// A change in the past.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettingChange {
    /// Its number, by which it is taken back.
    offset: u64,
    /// When, in milliseconds since 1970.
    at_ms: u64,
    /// Who.
    who: String,
    /// Why, in their words.
    why: String,
    /// The change that it took back; null: none.
    reverts: Option<u64>,
    /// What was set before; null: nothing.
    before: Option<serde_json::Value>,
    /// What was set then; null: it was removed.
    after: Option<serde_json::Value>,
    /// What else the same change changed, in number.
    others: usize,
}

fn shown(change: PastChange) -> SettingChange {
    let PastChange { offset, at_ms, who, why, reverts, before, after, others } = change;
    let value = |body: Option<Body>| body.and_then(|body| body.read().ok());
    SettingChange { offset, at_ms, who, why, reverts, before: value(before), after: value(after), others }
}

/// The changes of something that was set here, the latest first; also of what is gone.
#[utoipa::path(get, path = "/blocking/history", tag = "blocking", params(HistoryParams),
    responses((status = 200, body = Page<SettingChange>)))]
async fn history(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<HistoryParams>,
) -> Result<Response, Problem> {
    let documents = readable(&app, &caller)?.documents().clone();
    let known = COLLECTIONS.into_iter().find(|known| known.as_str() == params.collection);
    let words = COLLECTIONS.map(Collection::as_str).join(", ");
    let collection = known.ok_or_else(|| Problem::parameter("collection", format!("one of {words}")))?;
    let before = params.after.as_deref().map(str::parse::<u64>).transpose();
    let before = before.map_err(|_| Problem::parameter("after", "`next` of the page before"))?;
    let size = page::size(params.limit)?;
    let id = match collection {
        Collection::Groups | Collection::Devices => id_of(&params.id),
        _ => params.id,
    };
    let changes = blocking(move || {
        let changes = documents.history(collection, &id, before, size).map_err(SettingsError::from)?;
        Ok::<_, Problem>(changes)
    });
    let changes = changes.await?;
    let next = changes.last().filter(|_| changes.len() == size).map(|change| change.offset.to_string());
    Ok(Page { items: changes.into_iter().map(shown).collect(), next }.respond(&uri))
}

/// The change that took another one back.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reverted {
    /// Its number.
    offset: u64,
}

/// Takes a change back: what was set before is set again, by a new change.
#[utoipa::path(post, path = "/blocking/history/{offset}/revert", tag = "blocking",
    params(WhyParams, ("offset" = u64, Path, description = "The change")), responses((status = 200, body = Reverted)))]
async fn revert(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(offset): Path<String>,
    Params(params): Params<WhyParams>,
) -> Result<Json<Reverted>, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, HeaderMap::new())?;
    let offset = offset.parse().map_err(|_| Problem::parameter("offset", "the number of a change"))?;
    let offset = edit.revert(offset).await?;
    Ok(Json(Reverted { offset }))
}
