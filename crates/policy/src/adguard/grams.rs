//! An index of rules by short texts that a name must have in it to match.
//!
//! Of each set of literals that a rule requires ([`super::literals`]) every literal gets one text of five symbols, or
//! of three if it is shorter. A name is read once; at each octet two filters of bits tell with a load each that no
//! rule hangs on the texts that end there, which is nearly always so.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::literals::{MAX_LITERALS, SEPARATOR, START, fold};

/// Symbols of a long text.
const LONG: usize = 5;
/// Symbols of a short text.
const SHORT: usize = 3;
const LONG_MASK: u64 = (1 << (8 * LONG)) - 1;
const SHORT_MASK: u64 = (1 << (8 * SHORT)) - 1;
/// Tells long texts from short ones, which a window that has just begun could be taken for.
const LONG_TAG: u64 = 1 << 63;
/// Bits of a filter for each text: at one octet in a hundred or so a text is looked up in vain.
const FILTER_BITS_EACH: usize = 64;
/// Bits of a filter as a power of two, at least and at most.
const FILTER_LOG2: std::ops::RangeInclusive<u32> = 12..=23;
/// An odd number whose high product bits are well mixed.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Rules on one text from which another, rarer by one point, is taken.
const LOAD_STEP: u32 = 2;
/// An expression, which is slow to search for, is not hung on a text that is more common than this.
const MIN_EXPRESSION_RARITY: u32 = 5;

/// What stands in so many names that it tells nothing.
const COMMON: [&str; 7] = [".www.", ".com^", ".net^", ".org^", ".co.uk^", ".api.", ".cdn."];

/// What is known of a rule before it is indexed.
#[derive(Debug)]
pub struct Requirement {
    /// Sets of literals; a name that matches has one of each set in it.
    pub sets: Vec<Vec<Vec<u8>>>,
    /// Whether it is slow to find out whether it matches.
    pub slow: bool,
}

/// The index. A rule is its number.
#[derive(Debug, Default)]
pub struct Grams {
    short: Filter,
    long: Filter,
    table: HashMap<u64, Postings, BuildHasherDefault<KeyHasher>>,
    rules: Box<[u32]>,
}

/// Where the rules of a text stand.
#[derive(Debug, Clone, Copy)]
struct Postings {
    start: u32,
    end: u32,
}

/// Keys are spread by one multiplication; who asks cannot choose them, they come from the lists.
#[derive(Debug, Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        let product = (self.0 ^ key).wrapping_mul(MULTIPLIER);
        self.0 = product ^ product >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Grams {
    /// The index of rules by number, and the numbers of those that it cannot hold, in order.
    pub fn new(requirements: &[Requirement]) -> (Grams, Vec<u32>) {
        let mut hung: HashMap<u64, Vec<u32>, BuildHasherDefault<KeyHasher>> = HashMap::default();
        let mut rest = Vec::new();
        for (number, requirement) in (0u32..).zip(requirements) {
            let load = |key: u64| hung.get(&key).map_or(0, Vec::len);
            let Some(mut keys) = best_keys(requirement, load) else {
                rest.push(number);
                continue;
            };
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                hung.entry(key).or_default().push(number);
            }
        }
        (Grams::of(hung), rest)
    }

    fn of(hung: HashMap<u64, Vec<u32>, BuildHasherDefault<KeyHasher>>) -> Grams {
        let short = hung.keys().filter(|key| **key & LONG_TAG == 0).count();
        let (short, long) = (Filter::new(short), Filter::new(hung.len() - short));
        let mut grams = Grams { short, long, ..Grams::default() };
        let mut rules = Vec::new();
        grams.table.reserve(hung.len());
        for (key, numbers) in hung {
            if key & LONG_TAG == 0 {
                grams.short.add(key)
            } else {
                grams.long.add(key)
            }
            let start = rules.len() as u32;
            rules.extend(numbers);
            grams.table.insert(key, Postings { start, end: rules.len() as u32 });
        }
        grams.rules = rules.into();
        grams
    }

    /// Calls `hit` with the rules of every text that `name` has in it, and the step at which it was found; no rule is
    /// left out that matches, unless the index cannot hold it. Steps grow; a rule may come at several.
    #[inline]
    pub fn scan(&self, name: &[u8], mut hit: impl FnMut(usize, &[u32])) {
        if self.rules.is_empty() {
            return;
        }
        let mut window = u64::from(START);
        for at in 0..=name.len() {
            let symbol = name.get(at).map_or(SEPARATOR, |&byte| fold(byte));
            window = window << 8 | u64::from(symbol);
            let (short, long) = (window & SHORT_MASK, window & LONG_MASK | LONG_TAG);
            if self.short.may_have(short) {
                self.look_up(2 * at, short, &mut hit);
            }
            if self.long.may_have(long) {
                self.look_up(2 * at + 1, long, &mut hit);
            }
        }
    }

    /// Whether `step` is the first at which `rule` is found in `name`.
    pub fn is_first(&self, name: &[u8], rule: u32, step: usize) -> bool {
        let mut first = usize::MAX;
        self.scan(name, |at, rules| {
            if rules.contains(&rule) {
                first = first.min(at);
            }
        });
        first == step
    }

    /// Kept out of the loop, which seldom comes here.
    #[inline(never)]
    fn look_up(&self, step: usize, key: u64, hit: &mut impl FnMut(usize, &[u32])) {
        if let Some(postings) = self.table.get(&key)
            && let Some(rules) = self.rules.get(postings.start as usize..postings.end as usize)
        {
            hit(step, rules);
        }
    }
}

