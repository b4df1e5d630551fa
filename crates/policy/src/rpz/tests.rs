//! Response policy zones as a whole: what each trigger and action comes to, what comes first, and that generated zones
//! say what an oracle says.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use dns::header::Rcode;
use dns::question::HashedName;
use dns::{NameBuf, RType};

use super::testing::{HASHER, Model, OwnedRecord, Random, hashed, name, random_address, random_name, source, zone};
use super::*;
use crate::action::{Action, Effect};
use crate::who::{ListId, ListSet};

const CLIENT: &str = "10.9.9.9";

fn set(zones: &[&[&str]]) -> PolicyZones {
    let sources = zones.iter().enumerate().map(|(i, lines)| source(i as u8, zone(lines))).collect();
    PolicyZones::new(sources).expect("few zones")
}

fn question(name: &HashedName) -> RpzQuestion<'_> {
    let client = CLIENT.parse().expect("address");
    RpzQuestion { name, client, lists: &ListSet::ALL, recursion_desired: true, dnssec_ok: false, signed: false }
}

/// What is asked and answered, as text: a chain of names, addresses of the last one, `server=address` of its zone.
struct Case {
    chain: Vec<HashedName>,
    addresses: Vec<IpAddr>,
    servers: Vec<(HashedName, Vec<IpAddr>)>,
}

impl Case {
    fn new(chain: &str, addresses: &str, servers: &str) -> Case {
        let address = |text: &str| text.parse::<IpAddr>().expect("address");
        let server = |text: &str| {
            let (name, address_text) = text.split_once('=').expect("server");
            (hashed(name), vec![address(address_text)])
        };
        Case {
            chain: chain.split_whitespace().map(hashed).collect(),
            addresses: addresses.split_whitespace().map(address).collect(),
            servers: servers.split_whitespace().map(server).collect(),
        }
    }

    fn servers(&self) -> Vec<Server<'_>> {
        self.servers.iter().map(|(name, addresses)| Server { name, addresses }).collect()
    }

    /// Addresses and servers belong to the last name.
    fn stages<'a>(&'a self, servers: &'a [Server<'a>]) -> Vec<Stage<'a>> {
        let mut stages: Vec<_> = self.chain.iter().map(|name| Stage { name, addresses: &[], servers: &[] }).collect();
        stages.iter_mut().rev().take(1).for_each(|last| *last = Stage { addresses: &self.addresses, servers, ..*last });
        stages
    }

    /// Both steps; before the answer the first one alone.
    fn run(&self, zones: &PolicyZones, change: impl Fn(&mut RpzQuestion<'_>), signed: bool) -> Outcome {
        let mut question = question(&self.chain[0]);
        change(&mut question);
        let servers = self.servers();
        let stages = self.stages(&servers);
        let answer = RpzAnswer { stages: &stages };
        let mut dry_runs = Vec::new();
        let before = zones.before(&question, &mut dry_runs);
        let waits = before.as_ref().is_some_and(|found| zones.must_resolve_first(&question, found));
        question.signed = signed;
        let after = zones.after(&question, before.clone(), &answer, &mut dry_runs);
        if before.is_some() && !waits {
            assert_eq!(before, after, "what is carried out at once is what would hold in the end");
        }
        let all = zones.all_matches(&question, Some(&answer));
        assert_eq!(all.decides.map(|at| &all.matches[at]), after.as_ref(), "why says what happens");
        Outcome { before, waits, after, dry_runs, all: all.matches }
    }
}

struct Outcome {
    before: Option<RpzMatch>,
    waits: bool,
    after: Option<RpzMatch>,
    dry_runs: Vec<RpzMatch>,
    all: Vec<RpzMatch>,
}

fn decided(zones: &[&[&str]], chain: &str, addresses: &str, servers: &str) -> Option<String> {
    let found = Case::new(chain, addresses, servers).run(&set(zones), |_| (), false).after?;
    Some(format!("{} {}", found.position, found.trigger))
}

