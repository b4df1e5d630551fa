//! Makes the topic of a stream as it must be, or says what is wrong with the one that is there.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use journal::frame::MAX_BODY_BYTES;
use journal::{Bounds, JournalError, Offset};
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use crate::envelope::OVERHEAD;
use crate::settings::{Quiet, REQUEST_TIMEOUT, Settings};

/// Copies of a new topic, if there are as many brokers.
pub const COPIES: usize = 3;
/// Octets of a message that Kafka adds.
const MESSAGE_OVERHEAD: usize = 1024;
/// The one partition.
pub const PARTITION: i32 = 0;
/// A broker that makes a topic may take so long.
const CREATE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a topic keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Every message: it is a stream of the journal.
    All,
    /// The latest message of each key.
    Latest,
}

/// How a topic that keeps the latest messages is set, so that it stays small.
const LATEST: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("segment.bytes", "16777216"),
    ("segment.ms", "600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
];
/// How a topic that keeps every message is set.
const ALL: [(&str, &str); 3] = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];

/// Why a topic cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// No broker answered, or one refused.
    #[error("{0}")]
    Kafka(#[from] KafkaError),
    /// It was deleted.
    #[error("Kafka's topic {0} was deleted, and this server has what was in it")]
    Gone(String),
    /// It is not as it must be.
    #[error("Kafka's topic {topic} cannot be used: {why}")]
    Unfit {
        /// Which.
        topic: String,
        /// What is wrong, and what would be right.
        why: String,
    },
}

/// Makes `topic` if it is missing, and checks how it is set. One that `was_there` when this server looked last is not made anew:
/// what it had would be taken for lost by all.
pub fn prepare(settings: &Settings, topic: &str, keeps: Keeps, was_there: bool) -> Result<(), TopicError> {
    let admin = AdminClient::from_config_and_context(&settings.client(), Quiet)?;
    let unfit = |why: String| TopicError::Unfit { topic: topic.to_owned(), why };
    let brokers = admin.inner().fetch_metadata(None, REQUEST_TIMEOUT)?;
    if !has(&brokers, topic) {
        if was_there {
            return Err(TopicError::Gone(topic.to_owned()));
        }
        create(&admin, topic, keeps, brokers.brokers().len()).map_err(|why| match why {
            TopicError::Kafka(error) => unfit(format!("it is missing and cannot be made: {error}")),
            other => other,
        })?;
    }
    let metadata = admin.inner().fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
    let found = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
    let [partition] = found else {
        let count = found.len();
        return Err(match count {
            // It was made a moment ago: not every broker knows of it.
            0 => TopicError::Kafka(KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable)),
            _ => unfit(format!("it has {count} partitions; it must have 1, so that events have one order")),
        });
    };
    let copies = partition.replicas().len();
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let described = block_on(admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options))?;
    let config = described.into_iter().next().ok_or_else(|| unfit("no broker says how it is set".to_owned()))?;
    match problem(&config.map_err(KafkaError::AdminOp)?, keeps, copies) {
        Some(why) => Err(unfit(why)),
        None => Ok(()),
    }
}

/// Whether there is such a topic.
pub fn has(metadata: &Metadata, topic: &str) -> bool {
    metadata.topics().iter().any(|found| found.name() == topic && found.error().is_none())
}

fn create(admin: &AdminClient<Quiet>, topic: &str, keeps: Keeps, brokers: usize) -> Result<(), TopicError> {
    let copies = brokers.clamp(1, COPIES);
    let in_sync = copies.saturating_sub(1).max(1).to_string();
    let size = message_size().to_string();
    let kept = match keeps {
        Keeps::All => &ALL[..],
        Keeps::Latest => &LATEST[..],
    };
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(copies as i32));
    let new = kept
        .iter()
        .fold(new, |new, (name, value)| new.set(name, value))
        .set("min.insync.replicas", &in_sync)
        .set("unclean.leader.election.enable", "false")
        .set("max.message.bytes", &size);
    Ok(make(admin, &new, copies)?)
}

/// Makes a topic with so many copies; that another one was faster is as good.
pub fn make(admin: &AdminClient<Quiet>, new: &NewTopic<'_>, copies: usize) -> Result<(), KafkaError> {
    let options = AdminOptions::new().request_timeout(Some(CREATE_TIMEOUT)).operation_timeout(Some(CREATE_TIMEOUT));
    for made in block_on(admin.create_topics([new], &options))? {
        match made {
            Ok(topic) => tracing::info!(topic, copies, "made Kafka's topic"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(KafkaError::AdminOp(code)),
        }
    }
    Ok(())
}

/// Octets of a message that a topic must take.
fn message_size() -> usize {
    MAX_BODY_BYTES + OVERHEAD + MESSAGE_OVERHEAD
}

/// What is wrong with how a topic of so many copies is set, and what would be right.
fn problem(config: &ConfigResource, keeps: Keeps, copies: usize) -> Option<String> {
    let value = |name: &str| config.get(name).and_then(|entry| entry.value.clone());
    let number = |name: &str| value(name).and_then(|value| value.parse::<i64>().ok());
    let cleanup = value("cleanup.policy").unwrap_or_default();
    match keeps {
        Keeps::All if cleanup != "delete" => {
            return Some(format!("its cleanup.policy is {cleanup}, which loses events; it must be delete"));
        }
        Keeps::Latest if cleanup != "compact" => {
            return Some(format!("its cleanup.policy is {cleanup}, which loses what servers said; it must be compact"));
        }
        Keeps::All | Keeps::Latest => {}
    }
    let times = if keeps == Keeps::All { &["retention.ms", "retention.bytes"][..] } else { &[] };
    for name in times {
        let kept = value(name).unwrap_or_default();
        if kept != "-1" {
            return Some(format!("its {name} is {kept}, so that Kafka would delete events; it must be -1"));
        }
    }
    let size = number("max.message.bytes").unwrap_or(0);
    if keeps == Keeps::All && usize::try_from(size).unwrap_or(0) < message_size() {
        return Some(format!("its max.message.bytes is {size}; it must be {} or more", message_size()));
    }
    let (in_sync, least) = (number("min.insync.replicas").unwrap_or(0), if copies > 2 { 2 } else { 1 });
    if in_sync < least {
        return Some(format!(
            "its min.insync.replicas is {in_sync} with {copies} copies, so that a change may be lost with one broker; \
             it must be {least} or more"
        ));
    }
    None
}

/// Forgets the events before offset `before`; says what is there afterwards.
pub fn trim(settings: &Settings, topic: &str, before: Offset, bounds: Bounds) -> Result<Bounds, JournalError> {
    let unwritable = |error: KafkaError| JournalError::Unwritable(error.to_string());
    let admin = AdminClient::from_config_and_context(&settings.client(), Quiet).map_err(unwritable)?;
    let mut offsets = TopicPartitionList::new();
    let kafka = before.clamp(bounds.first, bounds.next) - 1;
    let offset = rdkafka::Offset::Offset(i64::try_from(kafka).unwrap_or(i64::MAX));
    offsets.add_partition_offset(topic, PARTITION, offset).map_err(unwritable)?;
    let options = AdminOptions::new().request_timeout(Some(CREATE_TIMEOUT));
    let done = block_on(admin.delete_records(&offsets, &options)).map_err(unwritable)?;
    for element in done.elements() {
        element.error().map_err(unwritable)?;
    }
    Ok(Bounds { first: kafka + 1, next: bounds.next })
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for what librdkafka answers; its options bound the wait.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}
