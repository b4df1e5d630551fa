//! What validation of one answer may cost at most. All of it is called with data of strangers.

/// Keys of one DNSKEY RRset that are looked at (RFC 4035 sets no bound; zones have a handful).
pub const MAX_ZONE_KEYS: usize = 64;

/// Bits of the longest RSA modulus, and of the shortest (RFC 3110 2, RFC 5702 2.1).
pub const MAX_RSA_BITS: usize = 4096;
/// See [`MAX_RSA_BITS`].
pub const MIN_RSA_BITS: usize = 512;

/// Public-key operations for one RRset that are a good start for a [`crate::verify::VerifyBudget`]: two keys with
/// one tag, each with a signature that is being replaced. Without a bound, keys with equal tags make an answer
/// cost the product of keys and signatures (CVE-2023-50387).
pub const RRSET_VERIFICATIONS: u32 = 4;

/// Runs of SHA-1 that are a good start for a [`crate::nsec3::HashBudget`]: an IPv6 reverse name (34 labels) with the
/// most iterations. Without a bound, long names and many iterations cost much (CVE-2023-50868).
pub const ANSWER_HASH_RUNS: u32 = 36 * 151;
