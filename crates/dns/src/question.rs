//! The name of a question, ready for lookups: where each suffix starts and its hash.
//!
//! Made once per query, by the message parser or for the target of an alias; the zone table, zone
//! contents and the response writer all read it. It is reused between queries and never cleared.

use crate::name::{MAX_LABELS, MAX_NAME_LEN, Name, NameError};
use crate::namehash::NameHasher;

/// A name with its suffixes indexed by how many labels they have.
#[derive(Clone)]
pub struct HashedName {
    wire: [u8; MAX_NAME_LEN + 1],
    len: u8,
    labels: u8,
    /// Where each label starts, from left to right, the root label included.
    starts: [u8; MAX_LABELS + 1],
    /// The hash of the suffix of `i` labels.
    hashes: [u64; MAX_LABELS + 1],
}

impl Default for HashedName {
    /// The root, with no valid hash: fill it before use.
    fn default() -> HashedName {
        HashedName { wire: [0; 256], len: 1, labels: 0, starts: [0; 128], hashes: [0; 128] }
    }
}

impl HashedName {
    /// Takes the uncompressed name at the start of `wire`; returns its length in octets.
    ///
    /// # Errors
    /// Anything but plain labels that end within 255 octets (RFC 1035 2.3.4). A compression pointer is
    /// an error as well: nothing stands before a question that it could point to.
    #[inline]
    pub fn read(&mut self, wire: &[u8], hasher: NameHasher) -> Result<usize, NameError> {
        let (mut at, mut labels) = (0usize, 0usize);
        loop {
            let len = *wire.get(at).ok_or(NameError::Truncated)? as usize;
            if len == 0 {
                break;
            }
            if len > 63 {
                return Err(NameError::BadLabelType);
            }
            if at + len + 2 > MAX_NAME_LEN {
                return Err(NameError::TooLong);
            }
            self.starts[labels] = at as u8;
            labels += 1;
            at += 1 + len;
        }
        let len = at + 1;
        self.wire[..len].copy_from_slice(&wire[..len]);
        self.len = len as u8;
        self.labels = labels as u8;
        self.starts[labels] = at as u8;
        let mut hash = hasher.root();
        self.hashes[0] = hash;
        let mut end = at;
        for depth in 1..=labels {
            let start = self.starts[labels - depth] as usize;
            hash = hasher.extend(hash, &self.wire[start + 1..end]);
            self.hashes[depth] = hash;
            end = start;
        }
        Ok(len)
    }

    /// Takes over a name.
    pub fn set(&mut self, name: &Name, hasher: NameHasher) {
        // A `Name` is valid, so reading it cannot fail.
        let _ = self.read(name.as_wire(), hasher);
    }

    /// The name, in the case it came in.
    #[inline]
    pub fn name(&self) -> &Name {
        Name::from_validated(&self.wire[..self.len as usize])
    }

    /// Number of labels without the root.
    #[inline]
    pub fn labels(&self) -> usize {
        self.labels as usize
    }

    /// Where the suffix of `depth` labels starts in the name.
    #[inline]
    pub fn start(&self, depth: usize) -> usize {
        self.starts[self.labels().wrapping_sub(depth) & MAX_LABELS] as usize
    }

    /// The hash of the suffix of `depth` labels.
    #[inline]
    pub fn hash(&self, depth: usize) -> u64 {
        self.hashes[depth & MAX_LABELS]
    }

    /// The suffix of `depth` labels.
    #[inline]
    pub fn suffix(&self, depth: usize) -> &Name {
        Name::from_validated(&self.wire[self.start(depth)..self.len as usize])
    }

    /// The labels of the suffix of `depth` labels that stand in front of the suffix of `base` labels.
    #[inline]
    pub fn between(&self, depth: usize, base: usize) -> &[u8] {
        &self.wire[self.start(depth)..self.start(base)]
    }
}
