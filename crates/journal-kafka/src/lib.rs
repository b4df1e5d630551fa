//! The journal in Apache Kafka: several nodes share their zones, users and settings.
//!
//! A stream is a topic with one partition, so that its events have one order. Journal offsets are Kafka's plus one. One
//! thread of a stream (`follow.rs`) follows the topic and keeps its latest events in memory (`link.rs`); older ones are
//! fetched when they are asked for (`older.rs`); one producer (`append.rs`) writes. While no broker answers, the journal
//! refuses what is to be appended at once and goes on with what it has read.
#![forbid(unsafe_code)]

mod append;
mod envelope;
mod follow;
mod journal;
mod kept;
mod key;
mod link;
mod older;
mod settings;
mod tail;
mod topic;

pub use journal::KafkaJournal;
pub use kept::Kept;
pub use key::{ClusterKey, KeyError};
pub use link::Status;
pub use settings::{Settings, SettingsError};
