//! How much processor time one client may take over TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use dns::RType;

use crate::common::{ANSWER_TIMEOUT, query};
use crate::site::{Kinds, Site, connect, over_tcp};

/// So long a client asks as fast as it can.
const FLOOD: Duration = Duration::from_millis(1500);
/// Questions that are written at once.
const PIECE: usize = 200;
/// Questions of a round, and the most rounds until a limit is reached.
const ROUND: usize = 2000;
const MAX_ROUNDS: usize = 100;

fn framed() -> Vec<u8> {
    let octets = query("www.example.org", RType::A).to_wire(512);
    [&(octets.len() as u16).to_be_bytes()[..], &octets].concat()
}

/// How many answers a client reads that asks as fast as it can, while `meanwhile` runs.
fn flood(address: [u8; 4], server: SocketAddr, meanwhile: impl FnOnce()) -> usize {
    let stream = connect(address, server);
    let mut writer = stream.try_clone().expect("another handle");
    let asking = std::thread::spawn(move || {
        let (piece, begin) = (framed().repeat(PIECE), Instant::now());
        while begin.elapsed() < FLOOD && writer.write_all(&piece).is_ok() {}
    });
    let reading = std::thread::spawn(move || answers_within(stream, FLOOD));
    meanwhile();
    let answers = reading.join().expect("no panic");
    asking.join().expect("no panic");
    answers
}

/// Answers that come within `wait`; then the connection is closed, which ends whoever writes to it.
fn answers_within(mut stream: TcpStream, wait: Duration) -> usize {
    let (begin, mut octets, mut buffer) = (Instant::now(), Vec::new(), vec![0; 65_536]);
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("timeout");
    while begin.elapsed() < wait {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => octets.extend_from_slice(&buffer[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
    let (mut count, mut rest) = (0, &octets[..]);
    while let Some((len, behind)) = rest.split_first_chunk::<2>() {
        let Some(behind) = behind.get(usize::from(u16::from_be_bytes(*len))..) else { break };
        (count, rest) = (count + 1, behind);
    }
    count
}

#[test]
fn who_takes_too_much_time_waits_and_nobody_else() {
    let site = Site::start("work", "tcp_work_ms_per_second: 5, exempt: [127.7.0.0/16]", "");
    let octets = query("www.example.org", RType::A).to_wire(512);
    let mut longest = Duration::ZERO;
    let limited = flood([127, 6, 0, 1], site.address(), || {
        let begin = Instant::now();
        while begin.elapsed() < FLOOD {
            let asked = Instant::now();
            let answer = over_tcp([127, 6, 0, 2], site.address(), &octets);
            assert_eq!(Kinds::of([&answer]).whole, 1);
            longest = longest.max(asked.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert!(site.count("tcp_work_limited") > 0);
    assert!(longest < ANSWER_TIMEOUT / 2, "its neighbour waited for {longest:?}");
    let exempt = flood([127, 7, 0, 1], site.address(), || {});
    assert!(limited > 0 && limited < exempt / 4, "{limited} answers, and {exempt} without a limit");
    // The time is paid back, and it gets what it asks.
    let answer = over_tcp([127, 6, 0, 1], site.address(), &octets);
    assert_eq!(Kinds::of([&answer]).whole, 1);
}

#[test]
fn what_waits_is_answered_and_a_dry_run_only_counts() {
    let cases =
        [("work-order", "tcp_work_ms_per_second: 20"), ("work-dry", "tcp_work_ms_per_second: 1, dry_run: true")];
    for (name, keys) in cases {
        let site = Site::start(name, keys, "");
        let mut stream = connect([127, 6, 0, 1], site.address());
        // How much time a round takes depends on the machine; each is answered to the end.
        let is_limited = (0..MAX_ROUNDS).any(|_| {
            ask_in_a_row(&mut stream, ROUND);
            site.count("tcp_work_limited") > 0
        });
        assert!(is_limited, "{name}");
        ask_in_a_row(&mut stream, ROUND);
    }
}

/// Asks so many questions at once, and reads all answers.
fn ask_in_a_row(stream: &mut TcpStream, questions: usize) {
    stream.write_all(&framed().repeat(questions)).expect("questions");
    let (mut len, mut message) = ([0; 2], Vec::new());
    for _ in 0..questions {
        stream.read_exact(&mut len).expect("an answer");
        message.resize(usize::from(u16::from_be_bytes(len)), 0);
        stream.read_exact(&mut message).expect("an answer");
    }
    assert_eq!(Kinds::of([&message]).whole, 1);
}
