//! Where a name leads inside one zone: the only lookup that answers are made from (RFC 1034 4.3.2
//! step 3, RFC 4592 3.3, RFC 6672 3.2).

use dns::question::HashedName;

use crate::contents::Contents;
use crate::node::{CUT, DNAME, NSEC3_ONLY, Node, WILDCARD_CHILD};

/// What was found for a name. Depths count labels from the root.
#[derive(Clone, Copy)]
pub enum Found<'a> {
    /// The name exists and is authoritative; it may be an empty non-terminal.
    Exact(Node<'a>),
    /// The name is at or below a delegation, which is at `depth`.
    Cut {
        /// The owner of the NS records.
        node: Node<'a>,
        /// Its labels.
        depth: usize,
    },
    /// The name is below a DNAME at `depth`.
    Dname {
        /// The owner of the DNAME.
        node: Node<'a>,
        /// Its labels.
        depth: usize,
    },
    /// The name does not exist, a wildcard below the closest encloser at `encloser` matches it.
    Wildcard {
        /// The wildcard.
        node: Node<'a>,
        /// Labels of the closest encloser.
        encloser: usize,
    },
    /// The name does not exist; the closest encloser is at `encloser`.
    Missing {
        /// Labels of the closest encloser.
        encloser: usize,
    },
}

impl Contents {
    /// Looks up `name`, which is at or below the apex.
    #[inline]
    pub fn find(&self, name: &HashedName) -> Found<'_> {
        let (base, labels) = (self.origin_labels(), name.labels());
        for depth in self.depths.up_to(labels - base).map(|depth| base + depth) {
            let Some(node) = self.at(name, depth) else { break };
            if depth > base && node.has(CUT) {
                return Found::Cut { node, depth };
            }
            if depth == labels && !node.has(NSEC3_ONLY) {
                return Found::Exact(node);
            }
            if node.has(DNAME) && depth < labels {
                return Found::Dname { node, depth };
            }
        }
        if let Some(node) = self.visible(name, labels) {
            return Found::Exact(node);
        }
        let (encloser, node) = self.closest_encloser(name);
        if let Some(node) = node.filter(|node| node.has(WILDCARD_CHILD))
            && let Some(node) = self.wildcard_below(name, encloser, &node)
        {
            return Found::Wildcard { node, encloser };
        }
        Found::Missing { encloser }
    }

    /// The node of the suffix of `name` with `depth` labels.
    #[inline]
    pub(crate) fn at(&self, name: &HashedName, depth: usize) -> Option<Node<'_>> {
        self.index.find(name.hash(depth), name.between(depth, self.origin_labels()))
    }

    #[inline]
    fn visible(&self, name: &HashedName, depth: usize) -> Option<Node<'_>> {
        self.at(name, depth).filter(|node| !node.has(NSEC3_ONLY))
    }

    /// The longest existing ancestor of a name that does not exist (RFC 4592 3.3.1), by bisection: an
    /// ancestor of an existing name always exists.
    fn closest_encloser(&self, name: &HashedName) -> (usize, Option<Node<'_>>) {
        let (mut low, mut high) = (self.origin_labels(), name.labels());
        let mut best = None;
        // `low` exists, `high` does not.
        while high - low > 1 {
            let middle = low.midpoint(high);
            match self.visible(name, middle) {
                Some(node) => (low, best) = (middle, Some(node)),
                None => high = middle,
            }
        }
        (low, best.or_else(|| self.at(name, low)))
    }

    fn wildcard_below(&self, name: &HashedName, encloser: usize, node: &Node<'_>) -> Option<Node<'_>> {
        let hash = self.hasher.extend(name.hash(encloser), b"*");
        let mut labels = [0u8; 256];
        let parent = node.labels();
        let len = 2 + parent.len();
        labels[..2].copy_from_slice(b"\x01*");
        labels.get_mut(2..len)?.copy_from_slice(parent);
        self.index.find(hash, &labels[..len])
    }

    /// Asks for the memory that [`Contents::find`] will need, in three stages that a caller with many
    /// names runs one after the other over all of them, so that the waits overlap.
    #[inline]
    pub fn prefetch(&self, name: &HashedName, stage: u8) {
        let (base, labels) = (self.origin_labels(), name.labels());
        let one = |hash: u64| match stage {
            0 => self.index.prefetch_page(hash),
            1 => self.index.prefetch_slot(hash),
            _ => self.index.prefetch_node(hash, self.node_lines),
        };
        // The topmost place where a cut may be, and the name itself: one of them is what `find` reads.
        if let Some(depth) = self.depths.up_to(labels - base).next().filter(|&depth| depth < labels - base) {
            one(name.hash(base + depth));
        }
        one(name.hash(labels));
    }
}
