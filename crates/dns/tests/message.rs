//! Messages octet by octet: golden packets, what is refused, and truncation.

use data_encoding::HEXLOWER;
use dns::edns::{EdnsError, EdnsOption, OPT_LEN, ede};
use dns::message::{MAX_MESSAGE_LEN, MessageErrorKind};
use dns::rdata::RdataError;
use dns::{Class, Edns, Header, Message, NameBuf, NameError, Opcode, RType, Rcode, Record};

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    HEXLOWER.decode(digits.as_bytes()).expect("test hex")
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("test name")
}

fn wire(text: &str) -> Vec<u8> {
    name(text).into_wire()
}

fn record(owner: &str, rtype: RType, rdata: impl Into<Vec<u8>>) -> Record {
    Record { owner: name(owner), rtype, class: Class::IN, ttl: 300, rdata: rdata.into() }
}

/// A response to `www.example. A`.
fn response() -> Message {
    let mut message = Message::query(0x1234, name("www.example."), RType::A);
    message.header.qr = true;
    message
}

#[test]
fn golden_packets() {
    let check = |message: &Message, want: &str| {
        let want = hex(want);
        assert_eq!(message.to_wire(512), want, "{}", HEXLOWER.encode(&message.to_wire(512)));
        assert_eq!(Message::parse(&want).as_ref(), Ok(message));
    };
    let query = Message::query(0x1234, name("www.example."), RType::AAAA);
    check(&query, "1234 0100 0001 0000 0000 0000 03777777076578616d706c6500 001c 0001");

    let mut answer = response();
    answer.header.aa = true;
    answer.answers.push(record("www.example.", RType::CNAME, wire("web.example.")));
    answer.answers.push(record("web.example.", RType::A, [192, 0, 2, 1]));
    answer.authorities.push(record("example.", RType::NS, wire("ns.web.example.")));
    check(
        &answer,
        "1234 8500 0001 0002 0001 0000 03777777076578616d706c6500 0001 0001
         c00c 0005 0001 0000012c 0006 03776562c010
         c029 0001 0001 0000012c 0004 c0000201
         c010 0002 0001 0000012c 0005 026e73c029",
    );

    let mut refused = response();
    refused.header.rcode = Rcode::BADCOOKIE;
    let blocked = EdnsOption::ExtendedError { info: ede::BLOCKED, text: "no".into() };
    refused.edns = Some(Edns { dnssec_ok: true, options: vec![blocked], ..Edns::default() });
    refused.additionals.push(Record { class: Class::ANY, ttl: 0, ..record("key.", RType::TSIG, b"\0mac".to_vec()) });
    check(
        &refused,
        "1234 8107 0001 0000 0000 0002 03777777076578616d706c6500 0001 0001
         00 0029 04d0 01008000 0008 000f 0004 000f 6e6f
         036b657900 00fa 00ff 00000000 0004 006d6163",
    );
}

#[test]
fn updates_name_types_without_data() {
    let mut update = Message::query(7, name("example."), RType::SOA);
    update.header = Header { id: 7, opcode: Opcode::UPDATE, ..Header::default() };
    update.answers.push(Record { class: Class::NONE, ttl: 0, ..record("a.example.", RType::A, []) });
    update.authorities.push(Record { class: Class::ANY, ttl: 0, ..record("a.example.", RType::MX, []) });
    assert_eq!(Message::parse(&update.to_wire(512)), Ok(update));
}

#[test]
fn what_is_refused() {
    let check = |text: &str, kind: MessageErrorKind, offset: usize| {
        let error = Message::parse(&hex(text)).expect_err(text);
        assert_eq!((error.kind, error.offset), (kind, offset), "{text}");
    };
    let rdata = MessageErrorKind::Rdata;
    check("", MessageErrorKind::Truncated, 0);
    check("1234 0100 0001 0000 0000 00", MessageErrorKind::Truncated, 10);
    check("1234 0100 0001 0000 0000 0000", MessageErrorKind::BadCount, 12);
    check("1234 0100 ffff ffff ffff ffff 00 0001 0001", MessageErrorKind::BadCount, 12);
    check("1234 0100 0001 0000 0000 0000 05 61626364", MessageErrorKind::Name(NameError::Truncated), 12);
    check("1234 0100 0001 0000 0000 0000 c00c 0001 0001", MessageErrorKind::Name(NameError::BadPointer), 12);
    check("1234 0100 0001 0000 0000 0000 4000 0001 0001", MessageErrorKind::Name(NameError::BadLabelType), 12);
    check("1234 0100 0001 0000 0000 0000 00 0001 0001 00", MessageErrorKind::TrailingData, 17);
    check("1234 0100 0000 0001 0000 0000 00 0001 0001 00000000 0004 c00002", MessageErrorKind::Truncated, 23);
    check(
        "1234 0100 0000 0001 0000 0000 00 0001 0001 00000000 0003 c00002",
        rdata(RType::A, RdataError::Truncated),
        23,
    );
    check("1234 0100 0000 0001 0000 0000 00 0001 0001 00000000 0000", rdata(RType::A, RdataError::Truncated), 23);
    // A name in the data that goes on behind it, and one that points at itself.
    check(
        "1234 0100 0000 0001 0000 0000 00 0002 0001 00000000 0002 0161 00",
        rdata(RType::NS, RdataError::Name(NameError::Truncated)),
        23,
    );
    check(
        "1234 0100 0000 0001 0000 0000 00 0002 0001 00000000 0002 c017",
        rdata(RType::NS, RdataError::Name(NameError::BadPointer)),
        23,
    );
    check("1234 0100 0000 0001 0000 0000 00 0029 04d0 00000000 0000", MessageErrorKind::MisplacedOpt, 12);
    check("1234 0100 0000 0000 0000 0001 0161 00 0029 04d0 00000000 0000", MessageErrorKind::MisplacedOpt, 12);
    let two = "1234 0100 0000 0000 0000 0002 00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000";
    check(two, MessageErrorKind::RepeatedOpt, 23);
    let option = "1234 0100 0000 0000 0000 0001 00 0029 04d0 00000000 0005 0003 0002 61";
    check(option, MessageErrorKind::Edns(EdnsError::Truncated), 12);
    let cookie = "1234 0100 0000 0000 0000 0001 00 0029 04d0 00000000 0005 000a 0001 61";
    check(cookie, MessageErrorKind::Edns(EdnsError::BadOption(10)), 12);
    let long = Message::parse(&vec![0; MAX_MESSAGE_LEN + 1]).expect_err("too long");
    assert_eq!(long.kind, MessageErrorKind::TooLong);
}

