//! Answering allocates nothing: a counting allocator watches `Worker::answer_batch`.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;

use allocation_counter::measure;
use dns::edns::EdnsOption;
use dns::zonefile::{self, NoIncludes, Options, Sink};
use dns::{Class, Edns, Message, NameBuf, NameHasher, RType};
use policy::limits::access::{Networks, Verdict};
use resolver::anchors::Anchors;
use resolver::cache::{CacheSettings, NewEntry, NewNegative, NewPositive, Rank};
use resolver::resolve::Shared;
use resolver::{Rrset, Security};
use server::answered::Exit;
use server::answered::{Refusal, Source};
use server::clock::Clock;
use server::control::{Control, Reply, Request};
use server::policy::cookie::Secrets;
use server::query::{Packet, Worker};
use server::recursion::{self, Recursion, Running, ThreadSettings};
use server::settings::Settings;
use server::transport::Transport;
use zone::{Builder, Published, Zone, ZonePolicy, ZoneTable};

struct ToBuilder(Builder);

impl Sink for ToBuilder {
    fn record(&mut self, record: zonefile::Record<'_>) {
        self.0.add(record.owner, record.rtype, record.ttl, record.rdata).expect("in the zone");
    }
}

/// A control plane that gets nothing here.
struct Nobody;

impl Control for Nobody {
    fn take(&self, request: Request, _: Reply) {
        panic!("{request:?}");
    }
}

/// A zone of `testdata/answers`.
fn zone(name: &str, file: &str, hasher: NameHasher) -> Arc<Zone> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/answers").join(file);
    let source = std::fs::read(&path).expect("zone file");
    let name: NameBuf = name.parse().expect("name");
    let options = Options { origin: &name, default_ttl: None, file: &path, class: Class::IN, rules: false };
    let mut sink = ToBuilder(Builder::new(&name, hasher));
    assert!(zonefile::parse(&source, &options, &NoIncludes, &mut sink).problems.is_empty());
    let (contents, _) = sink.0.finish();
    // Who may query is looked up for every question.
    let networks = ["0.0.0.0/0", "::/0", "!203.0.113.0/24", "203.0.113.7"];
    let networks = networks.map(|text| text.parse::<dns::network::Entry>().expect("a network"));
    let policy = ZonePolicy { allow_query: networks.into_iter().collect(), ..ZonePolicy::default() };
    Arc::new(Zone { name, contents: Some(contents), policy: Some(Arc::new(policy)) })
}

fn worker(signed: &str, minimal_responses: bool) -> Worker {
    let hasher = NameHasher::new(7);
    let zones = [
        ("example.org.", "rfc1034.zone"),
        ("example.com.", "other.zone"),
        ("child.example.com.", "child.zone"),
        ("acme.example.", "acme.zone"),
        ("frobozz.example.", "rfc6672.zone"),
        ("example.", signed),
    ];
    let zones = zones.iter().map(|(name, file)| zone(name, file, hasher)).collect();
    let settings = Settings {
        version: Some("headwater".into()),
        nsid: b"node-1".to_vec(),
        cookies: Some(Secrets::new([9; 16])),
        minimal_responses,
        ..Settings::default()
    };
    let zones = Published::new(ZoneTable::new(hasher, zones));
    Worker::new(zones, Published::new(settings), Arc::new(Exit::default())).with_control(Some(Arc::new(Nobody)))
}

/// Names and types: hits, empty non-terminals, referrals, wildcards, absence, aliases, redirections.
const QUESTIONS: [(&str, RType); 26] = [
    ("mail.example.org.", RType::A),
    ("MAIL.Example.ORG.", RType::TXT),
    ("mail.example.org.", RType::MX),
    ("example.org.", RType::MX),
    ("ent.example.org.", RType::A),
    ("missing.example.org.", RType::A),
    ("www.sub.example.org.", RType::A),
    ("sub.example.org.", RType::DS),
    ("x.wild.example.org.", RType::A),
    ("x.wildalias.example.org.", RType::A),
    ("chain1.example.org.", RType::A),
    ("loop1.example.org.", RType::A),
    ("toother.example.org.", RType::A),
    ("intosub.example.org.", RType::A),
    ("x.dname.example.org.", RType::A),
    ("x.dloop.example.org.", RType::A),
    ("www.frobozz.example.", RType::A),
    ("mail.example.org.", RType::ANY),
    ("ml.example.", RType::A),
    ("ns1.example.", RType::MX),
    ("mc.a.example.", RType::MX),
    ("a.z.w.example.", RType::MX),
    ("a.z.w.example.", RType::AAAA),
    ("example.", RType::DNSKEY),
    ("y.w.example.", RType::RRSIG),
    ("no.zone.of.ours.", RType::A),
];

