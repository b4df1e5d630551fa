//! Every sentence of RFC 2136 3.1 to 3.4 as a case: a zone, an update, what comes of it.
//!
//! An update is written as lines `? OWNER TTL CLASS TYPE [DATA]` for prerequisites and the same with `!`
//! for updates. What comes of it is the response code, or the records that went (`-`) and came (`+`).

use dns::scan::Scanner;
use dns::{Question, rdata};

use super::*;
use crate::testing::{ORIGIN, name, text, zone};

const ZONE: &str = "\
@ SOA ns host 10 2 3 4 5
@ NS ns
@ NS ns.other.
@ MX 10 mail
ns A 192.0.2.1
www A 192.0.2.2
www A 192.0.2.3
www TXT x
alias CNAME www
a.b.c TXT deep
sub NS ns.sub
ns.sub A 192.0.2.4
tree DNAME other.
wks TYPE11 \\# 9 C00002010600000040
";

fn record(line: &str) -> Record {
    let origin = name(ORIGIN);
    let fields: Vec<&str> = line.splitn(5, ' ').collect();
    let [owner, ttl, class, rtype] = fields[..4] else { panic!("{line}") };
    let rtype = RType::from_text(rtype.as_bytes()).expect("a type");
    let mut data = Vec::new();
    if let Some(text) = fields.get(4) {
        rdata::text::scan(rtype, &mut Scanner::new(text.as_bytes()), &origin, &mut data).expect("data");
    }
    Record {
        owner: NameBuf::from_text(owner.as_bytes(), &origin).expect("an owner"),
        rtype,
        class: Class::from_text(class.as_bytes()).expect("a class"),
        ttl: ttl.parse().expect("a TTL"),
        rdata: data,
    }
}

fn message(update: &str) -> Message {
    let records = |sign| update.lines().filter_map(|line| line.trim().strip_prefix(sign)).map(record).collect();
    Message {
        header: Header { id: 1, opcode: Opcode::UPDATE, ..Header::default() },
        questions: vec![Question { name: name(ORIGIN), rtype: RType::SOA, class: Class::IN }],
        answers: records("? "),
        authorities: records("! "),
        ..Message::default()
    }
}

/// What the update makes of `ZONE` and `more`, where only what `may` allows is allowed.
fn outcome(more: &str, update: &str, may: &dyn Fn(&Name, RType) -> bool) -> Vec<String> {
    let before = zone(&format!("{ZONE}{more}")).0;
    let parsed = parse(&message(update).to_wire(65535));
    let edits = match parsed.and_then(|parsed| apply(&parsed, &before, may)) {
        Ok(edits) => edits,
        Err(rcode) => return vec![rcode.to_string()],
    };
    let (old, new) = (text(&before), text(&before.with(&edits)));
    let only = |a: &str, b: &str, sign: char| -> Vec<String> {
        let line = |line: &str| format!("{sign} {}", line.replace("\tIN\t", " ").replace('\t', " "));
        a.lines().filter(|&l| !b.lines().any(|other| other == l)).map(line).collect()
    };
    let lines = [only(&old, &new, '-'), only(&new, &old, '+')].concat();
    assert_eq!(edits.is_empty(), lines.is_empty(), "an edit that edits nothing: {update}");
    lines
}

fn check_in(more: &str, update: &str, want: &[&str]) {
    assert_eq!(outcome(more, update, &|_, _| true), want, "{update}");
}

fn check(update: &str, want: &[&str]) {
    check_in("", update, want);
}

#[test]
fn zone_section() {
    let check = |change: &dyn Fn(&mut Message), want: Result<(), Rcode>| {
        let mut message = message("");
        change(&mut message);
        assert_eq!(parse(&message.to_wire(65535)).map(|_| ()), want);
    };
    check(&|_| {}, Ok(()));
    // 3.1.1: exactly one RR, of type SOA.
    check(&|m| m.questions.clear(), Err(Rcode::FORMERR));
    check(&|m| m.questions.push(m.questions[0].clone()), Err(Rcode::FORMERR));
    check(&|m| m.questions[0].rtype = RType::A, Err(Rcode::FORMERR));
    // 3.1.2: only class IN is served.
    check(&|m| m.questions[0].class = Class::CH, Err(Rcode::NOTAUTH));
    check(&|m| m.questions[0].class = Class::ANY, Err(Rcode::NOTAUTH));
    // 2.2.
    check(&|m| m.header.opcode = Opcode::QUERY, Err(Rcode::FORMERR));
    check(&|m| m.header.qr = true, Err(Rcode::FORMERR));
    for len in 0..12 {
        assert_eq!(parse(&message("").to_wire(65535)[..len]), Err(Rcode::FORMERR));
    }
}

