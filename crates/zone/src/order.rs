//! Names in canonical order (RFC 4034 6.1): the previous name for NSEC, walks over a zone, listings.
//!
//! Names are kept as sort keys: byte strings whose plain order is the canonical order. They stand in
//! chunks of a hundred or two, the leaves of a tree whose nodes have a dozen branches; a change copies one chunk and
//! the nodes above it. How the first key below a branch begins stands beside it, so that finding a key's place seldom
//! reads a chunk but its own.

mod chunk;
mod key;
mod walk;

use std::sync::Arc;

use chunk::{Chunk, compare, head};
pub use key::{MAX_KEY_LEN, labels_of, sort_key};
use walk::Walk;

/// Octets that a freshly built chunk holds at most.
const CHUNK_BYTES: usize = 2048;
/// A chunk that grew beyond this is split.
const SPLIT_BYTES: usize = 2 * CHUNK_BYTES;
/// Branches of a freshly built node.
const BRANCHES: usize = 12;
/// A node with more is split.
const MAX_BRANCHES: usize = 16;

/// What became of a part of the tree that was changed in place.
enum Edited<T> {
    /// It was so already.
    Same,
    /// It holds all that it shall.
    Whole,
    /// Nothing is left of it.
    Gone,
    /// It grew too large, and this is its right half.
    Split(T),
}

/// A part of the tree, and the head of its first key.
#[derive(Clone)]
struct Branch<T> {
    head: u64,
    it: T,
}

/// Branches in order; never none.
#[derive(Clone)]
enum Node {
    Chunks(Arc<[Branch<Chunk>]>),
    Nodes(Arc<[Branch<Node>]>),
}

/// What a branch leads to.
trait Part: Clone {
    /// The smallest key.
    fn first(&self) -> &[u8];
    /// Adds or removes `key`.
    fn edit(&mut self, key: &[u8], present: bool) -> Edited<Self>;
}

impl Part for Chunk {
    fn first(&self) -> &[u8] {
        self.key(0)
    }

    fn edit(&mut self, key: &[u8], present: bool) -> Edited<Chunk> {
        let rank = self.rank(key, false);
        if (rank < self.count() && self.key(rank) == key) == present {
            return Edited::Same;
        }
        if !present {
            if self.count() == 1 {
                return Edited::Gone;
            }
            *self = self.without(rank);
            return Edited::Whole;
        }
        if self.octets() + key.len() + 2 <= SPLIT_BYTES {
            *self = self.with(rank, key);
            return Edited::Whole;
        }
        let mut keys: Vec<&[u8]> = self.keys().collect();
        keys.insert(rank, key);
        let (left, right) = keys.split_at(keys.len() / 2);
        let (left, right) = (Chunk::build(left), Chunk::build(right));
        *self = left;
        Edited::Split(right)
    }
}

impl Part for Node {
    fn first(&self) -> &[u8] {
        match self {
            Node::Chunks(branches) => branches[0].it.first(),
            Node::Nodes(branches) => branches[0].it.first(),
        }
    }

    fn edit(&mut self, key: &[u8], present: bool) -> Edited<Node> {
        match self {
            Node::Chunks(branches) => edit(branches, key, present, Node::Chunks),
            Node::Nodes(branches) => edit(branches, key, present, Node::Nodes),
        }
    }
}

impl<T: Part> Branch<T> {
    fn to(it: T) -> Branch<T> {
        Branch { head: head(it.first()), it }
    }
}

/// The last branch whose first key is not greater than `key`, or the first one.
fn locate<T: Part>(branches: &[Branch<T>], key: &[u8]) -> usize {
    let own = head(key);
    let is_before =
        |branch: &Branch<T>| branch.head < own || branch.head == own && compare(branch.it.first(), key).is_le();
    branches.partition_point(is_before).saturating_sub(1)
}

/// Adds or removes `key` below one of the branches. What other versions share is copied.
fn edit<T: Part>(
    branches: &mut Arc<[Branch<T>]>,
    key: &[u8],
    present: bool,
    node: fn(Arc<[Branch<T>]>) -> Node,
) -> Edited<Node> {
    let at = locate(branches, key);
    let branch = &mut Arc::make_mut(branches)[at];
    match branch.it.edit(key, present) {
        Edited::Same => Edited::Same,
        Edited::Whole => {
            branch.head = if present { branch.head.min(head(key)) } else { head(branch.it.first()) };
            Edited::Whole
        }
        Edited::Gone => {
            if branches.len() == 1 {
                return Edited::Gone;
            }
            *branches = branches[..at].iter().chain(&branches[at + 1..]).cloned().collect();
            Edited::Whole
        }
        Edited::Split(right) => {
            branch.head = head(branch.it.first());
            let mut all = branches.to_vec();
            all.insert(at + 1, Branch::to(right));
            let right = if all.len() > MAX_BRANCHES { all.split_off(all.len() / 2) } else { Vec::new() };
            *branches = all.into();
            if right.is_empty() { Edited::Whole } else { Edited::Split(node(right.into())) }
        }
    }
}

