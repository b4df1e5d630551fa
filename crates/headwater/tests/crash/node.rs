//! A server of one zone of the journal, killed and started again.

use std::net::SocketAddr;
use std::time::Duration;

use dns::rdata::typed::Soa;
use dns::{Message, RType};

pub use crate::common::tmpfs::Tmpfs;
use crate::common::{Scratch, Server, free_port, query, udp};
use crate::model::Op;
use crate::updates::Connection;

/// How long an answer may take where none may come.
const QUICK: Duration = Duration::from_millis(200);
/// The zone of these tests.
pub const ZONE: &str = "crash.test.";

/// The configuration; `zones` comes behind it.
pub fn config(zones: &str) -> String {
    format!("server: {{ workers: 2 }}\nweb: {{ enabled: false }}\nzones:\n{zones}")
}

/// A zone of the journal that everybody here may change and transfer.
pub fn journal_zone(name: &str) -> String {
    format!("  - {{ name: {name}, allow_transfer: [127.0.0.0/8], allow_update: [127.0.0.1] }}\n")
}

/// Writes the configuration of one zone of the journal.
pub fn prepare(scratch: &Scratch) {
    scratch.write("headwater.yaml", &config(&journal_zone(ZONE)));
}

/// Starts the server without waiting for anything.
pub fn launch(scratch: &Scratch) -> Server {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    Server::launch(scratch, &["--config", "headwater.yaml", "--listen", &address.to_string()], address)
}

/// Starts the server and waits until it is ready.
pub fn start(scratch: &Scratch) -> Server {
    let mut server = launch(scratch);
    server.process.wait_for("\"ready\"", 1);
    server
}

/// Starts the server where it must not start; returns what it says.
pub fn refuses_to_start(scratch: &Scratch) -> String {
    let mut server = launch(scratch);
    let status = server.process.wait();
    assert_eq!(status.code(), Some(1), "{}", server.process.log());
    server.process.log()
}

/// Ends the server as an administrator does.
pub fn stop(mut server: Server) -> String {
    server.process.signal("TERM");
    assert!(server.process.wait().success(), "{}", server.process.log());
    server.process.log()
}

/// The serial that queries see; `None`: no answer in time, or no zone.
pub fn serial(server: SocketAddr) -> Option<u32> {
    let octets = udp(server, &query(ZONE, RType::SOA).to_wire(512), QUICK)?;
    let answer = Message::parse(&octets).ok()?;
    answer.answers.first().and_then(|soa| Soa::parse(&soa.rdata)).map(|soa| soa.serial)
}

/// Adds a record with this text at `label`; returns the answer's code.
pub fn add_text(server: &Server, label: &str, text: &str) -> u8 {
    let data = [&[text.len() as u8][..], text.as_bytes()].concat();
    let mut connection = Connection::open(server.address).expect("connection");
    connection.update(ZONE, &[Op::Add(format!("{label}.{ZONE}"), RType::TXT, data)]).expect("an answer")
}
