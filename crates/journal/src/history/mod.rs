//! What happened: accepted changes listed, the chain of changes for IXFR (RFC 1995), a zone as it was, and how
//! much of it is kept. The store's index says which changes there are, their bodies are the journal's.
//!
//! Called by the API, by transfers out and by the committer's reverts. Every question first has the follower
//! catch up, so that the answer holds whatever was handed to it.

mod bodies;
mod index;
mod past;
mod retention;

use std::path::Path;
use std::sync::Arc;

use dns::{Name, NameHasher};

pub use past::{Past, undo_to};

use crate::accepted::Accepted;
use crate::journal::{Journal, JournalError, Offset};
use crate::store::{Follower, Kind};
use bodies::Bodies;
use index::{Index, Place};

/// Changes that one answer holds at most.
const MAX_PAGE: usize = 1000;
/// Octets of changes that one answer holds, unless a single one is larger.
const MAX_PAGE_OCTETS: usize = 16 << 20;
/// Octets of changes that a chain holds; more is no chain: the zone is transferred whole.
const MAX_CHAIN_OCTETS: usize = 64 << 20;

/// The history of all zones of a journal.
pub struct History {
    index: Index,
    journal: Arc<dyn Journal>,
    follower: Arc<Follower>,
    hasher: NameHasher,
}

impl History {
    /// The history in the store at `store_path`, which `follower` keeps up with `journal`. Contents are made for
    /// `hasher`.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`].
    pub fn new(
        store_path: &Path,
        journal: Arc<dyn Journal>,
        follower: Arc<Follower>,
        hasher: NameHasher,
    ) -> Result<History, JournalError> {
        Ok(History { index: Index::open(store_path)?, journal, follower, hasher })
    }

    /// The changes before offset `before` (`None`: the last ones), of one zone or of all, the newest first: at most
    /// `limit`, fewer if they are large, none only if there is none.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`]; that of the store if it cannot be brought up to date.
    pub fn changes(
        &self,
        zone: Option<&Name>,
        before: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<Accepted>, JournalError> {
        self.of_what_is_there(|| {
            let places = self.index.before(zone, before, limit.min(MAX_PAGE))?;
            self.page(places, Bodies::one_by_one(&*self.journal))
        })
    }

    /// The changes after `offset`, the oldest first; bounded as [`History::changes`].
    ///
    /// # Errors
    /// As [`History::changes`].
    pub fn after(&self, offset: Offset, limit: usize) -> Result<Vec<Accepted>, JournalError> {
        self.of_what_is_there(|| {
            let places = self.index.after(offset, limit.min(MAX_PAGE))?;
            self.page(places, Bodies::ahead(&*self.journal))
        })
    }

    /// The change at `offset`; `None`: no accepted change ends there, or it has been forgotten.
    ///
    /// # Errors
    /// As [`History::changes`].
    pub fn get(&self, offset: Offset) -> Result<Option<Accepted>, JournalError> {
        self.of_what_is_there(|| {
            let place = self.index.get(offset)?;
            place.map(|place| Bodies::one_by_one(&*self.journal).read(place)).transpose()
        })
    }

    /// The unbroken chain of changes to the contents of `zone` from `serial` to now, the oldest first; empty if
    /// `serial` is that of now. `None`: it does not reach back that far, is longer than `max` changes or too large,
    /// or the zone came to be since.
    ///
    /// # Errors
    /// As [`History::changes`].
    pub fn since_serial(&self, zone: &Name, serial: u32, max: usize) -> Result<Option<Vec<Accepted>>, JournalError> {
        self.of_what_is_there(|| {
            let Some(mut places) = self.places_since(zone, serial, max)? else { return Ok(None) };
            places.reverse();
            let (mut bodies, mut octets) = (Bodies::ahead(&*self.journal), 0);
            let mut chain = Vec::with_capacity(places.len());
            for place in places {
                let accepted = bodies.read(place)?;
                octets += accepted.octets();
                if octets > MAX_CHAIN_OCTETS {
                    return Ok(None);
                }
                chain.push(accepted);
            }
            Ok(Some(chain))
        })
    }

    /// Reads from the index once it has all changes. Where another server has trimmed the journal, the index forgets what is
    /// gone, and is read again.
    fn of_what_is_there<T>(&self, read: impl Fn() -> Result<T, JournalError>) -> Result<T, JournalError> {
        self.follower.sync_all()?;
        match read() {
            Err(JournalError::Trimmed { first, .. }) => {
                self.follower.forget(first)?;
                read()
            }
            result => result,
        }
    }

    /// Where the changes of a chain are, the newest first.
    fn places_since(&self, zone: &Name, serial: u32, max: usize) -> Result<Option<Vec<Place>>, JournalError> {
        let mut places = Vec::new();
        let mut next = None;
        for step in self.index.steps(zone) {
            let step = step?;
            // Each change begins where the one before it ended.
            let Some(to) = step.to.filter(|&to| next.is_none_or(|next| next == to)) else { return Ok(None) };
            if to == serial {
                return Ok(Some(places));
            }
            next = match (step.kind, step.from) {
                (Kind::Configure, _) => Some(to),
                (Kind::Edit | Kind::Replace, Some(from)) => {
                    places.push(step.place);
                    Some(from)
                }
                _ => return Ok(None),
            };
            if places.len() > max {
                return Ok(None);
            }
            // The first change of a chain may be the oldest that is known.
            if next == Some(serial) {
                return Ok(Some(places));
            }
        }
        Ok(None)
    }

    fn page(&self, places: Vec<Place>, mut bodies: Bodies<'_>) -> Result<Vec<Accepted>, JournalError> {
        let (mut octets, mut page) = (0, Vec::with_capacity(places.len()));
        for place in places {
            let accepted = bodies.read(place)?;
            octets += accepted.octets();
            if octets > MAX_PAGE_OCTETS && !page.is_empty() {
                break;
            }
            page.push(accepted);
        }
        Ok(page)
    }
}
