//! Node by name: a directory of [`Page`]s, chosen by the high bits of the name's hash.
//!
//! The directory has levels so that a change copies a few dozen pointers, however large the zone: a root of
//! groups, itself in two levels ([`Fan`]), and groups of a few pages. A group doubles its pages when one grows too
//! large; the root is split anew when a group has too many. Old versions share whatever did not change.

use std::sync::Arc;

use crate::fan::Fan;
use crate::memory::{pieces, prefetch};
use crate::node::Node;
use crate::page::{self, Entry, Page, aligned};

/// Octets of nodes that a freshly built page holds on average, at most.
const TARGET_BYTES: usize = 3072;
/// A page that grew beyond this is split, unless it holds a single node.
const SPLIT_BYTES: usize = 4 * TARGET_BYTES;
/// Pages of a freshly built group: 2^4.
const GROUP_BITS: u32 = 4;
/// A group with more pages than 2^this makes the root split.
const MAX_GROUP_BITS: u32 = 6;
/// Bits of the hash that choose pages; the rest is for slots within the page.
const MAX_BITS: u32 = 32;

/// How many nodes ahead of the copying their memory is asked for.
const BUILD_AHEAD: usize = 16;

/// A node for [`Index::build`]: where it stands in the octets given beside.
#[derive(Clone, Copy)]
pub struct Placed {
    /// Hash of the whole owner name.
    pub hash: u64,
    /// Offset in octets.
    pub start: usize,
    /// Length in octets.
    pub len: u32,
}

/// 2^`bits` pages.
#[derive(Clone)]
struct Group {
    bits: u32,
    pages: Arc<[Page]>,
}

#[derive(Clone)]
enum Directory {
    /// A small zone is one page; no pointers in between.
    Single(Page),
    /// `root` has 2^`bits` groups.
    Tree { bits: u32, root: Fan<Group> },
}

/// All nodes of a zone; a clone shares them.
#[derive(Clone)]
pub struct Index {
    directory: Directory,
}

/// Where a walk over the pages of an index stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageAt {
    group: usize,
    page: usize,
}

impl PageAt {
    /// Goes on to the next page.
    pub fn advance(&mut self) {
        self.page += 1;
    }
}

/// The first `bits` bits of a hash, as a number.
#[inline]
fn high(hash: u64, bits: u32) -> usize {
    if bits == 0 { 0 } else { (hash >> (64 - bits)) as usize }
}

impl Index {
    /// An index over nodes whose octets stand in `blobs`.
    pub fn build(nodes: &[Placed], blobs: &[u8]) -> Index {
        let entry = |node: &Placed| Entry { hash: node.hash, blob: &blobs[node.start..node.start + node.len as usize] };
        if blobs.len() < TARGET_BYTES {
            return Index { directory: Directory::Single(Page::build(nodes.len(), nodes.iter().map(entry))) };
        }
        let wanted = (blobs.len() / TARGET_BYTES + 1).next_power_of_two();
        let bits = wanted.trailing_zeros().min(MAX_BITS);
        // Counting sort by page, then one region for all pages.
        let mut starts = vec![0usize; (1 << bits) + 1];
        let mut bytes = vec![0usize; 1 << bits];
        for node in nodes {
            starts[high(node.hash, bits) + 1] += 1;
            bytes[high(node.hash, bits)] += node.len as usize;
        }
        for i in 0..1 << bits {
            starts[i + 1] += starts[i];
        }
        let mut sorted = vec![Placed { hash: 0, start: 0, len: 0 }; nodes.len()];
        let mut next = starts.clone();
        for node in nodes {
            let slot = &mut next[high(node.hash, bits)];
            sorted[*slot] = *node;
            *slot += 1;
        }
        let count = |page: usize| starts[page + 1] - starts[page];
        let sizes: Vec<usize> = (0..1 << bits).map(|p| page::size(count(p), bytes[p])).collect();
        let group_bits = bits.min(GROUP_BITS);
        let groups = sizes.chunks(1 << group_bits);
        let group_sizes: Vec<usize> = groups.map(|sizes| sizes.iter().map(|size| aligned(*size)).sum()).collect();
        let memory = pieces(&group_sizes, |group, out| {
            let mut at = 0;
            for p in group << group_bits..(group + 1) << group_bits {
                let entries = (starts[p]..starts[p + 1]).map(|i| {
                    // The nodes of a page come from all over `blobs`.
                    if let Some(later) = sorted.get(i + BUILD_AHEAD) {
                        prefetch(blobs.as_ptr().wrapping_add(later.start));
                    }
                    entry(&sorted[i])
                });
                page::fill(&mut out[at..at + sizes[p]], count(p), entries);
                at += aligned(sizes[p]);
            }
        });
        let mut at = 0;
        let pages = sizes.iter().enumerate().map(|(p, &size)| {
            at = if p % (1 << group_bits) == 0 { 0 } else { at };
            let start = at;
            at += aligned(size);
            Page::packed(memory[p >> group_bits].slice(start..start + size), count(p))
        });
        Index::from_pages(bits, pages.collect())
    }

