//! Limits on the processor time that a client takes, over connections: TCP, and TLS with its handshakes.
//!
//! Questions over a connection differ in what they cost by more than their number tells: a handshake, a transfer, many
//! small messages. So the time itself is counted, after it was spent, and a client that has spent more than it may waits
//! until it has paid back.

use std::net::IpAddr;
use std::sync::Arc;

use super::access::Networks;
use super::bucket::Rate;
use super::prefix::{Prefix, PrefixLengths};
use super::table::{DEFAULT_ENTRIES, Table};

/// However much time a client took, it waits no longer than for this many seconds of what it gets.
pub const MAX_DEBT_SECONDS: u64 = 10;

/// What time clients get.
#[derive(Debug, Clone)]
pub struct WorkSettings {
    /// Processor time in a second, in µs, at least one: 200,000 is a fifth of a processor.
    pub per_second_us: u32,
    /// Processor time at once, in µs; at least one.
    pub burst_us: u32,
    /// What is one client.
    pub prefixes: PrefixLengths,
    /// Clients that are known at a time, 16 octets each.
    pub entries: usize,
}

impl Default for WorkSettings {
    fn default() -> WorkSettings {
        let prefixes = PrefixLengths::default();
        WorkSettings { per_second_us: 100_000, burst_us: 200_000, prefixes, entries: DEFAULT_ENTRIES }
    }
}

/// Counts processor time.
pub struct WorkLimit {
    rate: Rate,
    table: Table,
    prefixes: PrefixLengths,
    exempt: Arc<Networks>,
}

impl WorkLimit {
    /// A limit with nothing counted yet. Clients of networks that `exempt` allows are not limited. `seed` is random.
    pub fn new(settings: &WorkSettings, exempt: Arc<Networks>, seed: u64) -> WorkLimit {
        let per_second = u64::from(settings.per_second_us.max(1));
        WorkLimit {
            rate: Rate::new(per_second, settings.burst_us.into(), MAX_DEBT_SECONDS * per_second),
            table: Table::new(settings.entries, seed),
            prefixes: settings.prefixes,
            exempt,
        }
    }

    /// Counts `spent_us` of processor time for `client`. Returns whether they were counted: if other threads count for
    /// the same client all the time, they are not.
    pub fn charge(&self, client: IpAddr, spent_us: u64, now_us: u64) -> bool {
        let step = |state| (Some(self.rate.charge(state, spent_us, now_us)), ());
        let key = self.table.key(0, Prefix::of(client, self.prefixes));
        self.table.update(key, |state| self.rate.lack_ns(Some(state), now_us), step).is_some()
    }

    /// Whether `client` has time left. Otherwise nothing more is read from its connections until it has, or they are
    /// closed.
    #[inline]
    pub fn may(&self, client: IpAddr, now_us: u64) -> bool {
        let state = self.table.get(self.table.key(0, Prefix::of(client, self.prefixes)));
        self.rate.has_one(state, now_us) || self.exempt.allows(client, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::Verdict;
    use super::*;

    const S: u64 = 1_000_000;

    fn limit(per_second_us: u32, burst_us: u32) -> WorkLimit {
        let settings = WorkSettings { per_second_us, burst_us, entries: 1024, ..WorkSettings::default() };
        WorkLimit::new(&settings, Arc::default(), 1)
    }

    fn client(number: u8) -> IpAddr {
        std::net::Ipv4Addr::new(192, 0, 2, number).into()
    }

    #[test]
    fn time_spent_is_never_more_than_burst_and_rate_times_time_and_the_last_piece() {
        let limit = limit(100_000, 200_000);
        let mut spent_us = 0;
        for now_us in (0..20 * S).step_by(1000) {
            if limit.may(client(1), now_us) {
                limit.charge(client(1), 700, now_us);
                spent_us += 700;
            }
            assert!(spent_us <= 200_000 + now_us / 10 + 700, "{spent_us} at {now_us}");
        }
        assert!(spent_us >= 2_190_000, "{spent_us}");
    }

    #[test]
    fn who_spends_too_much_waits_and_nobody_else() {
        let limit = limit(100_000, 200_000);
        limit.charge(client(1), 300_000, S);
        assert!(!limit.may(client(1), S) && limit.may(client(2), S));
        assert!(!limit.may(client(1), 2 * S));
        assert!(limit.may(client(1), 2 * S + 10));
    }

    #[test]
    fn no_debt_lasts_longer_than_its_bound() {
        let limit = limit(100_000, 200_000);
        limit.charge(client(1), u64::MAX, S);
        limit.charge(client(1), u64::MAX, S);
        assert!(!limit.may(client(1), S + MAX_DEBT_SECONDS * S));
        assert!(limit.may(client(1), S + MAX_DEBT_SECONDS * S + 10));
    }

    #[test]
    fn exempt_clients_have_all_the_time() {
        let exempt = Networks::of(&["192.0.2.0/24".parse().expect("a network")], Verdict::Allow, "exempt")
            .expect("not too many");
        let limit = WorkLimit::new(&WorkSettings::default(), Arc::new(exempt), 1);
        limit.charge(client(1), 10 * S, 0);
        assert!(limit.may(client(1), 0));
    }
}
