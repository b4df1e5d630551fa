//! Lists and rules in AdGuard's DNS filtering syntax: one line in, what it says out, and a matcher for those rules
//! that no index of names can hold.
//!
//! Three kinds of lines are mixed freely: `/etc/hosts` lines, names alone on a line, and rules in the manner of ad
//! blockers (`||example.org^$client=10.0.0.0/8`). A rule with anything that is unknown here is ignored whole, because
//! it was written for something else than names; [`Reason`] says what it was, so that a list can be counted.

mod choice;
mod conditions;
mod expression;
mod glob;
mod grams;
mod line;
mod literals;
mod matcher;
mod modifiers;
mod pattern;
mod priority;
mod reason;
mod rewrite;
mod rule;
#[cfg(test)]
mod tests;

pub use line::{HostNames, MAX_LINE_LEN, Parsed, parse};
pub use matcher::Matcher;
pub use priority::{Priority, combine};
pub use reason::Reason;
pub use rule::{Rule, SimpleRule};
