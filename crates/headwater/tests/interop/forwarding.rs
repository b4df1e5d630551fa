//! Updates that a secondary sends on (RFC 2136 6): to BIND, to Knot and to Headwater, from nsupdate and knsupdate.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dns::edns::{Edns, EdnsOption, ede};
use dns::{Message, Opcode, RType, Rcode};

use crate::common::{PATIENCE, Scratch, Server, query, udp, until};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, have, knsupdate, nsupdate, serial};
use crate::zonefile::LONG_TIMERS;

/// A zone, how its updates are signed, and who the secondary forwards for. The secondary knows no key but the first.
const ZONES: [(&str, Signing, &str); 3] = [
    ("plain.test.", Signing::None, "127.0.0.1"),
    ("key256.test.", Signing::Sha256, "key:key256"),
    ("key512.test.", Signing::Sha512, "127.0.0.1"),
];

/// A primary of some kind.
enum Primary {
    Ours(Server),
    Other(Peer),
}

impl Primary {
    fn address(&self) -> SocketAddr {
        match self {
            Primary::Ours(server) => server.address,
            Primary::Other(peer) => peer.address,
        }
    }

    fn log(&self) -> String {
        match self {
            Primary::Ours(server) => server.process.log(),
            Primary::Other(peer) => peer.process.log(),
        }
    }
}

fn who(signing: Signing) -> String {
    signing.key().map_or("127.0.0.1".to_owned(), |(name, ..)| format!("key:{name}"))
}

/// A primary with all zones.
fn primary(kind: Option<Kind>, scratch: &Scratch, secondary: SocketAddr) -> Primary {
    let Some(kind) = kind else {
        let entries = ZONES.map(|(name, signing, _)| {
            let who = who(signing);
            format!(
                "  - {{ name: {name}, allow_transfer: [\"{who}\"], allow_update: [\"{who}\"], notify: [\"{secondary}\"] }}\n"
            )
        });
        return Primary::Ours(tools::headwater(scratch, free_address(), &entries.concat()));
    };
    let zones = ZONES.map(|(name, signing, _)| {
        let text =
            format!("{name} 3600 SOA ns.interop.test. host.{name} 1 {LONG_TIMERS}\n{name} 3600 NS ns.interop.test.\n");
        Zone { name: name.to_owned(), signing, primary: Some(text), extra: String::new() }
    });
    Primary::Other(Peer::start(kind, scratch, free_address(), secondary, &zones))
}

/// Headwater with these entries of `zones`, and the first key alone.
fn forwarder(scratch: &Scratch, address: SocketAddr, zones: &str) -> Server {
    tools::headwater_with(scratch, address, &[Signing::Sha256], zones)
}

/// A message that adds `record` to `zone`, with an OPT record.
fn message(id: u16, zone: &str, text: &str) -> Message {
    let mut message = query(zone, RType::SOA);
    (message.header.id, message.header.opcode, message.header.rd) = (id, Opcode::UPDATE, false);
    let rdata: Vec<u8> = text.as_bytes().chunks(255).flat_map(|part| [&[part.len() as u8], part].concat()).collect();
    message.authorities.push(dns::Record {
        owner: format!("raw.{zone}").parse().expect("a name"),
        rtype: RType::TXT,
        class: dns::Class::IN,
        ttl: 60,
        rdata,
    });
    message.edns = Some(Edns::default());
    message
}

fn ask(server: SocketAddr, message: &Message) -> Message {
    let octets = udp(server, &message.to_wire(65_535), PATIENCE).expect("an answer");
    Message::parse(&octets).expect("well-formed")
}

/// The extended error of a response, with its text.
fn reason(message: &Message) -> Option<(u16, &str)> {
    message.edns.iter().flat_map(|edns| &edns.options).find_map(|option| match option {
        EdnsOption::ExtendedError { info, text } => Some((*info, &**text)),
        _ => None,
    })
}

