//! `/zones/{zone}/rrsets`: the records of a zone, read page by page and changed one RRset at a time
//! or several together.

use std::ops::RangeInclusive;
use std::sync::Arc;

use access::{Action, Verb, no_such_zone};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dns::{Name, NameBuf, RType};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zone::Contents;
use zone::check::Finding;
use zone::node::Rrset;

use super::blocking::blocking;
use super::body::{Body, Params};
use super::caller::Caller;
use super::changeset;
use super::etag::{self, IfMatch};
use super::names;
use super::outcome::{Outcome, WriteParams};
use super::page::{self, Page};
use super::plan::{Op, Plan, Step, What};
use super::problem::{FieldError, Problem};
use super::rrset::{self, Given, Place, RrsetOut};
use super::search::{Budget, Contains};
use super::state::App;
use super::steps::RrsetStep;
use super::zones;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, change))
        .routes(routes!(get_name, delete_name))
        .routes(routes!(get, put, patch, delete))
}

/// What `GET /zones/{zone}/rrsets` takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    /// Items of the page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// Only this owner.
    pub name: Option<String>,
    /// Only this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub rtype: Option<String>,
    /// Only RRsets with this in their owner or in the data of a record, as zone files have it.
    #[param(max_length = 255)]
    pub contains: Option<String>,
    /// Only RRsets with a TTL of at least so many seconds.
    pub ttl_min: Option<u32>,
    /// Only RRsets with a TTL of so many seconds at most.
    pub ttl_max: Option<u32>,
}

/// Which RRsets of a zone are wanted.
pub struct Wanted {
    size: usize,
    after: Option<(NameBuf, RType)>,
    name: Option<NameBuf>,
    rtype: Option<RType>,
    contains: Option<Contains>,
    ttls: RangeInclusive<u32>,
}

impl ListParams {
    /// Reads the parameters.
    ///
    /// # Errors
    /// 400.
    pub fn read(&self, zone: &Name) -> Result<Wanted, Problem> {
        let bad_after = || Problem::parameter("after", "`next` of a page");
        let after = self.after.as_deref().map(|text| -> Result<_, Problem> {
            let (name, rtype) = text.rsplit_once('/').ok_or_else(bad_after)?;
            let name: NameBuf = name.parse().map_err(|_| bad_after())?;
            Ok((name, RType::from_text(rtype.as_bytes()).ok_or_else(bad_after)?))
        });
        let rtype = self.rtype.as_deref().map(|text| names::rtype(text).map_err(|why| Problem::parameter("type", why)));
        Ok(Wanted {
            size: page::size(self.limit)?,
            after: after.transpose()?,
            name: self.name.as_deref().map(|text| names::owner_of_path(text, zone)).transpose()?,
            rtype: rtype.transpose()?,
            contains: Contains::read(self.contains.as_deref())?,
            ttls: self.ttl_min.unwrap_or(0)..=self.ttl_max.unwrap_or(u32::MAX),
        })
    }
}

impl Wanted {
    fn fits(&self, owner: &Name, rrset: &Rrset<'_>) -> bool {
        let contains =
            |part: &Contains| part.is_in_name(owner) || rrset.data().any(|data| part.is_in_data(rrset.rtype, data));
        self.rtype.is_none_or(|rtype| rtype == rrset.rtype)
            && self.ttls.contains(&rrset.ttl)
            && self.contains.as_ref().is_none_or(contains)
    }

    fn budget(&self) -> Budget {
        let is_search = self.contains.is_some() || self.rtype.is_some() || self.ttls != (0..=u32::MAX);
        if is_search { Budget::of_search() } else { Budget::of_list() }
    }
}

