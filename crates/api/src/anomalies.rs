//! `/anomalies`: what is unusual in what is asked, and what nobody wants to hear of.

use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use journal::shared::Author;
use node::anomalies::mutes::{self, KeptMute, MuteDocument, NotMuted};
use node::anomalies::{AnomalyView, Kind};
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::slice;
use super::blocking::blocking;
use super::blocks::{check_term, documents, end_ms, not_kept};
use super::body::{Body, Params};
use super::caller::Caller;
use super::names::number;
use super::page::{self, Page};
use super::problem::{FieldError, Problem};
use super::state::App;

/// Longest subject of a mute, in bytes.
const MAX_SUBJECT_BYTES: usize = 1024;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(muted, mute)).routes(routes!(unmute))
}

/// Which anomalies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Those under way.
    #[default]
    Active,
    /// The latest thousand that have ended.
    Ended,
}

/// Which anomalies, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AnomalyParams {
    /// `active`, as without it, or `ended`.
    #[serde(default)]
    #[param(inline)]
    state: Phase,
    /// Items of the page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Something unusual.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnomalyOut {
    /// Its number.
    id: u64,
    /// `high_frequency`, `nxdomain_flood`, `random_subdomains`, `tunnel`, `generated_names`, `beacon`, `rebinding` or
    /// `forged_replies`.
    kind: &'static str,
    /// The client; the address it asked from last where it is a device with several.
    client: Option<String>,
    /// The client's device.
    device: Option<String>,
    /// The name that it is about.
    zone: Option<String>,
    /// The upstream server.
    server: Option<String>,
    /// How sure it is, from 0 to 1.
    score: f64,
    /// What the score is made of.
    reasons: Vec<String>,
    /// Names that belong to it.
    examples: Vec<String>,
    /// When it was reported first, in milliseconds since 1970.
    begun_ms: u64,
    /// When it was confirmed last, in milliseconds since 1970.
    last_seen_ms: u64,
    /// It is over: nothing has confirmed it for half an hour.
    ended: bool,
    /// A mute covers it: it is confirmed no longer.
    muted: bool,
}

fn shown(view: AnomalyView) -> AnomalyOut {
    AnomalyOut {
        id: view.id,
        kind: view.kind.as_str(),
        client: view.client.map(|client| client.to_string()),
        device: view.device.map(|device| device.to_string()),
        zone: view.zone,
        server: view.server.map(|server| server.to_string()),
        score: f64::from(view.score_percent) / 100.0,
        reasons: view.reasons,
        examples: view.examples,
        begun_ms: view.begun_ms,
        last_seen_ms: view.last_seen_ms,
        ended: view.ended,
        muted: view.muted,
    }
}

/// What is unusual in what is asked, by number. It shows clients: it takes the right to read logs.
#[utoipa::path(get, path = "/anomalies", tag = "anomalies", params(AnomalyParams), responses((status = 200, body = Page<AnomalyOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<AnomalyParams>,
) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let size = page::size(params.limit)?;
    let anomalies = app.anomalies()?;
    let views = match params.state {
        Phase::Active => anomalies.active(),
        Phase::Ended => anomalies.ended(),
    };
    // Cursors are compared as text.
    let key = |view: &AnomalyView| format!("{:020}", view.id);
    Ok(slice(views.into_iter(), key, params.after.as_deref(), size, shown).respond(&uri))
}

/// Anomalies that nobody wants to hear of.
#[derive(Debug, Serialize, ToSchema)]
pub struct MuteOut {
    /// Its number.
    id: u64,
    /// An address or network of clients.
    client: Option<String>,
    /// A device.
    device: Option<String>,
    /// A name: it and all below.
    zone: Option<String>,
    /// An upstream server.
    server: Option<String>,
    /// The only kind it holds for; null: all.
    kind: Option<&'static str>,
    /// Why.
    reason: String,
    /// When it was made, in milliseconds since 1970.
    since_ms: u64,
    /// When it ends, in milliseconds since 1970.
    until_ms: u64,
    /// Who made it.
    who: String,
}

