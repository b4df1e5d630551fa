//! All zones of a server in one version.

use std::net::IpAddr;
use std::sync::Arc;

use dns::question::HashedName;
use dns::{Name, NameBuf, NameHasher, RType};

use crate::contents::Contents;
use crate::memory::{prefetch, prefetch_all};
use crate::policy::ZonePolicy;

/// Buckets hold this many zones on average, at most.
const BUCKET_ZONES: usize = 4;

/// A table with more than 2^this buckets does not stay in the nearest cache.
const LARGE_BITS: u32 = 6;

/// A chunk has at most 2^this buckets.
const CHUNK_BITS: u32 = 9;

/// A zone as queries see it.
pub struct Zone {
    /// The apex.
    pub name: NameBuf,
    /// The records; `None` while there are none to serve (not loaded yet, expired): SERVFAIL.
    pub contents: Option<Contents>,
    /// Who may do what with it; `None`: everybody may query, nobody anything else.
    pub policy: Option<Arc<ZonePolicy>>,
}

impl Zone {
    /// Whether `client` may query it.
    #[inline]
    pub fn allows_query(&self, client: IpAddr) -> bool {
        self.policy.as_ref().is_none_or(|policy| policy.allows_query(client))
    }

    /// Whether everybody may query it.
    pub fn is_open(&self) -> bool {
        self.policy.as_ref().is_none_or(|policy| policy.allow_query.is_empty())
    }
}

/// Zones with the hash of their name. In one piece with its count, so that a lookup follows one pointer
/// to it and one to the zone.
type Bucket = Arc<[(u64, Arc<Zone>)]>;

/// Buckets that are copied together when one of them changes.
type Chunk = Arc<[Bucket]>;

/// Zones by name. A version is immutable; the next one shares what did not change.
///
/// The directory of buckets has two levels, so that a change among a million zones copies two pieces of
/// a few KB. It doubles when the buckets get too full; it does not shrink.
#[derive(Clone)]
pub struct ZoneTable {
    hasher: NameHasher,
    /// Bit n: some zone has n labels.
    depths: u128,
    /// How many zones have n labels.
    counts: Arc<Vec<u32>>,
    len: usize,
    /// There are 2^bits buckets.
    bits: u32,
    chunks: Arc<[Chunk]>,
}

impl ZoneTable {
    /// A table of these zones; of two with one name, the later counts.
    pub fn new(hasher: NameHasher, zones: Vec<Arc<Zone>>) -> ZoneTable {
        let bits = (zones.len() / BUCKET_ZONES + 1).next_power_of_two().trailing_zeros();
        let chunks = chunked(vec![Bucket::from([]); 1 << bits]);
        let empty = ZoneTable { hasher, depths: 0, counts: Arc::new(vec![0; 128]), len: 0, bits, chunks };
        empty.with_all(zones.into_iter().map(|zone| (zone.name.clone(), Some(zone))))
    }

    /// The hasher that queries for this table are read with.
    pub fn hasher(&self) -> NameHasher {
        self.hasher
    }

    /// Number of zones.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether lookups are likely to wait for memory, so that [`ZoneTable::prefetch`] pays.
    #[inline]
    pub fn is_large(&self) -> bool {
        self.bits > LARGE_BITS
    }

    /// Whether there is no zone.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All zones, in no order that means anything.
    pub fn zones(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.buckets().flat_map(|bucket| bucket.iter().map(|(_, zone)| zone))
    }

    /// The zone with exactly this name.
    pub fn get(&self, name: &Name) -> Option<&Arc<Zone>> {
        self.lookup(self.hasher.hash(name)).filter(|zone| *zone.name == *name)
    }

    fn buckets(&self) -> impl Iterator<Item = &Bucket> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    #[inline]
    fn bucket(&self, hash: u64) -> &Bucket {
        let (chunk, at) = place(hash, self.bits);
        &self.chunks[chunk][at]
    }

    /// The zone whose name has this hash. Hashes are 64 bits wide and seeded at random, so that two
    /// names with one hash do not occur; comparing names would wait for memory once more.
    #[inline]
    fn lookup(&self, hash: u64) -> Option<&Arc<Zone>> {
        self.bucket(hash).iter().find(|(known, _)| *known == hash).map(|(_, zone)| zone)
    }

