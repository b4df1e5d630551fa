//! A table of what clients did lately, of fixed size, which threads share without a lock.
//!
//! A bucket is one cache line with four entries: the whole 64-bit hash of whom the entry is about, and a word of state
//! that its user gives a meaning; a second word, if there is one, is in the next line. What finds no room replaces the
//! entry of its bucket that has the least load at that moment, and starts with none.
//!
//! **Why an attack with many sources does not hurt others.** An entry is compared by all 64 bits of a hash under a
//! secret seed: two clients share one with a chance of 2^-64, so nobody is limited for what another did. Whoever is
//! replaced is forgotten, that is to say is taken for somebody who did nothing yet: it can make a limit milder, never
//! stricter. So what many sources can do is to make the table forget heavy clients. They cannot: each of them puts the
//! load of one question into its bucket, and what goes is the least load, which is another source of the attack and not
//! the client that has asked often.
//!
//! **Races.** An entry is words that are changed one after the other, state first. Threads that meet in between
//! count a question for the newcomer that was another's, or count one not at all: one question for each time that two
//! threads meet at an entry that is just being replaced. Two threads may make two entries for one client; the first is
//! used, the other fades. A loose change (see [`Table::update_loosely`]) of an entry that is replaced within its few
//! nanoseconds goes to the newcomer; it is the least load of the bucket. Nothing but the words themselves is published
//! by them, so their order is relaxed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::prefix::Prefix;

/// Entries in a bucket: what fits into a cache line of 64 octets.
pub const WAYS: usize = 4;
/// Entries of a table unless more are asked for: 1 MiB.
pub const DEFAULT_ENTRIES: usize = 64 << 10;
/// Fewest entries of a table; less is this many.
pub const MIN_ENTRIES: usize = 256;
/// Most entries of a table, 256 MiB; more is this many.
pub const MAX_ENTRIES: usize = 16 << 20;
/// How often a thread tries again because another changed the entry meanwhile. After that the change is given up.
const MAX_ATTEMPTS: u32 = 64;

const K0: u64 = 0x2d35_8dcc_aa6c_78a5;
const K1: u64 = 0x8bb8_4b93_962e_acc9;
const K2: u64 = 0x4b33_a62e_d433_d4a3;

/// Whom an entry is about: a hash that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

/// Entries of one cache line, and a second one for a second word of state.
#[repr(align(64))]
struct Bucket<const WORDS: usize> {
    /// Hashes; zero in an empty entry.
    keys: [AtomicU64; WAYS],
    states: [[AtomicU64; WAYS]; WORDS],
}

impl<const WORDS: usize> Bucket<WORDS> {
    fn new() -> Bucket<WORDS> {
        Bucket { keys: Default::default(), states: std::array::from_fn(|_| Default::default()) }
    }

    /// A word of the entry of `key`.
    #[inline]
    fn find(&self, key: Key, word: usize) -> Option<&AtomicU64> {
        let states = self.states.get(word)?;
        self.keys.iter().zip(states).find(|(held, _)| held.load(Relaxed) == key.0).map(|(_, state)| state)
    }

    /// Puts `key` with `new` in place of the entry of least load; `false` if another thread was there first.
    fn replace(&self, key: Key, new: u64, load: impl Fn(u64) -> u64) -> bool {
        let Some((first, others)) = self.states.split_first() else { return false };
        let entries = self.keys.iter().zip(first).enumerate().map(|(number, (key, state))| {
            let (held, old) = (key.load(Relaxed), state.load(Relaxed));
            (if held == 0 { 0 } else { load(old) }, number, (key, held), (state, old))
        });
        let least = entries.min_by_key(|entry| entry.0);
        let Some((_, number, (held_key, held), (state, old))) = least else { return false };
        // State first: whoever finds the new key must not find the old one's load with it.
        if state.compare_exchange(old, new, Relaxed, Relaxed).is_err() {
            return false;
        }
        others.iter().filter_map(|states| states.get(number)).for_each(|state| state.store(0, Relaxed));
        held_key.compare_exchange(held, key.0, Relaxed, Relaxed).is_ok()
    }
}

