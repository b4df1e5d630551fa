//! `/live`, also `/ws`: what goes through the server now, over a WebSocket (RFC 6455). Each message is a JSON object.
//!
//! The hub of `telemetry` decides what is sent; here it is who may have it, for how long, and how it gets there.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use access::{Action, Verb, Who};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use node::live::Live;
use serde::Deserialize;
use telemetry::live::{End, Next, ShowError, Viewer};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Held;
use super::caller::Caller;
use super::connection::stopped;
use super::limits::{
    LIVE_CLOSE_TIMEOUT, LIVE_PING_INTERVAL, LIVE_REVIEW_INTERVAL, LIVE_SILENCE, MAX_LIVE_MESSAGE_BYTES,
    MAX_LIVE_MESSAGES_PER_REVIEW, MAX_LIVE_WRITE_BYTES,
};
use super::problem::Problem;
use super::state::App;

/// The stream ends because the server stops, or does not serve streams any more (RFC 6455 7.4.1).
const GOING_AWAY: u16 = 1001;
/// The client sent something that is not taken (RFC 6455 7.4.1).
const UNSUPPORTED: u16 = 1003;
/// The client sends too much (RFC 6455 7.4.1).
const POLICY: u16 = 1008;
/// The client does not take what it is sent: it should come back later (IANA, WebSocket Close Code Number Registry).
const TRY_AGAIN_LATER: u16 = 1013;
/// The session, the token or the right has ended. Of the codes for private use, after HTTP's 401.
const UNAUTHORIZED: u16 = 4401;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(live))
}

/// Refuses who may not see what clients ask.
///
/// # Errors
/// The refusal.
pub fn require_logs(caller: &Caller) -> Result<(), Problem> {
    caller.require(&Action::server(Verb::ReadLogs))
}

/// The live view and the statistics of the running server.
///
/// # Errors
/// 503: none runs.
pub fn live_of(app: &App) -> Result<&Arc<Live>, Problem> {
    app.live.get().ok_or_else(|| Problem::unavailable("no server is running here"))
}

/// What goes through the server, as it happens: a WebSocket (RFC 6455). It is opened with a session or a bearer token,
/// by pages of this server or of `web.cors` alone. The server sends `stat` once a second and `tops` every five seconds;
/// `{"op":"rows","filter":"...","rate":40}` has it send `rows` that match, up to so many a second; `rate` 0 ends that.
#[utoipa::path(get, path = "/live", tag = "statistics",
    responses((status = 101, description = "The protocol changes to WebSocket")))]
pub async fn live(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    if query.is_some() {
        return Err(Problem::bad_request(
            "a live stream has no parameters; a token goes into the header Authorization",
        ));
    }
    require_logs(&caller)?;
    check_origin(&app, &headers)?;
    let held = Held::of(&headers, &caller)?;
    let upgrade = upgrade.map_err(|rejection| {
        Problem::bad_request(format!("a live stream is a WebSocket (RFC 6455): {}", rejection.body_text()))
    })?;
    let user = match caller.principal.who() {
        Who::User(name) | Who::Token { owner: name, .. } => name.to_string(),
        Who::Key(_) | Who::Stream(_) | Who::Local | Who::Anonymous => String::new(),
    };
    let viewer = live_of(&app)?.hub.join(&user).map_err(|error| Problem::unavailable(error.to_string()))?;
    let stopping = app.stopping.subscribe();
    let stream = Stream { app, held, client: caller.client, viewer, heard: Instant::now(), messages: 0 };
    Ok(upgrade
        .max_message_size(MAX_LIVE_MESSAGE_BYTES)
        .max_frame_size(MAX_LIVE_MESSAGE_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_LIVE_WRITE_BYTES)
        .on_upgrade(move |socket| stream.run(socket, stopping)))
}

/// A browser sends cookies along with a WebSocket that a page of any other site opens, and says only in `Origin` whose
/// page it is (RFC 6455 10.2). Programs send none.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_ours = authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host));
    if is_ours || app.origins.allow(origin) {
        return Ok(());
    }
    Err(Problem::forbidden("pages of this origin may not open a live stream; `web.cors` lists those that may"))
}

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Which rows to send.
    Rows {
        /// Which match; all without it.
        #[serde(default)]
        filter: String,
        /// So many a second.
        rate: u32,
    },
}

/// An open stream.
struct Stream {
    app: Arc<App>,
    held: Held,
    client: IpAddr,
    viewer: Viewer,
    /// When the client was heard last.
    heard: Instant,
    /// What it sent since the last review.
    messages: u32,
}

