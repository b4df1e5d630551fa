//! Shared settings, durably: submits changes, publishes the state.

use std::sync::Arc;

use super::body::BodyError;
use super::event::{Change, EventError, SettingsEvent};
use super::fold::{MAX_WHO, MAX_WHY};
use super::state::{Rejected, SettingsState};
use crate::corridor::{Corridor, EventTag};
use crate::journal::{Journal, JournalError, Offset};

/// A change is prepared so often, if other writers are faster each time.
const MAX_RACES: u8 = 8;

/// Shared settings. Everybody who decides by them shares this.
pub struct SharedSettings {
    corridor: Arc<Corridor<SettingsState>>,
}

/// Who makes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Who: at most 256 characters.
    pub who: String,
    /// Why, in their words: a line of at most 1,024 characters, or nothing.
    pub why: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Why a change was not submitted, or does not count.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It does not fit to what is there.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It cannot be written or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It cannot be written as an event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// What is to be put is no body.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// There is no event at the offset that is to be taken back.
    #[error("there is no change {0}")]
    NoChange(Offset),
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl SharedSettings {
    /// Folds `journal`, a stream of shared settings only.
    ///
    /// # Errors
    /// The journal's; [`JournalError::Corrupt`]: an event that cannot be understood.
    pub fn open(journal: Arc<dyn Journal>) -> Result<SharedSettings, JournalError> {
        Ok(SharedSettings { corridor: Arc::new(Corridor::open(journal)?) })
    }

    /// The state now.
    pub fn state(&self) -> Arc<SettingsState> {
        self.corridor.state()
    }

    /// Where changes go through.
    pub fn corridor(&self) -> &Arc<Corridor<SettingsState>> {
        &self.corridor
    }

    /// Has `observer` hear of every state from now on. It is called where events are folded: it must not submit one.
    pub fn observe(&self, observer: impl Fn(&Arc<SettingsState>) + Send + Sync + 'static) {
        self.corridor.observe(observer);
    }

    /// Makes the changes that `prepare` wants, all or none, and returns the offset of their event. They are durable and in
    /// [`SharedSettings::state`] then. `prepare` sees the latest state, checks what the documents mean, and says for each
    /// which version it replaces ([`SettingsState::put`], [`SettingsState::delete`], [`Change::expecting`]). It is called
    /// again if another writer was faster, so that only what the caller itself has fixed leads to
    /// [`Rejected::Changed`].
    ///
    /// # Errors
    /// What `prepare` says; [`SettingsError::Rejected`]: it does not count, and nothing was changed. The journal's: if it
    /// could not be written, nothing is there; if it could not be read, or never said, the event may be there, and the
    /// next look says so.
    pub fn submit<E: From<SettingsError>>(
        &self,
        author: &Author,
        prepare: impl FnMut(&SettingsState) -> Result<Vec<Change>, E>,
    ) -> Result<Offset, E> {
        self.submit_as(author, None, prepare)
    }

    /// As [`SharedSettings::submit`]; the event says that it takes back the one at `reverts`.
    pub(super) fn submit_as<E: From<SettingsError>>(
        &self,
        author: &Author,
        reverts: Option<Offset>,
        mut prepare: impl FnMut(&SettingsState) -> Result<Vec<Change>, E>,
    ) -> Result<Offset, E> {
        let mut lost = None;
        for _ in 0..MAX_RACES {
            let tag = random_tag()?;
            let encode = |state: &SettingsState| {
                let changes = prepare(state).map_err(Failed::Prepare)?;
                let Author { who, why, at_ms } = author.clone();
                let event = SettingsEvent { at_ms, who, why, reverts, changes };
                state.check(&event).map_err(SettingsError::from)?;
                Ok(event.encode(tag).map_err(SettingsError::from)?)
            };
            match self.corridor.submit(tag, encode).map_err(Failed::into_inner)? {
                Ok(offset) => return Ok(offset),
                Err(Rejected::Changed(conflicts)) => lost = Some(conflicts),
                Err(other) => return Err(SettingsError::from(other).into()),
            }
        }
        Err(SettingsError::from(Rejected::Changed(lost.unwrap_or_default())).into())
    }
}

/// What went wrong before there was an outcome.
enum Failed<E> {
    Prepare(E),
    Submit(SettingsError),
}

impl<E: From<SettingsError>> Failed<E> {
    fn into_inner(self) -> E {
        match self {
            Failed::Prepare(error) => error,
            Failed::Submit(error) => error.into(),
        }
    }
}

impl<E> From<SettingsError> for Failed<E> {
    fn from(error: SettingsError) -> Failed<E> {
        Failed::Submit(error)
    }
}

impl<E> From<JournalError> for Failed<E> {
    fn from(error: JournalError) -> Failed<E> {
        Failed::Submit(error.into())
    }
}

impl Author {
    /// An author whose texts come from outside: each is made one line of bounded length.
    pub fn new(who: &str, why: &str, at_ms: u64) -> Author {
        Author { who: one_line(who, MAX_WHO), why: one_line(why, MAX_WHY), at_ms }
    }
}

/// `text` with spaces for control characters, and no more than `max` characters of it.
pub fn one_line(text: &str, max: usize) -> String {
    text.chars().take(max).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn random_tag() -> Result<EventTag, SettingsError> {
    let mut tag = [0; 16];
    getrandom::fill(&mut tag)?;
    Ok(tag)
}
