//! Durability: the journal of changes, its fold, the materialised store, backups.
//!
//! The journal is the truth: state is the fold of its events (`replica.rs`), and the store is that state
//! at some offset, so that a start need not fold all of history.
#![forbid(unsafe_code)]

pub mod codec;
pub mod frame;
pub mod journal;
pub mod memory;
mod octets;
pub mod sqlite;

pub use frame::{Assembled, Assembler};
pub use journal::{Bounds, Entry, Journal, JournalError, Offset};
pub use memory::MemoryJournal;
pub use sqlite::{SqliteJournal, Stream};
