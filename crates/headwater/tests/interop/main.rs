//! Headwater beside BIND, Knot, NSD and the usual clients, as Debian has them: transfers both ways, dynamic update,
//! and what survives a restart. A test whose tools are missing says that it was skipped.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../zone/tests/denials/mod.rs"]
mod denials;
mod expiry;
mod forwarding;
mod large;
mod odd_zones;
mod peer;
mod primary;
mod python;
mod rules;
mod signing;
mod survival;
mod tools;
mod transfers;
mod updates;
mod zonefile;
