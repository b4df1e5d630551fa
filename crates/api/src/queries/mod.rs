//! `/queries`: the history of queries, searched a slice at a time, counted, and exported.

mod export;
mod row;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use access::{Action, Verb};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use telemetry::filter::{self, Filter, Key};
use telemetry::history::{Cursor, Group, Progress, SUBJECTS, Store, Subject, Wanted, name_text};
use telemetry::{RequestId, names};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking::blocking;
use super::body::Params;
use super::caller::Caller;
use super::limits::{MAX_LOG_ROWS, SEARCH_SLICE, SUGGEST_SLICE};
use super::page;
use super::problem::{FieldError, Problem};
use super::state::App;
use export::Format;
use row::{QueryOut, moment};

/// Suggestions that are given.
const MAX_SUGGESTIONS: usize = 20;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(groups))
        .routes(routes!(top))
        .routes(routes!(suggest))
        .routes(routes!(export_rows))
        .routes(routes!(get))
}

/// Which rows a request is about.
pub struct Range {
    filter: Filter,
    from_us: u64,
    to_us: u64,
}

impl Range {
    /// Rows that match, from and to these moments in milliseconds since 1970.
    ///
    /// # Errors
    /// 422: what is wrong with the filter.
    pub fn new(filter: Option<&str>, from_ms: Option<u64>, to_ms: Option<u64>) -> Result<Range, Problem> {
        let filter = Filter::parse(filter.unwrap_or_default()).map_err(|error| filter_problem(&error))?;
        // Up to the end of the millisecond.
        let to_us = to_ms.map_or(u64::MAX, |ms| ms.saturating_mul(1000).saturating_add(999));
        Ok(Range { filter, from_us: from_ms.unwrap_or(0).saturating_mul(1000), to_us })
    }

    /// The same for the history.
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted { filter: &self.filter, from_us: self.from_us, to_us: self.to_us }
    }
}

/// 422: what is wrong with a filter, and where.
pub fn filter_problem(error: &filter::FilterError) -> Problem {
    let (offset, detail) = (Some(error.offset), error.message.clone());
    Problem::unprocessable(vec![FieldError { parameter: Some("filter"), offset, detail, ..FieldError::default() }])
}

/// Sets its flag when the request is given up, so that the search ends too.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Searches for as long as one request may.
///
/// # Errors
/// 404: no history is kept.
pub async fn search_slice<T: Send + 'static>(
    app: &App,
    search: impl FnOnce(&Store, &dyn Fn() -> bool) -> T + Send + 'static,
) -> Result<T, Problem> {
    search_for(app, SEARCH_SLICE, search).await
}

async fn search_for<T: Send + 'static>(
    app: &App,
    slice: Duration,
    search: impl FnOnce(&Store, &dyn Fn() -> bool) -> T + Send + 'static,
) -> Result<T, Problem> {
    let store = app.queries.history.get();
    let store = store.ok_or_else(|| Problem::not_found("no history of queries is kept: history.enabled is false"))?;
    let place = app.queries.searches.clone().acquire_owned().await;
    let is_gone = Arc::new(AtomicBool::new(false));
    let _gone = Gone(is_gone.clone());
    blocking(move || {
        let _place = place;
        let end = Instant::now() + slice;
        Ok(search(&store, &|| is_gone.load(Ordering::Relaxed) || Instant::now() >= end))
    })
    .await
}

/// Where the answer before ended.
///
/// # Errors
/// 400: it ended nowhere like that.
pub fn cursor(after: Option<&str>) -> Result<Option<Cursor>, Problem> {
    after.map(str::parse).transpose().map_err(|_| Problem::parameter("after", "next of the answer before"))
}

