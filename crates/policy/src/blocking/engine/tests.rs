//! Which match decides.

use std::net::{IpAddr, Ipv4Addr};

use dns::{NameBuf, NameHasher};

use super::super::build::{Rebuild, Source};
use super::super::format::Format;
use super::*;
use crate::action::Rewrite;

const HASHER: NameHasher = NameHasher::new(1);

/// Lists of rules by number.
fn index(lists: &[(u8, &str)]) -> Arc<Index> {
    let sources = lists
        .iter()
        .map(|(list, text)| Source { list: ListId(*list), format: Format::Adguard, octets: text.len() as u64 })
        .collect();
    let mut rebuild = Rebuild::new(Index::empty(HASHER), sources).expect("lists");
    while let Some(mut pass) = rebuild.pass() {
        for (_, text) in lists {
            pass.read(text.as_bytes(), &mut |_, rule| panic!("{rule} is more than a name"));
            pass.end_of_list(&mut |_, _| {}).expect("read");
        }
        let mut swaps = pass.end().expect("read");
        while swaps.next_shard().is_some() {}
    }
    Arc::new(rebuild.finish().expect("built").0)
}

fn engine(lists: &[(u8, &str)]) -> Engine {
    Engine::new(vec![index(lists)], Vec::new(), [(ListId(9), Action::Nxdomain)], &Action::Null)
}

fn hashed(name: &str) -> HashedName {
    let mut hashed = HashedName::default();
    hashed.set(&name.parse::<NameBuf>().expect("name"), HASHER);
    hashed
}

