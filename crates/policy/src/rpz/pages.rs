//! A map of rules whose versions share what is equal.
//!
//! A tree of 8 branches by the bits of a keyed hash, with pages of rules as leaves. A version that readers hold is
//! never changed: a change copies the pages that it touches and the nodes above them, and shares the rest. So a zone is
//! published by handing out a new root, at a cost in proportion to the change, and memory of the old version goes with
//! its last reader. Pages are never joined: a zone that shrank keeps its empty pages until it is built anew.

use std::sync::Arc;

use dns::name::eq_ignore_case;

/// Bits of the hash that choose a branch.
const BITS: u32 = 3;
/// Branches of a node.
const FANOUT: usize = 1 << BITS;
/// Rules of a page before it is split: few pages, and a copy of one stays small.
const PAGE_RULES: usize = 128;
/// Nodes on the way to a page: then the hash is used up, and a page grows beyond its size.
const MAX_DEPTH: u32 = u64::BITS / BITS;
/// Octets of a key; longer ones are cut. Names and addresses have less.
const MAX_KEY_LEN: usize = 255;

/// What a rule is kept under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    /// Keyed hash of space and octets, of which all bits are spread alike.
    pub(super) hash: u64,
    /// Keys of different spaces are different.
    pub(super) space: u8,
    /// Compared without regard to ASCII case.
    pub(super) octets: &'a [u8],
}

/// A rule that was found.
#[derive(Debug)]
pub(super) struct Kept<'a, B> {
    /// As in its key.
    pub(super) space: u8,
    /// As in its key.
    pub(super) octets: &'a [u8],
    /// Its number.
    pub(super) number: u32,
    /// What it says.
    pub(super) body: &'a Arc<B>,
}

/// The map, from keys to what rules say and their numbers.
#[derive(Debug)]
pub(super) struct Pages<B> {
    root: Child<B>,
    len: usize,
}

#[derive(Debug)]
enum Child<B> {
    Node(Arc<[Child<B>; FANOUT]>),
    Page(Arc<Page<B>>),
}

#[derive(Debug)]
struct Page<B> {
    /// By hash.
    rules: Vec<Rule<B>>,
    /// Of each rule its space, the length of its key, and the key.
    octets: Vec<u8>,
}

#[derive(Debug)]
struct Rule<B> {
    hash: u64,
    body: Arc<B>,
    number: u32,
    /// Where its space stands in `octets`.
    start: u32,
}

// Derived, these would want `B: Clone`.
impl<B> Clone for Pages<B> {
    fn clone(&self) -> Pages<B> {
        Pages { root: self.root.clone(), len: self.len }
    }
}

impl<B> Clone for Child<B> {
    fn clone(&self) -> Child<B> {
        match self {
            Child::Node(node) => Child::Node(Arc::clone(node)),
            Child::Page(page) => Child::Page(Arc::clone(page)),
        }
    }
}

impl<B> Clone for Page<B> {
    fn clone(&self) -> Page<B> {
        Page { rules: self.rules.clone(), octets: self.octets.clone() }
    }
}

impl<B> Clone for Rule<B> {
    fn clone(&self) -> Rule<B> {
        Rule { hash: self.hash, body: Arc::clone(&self.body), number: self.number, start: self.start }
    }
}

impl<B> Default for Pages<B> {
    fn default() -> Pages<B> {
        Pages { root: Child::Page(Arc::new(Page::empty())), len: 0 }
    }
}