/// Each trigger with each action, at what matches it and at what does not.
#[test]
fn every_trigger_carries_out_every_action() {
    let triggers = [
        ("bad.test", "bad.test", "", "", "bad.test.other"),
        ("*.bad.test", "www.BAD.test", "", "", "bad.test"),
        ("*.bad.test", "a.b.bad.test", "", "", "xbad.test"),
        ("24.0.9.9.10.rpz-client-ip", "any.test", "", "", ""),
        ("24.0.2.0.192.rpz-ip", "any.test", "192.0.2.200", "", ""),
        ("32.zz.db8.2001.rpz-ip", "any.test", "2001:db8:5::1", "", ""),
        ("ns.evil.test.rpz-nsdname", "any.test", "", "ns.evil.test=192.0.2.1", ""),
        ("*.evil.test.rpz-nsdname", "any.test", "", "ns.evil.test=192.0.2.1", ""),
        ("32.1.2.0.192.rpz-nsip", "any.test", "", "ns.evil.test=192.0.2.1", ""),
    ];
    for (owner, chain, addresses, servers, miss) in triggers {
        let asked = name(chain);
        let rewrite = |alias: Option<NameBuf>, data: Vec<(RType, Box<[u8]>)>| {
            let ttl = Some(60);
            Effect::Rewrite(Arc::new(crate::action::Rewrite { rcode: Rcode::NOERROR, alias, data, ttl }))
        };
        let below = name(&format!("{}walled.test", asked));
        let actions = [
            ("CNAME .", Effect::Block(Some(Action::Nxdomain))),
            ("CNAME *.", Effect::Block(Some(Action::Nodata))),
            ("CNAME rpz-passthru.", Effect::Allow),
            ("CNAME rpz-drop.", Effect::Block(Some(Action::Drop))),
            ("CNAME rpz-tcp-only.", Effect::Block(Some(Action::TcpOnly))),
            ("CNAME walled.test.", rewrite(Some(name("walled.test")), vec![])),
            ("CNAME *.walled.test.", rewrite(Some(below), vec![])),
            ("A 192.0.2.7", rewrite(None, vec![(RType::A, [192, 0, 2, 7].into())])),
        ];
        for (action, want) in actions {
            let zones = set(&[&[&format!("{owner} {action}")]]);
            let found = Case::new(chain, addresses, servers).run(&zones, |_| (), false).after.expect(owner);
            assert_eq!(
                (&*found.trigger.to_string(), &found.effect, found.ttl_s),
                (owner, &want, 60),
                "{owner} {action}"
            );
            assert_eq!(found.rule, crate::action::RuleRef { list: ListId(0), line: 1 });
            if !miss.is_empty() {
                assert_eq!(
                    Case::new(miss, "198.51.100.1", "ns.good.test=198.51.100.2").run(&zones, |_| (), false).after,
                    None
                );
            }
        }
        let zones = set(&[&[&format!("{owner} CNAME .")]]);
        let moved = |question: &mut RpzQuestion<'_>| question.client = "198.51.100.9".parse().expect("address");
        let other = Case::new("other.test", "198.51.100.1", "ns.good.test=198.51.100.2");
        assert_eq!(other.run(&zones, moved, false).after, None, "{owner}");
    }
}

