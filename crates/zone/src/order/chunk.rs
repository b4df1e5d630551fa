//! Some dozen sort keys in one piece of memory: the leaves of [`super::Order`].

use std::cmp::Ordering;

use bytes::Bytes;

use crate::memory::{prefetch_octets, recycled};

/// Order of two keys; most differ within eight octets, which are compared as one word.
#[inline]
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    if let (Some(x), Some(y)) = (a.first_chunk::<8>(), b.first_chunk::<8>()) {
        let order = u64::from_be_bytes(*x).cmp(&u64::from_be_bytes(*y));
        if order.is_ne() {
            return order;
        }
    }
    a.cmp(b)
}

/// The first eight octets of a key as a number; a key that is shorter is as if zeros followed. Keys whose heads
/// differ are in the order of their heads.
pub fn head(key: &[u8]) -> u64 {
    let mut octets = [0; 8];
    let len = key.len().min(8);
    octets[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(octets)
}

/// Sorted keys in one piece of memory: count u16, where each key ends u16, keys.
#[derive(Clone)]
pub struct Chunk(Bytes);

impl Chunk {
    /// A chunk of these keys, which are in order.
    pub fn build(keys: &[&[u8]]) -> Chunk {
        let total: usize = keys.iter().map(|key| key.len()).sum();
        let mut out = Vec::with_capacity(2 + 2 * keys.len() + total);
        out.extend_from_slice(&(keys.len() as u16).to_le_bytes());
        let mut end = 0u16;
        for key in keys {
            end += key.len() as u16;
            out.extend_from_slice(&end.to_le_bytes());
        }
        keys.iter().for_each(|key| out.extend_from_slice(key));
        Chunk(Bytes::from(out.into_boxed_slice()))
    }

    fn u16_at(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))
    }

    /// Number of keys.
    pub fn count(&self) -> usize {
        self.u16_at(0)
    }

    /// Where the key with this number begins, behind the list of ends.
    fn start(&self, i: usize) -> usize {
        if i == 0 { 0 } else { self.u16_at(2 * i) }
    }

    /// The key with this number.
    pub fn key(&self, i: usize) -> &[u8] {
        let base = 2 + 2 * self.count();
        &self.0[base + self.start(i)..base + self.u16_at(2 + 2 * i)]
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.count()).map(|i| self.key(i))
    }

    /// How many keys are smaller than `key`, or equal to it where `inclusive`.
    pub fn rank(&self, key: &[u8], inclusive: bool) -> usize {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            let order = compare(self.key(middle), key);
            let before = order.is_lt() || (inclusive && order.is_eq());
            (low, high) = if before { (middle + 1, high) } else { (low, middle) };
        }
        low
    }

    /// Asks for all of the chunk.
    pub fn prefetch(&self) {
        prefetch_octets(&self.0);
    }

    /// Octets of the chunk.
    pub fn octets(&self) -> usize {
        self.0.len()
    }

    /// This chunk with `key` as the one at `rank`.
    pub fn with(&self, rank: usize, key: &[u8]) -> Chunk {
        self.changed(rank, 0, Some(key))
    }

    /// This chunk without the key at `rank`.
    pub fn without(&self, rank: usize) -> Chunk {
        self.changed(rank, 1, None)
    }

    /// This chunk with `key`, if that is given, in place of `removed` keys from `rank` on.
    fn changed(&self, rank: usize, removed: usize, key: Option<&[u8]>) -> Chunk {
        let (count, ends_at) = (self.count(), 2 + 2 * self.count());
        let (ends, keys) = (&self.0[2..ends_at], &self.0[ends_at..]);
        let (start, behind) = (self.start(rank), self.start(rank + removed));
        let added = key.map_or(0, <[u8]>::len);
        let new_count = count - removed + usize::from(key.is_some());
        let by = (added as u16).wrapping_sub((behind - start) as u16);
        Chunk(recycled(self.0.len() + 2 + added, |out| {
            out.extend_from_slice(&(new_count as u16).to_le_bytes());
            out.extend_from_slice(&ends[..2 * rank]);
            if key.is_some() {
                out.extend_from_slice(&((start + added) as u16).to_le_bytes());
            }
            let moved = out.len();
            out.extend_from_slice(&ends[2 * (rank + removed)..]);
            for end in out[moved..].as_chunks_mut().0 {
                *end = u16::from_le_bytes(*end).wrapping_add(by).to_le_bytes();
            }
            out.extend_from_slice(&keys[..start]);
            out.extend_from_slice(key.unwrap_or_default());
            out.extend_from_slice(&keys[behind..]);
        }))
    }
}
