//! Public keys of zones: form and length by algorithm.

use super::{Fault, require};
use crate::name::Name;
use crate::rdata::typed::Dnskey;

/// The flag of a zone key (RFC 4034 2.1.1).
const ZONE_KEY: u16 = 0x0100;
/// Octets of the shortest modulus that RSA may have: 512 bits (RFC 3110 2, RFC 5702 2.1).
const MIN_RSA_LEN: usize = 64;
/// The same with SHA-512: 1024 bits (RFC 5702 2.2).
const MIN_RSASHA512_LEN: usize = 128;
/// Octets of the longest: 4096 bits (RFC 3110 2, RFC 5702 2).
const MAX_RSA_LEN: usize = 512;

/// Whether a DNSKEY or CDNSKEY keeps the rules.
pub(super) fn check(rdata: &[u8]) -> Result<(), Fault> {
    // RFC 4034 2.1.1: what is no zone key is another kind of key, and never verifies anything.
    let Some(dnskey) = Dnskey::parse(rdata).filter(|dnskey| dnskey.flags & ZONE_KEY != 0) else { return Ok(()) };
    let key = dnskey.public_key;
    match dnskey.algorithm {
        1 | 5 | 7 | 8 => rsa(key, MIN_RSA_LEN, "an RSA key has 512 to 4096 bits"),
        10 => rsa(key, MIN_RSASHA512_LEN, "an RSA key for SHA-512 has 1024 to 4096 bits"),
        3 | 6 => require(is_dsa(key), Fault::rule("a DSA key is T, Q, P, G and Y, as long as T says", "RFC 2536 2")),
        12 => Fault::length("a key for GOST R 34.10-2001", 64, key.len(), "RFC 5933 2"),
        13 => Fault::length("an ECDSA key on curve P-256", 64, key.len(), "RFC 6605 4"),
        14 => Fault::length("an ECDSA key on curve P-384", 96, key.len(), "RFC 6605 4"),
        15 => Fault::length("an Ed25519 key", 32, key.len(), "RFC 8080 3"),
        16 => Fault::length("an Ed448 key", 57, key.len(), "RFC 8080 3"),
        17 => Fault::length("an SM2 key", 64, key.len(), "RFC 9563 3"),
        23 => Fault::length("a key for GOST R 34.10-2012", 64, key.len(), "RFC 9558 2"),
        253 => require(
            Name::split_from_wire(key).is_ok(),
            Fault::rule("a key of algorithm 253 begins with a domain name", "RFC 4034 A.1.1"),
        ),
        254 => require(
            begins_with_oid(key),
            Fault::rule("a key of algorithm 254 begins with a length and an object identifier", "RFC 4034 A.1.1"),
        ),
        _ => Ok(()),
    }?;
    require(dnskey.protocol == 3, Fault::odd("the protocol is 3: with another the key is never used", "RFC 4034 2.1.2"))
}

fn rsa(key: &[u8], min: usize, rule: &'static str) -> Result<(), Fault> {
    let Some(modulus) = rsa_modulus(key) else {
        return Err(Fault::rule(
            "an RSA key is the length of the exponent, the exponent and the modulus",
            "RFC 3110 2",
        ));
    };
    require((min..=MAX_RSA_LEN).contains(&modulus.len()), Fault::rule(rule, "RFC 3110 2, RFC 5702 2"))
}

/// The modulus of an RSA key without zero octets in front; `None` if the key has another form (RFC 3110 2).
pub(super) fn rsa_modulus(key: &[u8]) -> Option<&[u8]> {
    let (exponent_len, rest) = match *key {
        [0, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
        [len, ref rest @ ..] => (usize::from(len), rest),
        [] => return None,
    };
    let (exponent, modulus) = rest.split_at_checked(exponent_len)?;
    let first = modulus.iter().position(|&octet| octet != 0)?;
    if exponent.iter().all(|&octet| octet == 0) { None } else { modulus.get(first..) }
}

/// Whether a DSA key is as long as its first octet says (RFC 2536 2).
pub(super) fn is_dsa(key: &[u8]) -> bool {
    key.first().is_some_and(|&t| t <= 8 && key.len() == 1 + 20 + 3 * (64 + 8 * usize::from(t)))
}

/// Whether `octets` begin with an object identifier behind an octet with its length: the octets of its BER form, the
/// last of each number without the top bit (RFC 4034 A.1.1). An empty one is one.
pub(super) fn begins_with_oid(octets: &[u8]) -> bool {
    let Some((&len, rest)) = octets.split_first() else { return false };
    rest.get(..len.into()).is_some_and(|oid| oid.last().is_none_or(|last| last & 0x80 == 0))
}
