//! Hashed owner names (RFC 5155 5), for answers from zones and their checks. Proofs of non-existence with NSEC3
//! (RFC 5155 8), for the resolver's validator.

mod proof;

use dns::Name;
use sha1::{Digest, Sha1};

/// Bytes of a hash. SHA-1 is the only hash algorithm (RFC 5155 11).
pub const HASH_LEN: usize = 20;
/// Bytes of a hash in base32hex, as in the first label of an owner.
pub const LABEL_LEN: usize = 32;
/// Most additional iterations that are computed: no zone may have more (RFC 5155 10.3). This bounds the cost of an
/// answer from another operator's zone to about a millisecond.
pub const MAX_ITERATIONS: u16 = 2500;
/// Validators treat a zone with more additional iterations as insecure, or as bogus (RFC 9276 3.2).
pub const INSECURE_ITERATIONS: u16 = 150;

pub use proof::{HashBudget, nsec3_denies_ds, nsec3_denies_for_wildcard, nsec3_denies_name, nsec3_denies_type};

/// A raw hash.
pub type Hash = [u8; HASH_LEN];

const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// The hash of `name`, case ignored (RFC 5155 5). Does not allocate.
///
/// The first name of the example in RFC 5155 A:
///
/// ```
/// use dnssec::nsec3::{hash, label};
///
/// let name: dns::NameBuf = "example.".parse()?;
/// let hash = hash(&name, &[0xaa, 0xbb, 0xcc, 0xdd], 12);
/// assert_eq!(&label(&hash), b"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom");
/// # Ok::<(), dns::NameError>(())
/// ```
pub fn hash(name: &Name, salt: &[u8], iterations: u16) -> Hash {
    let mut lower = [0u8; dns::name::MAX_NAME_LEN];
    let lower = &mut lower[..name.len()];
    lower.copy_from_slice(name.as_wire());
    lower.make_ascii_lowercase();
    let mut hash: Hash = Sha1::new().chain_update(&*lower).chain_update(salt).finalize().into();
    for _ in 0..iterations {
        hash = Sha1::new().chain_update(hash).chain_update(salt).finalize().into();
    }
    hash
}

/// The first label of the owner for a hash, in lower case (RFC 5155 3.3, RFC 4648 7).
pub fn label(hash: &Hash) -> [u8; LABEL_LEN] {
    let mut out = [0u8; LABEL_LEN];
    for (five, eight) in hash.chunks_exact(5).zip(out.chunks_exact_mut(8)) {
        let bits = five.iter().fold(0u64, |bits, &octet| bits << 8 | u64::from(octet));
        for (i, digit) in eight.iter_mut().enumerate() {
            *digit = ALPHABET[(bits >> (35 - 5 * i)) as usize & 31];
        }
    }
    out
}

/// The hash in the first label of an owner; `None` if it is not one.
pub fn hash_from_label(label: &[u8]) -> Option<Hash> {
    if label.len() != LABEL_LEN {
        return None;
    }
    let mut out = [0u8; HASH_LEN];
    for (eight, five) in label.chunks_exact(8).zip(out.chunks_exact_mut(5)) {
        let mut bits = 0u64;
        for &digit in eight {
            let value = match digit.to_ascii_lowercase() {
                digit @ b'0'..=b'9' => digit - b'0',
                digit @ b'a'..=b'v' => digit - b'a' + 10,
                _ => return None,
            };
            bits = bits << 5 | u64::from(value);
        }
        five.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;

    use super::*;

    /// The hashes of RFC 5155 appendix A (salt AABBCCDD, 12 iterations).
    #[test]
    fn rfc5155_appendix_a() {
        let check = |name: &str, want: &[u8]| {
            let name: NameBuf = name.parse().expect("name");
            let hash = hash(&name, &[0xaa, 0xbb, 0xcc, 0xdd], 12);
            assert_eq!(label(&hash), want, "{name}");
            assert_eq!(hash_from_label(want), Some(hash));
        };
        check("example.", b"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom");
        check("a.EXAMPLE.", b"35mthgpgcu1qg68fab165klnsnk3dpvl");
        check("ai.example.", b"gjeqe526plbf1g8mklp59enfd789njgi");
        check("*.w.example.", b"r53bq7cc2uvmubfu5ocmm6pers9tk9en");
        check("xx.example.", b"t644ebqk9bibcna874givr6joj62mlhv");
    }

    #[test]
    fn other_labels_are_no_hashes() {
        assert_eq!(hash_from_label(b"www"), None);
        assert_eq!(hash_from_label(b"zp9mhaveqvm6t7vbl5lop2u3t2rp3tom"), None);
    }
}
