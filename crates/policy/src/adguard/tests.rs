//! Properties: any line can be parsed, and the matcher says the same as each rule on its own, read another way.

mod table;

use std::net::IpAddr;

use dns::RType;
use proptest::prelude::*;
use regex_automata::nfa::thompson::NFA;
use regex_automata::nfa::thompson::pikevm::PikeVM;

use super::{Matcher, Parsed, Rule, parse};
use crate::action::RuleRef;
use crate::who::{ListId, ListSet, Who};

fn who(lists: &ListSet) -> Who<'_> {
    Who { address: IpAddr::from([192, 0, 2, 1]), device: None, tags: &[], lists }
}

fn found(matcher: &Matcher, name: &str, lists: &ListSet) -> Vec<u32> {
    let mut all = Vec::new();
    matcher.matches(name, RType::A, &who(lists), &mut |at, _, _| all.push(at.line));
    all.sort_unstable();
    all
}

fn rule(line: &str) -> Option<Rule> {
    match parse(line) {
        Parsed::Rule(rule) => Some(rule),
        _ => None,
    }
}

fn at(list: u8, line: u32) -> RuleRef {
    RuleRef { list: ListId(list), line }
}

/// An expression that is searched for state by state, without anything that makes it fast.
struct Plain(PikeVM);

impl Plain {
    fn new(text: &str, syntax: regex_automata::util::syntax::Config) -> Plain {
        let nfa = NFA::compiler().syntax(syntax).build(text).expect("an expression");
        Plain(PikeVM::new_from_nfa(nfa).expect("an expression"))
    }

    fn is_match(&self, name: &str) -> bool {
        self.0.is_match(&mut self.0.create_cache(), name)
    }
}

/// The pattern as the syntax describes it, as an expression.
fn naive(pattern: &str) -> Plain {
    let mut text = String::from("(?i-u)");
    let (front, rest) = match (pattern.strip_prefix("||"), pattern.strip_prefix('|')) {
        (Some(rest), _) => (r"(?:^|\.)", rest),
        (None, Some(rest)) => ("^", rest),
        (None, None) => ("", pattern),
    };
    text.push_str(front);
    let (rest, back) = rest.strip_suffix('|').map_or((rest, ""), |rest| (rest, "$"));
    for c in rest.chars() {
        match c {
            '*' => text.push_str(".*"),
            '^' => text.push_str("(?:[^a-z0-9_.%-]|$)"),
            c => text.push_str(&regex_syntax::escape(&c.to_string())),
        }
    }
    text.push_str(back);
    let syntax = regex_automata::util::syntax::Config::new().utf8(false);
    Plain::new(&text, syntax)
}

fn expression(pattern: &str) -> Plain {
    match pattern.strip_prefix('/').and_then(|text| text.strip_suffix('/')) {
        Some(text) => {
            let syntax = regex_automata::util::syntax::Config::new().unicode(false).utf8(false).case_insensitive(true);
            Plain::new(text, syntax)
        }
        None => naive(pattern),
    }
}

fn glob() -> impl Strategy<Value = String> {
    (prop_oneof![Just(""), Just("|"), Just("||")], "[ab.^*/-]{3,9}", prop_oneof![Just(""), Just("^"), Just("|")])
        .prop_map(|(front, body, back)| format!("{front}{body}{back}"))
        .prop_filter("another kind of line", |text| {
            !(text.contains("://") || text.starts_with('/') && text[1..].ends_with('/'))
        })
}

