//! What decides about a question: listed names and rules together, in the order of effect.
//!
//! The order is that of AdGuard's published description: an important exception, an important block, a rewrite, an
//! exception, a block. How specific a rule is does not matter. Of equals the one of the list with the lowest number decides,
//! then the one that stands first; so it is always the same one that is named.

use std::cmp::Reverse;
use std::sync::Arc;

use dns::question::HashedName;
use dns::{Name, RType};

use super::format::{Listed, Scope};
use super::index::{Hit, Index};
use crate::action::{Action, Effect, Rewrite, RuleRef};
use crate::adguard::{self, Priority, combine};
use crate::who::{ListId, ListSet, Who};

/// Matches that [`Engine::all_matches`] gives at most: the first in the order of effect.
pub const MAX_MATCHES: usize = 1000;
/// Octets of a name as text without escapes: 255 in wire form, without the first length and the root (RFC 1035 2.3.4).
const MAX_TEXT_OCTETS: usize = 253;

/// Rules that are more than a name.
pub trait Matcher: Send + Sync + std::fmt::Debug {
    /// Gives every rule that matches. `name_text` is in lower case and has no final dot; of octets that are not printable
    /// ASCII, and of dots within labels, it has a question mark.
    fn matches(&self, name_text: &str, qtype: RType, who: &Who<'_>, found: &mut dyn FnMut(RuleRef, Priority, &Effect));
}

impl Matcher for adguard::Matcher {
    fn matches(&self, name_text: &str, qtype: RType, who: &Who<'_>, found: &mut dyn FnMut(RuleRef, Priority, &Effect)) {
        adguard::Matcher::matches(self, name_text, qtype, who, found);
    }
}

/// A rule or listed name that matches a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Where it stands.
    pub rule: RuleRef,
    /// How strong it is.
    pub priority: Priority,
    /// What it says; of a block always with its action.
    pub effect: Effect,
}

/// What is to be done with a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The match that decides.
    pub rule: RuleRef,
    /// What it says; of a block always with its action.
    pub effect: Effect,
    /// How many lists have a match, whether it decides or not.
    pub lists: u32,
}

static ALLOW: Effect = Effect::Allow;
static BLOCK: Effect = Effect::Block(None);

/// Indexes of names, matchers of rules, and what each list does. Immutable; a new one shares what did not change.
#[derive(Debug, Clone)]
pub struct Engine {
    indexes: Vec<Arc<Index>>,
    matchers: Vec<Arc<dyn Matcher>>,
    /// By the number of the list.
    actions: Arc<[Action]>,
}

impl Engine {
    /// Puts an engine together. Small indexes that change often, such as of own rules, stand beside large ones: all are
    /// looked up for each question, and all must be made with the hasher that questions are read with. A list that
    /// `actions` does not have blocks as `default` says.
    pub fn new(
        indexes: Vec<Arc<Index>>,
        matchers: Vec<Arc<dyn Matcher>>,
        actions: impl IntoIterator<Item = (ListId, Action)>,
        default: &Action,
    ) -> Engine {
        let mut by_list = vec![default.clone(); usize::from(u8::MAX) + 1];
        for (list, action) in actions {
            if let Some(place) = by_list.get_mut(usize::from(list.0)) {
                *place = action;
            }
        }
        Engine { indexes, matchers, actions: by_list.into() }
    }

    /// The same engine with other indexes, as after each step of a swap.
    #[must_use]
    pub fn with_indexes(&self, indexes: Vec<Arc<Index>>) -> Engine {
        Engine { indexes, ..self.clone() }
    }

    /// Whether nothing can match.
    pub fn is_empty(&self) -> bool {
        self.matchers.is_empty() && self.indexes.iter().all(|index| index.names() == 0)
    }

    /// The indexes, in the order that they were given in.
    pub fn indexes(&self) -> &[Arc<Index>] {
        &self.indexes
    }

    /// The match that decides about a question; `None` if nothing matches. Only lists that hold for `who` count.
    /// Allocates nothing.
    #[inline]
    pub fn decide(&self, name: &HashedName, qtype: RType, who: &Who<'_>) -> Option<Decision> {
        let mut best: Option<(Priority, RuleRef, Effect)> = None;
        let mut lists = ListSet::default();
        self.each(name, qtype, who, &mut |rule, priority, effect| {
            lists = lists.with(rule.list);
            if best.as_ref().is_none_or(|(other, first, _)| (Reverse(priority), rule) < (Reverse(*other), *first)) {
                best = Some((priority, rule, effect.clone()));
            }
        });
        let (priority, rule, effect) = best?;
        let effect = match effect {
            Effect::Rewrite(rewrite) => Effect::Rewrite(self.combined(name, qtype, who, priority).unwrap_or(rewrite)),
            effect => effect,
        };
        Some(Decision { rule, effect: self.with_action(rule, effect), lists: lists.len() })
    }

