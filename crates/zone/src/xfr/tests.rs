//! Transfers sent and received again: what comes out is what went in.

use dns::{Class, Message, Name, NameBuf, NameHasher, RType, Record};

use super::*;
use crate::change::{Action, RrsetChange, ZoneChange};
use crate::diff::list;
use crate::draft::{Edit, Records};
use crate::records::RecordList;
use crate::testing::{Random, name};
use crate::{Builder, Contents};

pub(super) const ID: u16 = 0x1234;

fn wire(text: &str) -> Vec<u8> {
    name(text).into_wire()
}

pub(super) fn soa(serial: u32) -> Vec<u8> {
    [&wire("ns.Example.")[..], &wire("mail.example.")[..], &serial.to_be_bytes()[..], &[0; 16]].concat()
}

type Line = (String, RType, u32, Vec<u8>);

/// All records of a zone, case of names included.
fn lines(contents: &Contents) -> Vec<Line> {
    lines_of(&list(contents))
}

fn lines_of(list: &RecordList) -> Vec<Line> {
    let mut lines: Vec<_> = list.iter().map(|r| (r.owner.to_string(), r.rtype, r.ttl, r.rdata.to_vec())).collect();
    lines.sort();
    lines
}

/// Some records of a type; the more different ways of compression the better.
fn some_records(random: &mut Random, owner: &str) -> (RType, Vec<Vec<u8>>) {
    let count = 1 + random.below(3);
    let host = |random: &mut Random| match random.below(6) {
        0 => wire(&format!("ns{}.{owner}", random.below(3))),
        1 => wire(&format!("ns{}.Example.net.", random.below(3))),
        2 => wire(&format!("ns{}.example.", random.below(3))),
        3 => wire(&format!("NS.b.example{}.", random.below(2))),
        4 => wire(owner),
        _ => wire([".", "example.", "net.", "xexample."][random.below(4) as usize]),
    };
    let each = |random: &mut Random| match random.below(7) {
        0 => (RType::NS, host(random)),
        1 => (RType::MX, [vec![0, random.below(9) as u8], host(random)].concat()),
        2 => (RType::SRV, [vec![0; 6], host(random)].concat()),
        3 => (RType::MINFO, [host(random), host(random)].concat()),
        4 => (RType::TXT, [&[9][..], &random.below(99999).to_be_bytes()[..], &[7]].concat()),
        5 => (RType(65280), vec![random.below(9) as u8; random.below(40) as usize]),
        _ => (RType::A, vec![10, 0, 0, random.below(200) as u8]),
    };
    let (rtype, first) = each(random);
    let mut data = vec![first];
    data.extend(
        (0..count * 20).map(|_| each(random)).filter(|one| one.0 == rtype).map(|one| one.1).take(count as usize),
    );
    data.sort();
    data.dedup();
    (rtype, data)
}

fn some_owner(random: &mut Random) -> String {
    let labels = ["a", "B", "*", "c"];
    let mut owner = format!("n{}.Example.", random.below(60));
    for _ in 0..random.below(3) {
        owner = format!("{}.{owner}", labels[random.below(4) as usize]);
    }
    owner
}

fn rrsig(rtype: RType, random: &mut Random) -> Vec<u8> {
    [&rtype.0.to_be_bytes()[..], &[8, 2, 0, 0, 1, 0], &[0; 8], &[1, 1], &wire("example."), &[random.below(9) as u8; 64]]
        .concat()
}

fn empty(serial: u32) -> Contents {
    let mut builder = Builder::new(&name("Example."), NameHasher::new(3));
    builder.add(&name("Example."), RType::SOA, 3600, &soa(serial)).expect("in zone");
    builder.finish().0
}

