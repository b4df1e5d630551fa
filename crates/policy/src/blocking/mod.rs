//! The lists that block and allow names: how their texts are read, the index of millions of names, and what decides.
//!
//! - [`mod@format`]: one line of a list in, names or a rule or a reason out.
//! - [`index`]: which names are listed, in which lists, at which lines, in about twelve octets a name.
//! - [`build`]: makes an index of texts, in place of another one and part by part, and a report of each list.
//! - [`engine`]: which match decides about a question, and all that match.

pub mod build;
pub mod engine;
pub mod format;
pub mod index;
mod text;

pub use text::{Hashes, Plain};
