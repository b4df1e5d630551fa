//! Scenarios: resolver tests as data, in the replay format of Unbound's testbound that Deckard uses too.
//!
//! `headwater debug scenario` and the tests run them on [`crate::sim`]. [`parse`] reads a file, [`script`] plays its
//! servers, [`run`] goes through its steps. What of the format is understood stands in docs/guide/scenarios.md.

pub mod client;
pub mod config;
pub mod entry;
pub mod parse;
pub mod run;
pub mod script;
pub mod text;
