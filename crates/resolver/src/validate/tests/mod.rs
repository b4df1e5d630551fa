//! The validator over small signed zones.

mod absence;
mod lies;
mod limits;
mod positive;
mod unsigned;
mod world;
mod wrong;
mod zone;
