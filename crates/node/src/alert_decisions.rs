//! Silences and acknowledgements of alerts as shared settings: every server on the journal has the same, and who decided
//! what, when and why is in its history.

use std::sync::Arc;

use alerts::decisions::{Acknowledged, MAX_SILENCES};
use alerts::state::{Acknowledgement, Alert, Silence};
use alerts::{Decided, Decisions, NotKept};
use journal::shared::{
    Author, Body, Change, Collection, Document, MAX_CHANGES, SettingsError, SettingsState, SharedSettings,
};
use serde::{Deserialize, Serialize};

/// Acknowledgements that are kept; with more the oldest ones go.
const MAX_ACKNOWLEDGEMENTS: usize = 2_000;
/// Documents of decisions that are of no use any more, and go with one change.
const MAX_SWEPT: usize = MAX_CHANGES / 2;

/// Decisions about alerts in the shared settings.
pub struct SharedDecisions {
    shared: Arc<SharedSettings>,
}

/// The body of a silence; who wants it and why stand beside it.
#[derive(Serialize, Deserialize)]
struct SilenceBody {
    /// Of which rule; empty: of all.
    rule: String,
    /// A part of the labels; empty: whatever they are.
    labels: String,
    /// Until when, in milliseconds since 1970.
    until_ms: u64,
}

/// The body of an acknowledgement.
#[derive(Serialize, Deserialize)]
struct AcknowledgementBody {
    /// The rule of the alert.
    rule: String,
    /// Its labels.
    labels: String,
    /// When its condition began to hold, in milliseconds since 1970.
    since_ms: u64,
}

impl SharedDecisions {
    /// Decisions that are kept in `shared`.
    pub fn new(shared: Arc<SharedSettings>) -> SharedDecisions {
        SharedDecisions { shared }
    }

    fn submit<T>(
        &self,
        author: &Author,
        mut prepare: impl FnMut(&SettingsState) -> Result<(T, Vec<Change>), Stop<T>>,
    ) -> Result<T, NotKept> {
        let mut result = None;
        let submitted = self.shared.submit(author, |state| {
            let (value, changes) = prepare(state)?;
            result = Some(value);
            Ok(changes)
        });
        match (submitted, result) {
            (Err(Stop::With(value)), _) | (Ok(_), Some(value)) => Ok(value),
            (Err(Stop::For(error)), _) => Err(NotKept(error.to_string())),
            (Ok(_), None) => Err(NotKept("it was not prepared".to_owned())),
        }
    }
}

/// Why nothing is submitted.
enum Stop<T> {
    /// There is nothing to be done, and this is the result.
    With(T),
    /// Something went wrong.
    For(SettingsError),
}

impl<T> From<SettingsError> for Stop<T> {
    fn from(error: SettingsError) -> Stop<T> {
        Stop::For(error)
    }
}

impl Decisions for SharedDecisions {
    fn decided(&self) -> Decided {
        let state = self.shared.state();
        Decided {
            silences: silences(&state),
            acknowledged: acknowledgements(&state).into_iter().map(|(_, acknowledged)| acknowledged).collect(),
        }
    }

    fn silence(&self, silence: &Silence, now_ms: u64) -> Result<Option<u64>, NotKept> {
        self.submit(&Author::new(&silence.who, &silence.why, now_ms), |state| {
            let (held, over): (Vec<_>, Vec<_>) =
                silences(state).into_iter().partition(|silence| now_ms < silence.until_ms);
            if held.len() >= MAX_SILENCES {
                return Err(Stop::With(None));
            }
            let id = state.free_number(Collection::Silences);
            let sweep = |silence: &Silence| state.delete(Collection::Silences, &silence.id.to_string());
            let mut changes = vec![silence_put(state, id, silence)?];
            changes.extend(over.iter().take(MAX_SWEPT).map(sweep));
            Ok((Some(id), changes))
        })
    }

    fn unsilence(&self, id: u64, who: &str, now_ms: u64) -> Result<bool, NotKept> {
        let id = id.to_string();
        self.submit(&Author::new(who, "", now_ms), |state| match state.get(Collection::Silences, &id) {
            Some(_) => Ok((true, vec![state.delete(Collection::Silences, &id)])),
            None => Err(Stop::With(false)),
        })
    }

