//! The digest of a zone, which a ZONEMD record has (RFC 8976).

use aws_lc_rs::digest;

use crate::canonical::{Rrset, Scratch, canonical_records};

/// The records of the zone one after the other (RFC 8976 2.2.2).
pub const SCHEME_SIMPLE: u8 = 1;
/// SHA-384 (RFC 8976 2.2.3).
pub const HASH_SHA384: u8 = 1;
/// Octets of that digest.
pub const SHA384_LEN: usize = 48;

/// Computes the digest of a zone whose RRsets come in canonical order (RFC 8976 3.3).
pub struct ZoneDigest {
    context: digest::Context,
    scratch: Scratch,
}

impl Default for ZoneDigest {
    fn default() -> ZoneDigest {
        ZoneDigest { context: digest::Context::new(&digest::SHA384), scratch: Scratch::default() }
    }
}

impl ZoneDigest {
    /// Adds the next RRset: owners are in canonical order (RFC 4034 6.1), those of one owner in the order of the numbers of
    /// their types (RFC 8976 3.3.2). What the digest leaves out is the caller's matter (RFC 8976 3.3.1).
    pub fn add(&mut self, set: &Rrset<'_>) {
        // Data that are longer than 65,535 octets are in no zone.
        if let Some(records) = canonical_records(set, &mut self.scratch) {
            self.context.update(records);
        }
    }

    /// The digest of all that was added.
    pub fn finish(self) -> [u8; SHA384_LEN] {
        let mut out = [0; SHA384_LEN];
        out.copy_from_slice(self.context.finish().as_ref());
        out
    }
}
