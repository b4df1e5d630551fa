//! DNS over TCP (RFC 7766) against real sockets: framing, limits, clients that misbehave, stopping.

mod tcp_support;

use std::io::Write;
use std::net::{Ipv6Addr, Shutdown};
use std::time::{Duration, Instant};

use dns::RType;
use server::limits::TcpLimits;
use server::listen::tcp;
use tcp_support::{BIG, BIG_OCTETS, Client, SMALL, Server, await_count, check_answer, framed, query};

const SHORT: Duration = Duration::from_millis(300);
const BIG_RECORDS: u16 = (BIG_OCTETS / 256) as u16;

fn no_limits() -> TcpLimits {
    TcpLimits::default()
}

fn impatient() -> TcpLimits {
    TcpLimits { idle: SHORT, ..no_limits() }
}

#[test]
fn one_query_after_the_other() {
    let server = Server::start(no_limits());
    let mut client = server.connect();
    (0..20).for_each(|id| client.expect_answer(id));
    drop(client);
    await_count(&server.exit.stats.tcp_closed, 1);
    assert_eq!((server.exit.stats.tcp_accepted.get(), server.exit.stats.tcp_received.get()), (1, 20));
    server.stop();
}

/// RFC 7766 6.2.1.1: a client may send queries without waiting for answers.
#[test]
fn pipelined_queries_in_one_segment() {
    let server = Server::start(no_limits());
    let mut client = server.connect();
    let ids = 0..1000;
    client.send(&ids.clone().flat_map(|id| query(id, SMALL, RType::A)).collect::<Vec<u8>>());
    let mut seen = vec![false; ids.len()];
    for _ in ids {
        let message = client.receive().expect("an answer");
        let id = u16::from_be_bytes([message[0], message[1]]);
        check_answer(&message, id, 1);
        assert!(!std::mem::replace(&mut seen[usize::from(id)], true), "one answer for each query");
    }
    server.stop();
}

#[test]
fn queries_octet_by_octet() {
    let server = Server::start(no_limits());
    let mut client = server.connect();
    for octet in [query(1, SMALL, RType::A), query(2, SMALL, RType::A)].concat() {
        client.send(&[octet]);
        std::thread::sleep(Duration::from_millis(1));
    }
    for id in 1..=2 {
        check_answer(&client.receive().expect("an answer"), id, 1);
    }
    server.stop();
}

/// Queries are cut at every place, and the parts come apart from each other.
#[test]
fn queries_in_two_parts() {
    let server = Server::start(no_limits());
    let mut client = server.connect();
    let octets = [query(1, SMALL, RType::A), query(2, SMALL, RType::A), query(3, SMALL, RType::A)].concat();
    for cut in 1..octets.len() {
        client.send(&octets[..cut]);
        std::thread::sleep(Duration::from_millis(1));
        client.send(&octets[cut..]);
        for id in 1..=3 {
            check_answer(&client.receive().expect("an answer"), id, 1);
        }
    }
    server.stop();
}

#[test]
fn the_longest_message_and_the_largest_answers() {
    let server = Server::start(no_limits());
    let mut client = server.connect();
    // Octets behind the question make a message malformed, not too long.
    let mut longest = query(1, SMALL, RType::A)[2..].to_vec();
    longest.resize(usize::from(u16::MAX), 0);
    client.send(&framed(&longest));
    let message = client.receive().expect("an answer");
    assert_eq!((&message[..2], message[3] & 0xf), ([0, 1].as_slice(), 1), "FORMERR");
    for id in 2..10 {
        client.send(&query(id, BIG, RType::TXT));
        let message = client.receive().expect("an answer");
        check_answer(&message, id, BIG_RECORDS);
        assert!(message.len() > BIG_OCTETS);
    }
    server.stop();
}

#[test]
fn a_message_that_is_none_ends_the_connection() {
    let server = Server::start(no_limits());
    let endings: [&[u8]; 4] = [&[0, 0], &[0, 1], &[0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], &[0, 0, 0, 0, 0, 0]];
    for (i, ending) in endings.into_iter().enumerate() {
        let mut client = server.connect();
        client.send(ending);
        client.expect_close();
        let mut client = server.connect();
        client.send(&[&query(7, SMALL, RType::A), ending].concat());
        check_answer(&client.receive().expect("what came before is answered"), 7, 1);
        client.expect_close();
        await_count(&server.exit.stats.tcp_malformed_closed, 2 * (i as u64 + 1));
    }
    // A response is no query: it gets no answer, and the connection goes on.
    let mut client = server.connect();
    let mut response = query(8, SMALL, RType::A);
    response[4] |= 0x80;
    client.send(&response);
    client.expect_answer(9);
    server.stop();
}

