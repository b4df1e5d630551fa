//! The limit on questions of one client: so many at once, so many a second, so many in a window.
//!
//! Two things are looked at: a token bucket, and a sliding window over what the bucket let through. A client that asks
//! more gets what they let through and no more; it is not locked out.
//!
//! Questions whose source is known to be real, by a cookie of ours (RFC 7873 5.2.3) or a connection, are counted apart
//! from others of the same address. So whoever forges a client's address uses up what that client may ask in the same
//! way, and not what it may ask over TCP or with a cookie, which is where a truncated answer sends it.

use std::net::IpAddr;
use std::sync::Arc;

use super::access::Networks;
use super::bucket::{Rate, with_slipped};
use super::outcome::{Channel, Handling, Outcome, Slip};
use super::prefix::{Prefix, PrefixLengths};
use super::table::{DEFAULT_ENTRIES, Key, Table};
use super::window::Window;

/// Questions whose source may be forged.
const FORGEABLE: u64 = 1;
/// Questions whose source is known.
const VERIFIED: u64 = 2;

/// What a client may ask.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Questions a second, at least one. Who has no such limit makes no [`ClientLimit`].
    pub per_second: u32,
    /// Questions at once; 0: as many as in a second.
    pub burst: u32,
    /// Length of the sliding window, in seconds; 0: there is none. In it as many may be asked as `per_second` times its
    /// length, or `burst` if that is more.
    pub window_seconds: u32,
    /// Every so many-th answer beyond the limit is truncated, the others dropped; 0: all are dropped. At most 15.
    pub slip: u8,
    /// Nothing is done, all is counted.
    pub dry_run: bool,
    /// What is one client.
    pub prefixes: PrefixLengths,
    /// Clients that are known at a time, 32 octets each.
    pub entries: usize,
}

impl Default for ClientSettings {
    fn default() -> ClientSettings {
        ClientSettings {
            per_second: 1,
            burst: 0,
            window_seconds: 1,
            slip: 2,
            dry_run: false,
            prefixes: PrefixLengths::default(),
            entries: DEFAULT_ENTRIES,
        }
    }
}

/// Counts the questions of clients.
pub struct ClientLimit {
    rate: Rate,
    window: Option<Window>,
    /// The state of a client's bucket, and of its window.
    table: Table<2>,
    slip: Slip,
    dry_run: bool,
    prefixes: PrefixLengths,
    exempt: Arc<Networks>,
}

impl ClientLimit {
    /// A limit with nobody known yet. Clients of networks that `exempt` allows are not limited. `seed` is random.
    pub fn new(settings: &ClientSettings, exempt: Arc<Networks>, seed: u64) -> ClientLimit {
        let per_second = u64::from(settings.per_second.max(1));
        let burst = if settings.burst == 0 { per_second } else { settings.burst.into() };
        let seconds = settings.window_seconds;
        let in_window = burst.max(per_second * u64::from(seconds));
        let window = (seconds > 0).then(|| Window::new(seconds.saturating_mul(1000), in_window)).flatten();
        ClientLimit {
            rate: Rate::new(per_second, burst, 0),
            window,
            table: Table::new(settings.entries, seed),
            slip: Slip::new(settings.slip),
            dry_run: settings.dry_run,
            prefixes: settings.prefixes,
            exempt,
        }
    }

    /// Counts a question of `client` and says whether it is within the limit. `verified`: it had a valid cookie; what
    /// comes by a connection is verified by that.
    #[inline]
    pub fn judge(&self, client: IpAddr, channel: Channel, verified: bool, now_us: u64) -> Outcome {
        let known = verified || channel == Channel::Stream;
        let what = if known { VERIFIED } else { FORGEABLE };
        let key = self.table.key(what, Prefix::of(client, self.prefixes));
        let beyond = self.take_token(key, channel, now_us).or_else(|| {
            let window = self.window.as_ref()?;
            self.take_place(window, key, channel, now_us)
        });
        match beyond {
            // Who is exempt is found out when it matters.
            Some(handling) if !self.exempt.allows(client, 0) => Outcome::beyond(handling, self.dry_run),
            _ => Outcome::PASS,
        }
    }

    /// Takes from the bucket of `key`; `Some` if there is nothing in it.
    #[inline]
    fn take_token(&self, key: Key, channel: Channel, now_us: u64) -> Option<Handling> {
        let load = |state| self.rate.lack_ns(Some(state), now_us);
        let step = |state| match self.rate.take(state, now_us) {
            Ok(new) => (Some(new), None),
            Err(dropped) => {
                let (dropped, handling) = self.beyond(channel, dropped);
                (with_slipped(state, dropped), Some(handling))
            }
        };
        // An entry that so many change at once is of a client that asks too much.
        self.table.update(key, load, step).unwrap_or(Some(self.beyond(channel, 0).1))
    }

    /// Takes a place in the window of `key`; `Some` if there is none.
    #[inline]
    fn take_place(&self, window: &Window, key: Key, channel: Channel, now_us: u64) -> Option<Handling> {
        let at = window.at(now_us);
        let step = |state| match window.take(state, at) {
            Ok(new) => (new, None),
            Err(counts) => {
                let (dropped, handling) = self.beyond(channel, counts.dropped);
                (counts.with_dropped(dropped).pack(), Some(handling))
            }
        };
        // Whose entry was replaced meanwhile has a window with nothing in it.
        self.table.update_second(key, step).flatten()
    }

