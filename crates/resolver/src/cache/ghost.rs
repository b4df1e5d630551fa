//! Remembers who was evicted without having been asked for again: whoever comes back soon is no newcomer (S3-FIFO).
//!
//! A table of 16-bit fingerprints, each written over by the next one that belongs in its place: a wrong memory does
//! no harm.

use super::table::Tag;

/// The memory of those who were evicted.
#[derive(Debug, Default)]
pub struct Ghost {
    prints: Vec<u16>,
}

impl Ghost {
    /// Octets that it takes.
    pub fn bytes(&self) -> usize {
        self.prints.capacity() * size_of::<u16>()
    }

    /// Makes it large enough for a cache of so many entries; what it knew is lost if that changes its size.
    pub fn fit(&mut self, entries: usize) {
        if self.prints.len() < entries {
            self.prints = vec![0; entries + entries / 4];
        }
    }

    fn place(&self, tag: Tag) -> (usize, u16) {
        let mixed = tag.mixed();
        let at = ((mixed >> 32) * self.prints.len() as u64) >> 32;
        (at as usize, mixed as u16 | 1)
    }

    /// Notes one.
    pub fn add(&mut self, tag: Tag) {
        let (at, print) = self.place(tag);
        if let Some(slot) = self.prints.get_mut(at) {
            *slot = print;
        }
    }

    /// Whether it is remembered; it is forgotten by that.
    pub fn take(&mut self, tag: Tag) -> bool {
        let (at, print) = self.place(tag);
        match self.prints.get_mut(at) {
            Some(slot) if *slot == print => {
                *slot = 0;
                true
            }
            _ => false,
        }
    }
}
