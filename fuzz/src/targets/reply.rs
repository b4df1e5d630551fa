//! Replies of a name server that is not to be trusted: whatever it sends, nothing outside its own zone changes.
//!
//! An input is a sequence of replies, each behind its length: the header's flags and counts, and all that stands behind
//! the question, which is put in as it was asked. The server serves `example.`; root and `test.` have honest ones.

use std::hash::Hash;
use std::net::IpAddr;
use std::rc::Rc;

use dns::header::HEADER_LEN;
use dns::message::Record;
use dns::{Class, Message, Name, NameBuf, NameHasher, RType, Rcode};
use resolver::anchors::Anchors;
use resolver::cache::{CacheSettings, Found, Row, RowKind};
use resolver::local::NoLocalData;
use resolver::settings::Hint;
use resolver::trace::Trace;
use resolver::upstream::Exchange;
use resolver::{Question, Resolver, Settings, Shared, Upstream};
use simulator::{Delivery, FakeNetwork, Sim};

use super::{Target, frame, framed, mark};

const ROOT: [u8; 4] = [192, 0, 2, 1];
const STRANGER: [u8; 4] = [192, 0, 2, 2];
const HONEST: [u8; 4] = [192, 0, 2, 3];
/// The address of `www.test.`.
const RIGHT: [u8; 4] = [198, 51, 100, 1];
/// Questions about the stranger's zone; then the honest one is asked about.
const ASKED: [(&str, RType); 4] =
    [("www.example.", RType::A), ("x.sub.example.", RType::A), ("www.example.", RType::MX), ("example.", RType::NS)];
/// Longer than any resolution may take, in microseconds.
const PATIENCE_US: u64 = 60_000_000;
/// Rows of the cache that are looked at.
const ROWS: usize = 1000;

/// The three servers.
struct Network {
    replies: std::vec::IntoIter<Vec<u8>>,
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

fn record(owner: &str, rtype: RType, rdata: &[u8]) -> Record {
    Record { owner: name(owner), rtype, class: Class::IN, ttl: 300, rdata: rdata.to_vec() }
}

fn soa(owner: &str) -> Record {
    let numbers = [1, 3600, 600, 86400, 60].map(u32::to_be_bytes).concat();
    record(owner, RType::SOA, &[name("ns.").as_wire(), name("host.").as_wire(), &numbers].concat())
}

fn refer(message: &mut Message, zone: &str, address: [u8; 4]) {
    let server = format!("ns.{zone}");
    message.authorities.push(record(zone, RType::NS, name(&server).as_wire()));
    message.additionals.push(record(&server, RType::A, &address));
}

/// What the root and `test.` say.
fn honest(server: [u8; 4], query: &Message) -> Message {
    let mut reply = Message { header: query.header, questions: query.questions.clone(), ..Message::default() };
    reply.header.qr = true;
    let (qname, qtype) = (&query.questions[0].name, query.questions[0].rtype);
    match server {
        ROOT if qname.is_at_or_below(&name("example.")) => refer(&mut reply, "example.", STRANGER),
        ROOT if qname.is_at_or_below(&name("test.")) => refer(&mut reply, "test.", HONEST),
        HONEST if *qname == name("www.test.") && qtype == RType::A => {
            reply.header.aa = true;
            reply.answers.push(record("www.test.", RType::A, &RIGHT));
        }
        HONEST if !qname.is_at_or_below(&name("test.")) => reply.header.rcode = Rcode::REFUSED,
        _ => {
            let apex = if server == ROOT { "." } else { "test." };
            let exists = *qname == name(apex) || *qname == name("www.test.");
            (reply.header.aa, reply.header.rcode) = (true, if exists { Rcode::NOERROR } else { Rcode::NXDOMAIN });
            reply.authorities.push(soa(apex));
        }
    }
    reply
}

impl FakeNetwork for Network {
    fn reply(&mut self, _: u64, exchange: &Exchange) -> Delivery {
        let IpAddr::V4(server) = exchange.server.ip() else { return Delivery::Silence };
        let query = Message::parse(&exchange.message).expect("our queries are well-formed");
        let message = match server.octets() {
            server @ (ROOT | HONEST) => honest(server, &query).to_wire(1232),
            STRANGER => {
                let Some(reply) = self.replies.next() else { return Delivery::Silence };
                let question = dns::query::skip_name(&exchange.message, HEADER_LEN).map(|end| end + 4);
                let question = question.and_then(|end| exchange.message.get(HEADER_LEN..end)).unwrap_or_default();
                let (head, tail) = reply.split_at(reply.len().min(8));
                let mut message = vec![0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0];
                for (place, octet) in [2, 3, 6, 7, 8, 9, 10, 11].into_iter().zip(head) {
                    message[place] |= octet;
                }
                message.extend_from_slice(question);
                message.extend_from_slice(tail);
                message
            }
            _ => return Delivery::Silence,
        };
        Delivery::Reply { message, after_us: 1000 }
    }
}

/// A reply as an input has it: without identifier, QDCOUNT and question.
fn packed(fill: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Message::query(0, NameBuf::root(), RType::A);
    (message.header.qr, message.header.aa, message.header.rd) = (true, true, false);
    fill(&mut message);
    let wire = message.to_wire(usize::MAX);
    // The root's question is five octets long; pointers to it and behind it are rare in replies like these.
    let behind = wire.get(HEADER_LEN + 5..).unwrap_or_default();
    [&wire[2..4], &wire[6..12], behind].concat()
}

pub struct ReplyTarget;

impl Target for ReplyTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let www = || record("www.example.", RType::A, &[198, 51, 100, 2]);
        let replies = [
            packed(|message| message.answers.push(www())),
            packed(|message| message.answers.push(record("www.example.", RType::CNAME, name("www.test.").as_wire()))),
            packed(|message| message.answers.push(record("sub.example.", RType::DNAME, name("test.").as_wire()))),
            packed(|message| message.authorities.push(soa("example."))),
            packed(|message| {
                message.header.rcode = Rcode::NXDOMAIN;
                message.authorities.push(soa("example."));
            }),
            packed(|message| {
                message.header.aa = false;
                refer(message, "sub.example.", STRANGER);
            }),
            packed(|message| {
                message.answers.extend([www(), record("www.test.", RType::A, &STRANGER)]);
                refer(message, "test.", STRANGER);
            }),
            packed(|message| message.header.tc = true),
        ];
        let all = (0..replies.len()).map(|first| frame(&[&replies[first..], &replies[..first]].concat()));
        all.collect()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let names = ["example.", "www.example.", "test.", "www.test.", "."].map(|text| name(text).into_wire());
        let types = [RType::A, RType::NS, RType::CNAME, RType::SOA, RType::DNAME, RType::OPT, RType::RRSIG];
        let types = types.map(|rtype| [rtype.0.to_be_bytes(), [0, 1]].concat());
        names.into_iter().chain(types).chain([vec![0xc0, 0x0c], STRANGER.to_vec()]).collect()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let replies: Vec<Vec<u8>> = framed(input).map(<[u8]>::to_vec).collect();
        let sim = Sim::new(Network { replies: replies.into_iter() }, 1, 1_700_000_000);
        let hint = Hint { name: name("root."), addresses: vec![ROOT.into()] };
        let off = Settings { priming: false, randomise_case: false, special_names: false, ..Settings::default() };
        let settings = Settings { root_hints: vec![hint], ipv6: false, ..off };
        let cache = CacheSettings { max_size_bytes: 1 << 20, ..CacheSettings::default() };
        let shared = Shared::new(settings, cache, Anchors::default(), NameHasher::new(1), 1);
        let resolver = Resolver::new(sim.clone(), shared.clone(), Rc::new(NoLocalData));
        let ask = |question: (&str, RType)| {
            let (resolver, question) = (resolver.clone(), Question::new(name(question.0), question.1));
            let outcome = async move { resolver.resolve(question, true, Trace::default()).await };
            sim.block_on(PATIENCE_US, outcome).expect("every resolution ends")
        };
        let outcomes = ASKED.map(|question| ask(question).rcode.0);

