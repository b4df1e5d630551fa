//! `/cache`: what the resolver has in its cache, by name; counts; taking out; the questions that are asked most, and
//! resolving many ahead.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use dns::{Name, NameBuf, RType};
use node::lookups::Lookup;
use resolver::Question;
use resolver::cache::{COUNTED, Row};
use resolver::security::Reason;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking::blocking;
use super::body::{Body, OptionalBody, Params};
use super::caller::Caller;
use super::limits::{MAX_WARM_AT_ONCE, MAX_WARM_QUESTIONS};
use super::page::{self, Page};
use super::problem::{FieldError, Problem};
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, flush))
        .routes(routes!(flush_by_body))
        .routes(routes!(stats))
        .routes(routes!(popular, warm))
}

/// The resolver.
///
/// # Errors
/// 404: there is none.
pub fn lookup(app: &App) -> Result<Lookup, Problem> {
    app.lookups.get().ok_or_else(|| Problem::not_found("there is no resolver: resolver.enabled is false"))
}

/// A name of a query.
pub fn name(text: &str) -> Result<NameBuf, Problem> {
    text.parse().map_err(|error| Problem::parameter("name", format!("no domain name: {error}")))
}

/// A type of a query; any that can be asked for.
pub fn rtype(text: &str) -> Result<RType, Problem> {
    let rtype = RType::from_text(text.as_bytes()).filter(|rtype| rtype.0 != 0);
    rtype.ok_or_else(|| Problem::parameter("type", format!("{text:?} is no record type")))
}

/// Why something is as it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonOut {
    /// The INFO-CODE (RFC 8914).
    code: u16,
    /// What the registry calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    /// The cause.
    text: String,
}

impl From<Reason> for ReasonOut {
    fn from(Reason { code, text, .. }: Reason) -> ReasonOut {
        ReasonOut { code, name: dns::edns::ede::text(code), text }
    }
}

/// An entry of the cache.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Its name.
    name: String,
    /// Its type; null for a name that does not exist.
    #[serde(rename = "type")]
    rtype: Option<String>,
    /// `positive`, `nodata`, `nxdomain` or `failure`.
    kind: &'static str,
    /// What validation said: `secure`, `insecure`, `bogus` or `indeterminate`.
    security: &'static str,
    /// Seconds since it came.
    age_s: u64,
    /// The TTL that it is kept with, in seconds.
    ttl: u32,
    /// What is left of it; 0: it has expired, and is kept to be served when nothing better can be had.
    ttl_left_s: u32,
    /// How often it was asked for.
    hits: u32,
    /// Seconds since it was asked for last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_use_s: Option<u64>,
    /// The server that gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    origin: Option<IpAddr>,
    /// Why it is as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonOut>,
    /// Octets that it takes.
    size_bytes: usize,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Entry {
        Entry {
            name: row.name.to_string(),
            rtype: row.rtype.map(|rtype| rtype.to_string()),
            kind: row.kind.as_str(),
            security: row.security.as_str(),
            age_s: row.age_s,
            ttl: row.ttl,
            ttl_left_s: row.ttl_left,
            hits: row.hits,
            last_use_s: row.last_use_s,
            origin: row.origin,
            reason: row.reason.map(ReasonOut::from),
            size_bytes: row.size,
        }
    }
}

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct BrowseParams {
    /// Of this name only.
    name: Option<String>,
    /// Also of names below it.
    #[serde(default)]
    subtree: bool,
    /// Of this type only.
    #[serde(rename = "type")]
    rtype: Option<String>,
    /// Names of the page, 1 to 1000; 100 without it. A name may have several entries.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// What is in the cache, by name in canonical order (RFC 4034 6.1).
#[utoipa::path(get, path = "/cache", tag = "cache", params(BrowseParams), responses((status = 200, body = Page<Entry>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<BrowseParams>,
) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let lookup = lookup(&app)?;
    let size = page::size(params.limit)?;
    let only = params.name.as_deref().map(name).transpose()?;
    let wanted = params.rtype.as_deref().map(rtype).transpose()?;
    let after = params.after.as_deref().map(str::parse::<NameBuf>).transpose();
    let after = after.map_err(|error| Problem::parameter("after", format!("no domain name: {error}")))?;
    let rows = blocking(move || {
        // A name and what is below it come one after the other, the name first.
        let names = if only.is_some() && !params.subtree { 1 } else { size + 1 };
        let mut rows = lookup.shared.cache.browse(lookup.now_ms(), after.as_deref(), names, only.as_deref());
        if !params.subtree {
            rows.retain(|row| only.as_deref().is_none_or(|only| *row.name == *only));
        }
        Ok::<_, Problem>(rows)
    });
    let mut rows = rows.await?;
    let next = cut(&mut rows, size);
    rows.retain(|row| wanted.is_none_or(|wanted| row.rtype == Some(wanted)));
    Ok(Page { items: rows.into_iter().map(Entry::from).collect(), next }.respond(&uri))
}

