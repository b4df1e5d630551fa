//! Which last two labels listed names have: a filter that spares most questions any lookup.
//!
//! A Bloom filter of which one word is read. It may take a stem for known that is not, never the other way round.

/// Bits of the filter for each octet of the lists' texts. A name takes about 20 octets, and several share a stem.
const OCTETS_PER_BIT: u64 = 5;
/// The largest filter, 64 MiB.
const MAX_WORDS: u64 = 1 << 23;

/// The filter.
#[derive(Debug)]
pub struct Stems {
    words: Box<[u64]>,
}

impl Stems {
    /// An empty filter with room for the names of texts of so many octets.
    pub fn for_octets(octets: u64) -> Stems {
        let words = (octets / OCTETS_PER_BIT / u64::from(u64::BITS)).clamp(1, MAX_WORDS);
        Stems { words: vec![0; words as usize].into_boxed_slice() }
    }

    /// A filter that knows every stem.
    pub fn all() -> Stems {
        Stems { words: vec![u64::MAX].into_boxed_slice() }
    }

    /// Adds a stem.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        let place = place(hash, self.words.len());
        if let Some(word) = self.words.get_mut(place) {
            *word |= bits(hash);
        }
    }

    /// Whether a stem may have been added.
    #[inline]
    pub fn has(&self, hash: u64) -> bool {
        let bits = bits(hash);
        self.words.get(place(hash, self.words.len())).is_some_and(|word| word & bits == bits)
    }

    /// Where the memory is that [`Stems::has`] reads.
    #[inline]
    pub fn address(&self, hash: u64) -> Option<*const u8> {
        self.words.get(place(hash, self.words.len())).map(|word| std::ptr::from_ref(word).cast())
    }

    /// Octets of memory that it takes.
    pub fn octets(&self) -> usize {
        size_of_val(&*self.words)
    }
}

#[inline]
fn place(hash: u64, words: usize) -> usize {
    (((hash >> 32) * words as u64) >> 32) as usize
}

/// Four bits of a word.
#[inline]
fn bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63) | 1 << (hash >> 18 & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_known_and_little_else() {
        let hash = |i: u64| dns::NameHasher::new(3).extend(i, b"example");
        // Ten bits for each.
        let mut stems = Stems::for_octets(10 * 10_000 * OCTETS_PER_BIT);
        (0..10_000).for_each(|i| stems.add(hash(i)));
        assert!((0..10_000).all(|i| stems.has(hash(i))));
        let wrong = (10_000..110_000).filter(|i| stems.has(hash(*i))).count();
        assert!(wrong < 6_000, "{wrong} of 100000");
        assert!(Stems::all().has(hash(1)) && !Stems::for_octets(0).has(hash(1)));
    }
}
