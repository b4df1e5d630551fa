//! The cache of answers: positive (with signatures and proofs), negative (RFC 2308) and failures (RFC 9520).
//!
//! One for all threads. [`crate::resolve`] puts in what it found out and looks up what it needs; the UDP threads write
//! hits straight into their responses with [`Cache::answer`]. Delegations and the addresses of name servers are not
//! here. There is no clock: every call gets the time, in milliseconds of a clock that only goes forward.
//!
//! Names hash into shards, each with a lock of its own ([`shard`]), an index ([`table`]) and memory in segments
//! ([`arena`]) in which entries are packed octets ([`entry`]). Every octet is counted, and the memory never grows
//! beyond the configured size.

mod aggressive;
mod answer;
mod arena;
mod changed;
mod decode;
mod entry;
mod file;
mod found;
mod ghost;
mod key;
mod large;
pub mod limits;
mod pack;
mod settings;
mod shard;
mod stats;
mod table;
mod upkeep;

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dns::rdata::typed::Soa;
use dns::{Name, NameHasher, RType};

use self::aggressive::Aggressive;
pub use self::changed::ChangedNames;
use self::decode::Use;
use self::entry::{Kind, NO_NAME, View};
pub use self::file::LoadError;
pub use self::found::{
    Ask, CachedFailure, CachedNegative, CachedRrset, Failing, Found, Hit, NewEntry, NewFailure, NewNegative,
    NewPositive, Rank,
};
use self::key::Key;
use self::large::Large;
use self::limits::{
    AGGRESSIVE_SHARE, FAILURE_MEMORY, MAX_FAILURE_TTL_S, MAX_SHARDS, PREFETCH_HITS, PREFETCH_MIN_TTL_S, SHARD_BYTES,
};
use self::pack::Parts;
pub use self::settings::{CacheSettings, TtlOverride};
use self::shard::Shard;
pub use self::stats::{COUNTED, Stats, TypeCounts};
use self::table::{Ref, Tag};
pub use self::upkeep::{Row, RowKind};
use crate::limits::{BOGUS_TTL_S, FAILURE_TTL_S};
use crate::rrset::Rrset;
use crate::security::Security;
use crate::terms::Changes;

/// The cache.
///
/// ```
/// use dns::{Name, NameBuf, NameHasher, RType};
/// use resolver::cache::{Cache, CacheSettings, Found, NewEntry, NewPositive, Rank};
/// use resolver::{Rrset, Security};
///
/// let cache = Cache::new(CacheSettings::default(), NameHasher::new(0x5eed));
/// let name: NameBuf = "www.example.".parse()?;
/// let rrset = Rrset::new(name.clone(), RType::A, 300).with(&[192, 0, 2, 1]);
/// let (rank, security) = (Rank::AuthoritativeAnswer, Security::Insecure);
/// let new = NewPositive { rrset: &rrset, rank, security, proofs: &[], origin: None, reason: None };
/// cache.insert(1_000, NewEntry::Positive(new));
///
/// // Ten seconds later, and when it has expired.
/// let found = cache.lookup(11_000, &name, RType::A, Name::root());
/// assert!(matches!(found, Some(Found::Positive(_))) && found.is_some_and(|found| found.ttl() == 290));
/// assert!(cache.lookup(302_000, &name, RType::A, Name::root()).is_none());
/// # Ok::<(), dns::NameError>(())
/// ```
pub struct Cache {
    settings: CacheSettings,
    hasher: NameHasher,
    shards: Box<[Mutex<Shard>]>,
    /// Where [`Cache::sweep`] goes on: a shard and a segment of it.
    cursor: AtomicU64,
    aggressive: Mutex<Aggressive>,
    large: Large,
    /// How many changes elsewhere it has been told of.
    changes: AtomicU64,
}

/// How the entry that was found relates to the question.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is what was asked for, or says that there is none.
    Exact,
    /// It is a CNAME.
    Alias,
}

