//! What systemd gives to the server and hears from it: sockets, signs of life.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use common::{PATIENCE, Process, Scratch, free_port, headwater, until};

const ACTIVATE: &str = "systemd-socket-activate";

#[test]
fn a_socket_unit_opens_the_web_interface() {
    if Command::new(ACTIVATE).arg("--version").output().is_err() {
        println!("skipped: {ACTIVATE} is missing");
        return;
    }
    let scratch = Scratch::new("systemd-socket");
    let (web, dns) = (free_port(), free_port());
    let serve = headwater(&["serve", "--data", "data"]);
    let mut command = Command::new(ACTIVATE);
    command.env_clear().arg(format!("--listen=127.0.0.1:{web}"));
    for (key, value) in [("WEB_PORT", web), ("DNS_PORT", dns)] {
        command.arg(format!("--setenv=HEADWATER_SERVER__{key}={value}"));
    }
    command.arg("--setenv=HEADWATER_SERVER__BIND_ADDRESS=127.0.0.1").arg("--setenv=HEADWATER_RESOLVER__ENABLED=false");
    command.arg(serve.get_program()).args(serve.get_args());
    let mut process = Process::start(&mut command, scratch.path(), "log");
    process.wait_for("Listening on", 1);
    // The first connection starts the server, and waits for it.
    let mut stream = TcpStream::connect(("127.0.0.1", web)).expect("connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}\n{}", process.log());
    process.wait_for("\"ready\"", 1);
    // A socket of its own would have failed: the address is taken.
    assert!(process.log().contains(&format!("\"web\":\"127.0.0.1:{web}\"")), "{}", process.log());
}

#[test]
fn the_main_loop_gives_signs_of_life() {
    let scratch = Scratch::new("systemd-watchdog");
    let path = scratch.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).expect("socket");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("timeout");
    let listen = format!("127.0.0.1:{}", free_port());
    let mut command = headwater(&["serve", "--data", "data", "--listen", &listen]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    command.env("HEADWATER_WEB__ENABLED", "false").env("HEADWATER_RESOLVER__ENABLED", "false");
    let process = Process::start(&mut command, scratch.path(), "log");
    let mut said = String::new();
    let mut hear = |text: &str, count: usize| {
        let heard = until(PATIENCE, || {
            let mut buffer = [0; 512];
            if let Ok(length) = socket.recv(&mut buffer) {
                said += &String::from_utf8_lossy(&buffer[..length]);
                said += "\n";
            }
            (said.matches(text).count() >= count).then_some(())
        });
        assert!(heard.is_some(), "no `{text}` in:\n{said}");
    };
    hear("READY=1", 1);
    hear("WATCHDOG=1", 5);
    // A reload may take longer than the watchdog waits; afterwards it waits no longer than before.
    process.signal("HUP");
    hear("RELOADING=1", 1);
    hear("WATCHDOG_USEC=1800000000", 1);
    hear("WATCHDOG_USEC=400000", 1);
}
