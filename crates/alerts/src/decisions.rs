//! What people decide about alerts: silences, and who looks after what. It is no observation of this server, so that it
//! is kept elsewhere, where every server that shares it sees the same; this crate knows only what is asked of that place.

use crate::state::{Acknowledgement, Alert, Silence, State};

/// Silences at one time.
pub const MAX_SILENCES: usize = 100;

/// An alert that somebody looks after. No two alerts of any server have the same rule, labels and beginning, unless they
/// are about the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The rule.
    pub rule: String,
    /// The labels.
    pub labels: String,
    /// When its condition began to hold, in milliseconds since 1970.
    pub since_ms: u64,
    /// Who looks after it, since when.
    pub by: Acknowledgement,
}

impl Acknowledged {
    /// That `by` looks after `alert`.
    pub fn new(alert: &Alert, by: Acknowledgement) -> Acknowledged {
        Acknowledged { rule: alert.rule.clone(), labels: alert.labels.clone(), since_ms: alert.since_ms, by }
    }

    /// Whether it is about this alert.
    pub fn covers(&self, alert: &Alert) -> bool {
        self.since_ms == alert.since_ms && self.rule == alert.rule && self.labels == alert.labels
    }
}

/// All that holds at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// Who is not to be told of what.
    pub silences: Vec<Silence>,
    /// What somebody looks after.
    pub acknowledged: Vec<Acknowledged>,
}

impl Decided {
    /// What stands in a state of alerts.
    pub fn of(state: &State) -> Decided {
        let of = |alert: &Alert| Some(Acknowledged::new(alert, alert.acknowledged.clone()?));
        Decided { silences: state.silences.clone(), acknowledged: state.alerts.iter().filter_map(of).collect() }
    }
}

/// Something could not be kept, so that it does not hold; the text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotKept(pub String);

/// Where decisions are kept. What is decided is durable when a call returns.
pub trait Decisions: Send + Sync {
    /// What holds, as far as this server knows; it waits for nothing.
    fn decided(&self) -> Decided;

    /// Adds a silence, whose number is chosen here; `None`: there are [`MAX_SILENCES`] that have not ended at `now_ms`.
    ///
    /// # Errors
    /// It could not be kept.
    fn silence(&self, silence: &Silence, now_ms: u64) -> Result<Option<u64>, NotKept>;

    /// Ends a silence on behalf of `who`; `false`: there is none of this number.
    ///
    /// # Errors
    /// It could not be kept.
    fn unsilence(&self, id: u64, who: &str, now_ms: u64) -> Result<bool, NotKept>;

    /// Notes that somebody looks after an alert. What was decided of the alerts `over` is of no use any more.
    ///
    /// # Errors
    /// It could not be kept.
    fn acknowledge(&self, acknowledged: &Acknowledged, over: &[Alert]) -> Result<(), NotKept>;

    /// Takes over what was decided before there was such a place. What is there already is not added again.
    ///
    /// # Errors
    /// It could not be kept.
    fn take_over(&self, decided: &Decided, now_ms: u64) -> Result<(), NotKept>;
}