/// Which rows, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SearchParams {
    /// Terms with spaces between them, all of which have to match: `client:192.0.2.0/24 -code:NOERROR time:>200ms`. Text
    /// without a key is a part of a name.
    filter: Option<String>,
    /// Not before this moment, in milliseconds since 1970.
    from: Option<u64>,
    /// Not after this moment, in milliseconds since 1970.
    to: Option<u64>,
    /// `next` of the answer before.
    after: Option<String>,
    /// Rows of the answer, 1 to 1000; 100 without it. For `/api/logs` up to 10,000; `web.history_limit` without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// How far a search came.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressOut {
    /// Everything after this moment has been searched; null: there was nothing to search.
    scanned_to: Option<String>,
    /// The same in milliseconds since 1970.
    scanned_to_ms: Option<u64>,
    /// Whether there is nothing more to search.
    done: bool,
    /// What to ask for with `after` to search on; null: there is nothing more.
    next: Option<String>,
}

impl From<Progress> for ProgressOut {
    fn from(progress: Progress) -> ProgressOut {
        ProgressOut {
            scanned_to: progress.scanned_to_us.map(moment),
            scanned_to_ms: progress.scanned_to_us.map(|us| us / 1000),
            done: progress.next.is_none(),
            next: progress.next.map(|cursor| cursor.to_string()),
        }
    }
}

/// Rows that were found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rows {
    /// The rows, the latest first; fewer than asked for, even none, if there was no time to find more.
    items: Vec<QueryOut>,
    /// How far the search came.
    #[serde(flatten)]
    progress: ProgressOut,
}

/// Queries that match, the latest first. A search ends after 250 ms with what it has found; `next` goes on where it ended.
#[utoipa::path(get, path = "/queries", tag = "queries", params(SearchParams), responses((status = 200, body = Rows)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Json<Rows>, Problem> {
    let limit = page::size(params.limit)?;
    rows(&app, &caller, params, limit).await
}

/// The short path of the original requirements, `/api/logs`.
pub async fn logs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Json<Rows>, Problem> {
    let limit = match params.limit {
        None => app.queries.default_rows.load(Ordering::Relaxed).clamp(1, MAX_LOG_ROWS),
        Some(limit @ 1..=MAX_LOG_ROWS) => limit,
        Some(_) => return Err(Problem::parameter("limit", format!("a number from 1 to {MAX_LOG_ROWS}"))),
    };
    rows(&app, &caller, params, limit).await
}

async fn rows(app: &App, caller: &Caller, params: SearchParams, limit: usize) -> Result<Json<Rows>, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let range = Range::new(params.filter.as_deref(), params.from, params.to)?;
    let after = cursor(params.after.as_deref())?;
    let found = search_slice(app, move |store, stop| store.search(&range.wanted(), after, limit, stop)).await?;
    let items = found.rows.into_iter().map(QueryOut::from).collect();
    Ok(Json(Rows { items, progress: found.progress.into() }))
}

/// One query.
#[utoipa::path(get, path = "/queries/{id}", tag = "queries",
    params(("id" = String, Path, description = "Its `request_id`")), responses((status = 200, body = QueryOut)))]
async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Json<QueryOut>, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let id: RequestId = id.parse().map_err(|_| Problem::parameter("id", "the request_id of a query, a UUID"))?;
    let row = search_slice(&app, move |store, _| store.find(id)).await?;
    let gone = || Problem::not_found(format!("query {id} is not in the history, or no longer"));
    Ok(Json(row.ok_or_else(gone)?.into()))
}

/// Which rows are counted, and by what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CountParams {
    /// What is counted: `name` or `client`; of `/queries/top` also `type`, `code`, `upstream`, `source` or `zone`.
    by: Option<String>,
    /// As for `/queries`.
    filter: Option<String>,
    /// Not before this moment, in milliseconds since 1970.
    from: Option<u64>,
    /// Not after this moment, in milliseconds since 1970.
    to: Option<u64>,
    /// `next` of the answer before: the rows behind those that it counted are counted.
    after: Option<String>,
    /// Items of the answer, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Rows with one name, or one client.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupsOfOne {
    /// The name or the client; null: the responses do not say.
    value: Option<String>,
    /// How many rows.
    count: u64,
    /// When the latest one came.
    last: String,
    /// The groups that they fall into, the largest first.
    groups: Vec<GroupOut>,
}

