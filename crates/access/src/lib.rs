//! Access: who may do what, proven how, and kept where. Called by the API, the command line, dynamic updates and DDNS;
//! none of them decides anything about access themselves.
//!
//! Everything durable is an event (`event.rs`) in a journal of its own; `state.rs` is what they leave, `fold.rs`
//! how, `store.rs` appends and publishes. A request is answered in two steps: who is it (`principal_of_token`, [`Logins`]), and may they
//! ([`authorise`]). No secret is in a `Debug` or `Display` of this module; those that must be shown once are
//! [`Secret`]s.
#![forbid(unsafe_code)]

mod authorise;
mod bootstrap;
pub mod event;
mod failures;
#[cfg(test)]
#[path = "tests/fixture.rs"]
mod fixture;
mod fold;
mod grant;
pub mod limits;
mod login;
mod password;
mod past;
mod seal;
mod secret;
mod session;
pub mod state;
mod store;
mod token;
mod token_hash;

pub use authorise::{Denied, Principal, Refused, Who, authorise, no_such_zone};
pub use bootstrap::{ADMIN, BootstrapError, FirstAdmin, bootstrap};
pub use event::{AccessEvent, EventKind, Settings};
pub use fold::is_name;
pub use grant::{Action, Grant, Mismatch, Verb};
pub use login::{LoggedIn, Logins};
pub use password::{PasswordError, PasswordHash};
pub use past::{AccessChange, Happening, Subject};
pub use seal::{SealError, Sealed, Sealer};
pub use secret::{RandomError, Secret};
pub use session::{OpenSession, session_id};
pub use state::{AccessState, Key, Rejected, Role, Token, User};
pub use store::{AccessError, AccessStore, OpenKey};
pub use token::{NewToken, looks_like_token, principal_of_token};
pub use token_hash::TokenHash;
pub use zone::policy::{NamePattern, PatternError};
