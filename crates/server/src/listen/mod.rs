//! Sockets on which queries come in.

pub mod tcp;
pub mod udp;