/// Rows with one name, client and result.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupOut {
    /// What was asked.
    domain: Option<String>,
    /// Who asked.
    client_ip: Option<String>,
    /// The RCODE.
    response_code: String,
    /// Who gave the answer.
    source: &'static str,
    /// Why it was refused.
    refusal: Option<&'static str>,
    /// The types that were asked for.
    query_types: Vec<String>,
    /// How many rows.
    count: u64,
    /// When the latest one came.
    last: String,
}

/// Rows in groups.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupsOut {
    /// Names or clients with their groups, those with most rows first.
    items: Vec<GroupsOfOne>,
    /// Rows that were counted.
    rows: u64,
    /// How many of these rows are of a group that is not counted: there were too many different ones.
    others: u64,
    /// How far the search came.
    #[serde(flatten)]
    progress: ProgressOut,
}

/// Queries that match, counted by name, client and result. Counting ends after 250 ms; what `next` gives is to be added.
#[utoipa::path(get, path = "/queries/groups", tag = "queries", params(CountParams), responses((status = 200, body = GroupsOut)))]
async fn groups(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<CountParams>,
) -> Result<Json<GroupsOut>, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let by_client = match params.by.as_deref() {
        None | Some("name") => false,
        Some("client") => true,
        Some(_) => return Err(Problem::parameter("by", "name or client")),
    };
    let (range, after, limit) = counted(&params)?;
    let found = search_slice(&app, move |store, stop| store.groups(&range.wanted(), by_client, (after, limit), stop));
    let found = found.await?;
    let mut items: Vec<GroupsOfOne> = Vec::new();
    let mut last_side = None;
    for group in found.groups {
        let out = GroupOut::from(&group);
        let side = if by_client { out.client_ip.clone() } else { out.domain.clone() };
        match items.last_mut().filter(|_| last_side.as_ref() == Some(&side)) {
            Some(item) => item.add(out),
            None => items.push(GroupsOfOne {
                value: side.clone(),
                count: out.count,
                last: out.last.clone(),
                groups: vec![out],
            }),
        }
        last_side = Some(side);
    }
    Ok(Json(GroupsOut { items, rows: found.rows, others: found.others, progress: found.progress.into() }))
}

impl GroupsOfOne {
    fn add(&mut self, group: GroupOut) {
        self.count += group.count;
        // Moments as text are in the order of time.
        if group.last > self.last {
            self.last.clone_from(&group.last);
        }
        self.groups.push(group);
    }
}

impl From<&Group> for GroupOut {
    fn from(group: &Group) -> GroupOut {
        GroupOut {
            domain: group.name.as_deref().map(name_text),
            client_ip: group.client.map(|client| client.to_string()),
            response_code: group.rcode.to_string(),
            source: names::source(group.source),
            refusal: names::refusal(group.source),
            query_types: group.types.iter().map(ToString::to_string).collect(),
            count: group.count,
            last: moment(group.last_us),
        }
    }
}

fn counted(params: &CountParams) -> Result<(Range, Option<Cursor>, usize), Problem> {
    let range = Range::new(params.filter.as_deref(), params.from, params.to)?;
    Ok((range, cursor(params.after.as_deref())?, page::size(params.limit)?))
}

/// A value, and how often it comes.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValueOut {
    /// The value, as filters take it.
    value: String,
    /// How many rows have it.
    count: u64,
}

/// What comes most often.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopOut {
    /// The values, the most frequent first.
    items: Vec<ValueOut>,
    /// Rows that were counted.
    rows: u64,
    /// How many of these rows have a value that is not counted: there were too many different ones.
    others: u64,
    /// How far the search came.
    #[serde(flatten)]
    progress: ProgressOut,
}

