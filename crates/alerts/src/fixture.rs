//! What the tests of webhooks and mails tell, and a place for decisions that is a list.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::decisions::{Acknowledged, Decided, Decisions, NotKept};
use crate::rule::Severity;
use crate::state::{Alert, Notice, Phase, Silence};

/// Decisions in memory.
#[derive(Default)]
pub struct Noted {
    decided: Mutex<Decided>,
    refuses: AtomicBool,
}

impl Noted {
    /// From now on nothing can be kept, or it can again.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Decided) -> T) -> Result<T, NotKept> {
        let refuses = self.refuses.load(Ordering::SeqCst);
        if refuses {
            Err(NotKept("full".to_owned()))
        } else {
            Ok(change(&mut self.decided.lock().unwrap_or_else(PoisonError::into_inner)))
        }
    }
}

impl Decisions for Noted {
    fn decided(&self) -> Decided {
        self.decided.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn silence(&self, silence: &Silence, _: u64) -> Result<Option<u64>, NotKept> {
        self.change(|decided| {
            let id = 100 + decided.silences.len() as u64;
            decided.silences.push(Silence { id, ..silence.clone() });
            Some(id)
        })
    }

    fn unsilence(&self, id: u64, _: &str, _: u64) -> Result<bool, NotKept> {
        self.change(|decided| {
            let before = decided.silences.len();
            decided.silences.retain(|silence| silence.id != id);
            decided.silences.len() < before
        })
    }

    fn acknowledge(&self, acknowledged: &Acknowledged, _: &[Alert]) -> Result<(), NotKept> {
        self.change(|decided| decided.acknowledged.push(acknowledged.clone()))
    }

    fn take_over(&self, taken: &Decided, _: u64) -> Result<(), NotKept> {
        self.change(|decided| *decided = taken.clone())
    }
}

/// An alert that somebody should look at now.
pub fn alert(phase: Phase) -> Alert {
    Alert {
        id: 1,
        rule: "disk".to_owned(),
        labels: String::new(),
        severity: Severity::Critical,
        summary: String::new(),
        value: None,
        detail: String::new(),
        phase,
        since_ms: 1,
        held_ms: 2,
        fired_ms: Some(2),
        resolved_ms: None,
        acknowledged: None,
        told: Default::default(),
    }
}

/// A notice of these alerts.
pub fn notice(alerts: Vec<Alert>) -> Notice {
    Notice { is_test: alerts.is_empty(), ..Notice::new("n-1".to_owned(), "ops", alerts, 1) }
}
