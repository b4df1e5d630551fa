//! The algorithms of TSIG (RFC 8945 6). HMAC-MD5 and GSS-TSIG are not offered, nor are the names that stand for a
//! fixed truncation.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use dns::Name;

/// How a message authentication code is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC-SHA1, for old peers only.
    HmacSha1,
    /// HMAC-SHA224.
    HmacSha224,
    /// HMAC-SHA256, which everybody has.
    HmacSha256,
    /// HMAC-SHA384.
    HmacSha384,
    /// HMAC-SHA512.
    HmacSha512,
}

/// A text that names no algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 5] = [
        Algorithm::HmacSha1,
        Algorithm::HmacSha224,
        Algorithm::HmacSha256,
        Algorithm::HmacSha384,
        Algorithm::HmacSha512,
    ];
    /// Octets of the longest algorithm name on the wire.
    pub(super) const MAX_NAME_LEN: usize = 13;
    /// Octets of the longest message authentication code.
    pub(super) const MAX_MAC_LEN: usize = 64;

    /// The name as configurations write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::HmacSha1 => "hmac-sha1",
            Algorithm::HmacSha224 => "hmac-sha224",
            Algorithm::HmacSha256 => "hmac-sha256",
            Algorithm::HmacSha384 => "hmac-sha384",
            Algorithm::HmacSha512 => "hmac-sha512",
        }
    }

    /// The name in TSIG records, canonical.
    pub(super) fn name(self) -> &'static Name {
        Name::from_validated(match self {
            Algorithm::HmacSha1 => b"\x09hmac-sha1\0",
            Algorithm::HmacSha224 => b"\x0bhmac-sha224\0",
            Algorithm::HmacSha256 => b"\x0bhmac-sha256\0",
            Algorithm::HmacSha384 => b"\x0bhmac-sha384\0",
            Algorithm::HmacSha512 => b"\x0bhmac-sha512\0",
        })
    }

    /// Octets of an untruncated message authentication code.
    pub(super) fn mac_len(self) -> usize {
        match self {
            Algorithm::HmacSha1 => 20,
            Algorithm::HmacSha224 => 28,
            Algorithm::HmacSha256 => 32,
            Algorithm::HmacSha384 => 48,
            Algorithm::HmacSha512 => 64,
        }
    }

    /// Whether a message authentication code may be truncated to `len` octets (RFC 8945 5.2.2.1): to ten
    /// octets or half the hash, whichever is more.
    pub(super) fn may_be_truncated_to(self, len: usize) -> bool {
        len <= self.mac_len() && len >= (self.mac_len() / 2).max(10)
    }

    /// The library's name for it.
    pub(super) fn hmac(self) -> hmac::Algorithm {
        match self {
            Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::HmacSha224 => hmac::HMAC_SHA224,
            Algorithm::HmacSha256 => hmac::HMAC_SHA256,
            Algorithm::HmacSha384 => hmac::HMAC_SHA384,
            Algorithm::HmacSha512 => hmac::HMAC_SHA512,
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// The name, with or without a final dot, case ignored.
    fn from_str(text: &str) -> Result<Algorithm, UnknownAlgorithm> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let found = Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text));
        found.ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_lengths_agree_with_each_other() {
        for algorithm in Algorithm::ALL {
            let text = algorithm.to_string();
            assert_eq!(text.parse(), Ok(algorithm));
            assert_eq!(format!("{}.", text.to_uppercase()).parse(), Ok(algorithm));
            assert_eq!(algorithm.name().to_string(), format!("{text}."));
            assert_eq!(algorithm.hmac().digest_algorithm().output_len(), algorithm.mac_len());
            assert!(algorithm.name().len() <= Algorithm::MAX_NAME_LEN && algorithm.mac_len() <= Algorithm::MAX_MAC_LEN);
        }
        for text in ["", ".", "hmac-md5", "hmac-md5.sig-alg.reg.int.", "hmac-sha256..", "sha256"] {
            assert_eq!(text.parse::<Algorithm>(), Err(UnknownAlgorithm), "{text}");
        }
    }

    #[test]
    fn truncation() {
        let check = |algorithm: Algorithm, least: usize| {
            let allowed: Vec<usize> = (0..100).filter(|&len| algorithm.may_be_truncated_to(len)).collect();
            assert_eq!(allowed, (least..=algorithm.mac_len()).collect::<Vec<_>>(), "{algorithm}");
        };
        check(Algorithm::HmacSha1, 10);
        check(Algorithm::HmacSha224, 14);
        check(Algorithm::HmacSha256, 16);
        check(Algorithm::HmacSha384, 24);
        check(Algorithm::HmacSha512, 32);
    }
}
