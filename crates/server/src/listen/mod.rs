//! Sockets on which queries come in.

pub mod udp;
