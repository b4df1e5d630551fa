//! What entries of the cache are found by.

use dns::{Name, RType};

/// A name, its hash, and a type.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    /// The name.
    pub name: &'a Name,
    /// Its hash.
    pub hash: u64,
    /// The type.
    pub rtype: RType,
}

impl Key<'_> {
    /// The same name with another type.
    #[inline]
    pub fn with(self, rtype: RType) -> Self {
        Key { rtype, ..self }
    }
}
