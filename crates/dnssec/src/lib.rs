//! DNSSEC and TSIG over bytes. This is the only crate that uses the crypto libraries. It has no clock and does no I/O:
//! callers pass the current time.
//!
//! To validate, begin at [`verify`]; proofs that a name or a type does not exist are in [`nsec`] and [`nsec3`]. To sign
//! records, begin at [`sign`]; its keys are kept in files as [`key_file`] says. To sign messages, begin at [`tsig`].
//!
//! A signature, verified from the DS record down:
//!
//! ```
//! use dns::{Class, NameBuf, RType};
//! use dnssec::algorithm::Algorithm;
//! use dnssec::digest::{DS_SHA256, ds_matches};
//! use dnssec::key::zone_keys;
//! use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};
//! use dnssec::verify::{Rrset, Scratch, VerifyBudget, VerifyError, verify_with_keys};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let zone: NameBuf = "example.".parse()?;
//! let key = SigningKey::generate(Algorithm::ED25519)?;
//! let (dnskey, ds) = (key.dnskey_rdata(), key.ds_rdata(&zone, DS_SHA256)?);
//! let addresses: [&[u8]; 1] = [&[192, 0, 2, 1]];
//! let set = Rrset { owner: &zone, class: Class::IN, rtype: RType::A, ttl: 300, rdatas: &addresses };
//! let terms = SignatureTerms { signer: &zone, inception: 1000, expiration: 5000, labels: None };
//! let mut scratch = Scratch::default();
//! let rrsig = sign_rrset(&set, &terms, &key, &mut scratch)?;
//!
//! // A validator trusts the DS record, so it trusts the key, so it trusts the addresses.
//! assert!(ds_matches(&zone, dnskey, &ds));
//! let keys = zone_keys([dnskey], false);
//! let mut budget = VerifyBudget::new(8);
//! let verified = verify_with_keys(&set, &rrsig, &zone, &keys, 2000, &mut budget, &mut scratch)?;
//! assert_eq!((verified.ttl, verified.wildcard), (300, None));
//!
//! let late = verify_with_keys(&set, &rrsig, &zone, &keys, 6000, &mut budget, &mut scratch);
//! assert_eq!(late, Err(VerifyError::Expired));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod algorithm;
pub mod canonical;
pub mod denial;
pub mod digest;
pub mod key;
pub mod key_file;
pub mod limits;
pub mod mac;
pub mod nsec;
pub mod nsec3;
pub mod seal;
pub mod sign;
mod small_rsa;
pub mod tsig;
pub mod verify;
pub mod zone_digest;
