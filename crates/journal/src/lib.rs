//! Durability: the journal of changes, its fold, the materialised store, backups.
//!
//! The journal is the truth: state is the fold of its events (`replica.rs`), and the store is that state
//! at some offset, so that a start need not fold all of history.
#![forbid(unsafe_code)]

pub mod accepted;
pub mod codec;
pub mod frame;
pub mod history;
pub mod journal;
mod octets;
pub mod store;

pub use accepted::Accepted;
pub use frame::{Assembled, Assembler};
pub use history::{History, Past};
pub use journal::{Bounds, Entry, Journal, JournalError, Offset};
pub use store::{Checked, Follower, Store, StoredZone, check_position};
