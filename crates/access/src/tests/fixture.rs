//! What the tests of access share: a journal in memory, events, addresses.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dns::NameBuf;
use journal::{Bounds, Entry, Journal, JournalError, Offset};

use super::event::{AccessEvent, EventKind};
use super::grant::Grant;
use super::password::PasswordHash;
use super::state::AccessState;

/// The password of everybody whose hash is [`hash`].
pub const PASSWORD: &str = "correct horse";

/// A journal in memory, with gaps between its offsets.
#[derive(Default)]
pub struct MemoryJournal {
    bodies: Mutex<Vec<Vec<u8>>>,
    /// What another writer appends just before the next append.
    pub faster: Mutex<Vec<Vec<u8>>>,
    /// Whether the disk is full.
    pub full: Mutex<bool>,
}

impl MemoryJournal {
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().expect("lock").clone()
    }
}

impl Journal for MemoryJournal {
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        if *self.full.lock().expect("lock") {
            return Err(JournalError::Unwritable("disk full".to_owned()));
        }
        let mut all = self.bodies.lock().expect("lock");
        all.append(&mut self.faster.lock().expect("lock"));
        let first = all.len();
        all.extend(bodies.iter().map(|body| body.to_vec()));
        Ok((first..all.len()).map(offset).collect())
    }

    fn read(&self, from: Offset, _max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        let all = self.bodies.lock().expect("lock");
        let entries = all.iter().enumerate().map(|(at, body)| Entry { offset: offset(at), body: body.clone() });
        Ok(entries.filter(|entry| entry.offset >= from).take(2).collect())
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        Ok(Bounds { first: 0, next: offset(self.bodies.lock().expect("lock").len()) })
    }

    fn wait(&self, after: Offset, _timeout: Duration) -> Result<bool, JournalError> {
        Ok(self.bounds()?.next > after)
    }

    fn trim(&self, _before: Offset) -> Result<(), JournalError> {
        Err(JournalError::Unwritable("nothing is forgotten here".to_owned()))
    }
}

fn offset(at: usize) -> Offset {
    at as Offset * 3 + 5
}

pub fn name(text: &str) -> NameBuf {
    text.parse().expect(text)
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

/// A grant in its JSON form.
pub fn grant(json: &str) -> Grant {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// The hash of [`PASSWORD`], made once.
pub fn hash() -> PasswordHash {
    static HASH: std::sync::OnceLock<PasswordHash> = std::sync::OnceLock::new();
    HASH.get_or_init(|| PasswordHash::new(PASSWORD).expect("hash")).clone()
}

pub fn event(kind: EventKind) -> AccessEvent {
    AccessEvent { at_ms: 1000, who: "local".to_owned(), why: String::new(), kind }
}

pub fn new_user(name: &str, roles: &[&str]) -> EventKind {
    EventKind::UserCreated {
        name: name.to_owned(),
        display_name: name.to_uppercase(),
        roles: roles.iter().map(ToString::to_string).collect(),
        password: Some(hash()),
    }
}

/// A change of a user that changes nothing yet.
pub fn user_change(name: &str) -> EventKind {
    EventKind::UserChanged { name: name.to_owned(), display_name: None, roles: None, password: None, disabled: None }
}

pub fn disabled(name: &str, disabled: bool) -> EventKind {
    let name = name.to_owned();
    EventKind::UserChanged { name, display_name: None, roles: None, password: None, disabled: Some(disabled) }
}

/// The state after `kinds`, which all count.
pub fn state(kinds: &[EventKind]) -> AccessState {
    let mut state = AccessState::default();
    for kind in kinds {
        let offset = state.next();
        state.fold(offset, &event(kind.clone())).expect("counts");
    }
    state
}

/// What `run` writes to the log.
pub fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("lock").extend_from_slice(octets);
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let result = tracing::subscriber::with_default(subscriber, run);
    let text = String::from_utf8(lines.0.lock().expect("lock").clone()).expect("text");
    (result, text)
}
