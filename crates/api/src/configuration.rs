//! `/config`: what is set and from where, what a change would do, and changes.

use std::sync::Arc;
use std::time::Duration;

use access::{Action, Verb, Who};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use config::{Effect, Origin, Setting, secrets};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::require_admin;
use super::admission;
use super::blocking::blocking;
use super::body::{Body, Params};
use super::caller::Caller;
use super::config_plan::{ConfigProblem, DifferenceOut, NoPlan, Plan, Wanted, check_origins, invalid, plan};
use super::etag;
use super::limits::{CONFIRM_S, MAX_CONFIRM_S, MAX_SHOWN_ITEMS};
use super::operator::{self, Change, InUse, Order, Refused};
use super::outcome::check_why;
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(settings, put, patch))
        .routes(routes!(schema))
        .routes(routes!(text))
        .routes(routes!(validate))
        .routes(routes!(confirm))
}

/// Where a value comes from.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct OriginOut {
    /// `default`, `file`, `environment` or `flag`.
    kind: &'static str,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The line of the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// The column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    /// The environment variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<String>,
    /// The flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<String>,
}

impl From<Origin> for OriginOut {
    fn from(origin: Origin) -> OriginOut {
        let kind = |kind| OriginOut { kind, ..OriginOut::default() };
        match origin {
            Origin::Default => kind("default"),
            Origin::File { file, line, column } => {
                OriginOut { file: Some(file), line: Some(line), column: Some(column), ..kind("file") }
            }
            Origin::Environment(variable) => OriginOut { variable: Some(variable), ..kind("environment") },
            Origin::Flag(flag) => OriginOut { flag: Some(flag), ..kind("flag") },
        }
    }
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettingOut {
    /// Where it stands.
    path: String,
    /// Its value; of a long list the beginning; of a secret what stands for it, empty if there is none.
    value: Value,
    /// Of a list that is not shown whole: how many items it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<usize>,
    /// Its default.
    default: Value,
    /// Where the value comes from.
    origin: OriginOut,
    /// What a change takes: `live`, `rebind` or `restart`.
    effect: &'static str,
}

impl From<Setting> for SettingOut {
    fn from(setting: Setting) -> SettingOut {
        let Setting { path, mut value, default, origin } = setting;
        let items = match &mut value {
            Value::Array(list) if list.len() > MAX_SHOWN_ITEMS => {
                let items = list.len();
                list.truncate(MAX_SHOWN_ITEMS);
                Some(items)
            }
            _ => None,
        };
        let effect = config::effect_of(&path).as_str();
        SettingOut { path, value, items, default, origin: origin.into(), effect }
    }
}

/// The configuration in use.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfigOut {
    /// The file; null: there is none.
    file: Option<String>,
    /// Until when it waits to be confirmed, in milliseconds since 1970; null: it does not.
    confirm_until_ms: Option<u64>,
    /// Every key.
    settings: Vec<SettingOut>,
}

/// Every key with its value, its default and where the value comes from.
#[utoipa::path(get, path = "/config", tag = "config", responses((status = 200, body = ConfigOut)))]
pub async fn settings(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let running = app.operator()?.running.clone();
    blocking(move || {
        let in_use = running.in_use();
        let settings = running.sources.settings(in_use.text.as_deref());
        let out = ConfigOut {
            file: running.sources.file().map(|file| file.display().to_string()),
            confirm_until_ms: in_use.confirm_until_ms,
            settings: settings.into_iter().map(SettingOut::from).collect(),
        };
        Ok(([(header::ETAG, etag::of_text(&in_use.tag()))], Json(out)).into_response())
    })
    .await
}

/// JSON Schema of the configuration file.
#[utoipa::path(get, path = "/config/schema", tag = "config", responses((status = 200, body = Value, content_type = "application/schema+json")))]
async fn schema(caller: Caller) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    Ok(([(header::CONTENT_TYPE, "application/schema+json")], config::document::schema()).into_response())
}

/// The text of the file.
#[derive(Debug, Serialize, ToSchema)]
pub struct TextOut {
    /// The file; null: there is none.
    file: Option<String>,
    /// Its text, with something in place of each secret.
    text: String,
}