    fn from_pages(bits: u32, pages: Vec<Page>) -> Index {
        if let [page] = &pages[..] {
            return Index { directory: Directory::Single(page.clone()) };
        }
        let root_bits = bits.saturating_sub(GROUP_BITS);
        let group_bits = bits - root_bits;
        let mut pages = pages.into_iter();
        let root = (0..1 << root_bits)
            .map(|_| Group { bits: group_bits, pages: pages.by_ref().take(1 << group_bits).collect() })
            .collect();
        Index { directory: Directory::Tree { bits: root_bits, root } }
    }

    #[inline]
    fn page(&self, hash: u64) -> &Page {
        match &self.directory {
            Directory::Single(page) => page,
            Directory::Tree { bits, root } => {
                let group = root.at(high(hash, *bits));
                &group.pages[high(hash << bits, group.bits)]
            }
        }
    }

    /// The node with this hash whose labels relative to the apex are `labels`.
    #[inline]
    pub fn find(&self, hash: u64, labels: &[u8]) -> Option<Node<'_>> {
        self.page(hash).find(hash, labels)
    }

    /// First of three hints for a coming [`Index::find`]: asks for the pointer to the page.
    #[inline]
    pub fn prefetch_page(&self, hash: u64) {
        if let Directory::Tree { bits, root } = &self.directory {
            let group = root.at(high(hash, *bits));
            prefetch(&raw const group.pages[high(hash << bits, group.bits)]);
        }
    }

    /// Second hint: asks for the slot.
    #[inline]
    pub fn prefetch_slot(&self, hash: u64) {
        self.page(hash).prefetch_slot(hash);
    }

    /// Third hint: asks for the node.
    #[inline]
    pub fn prefetch_node(&self, hash: u64, lines: u8) {
        self.page(hash).prefetch_node(hash, lines);
    }

    /// Cache lines of a node of average size, at most eight.
    pub fn node_lines(blobs: usize, nodes: usize) -> u8 {
        (blobs / nodes.max(1) / 64 + 2).min(8) as u8
    }

    /// The page where a walk over all pages stands; `None` at the end.
    pub fn page_at(&self, at: &mut PageAt) -> Option<&Page> {
        match &self.directory {
            Directory::Single(page) => (*at == PageAt::default()).then_some(page),
            Directory::Tree { root, .. } => loop {
                match root.get(at.group)?.pages.get(at.page) {
                    Some(page) => return Some(page),
                    None => *at = PageAt { group: at.group + 1, page: 0 },
                }
            },
        }
    }

    /// All nodes, nearly in the order of their hashes.
    #[cfg(test)]
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let mut at = PageAt::default();
        let pages = std::iter::from_fn(move || {
            let page = self.page_at(&mut at)?;
            at.advance();
            Some(page)
        });
        pages.flat_map(|page| page.nodes().map(|(node, _)| node))
    }

    /// The pages that this version does not share with `other`, a version of the same zone: a node that is only in one
    /// of them, or not the same in both, is in such a page of the versions that have it. Costs a look at every group of
    /// pages, and nothing where both are one version.
    pub fn pages_apart<'s>(&'s self, other: &'s Index) -> impl Iterator<Item = &'s Page> {
        let mut at = if self.is_shared_with(other) { PageAt { group: usize::MAX, page: 0 } } else { PageAt::default() };
        std::iter::from_fn(move || {
            loop {
                let page = self.page_at(&mut at)?;
                if at.page == 0 && self.group_is_shared(at.group, other) {
                    at.group += 1;
                    continue;
                }
                let first_hash = self.first_hash(at);
                at.advance();
                if !page.is_shared_with(other.page(first_hash)) {
                    return Some(page);
                }
            }
        })
    }

    /// Whether it is the same memory as another index, which has the same nodes then.
    pub fn is_shared_with(&self, other: &Index) -> bool {
        match (&self.directory, &other.directory) {
            (Directory::Single(page), Directory::Single(theirs)) => page.is_shared_with(theirs),
            (Directory::Tree { root, .. }, Directory::Tree { root: theirs, .. }) => root.is_shared_with(theirs),
            _ => false,
        }
    }

    /// Whether all pages of the group with this number are those of `other`.
    fn group_is_shared(&self, number: usize, other: &Index) -> bool {
        let (Directory::Tree { bits, root }, Directory::Tree { bits: their_bits, root: theirs }) =
            (&self.directory, &other.directory)
        else {
            return false;
        };
        let both = root.get(number).zip(theirs.get(number)).filter(|_| bits == their_bits);
        both.is_some_and(|(ours, theirs)| Arc::ptr_eq(&ours.pages, &theirs.pages))
    }

    /// The least hash that a page has nodes of: where it stands in the directory.
    fn first_hash(&self, at: PageAt) -> u64 {
        let Directory::Tree { bits, root } = &self.directory else { return 0 };
        let group_bits = root.get(at.group).map_or(0, |group| group.bits);
        let place = |number: usize, bits: u32| (number as u64).checked_shl(u64::BITS - bits).unwrap_or(0);
        place(at.group, *bits) | place(at.page, bits + group_bits)
    }

    /// Replaces the node under `hash` and `labels` by `blob`, or takes it out. What other versions share is
    /// copied: one page and the pointers to it.
    ///
    /// `hash_of` gives the hash of a node's labels; it is needed for the neighbours in its page.
    pub fn set(&mut self, hash: u64, labels: &[u8], blob: Option<&[u8]>, hash_of: &dyn Fn(&[u8]) -> u64) {
        let old = self.page(hash).clone();
        let quick = blob.and_then(|blob| old.with(hash, labels, blob)).filter(|page| page.len() <= SPLIT_BYTES);
        if let Some(page) = quick {
            return self.replace(hash, page);
        }
        let mut entries: Vec<Entry<'_>> = old
            .nodes()
            .filter(|(node, _)| !dns::name::eq_ignore_case(node.labels(), labels))
            .map(|(node, blob)| Entry { hash: hash_of(node.labels()), blob })
            .collect();
        entries.extend(blob.map(|blob| Entry { hash, blob }));
        let page = Page::build(entries.len(), entries.iter().copied());
        let depth = match &self.directory {
            Directory::Single(_) => 0,
            Directory::Tree { bits, root } => bits + root.at(high(hash, *bits)).bits,
        };
        if page.len() <= SPLIT_BYTES || entries.len() == 1 || depth >= MAX_BITS {
            self.replace(hash, page);
        } else {
            self.split(hash, &entries, hash_of);
        }
    }

    fn replace(&mut self, hash: u64, page: Page) {
        match &mut self.directory {
            Directory::Single(old) => *old = page,
            Directory::Tree { bits, root } => {
                let bits = *bits;
                let group = root.at_mut(high(hash, bits));
                Arc::make_mut(&mut group.pages)[high(hash << bits, group.bits)] = page;
                group.tidy();
            }
        }
    }

    /// Doubles the pages of the group that `hash` belongs to; its own page is made anew from `entries`.
    fn split(&mut self, hash: u64, entries: &[Entry<'_>], hash_of: &dyn Fn(&[u8]) -> u64) {
        match &mut self.directory {
            Directory::Single(_) => {
                let group = Group { bits: 1, pages: split(entries, 0).into() };
                self.directory = Directory::Tree { bits: 0, root: std::iter::once(group).collect() };
            }
            Directory::Tree { bits, root } => {
                let bits = *bits;
                let slot = root.at_mut(high(hash, bits));
                *slot = slot.doubled(bits, hash, entries, hash_of);
                if slot.bits > MAX_GROUP_BITS {
                    *self = self.clone().regrouped();
                }
            }
        }
    }

    /// The same pages under a root with more groups. Groups that had fewer pages than the largest
    /// get their pages shared out by splitting them.
    fn regrouped(self) -> Index {
        let Directory::Tree { bits, root } = self.directory else { return self };
        let more = MAX_GROUP_BITS - GROUP_BITS;
        if root.iter().any(|group| group.bits < more) {
            return Index { directory: Directory::Tree { bits, root } };
        }
        let mut groups = Vec::with_capacity(root.len() << more);
        for group in root.iter() {
            let size = group.pages.len() >> more;
            groups.extend(group.pages.chunks(size).map(|pages| Group { bits: group.bits - more, pages: pages.into() }));
        }
        Index { directory: Directory::Tree { bits: bits + more, root: groups.into_iter().collect() } }
    }
}

