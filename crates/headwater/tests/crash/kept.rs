//! What stays as it is: the rest of a zone when a part of it is changed, the version that a slow client reads, what a
//! transfer does not give (RFC 5936).

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use dns::{Message, RType, Rcode};

use crate::common::{Scratch, Server, query, tcp};
use crate::model::{Op, Row};
use crate::node::{ZONE, config, journal_zone, start};
use crate::transfer::{Snapshot, axfr};
use crate::updates::Connection;

/// More than the buffers of a connection hold.
const LARGE_OCTETS: usize = 24 << 20;
/// Octets of a record of the large zone.
const TEXT_LEN: usize = 250;
/// Records of an update.
const PER_UPDATE: usize = 200;

fn text(text: &str) -> Vec<u8> {
    [&[text.len() as u8][..], text.as_bytes()].concat()
}

fn served(name: &str, zones: &str) -> (Scratch, Server) {
    let scratch = Scratch::new(name);
    scratch.write("headwater.yaml", &config(zones));
    let server = start(&scratch);
    (scratch, server)
}

fn update(server: &Server, zone: &str, ops: &[Op]) {
    let mut connection = Connection::open(server.address).expect("connection");
    assert_eq!(connection.update(zone, ops).expect("an answer"), 0, "{}", server.process.log());
}

fn whole(server: &Server, zone: &str) -> Snapshot {
    axfr(server.address, zone).unwrap_or_else(|error| panic!("{error}\n{}", server.process.log()))
}