fn regex() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a"),
        Just("b"),
        Just(r"\."),
        Just("-"),
        Just("^"),
        Just("$"),
        Just("(^|\\.)"),
        Just("(ab|ba.)"),
        Just("."),
        Just("a*"),
        Just("(ab)+"),
        Just("[^a-z0-9_.%-]"),
        Just("b?"),
        Just("(a|b-|)"),
        Just("ab-"),
        Just("[ab]{2}"),
        Just(r"\b"),
        Just("aab"),
        Just("ba/"),
    ];
    proptest::collection::vec(piece, 1..6).prop_map(|pieces| format!("/{}/", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed(line in "\\PC{0,80}") {
        parse(&line);
    }

    #[test]
    fn any_text_of_special_characters_is_parsed(
        line in "(@@)?(\\|\\|)?[a-c./|^*$\\\\'\"~,;=#%: (){}?+\\[\\]0-9\u{e9}-]{0,30}(\\$(client|ctag|dnstype|denyallow|dnsrewrite|important|badfilter)(=[A-Za-z0-9;.:|~'\"\\\\, ]{0,20})?)?"
    ) {
        if let Parsed::Rule(rule) = parse(&line) {
            let matcher = Matcher::new(vec![(at(0, 1), rule)]);
            found(&matcher, "a.b.c", &ListSet::ALL);
        }
    }

    #[test]
    fn all_rules_together_match_what_each_matches_on_its_own(
        patterns in proptest::collection::vec(prop_oneof![3 => glob(), 1 => regex()], 1..24),
        names in proptest::collection::vec("[ab./-]{0,14}", 1..24),
    ) {
        // Wide patterns are ignored on their own; a type that fits keeps them.
        let lines: Vec<(u32, String)> = (1..).zip(patterns.iter().map(|pattern| format!("{pattern}$dnstype=A"))).collect();
        let rules: Vec<(RuleRef, Rule)> =
            lines.iter().filter_map(|(number, line)| rule(line).map(|rule| (at(0, *number), rule))).collect();
        prop_assert_eq!(rules.len(), patterns.len());
        let alone: Vec<(u32, Plain)> = (1..).zip(patterns.iter().map(|pattern| expression(pattern))).collect();
        let matcher = Matcher::new(rules);
        for name in &names {
            let want: Vec<u32> =
                alone.iter().filter(|(_, regex)| regex.is_match(name)).map(|(number, _)| *number).collect();
            prop_assert_eq!(found(&matcher, name, &ListSet::ALL), want, "{} of {:?}", name, patterns);
        }
    }

    #[test]
    fn a_simple_rule_matches_its_name_and_what_is_below(
        name in "[ab]{1,3}(\\.[ab]{1,3}){0,2}",
        front in prop_oneof![Just("|"), Just("||")],
        back in prop_oneof![Just("^"), Just("|")],
        asked in "[ab]{1,3}(\\.[ab]{1,3}){0,3}",
    ) {
        let rule = rule(&format!("{front}{name}{back}$dnstype=A")).expect("a rule");
        let simple = super::tests::rule(&format!("{front}{name}{back}"));
        let simple = simple.as_ref().and_then(Rule::simple);
        if let Some(simple) = simple {
            let below = asked.strip_suffix(simple.name).is_some_and(|front| front.ends_with('.'));
            let want = asked == simple.name || simple.below && below;
            let matcher = Matcher::new(vec![(at(0, 1), rule)]);
            prop_assert_eq!(!found(&matcher, &asked, &ListSet::ALL).is_empty(), want);
        } else {
            prop_assert!(name.len() + front.len() + back.len() < 3);
        }
    }
}

#[test]
fn a_rule_counts_only_for_those_who_have_its_list() {
    let rules = vec![(at(3, 1), rule("||a*b^").expect("a rule")), (at(200, 2), rule("/a.b/").expect("a rule"))];
    let matcher = Matcher::new(rules);
    assert_eq!(found(&matcher, "a-b", &ListSet::ALL), [1, 2]);
    assert_eq!(found(&matcher, "a-b", &ListSet::default().with(ListId(200))), [2]);
    assert!(found(&matcher, "a-b", &ListSet::default()).is_empty());
}

#[test]
fn a_badfilter_disables_only_for_those_who_have_its_list_and_names_of_an_index_too() {
    let lines = ["||a*b^$badfilter", "||c.d^$badfilter", "e.f$badfilter", "@@|g.h^$badfilter", "||a*b^"];
    let lists = [1, 1, 1, 1, 2];
    let rules = (1..).zip(lines).zip(lists).map(|((line, text), list)| (at(list, line), rule(text).expect("a rule")));
    let matcher = Matcher::new(rules.collect());
    let (both, one) = (ListSet::ALL, ListSet::default().with(ListId(2)));
    assert!(found(&matcher, "a-b", &both).is_empty());
    assert_eq!(found(&matcher, "a-b", &one), [5]);
    let disables = |line: &str, lists| {
        let rule = rule(line).expect("a rule");
        matcher.disables(rule.simple().expect("a simple rule"), lists)
    };
    assert!(disables("||c.d^", &both) && !disables("||c.d^", &one));
    assert!(disables("|e.f^", &both) && !disables("||e.f^", &both));
    assert!(disables("@@|g.h|", &both) && !disables("|g.h|", &both) && !disables("@@||g.h^", &both));
}

#[test]
fn a_matcher_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Matcher>();
}
