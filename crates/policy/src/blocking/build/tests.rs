//! Indexes of generated lists against an oracle, before, during and after a swap.

use std::collections::{BTreeMap, BTreeSet};

use dns::question::HashedName;
use dns::{NameBuf, NameHasher};
use proptest::prelude::*;

use super::super::format::{Listed, Scope};
use super::*;

const HASHER: NameHasher = NameHasher::new(99);

/// A list: its text is made of the names, one a line.
type Names = Vec<(String, Listed)>;

/// What an index must say of each name: list, line, and what is said.
type Oracle = BTreeMap<String, Vec<(u8, u32, Listed)>>;

fn line_of(name: &str, listed: Listed) -> String {
    if listed.scope == Scope::Exact {
        return name.to_owned();
    }
    let modifiers: Vec<&str> = [(listed.important, "important"), (listed.disables, "badfilter")]
        .into_iter()
        .filter_map(|(set, modifier)| set.then_some(modifier))
        .collect();
    let modifiers = if modifiers.is_empty() { String::new() } else { format!("${}", modifiers.join(",")) };
    format!("{}||{name}^{modifiers}", if listed.allow { "@@" } else { "" })
}

fn text_of(names: &Names) -> String {
    names.iter().map(|(name, listed)| line_of(name, *listed) + "\n").collect()
}

fn oracle(lists: &[Names]) -> Oracle {
    let mut oracle = Oracle::new();
    for (list, names) in lists.iter().enumerate() {
        for (line, (name, listed)) in names.iter().enumerate() {
            let all = oracle.entry(name.clone()).or_default();
            if !all.iter().any(|(other, _, said)| usize::from(*other) == list && said == listed) {
                all.push((list as u8, line as u32 + 1, *listed));
            }
        }
    }
    oracle
}

fn said(listed: &Listed) -> (Scope, bool, bool, bool) {
    (listed.scope, listed.allow, listed.important, listed.disables)
}

/// What an index says of the suffixes of a name, in the order of the oracle.
fn ask(index: &Index, name: &str) -> BTreeMap<String, Vec<(u8, u32, Listed)>> {
    let mut hashed = HashedName::default();
    hashed.set(&name.parse::<NameBuf>().expect("name"), HASHER);
    let mut all = BTreeMap::new();
    index.find(&hashed, &mut |hit, hash, whole| {
        let depth = (1..=hashed.labels()).find(|depth| hashed.hash(*depth) == hash).expect("a suffix");
        assert_eq!(whole, depth == hashed.labels());
        let mut lines: Vec<(u8, u32, Listed)> = hit
            .references()
            .map(|reference| {
                let rule = hit.rule(reference);
                (rule.list.0, rule.line, reference.listed())
            })
            .filter(|(_, _, listed)| whole || listed.scope == Scope::Below)
            .collect();
        lines.sort_by_key(|(list, line, _)| (*list, *line));
        if !lines.is_empty() {
            all.insert(hashed.suffix(depth).to_string().trim_end_matches('.').to_owned(), lines);
        }
    });
    all
}

fn expected(oracle: &Oracle, name: &str) -> BTreeMap<String, Vec<(u8, u32, Listed)>> {
    let labels: Vec<&str> = name.split('.').collect();
    let mut all = BTreeMap::new();
    for from in 0..labels.len() {
        let suffix = labels[from..].join(".");
        let mut lines: Vec<_> = oracle.get(&suffix).cloned().unwrap_or_default();
        lines.retain(|(_, _, listed)| from == 0 || listed.scope == Scope::Below);
        lines.sort_by_key(|(list, line, _)| (*list, *line));
        if !lines.is_empty() {
            all.insert(suffix, lines);
        }
    }
    all
}

fn sources(lists: &[Names], octets: u64) -> Vec<Source> {
    let source = |list| Source { list: ListId(list as u8), format: Format::Adguard, octets };
    (0..lists.len()).map(source).collect()
}

/// Builds in the given number of octets a list, which decides over the passes; `each` sees the index after each swap.
fn build(old: Index, lists: &[Names], octets: u64, each: &mut dyn FnMut(&Index, usize)) -> (Index, Vec<ListReport>) {
    let mut rebuild = Rebuild::new(old, sources(lists, octets)).expect("different lists");
    let mut swapped = 0;
    while let Some(mut pass) = rebuild.pass() {
        for names in lists {
            text_of(names).as_bytes().chunks(50).for_each(|chunk| pass.read(chunk, &mut |_, _| {}));
            pass.end_of_list(&mut |_, _| {}).expect("the same text");
        }
        let mut swaps = pass.end().expect("all lists");
        while let Some(index) = swaps.next_shard() {
            swapped += 1;
            each(index, swapped);
        }
    }
    assert_eq!(swapped, SHARDS);
    rebuild.finish().expect("all passes")
}