/// The text of the configuration file that is in use.
#[utoipa::path(get, path = "/config/text", tag = "config", responses((status = 200, body = TextOut)))]
async fn text(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    require_admin(&caller)?;
    let running = &app.operator()?.running;
    let in_use = running.in_use();
    let file = running.sources.file().map(|file| file.display().to_string());
    let text = shown(in_use.text.as_deref().unwrap_or_default())?;
    Ok(([(header::ETAG, etag::of_text(&in_use.tag()))], Json(TextOut { file, text })).into_response())
}

/// A text without its secrets.
///
/// # Errors
/// 409: they cannot be told from the rest.
pub fn shown(text: &str) -> Result<String, Problem> {
    secrets::redact(text).map_err(|error| Problem::conflict(error.to_string()))
}

/// What a change would do.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Validated {
    /// Whether it could be used.
    valid: bool,
    /// All mistakes.
    errors: Vec<ConfigProblem>,
    /// What should be looked at.
    warnings: Vec<ConfigProblem>,
    /// What would be different.
    diff: Vec<DifferenceOut>,
    /// The text of the file then.
    text: Option<String>,
}

/// Says what is wrong with a configuration, or what it would change. Changes nothing.
#[utoipa::path(post, path = "/config/validate", tag = "config", request_body = Wanted, responses((status = 200, body = Validated)))]
async fn validate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Validated>, Problem> {
    require_admin(&caller)?;
    let running = app.operator()?.running.clone();
    blocking(move || match plan(&running, &running.in_use(), &wanted) {
        Ok(plan) => Ok(Json(Validated {
            valid: true,
            errors: Vec::new(),
            warnings: plan.warnings.iter().map(ConfigProblem::from).collect(),
            diff: plan.diff.iter().cloned().map(DifferenceOut::from).collect(),
            text: Some(shown(&plan.text)?),
        })),
        Err(NoPlan::Invalid(problems)) => {
            Ok(Json(Validated { errors: problems.iter().map(ConfigProblem::from).collect(), ..Validated::default() }))
        }
        Err(NoPlan::Problem(problem)) => Err(problem),
    })
    .await
}

/// What became of a change of the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfigOutcome {
    /// Whether nothing was done because that was asked for.
    dry_run: bool,
    /// Its number in the history; null: it is not there.
    version: Option<u64>,
    /// What is different.
    diff: Vec<DifferenceOut>,
    /// The keys whose change opens or closes sockets.
    rebinds: Vec<String>,
    /// The keys whose change has its effect from the next start on.
    restarts: Vec<String>,
    /// Unless it is confirmed within so many seconds the configuration before comes back; null: it stays.
    confirm_within_s: Option<u64>,
    /// What should be looked at.
    warnings: Vec<ConfigProblem>,
}

/// The parameters of every request that changes the configuration.
#[derive(Debug, serde::Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ConfigParams {
    /// Only say what would happen.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the history.
    #[serde(default)]
    pub why: String,
    /// If sockets or `web.allowed_networks` change, the change is taken back unless it is confirmed within so many
    /// seconds; 60 without it.
    #[serde(default = "default_confirm_s")]
    #[param(minimum = 1, maximum = 3600)]
    pub confirm_within_s: u64,
    /// Make the change even if `web.allowed_networks` do not let this client in any more. Somebody else has to confirm it.
    #[serde(default)]
    pub lock_out: bool,
}

fn default_confirm_s() -> u64 {
    CONFIRM_S
}

/// The whole text of the file.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewText {
    /// The text. What stands for a secret in the text that is shown stands for it here too.
    text: String,
}

/// Replaces the text of the configuration file, and applies it.
#[utoipa::path(put, path = "/config", tag = "config", params(ConfigParams), request_body = NewText,
    responses((status = 200, body = ConfigOutcome)))]
async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ConfigParams>,
    Body(new): Body<NewText>,
) -> Result<Response, Problem> {
    let wanted = Wanted { text: Some(new.text), changes: None };
    take_over(&app, &caller, &headers, params, wanted).await
}

/// Changes some values: `{"cache.max_size_mb": 200}`; null: the default again. The rest of the file stays as it is,
/// comments and all.
#[utoipa::path(patch, path = "/config", tag = "config", params(ConfigParams), request_body = std::collections::HashMap<String, Value>,
    responses((status = 200, body = ConfigOutcome)))]
async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ConfigParams>,
    Body(changes): Body<Map<String, Value>>,
) -> Result<Response, Problem> {
    let wanted = Wanted { text: None, changes: Some(changes) };
    take_over(&app, &caller, &headers, params, wanted).await
}

