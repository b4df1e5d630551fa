//! The validator over small signed zones.

mod absence;
mod limits;
mod positive;
mod unsigned;
mod world;
mod wrong;
mod zone;