/// A mute to be made: exactly one of `client`, `device`, `zone` and `server`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MuteIn {
    /// An address or network of clients.
    client: Option<String>,
    /// The name of a device.
    device: Option<String>,
    /// A name: it and all below.
    zone: Option<String>,
    /// The address of an upstream server.
    server: Option<String>,
    /// The only kind it holds for, as `GET /anomalies` names it; left out: all.
    kind: Option<String>,
    /// Why.
    #[serde(default)]
    reason: String,
    /// For how many minutes; at most 30 days.
    minutes: u64,
}

impl MuteIn {
    /// The mute as it is kept.
    fn document(self, now_ms: u64) -> Result<MuteDocument, Problem> {
        let mut errors = check_term(self.minutes, &self.reason);
        for (field, text) in self.subjects() {
            if text.is_some_and(|text| text.len() > MAX_SUBJECT_BYTES) {
                errors.push(FieldError::at(format!("/{field}"), format!("at most {MAX_SUBJECT_BYTES} bytes")));
            }
        }
        let kind = self.kind.as_deref().map(|word| Kind::ALL.into_iter().find(|kind| kind.as_str() == word));
        if kind == Some(None) {
            let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            errors.push(FieldError::at("/kind", format!("one of {}", words.join(", "))));
        }
        let MuteIn { client, device, zone, server, reason, minutes, .. } = self;
        let until_ms = end_ms(now_ms, minutes);
        let document = MuteDocument { client, device, zone, server, kind: kind.flatten(), reason, until_ms };
        // Which number a device has is of no concern here.
        if let Err(bad) = document.mute(|_| Some(0)) {
            errors.push(FieldError::at(format!("/{}", bad.field), bad.expected));
        }
        if errors.is_empty() { Ok(document) } else { Err(Problem::unprocessable(errors)) }
    }

    fn subjects(&self) -> [(&'static str, Option<&str>); 4] {
        let MuteIn { client, device, zone, server, .. } = self;
        [("client", client), ("device", device), ("zone", zone), ("server", server)]
            .map(|(field, text)| (field, text.as_deref()))
    }
}

fn shown_mute(mute: KeptMute) -> MuteOut {
    let KeptMute { id, document, who, since_ms } = mute;
    let MuteDocument { client, device, zone, server, kind, reason, until_ms } = document;
    let kind = kind.map(Kind::as_str);
    MuteOut { id, client, device, zone, server, kind, reason, since_ms, until_ms, who }
}

/// The mutes that hold now, by number.
#[utoipa::path(get, path = "/anomalies/mutes", tag = "anomalies", responses((status = 200, body = [MuteOut])))]
async fn muted(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Vec<MuteOut>>, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let mutes = mutes::list(&documents(&app)?.state(), unix_ms());
    Ok(Json(mutes.into_iter().map(shown_mute).collect()))
}

/// Has nobody told of some anomalies for a while, on all servers that share the journal.
#[utoipa::path(post, path = "/anomalies/mutes", tag = "anomalies", request_body = MuteIn, responses((status = 201, body = MuteOut)))]
async fn mute(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(wanted): Body<MuteIn>,
) -> Result<(StatusCode, Json<MuteOut>), Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    let now_ms = unix_ms();
    let document = wanted.document(now_ms)?;
    let author = Author::new(&caller.who(), &document.reason, now_ms);
    let mute = blocking(move || {
        mutes::add(documents(&app)?, &author, &document).map_err(|error| match error {
            NotMuted::TooMany => Problem::conflict(error.to_string()),
            NotMuted::Settings(error) => not_kept(&error),
        })
    });
    Ok((StatusCode::CREATED, Json(shown_mute(mute.await?))))
}

/// Ends a mute.
#[utoipa::path(delete, path = "/anomalies/mutes/{id}", tag = "anomalies", params(("id" = u64, Path, description = "The mute")),
    responses((status = 204)))]
async fn unmute(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let id = number(&id)?;
    caller.require(&Action::server(Verb::Configure))?;
    let author = Author::new(&caller.who(), "", unix_ms());
    let is_known = blocking(move || mutes::remove(documents(&app)?, &author, id).map_err(|error| not_kept(&error)));
    if is_known.await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found(format!("there is no mute {id}"))) }
}
