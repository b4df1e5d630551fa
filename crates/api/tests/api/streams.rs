//! The stream of changes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use access::{Grant, Verb};
use serde_json::{Value, json};

use super::house::House;

/// Opens a stream and returns its lines.
fn open(house: &House, token: &str, path: &str, header: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(house.address).expect("connect");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
    let request = format!("GET /api/v1{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).expect("write");
    BufReader::new(stream)
}

/// The next event: its id and its data.
fn next(stream: &mut BufReader<TcpStream>) -> (u64, Value) {
    let mut id = 0;
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).expect("a line in time") > 0, "the stream ended");
        if let Some(text) = line.strip_prefix("id: ") {
            id = text.trim().parse().expect("id");
        } else if let Some(text) = line.strip_prefix("data: ") {
            return (id, serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {line}")));
        }
        if line.starts_with("data: ") || id == 0 {
            continue;
        }
        // `data` may stand before `id`.
    }
}

#[test]
fn changes_are_streamed_from_an_offset() {
    let house = House::open();
    house.call("POST", "/zones", json!({"name": "a.example"})).expect(201);
    house.call("POST", "/zones", json!({"name": "b.example"})).expect(201);
    let mut all = open(&house, &house.token, "/events?after=0", "");
    assert_eq!(next(&mut all).1["zones"][0]["zone"], "a.example.");
    assert_eq!(next(&mut all).1["zones"][0]["zone"], "b.example.");
    let mut resumed = open(&house, &house.token, "/events", "last-event-id: 1\r\n");
    assert_eq!(next(&mut resumed).1["id"], 2);
    house.call("PUT", "/zones/a.example/rrsets/x/A", json!({"records": ["192.0.2.1"]})).expect(200);
    for stream in [&mut all, &mut resumed] {
        let (_, change) = next(stream);
        assert_eq!((&change["id"], &change["zones"][0]["to"]), (&json!(3), &json!(2)));
    }
    house.with("GET", "/events", &[("last-event-id", "x")], Value::Null).expect(400);
}

#[test]
fn a_stream_has_what_its_client_may_see() {
    let house = House::open();
    let grant = Grant { zones: vec!["b.example".parse().expect("pattern")], ..Grant::of(&[Verb::Read]) };
    let token = house.new_token(vec![grant]);
    let mut stream = open(&house, &token, "/events?after=0", "");
    house.call("POST", "/zones", json!({"name": "a.example"})).expect(201);
    let both = json!({"zones": [{"zone": "b.example", "action": "create"}, {"zone": "c.example", "action": "create"}]});
    house.call("POST", "/changesets", both).expect(200);
    let (_, change) = next(&mut stream);
    assert_eq!((&change["id"], change["zones"].as_array().map(Vec::len)), (&json!(2), Some(1)));
}

/// A stream ends when the server stops; it does not hold it up.
#[test]
fn a_stop_ends_streams() {
    let mut house = House::open();
    house.call("POST", "/zones", json!({"name": "a.example"})).expect(201);
    let mut stream = open(&house, &house.token, "/events?after=0", "");
    next(&mut stream);
    house.stop();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut rest).expect("the end in time");
}
