//! `/explain`: how a question is answered, step by step.

use std::net::SocketAddr;
use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::State;
use dns::{Name, Rcode, rdata};
use node::lookups::{Lookup, Lookups};
use resolver::outcome::Timed;
use resolver::route::Route;
use resolver::settings::Fallback;
use resolver::trace::{Stamped, Step};
use resolver::{Outcome, Question};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Params;
use super::cache::{ReasonOut, name, rtype};
use super::caller::Caller;
use super::problem::Problem;
use super::state::App;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(explain))
}

/// What to explain.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExplainParams {
    /// The name.
    name: String,
    /// The type; A without it.
    #[serde(rename = "type")]
    rtype: Option<String>,
    /// Also show data that does not validate, as to a client that sets CD (RFC 4035 3.2.2).
    #[serde(default)]
    checking_disabled: bool,
}

/// A record of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerRecord {
    /// The owner.
    name: String,
    /// The type.
    #[serde(rename = "type")]
    rtype: String,
    /// What is left of its TTL, in seconds.
    ttl: u32,
    /// The data as in a zone file.
    data: String,
}

/// A step. What is not of its kind is left out.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct StepOut {
    /// Microseconds since the first step.
    at_us: u64,
    /// How deep in questions that others led to.
    depth: u32,
    /// `begin`, `cache`, `local`, `zone`, `exchange`, `validation`, `alias` or `end`.
    step: &'static str,
    /// What was asked or looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    rtype: Option<String>,
    /// The zone whose servers are asked; of a local answer: our own zone, or nothing for a special name.
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// The server that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    server: Option<SocketAddr>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
    /// `udp`, `tcp`, `tls` or `https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    /// How long the exchange took, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_us: Option<u64>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// RCODE.
    #[serde(skip_serializing_if = "Option::is_none")]
    rcode: Option<String>,
    /// What is left of the entry's TTL, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    /// `secure`, `insecure`, `bogus` or `indeterminate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    security: Option<&'static str>,
}

/// How a question is answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// The name.
    name: String,
    /// The type.
    #[serde(rename = "type")]
    rtype: String,
    /// Who had the answer: `zone` (our own), `special` (a special-use name), `cache`, `forwarders`, `servers`, or
    /// `nobody`.
    answered_by: &'static str,
    /// Our own zone, the zone of the forwarders, or the zone whose servers were asked last.
    zone: Option<String>,
    /// RCODE.
    rcode: String,
    /// `secure`, `insecure`, `bogus` or `indeterminate`.
    security: &'static str,
    /// Why it is as it is.
    reason: Option<ReasonOut>,
    /// The server that gave the last part of it.
    #[schema(value_type = Option<String>)]
    server: Option<SocketAddr>,
    /// How long it took, in microseconds.
    elapsed_us: u64,
    /// The answer section.
    answers: Vec<AnswerRecord>,
    /// The authority section.
    authorities: Vec<AnswerRecord>,
    /// How it came to that.
    steps: Vec<StepOut>,
}

/// Answers a question as for a client that may use recursion, and tells how. The cache is used and filled as by any
/// question.
#[utoipa::path(get, path = "/explain", tag = "cache", params(ExplainParams), responses((status = 200, body = Explanation)))]
async fn explain(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ExplainParams>,
) -> Result<Json<Explanation>, Problem> {
    caller.require(&Action::server(Verb::Read))?;
    let question = Question::new(name(&params.name)?, rtype(params.rtype.as_deref().unwrap_or("A"))?);
    let Some(lookup) = app.lookups.get() else { return without_resolver(&app.lookups, &question).map(Json) };
    let answer = lookup.ask(question.clone(), params.checking_disabled).await;
    let (outcome, steps) = answer.ok_or_else(|| Problem::unavailable("the resolver is stopping"))?;
    let (answered_by, zone) = source(&steps, &question, &lookup, &app.lookups);
    Ok(Json(explanation(&question, &outcome, &steps, answered_by, zone, &app.lookups)))
}

/// What a server without recursion has to say.
fn without_resolver(lookups: &Lookups, question: &Question) -> Result<Explanation, Problem> {
    let outcome = lookups.local(&question.name, question.rtype);
    let outcome =
        outcome.ok_or_else(|| Problem::not_found("a name in no zone of ours, and resolver.enabled is false"))?;
    let zone = lookups.zone_of(&question.name).map(|zone| zone.to_string());
    let at_us = 0;
    let steps = [Stamped { at_us, depth: 0, step: Step::Local(question.clone()) }];
    Ok(explanation(question, &outcome, &steps, "zone", zone, lookups))
}