/// Every question plain, with EDNS, DO, options, and a small size; and packets that are none.
fn packets() -> Vec<Vec<u8>> {
    let cookie = |server: &[u8]| EdnsOption::Cookie { client: [1; 8], server: server.to_vec() };
    let options = vec![cookie(&[]), EdnsOption::Nsid(vec![]), EdnsOption::Keepalive(None)];
    let edns = [
        None,
        Some(Edns { dnssec_ok: true, ..Edns::default() }),
        Some(Edns { dnssec_ok: true, udp_size: 512, options, ..Edns::default() }),
        Some(Edns { options: vec![cookie(&[1; 16])], ..Edns::default() }),
        Some(Edns { version: 1, ..Edns::default() }),
    ];
    let mut packets = Vec::new();
    for (name, rtype) in QUESTIONS {
        for edns in edns.clone() {
            let query = Message { edns, ..Message::query(7, name.parse().expect("name"), rtype) };
            packets.push(query.to_wire(1232));
        }
    }
    let mut chaos = Message::query(7, "version.bind.".parse().expect("name"), RType::TXT);
    chaos.questions[0].class = Class::CH;
    packets.push(chaos.to_wire(512));
    // A notification, a response, half a query, garbage.
    packets.extend(
        [[7, 7, 0x20, 0, 0, 1].as_slice(), &[7, 7, 0x80, 0], &[7, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, b'w']].map(
            |start| {
                let mut packet = start.to_vec();
                packet.resize(packet.len().max(12), 0);
                packet
            },
        ),
    );
    packets.push(vec![0xff; 600]);
    packets
}

const CLIENT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5300));

/// How many answers passed the exit, by who gave them, and how many said what was asked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    all: usize,
    zone: usize,
    cache: usize,
    server: usize,
    malformed: usize,
    not_authoritative: usize,
    with_question: usize,
    bytes: usize,
}

impl Answers {
    fn add(&mut self, packet: &Packet<'_>, transport: Transport) {
        let Some(answered) = packet.answered(transport) else { return };
        let source = match answered.source {
            Source::Zone => &mut self.zone,
            Source::Cache => &mut self.cache,
            Source::Server => &mut self.server,
            Source::Refused(Refusal::Malformed) => &mut self.malformed,
            Source::Refused(Refusal::NotAuthoritative) => &mut self.not_authoritative,
            other => panic!("{other:?}"),
        };
        *source += 1;
        self.all += 1;
        self.with_question += usize::from(answered.question().is_some());
        self.bytes += answered.response.len();
        assert_eq!((answered.client, answered.transport), (CLIENT, transport));
        assert_eq!(answered.rcode.0 & 0x0f, u16::from(answered.response[3] & 0x0f));
        assert_eq!((answered.elapsed_us, answered.upstream), (0, None));
    }
}