fn with_who<T>(lists: &[u8], run: impl FnOnce(&Who<'_>) -> T) -> T {
    let lists = lists.iter().fold(ListSet::default(), |set, list| set.with(ListId(*list)));
    run(&Who { address: IpAddr::V4(Ipv4Addr::LOCALHOST), device: None, tags: &[], lists: &lists })
}

/// List, line, and whether it is blocked, for a client of lists 1 to 9.
fn decide(engine: &Engine, name: &str) -> Option<(u8, u32, bool)> {
    let decision = with_who(&[1, 2, 3, 4, 5, 6, 7, 8, 9], |who| engine.decide(&hashed(name), RType::A, who))?;
    Some((decision.rule.list.0, decision.rule.line, matches!(decision.effect, Effect::Block(Some(_)))))
}

#[test]
fn a_name_below_a_listed_one_is_blocked_and_one_beside_is_not() {
    let engine = engine(&[(1, "||ads.example^\nhost.example\n")]);
    for (name, expected) in [
        ("ads.example", Some((1, 1, true))),
        ("ADS.example", Some((1, 1, true))),
        ("a.b.ads.example", Some((1, 1, true))),
        ("bads.example", None),
        ("example", None),
        (".", None),
        ("host.example", Some((1, 2, true))),
        ("a.host.example", None),
    ] {
        assert_eq!(decide(&engine, name), expected, "{name}");
    }
}

#[test]
fn a_name_below_an_allowed_one_is_allowed() {
    let engine = engine(&[(1, "||ads.example^\n||a.ads.example^\n"), (2, "@@||ads.example^\n")]);
    for name in ["ads.example", "x.ads.example", "a.ads.example", "x.a.ads.example"] {
        assert_eq!(decide(&engine, name), Some((2, 1, false)), "{name}");
    }
}

#[test]
fn what_is_important_outranks_what_is_not() {
    let engine = engine(&[
        (1, "||a.example^$important\n||b.example^$important\n||c.example^\n"),
        (2, "@@||a.example^\n@@||b.example^$important\n@@||c.example^\n"),
    ]);
    assert_eq!(decide(&engine, "a.example"), Some((1, 1, true)));
    assert_eq!(decide(&engine, "b.example"), Some((2, 2, false)));
    assert_eq!(decide(&engine, "c.example"), Some((2, 3, false)));
}

#[test]
fn a_rule_is_taken_away_by_one_of_any_list_that_holds() {
    let lists = index(&[(1, "||a.example^\n||b.example^$important\na.example\n")]);
    let own = index(&[(2, "||a.example^$badfilter\n||b.example^$badfilter\n")]);
    let engine = Engine::new(vec![lists, own], Vec::new(), [], &Action::Null);
    // The hosts-like line of the same name says something else, and stays.
    assert_eq!(decide(&engine, "a.example"), Some((1, 3, true)));
    assert_eq!(decide(&engine, "x.a.example"), None);
    // Without the same modifiers it is not the same rule.
    assert_eq!(decide(&engine, "b.example"), Some((1, 2, true)));
    let without = with_who(&[1], |who| engine.decide(&hashed("x.a.example"), RType::A, who));
    assert_eq!(without.map(|decision| decision.rule.line), Some(1));
}

#[test]
fn only_lists_that_hold_count_and_each_has_its_action() {
    let engine = engine(&[(1, "||a.example^\n"), (9, "||a.example^\n"), (3, "@@||a.example^\n")]);
    let decide = |lists: &[u8]| with_who(lists, |who| engine.decide(&hashed("a.example"), RType::A, who));
    let decision = |list: u8, effect: Effect, lists: u32| {
        Some(Decision { rule: RuleRef { list: ListId(list), line: 1 }, effect, lists })
    };
    assert_eq!(decide(&[]), None);
    assert_eq!(decide(&[1]), decision(1, Effect::Block(Some(Action::Null)), 1));
    assert_eq!(decide(&[9]), decision(9, Effect::Block(Some(Action::Nxdomain)), 1));
    assert_eq!(decide(&[1, 9]), decision(1, Effect::Block(Some(Action::Null)), 2));
    assert_eq!(decide(&[1, 3, 9]), decision(3, Effect::Allow, 3));
}

/// A rule for every name, by priority, and one that looks at the text.
#[derive(Debug)]
struct Rules(Vec<(u32, Priority, Effect)>, &'static str);

impl Matcher for Rules {
    fn matches(&self, text: &str, qtype: RType, _: &Who<'_>, found: &mut dyn FnMut(RuleRef, Priority, &Effect)) {
        if text == self.1 && qtype == RType::A {
            for (line, priority, effect) in &self.0 {
                found(RuleRef { list: ListId(5), line: *line }, *priority, effect);
            }
        }
    }
}

#[test]
fn matches_come_in_the_order_of_effect() {
    let rewrite =
        Effect::Rewrite(Arc::new(Rewrite { rcode: dns::Rcode::NOERROR, alias: None, data: Vec::new(), ttl: None }));
    let rules = Rules(
        vec![
            (1, Priority::Block, Effect::Block(Some(Action::Drop))),
            (2, Priority::Rewrite, rewrite.clone()),
            (3, Priority::ImportantAllow, Effect::Allow),
        ],
        "a.ex?mple",
    );
    let index = index(&[(1, "||com^\n"), (6, "||x.com^$important\n@@||x.com^\n")]);
    let engine = Engine::new(vec![index], vec![Arc::new(rules)], [], &Action::Nodata);
    let order = |name: &str, lists: &[u8]| {
        with_who(lists, |who| {
            let all = engine.all_matches(&hashed(name), RType::A, who);
            let decision = engine.decide(&hashed(name), RType::A, who);
            assert_eq!(decision.map(|d| (d.rule, d.effect)), all.first().map(|m| (m.rule, m.effect.clone())), "{name}");
            all.iter().map(|found| (found.rule.list.0, found.rule.line, found.priority)).collect::<Vec<_>>()
        })
    };
    assert_eq!(
        order("x.com", &[1, 6]),
        [(6, 1, Priority::ImportantBlock), (6, 2, Priority::Allow), (1, 1, Priority::Block)]
    );
    // The matcher reads lower case, and a question mark for what is no text.
    assert_eq!(
        order("A.ex\\000mple", &[1, 5]),
        [(5, 3, Priority::ImportantAllow), (5, 2, Priority::Rewrite), (5, 1, Priority::Block)]
    );
    assert_eq!(order("a.ex\\.mple", &[5]).len(), 3);
    assert!(order("A.ex\\000mple", &[1]).is_empty(), "its list does not hold");
}

#[test]
fn the_longest_name_has_room_as_text() {
    let long = ["a"; 127].join(".");
    let mut buffer = [0; MAX_TEXT_OCTETS];
    assert_eq!(text_of(&long.parse::<NameBuf>().expect("name"), &mut buffer), long);
    assert_eq!(text_of(Name::root(), &mut buffer), "");
}

#[test]
fn addresses_to_ask_for_ahead_are_given_for_what_may_be_listed() {
    let engine = engine(&[(1, "||ads.example^\n")]);
    let count = |name: &str| {
        let (mut stems, mut buckets) = (0, 0);
        engine.stem_addresses(&hashed(name), &mut |at| stems += usize::from(!at.is_null()));
        engine.bucket_addresses(&hashed(name), &mut |at| buckets += usize::from(!at.is_null()));
        (stems, buckets)
    };
    assert_eq!(count("www.ads.example"), (1, 1));
    assert_eq!(count("example"), (0, 0));
    assert_eq!(count("www.elsewhere.test").1, 0);
}
