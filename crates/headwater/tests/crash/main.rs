//! What is left when things go wrong: the process is killed at any moment, the disk is full, read-only or damaged,
//! two servers want one data directory, or share a journal. Acknowledged changes stay, half a change never is, queries are answered.
//!
//! `HEADWATER_CRASH_ROUNDS` kills instead of a few, `HEADWATER_CRASH_SEED` repeats a run, `HEADWATER_SOAK_CHANGES`
//! changes instead of a few thousand, `HEADWATER_BIN` another binary than the one of the tests.

#[path = "../common/mod.rs"]
mod common;
mod damage;
mod disk;
mod kept;
mod kills;
mod model;
mod node;
mod shared;
mod soak;
mod transfer;
mod updates;
mod upgrade;

use common::{fresh_seed, setting};
