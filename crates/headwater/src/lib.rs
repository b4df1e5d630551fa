//! The control plane of Headwater: configuration, command line and, on top of the data plane, what runs a node.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
