//! What a list would block, before it is switched on.

use std::net::IpAddr;
use std::sync::Arc;

use dns::question::HashedName;
use dns::{NameBuf, NameHasher, RType};
use policy::blocking::engine::{Engine, Matcher};
use policy::blocking::index::Index;
use policy::{Action, Effect, ListId, ListSet, Who};

use super::Policing;
use super::compile::{Input, InputText, compile};

/// A list to be tried.
#[derive(Debug, Clone)]
pub enum Tried {
    /// This text.
    Text(String),
    /// What is kept of the list of this name, be it on or off.
    List(String),
}

/// Why a list cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// There is none of this name.
    #[error("there is no text of a list {0}")]
    NoText(String),
    /// Its text cannot be used.
    #[error("{0}")]
    Unusable(String),
}

/// A list by itself, without any other list or rule.
#[derive(Debug)]
pub struct Simulation {
    engine: Engine,
    hasher: NameHasher,
    /// Names in it.
    pub names: u64,
    /// Rules that are more than a name.
    pub rules: u64,
}

impl Policing {
    /// Makes a list for trying; this reads all of it.
    ///
    /// # Errors
    /// [`SimulationError`].
    pub fn simulation(&self, tried: Tried) -> Result<Simulation, SimulationError> {
        let unusable = |error: &dyn std::fmt::Display| SimulationError::Unusable(error.to_string());
        let (format, text) = match tried {
            Tried::Text(text) => (None, InputText::Here(text.into())),
            Tried::List(name) => {
                let plan = self.plan();
                let list = plan.lists.iter().find(|list| list.subscription.id == name);
                let text = self.lists.text(&name).ok_or(SimulationError::NoText(name))?;
                (list.and_then(|list| list.format), InputText::Kept(text))
            }
        };
        let (hasher, list) = (self.shared.hasher, ListId(0));
        let input = Input { list, format, text };
        let compiled = compile(Index::empty(hasher), &[input], &mut |_| {}).map_err(|error| unusable(&error))?;
        if let Some((_, problem)) = compiled.problems.first() {
            return Err(unusable(problem));
        }
        let (names, rules) = (compiled.index.names() as u64, compiled.matcher.len() as u64);
        let matchers = vec![compiled.matcher as Arc<dyn Matcher>];
        let engine = Engine::new(vec![compiled.index], matchers, [], &Action::Null);
        Ok(Simulation { engine, hasher, names, rules })
    }
}

impl Simulation {
    /// Whether the list by itself would block a question of `client`, or answer it otherwise.
    pub fn blocks(&self, name: &NameBuf, qtype: RType, client: IpAddr) -> bool {
        let mut hashed = HashedName::default();
        hashed.set(name, self.hasher);
        let who = Who { address: client, device: None, tags: &[], lists: &ListSet::ALL };
        let decision = self.engine.decide(&hashed, qtype, &who);
        decision.is_some_and(|decision| matches!(decision.effect, Effect::Block(_) | Effect::Rewrite(_)))
    }
}