    /// The zone that answers questions about `name`, and how many labels its name has: the closest one
    /// that `name` is at or below. DS belongs to the parent's side of a cut (RFC 4035 3.1.4.1), so for
    /// it a zone of just that name counts only if there is none above.
    #[inline]
    pub fn find(&self, name: &HashedName, qtype: RType) -> Option<(&Zone, usize)> {
        let labels = name.labels();
        let mut depths = self.depths & (u128::MAX >> (127 - labels));
        let mut at_apex = None;
        while depths != 0 {
            let depth = 127 - depths.leading_zeros() as usize;
            depths &= !(1 << depth);
            if let Some(zone) = self.lookup(name.hash(depth)) {
                if qtype != RType::DS || depth < labels {
                    return Some((zone, depth));
                }
                at_apex = Some((&**zone, depth));
            }
        }
        at_apex
    }

    /// Asks for the memory that [`ZoneTable::find`] will read: first the buckets, then the zones.
    #[inline]
    pub fn prefetch(&self, name: &HashedName, stage: u8) {
        let mut depths = self.depths & (u128::MAX >> (127 - name.labels()));
        while depths != 0 {
            let depth = 127 - depths.leading_zeros() as usize;
            depths &= !(1 << depth);
            let hash = name.hash(depth);
            let bucket = self.bucket(hash);
            match stage {
                0 => prefetch(bucket),
                1 => prefetch(bucket.as_ptr()),
                _ => {
                    if let Some((_, zone)) = bucket.iter().find(|(known, _)| *known == hash) {
                        prefetch_all(&**zone);
                        return;
                    }
                }
            }
        }
    }

    /// This table with these zones: `Some` is added, or put in place of the one with its name; `None`
    /// takes the zone of that name out. What several changes touch is copied once.
    pub fn with_all(&self, changes: impl IntoIterator<Item = (NameBuf, Option<Arc<Zone>>)>) -> ZoneTable {
        let mut next = self.clone();
        for (name, zone) in changes {
            next.set(&name, zone);
        }
        next
    }

    fn set(&mut self, name: &Name, zone: Option<Arc<Zone>>) {
        debug_assert!(zone.as_ref().is_none_or(|zone| *zone.name == *name), "a zone goes by its name");
        let hash = self.hasher.hash(name);
        let mut zones = self.bucket(hash).to_vec();
        let before = zones.len();
        zones.retain(|(known, old)| *known != hash || *old.name != *name);
        let removed = before - zones.len();
        if zone.is_none() && removed == 0 {
            return;
        }
        let added = usize::from(zone.is_some());
        zones.extend(zone.map(|zone| (hash, zone)));
        let (chunk, at) = place(hash, self.bits);
        let chunk = &mut Arc::make_mut(&mut self.chunks)[chunk];
        Arc::make_mut(chunk)[at] = zones.into();
        if added != removed {
            self.count(name.label_count(), added > removed);
        }
        if self.len > BUCKET_ZONES << self.bits {
            self.grow();
        }
    }

    fn count(&mut self, depth: usize, added: bool) {
        let count = &mut Arc::make_mut(&mut self.counts)[depth];
        (*count, self.len) = if added { (*count + 1, self.len + 1) } else { (*count - 1, self.len - 1) };
        let bit = 1 << depth;
        self.depths = if *count > 0 { self.depths | bit } else { self.depths & !bit };
    }

    /// Doubles the buckets: each is shared out by one more bit of the hash.
    fn grow(&mut self) {
        let bit = 1u64 << self.bits;
        let half = |wanted: u64| {
            let share =
                move |bucket: &Bucket| bucket.iter().filter(|(hash, _)| hash & bit == wanted).cloned().collect();
            self.buckets().map(share)
        };
        let buckets: Vec<Bucket> = half(0).chain(half(bit)).collect();
        self.chunks = chunked(buckets);
        self.bits += 1;
    }
}

fn chunked(buckets: Vec<Bucket>) -> Arc<[Chunk]> {
    buckets.chunks(1 << CHUNK_BITS).map(Chunk::from).collect()
}