/// What comes most often in queries that match. Counting ends after 250 ms; what `next` gives is to be added.
#[utoipa::path(get, path = "/queries/top", tag = "queries", params(CountParams), responses((status = 200, body = TopOut)))]
async fn top(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<CountParams>,
) -> Result<Json<TopOut>, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let by = params.by.as_deref().unwrap_or("name");
    let subject = subject(by).ok_or_else(|| {
        let names: Vec<&str> = SUBJECTS.iter().map(|(_, name)| *name).collect();
        Problem::parameter("by", format!("one of {}", names.join(", ")))
    })?;
    let (range, after, limit) = counted(&params)?;
    let top = search_slice(&app, move |store, stop| store.top(&range.wanted(), subject, "", (after, limit), stop));
    let top = top.await?;
    Ok(Json(TopOut { items: values(top.values), rows: top.rows, others: top.others, progress: top.progress.into() }))
}

fn subject(name: &str) -> Option<Subject> {
    SUBJECTS.iter().find(|(_, known)| *known == name).map(|(subject, _)| *subject)
}

fn values(values: Vec<(String, u64)>) -> Vec<ValueOut> {
    values.into_iter().map(|(value, count)| ValueOut { value, count }).collect()
}

/// What is typed so far.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SuggestParams {
    /// The key of the filter; without it, keys are suggested.
    key: Option<String>,
    /// What values begin with.
    prefix: Option<String>,
}

/// What may be meant.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggestions {
    /// Keys or values; the most frequent first among the latest rows.
    items: Vec<String>,
}

/// How a filter may go on: keys, or values of a key that the latest queries have.
#[utoipa::path(get, path = "/queries/suggest", tag = "queries", params(SuggestParams), responses((status = 200, body = Suggestions)))]
async fn suggest(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<SuggestParams>,
) -> Result<Json<Suggestions>, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let prefix = params.prefix.unwrap_or_default();
    let starts = |text: &&str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(&prefix));
    let Some(key) = params.key else {
        let items = Key::names().filter(starts).map(str::to_owned).collect();
        return Ok(Json(Suggestions { items }));
    };
    let key = Key::from_text(&key).ok_or_else(|| {
        let keys: Vec<&str> = Key::names().collect();
        Problem::parameter("key", format!("one of {}", keys.join(", ")))
    })?;
    let mut items: Vec<String> = key.words().into_iter().filter(|word| starts(word)).map(str::to_owned).collect();
    if let Some(subject) = subject(key.as_str()).filter(|_| key.words().is_empty()) {
        let top = search_for(&app, SUGGEST_SLICE, move |store, stop| {
            let everything = Filter::default();
            let wanted = Wanted { filter: &everything, from_us: 0, to_us: u64::MAX };
            store.top(&wanted, subject, &prefix, (None, MAX_SUGGESTIONS), stop)
        });
        items.extend(top.await?.values.into_iter().map(|(value, _)| value));
    }
    Ok(Json(Suggestions { items }))
}

/// Which rows, and how they are written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportParams {
    /// `csv` or `jsonl` (an object of JSON a line); `jsonl` without it.
    format: Option<String>,
    /// As for `/queries`.
    filter: Option<String>,
    /// Not before this moment, in milliseconds since 1970.
    from: Option<u64>,
    /// Not after this moment, in milliseconds since 1970.
    to: Option<u64>,
}

/// All queries that match, the latest first, as a file.
#[utoipa::path(get, path = "/queries/export", tag = "queries", params(ExportParams),
    responses((status = 200, content((String = "text/csv"), (String = "application/jsonl")))))]
async fn export_rows(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let format = Format::from_text(params.format.as_deref())?;
    let range = Range::new(params.filter.as_deref(), params.from, params.to)?;
    // Says so if there is no history, before it begins.
    search_for(&app, Duration::ZERO, |_, _| ()).await?;
    Ok(export::respond(app, range, format))
}
