//! `/changes`: the history of all zones or of one, what each change did, and taking it back.

use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dns::{Name, NameBuf};
use journal::{Accepted, Offset};
use node::NodeHandle;
use node::difference::word;
use node::handle::{HandleError, Moment};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zone::{Action as Done, EventId, ZoneChange};

use super::blocking::blocking;
use super::body::{OptionalBody, Params};
use super::caller::Caller;
use super::diff::{self, ZoneDiff};
use super::export;
use super::limits::{PAGE_MAX, PAGE_MAX_SCANNED};
use super::names;
use super::outcome::{Outcome, ZoneOutcome, check_why};
use super::page::{self, Page};
use super::problem::Problem;
use super::receipts::{self, ReceiptOut};
use super::revert;
use super::rrset::RrsetOut;
use super::rrsets;
use super::state::{App, Submission};

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(of_zone))
        .routes(routes!(get))
        .routes(routes!(get_diff))
        .routes(routes!(take_back))
        .routes(routes!(at))
}

/// A change of the history, with the zones that the client may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeOut {
    /// Its place in the history.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// The change that this one took back.
    pub reverts: Option<u64>,
    /// The zones.
    pub zones: Vec<ZoneOutcome>,
}

/// A change, and who has served it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeDetail {
    /// The change.
    #[serde(flatten)]
    pub change: ChangeOut,
    /// Which servers have served it, since when.
    pub receipts: Vec<ReceiptOut>,
}

/// The zones of a change that the client may see.
fn visible<'a>(change: &'a Accepted, caller: &'a Caller) -> impl Iterator<Item = &'a ZoneChange> {
    change.change.zones.iter().filter(|zone| caller.may(&Action::zone(Verb::Read, &zone.zone.name)))
}

/// A change as the client may see it; `None`: not at all.
pub fn shown(change: &Accepted, caller: &Caller) -> Option<ChangeOut> {
    let zones: Vec<ZoneOutcome> = visible(change, caller)
        .map(|zone| ZoneOutcome {
            zone: zone.zone.to_string(),
            action: word(&zone.action),
            from: zone.from,
            to: zone.to,
        })
        .collect();
    let set = &change.change;
    (!zones.is_empty()).then(|| ChangeOut {
        id: change.offset,
        at_ms: set.at_ms,
        who: set.who.clone(),
        why: set.why.clone(),
        reverts: set.reverts,
        zones,
    })
}

/// What lists of changes take.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    /// Items of the page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<u64>,
}

/// The changes of all zones, the latest first.
#[utoipa::path(get, path = "/changes", tag = "changes", params(ListParams), responses((status = 200, body = Page<ChangeOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    history(app, caller, None, &uri, params).await
}

/// The changes of a zone, the latest first; also of one that is gone.
#[utoipa::path(get, path = "/zones/{zone}/changes", tag = "changes",
    params(("zone" = String, Path, description = "The zone"), ListParams), responses((status = 200, body = Page<ChangeOut>)))]
async fn of_zone(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Path(zone): Path<String>,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    caller.require(&Action::zone(Verb::Read, &zone))?;
    history(app, caller, Some(zone), &uri, params).await
}

async fn history(
    app: Arc<App>,
    caller: Caller,
    zone: Option<NameBuf>,
    uri: &Uri,
    params: ListParams,
) -> Result<Response, Problem> {
    let size = page::size(params.limit)?;
    let collect = move || -> Result<Page<ChangeOut>, Problem> {
        let (mut items, mut before, mut scanned, mut more) = (Vec::new(), params.after, 0, true);
        while more && items.len() < size && scanned < PAGE_MAX_SCANNED {
            // A page of the history may be shorter than what was asked for: its size in memory is bounded, too.
            let changes = app.node.changes(zone.as_deref(), before, size - items.len())?;
            more = !changes.is_empty();
            scanned += changes.len();
            before = changes.last().map(|change| change.offset).or(before);
            items.extend(changes.iter().filter_map(|change| shown(change, &caller)));
        }
        more = more && !app.node.changes(zone.as_deref(), before, 1)?.is_empty();
        Ok(Page { items, next: before.filter(|_| more).map(|offset| offset.to_string()) })
    };
    Ok(blocking(collect).await?.respond(uri))
}

async fn fetch(app: &Arc<App>, caller: &Caller, id: u64) -> Result<Accepted, Problem> {
    let node = app.node.clone();
    let change = blocking(move || node.change(id)).await.map_err(Problem::from)?;
    // What the client may not see is not there.
    let seen = visible(&change, caller).next().is_some();
    if seen { Ok(change) } else { Err(HandleError::NotThere(format!("there is no change {id}")).into()) }
}

/// Where the change with this identity stands, one of the latest.
fn place_of(node: &NodeHandle, id: EventId) -> Result<Offset, Problem> {
    let (mut before, mut scanned) = (None, 0);
    while scanned < PAGE_MAX_SCANNED {
        let changes = node.changes(None, before, PAGE_MAX)?;
        if let Some(found) = changes.iter().find(|change| change.change.id == Some(id)) {
            return Ok(found.offset);
        }
        let Some(last) = changes.last() else { break };
        (before, scanned) = (Some(last.offset), scanned + changes.len());
    }
    let detail = format!("change {id} is not in the journal, as far as this server has read it");
    Err(Problem::not_found(detail))
}

