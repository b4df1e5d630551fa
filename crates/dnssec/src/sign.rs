//! Signing of RRsets (RFC 4034 3, RFC 4035 2.2). So far only tests and scenarios need it.
//!
//! New keys and ECDSA signatures take random numbers from the crypto library. Everything else is a function of its
//! arguments.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair, RsaSignatureEncoding,
};
use dns::Name;

use crate::algorithm::Algorithm;
use crate::canonical::{RRSIG_HEAD_LEN, Rrset, Scratch, push_lower, rrsig_labels, signed_data};
use crate::digest::ds_digest;
use crate::key::{ZONE_KEY, key_tag};

/// Bytes of an Ed25519 seed (RFC 8032 5.1.5).
pub const SEED_LEN: usize = 32;

/// Why something cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// This crate does not generate keys of this algorithm, or does not know the digest type.
    #[error("keys of this algorithm cannot be generated")]
    Algorithm,
    /// The crypto library failed.
    #[error("the crypto library failed")]
    Crypto,
    /// The labels, the signer and the data do not fit together.
    #[error("this RRset cannot be signed")]
    Data,
}

/// A private key, with the flags of its DNSKEY record.
pub struct SigningKey {
    algorithm: Algorithm,
    flags: u16,
    private: Private,
}

enum Private {
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
        let private = match algorithm {
            Algorithm::RSASHA256 => rsa(&signature::RSA_PKCS1_SHA256)?,
            Algorithm::RSASHA512 => rsa(&signature::RSA_PKCS1_SHA512)?,
            Algorithm::ECDSAP256SHA256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)?,
            Algorithm::ECDSAP384SHA384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)?,
            Algorithm::ED25519 => {
                Private::Ed25519(Box::new(Ed25519KeyPair::generate().map_err(|_| SignError::Crypto)?))
            }
            _ => return Err(SignError::Algorithm),
        };
        Ok(SigningKey { algorithm, flags: ZONE_KEY, private })
    }

    /// The Ed25519 zone key of a seed. The same seed gives the same key and the same signatures.
    ///
    /// # Errors
    /// [`SignError::Crypto`] if the library refuses the seed.
    pub fn from_seed(seed: &[u8; SEED_LEN]) -> Result<SigningKey, SignError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SignError::Crypto)?;
        Ok(SigningKey { algorithm: Algorithm::ED25519, flags: ZONE_KEY, private: Private::Ed25519(Box::new(pair)) })
    }

    /// The same key with other flags. This changes its key tag.
    #[must_use]
    pub fn with_flags(mut self, flags: u16) -> SigningKey {
        self.flags = flags;
        self
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The data of the key's DNSKEY record.
    ///
    /// # Errors
    /// [`SignError::Crypto`] if the library cannot export the public key.
    pub fn dnskey_rdata(&self) -> Result<Vec<u8>, SignError> {
        let [high, low] = self.flags.to_be_bytes();
        let mut out = vec![high, low, 3, self.algorithm.0];
        match &self.private {
            Private::Rsa(pair, _) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                // RFC 3110 2: exponents here are far below 256 octets.
                out.push(u8::try_from(e.len()).map_err(|_| SignError::Crypto)?);
                out.extend_from_slice(e);
                out.extend_from_slice(n);
            }
            // RFC 6605 4: without the octet for the form of the point.
            Private::Ecdsa(pair) => {
                out.extend_from_slice(pair.public_key().as_ref().get(1..).ok_or(SignError::Crypto)?)
            }
            Private::Ed25519(pair) => out.extend_from_slice(pair.public_key().as_ref()),
        }
        Ok(out)
    }

    /// The key tag.
    ///
    /// # Errors
    /// As for [`SigningKey::dnskey_rdata`].
    pub fn key_tag(&self) -> Result<u16, SignError> {
        self.dnskey_rdata().map(|rdata| key_tag(&rdata))
    }

    /// The data of the DS record for this key of the zone `owner` (RFC 4034 5.1.4).
    ///
    /// # Errors
    /// [`SignError::Algorithm`] if the digest type is not supported.
    pub fn ds_rdata(&self, owner: &Name, digest_type: u8) -> Result<Vec<u8>, SignError> {
        let dnskey = self.dnskey_rdata()?;
        let digest = ds_digest(owner, &dnskey, digest_type).ok_or(SignError::Algorithm)?;
        let [high, low] = key_tag(&dnskey).to_be_bytes();
        Ok([&[high, low, self.algorithm.0, digest_type], digest.as_ref()].concat())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Rsa(pair, encoding) => {
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut out).map_err(|_| SignError::Crypto)?;
                Ok(out)
            }
            Private::Ecdsa(pair) => {
                pair.sign(&random, message).map(|out| out.as_ref().to_vec()).map_err(|_| SignError::Crypto)
            }
            Private::Ed25519(pair) => {
                pair.try_sign(message).map(|out| out.as_ref().to_vec()).map_err(|_| SignError::Crypto)
            }
        }
    }
}

fn rsa(encoding: &'static RsaSignatureEncoding) -> Result<Private, SignError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SignError::Crypto)?;
    Ok(Private::Rsa(Box::new(pair), encoding))
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Result<Private, SignError> {
    EcdsaKeyPair::generate(algorithm).map(Private::Ecdsa).map_err(|_| SignError::Crypto)
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
/// an example.
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
    head[16..18].copy_from_slice(&key.key_tag()?.to_be_bytes());
    let signed = signed_data(set, &head, terms.signer, scratch).ok_or(SignError::Data)?;
    let signature = key.sign(signed)?;
    let mut out = Vec::with_capacity(RRSIG_HEAD_LEN + terms.signer.len() + signature.len());
    out.extend_from_slice(&head);
    push_lower(terms.signer.as_wire(), &mut out);
    out.extend_from_slice(&signature);
    Ok(out)
}
