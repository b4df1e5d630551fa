//! TSIG (RFC 8945) through the data plane: queries, updates and transfers signed, and what is refused.

mod tcp_support;

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dns::{NameBuf, RType};
use dnssec::tsig::{Algorithm, Expected, Key, KeyRing, TsigError, sign_request};
use server::control::{Answer, Control, Kind};
use server::limits::TcpLimits;
use server::listen::udp;
use server::query::Worker;
use server::settings::Settings;
use tcp_support::{
    BIG, Client, Fake, Flood, SMALL, Server, ZONE, check_answer, framed, query, response, update, zones,
};
use zone::Published;

const NOTAUTH: u8 = 9;
const BADKEY: u64 = 17;

fn key(name: &str, secret: u8) -> Arc<Key> {
    let name: NameBuf = name.parse().expect("a name");
    Arc::new(Key::new(name, Algorithm::HmacSha256, &[secret; 32]))
}

fn keys() -> KeyRing {
    KeyRing::new([Arc::into_inner(key("Mine.example.", 1)).expect("the only one")])
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A control plane that answers updates, and transfers with 50 messages; signed ones have our key and no TSIG.
fn control() -> Arc<dyn Control> {
    Arc::new(Fake(|request: server::control::Request, reply: server::control::Reply| {
        let key = request.key.as_ref().map(ToString::to_string);
        assert!(key.is_none_or(|key| key.eq_ignore_ascii_case("mine.example.")));
        assert!(request.message[10..12] == [0, 0] && request.limit <= 65_535);
        let message = response(&request.message);
        match request.kind {
            Kind::Transfer => {
                reply.send(Answer::Stream(Box::new(Flood { request: request.message, left: 50, octets: 64_000 })))
            }
            _ => drop(std::thread::spawn(move || reply.send(Answer::Message(message)))),
        }
    }))
}

fn start() -> Server {
    let mut server = Server::bind(TcpLimits::default());
    (server.control, server.keys) = (Some(control()), keys());
    server.run();
    server
}

/// Sends `message` (framed) signed; what checks the answer.
fn send_signed(client: &mut Client, message: &[u8], key: &Arc<Key>, time: u64) -> Expected {
    let mut signed = message[2..].to_vec();
    let expected = sign_request(key, &mut signed, time);
    client.send(&framed(&signed));
    expected
}

#[test]
fn what_is_signed_is_answered_signed() {
    let server = start();
    let mut client = server.connect();
    let key = key("mine.example.", 1);
    for (id, name, answers) in [(1, SMALL, 1), (2, BIG, 200)] {
        let rtype = if answers == 1 { RType::A } else { RType::TXT };
        let mut expected = send_signed(&mut client, &query(id, name, rtype), &key, now());
        let message = expected.check(&client.receive().expect("an answer"), now()).expect("signed");
        check_answer(&message, id, answers);
        expected.finish().expect("all is signed");
    }
    let mut expected = send_signed(&mut client, &update(3), &key, now());
    let message = expected.check(&client.receive().expect("a response"), now()).expect("signed");
    assert_eq!(message, response(&update(3)[2..]));
    let mut expected = send_signed(&mut client, &query(4, ZONE, RType::AXFR), &key, now());
    for _ in 0..50 {
        let message = expected.check(&client.receive().expect("a message"), now()).expect("each is signed");
        assert_eq!(message.len(), 64_000);
    }
    assert_eq!((server.exit.stats.tsig_verified.get(), server.exit.stats.tsig_badsig.get()), (4, 0));
    server.stop();
}

/// RFC 8945 5.2: key, signature and time.
#[test]
fn what_is_not_accepted() {
    let server = start();
    let mut client = server.connect();
    let mut check = |message: &[u8], key: Arc<Key>, time: u64| {
        let mut expected = send_signed(&mut client, message, &key, time);
        let answer = client.receive().expect("a response");
        assert_eq!(answer[3] & 0xf, NOTAUTH);
        assert_eq!(answer[6..12], [0, 0, 0, 0, 0, 1], "nothing but TSIG");
        expected.check(&answer, time).expect_err("refused")
    };
    for message in [query(1, SMALL, RType::A), update(1), query(1, ZONE, RType::AXFR)] {
        assert_eq!(check(&message, key("other.example.", 1), now()), TsigError::Refused(BADKEY as u16));
        assert_eq!(check(&message, key("mine.example.", 2), now()), TsigError::Refused(16));
        let error = check(&message, key("mine.example.", 1), now() - 1000);
        assert!(matches!(error, TsigError::RefusedTime(999..=1002 | -1002..=-999)), "{error:?}");
    }
    let counts = [&server.exit.stats.tsig_badkey, &server.exit.stats.tsig_badsig, &server.exit.stats.tsig_badtime];
    assert_eq!(counts.map(|counter| counter.get()), [3, 3, 3]);
    assert_eq!((server.exit.stats.updates.get(), server.exit.stats.transfers.get()), (0, 0));
    // A record that is none.
    let mut broken = query(1, SMALL, RType::A)[2..].to_vec();
    broken.extend_from_slice(&[0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 1, 9]);
    broken[11] = 1;
    client.send(&framed(&broken));
    assert_eq!(client.receive().expect("a response")[3] & 0xf, 1, "FORMERR");
    server.stop();
}

/// Answers come from the address that was asked, whoever sends them, and fit.
#[test]
fn over_udp() {
    for bound in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(127, 0, 0, 2)] {
        let socket = udp::bind((bound, 0).into(), server::limits::UDP_SOCKET_BUFFER).expect("a free port");
        let port = socket.local_addr().expect("its address").port();
        let settings = Published::new(Settings { keys: keys(), ..Settings::default() });
        let exit: Arc<server::answered::Exit> = Arc::default();
        let worker = Worker::new(Published::new(zones()), settings, exit.clone()).with_control(Some(control()));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || udp::run(&socket, worker, &stopped));
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        client.connect((Ipv4Addr::new(127, 0, 0, 2), port)).expect("connected");
        client.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let ask = |message: &[u8]| {
            let mut answer = vec![0; 4096];
            client.send(message).expect("sent");
            let len = client.recv(&mut answer).expect("an answer from the address asked");
            answer.truncate(len);
            answer
        };
        assert_eq!(ask(&update(1)[2..]), response(&update(1)[2..]));
        // A transfer does not fit: TC.
        let truncated = ask(&query(2, ZONE, RType::AXFR)[2..]);
        assert_eq!((truncated[1], truncated[2] & 0x82, truncated.len()), (2, 0x82, 12 + 6 + 4));
        for (message, tc) in [(update(3), 0), (query(4, SMALL, RType::A), 0), (query(5, BIG, RType::TXT), 2)] {
            let mut signed = message[2..].to_vec();
            let mut expected = sign_request(&key("mine.example.", 1), &mut signed, now());
            let answer = expected.check(&ask(&signed), now()).expect("signed");
            assert_eq!((answer[1], answer[2] & 2), (message[3], tc));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        thread.join().expect("no panic");
        // TC counts whoever set it: the control plane for the transfer, the worker for the large answer.
        let stats = &exit.stats;
        assert_eq!((stats.updates.get(), stats.responses(), stats.truncated.get()), (2, 5, 2));
    }
}
