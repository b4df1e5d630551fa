//! Keys one after the other, through the tree of [`super::Order`].

use super::chunk::Chunk;
use super::{Branch, Node, locate};

/// A walk over the keys in order.
#[derive(Default)]
pub struct Walk<'a> {
    /// What comes behind the chunks, level by level, the lowest last.
    above: Vec<&'a [Branch<Node>]>,
    /// The chunks behind the present one.
    chunks: &'a [Branch<Chunk>],
    chunk: Option<&'a Chunk>,
    /// The key of the chunk that comes next.
    at: usize,
}

impl<'a> Walk<'a> {
    /// Begins with the key `at` of a chunk.
    pub fn enter(&mut self, chunk: &'a Chunk, at: usize) {
        (self.chunk, self.at) = (Some(chunk), at);
    }

    /// Goes down to where `start` belongs, or to the first key.
    pub fn descend(&mut self, mut node: &'a Node, start: Option<&[u8]>) {
        loop {
            match node {
                Node::Nodes(branches) => {
                    let at = start.map_or(0, |start| locate(branches, start));
                    self.above.push(&branches[at + 1..]);
                    node = &branches[at].it;
                }
                Node::Chunks(branches) => {
                    let at = start.map_or(0, |start| locate(branches, start));
                    self.chunks = &branches[at + 1..];
                    let chunk = &branches[at].it;
                    return self.enter(chunk, start.map_or(0, |start| chunk.rank(start, false)));
                }
            }
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let chunk = self.chunk?;
            if self.at < chunk.count() {
                self.at += 1;
                return Some(chunk.key(self.at - 1));
            }
            self.chunk = None;
            if let Some((next, behind)) = self.chunks.split_first() {
                self.chunks = behind;
                self.enter(&next.it, 0);
                continue;
            }
            while let Some(level) = self.above.pop() {
                if let Some((next, behind)) = level.split_first() {
                    self.above.push(behind);
                    self.descend(&next.it, None);
                    break;
                }
            }
        }
    }
}
