//! Public keys of zones (RFC 4034 2, RFC 3110, RFC 6605 4, RFC 8080 3). A key is parsed once and verifies many
//! signatures.

use std::fmt;

use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use dns::rdata::typed::Dnskey;

use crate::algorithm::{Algorithm, is_supported};
use crate::limits::{MAX_RSA_BITS, MAX_ZONE_KEYS, MIN_RSA_BITS};
use crate::small_rsa::{self, SmallRsaKey};

/// The key belongs to a zone (RFC 4034 2.1.1).
pub const ZONE_KEY: u16 = 0x0100;
/// The key is revoked (RFC 5011 2.1).
pub const REVOKED: u16 = 0x0080;
/// The key is a secure entry point (RFC 4034 2.1.1).
pub const SEP: u16 = 0x0001;
/// The only protocol number (RFC 4034 2.1.2).
pub(crate) const PROTOCOL: u8 = 3;

/// Why DNSKEY data cannot be used to verify signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is truncated, or the key does not have the form of its algorithm.
    #[error("malformed key")]
    Malformed,
    /// This crate does not verify signatures of its algorithm.
    #[error("unsupported algorithm")]
    UnsupportedAlgorithm,
    /// An RSA key shorter than 512 bits (1024 for RSA/SHA-512) or longer than 4096.
    #[error("unsupported size of an RSA key")]
    UnsupportedSize,
}

/// Bits of the smallest RSA key that the crypto library accepts, and that RSA/SHA-512 allows (RFC 5702 2.2).
const USUAL_RSA_BITS: usize = 1024;

#[derive(Clone)]
enum Verifier {
    Usual(ParsedPublicKey),
    SmallRsa(SmallRsaKey),
}

/// A public key that is ready to verify signatures.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    flags: u16,
    protocol: u8,
    key_tag: u16,
    verifier: Verifier,
}

impl PublicKey {
    /// Parses the data of a DNSKEY record. The flags are not checked.
    ///
    /// # Errors
    /// [`KeyError`] if the key cannot verify signatures.
    pub fn from_dnskey(rdata: &[u8]) -> Result<PublicKey, KeyError> {
        let dnskey = Dnskey::parse(rdata).ok_or(KeyError::Malformed)?;
        let algorithm = Algorithm::from_u8(dnskey.algorithm);
        let key = dnskey.public_key;
        let verifier = match algorithm {
            Algorithm::RSASHA1 | Algorithm::RSASHA1_NSEC3_SHA1 => {
                rsa(key, &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, Some(&small_rsa::SHA1))
            }
            Algorithm::RSASHA256 => {
                rsa(key, &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, Some(&small_rsa::SHA256))
            }
            Algorithm::RSASHA512 => rsa(key, &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, None),
            Algorithm::ECDSAP256SHA256 => ecdsa::<64>(key, &signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::ECDSAP384SHA384 => ecdsa::<96>(key, &signature::ECDSA_P384_SHA384_FIXED),
            Algorithm::ED25519 => parse(&signature::ED25519, key),
            _ => return Err(KeyError::UnsupportedAlgorithm),
        }?;
        let (flags, protocol) = (dnskey.flags, dnskey.protocol);
        Ok(PublicKey { algorithm, flags, protocol, key_tag: key_tag(rdata), verifier })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The flags.
    pub fn flags(&self) -> u16 {
        self.flags
    }

    /// The protocol: 3 in every valid key.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The key tag (RFC 4034 B).
    pub fn key_tag(&self) -> u16 {
        self.key_tag
    }

    /// Whether the key may sign a zone's data: it has the zone flag and protocol 3 (RFC 4034 2.1).
    pub fn is_zone_key(&self) -> bool {
        self.flags & ZONE_KEY != 0 && self.protocol == PROTOCOL
    }

    /// Whether the key is marked as a secure entry point. Validation must not depend on this (RFC 4034 2.1.1).
    pub fn is_sep(&self) -> bool {
        self.flags & SEP != 0
    }

    /// Whether the key is revoked (RFC 5011 2.1). A revoked key may verify only the DNSKEY RRset that contains it.
    pub fn is_revoked(&self) -> bool {
        self.flags & REVOKED != 0
    }

    /// Whether this key made `signature` over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Verifier::Usual(key) => key.verify_sig(message, signature).is_ok(),
            Verifier::SmallRsa(key) => key.verify(message, signature),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {} {} {})", self.flags, self.protocol, self.algorithm, self.key_tag)
    }
}