#[test]
fn rules_come_in_the_order_of_the_draft() {
    let client = "32.9.9.9.10.rpz-client-ip CNAME .";
    let (answer, answer_net) = ("32.1.2.0.192.rpz-ip CNAME .", "24.0.2.0.192.rpz-ip CNAME .");
    let (server, server_address) = ("ns.evil.test.rpz-nsdname CNAME .", "32.53.2.0.192.rpz-nsip CNAME .");
    let all = [server_address, server, answer, "bad.test CNAME .", client];
    // Within a zone: client, name, answer, name of a server, address of a server.
    let order = ["32.9.9.9.10.rpz-client-ip", "bad.test", "32.1.2.0.192.rpz-ip", "ns.evil.test.rpz-nsdname"];
    for (left, want) in order.iter().enumerate() {
        let got = decided(&[&all[..5 - left]], "bad.test", "192.0.2.1", "ns.evil.test=192.0.2.53");
        assert_eq!(got, Some(format!("0 {want}")));
    }
    type Row<'a> = (&'a [&'a [&'a str]], &'a str, &'a str, &'a str, &'a str);
    let cases: [Row<'_>; 14] = [
        // An earlier zone first, whatever the triggers.
        (&[&["bad.test CNAME ."], &[client]], "bad.test", "", "", "0 bad.test"),
        (&[&[answer], &["bad.test CNAME ."]], "bad.test", "192.0.2.1", "", "0 32.1.2.0.192.rpz-ip"),
        (&[&[answer], &["bad.test CNAME ."]], "bad.test", "192.0.2.2", "", "1 bad.test"),
        (&[&[server_address], &[client]], "bad.test", "", "ns.x=192.0.2.53", "0 32.53.2.0.192.rpz-nsip"),
        (&[&["bad.test CNAME ."], &[answer]], "bad.test", "192.0.2.1", "", "0 bad.test"),
        // The most specific rule.
        (&[&["a.bad.test CNAME .", "*.bad.test CNAME ."]], "a.bad.test", "", "", "0 a.bad.test"),
        (&[&["*.bad.test CNAME .", "*.a.bad.test CNAME .", "* CNAME ."]], "b.a.bad.test", "", "", "0 *.a.bad.test"),
        (&[&[answer_net, answer]], "a.test", "192.0.2.9 192.0.2.1", "", "0 32.1.2.0.192.rpz-ip"),
        (
            &[&["25.0.2.0.192.rpz-ip CNAME .", "120.zz.db8.2001.rpz-ip CNAME ."]],
            "a.test",
            "2001:db8::1 192.0.2.1",
            "",
            "0 25.0.2.0.192.rpz-ip",
        ),
        (
            &[&["30.8.2.0.192.rpz-ip CNAME .", "30.4.2.0.192.rpz-ip CNAME ."]],
            "a.test",
            "192.0.2.8 192.0.2.5",
            "",
            "0 30.4.2.0.192.rpz-ip",
        ),
        (
            &[&["*.b.test.rpz-nsdname CNAME .", "ns.c.test.rpz-nsdname CNAME ."]],
            "a.test",
            "",
            "ns.c.test=10.0.0.1 ns.b.test=10.0.0.2",
            "0 *.b.test.rpz-nsdname",
        ),
        // A name comes before what it is an alias of, and with it its zone.
        (&[&["cdn.test CNAME ."], &["bad.test CNAME ."]], "bad.test cdn.test", "", "", "1 bad.test"),
        (&[&[answer], &["bad.test CNAME ."]], "bad.test cdn.test", "192.0.2.1", "", "1 bad.test"),
        (&[&["x.test CNAME ."], &["cdn.test CNAME ."]], "bad.test cdn.test x.test", "", "", "1 cdn.test"),
    ];
    for (zones, chain, addresses, servers, want) in cases {
        assert_eq!(decided(zones, chain, addresses, servers).as_deref(), Some(want), "{zones:?} {chain}");
    }
}

#[test]
fn passthru_ends_the_evaluation() {
    let zones = set(&[&["good.test CNAME rpz-passthru."], &["*.test CNAME .", "32.1.2.0.192.rpz-ip CNAME ."]]);
    let outcome = Case::new("good.test cdn.test", "192.0.2.1", "").run(&zones, |_| (), false);
    assert!(!outcome.waits && outcome.after.is_some_and(|found| found.is_passthru()));
    assert_eq!(outcome.all.len(), 4, "why lists what was not carried out");
}

