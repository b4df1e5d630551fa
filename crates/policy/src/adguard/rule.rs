//! One rule.

use std::sync::Arc;

use dns::RType;

use super::conditions::Conditions;
use super::expression;
use super::modifiers::{Modifiers, Rewriting};
use super::pattern::{Glob, Pattern, is_domain};
use super::priority::Priority;
use super::reason::Reason;
use crate::action::Effect;
use crate::who::Who;

/// A rule that blocks, allows or rewrites names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pattern: Pattern,
    allow: bool,
    important: bool,
    badfilter: bool,
    rewriting: Option<Rewriting>,
    conditions: Option<Box<Conditions>>,
}

/// What a rule without modifiers says about one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SimpleRule<'a> {
    /// In lower case, without final dot.
    pub name: &'a str,
    /// Whether it holds for all names below, too.
    pub below: bool,
    /// Whether they are allowed, and not blocked.
    pub allow: bool,
}

impl Rule {
    /// The rule that blocks one name.
    pub(super) fn block(pattern: Glob) -> Rule {
        Rule {
            pattern: Pattern::Glob(pattern),
            allow: false,
            important: false,
            badfilter: false,
            rewriting: None,
            conditions: None,
        }
    }

    /// The rule in a line without blanks around it.
    ///
    /// # Errors
    /// Why it has to be ignored.
    pub(super) fn parse(line: &str) -> Result<Rule, Reason> {
        let (allow, text) = line.strip_prefix("@@").map_or((false, line), |text| (true, text));
        let (pattern, modifiers) = split(text);
        let modifiers = modifiers.map_or_else(|| Ok(Modifiers::default()), Modifiers::parse)?;
        let (pattern, wide) = match pattern {
            Split::Regex(text) => {
                expression::check(text)?;
                (Pattern::Regex(text.into()), false)
            }
            Split::Glob(text) => {
                let (glob, wide) = Glob::parse(text)?;
                (Pattern::Glob(glob), wide)
            }
        };
        let Modifiers { important, badfilter, rewriting, conditions } = modifiers;
        if wide && conditions.is_empty() {
            return Err(Reason::TooWide);
        }
        if rewriting == Some(Rewriting::All) && !allow {
            return Err(Reason::BadRewrite);
        }
        let conditions = (!conditions.is_empty()).then(|| Box::new(conditions));
        Ok(Rule { pattern, allow, important, badfilter, rewriting, conditions })
    }

    /// What it says, if it is one of `||name^`, `|name^`, `||name|` and `|name|`, with or without `@@`, and has no
    /// modifiers. An index of names can hold it.
    pub fn simple(&self) -> Option<SimpleRule<'_>> {
        if self.badfilter || self.important || self.rewriting.is_some() || self.conditions.is_some() {
            return None;
        }
        self.simple_name()
    }

    /// The rule of an index of names that this one disables (`badfilter`). The name alone on a line counts as the rule
    /// that blocks it and nothing below.
    pub fn disables_simple(&self) -> Option<SimpleRule<'_>> {
        if !self.badfilter || self.important || self.rewriting.is_some() || self.conditions.is_some() {
            return None;
        }
        match &self.pattern {
            Pattern::Glob(Glob { text, start: super::pattern::Start::Anywhere, end: false })
                if !self.allow && is_domain(text) =>
            {
                Some(SimpleRule { name: text, below: false, allow: false })
            }
            _ => self.simple_name(),
        }
    }

    fn simple_name(&self) -> Option<SimpleRule<'_>> {
        let Pattern::Glob(glob) = &self.pattern else { return None };
        glob.as_name().map(|(name, below)| SimpleRule { name, below, allow: self.allow })
    }

    /// Whether it disables a rule and does nothing else (`badfilter`).
    pub fn is_badfilter(&self) -> bool {
        self.badfilter
    }

    /// Whether it takes rewrites away (`@@...$dnsrewrite`), and does nothing else.
    pub fn is_rewrite_exception(&self) -> bool {
        self.allow && self.rewriting.is_some()
    }

    /// The rule that a rule with `badfilter` disables.
    pub(super) fn disabled(&self) -> Rule {
        Rule { badfilter: false, ..self.clone() }
    }

    /// What names it is for.
    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// How much it counts.
    pub fn priority(&self) -> Priority {
        Priority::of(self.allow, self.rewriting.is_some(), self.important)
    }

    /// What it does.
    pub fn effect(&self) -> Effect {
        match &self.rewriting {
            _ if self.allow => Effect::Allow,
            Some(Rewriting::Is(rewrite)) => Effect::Rewrite(Arc::clone(rewrite)),
            Some(Rewriting::All) | None => Effect::Block(None),
        }
    }

    /// Whether its modifiers let it apply to a question.
    #[inline]
    pub(super) fn admits(&self, name: &str, qtype: RType, who: &Who<'_>) -> bool {
        self.conditions.as_ref().is_none_or(|conditions| conditions.admit(name, qtype, who))
    }

    /// Whether this exception takes the rewrite of `other` away, given that both match. What is important is only
    /// taken away by what is.
    pub(super) fn removes(&self, other: &Rule) -> bool {
        let same = match (&self.rewriting, &other.rewriting) {
            (Some(Rewriting::All), _) => true,
            (Some(Rewriting::Is(one)), Some(Rewriting::Is(other))) => one == other,
            _ => false,
        };
        same && (self.important || !other.important)
    }
}

/// The part of a rule before its modifiers.
enum Split<'a> {
    Glob(&'a str),
    Regex(&'a str),
}

/// Parts a rule at the `$` before its modifiers. An expression may have `$` in it, and ends with the last `/` that
/// modifiers or nothing can follow.
fn split(text: &str) -> (Split<'_>, Option<&str>) {
    if let Some(rest) = text.strip_prefix('/') {
        if let Some(expression) = rest.strip_suffix('/').filter(|expression| !expression.is_empty()) {
            return (Split::Regex(expression), None);
        }
        if let Some((expression, modifiers)) = rest.rsplit_once("/$").filter(|(before, _)| !before.is_empty()) {
            return (Split::Regex(expression), Some(modifiers));
        }
    }
    match text.split_once('$') {
        Some((pattern, modifiers)) => (Split::Glob(pattern), Some(modifiers)),
        None => (Split::Glob(text), None),
    }
}