/// One change, and how far it has come.
///
/// A change that nobody could say whether it was made (504) is asked for by the identity that the answer gave.
#[utoipa::path(get, path = "/changes/{id}", tag = "changes",
    params(("id" = String, Path, description = "The change: its number, or its identity")),
    responses((status = 200, body = ChangeDetail)))]
async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let number = match (id.parse(), id.parse::<EventId>()) {
        (Ok(number), _) => number,
        (_, Ok(identity)) => {
            let node = app.node.clone();
            blocking(move || place_of(&node, identity)).await?
        }
        _ => return Err(Problem::parameter("id", "the number of a change, or its identity")),
    };
    let change = fetch(&app, &caller, number).await?;
    let receipts = receipts::of_change(&app, &change);
    Ok(Json(shown(&change, &caller).map(|change| ChangeDetail { change, receipts })).into_response())
}

/// What a change did: JSON, or lines of a zone file with `-` and `+` for `Accept: text/plain`.
#[utoipa::path(get, path = "/changes/{id}/diff", tag = "changes", params(("id" = u64, Path, description = "The change")),
    responses((status = 200, content((Vec<ZoneDiff> = "application/json"), (String = "text/plain")))))]
async fn get_diff(
    State(app): State<Arc<App>>,
    caller: Caller,
    id: Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let change = fetch(&app, &caller, id.0).await?;
    if !accepts(&headers, "text/plain") {
        let diffs: Vec<ZoneDiff> = visible(&change, &caller).map(diff::of).collect();
        return Ok(Json(diffs).into_response());
    }
    let mut text = String::new();
    visible(&change, &caller).for_each(|zone| diff::write_text(zone, &mut text));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Whether the client asks for this media type by name.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    types.any(|range| range.trim().eq_ignore_ascii_case(media_type))
}

/// The identifier of a change in the path.
struct Id(u64);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Id, Problem> {
        let id = Path::<u64>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Id(id)).map_err(|_| Problem::parameter("id", "the number of a change"))
    }
}

/// How a change is taken back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertBody {
    /// Why.
    #[serde(default)]
    why: String,
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
    /// Also where later changes have touched the same records.
    #[serde(default)]
    force: bool,
}

/// Takes a change back, as a new change: what it removed comes back, what it added goes.
#[utoipa::path(post, path = "/changes/{id}/revert", tag = "changes", params(("id" = u64, Path, description = "The change")),
    request_body = Option<RevertBody>, responses((status = 200, body = Outcome)))]
async fn take_back(
    State(app): State<Arc<App>>,
    caller: Caller,
    id: Id,
    OptionalBody(body): OptionalBody<RevertBody>,
) -> Result<Response, Problem> {
    check_why(&body.why)?;
    let change = fetch(&app, &caller, id.0).await?;
    for zone in &change.change.zones {
        require_undo(&caller, &zone.zone.name, &zone.action)?;
    }
    let why = if body.why.is_empty() { format!("revert of change {}", id.0) } else { body.why };
    let said = Submission { why, reverts: Some(id.0), conditional: false, dry_run: body.dry_run };
    let committed = app.commit(&caller, said, revert::prepare(change.change, body.force)).await?;
    Ok(Outcome::new(&committed, body.dry_run).respond(StatusCode::OK))
}

/// To take a change back needs the rights that making the opposite change does.
fn require_undo(caller: &Caller, zone: &Name, done: &Done) -> Result<(), Problem> {
    match done {
        Done::Create { .. } => caller.require(&Action::zone(Verb::Delete, zone)),
        Done::Delete { .. } => caller.require(&Action::zone(Verb::Create, zone)),
        Done::Configure { .. } => caller.require(&Action::zone(Verb::Configure, zone)),
        Done::Replace { .. } => caller.require(&Action::zone(Verb::Update, zone)),
        Done::Edit(changes) => revert::undone(changes)
            .try_for_each(|change| caller.require(&Action::rrset(Verb::Update, zone, &change.owner, change.rtype))),
    }
}

/// What `GET /zones/{zone}/at` takes: either a serial or a time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AtParams {
    /// When the zone had this serial.
    serial: Option<u32>,
    /// At this time, in milliseconds since 1970.
    time_ms: Option<u64>,
    /// Items of the page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// A zone as it was: its RRsets page by page, or all of it as zone file for `Accept: text/dns`.
#[utoipa::path(get, path = "/zones/{zone}/at", tag = "changes",
    params(("zone" = String, Path, description = "The zone"), AtParams),
    responses((status = 200, content((Page<RrsetOut> = "application/json"), (String = "text/dns")))))]
async fn at(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Path(zone): Path<String>,
    headers: HeaderMap,
    Params(params): Params<AtParams>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    caller.require(&Action::zone(Verb::Read, &zone))?;
    let moment = match (params.serial, params.time_ms) {
        (Some(serial), None) => Moment::Serial(serial),
        (None, Some(time_ms)) => Moment::TimeMs(time_ms),
        _ => return Err(Problem::parameter("serial", "either a serial or time_ms")),
    };
    let (node, asked) = (app.node.clone(), zone.clone());
    let contents = blocking(move || node.zone_at(&asked, moment)).await.map_err(Problem::from)?;
    if accepts(&headers, "text/dns") {
        return Ok(export::respond(contents));
    }
    let list = rrsets::ListParams { limit: params.limit, after: params.after, ..rrsets::ListParams::default() };
    Ok(rrsets::page_of(&contents, &caller, &list.read(&zone)?).respond(&uri))
}