#[test]
fn a_match_waits_only_for_zones_in_front_that_look_at_answers() {
    let answers = ["32.1.2.0.192.rpz-ip CNAME ."];
    let waits = |zones: &[&[&str]]| Case::new("bad.test", "", "").run(&set(zones), |_| (), false).waits;
    assert!(!waits(&[&["bad.test CNAME .", answers[0]]]));
    assert!(waits(&[&answers, &["bad.test CNAME ."]]));
    assert!(!waits(&[&["bad.test CNAME ."], &answers]));
    let mut zones = set(&[&answers, &["bad.test CNAME ."]]);
    let mut sources = zones.sources().to_vec();
    sources[0].replacement = Replacement::Disabled;
    zones = PolicyZones::new(sources).expect("few zones");
    assert!(!Case::new("bad.test", "", "").run(&zones, |_| (), false).waits, "a disabled zone overrules nothing");
    let looks = zones.looks();
    assert!(looks.any() && looks.addresses && !looks.servers && !looks.server_addresses, "{looks:?}");
}

#[test]
fn a_configuration_replaces_what_rules_say() {
    let replaced = |text: &str, chain: &str| {
        let mut first = source(3, zone(&["bad.test CNAME rpz-passthru."]));
        first.replacement = text.parse().expect(text);
        let zones = PolicyZones::new(vec![first, source(4, zone(&["bad.test CNAME *."]))]).expect("few zones");
        Case::new(chain, "", "").run(&zones, |_| (), false)
    };
    let blocked = |action| Effect::Block(Some(action));
    let cases = [
        ("given", Effect::Allow),
        ("passthru", Effect::Allow),
        ("drop", blocked(Action::Drop)),
        ("nxdomain", blocked(Action::Nxdomain)),
        ("nodata", blocked(Action::Nodata)),
        ("tcp_only", blocked(Action::TcpOnly)),
    ];
    for (text, want) in cases {
        let found = replaced(text, "bad.test").after.expect(text);
        assert_eq!((found.rule.list, found.effect), (ListId(3), want), "{text}");
    }
    let Some(Effect::Rewrite(rewrite)) = replaced("*.walled.test", "bad.test").after.map(|found| found.effect) else {
        panic!("not rewritten")
    };
    assert_eq!(rewrite.alias, Some(name("bad.test.walled.test")));
    let outcome = replaced("disabled", "bad.test");
    assert_eq!(outcome.after.map(|found| (found.rule.list, found.effect)), Some((ListId(4), blocked(Action::Nodata))));
    let noted: Vec<_> = outcome.dry_runs.iter().map(|found| (found.rule.list, found.dry_run, &found.effect)).collect();
    assert_eq!(noted, [(ListId(3), true, &Effect::Allow)], "once, though both steps look at the zone");
}

#[test]
fn signed_answers_stay_for_those_who_may_validate() {
    let zones = set(&[&["bad.test CNAME .", "good.test CNAME rpz-passthru."]]);
    let dnssec = |question: &mut RpzQuestion<'_>| question.dnssec_ok = true;
    let outcome = Case::new("bad.test", "", "").run(&zones, dnssec, true);
    assert!(outcome.before.is_some() && outcome.waits && outcome.after.is_none());
    assert!(Case::new("bad.test", "", "").run(&zones, dnssec, false).after.is_some());
    assert!(Case::new("bad.test", "", "").run(&zones, |_| (), true).after.is_some());
    let outcome = Case::new("good.test", "", "").run(&zones, dnssec, true);
    assert!(!outcome.waits && outcome.after.is_some_and(|found| found.is_passthru()));
    let mut sources = zones.sources().to_vec();
    sources[0].break_dnssec = true;
    let breaking = PolicyZones::new(sources.clone()).expect("few zones");
    let outcome = Case::new("bad.test", "", "").run(&breaking, dnssec, true);
    assert!(!outcome.waits && outcome.after.is_some());
    // The zone in front lets the answer be, the next one does not.
    sources.insert(0, zones.sources()[0].clone());
    let both = PolicyZones::new(sources).expect("few zones");
    let outcome = Case::new("bad.test", "", "").run(&both, dnssec, true);
    assert!(outcome.waits && outcome.after.is_some_and(|found| found.position == 1));
}

