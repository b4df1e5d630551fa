//! Access, durably: submits events to their journal, folds what is there, publishes the state.

use std::path::Path;
use std::sync::Arc;

use dns::NameBuf;
use dnssec::seal::KEY_LEN;
use journal::corridor::{Corridor, EventTag, StreamState};
use journal::{Journal, JournalError, Offset};

use super::event::{AccessEvent, EventError, EventKind};
use super::seal::{SealError, Sealer};
use super::secret::{RandomError, random};
use super::state::{AccessState, Key, Rejected};

/// Users, roles, tokens and keys. Everybody who decides by them shares this.
pub struct AccessStore {
    corridor: Arc<Corridor<AccessState>>,
    sealer: Arc<Sealer>,
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

    /// As [`AccessStore::open`], with a key that is known already, from the file `key_file`.
    ///
    /// # Errors
    /// The journal's; an event that cannot be understood; secrets that were sealed with another key.
    pub fn open_with_key(
        journal: Arc<dyn Journal>,
        key: [u8; KEY_LEN],
        key_file: &Path,
    ) -> Result<AccessStore, AccessError> {
        AccessStore::open_with(journal, |_| Ok(Sealer::new(key, key_file)))
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
        let corridor: Corridor<AccessState> = Corridor::open(journal)?;
        let state = corridor.state();
        let sealer = sealer(state.keys().next().is_some())?;
        open_keys(&sealer, &state)?;
        Ok(AccessStore { corridor: Arc::new(corridor), sealer: Arc::new(sealer) })
    }

    /// Has `observer` hear of the TSIG keys of every state from now on.
    pub fn observe_keys(&self, observer: impl Fn(Result<Vec<OpenKey>, AccessError>) + Send + Sync + 'static) {
        let sealer = self.sealer.clone();
        self.corridor.observe(move |state| observer(open_keys(&sealer, state)));
    }

    /// The state now.
    pub fn state(&self) -> Arc<AccessState> {
        self.corridor.state()
    }

    /// Appends `event` and returns its offset. It is durable and in [`AccessStore::state`] then. Where the journal does
    /// not say whether it has it, reading the journal does; if it is not there, it is appended again.
    ///
    /// # Errors
    /// [`AccessError::Rejected`]: it does not count, maybe because another writer was faster. The journal's: if it could
    /// not be written, nothing is there; if it could not be read, or never said, the event may be there, and the next
    /// look says so.
    pub fn submit(&self, event: &AccessEvent) -> Result<Offset, AccessError> {
        let tag = random()?;
        let prepare = |state: &AccessState| {
            let body = event.encode(tag)?;
            state.check(event)?;
            Ok(body)
        };
        self.corridor.submit(tag, prepare).and_then(|outcome| Ok(outcome?))
    }

    /// Where changes go through.
    pub fn corridor(&self) -> &Arc<Corridor<AccessState>> {
        &self.corridor
    }

    /// Folds what other writers have appended.
    ///
    /// # Errors
    /// The journal's; an event that cannot be understood.
    pub fn catch_up(&self) -> Result<(), AccessError> {
        Ok(self.corridor.catch_up()?)
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
        open_keys(&self.sealer, state)
    }
}

impl StreamState for AccessState {
    type Event = AccessEvent;
    type Rejected = Rejected;

    fn next(&self) -> Offset {
        AccessState::next(self)
    }

    fn decode(body: &[u8]) -> Result<(Option<EventTag>, AccessEvent), String> {
        AccessEvent::decode(body).map_err(|error| error.to_string())
    }

    fn fold_event(&mut self, offset: Offset, tag: Option<EventTag>, event: &AccessEvent) -> Result<(), Rejected> {
        match tag {
            Some(tag) => self.fold_once(offset, tag, event),
            None => self.fold(offset, event),
        }
    }

    fn log_rejected(offset: Offset, event: &AccessEvent, why: &Rejected) {
        tracing::warn!(target: "security", offset, "{} does not count: {why}", event.kind);
    }
}

fn open_keys(sealer: &Sealer, state: &AccessState) -> Result<Vec<OpenKey>, AccessError> {
    Ok(state.keys().map(|key| open_key(sealer, key)).collect::<Result<_, SealError>>()?)
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
        let bert = event(new_user("bert", &["viewer"])).encode([7; 16]).expect("event");
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

    /// The journal does not say what it has, whatever that is: an event counts once, and its outcome is known.
    #[test]
    fn what_the_journal_does_not_say_is_read() {
        use journal::Fate::{Kept, Late, Lost};
        for fates in [&[Kept][..], &[Lost], &[Late], &[Lost, Kept], &[Late, Late, Lost]] {
            let journal = Arc::new(journal::MemoryJournal::default());
            let dir = tempfile::tempdir().expect("directory");
            let open = || AccessStore::open(journal.clone(), &dir.path().join("seal.key")).expect("store");
            let store = open();
            store.submit(&event(new_user("anna", &["admin"]))).expect("submitted");
            fates.iter().for_each(|fate| journal.doubt(&[*fate]));
            store.submit(&event(new_user("bert", &[]))).expect("submitted");
            store.submit(&event(EventKind::UserDeleted { name: "bert".to_owned() })).expect("submitted");
            store.submit(&event(new_user("carl", &[]))).expect("submitted");
            store.catch_up().expect("caught up");
            let users: Vec<String> = store.state().users().map(|user| user.name.to_string()).collect();
            assert_eq!(users, ["anna", "carl"], "{fates:?}");
            assert_eq!(open().state(), store.state(), "{fates:?}");
        }
        let journal = Arc::new(journal::MemoryJournal::default());
        let dir = tempfile::tempdir().expect("directory");
        let store = AccessStore::open(journal.clone(), &dir.path().join("seal.key")).expect("store");
        (0..4).for_each(|_| journal.doubt(&[Lost]));
        let error = store.submit(&event(new_user("anna", &["admin"]))).expect_err("never said");
        assert!(matches!(error, AccessError::Journal(JournalError::Unknown(_))), "{error}");
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
