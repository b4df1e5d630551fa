//! Signing of zones (RFC 4033 to 4035, RFC 5155, RFC 6781, RFC 7583). Pure: callers pass the contents, the keys and the
//! time, and get changes, states or refusals back.
//!
//! Begin at [`policy`], what an operator wants of a zone; [`keys`] and [`timeline`] are the life of its keys, [`sign`] is
//! what a change has signed anew, and [`gate`] judges it before it counts.
#![forbid(unsafe_code)]

pub mod gate;
pub mod keys;
pub mod parent;
pub mod policy;
pub mod sign;
pub mod timeline;
pub mod zone_signer;
