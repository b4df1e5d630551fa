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
pub const UDP_BATCH: usize = 16;
/// Kernel buffer asked for each UDP socket unless another is configured, in octets.
pub const UDP_SOCKET_BUFFER: usize = 4 << 20;
/// Stream connections in all, unless configured, as the next two.
pub const MAX_TCP_CONNECTIONS: usize = 20_000;
/// Stream connections of one client address (an IPv6 client is its /64).
pub const MAX_TCP_PER_CLIENT: usize = 2_000;
/// A connection on which nothing is completed for this long is closed (RFC 7766 6.2.3): no message
/// came in whole, or what was answered was not taken.
pub const TCP_IDLE: Duration = Duration::from_secs(10);
/// The same when more than half of all connections are taken.
pub const TCP_IDLE_BUSY: Duration = Duration::from_secs(2);
/// When all connections are taken, one that is idle for this long makes room for a new one.
pub const TCP_EVICT: Duration = Duration::from_millis(500);
/// After `stop`, clients have this long to take their last answers.
pub const TCP_DRAIN: Duration = Duration::from_secs(2);
/// Accepting pauses this long when the system has no more file descriptors.
pub const TCP_ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that one listener accepts before others get their turn.
pub const TCP_ACCEPT_BATCH: usize = 64;
/// Connections waiting to be accepted, per listener; the system may have a lower limit.
pub const TCP_BACKLOG: i32 = 4096;
/// Octets that one worker reads at once: room for a whole message behind the start of another.
pub const TCP_INPUT: usize = 2 * (MAX_MESSAGE_SIZE + 2);
/// Responses are handed to the system when this many octets have come together.
pub const TCP_OUTPUT: usize = 64 << 10;
/// Octets that one worker keeps for its connections: incomplete messages, answers that clients do not take.
pub const MAX_TCP_PENDING: usize = 64 << 20;
/// Messages of one connection that the control plane has at once; beyond it the connection is not read.
pub const TCP_OUTSTANDING: usize = 64;
/// The control plane has this long to answer a message; then its connection is closed.
pub const TCP_ANSWER: Duration = Duration::from_secs(60);
/// Zone transfers that one worker sends at once, waiting ones included; beyond it they get SERVFAIL.
pub const TCP_STREAMS: usize = 100;
/// Octets of a zone transfer that are made and sent before others get their turn.
pub const TCP_STREAM_TURN: usize = 128 << 10;
/// Messages that the control plane has at once from one worker; beyond it they get SERVFAIL.
pub const MAX_HANDED_OVER: usize = 8192;
/// Octets of these messages.
pub const MAX_HANDED_OVER_OCTETS: usize = 64 << 20;
/// Octets of NSID that fit into every response.
pub const MAX_NSID: usize = 64;

/// UDP sockets to other servers that one thread has open at once, for each source address and family: replies to a
/// question are guessed among so many ports, which change all the time.
pub const UPSTREAM_SOCKETS: usize = 64;
/// A socket to other servers is replaced after so many questions.
pub const UPSTREAM_SOCKET_QUERIES: u32 = 2_000;
/// It is replaced when it is that old, in microseconds.
pub const UPSTREAM_SOCKET_AGE_US: u64 = 20_000_000;
/// Ports that are tried for a socket before the system chooses one.
pub const UPSTREAM_PORT_TRIES: usize = 16;
/// Ports below it are never sent from.
pub const UPSTREAM_MIN_PORT: u16 = 1024;
/// Kernel buffer asked for each socket to other servers, in octets.
pub const UPSTREAM_SOCKET_BUFFER: usize = 1 << 20;
/// Datagrams to or from other servers that one system call takes.
pub const UPSTREAM_BATCH: usize = 32;
/// System calls that empty one socket before others get their turn.
pub const UPSTREAM_READS: usize = 8;
/// Largest datagram that is taken from another server, in octets; what is larger is passed over.
pub const UPSTREAM_DATAGRAM: usize = 4096;
/// Questions to other servers that one thread has on the way, and pauses; beyond it they are refused.
pub const MAX_UPSTREAM_WAITS: usize = 100_000;
/// Questions to other servers over streams that are on the way, in all.
pub const MAX_STREAM_EXCHANGES: usize = 4096;
/// Connections to other servers, in all.
pub const MAX_UPSTREAM_STREAMS: usize = 1000;
/// Connections to one server.
pub const UPSTREAM_STREAMS_PER_SERVER: usize = 4;
/// Questions on the way on one connection to another server.
pub const UPSTREAM_PIPELINE: usize = 100;
/// A connection to another server on which nothing is asked for this long is closed.
pub const UPSTREAM_STREAM_IDLE: Duration = Duration::from_secs(10);
/// Questions of clients that wait for one resolver thread to take them; beyond it they get SERVFAIL.
pub const MAX_RESOLVER_QUEUE: usize = 16_384;
/// Steps of resolutions that a resolver thread makes before it looks at its sockets.
pub const RESOLVER_STEPS: usize = 4096;
/// After `stop`, resolutions under way have this long to end.
pub const RESOLVER_DRAIN: Duration = Duration::from_millis(500);
/// Octets of text that an extended error may have (RFC 8914).
pub const MAX_EXTRA_TEXT: usize = 200;

/// The limits of stream connections that can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpLimits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client address, at least 1; an IPv6 client is its /64.
    pub per_client: usize,
    /// A connection on which nothing is completed for this long is closed.
    pub idle: Duration,
    /// The same when more than half of all connections are taken.
    pub idle_busy: Duration,
    /// How long a connection has been idle that may make room for a new one.
    pub evict: Duration,
    /// How long clients have after `stop` to take their last answers.
    pub drain: Duration,
    /// Octets that one worker keeps for its connections.
    pub pending: usize,
    /// Messages of one connection that the control plane has at once.
    pub outstanding: usize,
    /// How long the control plane has to answer a message.
    pub answer: Duration,
    /// Zone transfers that one worker sends at once.
    pub streams: usize,
}

impl Default for TcpLimits {
    fn default() -> TcpLimits {
        TcpLimits {
            connections: MAX_TCP_CONNECTIONS,
            per_client: MAX_TCP_PER_CLIENT,
            idle: TCP_IDLE,
            idle_busy: TCP_IDLE_BUSY,
            evict: TCP_EVICT,
            drain: TCP_DRAIN,
            pending: MAX_TCP_PENDING,
            outstanding: TCP_OUTSTANDING,
            answer: TCP_ANSWER,
            streams: TCP_STREAMS,
        }
    }
}