impl Group {
    /// Gives every page memory of its own once so many have left their common memory that half of it would be kept for
    /// nothing.
    fn tidy(&mut self) {
        let packed = self.pages.iter().filter(|page| page.is_packed()).count();
        if (1..=self.pages.len() / 2).contains(&packed) {
            let apart = |page: &Page| if page.is_packed() { page.apart() } else { page.clone() };
            self.pages = self.pages.iter().map(apart).collect();
        }
    }

    /// This group with twice the pages, that of `hash` made anew from `entries`.
    fn doubled(&self, root_bits: u32, hash: u64, entries: &[Entry<'_>], hash_of: &dyn Fn(&[u8]) -> u64) -> Group {
        let at = high(hash << root_bits, self.bits);
        let mut pages = Vec::with_capacity(self.pages.len() * 2);
        for (i, old) in self.pages.iter().enumerate() {
            if i == at {
                pages.extend(split(entries, root_bits + self.bits));
            } else {
                let entries: Vec<Entry<'_>> =
                    old.nodes().map(|(node, blob)| Entry { hash: hash_of(node.labels()), blob }).collect();
                pages.extend(split(&entries, root_bits + self.bits));
            }
        }
        Group { bits: self.bits + 1, pages: pages.into() }
    }
}

/// Two pages, told apart by the bit of the hash behind the first `bits`.
fn split(entries: &[Entry<'_>], bits: u32) -> [Page; 2] {
    let (right, left): (Vec<Entry<'_>>, Vec<Entry<'_>>) =
        entries.iter().copied().partition(|entry| entry.hash << bits >> 63 == 1);
    [left, right].map(|half| Page::build(half.len(), half.into_iter()))
}
