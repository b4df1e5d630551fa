//! What became of a document in the past, and how a change is taken back.
//!
//! Every change says which event changed its document before, so that the changes of a document are a chain through the
//! journal: no index is kept for them.

use super::body::Body;
use super::collection::Collection;
use super::event::{Change, SettingsEvent};
use super::state::{Conflict, Rejected, SettingsState};
use super::store::{Author, SettingsError, SharedSettings};
use crate::journal::{JournalError, Offset};

/// Changes that are given at once.
pub const MAX_PAGE: usize = 1_000;
/// Changes of a document that are looked at; older ones are not shown.
const MAX_CHAIN: usize = 20_000;

/// A change of a document in the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastChange {
    /// The offset of its event.
    pub offset: Offset,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who did it.
    pub who: String,
    /// Why, in their words.
    pub why: String,
    /// The offset of the event that it took back; `None`: it took back none.
    pub reverts: Option<Offset>,
    /// What the document said before; `None`: it was not there.
    pub before: Option<Body>,
    /// What it said afterwards; `None`: it was deleted.
    pub after: Option<Body>,
    /// The documents that its event changed as well.
    pub others: usize,
}

impl SharedSettings {
    /// The changes of a document, the latest first, at most `limit` and at most [`MAX_PAGE`]; only those before the offset
    /// `before`, if that is given. A document that is gone has a history as long as it is known when it went.
    ///
    /// # Errors
    /// The journal's.
    pub fn history(
        &self,
        collection: Collection,
        id: &str,
        before: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<PastChange>, JournalError> {
        let mut past: Vec<PastChange> = Vec::new();
        let mut offset = self.state().last_change(collection, id);
        for _ in 0..MAX_CHAIN {
            let event = if offset == 0 { None } else { self.event(offset)? };
            let change = event.as_ref().and_then(|event| event.change_of(collection, id));
            // The change that was found last made what was there with this one something else.
            if let Some(last) = past.last_mut() {
                last.before = change.and_then(|change| change.body().cloned());
            }
            let (Some(event), Some(change)) = (&event, change) else { break };
            if past.len() >= limit.min(MAX_PAGE) {
                break;
            }
            if before.is_none_or(|before| offset < before) {
                past.push(shown(offset, event, change));
            }
            // Only what is before it, whatever it says: the walk ends.
            offset = change.if_version().min(offset.saturating_sub(1));
        }
        Ok(past)
    }

    /// Puts back what was there before the event at `offset`, as an event of its own.
    ///
    /// # Errors
    /// [`SettingsError::NoChange`]; [`Rejected::Changed`]: these documents have changed since, or the event never
    /// counted. As [`SharedSettings::submit`].
    pub fn revert(&self, offset: Offset, author: &Author) -> Result<Offset, SettingsError> {
        let event = self.event(offset)?.ok_or(SettingsError::NoChange(offset))?;
        self.submit_as(author, Some(offset), |state| {
            let conflicts: Vec<Conflict> =
                event.changes.iter().filter_map(|change| changed_since(state, change, offset)).collect();
            if !conflicts.is_empty() {
                return Err(SettingsError::from(Rejected::Changed(conflicts)));
            }
            event.changes.iter().map(|change| self.back(change, offset)).collect()
        })
    }

    /// The change that takes `change`, which the event at `offset` made, back.
    fn back(&self, change: &Change, offset: Offset) -> Result<Change, SettingsError> {
        let (collection, id) = change.document();
        let (id, if_version) = (id.to_owned(), offset);
        let earlier = change.if_version();
        let event = if earlier == 0 { None } else { self.event(earlier)? };
        let body = event.as_ref().and_then(|event| event.change_of(collection, &id)?.body().cloned());
        Ok(match body {
            Some(body) => Change::Put { collection, id, if_version, body },
            None => Change::Delete { collection, id, if_version },
        })
    }

    /// The event at `offset`, if there is one.
    fn event(&self, offset: Offset) -> Result<Option<SettingsEvent>, JournalError> {
        let entries = self.corridor().journal().read(offset, 1)?;
        let Some(entry) = entries.into_iter().next().filter(|entry| entry.offset == offset) else { return Ok(None) };
        let decoded = SettingsEvent::decode(&entry.body);
        let (_, event) = decoded.map_err(|error| JournalError::Corrupt { offset, why: error.to_string() })?;
        Ok(Some(event))
    }
}

fn shown(offset: Offset, event: &SettingsEvent, change: &Change) -> PastChange {
    PastChange {
        offset,
        at_ms: event.at_ms,
        who: event.who.clone(),
        why: event.why.clone(),
        reverts: event.reverts,
        before: None,
        after: change.body().cloned(),
        others: event.changes.len().saturating_sub(1),
    }
}

fn changed_since(state: &SettingsState, change: &Change, offset: Offset) -> Option<Conflict> {
    let (collection, id) = change.document();
    let found = state.last_change(collection, id);
    (found != offset).then(|| Conflict { collection, id: id.to_owned(), expected: offset, found })
}
