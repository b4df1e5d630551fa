//! `/blocking/lists`: what is subscribed to, how each list is doing, and what it contributes.

use std::collections::HashMap;
use std::sync::Arc;

use access::{Action, Verb};
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use journal::shared::Collection;
use node::list_hits::ListHits;
use node::lists::{MAX_SUBSCRIPTIONS, Origin, Phase, Source};
use node::policy::{ListDocument, ListView, MAX_NUMBER, OWN_RULES, Plan, PlannedList, Policing, url_problem};
use policy::ListId;
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::slice;
use super::super::body::{Body, Params};
use super::super::caller::Caller;
use super::super::page::{self, ListParams, Page};
use super::super::problem::{FieldError, Problem};
use super::super::state::App;
use super::edit::{Checked, Edit, body, tagged};
use super::named::of_file;
use super::{SetOut, WhyParams, origin, policing, readable};

/// The longest name of a list, in octets.
const MAX_NAME_OCTETS: usize = 100;
/// The longest time between two looks at where a list comes from, in hours.
const MAX_REFRESH_HOURS: u32 = 24 * 365;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(replace, delete)).routes(routes!(refresh))
}

/// A list to be subscribed to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockListIn {
    /// Its name, which stays; may be left out where the path says it.
    #[serde(default)]
    name: String,
    /// Where it is fetched from, `https:` or `http:`. Files are lists of the configuration only.
    url: String,
    /// The groups that it is for; left out: the default group.
    #[serde(default)]
    groups: Vec<String>,
    /// Whether it is used.
    #[serde(default = "yes")]
    enabled: bool,
    /// Hours between two looks at where it comes from, 1 to 8760.
    #[serde(default = "day")]
    refresh_hours: u32,
}

fn yes() -> bool {
    true
}

fn day() -> u32 {
    24
}

/// A list: where it comes from, how it is doing, what it contributes. Figures are 0 until it is in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockListOut {
    /// Its name.
    name: String,
    /// `file`: it stands in the configuration; `api`.
    origin: &'static str,
    /// Where it is fetched from; null: it is a file.
    url: Option<String>,
    /// The file; null: it is fetched.
    file: Option<String>,
    /// The groups that it is for; groups can name lists as well.
    groups: Vec<String>,
    /// Whether it is to be used.
    enabled: bool,
    /// Hours between two looks at where it comes from.
    refresh_hours: u32,
    /// `disabled`, `waiting` (for its first text), `fetching`, `current` or `failing`.
    state: &'static str,
    /// Why the last attempt failed, or the text cannot be used; empty: neither.
    problem: String,
    /// When the last attempt failed, in milliseconds since 1970, like all times here.
    failed_at_ms: Option<u64>,
    /// Attempts that failed since the last that did not.
    failures: u32,
    /// When the source last had the text that is kept.
    checked_at_ms: Option<u64>,
    /// When the text that is kept came.
    fetched_at_ms: Option<u64>,
    /// When the source is asked next.
    next_at_ms: Option<u64>,
    /// Size of the text that is kept, in bytes.
    size_bytes: u64,
    /// Its SHA-256, in hexadecimal; empty: there is none.
    sha256: String,
    /// Its lines, comments included.
    lines: u64,
    /// Names, each counted once.
    names: u64,
    /// Those of its names that no other list has.
    own_names: u64,
    /// Rules that are more than a name.
    rules: u64,
    /// How many of its names other lists have.
    overlaps: Vec<OverlapOut>,
    /// Lines that have no effect, by reason.
    ignored: Vec<IgnoredOut>,
    /// Answers that it blocked in the last 24 hours.
    hits_24h: u64,
    /// Those of the last 7 days.
    hits_7d: u64,
    /// Who set it; null: it stands in the configuration.
    set: Option<SetOut>,
}

/// Names that another list has too.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverlapOut {
    /// The other list.
    list: String,
    /// So many.
    names: u64,
}

/// Lines that have no effect for one reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct IgnoredOut {
    /// The reason in words.
    reason: &'static str,
    /// How many there are.
    count: u64,
    /// The first of them.
    examples: Vec<IgnoredLine>,
}

/// A line that has no effect.
#[derive(Debug, Serialize, ToSchema)]
pub struct IgnoredLine {
    /// Its number, from 1.
    line: u64,
    /// Its text, cut where it is long.
    text: String,
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Disabled => "disabled",
        Phase::Waiting => "waiting",
        Phase::Fetching => "fetching",
        Phase::Current => "current",
        Phase::Failing => "failing",
    }
}

