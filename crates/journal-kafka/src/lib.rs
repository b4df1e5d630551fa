//! The journal in Apache Kafka: several nodes share their zones, users and settings.
//!
//! A stream is a topic with one partition, so that its events have one order. Journal offsets are Kafka's plus one. One
//! thread of a stream (`follow.rs`) follows the topic and keeps its latest events in memory (`link.rs`); older ones are
//! fetched when they are asked for (`older.rs`); one producer (`append.rs`) writes. While no broker answers, the journal
//! refuses what is to be appended at once and goes on with what it has read. What servers say of themselves stands on a board
//! (`board.rs`): a topic that keeps the latest message of each. Snapshots of the zones, for new servers, are in another
//! (`snapshots.rs`).
//!
//! Topics of others, whose messages are no events of ours, are read and written through `records/`.
#![forbid(unsafe_code)]

mod append;
mod board;
mod brokers;
mod envelope;
mod follow;
mod journal;
mod kept;
mod key;
mod link;
mod older;
mod producer;
pub mod records;
mod said;
mod security;
mod settings;
mod snapshots;
mod tail;
mod topic;

pub use board::{Board, Heard};
pub use brokers::Brokers;
pub use journal::KafkaJournal;
pub use kept::Kept;
pub use key::{ClusterKey, KeyError};
pub use link::Status;
pub use security::{Mechanism, Sasl, Security, SecurityError, Tls};
pub use settings::{Settings, SettingsError};
pub use snapshots::{SnapshotError, Snapshots};