/// A sorted set of keys; a clone shares it.
#[derive(Clone, Default)]
pub struct Order {
    tree: Tree,
    len: usize,
}

/// Most zones are small: their keys stand in one chunk, without nodes.
#[derive(Clone, Default)]
enum Tree {
    #[default]
    None,
    One(Chunk),
    Many(Node),
}

/// Branches to `parts`, in nodes.
fn nodes<T: Part>(parts: &[T], node: fn(Arc<[Branch<T>]>) -> Node) -> Vec<Node> {
    parts.chunks(BRANCHES).map(|parts| node(parts.iter().cloned().map(Branch::to).collect())).collect()
}

/// Collects keys that come in rising order.
#[derive(Default)]
pub struct OrderBuilder {
    chunks: Vec<Chunk>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    len: usize,
}

impl OrderBuilder {
    /// Adds a key that is greater than all before it.
    pub fn push(&mut self, key: &[u8]) {
        if self.bytes.len() + key.len() + 2 * self.ends.len() > CHUNK_BYTES {
            self.flush();
        }
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
        self.len += 1;
    }

    fn flush(&mut self) {
        if self.ends.is_empty() {
            return;
        }
        let mut start = 0;
        let keys: Vec<&[u8]> =
            self.ends.iter().map(|&end| &self.bytes[std::mem::replace(&mut start, end)..end]).collect();
        self.chunks.push(Chunk::build(&keys));
        self.bytes.clear();
        self.ends.clear();
    }

    /// The set.
    pub fn finish(mut self) -> Order {
        self.flush();
        let tree = match &self.chunks[..] {
            [] => Tree::None,
            [only] => Tree::One(only.clone()),
            chunks => {
                let mut level = nodes(chunks, Node::Chunks);
                while level.len() > 1 {
                    level = nodes(&level, Node::Nodes);
                }
                level.pop().map_or(Tree::None, Tree::Many)
            }
        };
        Order { tree, len: self.len }
    }
}

impl Order {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunk that `key` belongs in.
    fn chunk_of(&self, key: &[u8]) -> Option<&Chunk> {
        let mut node = match &self.tree {
            Tree::None => return None,
            Tree::One(chunk) => return Some(chunk),
            Tree::Many(node) => node,
        };
        loop {
            match node {
                Node::Chunks(branches) => return Some(&branches[locate(branches, key)].it),
                Node::Nodes(branches) => node = &branches[locate(branches, key)].it,
            }
        }
    }

    /// Asks for what a coming [`Order::set`] copies.
    pub fn prefetch(&self, key: &[u8]) {
        if let Some(chunk) = self.chunk_of(key) {
            chunk.prefetch();
        }
    }

    /// The greatest key that is smaller than `key`, or equal to it; the greatest of all when there is
    /// none, as the chains of RFC 4034 and 5155 close in a ring.
    pub fn at_or_before(&self, key: &[u8]) -> Option<&[u8]> {
        let chunk = self.chunk_of(key)?;
        match chunk.rank(key, true) {
            0 => self.last(),
            rank => Some(chunk.key(rank - 1)),
        }
    }

