//! `/alerts`: what is wrong now and was, who looks after it, who is not to be told, and whether notices arrive.

use std::sync::Arc;

use ::alerts::deliver::{Recipient, Way};
use ::alerts::state::{Alert, Notice, Phase, Silence};
use ::alerts::{Alerting, NotKept};
use access::{Action, Verb};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::slice;
use super::blocking::blocking;
use super::body::{Body, OptionalBody, Params};
use super::caller::Caller;
use super::names::number;
use super::page::{self, ListParams, Page};
use super::problem::{FieldError, Problem};
use super::state::App;

/// The longest silence: 30 days.
const MAX_SILENCE_S: u64 = 30 * 24 * 3600;
/// Longest texts of a silence, in bytes.
const MAX_TEXT_BYTES: usize = 1000;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(history))
        .routes(routes!(rules))
        .routes(routes!(recipients))
        .routes(routes!(acknowledge))
        .routes(routes!(silences, silence))
        .routes(routes!(unsilence))
        .routes(routes!(test))
}

fn alerting(app: &App) -> Result<&Alerting, Problem> {
    app.alerting.as_ref().ok_or_else(|| Problem::unavailable("alerts are not watched"))
}

fn not_kept(problem: NotKept) -> Problem {
    Problem::unavailable(problem.to_string())
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertOut {
    /// Its number.
    id: u64,
    /// The rule.
    rule: String,
    /// The labels of the metric, `zone="example.org."`; empty: it has none.
    labels: String,
    /// `info`, `warning` or `critical`.
    severity: &'static str,
    /// `pending`: it does not hold long enough yet; `firing`; `resolved`.
    status: &'static str,
    /// What people are told.
    summary: String,
    /// What the health check says.
    detail: String,
    /// The value of the metric.
    value: Option<f64>,
    /// When the condition began to hold, in milliseconds since 1970, like all times here.
    since_ms: u64,
    /// When it became an alert.
    fired_ms: Option<u64>,
    /// When it held no more.
    resolved_ms: Option<u64>,
    /// Who looks after it.
    acknowledged_by: Option<String>,
    /// Since when.
    acknowledged_ms: Option<u64>,
    /// Who has been told.
    told: Vec<String>,
    /// Nobody is told: a silence covers it.
    silenced: bool,
}

fn shown(alert: &Alert, silences: &[Silence]) -> AlertOut {
    AlertOut {
        id: alert.id,
        rule: alert.rule.clone(),
        labels: alert.labels.clone(),
        severity: alert.severity.as_str(),
        status: match alert.phase {
            Phase::Pending => "pending",
            Phase::Firing => "firing",
            Phase::Resolved => "resolved",
        },
        summary: alert.summary.clone(),
        detail: alert.detail.clone(),
        value: alert.value,
        since_ms: alert.since_ms,
        fired_ms: alert.fired_ms,
        resolved_ms: alert.resolved_ms,
        acknowledged_by: alert.acknowledged.as_ref().map(|it| it.who.clone()),
        acknowledged_ms: alert.acknowledged.as_ref().map(|it| it.at_ms),
        told: alert.told.keys().cloned().collect(),
        silenced: silences.iter().any(|silence| silence.covers(alert, unix_ms())),
    }
}

/// Alerts that pend or fire now, by number. Zones that the caller may not read are in them: it takes the right to read
/// the server's state.
#[utoipa::path(get, path = "/alerts", tag = "alerts", params(ListParams), responses((status = 200, body = Page<AlertOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let state = alerting(&app)?.state();
    page_of(state.alerts.into_iter().collect(), &state.silences, &params, &uri)
}

/// Alerts that are over, by number; the latest thousand are kept.
#[utoipa::path(get, path = "/alerts/history", tag = "alerts", params(ListParams), responses((status = 200, body = Page<AlertOut>)))]
async fn history(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    page_of(alerting(&app)?.state().history.into_iter().collect(), &[], &params, &uri)
}