#[test]
fn prerequisites() {
    let holds = |update: &str| check(update, &[]);
    // 3.2: TTL must be zero, names in the zone, the class one of three.
    check("? www 1 ANY A", &["FORMERR"]);
    check("? www.other. 0 ANY A", &["NOTZONE"]);
    check("? www 0 CH TXT x", &["FORMERR"]);
    // 3.2.1: class ANY without data; name is in use, RRset exists whatever its value.
    check("? www 0 ANY A 192.0.2.2", &["FORMERR"]);
    holds("? www 0 ANY ANY");
    check("? nothing 0 ANY ANY", &["NXDOMAIN"]);
    // 2.4.4: an empty non-terminal is not in use.
    check("? b.c 0 ANY ANY", &["NXDOMAIN"]);
    holds("? www 0 ANY A");
    check("? www 0 ANY AAAA", &["NXRRSET"]);
    check("? nothing 0 ANY A", &["NXRRSET"]);
    check("? www 0 ANY RRSIG", &["NXRRSET"]);
    // 3.2.2: class NONE without data; name is not in use, RRset does not exist.
    check("? www 0 NONE AAAA 2001:db8::1", &["FORMERR"]);
    holds("? nothing 0 NONE ANY\n? b.c 0 NONE ANY");
    check("? www 0 NONE ANY", &["YXDOMAIN"]);
    holds("? www 0 NONE AAAA\n? nothing 0 NONE A");
    check("? www 0 NONE A", &["YXRRSET"]);
    // No wildcard and no alias is followed; what a cut hides is data (2.4: "exists" is about RRs of the zone).
    check_in("* TXT x\n", "? nothing 0 ANY TXT", &["NXRRSET"]);
    check("? alias 0 ANY A", &["NXRRSET"]);
    holds("? ns.sub 0 ANY A");
    // 3.2.3: RRset exists with this value: all of it, in any order, the TTL does not count, names ignore case.
    holds("? www 0 IN A 192.0.2.3\n? www 0 IN A 192.0.2.2");
    holds("? www 0 IN A 192.0.2.3\n? www 0 IN A 192.0.2.2\n? WWW 0 IN A 192.0.2.2");
    holds("? ALIAS 0 IN CNAME WWW");
    check("? www 0 IN A 192.0.2.2", &["NXRRSET"]);
    check("? www 0 IN A 192.0.2.2\n? www 0 IN A 192.0.2.4", &["NXRRSET"]);
    check("? www 0 IN A 192.0.2.2\n? www 0 IN A 192.0.2.3\n? www 0 IN A 192.0.2.4", &["NXRRSET"]);
    check("? www 0 IN TXT X", &["NXRRSET"]);
    check("? nothing 0 IN A 192.0.2.2", &["NXRRSET"]);
    // 3.2.5: in order; values are compared last.
    check("? www 0 ANY AAAA\n? nothing 0 ANY ANY", &["NXRRSET"]);
    check("? nothing 0 ANY ANY\n? www 0 ANY AAAA", &["NXDOMAIN"]);
    check("? www 0 IN A 192.0.2.9\n? nothing 0 ANY ANY", &["NXDOMAIN"]);
    // 3.2.4, 1.3: nothing happens unless all hold.
    check("? nothing 0 ANY ANY\n! new 60 IN A 192.0.2.1", &["NXDOMAIN"]);
    check("? nothing 0 NONE ANY\n! new 60 IN A 192.0.2.1", &["+ new.example. 60 A 192.0.2.1"]);
    // Prerequisites see the zone as it was, and come before permission and prescan (3.2, 3.3, 3.4.1).
    check("? nothing 0 ANY ANY\n! www.other. 60 IN A 192.0.2.1", &["NXDOMAIN"]);
    assert_eq!(outcome("", "? nothing 0 ANY ANY\n! www 60 IN A 192.0.2.1", &|_, _| false), ["NXDOMAIN"]);
}