fn listed() -> impl Strategy<Value = Listed> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 0..8u8).prop_map(|(below, allow, important, disables)| {
        let scope = if below { Scope::Below } else { Scope::Exact };
        if below { Listed { scope, allow, important, disables: disables == 0 } } else { Listed::block(scope) }
    })
}

/// Names of few labels, so that they meet; two at least, since one alone is a pattern in AdGuard's syntax.
fn name() -> impl Strategy<Value = String> {
    "([a-c]\\.|ads\\.|x1\\.){1,3}(com|org|co\\.uk)"
}

fn lists() -> impl Strategy<Value = Vec<Names>> {
    prop::collection::vec(prop::collection::vec((name(), listed()), 0..40), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_index_says_what_the_lists_say_and_a_swap_keeps_answers_right(
        old in lists(), new in lists(), questions in prop::collection::vec(name(), 1..40), many in any::<bool>(),
    ) {
        let (old_oracle, new_oracle) = (oracle(&old), oracle(&new));
        let (index, _) = build(Index::empty(HASHER), &old, 0, &mut |_, _| {});
        let questions: Vec<String> = questions.into_iter().chain(old_oracle.keys().cloned()).chain(new_oracle.keys().cloned()).collect();
        for question in &questions {
            prop_assert_eq!(ask(&index, question), expected(&old_oracle, question));
        }
        // While shards are swapped each name is as the old or the new lists say, by its shard.
        let octets = if many { ONE_PASS_OCTETS + 1 } else { 0 };
        let (index, _) = build(index, &new, octets, &mut |index, swapped| {
            if swapped % 37 != 0 {
                return;
            }
            for question in &questions {
                let hash = |name: &str| HASHER.hash(&name.parse::<NameBuf>().expect("name"));
                let mut mixed = expected(&old_oracle, question);
                mixed.retain(|name, _| shard_of_name(hash(name)) >= swapped);
                let fresh = expected(&new_oracle, question).into_iter();
                mixed.extend(fresh.filter(|(name, _)| shard_of_name(hash(name)) < swapped));
                assert_eq!(ask(index, question), mixed, "{question} after {swapped}");
            }
        });
        for question in &questions {
            prop_assert_eq!(ask(&index, question), expected(&new_oracle, question));
        }
        prop_assert_eq!(index.names(), new_oracle.len());
    }

    #[test]
    fn reports_count_names_own_names_and_overlaps(lists in lists(), many in any::<bool>()) {
        let octets = if many { ONE_PASS_OCTETS + 1 } else { 0 };
        let (_, reports) = build(Index::empty(HASHER), &lists, octets, &mut |_, _| {});
        let sets: Vec<BTreeSet<&str>> =
            lists.iter().map(|names| names.iter().map(|(name, _)| name.as_str()).collect()).collect();
        prop_assert_eq!(reports.len(), lists.len());
        for (at, report) in reports.iter().enumerate() {
            prop_assert_eq!(report.lines, lists[at].len() as u64);
            prop_assert_eq!(report.names, sets[at].len() as u64);
            let elsewhere = |name: &&&str| !sets.iter().enumerate().any(|(other, set)| other != at && set.contains(**name));
            prop_assert_eq!(report.own_names, sets[at].iter().filter(elsewhere).count() as u64);
            let overlaps: Vec<(ListId, u64)> = (0..lists.len())
                .filter(|other| *other != at)
                .map(|other| (ListId(other as u8), sets[at].intersection(&sets[other]).count() as u64))
                .filter(|(_, count)| *count > 0)
                .collect();
            prop_assert_eq!(&report.overlaps, &overlaps);
        }
    }
}

fn shard_of_name(hash: u64) -> usize {
    super::super::index::shard_of(hash)
}

#[test]
fn what_is_said_twice_in_a_list_counts_once() {
    let block = Listed::block(Scope::Below);
    let names =
        vec![("a.b".to_owned(), block), ("A.B".to_owned(), block), ("a.b".to_owned(), Listed::block(Scope::Exact))];
    let (index, reports) = build(Index::empty(HASHER), &[names], 0, &mut |_, _| {});
    let lines: Vec<_> = ask(&index, "a.b").remove("a.b").unwrap_or_default();
    assert_eq!(
        lines.iter().map(|(_, line, listed)| (*line, said(listed).0)).collect::<Vec<_>>(),
        [(1, Scope::Below), (3, Scope::Exact)]
    );
    assert_eq!((reports[0].lines, reports[0].names, reports[0].own_names), (3, 1, 1));
}

#[test]
fn rules_are_handed_over_and_ignored_lines_reported() {
    let sources = vec![
        Source { list: ListId(7), format: Format::Hosts, octets: ONE_PASS_OCTETS + 1 },
        Source { list: ListId(3), format: Format::Adguard, octets: 0 },
    ];
    let mut text = "127.0.0.1 localhost\n0.0.0.0 bücher.example bad/name\n".to_owned();
    (0..9).for_each(|i| text.push_str(&format!("nonsense {i}\n")));
    text.push_str(&"x".repeat(5000));
    let (mut rebuild, mut rules) = (Rebuild::new(Index::empty(HASHER), sources).expect("new"), Vec::new());
    assert_eq!(rebuild.passes(), FRESH_PASSES);
    while let Some(mut pass) = rebuild.pass() {
        let mut take = |rule: RuleRef, text: &str| rules.push((rule.list.0, rule.line, text.to_owned()));
        for text in [text.as_str(), "! x\n||a.example^$client=b\nads*"] {
            pass.read(text.as_bytes(), &mut take);
            pass.end_of_list(&mut take).expect("the same text");
        }
        let mut swaps = pass.end().expect("all lists");
        while swaps.next_shard().is_some() {}
    }
    assert_eq!(rules, [(3, 2, "||a.example^$client=b".to_owned()), (3, 3, "ads*".to_owned())]);
    let (index, reports) = rebuild.finish().expect("done");
    assert_eq!(ask(&index, "xn--bcher-kva.example").len(), 1);
    let reasons: Vec<_> = reports[0].ignored.iter().map(|i| (i.reason, i.count, i.examples.len())).collect();
    use super::super::format::Reason;
    assert_eq!(
        reasons,
        [
            (Reason::LocalName, 1, 1),
            (Reason::BadName, 1, 1),
            (Reason::Syntax, 9, MAX_EXAMPLES),
            (Reason::TooLong, 1, 1)
        ]
    );
    assert_eq!(reports[0].ignored[2].examples[1], Example { line: 4, text: "nonsense 1".to_owned() });
    assert_eq!((reports[1].rules, reports[1].lines, reports[1].names), (2, 3, 0));
}

#[test]
fn a_text_that_changes_between_passes_is_an_error() {
    let source = Source { list: ListId(1), format: Format::Domains, octets: ONE_PASS_OCTETS + 1 };
    let mut rebuild = Rebuild::new(Index::empty(HASHER), vec![source]).expect("new");
    let mut pass = rebuild.pass().expect("first");
    pass.read(b"a.example\n", &mut |_, _| {});
    pass.end_of_list(&mut |_, _| {}).expect("first");
    let mut swaps = pass.end().expect("all lists");
    while swaps.next_shard().is_some() {}
    let mut pass = rebuild.pass().expect("second");
    pass.read(b"b.example\n", &mut |_, _| {});
    assert_eq!(pass.end_of_list(&mut |_, _| {}), Err(BuildError::Changed(ListId(1))));
    assert_eq!(rebuild.finish().map(|_| ()), Err(BuildError::Incomplete));
    assert_eq!(Rebuild::new(Index::empty(HASHER), vec![source; 2]).map(|_| ()), Err(BuildError::Twice(ListId(1))));
}

#[test]
fn a_pass_that_was_given_up_is_made_again() {
    let names = |count: usize| -> Names {
        (0..count).map(|i| (format!("n{i}.example"), Listed::block(Scope::Below))).collect()
    };
    let lists = [names(2000)];
    let mut rebuild = Rebuild::new(Index::empty(HASHER), sources(&lists, 0)).expect("new");
    let text = text_of(&lists[0]);
    for round in 0..6 {
        let mut pass = rebuild.pass().expect("due");
        pass.read(text.as_bytes(), &mut |_, _| {});
        pass.end_of_list(&mut |_, _| {}).expect("the same text");
        let mut swaps = pass.end().expect("all lists");
        let steps = if round < 5 { 100 } else { SHARDS + 1 };
        let made = (0..steps).filter(|_| swaps.next_shard().is_some()).count();
        assert_eq!(made, steps.min(SHARDS));
    }
    let (index, reports) = rebuild.finish().expect("done");
    assert_eq!((index.names(), reports[0].names, reports[0].own_names), (2000, 2000, 2000));
}

#[test]
fn an_index_of_no_lists_is_empty() {
    let (full, _) =
        build(Index::empty(HASHER), &[vec![("a.b".to_owned(), Listed::block(Scope::Below))]], 0, &mut |_, _| {});
    assert_eq!(full.names(), 1);
    let (index, reports) = build(full, &[], 0, &mut |_, _| {});
    assert_eq!((index.names(), reports.len()), (0, 0));
    assert!(ask(&index, "a.b").is_empty());
}