    /// The one answer of all rewrites that count as much; `None`: there is only one.
    fn combined(&self, name: &HashedName, qtype: RType, who: &Who<'_>, priority: Priority) -> Option<Arc<Rewrite>> {
        let mut all = Vec::new();
        self.each(name, qtype, who, &mut |rule, other, effect| match effect {
            Effect::Rewrite(rewrite) if other == priority && all.len() < MAX_MATCHES => {
                all.push((rule, rewrite.clone()))
            }
            _ => {}
        });
        all.sort_by_key(|(rule, _)| *rule);
        if all.len() < 2 { None } else { combine(all.iter().map(|(_, rewrite)| &**rewrite)).map(Arc::new) }
    }

    /// Everything that matches a question, in the order of effect: the first decides.
    pub fn all_matches(&self, name: &HashedName, qtype: RType, who: &Who<'_>) -> Vec<Match> {
        let mut all = Vec::new();
        self.each(name, qtype, who, &mut |rule, priority, effect| {
            all.push(Match { rule, priority, effect: self.with_action(rule, effect.clone()) });
            if all.len() >= 2 * MAX_MATCHES {
                first(&mut all);
            }
        });
        first(&mut all);
        all
    }

    /// Where the memory is that decides whether names have to be looked up for a question: to be asked for a while before
    /// [`Engine::bucket_addresses`].
    #[inline]
    pub fn stem_addresses(&self, name: &HashedName, address: &mut impl FnMut(*const u8)) {
        self.indexes.iter().filter_map(|index| index.stem_address(name)).for_each(address);
    }

    /// Where the memory is that [`Engine::decide`] will read for a question.
    #[inline]
    pub fn bucket_addresses(&self, name: &HashedName, address: &mut impl FnMut(*const u8)) {
        self.indexes.iter().for_each(|index| index.bucket_addresses(name, address));
    }

    #[inline]
    fn each(&self, name: &HashedName, qtype: RType, who: &Who<'_>, found: &mut dyn FnMut(RuleRef, Priority, &Effect)) {
        for index in &self.indexes {
            index.find(name, &mut |hit, hash, whole| self.listed(hit, hash, whole, who, found));
        }
        if self.matchers.is_empty() {
            return;
        }
        let mut buffer = [0; MAX_TEXT_OCTETS];
        let text = text_of(name.name(), &mut buffer);
        for matcher in &self.matchers {
            matcher.matches(text, qtype, who, &mut |rule, priority, effect| {
                if who.lists.has(rule.list) {
                    found(rule, priority, effect);
                }
            });
        }
    }

    /// The lines that list a name.
    fn listed(
        &self,
        hit: Hit<'_>,
        hash: u64,
        whole: bool,
        who: &Who<'_>,
        found: &mut dyn FnMut(RuleRef, Priority, &Effect),
    ) {
        for reference in hit.references() {
            let listed = reference.listed();
            let applies = (whole || listed.scope == Scope::Below) && !listed.disables;
            let rule = hit.rule(reference);
            if !applies || !who.lists.has(rule.list) || self.disabled(hash, listed, who) {
                continue;
            }
            let (priority, effect) = match (listed.allow, listed.important) {
                (true, true) => (Priority::ImportantAllow, &ALLOW),
                (true, false) => (Priority::Allow, &ALLOW),
                (false, true) => (Priority::ImportantBlock, &BLOCK),
                (false, false) => (Priority::Block, &BLOCK),
            };
            found(rule, priority, effect);
        }
    }

    /// Whether a line of any list that holds takes away what says this of this name.
    fn disabled(&self, hash: u64, listed: Listed, who: &Who<'_>) -> bool {
        let disabling = Listed { disables: true, ..listed };
        self.indexes.iter().filter(|index| index.disables()).filter_map(|index| index.get(hash)).any(|hit| {
            hit.references().any(|reference| reference.listed() == disabling && who.lists.has(hit.rule(reference).list))
        })
    }

    fn with_action(&self, rule: RuleRef, effect: Effect) -> Effect {
        match effect {
            Effect::Block(None) => Effect::Block(self.actions.get(usize::from(rule.list.0)).cloned()),
            other => other,
        }
    }
}

/// Sorts matches by effect and keeps the first, each once.
fn first(all: &mut Vec<Match>) {
    all.sort_by_key(|found| (Reverse(found.priority), found.rule));
    all.dedup();
    all.truncate(MAX_MATCHES);
}

/// A name as [`Matcher`] reads it.
fn text_of<'a>(name: &Name, buffer: &'a mut [u8; MAX_TEXT_OCTETS]) -> &'a str {
    let mut places = buffer.iter_mut();
    let mut length = 0;
    for (position, label) in name.labels().enumerate() {
        let dot = (position > 0).then_some(b'.');
        let octets = label.iter().map(|octet| match octet {
            b'.' => b'?',
            b'!'..=b'~' => octet.to_ascii_lowercase(),
            _ => b'?',
        });
        for (octet, place) in dot.into_iter().chain(octets).zip(places.by_ref()) {
            *place = octet;
            length += 1;
        }
    }
    // Every octet is ASCII.
    buffer.get(..length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
