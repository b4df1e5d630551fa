//! The validator over small signed zones.

mod absence;
mod internet;
mod large;
mod lies;
mod limits;
mod outages;
mod positive;
mod private;
mod questions;
mod reach;
mod unsigned;
mod world;
mod wrong;
mod zone;
