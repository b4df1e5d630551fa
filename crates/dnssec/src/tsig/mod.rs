//! TSIG: messages signed with a shared secret (RFC 8945).
//!
//! A server calls [`verify_request`] and signs the answer with the [`Signer`] that it returns. A client calls
//! [`sign_request`] and checks the answer with the [`Expected`] that it returns. Everything is a function of bytes,
//! keys and the time in seconds since 1970.
//!
//! ```
//! use std::sync::Arc;
//!
//! use dns::{Message, NameBuf, RType};
//! use dnssec::tsig::{Algorithm, Key, KeyRing, sign_request, verify_request};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (name, secret, now): (NameBuf, _, _) = ("transfer.".parse()?, [7; 32], 1_790_000_000);
//! // The client.
//! let question = Message::query(1, "example.".parse::<NameBuf>()?, RType::SOA).to_wire(512);
//! let (mut request, tsig_at) = (question.clone(), question.len());
//! let key = Arc::new(Key::new(name.clone(), Algorithm::HmacSha256, &secret));
//! let mut expected = sign_request(&key, &mut request, now);
//! // The server, which answers with the question itself.
//! let keys = KeyRing::new([Key::new(name, Algorithm::HmacSha256, &secret)]);
//! let Ok(mut verified) = verify_request(&request, tsig_at, &keys, now) else { panic!("refused") };
//! let mut answer = verified.message;
//! verified.signer.sign(&mut answer, now);
//! // The client again.
//! assert_eq!(expected.check(&answer, now)?, question);
//! expected.finish()?;
//! # Ok(())
//! # }
//! ```

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

/// How many seconds the clocks of both sides may differ (RFC 8945 10).
pub const FUDGE: u16 = 300;