/// Leaves the entries of the first `size` names; the last of them if there are more.
fn cut(rows: &mut Vec<Row>, size: usize) -> Option<String> {
    let mut names = 0;
    let mut last: Option<&Name> = None;
    let mut end = rows.len();
    for (index, row) in rows.iter().enumerate() {
        if last != Some(&*row.name) {
            names += 1;
            last = Some(&row.name);
        }
        if names > size {
            end = index;
            break;
        }
    }
    let more = end < rows.len();
    rows.truncate(end);
    rows.last().filter(|_| more).map(|row| row.name.to_string())
}

/// Counts of one type.
#[derive(Debug, Serialize, ToSchema)]
pub struct TypeStats {
    /// The type; `other` for all the rest, and names that do not exist.
    #[serde(rename = "type")]
    rtype: String,
    /// Entries of it.
    entries: u64,
    /// Questions for it that the cache answered.
    hits: u64,
    /// Questions for it that it did not.
    misses: u64,
}

/// Counts of the cache.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsOut {
    /// Questions that were answered from it.
    hits: u64,
    /// Questions that were not, or not completely.
    misses: u64,
    /// The part of hits, from 0 to 1; 0 before the first question.
    hit_ratio: f64,
    /// Hits with data that had expired.
    stale_hits: u64,
    /// Entries.
    entries: u64,
    /// Octets that it takes.
    size_bytes: u64,
    /// Octets of the entries alone.
    entry_bytes: u64,
    /// Octets that it may take.
    max_size_bytes: u64,
    /// Entries that were put in.
    inserts: u64,
    /// Entries that were evicted to make room for others.
    evictions: u64,
    /// Entries that were removed because they had expired.
    expired: u64,
    /// Entries that were flushed.
    flushed: u64,
    /// Answers that were made of NSEC records (RFC 8198).
    synthesised: u64,
    /// By type.
    types: Vec<TypeStats>,
}

/// Counts of the cache.
#[utoipa::path(get, path = "/cache/stats", tag = "cache", responses((status = 200, body = StatsOut)))]
pub async fn stats(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<StatsOut>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let lookup = lookup(&app)?;
    let stats = blocking(move || Ok::<_, Problem>(lookup.shared.cache.stats())).await?;
    let asked = stats.hits + stats.misses;
    let names = COUNTED.iter().map(ToString::to_string).chain(["other".to_owned()]);
    let of_type = |(rtype, counts): (String, &resolver::cache::TypeCounts)| TypeStats {
        rtype,
        entries: counts.entries,
        hits: counts.hits,
        misses: counts.misses,
    };
    Ok(Json(StatsOut {
        hits: stats.hits,
        misses: stats.misses,
        hit_ratio: if asked == 0 { 0.0 } else { stats.hits as f64 / asked as f64 },
        stale_hits: stats.stale_hits,
        entries: stats.entries,
        size_bytes: stats.bytes,
        entry_bytes: stats.entry_bytes,
        max_size_bytes: stats.max_bytes,
        inserts: stats.inserts,
        evictions: stats.evictions,
        expired: stats.expired,
        flushed: stats.flushed,
        synthesised: stats.synthesised,
        types: names.zip(&stats.by_type).map(of_type).collect(),
    }))
}

