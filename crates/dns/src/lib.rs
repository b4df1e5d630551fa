//! The DNS vocabulary: names, record types, messages and their text forms.
//!
//! Pure functions over bytes: no clock, no socket, no file, no random source, no crypto.
#![forbid(unsafe_code)]

pub mod class;
pub mod name;
pub mod namehash;
pub mod rdata;
pub mod rtype;
pub mod scan;
pub mod zonefile;

pub use class::Class;
pub use name::{Name, NameBuf, NameError};
pub use namehash::NameHasher;
pub use rtype::RType;
