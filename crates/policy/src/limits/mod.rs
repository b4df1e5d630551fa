//! Limits: who may ask at all, how much, and how much of it is answered.
//!
//! | Limit | Of what | Where |
//! | --- | --- | --- |
//! | access | addresses by network, for a while or for good | [`access`] |
//! | client | questions of one client | [`client`] |
//! | responses | answers of a kind to a network, for its protection | [`responses`] |
//! | recursion | questions that others must be asked about, by client and by zone | [`recursion`] |
//! | work | processor time for connections of one client | [`work`] |
//!
//! All of them are shared by all threads without a lock, take their memory when they are made and never again, and get
//! the time from who calls: microseconds of a clock that does not jump, from whichever beginning. What clients did is
//! kept in a [`table`], which says why an attack does not push others out of it.
//!
//! What each costs is measured by `cargo run --release -p headwater-policy --example limits`. Work reads one cache line,
//! a client's question two, an answer one for each prefix length, of which IPv4 has four and IPv6 five; access reads a
//! line of the directory and those of a short binary search.

pub mod access;
mod bucket;
pub mod client;
mod decay;
pub mod outcome;
pub mod prefix;
pub mod recursion;
pub mod responses;
pub mod table;
mod window;
pub mod work;

#[cfg(test)]
mod tests;
