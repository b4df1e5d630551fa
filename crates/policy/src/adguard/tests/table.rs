//! The table of rules, names, clients and types in `testdata/adguard.txt`, whose head says how it is read.

use std::net::IpAddr;

use dns::RType;

use super::super::{Matcher, Parsed, Priority, Rule, combine, parse};
use crate::action::{Effect, Rewrite, RuleRef};
use crate::who::{ListId, ListSet, Who};

const TABLE: &str = include_str!("../../../testdata/adguard.txt");

/// The rules of a group, and what is wrong so far.
#[derive(Default)]
struct Table {
    rules: Vec<(RuleRef, Rule)>,
    cases: usize,
    problems: Vec<String>,
}

struct Asked {
    names: Vec<String>,
    qtype: RType,
    address: IpAddr,
    device: Option<String>,
    tags: Vec<Box<str>>,
    lists: ListSet,
}

impl Table {
    fn line(&mut self, number: u32, line: &str) {
        let Some((kind, rest)) = line.split_once(' ') else {
            if line.is_empty() {
                self.rules.clear();
            } else {
                self.problems.push(format!("line {number}: unreadable"));
            }
            return;
        };
        match kind {
            "#" => {}
            "+" => self.add(number, 1, rest),
            "+2" => self.add(number, 2, rest),
            "?" => self.ask(number, rest),
            "-" => self.says(number, rest),
            _ => self.problems.push(format!("line {number}: unreadable")),
        }
    }

    /// A name alone on a line is the rule for exactly that name.
    fn add(&mut self, number: u32, list: u8, line: &str) {
        let at = RuleRef { list: ListId(list), line: number };
        match parse(line) {
            Parsed::Rule(rule) => self.rules.push((at, rule)),
            Parsed::Name(name) => match parse(&format!("|{name}|")) {
                Parsed::Rule(rule) => self.rules.push((at, rule)),
                other => self.problems.push(format!("line {number}: {other:?}")),
            },
            other => self.problems.push(format!("line {number}: {other:?}")),
        }
    }

    fn says(&mut self, number: u32, rest: &str) {
        let (want, line) = rest.split_once(" | ").expect("a bar between outcome and line");
        let got = match parse(line) {
            Parsed::Nothing => "nothing".to_owned(),
            Parsed::Hosts { address, names } => format!("hosts {address} {}", names.collect::<Vec<_>>().join(" ")),
            Parsed::Name(name) => format!("name {name}"),
            Parsed::Ignored(reason) => format!("ignored {reason}"),
            Parsed::Rule(rule) => match rule.simple() {
                Some(simple) => {
                    let kind = if simple.allow { "allow" } else { "block" };
                    format!("simple {kind} {}{}", simple.name, if simple.below { " and below" } else { "" })
                }
                None => "rule".to_owned(),
            },
        };
        self.compare(number, line, want, &got);
    }

    fn ask(&mut self, number: u32, rest: &str) {
        let (asked, want) = rest.split_once(" -> ").expect("an arrow before the outcome");
        let asked = Asked::read(asked);
        let matcher = Matcher::new(self.rules.clone());
        for name in &asked.names {
            let got = asked.outcome(&matcher, name);
            self.compare(number, name, want, &got);
        }
    }

    fn compare(&mut self, number: u32, of: &str, want: &str, got: &str) {
        self.cases += 1;
        if want != got {
            self.problems.push(format!("line {number}: {of}: {got}, not {want}"));
        }
    }
}

impl Asked {
    fn read(text: &str) -> Asked {
        let mut words = text.split(' ');
        let names = words.next().expect("names").split(',').map(|name| name.trim_end_matches('.').to_owned()).collect();
        let mut asked = Asked {
            names,
            qtype: RType::A,
            address: IpAddr::from([192, 0, 2, 1]),
            device: None,
            tags: Vec::new(),
            lists: ListSet::ALL,
        };
        for word in words {
            match word.split_once('=') {
                None => asked.qtype = RType::from_text(word.as_bytes()).expect("a type"),
                Some(("from", address)) => asked.address = address.parse().expect("an address"),
                Some(("device", name)) => asked.device = Some(name.replace('_', " ")),
                Some(("tag", tag)) => asked.tags.push(tag.into()),
                Some(("list", list)) => asked.lists = ListSet::default().with(ListId(list.parse().expect("a number"))),
                Some(_) => panic!("unreadable: {word}"),
            }
        }
        asked
    }

    fn outcome(&self, matcher: &Matcher, name: &str) -> String {
        let who = Who { address: self.address, device: self.device.as_deref(), tags: &self.tags, lists: &self.lists };
        let mut all: Vec<(Priority, RuleRef, Effect)> = Vec::new();
        matcher.matches(name, self.qtype, &who, &mut |at, priority, effect| {
            assert!(all.iter().all(|(_, other, _)| *other != at), "{at:?} came twice");
            all.push((priority, at, effect.clone()));
        });
        all.sort_by_key(|(priority, at, _)| (std::cmp::Reverse(*priority), at.line));
        let Some((first, ..)) = all.first() else { return "none".to_owned() };
        let of_first = all.iter().filter(|(priority, ..)| priority == first);
        match first {
            Priority::Block => "block".to_owned(),
            Priority::ImportantBlock => "block!".to_owned(),
            Priority::Allow => "allow".to_owned(),
            Priority::ImportantAllow => "allow!".to_owned(),
            Priority::Rewrite | Priority::ImportantRewrite => {
                let rewrites: Vec<_> = of_first
                    .filter_map(|(.., effect)| match effect {
                        Effect::Rewrite(rewrite) => Some(&**rewrite),
                        _ => None,
                    })
                    .collect();
                printed(&combine(rewrites.into_iter()).expect("a rewrite"))
            }
        }
    }
}

fn printed(rewrite: &Rewrite) -> String {
    let mut parts = vec![rewrite.rcode.to_string()];
    parts.extend(rewrite.alias.as_ref().map(|name| format!("CNAME {name}")));
    for (rtype, data) in &rewrite.data {
        let mut text = format!("{rtype} ");
        dns::rdata::text::write(*rtype, data, &mut text).expect("a string takes everything");
        parts.push(text);
    }
    parts.join("; ")
}

#[test]
fn every_case_of_the_table_has_its_outcome() {
    let mut table = Table::default();
    for (number, line) in (1..).zip(TABLE.lines()) {
        table.line(number, line.trim_end());
    }
    assert!(table.problems.is_empty(), "{}", table.problems.join("\n"));
    assert!(table.cases >= 300, "only {} cases", table.cases);
}
