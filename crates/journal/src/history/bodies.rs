//! Reads changes from the journal, at places that the index knows.

use std::sync::Arc;

use super::index::Place;
use crate::accepted::Accepted;
use crate::codec;
use crate::frame::Assembler;
use crate::journal::{Entry, Journal, JournalError, Offset};

/// Octets that are read at once where the changes that follow are likely to be wanted too.
const AHEAD_BYTES: usize = 64 << 10;

/// Reads one change after the other.
pub struct Bodies<'j> {
    journal: &'j dyn Journal,
    read_bytes: usize,
    /// The entries that were read last.
    window: Vec<Entry>,
}

impl<'j> Bodies<'j> {
    /// For changes far from each other, or from the newest to the oldest.
    pub fn one_by_one(journal: &'j dyn Journal) -> Bodies<'j> {
        Bodies { journal, read_bytes: 1, window: Vec::new() }
    }

    /// For changes in the journal's order.
    pub fn ahead(journal: &'j dyn Journal) -> Bodies<'j> {
        Bodies { journal, read_bytes: AHEAD_BYTES, window: Vec::new() }
    }

    /// The change at `place`.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] if it is not there; what the journal says.
    pub fn read(&mut self, place: Place) -> Result<Accepted, JournalError> {
        let corrupt = |why: String| JournalError::Corrupt { offset: place.offset, why };
        let mut assembler = Assembler::default();
        let mut at = place.first;
        while at <= place.offset {
            let entry = self.entry(at)?.filter(|entry| entry.offset <= place.offset);
            let entry = entry.ok_or_else(|| corrupt("it is in the index of changes, but not in the journal".into()))?;
            at = entry.offset.saturating_add(1);
            let Some(event) = assembler.push(entry.clone())? else { continue };
            if event.offset == place.offset {
                let change = codec::decode(&event.body).map_err(|e| corrupt(e.to_string()))?;
                return Ok(Accepted { first: place.first, offset: place.offset, change: Arc::new(change) });
            }
        }
        Err(corrupt("parts of it are not in the journal".into()))
    }

    /// The first entry at `offset` or behind it.
    fn entry(&mut self, offset: Offset) -> Result<Option<&Entry>, JournalError> {
        let within = |window: &[Entry]| {
            window
                .first()
                .zip(window.last())
                .is_some_and(|(first, last)| (first.offset..=last.offset).contains(&offset))
        };
        if !within(&self.window) {
            self.window = self.journal.read(offset, self.read_bytes)?;
        }
        Ok(self.window.get(self.window.partition_point(|entry| entry.offset < offset)))
    }
}
