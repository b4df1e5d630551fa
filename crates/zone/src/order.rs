//! Names in canonical order (RFC 4034 6.1): the previous name for NSEC, walks over a zone, listings.
//!
//! Names are kept as sort keys: byte strings whose plain order is the canonical order. They stand in
//! chunks of a thousand or so; a change copies one chunk and one list of chunks.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;
use dns::name::label_starts;

/// Octets that a freshly built chunk holds at most.
const CHUNK_BYTES: usize = 16384;
/// A chunk that grew beyond this is split.
const SPLIT_BYTES: usize = 2 * CHUNK_BYTES;
/// Chunks of a freshly built group; twice as many make it split.
const GROUP_CHUNKS: usize = 32;

/// Longest sort key: every octet of the labels escaped.
pub const MAX_KEY_LEN: usize = 512;

/// The sort key of `labels` (uncompressed, left to right, without the apex), written to `out`.
///
/// The labels stand from right to left in lower case, separated by a zero octet; octets 0 and 1 are
/// escaped so that the separator sorts before everything a label can contain.
pub fn sort_key<'o>(labels: &[u8], out: &'o mut [u8; MAX_KEY_LEN]) -> &'o [u8] {
    let mut starts = [0u8; 128];
    let count = label_starts(labels, &mut starts);
    let mut len = 0;
    for (i, &start) in starts[..count].iter().rev().enumerate() {
        if i > 0 {
            out[len] = 0;
            len += 1;
        }
        let start = start as usize;
        for &octet in &labels[start + 1..start + 1 + labels[start] as usize] {
            if octet <= 1 {
                out[len] = 1;
                len += 1;
                out[len] = octet + 2;
            } else {
                out[len] = octet.to_ascii_lowercase();
            }
            len += 1;
        }
    }
    &out[..len]
}

/// Writes the labels (left to right) that `key` was made of to `out`, as far as they fit.
pub fn labels_of<'o>(key: &[u8], out: &'o mut [u8; 256]) -> &'o [u8] {
    let mut end = out.len();
    if key.is_empty() {
        return &out[end..];
    }
    for part in key.split(|&octet| octet == 0) {
        let escapes = part.iter().filter(|&&octet| octet == 1).count();
        let Some(start) = end.checked_sub(1 + part.len() - escapes) else { break };
        out[start] = (part.len() - escapes) as u8;
        let mut octets = part.iter();
        let mut at = start + 1;
        while let Some(&octet) = octets.next() {
            out[at] = if octet == 1 { octets.next().map_or(0, |escaped| escaped.wrapping_sub(2)) } else { octet };
            at += 1;
        }
        end = start;
    }
    &out[end..]
}

/// Order of two keys; most differ within eight octets, which are compared as one word.
#[inline]
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    if let (Some(x), Some(y)) = (a.first_chunk::<8>(), b.first_chunk::<8>()) {
        let order = u64::from_be_bytes(*x).cmp(&u64::from_be_bytes(*y));
        if order.is_ne() {
            return order;
        }
    }
    a.cmp(b)
}

/// Sorted keys in one piece of memory: count u16, where each key ends u16, keys.
#[derive(Clone)]
struct Chunk(Bytes);

impl Chunk {
    fn build(keys: &[&[u8]]) -> Chunk {
        let total: usize = keys.iter().map(|key| key.len()).sum();
        let mut out = Vec::with_capacity(2 + 2 * keys.len() + total);
        out.extend_from_slice(&(keys.len() as u16).to_le_bytes());
        let mut end = 0u16;
        for key in keys {
            end += key.len() as u16;
            out.extend_from_slice(&end.to_le_bytes());
        }
        keys.iter().for_each(|key| out.extend_from_slice(key));
        Chunk(Bytes::from(out.into_boxed_slice()))
    }

    fn u16_at(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))
    }

    fn count(&self) -> usize {
        self.u16_at(0)
    }

    fn key(&self, i: usize) -> &[u8] {
        let base = 2 + 2 * self.count();
        let start = if i == 0 { 0 } else { self.u16_at(2 * i) };
        &self.0[base + start..base + self.u16_at(2 + 2 * i)]
    }

    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.count()).map(|i| self.key(i))
    }

    /// How many keys are smaller than `key`, or equal to it where `inclusive`.
    fn rank(&self, key: &[u8], inclusive: bool) -> usize {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            let order = compare(self.key(middle), key);
            let before = order.is_lt() || (inclusive && order.is_eq());
            (low, high) = if before { (middle + 1, high) } else { (low, middle) };
        }
        low
    }
}

impl Chunk {
    /// This chunk with or without `key`, which is not there or there: none, one, or two if it grew too large.
    fn edited(&self, key: &[u8], present: bool) -> Vec<Chunk> {
        let rank = self.rank(key, false);
        if present && self.0.len() + key.len() + 2 <= SPLIT_BYTES {
            return vec![self.with(rank, key)];
        }
        let mut keys: Vec<&[u8]> = self.keys().collect();
        if present {
            keys.insert(rank, key);
        } else {
            keys.remove(rank);
        }
        match keys.len() {
            0 => Vec::new(),
            count if self.0.len() > SPLIT_BYTES && count > 1 => {
                let (left, right) = keys.split_at(count / 2);
                vec![Chunk::build(left), Chunk::build(right)]
            }
            _ => vec![Chunk::build(&keys)],
        }
    }

