//! A server whose queries are logged, and what becomes of its log.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dns::{Message, RType};
use serde_json::Value;

use crate::common::{PATIENCE, Scratch, Server, free_port, query, until};

/// The keys that a row begins with.
pub const KEYS: [&str; 10] = [
    "timestamp",
    "request_id",
    "client_ip",
    "query_type",
    "domain",
    "response_code",
    "response_time_ms",
    "cache_hit",
    "upstream_server",
    "response_data",
];

const ZONE: &str = "$TTL 300\n@ SOA ns1 h 1 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\nwww A 192.0.2.2\n\
                    www A 192.0.2.3\nalias CNAME www\n* TXT \"any \\\"name\\\"\"\n";

/// Writes the configuration of a server of example.org; `logging` are keys of the section, `rest` stands behind it.
pub fn configure(scratch: &Scratch, address: SocketAddr, logging: &str, rest: &str) {
    scratch.write("example.org.zone", ZONE);
    let listen = format!("server: {{ workers: 2, listen: [{{ address: \"{address}\" }}] }}");
    let zones = "zones: [{ name: example.org, file: example.org.zone }]";
    scratch.write("headwater.yaml", &format!("{listen}\n{zones}\nlogging: {{ {logging} }}\n{rest}\n"));
}

/// Starts a server with these keys of `logging`.
pub fn start(scratch: &Scratch, logging: &str, rest: &str) -> Server {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    configure(scratch, address, logging, rest);
    let mut server = Server::launch(scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    server
}

/// Asks for `count` names, the first one `n{first}.example.org`, and waits for each answer.
pub fn ask_many(server: SocketAddr, first: usize, count: usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(server).expect("an address");
    socket.set_read_timeout(Some(Duration::from_secs(3))).expect("a timeout");
    let mut buffer = [0; 1500];
    for n in first..first + count {
        let octets = query(&format!("n{n}.example.org"), RType::TXT).to_wire(512);
        socket.send(&octets).expect("it is sent");
        let len = crate::common::receive(&socket, &mut buffer).expect("an answer");
        assert_eq!(Message::parse(&buffer[..len]).expect("well-formed").answers.len(), 1);
    }
}

/// The rows of lines of JSON; lines of the server's own log are left out.
pub fn rows(text: &str) -> Vec<Value> {
    let parsed = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    parsed.filter(|row| row.get("request_id").is_some()).collect()
}

/// The text of a log file and of all files that it was rotated to.
pub fn text_of_all(path: &Path) -> String {
    let (directory, name) = (path.parent().expect("a directory"), path.file_name().expect("a name"));
    let mut text = String::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let file = entry.file_name().into_string().expect("text");
        if !file.starts_with(name.to_str().expect("text")) || file.ends_with(".part") {
            continue;
        }
        text += &match file.rsplit('.').next() {
            Some("gz") => output(Command::new("gzip").arg("-dc").arg(entry.path())),
            _ => fs::read_to_string(entry.path()).unwrap_or_default(),
        };
    }
    text
}

/// The numbers of the names `n….example.org` in rows, sorted.
pub fn numbers(rows: &[Value]) -> Vec<usize> {
    let number = |row: &Value| row["domain"].as_str()?.strip_prefix('n')?.split('.').next()?.parse().ok();
    let mut numbers: Vec<usize> = rows.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// What a program prints.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until `text` gives what `is_enough` wants.
pub fn wait_for(text: impl Fn() -> String, is_enough: impl Fn(&str) -> bool) -> String {
    let found = until(PATIENCE, || {
        let text = text();
        is_enough(&text).then_some(text)
    });
    found.unwrap_or_else(|| panic!("not in time:\n{}", text()))
}

/// Whether a program is here; if not, that is said.
pub fn is_here(program: &str) -> bool {
    let paths = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let found = paths.iter().any(|directory| Path::new(directory).join(program).exists());
    if !found {
        println!("skipped: no {program}");
    }
    found
}
