//! How many stream connections there are, in all and of each client; shared by all workers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::limits::TcpLimits;

/// Each guards a share of the clients, so that workers seldom wait for each other.
const SHARDS: usize = 16;

/// A client as far as limits go: an IPv4 address, or the /64 of an IPv6 address, which is what one
/// subscriber has at least (RFC 6177 2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Client {
        match address.to_canonical() {
            IpAddr::V4(v4) => Client::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Client::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

impl Client {
    fn shard(self) -> usize {
        let sum = |octets: &[u8]| octets.iter().fold(0, |sum: usize, &octet| sum.wrapping_mul(31) + usize::from(octet));
        match self {
            Client::V4(octets) => sum(&octets) % SHARDS,
            Client::V6(octets) => sum(&octets) % SHARDS,
        }
    }
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There are too many in all.
    Full,
    /// The client has too many.
    Client,
}

/// The limits that can change while connections are open; durations in microseconds.
struct Current {
    connections: AtomicUsize,
    per_client: AtomicUsize,
    idle_us: AtomicU64,
    idle_busy_us: AtomicU64,
    streams: AtomicUsize,
}

impl From<&TcpLimits> for Current {
    fn from(limits: &TcpLimits) -> Current {
        let us = |duration: Duration| AtomicU64::new(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        Current {
            connections: AtomicUsize::new(limits.connections),
            per_client: AtomicUsize::new(limits.per_client),
            idle_us: us(limits.idle),
            idle_busy_us: us(limits.idle_busy),
            streams: AtomicUsize::new(limits.streams),
        }
    }
}

impl Default for Current {
    fn default() -> Current {
        Current::from(&TcpLimits::default())
    }
}

/// Counts connections against [`TcpLimits`]. All listeners of a server share one.
#[derive(Default)]
pub struct ConnectionLimits {
    /// Those that stay.
    limits: TcpLimits,
    /// Those that a reload changes.
    current: Current,
    open: AtomicUsize,
    clients: [Mutex<HashMap<Client, usize>>; SHARDS],
}

impl ConnectionLimits {
    /// No connections yet, and these limits.
    pub fn new(limits: TcpLimits) -> ConnectionLimits {
        ConnectionLimits { limits, current: Current::from(&limits), ..ConnectionLimits::default() }
    }

    /// The limits.
    #[inline]
    pub fn limits(&self) -> TcpLimits {
        let Current { connections, per_client, idle_us, idle_busy_us, streams } = &self.current;
        TcpLimits {
            connections: connections.load(Ordering::Relaxed),
            per_client: per_client.load(Ordering::Relaxed),
            idle: Duration::from_micros(idle_us.load(Ordering::Relaxed)),
            idle_busy: Duration::from_micros(idle_busy_us.load(Ordering::Relaxed)),
            streams: streams.load(Ordering::Relaxed),
            ..self.limits
        }
    }

    /// Has `limits` count from now on: those of connections, how long they may be idle, and transfers. Connections that
    /// are open stay.
    pub fn change(&self, limits: &TcpLimits) {
        let new = Current::from(limits);
        self.current.connections.store(new.connections.into_inner(), Ordering::Relaxed);
        self.current.per_client.store(new.per_client.into_inner(), Ordering::Relaxed);
        self.current.idle_us.store(new.idle_us.into_inner(), Ordering::Relaxed);
        self.current.idle_busy_us.store(new.idle_busy_us.into_inner(), Ordering::Relaxed);
        self.current.streams.store(new.streams.into_inner(), Ordering::Relaxed);
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// More than half of all connections are taken.
    pub(super) fn is_busy(&self) -> bool {
        self.open() > self.current.connections.load(Ordering::Relaxed) / 2
    }

    /// Takes note of a connection of `client`, if one more is allowed.
    pub(super) fn enter(&self, client: IpAddr) -> Result<(), Refusal> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.current.connections.load(Ordering::Relaxed) {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::Full);
        }
        let client = Client::from(client);
        let mut clients = self.shard(client);
        let count = clients.entry(client).or_insert(0);
        if *count >= self.current.per_client.load(Ordering::Relaxed).max(1) {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::Client);
        }
        *count += 1;
        Ok(())
    }

    /// Takes note that a connection of `client` that [`ConnectionLimits::enter`] allowed is closed.
    pub(super) fn leave(&self, client: IpAddr) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        let client = Client::from(client);
        let mut clients = self.shard(client);
        if let Some(count) = clients.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&client);
            }
        }
    }

    /// A count is changed in one step, so a panic elsewhere leaves nothing half done.
    fn shard(&self, client: Client) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.clients[client.shard()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets `clients` in one after the other, at most 4 in all and 2 of each; `want` has `+` for who
    /// came in, `f` for full, `c` for a client with too many.
    fn check(clients: &str, want: &str) {
        let limits = ConnectionLimits::new(TcpLimits { connections: 4, per_client: 2, ..TcpLimits::default() });
        let (mut entered, mut got) = (Vec::new(), String::new());
        for client in clients.split(' ').map(|client| client.parse::<IpAddr>().expect("an address")) {
            got.push(match limits.enter(client) {
                Ok(()) => '+',
                Err(Refusal::Full) => 'f',
                Err(Refusal::Client) => 'c',
            });
            entered.extend(got.ends_with('+').then_some(client));
            assert_eq!(limits.open(), entered.len(), "{clients}");
        }
        assert_eq!(got, want, "{clients}");
        entered.into_iter().for_each(|client| limits.leave(client));
        assert_eq!(limits.open(), 0);
        assert!(limits.clients.iter().all(|shard| shard.lock().expect("not poisoned").is_empty()), "{clients}");
    }

    #[test]
    fn a_change_counts_from_then_on() {
        let client = || "192.0.2.1".parse().expect("an address");
        let limits = ConnectionLimits::new(TcpLimits { connections: 4, per_client: 2, ..TcpLimits::default() });
        assert_eq!((limits.enter(client()), limits.enter(client())), (Ok(()), Ok(())));
        let idle = Duration::from_millis(700);
        limits.change(&TcpLimits { connections: 3, per_client: 3, idle, ..TcpLimits::default() });
        assert_eq!(limits.limits().idle, idle);
        assert_eq!((limits.enter(client()), limits.enter(client())), (Ok(()), Err(Refusal::Full)));
        limits.change(&TcpLimits { connections: 1, ..TcpLimits::default() });
        assert_eq!((limits.open(), limits.enter(client())), (3, Err(Refusal::Full)), "those that are open stay");
    }

    #[test]
    fn clients_are_counted_apart() {
        check("192.0.2.1 192.0.2.1 192.0.2.1", "++c");
        check("192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5", "++++f");
        check("192.0.2.1 192.0.2.1 192.0.2.1 192.0.2.2", "++c+");
        // An IPv4 client is the same when it comes through an IPv6 socket.
        check("192.0.2.1 ::ffff:192.0.2.1 192.0.2.1", "++c");
        // All of a /64 is one client.
        check("2001:db8::1 2001:db8::2 2001:db8::3 2001:db8:0:1::1", "++c+");
    }
}
