//! Shared settings: what is set by API and not by the configuration, and holds for every server on the journal.
//!
//! They are documents in collections (`collection.rs`), and a stream of the journal holds every change of them: who, when
//! and why (`event.rs`). `state.rs` is what the events leave, `fold.rs` how; `store.rs` appends and publishes, `past.rs`
//! gives history and takes changes back. What a document means is the business of whoever owns its collection, who checks
//! it before it is submitted and reads it from each new state.

mod body;
mod collection;
mod event;
mod fold;
mod past;
mod state;
mod store;
#[cfg(test)]
mod tests;

pub use body::{Body, BodyError, MAX_BODY};
pub use collection::{Collection, Room};
pub use event::{Change, EventError, MAX_CHANGES, SettingsEvent};
pub use past::{MAX_PAGE, PastChange};
pub use state::{Conflict, Document, Rejected, SettingsState};
pub use store::{Author, SettingsError, SharedSettings, one_line};