impl Cache {
    /// An empty cache. The hasher has to be that of the responses which [`Cache::answer`] writes.
    pub fn new(settings: CacheSettings, hasher: NameHasher) -> Cache {
        let large = large::budget(&settings);
        let aggressive = if settings.aggressive { settings.size_bytes() / AGGRESSIVE_SHARE - large } else { 0 };
        let size = settings.size_bytes() - aggressive - large;
        let shards = (size / SHARD_BYTES).clamp(1, MAX_SHARDS).next_power_of_two();
        let shards = (0..shards).map(|_| Mutex::new(Shard::new(size / shards, settings.stale_ms()))).collect();
        Cache {
            settings,
            hasher,
            shards,
            cursor: AtomicU64::new(0),
            aggressive: Mutex::new(Aggressive::new(aggressive)),
            large: Large::new(large),
            changes: AtomicU64::new(0),
        }
    }

    /// How it works.
    pub fn settings(&self) -> &CacheSettings {
        &self.settings
    }

    /// The hasher of its names.
    pub fn hasher(&self) -> NameHasher {
        self.hasher
    }

    /// Memory that looking up `rtype` at the name with this hash will read; where it stands in the index, and when
    /// that is at hand (`indexed`), what may be the entry. Only for hints to the processor: it may be gone by then.
    #[inline]
    pub fn memory_of(&self, hash: u64, rtype: RType, indexed: bool) -> Option<*const u8> {
        self.lock(hash).memory_of(Tag::new(hash, rtype), indexed)
    }

    fn lock(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // The upper bits choose the shard, lower ones the place in it.
        let at = (hash >> 48) as usize & (self.shards.len() - 1);
        lock(&self.shards[at])
    }