/// Bits that tell of most keys that they are not in the table.
#[derive(Debug, Default)]
struct Filter {
    words: Box<[u64]>,
    shift: u32,
}

impl Filter {
    fn new(keys: usize) -> Filter {
        let bits = (keys * FILTER_BITS_EACH).next_power_of_two().ilog2();
        let bits = bits.clamp(*FILTER_LOG2.start(), *FILTER_LOG2.end());
        Filter { words: vec![0; 1 << (bits - 6)].into(), shift: 64 - bits }
    }

    #[inline]
    fn bit(&self, key: u64) -> usize {
        (key.wrapping_mul(MULTIPLIER) >> self.shift) as usize
    }

    fn add(&mut self, key: u64) {
        let bit = self.bit(key);
        if let Some(word) = self.words.get_mut(bit >> 6) {
            *word |= 1 << (bit & 63);
        }
    }

    #[inline]
    fn may_have(&self, key: u64) -> bool {
        let bit = self.bit(key);
        self.words.get(bit >> 6).is_some_and(|word| word >> (bit & 63) & 1 == 1)
    }
}

/// The keys of the set whose most common text is the rarest; `None` if there is no set with texts that are good enough.
fn best_keys(requirement: &Requirement, load: impl Fn(u64) -> usize) -> Option<Vec<u64>> {
    let mut best: Option<(u32, Vec<u64>)> = None;
    for set in requirement.sets.iter().filter(|set| (1..=MAX_LITERALS).contains(&set.len())) {
        let texts: Option<Vec<(u32, u64)>> = set.iter().map(|literal| best_text(literal, &load)).collect();
        let Some(texts) = texts else { continue };
        let rarity = texts.iter().map(|(rarity, _)| *rarity).min().unwrap_or(0);
        if requirement.slow && rarity < MIN_EXPRESSION_RARITY {
            continue;
        }
        if best.as_ref().is_none_or(|(other, _)| *other < rarity) {
            best = Some((rarity, texts.into_iter().map(|(_, key)| key).collect()));
        }
    }
    best.map(|(_, keys)| keys)
}

/// The rarest text of a literal, and how rare it is.
fn best_text(literal: &[u8], load: impl Fn(u64) -> usize) -> Option<(u32, u64)> {
    let (len, tag) = if literal.len() >= LONG { (LONG, LONG_TAG) } else { (SHORT, 0) };
    let key = |text: &[u8]| text.iter().fold(0, |key, &symbol| key << 8 | u64::from(symbol)) | tag;
    let texts = literal.windows(len).map(|text| (rarity(text), key(text)));
    let loaded = |(rarity, key): (u32, u64)| {
        rarity.saturating_sub((load(key) as u32).checked_ilog2().map_or(0, |log| log * LOAD_STEP))
    };
    texts.max_by_key(|&text| loaded(text)).map(|text| (loaded(text), text.1))
}

/// How rare a text is, in points: each symbol counts by how seldom it is in names.
fn rarity(text: &[u8]) -> u32 {
    if COMMON.iter().any(|common| common.as_bytes().windows(text.len()).any(|part| part == text)) {
        return 0;
    }
    let points = |symbol: &u8| match symbol {
        b'a' | b'e' | b'i' | b'o' | b's' | b't' | b'r' | b'n' | b'c' | b'.' => 1,
        b'l' | b'm' | b'd' | b'p' | b'u' | b'^' => 2,
        b'b' | b'f' | b'g' | b'h' | b'k' | b'v' | b'w' | b'y' | b'-' => 3,
        _ => 4,
    };
    text.iter().map(points).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(literals: &[&str]) -> (Grams, Vec<u32>) {
        let of = |literal: &&str| Requirement { sets: vec![vec![literal.as_bytes().to_vec()]], slow: false };
        Grams::new(&literals.iter().map(of).collect::<Vec<_>>())
    }

    fn hits(grams: &Grams, name: &str) -> Vec<u32> {
        let mut all = Vec::new();
        grams.scan(name.as_bytes(), |step, rules| {
            all.extend(rules.iter().filter(|rule| grams.is_first(name.as_bytes(), **rule, step)));
        });
        all.sort_unstable();
        all
    }

    #[test]
    fn a_rule_is_found_by_its_literal_and_only_once() {
        let (grams, rest) = index(&["tracker", ".ads", ".xyz^", "ad", "abcabcabc"]);
        assert_eq!(rest, [3]);
        assert_eq!(hits(&grams, "tracker.tracker.com"), [0]);
        assert_eq!(hits(&grams, "ads.example"), [1]);
        assert_eq!(hits(&grams, "a.ads.xyz"), [1, 2]);
        assert!(hits(&grams, "xadz.xyz.org").is_empty());
        assert_eq!(hits(&grams, "abcabcabcabcabc.org"), [4]);
        assert!(hits(&grams, "").is_empty());
    }

    #[test]
    fn what_is_slow_is_not_hung_on_what_is_common() {
        let need = |literal: &str| Requirement { sets: vec![vec![literal.as_bytes().to_vec()]], slow: true };
        let (_, rest) = Grams::new(&[need(".com^"), need("www."), need(".com.evil"), need("zx9")]);
        assert_eq!(rest, [0, 1]);
    }

    #[test]
    fn rules_that_share_a_literal_are_spread_over_its_texts() {
        let literals = vec!["advertisement-server"; 64];
        let (grams, _) = index(&literals);
        assert!(grams.table.len() > 4, "{}", grams.table.len());
    }
}
