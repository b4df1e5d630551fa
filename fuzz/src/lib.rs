//! Random input against everything that reads what comes from outside: messages, zone files, queries,
//! record data, updates, transfers, signatures, proofs, replies of name servers, the journal's events. Inputs are mutations of seeds from `testdata`; one that leads to an outcome not seen
//! before becomes a seed itself. `headwater-fuzz` runs this for as long as wanted, a test for a moment.

mod mutate;
mod run;
mod targets;

pub use run::{Failure, Options, Report, run};
pub use targets::{NAMES, Target, by_name};
