//! Private keys as the numbers that they consist of.

use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, RsaKeyPair};
use zeroize::Zeroizing;

use super::KeyFileError;
use crate::algorithm::Algorithm;
use crate::key::ZONE_KEY;
use crate::limits::MAX_RSA_BITS;
use crate::sign::{Private, SEED_LEN, SigningKey, curve, rsa_encoding};

/// Bits of the shortest RSA key that is read, and that the library signs with. RFC 5702 2 allows less, but such keys
/// are within reach of those who have large computers.
const MIN_SIGNING_RSA_BITS: usize = 2048;

/// The numbers of an RSA private key, most significant octet first, in the order of RFC 8017 A.1.2: n, e, d, p, q,
/// dP, dQ, qInv.
pub(super) type RsaNumbers<T> = [T; 8];

/// The names of these numbers in BIND's files, in this order.
pub(super) const RSA_FIELDS: RsaNumbers<&str> =
    ["Modulus", "PublicExponent", "PrivateExponent", "Prime1", "Prime2", "Exponent1", "Exponent2", "Coefficient"];

/// The RSA zone key with these numbers.
pub(super) fn rsa_key(algorithm: Algorithm, numbers: RsaNumbers<&[u8]>) -> Result<SigningKey, KeyFileError> {
    let wrong = KeyFileError::Numbers(algorithm);
    let encoding = rsa_encoding(algorithm).ok_or(wrong)?;
    let [n, e, d, p, q, dp, dq, q_inv] = numbers;
    let (n, e) = (strip_zeros(n), strip_zeros(e));
    let bits = n.len() * 8 - n.first().map_or(0, |octet| octet.leading_zeros() as usize);
    if !(MIN_SIGNING_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(KeyFileError::RsaSize(bits));
    }
    let public_key = PublicKeyComponents { n, e };
    let components = KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: q_inv };
    let pair = RsaKeyPair::from_components(&components).map_err(|_| wrong)?;
    SigningKey::new(algorithm, ZONE_KEY, Private::Rsa(Box::new(pair), encoding)).map_err(|_| wrong)
}

/// The key with one number: the scalar of ECDSA (RFC 6605 6), or the seed of Ed25519 (RFC 8080 6).
pub(super) fn single_key(algorithm: Algorithm, number: &[u8]) -> Result<SigningKey, KeyFileError> {
    let wrong = KeyFileError::Numbers(algorithm);
    let scalar_len = match algorithm {
        Algorithm::ECDSAP256SHA256 => 32,
        Algorithm::ECDSAP384SHA384 => 48,
        _ => {
            let seed: &[u8; SEED_LEN] = number.try_into().map_err(|_| wrong)?;
            return SigningKey::from_seed(seed).map_err(|_| wrong);
        }
    };
    ecdsa_key(algorithm, &ec_private_key(number, scalar_len).ok_or(wrong)?)
}

/// The ECDSA zone key in DER: as RFC 5915 or PKCS#8. The library derives the public key if it is not there.
pub(super) fn ecdsa_key(algorithm: Algorithm, der: &[u8]) -> Result<SigningKey, KeyFileError> {
    let wrong = KeyFileError::Numbers(algorithm);
    let curve = curve(algorithm).ok_or(wrong)?;
    let pair = EcdsaKeyPair::from_private_key_der(curve, der).map_err(|_| wrong)?;
    SigningKey::new(algorithm, ZONE_KEY, Private::Ecdsa(pair)).map_err(|_| wrong)
}

/// ECPrivateKey (RFC 5915 3) with nothing but version and scalar. Some programs write scalars without their leading
/// zeros. `None` if the scalar is longer than `len`, which is below 120.
fn ec_private_key(scalar: &[u8], len: usize) -> Option<Zeroizing<Vec<u8>>> {
    /// SEQUENCE, its length, and the INTEGER 1; then OCTET STRING and its length.
    const HEAD_LEN: usize = 7;
    let zeros = len.checked_sub(scalar.len())?;
    let (outer, inner) = (u8::try_from(len + HEAD_LEN - 2).ok()?, u8::try_from(len).ok()?);
    let mut out = Zeroizing::new(Vec::with_capacity(HEAD_LEN + len));
    out.extend_from_slice(&[0x30, outer, 2, 1, 1, 4, inner]);
    out.resize(HEAD_LEN + zeros, 0);
    out.extend_from_slice(scalar);
    Some(out)
}

fn strip_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|&octet| octet != 0);
    &number[start.unwrap_or(number.len())..]
}
