//! Durability: the journal of changes, its fold, the materialised store, backups.
//!
//! The journal is the truth: state is the fold of its events (`replica.rs`), and the store is that state
//! at some offset, so that a start need not fold all of history.
#![forbid(unsafe_code)]

pub mod accepted;
pub mod journal;
pub mod replica;
pub mod store;

pub use accepted::Accepted;
pub use journal::{Bounds, Entry, Journal, JournalError, Offset};
pub use replica::{Folded, Prepared, Rejected, Replica, ZoneState};
pub use store::{Checked, Follower, Store, StoredZone, check_position};
