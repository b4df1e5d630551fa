//! What the requests of one connection are doing. A connection of HTTP/2 has many at a time, and what its client does
//! not take shows in none of them, so somebody has to look: at connections that nobody uses, and at responses that the
//! client keeps waiting.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// The requests of one connection.
pub struct Activity(Mutex<State>);

struct State {
    next: u64,
    running: usize,
    /// Since when there has been no request.
    idle_since: Instant,
    /// The responses whose last piece the client has not taken, and since when.
    untaken: HashMap<u64, Instant>,
}

impl Default for Activity {
    fn default() -> Activity {
        let state = State { next: 0, running: 0, idle_since: Instant::now(), untaken: HashMap::new() };
        Activity(Mutex::new(state))
    }
}

impl Activity {
    /// A request begins; it ends when the value is dropped.
    pub fn begin(self: &Arc<Activity>) -> Running {
        let mut state = self.state();
        state.running += 1;
        state.next += 1;
        Running { activity: self.clone(), id: state.next }
    }

    /// Whether there has been no request for `limit`.
    pub fn is_idle(&self, limit: Duration) -> bool {
        let state = self.state();
        state.running == 0 && state.idle_since.elapsed() >= limit
    }

    /// Whether the client has kept a response waiting for `limit`.
    pub fn is_stalled(&self, limit: Duration) -> bool {
        self.state().untaken.values().any(|since| since.elapsed() >= limit)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way.
pub struct Running {
    activity: Arc<Activity>,
    id: u64,
}

impl Running {
    /// The response's body, watched until its end.
    pub fn watch(self, body: Body) -> Watched {
        Watched { body, running: self }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.running -= 1;
        state.idle_since = Instant::now();
        state.untaken.remove(&self.id);
    }
}

/// A body that notes when its pieces are taken.
pub struct Watched {
    body: Body,
    running: Running,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let mut state = self.running.activity.state();
        match &polled {
            // The next call is for the next piece: then this one is taken.
            Poll::Ready(Some(_)) => drop(state.untaken.insert(self.running.id, Instant::now())),
            _ => drop(state.untaken.remove(&self.running.id)),
        }
        drop(state);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn idle_and_stalled_connections_are_seen() {
        let activity = Arc::new(Activity::default());
        let (now, later) = (Duration::ZERO, Duration::from_secs(60));
        assert!(activity.is_idle(now) && !activity.is_idle(later));
        let mut body = activity.begin().watch(Body::from("a piece"));
        assert!(!activity.is_idle(now) && !activity.is_stalled(now));
        body.frame().await.expect("a piece").expect("a piece");
        assert!(activity.is_stalled(now) && !activity.is_stalled(later));
        assert!(body.frame().await.is_none());
        assert!(!activity.is_stalled(now));
        drop(body);
        assert!(activity.is_idle(now));
    }
}
