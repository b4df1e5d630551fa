//! Regular expressions over names: in linear time, with limits, on octets without regard to case.

use std::borrow::Borrow;

use regex_automata::dfa::{Automaton, StartKind, dense, sparse};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::{Input, meta};
use regex_syntax::ast::ErrorKind;
use regex_syntax::hir::Hir;
use regex_syntax::{Error, ParserBuilder};

use super::reason::Reason;

/// Octets of an expression.
pub const MAX_REGEX_LEN: usize = 1000;
/// Groups within groups.
const MAX_NESTING: u32 = 50;
/// Octets of an expression when it is compiled; larger ones are ignored.
const MAX_NFA_SIZE: usize = 1 << 18;
/// Octets of an automaton that needs no cache; expressions beyond are matched with one.
const MAX_DFA_SIZE: usize = 1 << 17;
/// Octets that making such an automaton may take.
const MAX_DETERMINIZE_SIZE: usize = 1 << 19;
/// Octets of all the expressions that are searched at once; if it is passed each is searched on its own.
const MAX_JOINT_NFA_SIZE: usize = 1 << 26;
/// Octets of a cache of states, for each thread that searches at the same time.
const CACHE_CAPACITY: usize = 1 << 21;

/// One expression, ready to search.
#[derive(Debug)]
pub enum Engine {
    /// Needs no memory to search.
    Automaton(Box<sparse::DFA<Vec<u8>>>),
    /// Has caches of its own, kept from one search to the next.
    Cached(meta::Regex),
}

/// Many expressions, of which it is asked whether any matches.
#[derive(Debug)]
pub struct Joint(meta::Regex);

/// What `text` means.
///
/// # Errors
/// Why it is no expression here.
pub fn parse(text: &str) -> Result<Hir, Reason> {
    if text.len() > MAX_REGEX_LEN {
        return Err(Reason::RegexTooLarge);
    }
    let mut parser =
        ParserBuilder::new().unicode(false).utf8(false).case_insensitive(true).nest_limit(MAX_NESTING).build();
    parser.parse(text).map_err(|error| match error {
        Error::Parse(error) => match error.kind() {
            ErrorKind::UnsupportedLookAround => Reason::RegexLookAround,
            ErrorKind::UnsupportedBackreference => Reason::RegexBackReference,
            ErrorKind::NestLimitExceeded(_) => Reason::RegexTooLarge,
            _ => Reason::RegexSyntax,
        },
        _ => Reason::RegexSyntax,
    })
}

/// Whether `text` can be searched for.
///
/// # Errors
/// Why not.
pub fn check(text: &str) -> Result<(), Reason> {
    nfa(&parse(text)?).map(|_| ())
}

fn nfa(expression: &Hir) -> Result<NFA, Reason> {
    let config =
        thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_NFA_SIZE)).which_captures(WhichCaptures::None);
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(expression);
    nfa.map_err(|_| Reason::RegexTooLarge)
}

impl Engine {
    /// `None` if the expression is too large, which [`check`] finds out.
    pub fn new(expression: &Hir) -> Option<Engine> {
        let nfa = nfa(expression).ok()?;
        let config = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .accelerate(false)
            .dfa_size_limit(Some(MAX_DFA_SIZE))
            .determinize_size_limit(Some(MAX_DETERMINIZE_SIZE));
        let dense = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok();
        match dense.and_then(|dense| dense.to_sparse().ok()) {
            Some(automaton) => Some(Engine::Automaton(Box::new(automaton))),
            None => build(&[expression], MAX_NFA_SIZE).map(Engine::Cached),
        }
    }

    /// Whether it matches anywhere in `name`.
    pub fn is_match(&self, name: &[u8]) -> bool {
        match self {
            // It has no octets at which it gives up, so there is no error.
            Engine::Automaton(automaton) => {
                automaton.try_search_fwd(&Input::new(name).earliest(true)).is_ok_and(|found| found.is_some())
            }
            Engine::Cached(regex) => regex.is_match(name),
        }
    }
}

impl Joint {
    /// `None` if there is nothing to search for, or together it is too much.
    pub fn new(expressions: &[Hir]) -> Option<Joint> {
        if expressions.is_empty() {
            return None;
        }
        build(expressions, MAX_JOINT_NFA_SIZE).map(Joint)
    }

    /// Whether any of them matches anywhere in `name`.
    pub fn is_match(&self, name: &[u8]) -> bool {
        self.0.is_match(name)
    }
}

fn build<H: Borrow<Hir>>(expressions: &[H], max_nfa_size: usize) -> Option<meta::Regex> {
    let config = meta::Config::new()
        // With it `ba.*a` matches "xba": the literal that is looked for first may overlap what must stand before it.
        .auto_prefilter(false)
        .utf8_empty(false)
        .which_captures(WhichCaptures::Implicit)
        .nfa_size_limit(Some(max_nfa_size))
        .hybrid_cache_capacity(CACHE_CAPACITY);
    meta::Builder::new().configure(config).build_many_from_hir(expressions).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(text: &str, name: &str) -> bool {
        let parsed = parse(text).expect("an expression");
        Engine::new(&parsed).expect("small").is_match(name.as_bytes())
    }

    #[test]
    fn what_linear_time_does_not_allow_is_refused_by_name() {
        assert_eq!(check("(?=a)b"), Err(Reason::RegexLookAround));
        assert_eq!(check("(?<!a)b"), Err(Reason::RegexLookAround));
        assert_eq!(check(r"(a)\1"), Err(Reason::RegexBackReference));
        assert_eq!(check("(a"), Err(Reason::RegexSyntax));
        assert_eq!(check("((a{500}){500}){500}"), Err(Reason::RegexTooLarge));
        assert_eq!(check(&format!("{}a{}", "(".repeat(60), ")".repeat(60))), Err(Reason::RegexTooLarge));
        assert_eq!(check(&"a".repeat(1001)), Err(Reason::RegexTooLarge));
        assert_eq!(check(r"^ad[sx]?\/\d+[_.\-]"), Ok(()));
    }

    #[test]
    fn an_expression_with_too_many_states_is_still_searched() {
        let parsed = parse("a.{40}b.{40}c").expect("an expression");
        let engine = Engine::new(&parsed).expect("small");
        assert!(matches!(engine, Engine::Cached(_)));
        let name = format!("xa{}b{}cx", "a".repeat(40), "b".repeat(40));
        assert!(engine.is_match(name.as_bytes()));
        assert!(!engine.is_match(b"abc"));
    }

    #[test]
    fn a_text_at_the_end_is_not_part_of_what_stands_before_it() {
        for (text, no, yes) in [("ba.*a", "--ba", "--baa"), ("ab.*b", "-ab", "-ab-b"), ("xaba.*aba", "xaba", "xabaaba")]
        {
            let parsed = parse(text).expect("an expression");
            let joint = Joint::new(std::slice::from_ref(&parsed)).expect("small");
            let cached = Engine::Cached(build(&[&parsed], MAX_NFA_SIZE).expect("small"));
            for (name, wanted) in [(no, false), (yes, true)] {
                let found = [matches(text, name), cached.is_match(name.as_bytes()), joint.is_match(name.as_bytes())];
                assert_eq!(found, [wanted; 3], "{text} and {name}");
            }
        }
    }

    #[test]
    fn case_is_ignored_and_a_match_may_be_anywhere() {
        assert!(matches("EXAMPLE", "www.example.org"));
        assert!(matches("^$", "") && !matches("^$", "a"));
        assert!(matches(r"\bads\b", "x.ads.org") && !matches(r"\bads\b", "xads.org"));
    }
}
