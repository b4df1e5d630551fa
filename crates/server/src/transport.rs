//! How a query came, and what that allows of its answer.

use crate::limits::{MAX_MESSAGE_SIZE, PLAIN_UDP_SIZE};

/// How a query came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

impl Transport {
    /// All of them, in the order of their numbers.
    pub const ALL: [Transport; 2] = [Transport::Udp, Transport::Tcp];

    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }

    /// Whether messages follow each other on a connection. If so, the client's address is its own, an answer may be
    /// large, and it may be several messages.
    #[inline]
    pub fn is_stream(self) -> bool {
        match self {
            Transport::Udp => false,
            Transport::Tcp => true,
        }
    }

    /// The largest response in bytes; `edns_size` is the smaller of what the client takes and what we send over
    /// datagrams, if the query has EDNS.
    #[inline]
    pub fn response_limit(self, edns_size: Option<u16>) -> usize {
        if self.is_stream() { MAX_MESSAGE_SIZE } else { usize::from(edns_size.unwrap_or(PLAIN_UDP_SIZE)) }
    }
}
