//! The control plane of Headwater: configuration, command line and, on top of the data plane, what runs a node.
#![forbid(unsafe_code)]

pub mod auth;
pub mod cli;
pub mod commit;
pub mod config;
pub mod control;
pub mod loader;
pub mod logging;
pub mod node;
mod privileges;
mod progress;