    /// This chunk with `key` as the one at `rank`.
    fn with(&self, rank: usize, key: &[u8]) -> Chunk {
        let (count, len) = (self.count(), key.len() as u16);
        let (ends, bytes) = self.0[2..].split_at(2 * count);
        let start = if rank == 0 { 0 } else { self.u16_at(2 * rank) };
        let mut out = Vec::with_capacity(self.0.len() + 2 + key.len());
        out.extend_from_slice(&(count as u16 + 1).to_le_bytes());
        out.extend_from_slice(&ends[..2 * rank]);
        out.extend_from_slice(&(start as u16 + len).to_le_bytes());
        for end in ends[2 * rank..].chunks_exact(2) {
            out.extend_from_slice(&(u16::from_le_bytes([end[0], end[1]]) + len).to_le_bytes());
        }
        out.extend_from_slice(&bytes[..start]);
        out.extend_from_slice(key);
        out.extend_from_slice(&bytes[start..]);
        Chunk(Bytes::from(out))
    }
}

/// A sorted set of keys; a clone shares it.
#[derive(Clone, Default)]
pub struct Order {
    chunks: Chunks,
    len: usize,
}

/// Groups of chunks, all in order; none of them is empty.
type Groups = Vec<Arc<Vec<Chunk>>>;

/// Most zones are small: their keys stand in one chunk, without lists of chunks.
#[derive(Clone, Default)]
enum Chunks {
    #[default]
    None,
    One(Chunk),
    Many(Arc<Groups>),
}

impl Chunks {
    fn from_groups(groups: Groups) -> Chunks {
        match &groups[..] {
            [] => Chunks::None,
            [group] if group.len() == 1 => Chunks::One(group[0].clone()),
            _ => Chunks::Many(Arc::new(groups)),
        }
    }
}

/// The last group and chunk whose first key is not greater than `key`.
fn locate(groups: &Groups, key: &[u8]) -> (usize, usize) {
    let first = |chunk: &Chunk| compare(chunk.key(0), key).is_le();
    let group = groups.partition_point(|group| first(&group[0])).saturating_sub(1);
    let chunk = groups.get(group).map_or(0, |group| group.partition_point(first).saturating_sub(1));
    (group, chunk)
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
        let groups = self.chunks.chunks(GROUP_CHUNKS).map(|group| Arc::new(group.to_vec())).collect();
        Order { chunks: Chunks::from_groups(groups), len: self.len }
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

    /// The chunk that `key` belongs into.
    fn chunk_of(&self, key: &[u8]) -> Option<&Chunk> {
        match &self.chunks {
            Chunks::None => None,
            Chunks::One(chunk) => Some(chunk),
            Chunks::Many(groups) => {
                let (group, chunk) = locate(groups, key);
                groups.get(group)?.get(chunk)
            }
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
        let chunk = match &self.chunks {
            Chunks::None => return None,
            Chunks::One(chunk) => chunk,
            Chunks::Many(groups) => groups.last()?.last()?,
        };
        Some(chunk.key(chunk.count() - 1))
    }

    /// All keys from `start` on, in order.
    pub fn iter_from<'a>(&'a self, start: &[u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (one, many, skip_chunks) = match &self.chunks {
            Chunks::None => (None, &[][..], 0),
            Chunks::One(chunk) => (Some(chunk), &[][..], 0),
            Chunks::Many(groups) => {
                let (group, chunk) = locate(groups, start);
                (None, &groups[group..], chunk)
            }
        };
        let skip_keys = self.chunk_of(start).map_or(0, |chunk| chunk.rank(start, false));
        let chunks = one.into_iter().chain(many.iter().flat_map(|group| group.iter()));
        chunks.skip(skip_chunks).flat_map(Chunk::keys).skip(skip_keys)
    }

    /// All keys in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.iter_from(&[])
    }

    /// Adds or removes `key`. What other versions share is copied: one chunk and the pointers to it.
    pub fn set(&mut self, key: &[u8], present: bool) {
        if self.contains(key) == present {
            return;
        }
        self.len = if present { self.len + 1 } else { self.len - 1 };
        match &mut self.chunks {
            Chunks::None => self.chunks = Chunks::One(Chunk::build(&[key])),
            Chunks::One(chunk) => match &chunk.edited(key, present)[..] {
                [] => self.chunks = Chunks::None,
                [only] => *chunk = only.clone(),
                parts => self.chunks = Chunks::Many(Arc::new(vec![Arc::new(parts.to_vec())])),
            },
            Chunks::Many(groups) => {
                let (group_at, chunk_at) = locate(groups, key);
                let groups = Arc::make_mut(groups);
                let chunks = Arc::make_mut(&mut groups[group_at]);
                let mut parts = chunks[chunk_at].edited(key, present);
                if let [_] = &parts[..] {
                    chunks[chunk_at] = parts.remove(0);
                    return;
                }
                chunks.splice(chunk_at..=chunk_at, parts);
                if chunks.len() > 2 * GROUP_CHUNKS {
                    let right = chunks.split_off(chunks.len() / 2);
                    groups.insert(group_at + 1, Arc::new(right));
                } else if chunks.is_empty() {
                    groups.remove(group_at);
                }
                if groups.len() <= 1 {
                    self.chunks = Chunks::from_groups(Vec::clone(groups));
                }
            }
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
    }
}