/// 3.3.
#[test]
fn permission() {
    let www_txt = |owner: &Name, rtype| *owner == *name("www.example.") && rtype == RType::TXT;
    let check = |update: &str, want: &[&str]| assert_eq!(outcome("", update, &www_txt), want, "{update}");
    check("", &[]);
    check("! www 60 IN TXT y", &["+ www.example. 60 TXT \"y\""]);
    check("! www 0 NONE TXT x", &["- www.example. 60 TXT \"x\""]);
    check("! www 0 ANY TXT", &["- www.example. 60 TXT \"x\""]);
    check("! www 60 IN A 192.0.2.9", &["REFUSED"]);
    check("! www 0 NONE A 192.0.2.2", &["REFUSED"]);
    check("! www 0 ANY A", &["REFUSED"]);
    check("! www 60 IN TXT y\n! ns 60 IN TXT y", &["REFUSED"]);
    check("! other. 60 IN TXT y", &["REFUSED"]);
    // All RRsets of a name: each of them must be permitted, or ANY.
    check("! www 0 ANY ANY", &["REFUSED"]);
    check("! nothing 0 ANY ANY", &[]);
    assert_eq!(outcome("", "! alias 0 ANY ANY", &|_, t| t == RType::ANY), ["- alias.example. 60 CNAME www.example."]);
    assert_eq!(outcome("", "! alias 0 ANY ANY", &|_, t| t == RType::CNAME), ["- alias.example. 60 CNAME www.example."]);
    let apex = |_: &Name, rtype| rtype == RType::MX;
    assert_eq!(outcome("", "! @ 0 ANY ANY", &apex), ["- example. 60 MX 10 mail.example."]);
    // The server makes these.
    check_in("", "! www 60 IN NSEC x A", &["REFUSED"]);
    check_in("", "! www 0 ANY RRSIG", &["REFUSED"]);
    check_in("", "! www 0 ANY NSEC3", &["REFUSED"]);
    check_in("", "! @ 60 IN NSEC3PARAM 1 0 0 -", &["+ example. 60 NSEC3PARAM 1 0 0 -"]);
}

/// 3.4.1.
#[test]
fn prescan_of_updates() {
    // 3.4.1.1, 3.4.1.3: NOTZONE, before anything is done.
    check("! www 60 IN A 192.0.2.9\n! www.other. 60 IN A 192.0.2.1", &["NOTZONE"]);
    check("! com. 60 IN A 192.0.2.9", &["NOTZONE"]);
    // 3.4.1.2: class of the zone: no meta types.
    for rtype in ["ANY", "AXFR", "IXFR", "MAILA", "MAILB", "TYPE128"] {
        check(&format!("! www 60 IN {rtype} \\# 0"), &["FORMERR"]);
        check(&format!("! www 0 NONE {rtype}"), &["FORMERR"]);
        if rtype != "ANY" {
            check(&format!("! www 0 ANY {rtype}"), &["FORMERR"]);
        }
    }
    // Class ANY: TTL zero, no data. Class NONE: TTL zero. Any other class.
    check("! www 1 ANY A", &["FORMERR"]);
    check("! www 0 ANY A 192.0.2.2", &["FORMERR"]);
    check("! www 1 NONE A 192.0.2.2", &["FORMERR"]);
    check("! www 0 CH TXT x", &["FORMERR"]);
    // 2.5.4: class NONE has the data of the record that is deleted; only types that may be empty can do without.
    for rtype in ["A", "TXT", "MX", "SOA", "CNAME", "SVCB", "DS"] {
        check(&format!("! www 0 NONE {rtype}"), &["FORMERR"]);
    }
    check("! www 60 IN A 192.0.2.9\n! www 0 NONE A", &["FORMERR"]);
    check_in("e TYPE65280 \\# 0\n", "! e 0 NONE TYPE65280", &["- e.example. 60 TYPE65280 \\# 0"]);
    check("! www 0 NONE APL", &[]);
    // 1.3, 3.4.1: all is checked before anything is done.
    check("! www 60 IN A 192.0.2.9\n! www 1 ANY A", &["FORMERR"]);
    // Data that is not valid for its type.
    check("! www 60 IN A", &["FORMERR"]);
}

