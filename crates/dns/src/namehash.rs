//! A hash of domain names that grows label by label from the root.
//!
//! The hash of `www.example.` is that of `example.` extended by `www`: one pass from the right over a
//! query name gives the hash of each of its suffixes, which is what the zone table, the zone contents
//! and the wildcard test look up. ASCII case is ignored. The seed comes from the caller, so that
//! names cannot be chosen to collide.

use crate::name::{MAX_LABELS, Name, label_starts, lower8};

const ROOT: u64 = 0x9e37_79b9_7f4a_7c15;
const K0: u64 = 0xa076_1d64_78bd_642f;
const K1: u64 = 0xe703_7ed1_a0b4_28db;

/// Hashes names under one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameHasher {
    seed: u64,
}

impl NameHasher {
    /// A hasher whose values depend on `seed`.
    pub const fn new(seed: u64) -> NameHasher {
        NameHasher { seed }
    }

    /// The hash of the root, from which every other hash is extended.
    #[inline]
    pub fn root(&self) -> u64 {
        mix(self.seed ^ ROOT, K0)
    }

    /// The hash of `label` in front of the name that has `parent`'s hash.
    #[inline]
    pub fn extend(&self, parent: u64, label: &[u8]) -> u64 {
        let mut hash = parent ^ (label.len() as u64).wrapping_mul(K1);
        if let Some((chunks, last)) = split_words(label) {
            for chunk in chunks {
                hash = mix(hash ^ lower8(u64::from_le_bytes(*chunk)), K0);
            }
            return mix(hash ^ lower8(last), K1);
        }
        mix(hash ^ lower8(short_word(label)), K1)
    }

    /// The hash of a whole name.
    pub fn hash(&self, name: &Name) -> u64 {
        self.extend_by(self.root(), name.as_wire())
    }

    /// The hash of the name with `labels` in front of the name that has `parent`'s hash.
    pub fn extend_by(&self, parent: u64, labels: &[u8]) -> u64 {
        let mut starts = [0u8; MAX_LABELS + 1];
        let count = label_starts(labels, &mut starts);
        starts[..count].iter().rev().fold(parent, |hash, &start| {
            let start = usize::from(start);
            self.extend(hash, &labels[start + 1..start + 1 + usize::from(labels[start])])
        })
    }
}

/// For labels of eight octets and more: the full words before the last, and the last eight octets
/// (which may overlap the word before).
#[inline]
fn split_words(label: &[u8]) -> Option<(&[[u8; 8]], u64)> {
    let last = label.last_chunk::<8>()?;
    let (words, _) = label[..label.len() - 1].as_chunks::<8>();
    Some((words, u64::from_le_bytes(*last)))
}

/// The octets of a label shorter than eight as one word.
#[inline]
fn short_word(label: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (label.first_chunk::<4>(), label.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    match label {
        [a] => u64::from(*a),
        [a, b] => u64::from(*a) | u64::from(*b) << 8,
        [a, b, c] => u64::from(*a) | u64::from(*b) << 8 | u64::from(*c) << 16,
        _ => 0,
    }
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NameBuf;

    #[test]
    fn case_is_ignored_and_lengths_differ() {
        let hasher = NameHasher::new(7);
        let hash = |text: &str| hasher.hash(&text.parse::<NameBuf>().expect("name"));
        for text in
            ["a.", "www.example.", "abcdefgh.x.", "abcdefghi.example.", "a-label-of-more-than-sixteen-octets.example."]
        {
            assert_eq!(hash(text), hash(&text.to_uppercase()), "{text}");
        }
        assert_ne!(hash("aa."), hash("a."));
        assert_ne!(hash("\\000."), hash("\\000\\000."));
        assert_ne!(hash("a.b."), hash("b.a."));
        assert_ne!(NameHasher::new(8).hash(Name::root()), hasher.root());
    }

    /// Many similar names spread well: the low 16 bits of 65536 names fill most of the buckets.
    #[test]
    fn spreads() {
        let hasher = NameHasher::new(1);
        let zone = hasher.extend(hasher.root(), b"example");
        let mut seen = vec![false; 65536];
        for i in 0..65536 {
            seen[hasher.extend(zone, format!("n{i:07}").as_bytes()) as usize & 0xffff] = true;
        }
        let filled = seen.iter().filter(|&&bucket| bucket).count();
        assert!((40_500..42_400).contains(&filled), "{filled} of 65536, expected about 41427 (1 - 1/e)");
    }
}