/// A bounded, lossy table from keys to words of state.
pub struct Table<const WORDS: usize = 1> {
    buckets: Box<[Bucket<WORDS>]>,
    /// Derived from the seed.
    secrets: [u64; 3],
}

impl<const WORDS: usize> Table<WORDS> {
    /// A table for `entries`, rounded up to a power of two from [`MIN_ENTRIES`] to [`MAX_ENTRIES`], 16 octets each, 32
    /// with a second word. `seed` is random and secret, so that nobody can choose addresses that meet in one bucket.
    pub fn new(entries: usize, seed: u64) -> Table<WORDS> {
        let buckets = entries.clamp(MIN_ENTRIES, MAX_ENTRIES).next_power_of_two() / WAYS;
        let first = fold(seed ^ K0, K1);
        let second = fold(first ^ seed, K2);
        let secrets = [first, second, fold(second ^ K1, K0) | 1];
        Table { buckets: std::iter::repeat_with(Bucket::new).take(buckets).collect(), secrets }
    }

    /// The key of `prefix` for one of several uses of this table: a number, or the hash of a name.
    #[inline]
    pub fn key(&self, what: u64, prefix: Prefix) -> Key {
        let [first, second, third] = self.secrets;
        let (high, low, length) = prefix.parts();
        // Once is not enough: addresses that follow each other would leave buckets empty.
        let address = fold(high ^ first, low ^ second);
        Key(fold(address ^ what.wrapping_mul(K2), third ^ length << 56).max(1))
    }

    /// The key of a name by its hash.
    #[inline]
    pub fn name_key(&self, name_hash: u64) -> Key {
        let [first, _, third] = self.secrets;
        Key(fold(name_hash ^ first, third).max(1))
    }

    /// The state of `key`, if the table still knows it.
    #[inline]
    pub fn get(&self, key: Key) -> Option<u64> {
        self.bucket(key)?.find(key, 0).map(|state| state.load(Relaxed))
    }

    /// Asks for the memory of `key`, so that it is there when it is needed.
    #[inline]
    pub fn touch(&self, key: Key) {
        // The value is of no use; a load of an atomic is done all the same.
        self.bucket(key).into_iter().flat_map(|bucket| bucket.keys.first()).for_each(|first| {
            first.load(Relaxed);
        });
    }

    /// Changes the state of `key`.
    ///
    /// `step` gets the state, `None` if the table does not know the key, and returns the new state, `None` if it stays
    /// as it is, and a result. It may run several times. `load` tells how much an entry matters: the least of a bucket is
    /// replaced by what has no entry yet.
    ///
    /// Returns `None`, and nothing is changed, if other threads changed the entry 64 times meanwhile.
    #[inline]
    pub fn update<R>(
        &self,
        key: Key,
        load: impl Fn(u64) -> u64,
        step: impl Fn(Option<u64>) -> (Option<u64>, R),
    ) -> Option<R> {
        let bucket = self.bucket(key)?;
        for _ in 0..MAX_ATTEMPTS {
            let Some(state) = bucket.find(key, 0) else {
                let (new, result) = step(None);
                if new.is_none_or(|new| bucket.replace(key, new, &load)) {
                    return Some(result);
                }
                continue;
            };
            let old = state.load(Relaxed);
            let (new, result) = step(Some(old));
            if new.is_none_or(|new| new == old || state.compare_exchange_weak(old, new, Relaxed, Relaxed).is_ok()) {
                return Some(result);
            }
        }
        None
    }

    /// Changes the state of `key` as [`Table::update`] does, once and without looking whether another thread did so
    /// meanwhile, for half the price: what two threads do within the same few nanoseconds counts once.
    #[inline]
    pub fn update_loosely<R>(
        &self,
        key: Key,
        load: impl Fn(u64) -> u64,
        step: impl FnOnce(Option<u64>) -> (u64, R),
    ) -> Option<R> {
        let bucket = self.bucket(key)?;
        let Some(state) = bucket.find(key, 0) else {
            let (new, result) = step(None);
            bucket.replace(key, new, load);
            return Some(result);
        };
        let (new, result) = step(Some(state.load(Relaxed)));
        state.store(new, Relaxed);
        Some(result)
    }

