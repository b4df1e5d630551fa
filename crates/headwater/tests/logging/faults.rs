//! What is in the way of the log is not in the way of answers: a full disk, a reader that does not read.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use dns::RType;

use crate::common::tmpfs::Tmpfs;
use crate::common::{PATIENCE, Scratch, query, until};
use crate::tools::{ask_many, numbers, rows, start, text_of_all, wait_for};

#[test]
fn a_full_disk_stops_the_log_and_nothing_else() {
    let scratch = Scratch::new("log-full");
    let Some(disk) = Tmpfs::mount(&scratch.path().join("logs"), 512) else { return };
    let mut server = start(&scratch, "queries: { enabled: true, file: logs/q.jsonl }", "");
    let path = scratch.path().join("logs/q.jsonl");
    ask_many(server.address, 0, 50);
    wait_for(|| fs::read_to_string(&path).unwrap_or_default(), |text| text.lines().count() >= 50);
    disk.fill();
    ask_many(server.address, 50, 300);
    server.process.wait_for("the query log cannot be written: ", 1);
    ask_many(server.address, 350, 50);
    disk.free();
    server.process.wait_for("the query log is written again", 1);
    ask_many(server.address, 400, 50);
    server.process.signal("TERM");
    server.process.wait();
    let text = text_of_all(&path);
    assert_eq!(numbers(&rows(&text)), (0..450).collect::<Vec<_>>(), "what came meanwhile had waited");
}

#[test]
fn a_reader_that_does_not_read_loses_only_its_own_rows() {
    let scratch = Scratch::new("log-stuck");
    let listener = UnixListener::bind(scratch.path().join("tap.sock")).expect("a socket");
    let keys =
        "queries: { enabled: true, outputs: [file, dnstap], file: q.jsonl, dnstap: 'unix://tap.sock#unidirectional' }";
    let mut server = start(&scratch, keys, "");
    // The first kilobytes are taken, then nothing.
    let reader = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.read_exact(&mut [0; 1000]).expect("a beginning");
        stream
    });
    let mut asked = 0;
    let is_stuck = until(PATIENCE, || {
        ask_many(server.address, asked, 500);
        asked += 500;
        server.process.log().contains("the query log cannot be written: nothing is taken").then_some(())
    });
    assert!(is_stuck.is_some(), "{}", server.process.log());
    let begin = Instant::now();
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.2 192.0.2.3");
    server.ask(&query("www.example.org", RType::A));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    let stuck = reader.join().expect("no panic");
    let begin = Instant::now();
    server.process.signal("TERM");
    server.process.wait();
    assert!(begin.elapsed() < Duration::from_secs(10), "the end does not wait for it: {:?}", begin.elapsed());
    drop(stuck);
    let text = text_of_all(&scratch.path().join("q.jsonl"));
    assert_eq!(numbers(&rows(&text)), (0..asked).collect::<Vec<_>>());
}
