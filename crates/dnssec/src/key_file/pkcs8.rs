//! Private keys as PKCS#8 (RFC 5958), in PEM (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::components::{RsaNumbers, ecdsa_key, rsa_key, single_key};
use super::der::{Der, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};
use super::{KeyFileError, lines};
use crate::algorithm::Algorithm;
use crate::sign::SigningKey;

/// The first line.
pub(super) const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
/// The last line.
const END: &str = "-----END PRIVATE KEY-----";

/// rsaEncryption (RFC 8017 A.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// id-ecPublicKey (RFC 5480 2.1.1).
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// secp256r1 (RFC 5480 2.1.1.1).
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// secp384r1 (RFC 5480 2.1.1.1).
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
/// id-Ed25519 (RFC 8410 3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Reads a key. An RSA key gets the algorithm `rsa`, RSA/SHA-256 if there is none.
pub(super) fn parse(text: &str, rsa: Option<Algorithm>) -> Result<SigningKey, KeyFileError> {
    let der = decode_pem(text)?;
    let info = PrivateKeyInfo::parse(&der).ok_or(KeyFileError::Pkcs8)?;
    match (info.kind, info.curve) {
        (RSA, _) => {
            let numbers = rsa_numbers(info.key).ok_or(KeyFileError::Pkcs8)?;
            // Whoever asked for another kind of key is told what this one is.
            let algorithm = rsa.filter(|&algorithm| algorithm == Algorithm::RSASHA512);
            rsa_key(algorithm.unwrap_or(Algorithm::RSASHA256), numbers)
        }
        (EC, Some(P256)) => ecdsa_key(Algorithm::ECDSAP256SHA256, &der),
        (EC, Some(P384)) => ecdsa_key(Algorithm::ECDSAP384SHA384, &der),
        // RFC 8410 7: the seed is an OCTET STRING in the OCTET STRING.
        (ED25519, _) => single_key(Algorithm::ED25519, Der(info.key).take(OCTET_STRING).ok_or(KeyFileError::Pkcs8)?),
        _ => Err(KeyFileError::Pkcs8),
    }
}

/// The numbers of an RSA key of the library, which is written as PKCS#8.
pub(super) fn rsa_numbers_of(pkcs8: &[u8]) -> Option<RsaNumbers<&[u8]>> {
    PrivateKeyInfo::parse(pkcs8).and_then(|info| rsa_numbers(info.key))
}

fn decode_pem(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    // The text has no more octets than the file.
    let mut encoded = Zeroizing::new(String::with_capacity(text.len()));
    let mut all = lines(text).skip(1);
    let (mut last, mut ended) = (1, false);
    for (line, content) in all.by_ref() {
        last = line;
        ended = content == END;
        if ended {
            break;
        }
        if !content.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')) {
            return Err(KeyFileError::Line { line, expected: "base64 data, or \"-----END PRIVATE KEY-----\"" });
        }
        encoded.push_str(content);
    }
    if !ended {
        return Err(KeyFileError::Line { line: last + 1, expected: "\"-----END PRIVATE KEY-----\"" });
    }
    if let Some((line, _)) = all.next() {
        return Err(KeyFileError::Line { line, expected: "the end of the file" });
    }
    decode_base64(&encoded).ok_or(KeyFileError::Line { line: 2, expected: "base64 data of whole octets" })
}

/// What a text in base64 stands for; no copy of it stays in memory.
pub(super) fn decode_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let len = STANDARD.decode_slice(text, &mut out).ok()?;
    out.truncate(len);
    Some(out)
}

/// What is needed of OneAsymmetricKey (RFC 5958 2).
struct PrivateKeyInfo<'a> {
    /// The object identifier of the kind of key.
    kind: &'a [u8],
    /// That of the curve (RFC 5480 2.1.1).
    curve: Option<&'a [u8]>,
    /// The private key in the form of its kind.
    key: &'a [u8],
}

impl PrivateKeyInfo<'_> {
    fn parse(der: &[u8]) -> Option<PrivateKeyInfo<'_>> {
        let mut outer = Der(der);
        let mut fields = Der(outer.take(SEQUENCE)?);
        fields.take(INTEGER)?;
        let mut algorithm = Der(fields.take(SEQUENCE)?);
        let kind = algorithm.take(OBJECT_IDENTIFIER)?;
        let curve = algorithm.take(OBJECT_IDENTIFIER);
        let key = fields.take(OCTET_STRING)?;
        outer.0.is_empty().then_some(PrivateKeyInfo { kind, curve, key })
    }
}

/// The numbers of RSAPrivateKey with two primes (RFC 8017 A.1.2).
fn rsa_numbers(der: &[u8]) -> Option<RsaNumbers<&[u8]>> {
    let mut fields = Der(Der(der).take(SEQUENCE)?);
    if fields.take(INTEGER)? != [0] {
        return None;
    }
    let mut numbers: RsaNumbers<&[u8]> = [&[]; 8];
    for number in &mut numbers {
        let value = fields.take(INTEGER)?;
        *number = value.strip_prefix(&[0]).unwrap_or(value);
    }
    fields.0.is_empty().then_some(numbers)
}
