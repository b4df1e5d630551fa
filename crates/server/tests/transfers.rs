//! Zone transfers over TCP: as fast as the client reads, beside queries, within limits, with clients that leave.

mod tcp_support;

use std::time::{Duration, Instant};

use dns::RType;
use server::control::Answer;
use server::limits::TcpLimits;
use tcp_support::{Client, FLOOD_NUMBER, Flood, Server, ZONE, await_count, query, update};

const SHORT: Duration = Duration::from_millis(300);
/// Octets of one message.
const OCTETS: usize = 16_000;
/// Messages of a transfer of 100 MB.
const MANY: u32 = 6250;

/// A server whose transfers have `messages` messages.
fn flooding(limits: TcpLimits, messages: u32) -> Server {
    Server::with_control(limits, move |request, reply| {
        let flood = Flood { request: request.message, left: messages, octets: OCTETS };
        reply.send(Answer::Stream(Box::new(flood)));
    })
}

fn transfer(id: u16) -> Vec<u8> {
    query(id, ZONE, RType::AXFR)
}

/// Reads the `messages` messages of one transfer, and rests `rest` after each thousand.
fn read(client: &mut Client, id: u16, messages: u32, rest: Duration) {
    for left in (0..messages).rev() {
        let message = client.receive().expect("a message");
        assert_eq!((&message[..2], message.len()), (&id.to_be_bytes()[..], OCTETS));
        assert_eq!(message[FLOOD_NUMBER..FLOOD_NUMBER + 4], left.to_be_bytes());
        if left % 1000 == 0 {
            std::thread::sleep(rest);
        }
    }
}

/// A slow and a fast reader of 100 MB each, and a client whose queries are answered promptly all the time.
#[test]
fn transfers_do_not_hold_up_others() {
    let server = flooding(TcpLimits::default(), MANY);
    let readers = [(1, SHORT), (2, Duration::ZERO)].map(|(id, rest)| {
        let mut client = server.connect();
        std::thread::spawn(move || {
            client.send(&transfer(id));
            read(&mut client, id, MANY, rest);
            client.expect_answer(id);
        })
    });
    let mut client = server.connect();
    let mut times = Vec::new();
    while readers.iter().any(|reader| !reader.is_finished()) {
        let begin = Instant::now();
        client.expect_answer(7);
        times.push(begin.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    readers.into_iter().for_each(|reader| reader.join().expect("all read"));
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!("median {median:?}, 99 % {:?}, of {}", times[times.len() * 99 / 100], times.len());
    assert!(median < Duration::from_millis(50), "{median:?}");
    server.stop();
}

/// One at a time on a connection, and queries are answered between the messages.
#[test]
fn transfers_of_one_connection_follow_each_other() {
    let server = flooding(TcpLimits::default(), 500);
    let mut client = server.connect();
    client.send(&[transfer(1), transfer(2), transfer(3)].concat());
    (1..=3).for_each(|id| read(&mut client, id, 500, Duration::ZERO));
    client.expect_answer(4);
    client.send(&transfer(5));
    client.0.shutdown(std::net::Shutdown::Write).expect("half closed");
    read(&mut client, 5, 500, Duration::ZERO);
    client.expect_close();
    server.stop();
}

#[test]
fn answers_overtake_a_transfer() {
    let server = Server::with_control(TcpLimits::default(), |request, reply| {
        if request.message[2] == 0 {
            reply.send(Answer::Stream(Box::new(Flood { request: request.message, left: MANY, octets: OCTETS })));
        } else {
            reply.send(Answer::Message(tcp_support::response(&request.message)));
        }
    });
    let mut client = server.connect();
    client.send(&transfer(1));
    let mut messages = (0..100).map(|_| client.receive().expect("a message").len()).collect::<Vec<_>>();
    client.send(&[update(2), query(3, tcp_support::SMALL, RType::A)].concat());
    while messages.len() < MANY as usize + 2 {
        messages.push(client.receive().expect("a message").len());
    }
    let at: Vec<usize> = (0..messages.len()).filter(|&i| messages[i] < OCTETS).collect();
    assert!(at.len() == 2 && at[1] < MANY as usize, "{at:?}");
    server.stop();
}

#[test]
fn so_many_transfers_at_once() {
    let server = flooding(TcpLimits { streams: 2, ..TcpLimits::default() }, MANY);
    let mut readers = [server.connect(), server.connect()];
    for reader in &mut readers {
        reader.send(&transfer(1));
        reader.receive().expect("the first message");
    }
    let mut late = server.connect();
    late.send(&transfer(2));
    let refused = late.receive().expect("a response");
    assert_eq!((refused[1], refused[3] & 0xf, server.exit.stats.transfers_refused.get()), (2, 2, 1));
    // One that leaves makes room.
    drop(readers);
    await_count(&server.exit.stats.tcp_closed, 2);
    late.send(&transfer(3));
    read(&mut late, 3, MANY, Duration::ZERO);
    late.send(&transfer(4));
    read(&mut late, 4, MANY, Duration::ZERO);
    server.stop();
}

#[test]
fn a_client_that_does_not_read_its_transfer_is_closed() {
    let server = flooding(TcpLimits { idle: SHORT, streams: 1, ..TcpLimits::default() }, u32::MAX);
    for closed in 1..=3 {
        let mut client = server.connect();
        client.send(&transfer(1));
        await_count(&server.exit.stats.tcp_stalled_closed, closed);
    }
    assert_eq!(server.exit.stats.transfers_refused.get(), 0);
    server.connect().expect_answer(1);
    server.stop();
}

#[test]
fn a_message_that_is_too_large_ends_the_connection() {
    let server = Server::with_control(TcpLimits::default(), |request, reply| {
        reply.send(Answer::Stream(Box::new(Flood { request: request.message, left: 1, octets: 65_536 })));
    });
    let mut client = server.connect();
    client.send(&transfer(1));
    client.expect_close();
    server.connect().expect_answer(1);
    server.stop();
}

#[test]
fn stop_ends_a_transfer_that_takes_too_long() {
    let server = flooding(TcpLimits { drain: SHORT, ..TcpLimits::default() }, u32::MAX);
    let mut client = server.connect();
    client.send(&transfer(1));
    client.receive().expect("the first message");
    let reader = std::thread::spawn(move || {
        use std::io::Read;
        let mut octets = vec![0; 1 << 20];
        while client.0.read(&mut octets).is_ok_and(|read| read > 0) {}
    });
    let begin = Instant::now();
    server.stop();
    // The server's clock was read a moment before.
    assert!((SHORT / 2..20 * SHORT).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    reader.join().expect("closed");
}
