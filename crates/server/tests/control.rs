//! What the control plane answers over TCP: at once, later, in another order, never; limits and clients that leave.

mod tcp_support;

use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use dns::RType;
use server::control::{Answer, Kind, Reply, Request};
use server::limits::TcpLimits;
use server::transport::Transport;
use tcp_support::{Client, SMALL, Server, ZONE, await_count, check_answer, other, query, response, update};

const SHORT: Duration = Duration::from_millis(300);
const SERVFAIL: u8 = 2;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;
const NOTAUTH: u8 = 9;

/// The response that the control plane is expected to make.
fn answered(request: &Request) -> Answer {
    Answer::Message(response(&request.message))
}

/// A server whose control plane passes everything on.
fn relay(limits: TcpLimits) -> (Server, Receiver<(Request, Reply)>) {
    let (sender, receiver) = channel();
    let server = Server::with_control(limits, move |request, reply| {
        let _ = sender.send((request, reply));
    });
    (server, receiver)
}

/// ID and RCODE of the next message.
fn next(client: &mut Client) -> (u16, u8) {
    let message = client.receive().expect("a response");
    assert_eq!(message[2] & 0x80, 0x80, "a response");
    (u16::from_be_bytes([message[0], message[1]]), message[3] & 0xf)
}

#[test]
fn answers_at_once() {
    let server = Server::with_control(TcpLimits::default(), |request, reply| {
        assert_eq!((request.transport, request.key.is_none()), (Transport::Tcp, true));
        assert!(request.client.port() > 0 && request.limit == 65_535);
        reply.send(answered(&request));
    });
    let mut client = server.connect();
    for id in 0..200 {
        client.send(&update(id));
        assert_eq!(next(&mut client), (id, 0));
    }
    client.expect_answer(7);
    // More than a connection may have outstanding, in one segment.
    client.send(&(0..500).flat_map(update).collect::<Vec<u8>>());
    let mut ids: Vec<u16> = (0..500).map(|_| next(&mut client).0).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..500).collect::<Vec<u16>>());
    assert_eq!((server.exit.stats.updates.get(), server.exit.stats.responses()), (700, 701));
    server.stop();
}

#[test]
fn kinds_are_told_apart() {
    let (server, requests) = relay(TcpLimits::default());
    let mut client = server.connect();
    let messages = [
        (update(1), Kind::Update),
        (other(2, 4, ZONE, RType::SOA), Kind::Notify),
        (query(3, ZONE, RType::AXFR), Kind::Transfer),
        (query(4, ZONE, RType::IXFR), Kind::Transfer),
    ];
    for (message, kind) in messages {
        client.send(&message);
        let (request, reply) = requests.recv().expect("a request");
        assert_eq!((request.kind, &request.message[..]), (kind, &message[2..]));
        reply.send(answered(&request));
        assert_eq!(next(&mut client), (u16::from(message[3]), 0));
    }
    let counts = [&server.exit.stats.updates, &server.exit.stats.notifies, &server.exit.stats.transfers]
        .map(|counter| counter.get());
    assert_eq!(counts, [1, 1, 2]);
    // Not an apex of ours, which the control plane need not hear of.
    client.send(&query(5, SMALL, RType::AXFR));
    assert_eq!(next(&mut client), (5, NOTAUTH));
    assert!(requests.try_recv().is_err());
    server.stop();
}

#[test]
fn without_a_control_plane() {
    let server = Server::start(TcpLimits::default());
    let mut client = server.connect();
    let zone = |opcode| other(1, opcode, ZONE, RType::SOA);
    for (message, rcode) in [
        (zone(5), NOTIMP),
        (zone(4), NOTIMP),
        (query(1, ZONE, RType::AXFR), REFUSED),
        (query(1, SMALL, RType::AXFR), NOTAUTH),
    ] {
        client.send(&message);
        assert_eq!(next(&mut client), (1, rcode));
    }
    server.stop();
}