#[test]
fn a_client_may_close_its_half_first() {
    let server = Server::start(no_limits());
    let mut client = server.connect();
    client.send(&(0..100).flat_map(|id| query(id, BIG, RType::TXT)).collect::<Vec<u8>>());
    client.0.shutdown(Shutdown::Write).expect("half closed");
    (0..100).for_each(|id| check_answer(&client.receive().expect("an answer"), id, BIG_RECORDS));
    client.expect_close();
    server.stop();
}

#[test]
fn idle_connections_are_closed() {
    let server = Server::start(impatient());
    let (mut silent, mut asked, mut active) = (server.connect(), server.connect(), server.connect());
    asked.expect_answer(1);
    let begin = Instant::now();
    while begin.elapsed() < 3 * SHORT {
        active.expect_answer(2);
        std::thread::sleep(SHORT / 10);
    }
    asked.expect_close();
    active.expect_answer(3);
    assert!(server.exit.stats.tcp_idle_closed.get() >= 1);
    // The kernel itself keeps a connection without data from the server for a while.
    silent.expect_close();
    server.stop();
}

#[test]
fn connections_are_closed_sooner_when_many_are_open() {
    let limits = TcpLimits { connections: 4, idle: Duration::from_secs(3600), idle_busy: SHORT, ..no_limits() };
    let server = Server::start(limits);
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.expect_answer(1));
    await_count(&server.exit.stats.tcp_idle_closed, 1);
    server.stop();
}

#[test]
fn a_message_must_come_whole_in_time() {
    let server = Server::start(impatient());
    let mut client = server.connect();
    client.expect_answer(1);
    let begin = Instant::now();
    // One octet at a time is no way to stay.
    for octet in framed(&[0; 60_000]) {
        if client.0.write_all(&[octet]).is_err() {
            break;
        }
        std::thread::sleep(SHORT / 20);
        assert!(begin.elapsed() < 50 * SHORT);
    }
    await_count(&server.exit.stats.tcp_stalled_closed, 1);
    assert!(begin.elapsed() >= SHORT);
    server.stop();
}

/// Sends queries with large answers, 500 MB in all, as long as the server takes them, and reads nothing.
fn refuse_to_read(server: &Server) -> Client {
    let mut client = server.connect();
    client.0.set_write_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let queries = (0..10_000).map(|id| query(id, BIG, RType::TXT));
    let _ = queries.map(|query| client.0.write_all(&query)).find(Result::is_err);
    client
}

#[test]
fn a_client_that_does_not_read_is_closed() {
    let server = Server::start(impatient());
    let _client = refuse_to_read(&server);
    server.connect().expect_answer(1);
    await_count(&server.exit.stats.tcp_stalled_closed, 1);
    assert!(server.exit.stats.response_bytes.get() < 32 << 20, "answers are not made for nobody");
    server.stop();
}

#[test]
fn a_client_that_reads_late_gets_every_answer() {
    let server = Server::start(TcpLimits { idle: Duration::from_secs(3600), ..no_limits() });
    let mut client = server.connect();
    let mut writer = client.0.try_clone().expect("a handle");
    let count = 2000;
    let writing = std::thread::spawn(move || {
        for id in 0..count {
            writer.write_all(&query(id, BIG, RType::TXT)).expect("sent");
        }
    });
    std::thread::sleep(SHORT);
    for id in 0..count {
        let message = client.receive().expect("an answer");
        check_answer(&message, id, BIG_RECORDS);
    }
    writing.join().expect("written");
    client.expect_answer(1);
    server.stop();
}

#[test]
fn memory_for_clients_is_bounded() {
    let server = Server::start(TcpLimits { pending: 100_000, ..no_limits() });
    let _client = refuse_to_read(&server);
    await_count(&server.exit.stats.tcp_overflow_closed, 1);
    server.connect().expect_answer(1);
    server.stop();
}

#[test]
fn too_many_connections() {
    let server = Server::start(TcpLimits { connections: 2, evict: Duration::from_secs(3600), ..no_limits() });
    let mut clients = [server.connect(), server.connect()];
    clients.iter_mut().for_each(|client| client.expect_answer(1));
    let mut late = server.connect();
    late.send(&query(1, SMALL, RType::A));
    late.expect_close();
    clients.iter_mut().for_each(|client| client.expect_answer(2));
    drop(clients);
    await_count(&server.exit.stats.tcp_closed, 3);
    server.connect().expect_answer(3);
    assert_eq!(server.exit.stats.tcp_refused.get(), 1);
    server.stop();
}

