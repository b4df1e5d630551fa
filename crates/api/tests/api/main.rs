//! The API over HTTP on loopback, over a node whose journal is in memory.

mod access;
mod anomalies;
mod cache;
mod guide;
mod history;
mod house;
mod keys;
mod nodes;
mod policy;
mod protocol;
mod queries;
mod records;
mod search;
mod streams;
mod unknown;
