//! A map of bounded size: entries that were not used lately make room for new ones.
//!
//! It has two generations. A use moves an entry to the young one. When that is full, the old one is dropped and the young
//! one becomes the old one. This is cheap, and keeps at least what an LRU list of half the size would keep.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Locks of a map.
const SHARDS: usize = 16;

/// A map from `K` to `V` that many threads use.
pub struct Bounded<K, V> {
    hasher: FixedState,
    shards: [Mutex<Generations<K, V>>; SHARDS],
    /// Entries of one generation of one shard.
    per_generation: usize,
}

struct Generations<K, V> {
    young: HashMap<K, V, FixedState>,
    old: HashMap<K, V, FixedState>,
}

impl<K: Hash + Eq, V: Clone> Bounded<K, V> {
    /// A map of at most `capacity` entries; `seed` makes its hashes hard to guess.
    pub fn new(capacity: usize, seed: u64) -> Bounded<K, V> {
        let hasher = FixedState::with_seed(seed);
        let map = || HashMap::with_hasher(hasher.clone());
        let generations = |_| Mutex::new(Generations { young: map(), old: map() });
        let shards = std::array::from_fn(generations);
        Bounded { hasher, shards, per_generation: (capacity / SHARDS / 2).max(1) }
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> MutexGuard<'_, Generations<K, V>> {
        let index = (self.hasher.hash_one(key) >> 48) as usize % SHARDS;
        // What the lock protects is never left half done.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is there for `key`.
    pub fn get<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut shard = self.shard(key);
        if let Some(value) = shard.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = shard.old.remove_entry(key)?;
        shard.insert(key, value.clone(), self.per_generation);
        Some(value)
    }

    /// Looks at what is there, without a copy; it does not count as a use.
    pub fn look<Q: Hash + Eq + ?Sized, T>(&self, key: &Q, look: impl FnOnce(Option<&V>) -> T) -> T
    where
        K: Borrow<Q>,
    {
        let shard = self.shard(key);
        look(shard.young.get(key).or_else(|| shard.old.get(key)))
    }

    /// Puts `value` there.
    pub fn insert(&self, key: K, value: V) {
        let mut shard = self.shard(&key);
        shard.old.remove(&key);
        shard.insert(key, value, self.per_generation);
    }

    /// Takes out what is there.
    pub fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut shard = self.shard(key);
        let old = shard.old.remove(key);
        shard.young.remove(key).or(old)
    }

    /// Changes what is there, or `V::default()` if nothing is.
    pub fn update<T>(&self, key: K, change: impl FnOnce(&mut V) -> T) -> T
    where
        V: Default,
    {
        let mut shard = self.shard(&key);
        let mut value = shard.young.remove(&key).or_else(|| shard.old.remove(&key)).unwrap_or_default();
        let result = change(&mut value);
        shard.insert(key, value, self.per_generation);
        result
    }

    /// Drops everything that `keep` does not want.
    pub fn retain(&self, keep: impl Fn(&K, &V) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.retain(|key, value| keep(key, value));
            shard.old.retain(|key, value| keep(key, value));
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        let len = |shard: &Mutex<Generations<K, V>>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    fn insert(&mut self, key: K, value: V, capacity: usize) {
        if self.young.len() >= capacity {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays() {
        let map = Bounded::<u32, u32>::new(32 * SHARDS, 1);
        map.insert(7, 70);
        for key in 1000..101_000 {
            map.insert(key, 0);
            assert_eq!(map.get(&7), Some(70), "at {key}");
        }
        assert!(map.len() <= 32 * SHARDS);
        assert_eq!(map.get(&1000), None);
        map.update(7, |value| *value += 1);
        assert_eq!((map.remove(&7), map.get(&7)), (Some(71), None));
        map.retain(|_, _| false);
        assert!(map.is_empty());
    }
}
