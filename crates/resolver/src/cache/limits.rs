//! The bounds and fixed times of the cache, by name.

/// Least size of a cache, in octets: room for the segments that eviction needs.
pub const MIN_CACHE_BYTES: usize = 1 << 20;
/// Largest size of a cache, in octets: what the references of the largest number of shards reach.
pub const MAX_CACHE_BYTES: usize = 28 << 30;
/// Octets of a cache that one shard is for; smaller caches have one shard.
pub const SHARD_BYTES: usize = 8 << 20;
/// Most shards.
pub const MAX_SHARDS: usize = 256;
/// Octets of a segment, and so the bound of one entry. RRsets that are larger are kept apart.
pub const SEGMENT_BYTES: usize = 64 << 10;
/// Aliases that one answer follows within the cache.
pub const MAX_ALIASES: usize = 11;
/// Proofs that one entry may have.
pub const MAX_PROOFS: usize = 32;
/// Octets of the text of a reason that are kept.
pub const MAX_REASON: usize = 160;
/// Longest time that a failure which repeats itself is kept, in seconds. RFC 9520 3.2 allows 300; but when servers come
/// back after an outage, nobody should wait for minutes.
pub const MAX_FAILURE_TTL_S: u32 = 10;
/// Where stale data is served, a question that failed is tried again after so many seconds (RFC 8767 5).
pub const STALE_RECHECK_S: u32 = 30;
/// A failure that comes back within so many times its TTL counts as a repetition.
pub const FAILURE_MEMORY: u64 = 4;
/// An entry is popular, and refreshed before it expires, from so many hits on.
pub const PREFETCH_HITS: u32 = 2;
/// Entries with shorter TTLs are not refreshed ahead, in seconds.
pub const PREFETCH_MIN_TTL_S: u32 = 10;
/// Part of the cache, one in so many octets, that NSEC records for synthesised answers and large RRsets may take.
pub const AGGRESSIVE_SHARE: usize = 20;
/// Part of the cache, one in so many octets, that RRsets larger than an entry may take.
pub const LARGE_SHARE: usize = 64;
/// Most rows of one page of names.
pub const MAX_BROWSE: usize = 10_000;
