//! RRsets that are larger than an entry may be: thousands of records, as reverse zones have them. Few names have such, so
//! they are kept as values under one lock, which only resolver threads take.
//!
//! They are neither served stale nor saved to disk.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use dns::{Name, NameBuf, RType};

use super::found::{CachedRrset, Found, NewPositive, Rank};
use super::upkeep::{Row, RowKind};
use super::{lock, settings::CacheSettings};
use crate::outcome::Timed;
use crate::rrset::Rrset;
use crate::security::{Reason, Security};

/// What one takes beside the octets of its RRsets.
const OVERHEAD: usize = 512;

/// An RRset and what is known of it.
#[derive(Debug)]
struct Kept {
    rrset: Arc<Rrset>,
    proofs: Vec<Arc<Rrset>>,
    rank: Rank,
    security: Security,
    origin: Option<IpAddr>,
    reason: Option<Reason>,
    created_ms: u64,
    ttl: u32,
    hits: u32,
    last_use_ms: u64,
}

impl Kept {
    fn expires_ms(&self) -> u64 {
        self.created_ms + u64::from(self.ttl) * 1000
    }

    fn ttl_left(&self, now_ms: u64) -> u32 {
        let left_ms = self.expires_ms().saturating_sub(now_ms);
        if left_ms == 0 { 0 } else { (left_ms / 1000).clamp(1, u64::from(self.ttl)) as u32 }
    }

    fn bytes(&self) -> usize {
        let octets =
            |rrset: &Rrset| rrset.owner.len() + rrset.rdata.as_octets().len() + rrset.signatures.as_octets().len();
        OVERHEAD + octets(&self.rrset) + self.proofs.iter().map(|proof| octets(proof)).sum::<usize>()
    }
}

type Key = (NameBuf, RType);

#[derive(Debug, Default)]
struct Table {
    kept: HashMap<Key, Kept>,
    bytes: usize,
}

impl Table {
    fn remove(&mut self, key: &Key) -> bool {
        let Some(kept) = self.kept.remove(key) else { return false };
        self.bytes -= kept.bytes();
        true
    }

    fn retain(&mut self, stays: impl Fn(&Key, &Kept) -> bool) -> usize {
        let (before, mut freed) = (self.kept.len(), 0);
        self.kept.retain(|key, kept| {
            let stays = stays(key, kept);
            freed += if stays { 0 } else { kept.bytes() };
            stays
        });
        self.bytes -= freed;
        before - self.kept.len()
    }
}

/// The large RRsets of a cache.
#[derive(Debug)]
pub struct Large {
    table: Mutex<Table>,
    /// How many there are, so that nobody takes the lock while there are none.
    count: AtomicUsize,
    /// Octets that they may take.
    budget: usize,
}

impl Large {
    /// None so far, and so many octets to use.
    pub fn new(budget: usize) -> Large {
        Large { table: Mutex::default(), count: AtomicUsize::new(0), budget }
    }

    /// Changes the table.
    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let mut table: MutexGuard<'_, Table> = lock(&self.table);
        let result = change(&mut table);
        self.count.store(table.kept.len(), Ordering::Release);
        result
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Keeps an RRset for so many seconds, unless a better one is there. Those that expire first make room. Says whether it
    /// was kept.
    pub fn insert(&self, new: &NewPositive<'_>, ttl: u32, now_ms: u64) -> bool {
        let key = (new.rrset.owner.to_canonical(), new.rrset.rtype);
        let kept = Kept {
            rrset: Arc::new(new.rrset.clone()),
            proofs: new.proofs.to_vec(),
            rank: new.rank,
            security: new.security,
            origin: new.origin,
            reason: new.reason.cloned(),
            created_ms: now_ms,
            ttl,
            hits: 0,
            last_use_ms: 0,
        };
        let (bytes, budget) = (kept.bytes(), self.budget);
        if ttl == 0 || bytes > budget {
            return false;
        }
        self.change(|table| {
            let worth = |kept: &Kept| (kept.security != Security::Bogus, kept.security == Security::Secure, kept.rank);
            let better = |old: &Kept| now_ms < old.expires_ms() && worth(old) > worth(&kept);
            if table.kept.get(&key).is_some_and(better) {
                return false;
            }
            table.remove(&key);
            while table.bytes + bytes > budget {
                let first = table.kept.iter().min_by_key(|(_, kept)| kept.expires_ms()).map(|(key, _)| key.clone());
                let Some(first) = first else { break };
                table.remove(&first);
            }
            table.bytes += bytes;
            table.kept.insert(key, kept);
            true
        })
    }