    /// What is done beyond the limit, and how many were dropped since the last truncated answer.
    #[inline]
    fn beyond(&self, channel: Channel, dropped: u64) -> (u64, Handling) {
        match channel {
            Channel::Datagram => self.slip.next(dropped),
            Channel::Stream => (dropped, Handling::Refuse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::Verdict;
    use super::*;

    const S: u64 = 1_000_000;
    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn limit(settings: ClientSettings) -> ClientLimit {
        ClientLimit::new(&ClientSettings { entries: 1024, ..settings }, Arc::default(), 1)
    }

    fn datagrams(limit: &ClientLimit, count: usize, now_us: u64) -> Vec<Handling> {
        (0..count).map(|_| limit.judge(CLIENT, Channel::Datagram, false, now_us).handling).collect()
    }

    fn passed(handlings: &[Handling]) -> usize {
        handlings.iter().filter(|handling| **handling == Handling::Pass).count()
    }

    #[test]
    fn what_is_beyond_the_burst_is_dropped_or_truncated_in_turn() {
        use Handling::{Drop, Pass, Truncate};
        let limit = limit(ClientSettings { per_second: 3, ..ClientSettings::default() });
        assert_eq!(datagrams(&limit, 8, S), [Pass, Pass, Pass, Drop, Truncate, Drop, Truncate, Drop]);
    }

    #[test]
    fn over_a_connection_nothing_is_truncated() {
        let limit = limit(ClientSettings { per_second: 1, slip: 1, ..ClientSettings::default() });
        let stream = || limit.judge(CLIENT, Channel::Stream, false, S);
        assert_eq!(stream(), Outcome::PASS);
        for _ in 0..20 {
            assert_eq!(stream(), Outcome { handling: Handling::Refuse, limited: true });
        }
    }

    #[test]
    fn never_more_than_burst_and_rate_times_time_pass() {
        for (per_second, burst, window_seconds) in [(20, 0, 1), (20, 100, 1), (5, 50, 10), (100, 10, 0)] {
            let limit = limit(ClientSettings { per_second, burst, window_seconds, ..ClientSettings::default() });
            let held = u64::from(if burst == 0 { per_second } else { burst });
            let asked = (0..30 * S).step_by(777);
            let mut passed = 0;
            for now_us in asked {
                passed += u64::from(!limit.judge(CLIENT, Channel::Datagram, false, now_us).limited);
                assert!(passed <= held + u64::from(per_second) * now_us / S, "{passed} at {now_us}");
            }
            // And who asks too much still gets nine tenths of what it may ask.
            assert!(passed >= 27 * u64::from(per_second), "{passed} of {per_second}");
        }
    }

    #[test]
    fn the_window_bounds_what_many_bursts_would_let_through() {
        let limit =
            limit(ClientSettings { per_second: 10, burst: 100, window_seconds: 10, ..ClientSettings::default() });
        // 100 at once and 10 a second are 200 in 10 seconds for the bucket, and 100 for the window.
        let got: usize = (0..10).map(|second| passed(&datagrams(&limit, 1000, 20 * S + second * S))).sum();
        assert_eq!(got, 100);
    }

    #[test]
    fn an_idle_client_recovers() {
        let limit = limit(ClientSettings { per_second: 10, ..ClientSettings::default() });
        assert_eq!(passed(&datagrams(&limit, 1000, 5 * S)), 10);
        assert_eq!(passed(&datagrams(&limit, 1000, 7 * S)), 10);
    }

    #[test]
    fn clients_that_are_exempt_are_not_limited() {
        let networks = Networks::of(&["192.0.2.0/24".parse().expect("a network")], Verdict::Allow, "exempt")
            .expect("not too many");
        let limit = ClientLimit::new(&ClientSettings::default(), Arc::new(networks), 1);
        assert_eq!(passed(&datagrams(&limit, 100, 0)), 100);
        let other = "198.51.100.1".parse().expect("an address");
        limit.judge(other, Channel::Datagram, false, 0);
        assert!(limit.judge(other, Channel::Datagram, false, 0).limited);
    }

    #[test]
    fn a_dry_run_counts_and_does_nothing() {
        let limit = limit(ClientSettings { dry_run: true, ..ClientSettings::default() });
        limit.judge(CLIENT, Channel::Datagram, false, 0);
        let outcome = limit.judge(CLIENT, Channel::Datagram, false, 0);
        assert_eq!(outcome, Outcome { handling: Handling::Pass, limited: true });
    }

    #[test]
    fn who_forges_an_address_does_not_use_up_what_its_owner_may_ask_with_a_cookie_or_over_tcp() {
        let limit = limit(ClientSettings { per_second: 5, ..ClientSettings::default() });
        assert_eq!(passed(&datagrams(&limit, 10_000, S)), 5);
        assert_eq!(limit.judge(CLIENT, Channel::Datagram, true, S), Outcome::PASS);
        assert_eq!(limit.judge(CLIENT, Channel::Stream, false, S), Outcome::PASS);
    }

    #[test]
    fn a_prefix_is_one_client() {
        let limit = limit(ClientSettings { per_second: 4, ..ClientSettings::default() });
        let judge = |i: u64| {
            let address = std::net::Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(i));
            limit.judge(address.into(), Channel::Datagram, false, 0).limited
        };
        assert_eq!((0..100).filter(|i| !judge(*i)).count(), 4);
    }
}
