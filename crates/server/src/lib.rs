//! The data plane: sockets, and the one function that answers a query.
//!
//! Links no store, no broker and no HTTP API; the control plane gives it zones through
//! [`zone::Published`] and settings through [`settings::Settings`].

pub mod answered;
pub mod certificate;
pub mod clock;
pub mod control;
pub mod limits;
pub mod listen;
pub mod policy;
pub mod priority;
pub mod query;
pub mod record;
pub mod recursion;
pub mod settings;
mod source;
pub mod stats;
pub mod transport;
pub mod upstream;

mod chaos;
mod delivery;
mod edns;
mod sys;
mod trace;