#[test]
fn questions_without_rd_and_other_clients_are_left_alone() {
    let mut zones = set(&[&["bad.test CNAME ."]]);
    let case = Case::new("bad.test", "", "");
    assert!(case.run(&zones, |question| question.recursion_desired = false, false).after.is_none());
    let none = ListSet::default();
    let asked = RpzQuestion { lists: &none, ..question(&case.chain[0]) };
    assert_eq!(zones.before(&asked, &mut Vec::new()), None);
    let mut sources = zones.sources().to_vec();
    sources[0].recursive_only = false;
    zones = PolicyZones::new(sources).expect("few zones");
    assert!(case.run(&zones, |question| question.recursion_desired = false, false).after.is_some());
}

#[test]
fn ttls_are_those_of_the_zone_up_to_the_cap() {
    let mut first = source(0, zone(&["bad.test CNAME .", "other.test A 192.0.2.1"]));
    first.max_policy_ttl_s = Some(5);
    let zones = PolicyZones::new(vec![first]).expect("few zones");
    for chain in ["bad.test", "other.test"] {
        let found = Case::new(chain, "", "").run(&zones, |_| (), false).after.expect(chain);
        assert_eq!(found.ttl_s, 5);
        if let Effect::Rewrite(rewrite) = found.effect {
            assert_eq!(rewrite.ttl, Some(5));
        }
    }
    assert!(PolicyZones::new(vec![zones.sources()[0].clone(); MAX_ZONES + 1]).is_err());
}

#[test]
fn a_new_version_of_a_zone_takes_the_place_of_the_old_one() {
    let zones = set(&[&["a.test CNAME ."], &["b.test CNAME ."]]);
    let comes = OwnedRecord::line("c.test CNAME .");
    let (next, _) = zones.sources()[1].zone.apply([], [comes.borrowed()]);
    let newer = zones.with_zone(ListId(1), &Arc::new(next));
    let case = Case::new("c.test", "", "");
    assert_eq!(case.run(&newer, |_| (), false).after.map(|found| found.position), Some(1));
    assert_eq!(case.run(&zones, |_| (), false).after, None, "who holds the old set goes on with it");
    assert!(Arc::ptr_eq(&zones.sources()[0].zone, &newer.sources()[0].zone));
}

#[test]
fn wrong_records_are_told_and_left_out() {
    let lines =
        ["33.1.2.0.192.rpz-ip CNAME .", "bad.test CNAME .", "bad.test A 192.0.2.1", "x.rpz-more CNAME .", ". TXT apex"];
    let records: Vec<OwnedRecord> = lines.iter().map(|line| OwnedRecord::line(line)).collect();
    let (zone, report) = PolicyZone::build(HASHER, records.iter().map(OwnedRecord::borrowed));
    let found: Vec<String> =
        report.findings.iter().map(|finding| format!("{} {:?}", finding.owner, finding.reason)).collect();
    assert_eq!(found, ["33.1.2.0.192.rpz-ip PrefixLength", "bad.test CnameAndData", "x.rpz-more UnknownTrigger"]);
    assert_eq!((zone.len(), report.ignored), (1, 1));
    assert_eq!(zone.rules().next().map(|rule| rule.action), Some(RuleAction::Nxdomain));
    let (zone, report) = zone.apply([records[1].borrowed()], []);
    assert_eq!((report.findings.len(), report.missing), (0, 0));
    assert_eq!(zone.rules().next().map(|rule| rule.action), Some(RuleAction::LocalData), "what stood beside the CNAME");
    let many: Vec<OwnedRecord> = (0..300).map(|i| OwnedRecord::line(&format!("x{i}.rpz-more CNAME ."))).collect();
    let (_, report) = PolicyZone::build(HASHER, many.iter().map(OwnedRecord::borrowed));
    assert_eq!((report.findings.len(), report.findings_left_out), (100, 200));
}

