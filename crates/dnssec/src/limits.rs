//! Bounds on the cost of keys that others publish. The caller bounds how many signatures and hashes one question may
//! cost: [`crate::verify::VerifyBudget`], [`crate::nsec3::HashBudget`].

/// Most keys of one DNSKEY RRset that are parsed. RFC 4035 sets no bound; zones have a handful.
pub const MAX_ZONE_KEYS: usize = 64;

/// Bits of the longest RSA modulus that is accepted (RFC 3110 2, RFC 5702 2.1).
pub const MAX_RSA_BITS: usize = 4096;
/// Bits of the shortest RSA modulus that is accepted (RFC 3110 2, RFC 5702 2.1).
pub const MIN_RSA_BITS: usize = 512;
