//! The producer of a topic: one stream of events in order, each of which is there once or its fate is told.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use journal::frame::MAX_BODY_BYTES;
use journal::{Bounds, JournalError, Offset};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, ToBytes};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::envelope::Envelopes;
use crate::link::Link;
use crate::producer::PolledProducer;
use crate::settings::{REQUEST_TIMEOUT, Settings, SettingsError, WRITE_TIMEOUT, log};
use crate::topic::PARTITION;

/// The pause while librdkafka's queue is full.
const FULL_PAUSE: Duration = Duration::from_millis(5);

/// Writes to a topic.
pub struct Appender {
    settings: Settings,
    topic: String,
    link: Arc<Link>,
    envelopes: Arc<Envelopes>,
    /// Replaced after an error that ends it.
    producer: Mutex<Arc<PolledProducer<Deliveries>>>,
    /// Held while events are appended, so that those of one append are one behind the other for this process.
    turn: Mutex<()>,
}

/// Events on their way, and what became of them.
pub struct Batch {
    state: Mutex<Delivered>,
    changed: Condvar,
}

/// Which message of which batch, as it goes with the message.
pub type PlaceInBatch = Box<(Arc<Batch>, usize)>;

#[derive(Default)]
struct Delivered {
    /// What is known of each event.
    results: Vec<Option<Result<Offset, KafkaError>>>,
    /// How many are known.
    known: usize,
}

