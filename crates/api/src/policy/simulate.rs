//! `/blocking/simulate`: what a list would have blocked of the queries in the history.

use std::collections::HashMap;
use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dns::NameBuf;
use node::policy::{Simulation, SimulationError, Tried};
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use telemetry::history::{Cursor, Progress, Store, StoredRow, name_text};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::blocking::blocking;
use super::super::body::Body;
use super::super::caller::Caller;
use super::super::problem::{FieldError, Problem};
use super::super::queries::{ProgressOut, Range, cursor, search_slice};
use super::super::state::App;
use super::readable;

/// Days that can be looked back over.
const MAX_DAYS: u32 = 31;
/// Names that are counted; queries for others are counted together.
const MAX_NAMES: usize = 100_000;
/// Names that are shown.
const SHOWN_NAMES: usize = 100;
/// Rows that are fetched at once.
const ROWS_AT_ONCE: usize = 2000;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(simulate))
}

/// What to try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulateIn {
    /// A text: names, hosts or rules, a line each.
    #[serde(default)]
    text: Option<String>,
    /// Or a list that there is, be it on or off.
    #[serde(default)]
    list: Option<String>,
    /// The queries of so many days, 1 to 31.
    #[serde(default = "one")]
    days: u32,
    /// `next` of the answer before: what came before the queries that it counted is counted.
    #[serde(default)]
    after: Option<String>,
}

fn one() -> u32 {
    1
}

/// What a list would have blocked.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimulationOut {
    /// Names in the list.
    list_names: u64,
    /// Its rules that are more than a name.
    list_rules: u64,
    /// Queries that were looked at.
    rows: u64,
    /// Queries that it would have blocked.
    queries: u64,
    /// Of these, the ones that were blocked or answered otherwise by policy anyway.
    already_blocked: u64,
    /// Different names of the queries that it would have blocked.
    names: usize,
    /// The names that were asked for most, with their number of queries.
    top: Vec<NameCount>,
    /// How far the search came.
    #[serde(flatten)]
    progress: ProgressOut,
}

/// A name and its queries.
#[derive(Debug, Serialize, ToSchema)]
pub struct NameCount {
    /// The name.
    name: String,
    /// Queries for it.
    count: u64,
}

#[derive(Default)]
struct Counted {
    rows: u64,
    queries: u64,
    already_blocked: u64,
    names: HashMap<NameBuf, u64>,
}

impl SimulateIn {
    fn tried(self) -> Result<Tried, Problem> {
        let mut faults = Vec::new();
        if !(1..=MAX_DAYS).contains(&self.days) {
            faults.push(FieldError::at("/days", format!("1 to {MAX_DAYS}")));
        }
        let tried = match (self.text, self.list) {
            (Some(text), None) => Tried::Text(text),
            (None, Some(list)) => Tried::List(list),
            _ => {
                faults.push(FieldError::at("/text", "either text or list"));
                Tried::Text(String::new())
            }
        };
        if faults.is_empty() { Ok(tried) } else { Err(Problem::unprocessable(faults)) }
    }
}

impl Counted {
    fn add(&mut self, row: StoredRow, simulation: &Simulation) {
        self.rows += 1;
        let Some((name, qtype, _)) = row.question else { return };
        if !simulation.blocks(&name, qtype, row.client) {
            return;
        }
        self.queries += 1;
        self.already_blocked += u64::from(row.decision.action.is_some());
        if self.names.len() < MAX_NAMES || self.names.contains_key(&name) {
            *self.names.entry(name).or_default() += 1;
        }
    }

    /// Looks at rows until there are no more, or no more time.
    fn scan(
        &mut self,
        store: &Store,
        range: &Range,
        mut after: Option<Cursor>,
        simulation: &Simulation,
        stop: &dyn Fn() -> bool,
    ) -> Progress {
        loop {
            let found = store.search(&range.wanted(), after, ROWS_AT_ONCE, stop);
            found.rows.into_iter().for_each(|row| self.add(row, simulation));
            after = found.progress.next;
            if after.is_none() || stop() {
                return found.progress;
            }
        }
    }

    fn top(&self) -> Vec<NameCount> {
        let mut names: Vec<(&NameBuf, u64)> = self.names.iter().map(|(name, count)| (name, *count)).collect();
        names.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        let shown = |(name, count): (&NameBuf, u64)| NameCount { name: name_text(name), count };
        names.into_iter().take(SHOWN_NAMES).map(shown).collect()
    }
}

/// What a list by itself would have blocked of the queries of the last days, whoever they came from; groups, devices and
/// rules that allow are not looked at. A search ends after 300 ms with what it has counted; what `next` gives is to be
/// added. At most 100,000 different names are counted, and the 100 with most queries shown.
#[utoipa::path(post, path = "/blocking/simulate", tag = "blocking", request_body = SimulateIn,
    responses((status = 200, body = SimulationOut)))]
async fn simulate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(wanted): Body<SimulateIn>,
) -> Result<Json<SimulationOut>, Problem> {
    let policing = readable(&app, &caller)?.clone();
    caller.require(&Action::server(Verb::ReadLogs))?;
    let after = cursor(wanted.after.as_deref())?;
    let from_ms = unix_ms().saturating_sub(u64::from(wanted.days) * DAY_MS);
    let range = Range::new(None, Some(from_ms), None)?;
    let tried = wanted.tried()?;
    let simulation = blocking(move || {
        policing.simulation(tried).map_err(|error| match error {
            SimulationError::NoText(_) => Problem::not_found(error.to_string()),
            SimulationError::Unusable(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        })
    });
    let simulation = simulation.await?;
    let (list_names, list_rules) = (simulation.names, simulation.rules);
    let counted = search_slice(&app, move |store, stop| {
        let mut counted = Counted::default();
        let progress = counted.scan(store, &range, after, &simulation, stop);
        (counted, progress)
    });
    let (counted, progress) = counted.await?;
    Ok(Json(SimulationOut {
        list_names,
        list_rules,
        rows: counted.rows,
        queries: counted.queries,
        already_blocked: counted.already_blocked,
        names: counted.names.len(),
        top: counted.top(),
        progress: progress.into(),
    }))
}
