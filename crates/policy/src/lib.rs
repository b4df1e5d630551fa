//! What is answered to whom: lists and rules that block names, response policy zones, devices and groups, rate limits,
//! anomalies. Deterministic: no clock, no socket, no file, no random source; who calls brings time and seeds.

pub mod action;
pub mod adguard;
pub mod anomaly;
pub mod blocking;
pub mod devices;
pub mod limits;
pub mod policies;
pub mod rpz;
pub mod ruling;
pub mod safe_search;
pub mod suffix;
pub mod who;

pub use action::{Action, Effect, Rewrite, RuleRef};
pub use policies::Policies;
pub use rpz::Looks;
pub use ruling::{Did, Mark, Outcome, Rules, Ruling};
pub use who::{ListId, ListSet, Who};
