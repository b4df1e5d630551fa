//! Access, durably: submits events to their journal, folds what is there, publishes the state.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use dns::NameBuf;
use journal::{Journal, JournalError, Offset};

use super::event::{AccessEvent, EventError, EventKind};
use super::limits::READ_BYTES;
use super::seal::{SealError, Sealer};
use super::secret::RandomError;
use super::state::{AccessState, Key, Rejected};

/// Hears of every new state.
type Observer = Box<dyn Fn(&AccessStore) + Send + Sync>;

/// Users, roles, tokens and keys. Shared by all doors.
pub struct AccessStore {
    journal: Arc<dyn Journal>,
    sealer: Sealer,
    /// Held while events are appended and folded.
    folding: Mutex<()>,
    published: RwLock<Arc<AccessState>>,
    /// Hears of every new state.
    observer: OnceLock<Observer>,
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
        AccessStore::open_with(journal, |has_keys| Sealer::open(seal_key, !has_keys))
    }

    /// As [`AccessStore::open`] for a journal that cannot be written: no key is made where there is none.
    ///
    /// # Errors
    /// As [`AccessStore::open`].
    pub fn open_read_only(journal: Arc<dyn Journal>, seal_key: &Path) -> Result<AccessStore, AccessError> {
        AccessStore::open_with(journal, |has_keys| match Sealer::open(seal_key, false) {
            Err(SealError::Missing { .. }) if !has_keys => Sealer::unsaved(seal_key),
            result => result,
        })
    }

    /// `sealer` is told whether something is sealed already.
    fn open_with(
        journal: Arc<dyn Journal>,
        sealer: impl FnOnce(bool) -> Result<Sealer, SealError>,
    ) -> Result<AccessStore, AccessError> {
        let mut state = AccessState::default();
        fold_on(&*journal, &mut state, None)?;
        let sealer = sealer(state.keys().next().is_some())?;
        for key in state.keys() {
            open_key(&sealer, key)?;
        }
        Ok(AccessStore {
            journal,
            sealer,
            folding: Mutex::new(()),
            published: RwLock::new(Arc::new(state)),
            observer: OnceLock::new(),
        })
    }

    /// Has `observer` hear of every state from now on; once.
    pub fn observe(&self, observer: impl Fn(&AccessStore) + Send + Sync + 'static) {
        let _ = self.observer.set(Box::new(observer));
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
        if let Some(observer) = self.observer.get() {
            observer(self);
        }
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{MemoryJournal, event, logged, name, new_user};
    use super::*;

    struct Bench {
        journal: Arc<MemoryJournal>,
        dir: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Bench {
            Bench { journal: Arc::default(), dir: tempfile::tempdir().expect("directory") }
        }

        fn open(&self) -> Result<AccessStore, AccessError> {
            AccessStore::open(self.journal.clone(), &self.dir.path().join("seal.key"))
        }
    }

    #[test]
    fn a_restart_finds_what_was_submitted() {
        let bench = Bench::new();
        let store = bench.open().expect("store");
        let old = store.state();
        let first = store.submit(&event(new_user("anna", &["admin"]))).expect("submitted");
        let second = store.submit(&event(new_user("bert", &[]))).expect("submitted");
        assert!(first < second && store.state().next() == second + 1);
        assert_eq!(old.users().count(), 0, "a snapshot stays as it is");
        let again = bench.open().expect("store");
        assert_eq!(again.state(), store.state());
        assert!(matches!(again.submit(&event(new_user("anna", &[]))), Err(AccessError::Rejected(_))));
        assert_eq!(bench.journal.bodies().len(), 2, "what does not count is not written");
    }

    #[test]
    fn another_writer_may_be_faster() {
        let bench = Bench::new();
        let (one, other) = (bench.open().expect("store"), bench.open().expect("store"));
        one.submit(&event(new_user("anna", &["admin"]))).expect("submitted");
        // What is there already is seen before anything is appended.
        assert!(matches!(other.submit(&event(new_user("anna", &[]))), Err(AccessError::Rejected(_))));
        assert_eq!(bench.journal.bodies().len(), 1);
        // What comes in between decides, the same for both.
        let bert = event(new_user("bert", &["viewer"])).encode().expect("event");
        bench.journal.faster.lock().expect("lock").push(bert);
        let (outcome, log) = logged(|| other.submit(&event(new_user("bert", &["admin"]))));
        assert!(matches!(outcome, Err(AccessError::Rejected(Rejected::Exists { .. }))));
        assert!(log.contains("user bert created does not count: there is a user bert already"), "{log}");
        assert_eq!(bench.journal.bodies().len(), 3);
        one.catch_up().expect("caught up");
        assert_eq!(one.state(), other.state());
        assert_eq!(one.state().user("bert").expect("bert").roles, ["viewer"]);
    }

    #[test]
    fn a_full_disk_changes_nothing() {
        let bench = Bench::new();
        let store = bench.open().expect("store");
        *bench.journal.full.lock().expect("lock") = true;
        let error = store.submit(&event(new_user("anna", &["admin"]))).expect_err("full").to_string();
        assert_eq!(error, "the journal cannot be written: disk full");
        assert_eq!(store.state().users().count(), 0);
        *bench.journal.full.lock().expect("lock") = false;
        store.submit(&event(new_user("anna", &["admin"]))).expect("submitted");
    }

    #[test]
    fn what_cannot_be_understood_stops() {
        let bench = Bench::new();
        let store = bench.open().expect("store");
        bench.journal.append(&[br#"{"v":9}"#]).expect("appended");
        for error in [bench.open().err(), store.catch_up().err(), store.submit(&event(new_user("a", &[]))).err()] {
            let error = error.expect("an event of a later version").to_string();
            assert!(error.starts_with("event at offset 5: it has version 9"), "{error}");
        }
    }

    #[test]
    fn secrets_of_keys_are_sealed_and_need_their_key() {
        let bench = Bench::new();
        let store = bench.open().expect("store");
        let secret = b"not to be seen in any file";
        let kind = store.new_key(name("Transfer.example."), "HMAC-SHA256", secret).expect("sealed");
        let (_, log) = logged(|| store.submit(&event(kind.clone())).expect("submitted"));
        let shown = format!("{log} {kind:?} {kind} {:?} {:?}", store.state(), store.open_keys(&store.state()));
        let written = bench.journal.bodies().concat();
        for secret in [secret.to_vec(), data_encoding::BASE64.encode(secret).into_bytes(), format!("{secret:?}").into()]
        {
            assert!(!written.windows(secret.len()).any(|octets| octets == secret));
            assert!(!shown.contains(&String::from_utf8_lossy(&secret).into_owned()), "{shown}");
        }
        let keys = bench.open().expect("store").open_keys(&store.state()).expect("keys");
        assert_eq!((keys[0].algorithm.as_str(), keys[0].secret.as_slice()), ("hmac-sha256", &secret[..]));
        // Another key, and none.
        let path = bench.dir.path().join("seal.key");
        std::fs::rename(&path, path.with_extension("old")).expect("renamed");
        let error = bench.open().err().expect("missing").to_string();
        assert!(error.contains("seal.key is missing"), "{error}");
        assert!(!path.exists(), "no other key is made in its place");
        Sealer::open(&path, true).expect("another key");
        let error = bench.open().err().expect("another key").to_string();
        assert!(error.contains("is not the key that the secret of TSIG key transfer.example. hmac-sha256"), "{error}");
    }
}
