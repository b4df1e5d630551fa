//! `headwater serve` with lists, rules, groups and response policy zones in front of an authoritative server: what
//! clients get, what the log and the metrics say of it, and what others do with the same policy zone.

mod actions;
mod aliases;
mod authority;
mod changes;
#[path = "../common/mod.rs"]
mod common;
mod overrides;
#[path = "../interop/peer.rs"]
#[allow(dead_code)] // Here BIND is a primary, and nothing else.
mod peer;
mod peers;
mod policy_zone;
mod records;
mod rpz;
mod rules;
mod servers;
mod site;
#[path = "../interop/tools.rs"]
#[allow(dead_code)] // For updates of BIND's zone.
mod tools;
mod transfer;
