//! The resolver in a world that is not real: fake servers, virtual time, random numbers from a seed.
//!
//! [`Sim`] implements [`resolver::Upstream`] over a [`FakeNetwork`]; tests of the resolver run whole topologies on it.
//! [`scenario`] runs scenario files on it, for `headwater debug scenario` and the tests.
#![forbid(unsafe_code)]

pub mod scenario;
mod sim;

pub use sim::{Delivery, FakeNetwork, Sim};
