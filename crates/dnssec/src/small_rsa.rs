//! Verification of RSA signatures (RFC 8017 8.2.2) by keys of 512 to 1023 bits.
//!
//! The crypto library refuses keys below 1024 bits. RFC 5702 2.1 allows them with RSA/SHA-256 and RFC 3110 with
//! RSA/SHA-1, so a zone with such a key must not be bogus because of it. All data here is public, so timing may vary.

use aws_lc_rs::digest;
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U64, U1024};

/// Most bytes of a number in this arithmetic.
const MAX_LEN: usize = 128;
/// The exponent is odd, at least this, and at most [`MAX_EXPONENT_BITS`] long: the crypto library's bounds.
const MIN_EXPONENT: u64 = 3;
const MAX_EXPONENT_BITS: u32 = 33;

/// A hash algorithm, and the prefix that stands before its digest in a signature (RFC 8017 9.2, note 1).
pub(crate) struct Hash {
    algorithm: &'static digest::Algorithm,
    prefix: &'static [u8],
}

/// SHA-1.
pub(crate) static SHA1: Hash = Hash {
    algorithm: &digest::SHA1_FOR_LEGACY_USE_ONLY,
    prefix: &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14],
};

/// SHA-256.
pub(crate) static SHA256: Hash = Hash {
    algorithm: &digest::SHA256,
    prefix: &[
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
        0x20,
    ],
};

/// A public key.
#[derive(Clone)]
pub(crate) struct SmallRsaKey {
    modulus: Box<FixedMontyParams<{ U1024::LIMBS }>>,
    exponent: U64,
    /// Bytes of the modulus and of each signature.
    len: usize,
    hash: &'static Hash,
}

impl SmallRsaKey {
    /// The key with this modulus and this exponent, neither with leading zeros; `None` if it is no valid key.
    pub(crate) fn new(n: &[u8], e: &[u8], hash: &'static Hash) -> Option<SmallRsaKey> {
        let modulus = Option::from(Odd::new(number(n)?))?;
        let mut exponent = [0; 8];
        exponent[8usize.checked_sub(e.len())?..].copy_from_slice(e);
        let exponent = u64::from_be_bytes(exponent);
        if exponent % 2 == 0 || exponent < MIN_EXPONENT || exponent >> MAX_EXPONENT_BITS != 0 {
            return None;
        }
        let modulus = Box::new(FixedMontyParams::new_vartime(modulus));
        Some(SmallRsaKey { modulus, exponent: U64::from_u64(exponent), len: n.len(), hash })
    }

    /// Whether this key made `signature` over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some(signature) = number(signature).filter(|_| signature.len() == self.len) else { return false };
        if signature >= *self.modulus.modulus().as_ref() {
            return false;
        }
        let power = FixedMontyForm::new(&signature, &self.modulus).pow_vartime(&self.exponent).retrieve().to_be_bytes();
        let (zeros, encoded) = power.as_ref().split_at(MAX_LEN - self.len);
        let digest = digest::digest(self.hash.algorithm, message);
        zeros.iter().all(|&octet| octet == 0) && is_encoding(encoded, self.hash.prefix, digest.as_ref())
    }
}

/// RFC 8017 9.2: 0, 1, at least eight octets of 255, 0, the prefix, the digest.
fn is_encoding(encoded: &[u8], prefix: &[u8], digest: &[u8]) -> bool {
    /// Fewest octets of 255.
    const MIN_PADDING: usize = 8;
    let rest = encoded.strip_suffix(digest).and_then(|rest| rest.strip_suffix(prefix));
    match rest {
        Some([0, 1, padding @ .., 0]) => padding.len() >= MIN_PADDING && padding.iter().all(|&octet| octet == 0xff),
        _ => false,
    }
}

/// The big-endian number in at most [`MAX_LEN`] bytes.
fn number(octets: &[u8]) -> Option<U1024> {
    let mut all = [0; MAX_LEN];
    all[MAX_LEN.checked_sub(octets.len())?..].copy_from_slice(octets);
    Some(U1024::from_be_slice(&all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let padded = |padding: usize| [&[0, 1][..], &vec![0xff; padding], &[0], b"PD"].concat();
        let check = |encoded: &[u8], want| assert_eq!(is_encoding(encoded, b"P", b"D"), want, "{encoded:?}");
        check(&padded(8), true);
        check(&padded(40), true);
        check(&padded(7), false);
        check(&[&padded(8)[..], b"x"].concat(), false);
        for at in 0..padded(8).len() {
            let mut changed = padded(8);
            changed[at] ^= 1;
            check(&changed, false);
        }
        check(b"PD", false);
        check(b"", false);
    }

    #[test]
    fn keys_that_are_none() {
        let check = |n: &[u8], e: &[u8], want| {
            assert_eq!(SmallRsaKey::new(n, e, &SHA1).is_some(), want, "{} {e:?}", n.len());
        };
        check(&[0xff; 64], &[3], true);
        check(&[0xff; 127], &[1, 0, 0, 0, 1], true);
        check(&[0xff; 64], &[2, 0, 0, 0, 1], false);
        check(&[0xff; 64], &[1], false);
        check(&[0xff; 64], &[4], false);
        check(&[0xff; 64], &[1; 9], false);
        check(&[0xfe; 64], &[3], false);
        check(&[0xff; 129], &[3], false);
    }

    /// Signatures as long as the modulus, but not below it, and others that only the arithmetic could refuse.
    #[test]
    fn signatures_that_are_none() {
        let key = SmallRsaKey::new(&[0xff; 64], &[3], &SHA1).expect("key");
        for signature in [&[0xff; 64][..], &[0; 64], &[1; 64], &[1; 63], &[1; 65], &[1; 200], &[]] {
            assert!(!key.verify(b"message", signature), "{signature:?}");
        }
    }
}