/// A request to the API through the control socket; panics unless it is answered with this status.
fn call(scratch: &Scratch, method: &str, path: &str, body: &str, status: u16) {
    let mut stream = UnixStream::connect(scratch.path().join("data/control.sock")).expect("control socket");
    let (length, kind) = (body.len(), "content-type: application/json");
    write!(
        stream,
        "{method} /api/v1{path} HTTP/1.1\r\nhost: x\r\n{kind}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    assert_eq!(reply.split(' ').nth(1), Some(status.to_string().as_str()), "{method} {path} {body}: {reply}");
}

/// PATCH changes what it names, and the serial; all else of the zone is to the octet what it was.
#[test]
fn patch_leaves_the_rest_as_it_was() {
    let (scratch, server) = served("kept-patch", &journal_zone(ZONE));
    let add = |owner: &str, rtype, data: Vec<u8>| Op::Add(format!("{owner}.{ZONE}"), rtype, data);
    let ops = [
        add("www", RType::A, vec![192, 0, 2, 1]),
        add("www", RType::TXT, text("a;b \\ \"c\"")),
        add("Mixed.Case", RType::MX, b"\x00\x0a\x04MaIl\x07eXample\x00".to_vec()),
        add("*.wild", RType(65280), vec![0, 255, 0]),
        add("sub", RType::NS, b"\x02ns\x05other\x00".to_vec()),
        add("other", RType::A, vec![192, 0, 2, 7]),
    ];
    update(&server, ZONE, &ops);
    let zone = format!("/zones/{ZONE}");
    let mut before = whole(&server, ZONE);
    let mut check = |path: &str, body: &str, gone: &[(&str, RType, Vec<u8>)], come: &[(&str, RType, Vec<u8>)]| {
        call(&scratch, "PATCH", &format!("{zone}{path}"), body, 200);
        let after = whole(&server, ZONE);
        let row = |(owner, rtype, data): &(&str, RType, Vec<u8>)| -> Row {
            (format!("{owner}.{ZONE}"), rtype.0, 300, data.clone())
        };
        let rows = |list: &[(&str, RType, Vec<u8>)]| -> BTreeSet<Row> { list.iter().map(row).collect() };
        assert_eq!(before.rows.difference(&after.rows).cloned().collect::<BTreeSet<_>>(), rows(gone), "{body}");
        assert_eq!(after.rows.difference(&before.rows).cloned().collect::<BTreeSet<_>>(), rows(come), "{body}");
        let steps = u32::from(!gone.is_empty() || !come.is_empty());
        assert_eq!(after.serial, before.serial + steps, "{body}");
        before = after;
    };
    let a = |last| ("www", RType::A, vec![192, 0, 2, last]);
    check("/rrsets/www/A", r#"{"records": ["192.0.2.2"]}"#, &[a(1)], &[a(2)]);
    check("/rrsets/www/A", r#"{"add": ["192.0.2.3"]}"#, &[], &[a(3)]);
    let changes = r#"{"changes": [{"op": "delete", "name": "other", "type": "A"},
        {"op": "add", "name": "new", "type": "A", "ttl": 300, "records": ["192.0.2.9"]}]}"#;
    let (other, new) = (("other", RType::A, vec![192, 0, 2, 7]), ("new", RType::A, vec![192, 0, 2, 9]));
    check("/rrsets", changes, &[other], &[new]);
    // How a zone is served is not what is in it.
    let free = "free.test.";
    let made = format!(r#"{{"name": "{free}", "allow_transfer": ["127.0.0.1"]}}"#);
    call(&scratch, "POST", "/zones", &made, 201);
    let before = whole(&server, free);
    call(&scratch, "PATCH", &format!("/zones/{free}"), r#"{"notify": ["192.0.2.7"], "serial_policy": "date"}"#, 200);
    assert_eq!(whole(&server, free), before);
}

/// RFC 5936 2.2.1: only the apex of a zone of ours can be asked for, and only by who may have it.
#[test]
fn transfers_of_what_is_not_theirs() {
    let closed = "  - { name: closed.test. }\n";
    let (_scratch, server) = served("kept-refused", &(journal_zone(ZONE) + closed));
    let www = format!("www.{ZONE}");
    update(&server, ZONE, &[Op::Add(www.clone(), RType::A, vec![192, 0, 2, 1])]);
    let missing = format!("missing.{ZONE}");
    for (name, rcode) in [
        ("nowhere.example.", Rcode::NOTAUTH),
        (".", Rcode::NOTAUTH),
        ("test.", Rcode::NOTAUTH),
        (&www, Rcode::NOTAUTH),
        (&missing, Rcode::NOTAUTH),
        ("closed.test.", Rcode::REFUSED),
    ] {
        for rtype in [RType::AXFR, RType::IXFR] {
            let mut query = query(name, rtype);
            if rtype == RType::IXFR {
                query.authorities = vec![dns::Record {
                    owner: name.parse().expect("name"),
                    rtype: RType::SOA,
                    class: dns::Class::IN,
                    ttl: 0,
                    rdata: vec![0; 22],
                }];
            }
            let answer = tcp(server.address, &query.to_wire(65_535)).expect("an answer");
            let answer = Message::parse(&answer).expect("well-formed");
            assert_eq!((answer.header.rcode, answer.answers.len()), (rcode, 0), "{rtype} of {name}");
            assert!(!answer.header.aa && answer.questions.len() == 1, "{rtype} of {name}");
        }
    }
    assert!(server.process.log().contains("not in allow_transfer"), "{}", server.process.log());
}

/// RFC 5936 3: a zone ends at its cuts, whoever has what is below them.
#[test]
fn the_parent_goes_without_the_child_that_is_ours_too() {
    let child = format!("child.{ZONE}");
    let (_scratch, server) = served("kept-child", &(journal_zone(ZONE) + &journal_zone(&child)));
    let delegation = [
        Op::Add(child.clone(), RType::NS, b"\x02ns\x05child\x05crash\x04test\0".to_vec()),
        Op::Add(format!("ns.{child}"), RType::A, vec![192, 0, 2, 53]),
    ];
    update(&server, ZONE, &delegation);
    let inside = [
        Op::Add(format!("ns.{child}"), RType::A, vec![192, 0, 2, 54]),
        Op::Add(format!("www.{child}"), RType::A, vec![192, 0, 2, 1]),
    ];
    update(&server, &child, &inside);
    let rows = whole(&server, ZONE).rows;
    let below: Vec<&Row> = rows.iter().filter(|row| row.0.ends_with(&child)).collect();
    let types: Vec<(&str, u16)> = below.iter().map(|row| (row.0.as_str(), row.1)).collect();
    let ns = format!("ns.{child}");
    assert_eq!(types, [(child.as_str(), RType::NS.0), (ns.as_str(), RType::A.0)]);
    // The parent's own glue, not the child's data.
    assert_eq!(below[1].3, [192, 0, 2, 53]);
    let rows = whole(&server, &child).rows;
    assert!(rows.iter().all(|row| row.0.ends_with(&child)) && rows.len() == 3, "{rows:?}");
}

/// RFC 5936 2.2: a client that reads slowly gets one version, whatever becomes of the zone meanwhile.
#[test]
fn a_slow_reader_gets_one_version() {
    let (_scratch, server) = served("kept-slow", &journal_zone(ZONE));
    let mut connection = Connection::open(server.address).expect("connection");
    let owner = |number: usize| format!("r{number}.{ZONE}");
    let filling = |number: usize| text(&format!("{number:0width$}", width = TEXT_LEN - 1));
    for first in (0..LARGE_OCTETS / TEXT_LEN).step_by(PER_UPDATE) {
        let ops: Vec<Op> = (first..first + PER_UPDATE).map(|n| Op::Add(owner(n), RType::TXT, filling(n))).collect();
        assert_eq!(connection.update(ZONE, &ops).expect("an answer"), 0);
    }
    let before = whole(&server, ZONE);
    let mut slow = Connection::open(server.address).expect("connection");
    slow.send(&query(ZONE, RType::AXFR).to_wire(512)).expect("sent");
    let mut rows = BTreeSet::new();
    let mut serials = Vec::new();
    let mut messages = 0;
    while serials.len() < 2 {
        let message = Message::parse(&slow.receive().expect("a message")).expect("well-formed");
        for record in message.answers {
            match record.rtype {
                RType::SOA => serials.push(dns::rdata::typed::Soa::parse(&record.rdata).expect("SOA").serial),
                rtype => {
                    rows.insert((record.owner.to_string().to_lowercase(), rtype.0, record.ttl, record.rdata));
                }
            }
        }
        messages += 1;
        if messages <= 20 {
            // Far behind and just ahead of what is read.
            let ops = [
                Op::DeleteName(owner(messages)),
                Op::Add(owner(messages + 1000), RType::A, vec![192, 0, 2, 1]),
                Op::DeleteName(owner(LARGE_OCTETS / TEXT_LEN - messages)),
            ];
            assert_eq!(connection.update(ZONE, &ops).expect("an answer"), 0);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert!(messages > 20 && whole(&server, ZONE).serial > before.serial);
    assert_eq!(serials, [before.serial; 2]);
    assert!(rows == before.rows, "{} records, {} before", rows.len(), before.rows.len());
}

/// RFC 2181 9: an RRset that fits into no message would be answered with TC for ever. Whoever makes one is told how large
/// it would be.
#[test]
fn an_rrset_that_no_message_holds_is_refused() {
    let (scratch, server) = served("kept-large", &journal_zone(ZONE));
    let owner = format!("many.{ZONE}");
    let addresses = |from: u16, to: u16| -> Vec<Op> {
        let address = |n: u16| [[10, 0], n.to_be_bytes()].concat();
        (from..to).map(|n| Op::Add(owner.clone(), RType::A, address(n))).collect()
    };
    // Header 12, question 16 + 4, EDNS 51, and 16 for each record: 4,090 fit.
    for (from, to) in [(0, 2000), (2000, 4000), (4000, 4090)] {
        update(&server, ZONE, &addresses(from, to));
    }
    let answer = Message::parse(&tcp(server.address, &query(&owner, RType::A).to_wire(512)).expect("an answer"));
    let answer = answer.expect("well-formed");
    assert!(!answer.header.tc && answer.answers.len() == 4090, "{:?}", answer.header);
    let mut connection = Connection::open(server.address).expect("connection");
    let refused = connection.update(ZONE, &addresses(4090, 4091)).expect("an answer");
    assert_eq!(u16::from(refused), Rcode::REFUSED.0);
    let log = server.process.log();
    assert!(log.contains("4091 times owner 2") && log.contains("of 65535"), "{log}");
    assert!(!log.contains("allow_update does not allow"), "{log}");
    // The same by the API, in another RRset of the name.
    let records: Vec<String> = (0..2400).map(|n| format!("\"2001:db8::{n:x}\"")).collect();
    let body = format!("{{\"records\": [{}]}}", records.join(","));
    call(&scratch, "PUT", &format!("/zones/{ZONE}/rrsets/many/AAAA"), &body, 422);
    assert_eq!(whole(&server, ZONE).rows.iter().filter(|row| row.0 == owner).count(), 4090);
}