/// What to take out: `all`, or any of the others together.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FlushWhat {
    /// Everything.
    #[serde(default)]
    all: bool,
    /// What is kept of this name.
    name: Option<String>,
    /// What is kept of this type.
    #[serde(rename = "type")]
    rtype: Option<String>,
    /// Also of names below `name`.
    #[serde(default)]
    subtree: bool,
}

/// What is taken out, read.
struct Flush {
    name: NameBuf,
    subtree: bool,
    rtype: Option<RType>,
}

impl FlushWhat {
    /// Reads it. Everything goes only if that is asked for by name.
    ///
    /// # Errors
    /// The field that is at fault, and why.
    fn read(&self) -> Result<Flush, (&'static str, String)> {
        let others = self.name.is_some() || self.rtype.is_some() || self.subtree;
        match (self.all, others) {
            (true, true) => return Err(("all", "either all, or name, subtree and type".into())),
            (false, false) => return Err(("all", "say what: all, or a name (with subtree), a type, or both".into())),
            (true, false) => return Ok(Flush { name: NameBuf::root(), subtree: true, rtype: None }),
            (false, true) => {}
        }
        let rtype = self.rtype.as_deref().map(|text| {
            let rtype = RType::from_text(text.as_bytes()).filter(|rtype| rtype.0 != 0);
            rtype.ok_or_else(|| ("type", format!("{text:?} is no record type")))
        });
        let rtype = rtype.transpose()?;
        let Some(text) = &self.name else {
            // A type alone is meant wherever it is; `subtree` alone would be everything.
            let everywhere = || Flush { name: NameBuf::root(), subtree: true, rtype };
            return rtype.map(|_| everywhere()).ok_or_else(|| ("subtree", "subtree goes with a name".to_owned()));
        };
        let name = text.parse().map_err(|error| ("name", format!("no domain name: {error}")))?;
        Ok(Flush { name, subtree: self.subtree, rtype })
    }
}

/// What was taken out.
#[derive(Debug, Serialize, ToSchema)]
pub struct Flushed {
    /// Entries.
    flushed: usize,
}

/// Takes entries out of the cache: all, those of a name, those at and below it, those of a type, or those of a type at
/// such names. What is known of the servers and keys of names goes with them where no type is given.
#[utoipa::path(delete, path = "/cache", tag = "cache", params(FlushWhat), responses((status = 200, body = Flushed)))]
pub async fn flush(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(what): Params<FlushWhat>,
) -> Result<Json<Flushed>, Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    let flush = what.read().map_err(|(parameter, why)| Problem::parameter(parameter, why))?;
    take_out(&app, &caller, flush).await
}

/// The same, with what to take out in the body.
#[utoipa::path(post, path = "/cache/flush", tag = "cache", request_body = FlushWhat, responses((status = 200, body = Flushed)))]
pub async fn flush_by_body(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: Result<OptionalBody<FlushWhat>, Problem>,
) -> Result<Json<Flushed>, Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    // No body says nothing, which is not everything.
    let OptionalBody(what) = body?;
    let at = |(field, why): (&str, String)| Problem::unprocessable(vec![FieldError::at(format!("/{field}"), why)]);
    take_out(&app, &caller, what.read().map_err(at)?).await
}

async fn take_out(app: &App, caller: &Caller, flush: Flush) -> Result<Json<Flushed>, Problem> {
    let lookup = lookup(app)?;
    let Flush { name, subtree, rtype } = flush;
    let named = name.clone();
    let flushed = blocking(move || Ok::<_, Problem>(lookup.flush(&named, subtree, rtype))).await?;
    let rtype = rtype.map(tracing::field::display);
    tracing::info!(flushed, who = caller.who(), %name, subtree, r#type = rtype, "cache flushed");
    Ok(Json(Flushed { flushed }))
}

/// A question of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionIn {
    /// The name.
    name: String,
    /// The type; A without it.
    #[serde(rename = "type", default = "address")]
    rtype: String,
}

