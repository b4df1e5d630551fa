//! Access, durably: submits events to their journal, folds what is there, publishes the state.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use dns::NameBuf;
use journal::{Journal, JournalError, Offset};

use super::event::{AccessEvent, EventError, EventKind};
use super::limits::READ_BYTES;
use super::seal::{SealError, Sealer};
use super::secret::RandomError;
use super::state::{AccessState, Key, Rejected};

/// Users, roles, tokens and keys. Shared by all doors.
pub struct AccessStore {
    journal: Arc<dyn Journal>,
    sealer: Sealer,
    /// Held while events are appended and folded.
    folding: Mutex<()>,
    published: RwLock<Arc<AccessState>>,
}

/// Why an event was not submitted, or does not count.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// It does not fit to what is there.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It cannot be written or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It cannot be written as an event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A secret cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No random octets.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A TSIG key with its secret, for the code that signs and verifies.
#[derive(Clone)]
pub struct OpenKey {
    /// Its name.
    pub name: NameBuf,
    /// Its algorithm, one of [`super::state::TSIG_ALGORITHMS`].
    pub algorithm: String,
    /// Its secret.
    pub secret: Vec<u8>,
}

impl AccessStore {
    /// Folds `journal`, a stream of access events only. TSIG secrets are sealed with the key in the file `seal_key`,
    /// which is made unless something is sealed already.
    ///
    /// # Errors
    /// The journal's; an event that cannot be understood; the key is missing or another one.
    pub fn open(journal: Arc<dyn Journal>, seal_key: &Path) -> Result<AccessStore, AccessError> {
        let mut state = AccessState::default();
        fold_on(&*journal, &mut state, None)?;
        let sealer = Sealer::open(seal_key, state.keys().next().is_none())?;
        for key in state.keys() {
            open_key(&sealer, key)?;
        }
        Ok(AccessStore { journal, sealer, folding: Mutex::new(()), published: RwLock::new(Arc::new(state)) })
    }

    /// The state now.
    pub fn state(&self) -> Arc<AccessState> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Appends `event` and returns its offset. It is durable and in [`AccessStore::state`] then.
    ///
    /// # Errors
    /// [`AccessError::Rejected`]: it does not count, maybe because another writer was faster. The journal's: if it could
    /// not be written, nothing is there; if it could not be read, the event may be there, and the next look says so.
    pub fn submit(&self, event: &AccessEvent) -> Result<Offset, AccessError> {
        let body = event.encode()?;
        let _folding = self.lock();
        let mut state = self.caught_up()?;
        state.check(event)?;
        let offsets = self.journal.append(&[&body])?;
        let offset = offsets.first().copied().unwrap_or(state.next());
        let rejected = fold_on(&*self.journal, &mut state, Some(offset))?;
        self.publish(state);
        rejected.map_or(Ok(offset), |why| Err(why.into()))
    }

    /// Folds what other writers have appended.
    ///
    /// # Errors
    /// The journal's; an event that cannot be understood.
    pub fn catch_up(&self) -> Result<(), AccessError> {
        let _folding = self.lock();
        self.caught_up().map(drop)
    }

    /// The event kind that makes a TSIG key.
    ///
    /// # Errors
    /// The secret cannot be sealed.
    pub fn new_key(&self, name: NameBuf, algorithm: &str, secret: &[u8]) -> Result<EventKind, AccessError> {
        let algorithm = algorithm.to_ascii_lowercase();
        let secret = self.sealer.seal(&context(&name, &algorithm), secret)?;
        Ok(EventKind::KeyCreated { name, algorithm, secret })
    }

    /// The TSIG keys of `state` with their secrets.
    ///
    /// # Errors
    /// A secret was sealed with another key.
    pub fn open_keys(&self, state: &AccessState) -> Result<Vec<OpenKey>, AccessError> {
        Ok(state.keys().map(|key| open_key(&self.sealer, key)).collect::<Result<_, SealError>>()?)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        // Nothing is behind the lock that a panic could leave half done: the state is published whole.
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state with everything that is in the journal; published.
    fn caught_up(&self) -> Result<AccessState, AccessError> {
        let published = self.state();
        let mut state = (*published).clone();
        fold_on(&*self.journal, &mut state, None)?;
        if state.next() != published.next() {
            self.publish(state.clone());
        }
        Ok(state)
    }

    fn publish(&self, state: AccessState) {
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }
}

/// Folds what the journal has and `state` has not. Says why the event at `wanted` does not count, if it does not.
fn fold_on(
    journal: &dyn Journal,
    state: &mut AccessState,
    wanted: Option<Offset>,
) -> Result<Option<Rejected>, AccessError> {
    let mut rejected = None;
    loop {
        let entries = journal.read(state.next(), READ_BYTES)?;
        if entries.is_empty() {
            return Ok(rejected);
        }
        for entry in entries {
            let event = AccessEvent::decode(&entry.body)
                .map_err(|why| JournalError::Corrupt { offset: entry.offset, why: why.to_string() })?;
            if let Err(why) = state.fold(entry.offset, &event) {
                tracing::warn!(target: "security", offset = entry.offset, "{} does not count: {why}", event.kind);
                if wanted == Some(entry.offset) {
                    rejected = Some(why);
                }
            }
        }
    }
}

fn open_key(sealer: &Sealer, key: &Key) -> Result<OpenKey, SealError> {
    let secret = sealer.unseal(&context(&key.name, &key.algorithm), &key.secret)?;
    Ok(OpenKey { name: key.name.clone(), algorithm: key.algorithm.clone(), secret })
}

/// What a secret is sealed for, so that it cannot be put in another key's place.
fn context(name: &NameBuf, algorithm: &str) -> String {
    format!("TSIG key {} {algorithm}", name.to_canonical())
}

impl std::fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenKey({} {})", self.name, self.algorithm)
    }
}
