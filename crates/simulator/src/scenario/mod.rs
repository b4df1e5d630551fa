//! Scenarios: resolver tests as data, in the replay format of Unbound's testbound that Deckard uses too.
//!
//! `headwater debug scenario` and the tests run them on [`crate::Sim`]. [`parse`] reads a file, [`script`] plays its
//! servers, `run` goes through its steps. What of the format is understood stands in docs/guide/scenarios.md.

pub mod client;
pub mod config;
pub mod entry;
pub mod parse;
pub mod problem;
mod run;
pub mod script;
pub mod text;

use crate::Sim;

use parse::Scenario;
use problem::Problem;
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

/// What becomes of a scenario in which servers are asked what it has no entry and no step for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unscripted {
    /// It fails: the resolver asked more than it needs, or something else. Deckard and testbound do so, too.
    Fails,
    /// It passes if everything else is as it says.
    Passes,
}

/// Runs the scenario in `source`, the content of a file, in virtual time, with random numbers from `seed`; tells what
/// was sent.
pub fn run(source: &str, seed: u64, unscripted: Unscripted) -> (Verdict, Vec<String>) {
    let mut scenario = match parse::parse(source) {
        Ok(scenario) => scenario,
        Err(problem) => return (unable(problem), Vec::new()),
    };
    match play(&scenario, seed, unscripted) {
        // It was written for a resolver that does not minimise.
        Played::Unscripted(..) if scenario.config.qname_minimisation.is_none() => {
            scenario.config.qname_minimisation = Some(false);
            play(&scenario, seed, unscripted).end()
        }
        played => played.end(),
    }
}

/// What came of one run.
enum Played {
    /// This.
    End(Verdict, Vec<String>),
    /// It failed for nothing but messages that the scenario does not script.
    Unscripted(Verdict, Vec<String>),
}

impl Played {
    fn end(self) -> (Verdict, Vec<String>) {
        let (Played::End(verdict, log) | Played::Unscripted(verdict, log)) = self;
        (verdict, log)
    }
}

fn play(scenario: &Scenario, seed: u64, unscripted: Unscripted) -> Played {
    let sim = Sim::new(Script::new(scenario), seed, scenario.config.unix_s);
    let ask = match client::resolver(&scenario.config, sim.clone()) {
        Ok(ask) => ask,
        Err(problem) => return Played::End(unable(problem), Vec::new()),
    };
    let result = Runner::new(scenario, sim.clone(), ask, unscripted).run();
    sim.shut_down();
    let log = std::mem::take(&mut sim.network_mut().log);
    match result {
        Ok(()) => Played::End(Verdict::Pass, log),
        Err(Failure { step, why, unscripted: true }) => Played::Unscripted(Verdict::Fail { step, why }, log),
        Err(Failure { step, why, .. }) => Played::End(Verdict::Fail { step, why }, log),
    }
}

fn unable(problem: Problem) -> Verdict {
    match problem {
        Problem::Skip(why) => Verdict::Skip { why },
        Problem::Bad { line, what } => Verdict::Fail { step: 0, why: format!("line {line}: {what}") },
    }
}
