//! A page: a few dozen nodes and a small hash table over them, in one piece of memory.
//!
//! A change to a zone copies one page. A lookup reads one slot of the table and the node that it
//! names: usually two cache lines. How many slots there are stands beside the pointer to the page, so
//! that the slot can be asked for before the page was touched.
//!
//! ```text
//! slots u32 each (fingerprint 8 bits, offset 24 bits; 0 = empty), nodes u32,
//! then per node: length u32, node
//! ```

use bytes::Bytes;
use dns::name::eq_ignore_case;

use crate::memory::{prefetch, recycled};
use crate::node::Node;

/// Offsets have 24 bits.
pub const MAX_PAGE_BYTES: usize = 1 << 24;
const OFFSET: u32 = 0x00ff_ffff;

/// A page; a clone shares it.
#[derive(Clone)]
pub struct Page {
    data: Bytes,
    slots_log2: u8,
    /// It shares its memory with other pages.
    packed: bool,
}

/// A node to be put into a page: its name's hash and its octets.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Hash of the whole owner name.
    pub hash: u64,
    /// The packed node.
    pub blob: &'a [u8],
}

/// Octets that a page of `count` nodes with `bytes` octets in all takes.
pub fn size(count: usize, bytes: usize) -> usize {
    4 * slots(count) + 4 + 4 * count + bytes
}

/// Octets from the start of a page of `size` octets to the start of the next one, where they share memory.
pub fn aligned(size: usize) -> usize {
    size.next_multiple_of(8)
}

fn slots(count: usize) -> usize {
    (count + count / 2 + 1).next_power_of_two()
}

/// Packs `entries` into `out`, which is zeroed and has exactly the octets that [`size`] tells.
pub fn fill<'a>(out: &mut [u8], count: usize, entries: impl Iterator<Item = Entry<'a>>) {
    // Nodes are bounded and shared out by a seeded hash: this holds unless one of the two is broken.
    assert!(out.len() <= MAX_PAGE_BYTES, "page too large");
    let slots = slots(count);
    put_u32(out, 4 * slots, count as u32);
    let mut at = 4 * slots + 4;
    for Entry { hash, blob } in entries {
        let mut slot = hash as usize & (slots - 1);
        while get_u32(out, 4 * slot) != 0 {
            slot = (slot + 1) & (slots - 1);
        }
        put_u32(out, 4 * slot, at as u32 & OFFSET | fingerprint(hash));
        put_u32(out, at, blob.len() as u32);
        out[at + 4..at + 4 + blob.len()].copy_from_slice(blob);
        at += 4 + blob.len();
    }
}

fn fingerprint(hash: u64) -> u32 {
    hash as u32 & !OFFSET
}

#[inline]
fn get_u32(memory: &[u8], at: usize) -> u32 {
    memory[at..].first_chunk().map_or(0, |octets| u32::from_le_bytes(*octets))
}

