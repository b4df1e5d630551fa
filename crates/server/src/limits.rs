//! Every bound of the data plane, by name.

use std::time::Duration;

/// The EDNS size of DNS flag day 2020: no fragments on any sane path, in octets.
pub const DEFAULT_UDP_SIZE: u16 = 1232;
/// Largest UDP response without EDNS, in octets (RFC 1035 4.2.1).
pub const PLAIN_UDP_SIZE: u16 = 512;
/// Largest UDP response whatever is configured, in octets.
pub const MAX_UDP_SIZE: u16 = 4096;
/// Largest message over a stream, in octets (RFC 1035 4.2.2).
pub const MAX_MESSAGE_SIZE: usize = 65_535;
/// Packets that one system call receives or sends.
pub const UDP_BATCH: usize = 32;
/// Kernel buffer asked for each UDP socket, in octets.
pub const UDP_SOCKET_BUFFER: usize = 4 << 20;
/// Stream connections in all.
pub const MAX_TCP_CONNECTIONS: usize = 20_000;
/// Stream connections of one client address (an IPv6 client is its /64).
pub const MAX_TCP_PER_CLIENT: usize = 2_000;
/// A connection that says nothing for this long is closed (RFC 7766 6.2.3).
pub const TCP_IDLE: Duration = Duration::from_secs(10);
/// The same when more than half of all connections are taken.
pub const TCP_IDLE_BUSY: Duration = Duration::from_secs(2);
/// Octets of NSID that fit into every response.
pub const MAX_NSID: usize = 64;
