//! What is known about zones: the keys of secure ones, and which are insecure or bogus. Filled by [`super::chain`],
//! shared by all threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dns::name::{MAX_LABELS, label_starts};
use dns::{Name, NameBuf, NameHasher};
use dnssec::key::PublicKey;
use hashbrown::HashTable;

use crate::limits::MAX_TRUSTED_ZONES;
use crate::security::Reason;

/// A zone with keys that a chain of trust leads to.
#[derive(Debug)]
pub struct SecureZone {
    /// The apex.
    pub zone: NameBuf,
    /// The keys of its DNSKEY RRset that may sign its data.
    pub keys: Vec<PublicKey>,
    /// Until when they count, in seconds since 1970.
    pub expires_s: u64,
}

/// What is known about a zone.
#[derive(Debug, Clone)]
pub enum ZoneTrust {
    /// Its data is signed.
    Secure(Arc<SecureZone>),
    /// It and what is below it is not signed, provably, or with nothing that can be verified.
    Insecure {
        /// Until when that counts, in seconds since 1970.
        expires_s: u64,
        /// Why, if that is not simply a delegation without DS.
        reason: Option<Reason>,
    },
    /// It should be signed, but its keys cannot be trusted.
    Bogus {
        /// Until when that counts, in seconds since 1970.
        expires_s: u64,
        /// Why.
        reason: Reason,
    },
}

impl ZoneTrust {
    /// Until when it counts, in seconds since 1970.
    pub fn expires_s(&self) -> u64 {
        match self {
            ZoneTrust::Secure(zone) => zone.expires_s,
            ZoneTrust::Insecure { expires_s, .. } | ZoneTrust::Bogus { expires_s, .. } => *expires_s,
        }
    }
}

struct Entry {
    hash: u64,
    zone: NameBuf,
    trust: ZoneTrust,
}

/// Tables that are locked apart.
const SHARDS: usize = 16;
/// Zones of one table.
const SHARD_ZONES: usize = MAX_TRUSTED_ZONES / SHARDS;
/// Zones that are compared for which to forget.
const EVICTION_SAMPLE: usize = 16;

/// What is known about zones; bounded by [`MAX_TRUSTED_ZONES`].
pub struct TrustStore {
    hasher: NameHasher,
    shards: [Mutex<HashTable<Entry>>; SHARDS],
    verifications: AtomicU64,
}

impl TrustStore {
    /// An empty one; `seed` is a number that nobody can guess.
    pub fn new(seed: u64) -> TrustStore {
        let shards = std::array::from_fn(|_| Mutex::default());
        TrustStore { hasher: NameHasher::new(seed), shards, verifications: AtomicU64::new(0) }
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, HashTable<Entry>> {
        let index = (hash >> 32) as usize % SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lookup(&self, hash: u64, zone: &Name, now_s: u64) -> Option<ZoneTrust> {
        let shard = self.shard(hash);
        let entry = shard.find(hash, |entry| *entry.zone == *zone)?;
        (now_s < entry.trust.expires_s()).then(|| entry.trust.clone())
    }

    /// What is known about this very zone.
    pub fn get(&self, zone: &Name, now_s: u64) -> Option<ZoneTrust> {
        self.lookup(self.hasher.hash(zone), zone, now_s)
    }

    /// What is known about the closest zone that has `name` in it, at or below `top`.
    pub fn closest<'n>(&self, name: &'n Name, top: &Name, now_s: u64) -> Option<(&'n Name, ZoneTrust)> {
        let wire = name.as_wire();
        let mut starts = [0; MAX_LABELS + 1];
        let count = label_starts(wire, &mut starts);
        let mut hashes = [self.hasher.root(); MAX_LABELS + 1];
        for i in (0..count).rev() {
            let start = usize::from(starts[i]);
            hashes[i] = self.hasher.extend(hashes[i + 1], &wire[start + 1..start + 1 + usize::from(wire[start])]);
        }
        let zones = name.ancestors().zip(hashes).take_while(|(zone, _)| zone.len() >= top.len());
        zones.into_iter().find_map(|(zone, hash)| self.lookup(hash, zone, now_s).map(|trust| (zone, trust)))
    }

    /// Keeps what was found out.
    pub fn insert(&self, zone: &Name, trust: ZoneTrust) {
        let hash = self.hasher.hash(zone);
        let mut shard = self.shard(hash);
        if let Some(entry) = shard.find_mut(hash, |entry| *entry.zone == *zone) {
            entry.trust = trust;
            return;
        }
        if shard.len() >= SHARD_ZONES {
            evict(&mut shard);
        }
        shard.insert_unique(hash, Entry { hash, zone: zone.to_owned(), trust }, |entry| entry.hash);
    }

    /// Forgets zones at or below `name`: after a change of trust anchors, or because a person says so. Returns how
    /// many.
    pub fn flush(&self, name: &Name) -> usize {
        let flush = |shard: &Mutex<HashTable<Entry>>| {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let before = shard.len();
            shard.retain(|entry| !entry.zone.is_at_or_below(name));
            before - shard.len()
        };
        self.shards.iter().map(flush).sum()
    }

    /// How many zones are known.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Signatures verified so far, for statistics.
    pub fn verifications(&self) -> u64 {
        self.verifications.load(Ordering::Relaxed)
    }

    pub(super) fn count_verifications(&self, count: u32) {
        self.verifications.fetch_add(count.into(), Ordering::Relaxed);
    }
}

/// Forgets the zone that expires first among a few.
fn evict(shard: &mut HashTable<Entry>) {
    let first = shard.iter().take(EVICTION_SAMPLE).min_by_key(|entry| entry.trust.expires_s());
    let Some((hash, zone)) = first.map(|entry| (entry.hash, entry.zone.clone())) else { return };
    if let Ok(entry) = shard.find_entry(hash, |entry| entry.zone == zone) {
        entry.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insecure(expires_s: u64) -> ZoneTrust {
        ZoneTrust::Insecure { expires_s, reason: None }
    }

    fn name(text: &str) -> NameBuf {
        text.parse().expect("name")
    }

    #[test]
    fn the_closest_zone_that_has_not_expired() {
        let store = TrustStore::new(7);
        store.insert(Name::root(), insecure(100));
        store.insert(&name("example."), insecure(200));
        store.insert(&name("a.Example."), insecure(50));
        let check = |text: &str, top: &str, now_s, want: Option<&str>| {
            let text = name(text);
            let got = store.closest(&text, &name(top), now_s).map(|(zone, _)| zone.to_owned());
            assert_eq!(got, want.map(name), "{text} at {now_s}");
        };
        check("www.A.example.", ".", 49, Some("a.example."));
        check("a.example.", ".", 49, Some("a.example."));
        check("www.a.example.", ".", 50, Some("example."));
        check("b.example.", "b.example.", 49, None);
        check("org.", ".", 99, Some("."));
        check(".", ".", 99, Some("."));
        check("org.", ".", 100, None);
        assert!(store.get(&name("EXAMPLE."), 0).is_some() && store.get(&name("b.example."), 0).is_none());
        assert_eq!((store.flush(&name("example.")), store.len()), (2, 1));
    }

    #[test]
    fn memory_is_bounded() {
        let store = TrustStore::new(7);
        (0..2 * MAX_TRUSTED_ZONES).for_each(|i| store.insert(&name(&format!("z{i}.")), insecure(i as u64)));
        assert!(store.len() <= MAX_TRUSTED_ZONES && store.len() > MAX_TRUSTED_ZONES * 9 / 10, "{}", store.len());
    }
}