fn put_u32(memory: &mut [u8], at: usize, value: u32) {
    memory[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

impl Page {
    /// A page over a part of shared memory that [`fill`] wrote for `count` nodes.
    pub fn packed(data: Bytes, count: usize) -> Page {
        Page { data, slots_log2: slots(count).trailing_zeros() as u8, packed: true }
    }

    /// Whether it is the same piece of memory as another page, which has the same nodes then.
    pub fn is_shared_with(&self, other: &Page) -> bool {
        self.data.as_ptr() == other.data.as_ptr() && self.data.len() == other.data.len()
    }

    /// Whether it keeps memory in use that other pages may have left.
    pub fn is_packed(&self) -> bool {
        self.packed
    }

    /// This page in memory of its own.
    pub fn apart(&self) -> Page {
        let data = recycled(self.len(), |out| out.extend_from_slice(&self.data));
        Page { data, slots_log2: self.slots_log2, packed: false }
    }

    /// A page of its own for `count` entries.
    pub fn build<'a>(count: usize, entries: impl Iterator<Item = Entry<'a>> + Clone) -> Page {
        let bytes = entries.clone().map(|entry| entry.blob.len()).sum();
        let size = size(count, bytes);
        let data = recycled(size, |out| {
            out.resize(size, 0);
            fill(out, count, entries);
        });
        Page { data, slots_log2: slots(count).trailing_zeros() as u8, packed: false }
    }

    /// This page with `blob` in place of the node of these labels, or beside the others if there is none.
    /// `None` if the table over the nodes would have to grow; the caller makes a new page then.
    pub fn with(&self, hash: u64, labels: &[u8], blob: &[u8]) -> Option<Page> {
        let page = &self.data[..];
        let (slot, old) = self.slot_of(hash, labels);
        let count = self.count() + usize::from(old.is_none());
        let (cut, cut_len) = old.map_or((page.len(), 0), |at| (at, 4 + get_u32(page, at) as usize));
        let len = page.len() - cut_len + 4 + blob.len();
        if slots(count) != 1 << self.slots_log2 || len > MAX_PAGE_BYTES {
            return None;
        }
        let data = recycled(len, |out| {
            out.extend_from_slice(&page[..cut]);
            out.extend_from_slice(&page[cut + cut_len..]);
            let at = out.len();
            out.extend_from_slice(&(blob.len() as u32).to_le_bytes());
            out.extend_from_slice(blob);
            if cut_len > 0 {
                for slot in out[..4 << self.slots_log2].chunks_exact_mut(4) {
                    let value = get_u32(slot, 0);
                    let moved = u32::from((value & OFFSET) as usize > cut) * cut_len as u32;
                    put_u32(slot, 0, value - moved);
                }
            }
            put_u32(out, 4 * slot, at as u32 | fingerprint(hash));
            put_u32(out, 4 << self.slots_log2, count as u32);
        });
        Some(Page { data, slots_log2: self.slots_log2, packed: false })
    }

    /// The slot of a name and where its node stands; of a name that is not there, the slot that is free for it.
    fn slot_of(&self, hash: u64, labels: &[u8]) -> (usize, Option<usize>) {
        let page = &self.data[..];
        let mask = (1usize << self.slots_log2) - 1;
        let mut slot = hash as usize & mask;
        loop {
            let value = get_u32(page, 4 * slot);
            if value == 0 {
                return (slot, None); // A page always has an empty slot.
            }
            let at = (value & OFFSET) as usize;
            if value & !OFFSET == fingerprint(hash) && eq_ignore_case(node_at(page, at).labels(), labels) {
                return (slot, Some(at));
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The node with this hash whose labels relative to the apex are `labels`.
    #[inline]
    pub fn find(&self, hash: u64, labels: &[u8]) -> Option<Node<'_>> {
        let page = &self.data[..];
        let mask = (1usize << self.slots_log2) - 1;
        let mut slot = hash as usize & mask;
        loop {
            let value = get_u32(page, 4 * slot);
            if value == 0 {
                return None; // A page always has an empty slot.
            }
            if value & !OFFSET == fingerprint(hash) {
                let node = node_at(page, (value & OFFSET) as usize);
                if eq_ignore_case(node.labels(), labels) {
                    return Some(node);
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Asks for the memory of the slot that [`Page::find`] will read first.
    #[inline]
    pub fn prefetch_slot(&self, hash: u64) {
        let slot = hash as usize & ((1usize << self.slots_log2) - 1);
        prefetch(self.data.as_ptr().wrapping_add(4 * slot));
    }

    /// Asks for the memory of the node that the first slot names, `lines` cache lines of it.
    #[inline]
    pub fn prefetch_node(&self, hash: u64, lines: u8) {
        let slot = hash as usize & ((1usize << self.slots_log2) - 1);
        let value = get_u32(&self.data, 4 * slot);
        if value != 0 {
            let node = self.data.as_ptr().wrapping_add((value & OFFSET) as usize);
            (0..usize::from(lines)).for_each(|line| prefetch(node.wrapping_add(64 * line)));
        }
    }

    /// Octets of the page.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Number of nodes.
    pub fn count(&self) -> usize {
        get_u32(&self.data, 4 << self.slots_log2) as usize
    }

    /// All nodes and their octets, in the order they were put in.
    pub fn nodes(&self) -> impl Iterator<Item = (Node<'_>, &[u8])> {
        let page = &self.data[..];
        let mut at = (4 << self.slots_log2) + 4;
        (0..self.count()).map(move |_| {
            let len = get_u32(page, at) as usize;
            let blob = &page[at + 4..at + 4 + len];
            at += 4 + len;
            (Node::read(blob, len), blob)
        })
    }
}

#[inline]
fn node_at(page: &[u8], offset: usize) -> Node<'_> {
    let len = get_u32(page, offset) as usize;
    Node::read(&page[offset + 4..], len)
}
