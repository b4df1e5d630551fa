//! Signing of RRsets (RFC 4034 3, RFC 4035 2.2), and the private keys for it. Keys in files: [`crate::key_file`].
//!
//! New keys and ECDSA signatures take random numbers from the crypto library. Everything else is a function of its
//! arguments.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair, RsaSignatureEncoding,
};
use dns::Name;

use crate::algorithm::Algorithm;
use crate::canonical::{RRSIG_HEAD_LEN, Rrset, Scratch, push_lower, rrsig_labels, signed_data};
use crate::digest::ds_rdata;
use crate::key::{PROTOCOL, ZONE_KEY, key_tag};

/// Bytes of an Ed25519 seed (RFC 8032 5.1.5).
pub const SEED_LEN: usize = 32;

/// Bytes of an Ed25519 signature (RFC 8080 4).
const ED25519_SIGNATURE_LEN: usize = 64;

/// Bits of the RSA keys that [`SigningKey::generate`] makes.
const USUAL_RSA_BITS: usize = 2048;

/// Why something cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// This crate does not generate keys of this algorithm, or does not know the digest type.
    #[error("keys of this algorithm cannot be generated")]
    Algorithm,
    /// RSA keys of this size are not generated.
    #[error("an RSA key of {0} bits cannot be generated: sizes are 2048, 3072 and 4096 bits")]
    RsaSize(usize),
    /// The crypto library failed.
    #[error("the crypto library failed")]
    Crypto,
    /// The labels, the signer and the data do not fit together.
    #[error("this RRset cannot be signed")]
    Data,
}

/// A private key, with its DNSKEY record.
pub struct SigningKey {
    algorithm: Algorithm,
    key_tag: u16,
    dnskey: Vec<u8>,
    private: Private,
}

/// The key of the crypto library.
pub(crate) enum Private {
    Rsa(Box<RsaKeyPair>, &'static RsaSignatureEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// Generates a zone key. RSA keys have 2048 bits.
    ///
    /// # Errors
    /// [`SignError::Algorithm`] for RSA/SHA-1 and unsupported algorithms; [`SignError::Crypto`] if the library fails.
    pub fn generate(algorithm: Algorithm) -> Result<SigningKey, SignError> {
        if algorithm == Algorithm::ED25519 {
            let pair = Ed25519KeyPair::generate().map_err(|_| SignError::Crypto)?;
            return SigningKey::new(algorithm, ZONE_KEY, Private::Ed25519(Box::new(pair)));
        }
        let Some(curve) = curve(algorithm) else { return SigningKey::generate_rsa(algorithm, USUAL_RSA_BITS) };
        let pair = EcdsaKeyPair::generate(curve).map_err(|_| SignError::Crypto)?;
        SigningKey::new(algorithm, ZONE_KEY, Private::Ecdsa(pair))
    }

    /// Generates an RSA zone key of 2048, 3072 or 4096 bits. Each step makes a signature several times as expensive.
    ///
    /// # Errors
    /// [`SignError::Algorithm`] unless it is RSA/SHA-256 or RSA/SHA-512; [`SignError::RsaSize`] for another number of
    /// bits; [`SignError::Crypto`] if the library fails.
    pub fn generate_rsa(algorithm: Algorithm, bits: usize) -> Result<SigningKey, SignError> {
        let encoding = rsa_encoding(algorithm).ok_or(SignError::Algorithm)?;
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            bits => return Err(SignError::RsaSize(bits)),
        };
        let pair = RsaKeyPair::generate(size).map_err(|_| SignError::Crypto)?;
        SigningKey::new(algorithm, ZONE_KEY, Private::Rsa(Box::new(pair), encoding))
    }

