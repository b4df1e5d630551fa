//! The connections of one worker, in the order in which they last got something done.
//!
//! A slab whose slots are a ring: closing what is idle, and finding what may make room for a new
//! connection, looks at one end of it, however many connections there are.

use std::time::Instant;

/// The slot that closes the ring; it holds no connection.
const HEAD: usize = 0;

struct Slot<T> {
    value: Option<T>,
    since: Instant,
    /// Neighbours in the ring; of a free slot, `next` is the next free one.
    previous: u32,
    next: u32,
}

/// Values by number, ordered by when they were touched.
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    /// The first free slot; [`HEAD`] if there is none.
    free: usize,
    len: usize,
}

impl<T> Table<T> {
    /// A table without values.
    pub fn new(now: Instant) -> Table<T> {
        Table { slots: vec![Slot { value: None, since: now, previous: 0, next: 0 }], free: HEAD, len: 0 }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds the value that `make` makes of its number, touched `now`; returns the number, which is free again after
    /// [`Table::remove`].
    pub fn insert_with(&mut self, make: impl FnOnce(usize) -> T, now: Instant) -> usize {
        let mut id = self.free;
        if id == HEAD {
            id = self.slots.len();
            self.slots.push(Slot { value: None, since: now, previous: 0, next: 0 });
        } else {
            self.free = self.slots[id].next as usize;
        }
        self.slots[id].value = Some(make(id));
        self.len += 1;
        self.append(id, now);
        id
    }

    /// The value with this number.
    pub fn get_mut(&mut self, id: usize) -> Option<&mut T> {
        self.slots.get_mut(id)?.value.as_mut()
    }

    /// Says that the value got something done `now`.
    pub fn touch(&mut self, id: usize, now: Instant) {
        if self.slots.get(id).is_some_and(|slot| slot.value.is_some()) {
            self.detach(id);
            self.append(id, now);
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, id: usize) -> Option<T> {
        let value = self.slots.get_mut(id)?.value.take()?;
        self.detach(id);
        self.slots[id].next = self.free as u32;
        self.free = id;
        self.len -= 1;
        Some(value)
    }

    /// The value that was not touched for the longest time, and when it was.
    pub fn oldest(&self) -> Option<(usize, Instant)> {
        let id = self.slots[HEAD].next as usize;
        (id != HEAD).then(|| (id, self.slots[id].since))
    }

    /// The numbers of all values.
    pub fn ids(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|&id| self.slots[id].value.is_some()).collect()
    }

    fn append(&mut self, id: usize, now: Instant) {
        let last = self.slots[HEAD].previous;
        let slot = &mut self.slots[id];
        (slot.previous, slot.next, slot.since) = (last, HEAD as u32, now);
        self.slots[last as usize].next = id as u32;
        self.slots[HEAD].previous = id as u32;
    }

    fn detach(&mut self, id: usize) {
        let Slot { previous, next, .. } = self.slots[id];
        self.slots[previous as usize].next = next;
        self.slots[next as usize].previous = previous;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Runs `steps` (`+x` inserts, `-x` removes, `x` touches) and compares the order, oldest first.
    fn check(steps: &str, want: &str) {
        let start = Instant::now();
        let mut table = Table::new(start);
        let mut numbers = std::collections::HashMap::new();
        for (i, step) in steps.split(' ').enumerate() {
            let now = start + Duration::from_secs(i as u64);
            match step.split_at(step.len() - 1) {
                ("+", name) => assert!(numbers.insert(name, table.insert_with(|_| name, now)).is_none()),
                ("-", name) => assert_eq!(numbers.remove(name).and_then(|id| table.remove(id)), Some(name)),
                (_, name) => table.touch(numbers[name], now),
            }
            assert_eq!(table.len(), numbers.len(), "{steps}");
            assert_eq!(table.ids().len(), numbers.len(), "{steps}");
        }
        let (mut order, mut last) = (String::new(), start);
        while let Some((id, since)) = table.oldest() {
            assert!(since >= last, "{steps}");
            last = since;
            order.push_str(table.remove(id).expect("the oldest is there"));
        }
        assert_eq!(order, want, "{steps}");
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn keeps_the_order_of_touches() {
        check("+a", "a");
        check("+a +b +c", "abc");
        check("+a +b +c a", "bca");
        check("+a +b +c b b a", "cba");
        check("+a +b +c -b", "ac");
        check("+a +b -a -b +c +d +e c", "dec");
    }

    #[test]
    fn numbers_of_removed_values_are_nobodys() {
        let now = Instant::now();
        let mut table = Table::new(now);
        let id = table.insert_with(|_| 'a', now);
        assert_eq!(table.remove(id), Some('a'));
        table.touch(id, now);
        assert_eq!((table.remove(id), table.oldest()), (None, None));
        assert_eq!(table.get_mut(id), None);
        assert_eq!((table.remove(HEAD), table.remove(99)), (None, None));
        assert_eq!(table.insert_with(|_| 'b', now), id, "the slot is used again");
    }
}