/// Answers all packets in batches, and reads the record of each answer.
fn answer_all(worker: &mut Worker, queries: &[Vec<u8>], memory: &mut [Vec<u8>], transport: Transport) -> Answers {
    let mut answers = Answers::default();
    for (queries, memory) in queries.chunks(16).zip(memory.chunks_mut(16)) {
        let mut batch: [Packet<'_>; 16] = std::array::from_fn(|_| Packet::default());
        for ((packet, buffer), query) in batch.iter_mut().zip(memory.iter_mut()).zip(queries) {
            buffer[..query.len()].copy_from_slice(query);
            *packet = Packet::new(buffer, query.len(), CLIENT);
        }
        worker.answer_batch(&mut batch[..queries.len()], transport, 1_800_000_000);
        batch.iter().for_each(|packet| answers.add(packet, transport));
    }
    answers
}

#[test]
fn answering_allocates_nothing() {
    let queries = packets();
    let mut memory = vec![vec![0; 65_535]; queries.len()];
    for signed in ["rfc4035.zone", "rfc5155.zone"] {
        for minimal in [true, false] {
            let mut worker = worker(signed, minimal);
            for transport in [Transport::Udp, Transport::Tcp] {
                let warm = answer_all(&mut worker, &queries, &mut memory, transport);
                // Of each question four are answered, one has an EDNS version that is not there.
                let questions = QUESTIONS.len();
                assert_eq!((warm.zone, warm.not_authoritative), ((questions - 1) * 4, 4), "{warm:?}");
                // Versions and CHAOS; two that are cut off. A response and garbage that looks like one are ignored.
                assert_eq!((warm.server, warm.malformed, warm.cache), (questions + 1, 2, 0), "{warm:?}");
                assert_eq!((warm.all, warm.with_question), (questions * 5 + 3, questions * 5 + 1), "{warm:?}");
                let before = (worker.exit().stats.responses(), worker.exit().stats.response_bytes.get());
                let mut answers = Answers::default();
                let info = measure(|| answers = answer_all(&mut worker, &queries, &mut memory, transport));
                assert_eq!(info.count_total, 0, "{signed}, minimal {minimal}, {transport:?}: {info:?}");
                assert_eq!(answers, warm);
                let stats = &worker.exit().stats;
                let counted = (stats.responses() - before.0, stats.response_bytes.get() - before.1);
                assert_eq!(counted, (warm.all as u64, warm.bytes as u64));
            }
        }
    }
}

/// A worker that has no zones, and a cache with answers to `names`: there, not there, an alias, signed.
fn caching(names: &[&str]) -> (Worker, Running) {
    let hasher = NameHasher::new(7);
    let settings = resolver::Settings::default();
    let shared = Shared::new(settings, CacheSettings::default(), Anchors::default(), hasher, 7);
    let now_ms = Clock::default().now_ms();
    for name in names {
        let owner: NameBuf = name.parse().expect("name");
        let (ns, soa) = (b"\x02ns\x07example\x00", b"\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\x01\0");
        let mut signed = Rrset::new(owner.clone(), RType::A, 300).with(&[192, 0, 2, 1]).with(&[192, 0, 2, 2]);
        signed.signatures.push(b"not looked at");
        let www: NameBuf = "www.example.".parse().expect("name");
        let rrsets = [
            signed,
            Rrset::new(owner.clone(), RType::MX, 300).with(b"\0\x0a\x02mx\x07example\x00"),
            Rrset::new(owner.prepend(b"alias").expect("name"), RType::CNAME, 300).with(owner.as_wire()),
            Rrset::new(owner.clone(), RType::NS, 300).with(ns),
        ];
        let (rank, security, proofs) = (Rank::AuthoritativeAnswer, Security::Secure, &[][..]);
        for rrset in &rrsets {
            let new = NewPositive { rrset, rank, security, proofs, origin: None, reason: None };
            shared.cache.insert(now_ms, NewEntry::Positive(new));
        }
        let soa = Rrset::new(www, RType::SOA, 300).with(soa);
        let (soa, rtype) = (Some(&soa), Some(RType::TXT));
        let new = NewNegative { name: &owner, rtype, soa, proofs, rank, security, origin: None, reason: None };
        shared.cache.insert(now_ms, NewEntry::Negative(new));
    }
    let zones = Published::new(ZoneTable::new(hasher, Vec::new()));
    let make = recursion::resolver(shared.clone());
    let running = recursion::start(ThreadSettings::default(), &zones, vec![Arc::default()], make).expect("threads");
    let networks =
        [("192.0.2.0/24", Verdict::Allow), ("192.0.2.128/25", Verdict::Deny), ("127.0.0.0/8", Verdict::Allow)];
    let networks = networks.map(|(network, verdict)| (network.parse().expect("network"), verdict, "test".into()));
    let recursion = Recursion {
        allowed: Arc::new(Networks::new(networks.into(), &[], 0).expect("not too many")),
        threads: running.threads().clone(),
        cache: Some(shared.cache.clone()),
        dns64: false,
        rebinding: false,
    };
    let settings = Settings { recursion: Some(recursion), cookies: Some(Secrets::new([9; 16])), ..Settings::default() };
    (Worker::new(zones, Published::new(settings), Arc::new(Exit::default())), running)
}

#[test]
fn hits_of_the_cache_allocate_nothing() {
    let names = ["www.example.", "a.b.c.example.org.", "other."];
    let (mut worker, running) = caching(&names);
    let mut queries = Vec::new();
    for name in names {
        let name: NameBuf = name.parse().expect("name");
        let alias = name.prepend(b"alias").expect("name");
        for (name, rtype) in [(&name, RType::A), (&name, RType::MX), (&name, RType::TXT), (&alias, RType::A)] {
            for edns in [None, Some(Edns::default()), Some(Edns { dnssec_ok: true, ..Edns::default() })] {
                for (rd, cd) in [(true, false), (true, true), (false, false)] {
                    let mut query = Message { edns: edns.clone(), ..Message::query(7, name.clone(), rtype) };
                    (query.header.rd, query.header.cd) = (rd, cd);
                    queries.push(query.to_wire(1232));
                }
            }
        }
    }
    let mut memory = vec![vec![0; 65_535]; queries.len()];
    for transport in [Transport::Udp, Transport::Tcp] {
        let answers = answer_all(&mut worker, &queries, &mut memory, transport);
        assert_eq!((answers.cache, answers.with_question), (queries.len(), queries.len()), "{answers:?}");
        let info = measure(|| {
            answer_all(&mut worker, &queries, &mut memory, transport);
        });
        assert_eq!(info.count_total, 0, "{transport:?}: {info:?}");
    }
    assert_eq!(worker.exit().stats.cache_hits.get(), 4 * queries.len() as u64);
    for response in &memory {
        assert_eq!(response[2] & 0x84, 0x80, "no data of ours");
        assert_eq!((response[3] & 0x80, response[3] & 0x0f), (0x80, 0));
    }
    running.stop();
}

#[test]
fn the_allocator_counts() {
    let info = measure(|| drop(std::hint::black_box(vec![1u8; 100])));
    assert_eq!((info.count_total, info.bytes_total), (1, 100));
}