    /// The Ed25519 zone key of a seed. The same seed gives the same key and the same signatures.
    ///
    /// # Errors
    /// [`SignError::Crypto`] if the library refuses the seed.
    pub fn from_seed(seed: &[u8; SEED_LEN]) -> Result<SigningKey, SignError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SignError::Crypto)?;
        SigningKey::new(Algorithm::ED25519, ZONE_KEY, Private::Ed25519(Box::new(pair)))
    }

    /// A key of the library that is one of `algorithm`.
    ///
    /// # Errors
    /// [`SignError::Crypto`] if the public key does not have the form of its algorithm.
    pub(crate) fn new(algorithm: Algorithm, flags: u16, private: Private) -> Result<SigningKey, SignError> {
        let dnskey = dnskey_rdata(algorithm, flags, &private).ok_or(SignError::Crypto)?;
        Ok(SigningKey { algorithm, key_tag: key_tag(&dnskey), dnskey, private })
    }

    /// The same key with other flags. This changes its key tag.
    #[must_use]
    pub fn with_flags(mut self, flags: u16) -> SigningKey {
        self.dnskey[..2].copy_from_slice(&flags.to_be_bytes());
        self.key_tag = key_tag(&self.dnskey);
        self
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The flags of the DNSKEY record (RFC 4034 2.1.1, RFC 5011 2.1).
    pub fn flags(&self) -> u16 {
        u16::from_be_bytes([self.dnskey[0], self.dnskey[1]])
    }

    /// The data of the key's DNSKEY record.
    pub fn dnskey_rdata(&self) -> &[u8] {
        &self.dnskey
    }

    /// The key tag (RFC 4034 B).
    pub fn key_tag(&self) -> u16 {
        self.key_tag
    }

    /// The data of the DS record for this key of the zone `owner` (RFC 4034 5.1.4).
    ///
    /// # Errors
    /// [`SignError::Algorithm`] if the digest type is not supported.
    pub fn ds_rdata(&self, owner: &Name, digest_type: u8) -> Result<Vec<u8>, SignError> {
        ds_rdata(owner, &self.dnskey, digest_type).ok_or(SignError::Algorithm)
    }

    /// The key of the library, to be written into a file.
    pub(crate) fn private(&self) -> &Private {
        &self.private
    }

    /// Bytes of a signature.
    fn signature_len(&self) -> usize {
        match &self.private {
            Private::Rsa(pair, _) => pair.public_modulus_len(),
            // RFC 6605 4: two numbers as long as the coordinates of the public key.
            Private::Ecdsa(pair) => pair.public_key().as_ref().len() - 1,
            Private::Ed25519(_) => ED25519_SIGNATURE_LEN,
        }
    }

    /// Appends the signature over `message`.
    fn sign(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), SignError> {
        let signature = match &self.private {
            Private::Rsa(pair, encoding) => {
                let start = out.len();
                out.resize(start + pair.public_modulus_len(), 0);
                let signature = &mut out[start..];
                return pair.sign(*encoding, &SystemRandom::new(), message, signature).map_err(|_| SignError::Crypto);
            }
            Private::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message),
            Private::Ed25519(pair) => pair.try_sign(message),
        };
        out.extend_from_slice(signature.map_err(|_| SignError::Crypto)?.as_ref());
        Ok(())
    }
}

/// Flags, algorithm and key tag: nothing that is secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {} {})", self.flags(), self.algorithm, self.key_tag)
    }
}

/// How `algorithm` signs with RSA; `None` if it does not, or is not for new signatures (RFC 9905 2).
pub(crate) fn rsa_encoding(algorithm: Algorithm) -> Option<&'static RsaSignatureEncoding> {
    match algorithm {
        Algorithm::RSASHA256 => Some(&signature::RSA_PKCS1_SHA256),
        Algorithm::RSASHA512 => Some(&signature::RSA_PKCS1_SHA512),
        _ => None,
    }
}

/// How `algorithm` signs with ECDSA; `None` if it does not.
pub(crate) fn curve(algorithm: Algorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        Algorithm::ECDSAP256SHA256 => Some(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ECDSAP384SHA384 => Some(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        _ => None,
    }
}

/// The data of the DNSKEY record; `None` if the public key does not have the form of its algorithm.
fn dnskey_rdata(algorithm: Algorithm, flags: u16, private: &Private) -> Option<Vec<u8>> {
    let [high, low] = flags.to_be_bytes();
    let mut out = vec![high, low, PROTOCOL, algorithm.0];
    match private {
        Private::Rsa(pair, _) => {
            let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
            let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
            // RFC 3110 2: exponents here are far below 256 octets.
            out.push(u8::try_from(e.len()).ok()?);
            out.extend_from_slice(e);
            out.extend_from_slice(n);
        }
        // RFC 6605 4: without the octet for the form of the point.
        Private::Ecdsa(pair) => out.extend_from_slice(pair.public_key().as_ref().get(1..)?),
        Private::Ed25519(pair) => out.extend_from_slice(pair.public_key().as_ref()),
    }
    Some(out)
}

/// What an RRSIG says besides the signature.
#[derive(Debug, Clone, Copy)]
pub struct SignatureTerms<'a> {
    /// The zone that the key belongs to.
    pub signer: &'a Name,
    /// Start of validity, in seconds since 1970.
    pub inception: u32,
    /// End of validity, in seconds since 1970.
    pub expiration: u32,
    /// The labels field: labels of the owner without root and wildcard. A smaller number signs for a wildcard. `None`:
    /// all that the owner has.
    pub labels: Option<u8>,
}

