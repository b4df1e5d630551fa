//! `/blocking/check`: what is done with a question, and every rule that matches it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use dns::RType;
use node::policy::{Check, FoundRule, Policing};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::blocking::blocking;
use super::super::body::Params;
use super::super::cache::{name, rtype};
use super::super::caller::Caller;
use super::super::problem::Problem;
use super::super::state::App;
use super::readable;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(check))
}

/// What to check.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CheckParams {
    /// The name.
    name: String,
    /// The type; A without it.
    #[serde(rename = "type")]
    rtype: Option<String>,
    /// The address of a client, or the name of a device; without it, a client that no device has.
    client: Option<String>,
}

/// What is done with a question.
#[derive(Debug, Serialize, ToSchema)]
pub struct MatchesOut {
    /// The name.
    name: String,
    /// The type.
    #[serde(rename = "type")]
    rtype: String,
    /// The address that asks.
    client: String,
    /// The device that has it; null: none.
    device: Option<String>,
    /// The group that holds for it; empty: nothing is blocked for anybody.
    group: String,
    /// Whether it is blocked, or answered as a rule says.
    blocked: bool,
    /// Why rules do not have their effect, or everything is blocked; null: rules say it all.
    because: Option<String>,
    /// Every rule that matches, in the order of their effect.
    rules: Vec<MatchedRule>,
}

/// A rule that matches.
#[derive(Debug, Serialize, ToSchema)]
pub struct MatchedRule {
    /// Its list.
    list: String,
    /// Its line in the list, from 1.
    line: u32,
    /// Its text; null: it cannot be read any more.
    text: Option<String>,
    /// `block`, `allow` or `rewrite`.
    effect: &'static str,
    /// It decides.
    decides: bool,
}

impl From<FoundRule> for MatchedRule {
    fn from(rule: FoundRule) -> MatchedRule {
        let FoundRule { list, line, text, effect, decides } = rule;
        MatchedRule { list, line, text, effect, decides }
    }
}

/// The address that is meant: one, or the first one of a device.
fn address(policing: &Policing, client: Option<&str>) -> Result<IpAddr, Problem> {
    let Some(client) = client else { return Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) };
    if let Ok(address) = client.parse() {
        return Ok(address);
    }
    let plan = policing.planned(&policing.documents().state());
    let device = plan.devices.iter().find(|device| device.name == client);
    let device = device.ok_or_else(|| Problem::parameter("client", "neither an address nor the name of a device"))?;
    let address = |text: &String| text.parse().ok().or_else(|| Some(dns::network::parse(text)?.addr()));
    let none = || Problem::parameter("client", format!("device {client} has no address of its own: say one"));
    device.addresses.iter().find_map(address).ok_or_else(none)
}

/// What is done with a question of a client now, and every rule that matches it. Nothing is resolved: names and
/// addresses of the answer are not looked at.
#[utoipa::path(get, path = "/blocking/check", tag = "blocking", params(CheckParams), responses((status = 200, body = MatchesOut)))]
async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<CheckParams>,
) -> Result<Json<MatchesOut>, Problem> {
    let policing = readable(&app, &caller)?.clone();
    let name = name(&params.name)?;
    let qtype = params.rtype.as_deref().map_or(Ok(RType::A), rtype)?;
    let client = address(&policing, params.client.as_deref())?;
    let asked = name.clone();
    // Texts of rules are read from disk.
    let checked = blocking(move || {
        let is_on = policing.plan().enabled;
        Ok::<_, Problem>((policing.check(&asked, qtype, client), is_on))
    });
    let (Check { device, group, blocked, because, rules }, is_on) = checked.await?;
    let because = because.or_else(|| (!is_on).then(|| "blocking is off".to_owned()));
    let (name, rtype, client) = (name.to_string(), qtype.to_string(), client.to_string());
    let rules = rules.into_iter().map(MatchedRule::from).collect();
    Ok(Json(MatchesOut { name, rtype, client, device, group, blocked, because, rules }))
}
