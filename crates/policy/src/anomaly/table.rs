//! A table with a fixed number of entries; when it is full, an entry that was used only once goes first.
//!
//! "Clock" replacement: an entry that is used again is marked, the hand takes the marks away and replaces the first entry
//! without one. A flood of keys that come once pushes out its own entries and not those in use.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys are keyed hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A map by keys that are hashes.
pub type ByHash<V> = HashMap<u64, V, BuildHasherDefault<AsItIs>>;

#[derive(Debug)]
struct Slot<V> {
    key: u64,
    used_again: bool,
    is_marked: bool,
    value: V,
}

/// Entries by the hash of what they are about.
#[derive(Debug)]
pub struct Table<V> {
    slots: Vec<Slot<V>>,
    places: ByHash<u32>,
    /// Places to be looked at, each once.
    marked: Vec<u32>,
    hand: usize,
    limit: usize,
    replaced: u64,
}

impl<V> Table<V> {
    /// A table of at most `limit` entries, at least one. Memory is taken as entries come.
    pub fn new(limit: usize) -> Table<V> {
        let limit = limit.clamp(1, u32::MAX as usize);
        Table { slots: Vec::new(), places: ByHash::default(), marked: Vec::new(), hand: 0, limit, replaced: 0 }
    }

    /// The entry of `key`, made by `make` when there is none; and its place, for [`Table::mark`].
    pub fn entry(&mut self, key: u64, make: impl FnOnce() -> V) -> (usize, &mut V) {
        let place = match self.places.get(&key) {
            Some(place) => {
                let place = *place as usize;
                if let Some(slot) = self.slots.get_mut(place) {
                    slot.used_again = true;
                }
                place
            }
            None => self.insert(key, make()),
        };
        // A place that `places` gives, or that was just filled, is one of `slots`.
        (place, &mut self.slots[place].value)
    }

    /// The entry of `key`, if there is one; looking does not count as use.
    pub fn get(&self, key: u64) -> Option<&V> {
        let place = *self.places.get(&key)? as usize;
        self.slots.get(place).map(|slot| &slot.value)
    }

    /// Notes that the entry at `place` is to be looked at.
    pub fn mark(&mut self, place: usize) {
        if let Some(slot) = self.slots.get_mut(place)
            && !std::mem::replace(&mut slot.is_marked, true)
        {
            self.marked.push(place as u32);
        }
    }

    /// Looks at each entry that was marked since the last call. (One that was replaced meanwhile is not there any more;
    /// what replaced it is looked at.)
    pub fn each_marked(&mut self, mut look: impl FnMut(u64, &mut V)) {
        for place in self.marked.drain(..) {
            if let Some(slot) = self.slots.get_mut(place as usize) {
                slot.is_marked = false;
                look(slot.key, &mut slot.value);
            }
        }
    }

    /// Entries now.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Entries that had to go for others.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }

    fn insert(&mut self, key: u64, value: V) -> usize {
        let mut slot = Slot { key, used_again: false, is_marked: false, value };
        let place = if self.slots.len() < self.limit {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let place = self.free();
            slot.is_marked = self.slots[place].is_marked;
            let gone = std::mem::replace(&mut self.slots[place], slot);
            self.places.remove(&gone.key);
            self.replaced += 1;
            place
        };
        self.places.insert(key, place as u32);
        place
    }

    /// The place whose entry goes: the hand passes each entry once at most before it finds one without a mark.
    fn free(&mut self) -> usize {
        for _ in 0..self.slots.len() {
            let place = self.hand;
            self.hand = if place + 1 < self.slots.len() { place + 1 } else { 0 };
            match self.slots.get_mut(place) {
                Some(slot) if slot.used_again => slot.used_again = false,
                _ => return place,
            }
        }
        self.hand
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_in_use_outlast_a_flood_of_keys_that_come_once() {
        let mut table = Table::new(100);
        for key in 0..50u64 {
            table.entry(key, || key);
            table.entry(key, || key);
        }
        for key in 1000..100_000u64 {
            table.entry(key, || key);
            if key % 20 == 0 {
                (0..50).for_each(|kept| _ = table.entry(kept, || u64::MAX));
            }
        }
        assert!((0..50).all(|key| table.get(key) == Some(&key)));
        assert_eq!(table.len(), 100);
        assert!(table.replaced() > 98_000);
        assert!(table.get(1000).is_none());
    }

    #[test]
    fn a_full_table_in_which_all_is_used_still_takes_a_new_entry() {
        let mut table = Table::new(2);
        for key in [1u64, 1, 2, 2, 3] {
            table.entry(key, || key);
        }
        assert_eq!((table.len(), table.get(3)), (2, Some(&3)));
    }

    #[test]
    fn a_marked_entry_is_looked_at_once_and_so_is_what_replaces_it() {
        let mut table = Table::new(2);
        for key in [1u64, 2, 3, 3] {
            let (place, _) = table.entry(key, || key);
            table.mark(place);
        }
        let mut seen = Vec::new();
        table.each_marked(|key, _| seen.push(key));
        seen.sort_unstable();
        assert_eq!(seen, [2, 3]);
        table.each_marked(|key, _| panic!("{key} is not marked"));
    }
}
