//! TSIG: messages signed with a secret that both sides know (RFC 8945).
//!
//! The data plane calls [`verify_request`] on what comes in and signs the answer with the [`Signer`] it gets;
//! transfers in, notifications and forwarded updates call [`sign_request`] and check the answer with [`Expected`].
//! Everything is a function of octets, keys and the time in seconds since 1970.

mod algorithm;
mod client;
mod hmac_md5;
mod key;
mod record;
mod server;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use client::{Expected, MAX_UNSIGNED, TsigError, sign_request};
pub use key::{Key, KeyRing};
pub use server::{Failure, Refusal, Signer, Verified, verify_request};

/// Seconds that clocks may differ (RFC 8945 10).
pub const FUDGE: u16 = 300;
