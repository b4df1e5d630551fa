//! The history of queries of a running server: what it answered is found, also after it was killed, for as long as the
//! configuration says that it is kept.

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{PATIENCE, Scratch, Server, free_port, query, until};
use dns::RType;
use serde_json::{Value, json};

/// Rows are on disk after a second.
const FLUSHED: Duration = Duration::from_millis(2500);

fn config(address: SocketAddr, rest: &str) -> String {
    format!(
        "server:\n  workers: 1\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\nweb: {{ enabled: false }}\n\
         resolver: {{ enabled: false }}\nzones:\n  - {{ name: example.org, file: example.org.zone }}\n{rest}"
    )
}

/// A request through the control socket: status and body.
fn get(scratch: &Scratch, path: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(scratch.path().join("data/control.sock")).expect("the control socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a response");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// The domains of all rows that match, the latest first.
fn domains(scratch: &Scratch, filter: &str) -> Vec<String> {
    let (status, found) = get(scratch, &format!("/api/v1/queries?filter={filter}"));
    assert_eq!(status, 200, "{found}");
    let items = found["items"].as_array().expect("items");
    items.iter().map(|item| item["domain"].as_str().expect("a domain").to_owned()).collect()
}

#[test]
fn what_was_answered_is_found_also_after_a_kill() {
    let scratch = Scratch::new("query-history");
    scratch
        .write("example.org.zone", "$TTL 60\n@ SOA ns1 hostmaster 1 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n");
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    scratch.write("headwater.yaml", &config(address, ""));
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    server.ask(&query("NS1.example.org", RType::A));
    server.ask(&query("missing.example.org", RType::A));
    server.ask(&query("elsewhere.example", RType::A));
    let found = until(PATIENCE, || Some(domains(&scratch, "")).filter(|found| found.len() == 3));
    assert_eq!(found.expect("three rows"), ["elsewhere.example", "missing.example.org", "ns1.example.org"]);
    assert_eq!(domains(&scratch, "code:NXDOMAIN"), ["missing.example.org"]);
    assert_eq!(domains(&scratch, "source:not_authoritative"), ["elsewhere.example"]);
    let (_, found) = get(&scratch, "/api/logs?filter=ns1");
    let row = &found["items"][0];
    let facts =
        ["client_ip", "query_type", "response_code", "cache_hit", "upstream_server", "response_data", "source", "zone"];
    let want = [
        json!("127.0.0.1"),
        json!("A"),
        json!("NOERROR"),
        json!(false),
        Value::Null,
        json!(["192.0.2.1"]),
        json!("zone"),
        json!("example.org"),
    ];
    assert_eq!(facts.map(|fact| row[fact].clone()), want);
    let id = row["request_id"].as_str().expect("an identifier");
    assert_eq!(get(&scratch, &format!("/api/v1/queries/{id}")).1, *row);

    let directory = scratch.path().join("data/history");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    std::thread::sleep(FLUSHED);
    server.process.kill();
    let files = std::fs::read_dir(&directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    files.for_each(|path| assert_eq!(mode(&path), 0o600, "{}", path.display()));
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    assert_eq!(domains(&scratch, "").len(), 3);

    scratch.write("headwater.yaml", &config(address, "history: { enabled: false }\n"));
    server.reload();
    assert_eq!(get(&scratch, "/api/v1/queries").0, 404);
    server.ask(&query("ns1.example.org", RType::A));
    scratch.write("headwater.yaml", &config(address, "history: { max_rows: 1000 }\n"));
    server.reload();
    server.ask(&query("last.example.org", RType::A));
    let found = until(PATIENCE, || Some(domains(&scratch, "")).filter(|found| found.len() == 4));
    assert_eq!(found.expect("four rows")[0], "last.example.org", "what came meanwhile was not kept");
}

#[test]
fn who_asked_is_known_after_a_restart() {
    let scratch = Scratch::new("seen-clients");
    scratch
        .write("example.org.zone", "$TTL 60\n@ SOA ns1 hostmaster 1 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n");
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let device = "clients: [{ name: phone, addresses: [127.0.0.9] }]\n";
    scratch.write("headwater.yaml", &config(address, device));
    let ask = |host: u8, times: usize| {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).expect("a socket");
        socket.connect(address).expect("connected");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        for _ in 0..times {
            socket.send(&query("ns1.example.org", RType::A).to_wire(512)).expect("sent");
            common::receive(&socket, &mut [0; 512]).expect("an answer");
        }
    };
    // Address, device, and how many queries of each client.
    let seen = |target: &str| {
        let (status, found) = get(&scratch, &format!("/api/v1/seen-clients{target}"));
        assert_eq!(status, 200, "{found}");
        let items = found["items"].as_array().expect("items").clone();
        let rows: Vec<_> = items.iter().map(|it| json!([it["address"], it["device"], it["queries"]])).collect();
        (rows, items, found["next"].clone())
    };
    let (two, nine) = (json!(["127.0.0.2", null, 3]), json!(["127.0.0.9", "phone", 1]));
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    ask(2, 3);
    ask(9, 1);
    let all = until(PATIENCE, || Some(seen("")).filter(|(rows, ..)| rows.len() == 2)).expect("two clients");
    assert_eq!(all.0, [two.clone(), nine.clone()]);
    assert_eq!(seen("?limit=1").0, std::slice::from_ref(&two));
    assert_eq!(seen("?limit=1").2, "127.0.0.2");
    assert_eq!(seen("?limit=1&after=127.0.0.2").0, std::slice::from_ref(&nine));
    assert_eq!(seen("?limit=1&after=127.0.0.2").2, Value::Null);
    assert_eq!(seen("?network=127.0.0.8/29").0, [nine]);
    assert_eq!(get(&scratch, "/api/v1/seen-clients?network=phone").0, 400);
    server.process.signal("TERM");
    assert!(server.process.wait().success());
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    assert_eq!(seen("").1, all.1, "after a restart");
    ask(2, 1);
    let again = until(PATIENCE, || Some(seen("?network=127.0.0.2")).filter(|(rows, ..)| rows[0][2] == 4));
    let (_, items, _) = again.expect("the client again");
    assert_eq!(items[0]["first_ms"], all.1[0]["first_ms"]);
    assert!(items[0]["last_ms"].as_i64() > all.1[0]["last_ms"].as_i64());
}