/// Sends updates by every way to the secondary, and looks at what the primary and the secondary have then.
fn updates_go_on(kind: Option<Kind>, name: &str) {
    if kind.is_some_and(|kind| !kind.is_installed()) || !have(&["nsupdate", "knsupdate", "dig"]) {
        return;
    }
    let (at_primary, at_secondary) = (Scratch::new(&format!("{name}-primary")), Scratch::new(&format!("{name}-ours")));
    let address = free_address();
    let primary = primary(kind, &at_primary, address);
    let entries = ZONES.map(|(zone, signing, forwards)| {
        let key = if signing == Signing::Sha256 { " key:key256" } else { "" };
        format!(
            "  - {{ name: {zone}, primaries: [\"{}{key}\"], allow_notify: [127.0.0.1], \
             allow_transfer: [127.0.0.1], allow_update_forwarding: [\"{forwards}\"] }}\n",
            primary.address()
        )
    });
    let secondary = forwarder(&at_secondary, address, &entries.concat());
    let log = || format!("{}\n{}", primary.log(), secondary.process.log());
    for (zone, signing, _) in ZONES {
        assert!(until(PATIENCE, || serial(primary.address(), zone)).is_some(), "{}", log());
        let mut wanted = Vec::new();
        let mut check = |host: &str, done: Result<(), String>| {
            assert_eq!(done, Ok(()), "{zone} {host}\n{}", log());
            wanted.push(format!("{host}.{zone} 60 IN A 192.0.2.1"));
        };
        let script = |host: &str| format!("zone {zone}\nupdate add {host}.{zone} 60 A 192.0.2.1");
        check("udp", nsupdate(address, signing, &[], &script("udp")));
        check("tcp", nsupdate(address, signing, &["-v"], &script("tcp")));
        check("knot-udp", knsupdate(address, signing, &[], &script("knot-udp")));
        check("knot-tcp", knsupdate(address, signing, &["-v"], &script("knot-tcp")));
        let there = contents(primary.address(), signing, zone);
        assert!(wanted.iter().all(|record| there.contains(record)), "{there:?}\n{}", log());
        // What the primary says against an update, the client hears.
        let absent = format!("prereq nxdomain udp.{zone}\n{}", script("no"));
        assert_eq!(nsupdate(address, signing, &[], &absent), Err("YXDOMAIN".to_owned()), "{zone}\n{}", log());
        let elsewhere = format!("zone {zone}\nupdate add outside.other.test. 60 A 192.0.2.1");
        assert_eq!(nsupdate(address, signing, &["-v"], &elsewhere), Err("NOTZONE".to_owned()), "{zone}\n{}", log());
        // More than 30,000 octets.
        let many: String = (0..150).map(|i| format!("\nupdate add big{i}.{zone} 60 TXT {}", "x".repeat(200))).collect();
        assert_eq!(nsupdate(address, signing, &[], &format!("zone {zone}{many}")), Ok(()), "{zone}\n{}", log());
        let there = contents(primary.address(), signing, zone);
        assert_eq!(there.iter().filter(|record| record.starts_with("big")).count(), 150, "{}", log());
        // The change comes back; where the key is not known here, nothing can be transferred from a primary that asks for it.
        if signing != Signing::Sha512 {
            let has_all = || (serial(address, zone) == serial(primary.address(), zone)).then_some(());
            assert!(until(PATIENCE, has_all).is_some(), "{}", log());
            let ours = contents(address, Signing::None, zone);
            assert!(wanted.iter().all(|record| ours.contains(record)), "{ours:?}");
        }
    }
    // Not on the list: without the key, or with one that is not known here and from a network that may not.
    let script = "zone key256.test.\nupdate add no.key256.test. 60 A 192.0.2.1";
    assert_eq!(nsupdate(address, Signing::None, &[], script), Err("REFUSED".to_owned()), "{}", log());
    let refused = nsupdate(address, Signing::Sha512, &[], script).expect_err("no such key");
    assert!(refused.contains("NOTAUTH(BADKEY)"), "{refused}\n{}", log());
    assert!(secondary.process.log().contains("update refused: not in allow_update_forwarding"), "{}", log());
    // A datagram that is no datagram on the way to the primary.
    let text = "y".repeat(1400);
    assert_eq!(ask(address, &message(1, "plain.test.", &text)).header.rcode, Rcode::NOERROR, "{}", log());
    assert!(contents(primary.address(), Signing::None, "plain.test.").iter().any(|record| record.starts_with("raw.")));
}

#[test]
fn updates_go_on_to_bind() {
    updates_go_on(Some(Kind::Bind), "forward-bind");
}

#[test]
fn updates_go_on_to_knot() {
    updates_go_on(Some(Kind::Knot), "forward-knot");
}

#[test]
fn updates_go_on_to_headwater() {
    updates_go_on(None, "forward-ours");
}

