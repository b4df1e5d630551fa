//! How the cache works, as configured, and the rules of TTLs.

use dns::{Name, NameBuf};

use super::limits::{MAX_CACHE_BYTES, MIN_CACHE_BYTES};

/// Bounds of TTLs at and below one name, in place of the general ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TtlOverride {
    /// Least TTL, in seconds; what has TTL 0 is kept for so long, too.
    pub min_s: u32,
    /// Largest TTL, in seconds; it wins over the least one.
    pub max_s: u32,
}

/// How the cache works.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// Octets that it may take in all, indexes included. At least [`MIN_CACHE_BYTES`] and at most
    /// [`MAX_CACHE_BYTES`] are used, whatever it says.
    pub max_size_bytes: usize,
    /// Shorter TTLs are raised to this, in seconds; 0 stays 0.
    pub min_ttl_s: u32,
    /// Longer TTLs are cut to this, in seconds.
    pub max_ttl_s: u32,
    /// Longer TTLs of negative answers are cut to this, in seconds (RFC 2308 5).
    pub negative_ttl_s: u32,
    /// Keep expired data for when nothing better can be had (RFC 8767).
    pub serve_stale: bool,
    /// How long after it has expired data may still be served, in seconds (RFC 8767 5: one to three days).
    pub stale_max_s: u32,
    /// The TTL of stale data in answers, in seconds (RFC 8767 4: 30).
    pub stale_answer_ttl_s: u32,
    /// Tell when a popular entry should be refreshed before it expires.
    pub prefetch: bool,
    /// Below a name that a secure proof says does not exist, nothing exists (RFC 8020).
    pub nxdomain_cut: bool,
    /// Synthesise answers from secure NSEC records (RFC 8198).
    pub aggressive: bool,
    /// Other bounds of TTLs at and below these names; the longest name wins.
    pub overrides: Vec<(NameBuf, TtlOverride)>,
}

impl Default for CacheSettings {
    fn default() -> CacheSettings {
        CacheSettings {
            max_size_bytes: 100 << 20,
            min_ttl_s: 1,
            max_ttl_s: 86_400,
            negative_ttl_s: 300,
            serve_stale: false,
            stale_max_s: 86_400,
            stale_answer_ttl_s: 30,
            prefetch: true,
            nxdomain_cut: true,
            aggressive: true,
            overrides: Vec::new(),
        }
    }
}

impl CacheSettings {
    /// The size within its bounds.
    pub fn size_bytes(&self) -> usize {
        self.max_size_bytes.clamp(MIN_CACHE_BYTES, MAX_CACHE_BYTES)
    }

    /// The TTL that data at `name` is kept for. 0 means not to keep it (RFC 1035 3.2.1): the general least TTL leaves it.
    pub fn positive_ttl(&self, name: &Name, ttl: u32) -> u32 {
        // RFC 2181 8: a TTL with the highest bit set counts as 0.
        let ttl = if ttl > i32::MAX as u32 { 0 } else { ttl };
        let applies = self.overrides.iter().filter(|(zone, _)| name.is_at_or_below(zone));
        match applies.max_by_key(|(zone, _)| zone.label_count()) {
            Some((_, bounds)) => ttl.max(bounds.min_s).min(bounds.max_s),
            None if ttl == 0 => 0,
            None => ttl.max(self.min_ttl_s).min(self.max_ttl_s),
        }
    }

    /// The TTL that a negative answer about `name` is kept for.
    pub fn negative_ttl(&self, name: &Name, ttl: u32) -> u32 {
        self.positive_ttl(name, ttl).min(self.negative_ttl_s)
    }

    /// Milliseconds for which expired data is kept.
    pub(super) fn stale_ms(&self) -> u64 {
        if self.serve_stale { u64::from(self.stale_max_s) * 1000 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ttls_are_bounded() {
        let name = |text: &str| text.parse::<NameBuf>().expect("name");
        let overrides = vec![
            (name("example."), TtlOverride { min_s: 60, max_s: 120 }),
            (name("deep.example."), TtlOverride { min_s: 0, max_s: 5 }),
        ];
        let settings = CacheSettings { overrides, ..CacheSettings::default() };
        let check = |at: &str, ttl: u32, positive: u32, negative: u32| {
            let at = name(at);
            assert_eq!(settings.positive_ttl(&at, ttl), positive, "{at} {ttl}");
            assert_eq!(settings.negative_ttl(&at, ttl), negative, "{at} {ttl}");
        };
        check("www.test.", 0, 0, 0);
        check("www.test.", 3600, 3600, 300);
        check("www.test.", 1_000_000, 86_400, 300);
        check("www.test.", 0x8000_0001, 0, 0);
        check("example.", 1, 60, 60);
        check("example.", 0, 60, 60);
        check("WWW.Example.", 600, 120, 120);
        check("a.deep.example.", 0, 0, 0);
        check("a.deep.example.", 100, 5, 5);
    }
}
