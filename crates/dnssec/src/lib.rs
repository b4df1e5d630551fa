//! DNSSEC and TSIG over bytes: the only user of the crypto libraries. No clock, no I/O.
//!
//! A validator begins at [`verify`]; proofs that something does not exist are in [`nsec`] and [`nsec3`].
#![forbid(unsafe_code)]

pub mod algorithm;
pub mod canonical;
pub mod denial;
pub mod digest;
pub mod key;
pub mod limits;
pub mod nsec;
pub mod nsec3;
pub mod seal;
pub mod sign;
mod small_rsa;
pub mod tsig;
pub mod verify;