/// Entries of secondaries of `zone` that forward for everybody here.
fn entry(zone: &str, primaries: &[SocketAddr]) -> String {
    let primaries: Vec<String> = primaries.iter().map(|primary| format!("\"{primary}\"")).collect();
    format!("  - {{ name: {zone}, primaries: [{}], allow_update_forwarding: [127.0.0.1] }}\n", primaries.join(", "))
}

#[test]
fn a_primary_that_is_away_is_said() {
    let scratch = Scratch::new("forward-away");
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let zones = [
        entry("away.test.", &[free_address()]),
        entry("silent.test.", &[silent.local_addr().expect("address")]),
        "  - { name: closed.test., primaries: [127.0.0.1] }\n".to_owned(),
    ];
    let server = forwarder(&scratch, free_address(), &zones.concat());
    for zone in ["away.test.", "silent.test."] {
        let begin = Instant::now();
        let answer = ask(server.address, &message(7, zone, "x"));
        let wanted = Some((ede::NO_REACHABLE_AUTHORITY, "no primary of the zone answers the update"));
        assert_eq!((answer.header.id, answer.header.rcode, reason(&answer)), (7, Rcode::SERVFAIL, wanted), "{zone}");
        assert!(begin.elapsed() < Duration::from_secs(9), "{zone}: {:?}", begin.elapsed());
    }
    assert_eq!(ask(server.address, &message(7, "closed.test.", "x")).header.rcode, Rcode::REFUSED);
    assert_eq!(ask(server.address, &message(7, "other.test.", "x")).header.rcode, Rcode::NOTAUTH);
}

/// The next primary is asked where one does not answer, or has no time for the zone; a client that repeats its datagram
/// gets one answer.
#[test]
fn primaries_are_asked_in_order_and_once() {
    let scratch = Scratch::new("forward-order");
    let primaries = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let at = |which: usize| primaries[which].local_addr().expect("address");
    let zones = entry("order.test.", &[free_address(), at(0), at(1)]);
    let server = forwarder(&scratch, free_address(), &zones);
    let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
    client.connect(server.address).expect("an address");
    primaries.iter().chain([&client]).for_each(|it| it.set_read_timeout(Some(PATIENCE)).expect("a timeout"));
    let sent = message(9, "order.test.", "x").to_wire(65_535);
    // A secondary asks its primaries for the serial, too.
    let next_update = |which: usize| loop {
        let mut buffer = [0; 4096];
        let (size, from) = primaries[which].recv_from(&mut buffer).expect("a message");
        if buffer[2] >> 3 & 0xf == 5 {
            return (buffer[..size].to_vec(), from);
        }
    };
    let answer = |which: usize, rcode: u8| {
        let (mut octets, from) = next_update(which);
        assert_eq!(octets[2..], sent[2..], "as it came");
        (octets[2], octets[3]) = (octets[2] | 0x80, rcode);
        primaries[which].send_to(&octets, from).expect("sent");
    };
    client.send(&sent).expect("sent");
    client.send(&sent).expect("sent");
    answer(0, 2);
    answer(1, 6);
    let mut buffer = [0; 4096];
    let size = client.recv(&mut buffer).expect("an answer");
    assert_eq!((&buffer[..2], buffer[3] & 0xf, &buffer[12..size]), (&[0, 9][..], 6, &sent[12..]));
    client.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    assert!(client.recv(&mut buffer).is_err(), "one answer");
}

/// Servers that are secondaries of each other send an update around; each does so once.
#[test]
fn a_circle_ends() {
    let scratches = ["forward-ring-0", "forward-ring-1", "forward-ring-2"].map(Scratch::new);
    let addresses = [(); 3].map(|()| free_address());
    let start = |at: usize| forwarder(&scratches[at], addresses[at], &entry("ring.test.", &[addresses[(at + 1) % 3]]));
    let servers = [start(0), start(1), start(2)];
    let begin = Instant::now();
    let answer = ask(addresses[0], &message(5, "ring.test.", "x"));
    assert_eq!((answer.header.id, answer.header.rcode), (5, Rcode::SERVFAIL));
    let wanted = "the same update is being forwarded: servers send it in a circle";
    assert_eq!(reason(&answer), Some((ede::OTHER, wanted)));
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    for server in &servers {
        let log = server.process.log();
        assert_eq!(log.lines().filter(|line| line.contains("update forwarded")).count(), 1, "{log}");
    }
}
