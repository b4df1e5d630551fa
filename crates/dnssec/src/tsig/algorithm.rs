//! The algorithms of TSIG (RFC 8945 6). HMAC-MD5 is for old peers. GSS-TSIG is not supported, nor are the names with a
//! fixed truncation.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use dns::Name;

use super::hmac_md5;

/// How message authentication codes (MACs) are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC-MD5, for old peers only: use another one wherever possible (RFC 8945 6).
    HmacMd5,
    /// HMAC-SHA1, for old peers only.
    HmacSha1,
    /// HMAC-SHA224.
    HmacSha224,
    /// HMAC-SHA256, which every peer has.
    HmacSha256,
    /// HMAC-SHA384.
    HmacSha384,
    /// HMAC-SHA512.
    HmacSha512,
}

/// The name of HMAC-MD5 in TSIG records.
const MD5_LONG_NAME: &str = "hmac-md5.sig-alg.reg.int";

/// The text is not the name of an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of hmac-md5, hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Algorithm; 6] = [
        Algorithm::HmacMd5,
        Algorithm::HmacSha1,
        Algorithm::HmacSha224,
        Algorithm::HmacSha256,
        Algorithm::HmacSha384,
        Algorithm::HmacSha512,
    ];
    /// Most bytes of an algorithm's name on the wire and of its MAC together.
    pub(super) const MAX_NAME_AND_MAC_LEN: usize = 13 + 64;

    /// The name in configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::HmacMd5 => "hmac-md5",
            Algorithm::HmacSha1 => "hmac-sha1",
            Algorithm::HmacSha224 => "hmac-sha224",
            Algorithm::HmacSha256 => "hmac-sha256",
            Algorithm::HmacSha384 => "hmac-sha384",
            Algorithm::HmacSha512 => "hmac-sha512",
        }
    }

    /// The name in TSIG records, in canonical form.
    pub(super) fn name(self) -> &'static Name {
        Name::from_validated(match self {
            Algorithm::HmacMd5 => b"\x08hmac-md5\x07sig-alg\x03reg\x03int\0",
            Algorithm::HmacSha1 => b"\x09hmac-sha1\0",
            Algorithm::HmacSha224 => b"\x0bhmac-sha224\0",
            Algorithm::HmacSha256 => b"\x0bhmac-sha256\0",
            Algorithm::HmacSha384 => b"\x0bhmac-sha384\0",
            Algorithm::HmacSha512 => b"\x0bhmac-sha512\0",
        })
    }

    /// Bytes of a MAC that is not truncated.
    pub(super) fn mac_len(self) -> usize {
        match self {
            Algorithm::HmacMd5 => hmac_md5::CODE_LEN,
            Algorithm::HmacSha1 => 20,
            Algorithm::HmacSha224 => 28,
            Algorithm::HmacSha256 => 32,
            Algorithm::HmacSha384 => 48,
            Algorithm::HmacSha512 => 64,
        }
    }

    /// Whether a MAC may be truncated to `len` octets (RFC 8945 5.2.2.1): not below ten octets, nor below half of the
    /// hash.
    pub(super) fn may_be_truncated_to(self, len: usize) -> bool {
        len <= self.mac_len() && len >= (self.mac_len() / 2).max(10)
    }

    /// Whether operators should replace keys with this algorithm: HMAC-MD5 must not be used any more (RFC 8945 6).
    pub fn is_obsolete(self) -> bool {
        self == Algorithm::HmacMd5
    }

    /// The crypto library's algorithm; `None` if it has none.
    pub(super) fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Algorithm::HmacMd5 => None,
            Algorithm::HmacSha1 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Algorithm::HmacSha224 => Some(hmac::HMAC_SHA224),
            Algorithm::HmacSha256 => Some(hmac::HMAC_SHA256),
            Algorithm::HmacSha384 => Some(hmac::HMAC_SHA384),
            Algorithm::HmacSha512 => Some(hmac::HMAC_SHA512),
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Parses a name, with or without a final dot, case ignored. HMAC-MD5 also has a long name, that of TSIG records.
    fn from_str(text: &str) -> Result<Algorithm, UnknownAlgorithm> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.eq_ignore_ascii_case(MD5_LONG_NAME) {
            return Ok(Algorithm::HmacMd5);
        }
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
            assert_eq!(algorithm.name().to_string().parse(), Ok(algorithm));
            let library = algorithm.hmac().map(|hmac| hmac.digest_algorithm().output_len());
            assert_eq!(library.unwrap_or(hmac_md5::CODE_LEN), algorithm.mac_len());
            assert!(algorithm.name().len() + algorithm.mac_len() <= Algorithm::MAX_NAME_AND_MAC_LEN);
        }
        assert_eq!("HMAC-MD5.SIG-ALG.REG.INT.".parse(), Ok(Algorithm::HmacMd5));
        for text in ["", ".", "hmac-md4", "hmac-md5.sig-alg.reg", "hmac-sha256..", "sha256"] {
            assert_eq!(text.parse::<Algorithm>(), Err(UnknownAlgorithm), "{text}");
        }
    }

    #[test]
    fn truncation() {
        let check = |algorithm: Algorithm, least: usize| {
            let allowed: Vec<usize> = (0..100).filter(|&len| algorithm.may_be_truncated_to(len)).collect();
            assert_eq!(allowed, (least..=algorithm.mac_len()).collect::<Vec<_>>(), "{algorithm}");
        };
        check(Algorithm::HmacMd5, 10);
        check(Algorithm::HmacSha1, 10);
        check(Algorithm::HmacSha224, 14);
        check(Algorithm::HmacSha256, 16);
        check(Algorithm::HmacSha384, 24);
        check(Algorithm::HmacSha512, 32);
    }
}
