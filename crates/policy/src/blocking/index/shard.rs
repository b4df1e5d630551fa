//! A part of the index: the names whose hashes begin with the same eight bits.
//!
//! A bucket is one cache line with six names: 48 bits of the hash of each (the place of the bucket stands for the others)
//! and a reference. A name whose bucket is full goes into the next that is not, and marks one of 32 bits, which its hash
//! chooses, in each bucket that it passes: whoever looks up another name goes on only if that bit is set.

use std::sync::Arc;

use super::reference::{FREE_BIT, Reference, Starts};

/// Shards of an index, as many as eight bits of a hash tell apart.
pub const SHARDS: usize = 256;
const SHARD_BITS: u32 = SHARDS.trailing_zeros();
/// Names in a bucket.
const SLOTS: usize = 6;
/// Names in a hundred places.
const LOAD_PERCENT: usize = 92;

/// Which shard a hash is in.
#[inline]
pub fn shard_of(hash: u64) -> usize {
    (hash >> (u64::BITS - SHARD_BITS)) as usize
}

/// Six names, on a cache line of their own. A reference of zero is a free place; one with [`FREE_BIT`] is the start of
/// several in the shard's table.
#[derive(Debug, Clone, Default)]
#[repr(C, align(64))]
struct Bucket {
    low: [u32; SLOTS],
    references: [u32; SLOTS],
    high: [u16; SLOTS],
    passed: u32,
}

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    /// The reference of a name that is here.
    #[inline]
    fn find(&self, hash: u64) -> Option<u32> {
        let (low, high) = print(hash);
        let mut equal = 0u32;
        for slot in 0..SLOTS {
            equal |= u32::from((self.low[slot] == low) & (self.high[slot] == high)) << slot;
        }
        // A free place has the print zero, which a name may have too.
        while equal != 0 {
            let reference = self.references.get(equal.trailing_zeros() as usize).copied().filter(|found| *found != 0);
            if reference.is_some() {
                return reference;
            }
            equal &= equal - 1;
        }
        None
    }

    /// Whether there was a place.
    fn put(&mut self, hash: u64, reference: u32) -> bool {
        let Some(slot) = self.references.iter().position(|taken| *taken == 0) else {
            return false;
        };
        (self.low[slot], self.high[slot]) = print(hash);
        self.references[slot] = reference;
        true
    }
}

/// What a bucket keeps of a hash.
#[inline]
fn print(hash: u64) -> (u32, u16) {
    (hash as u32, (hash >> 32) as u16)
}

/// The bit that a name marks where it passes.
#[inline]
fn mark(hash: u64) -> u32 {
    1 << (hash & 31)
}

/// A shard. Immutable once made.
#[derive(Debug, Default)]
pub struct Shard {
    buckets: Box<[Bucket]>,
    /// References of names that have several, one after the other; all but the last of a name have [`FREE_BIT`].
    several: Box<[u32]>,
    starts: Starts,
    names: usize,
}

impl Shard {
    /// Makes a shard of references sorted by hash, none twice.
    pub fn new(sorted: &[(u64, Reference)], starts: Starts) -> Shard {
        let names = sorted.chunk_by(|a, b| a.0 == b.0);
        let (mut count, mut more) = (0usize, 0usize);
        for name in names.clone() {
            count += 1;
            more += if name.len() > 1 { name.len() } else { 0 };
        }
        let mut buckets = vec![Bucket::default(); (count * 100).div_ceil(SLOTS * LOAD_PERCENT)].into_boxed_slice();
        let mut several = Vec::with_capacity(more);
        for name in names {
            let reference = match name {
                [(_, only)] => only.bits(),
                _ => {
                    let start = several.len() as u32;
                    several.extend(name.iter().map(|(_, reference)| reference.bits() | FREE_BIT));
                    if let Some(last) = several.last_mut() {
                        *last &= !FREE_BIT;
                    }
                    start | FREE_BIT
                }
            };
            if let Some((hash, _)) = name.first() {
                place(&mut buckets, *hash, reference);
            }
        }
        Shard { buckets, several: several.into_boxed_slice(), starts, names: count }
    }

