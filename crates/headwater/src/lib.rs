//! The control plane of Headwater: configuration, command line and, on top of the data plane, what runs a node.
#![forbid(unsafe_code)]

pub mod api;
pub mod auth;
pub mod backend;
pub mod cli;
pub mod clock;
pub mod commit;
pub mod config;
pub mod control;
mod data_dir;
pub mod ddns;
pub mod doors;
pub mod durable;
pub mod files;
pub mod keeper;
pub mod listeners;
pub mod loader;
pub mod logging;
pub mod lookups;
pub mod new_zone;
pub mod node;
pub mod notify;
mod privileges;
mod progress;
mod recent;
mod recursion;
mod secondary;
mod trust;
mod web;
