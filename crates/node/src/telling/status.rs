//! How it is to tell a listener, for metrics and health.

use std::sync::{Mutex, MutexGuard, PoisonError};

use telemetry::health::Finding;
use telemetry::metrics::Snapshot;
use telemetry::metrics::catalogue::{CHANGE_EVENTS, CHANGE_EVENTS_LAG};

/// What is known of a listener.
#[derive(Default)]
pub struct Status {
    state: Mutex<State>,
}

/// The same, at a moment.
#[derive(Debug, Clone, Default)]
pub struct State {
    sent: u64,
    dropped: u64,
    behind: u64,
    /// Why it does not take anything; `None`: it does.
    halted: Option<String>,
}

impl Status {
    /// What is known now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many changes have arrived.
    pub fn sent(&self, count: u64) {
        self.state().sent += count;
    }

    /// So many changes are not told.
    pub fn dropped(&self, count: u64) {
        self.state().dropped += count;
    }

    /// So many changes wait at most.
    pub fn behind(&self, count: u64) {
        self.state().behind = count;
    }

    /// It took something, or why not; the log says so once.
    pub fn heard(&self, listener: &str, heard: Result<(), &str>) {
        let mut state = self.state();
        match heard {
            Ok(()) if state.halted.take().is_some() => tracing::info!(listener, "it is told of changes again"),
            Ok(()) => {}
            Err(why) => {
                if state.halted.is_none() {
                    tracing::warn!(listener, why, "it cannot be told of changes for now; it is tried again");
                }
                state.halted = Some(why.to_owned());
            }
        }
    }
}

/// Adds the metrics of a listener.
pub fn add_metrics(snapshot: &mut Snapshot, listener: &str, state: &State) {
    snapshot.count(&CHANGE_EVENTS, &[listener, "sent"], state.sent);
    snapshot.count(&CHANGE_EVENTS, &[listener, "dropped"], state.dropped);
    snapshot.count(&CHANGE_EVENTS_LAG, &[listener], state.behind);
}

/// Whether all are told.
pub fn health(listeners: &[(String, State)]) -> Finding {
    let halted = |(name, state): &(String, State)| Some(format!("{name}: {}", state.halted.as_ref()?));
    match listeners.iter().find_map(halted) {
        Some(why) => Finding::warn(
            format!("changes are not told to {why}"),
            "look after the brokers of change_events, or the server of the webhook; it goes on by itself",
        ),
        None => Finding::ok(format!("{} are told of changes", listeners.len())),
    }
}