        let outcome = ask(("www.test.", RType::A));
        let addresses: Vec<&[u8]> = outcome.answers.iter().flat_map(|timed| timed.rrset.rdata.iter()).collect();
        assert_eq!(addresses, [&RIGHT[..]], "www.test. is {outcome:?}");
        let now_ms = sim.now_us() / 1000;
        let rows = shared.cache.browse(now_ms, None, ROWS, None);
        for row in rows.iter().filter(|row| !row.name.is_at_or_below(&name("example."))) {
            assert!(is_honest(row, &shared, now_ms), "outside the zone of the server: {row:?}");
        }
        sim.shut_down();
        let kinds: Vec<(&str, Option<RType>)> = rows.iter().map(|row| (row.kind.as_str(), row.rtype)).collect();
        mark(Outcome { outcomes, kinds, sent: sim.sent().min(40) })
    }
}

/// What tells one outcome from another.
#[derive(Hash)]
struct Outcome<'a> {
    outcomes: [u16; ASKED.len()],
    kinds: Vec<(&'a str, Option<RType>)>,
    sent: u64,
}

/// Whether an entry about a name outside `example.` is what the honest servers say.
fn is_honest(row: &Row, shared: &Shared, now_ms: u64) -> bool {
    let exists = [Name::root(), &name("test."), &name("www.test.")].contains(&&*row.name);
    match row.kind {
        RowKind::Failure => true,
        RowKind::NxDomain => !exists,
        RowKind::NoData => exists && (row.name != name("www.test.") || row.rtype != Some(RType::A)),
        RowKind::Positive => {
            match shared.cache.lookup(now_ms, &row.name, row.rtype.unwrap_or(RType::A), Name::root()) {
                Some(Found::Positive(cached)) => {
                    row.name == name("www.test.") && cached.data.rrset.rdata.iter().eq([&RIGHT[..]])
                }
                _ => row.ttl_left == 0,
            }
        }
    }
}
