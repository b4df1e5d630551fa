//! Failed log-ins are slowed down: each user, and each client network, has to wait longer after every failure.
//! Called by `login.rs`. Time is a parameter.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

use super::limits::MAX_FAILING;

/// How the wait grows.
#[derive(Debug, Clone, Copy)]
struct Rule {
    /// Failures that cost nothing.
    free: u32,
    /// The longest wait, in milliseconds.
    max_wait_ms: u64,
}

/// Short at most: everybody can make log-ins of a user fail.
const OF_USER: Rule = Rule { free: 3, max_wait_ms: 60_000 };
/// Generous at first: several people, or tools, may share a network.
const OF_NETWORK: Rule = Rule { free: 10, max_wait_ms: 900_000 };
/// The first wait; each further failure doubles it.
const FIRST_WAIT_MS: u64 = 1000;
/// After this time without a failure all is forgotten.
const FORGET_MS: u64 = 3_600_000;

/// What failed lately.
#[derive(Debug, Default)]
pub struct Failures {
    users: Table<String>,
    networks: Table<IpAddr>,
}

#[derive(Debug)]
struct Table<K>(HashMap<K, Failed>);

#[derive(Debug, Clone, Copy, Default)]
struct Failed {
    times: u32,
    last_ms: u64,
    /// When the next attempt may be made.
    until_ms: u64,
}

impl Failures {
    /// Begins an attempt: it counts as failed until [`Failures::succeeded`], so that attempts at the same time do not
    /// get around the wait.
    ///
    /// # Errors
    /// How many milliseconds to wait; then the attempt is not made, and does not count.
    pub fn begin(&mut self, user: &str, client: IpAddr, now_ms: u64) -> Result<(), u64> {
        let network = network_of(client);
        let wait_ms = self.users.wait_ms(user, now_ms).max(self.networks.wait_ms(&network, now_ms));
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        self.users.count(user.to_owned(), OF_USER, now_ms);
        self.networks.count(network, OF_NETWORK, now_ms);
        Ok(())
    }

    /// Ends an attempt that was not made after all: it does not count.
    pub fn take_back(&mut self, user: &str, client: IpAddr) {
        self.users.take_back(user);
        self.networks.take_back(&network_of(client));
    }

    /// Ends an attempt that did not fail: the user's failures are forgotten, of the network's only this one, so that
    /// somebody with one right password is no quicker in guessing others.
    pub fn succeeded(&mut self, user: &str, client: IpAddr) {
        self.users.0.remove(user);
        self.networks.take_back(&network_of(client));
    }
}

