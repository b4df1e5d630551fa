//! The query log and the server's own log: files, syslog, dnstap, each read by the programs that people read them with.

#[path = "../common/mod.rs"]
mod common;
mod dnstap;
mod faults;
mod file;
mod syslog;
mod tools;