/// 3.4.2.2.
#[test]
fn additions() {
    check("! new 5 IN A 192.0.2.9", &["+ new.example. 5 A 192.0.2.9"]);
    check("! x.y.new 5 IN TYPE65280 \\# 0", &["+ x.y.new.example. 5 TYPE65280 \\# 0"]);
    check("! www 60 IN A 192.0.2.9", &["+ www.example. 60 A 192.0.2.9"]);
    check("! x.ns.sub 60 IN A 192.0.2.9", &["+ x.ns.sub.example. 60 A 192.0.2.9"]);
    // Duplicates: nothing changes, letter case in names neither.
    check("! www 60 IN A 192.0.2.2", &[]);
    check("! @ 60 IN MX 10 MAIL", &[]);
    check("! new 5 IN A 192.0.2.9\n! NEW 5 IN A 192.0.2.9", &["+ new.example. 5 A 192.0.2.9"]);
    // One TTL for the RRset (RFC 2181 5.2); the highest bit means zero (RFC 2181 8).
    check(
        "! alias 5 IN CNAME www",
        &["- alias.example. 60 CNAME www.example.", "+ alias.example. 5 CNAME www.example."],
    );
    check(
        "! www 5 IN TXT y",
        &["- www.example. 60 TXT \"x\"", "+ www.example. 5 TXT \"x\"", "+ www.example. 5 TXT \"y\""],
    );
    check("! new 2147483648 IN A 192.0.2.9", &["+ new.example. 0 A 192.0.2.9"]);
    // CNAME beside others, both ways: ignored. KEY may stand beside it (RFC 3007 3.1.1).
    check("! www 60 IN CNAME ns", &[]);
    check("! alias 60 IN A 192.0.2.9", &[]);
    check("! tree 60 IN CNAME ns\n! alias 60 IN DNAME ns", &[]);
    check("! alias 60 IN KEY 512 3 8 AQID", &["+ alias.example. 60 KEY 512 3 8 AQID"]);
    check(
        "! k 60 IN KEY 512 3 8 AQID\n! k 60 IN CNAME ns\n! k 60 IN A 192.0.2.9",
        &["+ k.example. 60 CNAME ns.example.", "+ k.example. 60 KEY 512 3 8 AQID"],
    );
    // One CNAME (RFC 2136 3.4.2.2), one DNAME (RFC 6672 5.2): the new one replaces the old one.
    check(
        "! alias 60 IN CNAME ns",
        &["- alias.example. 60 CNAME www.example.", "+ alias.example. 60 CNAME ns.example."],
    );
    check("! tree 60 IN DNAME ns", &["- tree.example. 60 DNAME other.", "+ tree.example. 60 DNAME ns.example."]);
    // WKS: one for an address and a protocol.
    check(
        "! wks 60 IN TYPE11 \\# 9 C00002010600000001",
        &["- wks.example. 60 WKS 192.0.2.1 6 25", "+ wks.example. 60 WKS 192.0.2.1 6 31"],
    );
    check("! wks 60 IN TYPE11 \\# 9 C00002011100000004", &["+ wks.example. 60 WKS 192.0.2.1 17 29"]);
}

/// 3.4.2.2, 3.6: a SOA only replaces an earlier one (RFC 1982).
#[test]
fn soa_records() {
    let soa = |owner: &str, serial: u32| format!("! {owner} 60 IN SOA ns host {serial} 2 3 4 5");
    let line = |sign: &str, serial: u32| format!("{sign} example. 60 SOA ns.example. host.example. {serial} 2 3 4 5");
    check(&soa("@", 11), &[&line("-", 10), &line("+", 11)]);
    check(&soa("@", 2_147_483_657), &[&line("-", 10), &line("+", 2_147_483_657)]);
    check(&soa("@", 10), &[]);
    check("! @ 60 IN SOA other host 10 2 3 4 5", &[]);
    check(&soa("@", 9), &[]);
    check(&soa("@", 2_147_483_658), &[]);
    check(&format!("{}\n{}", soa("@", 12), soa("@", 11)), &[&line("-", 10), &line("+", 12)]);
    // No SOA of the zone at this name: ignored.
    check(&soa("www", 11), &[]);
    check(&soa("new", 11), &[]);
    // It is never deleted.
    check("! @ 0 ANY SOA", &[]);
    check("! @ 0 NONE SOA ns host 10 2 3 4 5", &[]);
}

