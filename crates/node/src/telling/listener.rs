//! Who is told of changes: a topic, or a web server.

use alerts::webhook::{Post, Target, WebhookSender};
use journal_kafka::Brokers;
use journal_kafka::records::{Outgoing, RecordWriter};
use server::clock::unix_ms;

/// A change to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its offset in the journal.
    pub id: u64,
    /// What is told.
    pub json: String,
}

/// Why a listener did not take an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// It never will.
    pub is_final: bool,
    /// Why.
    pub why: String,
}

/// Somebody who is told.
pub trait Listener: Send {
    /// Tells events in their order; how many of the first of them have arrived, at least one.
    ///
    /// # Errors
    /// The first one did not arrive, as far as is known.
    fn tell(&mut self, events: &[Event]) -> Result<usize, Failure>;
}

/// A topic.
pub struct Topic {
    brokers: Brokers,
    topic: String,
    writer: Option<RecordWriter>,
}

impl Topic {
    /// This one.
    pub fn new(brokers: Brokers, topic: &str) -> Topic {
        Topic { brokers, topic: topic.to_owned(), writer: None }
    }
}

impl Listener for Topic {
    fn tell(&mut self, events: &[Event]) -> Result<usize, Failure> {
        let failure = |error: journal_kafka::records::RecordError| Failure { is_final: false, why: error.to_string() };
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => RecordWriter::open(&self.brokers, &self.topic).map_err(failure)?,
        };
        let message = |event: &Event| Outgoing {
            key: Some(event.id.to_string().into_bytes()),
            value: event.json.clone().into_bytes(),
        };
        writer.write(&events.iter().map(message).collect::<Vec<_>>()).map_err(failure)?;
        self.writer = Some(writer);
        Ok(events.len())
    }
}

/// A web server.
pub struct Web {
    target: Target,
    sender: WebhookSender,
}

impl Web {
    /// This one.
    pub fn new(target: Target) -> Web {
        Web { sender: WebhookSender::new(target.allowed.clone()), target }
    }
}

impl Listener for Web {
    fn tell(&mut self, events: &[Event]) -> Result<usize, Failure> {
        let Some(event) = events.first() else { return Ok(0) };
        let id = event.id.to_string();
        let post = Post {
            url: &self.target.url,
            secret: &self.target.secret,
            content_type: "application/json",
            id: ("x-headwater-change", &id),
            body: &event.json,
        };
        let failure =
            |error: alerts::undelivered::Undelivered| Failure { is_final: !error.may_try_again, why: error.problem };
        self.sender.post(&post, unix_ms()).map_err(failure)?;
        Ok(1)
    }
}