/// RD and CD are of queries (RFC 1035 4.1.1, RFC 4035 3.2.2): in messages of other opcodes they are zero or of unknown
/// meaning (RFC 2136 2.2, RFC 1996 4, RFC 8906 3.1.4), and do not come back.
#[test]
fn only_queries_get_their_flags_back() {
    const RD: u8 = 0x01;
    const CD: u8 = 0x10;
    let with_flags = |mut message: Vec<u8>| {
        (message[4], message[5]) = (message[4] | 0x07, 0x70);
        message
    };
    let check = |client: &mut Client, opcode: u8| {
        let response = client.receive().expect("a response");
        let kept = if opcode == 0 { (RD, CD) } else { (0, 0) };
        assert_eq!((response[2] & RD, response[3] & CD), kept, "opcode {opcode}: {response:?}");
        assert_eq!((response[2] >> 3 & 0xf, response[3] & 0x60), (opcode, 0), "{response:?}");
    };
    let server = Server::start(TcpLimits::default());
    let mut client = server.connect();
    for opcode in 0..16 {
        client.send(&with_flags(other(1, opcode, ZONE, RType::SOA)));
        check(&mut client, opcode);
    }
    server.stop();
    // The same where the control plane has no answer.
    let (server, requests) = relay(TcpLimits::default());
    let mut client = server.connect();
    for opcode in [4, 5] {
        client.send(&with_flags(other(1, opcode, ZONE, RType::SOA)));
        drop(requests.recv());
        check(&mut client, opcode);
    }
    server.stop();
}

/// RFC 7766 6.2.1.1: an answer does not wait for another.
#[test]
fn answers_in_another_order_from_another_thread() {
    let (server, requests) = relay(TcpLimits::default());
    let mut client = server.connect();
    client.send(&(0..10).flat_map(update).collect::<Vec<u8>>());
    let mut held: Vec<_> = requests.iter().take(10).collect();
    client.expect_answer(99);
    held.reverse();
    held.into_iter().for_each(|(request, reply)| reply.send(answered(&request)));
    assert_eq!((0..10).map(|_| next(&mut client).0).collect::<Vec<u16>>(), (0..10).rev().collect::<Vec<u16>>());
    server.stop();
}

#[test]
fn a_reply_that_is_dropped_says_servfail() {
    let (server, requests) = relay(TcpLimits::default());
    let mut client = server.connect();
    let mut message = update(5);
    client.send(&message);
    drop(requests.recv());
    assert_eq!(next(&mut client), (5, SERVFAIL));
    // With OPT.
    message.extend_from_slice(&[0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
    (message[1], message[13]) = (message[1] + 11, 1);
    client.send(&message);
    drop(requests.recv());
    let answer = dns::Message::parse(&client.receive().expect("a response")).expect("well-formed");
    assert!(answer.edns.is_some() && answer.questions.len() == 1, "{answer:?}");
    assert_eq!(answer.header.rcode, dns::Rcode::SERVFAIL);
    // A response that is no message at all.
    client.send(&update(6));
    requests.recv().expect("a request").1.send(Answer::Message(vec![0; 70_000]));
    assert_eq!(next(&mut client), (6, SERVFAIL));
    // None.
    client.send(&update(7));
    requests.recv().expect("a request").1.send(Answer::Nothing);
    client.expect_answer(8);
    server.stop();
}

#[test]
fn who_waits_is_not_idle() {
    let (server, requests) = relay(TcpLimits { idle: SHORT / 4, ..TcpLimits::default() });
    let mut client = server.connect();
    client.send(&update(1));
    let (request, reply) = requests.recv().expect("a request");
    std::thread::sleep(2 * SHORT);
    reply.send(answered(&request));
    assert_eq!(next(&mut client), (1, 0));
    client.expect_close();
    assert_eq!((server.exit.stats.tcp_idle_closed.get(), server.exit.stats.tcp_unanswered_closed.get()), (1, 0));
    server.stop();
}

#[test]
fn nobody_waits_for_ever() {
    let (server, requests) = relay(TcpLimits { idle: SHORT / 4, answer: SHORT, ..TcpLimits::default() });
    let mut client = server.connect();
    client.send(&update(1));
    let (request, reply) = requests.recv().expect("a request");
    let begin = Instant::now();
    client.expect_close();
    assert!(begin.elapsed() >= SHORT / 2, "{:?}", begin.elapsed());
    assert_eq!(server.exit.stats.tcp_unanswered_closed.get(), 1);
    // The next connection has its number; the late answer is not for it.
    let mut client = server.connect();
    client.expect_answer(1);
    reply.send(answered(&request));
    client.expect_answer(2);
    server.stop();
}

#[test]
fn a_client_may_close_its_half_and_wait() {
    let (server, requests) = relay(TcpLimits::default());
    let mut client = server.connect();
    client.send(&[query(9, SMALL, RType::A), update(1), update(2)].concat());
    client.0.shutdown(Shutdown::Write).expect("half closed");
    check_answer(&client.receive().expect("an answer"), 9, 1);
    std::thread::sleep(SHORT / 3);
    for (request, reply) in requests.iter().take(2) {
        reply.send(answered(&request));
        assert_eq!(next(&mut client).1, 0);
    }
    client.expect_close();
    server.stop();
}

/// What came before a message that is none is still answered.
#[test]
fn a_broken_message_behind_an_update() {
    let (server, requests) = relay(TcpLimits::default());
    let mut client = server.connect();
    client.send(&[update(1), vec![0, 1, 0]].concat());
    let (request, reply) = requests.recv().expect("a request");
    reply.send(answered(&request));
    assert_eq!(next(&mut client), (1, 0));
    client.expect_close();
    assert_eq!(server.exit.stats.tcp_malformed_closed.get(), 1);
    server.stop();
}

#[test]
fn a_client_that_leaves() {
    let (server, requests) = relay(TcpLimits::default());
    for id in 0..20 {
        let mut client = server.connect();
        client.send(&update(id));
        let (request, reply) = requests.recv().expect("a request");
        drop(client);
        let mut other = server.connect();
        other.expect_answer(id);
        reply.send(answered(&request));
        other.expect_answer(id);
    }
    await_count(&server.exit.stats.tcp_closed, 40);
    server.stop();
}

#[test]
fn one_connection_has_so_many_requests_at_once() {
    let (server, requests) = relay(TcpLimits { outstanding: 4, ..TcpLimits::default() });
    let mut client = server.connect();
    client.send(&(0..40).flat_map(|id| [update(id), query(100 + id, SMALL, RType::A)].concat()).collect::<Vec<u8>>());
    let mut held: Vec<_> = requests.iter().take(4).collect();
    server.connect().expect_answer(1);
    assert!(requests.recv_timeout(SHORT).is_err(), "no more than four");
    for _ in 0..36 {
        let (request, reply) = held.remove(0);
        reply.send(answered(&request));
        held.push(requests.recv().expect("the next one"));
    }
    assert!(requests.try_recv().is_err());
    held.into_iter().for_each(|(request, reply)| reply.send(answered(&request)));
    let mut ids: Vec<u16> = (0..80).map(|_| next(&mut client).0).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..40).chain(100..140).collect::<Vec<u16>>());
    server.stop();
}