#[test]
fn the_longest_idle_connection_makes_room() {
    let server = Server::start(TcpLimits { connections: 2, evict: Duration::ZERO, ..no_limits() });
    let (mut old, mut older) = (server.connect(), server.connect());
    old.expect_answer(1);
    older.expect_answer(1);
    std::thread::sleep(Duration::from_millis(20));
    old.expect_answer(2);
    let mut new = server.connect();
    new.expect_answer(3);
    older.expect_close();
    old.expect_answer(4);
    assert_eq!((server.exit.stats.tcp_evicted.get(), server.exit.stats.tcp_refused.get()), (1, 0));
    server.stop();
}

#[test]
fn too_many_connections_of_one_client() {
    let server = Server::start(TcpLimits { per_client: 2, evict: Duration::ZERO, ..no_limits() });
    let mut clients = [server.connect(), server.connect()];
    clients.iter_mut().for_each(|client| client.expect_answer(1));
    let mut late = server.connect();
    late.send(&query(1, SMALL, RType::A));
    late.expect_close();
    clients.iter_mut().for_each(|client| client.expect_answer(2));
    assert_eq!((server.exit.stats.tcp_evicted.get(), server.exit.stats.tcp_refused.get()), (0, 1));
    server.stop();
}

#[test]
fn stop_answers_what_came_in() {
    let server = Server::start(no_limits());
    let (mut known, mut idle) = (server.connect(), server.connect());
    known.expect_answer(1);
    idle.expect_answer(1);
    let mut new: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    let queries: Vec<u8> = (0..100).flat_map(|id| query(id, SMALL, RType::A)).collect();
    known.send(&queries);
    new.iter_mut().for_each(|client| client.send(&queries));
    server.tell_to_stop();
    for client in new.iter_mut().chain([&mut known]) {
        (0..100).for_each(|id| check_answer(&client.receive().expect("an answer"), id, 1));
        client.expect_close();
    }
    idle.expect_close();
    server.stop();
}

#[test]
fn stop_waits_for_those_who_read_and_not_for_the_others() {
    let server = Server::start(TcpLimits { drain: 2 * SHORT, ..no_limits() });
    let _deaf = refuse_to_read(&server);
    let mut reader = server.connect();
    reader.send(&(0..400).flat_map(|id| query(id, BIG, RType::TXT)).collect::<Vec<u8>>());
    check_answer(&reader.receive().expect("an answer"), 0, BIG_RECORDS);
    server.tell_to_stop();
    (1..400).for_each(|id| check_answer(&reader.receive().expect("an answer"), id, BIG_RECORDS));
    reader.expect_close();
    let begin = Instant::now();
    server.stop();
    assert!(begin.elapsed() < 20 * SHORT, "one that does not read does not keep the server");
}

#[test]
fn one_worker_has_listeners_of_both_families() {
    let mut server = Server::bind(no_limits());
    let v4 = server.address;
    let v6 = (Ipv6Addr::UNSPECIFIED, v4.port()).into();
    let Ok(listener) = tcp::bind(v6) else {
        println!("skipped: no IPv6");
        return;
    };
    tcp::bind(v4).expect("listeners share an address");
    server.listeners.push(listener);
    server.run();
    server.connect().expect_answer(1);
    server.address = (Ipv6Addr::LOCALHOST, v4.port()).into();
    server.connect().expect_answer(2);
    server.stop();
}

#[test]
fn two_thousand_connections_at_once() {
    let (limit, count) = (rustix::process::getrlimit(rustix::process::Resource::Nofile), 2000);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("as many as are allowed");
    if limit.maximum.is_some_and(|maximum| maximum < 3 * count) {
        println!("skipped: too few file descriptors");
        return;
    }
    let server = Server::start(TcpLimits { per_client: count as usize, ..no_limits() });
    let mut clients: Vec<Client> = (0..count).map(|_| server.connect()).collect();
    for round in 0..3 {
        clients.iter_mut().for_each(|client| client.send(&query(round, SMALL, RType::A)));
        for client in &mut clients {
            check_answer(&client.receive().expect("an answer"), round, 1);
        }
    }
    assert_eq!((server.limits.open() as u64, server.exit.stats.tcp_refused.get()), (count, 0));
    server.stop();
}