#[test]
fn a_rule_keeps_its_number_when_its_records_change() {
    let first = zone(&["a.test CNAME .", "b.test CNAME .", "c.test CNAME ."]);
    let (gone, comes) = (OwnedRecord::line("b.test CNAME ."), OwnedRecord::line("b.test CNAME *."));
    let new = OwnedRecord::line("d.test CNAME .");
    let never = OwnedRecord::line("e.test CNAME .");
    let removed = [gone.borrowed(), never.borrowed()];
    let (second, report) = first.apply(removed, [new.borrowed(), comes.borrowed()]);
    let numbers = |zone: &PolicyZone| -> BTreeMap<String, (u32, RuleAction)> {
        zone.rules().map(|rule| (rule.trigger.to_string(), (rule.number, rule.action))).collect()
    };
    assert_eq!(report.missing, 1);
    assert_eq!(numbers(&first)["b.test"], (2, RuleAction::Nxdomain), "the old version stays");
    assert_eq!(numbers(&second)["b.test"], (2, RuleAction::Nodata));
    assert_eq!(numbers(&second)["d.test"], (4, RuleAction::Nxdomain));
}

#[test]
fn a_rule_has_at_most_so_many_records() {
    let records: Vec<OwnedRecord> =
        (0..300).map(|i| OwnedRecord::line(&format!("a.test A 10.0.{}.{}", i / 256, i % 256))).collect();
    let (zone, report) = PolicyZone::build(HASHER, records.iter().map(OwnedRecord::borrowed));
    assert_eq!(zone.rules().map(|rule| rule.records.len()).collect::<Vec<_>>(), [MAX_RECORDS]);
    assert!(report.findings.iter().all(|finding| finding.reason == Reason::TooManyRecords));
    assert_eq!(report.findings.len(), 300 - MAX_RECORDS);
}

/// What a zone holds, whatever the numbers of its rules.
fn contents(zone: &PolicyZone) -> BTreeMap<String, (RuleAction, Box<[RuleRecord]>)> {
    zone.rules().map(|rule| (rule.trigger.to_string(), (rule.action, rule.records))).collect()
}

#[test]
fn any_sequence_of_changes_leaves_what_is_built_whole() {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let (mut model, mut changed) = (Model::default(), PolicyZone::new(HASHER));
        for _ in 0..30 {
            let steps = 1 + random.below(60);
            let (gone, come) = model.change(&mut random, steps);
            let before = contents(&changed);
            let (next, report) =
                changed.apply(gone.iter().map(OwnedRecord::borrowed), come.iter().map(OwnedRecord::borrowed));
            assert!(report.findings.is_empty() && report.missing == 0);
            assert_eq!(contents(&changed), before, "a version that is shared does not change");
            changed = next;
            let whole = model.build();
            assert_eq!(contents(&changed), contents(&whole));
            assert_eq!((changed.len(), whole.len()), (model.rules.len(), model.rules.len()));
            for kind in TriggerKind::ALL {
                assert_eq!(changed.has(kind), whole.has(kind));
            }
        }
    }
}

