//! dnstap as fstrm_capture takes it and dnstap-read and dnstap-ldns read it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dns::{Message, RType};

use crate::common::{PATIENCE, Process, Scratch, free_port, query, tcp, udp, until};
use crate::tools::{is_here, output, start};

/// Starts fstrm_capture on a Unix socket; what it takes goes to a file.
fn capture(scratch: &Scratch, listen: &[&str], is_up: impl Fn() -> bool) -> (Process, PathBuf) {
    let file = scratch.path().join("taken.fstrm");
    let mut command = Command::new("/usr/bin/fstrm_capture");
    command.args(["-t", "protobuf:dnstap.Dnstap", "-w"]).arg(&file).args(listen);
    let process = Process::start(&mut command, scratch.path(), "capture-log");
    until(PATIENCE, || is_up().then_some(())).unwrap_or_else(|| panic!("{}", process.log()));
    (process, file)
}

/// What dnstap-read prints: a line each, then the message in hexadecimal digits.
fn read(file: &Path) -> Vec<String> {
    let text = output(Command::new("/usr/bin/dnstap-read").arg("-x").arg(file));
    text.lines().map(str::to_owned).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// The messages of one kind, as hexadecimal digits in capitals.
fn messages(lines: &[String], kind: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_wanted = false;
    for line in lines {
        match line.split(' ').nth(2) {
            Some(word) if line.contains(" -> ") || line.contains(" <- ") => is_wanted = word == kind,
            _ if is_wanted && !line.is_empty() => found.push(line.to_ascii_uppercase()),
            _ => {}
        }
    }
    found
}

fn ask(server: SocketAddr, message: &Message, over_tcp: bool) -> (String, String) {
    let octets = message.to_wire(512);
    let answer = match over_tcp {
        true => tcp(server, &octets).expect("an answer"),
        false => udp(server, &octets, Duration::from_secs(8)).expect("an answer"),
    };
    (hex(&octets), hex(&answer))
}

#[test]
fn messages_are_what_was_on_the_wire() {
    if !is_here("fstrm_capture") || !is_here("dnstap-read") {
        return;
    }
    let scratch = Scratch::new("log-dnstap");
    let socket = scratch.path().join("tap.sock");
    let (mut capture, file) = capture(&scratch, &["-u", "tap.sock"], || socket.exists());
    let keys = "queries: { enabled: true, outputs: [dnstap], dnstap: 'unix://tap.sock' }";
    // Another server of ours is the one that is forwarded to.
    let other = Scratch::new("log-dnstap-other");
    let forwarder = start(&other, "level: INFO", "resolver: { enabled: false }\n");
    let rest = format!(
        "upstream_servers: ['{}']\nresolver: {{ validate: false, randomise_case: false, priming: false, special_names: false }}\n\
         zones_dir: ''\n",
        forwarder.address
    );
    let mut server = start(&scratch, keys, &rest);
    let own = [("www", false), ("alias", true), ("any", false)];
    let own = own.map(|(name, tcp)| ask(server.address, &query(&format!("{name}.example.org"), RType::A), tcp));
    let mut recursive = query("www.example.net", RType::A);
    recursive.header.rd = true;
    let resolved = ask(server.address, &recursive, false);
    server.process.signal("TERM");
    server.process.wait();
    capture.signal("TERM");
    capture.wait();
    let lines = read(&file);
    let queries: Vec<String> = own.iter().map(|(query, _)| query.clone()).collect();
    let responses: Vec<String> = own.iter().map(|(_, response)| response.clone()).collect();
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(messages(&lines, "AQ")), sorted(queries), "{lines:#?}");
    assert_eq!(sorted(messages(&lines, "AR")), sorted(responses), "{lines:#?}");
    assert_eq!(messages(&lines, "CQ"), std::slice::from_ref(&resolved.0), "{lines:#?}");
    assert_eq!(messages(&lines, "CR"), std::slice::from_ref(&resolved.1), "{lines:#?}");
    let (asked, replied) = (messages(&lines, "FQ"), messages(&lines, "FR"));
    assert!(!asked.is_empty() && asked.len() == replied.len(), "{lines:#?}");
    let all = lines.join("\n");
    assert!(all.contains("TCP") && all.contains("UDP") && all.contains("127.0.0.1"), "{all}");
    if is_here("dnstap-ldns") {
        let text = output(Command::new("/usr/bin/dnstap-ldns").arg("-y").arg("-r").arg(&file));
        for word in ["type: AUTH_QUERY", "type: AUTH_RESPONSE", "type: CLIENT_RESPONSE", "type: FORWARDER_QUERY"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        let wanted = ["version: \"headwater ", "query_zone: \"example.org.\"", "query_address: \"127.0.0.1\""];
        assert!(wanted.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn over_tcp_and_when_the_reader_comes_late() {
    if !is_here("fstrm_capture") || !is_here("dnstap-read") {
        return;
    }
    let scratch = Scratch::new("log-dnstap-tcp");
    let port = free_port();
    let keys = format!("queries: {{ enabled: true, outputs: [dnstap], dnstap: 'tcp://127.0.0.1:{port}' }}");
    let mut server = start(&scratch, &keys, "");
    let early = ask(server.address, &query("www.example.org", RType::A), false);
    server.process.wait_for("the query log cannot be written: ", 1);
    let number = port.to_string();
    let is_up = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    let (mut capture, file) = capture(&scratch, &["-a", "127.0.0.1", "-p", &number], is_up);
    server.process.wait_for("the query log is written again", 1);
    let late = ask(server.address, &query("alias.example.org", RType::A), false);
    server.process.signal("TERM");
    server.process.wait();
    capture.signal("TERM");
    capture.wait();
    assert_eq!(messages(&read(&file), "AQ"), [early.0, late.0]);
}
