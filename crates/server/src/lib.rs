//! The data plane: sockets, and the one function that answers a query.
//!
//! Links no store, no broker and no HTTP API; the control plane gives it zones through
//! [`zone::Published`] and settings through [`settings::Settings`].

pub mod client;
pub mod clock;
pub mod control;
pub mod handover;
pub mod limits;
pub mod listen;
pub mod policy;
pub mod priority;
pub mod query;
pub mod recursion;
pub mod settings;
pub mod stats;

mod chaos;

mod edns;
