//! One question to one name server of the parent (RFC 4035 3.1.4.1), without recursion: over UDP, and over TCP when the
//! answer is cut off. Blocking; each round has threads of its own.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dns::rdata::typed::Soa;
use dns::{Message, Name, RType, Rcode};
use server::clock::unix_seconds;
use signer::parent::Said;

use crate::outbound::{self, AnswerError, Attempts, Exchange, Stream, Wait};

/// How long a server may take to answer a datagram, and for everything over TCP.
const UDP_TIMEOUT: Duration = Duration::from_secs(2);
const TCP_TIMEOUT: Duration = Duration::from_secs(5);
/// Datagrams that are sent for one question.
const UDP_ATTEMPTS: u32 = 3;
/// DS records of one zone that are read.
const MAX_DS: usize = 64;

/// Why a server says nothing that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no way to addresses of its family from here.
    NoRoute,
    /// What it does instead: `does not answer`.
    Problem(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => Failure::NoRoute,
            ErrorKind::TimedOut => Failure::Problem("does not answer".to_owned()),
            ErrorKind::ConnectionRefused => Failure::Problem("does not answer: nothing listens there".to_owned()),
            _ => Failure::Problem(format!("does not answer ({error})")),
        }
    }
}

/// What a server says of the DS records of `zone`.
///
/// # Errors
/// It says nothing that counts.
pub fn ds(server: SocketAddr, zone: &Name) -> Result<Said, Failure> {
    let answer = ask(server, zone, RType::DS)?;
    said(&answer, zone, unix_seconds()).map_err(Failure::Problem)
}

/// The answer of a server.
///
/// # Errors
/// It does not answer.
pub fn ask(server: SocketAddr, name: &Name, rtype: RType) -> Result<Message, Failure> {
    let id = outbound::random_id().map_err(|error| Failure::from(io::Error::other(error)))?;
    let mut query = Message::query(id, name.to_owned(), rtype);
    query.header.rd = false;
    let attempts = Attempts { count: UDP_ATTEMPTS, timeout: UDP_TIMEOUT };
    // What is malformed may be forged: the right answer may still come.
    let take = |answer: Result<Message, AnswerError>, _: &[u8]| answer.ok().map(Ok::<_, io::Error>);
    let (answer, _) = outbound::ask(server, &mut Exchange::new(&query, None), attempts, take)?;
    if answer.header.tc { over_tcp(server, &query) } else { Ok(answer) }
}

fn over_tcp(server: SocketAddr, query: &Message) -> Result<Message, Failure> {
    let until = Instant::now() + TCP_TIMEOUT;
    let mut exchange = Exchange::new(query, None);
    let mut stream = Stream::connect(server, TCP_TIMEOUT)?;
    stream.send(exchange.octets())?;
    let mut octets = Vec::new();
    stream.receive(&mut octets, Wait::Until(until))?;
    match exchange.answer(&octets) {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) => Err(Failure::Problem(format!("gives no usable answer over TCP ({error})"))),
        None => Err(Failure::Problem("answers something else over TCP than it was asked".to_owned())),
    }
}

/// What an answer says of the DS records of `zone`; else what the server does instead of answering for its parent.
fn said(answer: &Message, zone: &Name, at_s: u64) -> Result<Said, String> {
    let header = &answer.header;
    if !matches!(header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN) {
        return Err(format!("answers {}", header.rcode));
    }
    if !header.aa {
        return Err("is no name server of the parent zone: its answer is not authoritative".to_owned());
    }
    let is_ds = |record: &&dns::Record| record.rtype == RType::DS && *record.owner == *zone;
    let records: Vec<&dns::Record> = answer.answers.iter().filter(is_ds).take(MAX_DS + 1).collect();
    if records.len() > MAX_DS {
        return Err(format!("has more than {MAX_DS} DS records of the zone"));
    }
    let is_delegated = header.rcode == Rcode::NOERROR;
    if let Some(ttl_s) = records.iter().map(|record| record.ttl).max() {
        let ds = records.iter().map(|record| record.rdata.clone()).collect();
        return Ok(Said { ds, ttl_s, is_delegated, at_s });
    }
    let soa = answer.authorities.iter().find(|record| record.rtype == RType::SOA);
    let Some((soa, ttl_s)) = soa.and_then(|record| Some((record, negative_ttl_s(record)?))) else {
        return Err("answers with neither DS records nor the SOA record of the parent zone".to_owned());
    };
    if *soa.owner == *zone {
        return Err("answers for the zone itself, not for its parent".to_owned());
    }
    if !zone.is_at_or_below(&soa.owner) {
        return Err(format!("answers for {}, which is no parent of the zone", soa.owner));
    }
    Ok(Said { ds: Vec::new(), ttl_s, is_delegated, at_s })
}

