//! Who may query, have names resolved, transfer, update and notify, by lists with networks that are denied: the longest
//! match decides.

mod common;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};

use common::{ANSWER_TIMEOUT, SILENCE, Scratch, Server, free_port, query, receive};
use dns::{Message, Opcode, RType, Rcode};

const ZONE: &str = "$TTL 60\n@ SOA ns host 1 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.80\n";
const KEY: &str = "hmac-sha256:k:c2l4dGVlbiBvciBtb3JlIG9jdGV0cyBvZiBzZWNyZXQ=";
const CONFIG: &str = "\
server: { workers: 1 }
security:
  allowed_networks: [127.0.0.0/8, '!127.0.0.128/25', 'file:friends']
  denied_networks: [127.0.9.0/24, '!127.0.9.9']
resolver: { priming: false, trust_anchor_update: false, trust_anchor_signalling: false, upstream_port: 1 }
tsig_keys: [{ name: k, algorithm: hmac-sha256, secret: 'c2l4dGVlbiBvciBtb3JlIG9jdGV0cyBvZiBzZWNyZXQ=' }]
zones:
  - { name: query.test, file: zone, allow_query: [127.0.0.0/24, '!127.0.0.4/30', 127.0.0.5] }
  - { name: transfer.test, file: zone, allow_transfer: [127.0.0.0/24, '!127.0.0.4/30', 'key:k', '127.0.0.5 key:k'] }
  - { name: update.test, allow_update: [127.0.0.0/24, '!127.0.0.4/30', 'key:k', '127.0.0.5 key:k type=TXT'] }
  - { name: notify.test, primaries: ['127.0.0.77:1'], allow_notify: [127.0.0.0/24, '!127.0.0.4/30', 127.0.0.5] }
";

/// A server with these lists; a file has one more network.
fn start(name: &str) -> (Scratch, Server) {
    let scratch = Scratch::new(name);
    scratch.write("zone", ZONE);
    scratch.write("friends", "# Friends.\n127.0.0.200\n");
    scratch.write("headwater.yaml", CONFIG);
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = address.to_string();
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml", "--listen", &listen], address);
    server.process.wait_for("\"ready\"", 1);
    (scratch, server)
}

/// The RCODE that a client with the address 127.0.`third`.`last` gets; `None`: no answer.
fn ask(server: &Server, [third, last]: [u8; 2], message: &Message) -> Option<Rcode> {
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, third, last), 0)).expect("a socket");
    socket.connect(server.address).expect("an address");
    let is_denied = third == 9 && last != 9;
    socket.set_read_timeout(Some(if is_denied { SILENCE } else { ANSWER_TIMEOUT })).expect("a timeout");
    socket.send(&message.to_wire(512)).expect("it is sent");
    let mut buffer = [0; 512];
    let len = receive(&socket, &mut buffer).ok()?;
    Some(Message::parse(&buffer[..len]).expect("a well-formed response").header.rcode)
}

/// Whether dig and nsupdate are there; says so if not.
fn tools() -> bool {
    let there = ["dig", "nsupdate"].iter().all(|tool| Command::new(tool).arg("-h").output().is_ok());
    if !there {
        println!("skipped: dig or nsupdate is missing");
    }
    there
}

/// Whether a client gets the zone by a transfer, with the key or without.
fn transfers(server: &Server, client: &str, key: bool) -> bool {
    let mut command = Command::new("dig");
    command.args(["-b", client, "@127.0.0.1", "-p", &server.address.port().to_string(), "+time=10"]);
    if key {
        command.args(["-y", KEY]);
    }
    let output = command.args(["transfer.test", "AXFR"]).output().expect("dig runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (got, failed) = (text.contains("192.0.2.80"), text.contains("Transfer failed"));
    assert!(got != failed, "{text}");
    got
}

/// What the server says to an update from a client, with the key or without.
fn update(server: &Server, client: &str, key: bool, what: &str) -> String {
    let mut command = Command::new("nsupdate");
    if key {
        command.args(["-y", KEY]);
    }
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("nsupdate runs");
    let port = server.address.port();
    let script = format!("server 127.0.0.1 {port}\nlocal {client}\nzone update.test\nupdate add {what}\nsend\n");
    child.stdin.take().expect("stdin").write_all(script.as_bytes()).expect("the script is taken");
    let output = child.wait_with_output().expect("nsupdate ends");
    String::from_utf8_lossy(&output.stderr).trim().replace("update failed: ", "")
}

#[test]
fn queries_and_recursion() {
    let (_scratch, server) = start("access-queries");
    let own = query("www.query.test", RType::A);
    for (client, want) in [
        ([0, 1], Some(Rcode::NOERROR)),
        ([0, 4], Some(Rcode::REFUSED)),
        ([0, 5], Some(Rcode::NOERROR)),
        ([0, 7], Some(Rcode::REFUSED)),
        ([0, 8], Some(Rcode::NOERROR)),
        ([1, 1], Some(Rcode::REFUSED)),
    ] {
        assert_eq!(ask(&server, client, &own), want, "{client:?}");
    }
    // The server knows this name by itself, but says it only to who may have names resolved.
    let mut others = query("localhost", RType::A);
    others.header.rd = true;
    for (client, want) in [
        ([0, 127], Some(Rcode::NOERROR)),
        ([0, 128], Some(Rcode::REFUSED)),
        ([0, 199], Some(Rcode::REFUSED)),
        ([0, 200], Some(Rcode::NOERROR)),
        ([0, 201], Some(Rcode::REFUSED)),
        ([9, 8], None),
        ([9, 9], Some(Rcode::NOERROR)),
    ] {
        assert_eq!(ask(&server, client, &others), want, "{client:?}");
    }
}

#[test]
fn notifies() {
    let (_scratch, server) = start("access-notifies");
    let mut notify = query("notify.test", RType::SOA);
    notify.header.opcode = Opcode::NOTIFY;
    for (last, want) in [(1, Rcode::NOERROR), (4, Rcode::REFUSED), (5, Rcode::NOERROR), (7, Rcode::REFUSED)] {
        assert_eq!(ask(&server, [0, last], &notify), Some(want), "{last}");
    }
    assert_eq!(ask(&server, [1, 1], &notify), Some(Rcode::REFUSED));
}

#[test]
fn transfers_with_and_without_a_key() {
    if !tools() {
        return;
    }
    let (_scratch, server) = start("access-transfers");
    for (client, without, with) in
        [("127.0.0.2", true, true), ("127.0.0.4", false, false), ("127.0.0.5", false, true), ("127.0.1.1", false, true)]
    {
        assert_eq!(transfers(&server, client, false), without, "{client}");
        assert_eq!(transfers(&server, client, true), with, "{client} with the key");
    }
}

#[test]
fn updates_with_and_without_a_key() {
    if !tools() {
        return;
    }
    let (_scratch, server) = start("access-updates");
    let text = "a.update.test 60 TXT x";
    for (client, without, with) in [
        ("127.0.0.2", "", ""),
        ("127.0.0.4", "REFUSED", "REFUSED"),
        ("127.0.0.5", "REFUSED", ""),
        ("127.0.1.1", "REFUSED", ""),
    ] {
        assert_eq!(update(&server, client, false, text), without, "{client}");
        assert_eq!(update(&server, client, true, text), with, "{client} with the key");
    }
    // Where a network is denied, a longer one may give back a part.
    let address = "a.update.test 60 A 192.0.2.1";
    assert_eq!(update(&server, "127.0.0.5", true, address), "REFUSED");
    assert_eq!(update(&server, "127.0.1.1", true, address), "");
}
