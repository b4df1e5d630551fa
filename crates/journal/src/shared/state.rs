//! Shared settings at one moment. Made by `fold.rs` only, read by everybody.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::body::Body;
use super::collection::{Collection, Room};
use super::event::Change;
use crate::corridor::RecentTags;
use crate::journal::Offset;

/// All shared settings at one moment. A copy is cheap: what has not changed is shared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsState {
    pub(super) next: Offset,
    pub(super) shelves: BTreeMap<Collection, Arc<Shelf>>,
    /// Octets of all bodies, by room.
    pub(super) octets: BTreeMap<Room, usize>,
    /// The events that were folded last.
    pub(super) recent: RecentTags,
}

/// One collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shelf {
    pub(super) documents: BTreeMap<Arc<str>, Arc<Document>>,
    /// Documents that were deleted last, and by which events: their history begins there.
    pub(super) gone: BTreeMap<Arc<str>, Offset>,
    /// The event that changed it last.
    pub(super) version: Offset,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The offset of the event that made it what it is: no other state of it ever has the same.
    pub version: Offset,
    /// What it says.
    pub body: Body,
    /// Who set it.
    pub set_by: String,
    /// When, in milliseconds since 1970.
    pub set_at_ms: u64,
    /// Why, in their words; may be empty.
    pub why: String,
}

/// A document that is not as an event expects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Where it is.
    pub collection: Collection,
    /// Its identifier.
    pub id: String,
    /// The offset of the event that should have changed it last; 0: none.
    pub expected: Offset,
    /// The offset of the one that did; 0: nothing is known of it.
    pub found: Offset,
}

/// Why an event does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Documents have changed since whoever made the event looked.
    #[error("changed meanwhile: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Changed(Vec<Conflict>),
    /// A document that is to be deleted is not there.
    #[error("there is no document {id} in {collection}")]
    Unknown {
        /// Where it should be.
        collection: Collection,
        /// Its identifier.
        id: String,
    },
    /// Something that cannot be.
    #[error("{field}: {why}")]
    Invalid {
        /// The field of the event.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
    /// It was there before: the journal took it twice.
    #[error("it stands in the journal already")]
    Repeated,
    /// A collection would hold too many documents.
    #[error("{0} can hold {max} documents, not more", max = .0.max_documents())]
    TooMany(Collection),
    /// All documents together would be too large.
    #[error("{0} would have {1} bytes, more than {max}", max = .0.max_octets())]
    Full(Room, usize),
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conflict { collection, id, expected, found } = self;
        write!(f, "{id} in {collection} (at version {found}, not {expected})")
    }
}

impl SettingsState {
    /// The first offset whose event is not in this state.
    pub fn next(&self) -> Offset {
        self.next
    }

    /// The documents of a collection by identifier.
    pub fn documents(&self, collection: Collection) -> impl Iterator<Item = (&Arc<str>, &Arc<Document>)> {
        self.shelves.get(&collection).into_iter().flat_map(|shelf| &shelf.documents)
    }

    /// How many documents a collection holds.
    pub fn count(&self, collection: Collection) -> usize {
        self.shelves.get(&collection).map_or(0, |shelf| shelf.documents.len())
    }

    /// Octets of the bodies of all documents in a room.
    pub(super) fn octets(&self, room: Room) -> usize {
        self.octets.get(&room).copied().unwrap_or(0)
    }

    /// A document.
    pub fn get(&self, collection: Collection, id: &str) -> Option<&Arc<Document>> {
        self.shelves.get(&collection)?.documents.get(id)
    }

    /// The offset of the event that changed a collection last; 0: none did. What is made from a collection need not be
    /// made anew while this stays.
    pub fn version(&self, collection: Collection) -> Offset {
        self.shelves.get(&collection).map_or(0, |shelf| shelf.version)
    }

    /// The offset of the event that changed a document last, be it that it deleted it; 0: nothing is known of it. Of
    /// documents that are gone only the latest of a collection are known.
    pub fn last_change(&self, collection: Collection, id: &str) -> Offset {
        let Some(shelf) = self.shelves.get(&collection) else { return 0 };
        let gone = || shelf.gone.get(id).copied();
        shelf.documents.get(id).map(|document| document.version).or_else(gone).unwrap_or(0)
    }

    /// The change that puts a document in the place of what is there in this state.
    pub fn put(&self, collection: Collection, id: &str, body: Body) -> Change {
        Change::Put { collection, id: id.to_owned(), if_version: self.last_change(collection, id), body }
    }

    /// The change that deletes what is there in this state.
    pub fn delete(&self, collection: Collection, id: &str) -> Change {
        Change::Delete { collection, id: id.to_owned(), if_version: self.last_change(collection, id) }
    }

    /// A number that no document of a collection has as its identifier, and that none had before.
    pub fn free_number(&self, collection: Collection) -> u64 {
        (self.next.max(1)..).find(|number| self.last_change(collection, &number.to_string()) == 0).unwrap_or(u64::MAX)
    }
}