/// A page of the RRsets that the caller may see, in canonical order of owners and by type.
pub fn page_of(contents: &Contents, caller: &Caller, wanted: &Wanted) -> Page<RrsetOut> {
    let zone = contents.origin();
    let sees_all = caller.may(&Action::zone(Verb::Read, zone));
    let start = wanted.name.as_deref().or(wanted.after.as_ref().map(|(name, _)| &**name)).unwrap_or(zone);
    let (mut items, mut last, mut budget) = (Vec::new(), None, wanted.budget());
    for node in contents.nodes_from(start) {
        let owner = contents.owner(&node);
        if wanted.name.as_ref().is_some_and(|name| *name != owner) {
            break;
        }
        for rrset in node.rrsets().filter(|rrset| rrset.count > 0) {
            let rtype = rrset.rtype;
            if wanted.after.as_ref().is_some_and(|(name, after)| *name == owner && rtype <= *after) {
                continue;
            }
            let fits = wanted.fits(&owner, &rrset);
            if !budget.take() || (fits && items.len() == wanted.size) {
                return Page { items, next: last.map(|(owner, rtype): (NameBuf, RType)| format!("{owner}/{rtype}")) };
            }
            if fits && (sees_all || caller.may(&Action::rrset(Verb::Read, zone, &owner, rtype))) {
                items.push(RrsetOut::new(&owner, &rrset));
            }
            last = Some((owner.clone(), rtype));
        }
    }
    Page { items, next: None }
}

/// The contents of a zone that the caller may know of.
///
/// # Errors
/// 404; 503 while there are none.
pub fn contents(app: &App, caller: &Caller, zone: &Name) -> Result<Contents, Problem> {
    let hidden = || Problem::not_found(no_such_zone(zone));
    if !caller.principal.may_see(zone, caller.client, server::clock::unix_ms()) {
        caller.require(&Action::zone(Verb::Read, zone))?;
    }
    match app.node.contents(zone) {
        Some(contents) => Ok(contents),
        None if app.node.zone(zone).is_none() => Err(hidden()),
        None => Err(Problem::unavailable(format!("zone {zone} has no contents yet"))),
    }
}

fn tagged(contents: &Contents, headers: &HeaderMap, body: impl FnOnce() -> Response) -> Response {
    let serial = contents.soa().map(|soa| soa.serial);
    let known = serial.is_some_and(|serial| etag::is_known(headers, serial));
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    response.headers_mut().extend(serial.map(|serial| (header::ETAG, etag::of(serial))));
    response
}

/// The RRsets of a zone, in canonical order of their owners. A search ends after 200 ms with what it has found: `next` goes
/// on where it ended.
#[utoipa::path(get, path = "/zones/{zone}/rrsets", tag = "rrsets",
    params(("zone" = String, Path, description = "The zone"), ListParams),
    responses((status = 200, body = Page<RrsetOut>), (status = 304, description = "the client has it")))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Path(zone): Path<String>,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    let contents = contents(&app, &caller, &zone)?;
    let wanted = params.read(&zone)?;
    blocking(move || Ok(tagged(&contents, &headers, || page_of(&contents, &caller, &wanted).respond(&uri)))).await
}

/// Changes of RRsets of one zone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RrsetChanges {
    /// The changes, made one after the other.
    pub changes: Vec<RrsetStep>,
}

/// Changes several RRsets: all of it happens, or none.
#[utoipa::path(patch, path = "/zones/{zone}/rrsets", tag = "rrsets", request_body = RrsetChanges,
    params(("zone" = String, Path, description = "The zone"), WriteParams), responses((status = 200, body = Outcome)))]
async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(zone): Path<String>,
    expected: IfMatch,
    Params(params): Params<WriteParams>,
    Body(body): Body<RrsetChanges>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    let steps = changeset::edit(&app, &caller, &zone, &body.changes);
    let steps = steps.map_err(|unplanned| changeset::prefixed(unplanned, "/changes"))?;
    zones::one(&app, &caller, params, Plan { zone, expected, what: What::Edit(steps) }).await
}

/// All RRsets of an owner.
#[utoipa::path(get, path = "/zones/{zone}/rrsets/{name}", tag = "rrsets",
    params(("zone" = String, Path, description = "The zone"), ("name" = String, Path, description = "The owner; `@` is the apex")),
    responses((status = 200, body = Page<RrsetOut>), (status = 304, description = "the client has it")))]
