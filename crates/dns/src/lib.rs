//! The DNS vocabulary: names, record types, messages and their text forms.
//!
//! Pure functions over bytes: no clock, no socket, no file, no random source, no crypto.
#![forbid(unsafe_code)]

pub mod class;
pub mod edns;
pub mod header;
pub mod message;
pub mod name;
pub mod namehash;
pub mod network;
pub mod query;
pub mod question;
pub mod rdata;
pub mod response;
pub mod rtype;
pub mod scan;
pub mod serial;
pub mod zonefile;

pub use class::Class;
pub use edns::Edns;
pub use header::{Header, Opcode, Rcode};
pub use message::{Message, Question, Record};
pub use name::{Name, NameBuf, NameError, idn};
pub use namehash::NameHasher;
pub use rtype::RType;
