//! A list that versions share: a change copies a few dozen entries, however long it is. The directories of
//! [`crate::index`] and [`crate::order`] are made of it.
//!
//! Two levels, so that what a change copies, and counts references of, is one short list at each of them.

use std::sync::Arc;

/// Entries of a part: 2^5.
const PART_BITS: u32 = 5;
const PART_LEN: usize = 1 << PART_BITS;

/// The list; a clone shares it. All parts but the last are full.
#[derive(Clone)]
pub struct Fan<T> {
    parts: Arc<[Arc<[T]>]>,
}

impl<T: Clone> FromIterator<T> for Fan<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Fan<T> {
        let mut entries = entries.into_iter();
        let next = || Some(entries.by_ref().take(PART_LEN).collect::<Arc<[T]>>()).filter(|part| !part.is_empty());
        Fan { parts: std::iter::from_fn(next).collect() }
    }
}

impl<T> Fan<T> {
    /// Whether it is the same list as `other`, and not one that looks like it.
    pub fn is_shared_with(&self, other: &Fan<T>) -> bool {
        Arc::ptr_eq(&self.parts, &other.parts)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.parts.last().map_or(0, |last| ((self.parts.len() - 1) << PART_BITS) + last.len())
    }

    /// The entry with this number, which must be there.
    #[inline]
    pub fn at(&self, i: usize) -> &T {
        &self.parts[i >> PART_BITS][i % PART_LEN]
    }

    /// The entry with this number.
    #[inline]
    pub fn get(&self, i: usize) -> Option<&T> {
        self.parts.get(i >> PART_BITS)?.get(i % PART_LEN)
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flat_map(|part| part.iter())
    }
}

impl<T: Clone> Fan<T> {
    /// The entry with this number, which must be there, to be changed. What other versions share is copied.
    pub fn at_mut(&mut self, i: usize) -> &mut T {
        &mut Arc::make_mut(&mut Arc::make_mut(&mut self.parts)[i >> PART_BITS])[i % PART_LEN]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_share_and_keep_what_they_had() {
        for len in [0, 1, 31, 32, 33, 1000] {
            let old: Fan<usize> = (0..len).collect();
            assert_eq!((old.len(), old.get(len)), (len, None));
            let mut new = old.clone();
            (0..len).step_by(7).for_each(|i| *new.at_mut(i) += 1);
            assert!(old.iter().copied().eq(0..len), "{len}");
            assert!((0..len).all(|i| *new.at(i) == i + usize::from(i % 7 == 0)), "{len}");
        }
    }
}