/// A version with other records, and the change that leads to it.
fn changed(contents: &Contents, random: &mut Random, edits: u64) -> (Contents, ZoneChange) {
    let from = contents.soa().expect("SOA").serial;
    let to = from + 1 + random.below(3) as u32;
    let (mut next, mut changes) = (contents.clone(), Vec::new());
    let mut apply = |owner: NameBuf, rtype: RType, after: Option<Records>| {
        let before = next.records(&owner, rtype);
        next = next.with(&[Edit { owner: owner.clone(), rtype, records: after }]);
        let after = next.records(&owner, rtype);
        changes.push(RrsetChange { owner, rtype, before, after });
    };
    let mut seen = std::collections::HashSet::new();
    for _ in 0..edits {
        let owner = some_owner(random);
        let (rtype, data) = some_records(random, &owner);
        if !seen.insert((name(&owner), rtype)) {
            continue;
        }
        let signatures = (0..random.below(2)).map(|_| rrsig(rtype, random)).collect();
        let records = Records { ttl: 60 * random.below(3) as u32, data, signatures };
        apply(name(&owner), rtype, (random.below(3) > 0).then_some(records));
    }
    let records = Records { ttl: 3600, data: vec![soa(to)], signatures: vec![rrsig(RType::SOA, random)] };
    apply(name("Example."), RType::SOA, Some(records));
    (
        next,
        ZoneChange {
            zone: name("example.").into(),
            base: None,
            from: Some(from),
            to: Some(to),
            primary_serial: None,
            action: Action::Edit(changes),
        },
    )
}

fn asked(text: &str, serial: Option<u32>) -> Asked {
    Asked::read(&query(ID, &name(text), serial).to_wire(512)).expect("a query")
}

/// The messages of an answer, each looked at.
fn messages(mut outgoing: Outgoing, question: RType) -> Vec<Vec<u8>> {
    let (mut all, mut out) = (Vec::new(), Vec::new());
    while outgoing.next(&mut out) {
        assert!(out.len() <= MAX_MESSAGE_LEN);
        let message = Message::parse(&out).expect("well-formed");
        assert!(message.header.id == ID && message.header.qr && message.header.aa && !message.answers.is_empty());
        let questions: Vec<_> = message.questions.iter().map(|question| question.rtype).collect();
        assert_eq!(questions, if all.is_empty() { vec![question] } else { vec![] });
        all.push(std::mem::take(&mut out));
    }
    assert!(out.is_empty() && !outgoing.next(&mut out));
    all
}

pub(super) fn receive(messages: &[Vec<u8>], serial: Option<u32>) -> Result<Progress, XfrError> {
    let qtype = if serial.is_some() { RType::IXFR } else { RType::AXFR };
    let mut incoming = Incoming::new(name("example."), qtype, serial, ID, Limits::default());
    let mut progress = Progress::More;
    for message in messages {
        assert_eq!(progress, Progress::More, "messages behind the end");
        progress = incoming.message(message)?;
    }
    Ok(progress)
}

