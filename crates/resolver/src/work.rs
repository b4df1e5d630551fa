//! Counts the work of one client question and of every question that it leads to, against the limits.

use std::cell::Cell;
use std::rc::Rc;

use crate::limits::Limits;
use crate::security::Reason;
use crate::trace::Trace;
use crate::validate::Budget;

/// What is left of the limits of one question of a client, shared by all questions it leads to.
#[derive(Debug)]
pub struct Work {
    /// When the resolution began, in microseconds.
    pub began_us: u64,
    /// Messages to other servers.
    exchanges: Cell<u32>,
    /// Lookups of name servers' addresses.
    name_server_lookups: Cell<u32>,
    /// Signatures and hashes.
    pub validation: Budget,
}

/// Which limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// [`Limits::exchanges`].
    #[error("more than {0} messages to other servers (limit `exchanges`)")]
    Exchanges(u32),
    /// [`Limits::name_server_lookups`].
    #[error("more than {0} lookups of name server addresses (limit `name_server_lookups`)")]
    NameServerLookups(u32),
    /// [`Limits::depth`].
    #[error("questions depend on one another more than {0} levels deep (limit `depth`)")]
    Depth(u32),
    /// The time for the question is over.
    #[error("not resolved within {0} ms (`resolver.query_timeout_ms` is how long clients wait)")]
    Time(u64),
}

impl From<Exceeded> for Reason {
    fn from(exceeded: Exceeded) -> Reason {
        let code = match exceeded {
            Exceeded::Time(_) => dns::edns::ede::NO_REACHABLE_AUTHORITY,
            _ => dns::edns::ede::OTHER,
        };
        Reason::limit(code, exceeded.to_string())
    }
}

impl Work {
    /// The whole of the limits.
    pub fn new(limits: &Limits, began_us: u64) -> Work {
        let (exchanges, lookups) = (limits.exchanges, limits.name_server_lookups);
        Work {
            began_us,
            exchanges: Cell::new(exchanges),
            name_server_lookups: Cell::new(lookups),
            validation: Budget::new(limits),
        }
    }

    /// One more message to another server.
    pub fn exchange(&self, limits: &Limits) -> Result<(), Exceeded> {
        spend(&self.exchanges).ok_or(Exceeded::Exchanges(limits.exchanges))
    }

    /// One more lookup of a name server's addresses.
    pub fn name_server_lookup(&self, limits: &Limits) -> Result<(), Exceeded> {
        spend(&self.name_server_lookups).ok_or(Exceeded::NameServerLookups(limits.name_server_lookups))
    }
}

fn spend(left: &Cell<u32>) -> Option<()> {
    left.set(left.get().checked_sub(1)?);
    Some(())
}

/// What had changed when a question came. What was begun before is not joined: it may have seen what was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moment {
    /// How many changes the cache had been told of ([`crate::cache::Cache::changes_told`]).
    pub changes: u64,
    /// The version of our own zones that has to be seen at least; 0: any.
    pub zones: u64,
}

/// The circumstances of a question.
#[derive(Debug, Clone)]
pub struct Context {
    /// What it may still cost.
    pub work: Rc<Work>,
    /// When it is given up, in microseconds.
    pub deadline_us: u64,
    /// What had changed when it came.
    pub moment: Moment,
    /// How many questions led to it.
    pub depth: u32,
    /// The flight that it is part of, 0 for none.
    pub flight: u64,
    /// Whoever asks judges for himself (CD): that others could not validate it is no answer.
    pub checking_disabled: bool,
    /// Who looks on.
    pub trace: Trace,
}

impl Context {
    /// For a question that this one leads to.
    ///
    /// # Errors
    /// That it is too deep.
    pub fn deeper(&self, limits: &Limits) -> Result<Context, Exceeded> {
        match self.depth < limits.depth {
            true => Ok(Context { depth: self.depth + 1, ..self.clone() }),
            false => Err(Exceeded::Depth(limits.depth)),
        }
    }

    /// The same as part of a flight.
    pub fn in_flight(&self, flight: u64) -> Context {
        Context { flight, ..self.clone() }
    }
}