/// All lists by name.
fn all(policing: &Policing, hits: Option<&Arc<ListHits>>) -> Vec<BlockListOut> {
    let (documents, now_ms) = (policing.documents().state(), unix_ms());
    let plan = policing.planned(&documents);
    let views = policing.lists();
    let names: HashMap<ListId, &str> = views.iter().map(|view| (view.id, view.name.as_str())).collect();
    let by_name: HashMap<&str, &ListView> = views.iter().map(|view| (view.name.as_str(), view)).collect();
    let shown = |list: &PlannedList| {
        let name = &list.subscription.id;
        let document = documents.get(Collection::Lists, name);
        let set = document.filter(|_| list.subscription.origin == Origin::Api).map(|document| SetOut::of(document));
        let mut out = planned(list, set);
        if let Some(hits) = hits {
            [out.hits_24h, out.hits_7d] = hits.of(name, now_ms);
        }
        if let Some(view) = by_name.get(name.as_str()) {
            out.add_state(view);
            out.add_report(view, &names);
        }
        out
    };
    let mut all: Vec<BlockListOut> = plan.lists.iter().map(shown).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// A list of which nothing is known but what is wanted.
fn planned(list: &PlannedList, set: Option<SetOut>) -> BlockListOut {
    let (url, file) = match &list.subscription.source {
        Source::Url(url) => (Some(url.clone()), None),
        Source::File(path) => (None, Some(path.display().to_string())),
    };
    BlockListOut {
        name: list.subscription.id.clone(),
        origin: origin(set.as_ref()),
        url,
        file,
        groups: list.groups.clone(),
        enabled: list.is_on,
        refresh_hours: list.subscription.refresh_hours,
        state: phase(if list.subscription.enabled { Phase::Waiting } else { Phase::Disabled }),
        problem: String::new(),
        failed_at_ms: None,
        failures: 0,
        checked_at_ms: None,
        fetched_at_ms: None,
        next_at_ms: None,
        size_bytes: 0,
        sha256: String::new(),
        lines: 0,
        names: 0,
        own_names: 0,
        rules: 0,
        overlaps: Vec::new(),
        ignored: Vec::new(),
        hits_24h: 0,
        hits_7d: 0,
        set,
    }
}

impl BlockListOut {
    fn add_state(&mut self, view: &ListView) {
        if let Some(state) = &view.state {
            self.state = phase(state.phase);
            (self.checked_at_ms, self.next_at_ms) = (state.checked_at_ms, state.next_attempt_ms);
            if let Some(failure) = &state.failure {
                self.problem = failure.problem.clone();
                (self.failed_at_ms, self.failures) = (Some(failure.at_ms), failure.count);
            }
            if let Some(kept) = &state.kept {
                self.fetched_at_ms = Some(kept.fetched_at_ms);
                (self.size_bytes, self.lines, self.sha256) = (kept.size_bytes, kept.lines, kept.sha256.clone());
            }
        }
        if let Some(problem) = &view.problem {
            self.problem = problem.clone();
        }
    }

    fn add_report(&mut self, view: &ListView, lists: &HashMap<ListId, &str>) {
        let Some(report) = &view.report else { return };
        (self.lines, self.names, self.own_names, self.rules) =
            (report.lines, report.names, report.own_names, report.rules);
        let overlap =
            |(id, names): &(ListId, u64)| Some(OverlapOut { list: (*lists.get(id)?).to_owned(), names: *names });
        self.overlaps = report.overlaps.iter().filter_map(overlap).collect();
        let ignored = report.ignored.iter().map(|ignored| IgnoredOut {
            reason: ignored.reason.text(),
            count: ignored.count,
            examples: (ignored.examples.iter())
                .map(|example| IgnoredLine { line: example.line, text: example.text.clone() })
                .collect(),
        });
        self.ignored = ignored.collect();
    }
}

impl BlockListIn {
    /// Everything that is wrong with it.
    fn faults(&self, plan: &Plan) -> Vec<FieldError> {
        let mut faults = Vec::new();
        let name = self.name.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || self.name.len() > MAX_NAME_OCTETS || !self.name.chars().all(fits) {
            let detail = format!("1 to {MAX_NAME_OCTETS} letters, digits, dots, hyphens and underscores");
            faults.push(FieldError::at("/name", detail));
        }
        // The list of own rules is numbered by this name.
        if name == OWN_RULES {
            faults.push(FieldError::at("/name", "own rules have this name: choose another one"));
        }
        if let Some(problem) = url_problem(&self.url) {
            faults.push(FieldError::at("/url", problem));
        }
        if !(1..=MAX_REFRESH_HOURS).contains(&self.refresh_hours) {
            faults.push(FieldError::at("/refresh_hours", format!("1 to {MAX_REFRESH_HOURS}")));
        }
        for (i, group) in self.groups.iter().enumerate() {
            if plan.groups.iter().all(|known| known.name != *group) {
                faults.push(FieldError::at(format!("/groups/{i}"), format!("there is no group {group}")));
            }
        }
        faults
    }

    fn document(&self) -> ListDocument {
        let BlockListIn { url, groups, enabled, refresh_hours, .. } = self.clone();
        ListDocument { url, groups, enabled, refresh_hours }
    }

    /// The change that puts it in place.
    fn put(&self, checked: &Checked<'_>, plan: &Plan) -> Result<Vec<journal::shared::Change>, Problem> {
        let faults = self.faults(plan);
        if !faults.is_empty() {
            return Err(Problem::unprocessable(faults));
        }
        Ok(vec![checked.state.put(Collection::Lists, &self.name, body(&self.document())?)])
    }
}

fn one(app: &App, name: &str) -> Result<BlockListOut, Problem> {
    let gone = || Problem::conflict(format!("list {name} has been changed meanwhile"));
    all(policing(app)?, app.list_hits.get()).into_iter().find(|list| list.name == name).ok_or_else(gone)
}

fn is_of_file(plan: &Plan, name: &str) -> bool {
    let mut lists = plan.lists.iter();
    lists.any(|list| list.subscription.id == name && list.subscription.origin == Origin::Configuration)
}

fn refuse_file(plan: &Plan, name: &str) -> Result<(), Problem> {
    if is_of_file(plan, name) { Err(of_file("list", name)) } else { Ok(()) }
}

/// The lists by name.
#[utoipa::path(get, path = "/blocking/lists", tag = "blocking", params(ListParams),
    responses((status = 200, body = Page<BlockListOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let lists = all(readable(&app, &caller)?, app.list_hits.get());
    let key = |list: &BlockListOut| list.name.clone();
    let size = page::size(params.limit)?;
    Ok(slice(lists.into_iter(), key, params.after.as_deref(), size, |list| list).respond(&uri))
}

/// Subscribes to a list. It is fetched at once, and in force when that is done.
#[utoipa::path(post, path = "/blocking/lists", tag = "blocking", params(WhyParams), request_body = BlockListIn,
    responses((status = 201, body = BlockListOut)))]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
    Body(wanted): Body<BlockListIn>,
) -> Result<Response, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    let name = wanted.name.clone();
    let version = edit.make(move |checked| {
        let plan = checked.policing.planned(checked.state);
        refuse_file(&plan, &wanted.name)?;
        if checked.state.get(Collection::Lists, &wanted.name).is_some() {
            return Err(Problem::conflict(format!("there is a list {} already", wanted.name)));
        }
        let numbers = plan.lists.len() + plan.rules.len() + plan.zones.len();
        if plan.lists.len() >= MAX_SUBSCRIPTIONS || numbers >= usize::from(MAX_NUMBER) {
            return Err(Problem::conflict("there are too many lists: remove one first"));
        }
        wanted.put(checked, &plan)
    });
    let version = version.await?;
    Ok(tagged(StatusCode::CREATED, version, one(&app, &name)?))
}