/// Why a stream is closed by us.
type Closing = (u16, &'static str);

/// What ends a stream.
enum Ended {
    /// We close it.
    ByUs(Closing),
    /// It is closed, or broken.
    ByClient,
}

impl Stream {
    async fn run(mut self, mut socket: WebSocket, mut stopping: watch::Receiver<bool>) {
        let ended = self.serve(&mut socket, &mut stopping).await;
        let Ended::ByUs((code, reason)) = ended else { return };
        tracing::debug!(client = %self.client, code, reason, "live stream closed");
        let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        let goodbye = async {
            if socket.send(close).await.is_ok() {
                // Until the client has closed, too.
                while let Some(Ok(_)) = socket.recv().await {}
            }
        };
        // One who takes nothing gets no goodbye.
        let _ = tokio::time::timeout(LIVE_CLOSE_TIMEOUT, goodbye).await;
    }

    async fn serve(&mut self, socket: &mut WebSocket, stopping: &mut watch::Receiver<bool>) -> Ended {
        let mut review = tokio::time::interval(LIVE_REVIEW_INTERVAL);
        review.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pinged = Instant::now();
        loop {
            let message = tokio::select! {
                next = self.viewer.next() => match next {
                    Next::Frame(frame) => match Utf8Bytes::try_from(frame) {
                        Ok(text) => Message::Text(text),
                        Err(_) => continue,
                    },
                    Next::End(end) => return Ended::ByUs(closing(end)),
                },
                received = socket.recv() => match self.hear(received) {
                    Ok(Some(reply)) => reply,
                    Ok(None) => continue,
                    Err(ended) => return ended,
                },
                _ = review.tick() => {
                    if let Some(closing) = self.review() {
                        return Ended::ByUs(closing);
                    }
                    if pinged.elapsed() < LIVE_PING_INTERVAL {
                        continue;
                    }
                    pinged = Instant::now();
                    Message::Ping(axum::body::Bytes::new())
                }
                () = stopped(stopping) => return Ended::ByUs((GOING_AWAY, "the server stops")),
            };
            tokio::select! {
                sent = socket.send(message) => if sent.is_err() { return Ended::ByClient },
                end = self.viewer.until_ended() => return Ended::ByUs(closing(end)),
                () = stopped(stopping) => return Ended::ByUs((GOING_AWAY, "the server stops")),
            }
        }
    }

    /// Looks whether the stream may go on.
    fn review(&mut self) -> Option<Closing> {
        if std::mem::take(&mut self.messages) > MAX_LIVE_MESSAGES_PER_REVIEW {
            return Some((POLICY, "too many messages"));
        }
        if self.heard.elapsed() > LIVE_SILENCE {
            return Some((GOING_AWAY, "nothing was heard for too long"));
        }
        if !matches!(self.held, Held::Local) && !self.app.admission.admits(self.client) {
            return Some((POLICY, "web.allowed_networks do not let this host in any more"));
        }
        let holds = self.held.caller(&self.app, self.client).and_then(|caller| require_logs(&caller));
        holds.is_err().then_some((UNAUTHORIZED, "the session, the token or the right has ended"))
    }

    /// Takes a message; what is to be answered.
    fn hear(&mut self, received: Option<Result<Message, axum::Error>>) -> Result<Option<Message>, Ended> {
        let Some(Ok(message)) = received else { return Err(Ended::ByClient) };
        self.heard = Instant::now();
        self.messages += 1;
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Ended::ByUs((UNSUPPORTED, "messages are text"))),
            Message::Close(_) => return Err(Ended::ByClient),
            // Pings are answered by the protocol.
            Message::Ping(_) | Message::Pong(_) => return Ok(None),
        };
        if self.messages > MAX_LIVE_MESSAGES_PER_REVIEW {
            return Err(Ended::ByUs((POLICY, "too many messages")));
        }
        let problem = match serde_json::from_str(&text) {
            Ok(Command::Rows { filter, rate }) => match self.viewer.show_rows(&filter, rate) {
                Ok(()) => return Ok(None),
                Err(error) => problem(&error),
            },
            Err(error) => serde_json::json!({ "t": "error", "detail": format!("not understood: {error}") }),
        };
        Ok(Some(Message::Text(problem.to_string().into())))
    }
}

/// How an end of the hub's is told.
fn closing(end: End) -> Closing {
    match end {
        End::TooSlow => (TRY_AGAIN_LATER, "too slow"),
        End::TurnedOff => (GOING_AWAY, "live updates are off: web.real_time_updates is false"),
    }
}

/// What is wrong with a command.
fn problem(error: &ShowError) -> serde_json::Value {
    match error {
        ShowError::Filter(fault) => {
            serde_json::json!({ "t": "error", "op": "rows", "detail": fault.message, "offset": fault.offset })
        }
        ShowError::Full | ShowError::Rate => {
            serde_json::json!({ "t": "error", "op": "rows", "detail": error.to_string() })
        }
    }
}
