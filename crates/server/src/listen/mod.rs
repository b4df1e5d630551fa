//! Sockets on which queries come in.

mod framing;
pub mod tcp;
pub mod udp;