fn page_of(
    mut alerts: Vec<Alert>,
    silences: &[Silence],
    params: &ListParams,
    uri: &axum::http::Uri,
) -> Result<Response, Problem> {
    let size = page::size(params.limit)?;
    alerts.sort_by_key(|alert| alert.id);
    // Cursors are compared as text.
    let key = |alert: &Alert| format!("{:020}", alert.id);
    Ok(slice(alerts.into_iter(), key, params.after.as_deref(), size, |alert| shown(&alert, silences)).respond(uri))
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleOut {
    /// Its name.
    name: String,
    /// What is watched.
    when: String,
    /// How long it must hold, in seconds.
    for_seconds: u64,
    /// `info`, `warning` or `critical`.
    severity: &'static str,
    /// What people are told.
    summary: String,
    /// Who is told; empty: all.
    recipients: Vec<String>,
}

/// The rules: those of the configuration, and those that are built in.
#[utoipa::path(get, path = "/alerts/rules", tag = "alerts", responses((status = 200, body = [RuleOut])))]
async fn rules(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Vec<RuleOut>>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let settings = alerting(&app)?.settings();
    let shown = |rule: &::alerts::Rule| RuleOut {
        name: rule.name.clone(),
        when: rule.condition.to_string(),
        for_seconds: rule.for_s,
        severity: rule.severity.as_str(),
        summary: rule.summary.clone(),
        recipients: rule.recipients.clone(),
    };
    Ok(Json(settings.rules.iter().map(shown).collect()))
}

/// A recipient.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecipientOut {
    /// Its name.
    name: String,
    /// `webhook` or `mail`.
    way: &'static str,
    /// It is told only of what nobody has acknowledged for so many minutes; 0: of everything, at once.
    after_minutes: u64,
    /// It is told of what is so bad at least.
    min_severity: &'static str,
    /// Notices that wait for it.
    waiting: usize,
    /// Why the one that waits longest was not taken; empty: it was not tried yet, or none waits.
    problem: String,
}

/// Who is told, and what waits for them. Neither targets nor secrets are shown.
#[utoipa::path(get, path = "/alerts/recipients", tag = "alerts", responses((status = 200, body = [RecipientOut])))]
async fn recipients(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Vec<RecipientOut>>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let (settings, state) = (alerting(&app)?.settings(), alerting(&app)?.state());
    let shown = |recipient: &Recipient| {
        let mine = |notice: &&Notice| notice.recipient == recipient.name;
        RecipientOut {
            name: recipient.name.clone(),
            way: match recipient.way {
                Way::Webhook(_) => "webhook",
                Way::Mail(_) => "mail",
            },
            after_minutes: recipient.after_s / 60,
            min_severity: recipient.min_severity.as_str(),
            waiting: state.outbox.iter().filter(mine).count(),
            problem: state.outbox.iter().find(mine).map(|notice| notice.problem.clone()).unwrap_or_default(),
        }
    };
    Ok(Json(settings.recipients.iter().map(shown).collect()))
}

/// Says that the caller looks after an alert: recipients with `after_minutes` are not told of it any more.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts", params(("id" = u64, Path, description = "The alert")),
    responses((status = 204)))]
async fn acknowledge(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = number(&id)?;
    caller.require(&Action::server(Verb::Configure))?;
    let who = caller.who();
    let is_known = blocking(move || alerting(&app)?.acknowledge(id, &who).map_err(not_kept)).await?;
    if is_known { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found(format!("there is no open alert {id}"))) }
}

/// Nobody is told of some alerts for a while.
#[derive(Debug, Serialize, ToSchema)]
pub struct SilenceOut {
    /// Its number.
    id: u64,
    /// Of which rule; empty: of all.
    rule: String,
    /// A part of the labels; empty: whatever they are.
    labels: String,
    /// Until when, in milliseconds since 1970.
    until_ms: u64,
    /// Who wants it.
    who: String,
    /// And why.
    why: String,
}

/// A silence to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceIn {
    /// Of which rule; left out: of all.
    #[serde(default)]
    rule: String,
    /// A part of the labels, `zone="example.org."`; left out: whatever they are.
    #[serde(default)]
    labels: String,
    /// For how long, in seconds; at most 30 days.
    seconds: u64,
    /// Why.
    #[serde(default)]
    why: String,
}

