//! The one corridor for changes: API, UPDATE, transfers in and imports all end in [`Committer::commit`].
//!
//! One thread takes what is submitted, in groups: each request is prepared on top of those before it,
//! checked and encoded, the group is appended to the journal with one synchronisation, folded by the
//! replica and published; then everybody hears the outcome. Acknowledged means: durable, accepted by
//! the fold, and visible to queries.

mod request;

pub use request::{CommitError, Committed, DraftZone, Drafts, Intent, Prepare, Request, SerialRule};
