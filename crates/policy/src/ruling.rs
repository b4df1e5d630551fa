//! What the data plane asks of the rules, and what they say: the seam between lists and the path of a query.

use std::net::IpAddr;
use std::sync::Arc;

use dns::RType;
use dns::question::HashedName;

use crate::action::{Action, Rewrite, RuleRef};
use crate::rpz::{Looks, Stage};

/// What was done with a question because of a rule, as its record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// A rule allowed it that others would have blocked.
    Allowed,
    /// It was blocked.
    Blocked,
    /// It got the answer that a rule spells out.
    Rewritten,
    /// It would have been blocked, but the rules are only tried out.
    Tried,
}

impl Did {
    /// All of them, in the order of their numbers.
    pub const ALL: [Did; 4] = [Did::Allowed, Did::Blocked, Did::Rewritten, Did::Tried];

    /// Its word in logs and filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Did::Allowed => "allowed",
            Did::Blocked => "blocked",
            Did::Rewritten => "rewritten",
            Did::Tried => "tried",
        }
    }
}

/// What the record of an answer says of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// What was done.
    pub did: Did,
    /// The rule that decided.
    pub rule: RuleRef,
    /// The number of the client's group.
    pub group: u8,
}

/// What is answered because of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What would be answered without rules.
    Pass,
    /// This.
    Act(Action),
    /// These records, or what the alias leads to.
    Records(Arc<Rewrite>),
}

/// What the rules say of a question, or of a name or address in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What is answered.
    pub outcome: Outcome,
    /// For the record.
    pub mark: Mark,
    /// Seconds that a blocked answer may be kept.
    pub ttl: u32,
    /// The reason that a blocked answer gives: 15 to 17 (RFC 8914 4.16 to 4.18).
    pub info: u16,
    /// Whether the record of the answer gets the mark.
    pub log: bool,
}

impl Ruling {
    /// What the record of the answer says.
    pub fn record(&self) -> Option<Mark> {
        self.log.then_some(self.mark)
    }

    /// Whether others are asked all the same: the rule is only tried out.
    pub fn is_trial(&self) -> bool {
        self.mark.did == Did::Tried
    }
}

/// A question that rules are asked about.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The name that was asked for.
    pub name: &'a HashedName,
    /// The type that was asked for.
    pub qtype: RType,
    /// Who asks.
    pub client: IpAddr,
    /// DO: the client may validate the answer.
    pub dnssec_ok: bool,
    /// The answer is known to have signatures ([`Looks::signatures`]).
    pub signed: bool,
}

/// Rules as the path of a query sees them: an immutable snapshot that all threads share. Nothing here waits or allocates.
pub trait Rules: Send + Sync {
    /// What they say of a question. `None` as well where it takes the answer to say it.
    fn name(&self, asked: &Asked<'_>) -> Option<Ruling>;

    /// What they say of a name that the answer to a question is about: the name of the question (number 0), or an alias
    /// of it.
    fn answer(&self, asked: &Asked<'_>, stage: &Stage<'_>, number: usize) -> Option<Ruling>;

    /// What they look at in answers: nothing else is gathered.
    fn looks(&self) -> Looks;

    /// Tells `fetch` the memory that [`Rules::name`] will read for a name: first what decides whether there is more to
    /// read (stage 0), then that (stage 1).
    fn memory_of(&self, name: &HashedName, stage: usize, fetch: &mut dyn FnMut(*const u8));
}
