//! The validator over small signed zones.

mod absence;
mod internet;
mod large;
mod lies;
mod limits;
mod positive;
mod questions;
mod reach;
mod unsigned;
mod world;
mod wrong;
mod zone;