async fn get_name(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Path((zone, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    let contents = contents(&app, &caller, &zone)?;
    let wanted = ListParams { name: Some(name), limit: Some(super::limits::PAGE_MAX), ..ListParams::default() };
    let page = page_of(&contents, &caller, &wanted.read(&zone)?);
    if page.items.is_empty() {
        return Err(Problem::not_found("there are no records at this name"));
    }
    Ok(tagged(&contents, &headers, || page.respond(&uri)))
}

/// Removes everything at an owner.
#[utoipa::path(delete, path = "/zones/{zone}/rrsets/{name}", tag = "rrsets",
    params(("zone" = String, Path, description = "The zone"), ("name" = String, Path, description = "The owner; `@` is the apex"), WriteParams),
    responses((status = 200, body = Outcome)))]
async fn delete_name(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((zone, name)): Path<(String, String)>,
    expected: IfMatch,
    Params(params): Params<WriteParams>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    let owner = names::owner_of_path(&name, &zone)?;
    let step = changeset::authorised(&app, &caller, &zone, owner, Op::DeleteName)?;
    require_something(&app, &caller, &zone, &step)?;
    zones::one(&app, &caller, params, Plan { zone, expected, what: What::Edit(vec![step]) }).await
}

/// One RRset.
#[utoipa::path(get, path = "/zones/{zone}/rrsets/{name}/{type}", tag = "rrsets",
    params(("zone" = String, Path, description = "The zone"), ("name" = String, Path, description = "The owner; `@` is the apex"),
        ("type" = String, Path, description = "The type")),
    responses((status = 200, body = RrsetOut), (status = 304, description = "the client has it")))]
async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((zone, name, rtype)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    let (owner, rtype) = names::rrset_of_path(&name, &rtype, &zone)?;
    caller.require(&Action::rrset(Verb::Read, &zone, &owner, rtype))?;
    let contents = contents(&app, &caller, &zone)?;
    let rrset = contents.get(&owner).and_then(|node| Some(RrsetOut::new(&owner, &node.rrset(rtype)?)));
    let rrset = rrset.ok_or_else(|| no_such_rrset(&owner, Some(rtype)))?;
    Ok(tagged(&contents, &headers, || Json(rrset).into_response()))
}

/// What an RRset becomes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"ttl": 300, "records": [{"address": "192.0.2.1"}]}))]
pub struct RrsetBody {
    /// Time to live in seconds; without it, that of the RRset, or 3600.
    #[serde(default)]
    pub ttl: Option<u32>,
    /// The data of each record: an object as `GET /types` describes it, or a line of zone-file text.
    #[schema(value_type = Vec<Value>)]
    pub records: Vec<Value>,
}

/// Makes or replaces an RRset.
#[utoipa::path(put, path = "/zones/{zone}/rrsets/{name}/{type}", tag = "rrsets", request_body = RrsetBody,
    params(("zone" = String, Path, description = "The zone"), ("name" = String, Path, description = "The owner; `@` is the apex"),
        ("type" = String, Path, description = "The type"), WriteParams),
    responses((status = 200, body = Outcome)))]
async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((zone, name, rtype)): Path<(String, String, String)>,
    expected: IfMatch,
    Params(params): Params<WriteParams>,
    Body(body): Body<RrsetBody>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    let (owner, rtype) = names::rrset_of_path(&name, &rtype, &zone)?;
    let ttl = rrset::ttl(body.ttl).map_err(Problem::unprocessable)?;
    let place = Place { owner: &owner, rtype, zone: &zone };
    let Given { data, notes } = place.data("/records", &body.records).map_err(Problem::unprocessable)?;
    let step = changeset::authorised(&app, &caller, &zone, owner, Op::Replace(rtype, ttl, data))?;
    let step = Step { notes, ..step };
    zones::one(&app, &caller, params, Plan { zone, expected, what: What::Edit(vec![step]) }).await
}

/// What changes of an RRset; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RrsetPatch {
    /// Another time to live in seconds.
    #[serde(default)]
    pub ttl: Option<u32>,
    /// All records, in place of those that are there.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Value>>)]
    pub records: Option<Vec<Value>>,
    /// Records that come to those that are there.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Value>>)]
    pub add: Option<Vec<Value>>,
    /// Records that go.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Value>>)]
    pub remove: Option<Vec<Value>>,
}

