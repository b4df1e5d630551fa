//! Dynamic DNS over HTTP for home networks: the dyndns2 protocol, `GET /nic/update`. A router calls it
//! with Basic authentication (a user's password, or a token in its place) whenever its address changes.
//!
//! Replies are words in plain text, a line for each host: `good ADDRESS`, `nochg ADDRESS`, `badauth`,
//! `nohost`, `notfqdn`, `numhost`, `abuse`, `911`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use access::{Action, Verb};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use dns::{NameBuf, RType};
use serde::Deserialize;

use crate::gate::Client;
use crate::limits::MAX_DDNS_HOSTS;
use crate::{App, Caller, Op, Plan, Step, Submission, What, basic_of, by_password, prepare};

/// Time to live of addresses that change now and then.
const TTL_S: u32 = 60;

/// The route.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/nic/update", get(update))
}

/// What clients send. Parameters that this server has no use for (`wildcard`, `mx`, `offline`, ...) are part of the
/// protocol and ignored, as everybody does.
#[derive(Debug, Deserialize)]
struct UpdateParams {
    #[serde(default)]
    hostname: String,
    /// One address, or one of each family; without it, where the request comes from.
    myip: Option<String>,
}

/// The reply for one host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reply {
    Good,
    NoChange,
    NoHost,
    NotFqdn,
    Failed,
}

/// What shall become of one host.
struct Host {
    zone: NameBuf,
    owner: NameBuf,
}

async fn update(
    State(app): State<Arc<App>>,
    Client(client): Client,
    headers: HeaderMap,
    Query(params): Query<UpdateParams>,
) -> Response {
    let Some((user, password)) = basic_of(&headers) else { return bad_auth() };
    let caller = match by_password(&app, user, password, client).await {
        Ok(principal) => Caller { principal, client },
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => return bad_auth(),
        Err(problem) if problem.status() == StatusCode::TOO_MANY_REQUESTS => return text("abuse"),
        Err(_) => return text("911"),
    };
    let Some(addresses) = addresses(params.myip.as_deref(), client) else { return text("dnserr") };
    let hosts: Vec<&str> = params.hostname.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    match hosts.len() {
        0 => return text("notfqdn"),
        1..=MAX_DDNS_HOSTS => {}
        _ => return text("numhost"),
    }
    let found: Vec<Result<Host, Reply>> = hosts.iter().map(|host| find(&app, &caller, host, &addresses)).collect();
    let replies = change(&app, &caller, found, &addresses).await;
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let lines: Vec<String> = replies.iter().map(|reply| line(reply, &shown.join(","))).collect();
    text(&lines.join("\n"))
}

fn bad_auth() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"headwater\"")];
    (StatusCode::UNAUTHORIZED, challenge, "badauth\n").into_response()
}

fn text(words: &str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{words}\n")).into_response()
}

fn line(reply: &Reply, addresses: &str) -> String {
    match reply {
        Reply::Good => format!("good {addresses}"),
        Reply::NoChange => format!("nochg {addresses}"),
        Reply::NoHost => "nohost".into(),
        Reply::NotFqdn => "notfqdn".into(),
        Reply::Failed => "911".into(),
    }
}

/// The addresses that a host gets: at most one of each family.
fn addresses(given: Option<&str>, client: IpAddr) -> Option<Vec<IpAddr>> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Some(vec![client]) };
    let list: Vec<IpAddr> = given.split(',').take(3).map(|text| text.trim().parse().ok()).collect::<Option<_>>()?;
    let of_v4 = list.iter().filter(|address| address.is_ipv4()).count();
    (of_v4 <= 1 && list.len() - of_v4 <= 1).then_some(list)
}

fn rtype_of(address: &IpAddr) -> RType {
    if address.is_ipv4() { RType::A } else { RType::AAAA }
}

fn data_of(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The zone of a host, if the caller may set its addresses. What one may not touch is not there.
fn find(app: &App, caller: &Caller, host: &str, addresses: &[IpAddr]) -> Result<Host, Reply> {
    let owner: NameBuf = host.parse().map_err(|_| Reply::NotFqdn)?;
    if owner.label_count() < 2 {
        return Err(Reply::NotFqdn);
    }
    let zone = app.node.closest_zone(&owner).ok_or(Reply::NoHost)?;
    for address in addresses {
        let action = Action::rrset(Verb::Update, &zone, &owner, rtype_of(address));
        caller.require(&action).map_err(|_| Reply::NoHost)?;
    }
    Ok(Host { zone, owner })
}

/// Changes all hosts together, and says for each how it went.
async fn change(app: &App, caller: &Caller, found: Vec<Result<Host, Reply>>, addresses: &[IpAddr]) -> Vec<Reply> {
    let mut zones: BTreeMap<NameBuf, Vec<Step>> = BTreeMap::new();
    for host in found.iter().flatten() {
        let step = |address: &IpAddr| Step {
            owner: host.owner.clone(),
            op: Op::Replace(rtype_of(address), Some(TTL_S), vec![data_of(address)]),
            only_if_absent: false,
            notes: Vec::new(),
        };
        zones.entry(host.zone.clone()).or_default().extend(addresses.iter().map(step));
    }
    let plans: Vec<Plan> = zones
        .into_iter()
        .map(|(zone, steps)| Plan { zone, expected: Default::default(), what: What::Edit(steps) })
        .collect();
    if plans.is_empty() {
        return found.into_iter().filter_map(Result::err).collect();
    }
    let said = Submission { why: "dyndns2".into(), reverts: None, conditional: false, dry_run: false };
    let outcome = app.commit(caller, said, prepare(plans)).await;
    let reply = |host: Host| match &outcome {
        Err(_) => Reply::Failed,
        Ok(committed) if touches(&committed.change, &host.owner) => Reply::Good,
        Ok(_) => Reply::NoChange,
    };
    found.into_iter().map(|host| host.map_or_else(|reply| reply, reply)).collect()
}

fn touches(change: &zone::ChangeSet, owner: &NameBuf) -> bool {
    let edits = change.zones.iter().filter_map(|zone| match &zone.action {
        zone::Action::Edit(changes) => Some(changes),
        _ => None,
    });
    edits.flatten().any(|change| change.owner == *owner && matches!(change.rtype, RType::A | RType::AAAA))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_request() {
        let client: IpAddr = "192.0.2.9".parse().expect("address");
        let check = |given: Option<&str>, want: Option<&str>| {
            let got = addresses(given, client).map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(got.map(|list| list.join(",")).as_deref(), want, "{given:?}");
        };
        check(None, Some("192.0.2.9"));
        check(Some(""), Some("192.0.2.9"));
        check(Some("192.0.2.1"), Some("192.0.2.1"));
        check(Some("192.0.2.1, 2001:db8::1"), Some("192.0.2.1,2001:db8::1"));
        check(Some("192.0.2.1,192.0.2.2"), None);
        check(Some("x"), None);
    }
}
