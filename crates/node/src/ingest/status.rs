//! What is known of a stream that is taken over, for metrics and health.

use std::sync::{Mutex, MutexGuard, PoisonError};

use telemetry::health::Finding;
use telemetry::metrics::Snapshot;
use telemetry::metrics::catalogue::{INGEST_EVENTS, INGEST_LAG};

/// Somebody should look for so long after the last message that was refused, in milliseconds.
const REFUSED_MS: u64 = 3_600_000;

/// What is known of a stream.
#[derive(Default)]
pub struct Status {
    state: Mutex<State>,
}

/// The same, at a moment.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Messages that were taken over since the start.
    pub applied: u64,
    /// Messages that cannot be.
    pub refused: u64,
    /// The last of these: when, in milliseconds since 1970, and why.
    pub last_refusal: Option<(u64, String)>,
    /// Messages that wait; `None`: brokers have not said so yet.
    pub lag: Option<u64>,
    /// Why it does not go on; `None`: it does.
    pub halted: Option<String>,
}

impl Status {
    /// What is known now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It does not go on because of `why`; the log says so once.
    pub fn halted(&self, stream: &str, why: &str) {
        let mut state = self.state();
        if state.halted.is_none() {
            tracing::warn!(stream, why, "a stream of records is not taken over for now; it is tried again");
        }
        state.halted = Some(why.to_owned());
    }

    /// It goes on.
    pub fn goes_on(&self, stream: &str) {
        if self.state().halted.take().is_some() {
            tracing::info!(stream, "a stream of records is taken over");
        }
    }

    /// A message is refused because of `why`.
    pub fn refused(&self, now_ms: u64, why: &str) {
        let mut state = self.state();
        state.refused += 1;
        state.last_refusal = Some((now_ms, why.to_owned()));
    }
}

/// Adds the metrics of a stream.
pub fn add_metrics(snapshot: &mut Snapshot, stream: &str, state: &State) {
    snapshot.count(&INGEST_EVENTS, &[stream, "applied"], state.applied);
    snapshot.count(&INGEST_EVENTS, &[stream, "refused"], state.refused);
    if let Some(lag) = state.lag {
        snapshot.count(&INGEST_LAG, &[stream], lag);
    }
}

/// Whether streams go on, and what they have is good.
pub fn health(streams: &[(String, State)], now_ms: u64) -> Finding {
    if let Some((name, why)) = streams.iter().find_map(|(name, state)| Some((name, state.halted.as_ref()?))) {
        let advice = "look after its brokers and topic, or what the reason names; it goes on by itself";
        return Finding::warn(format!("stream {name} is not taken over: {why}"), advice);
    }
    let recent = streams.iter().filter_map(|(name, state)| {
        let (at_ms, why) = state.last_refusal.as_ref()?;
        (now_ms.saturating_sub(*at_ms) < REFUSED_MS).then_some((name, state.refused, why))
    });
    if let Some((name, count, why)) = recent.max_by_key(|(_, count, _)| *count) {
        let advice = "the log and the dead-letter topic have each with its reason; whoever wrote it must write it anew";
        return Finding::warn(format!("stream {name}: {count} messages were not taken over, the last: {why}"), advice);
    }
    let lag: u64 = streams.iter().filter_map(|(_, state)| state.lag).sum();
    Finding::ok(format!("{} streams, {lag} messages wait", streams.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        let status = Status::default();
        let said = |now_ms| {
            let finding = health(&[("s".to_owned(), status.state().clone())], now_ms);
            format!("{:?}: {}", finding.state, finding.reason)
        };
        assert_eq!(said(0), "Ok: 1 streams, 0 messages wait");
        status.refused(1000, "there is no such zone");
        assert_eq!(said(2000), "Warn: stream s: 1 messages were not taken over, the last: there is no such zone");
        assert_eq!(said(1000 + REFUSED_MS), "Ok: 1 streams, 0 messages wait");
        status.halted("s", "nobody is there");
        assert_eq!(said(2000), "Warn: stream s is not taken over: nobody is there");
        status.goes_on("s");
        assert!(said(2000).contains("no such zone"));
    }
}
