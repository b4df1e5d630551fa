//! `/groups`: what holds for several devices alike.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use journal::shared::Collection;
use node::policy::{Plan, Policing};
use policy::devices::{Group, Logging, SafeSearch, Schedule, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::slice;
use super::super::body::{Body, Params};
use super::super::caller::Caller;
use super::super::page::{self, ListParams, Page};
use super::super::problem::{FieldError, Problem};
use super::super::state::App;
use super::edit::{Edit, tagged};
use super::named::{self, Named};
use super::{SetOut, WhyParams, origin, readable, rules};

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(replace, delete))
}

/// What holds for the devices of a group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupIn {
    /// Its name; `default` holds for clients that no device has.
    name: String,
    /// Names of lists that block for it besides those that name it.
    #[serde(default)]
    lists: Vec<String>,
    /// Rules for it alone, in the syntax of AdGuard.
    #[serde(default)]
    rules: Vec<String>,
    /// Names of lists whose rules that allow still hold while a schedule blocks everything.
    #[serde(default)]
    allow: Vec<String>,
    /// What holds instead at certain hours: `days` (`mon` to `sun`), `from`, `to`, `time_zone`, and `action`: `block_all`,
    /// `no_blocking` or `{"lists": [...]}`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    schedules: Vec<Schedule>,
    /// Whether search engines filter their results: false, true or `strict`.
    #[serde(default)]
    #[schema(value_type = serde_json::Value)]
    safe_search: SafeSearch,
    /// What is logged: `full`, `counts` or `none`.
    #[serde(default)]
    #[schema(value_type = String)]
    logging: Logging,
    /// Servers that its questions are forwarded to; empty: those of the server.
    #[serde(default)]
    upstreams: Vec<String>,
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceGroupOut {
    /// What holds.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    group: GroupIn,
    /// `file`: it stands in the configuration; `api`.
    origin: &'static str,
    /// The devices that are in it.
    devices: usize,
    /// Who set it; null: it stands in the configuration.
    set: Option<SetOut>,
}

impl From<GroupIn> for Group {
    fn from(group: GroupIn) -> Group {
        let GroupIn { name, lists, rules, allow, schedules, safe_search, logging, upstreams } = group;
        Group { name, lists, rules, allow, schedules, safe_search, logging, upstreams, paused_until_ms: 0 }
    }
}

impl From<Group> for GroupIn {
    fn from(group: Group) -> GroupIn {
        let Group { name, lists, rules, allow, schedules, safe_search, logging, upstreams, .. } = group;
        GroupIn { name, lists, rules, allow, schedules, safe_search, logging, upstreams }
    }
}

impl GroupIn {
    /// Its rules have to say something, and what is not built yet has to be off; the rest is checked together with all
    /// other groups.
    fn check(&self) -> Result<(), Problem> {
        let fault = |(i, rule): (usize, &String)| Some(FieldError::at(format!("/rules/{i}"), rules::fault(rule)?));
        let mut faults: Vec<FieldError> = self.rules.iter().enumerate().filter_map(fault).collect();
        if !self.upstreams.is_empty() {
            faults.push(FieldError::at("/upstreams", "not supported yet: leave it out"));
        }
        if self.logging != Logging::Full {
            faults.push(FieldError::at("/logging", "only `full` is supported yet"));
        }
        if faults.is_empty() { Ok(()) } else { Err(Problem::unprocessable(faults)) }
    }
}

impl Named for Group {
    const COLLECTION: Collection = Collection::Groups;
    const WHAT: &'static str = "group";
    const PLACE: &'static str = "groups";

    fn name(&self) -> &str {
        &self.name
    }

    fn keep(&mut self, old: &Group) {
        self.paused_until_ms = old.paused_until_ms;
    }

    fn all(plan: &mut Plan) -> &mut Vec<Group> {
        &mut plan.groups
    }

    fn is_of_file(plan: &Plan, name: &str) -> bool {
        plan.file_groups.iter().any(|known| known == name)
    }

    fn is_paused_by(&self, scope: &Scope) -> bool {
        matches!(scope, Scope::Group(name) if *name == self.name)
    }
}

fn all(policing: &Policing) -> Vec<DeviceGroupOut> {
    let state = policing.documents().state();
    let plan = policing.planned(&state);
    let devices = |name: &str| plan.devices.iter().filter(|device| device.group_name() == name).count();
    let shown = |group: &Group| {
        let set = state
            .get(Collection::Groups, &named::id_of(&group.name))
            .filter(|_| !Group::is_of_file(&plan, &group.name));
        let set = set.map(|document| SetOut::of(document));
        DeviceGroupOut { origin: origin(set.as_ref()), devices: devices(&group.name), set, group: group.clone().into() }
    };
    let mut all: Vec<DeviceGroupOut> = plan.groups.iter().map(shown).collect();
    all.sort_by(|a, b| a.group.name.cmp(&b.group.name));
    all
}

fn one(policing: &Policing, name: &str) -> Result<DeviceGroupOut, Problem> {
    let gone = || Problem::conflict(format!("group {name} has been changed meanwhile"));
    all(policing).into_iter().find(|group| group.group.name == name).ok_or_else(gone)
}

/// The groups by name: those of the configuration and those that were set here.
#[utoipa::path(get, path = "/groups", tag = "blocking", params(ListParams), responses((status = 200, body = Page<DeviceGroupOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let groups = all(readable(&app, &caller)?);
    let key = |group: &DeviceGroupOut| group.group.name.clone();
    let size = page::size(params.limit)?;
    Ok(slice(groups.into_iter(), key, params.after.as_deref(), size, |group| group).respond(&uri))
}

/// Makes a group.
#[utoipa::path(post, path = "/groups", tag = "blocking", params(WhyParams), request_body = GroupIn,
    responses((status = 201, body = DeviceGroupOut)))]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
    Body(wanted): Body<GroupIn>,
) -> Result<Response, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    wanted.check()?;
    let name = wanted.name.clone();
    let version = named::create(edit, Group::from(wanted)).await?;
    Ok(tagged(StatusCode::CREATED, version, one(super::policing(&app)?, &name)?))
}

/// Changes a group, also its name. A group of the configuration cannot be changed here.
#[utoipa::path(put, path = "/groups/{name}", tag = "blocking", request_body = GroupIn,
    params(WhyParams, ("name" = String, Path, description = "The group")), responses((status = 200, body = DeviceGroupOut)))]
async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
    Body(wanted): Body<GroupIn>,
) -> Result<Response, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    wanted.check()?;
    let new_name = wanted.name.clone();
    let version = named::replace(edit, name, Group::from(wanted)).await?;
    Ok(tagged(StatusCode::OK, version, one(super::policing(&app)?, &new_name)?))
}

/// Removes a group that no device is in, with its pauses.
#[utoipa::path(delete, path = "/groups/{name}", tag = "blocking",
    params(WhyParams, ("name" = String, Path, description = "The group")), responses((status = 204)))]
async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<WhyParams>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let edit = Edit::new(&app, &caller, &params.why, headers)?;
    named::delete::<Group>(edit, name).await?;
    Ok(StatusCode::NO_CONTENT)
}