impl Batch {
    /// So many, of which nothing is known.
    pub fn new(count: usize) -> Batch {
        let state = Delivered { results: (0..count).map(|_| None).collect(), known: 0 };
        Batch { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, Delivered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what became of the message with this place.
    pub fn hear(result: &DeliveryResult<'_>, place: &PlaceInBatch) {
        let result = match result {
            Ok(message) => Ok(from_kafka(message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        place.0.set(place.1, result);
    }

    /// This became of one of them.
    fn set(&self, at: usize, result: Result<Offset, KafkaError>) {
        let mut state = self.state();
        if let Some(known @ None) = state.results.get_mut(at) {
            *known = Some(result);
            state.known += 1;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until `count` are known; gives up when nothing has become known for [`WRITE_TIMEOUT`].
    pub fn wait(&self, count: usize) -> Vec<Option<Result<Offset, KafkaError>>> {
        let mut state = self.state();
        while state.known < count {
            let known = state.known;
            let waited = self.changed.wait_timeout_while(state, WRITE_TIMEOUT, |state| state.known == known);
            let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = now;
            if timeout.timed_out() && state.known == known {
                break;
            }
        }
        std::mem::take(&mut state.results)
    }
}

/// Hears what became of events, and of brokers that go.
struct Deliveries(Arc<Link>);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka");
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.0.all_down(&error);
        } else {
            self.0.trouble(reason);
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = PlaceInBatch;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Self::DeliveryOpaque) {
        Batch::hear(result, &opaque);
    }
}

/// The journal's offset for one of Kafka's.
pub fn from_kafka(offset: i64) -> Offset {
    Offset::try_from(offset).unwrap_or(0).saturating_add(1)
}

impl Appender {
    /// A writer to `topic`.
    pub fn new(
        settings: &Settings,
        topic: &str,
        link: &Arc<Link>,
        envelopes: &Arc<Envelopes>,
    ) -> Result<Appender, SettingsError> {
        let producer = Mutex::new(Arc::new(start(settings, link)?));
        let (settings, topic, turn) = (settings.clone(), topic.to_owned(), Mutex::new(()));
        Ok(Appender { settings, topic, link: link.clone(), envelopes: envelopes.clone(), producer, turn })
    }

    /// What the topic holds, as a broker says.
    pub fn bounds(&self) -> Result<Bounds, KafkaError> {
        let producer = lock(&self.producer).clone();
        let (first, next) = producer.client().fetch_watermarks(&self.topic, PARTITION, REQUEST_TIMEOUT)?;
        Ok(Bounds { first: from_kafka(first), next: from_kafka(next) })
    }

    /// Appends events, and returns their offsets.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`], [`JournalError::Unknown`].
    pub fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
        if let Some(body) = bodies.iter().find(|body| body.len() > MAX_BODY_BYTES) {
            let why = format!("an entry of {} octets is longer than {MAX_BODY_BYTES}", body.len());
            return Err(JournalError::Unwritable(why));
        }
        let _turn = lock(&self.turn);
        if let Some(why) = &self.link.state().away {
            return Err(JournalError::Unwritable(why.clone()));
        }
        let producer = self.working().map_err(|error| JournalError::Unwritable(error.to_string()))?;
        let batch = Arc::new(Batch::new(bodies.len()));
        let mut sent = 0;
        for (at, body) in bodies.iter().enumerate() {
            match send(&producer, &self.topic, &self.envelopes.seal(body), &batch, at) {
                Ok(()) => sent += 1,
                Err(error) if sent == 0 => return Err(JournalError::Unwritable(error.to_string())),
                Err(error) => {
                    batch.set(at, Err(error));
                    break;
                }
            }
        }
        let results = batch.wait(bodies.len().min(sent + 1).max(sent));
        self.told(results)
    }

    /// What became of an append.
    fn told(&self, results: Vec<Option<Result<Offset, KafkaError>>>) -> Result<Vec<Offset>, JournalError> {
        let is_refused = |result: &Option<Result<_, KafkaError>>| matches!(result, Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_refusal));
        let all_refused = results.iter().all(is_refused);
        let silence = || Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut));
        let offsets: Result<Vec<Offset>, _> =
            results.into_iter().map(|result| result.unwrap_or_else(silence)).collect();
        offsets.map_err(|error| {
            if all_refused {
                return JournalError::Unwritable(error.to_string());
            }
            self.link.away(&format!("a broker did not answer in time: {error}"));
            JournalError::Unknown(error.to_string())
        })
    }

    /// The producer; a new one, if the last one has come to its end.
    fn working(&self) -> Result<Arc<PolledProducer<Deliveries>>, SettingsError> {
        let mut producer = lock(&self.producer);
        if let Some((code, why)) = producer.client().fatal_error() {
            tracing::warn!(%code, why, "Kafka's producer has ended; a new one begins");
            *producer = Arc::new(start(&self.settings, &self.link)?);
        }
        Ok(producer.clone())
    }
}

fn start(settings: &Settings, link: &Arc<Link>) -> Result<PolledProducer<Deliveries>, SettingsError> {
    PolledProducer::start(&settings.producer(), Deliveries(link.clone()))
}

/// Puts an event into the producer's queue.
fn send(
    producer: &BaseProducer<Deliveries>,
    topic: &str,
    message: &[u8],
    batch: &Arc<Batch>,
    at: usize,
) -> Result<(), KafkaError> {
    let opaque = Box::new((batch.clone(), at));
    let record: BaseRecord<'_, (), [u8], _> =
        BaseRecord::with_opaque_to(topic, opaque).payload(message).partition(PARTITION);
    enqueue(producer, record)
}

/// Puts a message into the producer's queue, which may be full for a while.
pub fn enqueue<C, K>(
    producer: &BaseProducer<C>,
    mut record: BaseRecord<'_, K, [u8], C::DeliveryOpaque>,
) -> Result<(), KafkaError>
where
    C: ProducerContext + 'static,
    K: ToBytes + ?Sized,
{
    let end = Instant::now() + WRITE_TIMEOUT;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) if Instant::now() < end => {
                record = again;
                std::thread::sleep(FULL_PAUSE);
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Whether a broker that says this has not taken the event.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, InvalidTopic, MessageSizeTooLarge, PolicyViolation, TopicAuthorizationFailed,
    };
    matches!(
        code,
        ClusterAuthorizationFailed | InvalidTopic | MessageSizeTooLarge | PolicyViolation | TopicAuthorizationFailed
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
