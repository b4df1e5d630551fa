//! A flood of queries among truncated, looping and garbage packets leaves the server answering, with
//! every packet accounted for and no more memory than before.

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use common::{Random, Scratch, Server, counter, counters, free_port, query, tcp, until};
use dns::RType;

/// Packets sent in all.
const PACKETS: u64 = 60_000;
/// After so many the server is given time to catch up, so that the kernel drops none.
const BURST: u64 = 50;
/// How long it may take to catch up.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a fresh server may still take once it has work, in KiB.
const SLACK_KIB: u64 = 4096;

/// A packet of one of the kinds that come in with an attack, or by accident.
fn packet(random: &mut Random) -> Vec<u8> {
    let mut good = query("www.example.org", RType::A).to_wire(512);
    match random.below(8) {
        // Cut off somewhere, the header included.
        0 => good.truncate(random.below(good.len())),
        // A name that points to itself, forwards, or back into the header.
        1 => good.splice(12.., [0xc0, *random.pick(&[12, 14, 0, 255]), 0, 1, 0, 1]).for_each(drop),
        // Any octets at all.
        2 => good = (0..random.below(1500)).map(|_| random.next() as u8).collect(),
        // A header that promises more records than there are.
        3 => good[4 + random.below(8)] = random.next() as u8,
        // Longer than any query, with octets behind its end.
        4 => good.resize(1400 + random.below(64_000), random.next() as u8),
        // A response, which must not be answered.
        5 => good[2] |= 0x80,
        // Some octet changed.
        6 => {
            let at = random.below(good.len());
            good[at] = random.next() as u8;
        }
        _ => {}
    }
    good
}

#[test]
fn the_server_goes_on_answering() {
    let scratch = Scratch::new("flood");
    scratch
        .write("example.org.zone", "$TTL 60\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\nwww A 192.0.2.2\n");
    // The history keeps its latest rows in memory, up to a bound that it has tests of its own for.
    let listen = format!("127.0.0.1:{}", free_port());
    let arguments = ["--listen", &listen, "--zone", "example.org=example.org.zone"];
    let history = [("HEADWATER_HISTORY__ENABLED", "false")];
    let mut server = Server::launch_in(&scratch, &arguments, listen.parse().expect("an address"), &history);
    server.process.wait_for("\"ready\"", 1);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
    socket.connect(server.address).expect("connect");
    socket.set_nonblocking(true).expect("non-blocking");
    let (mut random, mut buffer) = (Random(4), vec![0; 65_535]);
    // What it takes to do everything once is no growth.
    over_tcp(server.address, &mut random);
    let before = counters(&scratch);
    let mut memory = 0;
    for sent in 1..=PACKETS {
        let packet = packet(&mut random);
        while socket.send(&packet).is_err() {}
        while socket.recv(&mut buffer).is_ok() {}
        if sent % BURST == 0 {
            std::thread::sleep(Duration::from_micros(300));
        }
        if sent == PACKETS / 10 {
            memory = server.process.resident_kib();
        }
    }
    let settled =
        until(PATIENCE, || (counter(&counters(&scratch), "udp_received") >= PACKETS).then(|| counters(&scratch)));
    let report = settled.unwrap_or_else(|| panic!("packets are missing:\n{}", counters(&scratch)));
    let counts = ["udp_received", "ignored", "responses", "malformed"];
    let [received, ignored, responses, malformed] = counts.map(|name| counter(&report, name) - counter(&before, name));
    assert_eq!(received, ignored + responses, "every packet is answered or ignored:\n{report}");
    assert!(ignored > PACKETS / 10 && malformed > PACKETS / 10, "{report}");
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.2");
    over_tcp(server.address, &mut random);
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.2");
    let late = server.process.resident_kib();
    assert!(late < memory + SLACK_KIB, "memory grew from {memory} to {late} KiB");
}

/// The same kinds over TCP, a connection for each.
fn over_tcp(server: SocketAddr, random: &mut Random) {
    for _ in 0..500 {
        // Whether there is an answer or a closed connection depends on the packet.
        let packet = packet(random);
        let whole = packet.len() >= 12 && packet[2] & 0x80 == 0;
        if whole {
            let _ = tcp(server, &packet);
        }
    }
}