    fn key<'a>(&self, name: &'a Name, rtype: RType) -> Key<'a> {
        Key { name, hash: self.hasher.hash(name), rtype }
    }

    /// Keeps something; what is there and still good stays if it is worth more.
    pub fn insert(&self, now_ms: u64, entry: NewEntry<'_>) {
        match entry {
            NewEntry::Positive(new) => self.insert_positive(now_ms, new),
            NewEntry::Negative(new) => self.insert_negative(now_ms, new),
            NewEntry::Failure(new) => self.insert_failure(now_ms, new),
        }
    }

    fn insert_positive(&self, now_ms: u64, new: NewPositive<'_>) {
        let rrset = new.rrset;
        let ttl = new.proofs.iter().map(|proof| proof.ttl).fold(rrset.ttl, u32::min);
        let ttl = bounded(self.settings.positive_ttl(&rrset.owner, ttl), new.security);
        let key = self.key(&rrset.owner, rrset.rtype);
        let parts = Parts {
            rank: new.rank,
            origin: new.origin,
            rrset: Some(rrset),
            reason: new.reason,
            proofs: new.proofs,
            ..Parts::new(key, Kind::Positive, now_ms, ttl, new.security)
        };
        if self.put(key, parts, now_ms) {
            self.large.remove(key.name, key.rtype);
        } else if self.large.insert(&new, ttl, now_ms) {
            let mut shard = self.lock(key.hash);
            if let Some(entry) = shard.find(key, false) {
                shard.remove(entry);
            }
        }
    }

    fn insert_negative(&self, now_ms: u64, new: NewNegative<'_>) {
        let ttl = new.soa.and_then(soa_ttl).map_or(FAILURE_TTL_S, |ttl| self.settings.negative_ttl(new.name, ttl));
        let ttl = new.proofs.iter().map(|proof| proof.ttl).fold(ttl, u32::min);
        if new.rtype == Some(NO_NAME) {
            return;
        }
        let key = self.key(new.name, new.rtype.unwrap_or(NO_NAME));
        let parts = Parts {
            rank: new.rank,
            origin: new.origin,
            reason: new.reason,
            soa: new.soa,
            proofs: new.proofs,
            ..Parts::new(key, Kind::Negative, now_ms, bounded(ttl, new.security), new.security)
        };
        let _ = self.put(key, parts, now_ms);
    }

    fn insert_failure(&self, now_ms: u64, new: NewFailure<'_>) {
        let key = self.key(new.name, new.rtype);
        let repeated = {
            let shard = self.lock(key.hash);
            let old = shard.find(key, true).and_then(|entry| shard.view(entry));
            // RFC 9520 3.2: persistent failures are kept longer and longer, up to five minutes.
            let recent =
                |old: &View<'_>| now_ms < old.created_ms() + u64::from(old.ttl()) * 1000 * (FAILURE_MEMORY + 1);
            old.filter(recent).map_or(0, |old| old.repeated().saturating_add(1))
        };
        let ttl = FAILURE_TTL_S.saturating_mul(1 << repeated.min(16)).min(MAX_FAILURE_TTL_S);
        let reason = Some(new.reason);
        let parts = Parts { reason, repeated, ..Parts::new(key, Kind::Failure, now_ms, ttl, new.security) };
        let _ = self.put(key, parts, now_ms);
    }

    /// Keeps a failure for so many seconds, however often it repeats itself.
    pub fn insert_failure_for(&self, now_ms: u64, new: NewFailure<'_>, ttl_s: u32) {
        let key = self.key(new.name, new.rtype);
        let parts = Parts { reason: Some(new.reason), ..Parts::new(key, Kind::Failure, now_ms, ttl_s, new.security) };
        let _ = self.put(key, parts, now_ms);
    }

    /// Whether a question failed, now or lately.
    pub fn failing(&self, now_ms: u64, name: &Name, rtype: RType) -> Option<Failing> {
        let key = self.key(name, rtype);
        let shard = self.lock(key.hash);
        let view = shard.view(shard.find(key, true)?)?;
        Some(match now_ms < view.expires_ms() {
            true => Failing::Now(view.reason().map(|reason| reason.text).unwrap_or_default()),
            false => Failing::Lately,
        })
    }

    /// Puts an entry in, unless it is larger than an entry may be: then it says so.
    fn put(&self, key: Key<'_>, parts: Parts<'_>, now_ms: u64) -> bool {
        // No type has the number under which the absence of a name is kept.
        let wrong = key.rtype == NO_NAME && parts.kind != Kind::Negative;
        if parts.ttl == 0 || wrong {
            return true;
        }
        let Some(octets) = parts.encode() else { return false };
        if let Some(view) = View::new(&octets) {
            self.learn(view, now_ms);
        }
        self.lock(key.hash).insert(octets, key, now_ms);
        true
    }

    /// What there is for a question and has not expired: the RRset or that there is none, else an alias, else that the
    /// name or (with a secure proof, RFC 8020) one above it, but not above `top`, does not exist, else a failure.
    pub fn lookup(&self, now_ms: u64, name: &Name, rtype: RType, top: &Name) -> Option<Found> {
        let key = self.key(name, rtype);
        let large = self.large.find(name, rtype, now_ms);
        large
            .or_else(|| self.take(key, now_ms, false))
            .or_else(|| self.cut(name, top, now_ms))
            .or_else(|| self.failure(key, now_ms))
    }

    /// The same for data that has expired but may be served when nothing better can be had (RFC 8767 5), with the TTL
    /// that such data has in answers. Without `serve_stale` there is none.
    pub fn stale(&self, now_ms: u64, name: &Name, rtype: RType) -> Option<Found> {
        if !self.settings.serve_stale {
            return None;
        }
        self.take(self.key(name, rtype), now_ms, true)
    }

    fn take(&self, key: Key<'_>, now_ms: u64, stale: bool) -> Option<Found> {
        let (octets, used) = {
            let mut shard = self.lock(key.hash);
            let (entry, role) = self.search(&shard, key, now_ms, stale)?;
            let used = self.using(&mut shard, entry, role, now_ms);
            let view = shard.view(entry)?;
            (view.to_vec(), used)
        };
        decode::decode(View::new(&octets)?, used)
    }

    /// The entry that answers a question.
    #[inline]
    fn search(&self, shard: &Shard, key: Key<'_>, now_ms: u64, stale: bool) -> Option<(Ref, Role)> {
        let good = |entry: &Ref| shard.view(*entry).is_some_and(|view| self.is_usable(view, now_ms, stale));
        if let Some(entry) = shard.find(key, false).filter(good) {
            return Some((entry, Role::Exact));
        }
        if is_aliased(key.rtype) {
            let is_alias = |entry: &Ref| shard.view(*entry).is_some_and(|view| view.kind() == Kind::Positive);
            if let Some(entry) = shard.find(key.with(RType::CNAME), false).filter(good).filter(is_alias) {
                return Some((entry, Role::Alias));
            }
        }
        shard.find(key.with(NO_NAME), false).filter(good).map(|entry| (entry, Role::Exact))
    }

    #[inline]
    fn is_usable(&self, view: View<'_>, now_ms: u64, stale: bool) -> bool {
        let expires_ms = view.expires_ms();
        now_ms < expires_ms
            || stale && now_ms < expires_ms + self.settings.stale_ms() && view.security() != Security::Bogus
    }

    /// Notes that an entry is used, and says how.
    #[inline]
    fn using(&self, shard: &mut Shard, entry: Ref, role: Role, now_ms: u64) -> Use {
        let octets = shard.octets_mut(entry);
        let hits = entry::touch(octets, now_ms);
        let (ttl, whole) = View::new(octets).map_or((0, 0), |view| (view.ttl_left(now_ms), view.ttl()));
        let stale = ttl == 0;
        let late = u64::from(ttl) * 10 <= u64::from(whole) && whole >= PREFETCH_MIN_TTL_S && !stale;
        let prefetch = late && hits >= PREFETCH_HITS && self.settings.prefetch && entry::mark_prefetched(octets);
        let ttl = if stale { self.settings.stale_answer_ttl_s } else { ttl };
        Use { alias: role == Role::Alias, ttl, prefetch, stale }
    }

    /// RFC 8020 2: below a name that does not exist nothing does. Only secure proofs are believed so far, as an
    /// unsigned zone's servers may say NXDOMAIN for an empty non-terminal.
    fn cut(&self, name: &Name, top: &Name, now_ms: u64) -> Option<Found> {
        if !self.settings.nxdomain_cut {
            return None;
        }
        let above = name.ancestors().skip(1).take_while(|above| !above.is_root() && above.is_at_or_below(top));
        above.map(|above| self.key(above, NO_NAME)).find_map(|key| {
            let octets = {
                let shard = self.lock(key.hash);
                let view = shard.view(shard.find(key, false)?)?;
                let good = view.security() == Security::Secure && self.is_usable(view, now_ms, false);
                good.then(|| view.to_vec())?
            };
            let view = View::new(&octets)?;
            let used = Use { alias: false, ttl: view.ttl_left(now_ms), prefetch: false, stale: false };
            decode::decode(view, used)
        })
    }

    fn failure(&self, key: Key<'_>, now_ms: u64) -> Option<Found> {
        let shard = self.lock(key.hash);
        let view = shard.view(shard.find(key, true)?)?;
        let used = Use { alias: false, ttl: view.ttl_left(now_ms), prefetch: false, stale: false };
        if used.ttl == 0 { None } else { decode::decode(view, used) }
    }

    /// The deepest DNAME RRset above a name, but not above `top` (RFC 6672 2.2). One that is not secure should be followed
    /// only if the zone that it came from is the one that would be asked.
    pub fn lookup_dname(&self, now_ms: u64, name: &Name, top: &Name) -> Option<CachedRrset> {
        name.ancestors().skip(1).take_while(|above| above.is_at_or_below(top)).find_map(|above| {
            let key = self.key(above, RType::DNAME);
            let mut shard = self.lock(key.hash);
            let entry = shard.find(key, false)?;
            let good = |view: View<'_>| view.kind() == Kind::Positive && self.is_usable(view, now_ms, false);
            if !shard.view(entry).is_some_and(good) {
                return None;
            }
            let used = self.using(&mut shard, entry, Role::Exact, now_ms);
            shard.view(entry).map(|view| decode::rrset(view, used))
        })
    }

    /// Takes out everything; how many entries there were.
    pub fn flush_all(&self) -> usize {
        lock(&self.aggressive).clear();
        self.large.flush(|_| true) + self.shards.iter().map(|shard| lock(shard).clear()).sum::<usize>()
    }

    /// Takes out all that is kept at a name; how many entries that were.
    pub fn flush_name(&self, name: &Name) -> usize {
        lock(&self.aggressive).forget(name, false);
        let hash = self.hasher.hash(name);
        let mut shard = self.lock(hash);
        let found = shard.matching(|rtype| Tag::new(hash, rtype));
        let named = |entry: &&Ref| shard.view(**entry).is_some_and(|view| view.name() == name);
        let found: Vec<Ref> = found.iter().filter(named).copied().collect();
        shard.flush(&found) + self.large.flush(|kept| kept == name)
    }

    /// Takes out what is kept for a name and a type: the RRset or that there is none, and failures. That the name
    /// does not exist is taken out as well.
    pub fn flush_type(&self, name: &Name, rtype: RType) -> usize {
        lock(&self.aggressive).forget(name, false);
        let key = self.key(name, rtype);
        let mut shard = self.lock(key.hash);
        let found = [shard.find(key, false), shard.find(key, true), shard.find(key.with(NO_NAME), false)];
        let found: Vec<Ref> = found.into_iter().flatten().collect();
        shard.flush(&found) + self.large.remove(name, rtype)
    }

    /// Takes out all that is kept at and below a name; how many entries that were.
    pub fn flush_subtree(&self, name: &Name) -> usize {
        lock(&self.aggressive).forget(name, true);
        let flush = |shard: &Mutex<Shard>| lock(shard).flush_where(|view| view.name().is_at_or_below(name));
        self.large.flush(|kept| kept.is_at_or_below(name)) + self.shards.iter().map(flush).sum::<usize>()
    }

    /// Takes out what is kept for a type at and below a name, and that names there do not exist; how many entries that
    /// were.
    pub fn flush_type_below(&self, name: &Name, rtype: RType) -> usize {
        lock(&self.aggressive).forget(name, true);
        let wanted =
            |view: View<'_>| (view.rtype() == rtype || view.rtype() == NO_NAME) && view.name().is_at_or_below(name);
        self.shards.iter().map(|shard| lock(shard).flush_where(wanted)).sum()
    }

    /// Takes out what does not hold any longer under other terms; how many entries that were.
    pub fn flush_changed(&self, changes: &Changes) -> usize {
        if changes.is_empty() {
            return 0;
        }
        lock(&self.aggressive).clear();
        let flush = |shard: &Mutex<Shard>| lock(shard).flush_where(|view| changes.concern(view.name()));
        self.large.flush(|kept| changes.concern(kept)) + self.shards.iter().map(flush).sum::<usize>()
    }

    /// Its counts.
    pub fn stats(&self) -> Stats {
        let mut aggressive = lock(&self.aggressive).stats();
        let (entries, bytes, budget) = self.large.used();
        aggressive.entries += entries as u64;
        aggressive.bytes += bytes as u64;
        aggressive.max_bytes += budget as u64;
        self.shards.iter().fold(aggressive, |mut sum, shard| {
            sum.add(&lock(shard).stats());
            sum
        })
    }
}

/// Whether an alias at its name answers a question for this type from the cache. Not for types that stand beside a CNAME
/// (RFC 4035 2.5; RFC 3007 2.1 and RFC 2181 10.1 for their forerunners), for everything, nor for DS: that is the parent's,
/// and the alias may be the child's (RFC 4035 4.2).
fn is_aliased(rtype: RType) -> bool {
    const BESIDE: [RType; 5] = [RType::NSEC, RType::RRSIG, RType(24), RType(25), RType(30)];
    !BESIDE.contains(&rtype) && !matches!(rtype, RType::CNAME | RType::ANY | RType::DS)
}

/// A thread that panicked with the lock may have left an entry half written, which reading checks at every step.
fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// RFC 2308 5: the lesser of the SOA's own TTL and its MINIMUM.
fn soa_ttl(soa: &Rrset) -> Option<u32> {
    let minimum = Soa::parse(soa.rdata.iter().next()?)?.minimum;
    Some(soa.ttl.min(minimum))
}

/// Bogus data is not kept for long: it may be made right at any time.
fn bounded(ttl: u32, security: Security) -> u32 {
    if security == Security::Bogus { ttl.min(BOGUS_TTL_S) } else { ttl }
}