    /// Whether `key` is there.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.at_or_before(key) == Some(key)
    }

    /// The greatest key.
    pub fn last(&self) -> Option<&[u8]> {
        let mut node = match &self.tree {
            Tree::None => return None,
            Tree::One(chunk) => return Some(chunk.key(chunk.count() - 1)),
            Tree::Many(node) => node,
        };
        loop {
            match node {
                Node::Chunks(branches) => {
                    let chunk = &branches.last()?.it;
                    return Some(chunk.key(chunk.count() - 1));
                }
                Node::Nodes(branches) => node = &branches.last()?.it,
            }
        }
    }

    /// All keys from `start` on, in order.
    pub fn iter_from<'a>(&'a self, start: &[u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut walk = Walk::default();
        match &self.tree {
            Tree::None => {}
            Tree::One(chunk) => walk.enter(chunk, chunk.rank(start, false)),
            Tree::Many(node) => walk.descend(node, Some(start)),
        }
        walk
    }

    /// All keys in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.iter_from(&[])
    }

    /// Adds or removes `key`. What other versions share is copied: one chunk and the nodes above it. It is made for
    /// keys that are not there yet, or there: else it copies for nothing.
    pub fn set(&mut self, key: &[u8], present: bool) {
        match &mut self.tree {
            Tree::None if !present => return,
            Tree::None => self.tree = Tree::One(Chunk::build(&[key])),
            Tree::One(chunk) => match chunk.edit(key, present) {
                Edited::Same => return,
                Edited::Whole => {}
                Edited::Gone => self.tree = Tree::None,
                Edited::Split(right) => {
                    let branches = [chunk.clone(), right].map(Branch::to);
                    self.tree = Tree::Many(Node::Chunks(Arc::new(branches)));
                }
            },
            Tree::Many(node) => match node.edit(key, present) {
                Edited::Same => return,
                Edited::Whole => self.lower(),
                Edited::Gone => self.tree = Tree::None,
                Edited::Split(right) => {
                    let branches = [node.clone(), right].map(Branch::to);
                    self.tree = Tree::Many(Node::Nodes(Arc::new(branches)));
                }
            },
        }
        self.len = if present { self.len + 1 } else { self.len - 1 };
    }

    /// Leaves out nodes at the top that have one branch.
    fn lower(&mut self) {
        while let Tree::Many(node) = &self.tree {
            self.tree = match node {
                Node::Chunks(branches) if branches.len() == 1 => Tree::One(branches[0].it.clone()),
                Node::Nodes(branches) if branches.len() == 1 => Tree::Many(branches[0].it.clone()),
                _ => return,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dns::NameBuf;

    use super::*;

    fn key(text: &str) -> Vec<u8> {
        let name: NameBuf = text.parse().expect("name");
        sort_key(name.strip_suffix(dns::Name::root()).expect("labels"), &mut [0; MAX_KEY_LEN]).to_vec()
    }

    #[test]
    fn keys_sort_canonically_and_give_the_labels_back() {
        let sorted = [
            ".",
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            "\\000.z.example.",
            "\\001.z.example.",
            "*.z.example.",
            "\\200.z.example.",
            "example\\000.",
            "example!.",
        ];
        for pair in sorted.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{} < {}", pair[0], pair[1]);
        }
        for text in sorted {
            let mut wire = labels_of(&key(text), &mut [0; 256]).to_vec();
            wire.push(0);
            let want: NameBuf = text.parse().expect("name");
            assert_eq!(dns::Name::from_wire(&wire).expect("labels"), &*want);
        }
    }

    /// Against the standard library's set, through splits and removals.
    #[test]
    fn agrees_with_a_model() {
        let mut model = BTreeSet::new();
        let mut order = Order::default();
        let mut state = 1u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let key = format!("{:05}", state >> 33 & 0x3fff).into_bytes();
            if state >> 60 < 11 {
                order.set(&key, true);
                model.insert(key.clone());
            } else {
                order.set(&key, false);
                model.remove(&key);
            }
            assert_eq!(order.len(), model.len());
            let before = model.range(..=key.clone()).next_back().or(model.last());
            assert_eq!(order.at_or_before(&key), before.map(|key| &key[..]));
        }
        assert!(order.iter().eq(model.iter().map(|key| &key[..])));
        let mut builder = OrderBuilder::default();
        model.iter().for_each(|key| builder.push(key));
        let built = builder.finish();
        assert!(built.iter().eq(order.iter()));
        let tail: Vec<&[u8]> = built.iter_from(b"08000").collect();
        assert!(tail.iter().copied().eq(model.range(b"08000".to_vec()..).map(|key| &key[..])));
        // Down to nothing, from the middle; what was is still there.
        let before = order.clone();
        let keys: Vec<Vec<u8>> = model.iter().cloned().collect();
        let (left, right) = keys.split_at(keys.len() / 2);
        for (i, key) in right.iter().chain(left.iter().rev()).enumerate() {
            order.set(key, false);
            model.remove(key);
            if i % 500 == 0 {
                assert!(order.iter().eq(model.iter().map(|key| &key[..])));
            }
        }
        assert!(order.is_empty() && matches!(order.tree, Tree::None) && order.iter().next().is_none());
        assert!(before.iter().eq(keys.iter().map(|key| &key[..])));
    }

    /// A tree of several levels, in both directions.
    #[test]
    fn grows_in_height() {
        for step in [1, 7919] {
            let mut order = Order::default();
            let key = |i: u32| format!("{:06}.and-some-more-octets", i * step % 50_000).into_bytes();
            (0..50_000).for_each(|i| order.set(&key(i), true));
            assert!(
                matches!(&order.tree, Tree::Many(Node::Nodes(branches)) if matches!(branches[0].it, Node::Nodes(_)))
            );
            assert!(order.len() == 50_000 && order.iter().is_sorted() && order.iter().count() == 50_000);
            assert_eq!(order.at_or_before(b"025000.z"), Some(&b"025000.and-some-more-octets"[..]));
            assert_eq!(order.iter_from(b"049998").count(), 2);
        }
    }
}
