//! What is known of a topic, shared by who follows it, who reads and who writes: whether a broker answers, the latest
//! events, how far the topic goes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use journal::{Bounds, JournalError, Offset};
use rdkafka::error::KafkaError;

use crate::said::{self, Trouble};
use crate::tail::Tail;

/// News of brokers that are down, from before one answered again, may come so late.
const LATE_NEWS: Duration = Duration::from_secs(2);
/// What may be wrong if brokers end connections without a word.
const SILENT_HINT: &str = "; if brokers want TLS or a user, see cluster.tls and cluster.sasl";

/// What is known of a topic.
pub struct Link {
    state: Mutex<State>,
    changed: Condvar,
}

/// What is known of a topic at a moment.
pub struct State {
    /// Why there is no broker to write to; `None`: there is one.
    pub away: Option<String>,
    /// Why a connection to a broker failed, since one answered.
    pub trouble: Option<Trouble>,
    /// When a broker answered last.
    pub contact: Option<Instant>,
    /// When one answered again after there was none.
    pub back: Option<Instant>,
    /// What the topic holds.
    pub bounds: Bounds,
    /// The latest events.
    pub tail: Tail,
    /// No event that counts, as far as is known, is here or later.
    pub end: Offset,
    /// This process has appended events up to here.
    pub appended: Offset,
    /// The topic does not have what it had.
    pub lost: Option<JournalError>,
    /// Messages that no node of this cluster wrote.
    pub foreign: u64,
    /// Nothing is to be done any more.
    pub stopping: bool,
}

/// How a topic is, for whoever looks after the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Why nothing can be written; `None`: it can.
    pub away: Option<String>,
    /// For so long no broker has answered; `None`: none ever did.
    pub silent: Option<Duration>,
    /// Why what is there does not fit what was there.
    pub lost: Option<String>,
    /// Messages that no node of this cluster wrote.
    pub foreign: u64,
}

impl Link {
    /// Before a broker answered; all events up to offset `known` are known already.
    pub fn new(known: Offset) -> Link {
        let next = known + 1;
        let state = State {
            away: Some("no broker has answered yet".to_owned()),
            trouble: None,
            contact: None,
            back: None,
            bounds: Bounds { first: 1, next },
            tail: Tail::new(next),
            end: next,
            appended: next,
            lost: None,
            foreign: 0,
            stopping: false,
        };
        Link { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// What is known now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known, and has those look who wait.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.changed.notify_all();
        changed
    }

    /// Waits while `holds`, at most so long.
    pub fn wait_while(&self, timeout: Duration, mut holds: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.state(), timeout, |state| !state.stopping && holds(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// librdkafka says why a connection to a broker failed.
    pub fn trouble(&self, said: &str) {
        let trouble = said::of_broker(said);
        self.change(|state| {
            if state.trouble.as_ref().is_some_and(|known| known.is_understood && !trouble.is_understood) {
                return;
            }
            // Before the first answer nobody else tells; later [`Link::away`] does.
            let is_news = state.trouble.as_ref().is_none_or(|known| trouble.is_understood && !known.is_understood);
            if state.contact.is_none() && is_news {
                tracing::warn!(why = trouble.why, "no connection to a Kafka broker yet");
            }
            state.trouble = Some(trouble);
        });
    }

    /// Why a broker did not do what was asked for: what is known of connections, or what librdkafka says.
    pub fn reason(&self, error: &KafkaError) -> String {
        let state = self.state();
        match &state.trouble {
            Some(trouble) => trouble.why.clone(),
            None if state.contact.is_none() => format!("{error}{SILENT_HINT}"),
            None => error.to_string(),
        }
    }

    /// One of librdkafka's clients says that all brokers are down. Some clients say so late, when others have found the brokers
    /// again.
    pub fn all_down(&self, error: &KafkaError) {
        let is_late = self.state().back.is_some_and(|back| back.elapsed() < LATE_NEWS);
        if !is_late {
            self.away(&self.reason(error));
        }
    }

    /// No broker answers, because of `why`.
    pub fn away(&self, why: &str) {
        self.change(|state| {
            if state.away.is_none() {
                tracing::warn!(why, "no Kafka broker answers: changes are refused, answers go on");
            }
            state.away = Some(why.to_owned());
        });
    }

    /// Up to here the topic has had events. Asked for before a broker is asked: others come meanwhile.
    pub fn seen(&self) -> Offset {
        let state = self.state();
        state.tail.next().max(state.appended)
    }

    /// A broker says what the topic holds, which had events up to `seen` before.
    ///
    /// # Errors
    /// [`JournalError::Lost`]: less than it had.
    pub fn found(&self, bounds: Bounds, seen: Offset) -> Result<(), JournalError> {
        self.change(|state| {
            state.contact = Some(Instant::now());
            state.trouble = None;
            if bounds.next < seen {
                let error = JournalError::Lost { position: seen - 1, next: bounds.next };
                if state.lost.is_none() {
                    tracing::error!(%error, "Kafka's topic was replaced: it is followed no longer");
                }
                state.away = Some(error.to_string());
                state.lost = Some(error.clone());
                return Err(error);
            }
            state.lost = None;
            state.bounds = Bounds { first: bounds.first, next: bounds.next.max(state.bounds.next) };
            state.tail.trim(bounds.first);
            Ok(())
        })
    }

    /// How the topic is.
    pub fn status(&self) -> Status {
        let state = self.state();
        Status {
            away: state.away.clone(),
            silent: state.contact.map(|at| at.elapsed()),
            lost: state.lost.as_ref().map(ToString::to_string),
            foreign: state.foreign,
        }
    }
}