    /// The name with this hash, if it is listed.
    #[inline]
    pub fn find(&self, hash: u64) -> Option<Hit<'_>> {
        let mut at = home(hash, self.buckets.len());
        for _ in 0..self.buckets.len() {
            let bucket = self.buckets.get(at)?;
            if let Some(found) = bucket.find(hash) {
                return Some(Hit { shard: self, found });
            }
            if bucket.passed & mark(hash) == 0 {
                return None;
            }
            at = if at + 1 == self.buckets.len() { 0 } else { at + 1 };
        }
        None
    }

    /// Where the memory is that a lookup of this hash reads first.
    #[inline]
    pub fn address(&self, hash: u64) -> Option<*const u8> {
        self.buckets.get(home(hash, self.buckets.len())).map(|bucket| std::ptr::from_ref(bucket).cast())
    }

    /// How many names it has.
    pub fn names(&self) -> usize {
        self.names
    }

    /// Octets of memory that it takes.
    pub fn octets(&self) -> usize {
        size_of::<Shard>() + size_of_val(&*self.buckets) + size_of_val(&*self.several)
    }

    /// A shard without names, for all places at once.
    pub fn empty() -> Arc<Shard> {
        Arc::new(Shard::default())
    }
}

/// The bucket that a name belongs into: chosen by the 32 bits behind those that choose the shard.
#[inline]
fn home(hash: u64, buckets: usize) -> usize {
    let bits = (hash << SHARD_BITS) >> 32;
    ((bits * buckets as u64) >> 32) as usize
}

/// There are more places than names, so one is found.
fn place(buckets: &mut [Bucket], hash: u64, reference: u32) {
    let count = buckets.len();
    let mut at = home(hash, count);
    for _ in 0..count {
        let Some(bucket) = buckets.get_mut(at) else { return };
        if bucket.put(hash, reference) {
            return;
        }
        bucket.passed |= mark(hash);
        at = if at + 1 == count { 0 } else { at + 1 };
    }
}

/// A listed name.
#[derive(Debug, Clone, Copy)]
pub struct Hit<'a> {
    shard: &'a Shard,
    found: u32,
}

impl<'a> Hit<'a> {
    /// Every line that lists it.
    #[inline]
    pub fn references(self) -> impl Iterator<Item = Reference> + 'a {
        let several = self.found & FREE_BIT != 0;
        let rest = if several { self.shard.several.get((self.found & !FREE_BIT) as usize..) } else { None };
        let only = (!several).then_some(self.found);
        let mut open = true;
        let listed = rest
            .unwrap_or_default()
            .iter()
            .copied()
            .take_while(move |bits| std::mem::replace(&mut open, bits & FREE_BIT != 0));
        only.into_iter().chain(listed).map(Reference::from_bits)
    }

    /// List and line of one of its references.
    #[inline]
    pub fn rule(self, reference: Reference) -> crate::action::RuleRef {
        self.shard.starts.rule(reference)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::format::{Listed, Scope};
    use super::*;

    fn reference(line: u64) -> Reference {
        Reference::new(line, Listed::block(Scope::Exact)).expect("line")
    }

    /// Numbers that are spread as hashes are.
    fn spread(i: u64) -> u64 {
        dns::NameHasher::new(2).extend(i, b"example")
    }

    #[test]
    fn every_name_is_found_with_all_its_lines_and_no_other_name() {
        for count in [0, 1, 5, 6, 7, 40, 1000, 20_000] {
            let mut sorted: Vec<(u64, Reference)> = Vec::new();
            for i in 0..count {
                let hash = spread(i);
                sorted.extend((0..=i % 3).map(|more| (hash, reference(1 + i * 3 + more))));
            }
            sorted.sort_unstable();
            let shard = Shard::new(&sorted, Starts::default());
            assert_eq!(shard.names() as u64, count);
            for i in 0..count {
                let hit = shard.find(spread(i)).expect("listed");
                let lines: Vec<u64> = hit.references().map(|reference| reference.line().into()).collect();
                assert_eq!(lines, (0..=i % 3).map(|more| 1 + i * 3 + more).collect::<Vec<_>>());
            }
            assert!((count..count + 20_000).all(|i| shard.find(spread(i)).is_none()));
        }
    }

    #[test]
    fn names_of_one_bucket_overflow_into_the_next_and_around_the_end() {
        // All hashes have the same 40 upper bits, so the same home.
        for base in [0u64, 0x00ff_ffff_ff00_0000] {
            let sorted: Vec<(u64, Reference)> = (0..40).map(|i| (base | i, reference(i + 1))).collect();
            let shard = Shard::new(&sorted, Starts::default());
            for (hash, expected) in &sorted {
                assert_eq!(shard.find(*hash).map(|hit| hit.references().collect()), Some(vec![*expected]));
            }
            assert!(shard.find(base | 40).is_none());
            assert!(shard.find(base | 0x1_0000).is_none());
        }
    }

    #[test]
    fn a_hash_of_zero_is_a_name_like_others() {
        assert!(Shard::new(&[(1 << 40, reference(1))], Starts::default()).find(0).is_none());
        let shard = Shard::new(&[(0, reference(9))], Starts::default());
        assert_eq!(shard.find(0).map(|hit| hit.references().collect()), Some(vec![reference(9)]));
    }
}
