//! What comes most often, in bounded space (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k
//! elements in data streams): so many things are counted; one that is not among them takes the place, and the count, of
//! the one that came least often. Whatever came more often than that is among them.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// A thing that is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// What.
    pub key: Box<[u8]>,
    /// How often it came at the most.
    pub count: u64,
    /// So many fewer it may have been.
    pub error: u64,
}

/// The counts. A heap by count, the smallest first, with a table that leads from a key to its place.
#[derive(Debug)]
pub struct Sketch {
    capacity: usize,
    hasher: RandomState,
    counted: Vec<Counted>,
    /// Numbers of `counted`, as a heap.
    heap: Vec<u32>,
    /// Where each of `counted` stands in `heap`.
    places: Vec<u32>,
    table: HashTable<u32>,
}

impl Sketch {
    /// Counts at most `capacity` things.
    pub fn new(capacity: usize) -> Sketch {
        Sketch {
            capacity: capacity.max(1),
            hasher: RandomState::new(),
            counted: Vec::new(),
            heap: Vec::new(),
            places: Vec::new(),
            table: HashTable::new(),
        }
    }

    /// It came once more.
    pub fn count(&mut self, key: &[u8]) {
        let hash = self.hasher.hash_one(key);
        if let Some(&number) = self.table.find(hash, |&number| *self.counted[number as usize].key == *key) {
            self.counted[number as usize].count += 1;
            return self.sink(self.places[number as usize] as usize);
        }
        if self.counted.len() < self.capacity {
            let number = self.counted.len() as u32;
            self.counted.push(Counted { key: key.into(), count: 1, error: 0 });
            self.places.push(number);
            self.heap.push(number);
            self.insert(hash, number);
            return self.rise(number as usize);
        }
        let least = self.heap[0];
        let old = &self.counted[least as usize];
        let error = old.count;
        if let Ok(entry) = self.table.find_entry(self.hasher.hash_one(&*old.key), |&number| number == least) {
            entry.remove();
        }
        self.counted[least as usize] = Counted { key: key.into(), count: error + 1, error };
        self.insert(hash, least);
        self.sink(0);
    }

    /// What is counted, in no order.
    pub fn counted(&self) -> &[Counted] {
        &self.counted
    }

    /// What is not among the counted came at most so often.
    pub fn least(&self) -> u64 {
        if self.counted.len() < self.capacity { 0 } else { self.counted[self.heap[0] as usize].count }
    }

    fn insert(&mut self, hash: u64, number: u32) {
        let (hasher, counted) = (&self.hasher, &self.counted);
        self.table.insert_unique(hash, number, |&number| hasher.hash_one(&*counted[number as usize].key));
    }

    fn count_at(&self, place: usize) -> u64 {
        self.counted[self.heap[place] as usize].count
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.places[self.heap[a] as usize] = a as u32;
        self.places[self.heap[b] as usize] = b as u32;
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.heap.len() && self.count_at(child) < self.count_at(least) {
                    least = child;
                }
            }
            if least == place {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.count_at(place) < self.count_at((place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Numbers from a seed, each time the same.
    fn numbers(mut state: u64) -> impl Iterator<Item = u64> {
        std::iter::from_fn(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Some(state >> 33)
        })
    }

    #[test]
    fn bounds_hold_for_whatever_comes() {
        let (mut sketch, mut exact) = (Sketch::new(50), HashMap::<Vec<u8>, u64>::new());
        // A few come often, most once.
        for n in numbers(1).take(100_000) {
            let key = if n % 3 == 0 { n % 1_000_000 } else { n % 20 };
            sketch.count(&key.to_be_bytes());
            *exact.entry(key.to_be_bytes().to_vec()).or_default() += 1;
        }
        assert_eq!(sketch.counted().len(), 50);
        for Counted { key, count, error } in sketch.counted() {
            let came = exact[&**key];
            assert!(came <= *count && came + error >= *count, "{key:?}: {came}, {count} - {error}");
        }
        let counted: Vec<&[u8]> = sketch.counted().iter().map(|counted| &*counted.key).collect();
        for (key, came) in &exact {
            assert!(*came <= sketch.least() || counted.contains(&&**key), "{key:?} came {came} times");
        }
        assert!(sketch.least() <= 100_000 / 50);
        assert!((0..20u64).all(|key| counted.contains(&&key.to_be_bytes()[..])));
    }

    #[test]
    fn below_its_bound_it_is_exact() {
        let mut sketch = Sketch::new(10);
        (0..100u8).for_each(|n| sketch.count(&[n % 7]));
        assert!(sketch.counted().iter().all(|counted| counted.error == 0 && counted.count >= 14));
        assert_eq!((sketch.counted().len(), sketch.least()), (7, 0));
    }
}
