//! Scenarios: resolver tests as data, in the replay format of Unbound's testbound that Deckard uses too.
//!
//! `headwater debug scenario` and the tests run them on [`crate::sim`]. [`parse`] reads a file, [`script`] plays its
//! servers, [`mod@run`] goes through its steps. What of the format is understood stands in docs/guide/scenarios.md.

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

/// Where random numbers come from if nothing else is said: a scenario always runs the same.
pub const SEED: u64 = 1;

/// Runs the scenario in `source`, the content of a file, in virtual time.
pub fn run(source: &str) -> Verdict {
    run_logged(source, SEED).0
}

/// Runs a scenario with random numbers from `seed`, and tells what was sent.
pub fn run_logged(source: &str, seed: u64) -> (Verdict, Vec<String>) {
    let scenario = match parse::parse(source) {
        Ok(scenario) => scenario,
        Err(problem) => return (unable(problem), Vec::new()),
    };
    let sim = Sim::new(Script::new(&scenario), seed, scenario.config.unix_s);
    let ask = match client::resolver(&scenario.config, sim.clone()) {
        Ok(ask) => ask,
        Err(problem) => return (unable(problem), Vec::new()),
    };
    let result = Runner::new(&scenario, sim.clone(), ask).run();
    sim.shut_down();
    let log = std::mem::take(&mut sim.network_mut().log);
    match result {
        Ok(()) => (Verdict::Pass, log),
        Err(Failure { step, why }) => (Verdict::Fail { step, why }, log),
    }
}

fn unable(problem: Problem) -> Verdict {
    match problem {
        Problem::Skip(why) => Verdict::Skip { why },
        Problem::Bad { line, what } => Verdict::Fail { step: 0, why: format!("line {line}: {what}") },
    }
}