/// Does what `wanted` says, for `put`, `patch` and going back.
///
/// # Errors
/// Why it cannot be done.
pub async fn take_over(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    params: ConfigParams,
    wanted: Wanted,
) -> Result<Response, Problem> {
    require_admin(caller)?;
    check_why(&params.why)?;
    if !(1..=MAX_CONFIRM_S).contains(&params.confirm_within_s) {
        return Err(Problem::parameter("confirm_within_s", format!("a number from 1 to {MAX_CONFIRM_S}")));
    }
    let operator = app.operator()?;
    let running = operator.running.clone();
    let in_use = running.in_use();
    etag::check_text(headers, &in_use.tag())?;
    let planned = blocking(move || planned(&running, &running.in_use(), &wanted)).await?;
    check_admission(caller, &planned, params.lock_out)?;
    let outcome = |dry_run| ConfigOutcome {
        dry_run,
        version: None,
        diff: planned.diff.iter().cloned().map(DifferenceOut::from).collect(),
        rebinds: planned.paths(Effect::Rebind),
        restarts: planned.paths(Effect::Restart),
        confirm_within_s: None,
        warnings: planned.warnings.iter().map(ConfigProblem::from).collect(),
    };
    let (text, diff) = (planned.text.clone(), planned.diff_json());
    if params.dry_run {
        let tag = etag::of_text(&in_use.tag());
        return Ok(([(header::ETAG, tag)], Json(outcome(true))).into_response());
    }
    if operator.running.sources.file().is_none() {
        let detail = "there is no configuration file: start the server with `--config FILE`";
        return Err(Problem::conflict(detail).with_diff(diff));
    }
    let change = Change {
        text: text.clone(),
        expected: in_use.tag(),
        who: caller.who(),
        why: params.why,
        confirm_within: Duration::from_secs(params.confirm_within_s),
    };
    let applied = operator.order(|answer| Order::Configure(change, answer)).await;
    let applied = applied.map_err(|refused| refusal(refused).with_diff(diff))?;
    let outcome = ConfigOutcome {
        version: applied.version,
        confirm_within_s: applied.confirm_within.map(|time| time.as_secs()),
        ..outcome(false)
    };
    Ok(([(header::ETAG, etag::of_text(&operator::tag(Some(&text))))], Json(outcome)).into_response())
}

/// Refuses a change that would keep out who makes it, unless that is meant.
fn check_admission(caller: &Caller, plan: &Plan, is_meant: bool) -> Result<(), Problem> {
    let is_local = *caller.principal.who() == Who::Local;
    if is_local || is_meant || admission::admits(&plan.web_allowed, caller.client) {
        return Ok(());
    }
    let detail = format!(
        "web.allowed_networks would not let {} in any more, from where this change is made; `lock_out=true` makes it all the \
         same, until somebody else confirms it or it is taken back",
        caller.client
    );
    Err(Problem::conflict(detail).with_diff(plan.diff_json()))
}

/// The plan, unless something else than the file decides the values that are to change. Blocking.
fn planned(running: &operator::Running, in_use: &InUse, wanted: &Wanted) -> Result<Plan, Problem> {
    if let Some(changes) = &wanted.changes {
        check_origins(&running.sources.settings(in_use.text.as_deref()), changes)?;
    }
    plan(running, in_use, wanted).map_err(Problem::from)
}

/// Why an order was not obeyed, as the client sees it.
pub fn refusal(refused: Refused) -> Problem {
    let detail = refused.to_string();
    match refused {
        Refused::Invalid(problems) => invalid(&problems),
        Refused::Changed(_) => Problem::new(StatusCode::PRECONDITION_FAILED, detail),
        Refused::Unwritable(_) | Refused::Conflict(_) => Problem::conflict(detail),
        Refused::Failed(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
    }
}

/// Keeps a configuration that would go away by itself.
#[utoipa::path(post, path = "/config/confirm", tag = "config", responses((status = 204, description = "it stays")))]
async fn confirm(State(app): State<Arc<App>>, caller: Caller) -> Result<StatusCode, Problem> {
    require_admin(&caller)?;
    let confirmed = app.operator()?.order(|answer| Order::Confirm(caller.who(), answer)).await;
    confirmed.map(|()| StatusCode::NO_CONTENT).map_err(refusal)
}
