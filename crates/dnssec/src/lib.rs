//! DNSSEC and TSIG over bytes: the only user of the crypto libraries. No clock, no I/O.
#![forbid(unsafe_code)]

pub mod digest;
pub mod nsec3;
pub mod seal;
pub mod tsig;
