//! SHA-256 (FIPS 180-4) and comparison in constant time, for tokens, sessions and checksums. Digests of DS records
//! (RFC 4034 5, RFC 4509, RFC 6605), for validation and signing.

use aws_lc_rs::{constant_time, digest, hmac};
use dns::Name;
use dns::rdata::typed::{Dnskey, Ds};

use crate::algorithm::{Algorithm, is_supported};
use crate::key::key_tag;

/// SHA-1 as a digest type of DS (RFC 4034 A.2).
pub const DS_SHA1: u8 = 1;
/// SHA-256 as a digest type of DS (RFC 4509).
pub const DS_SHA256: u8 = 2;
/// SHA-384 as a digest type of DS (RFC 6605 2).
pub const DS_SHA384: u8 = 4;

/// Bytes of a SHA-256 digest.
pub const SHA256_LEN: usize = 32;

/// The SHA-256 digest of `data`.
pub fn sha256(data: &[u8]) -> [u8; SHA256_LEN] {
    let mut out = [0; SHA256_LEN];
    out.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    out
}

/// Computes the keyed digest HMAC-SHA256 of `data` (RFC 2104).
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; SHA256_LEN] {
    let mut out = [0; SHA256_LEN];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref());
    out
}

/// Computes the SHA-256 digest of data that comes in pieces.
pub struct Sha256(digest::Context);

impl Default for Sha256 {
    fn default() -> Sha256 {
        Sha256(digest::Context::new(&digest::SHA256))
    }
}

impl Sha256 {
    /// Adds the next piece.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> [u8; SHA256_LEN] {
        let mut out = [0; SHA256_LEN];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }
}

/// Whether `a` and `b` are the same bytes. The time does not depend on where they differ.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Whether this crate can check DS records with this digest type (RFC 4035 5.2).
pub fn digest_supported(digest_type: u8) -> bool {
    ds_algorithm(digest_type).is_some()
}

fn ds_algorithm(digest_type: u8) -> Option<&'static digest::Algorithm> {
    match digest_type {
        DS_SHA1 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        DS_SHA256 => Some(&digest::SHA256),
        DS_SHA384 => Some(&digest::SHA384),
        _ => None,
    }
}

/// The data of the DS record for the DNSKEY record with this data in the zone `owner` (RFC 4034 5.1); `None` if the digest
/// type is not supported, or the data are none of a DNSKEY record.
pub fn ds_rdata(owner: &Name, dnskey: &[u8], digest_type: u8) -> Option<Vec<u8>> {
    let digest = ds_digest(owner, dnskey, digest_type)?;
    let [high, low] = key_tag(dnskey).to_be_bytes();
    Some([&[high, low, *dnskey.get(3)?, digest_type], digest.as_ref()].concat())
}

/// The digest of a DNSKEY record (RFC 4034 5.1.4); `None` if the type is not supported.
fn ds_digest(owner: &Name, dnskey_rdata: &[u8], digest_type: u8) -> Option<digest::Digest> {
    let mut lower = [0; dns::name::MAX_NAME_LEN];
    let lower = &mut lower[..owner.len()];
    lower.copy_from_slice(owner.as_wire());
    lower.make_ascii_lowercase();
    let mut context = digest::Context::new(ds_algorithm(digest_type)?);
    context.update(lower);
    context.update(dnskey_rdata);
    Some(context.finish())
}

/// Whether a DS record refers to this DNSKEY record (RFC 4035 5.2): key tag, algorithm and digest are those of the key.
/// The key's flags are not checked. Malformed data matches nothing.
///
/// ```
/// use dns::NameBuf;
/// use dnssec::algorithm::Algorithm;
/// use dnssec::digest::{DS_SHA256, ds_matches};
/// use dnssec::sign::SigningKey;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (zone, other): (NameBuf, NameBuf) = ("example.".parse()?, "example.org.".parse()?);
/// let key = SigningKey::generate(Algorithm::ECDSAP256SHA256)?;
/// let (dnskey, ds) = (key.dnskey_rdata(), key.ds_rdata(&zone, DS_SHA256)?);
/// assert!(ds_matches(&zone, dnskey, &ds));
/// assert!(!ds_matches(&other, dnskey, &ds), "the digest covers the owner");
/// # Ok(())
/// # }
/// ```
pub fn ds_matches(owner: &Name, dnskey_rdata: &[u8], ds_rdata: &[u8]) -> bool {
    let (Some(ds), Some(dnskey)) = (Ds::parse(ds_rdata), Dnskey::parse(dnskey_rdata)) else { return false };
    if ds.algorithm != dnskey.algorithm || ds.key_tag != key_tag(dnskey_rdata) {
        return false;
    }
    ds_digest(owner, dnskey_rdata, ds.digest_type).is_some_and(|digest| digest.as_ref() == ds.digest)
}

