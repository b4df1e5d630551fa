//! The index of a shard: where in its arena the entries of a name are.
//!
//! Open addressing with linear probing. A slot holds all that probing, growing and removing need, so none of them
//! looks at an entry: 24 bits of hash, the type, 24 bits of reference. The usual types of a name share their hash and
//! so stand side by side, in one line of the processor's cache; the others have their own, so that nobody can make a
//! name with thousands of types that all have to be passed by.

use dns::RType;

const EMPTY: u64 = u64::MAX;
const REF_BITS: u32 = 24;
const HASH_MASK: u64 = 0xff_ffff;
/// Slots of a new table.
const FIRST: usize = 64;
/// Octets of a slot.
pub const SLOT_BYTES: usize = size_of::<u64>();

/// Where an entry is in the arena of its shard, in units of [`super::arena::UNIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ref(pub u32);

/// What an entry is found by, of the hash of its name (24 bits) and its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// The tag of entries of `rtype` at the name with this hash.
    #[inline]
    pub fn new(name_hash: u64, rtype: RType) -> Tag {
        let usual = matches!(rtype, RType(0) | RType::A | RType::AAAA | RType::CNAME | RType::HTTPS);
        let hash = match usual {
            true => name_hash,
            false => (name_hash ^ u64::from(rtype.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20,
        };
        Tag((hash & HASH_MASK) << 16 | u64::from(rtype.0))
    }

    /// Tags as they stand in entries.
    pub fn from_parts(hash: u32, rtype: RType) -> Tag {
        Tag((u64::from(hash) & HASH_MASK) << 16 | u64::from(rtype.0))
    }

    /// The type.
    pub fn rtype(self) -> RType {
        RType(self.0 as u16)
    }

    /// All of it, mixed into 64 bits.
    pub fn mixed(self) -> u64 {
        let product = u128::from(self.0 ^ 0xa076_1d64_78bd_642f) * 0xe703_7ed1_a0b4_28db_u128;
        (product as u64) ^ (product >> 64) as u64
    }

    /// The 24 bits of hash.
    pub fn hash(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// The index.
#[derive(Debug)]
pub struct Table {
    slots: Vec<u64>,
    len: usize,
}

impl Table {
    /// An empty one.
    pub fn new() -> Table {
        Table { slots: vec![EMPTY; FIRST], len: 0 }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Octets that it takes.
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * SLOT_BYTES
    }

    #[inline]
    fn home(&self, slot: u64) -> usize {
        let hash = slot >> (16 + REF_BITS);
        ((hash * self.slots.len() as u64) >> 24) as usize
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    /// Where probing for a tag begins: memory that a lookup will read. Only for hints to the processor.
    #[inline]
    pub fn memory_of(&self, tag: Tag) -> *const u8 {
        (&raw const self.slots[self.home(tag.0 << REF_BITS)]).cast()
    }

    /// The entries with this tag, for which `is` has to say which one is meant.
    #[inline]
    pub fn find(&self, tag: Tag, mut is: impl FnMut(Ref) -> bool) -> Option<Ref> {
        let mut at = self.home(tag.0 << REF_BITS);
        while let Some(&slot) = self.slots.get(at).filter(|&&slot| slot != EMPTY) {
            let found = Ref((slot & HASH_MASK) as u32);
            if slot >> REF_BITS == tag.0 && is(found) {
                return Some(found);
            }
            at = self.next(at);
        }
        None
    }

    /// Adds an entry that is not there yet.
    pub fn insert(&mut self, tag: Tag, entry: Ref) {
        // Three quarters full at most: longer ways to probe cost more than the memory that they save.
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.put(tag.0 << REF_BITS | u64::from(entry.0));
        self.len += 1;
    }

    fn put(&mut self, slot: u64) {
        let mut at = self.home(slot);
        while self.slots[at] != EMPTY {
            at = self.next(at);
        }
        self.slots[at] = slot;
    }

    fn grow(&mut self) {
        let slots = self.slots.len() + self.slots.len() / 2;
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; slots]);
        old.into_iter().filter(|&slot| slot != EMPTY).for_each(|slot| self.put(slot));
    }

    fn position(&self, tag: Tag, entry: Ref) -> Option<usize> {
        let wanted = tag.0 << REF_BITS | u64::from(entry.0);
        let mut at = self.home(wanted);
        while self.slots[at] != EMPTY {
            if self.slots[at] == wanted {
                return Some(at);
            }
            at = self.next(at);
        }
        None
    }

    /// The entry has moved.
    pub fn relocate(&mut self, tag: Tag, from: Ref, to: Ref) {
        if let Some(at) = self.position(tag, from) {
            self.slots[at] = tag.0 << REF_BITS | u64::from(to.0);
        }
    }

    /// Takes an entry out; those behind it close the gap.
    pub fn remove(&mut self, tag: Tag, entry: Ref) {
        let Some(mut hole) = self.position(tag, entry) else { return };
        let slots = self.slots.len();
        let distance = |from: usize, to: usize| if to >= from { to - from } else { to + slots - from };
        let mut at = self.next(hole);
        while self.slots[at] != EMPTY {
            // Whoever is at least as far from home as from the hole may move into it.
            if distance(self.home(self.slots[at]), at) >= distance(hole, at) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.next(at);
        }
        self.slots[hole] = EMPTY;
        self.len -= 1;
    }

    /// Every entry and its type.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, Ref)> + '_ {
        let full = self.slots.iter().filter(|&&slot| slot != EMPTY);
        full.map(|&slot| (Tag(slot >> REF_BITS), Ref((slot & HASH_MASK) as u32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a list, with many entries of few homes: gaps close, and nothing is lost.
    #[test]
    fn removing_closes_gaps() {
        let (mut table, mut list) = (Table::new(), Vec::new());
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            state >> 33
        };
        for round in 0..20_000u32 {
            if random() % 5 < 3 && list.len() < 1000 {
                // Some homes at the end of the table, so that it wraps.
                let hash = if random() % 2 == 0 { 0xff_ff00 | (random() % 256) } else { random() };
                let tag = Tag::new(hash, [RType::A, RType::AAAA, RType::MX][random() as usize % 3]);
                table.insert(tag, Ref(round));
                list.push((tag, Ref(round)));
            } else if !list.is_empty() {
                let (tag, entry) = list.swap_remove(random() as usize % list.len());
                table.remove(tag, entry);
                assert_eq!(table.find(tag, |found| found == entry), None);
            }
            if round % 100 == 0 {
                let found = |&(tag, entry): &(Tag, Ref)| table.find(tag, |found| found == entry) == Some(entry);
                assert!(list.iter().all(found));
                assert_eq!((table.len(), table.iter().count()), (list.len(), list.len()));
            }
        }
        let (tag, entry) = list[0];
        table.relocate(tag, entry, Ref(1_000_000));
        assert_eq!(table.find(tag, |found| found.0 == 1_000_000), Some(Ref(1_000_000)));
        assert_eq!((tag.rtype(), Tag::from_parts(tag.hash(), tag.rtype())), (tag.rtype(), tag));
    }
}
