//! Keys of zones in files: the two files that BIND's tools write and most signers read, and PKCS#8 in PEM (RFC 5958,
//! RFC 7468), as Knot keeps its keys.
//!
//! A key in BIND's form has a file that everybody may read, with its DNSKEY record ([`parse_public`],
//! [`to_public_text`]), and one that is secret ([`parse_private`], [`to_private_text`]). Where there is no public file,
//! the public key is derived from the private one, and only its flags have to be given.
//!
//! ```
//! use dns::NameBuf;
//! use dnssec::algorithm::Algorithm;
//! use dnssec::key_file::{Timing, file_stem, parse_private, parse_public, to_private_text, to_public_text};
//! use dnssec::sign::SigningKey;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let zone: NameBuf = "example.org.".parse()?;
//! let key = SigningKey::generate(Algorithm::ECDSAP256SHA256)?.with_flags(257);
//! let timing = Timing { created_s: Some(1_700_000_000), ..Timing::default() };
//! let (public, private) = (to_public_text(&zone, 3600, &key), to_private_text(&key, &timing)?);
//! assert_eq!(file_stem(&zone, key.dnskey_rdata()), format!("Kexample.org.+013+{:05}", key.key_tag()));
//!
//! let public = parse_public(&public)?;
//! let (read, times) = parse_private(&private, public.flags, None)?;
//! public.check(&read)?;
//! assert_eq!((read.dnskey_rdata(), times), (key.dnskey_rdata(), timing));
//! # Ok(())
//! # }
//! ```

mod bind;
mod components;
mod der;
mod pkcs8;
mod public;
mod timing;

pub use bind::to_private_text;
pub use public::{PublicKeyFile, file_stem, parse_public, to_public_text};
pub use timing::Timing;

use crate::algorithm::Algorithm;
use crate::sign::SigningKey;

/// Bytes of the longest file that is read. A key of 4096 bits has three thousand.
pub const MAX_FILE_LEN: usize = 16 * 1024;

/// Why a file is no key that this crate can use. Nothing of the file's contents is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// The first line says neither of the forms.
    #[error("expected a first line \"Private-key-format: v1.3\" (BIND) or \"-----BEGIN PRIVATE KEY-----\" (PKCS#8)")]
    Format,
    /// The file is longer than [`MAX_FILE_LEN`].
    #[error("the file has more than {MAX_FILE_LEN} bytes, which no key needs")]
    TooLong,
    /// Something is not what it should be.
    #[error("line {line}: expected {expected}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A field stands twice.
    #[error("line {line}: \"{field}\" stands here a second time")]
    Twice {
        /// The line, from 1.
        line: usize,
        /// The name of the field.
        field: &'static str,
    },
    /// A field is not there.
    #[error("the line \"{0}: ...\" is missing")]
    Missing(&'static str),
    /// This crate does not sign with the algorithm.
    #[error(
        "line {line}: algorithm {algorithm} is not one to sign with: RSASHA256 (8), RSASHA512 (10), ECDSAP256SHA256 \
         (13), ECDSAP384SHA384 (14) and ED25519 (15) are"
    )]
    UnknownAlgorithm {
        /// The line, from 1.
        line: usize,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// PKCS#8 data is damaged, or has a key of another kind.
    #[error("expected PKCS#8 data of a private key: RSA, ECDSA over P-256 or P-384, or Ed25519")]
    Pkcs8,
    /// The key is not of the algorithm that was asked for.
    #[error("expected a key of {wanted}, found one of {found}")]
    OtherAlgorithm {
        /// What was asked for.
        wanted: Algorithm,
        /// What the file has.
        found: Algorithm,
    },
    /// An RSA key is too short to be safe, or too long for validators.
    #[error("the RSA key has {0} bits: keys to sign with have at least 2048 bits, and at most 4096")]
    RsaSize(usize),
    /// The numbers are not those of a private key, or contradict each other.
    #[error("the numbers in the file are not those of a private key of {0}")]
    Numbers(Algorithm),
    /// The private key does not belong to the public one.
    #[error("expected the private key of the DNSKEY with tag {public}, found that of tag {private}")]
    OtherKey {
        /// The key tag of the public key.
        public: u16,
        /// The key tag that belongs to the private key.
        private: u16,
    },
}

/// Reads a private key: BIND's format v1.2 or v1.3, as BIND, ldns and PowerDNS write it, or PKCS#8 in PEM. `flags` are
/// those of its DNSKEY record, which no private file has; PKCS#8 has no times either.
///
/// With an `algorithm` the key must be of that. Without, an RSA key in PKCS#8, which does not say with which hash it
/// signs, is one of RSA/SHA-256.
///
/// # Errors
/// [`KeyFileError`] says what is wrong and in which line. A public key next to the private one is not compared:
/// [`PublicKeyFile::check`].
pub fn parse_private(
    text: &str,
    flags: u16,
    algorithm: Option<Algorithm>,
) -> Result<(SigningKey, Timing), KeyFileError> {
    check_len(text)?;
    let first = lines(text).next().map_or("", |(_, line)| line);
    let (key, timing) = if first == pkcs8::BEGIN {
        (pkcs8::parse(text, algorithm)?, Timing::default())
    } else if first.starts_with(bind::FORMAT) {
        bind::parse(text)?
    } else {
        return Err(KeyFileError::Format);
    };
    match algorithm {
        Some(wanted) if wanted != key.algorithm() => {
            Err(KeyFileError::OtherAlgorithm { wanted, found: key.algorithm() })
        }
        _ => Ok((key.with_flags(flags), timing)),
    }
}

fn check_len(text: &str) -> Result<(), KeyFileError> {
    if text.len() > MAX_FILE_LEN { Err(KeyFileError::TooLong) } else { Ok(()) }
}

/// The lines that are not empty, without blanks around them, with their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty())
}
