//! What is known of alerts: all of it outlives a restart, so that nobody is told twice.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::rule::Severity;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The condition holds, but not long enough yet.
    Pending,
    /// It is an alert.
    Firing,
    /// The condition holds no more; some who were told of the alert have yet to be told so.
    Resolved,
}

/// A rule's condition holds for one set of labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number.
    pub id: u64,
    /// The rule.
    pub rule: String,
    /// The labels of the metric, `zone="example.org."`; empty: it has none.
    pub labels: String,
    /// How bad it is.
    pub severity: Severity,
    /// What people are told.
    pub summary: String,
    /// The value of the metric when it was last looked at; of a health check its reason stands in `detail`.
    pub value: Option<f64>,
    /// What the health check says; empty: nothing.
    pub detail: String,
    /// Where it stands.
    pub phase: Phase,
    /// When the condition began to hold, in milliseconds since 1970, like all times here.
    pub since_ms: u64,
    /// When it last held.
    pub held_ms: u64,
    /// When it became an alert.
    pub fired_ms: Option<u64>,
    /// When it held no more.
    pub resolved_ms: Option<u64>,
    /// Somebody looks after it.
    pub acknowledged: Option<Acknowledgement>,
    /// Who has been told that it is an alert, and when.
    pub told: BTreeMap<String, u64>,
}

/// Somebody looks after an alert: nobody else is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub who: String,
    /// Since when.
    pub at_ms: u64,
}

/// Nobody is told of some alerts for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its number.
    pub id: u64,
    /// Of which rule; empty: of all.
    pub rule: String,
    /// A part of the labels; empty: whatever they are.
    pub labels: String,
    /// Until when.
    pub until_ms: u64,
    /// Who wants it.
    pub who: String,
    /// And why.
    pub why: String,
}

impl Silence {
    /// Whether it is about this alert.
    pub fn covers(&self, alert: &Alert, now_ms: u64) -> bool {
        now_ms < self.until_ms
            && (self.rule.is_empty() || self.rule == alert.rule)
            && (self.labels.is_empty() || alert.labels.contains(&self.labels))
    }
}

/// What one recipient is told, at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// No other notice of this server ever has it: who gets it twice can tell.
    pub id: String,
    /// Whom it is for.
    pub recipient: String,
    /// When it was written.
    pub at_ms: u64,
    /// The alerts, each in the state that is told.
    pub alerts: Vec<Alert>,
    /// It was asked for to see whether it arrives.
    #[serde(default)]
    pub is_test: bool,
    /// Deliveries that failed.
    pub attempts: u32,
    /// Not to be tried before.
    pub next_ms: u64,
    /// Why the last delivery failed.
    pub problem: String,
}

impl Notice {
    /// A notice that nobody has tried to deliver yet.
    pub fn new(id: String, recipient: &str, alerts: Vec<Alert>, at_ms: u64) -> Notice {
        let (recipient, problem) = (recipient.to_owned(), String::new());
        Notice { id, recipient, at_ms, alerts, is_test: false, attempts: 0, next_ms: at_ms, problem }
    }
}

/// What is known of alerts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Those that pend, fire, or have resolved and not been told of yet.
    pub alerts: Vec<Alert>,
    /// Those that are over, the latest first.
    pub history: VecDeque<Alert>,
    /// Who is not to be told; a copy of what has been decided.
    pub silences: Vec<Silence>,
    /// Silences and acknowledgements are kept elsewhere (`decisions.rs`), and here as copies: a file of a version before
    /// that has them as the only ones.
    pub are_decisions_shared: bool,
    /// What has to be delivered, in order.
    pub outbox: VecDeque<Notice>,
    /// Notices that could not be delivered and are not tried any more.
    pub given_up: u64,
    /// The next number of alerts, silences and notices.
    pub next_id: u64,
}

impl State {
    /// A number that nothing here has.
    pub fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}
