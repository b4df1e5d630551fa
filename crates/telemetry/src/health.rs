//! Health: what is checked now and then, the last result of each check, and since when it is so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::locked::lock;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Ok,
    /// Somebody should look after it.
    Warn,
    /// The server does not do what it is for, or others suffer already.
    Fail,
}

impl State {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it is.
    pub state: State,
    /// What was seen.
    pub reason: String,
    /// What to do about it; empty if nothing is.
    pub advice: String,
    /// The server should get no queries: it cannot answer them.
    pub is_useless: bool,
}

impl Finding {
    /// All is well; `reason` says what was seen.
    pub fn ok(reason: impl Into<String>) -> Finding {
        Finding::new(State::Ok, reason.into(), String::new())
    }

    /// Somebody should look after it.
    pub fn warn(reason: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(State::Warn, reason.into(), advice.into())
    }

    /// The server does not do what it is for: whoever can ask another one should.
    pub fn fail(reason: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { is_useless: true, ..Finding::new(State::Fail, reason.into(), advice.into()) }
    }

    /// Somebody has to look after it now, while the server answers as well as it can: another one would not answer better.
    pub fn alarm(reason: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(State::Fail, reason.into(), advice.into())
    }

    fn new(state: State, reason: String, advice: String) -> Finding {
        Finding { state, reason, advice, is_useless: false }
    }
}

/// The last result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is checked.
    pub name: &'static str,
    /// When its state became what it is, in milliseconds since 1970.
    pub since_ms: u64,
    /// What was found.
    pub finding: Finding,
}

/// The last results of all checks, for many readers.
#[derive(Debug, Clone, Default)]
pub struct Board {
    checks: Arc<Mutex<BTreeMap<&'static str, Check>>>,
}

impl Board {
    /// Takes a result; returns the state before, if it is another one now.
    pub fn report(&self, name: &'static str, finding: Finding, now_ms: u64) -> Option<State> {
        let mut checks = lock(&self.checks);
        let before = checks.get(name).map(|check| (check.finding.state, check.since_ms));
        let since_ms = before.filter(|(state, _)| *state == finding.state).map_or(now_ms, |(_, since_ms)| since_ms);
        let changed = before.map_or(State::Ok, |(state, _)| state);
        let changed = (changed != finding.state).then_some(changed);
        checks.insert(name, Check { name, since_ms, finding });
        changed
    }

    /// All checks by name, as they are now.
    pub fn checks(&self) -> Vec<Check> {
        lock(&self.checks).values().cloned().collect()
    }

    /// Names of the checks that fail, at most `most`.
    pub fn failing(&self, most: usize) -> Vec<&'static str> {
        let checks = lock(&self.checks);
        let failing = checks.values().filter(|check| check.finding.state == State::Fail);
        failing.map(|check| check.name).take(most).collect()
    }

    /// Whether the server can answer: no check says that it is of no use.
    pub fn is_ready(&self) -> bool {
        !lock(&self.checks).values().any(|check| check.finding.is_useless)
    }

    /// The worst state.
    pub fn state(&self) -> State {
        lock(&self.checks).values().map(|check| check.finding.state).max().unwrap_or(State::Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_lasts_as_long_as_it_is_the_same() {
        let board = Board::default();
        assert_eq!(board.state(), State::Ok);
        assert_eq!(board.report("disk", Finding::ok("free"), 10), None);
        assert_eq!(board.report("disk", Finding::warn("little", "make room"), 20), Some(State::Ok));
        assert_eq!(board.report("disk", Finding::warn("less", "make room"), 30), None);
        assert_eq!(board.report("clock", Finding::fail("in the past", "set it"), 30), Some(State::Ok));
        let checks = board.checks();
        assert_eq!(
            checks.iter().map(|check| (check.name, check.since_ms)).collect::<Vec<_>>(),
            [("clock", 30), ("disk", 20)]
        );
        assert_eq!((checks[1].finding.reason.as_str(), board.state()), ("less", State::Fail));
        assert!(!board.is_ready());
        assert_eq!(board.report("clock", Finding::ok("right"), 40), Some(State::Fail));
        assert_eq!((board.state(), board.is_ready()), (State::Warn, true));
        board.report("signing", Finding::alarm("a parent is wrong", "have it changed"), 50);
        assert_eq!((board.state(), board.is_ready()), (State::Fail, true), "others suffer; no other server is better");
    }
}