/// For how long it may be remembered that there is nothing (RFC 2308 5).
fn negative_ttl_s(soa: &dns::Record) -> Option<u32> {
    Some(Soa::parse(&soa.rdata)?.minimum.min(soa.ttl))
}

#[cfg(test)]
mod tests {
    use dns::{Class, Record};

    use super::*;

    fn name(text: &str) -> dns::NameBuf {
        text.parse().expect("a name")
    }

    fn record(owner: &str, rtype: RType, ttl: u32, rdata: Vec<u8>) -> Record {
        Record { owner: name(owner), rtype, class: Class::IN, ttl, rdata }
    }

    fn soa(owner: &str) -> Record {
        let numbers = [1u32, 2, 3, 4, 60].into_iter().flat_map(u32::to_be_bytes);
        record(owner, RType::SOA, 300, [0, 0].into_iter().chain(numbers).collect())
    }

    /// The answer to a question for the DS records of a.example.
    fn answer(change: impl Fn(&mut Message)) -> Message {
        let mut answer = Message::query(7, name("a.example."), RType::DS);
        (answer.header.qr, answer.header.aa) = (true, true);
        change(&mut answer);
        answer
    }

    fn judge(change: impl Fn(&mut Message)) -> Result<(usize, u32, bool), String> {
        said(&answer(change), &name("A.Example."), 5).map(|said| (said.ds.len(), said.ttl_s, said.is_delegated))
    }

    #[test]
    fn what_a_parent_says() {
        let ds = |owner: &str, ttl| record(owner, RType::DS, ttl, vec![0, 1, 13, 2, 9]);
        assert_eq!(judge(|answer| answer.answers = vec![ds("a.example.", 3), ds("a.example.", 4)]), Ok((2, 4, true)));
        assert_eq!(judge(|answer| answer.authorities = vec![soa("example.")]), Ok((0, 60, true)));
        let gone = |answer: &mut Message| {
            answer.header.rcode = Rcode::NXDOMAIN;
            answer.authorities = vec![soa(".")];
        };
        assert_eq!(judge(gone), Ok((0, 60, false)));
    }

    #[test]
    fn what_is_no_answer_of_the_parent() {
        let check = |change: &dyn Fn(&mut Message), want: &str| {
            let why = judge(change).expect_err(want);
            assert!(why.contains(want), "{why}");
        };
        check(&|answer| answer.header.rcode = Rcode::REFUSED, "answers REFUSED");
        check(&|answer| answer.header.aa = false, "not authoritative");
        check(&|answer| answer.authorities = vec![soa("a.example.")], "the zone itself");
        check(&|answer| answer.authorities = vec![soa("org.")], "answers for org.");
        check(&|_| {}, "neither DS records nor the SOA record");
        let of_another = |answer: &mut Message| answer.answers = vec![record("b.example.", RType::DS, 3, vec![0; 8])];
        check(&of_another, "neither DS records nor the SOA record");
        let many = |answer: &mut Message| answer.answers = vec![record("a.example.", RType::DS, 3, vec![0; 8]); 65];
        check(&many, "more than 64");
    }

    /// An answer that does not fit comes over TCP; one that nobody gives is no answer.
    #[test]
    fn an_answer_that_is_cut_off_comes_over_tcp() {
        use std::io::{Read, Write};
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = tcp.local_addr().expect("an address");
        let udp = std::net::UdpSocket::bind(address).expect("the same port");
        let respond = |query: &[u8], cut: bool| {
            let mut answer = Message::parse(query).expect("a query");
            (answer.header.qr, answer.header.aa, answer.header.tc) = (true, true, cut);
            if !cut {
                answer.answers = vec![record("a.example.", RType::DS, 9, vec![0, 1, 13, 2, 9])];
            }
            answer.to_wire(4096)
        };
        let served = std::thread::spawn(move || {
            let mut buffer = [0; 512];
            let (len, client) = udp.recv_from(&mut buffer).expect("a query");
            udp.send_to(&respond(&buffer[..len], true), client).expect("sent");
            let (mut stream, _) = tcp.accept().expect("a connection");
            let mut len = [0; 2];
            stream.read_exact(&mut len).expect("a length");
            let mut query = vec![0; u16::from_be_bytes(len).into()];
            stream.read_exact(&mut query).expect("a query");
            let answer = respond(&query, false);
            stream.write_all(&[&(answer.len() as u16).to_be_bytes()[..], &answer].concat()).expect("written");
        });
        let said = ds(address, &name("a.example.")).expect("an answer");
        assert_eq!((said.ds, said.ttl_s), (vec![vec![0, 1, 13, 2, 9]], 9));
        served.join().expect("no panic");
        let Err(Failure::Problem(why)) = ds(address, &name("a.example.")) else { panic!("nobody answers") };
        assert!(why.starts_with("does not answer"), "{why}");
    }
}