/// The chunk that a hash belongs to, and the bucket in it.
#[inline]
fn place(hash: u64, bits: u32) -> (usize, usize) {
    let bucket = (hash & ((1 << bits) - 1)) as usize;
    (bucket >> CHUNK_BITS, bucket & ((1 << CHUNK_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::Random;

    fn name(text: &str) -> NameBuf {
        text.parse().expect("name")
    }

    fn zone(name: &Name) -> Arc<Zone> {
        Arc::new(Zone { name: name.to_owned(), contents: None, policy: None })
    }

    /// `table` holds exactly the zones of `model`, these very ones.
    fn compare(table: &ZoneTable, model: &BTreeMap<NameBuf, Arc<Zone>>) {
        assert_eq!((table.len(), table.is_empty()), (model.len(), model.is_empty()));
        assert_eq!(table.zones().count(), model.len());
        for (name, zone) in model {
            assert!(table.get(name).is_some_and(|found| Arc::ptr_eq(found, zone)), "{name}");
        }
        let depths = model.keys().fold(0, |mask, name| mask | 1u128 << name.label_count());
        assert_eq!(table.depths, depths);
    }

    #[test]
    fn changes_agree_with_a_map() {
        let mut table = ZoneTable::new(NameHasher::new(5), Vec::new());
        let mut model = BTreeMap::new();
        let mut generator = Random(3);
        let mut random = |n: u64| generator.below(n);
        for round in 0..600 {
            // Growing at first, shrinking towards the end.
            let keep = if round < 400 { 3 } else { 1 };
            let changes: Vec<_> = (0..random(40))
                .map(|_| {
                    let apex = name(&format!("{}n{}.", ["", "a.", "b.a."][random(3) as usize], random(2000)));
                    let zone = (random(4) < keep).then(|| zone(&apex));
                    (apex, zone)
                })
                .collect();
            let (before, copy) = (table.clone(), model.clone());
            for (apex, zone) in &changes {
                match zone {
                    Some(zone) => drop(model.insert(apex.clone(), zone.clone())),
                    None => drop(model.remove(apex)),
                }
            }
            table = table.with_all(changes);
            if round % 50 == 0 {
                compare(&table, &model);
                compare(&before, &copy);
            }
        }
        table = table.with_all(model.keys().map(|apex| (apex.clone(), None)));
        compare(&table, &BTreeMap::new());
    }

    #[test]
    fn grows_from_one_zone_to_many() {
        let mut table = ZoneTable::new(NameHasher::new(5), vec![zone(&name("n0."))]);
        let mut model: BTreeMap<_, _> = table.zones().map(|zone| (zone.name.clone(), zone.clone())).collect();
        for i in 1..100_000 {
            let zone = zone(&name(&format!("n{i}.")));
            model.insert(zone.name.clone(), zone.clone());
            table = table.with_all([(zone.name.clone(), Some(zone))]);
            assert!(table.len() <= BUCKET_ZONES << table.bits);
        }
        compare(&table, &model);
        assert!(table.buckets().map(|bucket| bucket.len()).max().is_some_and(|most| most < 20));
    }

    #[test]
    fn a_change_copies_what_it_touches() {
        let zones = (0..100_000).map(|i| zone(&name(&format!("n{i}.")))).collect();
        let table = ZoneTable::new(NameHasher::new(5), zones);
        let next = table.with_all([(name("n7."), None), (name("new."), Some(zone(&name("new."))))]);
        let copied = table.chunks.iter().zip(next.chunks.iter()).filter(|(old, new)| !Arc::ptr_eq(old, new)).count();
        assert!((1..=2).contains(&copied), "{copied} of {}", table.chunks.len());
        let same = table.with_all([(name("unknown."), None)]);
        assert!(Arc::ptr_eq(&table.chunks, &same.chunks));
    }

    #[test]
    fn the_closest_zone_answers_and_the_parent_for_ds() {
        let hasher = NameHasher::new(5);
        let zones = ["example.", "sub.example.", "b.a.sub.example."].map(|text| zone(&name(text)));
        let table = ZoneTable::new(hasher, zones.into());
        let check = |text: &str, qtype: RType, want: Option<&str>| {
            let mut question = HashedName::default();
            question.set(&name(text), hasher);
            let found = table.find(&question, qtype).map(|(zone, depth)| {
                assert_eq!(depth, zone.name.label_count());
                zone.name.to_string()
            });
            assert_eq!(found.as_deref(), want, "{text} {qtype}");
        };
        check("example.", RType::A, Some("example."));
        check("example.", RType::DS, Some("example."));
        check("a.sub.example.", RType::A, Some("sub.example."));
        check("sub.example.", RType::DS, Some("example."));
        check("x.sub.example.", RType::DS, Some("sub.example."));
        check("b.a.sub.example.", RType::DS, Some("sub.example."));
        check("c.b.a.sub.example.", RType::A, Some("b.a.sub.example."));
        check("other.", RType::A, None);
        check(".", RType::A, None);
    }
}
