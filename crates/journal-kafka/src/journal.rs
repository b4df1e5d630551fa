//! A stream in Kafka, as the rest of the server sees it.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use journal::{Bounds, Entry, Journal, JournalError, Offset, Stream};

use crate::append::Appender;
use crate::envelope::Envelopes;
use crate::follow::Follower;
use crate::link::{Link, State, Status};
use crate::older::Older;
use crate::settings::{Settings, SettingsError, WRITE_TIMEOUT};
use crate::topic;

/// A stream in Kafka.
pub struct KafkaJournal {
    settings: Settings,
    topic: String,
    link: Arc<Link>,
    envelopes: Arc<Envelopes>,
    appender: Arc<Appender>,
    older: Older,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl KafkaJournal {
    /// Begins to look for the stream, and returns at once; [`KafkaJournal::wait_until_found`] waits for it. Events up to
    /// offset `known` are known already: a topic that does not have them is another one. `begin` is the first thing its
    /// thread does: it may change its priority.
    ///
    /// # Errors
    /// What keeps Kafka's client from being started.
    pub fn open(
        settings: &Settings,
        stream: Stream,
        known: Offset,
        begin: fn(),
    ) -> Result<KafkaJournal, SettingsError> {
        let (topic, link) = (settings.topic(stream), Arc::new(Link::new(known)));
        let envelopes = Arc::new(Envelopes::new(&settings.key, &topic)?);
        let appender = Arc::new(Appender::new(settings, &topic, &link, &envelopes)?);
        let follower = Follower::new(settings, &topic, &link, &appender, &envelopes)?;
        let run = move || {
            begin();
            follower.run();
        };
        let thread = Mutex::new(Some(std::thread::Builder::new().name("kafka".into()).spawn(run)?));
        let older = Older::new(settings, &topic);
        Ok(KafkaJournal { settings: settings.clone(), topic, link, envelopes, appender, older, thread })
    }

    /// Waits until a broker has said what the topic holds, at most so long.
    ///
    /// # Errors
    /// Why there is none, or what is wrong with the topic.
    pub fn wait_until_found(&self, timeout: Duration) -> Result<(), JournalError> {
        let state = self.link.wait_while(timeout, |state| state.away.is_some() && state.lost.is_none());
        match (&state.lost, &state.away) {
            (Some(lost), _) => Err(lost.clone()),
            (None, Some(why)) => Err(JournalError::Unreadable(why.clone())),
            (None, None) => Ok(()),
        }
    }

    /// What it held when a broker said so last; does not ask.
    pub fn known_bounds(&self) -> Bounds {
        self.link.state().bounds
    }

    /// How the stream is.
    pub fn status(&self) -> Status {
        self.link.status()
    }
}

impl Journal for KafkaJournal {
    fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let offsets = self.appender.append(bodies)?;
        if let Some(last) = offsets.last() {
            self.link.change(|state| {
                state.appended = state.appended.max(last + 1);
                state.end = state.end.max(last + 1);
            });
        }
        Ok(offsets)
    }

    fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        // What this process has appended is there, though it may be still on its way back.
        let is_on_its_way = |state: &State| state.tail.next() < state.appended && state.lost.is_none();
        let state = self.link.wait_while(WRITE_TIMEOUT, is_on_its_way);
        if let Some(lost) = &state.lost {
            return Err(lost.clone());
        }
        state.bounds.check(from)?;
        if from >= state.tail.next() && state.tail.next() < state.appended {
            return Err(JournalError::Unreadable("Kafka does not give back what it has taken".to_owned()));
        }
        let from = from.max(state.bounds.first);
        if let Some(entries) = state.tail.read(from, max_bytes) {
            return Ok(entries);
        }
        let (end, away) = (state.tail.from(), state.away.clone());
        drop(state);
        if let Some(why) = away {
            return Err(JournalError::Unreadable(why));
        }
        let (mut entries, is_all) = self.older.read(&self.envelopes, (from, end), max_bytes)?;
        if is_all {
            let left = max_bytes.saturating_sub(entries.iter().map(|entry| entry.body.len()).sum());
            let later = self.link.state().tail.read(end, left).unwrap_or_default();
            // The first one is given whether it fits or not.
            if entries.is_empty() || later.first().is_some_and(|first| first.body.len() <= left) {
                entries.extend(later);
            }
        }
        Ok(entries)
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        let seen = self.link.seen();
        let is_away = self.link.state().away.is_some();
        if !is_away {
            match self.appender.bounds() {
                Ok(bounds) => self.link.found(bounds, seen)?,
                Err(error) => self.link.away(&self.link.reason(&error)),
            }
        }
        Ok(self.link.state().bounds)
    }

    fn wait(&self, offset: Offset, timeout: Duration) -> Result<bool, JournalError> {
        let state = self.link.wait_while(timeout, |state| state.end <= offset && state.lost.is_none());
        match &state.lost {
            Some(lost) => Err(lost.clone()),
            None => Ok(state.end > offset),
        }
    }

    fn trim(&self, before: Offset) -> Result<(), JournalError> {
        let bounds = self.bounds()?;
        if let Some(why) = self.link.state().away.clone() {
            return Err(JournalError::Unwritable(why));
        }
        if before > bounds.first {
            let bounds = topic::trim(&self.settings, &self.topic, before, bounds)?;
            self.link.found(bounds, bounds.next)?;
        }
        Ok(())
    }
}

impl Drop for KafkaJournal {
    fn drop(&mut self) {
        self.link.change(|state| state.stopping = true);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic has been reported.
            let _ = thread.join();
        }
    }
}
