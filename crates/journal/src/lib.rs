//! Durability: the journal of changes, its fold, the materialised store, backups.
//!
//! The journal is the truth: state is the fold of its events (`replica.rs`), and the store is that state
//! at some offset, so that a start need not fold all of history.
#![forbid(unsafe_code)]

pub mod accepted;
pub mod backup;
pub mod checksum;
pub mod codec;
pub mod corridor;
pub mod frame;
pub mod history;
pub mod journal;
pub mod lock;
pub mod memory;
mod octets;
pub mod replica;
pub mod shared;
pub mod sqlite;
pub mod store;

pub use accepted::Accepted;
pub use frame::{Assembled, Assembler};
pub use history::{History, Past};
pub use journal::{Bounds, Entry, Journal, JournalError, Offset};
pub use lock::{DirLock, LockError};
pub use memory::{Fate, MemoryJournal};
pub use replica::{Folded, LastEvent, Prepared, Rejected, Replica, ZoneState};
pub use sqlite::{SqliteJournal, Stream};
pub use store::{Checked, Follower, Store, StoredZone, check_position};