impl SilenceIn {
    fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        if self.seconds == 0 || self.seconds > MAX_SILENCE_S {
            errors.push(FieldError::at("/seconds", format!("1 to {MAX_SILENCE_S}")));
        }
        for (field, text) in [("rule", &self.rule), ("labels", &self.labels), ("why", &self.why)] {
            if text.len() > MAX_TEXT_BYTES {
                errors.push(FieldError::at(format!("/{field}"), format!("at most {MAX_TEXT_BYTES} bytes")));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// The silences.
#[utoipa::path(get, path = "/alerts/silences", tag = "alerts", responses((status = 200, body = [SilenceOut])))]
async fn silences(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Vec<SilenceOut>>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let shown = |silence: Silence| {
        let Silence { id, rule, labels, until_ms, who, why } = silence;
        SilenceOut { id, rule, labels, until_ms, who, why }
    };
    Ok(Json(alerting(&app)?.state().silences.into_iter().map(shown).collect()))
}

/// Has nobody told of some alerts for a while. What still fires at its end is told then.
#[utoipa::path(post, path = "/alerts/silences", tag = "alerts", request_body = SilenceIn, responses((status = 201, body = SilenceOut)))]
async fn silence(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(wanted): Body<SilenceIn>,
) -> Result<(StatusCode, Json<SilenceOut>), Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    wanted.check().map_err(Problem::unprocessable)?;
    let SilenceIn { rule, labels, seconds, why } = wanted;
    let (until_ms, who) = (unix_ms() + seconds * 1000, caller.who());
    let (rule_of, labels_of, who_of, why_of) = (rule.clone(), labels.clone(), who.clone(), why.clone());
    let silence = Silence { id: 0, rule: rule_of, labels: labels_of, until_ms, who: who_of, why: why_of };
    let id = blocking(move || alerting(&app)?.silence(&silence).map_err(not_kept)).await?;
    let id = id.ok_or_else(|| Problem::conflict("there are too many silences: end one first"))?;
    Ok((StatusCode::CREATED, Json(SilenceOut { id, rule, labels, until_ms, who, why })))
}

/// Ends a silence.
#[utoipa::path(delete, path = "/alerts/silences/{id}", tag = "alerts", params(("id" = u64, Path, description = "The silence")),
    responses((status = 204)))]
async fn unsilence(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let id = number(&id)?;
    caller.require(&Action::server(Verb::Configure))?;
    let who = caller.who();
    let is_known = blocking(move || alerting(&app)?.unsilence(id, &who).map_err(not_kept)).await?;
    if is_known { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found(format!("there is no silence {id}"))) }
}

/// Whom to send a test to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestIn {
    /// The recipient; left out: all.
    recipient: Option<String>,
}

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestOut {
    /// The recipient.
    recipient: String,
    /// It was taken.
    delivered: bool,
    /// Why not; empty: it was.
    problem: String,
}

/// Sends a test to a recipient, or to all, and waits until it is taken or not.
#[utoipa::path(post, path = "/alerts/test", tag = "alerts", request_body = TestIn, responses((status = 200, body = [TestOut])))]
async fn test(
    State(app): State<Arc<App>>,
    caller: Caller,
    OptionalBody(wanted): OptionalBody<TestIn>,
) -> Result<Json<Vec<TestOut>>, Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    let settings = alerting(&app)?.settings();
    if let Some(name) = &wanted.recipient
        && !settings.recipients.iter().any(|recipient| recipient.name == *name)
    {
        return Err(Problem::not_found(format!("there is no recipient {name}")));
    }
    let tested = blocking(move || Ok::<_, Problem>(alerting(&app)?.test(wanted.recipient.as_deref()))).await?;
    let shown = |(recipient, outcome): (String, Result<(), String>)| TestOut {
        recipient,
        delivered: outcome.is_ok(),
        problem: outcome.err().unwrap_or_default(),
    };
    Ok(Json(tested.into_iter().map(shown).collect()))
}
