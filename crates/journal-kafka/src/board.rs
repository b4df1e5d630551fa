//! A board on which each server of the cluster puts its latest message, for all to read: a topic that keeps the latest
//! message of each key. What is lost of it is said again soon, so nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{BaseRecord, Producer};

use crate::envelope::Envelopes;
use crate::older::assignment;
use crate::producer::PolledProducer;
use crate::settings::{Quiet, Settings, SettingsError};
use crate::topic::{self, Keeps, PARTITION};

/// Octets of a message.
const MAX_BODY: usize = 64 << 10;
/// A broker keeps the answer to a fetch back so long, if there is nothing new.
const FETCH_WAIT: Duration = Duration::from_millis(500);
/// How long a message is waited for before other things are looked at.
const POLL: Duration = Duration::from_millis(50);
/// The pause before brokers that are away are looked for again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long the last message may take when a server stops.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// What a server has put on the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard<'m> {
    /// Under which name.
    pub key: &'m str,
    /// What.
    pub body: &'m [u8],
    /// It was there before the board was read for the first time: nobody knows when it came.
    pub is_old: bool,
}

/// The board.
pub struct Board {
    topic: String,
    envelopes: Arc<Envelopes>,
    producer: PolledProducer<Quiet>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    /// Messages that no node of this cluster wrote.
    foreign: AtomicU64,
    /// What was on the board at the start has been told.
    is_read: AtomicBool,
}

impl Board {
    /// Begins to read the board, which may take until a broker answers. Each message is told to `heard`, in a thread of its
    /// own, which begins with `begin`: it may change its priority. Those of a key come in their order; earlier ones may
    /// be missing.
    ///
    /// # Errors
    /// What keeps Kafka's client from being started.
    pub fn open(
        settings: &Settings,
        begin: fn(),
        heard: impl Fn(Heard<'_>) + Send + 'static,
    ) -> Result<Board, SettingsError> {
        let topic = settings.receipts_topic();
        let envelopes = Arc::new(Envelopes::new(&settings.key, &topic)?);
        let producer = PolledProducer::start(&settings.producer(), Quiet)?;
        let consumer = BaseConsumer::from_config_and_context(&settings.consumer(FETCH_WAIT), Quiet)?;
        let shared = Arc::new(Shared::default());
        let reader = Reader {
            settings: settings.clone(),
            topic: topic.clone(),
            envelopes: envelopes.clone(),
            consumer,
            shared: shared.clone(),
        };
        let run = move || {
            begin();
            reader.run(heard);
        };
        let thread = Some(std::thread::Builder::new().name("kafka".into()).spawn(run)?);
        Ok(Board { topic, envelopes, producer, shared, thread })
    }

    /// Puts a message on the board, in the place of the last one with this key. Does not wait: it is there soon, or never.
    pub fn post(&self, key: &str, body: &[u8]) {
        if body.len() > MAX_BODY {
            tracing::error!(
                key,
                octets = body.len(),
                "a message is too long for the board; this is a bug of the server"
            );
            return;
        }
        let sealed = self.envelopes.seal(body);
        let record = BaseRecord::to(&self.topic).key(key).payload(&sealed[..]).partition(PARTITION);
        if let Err((error, _)) = self.producer.send(record) {
            tracing::debug!(%error, "Kafka");
        }
    }

    /// Messages that no node of this cluster wrote.
    pub fn foreign(&self) -> u64 {
        self.shared.foreign.load(Ordering::Relaxed)
    }

    /// Whether what was on the board at the start has been told.
    pub fn is_read(&self) -> bool {
        self.shared.is_read.load(Ordering::Relaxed)
    }

    /// Waits for what was posted last, not for long.
    pub fn flush(&self) {
        if let Err(error) = self.producer.flush(FLUSH_TIMEOUT) {
            tracing::debug!(%error, "Kafka");
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic has been reported.
            let _ = thread.join();
        }
    }
}

/// Reads the board.
struct Reader {
    settings: Settings,
    topic: String,
    envelopes: Arc<Envelopes>,
    consumer: BaseConsumer<Quiet>,
    shared: Arc<Shared>,
}

impl Reader {
    fn run(self, heard: impl Fn(Heard<'_>)) {
        let (mut is_checked, mut is_assigned) = (false, false);
        while !self.shared.stopping.load(Ordering::Relaxed) {
            if !is_assigned {
                if let Err(error) = self.begin(&mut is_checked) {
                    tracing::debug!(error, "the board of the cluster cannot be read");
                    std::thread::sleep(RETRY_AFTER);
                    continue;
                }
                is_assigned = true;
            }
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => self.tell(&message, &heard),
                Some(Err(KafkaError::PartitionEOF(_))) => self.shared.is_read.store(true, Ordering::Relaxed),
                None => {}
                // What is still there is read once more: it changes nothing.
                Some(Err(error)) => {
                    tracing::debug!(%error, "Kafka");
                    is_assigned = false;
                    std::thread::sleep(RETRY_AFTER);
                }
            }
        }
    }

    /// Stands at the beginning of the topic, which is made if it is missing.
    fn begin(&self, is_checked: &mut bool) -> Result<(), String> {
        if !*is_checked {
            topic::prepare(&self.settings, &self.topic, Keeps::Latest, false).map_err(|error| error.to_string())?;
            *is_checked = true;
        }
        let text = |error: KafkaError| error.to_string();
        let (first, _) =
            self.consumer.fetch_watermarks(&self.topic, PARTITION, crate::settings::REQUEST_TIMEOUT).map_err(text)?;
        self.consumer.assign(&assignment(&self.topic, crate::append::from_kafka(first)).map_err(text)?).map_err(text)
    }

    fn tell(&self, message: &BorrowedMessage<'_>, heard: &impl Fn(Heard<'_>)) {
        let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
        let body = message.payload().and_then(|payload| self.envelopes.open(payload));
        match key.zip(body) {
            Some((key, body)) => heard(Heard { key, body, is_old: !self.shared.is_read.load(Ordering::Relaxed) }),
            None => {
                let count = self.shared.foreign.fetch_add(1, Ordering::Relaxed) + 1;
                if count.is_power_of_two() {
                    tracing::error!(count, "no node of this cluster wrote a message on its board; it is ignored");
                }
            }
        }
    }
}