impl<B> Pages<B> {
    /// How many rules there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The rule that is kept under `key`.
    pub(super) fn get(&self, key: &Key<'_>) -> Option<Kept<'_, B>> {
        let (mut child, mut depth) = (&self.root, 0);
        loop {
            match child {
                Child::Node(node) => child = &node[branch(key.hash, depth)],
                Child::Page(page) => return page.find(key).ok().and_then(|at| page.kept(page.rules.get(at)?)),
            }
            depth += 1;
        }
    }

    /// Keeps `body` under `key`, with `number` if nothing was kept there; whether that is so.
    pub(super) fn set(&mut self, key: &Key<'_>, body: Arc<B>, number: u32) -> bool {
        let (mut child, mut depth) = (&mut self.root, 0);
        while let Child::Node(node) = child {
            child = &mut Arc::make_mut(node)[branch(key.hash, depth)];
            depth += 1;
        }
        let Child::Page(shared) = child else { return false };
        let page = Arc::make_mut(shared);
        let new = page.set(key, body, number);
        if page.rules.len() > PAGE_RULES && depth < MAX_DEPTH {
            *child = page.split(depth);
        }
        self.len += usize::from(new);
        new
    }

    /// Takes out what is kept under `key`; whether there was anything.
    pub(super) fn remove(&mut self, key: &Key<'_>) -> bool {
        let (mut child, mut depth) = (&mut self.root, 0);
        while let Child::Node(node) = child {
            child = &mut Arc::make_mut(node)[branch(key.hash, depth)];
            depth += 1;
        }
        let Child::Page(page) = child else { return false };
        let there = Arc::make_mut(page).remove(key);
        self.len -= usize::from(there);
        there
    }

    /// Every rule, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = Kept<'_, B>> {
        let mut open = vec![&self.root];
        let pages = std::iter::from_fn(move || {
            loop {
                match open.pop()? {
                    Child::Node(node) => open.extend(node.iter()),
                    Child::Page(page) => return Some(page),
                }
            }
        });
        pages.flat_map(|page| page.rules.iter().filter_map(|rule| page.kept(rule)))
    }
}

/// The branch that `hash` takes from a node below `depth` others.
fn branch(hash: u64, depth: u32) -> usize {
    let shift = (u64::BITS - BITS).saturating_sub(depth * BITS);
    (hash >> shift) as usize & (FANOUT - 1)
}

impl<B> Page<B> {
    fn empty() -> Page<B> {
        Page { rules: Vec::new(), octets: Vec::new() }
    }

    fn kept<'a>(&'a self, rule: &'a Rule<B>) -> Option<Kept<'a, B>> {
        let (&[space, len], rest) = self.octets.get(rule.start as usize..)?.split_first_chunk()?;
        Some(Kept { space, octets: rest.get(..usize::from(len))?, number: rule.number, body: &rule.body })
    }

    /// Where the rule with `key` stands, or where it would.
    fn find(&self, key: &Key<'_>) -> Result<usize, usize> {
        let first = self.rules.partition_point(|rule| rule.hash < key.hash);
        let equal = self.rules.iter().skip(first).take_while(|rule| rule.hash == key.hash);
        let is_it = |kept: Kept<'_, B>| kept.space == key.space && eq_ignore_case(kept.octets, key.octets);
        let at = equal.map(|rule| self.kept(rule)).position(|kept| kept.is_some_and(is_it));
        at.map(|at| first + at).ok_or(first)
    }

    fn set(&mut self, key: &Key<'_>, body: Arc<B>, number: u32) -> bool {
        match self.find(key) {
            Ok(at) => {
                if let Some(rule) = self.rules.get_mut(at) {
                    rule.body = body;
                }
                false
            }
            Err(at) => {
                let start = self.octets.len() as u32;
                self.append(key.space, key.octets);
                // No room for later: of many small pages most of it would stay empty.
                self.rules.reserve_exact(1);
                self.rules.insert(at, Rule { hash: key.hash, body, number, start });
                true
            }
        }
    }

    fn append(&mut self, space: u8, octets: &[u8]) {
        let octets = octets.get(..MAX_KEY_LEN).unwrap_or(octets);
        self.octets.reserve_exact(octets.len() + 2);
        self.octets.extend_from_slice(&[space, octets.len() as u8]);
        self.octets.extend_from_slice(octets);
    }

    fn remove(&mut self, key: &Key<'_>) -> bool {
        let Ok(at) = self.find(key) else { return false };
        self.rules.remove(at);
        *self = self.with(self.rules.iter());
        true
    }