fn address() -> String {
    "A".to_owned()
}

/// A question that is asked often.
#[derive(Debug, Serialize, ToSchema)]
pub struct Popular {
    /// The name.
    name: String,
    /// The type.
    #[serde(rename = "type")]
    rtype: String,
    /// How often the entry was asked for.
    hits: u32,
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PopularParams {
    /// Questions, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The questions that are asked most, the first of them first: what is worth resolving ahead elsewhere or later.
#[utoipa::path(get, path = "/cache/warm", tag = "cache", params(PopularParams), responses((status = 200, body = Page<Popular>)))]
async fn popular(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<PopularParams>,
) -> Result<Json<Page<Popular>>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let (lookup, size) = (lookup(&app)?, page::size(params.limit)?);
    let found = blocking(move || Ok::<_, Problem>(lookup.shared.cache.popular(size))).await?;
    let row = |(question, hits): (Question, u32)| {
        let (name, rtype) = (question.name.to_string(), question.rtype.to_string());
        Popular { name, rtype, hits }
    };
    Ok(Json(Page { items: found.into_iter().map(row).collect(), next: None }))
}

/// Questions to resolve ahead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Warm {
    /// Up to 1000.
    #[schema(max_items = 1000)]
    questions: Vec<QuestionIn>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Warmed {
    /// Questions that have an answer now.
    resolved: usize,
    /// Questions that have none.
    failed: usize,
}

/// Resolves questions, so that their answers are in the cache when clients ask.
#[utoipa::path(post, path = "/cache/warm", tag = "cache", request_body = Warm, responses((status = 200, body = Warmed)))]
async fn warm(State(app): State<Arc<App>>, caller: Caller, Body(warm): Body<Warm>) -> Result<Json<Warmed>, Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    let lookup = lookup(&app)?;
    let questions = questions(&warm.questions)?;
    let mut warmed = Warmed { resolved: 0, failed: 0 };
    let (mut waiting, mut running) = (questions.into_iter(), JoinSet::new());
    loop {
        fill(&mut running, &mut waiting, &lookup);
        let Some(outcome) = running.join_next().await else { return Ok(Json(warmed)) };
        match outcome {
            Ok(true) => warmed.resolved += 1,
            _ => warmed.failed += 1,
        }
    }
}

/// Fills the room that there is with questions.
fn fill(running: &mut JoinSet<bool>, waiting: &mut impl Iterator<Item = Question>, lookup: &Lookup) {
    while running.len() < MAX_WARM_AT_ONCE {
        let Some(question) = waiting.next() else { return };
        let answer = lookup.ask(question, false);
        running.spawn(async move { answer.await.is_some_and(|(outcome, _)| outcome.rcode != dns::Rcode::SERVFAIL) });
    }
}

fn questions(wanted: &[QuestionIn]) -> Result<Vec<Question>, Problem> {
    if wanted.len() > MAX_WARM_QUESTIONS {
        let error = FieldError::at("/questions", format!("more than {MAX_WARM_QUESTIONS} questions"));
        return Err(Problem::unprocessable(vec![error]));
    }
    let (mut questions, mut errors) = (Vec::with_capacity(wanted.len()), Vec::new());
    for (index, question) in wanted.iter().enumerate() {
        let at = |field: &str| format!("/questions/{index}/{field}");
        let (name, rtype) = (question.name.parse::<NameBuf>(), RType::from_text(question.rtype.as_bytes()));
        match (name, rtype.filter(|rtype| rtype.0 != 0)) {
            (Ok(name), Some(rtype)) => questions.push(Question::new(name, rtype)),
            (Err(error), _) => errors.push(FieldError::at(at("name"), format!("no domain name: {error}"))),
            (Ok(_), None) => errors.push(FieldError::at(at("type"), format!("{:?} is no record type", question.rtype))),
        }
    }
    if errors.is_empty() { Ok(questions) } else { Err(Problem::unprocessable(errors)) }
}