/// Generated zones, questions and answers: what is decided, and every match, is what trying each rule gives.
#[test]
fn zones_say_what_trying_every_rule_says() {
    let mut decided = 0;
    for seed in 0..1500 {
        let mut random = Random::new(seed);
        let mut models = vec![Model::default(); 1 + random.below(3) as usize];
        let mut sources = Vec::new();
        for (i, model) in models.iter_mut().enumerate() {
            let steps = 1 + random.below(25);
            model.change(&mut random, steps);
            let first = model.build();
            let (gone, come) = model.change(&mut random, steps / 2);
            let (second, _) =
                first.apply(gone.iter().map(OwnedRecord::borrowed), come.iter().map(OwnedRecord::borrowed));
            sources.push(source(i as u8, second));
        }
        let disabled = random.below(6) as usize;
        sources.iter_mut().skip(disabled).take(1).for_each(|source| source.replacement = Replacement::Disabled);
        let zones = PolicyZones::new(sources).expect("few zones");
        for _ in 0..8 {
            let chain: Vec<String> = (0..1 + random.below(2)).map(|_| random_name(&mut random)).collect();
            let mut case = Case::new(&chain.join(" "), "", "");
            case.addresses = (0..random.below(3)).map(|_| random_address(&mut random)).collect();
            for _ in 0..random.below(3) {
                let addresses = (0..random.below(3)).map(|_| random_address(&mut random)).collect();
                case.servers.push((hashed(&random_name(&mut random)), addresses));
            }
            let client = random_address(&mut random);
            let outcome = case.run(&zones, |question| question.client = client, false);
            let want = oracle(&case, client, &models);
            let got: Vec<String> =
                outcome.all.iter().map(|found| format!("{} {}", found.position, found.trigger)).collect();
            assert_eq!(got, want, "seed {seed}");
            let first = outcome.all.iter().find(|found| found.position != disabled);
            assert_eq!(outcome.after.as_ref(), first, "seed {seed}");
            decided += usize::from(first.is_some());
        }
    }
    assert!(decided > 3000, "{decided} questions were decided by a rule");
}

fn oracle(case: &Case, client: IpAddr, models: &[Model]) -> Vec<String> {
    let servers = case.servers();
    let stages = case.stages(&servers);
    let asked = RpzQuestion { client, ..question(&case.chain[0]) };
    let of_each = models.iter().enumerate();
    let mut found: Vec<_> = of_each.flat_map(|(position, model)| model.matches(position, &asked, &stages)).collect();
    found.sort();
    found.into_iter().map(|((_, position, ..), owner)| format!("{position} {owner}")).collect()
}

#[test]
fn no_record_makes_a_zone_panic() {
    let ends: [&[u8]; 6] =
        [b"", b"\x0drpz-client-ip", b"\x06rpz-ip", b"\x0brpz-nsdname", b"\x08rpz-nsip", b"\x05rpz-x"];
    let words: [&[u8]; 8] = [b"zz", b"32", b"128", b"0", b"ffff", b"*", b"\xff\0", b"1"];
    let mut random = Random::new(3);
    let mut records = Vec::new();
    for _ in 0..50_000 {
        let mut wire = Vec::new();
        for _ in 0..random.below(10) {
            let any: Vec<u8> = (0..1 + random.below(30)).map(|_| random.below(256) as u8).collect();
            let label = if random.below(4) > 0 { *random.pick(&words) } else { &any };
            wire.push(label.len() as u8);
            wire.extend_from_slice(label);
        }
        wire.extend_from_slice(random.pick::<&[u8]>(&ends));
        wire.push(0);
        let Ok(owner) = NameBuf::from_wire(wire) else { continue };
        let any = RType(random.below(65536) as u16);
        let rtype = *random.pick(&[RType::CNAME, RType::A, RType::TXT, RType::SOA, RType::HTTPS, any]);
        let rdata = (0..random.below(12)).map(|_| random.below(256) as u8 >> random.below(8)).collect();
        records.push(OwnedRecord { owner, rtype, rdata, ttl: random.below(u32::MAX) });
    }
    let (zone, report) = PolicyZone::build(HASHER, records.iter().map(OwnedRecord::borrowed));
    assert!(zone.len() > 1000 && report.findings_left_out > 1000, "{} {}", zone.len(), report.findings_left_out);
    let zones = PolicyZones::new(vec![source(0, zone)]).expect("few zones");
    for record in &records {
        let mut asked = HashedName::default();
        asked.set(&record.owner, HASHER);
        let case = Case { chain: vec![asked], addresses: vec![random_address(&mut random)], servers: vec![] };
        case.run(&zones, |_| (), false);
    }
    let (empty, _) = zones.sources()[0].zone.apply(records.iter().map(OwnedRecord::borrowed), []);
    assert_eq!(empty.len(), 0);
}
