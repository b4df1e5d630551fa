//! `/events`: the changes of zones as they happen, as server-sent events (WHATWG HTML 9.2).
//!
//! Each client reads the history at its own pace from the offset that it names; nothing is kept for
//! it. One that takes nothing for a while is dropped, and comes back with `Last-Event-ID`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use journal::{Accepted, Offset};
use node::handle::HandleError;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking::blocking;
use super::body::Params;
use super::caller::Caller;
use super::changes::shown;
use super::connection::stopped;
use super::limits::{HEARTBEAT, SLOW_CLIENT, STREAM_AGE, STREAM_BATCH};
use super::problem::Problem;
use super::state::App;

/// Events that wait for the client to take them.
const QUEUE: usize = 16;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(events))
}

/// What `GET /events` takes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventParams {
    /// From behind this change on; without it, from now on. The header `Last-Event-ID` does the same.
    after: Option<u64>,
}

/// The changes of the zones that the client may see, as they happen: events `change` with the body of
/// `GET /changes/{id}` and that id, `gone` where history has been trimmed.
#[utoipa::path(get, path = "/events", tag = "changes", params(EventParams),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
async fn events(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<EventParams>,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").map(|value| value.to_str().ok().and_then(|text| text.parse().ok()));
    let after = match last {
        Some(None) => return Err(Problem::bad_request("Last-Event-ID is the number of a change")),
        Some(Some(offset)) => offset,
        None => params.after.unwrap_or_else(|| *app.node.position().borrow()),
    };
    let full = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many streams").retry_after_s(5);
    let place = app.streams.clone().try_acquire_owned().map_err(full)?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(feed(app, caller, after, sender, place));
    let events = stream::unfold(receiver, |mut receiver| async {
        let event: Event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), receiver))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

/// Sends changes until the client goes or is too slow, the stream is old enough, or the server stops.
async fn feed(
    app: Arc<App>,
    caller: Caller,
    mut after: Offset,
    sender: mpsc::Sender<Event>,
    _place: OwnedSemaphorePermit,
) {
    let mut position = app.node.position();
    let mut stopping = app.stopping.subscribe();
    let end = tokio::time::Instant::now() + STREAM_AGE;
    while tokio::time::Instant::now() < end {
        position.borrow_and_update();
        let node = app.node.clone();
        let changes = match blocking(move || node.changes_after(after, STREAM_BATCH)).await {
            Ok(changes) => changes,
            Err(error) => {
                // The client has to read the zones anew.
                let _ = sender.send_timeout(failure(&error), SLOW_CLIENT).await;
                return;
            }
        };
        for change in &changes {
            after = change.offset;
            let Some(event) = event(change, &caller) else { continue };
            if sender.send_timeout(event, SLOW_CLIENT).await.is_err() {
                return;
            }
        }
        if !changes.is_empty() {
            continue;
        }
        tokio::select! {
            changed = position.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
            () = stopped(&mut stopping) => return,
            () = tokio::time::sleep_until(end) => return,
        }
    }
}

/// A change as event; `None`: the client may not see it, now that it happens.
fn event(change: &Accepted, caller: &Caller) -> Option<Event> {
    let shown = shown(change, caller)?;
    Event::default().event("change").id(change.offset.to_string()).json_data(shown).ok()
}

fn failure(error: &HandleError) -> Event {
    Event::default().event("gone").data(error.to_string().replace(['\r', '\n'], " "))
}
