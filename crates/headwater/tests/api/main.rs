//! The API over HTTP on loopback, with a node in memory.

mod access;
mod cache;
mod fake;
mod guide;
mod history;
mod house;
mod protocol;
mod records;
mod streams;
mod unknown;
