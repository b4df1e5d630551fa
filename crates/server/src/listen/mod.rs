//! Sockets on which queries come in.

mod framing;
pub mod tcp;
pub mod udp;

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

use crate::transport::Transport;

/// Fails if somebody has `address` already: sockets that share a port do not notice.
///
/// # Errors
/// What the system says.
pub fn probe(address: SocketAddr, transport: Transport) -> io::Result<()> {
    let kind = match transport {
        Transport::Udp => Type::DGRAM,
        Transport::Tcp => Type::STREAM,
    };
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if transport.is_stream() {
        // Connections of a process that has ended do not hold the address.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())
}
