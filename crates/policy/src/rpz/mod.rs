//! Response policy zones (draft-vixie-dnsop-dns-rpz): rules about answers, kept and transferred as zones.
//!
//! [`PolicyZone`] is one zone, made of its records and changed by those of incremental transfers. [`PolicyZones`] are
//! those that are in use, in order, and say what holds for a question and its answer.

mod address;
mod finding;
mod pages;
mod parse;
mod replacement;
mod rule;
mod set;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod zone;

pub use finding::{Finding, Reason, Report};
pub use parse::{PolicyRecord, relative};
pub use replacement::{Replacement, ReplacementError};
pub use rule::{RuleAction, RuleRecord, Trigger, TriggerKind};
pub use set::{
    Looks, MAX_MATCHES, MAX_ZONES, Matches, PolicySource, PolicyZones, RpzAnswer, RpzMatch, RpzQuestion, Server, Stage,
    TooManyZones,
};
pub use zone::{MAX_RECORDS, MAX_RULES, PolicyZone, RuleView, ZoneChange};
