//! What the server did, for people to see. The data plane leaves a record of each answer (`server::record`); the
//! collector (`collector.rs`) takes them and offers them to readers, each with a thread of its own. A reader never keeps
//! an answer waiting: what it does not take in time is dropped and counted. The query log is such a reader
//! (`query_log/`); what it writes to (`output/`) the server's own log uses too.
#![forbid(unsafe_code)]

pub mod collector;
pub mod contents;
pub mod decision;
pub mod filter;
pub mod health;
pub mod history;
pub mod live;
mod locked;
pub mod metrics;
pub mod names;
pub mod output;
pub mod query_log;
pub mod request_id;
pub mod rows;
pub mod statistics;
pub mod time;

pub use collector::{Collector, Delivery, Subscription, Wanting};
pub use decision::{Decision, DecisionText, Naming};
pub use filter::{Filter, FilterError};
pub use query_log::QueryLog;
pub use request_id::RequestId;
pub use rows::{Row, Rows};
