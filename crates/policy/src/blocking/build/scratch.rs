//! What has been read of the shards that are made next: hashes and references, in blocks that are used again.

use super::super::index::Reference;

/// Entries of a block: 24 KiB.
const BLOCK: usize = 2048;

/// A hash in two halves, and the reference: twelve octets where a pair would take sixteen.
type Entry = [u32; 3];

/// Entries by shard.
#[derive(Debug, Default)]
pub struct Scratch {
    shards: Vec<Vec<Vec<Entry>>>,
    free: Vec<Vec<Entry>>,
    sorted: Vec<(u64, Reference)>,
}

impl Scratch {
    /// Forgets what is there and makes room for so many shards.
    pub fn start(&mut self, shards: usize) {
        for mut block in self.shards.drain(..).flatten() {
            block.clear();
            self.free.push(block);
        }
        self.shards.resize_with(shards, Vec::new);
    }

    /// Adds an entry to a shard; one that there is no room for is dropped.
    #[inline]
    pub fn add(&mut self, shard: usize, hash: u64, reference: Reference) {
        let Some(blocks) = self.shards.get_mut(shard) else { return };
        let entry = [hash as u32, (hash >> 32) as u32, reference.bits()];
        match blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(entry),
            _ => {
                let mut block = self.free.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK));
                block.push(entry);
                blocks.push(block);
            }
        }
    }

    /// Takes the entries of a shard, sorted.
    pub fn take(&mut self, shard: usize) -> &mut Vec<(u64, Reference)> {
        self.sorted.clear();
        for mut block in self.shards.get_mut(shard).map(std::mem::take).unwrap_or_default() {
            self.sorted.extend(block.iter().map(|[low, high, reference]| {
                (u64::from(*low) | u64::from(*high) << 32, Reference::from_bits(*reference))
            }));
            block.clear();
            self.free.push(block);
        }
        self.sorted.sort_unstable();
        &mut self.sorted
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::format::{Listed, Scope};
    use super::*;

    #[test]
    fn entries_come_back_sorted_and_once() {
        let reference = |line| Reference::new(line, Listed::block(Scope::Exact)).expect("line");
        let mut scratch = Scratch::default();
        scratch.start(2);
        for i in (0..5000u64).rev() {
            scratch.add(1, i << 33 | 7, reference(i + 1));
        }
        scratch.add(2, 1, reference(1));
        let expected: Vec<_> = (0..5000u64).map(|i| (i << 33 | 7, reference(i + 1))).collect();
        assert_eq!(*scratch.take(1), expected);
        assert!(scratch.take(1).is_empty() && scratch.take(0).is_empty());
        scratch.add(0, 1, reference(1));
        scratch.start(1);
        assert!(scratch.take(0).is_empty());
    }
}
