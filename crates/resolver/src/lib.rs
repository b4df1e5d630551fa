//! The resolver: recursive and forwarding resolution, DNSSEC validation, the cache.
//!
//! It has no socket, clock or random source: the network, time and randomness come through
//! [`upstream::Upstream`], so that all of it runs in a simulator in virtual time
//! (the crate `simulator`). It knows nothing of our own zones
//! but what [`local::LocalData`] tells.
//!
//! Where to begin: [`resolve`] answers a client's question; it asks [`iterate`] or [`forward`] for one name at a
//! time, [`validate`] what of it is true, and keeps it in [`cache`].
#![forbid(unsafe_code)]

pub mod anchors;
pub mod bounded;
pub mod cache;
pub mod delegation;
pub mod dns64;
pub mod fetched;
pub mod flight;
pub mod hints;
pub mod limits;
pub mod local;
pub mod outcome;
pub mod question;
pub mod rebinding;
pub mod reply;
pub mod resolve;
pub mod route;
pub mod rrset;
pub mod scrub;
pub mod security;
pub mod servers;
pub mod settings;
pub mod special;
pub mod terms;
pub mod trace;
pub mod upstream;
pub mod validate;
pub mod way;
pub mod work;

mod addresses;
mod ask;
mod assembly;
mod chain;
mod followup;
mod forward;
mod iterate;
mod learn;
mod minimise;
mod stale;
mod zone;

pub use fetched::{Fetched, Kind};
pub use outcome::Outcome;
pub use question::Question;
pub use resolve::{Resolver, Shared};
pub use rrset::Rrset;
pub use security::Security;
pub use settings::Settings;
pub use upstream::Upstream;