/// The keys of a DNSKEY RRset that may verify its zone's data: well-formed, with the zone flag, protocol 3 and a
/// supported algorithm. Only the first [`MAX_ZONE_KEYS`] records are parsed.
pub fn zone_keys<'a>(rdatas: impl IntoIterator<Item = &'a [u8]>, allow_sha1: bool) -> Vec<PublicKey> {
    let keys = rdatas.into_iter().take(MAX_ZONE_KEYS).filter_map(|rdata| PublicKey::from_dnskey(rdata).ok());
    keys.filter(|key| key.is_zone_key() && is_supported(key.algorithm, allow_sha1)).collect()
}

/// The key tag of DNSKEY data (RFC 4034 B, B.1). Different keys may have the same tag.
///
/// ```
/// // Flags 257, protocol 3, algorithm 15 and a key.
/// let dnskey = [&[1, 1, 3, 15][..], &[7; 32]].concat();
/// assert_eq!(dnssec::key::key_tag(&dnskey), 29824);
/// ```
pub fn key_tag(rdata: &[u8]) -> u16 {
    if rdata.get(3) == Some(&Algorithm::RSAMD5.0) {
        return match rdata {
            [.., high, low, _] if rdata.len() >= 7 => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
    }
    let (pairs, rest) = rdata.as_chunks::<2>();
    let sum: u32 = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    let sum = sum + rest.first().map_or(0, |&octet| u32::from(octet) << 8);
    (sum + (sum >> 16)) as u16
}

fn parse(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Result<Verifier, KeyError> {
    ParsedPublicKey::new(algorithm, key).map(Verifier::Usual).map_err(|_| KeyError::Malformed)
}

/// RFC 6605 4: the two coordinates of the point, without the octet that gives its form.
fn ecdsa<const N: usize>(key: &[u8], curve: &'static EcdsaVerificationAlgorithm) -> Result<Verifier, KeyError> {
    /// The form: an uncompressed point (SEC 1, 2.3.3).
    const UNCOMPRESSED: u8 = 4;
    let key: &[u8; N] = key.try_into().map_err(|_| KeyError::Malformed)?;
    parse(curve, &[&[UNCOMPRESSED], &key[..]].concat())
}

/// RFC 3110 2: the length of the exponent in one or three octets, the exponent, the modulus. `small` is the hash for
/// keys that are too small for the crypto library, if the algorithm allows such keys.
fn rsa(
    key: &[u8],
    parameters: &'static RsaParameters,
    small: Option<&'static small_rsa::Hash>,
) -> Result<Verifier, KeyError> {
    let (n, e) = rsa_parts(key).ok_or(KeyError::Malformed)?;
    let bits = n.len() * 8 - n.first().map_or(0, |octet| octet.leading_zeros() as usize);
    match (bits, small) {
        (MIN_RSA_BITS..USUAL_RSA_BITS, Some(hash)) => {
            SmallRsaKey::new(n, e, hash).map(Verifier::SmallRsa).ok_or(KeyError::Malformed)
        }
        (USUAL_RSA_BITS..=MAX_RSA_BITS, _) => {
            let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters);
            key.map(Verifier::Usual).map_err(|_| KeyError::Malformed)
        }
        _ => Err(KeyError::UnsupportedSize),
    }
}

/// The modulus and the exponent, without leading zeros.
fn rsa_parts(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (e_len, rest) = match key {
        [0, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        [len, rest @ ..] => (usize::from(*len), rest),
        [] => return None,
    };
    let (e, n) = rest.split_at_checked(e_len)?;
    let strip = |number: &'_ [u8]| number.iter().position(|&octet| octet != 0);
    Some((n.get(strip(n)?..)?, e.get(strip(e)?..)?))
}

#[cfg(test)]
mod tests {
    use dns::rdata::text;
    use dns::scan::Scanner;
    use dns::{Name, RType};

    use super::*;

    fn dnskey(source: &str) -> Vec<u8> {
        let mut out = Vec::new();
        text::scan(RType::DNSKEY, &mut Scanner::new(source.as_bytes()), Name::root(), &mut out).expect(source);
        out
    }

    /// RFC 4034 5.4, RFC 6605 6.1 and RFC 8080 6.1.
    #[test]
    fn key_tags() {
        let check = |source: &str, want| assert_eq!(key_tag(&dnskey(source)), want, "{source}");
        check(
            "256 3 5 AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/2pHm822aJ5iI9BMzNXxeYCmZDRD99WYwYqUSdjMmmAphXdvx\
             egXd/M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM9XzcnOf+EPbtG9DMBmADjFDc2w/rljwvFw==",
            60485,
        );
        check(
            "257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
            55648,
        );
        check("257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=", 3613);
        check("256 3 1 AQID", u16::from_be_bytes([1, 2]));
        check("257 3 15 AQ==", 0x0101 + 0x030f + 0x0100);
    }

    #[test]
    fn flags() {
        let check = |flags: u16, zone, sep, revoked| {
            let key = dnskey(&format!("{flags} 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4="));
            let key = PublicKey::from_dnskey(&key).expect("key");
            assert_eq!((key.is_zone_key(), key.is_sep(), key.is_revoked()), (zone, sep, revoked), "{flags}");
        };
        check(256, true, false, false);
        check(257, true, true, false);
        check(385, true, true, true);
        check(1, false, true, false);
    }

    #[test]
    fn keys_that_are_none() {
        let check = |rdata: &[u8], want| {
            assert_eq!(PublicKey::from_dnskey(rdata).err(), Some(want), "{rdata:?}");
            assert!(zone_keys([rdata], true).is_empty(), "{rdata:?}");
        };
        check(&[1, 0, 3], KeyError::Malformed);
        check(&[1, 0, 3, 15], KeyError::Malformed);
        check(&[1, 0, 3, 15, 1, 2], KeyError::Malformed);
        check(&[&[1, 0, 3, 13][..], &[5; 64]].concat(), KeyError::Malformed);
        check(&[&[1, 0, 3, 13][..], &[0; 65]].concat(), KeyError::Malformed);
        check(&[1, 0, 3, 8, 0], KeyError::Malformed);
        check(&[1, 0, 3, 8, 9, 1], KeyError::Malformed);
        check(&[1, 0, 3, 8, 1, 0, 9], KeyError::Malformed);
        check(&[1, 0, 3, 8, 1, 3, 9], KeyError::UnsupportedSize);
        check(&[&[1, 0, 3, 8, 1, 3, 0xff][..], &[0xff; 512]].concat(), KeyError::UnsupportedSize);
        check(&[&[1, 0, 3, 8, 1, 3, 0x7f][..], &[0xff; 63]].concat(), KeyError::UnsupportedSize);
        check(&[&[1, 0, 3, 8, 1, 3, 0xff][..], &[0; 63]].concat(), KeyError::Malformed);
        check(&[&[1, 0, 3, 10, 1, 3][..], &[0xff; 127]].concat(), KeyError::UnsupportedSize);
        check(&[1, 0, 3, 16, 1], KeyError::UnsupportedAlgorithm);
        check(&[1, 0, 3, 3, 1], KeyError::UnsupportedAlgorithm);
    }

    #[test]
    fn keys_of_a_zone() {
        let ed25519 = "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
        let all = [
            dnskey(&format!("256 3 15 {ed25519}")),
            dnskey(&format!("0 3 15 {ed25519}")),
            dnskey(&format!("256 2 15 {ed25519}")),
            dnskey(&format!("257 3 16 {ed25519}")),
        ];
        let keys = zone_keys(all.iter().map(Vec::as_slice), false);
        assert_eq!(keys.iter().map(PublicKey::flags).collect::<Vec<_>>(), [256]);
        let many = vec![&all[0][..]; MAX_ZONE_KEYS + 1];
        assert_eq!(zone_keys(many, false).len(), MAX_ZONE_KEYS);
    }
}
