//! The algorithms of DNSSEC (RFC 4034 A.1, RFC 8624, RFC 9904). Used by keys, by signing, and to decide whether a zone
//! counts as signed.

use std::fmt;

use dns::rdata::mnemonics::ALGORITHMS;

/// An algorithm number, assigned or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Algorithm(pub u8);

impl Algorithm {
    /// RSA/MD5, which must not be used. Its key tags are computed in another way (RFC 4034 B.1).
    pub const RSAMD5: Algorithm = Algorithm(1);
    /// RSA/SHA-1 (RFC 3110).
    pub const RSASHA1: Algorithm = Algorithm(5);
    /// The same in zones with NSEC3 (RFC 5155 2).
    pub const RSASHA1_NSEC3_SHA1: Algorithm = Algorithm(7);
    /// RSA/SHA-256 (RFC 5702).
    pub const RSASHA256: Algorithm = Algorithm(8);
    /// RSA/SHA-512 (RFC 5702).
    pub const RSASHA512: Algorithm = Algorithm(10);
    /// ECDSA over P-256 with SHA-256 (RFC 6605).
    pub const ECDSAP256SHA256: Algorithm = Algorithm(13);
    /// ECDSA over P-384 with SHA-384 (RFC 6605).
    pub const ECDSAP384SHA384: Algorithm = Algorithm(14);
    /// Ed25519 (RFC 8080).
    pub const ED25519: Algorithm = Algorithm(15);

    /// The algorithm with this number.
    pub fn from_u8(number: u8) -> Algorithm {
        Algorithm(number)
    }

    /// The mnemonic; `None` if the number is not assigned.
    pub fn mnemonic(self) -> Option<&'static str> {
        ALGORITHMS.name(self.0.into())
    }

    /// Whether the algorithm signs SHA-1 hashes.
    pub fn uses_sha1(self) -> bool {
        matches!(self, Algorithm::RSASHA1 | Algorithm::RSASHA1_NSEC3_SHA1)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.write_str(mnemonic),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Whether this crate verifies signatures of `algorithm`. A zone whose DS set has no supported algorithm is insecure
/// (RFC 4035 5.2). RSA/SHA-1 counts as supported only with `allow_sha1` (RFC 9905 2).
pub fn is_supported(algorithm: Algorithm, allow_sha1: bool) -> bool {
    match algorithm {
        Algorithm::RSASHA256
        | Algorithm::RSASHA512
        | Algorithm::ECDSAP256SHA256
        | Algorithm::ECDSAP384SHA384
        | Algorithm::ED25519 => true,
        algorithm => allow_sha1 && algorithm.uses_sha1(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_verified() {
        let check = |number, text: &str, supported, with_sha1| {
            let algorithm = Algorithm::from_u8(number);
            assert_eq!(algorithm.to_string(), text);
            assert_eq!(is_supported(algorithm, false), supported, "{text}");
            assert_eq!(is_supported(algorithm, true), with_sha1, "{text}");
        };
        check(1, "RSAMD5", false, false);
        check(3, "DSA", false, false);
        check(5, "RSASHA1", false, true);
        check(7, "RSASHA1-NSEC3-SHA1", false, true);
        check(8, "RSASHA256", true, true);
        check(10, "RSASHA512", true, true);
        check(12, "ECC-GOST", false, false);
        check(13, "ECDSAP256SHA256", true, true);
        check(14, "ECDSAP384SHA384", true, true);
        check(15, "ED25519", true, true);
        check(16, "ED448", false, false);
        check(200, "200", false, false);
    }
}