    fn acknowledge(&self, acknowledged: &Acknowledged, over: &[Alert]) -> Result<(), NotKept> {
        let Acknowledgement { who, at_ms } = &acknowledged.by;
        self.submit(&Author::new(who, "", *at_ms), |state| {
            let kept = acknowledgements(state);
            let is_same = |other: &Acknowledged| is_about_the_same(acknowledged, other);
            let mine = kept.iter().find(|(_, other)| is_same(other)).map(|(id, _)| id.to_string());
            let id = mine.unwrap_or_else(|| state.free_number(Collection::Acknowledgements).to_string());
            let mut changes = vec![state.put(Collection::Acknowledgements, &id, acknowledgement_body(acknowledged)?)];
            let is_over = |other: &Acknowledged| over.iter().any(|alert| other.covers(alert));
            let others: Vec<_> = kept.iter().filter(|(_, other)| !is_same(other)).collect();
            // In the order in which they were made: what is beyond the bound is the oldest.
            let excess = others.len().saturating_sub(MAX_ACKNOWLEDGEMENTS - 1);
            let swept = others.iter().enumerate().filter(|(at, (_, other))| *at < excess || is_over(other));
            let sweep = |(_, (id, _)): (usize, &&(&str, Acknowledged))| state.delete(Collection::Acknowledgements, id);
            changes.extend(swept.take(MAX_SWEPT).map(sweep));
            Ok(((), changes))
        })
    }

    fn take_over(&self, decided: &Decided, now_ms: u64) -> Result<(), NotKept> {
        for silence in &decided.silences {
            self.submit(&Author::new(&silence.who, &silence.why, now_ms), |state| {
                let is_same = |other: &Silence| {
                    other.until_ms == silence.until_ms && other.rule == silence.rule && other.labels == silence.labels
                };
                if silence.until_ms <= now_ms || silences(state).iter().any(is_same) {
                    return Err(Stop::With(()));
                }
                let is_free = state.last_change(Collection::Silences, &silence.id.to_string()) == 0;
                let id = if is_free { silence.id } else { state.free_number(Collection::Silences) };
                Ok(((), vec![silence_put(state, id, silence)?]))
            })?;
        }
        for acknowledged in &decided.acknowledged {
            let is_there = |(_, other): &(&str, Acknowledged)| is_about_the_same(acknowledged, other);
            if !acknowledgements(&self.shared.state()).iter().any(is_there) {
                self.acknowledge(acknowledged, &[])?;
            }
        }
        Ok(())
    }
}

fn is_about_the_same(one: &Acknowledged, other: &Acknowledged) -> bool {
    one.since_ms == other.since_ms && one.rule == other.rule && one.labels == other.labels
}

fn silence_put(state: &SettingsState, id: u64, silence: &Silence) -> Result<Change, SettingsError> {
    let Silence { rule, labels, until_ms, .. } = silence.clone();
    let body = Body::new(&SilenceBody { rule, labels, until_ms })?;
    Ok(state.put(Collection::Silences, &id.to_string(), body))
}

fn acknowledgement_body(acknowledged: &Acknowledged) -> Result<Body, SettingsError> {
    let Acknowledged { rule, labels, since_ms, .. } = acknowledged.clone();
    Ok(Body::new(&AcknowledgementBody { rule, labels, since_ms })?)
}

/// The silences by number, those that have ended included. What a later version may have put there in another form is
/// left alone.
fn silences(state: &SettingsState) -> Vec<Silence> {
    let read = |(id, document): (&Arc<str>, &Arc<Document>)| {
        let SilenceBody { rule, labels, until_ms } = document.body.read().ok()?;
        let (who, why) = (document.set_by.clone(), document.why.clone());
        Some(Silence { id: id.parse().ok()?, rule, labels, until_ms, who, why })
    };
    let mut silences: Vec<Silence> = state.documents(Collection::Silences).filter_map(read).collect();
    silences.sort_by_key(|silence| silence.id);
    silences
}

/// The acknowledgements with their identifiers, in the order in which they were made.
fn acknowledgements(state: &SettingsState) -> Vec<(&str, Acknowledged)> {
    let mut documents: Vec<_> = state.documents(Collection::Acknowledgements).collect();
    documents.sort_by_key(|(_, document)| document.version);
    let acknowledged = |document: &Document| {
        let AcknowledgementBody { rule, labels, since_ms } = document.body.read().ok()?;
        let by = Acknowledgement { who: document.set_by.clone(), at_ms: document.set_at_ms };
        Some(Acknowledged { rule, labels, since_ms, by })
    };
    documents.into_iter().filter_map(|(id, document)| Some((&**id, acknowledged(document)?))).collect()
}

#[cfg(test)]
mod tests;
