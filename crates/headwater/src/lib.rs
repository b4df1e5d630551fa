//! The binary's library: command line, control socket, and the API, on top of what runs a node.
#![forbid(unsafe_code)]

pub mod cli;
pub mod control;
pub mod logging;
mod privileges;
mod security_events;
mod systemd;