#[test]
fn an_extended_rcode_needs_edns() {
    let mut message = response();
    message.header.rcode = Rcode::BADVERS;
    assert_eq!(Message::parse(&message.to_wire(512)).expect("message").header.rcode, Rcode::SERVFAIL);
    message.edns = Some(Edns::default());
    assert_eq!(Message::parse(&message.to_wire(512)), Ok(message));
}

/// Three A records, two NS records, one address; with or without EDNS.
fn sections(edns: bool) -> Message {
    let mut message = response();
    message.answers.extend((1..=3).map(|last| record("www.example.", RType::A, [192, 0, 2, last])));
    message.authorities.push(record("example.", RType::NS, wire("ns1.example.")));
    message.authorities.push(record("example.", RType::NS, wire("ns2.example.")));
    message.additionals.push(record("ns1.example.", RType::A, [192, 0, 2, 9]));
    message.edns = edns.then(Edns::default);
    message
}

#[test]
fn rrsets_go_whole() {
    for edns in [false, true] {
        let full = sections(edns);
        let opt_len = if edns { OPT_LEN } else { 0 };
        let question_len = 12 + 13 + 4;
        let answers_len = question_len + 3 * 16;
        let authorities_len = answers_len + 2 * 18;
        let full_len = authorities_len + 16;
        for limit in 0..full_len + opt_len + 5 {
            let octets = full.to_wire(limit);
            assert!(octets.len() <= limit.max(12 + opt_len), "limit {limit}");
            let cut = Message::parse(&octets).expect("a cut message is well-formed");
            let fits = |len: usize| limit >= len + opt_len;
            let counts = [cut.questions.len(), cut.answers.len(), cut.authorities.len(), cut.additionals.len()];
            let want = [
                usize::from(fits(question_len)),
                if fits(answers_len) { 3 } else { 0 },
                if fits(authorities_len) { 2 } else { 0 },
                usize::from(fits(full_len)),
            ];
            assert_eq!(counts, want, "limit {limit}");
            assert_eq!(cut.header.tc, !fits(authorities_len), "limit {limit}");
            assert_eq!(cut.edns, full.edns);
        }
    }
}

#[test]
fn signatures_of_one_name_are_several_rrsets() {
    let covering = |rtype: RType| record("www.example.", RType::RRSIG, signature(rtype));
    let mut message = response();
    message.answers.extend([covering(RType::A), covering(RType::AAAA)]);
    let octets = message.to_wire(message.to_wire(512).len() - 1);
    assert_eq!(Message::parse(&octets).expect("message").answers, [covering(RType::A)]);
    message.answers[1] = covering(RType::A);
    let octets = message.to_wire(message.to_wire(512).len() - 1);
    assert_eq!(Message::parse(&octets).expect("message").answers, []);
}

/// RRSIG data with an empty signature (RFC 4034 3.1).
fn signature(covered: RType) -> Vec<u8> {
    let mut rdata = covered.0.to_be_bytes().to_vec();
    rdata.extend_from_slice(&[13, 2, 0, 0, 1, 44, 0, 0, 0, 9, 0, 0, 0, 1, 0x12, 0x34]);
    rdata.extend(wire("example."));
    rdata.extend_from_slice(&[0xab; 64]);
    rdata
}

#[test]
fn options_make_way_for_the_question() {
    let mut message = sections(true);
    message.edns = Some(Edns { options: vec![EdnsOption::Padding(468)], ..Edns::default() });
    let cut = Message::parse(&message.to_wire(100)).expect("message");
    assert_eq!((cut.questions.len(), cut.edns), (1, Some(Edns::default())));
    assert!(cut.answers.len() == 3 && cut.header.tc);
}

#[test]
fn pointers_stay_within_their_reach() {
    let mut message = response();
    message.answers.push(record("www.example.", RType(65280), vec![0; 16300]));
    message.answers.push(record("early.test.", RType::A, [192, 0, 2, 1]));
    message.answers.push(record("x.early.test.", RType(65280), vec![0; 100]));
    message.answers.extend((0..9).map(|n| record("late.test.", RType::A, [192, 0, 2, n])));
    let octets = message.to_wire(MAX_MESSAGE_LEN);
    assert_eq!(Message::parse(&octets), Ok(message));
}

#[test]
fn records_beyond_every_message() {
    let mut message = response();
    message.answers.push(record("www.example.", RType(65280), vec![0; 65536]));
    let cut = Message::parse(&message.to_wire(usize::MAX)).expect("message");
    assert!(cut.answers.is_empty() && cut.header.tc);
}
