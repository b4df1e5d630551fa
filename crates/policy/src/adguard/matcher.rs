//! Many rules at once.

use std::collections::HashMap;

use dns::RType;
use regex_syntax::hir::Hir;

use super::expression::{self, Engine, Joint};
use super::grams::{Grams, Requirement};
use super::literals;
use super::pattern::Pattern;
use super::priority::Priority;
use super::rule::{Rule, SimpleRule};
use crate::action::{Effect, RuleRef};
use crate::who::{ListSet, Who};

/// Rules of one matcher; those beyond are left out and counted ([`Matcher::left_out`]).
const MAX_RULES: usize = 1 << 20;

/// Rules that no index of names can hold, ready to be asked for names.
///
/// A name that matches nothing costs one pass over its octets, whatever the number of rules, and one more if there are
/// expressions without a text to look for.
#[derive(Debug, Default)]
pub struct Matcher {
    rules: RuleSet,
    rewrite_exceptions: RuleSet,
    disabled_names: HashMap<Box<str>, Vec<DisabledName>>,
    len: usize,
    left_out: usize,
}

/// A rule of an index of names that is disabled for those who have one of these lists.
#[derive(Debug)]
struct DisabledName {
    below: bool,
    allow: bool,
    by: ListSet,
}

#[derive(Debug)]
struct Entry {
    at: RuleRef,
    rule: Rule,
    effect: Effect,
    /// `None` unless the pattern is an expression.
    engine: Option<Engine>,
    /// The lists that disable it.
    disabled_by: Option<Box<ListSet>>,
}

/// Rules, and how to find those that match.
#[derive(Debug, Default)]
struct RuleSet {
    entries: Vec<Entry>,
    grams: Grams,
    /// Those that have to be tried for every name.
    always: Vec<u32>,
    /// Expressions without a text to look for, searched at once if that is possible.
    rest: Vec<u32>,
    joint: Option<Joint>,
}

#[derive(Clone, Copy)]
struct Asked<'a> {
    name: &'a str,
    qtype: RType,
    who: &'a Who<'a>,
}

impl Matcher {
    /// Of rules and where they stand. Takes time: each expression is compiled.
    pub fn new(rules: Vec<(RuleRef, Rule)>) -> Matcher {
        let left_out = rules.len().saturating_sub(MAX_RULES);
        let disabling = Disabling::of(&rules);
        let mut matcher = Matcher { left_out, ..Matcher::default() };
        let (mut ordinary, mut exceptions) = (Vec::new(), Vec::new());
        for (at, rule) in rules.into_iter().take(MAX_RULES) {
            matcher.len += 1;
            if let Some(simple) = rule.disables_simple() {
                matcher.disable_name(simple, at);
            }
            if rule.is_badfilter() {
                continue;
            }
            let disabled_by = disabling.lists(&rule).map(Box::new);
            let entry = Entry { at, effect: rule.effect(), engine: None, disabled_by, rule };
            if entry.rule.is_rewrite_exception() { exceptions.push(entry) } else { ordinary.push(entry) }
        }
        matcher.rules = RuleSet::new(ordinary);
        matcher.rewrite_exceptions = RuleSet::new(exceptions);
        matcher
    }

    fn disable_name(&mut self, simple: SimpleRule<'_>, at: RuleRef) {
        let all = self.disabled_names.entry(simple.name.into()).or_default();
        match all.iter_mut().find(|other| other.below == simple.below && other.allow == simple.allow) {
            Some(other) => other.by = other.by.with(at.list),
            None => {
                let by = ListSet::default().with(at.list);
                all.push(DisabledName { below: simple.below, allow: simple.allow, by });
            }
        }
    }

    /// How many rules it holds, `badfilter` included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many rules found no room.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether a rule with `badfilter` in one of `lists` disables this rule of an index of names. A name alone on a
    /// line is `below: false`.
    pub fn disables(&self, simple: SimpleRule<'_>, lists: &ListSet) -> bool {
        !self.disabled_names.is_empty()
            && self.disabled_names.get(simple.name).is_some_and(|all| {
                let same = |other: &&DisabledName| other.below == simple.below && other.allow == simple.allow;
                all.iter().find(same).is_some_and(|other| !other.by.and(lists).is_empty())
            })
    }