    /// Changes the second word of `key`'s entry, as [`Table::update`] does the first; it is 0 in a new one. `None` as well
    /// if there is no entry.
    #[inline]
    pub fn update_second<R>(&self, key: Key, step: impl Fn(u64) -> (u64, R)) -> Option<R> {
        let bucket = self.bucket(key)?;
        for _ in 0..MAX_ATTEMPTS {
            let state = bucket.find(key, 1)?;
            let old = state.load(Relaxed);
            let (new, result) = step(old);
            if new == old || state.compare_exchange_weak(old, new, Relaxed, Relaxed).is_ok() {
                return Some(result);
            }
        }
        None
    }

    /// Octets that it takes.
    pub fn size_bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    #[inline]
    fn bucket(&self, key: Key) -> Option<&Bucket<WORDS>> {
        self.buckets.get(key.0 as usize & (self.buckets.len() - 1))
    }
}

/// Both halves of the product, which depend on every bit of both numbers.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::prefix::PrefixLengths;
    use super::*;

    fn table() -> Table {
        Table::<1>::new(MIN_ENTRIES, 7)
    }

    /// One more for `key`, with the state as load.
    fn count(table: &Table, key: Key) -> u64 {
        let one_more = |state: Option<u64>| (Some(state.unwrap_or(0) + 1), state.unwrap_or(0) + 1);
        table.update(key, |state| state, one_more).expect("counted")
    }

    /// Keys of the first bucket.
    fn neighbours() -> impl Iterator<Item = Key> {
        (1..).map(|i| Key(i << 32))
    }

    fn prefix(address: u32) -> Prefix {
        Prefix::of(std::net::Ipv4Addr::from(address).into(), PrefixLengths::default())
    }

    #[test]
    fn a_bucket_is_one_cache_line() {
        assert_eq!((size_of::<Bucket<1>>(), align_of::<Bucket<1>>()), (64, 64));
        assert_eq!(Table::<1>::new(DEFAULT_ENTRIES, 1).size_bytes(), 1 << 20);
    }

    #[test]
    fn sizes_out_of_bounds_are_the_bound() {
        assert_eq!(Table::<1>::new(0, 1).size_bytes(), MIN_ENTRIES * 16);
        assert_eq!(Table::<1>::new(1000, 1).size_bytes(), 1024 * 16);
    }

    #[test]
    fn what_is_put_in_is_found_again() {
        let table = table();
        let key = table.key(0, prefix(1));
        assert_eq!(table.get(key), None);
        assert_eq!((count(&table, key), count(&table, key)), (1, 2));
        assert_eq!(table.get(key), Some(2));
    }

    #[test]
    fn a_step_that_changes_nothing_makes_no_entry() {
        let table = table();
        assert_eq!(table.update(Key(5), |_| 0, |state| (None, state)), Some(None));
        assert_eq!(table.get(Key(5)), None);
    }

    #[test]
    fn what_has_no_entry_replaces_the_least_load_and_starts_with_none() {
        let table = table();
        let keys: Vec<Key> = neighbours().take(WAYS + 1).collect();
        for (i, key) in keys[..WAYS].iter().enumerate() {
            for _ in 0..[3, 1, 4, 2][i] {
                count(&table, *key);
            }
        }
        assert_eq!(count(&table, keys[WAYS]), 1);
        let left: Vec<Option<u64>> = keys.iter().map(|key| table.get(*key)).collect();
        assert_eq!(left, [Some(3), None, Some(4), Some(2), Some(1)]);
    }

    #[test]
    fn a_loose_change_is_a_change() {
        let table = table();
        let one_more = |state: Option<u64>| (state.unwrap_or(0) + 1, state);
        assert_eq!(table.update_loosely(Key(9), |state| state, one_more), Some(None));
        assert_eq!(table.update_loosely(Key(9), |state| state, one_more), Some(Some(1)));
        assert_eq!(table.get(Key(9)), Some(2));
    }

    #[test]
    fn a_second_word_goes_with_its_entry() {
        let table = Table::<2>::new(0, 7);
        assert_eq!(table.size_bytes(), MIN_ENTRIES * 32);
        let (light, heavy) = (Key(1 << 60), Key(2 << 60));
        assert_eq!(table.update_second(light, |state| (state + 1, ())), None);
        for (key, state) in [(light, 1), (heavy, 2)] {
            table.update(key, |state| state, |_| (Some(state), ()));
            assert_eq!(table.update_second(key, |state| (state + 70 + key.0, state)), Some(0));
        }
        for key in neighbours().take(WAYS - 1) {
            table.update(key, |state| state, |_| (Some(3), ()));
            assert_eq!(table.update_second(key, |state| (state, state)), Some(0));
        }
        assert_eq!(table.update_second(light, |state| (state, state)), None);
        assert_eq!(table.update_second(heavy, |state| (state, state)), Some(70 + heavy.0));
    }

    #[test]
    fn many_that_come_once_do_not_replace_one_that_comes_often() {
        let table = table();
        let heavy = Key(1 << 60);
        for key in neighbours().take(100_000) {
            count(&table, key);
            count(&table, heavy);
        }
        assert_eq!(table.get(heavy), Some(100_000));
    }

    #[test]
    fn keys_differ_by_seed_use_and_prefix() {
        let (one, other) = (Table::<1>::new(0, 1), Table::<1>::new(0, 2));
        assert_ne!(one.key(0, prefix(1)), other.key(0, prefix(1)));
        assert_ne!(one.key(0, prefix(1)), one.key(1, prefix(1)));
        let keys: HashSet<u64> = (0..100_000).map(|i| one.key(0, prefix(i)).0).collect();
        assert_eq!(keys.len(), 100_000);
    }

    #[test]
    fn addresses_that_follow_each_other_are_spread_over_all_buckets() {
        let table = Table::<1>::new(4096, 3);
        let networks = |i: u32| Prefix::of_v6(u128::from(0x2001_0db8_0000_0000 + u64::from(i)) << 64, 64);
        let hosts = |i: u32| Prefix::of_v6(0x2001_0db8 << 96 | u128::from(i), 128);
        let v4 = |i: u32| prefix(0x0a00_0000 + i);
        for prefixes in [&v4 as &dyn Fn(u32) -> Prefix, &networks, &hosts] {
            let mut found = vec![0u32; table.buckets.len()];
            for i in 0..102_400 {
                found[table.key(0, prefixes(i)).0 as usize & (table.buckets.len() - 1)] += 1;
            }
            // 100 on average, with a standard deviation of 10.
            assert!(found.iter().all(|&count| (40..=170).contains(&count)), "{found:?}");
        }
    }

    #[test]
    fn threads_that_count_for_one_key_lose_nothing() {
        let table = table();
        count(&table, Key(9));
        let one_more = |state: Option<u64>| (Some(state.unwrap_or(0) + 1), ());
        let given_up = std::thread::scope(|scope| {
            let work = || (0..100_000).filter(|_| table.update(Key(9), |state| state, one_more).is_none()).count();
            let (a, b) = (scope.spawn(work), scope.spawn(work));
            a.join().expect("no panic") + b.join().expect("no panic")
        });
        assert_eq!(table.get(Key(9)), Some(200_001 - given_up as u64));
    }

    #[test]
    fn threads_that_replace_entries_leave_whole_ones() {
        let table = table();
        std::thread::scope(|scope| {
            for thread in 0..2u64 {
                let table = &table;
                scope.spawn(move || {
                    neighbours().skip(thread as usize).step_by(2).take(50_000).for_each(|key| {
                        count(table, key);
                    })
                });
            }
        });
        let bucket = &table.buckets[0];
        assert!(bucket.keys.iter().all(|key| key.load(Relaxed) != 0));
        // Each came once; a thread that met another at a replaced entry counted one more for the newcomer.
        assert!(bucket.states[0].iter().all(|state| (1..=3).contains(&state.load(Relaxed))));
    }
}