/// 3.4.2.3 and 3.4.2.4.
#[test]
fn deletions() {
    check("! www 0 ANY A", &["- www.example. 60 A 192.0.2.2", "- www.example. 60 A 192.0.2.3"]);
    check("! www 0 ANY AAAA\n! nothing 0 ANY A\n! b.c 0 ANY ANY", &[]);
    check("! ALIAS 0 ANY ANY", &["- alias.example. 60 CNAME www.example."]);
    check(
        "! www 0 ANY ANY",
        &["- www.example. 60 A 192.0.2.2", "- www.example. 60 A 192.0.2.3", "- www.example. 60 TXT \"x\""],
    );
    // At the apex SOA and NS stay.
    check("! @ 0 ANY ANY", &["- example. 60 MX 10 mail.example."]);
    check("! @ 0 ANY NS", &[]);
    check("! sub 0 ANY NS", &["- sub.example. 60 NS ns.sub.example."]);
    check("! sub 0 ANY ANY", &["- sub.example. 60 NS ns.sub.example."]);
    // One record; what is not there is ignored. Names in data ignore case, text does not.
    check("! www 0 NONE A 192.0.2.2", &["- www.example. 60 A 192.0.2.2"]);
    check("! www 0 NONE A 192.0.2.9\n! www 0 NONE AAAA 2001:db8::1\n! nothing 0 NONE A 192.0.2.2", &[]);
    check("! www 0 NONE TXT X", &[]);
    check("! @ 0 NONE MX 10 MAIL", &["- example. 60 MX 10 mail.example."]);
    // The last NS of the apex stays, that of a delegation does not.
    check("! @ 0 NONE NS ns.other.", &["- example. 60 NS ns.other."]);
    check("! @ 0 NONE NS ns.other.\n! @ 0 NONE NS ns", &["- example. 60 NS ns.other."]);
    check(
        "! @ 0 NONE NS ns\n! @ 60 IN NS ns.third.\n! @ 0 NONE NS ns.other.",
        &["- example. 60 NS ns.other.", "- example. 60 NS ns.example.", "+ example. 60 NS ns.third."],
    );
    check("! sub 0 NONE NS ns.sub", &["- sub.example. 60 NS ns.sub.example."]);
}

/// 3.4.2: in the order of the message, each operation sees those before it.
#[test]
fn one_after_the_other() {
    check("! new 60 IN A 192.0.2.9\n! new 0 ANY ANY", &[]);
    check(
        "! www 0 ANY ANY\n! www 60 IN CNAME ns",
        &[
            "- www.example. 60 A 192.0.2.2",
            "- www.example. 60 A 192.0.2.3",
            "- www.example. 60 TXT \"x\"",
            "+ www.example. 60 CNAME ns.example.",
        ],
    );
    check(
        "! alias 0 ANY CNAME\n! alias 60 IN A 192.0.2.9\n! alias 60 IN CNAME ns",
        &["- alias.example. 60 CNAME www.example.", "+ alias.example. 60 A 192.0.2.9"],
    );
    check("! www 0 ANY TXT\n! www 60 IN TXT x", &[]);
    check(
        "! new 5 IN A 192.0.2.1\n! new 0 NONE A 192.0.2.1\n! new 7 IN A 192.0.2.2",
        &["+ new.example. 7 A 192.0.2.2"],
    );
    check("! new 60 IN CNAME ns\n! new 60 IN A 192.0.2.9", &["+ new.example. 60 CNAME ns.example."]);
}

/// A long message costs little. Whether a message can hold the RRset is for the checks to say.
#[test]
fn large_updates() {
    let before = zone(ZONE).0;
    let many = |count: u32, len: usize| {
        let mut update = parse(&message("").to_wire(65535)).expect("well-formed");
        let data = |i: u32| [&i.to_be_bytes()[..], &vec![0; len]].concat();
        let record =
            |i| Record { owner: name("big.example."), rtype: RType(65280), class: Class::IN, ttl: 1, rdata: data(i) };
        update.updates = (0..count).map(record).collect();
        update
    };
    let count = |update| {
        apply(&update, &before, &|_, _| true).map(|edits| edits[0].records.as_ref().map_or(0, |r| r.data.len()))
    };
    assert_eq!(count(many(4000, 0)), Ok(4000));
    assert_eq!(count(many(63, 1018)), Ok(63));
    assert_eq!(count(many(64, 1018)), Ok(64));
}

/// What breaks a rule of its type does not come, but it may go.
#[test]
fn rules_of_types() {
    check("! a 1 IN DS 1 8 2 00", &["REFUSED"]);
    check("! a 1 IN SSHFP 1 1 00", &["REFUSED"]);
    check("! a 1 IN TYPE0 \\# 0", &["REFUSED"]);
    check("! a 1 IN TLSA 3 1 1 00\n! b 1 IN A 192.0.2.9", &["REFUSED"]);
    check("! a 1 IN HTTPS 1 . no-default-alpn", &["REFUSED"]);
    check("! a 1 IN SSHFP 1 3 00", &["+ a.example. 1 SSHFP 1 3 00"]);
    check_in("a SSHFP 1 1 00\n", "! a 0 NONE SSHFP 1 1 00", &["- a.example. 60 SSHFP 1 1 00"]);
}
