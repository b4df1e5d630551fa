//! A running node: its zones and how they change, its journal, its sockets, its resolver, and what other servers ask of
//! it and tell it. The data plane is below it; the API and the command line stand on it.
#![forbid(unsafe_code)]

mod alert_decisions;
mod alerting;
pub mod anomalies;
pub mod backups;
pub mod catalogue;
pub mod cluster;
pub mod commit;
mod configured;
pub mod data_dir;
pub mod durable;
pub mod files;
pub mod findings;
mod follow;
pub mod handle;
mod health;
pub mod history;
mod housekeeping;
mod inbound;
pub mod list_hits;
pub mod listeners;
pub mod lists;
pub mod live;
pub mod loader;
pub mod lookups;
mod metrics;
pub mod monitor;
pub mod new_zone;
mod node;
mod notify;
mod observer;
pub mod outbound;
pub mod policy;
pub mod presigned;
pub mod progress;
pub mod query_log;
pub mod read_only;
mod readers;
mod recent;
mod recursion;
pub mod schedule;
pub mod scheduler;
pub mod secondary;
pub mod seen_clients;
pub mod signers;
pub mod signing;
mod sources;
mod start;
pub mod timed_blocks;
pub mod timings;
mod trust_anchors;
pub mod zone_info;

pub use handle::NodeHandle;
pub use node::{Node, NodeError};