impl RrsetPatch {
    fn read(&self, place: Place<'_>) -> Result<(Op, Vec<Finding>), Vec<FieldError>> {
        let (ttl, rtype) = (rrset::ttl(self.ttl)?, place.rtype);
        let coming = |pointer: &str, list: &Option<Vec<Value>>| {
            list.as_deref().map(|list| place.data(pointer, list)).transpose()
        };
        let (records, add) = (coming("/records", &self.records)?, coming("/add", &self.add)?);
        let remove = self.remove.as_deref().map(|list| place.to_remove("/remove", list)).transpose()?;
        match records {
            Some(_) if add.is_some() || remove.is_some() => {
                Err(vec![FieldError::at("/records", "either all records, or what comes and goes")])
            }
            Some(Given { data, notes }) => Ok((Op::Replace(rtype, ttl, data), notes)),
            None if ttl.is_none() && add.is_none() && remove.is_none() => {
                Err(vec![FieldError::at("", "at least one of ttl, records, add, remove")])
            }
            None => {
                let Given { data, notes } = add.unwrap_or_default();
                Ok((Op::Merge { rtype, ttl, add: data, remove: remove.unwrap_or_default() }, notes))
            }
        }
    }
}

/// Changes an RRset: its TTL, some records, or all of them.
#[utoipa::path(patch, path = "/zones/{zone}/rrsets/{name}/{type}", tag = "rrsets", request_body = RrsetPatch,
    params(("zone" = String, Path, description = "The zone"), ("name" = String, Path, description = "The owner; `@` is the apex"),
        ("type" = String, Path, description = "The type"), WriteParams),
    responses((status = 200, body = Outcome)))]
async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((zone, name, rtype)): Path<(String, String, String)>,
    expected: IfMatch,
    Params(params): Params<WriteParams>,
    Body(body): Body<RrsetPatch>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    let (owner, rtype) = names::rrset_of_path(&name, &rtype, &zone)?;
    let place = Place { owner: &owner, rtype, zone: &zone };
    let (op, notes) = body.read(place).map_err(Problem::unprocessable)?;
    let makes = matches!(&op, Op::Replace(..)) || matches!(&op, Op::Merge { add, .. } if !add.is_empty());
    let step = Step { notes, ..changeset::authorised(&app, &caller, &zone, owner, op)? };
    if !makes {
        require_something(&app, &caller, &zone, &step)?;
    }
    zones::one(&app, &caller, params, Plan { zone, expected, what: What::Edit(vec![step]) }).await
}

/// Removes an RRset.
#[utoipa::path(delete, path = "/zones/{zone}/rrsets/{name}/{type}", tag = "rrsets",
    params(("zone" = String, Path, description = "The zone"), ("name" = String, Path, description = "The owner; `@` is the apex"),
        ("type" = String, Path, description = "The type"), WriteParams),
    responses((status = 200, body = Outcome)))]
async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((zone, name, rtype)): Path<(String, String, String)>,
    expected: IfMatch,
    Params(params): Params<WriteParams>,
) -> Result<Response, Problem> {
    let zone = names::zone(&zone)?;
    let (owner, rtype) = names::rrset_of_path(&name, &rtype, &zone)?;
    let step = changeset::authorised(&app, &caller, &zone, owner, Op::Delete(rtype))?;
    require_something(&app, &caller, &zone, &step)?;
    zones::one(&app, &caller, params, Plan { zone, expected, what: What::Edit(vec![step]) }).await
}

/// What a step removes or alters must be there; if it goes in the meantime, the step does nothing.
fn require_something(app: &App, caller: &Caller, zone: &Name, step: &Step) -> Result<(), Problem> {
    let contents = contents(app, caller, zone)?;
    let node = contents.get(&step.owner);
    let there = node.is_some_and(|node| match step.op.rtype() {
        Some(rtype) => node.rrset(rtype).is_some(),
        None => !node.is_empty(),
    });
    if there { Ok(()) } else { Err(no_such_rrset(&step.owner, step.op.rtype())) }
}

fn no_such_rrset(owner: &Name, rtype: Option<RType>) -> Problem {
    Problem::not_found(match rtype {
        Some(rtype) => format!("there are no {rtype} records at {owner}"),
        None => format!("there are no records at {owner}"),
    })
}
