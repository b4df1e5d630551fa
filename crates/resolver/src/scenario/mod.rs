//! Scenarios: resolver tests as data, in the replay format of Unbound's testbound that Deckard uses too.
//!
//! `headwater debug scenario` and the tests run them on [`crate::sim`]. [`parse`] reads a file, [`script`] plays its
//! servers, [`run`] goes through its steps. What of the format is understood stands in docs/guide/scenarios.md.

pub mod client;
pub mod config;
pub mod entry;
pub mod parse;
pub mod run;
pub mod script;
pub mod text;

use crate::sim::Sim;

use parse::Problem;
use run::{Failure, Runner};
use script::Script;

/// What came of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything went as the scenario says.
    Pass,
    /// Something did not.
    Fail {
        /// At which step; 0 if the file cannot be read.
        step: u64,
        /// What was wanted and what came.
        why: String,
    },
    /// The scenario is about what we do not have.
    Skip {
        /// What that is.
        why: String,
    },
}

/// Random numbers come from here, always the same.
const SEED: u64 = 1;

/// Runs the scenario in `source`, the content of a file, in virtual time.
pub fn run(source: &str) -> Verdict {
    match try_run(source) {
        Ok(()) => Verdict::Pass,
        Err(End::Problem(Problem::Skip(why))) => Verdict::Skip { why },
        Err(End::Problem(Problem::Bad { line, what })) => Verdict::Fail { step: 0, why: format!("line {line}: {what}") },
        Err(End::Failure(Failure { step, why })) => Verdict::Fail { step, why },
    }
}

enum End {
    Problem(Problem),
    Failure(Failure),
}

fn try_run(source: &str) -> Result<(), End> {
    let scenario = parse::parse(source).map_err(End::Problem)?;
    let sim = Sim::new(Script::new(&scenario), SEED, scenario.config.unix_s);
    let ask = client::resolver(&scenario.config, sim.clone()).map_err(End::Problem)?;
    let result = Runner::new(&scenario, sim.clone(), ask).run();
    sim.shut_down();
    result.map_err(End::Failure)
}