/// The network that is slowed: an IPv4 address, or a /64 of IPv6, which is one client (RFC 6177).
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Table(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn wait_ms<Q: Hash + Eq + ?Sized>(&self, key: &Q, now_ms: u64) -> u64
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.get(key).map_or(0, |failed| failed.until_ms.saturating_sub(now_ms))
    }

    fn count(&mut self, key: K, rule: Rule, now_ms: u64) {
        if self.0.len() >= MAX_FAILING && !self.0.contains_key(&key) {
            self.make_room(now_ms);
        }
        let failed = self.0.entry(key).or_default();
        if now_ms.saturating_sub(failed.last_ms) >= FORGET_MS {
            *failed = Failed::default();
        }
        failed.times = failed.times.saturating_add(1);
        failed.last_ms = now_ms;
        failed.until_ms = match failed.times.checked_sub(rule.free + 1) {
            None => 0,
            Some(over) => now_ms + (FIRST_WAIT_MS << over.min(20)).min(rule.max_wait_ms),
        };
    }

    fn take_back<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
    {
        if let Some(failed) = self.0.get_mut(key) {
            failed.times = failed.times.saturating_sub(1);
            failed.until_ms = 0;
        }
    }

    /// Drops what is forgotten anyway, and if that is nothing, the eighth with the fewest failures.
    fn make_room(&mut self, now_ms: u64) {
        self.0.retain(|_, failed| now_ms.saturating_sub(failed.last_ms) < FORGET_MS);
        if self.0.len() < MAX_FAILING {
            return;
        }
        let mut by_weight: Vec<(u32, u64, K)> =
            self.0.iter().map(|(key, failed)| (failed.times, failed.last_ms, key.clone())).collect();
        by_weight.sort_by_key(|(times, last_ms, _)| (*times, *last_ms));
        for (_, _, key) in by_weight.into_iter().take(MAX_FAILING / 8) {
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::ip;
    use super::*;

    /// Attempts of `user` from `client` as soon as each may be made; the waits before them.
    fn waits(failures: &mut Failures, user: &str, client: &str, attempts: usize, mut now_ms: u64) -> Vec<u64> {
        let mut attempt = |_| match failures.begin(user, ip(client), now_ms) {
            Ok(()) => 0,
            Err(wait_ms) => {
                assert!(failures.begin(user, ip(client), now_ms + wait_ms - 1).is_err(), "no sooner");
                now_ms += wait_ms;
                failures.begin(user, ip(client), now_ms).expect("waited");
                wait_ms
            }
        };
        (0..attempts).map(&mut attempt).collect()
    }

    #[test]
    fn each_failure_doubles_the_wait() {
        let mut failures = Failures::default();
        let got = waits(&mut failures, "anna", "192.0.2.1", 11, 5000);
        assert_eq!(got, [0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]);
        // From elsewhere it is the same user; another user there is not.
        assert!(failures.begin("anna", ip("198.51.100.1"), 5000).is_err());
        assert_eq!(failures.begin("bert", ip("198.51.100.1"), 5000), Ok(()));
        // Forgotten after a while.
        let mut failures = Failures::default();
        waits(&mut failures, "anna", "192.0.2.1", 5, 0);
        assert_eq!(waits(&mut failures, "anna", "192.0.2.1", 5, 2 * FORGET_MS), [0, 0, 0, 0, 1000]);
    }

    #[test]
    fn networks_are_slowed_whoever_they_try() {
        let check = |from: &dyn Fn(usize) -> String, want: Option<u64>| {
            let mut failures = Failures::default();
            for i in 0..11 {
                let outcome = failures.begin(&format!("user{i}"), ip(&from(i)), 0);
                assert_eq!(outcome, Ok(()), "{i}");
            }
            assert_eq!(failures.begin("anna", ip(&from(11)), 0).err(), want, "{}", from(0));
        };
        check(&|_| "192.0.2.1".to_owned(), Some(1000));
        check(&|_| "::ffff:192.0.2.1".to_owned(), Some(1000));
        check(&|i| format!("2001:db8::{i:x}:1"), Some(1000));
        check(&|i| format!("2001:db8:0:{i:x}::1"), None);
        check(&|i| format!("192.0.2.{i}"), None);
    }

    #[test]
    fn success_forgets_the_user_but_not_the_network() {
        let mut failures = Failures::default();
        let client = ip("192.0.2.1");
        for i in 0..10 {
            failures.begin(&format!("user{i}"), client, 0).expect("free");
        }
        for _ in 0..20 {
            assert_eq!(failures.begin("anna", client, 0), Ok(()));
            failures.succeeded("anna", client);
        }
        assert_eq!(failures.begin("mallory", client, 0), Ok(()));
        assert_eq!(failures.begin("anna", client, 0), Err(1000));
    }

    #[test]
    fn the_tables_are_bounded_and_keep_the_worst() {
        let mut failures = Failures::default();
        waits(&mut failures, "anna", "192.0.2.1", 5, 0);
        for i in 0..3 * MAX_FAILING as u32 {
            let client = IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + i));
            let _ = failures.begin(&format!("user{i}"), client, 1);
            assert!(failures.users.0.len() <= MAX_FAILING && failures.networks.0.len() <= MAX_FAILING);
        }
        assert!(failures.begin("anna", ip("198.51.100.1"), 1).is_err(), "anna is not forgotten for the others");
    }
}