/// Changes a subscription, or turns it off and on. A list of the configuration cannot be changed here.
#[utoipa::path(put, path = "/blocking/lists/{name}", tag = "blocking", request_body = BlockListIn,
    params(WhyParams, ("name" = String, Path, description = "The list")), responses((status = 200, body = BlockListOut)))]
async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
    Body(wanted): Body<BlockListIn>,
) -> Result<Response, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    if !wanted.name.is_empty() && wanted.name != name {
        return Err(Problem::unprocessable(vec![FieldError::at("/name", "a list keeps its name")]));
    }
    let wanted = BlockListIn { name: name.clone(), ..wanted };
    let version = edit.make(move |checked| {
        let plan = checked.policing.planned(checked.state);
        refuse_file(&plan, &wanted.name)?;
        checked.expecting(Collection::Lists, &wanted.name, "list")?;
        wanted.put(checked, &plan)
    });
    let version = version.await?;
    Ok(tagged(StatusCode::OK, version, one(&app, &name)?))
}

/// Ends a subscription. A list that a group names stays until the group does not.
#[utoipa::path(delete, path = "/blocking/lists/{name}", tag = "blocking",
    params(WhyParams, ("name" = String, Path, description = "The list")), responses((status = 204)))]
async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    let change = edit.make(move |checked| {
        let plan = checked.policing.planned(checked.state);
        refuse_file(&plan, &name)?;
        checked.expecting(Collection::Lists, &name, "list")?;
        let names_it = |group: &&policy::devices::Group| group.lists.contains(&name) || group.allow.contains(&name);
        if let Some(group) = plan.groups.iter().find(names_it) {
            return Err(Problem::conflict(format!("group {} names list {name}: take it out there first", group.name)));
        }
        Ok(vec![checked.state.delete(Collection::Lists, &name)])
    });
    change.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a list is fetched.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RefreshParams {
    /// Also take a list that has shrunk, and fetch one whose source says that it has not changed.
    #[serde(default)]
    force: bool,
}

/// Has a list fetched now, also one of the configuration. What came of it stands in the list's state.
#[utoipa::path(post, path = "/blocking/lists/{name}/refresh", tag = "blocking",
    params(RefreshParams, ("name" = String, Path, description = "The list")), responses((status = 202)))]
async fn refresh(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<RefreshParams>,
) -> Result<StatusCode, Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    match policing(&app)?.refresh(&name, params.force) {
        true => Ok(StatusCode::ACCEPTED),
        false => Err(Problem::not_found(format!("there is no list {name}"))),
    }
}