/// Who had the answer: whoever had to be asked last for the question itself, and about which zone.
fn source(
    steps: &[Stamped],
    question: &Question,
    lookup: &Lookup,
    lookups: &Lookups,
) -> (&'static str, Option<String>) {
    let asked = steps.iter().any(|stamped| matches!(stamped.step, Step::Exchange { .. }));
    let last_name = steps.iter().rev().find_map(|stamped| match &stamped.step {
        Step::Alias(name) if stamped.depth == 0 => Some(&**name),
        _ => None,
    });
    let last_name: &Name = last_name.unwrap_or(&question.name);
    if asked {
        let zone_asked = steps.iter().any(|stamped| matches!(stamped.step, Step::Zone(_)) && stamped.depth == 0);
        // Forwarders may have left it to the servers of the zone.
        if let Route::Forward(zone) = lookup.shared.settings.route(last_name, question.rtype)
            && !(zone_asked && zone.fallback == Fallback::Iterate)
        {
            return ("forwarders", Some(zone.name.to_string()));
        }
        let zone = steps.iter().rev().find_map(|stamped| match &stamped.step {
            Step::Zone(zone) if stamped.depth == 0 => Some(zone.to_string()),
            _ => None,
        });
        return ("servers", zone);
    }
    let last = steps.iter().rev().find_map(|stamped| match &stamped.step {
        Step::Local(question) => Some(match lookups.zone_of(&question.name) {
            Some(zone) => ("zone", Some(zone.to_string())),
            None => ("special", None),
        }),
        Step::Cache { .. } => Some(("cache", None)),
        _ => None,
    });
    last.unwrap_or(("nobody", None))
}

fn explanation(
    question: &Question,
    outcome: &Outcome,
    steps: &[Stamped],
    answered_by: &'static str,
    zone: Option<String>,
    lookups: &Lookups,
) -> Explanation {
    let start_us = steps.first().map_or(0, |stamped| stamped.at_us);
    let end_us = steps.last().map_or(0, |stamped| stamped.at_us);
    Explanation {
        name: question.name.to_string(),
        rtype: question.rtype.to_string(),
        answered_by,
        zone,
        rcode: outcome.rcode.to_string(),
        security: outcome.security.as_str(),
        reason: outcome.reason.clone().map(ReasonOut::from),
        server: outcome.server,
        elapsed_us: end_us.saturating_sub(start_us),
        answers: outcome.answers.iter().flat_map(records).collect(),
        authorities: outcome.authorities.iter().flat_map(records).collect(),
        steps: steps.iter().map(|stamped| step(stamped, start_us, lookups)).collect(),
    }
}

fn records(timed: &Timed) -> Vec<AnswerRecord> {
    let row = |record: dns::Record| {
        let mut data = String::new();
        // Writing to a String does not fail.
        let _ = rdata::text::write(record.rtype, &record.rdata, &mut data);
        AnswerRecord { name: record.owner.to_string(), rtype: record.rtype.to_string(), ttl: record.ttl, data }
    };
    let rrset = &timed.rrset;
    rrset.records(timed.ttl).chain(rrset.signature_records(timed.ttl)).map(row).collect()
}

fn step(stamped: &Stamped, start_us: u64, lookups: &Lookups) -> StepOut {
    let Stamped { at_us, depth, step } = stamped;
    let out = |step: &'static str| {
        let at_us = at_us.saturating_sub(start_us);
        StepOut { at_us, depth: *depth, step, ..StepOut::default() }
    };
    let asking = |step: &'static str, question: &Question| {
        let (name, rtype) = (Some(question.name.to_string()), Some(question.rtype.to_string()));
        StepOut { name, rtype, ..out(step) }
    };
    let rcode = |rcode: Rcode| Some(rcode.to_string());
    match step {
        Step::Begin(question) => asking("begin", question),
        Step::Local(question) => {
            let zone = lookups.zone_of(&question.name).map(|zone| zone.to_string());
            StepOut { zone, ..asking("local", question) }
        }
        Step::Cache { question, what, ttl, security } => {
            let (result, ttl, security) = (Some((*what).to_owned()), Some(*ttl), Some(security.as_str()));
            StepOut { result, ttl, security, ..asking("cache", question) }
        }
        Step::Zone(zone) => StepOut { zone: Some(zone.to_string()), ..out("zone") },
        Step::Exchange { server, server_name, transport, question, elapsed_us, result, rcode: code } => StepOut {
            server: Some(*server),
            server_name: server_name.as_ref().map(ToString::to_string),
            transport: Some(*transport),
            elapsed_us: Some(*elapsed_us),
            result: Some(result.clone()),
            rcode: code.and_then(rcode),
            ..asking("exchange", question)
        },
        Step::Validation { name, rtype, security, why } => StepOut {
            name: Some(name.to_string()),
            rtype: Some(rtype.to_string()),
            security: Some(security.as_str()),
            result: Some(why.clone()),
            ..out("validation")
        },
        Step::Alias(name) => StepOut { name: Some(name.to_string()), ..out("alias") },
        Step::End { rcode: code, security } => {
            StepOut { rcode: rcode(*code), security: Some(security.as_str()), ..out("end") }
        }
    }
}