    /// Calls `found` once for each rule that matches, in no order; the greatest priority decides, and rewrites of equal
    /// priority are put together by [`super::combine`]. Exceptions from rewrites are followed and do not come up
    /// themselves, nor does what they take away.
    ///
    /// `name` is in lower case without final dot; the root is empty.
    pub fn matches(&self, name: &str, qtype: RType, who: &Who<'_>, found: &mut dyn FnMut(RuleRef, Priority, &Effect)) {
        let asked = Asked { name, qtype, who };
        self.rules.each(asked, &mut |entry| {
            if matches!(entry.effect, Effect::Rewrite(_)) && self.is_taken_away(entry, asked) {
                return;
            }
            found(entry.at, entry.rule.priority(), &entry.effect);
        });
    }

    fn is_taken_away(&self, rewrite: &Entry, asked: Asked<'_>) -> bool {
        let mut taken = false;
        self.rewrite_exceptions.each(asked, &mut |exception| taken |= exception.rule.removes(&rewrite.rule));
        taken
    }
}

impl RuleSet {
    fn new(mut entries: Vec<Entry>) -> RuleSet {
        let mut parsed: HashMap<u32, Hir> = HashMap::new();
        let mut requirements = Vec::with_capacity(entries.len());
        for (number, entry) in (0u32..).zip(&mut entries) {
            let sets = match entry.rule.pattern() {
                Pattern::Glob(glob) => glob.required(),
                Pattern::Regex(text) => expression::parse(text).map_or_else(
                    |_| Vec::new(),
                    |expression| {
                        entry.engine = Engine::new(&expression);
                        let sets = literals::of_expression(&expression);
                        parsed.insert(number, expression);
                        sets
                    },
                ),
            };
            requirements.push(Requirement { sets, slow: entry.engine.is_some() });
        }
        let (grams, unindexed) = Grams::new(&requirements);
        let (rest, always): (Vec<u32>, Vec<u32>) = unindexed.into_iter().partition(|rule| parsed.contains_key(rule));
        let joint = Joint::new(&rest.iter().filter_map(|rule| parsed.remove(rule)).collect::<Vec<_>>());
        RuleSet { entries, grams, always, rest, joint }
    }

    fn each(&self, asked: Asked<'_>, matched: &mut dyn FnMut(&Entry)) {
        let name = asked.name.as_bytes();
        self.grams.scan(name, |step, rules| {
            for &rule in rules {
                if let Some(entry) = self.matching(rule, asked)
                    && self.grams.is_first(name, rule, step)
                {
                    matched(entry);
                }
            }
        });
        self.always.iter().filter_map(|&rule| self.matching(rule, asked)).for_each(&mut *matched);
        if !self.rest.is_empty() && self.joint.as_ref().is_none_or(|joint| joint.is_match(name)) {
            self.rest.iter().filter_map(|&rule| self.matching(rule, asked)).for_each(matched);
        }
    }

    fn matching(&self, rule: u32, asked: Asked<'_>) -> Option<&Entry> {
        self.entries.get(rule as usize).filter(|entry| entry.matches(asked))
    }
}

impl Entry {
    fn matches(&self, asked: Asked<'_>) -> bool {
        let lists = asked.who.lists;
        lists.has(self.at.list)
            && self.disabled_by.as_ref().is_none_or(|by| by.and(lists).is_empty())
            && match self.rule.pattern() {
                Pattern::Glob(glob) => glob.matches(asked.name.as_bytes()),
                Pattern::Regex(_) => self.engine.as_ref().is_some_and(|engine| engine.is_match(asked.name.as_bytes())),
            }
            && self.rule.admits(asked.name, asked.qtype, asked.who)
    }
}

/// What the rules with `badfilter` disable, by the text of the pattern.
struct Disabling(HashMap<Box<str>, Vec<(Rule, ListSet)>>);

impl Disabling {
    fn of(rules: &[(RuleRef, Rule)]) -> Disabling {
        let mut all: HashMap<Box<str>, Vec<(Rule, ListSet)>> = HashMap::new();
        for (at, rule) in rules.iter().filter(|(_, rule)| rule.is_badfilter()) {
            let disabled = rule.disabled();
            let same = all.entry(text(rule).into()).or_default();
            match same.iter_mut().find(|(other, _)| *other == disabled) {
                Some((_, lists)) => *lists = lists.with(at.list),
                None => same.push((disabled, ListSet::default().with(at.list))),
            }
        }
        Disabling(all)
    }

    fn lists(&self, rule: &Rule) -> Option<ListSet> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(text(rule))?.iter().find(|(disabled, _)| disabled == rule).map(|(_, lists)| *lists)
    }
}

fn text(rule: &Rule) -> &str {
    match rule.pattern() {
        Pattern::Glob(glob) => &glob.text,
        Pattern::Regex(text) => text,
    }
}
