//! `headwater query` as people run it: what it prints and how it exits.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output};
use std::thread;

use dns::{Class, Message, RType, Record};

fn query(words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.arg("query").args(words.split_whitespace()).output().expect("headwater runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Answers every query with one MX record; ends with the test.
fn server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
    let address = socket.local_addr().expect("address");
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((len, client)) = socket.recv_from(&mut buffer) {
            let mut message = Message::parse(&buffer[..len]).expect("query");
            message.header.qr = true;
            let owner = message.questions[0].name.clone();
            let rdata = [&[0, 10], owner.as_wire()].concat();
            message.answers.push(Record { owner, rtype: RType::MX, class: Class::IN, ttl: 60, rdata });
            socket.send_to(&message.to_wire(512), client).expect("send");
        }
    });
    address
}

#[test]
fn an_answer_is_success() {
    let server = server();
    let full = query(&format!("example.com mx @{server}"));
    assert_eq!(full.status.code(), Some(0));
    assert!(stdout(&full).contains("\nexample.com.  60  IN  MX  10 example.com.\n"), "{}", stdout(&full));
    let short = query(&format!("@{server} +short MX example.com"));
    assert_eq!(stdout(&short), "10 example.com.\n");
    let json = query(&format!("+json example.com MX @{server}")).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["answer"][0]["data"]["preference"], 10);
}

#[test]
fn no_answer_is_nine() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("socket");
    let address = silent.local_addr().expect("address");
    let output = query(&format!("example.com @{address} +time=1 +tries=1 +json"));
    assert_eq!(output.status.code(), Some(9));
    assert!(String::from_utf8_lossy(&output.stderr).contains("timed out"));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["error"], "timed out");
}

#[test]
fn nonsense_is_one() {
    for words in ["", "example.com +tls", "example.com +nonsense", "example.com AXFR"] {
        let output = query(words);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{words}");
    }
    assert_eq!(query("--help").status.code(), Some(0));
}
