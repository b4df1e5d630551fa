//! A producer with the thread that hears what became of its messages.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::producer::{BaseProducer, ProducerContext};

use crate::settings::SettingsError;

/// How long the thread waits before it looks whether it is to end. What comes wakes it; rdkafka's wait ends with a
/// millisecond in which it asks without a break, so that short waits would cost a part of a processor.
const POLL: Duration = Duration::from_secs(1);

/// The producer: rdkafka's, whose deliveries a thread of its own hears. rdkafka's own `ThreadedProducer` waits a tenth of a
/// second at a time.
pub struct PolledProducer<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    stopping: Arc<AtomicBool>,
}

impl<C: ProducerContext + 'static> PolledProducer<C> {
    /// Starts it.
    ///
    /// # Errors
    /// What keeps Kafka's client or the thread from being started.
    pub fn start(config: &ClientConfig, context: C) -> Result<PolledProducer<C>, SettingsError> {
        let producer = Arc::new(BaseProducer::from_config_and_context(config, context)?);
        let stopping = Arc::new(AtomicBool::new(false));
        let (polled, is_over) = (producer.clone(), stopping.clone());
        std::thread::Builder::new().name("kafka-sent".into()).spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                polled.poll(POLL);
            }
        })?;
        Ok(PolledProducer { producer, stopping })
    }
}

impl<C: ProducerContext + 'static> Deref for PolledProducer<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &BaseProducer<C> {
        &self.producer
    }
}

/// The thread ends by itself, soon after.
impl<C: ProducerContext + 'static> Drop for PolledProducer<C> {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
