//! The fold of the events of shared settings. Pure: whoever folds the same events gets the same state and the same
//! outcome of each. Called by the corridor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::collection::{Collection, Room};
use super::event::{Change, MAX_CHANGES, SettingsEvent};
use super::state::{Conflict, Document, Rejected, SettingsState, Shelf};
use crate::corridor::{EventTag, StreamState, line_problem};
use crate::journal::Offset;

/// Characters of who made a change.
pub(super) const MAX_WHO: usize = 256;
/// Characters of why a change was made.
pub(super) const MAX_WHY: usize = 1024;
/// Documents of a collection that are gone and whose last change is known; the one deleted first is forgotten.
pub(super) const MAX_GONE: usize = 2_000;

impl StreamState for SettingsState {
    type Event = SettingsEvent;
    type Rejected = Rejected;

    fn next(&self) -> Offset {
        SettingsState::next(self)
    }

    fn decode(body: &[u8]) -> Result<(Option<EventTag>, SettingsEvent), String> {
        let (tag, event) = SettingsEvent::decode(body).map_err(|error| error.to_string())?;
        Ok((Some(tag), event))
    }

    fn fold_event(&mut self, offset: Offset, tag: Option<EventTag>, event: &SettingsEvent) -> Result<(), Rejected> {
        if offset < self.next {
            return Ok(());
        }
        self.next = offset.saturating_add(1);
        if tag.is_some_and(|tag| !self.recent.admit(tag)) {
            return Err(Rejected::Repeated);
        }
        self.check(event)?;
        event.changes.iter().for_each(|change| self.apply(offset, event, change));
        Ok(())
    }

    fn log_rejected(offset: Offset, event: &SettingsEvent, why: &Rejected) {
        tracing::warn!(offset, who = event.who, "a change of shared settings does not count: {why}");
    }
}

impl SettingsState {
    /// Whether the event would count now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, event: &SettingsEvent) -> Result<(), Rejected> {
        check_line("who", &event.who, MAX_WHO)?;
        check_line("why", &event.why, MAX_WHY)?;
        if event.changes.is_empty() || event.changes.len() > MAX_CHANGES {
            return Err(invalid("changes", format!("there must be 1 to {MAX_CHANGES}")));
        }
        let mut documents = BTreeSet::new();
        for change in &event.changes {
            check_change(change)?;
            if !documents.insert(change.document()) {
                return Err(invalid("changes", format!("there are two of document {}", change.document().1)));
            }
        }
        let conflicts: Vec<Conflict> = event.changes.iter().filter_map(|change| self.conflict(change)).collect();
        if !conflicts.is_empty() {
            return Err(Rejected::Changed(conflicts));
        }
        self.check_room(&event.changes)
    }

    fn conflict(&self, change: &Change) -> Option<Conflict> {
        let ((collection, id), expected) = (change.document(), change.if_version());
        let found = self.last_change(collection, id);
        (found != expected).then(|| Conflict { collection, id: id.to_owned(), expected, found })
    }

    /// Whether what is deleted is there, and what is put has room.
    fn check_room(&self, changes: &[Change]) -> Result<(), Rejected> {
        let mut octets: BTreeMap<Room, usize> = BTreeMap::new();
        let mut counts: BTreeMap<Collection, usize> = BTreeMap::new();
        for change in changes {
            let (collection, id) = change.document();
            let count = counts.entry(collection).or_insert_with(|| self.count(collection));
            let old = self.get(collection, id);
            let room = collection.room();
            let taken = octets.entry(room).or_insert_with(|| self.octets(room));
            *taken = taken.saturating_sub(old.map_or(0, |old| old.body.text().len()));
            *taken = taken.saturating_add(change.body().map_or(0, |body| body.text().len()));
            match (old, change.body()) {
                (None, None) => return Err(Rejected::Unknown { collection, id: id.to_owned() }),
                (None, Some(_)) => *count += 1,
                (Some(_), None) => *count -= 1,
                (Some(_), Some(_)) => {}
            }
        }
        // What is full already may become smaller.
        let is_over = |(collection, count): (&Collection, &usize)| {
            *count > collection.max_documents() && *count > self.count(*collection)
        };
        if let Some((collection, _)) = counts.iter().find(|&entry| is_over(entry)) {
            return Err(Rejected::TooMany(*collection));
        }
        let is_full = |(room, octets): &(Room, usize)| *octets > room.max_octets() && *octets > self.octets(*room);
        octets.into_iter().find(is_full).map_or(Ok(()), |(room, octets)| Err(Rejected::Full(room, octets)))
    }

    /// Makes a change that has been checked.
    fn apply(&mut self, offset: Offset, event: &SettingsEvent, change: &Change) {
        let (collection, id) = change.document();
        let taken = self.octets.entry(collection.room()).or_default();
        let shelf = Arc::make_mut(self.shelves.entry(collection).or_default());
        shelf.version = offset;
        let old = match change.body() {
            Some(body) => {
                let document = Document {
                    version: offset,
                    body: body.clone(),
                    set_by: event.who.clone(),
                    set_at_ms: event.at_ms,
                    why: event.why.clone(),
                };
                shelf.gone.remove(id);
                *taken += body.text().len();
                shelf.documents.insert(id.into(), Arc::new(document))
            }
            None => {
                shelf.bury(id, offset);
                shelf.documents.remove(id)
            }
        };
        *taken -= old.map_or(0, |old| old.body.text().len());
    }
}

impl Shelf {
    /// Remembers that the event at `offset` deleted a document.
    fn bury(&mut self, id: &str, offset: Offset) {
        self.gone.insert(id.into(), offset);
        if self.gone.len() > MAX_GONE {
            let first = self.gone.iter().min_by_key(|&(id, offset)| (*offset, id.clone())).map(|(id, _)| id.clone());
            self.gone.retain(|id, _| first.as_ref() != Some(id));
        }
    }
}

fn check_change(change: &Change) -> Result<(), Rejected> {
    let (collection, id) = change.document();
    collection.check_id(id).map_err(|why| invalid("id", why))?;
    change.body().map_or(Ok(()), |body| body.check().map_err(|why| invalid("body", why.to_string())))
}

fn check_line(field: &'static str, text: &str, max: usize) -> Result<(), Rejected> {
    line_problem(text, max).map_or(Ok(()), |why| Err(invalid(field, why)))
}

fn invalid(field: &'static str, why: String) -> Rejected {
    Rejected::Invalid { field, why }
}