/// The records of a DS RRset that a validator uses: those with a supported algorithm and digest type. SHA-1 digests
/// count only for algorithms without a better digest (RFC 4509 3). If the result is empty, the child zone is insecure
/// (RFC 4035 5.2).
pub fn usable_ds<'a>(rdatas: &[&'a [u8]], allow_sha1: bool) -> Vec<&'a [u8]> {
    let usable = |rdata: &&&'a [u8]| {
        Ds::parse(rdata)
            .is_some_and(|ds| digest_supported(ds.digest_type) && is_supported(Algorithm(ds.algorithm), allow_sha1))
    };
    let mut better = [false; 256];
    let parsed = rdatas.iter().filter(usable).filter_map(|rdata| Ds::parse(rdata));
    parsed.filter(|ds| ds.digest_type != DS_SHA1).for_each(|ds| better[usize::from(ds.algorithm)] = true);
    let counts = |rdata: &&&'a [u8]| {
        Ds::parse(rdata).is_some_and(|ds| ds.digest_type != DS_SHA1 || !better[usize::from(ds.algorithm)])
    };
    rdatas.iter().filter(usable).filter(counts).copied().collect()
}

#[cfg(test)]
mod tests {
    use dns::rdata::text;
    use dns::scan::Scanner;
    use dns::{NameBuf, RType};

    use super::*;

    fn rdata(rtype: RType, source: &str) -> Vec<u8> {
        let mut out = Vec::new();
        text::scan(rtype, &mut Scanner::new(source.as_bytes()), Name::root(), &mut out).expect(source);
        out
    }

    /// RFC 4034 5.4, RFC 4509 2.3, RFC 6605 6 and RFC 8080 6.1.
    #[test]
    fn digests_of_keys() {
        let check = |owner: &str, key: &str, ds: &str| {
            let owner: NameBuf = owner.parse().expect("name");
            let (key, ds) = (rdata(RType::DNSKEY, key), rdata(RType::DS, ds));
            assert!(ds_matches(&owner, &key, &ds), "{owner}");
            assert!(!ds_matches(Name::root(), &key, &ds), "{owner}");
            for at in 0..ds.len() {
                let mut changed = ds.clone();
                changed[at] ^= 1;
                assert!(!ds_matches(&owner, &key, &changed), "{owner} octet {at}");
            }
            assert!(!ds_matches(&owner, &key, &ds[..ds.len() - 1]), "{owner}");
        };
        let rsa = "256 3 5 AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/2pHm822aJ5iI9BMzNXxeYCmZDRD99WYwYqUSdjMmmAph\
                   XdvxegXd/M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM9XzcnOf+EPbtG9DMBmADjFDc2w/rljwvFw==";
        check("DSkey.example.com.", rsa, "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118");
        check("dskey.example.com.", rsa, "60485 5 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A");
        check(
            "example.net.",
            "257 3 14 xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1w/egsXvSADtNJhyem5RCOpgQ6K8X1DRSEkrbYQ+OB+v8/uX45NB\
             wY8rp65F6Glur8I/mlVNgF6W/qTI37m40",
            "10771 14 4 72D7B62976CE06438E9C0BF319013CF801F09ECC84B8D7E9495F27E305C6A9B0563A9B5F4D288405C3008A946DF983D6",
        );
        check(
            "example.com.",
            "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
            "3613 15 2 3AA5AB37EFCE57F737FC1627013FEE07BDF241BD10F3B1964AB55C78E79A304B",
        );
    }

    #[test]
    fn which_ds_records_count() {
        let check = |allow_sha1, all: &[&str], want: &[usize]| {
            let all: Vec<Vec<u8>> = all.iter().map(|ds| rdata(RType::DS, ds)).collect();
            let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
            let want: Vec<&[u8]> = want.iter().map(|&at| all[at]).collect();
            assert_eq!(usable_ds(&all, allow_sha1), want);
        };
        check(false, &["1 8 1 AA", "1 8 2 AB", "2 13 1 AC"], &[1, 2]);
        check(false, &["1 8 1 AA", "1 8 3 AB", "1 8 99 AC"], &[0]);
        check(false, &["1 5 2 AA", "1 16 2 AB"], &[]);
        check(true, &["1 5 1 AA", "1 7 4 AB", "1 16 2 AB"], &[0, 1]);
    }

    /// FIPS 180-4, example of one block.
    #[test]
    fn known_digest() {
        let want = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03,
            0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(sha256(b"abc"), want);
        let mut pieces = Sha256::default();
        [&b"a"[..], b"", b"bc"].iter().for_each(|piece| pieces.update(piece));
        assert_eq!(pieces.finish(), want);
    }

    /// RFC 4231 4.3.
    #[test]
    fn keyed_digest() {
        let digest = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!((digest[0], digest[1], digest[31]), (0x5b, 0xdc, 0x43));
    }

    #[test]
    fn equality() {
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"ab"));
        assert!(equal(b"", b""));
    }
}
