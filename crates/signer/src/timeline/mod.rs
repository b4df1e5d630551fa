//! The life of a zone's keys (RFC 7583, RFC 6781, RFC 7344, RFC 8078): from the keys, the policy, what was observed and
//! the time follow the keys as they are now, what is missing, and what is waited for. No clock, no I/O.
//!
//! Each element of each key is hidden, rumoured, omnipresent or unretentive ([`crate::keys::Visibility`]). Time moves an
//! element on once no cache can have what was before (`timing.rs`). An element is published or withdrawn when its key's
//! goal asks for it (`moves.rs`) and caches find a valid chain with every mixture of RRsets that they may have then
//! (`rules.rs`). Rollovers of every kind are nothing but keys with the goal to go and others that are in use.

mod advance;
mod facts;
mod moves;
mod plan;
mod requests;
mod rules;
mod sentence;
mod timing;
mod waits;

pub use advance::advance;
pub use facts::{Awaited, DsSeen, Facts, NewKey, Outcome, Wait, Wanted};
pub use plan::{PlannedKey, PlannedStep, Trial, earliest_roll, plan, plan_request};
pub use requests::{Request, TimelineError, Which, confirm_ds, retire, roll};
pub use sentence::moment;
