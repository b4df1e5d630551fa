//! `/blocking/pauses`: nothing is blocked for a while, for everybody, a group or a device.

use std::sync::{Arc, OnceLock};

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use journal::shared::{Collection, Document, one_line};
use node::policy::{Plan, Policing};
use policy::devices::{Pause, Scope};
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::slice;
use super::super::body::{Body, Params};
use super::super::caller::Caller;
use super::super::page::{self, ListParams, Page};
use super::super::problem::{FieldError, Problem};
use super::super::state::App;
use super::edit::{Edit, body, tagged};
use super::named::{documents, pauses_of};
use super::{SetOut, WhyParams, policing, readable};

/// The longest pause, in minutes: a year.
const MAX_MINUTES: u32 = policy::devices::spec::MAX_PAUSE_MINUTES;
/// Characters of a reason that are kept.
const MAX_WHY_CHARS: usize = 1000;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(delete))
}

/// A pause to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseIn {
    /// For whom: `"all"`, `{"group": NAME}` or `{"device": NAME}`.
    #[schema(value_type = serde_json::Value)]
    scope: Scope,
    /// For so many minutes.
    #[serde(default)]
    minutes: Option<u32>,
    /// Or until then, in milliseconds since 1970.
    #[serde(default)]
    until_ms: Option<i64>,
    /// Why.
    #[serde(default)]
    why: String,
}

/// A pause.
#[derive(Debug, Serialize, ToSchema)]
pub struct PauseOut {
    /// Its identifier.
    id: String,
    /// For whom: `"all"`, `{"group": NAME}` or `{"device": IDENTIFIER}`.
    #[schema(value_type = serde_json::Value)]
    scope: Scope,
    /// When it ends, in milliseconds since 1970.
    until_ms: i64,
    /// Why.
    why: String,
    /// Who made it.
    by: String,
    /// It has ended.
    ended: bool,
    /// Who set it, and the version.
    set: SetOut,
}

fn now_ms() -> i64 {
    i64::try_from(unix_ms()).unwrap_or(i64::MAX)
}

fn shown(id: &str, document: &Document, pause: Pause) -> PauseOut {
    let Pause { scope, until_ms, why, by } = pause;
    let (id, ended, set) = (id.to_owned(), until_ms <= now_ms(), SetOut::of(document));
    PauseOut { id, scope, until_ms, why, by, ended, set }
}

impl PauseIn {
    /// The pause, of a device by its identifier.
    fn pause(&self, plan: &Plan, by: &str) -> Result<Pause, Problem> {
        let mut faults = Vec::new();
        let scope = self.scope_in(plan).unwrap_or_else(|fault| {
            faults.push(fault);
            Scope::All
        });
        let latest_ms = now_ms().saturating_add(i64::from(MAX_MINUTES) * 60_000);
        let why = one_line(&self.why, MAX_WHY_CHARS);
        let mut pause = Pause::for_minutes(scope, now_ms(), self.minutes.unwrap_or(0), &why, by);
        match (self.minutes, self.until_ms) {
            (Some(minutes), None) if (1..=MAX_MINUTES).contains(&minutes) => {}
            (Some(_), None) => faults.push(FieldError::at("/minutes", format!("1 to {MAX_MINUTES}"))),
            (None, Some(until_ms)) if (now_ms() + 1..=latest_ms).contains(&until_ms) => pause.until_ms = until_ms,
            (None, Some(_)) => {
                let detail = "a time within a year that has not passed, in milliseconds since 1970";
                faults.push(FieldError::at("/until_ms", detail));
            }
            _ => faults.push(FieldError::at("/minutes", "either minutes or until_ms")),
        }
        if faults.is_empty() { Ok(pause) } else { Err(Problem::unprocessable(faults)) }
    }

    fn scope_in(&self, plan: &Plan) -> Result<Scope, FieldError> {
        match &self.scope {
            Scope::All => Ok(Scope::All),
            Scope::Group(name) => match plan.groups.iter().any(|group| group.name == *name) {
                true => Ok(self.scope.clone()),
                false => Err(FieldError::at("/scope/group", format!("there is no group {name}"))),
            },
            Scope::Device(name) => {
                let by_name = plan.devices.iter().find(|device| device.name == *name);
                let device = by_name.or_else(|| plan.devices.iter().find(|device| device.key() == name));
                let missing = || FieldError::at("/scope/device", format!("there is no device {name}"));
                device.map(|device| Scope::Device(device.key().to_owned())).ok_or_else(missing)
            }
        }
    }
}

fn one(policing: &Policing, id: &str) -> Result<PauseOut, Problem> {
    let gone = || Problem::conflict(format!("pause {id} has been changed meanwhile"));
    let state = policing.documents().state();
    let document = state.get(Collection::Pauses, id).ok_or_else(gone)?;
    Ok(shown(id, document, document.body.read().map_err(|_| gone())?))
}

/// The pauses by number. Those that have ended go when a new one is made.
#[utoipa::path(get, path = "/blocking/pauses", tag = "blocking", params(ListParams),
    responses((status = 200, body = Page<PauseOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let state = readable(&app, &caller)?.documents().state();
    let key = |pause: &PauseOut| format!("{:0>20}", pause.id);
    let all = documents::<Pause>(&state, Collection::Pauses).map(|(id, document, pause)| shown(id, document, pause));
    let mut pauses: Vec<PauseOut> = all.collect();
    pauses.sort_by_key(key);
    let size = page::size(params.limit)?;
    Ok(slice(pauses.into_iter(), key, params.after.as_deref(), size, |pause| pause).respond(&uri))
}

/// Has nothing blocked for a while.
#[utoipa::path(post, path = "/blocking/pauses", tag = "blocking", request_body = PauseIn,
    responses((status = 201, body = PauseOut)))]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Body(wanted): Body<PauseIn>,
) -> Result<Response, Problem> {
    let edit = Edit::new(&app, &caller, &wanted.why, headers)?;
    let (made, by) = (Arc::new(OnceLock::new()), caller.who());
    let numbers = made.clone();
    let version = edit.make(move |checked| {
        let pause = wanted.pause(&checked.policing.planned(checked.state), &by)?;
        let mut changes = pauses_of(checked.state, |pause| pause.until_ms <= now_ms());
        let id = numbers.get_or_init(|| checked.state.free_number(Collection::Pauses).to_string());
        changes.push(checked.state.put(Collection::Pauses, id, body(&pause)?));
        Ok(changes)
    });
    let version = version.await?;
    let id = made.get().map_or("", String::as_str);
    Ok(tagged(StatusCode::CREATED, version, one(policing(&app)?, id)?))
}

/// Ends a pause.
#[utoipa::path(delete, path = "/blocking/pauses/{id}", tag = "blocking",
    params(WhyParams, ("id" = String, Path, description = "The pause")), responses((status = 204)))]
async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    let change = edit.make(move |checked| {
        checked.expecting(Collection::Pauses, &id, "pause")?;
        Ok(vec![checked.state.delete(Collection::Pauses, &id)])
    });
    change.await?;
    Ok(StatusCode::NO_CONTENT)
}
