//! What the cache counts.

use dns::RType;

/// Types that are counted apart; all others together stand behind them.
pub const COUNTED: [RType; 15] = [
    RType::A,
    RType::AAAA,
    RType::HTTPS,
    RType::CNAME,
    RType::NS,
    RType::SOA,
    RType::MX,
    RType::TXT,
    RType::PTR,
    RType::SRV,
    RType::DS,
    RType::DNSKEY,
    RType::SVCB,
    RType::CAA,
    RType::NAPTR,
];

/// Counts of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TypeCounts {
    /// Entries of it.
    pub entries: u64,
    /// Questions for it that the cache answered.
    pub hits: u64,
    /// Questions for it that it did not.
    pub misses: u64,
}

/// Counts of one shard, or of all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Questions that were answered.
    pub hits: u64,
    /// Questions that were not, or not completely.
    pub misses: u64,
    /// Questions that were answered with data that had expired; they count as hits as well.
    pub stale_hits: u64,
    /// Entries.
    pub entries: u64,
    /// Octets that the cache takes, indexes and free space included: never more than its size.
    pub bytes: u64,
    /// Octets of entries alone.
    pub entry_bytes: u64,
    /// The size that it may have, in octets.
    pub max_bytes: u64,
    /// Entries that were put in, refreshed ones included.
    pub inserts: u64,
    /// Entries that were evicted to make room for others, before they expired.
    pub evictions: u64,
    /// Entries that were removed because they had expired.
    pub expired: u64,
    /// Entries that were flushed.
    pub flushed: u64,
    /// Answers that were synthesised from NSEC records (RFC 8198).
    pub synthesised: u64,
    /// By type: those of [`COUNTED`], then the others (names that do not exist among them).
    pub by_type: [TypeCounts; COUNTED.len() + 1],
}

impl Stats {
    /// The counts of a type.
    #[inline]
    pub fn of(&mut self, rtype: RType) -> &mut TypeCounts {
        &mut self.by_type[COUNTED.iter().position(|&counted| counted == rtype).unwrap_or(COUNTED.len())]
    }

    /// Adds those of another shard.
    pub fn add(&mut self, other: &Stats) {
        let Stats { hits, misses, stale_hits, entries, bytes, entry_bytes, max_bytes, .. } = other;
        self.hits += hits;
        self.misses += misses;
        self.stale_hits += stale_hits;
        self.entries += entries;
        self.bytes += bytes;
        self.entry_bytes += entry_bytes;
        self.max_bytes += max_bytes;
        self.inserts += other.inserts;
        self.evictions += other.evictions;
        self.expired += other.expired;
        self.flushed += other.flushed;
        self.synthesised += other.synthesised;
        for (mine, theirs) in self.by_type.iter_mut().zip(&other.by_type) {
            mine.entries += theirs.entries;
            mine.hits += theirs.hits;
            mine.misses += theirs.misses;
        }
    }
}
