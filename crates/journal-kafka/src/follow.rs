//! The thread that follows a topic: it takes events as they come, asks now and then whether a broker answers, and finds
//! the brokers again when they were away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::{Bounds, Offset};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use crate::append::{Appender, from_kafka};
use crate::envelope::Envelopes;
use crate::link::Link;
use crate::older::assignment;
use crate::settings::{Quiet, Settings, SettingsError};
use crate::topic::{self, Keeps, TopicError};

/// A broker keeps the answer to a fetch back so long, if there is nothing new.
const FETCH_WAIT: Duration = Duration::from_millis(500);
/// How long an event is waited for before other things are looked at.
const POLL: Duration = Duration::from_millis(50);
/// Events that are taken together.
const MAX_TAKEN: usize = 256;
/// This often a broker is asked what the topic holds: whether it answers at all.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// The pause before brokers that are away are looked for again, and by how much it may be longer, so that nodes do not
/// all come at once.
const RETRY_AFTER_MS: (u64, u64) = (100, 400);

/// Follows a topic.
pub struct Follower {
    settings: Settings,
    topic: String,
    link: Arc<Link>,
    appender: Arc<Appender>,
    envelopes: Arc<Envelopes>,
    consumer: BaseConsumer<Quiet>,
    /// Whether the topic is as it must be.
    is_checked: bool,
    /// Whether the consumer stands where the tail ends.
    is_assigned: bool,
}

impl Follower {
    /// Of this topic.
    pub fn new(
        settings: &Settings,
        topic: &str,
        link: &Arc<Link>,
        appender: &Arc<Appender>,
        envelopes: &Arc<Envelopes>,
    ) -> Result<Follower, SettingsError> {
        let consumer = BaseConsumer::from_config_and_context(&settings.consumer(FETCH_WAIT), Quiet)?;
        let (link, appender, envelopes) = (link.clone(), appender.clone(), envelopes.clone());
        let (settings, topic) = (settings.clone(), topic.to_owned());
        Ok(Follower { settings, topic, link, appender, envelopes, consumer, is_checked: false, is_assigned: false })
    }

    /// Follows until told to stop.
    pub fn run(mut self) {
        let mut probed: Option<Instant> = None;
        while !self.link.state().stopping {
            let is_away = self.link.state().away.is_some();
            if is_away || probed.is_none_or(|at| at.elapsed() >= PROBE_INTERVAL) {
                probed = Some(Instant::now());
                if let Err(why) = self.probe() {
                    self.link.away(&why);
                    self.pause();
                    continue;
                }
            }
            self.take();
        }
    }

    /// Asks a broker what the topic holds; the first time also whether it is as it must be.
    fn probe(&mut self) -> Result<(), String> {
        if !self.is_checked {
            let seen = self.link.seen();
            topic::prepare(&self.settings, &self.topic, Keeps::All, seen > 1).map_err(|error| match error {
                TopicError::Kafka(error) => self.link.reason(&error),
                // As one that was replaced by an empty one.
                TopicError::Gone(_) => match self.link.found(Bounds { first: 1, next: 1 }, seen) {
                    Err(lost) => lost.to_string(),
                    Ok(()) => error.to_string(),
                },
                TopicError::Unfit { .. } => error.to_string(),
            })?;
            self.is_checked = true;
        }
        let seen = self.link.seen();
        let bounds = self.appender.bounds().map_err(|error| match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                format!("the brokers have no topic {} any more; bring it back", self.topic)
            }
            _ => self.link.reason(&error),
        })?;
        let is_first = self.link.state().contact.is_none();
        self.link.found(bounds, seen).map_err(|error| error.to_string())?;
        if !self.is_assigned {
            let from = self.link.change(|state| {
                if is_first {
                    // Who wants what is older fetches it.
                    state.tail = crate::tail::Tail::new(bounds.next);
                    state.end = state.end.max(bounds.next);
                }
                state.tail.next()
            });
            self.assign(from).map_err(|error| error.to_string())?;
        }
        self.link.change(|state| {
            if state.away.take().is_some() {
                state.back = Some(Instant::now());
                tracing::info!(topic = self.topic, "Kafka answers");
            }
        });
        Ok(())
    }

    fn assign(&mut self, from: Offset) -> Result<(), KafkaError> {
        self.consumer.assign(&assignment(&self.topic, from)?)?;
        self.is_assigned = true;
        Ok(())
    }

    /// Takes what comes next, and what has come with it.
    fn take(&mut self) {
        let (mut events, mut failure) = (Vec::new(), None);
        let mut wait = POLL;
        while events.len() < MAX_TAKEN
            && failure.is_none()
            && let Some(polled) = self.consumer.poll(wait)
        {
            match polled {
                Ok(message) => events.push(opened(&self.envelopes, &message)),
                Err(error) => failure = Some(error),
            }
            wait = Duration::ZERO;
        }
        if !events.is_empty() {
            keep(&self.link, events);
        }
        if failure.is_some_and(|error| failed(&self.link, &error)) {
            self.is_assigned = false;
        }
    }

    /// A pause that differs from node to node.
    fn pause(&self) {
        let (least, more) = RETRY_AFTER_MS;
        let more = getrandom::u64().map_or(0, |random| random % more);
        drop(self.link.wait_while(Duration::from_millis(least + more), |_| true));
    }
}

/// A message's offset and its event; `None`: no node of this cluster wrote it.
fn opened(envelopes: &Envelopes, message: &BorrowedMessage<'_>) -> (Offset, Option<Vec<u8>>) {
    let body = message.payload().and_then(|payload| envelopes.open(payload)).map(<[u8]>::to_vec);
    (from_kafka(message.offset()), body)
}

/// Puts events into the tail; those who wait for them are woken once.
fn keep(link: &Link, events: Vec<(Offset, Option<Vec<u8>>)>) {
    link.change(|state| {
        state.contact = Some(Instant::now());
        for (offset, body) in events {
            match &body {
                Some(_) => state.end = state.end.max(offset + 1),
                None => {
                    state.foreign += 1;
                    if state.foreign.is_power_of_two() {
                        let count = state.foreign;
                        tracing::error!(
                            offset,
                            count,
                            "no node of this cluster wrote a message in Kafka; it is ignored"
                        );
                    }
                }
            }
            state.tail.push(offset, body);
            state.bounds.next = state.bounds.next.max(offset + 1);
        }
    });
}

/// Takes notice of a failure; whether the topic does not have what comes next.
fn failed(link: &Link, error: &KafkaError) -> bool {
    if matches!(error, KafkaError::PartitionEOF(_)) {
        return false;
    }
    tracing::debug!(%error, "Kafka");
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::AllBrokersDown) => {
            link.all_down(error);
            false
        }
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
            link.away(&error.to_string());
            true
        }
        _ => false,
    }
}
