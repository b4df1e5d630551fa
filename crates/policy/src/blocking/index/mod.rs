//! Which names are listed where: millions of them, about twelve octets each, and a cache line or none for a lookup.
//!
//! A name is its hash under a secret seed, as [`HashedName`] has it for each suffix of a question: two names are taken for
//! one with a chance of 3e-13 for a question and five million names. The texts of lines stay in the lists' files.
//!
//! A question passes three sieves before names are looked up, each of which is right whatever it lets through: how
//! many labels listed names have ([`Depths`]), which last two labels they have ([`Stems`]), and the bits that buckets have
//! for names that passed them ([`Shard`]).

mod depths;
mod reference;
mod shard;
mod stems;

use std::sync::Arc;

use dns::NameHasher;
use dns::question::HashedName;

pub use depths::Depths;
pub use reference::{MAX_LINES, Reference, Starts};
pub use shard::{Hit, SHARDS, Shard, shard_of};
pub use stems::Stems;

/// Filters that an index has at most: a second while it is swapped, a third after a swap that was given up. Before there
/// would be more they are replaced by one that lets everything through.
const MAX_FILTERS: usize = 3;

/// An index. A copy shares its shards.
#[derive(Debug, Clone)]
pub struct Index {
    hasher: NameHasher,
    shards: Box<[Arc<Shard>]>,
    /// While shards are swapped those of the old and the new names; a stem that any has may be listed.
    stems: Vec<Arc<Stems>>,
    depths: Depths,
}

impl Index {
    /// An index without names, whose questions are hashed by `hasher`.
    pub fn empty(hasher: NameHasher) -> Index {
        let shard = Shard::empty();
        let shards = (0..SHARDS).map(|_| Arc::clone(&shard)).collect();
        Index { hasher, shards, stems: Vec::new(), depths: Depths::default() }
    }

    /// What questions are hashed by.
    pub fn hasher(&self) -> NameHasher {
        self.hasher
    }

    /// How many names are listed.
    pub fn names(&self) -> usize {
        self.shards.iter().map(|shard| shard.names()).sum()
    }

    /// Octets of memory that it takes, shared parts included.
    pub fn octets(&self) -> usize {
        let stems: usize = self.stems.iter().map(|stems| stems.octets()).sum();
        self.shards.iter().map(|shard| shard.octets()).sum::<usize>() + stems
    }

    /// Whether some line takes others away (`$badfilter`).
    #[inline]
    pub fn disables(&self) -> bool {
        self.depths.disables()
    }

    /// The listed name with this hash.
    #[inline]
    pub fn get(&self, hash: u64) -> Option<Hit<'_>> {
        self.shards.get(shard_of(hash))?.find(hash)
    }

    /// Gives each suffix of a question's name that is listed, from the whole name up, with its hash and whether it is the
    /// whole name.
    #[inline]
    pub fn find<'a>(&'a self, name: &HashedName, found: &mut impl FnMut(Hit<'a>, u64, bool)) {
        self.suffixes(name, |hash, whole| {
            if let Some(hit) = self.get(hash) {
                found(hit, hash, whole);
            }
        });
    }

    /// Where the memory is that decides whether any name has to be looked up for this question: to be asked for ahead,
    /// before [`Index::bucket_addresses`].
    #[inline]
    pub fn stem_address(&self, name: &HashedName) -> Option<*const u8> {
        let stems = self.stems.first().filter(|_| name.labels() > 1)?;
        stems.address(name.hash(2))
    }

    /// Where the memory is that [`Index::find`] reads for this question.
    #[inline]
    pub fn bucket_addresses(&self, name: &HashedName, address: &mut impl FnMut(*const u8)) {
        self.suffixes(name, |hash, _| {
            if let Some(at) = self.shards.get(shard_of(hash)).and_then(|shard| shard.address(hash)) {
                address(at);
            }
        });
    }

    /// The hashes that have to be looked up, and whether each is that of the whole name.
    #[inline]
    fn suffixes(&self, name: &HashedName, mut take: impl FnMut(u64, bool)) {
        let labels = name.labels();
        let known = labels > 1 && self.stems.iter().any(|stems| stems.has(name.hash(2)));
        let lowest = if known { labels } else { labels.min(1) };
        for depth in (1..=lowest).rev() {
            if self.depths.has(depth, depth == labels) {
                take(name.hash(depth), depth == labels);
            }
        }
    }

    /// Begins to swap names: the names that come are let through beside those that are there.
    pub fn begin_swap(&mut self, stems: Arc<Stems>, depths: &Depths) {
        if self.stems.len() >= MAX_FILTERS {
            self.stems = vec![Arc::new(Stems::all())];
        }
        self.stems.push(stems);
        self.depths = self.depths.or(depths);
    }

    /// Puts a shard in place of the one that is there.
    pub fn swap(&mut self, position: usize, shard: Arc<Shard>) {
        if let Some(place) = self.shards.get_mut(position) {
            *place = shard;
        }
    }

    /// Every shard is swapped: what was there before is forgotten.
    pub fn end_swap(&mut self, stems: Arc<Stems>, depths: Depths) {
        self.stems = vec![stems];
        self.depths = depths;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_bounded_and_what_passes_one_passes() {
        let mut index = Index::empty(NameHasher::new(1));
        let mut name = HashedName::default();
        name.set(&"a.example.".parse::<dns::NameBuf>().expect("name"), index.hasher());
        let stem = name.hash(2);
        let mut depths = Depths::default();
        depths.add(2, super::super::format::Listed::block(super::super::format::Scope::Exact));
        let suffixes = |index: &Index| {
            let mut all = Vec::new();
            index.suffixes(&name, |hash, whole| all.push((hash, whole)));
            all
        };
        for round in 0..9 {
            assert_eq!(suffixes(&index), if round == 0 { vec![] } else { vec![(stem, true)] });
            let mut stems = Stems::for_octets(1000);
            if round == 0 {
                stems.add(stem);
            }
            index.begin_swap(Arc::new(stems), &depths);
            assert!(index.stems.len() <= MAX_FILTERS);
        }
        index.end_swap(Arc::new(Stems::for_octets(1000)), depths);
        assert_eq!(suffixes(&index), []);
    }
}
