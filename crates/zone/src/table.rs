//! All zones of a server in one version.

use std::sync::Arc;

use dns::question::HashedName;
use dns::{Name, NameBuf, NameHasher, RType};

use crate::contents::Contents;
use crate::memory::prefetch;

/// Buckets hold this many zones on average, at most.
const BUCKET_ZONES: usize = 4;

/// A table with more buckets does not stay in the nearest cache.
const LARGE_BUCKETS: usize = 64;

/// A zone as queries see it.
pub struct Zone {
    /// The apex.
    pub name: NameBuf,
    /// The records; `None` while there are none to serve (not loaded yet, expired): SERVFAIL.
    pub contents: Option<Contents>,
    /// What the server attaches to a zone (who may ask); opaque here.
    pub policy: Option<Arc<dyn std::any::Any + Send + Sync>>,
}

#[derive(Clone, Default)]
struct Bucket {
    zones: Vec<(u64, Arc<Zone>)>,
}

/// Zones by name. A version is immutable; the next one shares what did not change.
#[derive(Clone)]
pub struct ZoneTable {
    hasher: NameHasher,
    /// Bit n: some zone has n labels.
    depths: u128,
    counts: Arc<Vec<u32>>,
    bits: u32,
    buckets: Arc<Vec<Arc<Bucket>>>,
}

impl ZoneTable {
    /// A table of these zones; of two with one name, the later counts.
    pub fn new(hasher: NameHasher, zones: Vec<Arc<Zone>>) -> ZoneTable {
        let bits = (zones.len() / BUCKET_ZONES + 1).next_power_of_two().trailing_zeros();
        let mut buckets = vec![Bucket::default(); 1 << bits];
        let mut counts = vec![0u32; 128];
        for zone in zones {
            let hash = hasher.hash(&zone.name);
            let bucket = &mut buckets[bucket_of(hash, bits)].zones;
            match bucket.iter_mut().find(|(known, old)| *known == hash && old.name == zone.name) {
                Some(slot) => slot.1 = zone,
                None => {
                    counts[zone.name.label_count()] += 1;
                    bucket.push((hash, zone));
                }
            }
        }
        let depths = mask_of(&counts);
        let buckets = Arc::new(buckets.into_iter().map(Arc::new).collect());
        ZoneTable { hasher, depths, counts: Arc::new(counts), bits, buckets }
    }

    /// The hasher that queries for this table are read with.
    pub fn hasher(&self) -> NameHasher {
        self.hasher
    }

    /// Number of zones.
    pub fn len(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.zones.len()).sum()
    }

    /// Whether lookups are likely to wait for memory, so that [`ZoneTable::prefetch`] pays.
    #[inline]
    pub fn is_large(&self) -> bool {
        self.buckets.len() > LARGE_BUCKETS
    }

    /// Whether there is no zone.
    pub fn is_empty(&self) -> bool {
        self.depths == 0
    }

    /// All zones, in no order that means anything.
    pub fn zones(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.buckets.iter().flat_map(|bucket| bucket.zones.iter().map(|(_, zone)| zone))
    }

    /// The zone with exactly this name.
    pub fn get(&self, name: &Name) -> Option<&Arc<Zone>> {
        self.lookup(self.hasher.hash(name), name)
    }

    #[inline]
    fn lookup(&self, hash: u64, name: &Name) -> Option<&Arc<Zone>> {
        let bucket = &self.buckets[bucket_of(hash, self.bits)];
        bucket.zones.iter().find(|(known, zone)| *known == hash && *zone.name == *name).map(|(_, zone)| zone)
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
            if let Some(zone) = self.lookup(name.hash(depth), name.suffix(depth)) {
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
            let bucket = &self.buckets[bucket_of(hash, self.bits)];
            match stage {
                0 => prefetch(Arc::as_ptr(bucket)),
                1 => prefetch(bucket.zones.as_ptr()),
                _ => {
                    if let Some((_, zone)) = bucket.zones.iter().find(|(known, _)| *known == hash) {
                        let zone = Arc::as_ptr(zone);
                        prefetch(zone);
                        prefetch(zone.cast::<u8>().wrapping_add(64));
                        prefetch(zone.cast::<u8>().wrapping_add(128));
                        return;
                    }
                }
            }
        }
    }

    /// This table with `zone` added, or in place of the one with its name.
    pub fn with(&self, zone: Arc<Zone>) -> ZoneTable {
        let hash = self.hasher.hash(&zone.name);
        self.edit(hash, &zone.name.clone(), Some(zone))
    }

    /// This table without the zone of this name.
    pub fn without(&self, name: &Name) -> ZoneTable {
        self.edit(self.hasher.hash(name), name, None)
    }

    fn edit(&self, hash: u64, name: &Name, zone: Option<Arc<Zone>>) -> ZoneTable {
        let mut next = self.clone();
        let buckets = Arc::make_mut(&mut next.buckets);
        let zones = &mut Arc::make_mut(&mut buckets[bucket_of(hash, self.bits)]).zones;
        let before = zones.len();
        zones.retain(|(known, old)| *known != hash || *old.name != *name);
        zones.extend(zone.map(|zone| (hash, zone)));
        if zones.len() != before {
            let grew = zones.len() > before;
            let counts = Arc::make_mut(&mut next.counts);
            let count = &mut counts[name.label_count()];
            *count = if grew { *count + 1 } else { *count - 1 };
            next.depths = mask_of(counts);
        }
        next
    }
}

fn bucket_of(hash: u64, bits: u32) -> usize {
    (hash & ((1 << bits) - 1)) as usize
}

fn mask_of(counts: &[u32]) -> u128 {
    counts.iter().enumerate().filter(|&(_, &count)| count > 0).fold(0, |mask, (depth, _)| mask | 1 << depth)
}