    /// A page with those of the rules, and no room for more.
    fn with<'a>(&'a self, rules: impl Iterator<Item = &'a Rule<B>> + Clone) -> Page<B> {
        let kept = || rules.clone().filter_map(|rule| Some((rule, self.kept(rule)?)));
        let mut page = Page {
            rules: Vec::with_capacity(kept().count()),
            octets: Vec::with_capacity(kept().map(|(_, kept)| kept.octets.len() + 2).sum()),
        };
        for (rule, kept) in kept() {
            let start = page.octets.len() as u32;
            page.append(kept.space, kept.octets);
            page.rules.push(Rule { start, ..rule.clone() });
        }
        page
    }

    /// A node below `depth` others with a page for each branch.
    fn split(&self, depth: u32) -> Child<B> {
        Child::Node(Arc::new(std::array::from_fn(|i| {
            let rules = self.rules.iter().filter(move |rule| branch(rule.hash, depth) == i);
            Child::Page(Arc::new(self.with(rules)))
        })))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rpz::testing::Random;

    fn contents(pages: &Pages<u32>) -> BTreeMap<(u8, Vec<u8>), (u32, u32)> {
        pages.iter().map(|kept| ((kept.space, kept.octets.to_vec()), (**kept.body, kept.number))).collect()
    }

    /// Any order of changes leaves what a map of the standard library has; versions that were handed out stay.
    #[test]
    fn a_map_is_what_was_put_into_it_and_older_versions_stay() {
        let mut random = Random::new(7);
        let (mut pages, mut model) = (Pages::<u32>::default(), BTreeMap::new());
        let mut versions = Vec::new();
        for step in 0..20_000u32 {
            let octets = random.below(3000).to_be_bytes().map(|octet| octet & 0x1f);
            let space = random.below(3) as u8;
            // A few hashes are shared by many keys.
            let spread = u64::from(u32::from_be_bytes(octets)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let hash = if octets[3] == 1 { 42 } else { spread ^ u64::from(space) };
            let key = Key { hash, space, octets: &octets };
            if random.below(3) == 0 {
                assert_eq!(pages.remove(&key), model.remove(&(space, octets.to_vec())).is_some());
            } else {
                let before = model.get(&(space, octets.to_vec())).map(|(_, number)| *number);
                assert_eq!(pages.set(&key, Arc::new(step), step), before.is_none());
                model.insert((space, octets.to_vec()), (step, before.unwrap_or(step)));
            }
            let got = pages.get(&key).map(|kept| (**kept.body, kept.number));
            assert_eq!(got, model.get(&(space, octets.to_vec())).copied());
            if step % 4000 == 0 {
                versions.push((pages.clone(), model.clone()));
            }
        }
        versions.push((pages, model));
        for (pages, model) in versions {
            assert_eq!(pages.len(), model.len());
            assert_eq!(contents(&pages), model);
        }
    }

    /// What a change copies: the nodes on the way, and one page.
    #[test]
    fn a_change_leaves_the_other_pages_shared() {
        let mut pages = Pages::<u32>::default();
        let body = Arc::new(1);
        for i in 0..10_000u32 {
            let hash = u64::from(i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            pages.set(&Key { hash, space: 0, octets: &i.to_be_bytes() }, Arc::clone(&body), i);
        }
        let before = pages.clone();
        pages.set(&Key { hash: 1 << 63, space: 0, octets: b"new" }, Arc::new(2), 10_000);
        let leaves = |pages: &Pages<u32>| {
            let (mut open, mut leaves) = (vec![pages.root.clone()], Vec::new());
            while let Some(child) = open.pop() {
                match child {
                    Child::Node(node) => open.extend(node.iter().cloned()),
                    Child::Page(page) => leaves.push(Arc::as_ptr(&page)),
                }
            }
            leaves
        };
        let (old, new) = (leaves(&before), leaves(&pages));
        assert!(old.len() > 200, "{} pages", old.len());
        assert_eq!(new.iter().filter(|page| !old.contains(page)).count(), 1);
    }
}