/// 64 connections with 64 requests of 60,000 octets each would be a quarter of a gigabyte.
#[test]
fn memory_for_the_control_plane_is_bounded() {
    static HELD: AtomicUsize = AtomicUsize::new(0);
    let (sender, replies) = channel();
    let server = Server::with_control(TcpLimits::default(), move |request, reply| {
        HELD.fetch_add(request.message.len(), Ordering::Relaxed);
        let _ = sender.send(reply);
    });
    // One record of TXT data in the update section.
    let mut large = update(1)[2..].to_vec();
    let fixed = [0, 0, 16, 0, 1, 0, 0, 0, 0, 0xea, 0x60];
    large.extend_from_slice(&fixed);
    large.resize(large.len() + 60_000, 0);
    large[9] = 1;
    let large = tcp_support::framed(&large);
    let mut clients: Vec<Client> = (0..30).map(|_| server.connect()).collect();
    for client in &mut clients {
        (0..64).for_each(|_| client.send(&large));
    }
    await_count(&server.exit.stats.control_busy, 1);
    assert!(HELD.load(Ordering::Relaxed) <= server::limits::MAX_HANDED_OVER_OCTETS);
    drop(replies);
    for client in &mut clients {
        (0..64).for_each(|_| assert_eq!(next(client), (1, SERVFAIL)));
    }
    server.stop();
}

#[test]
fn stop_waits_for_answers() {
    let (server, requests) = relay(TcpLimits::default());
    let (mut client, mut idle) = (server.connect(), server.connect());
    idle.expect_answer(1);
    client.send(&update(1));
    let (request, reply) = requests.recv().expect("a request");
    server.tell_to_stop();
    idle.expect_close();
    std::thread::sleep(SHORT / 3);
    reply.send(answered(&request));
    assert_eq!(next(&mut client), (1, 0));
    client.expect_close();
    let begin = Instant::now();
    server.stop();
    assert!(begin.elapsed() < Duration::from_secs(1), "all is answered");
}
