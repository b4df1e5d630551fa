//! Packets to the function that answers, against signed and unsigned zones: every response is
//! well-formed, belongs to its query and fits; a batch answers as its packets alone do.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use dns::edns::EdnsOption;
use dns::query::flags;
use dns::{Edns, Message, NameBuf, NameHasher, RType};
use server::answered::Exit;
use server::limits::{MAX_MESSAGE_SIZE, MAX_UDP_SIZE, PLAIN_UDP_SIZE};
use server::policy::cookie::Secrets;
use server::query::{Packet, Worker};
use server::settings::Settings;
use server::transport::Transport;
use zone::{Published, Zone, ZoneTable};

use super::{Target, contents, mark};

/// A moment; cookies depend on it.
const NOW: u64 = 1_800_000_000;
const CLIENT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5300));
/// Packets of a batch, answered again after each has been answered alone.
const BATCH: usize = 8;
/// The zones, of `testdata/answers`.
const ZONES: [(&str, &str); 7] = [
    ("example.org.", "rfc1034.zone"),
    ("example.com.", "other.zone"),
    ("child.example.com.", "child.zone"),
    ("frobozz.example.", "rfc6672.zone"),
    ("acme.example.", "acme.zone"),
    ("example.", "rfc5155.zone"),
    (".", "root.zone"),
];

pub struct QueryTarget {
    worker: Worker,
    buffer: Vec<u8>,
    recent: Vec<(Vec<u8>, Vec<u8>)>,
}

fn zone(name: &str, file: &str, hasher: NameHasher) -> Arc<Zone> {
    let contents = contents(name, file, hasher);
    Arc::new(Zone { name: contents.origin().to_owned(), contents: Some(contents), policy: None })
}

impl QueryTarget {
    pub fn new() -> QueryTarget {
        let hasher = NameHasher::new(3);
        let zones = ZONES.iter().map(|(name, file)| zone(name, file, hasher)).collect();
        let settings = Settings {
            version: Some("fuzz".into()),
            nsid: b"node".to_vec(),
            cookies: Some(Secrets::new([5; 16])),
            ..Settings::default()
        };
        let zones = Published::new(ZoneTable::new(hasher, zones));
        let worker = Worker::new(zones, Published::new(settings), Arc::new(Exit::default()));
        QueryTarget { worker, buffer: vec![0; MAX_MESSAGE_SIZE], recent: Vec::new() }
    }

    /// The response to one packet, checked.
    fn answer(&mut self, query: &[u8], transport: Transport) -> Vec<u8> {
        let room = if transport == Transport::Udp { usize::from(MAX_UDP_SIZE) } else { MAX_MESSAGE_SIZE };
        let query = &query[..query.len().min(room)];
        self.buffer[..query.len()].copy_from_slice(query);
        let packet = Packet::new(&mut self.buffer[..room], query.len(), CLIENT);
        let packet = self.worker.answer(packet, transport, NOW);
        let response = packet.response().unwrap_or_default().to_vec();
        check(query, &response, transport);
        response
    }

    fn check_batch(&mut self) {
        let room = usize::from(MAX_UDP_SIZE);
        let mut memory = vec![0; BATCH * room];
        let mut batch: [Packet<'_>; BATCH] = std::array::from_fn(|_| Packet::default());
        for ((packet, buf), (query, _)) in batch.iter_mut().zip(memory.chunks_mut(room)).zip(&self.recent) {
            let len = query.len().min(room);
            buf[..len].copy_from_slice(&query[..len]);
            *packet = Packet::new(buf, len, CLIENT);
        }
        self.worker.answer_batch(&mut batch, Transport::Udp, NOW);
        for (packet, (_, alone)) in batch.iter().zip(&self.recent) {
            assert_eq!(packet.response().unwrap_or_default(), &alone[..], "a batch answers as each packet alone");
        }
    }
}

/// What holds for every response.
fn check(query: &[u8], response: &[u8], transport: Transport) {
    if response.is_empty() {
        let ignored = query.len() < 12 || query[2] & flags::QR != 0;
        assert!(ignored, "every query gets a response");
        return;
    }
    let message = Message::parse(response).expect("a well-formed response");
    assert_eq!(response[..2], query[..2], "the identifier");
    assert!(message.header.qr && message.header.opcode.0 == query[2] >> 3 & 0x0f);
    let advertised = message.edns.as_ref().and(Message::parse(query).ok()).and_then(|query| query.edns);
    let limit = advertised.map_or(PLAIN_UDP_SIZE, |edns| edns.udp_size.max(PLAIN_UDP_SIZE));
    // A query that our strict reader refuses may still have told its size.
    let limit = if Message::parse(query).is_ok() { usize::from(limit) } else { usize::from(MAX_UDP_SIZE) };
    assert!(transport == Transport::Tcp || response.len() <= limit, "{} octets, {limit} allowed", response.len());
}

impl Target for QueryTarget {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let files = super::files("answers", "txt").into_iter().filter_map(|file| String::from_utf8(file).ok());
        let questions: Vec<(NameBuf, RType)> = files
            .flat_map(|file| file.lines().filter_map(question).collect::<Vec<_>>())
            .chain([("version.bind.".parse().expect("a name"), RType::TXT)])
            .collect();
        let options = vec![EdnsOption::Cookie { client: [1; 8], server: vec![] }, EdnsOption::Nsid(vec![])];
        let edns = [None, Some(Edns { dnssec_ok: true, options, ..Edns::default() })];
        let queries = questions.iter().flat_map(|(name, rtype)| {
            edns.iter().map(|edns| Message { edns: edns.clone(), ..Message::query(9, name.clone(), *rtype) })
        });
        queries.map(|query| query.to_wire(1232)).collect()
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let pieces: [&[u8]; 12] = [
            b"\x07example\x00",
            b"\x07example\x03org\x00",
            b"\x01*",
            b"\x03sub",
            b"\x05dname",
            b"\x05dloop",
            b"\x04wild",
            &[0xc0, 0x0c],
            &[0, 0, 41, 4, 208, 0, 0, 128, 0, 0, 0],
            &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0, 255, 0, 1],
            &[0, 3],
        ];
        pieces.map(<[u8]>::to_vec).into()
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let over_udp = self.answer(input, Transport::Udp);
        let over_tcp = self.answer(input, Transport::Tcp);
        let outcome = |response: &[u8]| response.get(2..12).map(|fixed| fixed.to_vec());
        let marked = mark((outcome(&over_udp), outcome(&over_tcp)));
        self.recent.push((input.to_vec(), over_udp));
        if self.recent.len() == BATCH {
            self.check_batch();
            self.recent.clear();
        }
        marked
    }
}

/// The question of a line `? NAME TYPE ...`.
fn question(line: &str) -> Option<(NameBuf, RType)> {
    let mut words = line.strip_prefix("? ")?.split_whitespace();
    Some((words.next()?.parse().ok()?, RType::from_text(words.next()?.as_bytes())?))
}
