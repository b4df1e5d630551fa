//! What keys of strangers may cost at most. How many signatures and hashes one question may cost is the caller's to
//! say: [`crate::verify::VerifyBudget`], [`crate::nsec3::HashBudget`].

/// Keys of one DNSKEY RRset that are looked at (RFC 4035 sets no bound; zones have a handful).
pub const MAX_ZONE_KEYS: usize = 64;

/// Bits of the longest RSA modulus, and of the shortest (RFC 3110 2, RFC 5702 2.1).
pub const MAX_RSA_BITS: usize = 4096;
/// See [`MAX_RSA_BITS`].
pub const MIN_RSA_BITS: usize = 512;