fn full(messages: &[Vec<u8>], serial: Option<u32>) -> RecordList {
    match receive(messages, serial) {
        Ok(Progress::Full(list)) => list,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_zone_arrives_as_it_was_sent() {
    let mut random = Random(1);
    let mut contents = empty(1);
    for round in 0..12 {
        let sent = messages(Outgoing::axfr(contents.clone(), asked("example.", None)), RType::AXFR);
        assert_eq!(lines_of(&full(&sent, None)), lines(&contents), "round {round}");
        let octets: usize = sent.iter().map(Vec::len).sum();
        assert!(sent.len() <= octets / 15_000 + 1, "{octets} octets in {} messages", sent.len());
        contents = changed(&contents, &mut random, 40 << (round / 2)).0;
    }
}

#[test]
fn case_and_long_records_survive() {
    let mut contents = empty(1);
    let mut add = |owner: &str, rtype, data: Vec<Vec<u8>>| {
        let records = Records { ttl: 5, data, signatures: vec![rrsig(rtype, &mut Random(1))] };
        contents = contents.with(&[Edit { owner: name(owner), rtype, records: Some(records) }]);
        contents.clone()
    };
    add("Www.example.", RType::CNAME, vec![wire("wWw.eXample.")]);
    add("mail.example.", RType::MX, vec![[&[0, 1][..], &wire("Mail.Example.")].concat()]);
    add("long.example.", RType(65280), vec![vec![1; 60_000], vec![2; 3000], vec![3; 2000]]);
    let sendable = add("many.example.", RType(65280), (0..9000u16).map(|i| i.to_be_bytes().to_vec()).collect());
    for question in ["Example.", "eXAMPLE."] {
        let sent = messages(Outgoing::axfr(sendable.clone(), asked(question, None)), RType::AXFR);
        assert_eq!(lines_of(&full(&sent, None)), lines(&sendable));
    }
    // A record goes into a message of its own, without a question, if need be.
    for (owner, len) in [("long.example.", 65_009), ("x.long.example.", 65_535 - 12 - 16 - 10)] {
        let one_long = add(owner, RType(65280), vec![vec![1; len]]);
        let sent = messages(Outgoing::axfr(one_long.clone(), asked("example.", None)), RType::AXFR);
        assert_eq!(lines_of(&full(&sent, None)), lines(&one_long), "{len}");
        add("x.long.example.", RType(65280), Vec::new());
    }
    // With room for a signature, no message can hold this one.
    let too_long = add("long.example.", RType(65280), vec![vec![1; 65_000]]);
    let mut outgoing = Outgoing::axfr(too_long, asked("example.", None)).within(65_535 - 600);
    let (mut last, mut out) = (Vec::new(), Vec::new());
    while outgoing.next(&mut out) {
        last = std::mem::take(&mut out);
    }
    assert_eq!(Message::parse(&last).expect("message").header.rcode, dns::Rcode::SERVFAIL);
}

#[test]
fn the_root_zone_and_an_empty_zone() {
    let mut builder = Builder::new(Name::root(), NameHasher::new(3));
    builder.add(Name::root(), RType::SOA, 1, &soa(1)).expect("in zone");
    builder.add(Name::root(), RType::NS, 1, &wire("a.root.")).expect("in zone");
    builder.add(&name("a.root."), RType::A, 1, &[1, 2, 3, 4]).expect("in zone");
    builder.add(&name("com."), RType::NS, 1, &wire("ns.com.")).expect("in zone");
    builder.add(&name("com."), RType::NS, 1, &wire("a.root.")).expect("in zone");
    let contents = builder.finish().0;
    let sent = messages(Outgoing::axfr(contents.clone(), asked(".", None)), RType::AXFR);
    let mut incoming = Incoming::new(NameBuf::root(), RType::AXFR, None, ID, Limits::default());
    let Ok(Progress::Full(list)) = incoming.message(&sent[0]) else { panic!("one message is enough") };
    assert_eq!(lines_of(&list), lines(&contents));

    let nothing = Builder::new(&name("example."), NameHasher::new(3)).finish().0;
    let mut out = Vec::new();
    assert!(Outgoing::axfr(nothing, asked("example.", None)).next(&mut out));
    assert_eq!(Message::parse(&out).expect("message").header.rcode, dns::Rcode::SERVFAIL);
}

/// Random histories: from each version to each later one.
#[test]
fn differences_lead_from_any_version_to_the_last() {
    let mut random = Random(2);
    let (mut versions, mut changes) = (vec![changed(&empty(1), &mut random, 400).0], Vec::new());
    for _ in 0..25 {
        let last = versions.last().expect("a version");
        let edits = random.below(12);
        let (next, change) = changed(last, &mut random, edits);
        versions.push(next);
        changes.push(change);
    }
    let mut incremental = 0;
    for (i, old) in versions.iter().enumerate() {
        let have = old.soa().expect("SOA").serial;
        for new in &versions[i + 1..] {
            let sent = messages(Outgoing::ixfr(new.clone(), asked("example.", Some(have)), &changes), RType::IXFR);
            match receive(&sent, Some(have)).expect("an answer") {
                Progress::Full(list) => assert_eq!(lines_of(&list), lines(new)),
                Progress::Incremental(steps) => {
                    incremental += 1;
                    assert_eq!(steps.len(), 1, "condensed");
                    let edits = edits(&steps, old).expect("exact");
                    assert_eq!(lines(&old.with(&edits)), lines(new));
                    let wrong = &versions[if i == 0 { 1 } else { i - 1 }];
                    assert!(matches!(super::edits(&steps, wrong), Err(XfrError::NotExact(_))));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(incremental > 300, "{incremental}");
}

#[test]
fn without_a_difference_the_zone_or_the_soa_is_sent() {
    let mut random = Random(3);
    let first = changed(&empty(1), &mut random, 50).0;
    let (second, change) = changed(&first, &mut random, 5);
    let (third, last) = changed(&second, &mut random, 5);
    let (one, three) = (first.soa().expect("SOA").serial, third.soa().expect("SOA").serial);
    let check = |have: u32, changes: &[ZoneChange], want: Result<(), NoDifference>| {
        let got = condense(have, &third, changes).map(|_| ());
        assert_eq!(got, want, "{have}");
    };
    check(one, &[change.clone(), last.clone()], Ok(()));
    check(one, std::slice::from_ref(&last), Err(NoDifference::Gap));
    check(one, std::slice::from_ref(&change), Err(NoDifference::Gap));
    check(one - 1, &[change.clone(), last.clone()], Err(NoDifference::Gap));
    let replaced = ZoneChange {
        action: Action::Replace { before: RecordList::default(), after: RecordList::default() },
        ..last.clone()
    };
    check(one, &[change.clone(), replaced], Err(NoDifference::Replaced));
    let (emptied, everything) = {
        let edits = changed(&first, &mut random, 0);
        let gone = first.nodes().flat_map(|node| {
            let owner = first.owner(&node);
            node.rrsets().map(move |rrset| (owner.clone(), rrset.rtype)).collect::<Vec<_>>()
        });
        let gone = gone.filter(|(_, rtype)| *rtype != RType::SOA).map(|(owner, rtype)| {
            let before = first.records(&owner, rtype);
            RrsetChange { owner, rtype, before, after: None }
        });
        let Action::Edit(soa) = edits.1.action else { panic!("an edit") };
        let all: Vec<RrsetChange> = gone.chain(soa).collect();
        let contents = first.with(&all.iter().map(RrsetChange::edit).collect::<Vec<_>>());
        (contents, ZoneChange { action: Action::Edit(all), ..edits.1 })
    };
    assert_eq!(condense(one, &emptied, &[everything]), Err(NoDifference::Larger));
    // Nothing newer for these two; the second is from the future.
    for have in [three, three + 7] {
        let sent =
            messages(Outgoing::ixfr(third.clone(), asked("example.", Some(have)), &[&change, &last]), RType::IXFR);
        assert_eq!(receive(&sent, Some(have)), Ok(Progress::UpToDate { serial: three }));
    }
    let outgoing = || Outgoing::ixfr(third.clone(), asked("example.", Some(one)), &[&change, &last]);
    let whole = outgoing().into_datagram(MAX_MESSAGE_LEN);
    assert!(matches!(receive(std::slice::from_ref(&whole), Some(one)), Ok(Progress::Incremental(_))));
    assert_eq!(outgoing().into_datagram(whole.len() + 300).len(), whole.len());
    let short = outgoing().into_datagram(whole.len() - 1);
    assert!(short.len() < 200);
    assert_eq!(receive(&[short], Some(one)), Ok(Progress::More), "ask again over TCP");
    let truncated = Message::parse(&outgoing().into_datagram(60)).expect("message");
    assert!(truncated.header.tc && truncated.questions.len() == 1 && truncated.answers.is_empty());
}

#[test]
fn what_cancels_out_vanishes_and_a_new_ttl_is_gone_and_come() {
    let first = empty(1);
    let a = |ttl, last| Some(Records { ttl, data: vec![vec![10, 0, 0, last], vec![10, 0, 0, 9]], signatures: vec![] });
    let change = |from: u32, before: Option<Records>, after: Option<Records>| {
        let of = |serial| Some(Records { ttl: 3600, data: vec![soa(serial)], signatures: vec![] });
        let edit = |owner: &str, rtype, before, after| RrsetChange { owner: name(owner), rtype, before, after };
        let edits =
            vec![edit("x.example.", RType::A, before, after), edit("example.", RType::SOA, of(from), of(from + 1))];
        ZoneChange {
            zone: name("example.").into(),
            base: None,
            from: Some(from),
            to: Some(from + 1),
            primary_serial: None,
            action: Action::Edit(edits),
        }
    };
    let check = |changes: &[ZoneChange], want: u64| {
        let edits: Vec<_> = changes
            .iter()
            .flat_map(|change| match &change.action {
                Action::Edit(edits) => edits.iter().map(RrsetChange::edit).collect(),
                _ => vec![],
            })
            .collect();
        // Records beside, so that the zone is larger than the difference.
        let beside = |i| Edit { owner: name(&format!("n{i}.example.")), rtype: RType::A, records: a(1, 1) };
        let contents = first.with(&edits).with(&(0..9).map(beside).collect::<Vec<_>>());
        let list = condense(1, &contents, changes).expect("a difference");
        assert_eq!(list.len(), 4 + want);
    };
    check(&[change(1, None, a(5, 1))], 2);
    check(&[change(1, None, a(5, 1)), change(2, a(5, 1), None)], 0);
    check(&[change(1, None, a(5, 1)), change(2, a(5, 1), a(5, 2))], 2);
    check(&[change(1, a(5, 1), a(5, 2))], 2);
    check(&[change(1, a(5, 1), a(6, 1))], 4);
}

/// A message of these records: owner, type, data.
pub(super) fn message_of(qtype: RType, records: &[(&str, RType, Vec<u8>)]) -> Vec<u8> {
    let mut message = Message::query(ID, name("example."), qtype);
    message.header.qr = true;
    message.answers = records
        .iter()
        .map(|(owner, rtype, rdata)| Record {
            owner: name(owner),
            rtype: *rtype,
            class: Class::IN,
            ttl: 5,
            rdata: rdata.clone(),
        })
        .collect();
    message.to_wire(65_535)
}

#[test]
fn several_differences_make_one_change() {
    let z = |serial| ("example.", RType::SOA, soa(serial));
    let a = |last| ("x.example.", RType::A, vec![10, 0, 0, last]);
    let records = [z(4), z(1), z(2), a(1), a(2), z(2), a(1), z(3), a(3), z(3), a(2), z(4), a(4), z(4)];
    let Ok(Progress::Incremental(steps)) = receive(&[message_of(RType::IXFR, &records)], Some(1)) else {
        panic!("three differences")
    };
    let mut contents = empty(1);
    let old = Records { ttl: 3600, data: vec![soa(1)], signatures: vec![] };
    contents = contents.with(&[Edit { owner: name("example."), rtype: RType::SOA, records: Some(old) }]);
    let edits = edits(&steps, &contents).expect("exact");
    assert_eq!(edits.len(), 2);
    let after = contents.with(&edits);
    assert_eq!(after.soa().map(|soa| soa.serial), Some(4));
    let rrset = after.records(&name("x.example."), RType::A).expect("A records");
    assert_eq!(rrset.data, [[10, 0, 0, 3], [10, 0, 0, 4]]);
}

#[test]
fn queries() {
    let check = |message: &[u8], want: Option<(RType, Option<u32>)>| {
        assert_eq!(Asked::read(message).map(|asked| (asked.qtype, asked.serial)), want);
    };
    let apex = name("example.");
    check(&query(ID, &apex, None).to_wire(512), Some((RType::AXFR, None)));
    check(&query(ID, &apex, Some(7)).to_wire(512), Some((RType::IXFR, Some(7))));
    check(&Message::query(ID, apex.clone(), RType::IXFR).to_wire(512), None);
    check(&Message::query(ID, apex.clone(), RType::A).to_wire(512), None);
    check(&[0; 5], None);
    let mut edns = Message::query(ID, apex, RType::AXFR);
    edns.edns = Some(dns::Edns { udp_size: 4096, dnssec_ok: true, ..dns::Edns::default() });
    let asked = Asked::read(&edns.to_wire(512)).expect("a query");
    let sent = messages(Outgoing::axfr(empty(1), asked), RType::AXFR);
    let message = Message::parse(&sent[0]).expect("message");
    assert!(message.header.rd && message.edns.is_some_and(|edns| edns.dnssec_ok));
}

/// Broken octets give errors or other transfers, nothing worse.
#[test]
fn mutated_messages_do_no_harm() {
    let mut random = Random(5);
    let first = changed(&empty(1), &mut random, 30).0;
    let (second, change) = changed(&first, &mut random, 10);
    let have = first.soa().expect("SOA").serial;
    let whole = messages(Outgoing::axfr(second.clone(), asked("example.", None)), RType::AXFR);
    let difference = messages(Outgoing::ixfr(second, asked("example.", Some(have)), &[change]), RType::IXFR);
    let (mut errors, rounds) = (0, 6000);
    for round in 0..rounds {
        let (sent, have) = if round % 2 == 0 { (&whole, None) } else { (&difference, Some(have)) };
        let mut sent = sent.clone();
        let message = &mut sent[0];
        for _ in 0..=random.below(3) {
            let at = random.below(message.len() as u64) as usize;
            match random.below(4) {
                0 => message.truncate(at.max(2)),
                1 => message.insert(at, random.below(256) as u8),
                2 if message.len() > 2 => drop(message.remove(at)),
                _ => message[at] = random.below(256) as u8,
            }
        }
        match receive(&sent, have) {
            Ok(Progress::Incremental(steps)) => drop(edits(&steps, &first)),
            Ok(_) => {}
            Err(_) => errors += 1,
        }
        // Not even as a query.
        drop(Asked::read(&sent[0]));
    }
    assert!(errors > rounds / 3, "{errors}");
}