    /// The RRset of a name and a type.
    pub fn find(&self, name: &Name, rtype: RType, now_ms: u64) -> Option<Found> {
        if self.is_empty() {
            return None;
        }
        let mut table = lock(&self.table);
        let kept = table.kept.get_mut(&(name.to_canonical(), rtype)).filter(|kept| now_ms < kept.expires_ms())?;
        (kept.hits, kept.last_use_ms) = (kept.hits.saturating_add(1), now_ms);
        let ttl = kept.ttl_left(now_ms);
        let timed = |rrset: &Arc<Rrset>| Timed { rrset: rrset.clone(), ttl };
        Some(Found::Positive(CachedRrset {
            data: timed(&kept.rrset),
            rank: kept.rank,
            security: kept.security,
            proofs: kept.proofs.iter().map(timed).collect(),
            origin: kept.origin,
            reason: kept.reason.clone(),
            prefetch: false,
            stale: false,
        }))
    }

    /// Takes out one.
    pub fn remove(&self, name: &Name, rtype: RType) -> usize {
        if self.is_empty() {
            return 0;
        }
        usize::from(self.change(|table| table.remove(&(name.to_canonical(), rtype))))
    }

    /// Takes out those that `goes` picks by name; how many there were.
    pub fn flush(&self, goes: impl Fn(&Name) -> bool) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.change(|table| table.retain(|(name, _), _| !goes(name)))
    }

    /// Takes out what has expired; how many there were.
    pub fn sweep(&self, now_ms: u64) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.change(|table| table.retain(|_, kept| now_ms < kept.expires_ms()))
    }

    /// How many there are, the octets that they take, and may take.
    pub fn used(&self) -> (usize, usize, usize) {
        let table = lock(&self.table);
        (table.kept.len(), table.bytes, self.budget)
    }

    /// All of them, for people.
    pub fn rows(&self, now_ms: u64) -> Vec<Row> {
        if self.is_empty() {
            return Vec::new();
        }
        let row = |((_, rtype), kept): (&Key, &Kept)| Row {
            name: kept.rrset.owner.clone(),
            rtype: Some(*rtype),
            kind: RowKind::Positive,
            age_s: now_ms.saturating_sub(kept.created_ms) / 1000,
            ttl: kept.ttl,
            ttl_left: kept.ttl_left(now_ms),
            hits: kept.hits,
            last_use_s: (kept.hits > 0).then(|| now_ms.saturating_sub(kept.last_use_ms) / 1000),
            origin: kept.origin,
            security: kept.security,
            reason: kept.reason.clone(),
            size: kept.bytes(),
        };
        lock(&self.table).kept.iter().map(row).collect()
    }
}

/// Octets of a cache of this size that large RRsets may take.
pub fn budget(settings: &CacheSettings) -> usize {
    settings.size_bytes() / super::limits::LARGE_SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(large: &Large, owner: &str, ttl: u32, security: Security) -> bool {
        let rrset = Rrset::new(owner.parse().expect("name"), RType::TXT, ttl).with(&[0; 60_000]);
        let (rank, proofs, origin, reason) = (Rank::AuthoritativeAnswer, &[][..], None, None);
        large.insert(&NewPositive { rrset: &rrset, rank, security, proofs, origin, reason }, ttl, 1000)
    }

    #[test]
    fn what_expires_first_makes_room() {
        let large = Large::new(150_000);
        let name = |text: &str| text.parse::<NameBuf>().expect("name");
        assert!(insert(&large, "a.test.", 20, Security::Secure) && insert(&large, "B.test.", 10, Security::Insecure));
        assert!(!insert(&large, "A.test.", 10, Security::Insecure), "what is secure stays");
        assert_eq!(large.find(&name("b.TEST."), RType::TXT, 5000).map(|found| found.ttl()), Some(6));
        assert!(insert(&large, "c.test.", 30, Security::Insecure));
        assert!(large.find(&name("b.test."), RType::TXT, 5000).is_none(), "it made room");
        assert_eq!((large.rows(5000).len(), large.sweep(21_000), large.used().0), (2, 1, 1));
        assert!(large.find(&name("c.test."), RType::A, 5000).is_none());
        assert_eq!((large.flush(|name| !name.is_root()), large.used().1), (1, 0));
    }

    #[test]
    fn nothing_is_larger_than_all_of_it() {
        let large = Large::new(50_000);
        assert!(!insert(&large, "a.test.", 20, Security::Secure));
        assert!(!insert(&Large::new(100_000), "a.test.", 0, Security::Secure), "TTL 0");
    }
}
