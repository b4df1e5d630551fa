//! System calls that have no safe wrapper elsewhere. What is `unsafe` about sockets is here.

pub mod address;
pub mod datagrams;
pub mod options;
