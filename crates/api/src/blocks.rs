//! `/blocks`: clients that get no answers for a while.

use std::sync::Arc;

use access::{Action, Verb};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use journal::shared::{Author, Rejected, SettingsError, SharedSettings};
use node::timed_blocks::{self, MAX_BLOCKS, NotBlocked, TimedBlock, Wanted};
use serde::{Deserialize, Serialize};
use server::clock::unix_ms;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::slice;
use super::blocking::blocking;
use super::body::{Body, Params};
use super::caller::Caller;
use super::names::number;
use super::page::{self, ListParams, Page};
use super::problem::{FieldError, Problem};
use super::state::App;

/// The longest block and the longest mute, in minutes: 30 days.
pub const MAX_MINUTES: u64 = 30 * 24 * 60;
/// Longest reason, in bytes.
pub const MAX_REASON_BYTES: usize = 1000;
/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, block)).routes(routes!(unblock))
}

/// A client that gets no answers for a while.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockOut {
    /// Its number.
    id: u64,
    /// The clients.
    network: String,
    /// Why.
    reason: String,
    /// When it began, in milliseconds since 1970.
    since_ms: u64,
    /// When it ends, in milliseconds since 1970.
    until_ms: u64,
    /// Who made it; `anomaly detection`: the server itself.
    who: String,
}

/// A block to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockIn {
    /// An address or a network.
    network: String,
    /// Why.
    #[serde(default)]
    reason: String,
    /// For how many minutes; at most 30 days.
    minutes: u64,
}

fn shown(block: TimedBlock) -> BlockOut {
    let TimedBlock { id, network, reason, until_ms, who, since_ms } = block;
    BlockOut { id, network: network.to_string(), reason, since_ms, until_ms, who }
}

/// Where blocks and mutes are kept.
///
/// # Errors
/// 503: no server runs.
pub fn documents(app: &App) -> Result<&Arc<SharedSettings>, Problem> {
    Ok(app.anomalies()?.documents())
}

/// What is wrong with the length and the reason of a block or a mute.
pub fn check_term(minutes: u64, reason: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if minutes == 0 || minutes > MAX_MINUTES {
        errors.push(FieldError::at("/minutes", format!("1 to {MAX_MINUTES}")));
    }
    if reason.len() > MAX_REASON_BYTES {
        errors.push(FieldError::at("/reason", format!("at most {MAX_REASON_BYTES} bytes")));
    }
    errors
}

/// When something of so many minutes ends.
pub fn end_ms(now_ms: u64, minutes: u64) -> u64 {
    now_ms.saturating_add(minutes.saturating_mul(MINUTE_MS))
}

/// Why a setting was not kept, as the client sees it.
pub fn not_kept(error: &SettingsError) -> Problem {
    match error {
        SettingsError::Rejected(Rejected::TooMany(_) | Rejected::Changed(_) | Rejected::Full(..)) => {
            Problem::conflict(error.to_string())
        }
        _ => Problem::unavailable(error.to_string()),
    }
}

/// The blocks that hold now, by number: those made here and those that the server made itself.
#[utoipa::path(get, path = "/blocks", tag = "blocks", params(ListParams), responses((status = 200, body = Page<BlockOut>)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    caller.require(&Action::server(Verb::ReadLogs))?;
    let size = page::size(params.limit)?;
    let blocks = timed_blocks::list(&documents(&app)?.state(), unix_ms());
    // Cursors are compared as text.
    let key = |block: &TimedBlock| format!("{:020}", block.id);
    Ok(slice(blocks.into_iter(), key, params.after.as_deref(), size, shown).respond(&uri))
}

/// Has questions from a network go without an answer for a while, on all servers that share the journal. The log in to
/// the API is not concerned.
#[utoipa::path(post, path = "/blocks", tag = "blocks", request_body = BlockIn, responses((status = 201, body = BlockOut)))]
async fn block(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(wanted): Body<BlockIn>,
) -> Result<(StatusCode, Json<BlockOut>), Problem> {
    caller.require(&Action::server(Verb::Configure))?;
    let mut errors = check_term(wanted.minutes, &wanted.reason);
    let network = dns::network::parse(&wanted.network);
    if network.is_none() {
        errors.push(FieldError::at("/network", "an address or a network"));
    }
    let Some(network) = network.filter(|_| errors.is_empty()) else { return Err(Problem::unprocessable(errors)) };
    let now_ms = unix_ms();
    let author = Author::new(&caller.who(), &wanted.reason, now_ms);
    let wanted = Wanted { network, until_ms: end_ms(now_ms, wanted.minutes), max_own: MAX_BLOCKS };
    let block = blocking(move || {
        timed_blocks::add(documents(&app)?, &author, &wanted).map_err(|error| match error {
            NotBlocked::TooMany | NotBlocked::Already => Problem::conflict(error.to_string()),
            NotBlocked::Settings(error) => not_kept(&error),
        })
    });
    Ok((StatusCode::CREATED, Json(shown(block.await?))))
}

/// Ends a block.
#[utoipa::path(delete, path = "/blocks/{id}", tag = "blocks", params(("id" = u64, Path, description = "The block")),
    responses((status = 204)))]
async fn unblock(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let id = number(&id)?;
    caller.require(&Action::server(Verb::Configure))?;
    let author = Author::new(&caller.who(), "", unix_ms());
    let is_known =
        blocking(move || timed_blocks::remove(documents(&app)?, &author, id).map_err(|error| not_kept(&error)));
    if is_known.await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("there is no block {id}")))
    }
}