/// The data of an RRSIG record by `key` over `set`, whose TTL becomes the original TTL. The crate's documentation has
/// an example. What is signed is put together in `scratch`, so that the result is all that this function allocates; the
/// library has buffers of its own.
///
/// # Errors
/// [`SignError::Data`] if labels, signer and data do not fit together; [`SignError::Crypto`] if the library fails.
pub fn sign_rrset(
    set: &Rrset<'_>,
    terms: &SignatureTerms<'_>,
    key: &SigningKey,
    scratch: &mut Scratch,
) -> Result<Vec<u8>, SignError> {
    let labels = match terms.labels {
        Some(labels) => labels,
        None => u8::try_from(rrsig_labels(set.owner)).map_err(|_| SignError::Data)?,
    };
    let mut head = [0; RRSIG_HEAD_LEN];
    head[0..2].copy_from_slice(&set.rtype.0.to_be_bytes());
    head[2..4].copy_from_slice(&[key.algorithm.0, labels]);
    head[4..8].copy_from_slice(&set.ttl.to_be_bytes());
    head[8..12].copy_from_slice(&terms.expiration.to_be_bytes());
    head[12..16].copy_from_slice(&terms.inception.to_be_bytes());
    head[16..18].copy_from_slice(&key.key_tag.to_be_bytes());
    let signed = signed_data(set, &head, terms.signer, scratch).ok_or(SignError::Data)?;
    let mut out = Vec::with_capacity(RRSIG_HEAD_LEN + terms.signer.len() + key.signature_len());
    out.extend_from_slice(&head);
    push_lower(terms.signer.as_wire(), &mut out);
    key.sign(signed, &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_between_threads() {
        fn check<T: Send + Sync>() {}
        check::<SigningKey>();
    }

    #[test]
    fn debug_says_no_secret() {
        let key = SigningKey::from_seed(&[7; SEED_LEN]).expect("key");
        let tag = key.key_tag();
        assert_eq!(format!("{key:?}"), format!("SigningKey(256 ED25519 {tag})"));
    }

    #[test]
    fn flags_change_the_tag() {
        let key = SigningKey::from_seed(&[7; SEED_LEN]).expect("key");
        let (tag, public) = (key.key_tag(), key.dnskey_rdata()[4..].to_vec());
        let key = key.with_flags(257);
        assert_eq!((key.flags(), key.key_tag()), (257, tag + 1));
        assert_eq!(key.dnskey_rdata(), [&[1, 1, 3, 15], &public[..]].concat());
        assert_eq!(key.key_tag(), key_tag(key.dnskey_rdata()));
    }

    #[test]
    fn sizes_of_rsa_keys() {
        let check = |algorithm, bits, want: Result<usize, SignError>| {
            let key = SigningKey::generate_rsa(algorithm, bits);
            // Four octets of DNSKEY data, one for the length of the exponent and three for 65537.
            assert_eq!(key.map(|key| (key.dnskey_rdata().len() - 8) * 8), want, "{algorithm} {bits}");
        };
        check(Algorithm::RSASHA256, 2048, Ok(2048));
        check(Algorithm::RSASHA512, 3072, Ok(3072));
        check(Algorithm::RSASHA256, 1024, Err(SignError::RsaSize(1024)));
        check(Algorithm::RSASHA256, 2050, Err(SignError::RsaSize(2050)));
        check(Algorithm::RSASHA256, 8192, Err(SignError::RsaSize(8192)));
        check(Algorithm::RSASHA1, 2048, Err(SignError::Algorithm));
        check(Algorithm::ED25519, 2048, Err(SignError::Algorithm));
    }

    #[test]
    fn results_have_room_for_nothing_else() {
        let name: dns::NameBuf = "Www.Example.".parse().expect("name");
        let rdatas: [&[u8]; 1] = [&[192, 0, 2, 1]];
        let set = Rrset { owner: &name, class: dns::Class::IN, rtype: dns::RType::A, ttl: 300, rdatas: &rdatas };
        let terms = SignatureTerms { signer: &name, inception: 0, expiration: 1, labels: None };
        for number in [8, 10, 13, 14, 15] {
            let key = SigningKey::generate(Algorithm(number)).expect("key");
            let rrsig = sign_rrset(&set, &terms, &key, &mut Scratch::default()).expect("signature");
            assert_eq!(rrsig.len(), RRSIG_HEAD_LEN + name.len() + key.signature_len(), "{number}");
            assert_eq!(rrsig.capacity(), rrsig.len(), "{number}");
        }
    }
}
