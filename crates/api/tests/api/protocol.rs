//! What holds for all resources: errors, entity tags, idempotency, limits, the description.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::house::House;

#[test]
fn errors_are_problems_with_pointers() {
    let house = House::open();
    let bearer = format!("Bearer {}", house.token);
    let json_of = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let broken = house.send("POST", "/api/v1/zones", &json_of, "{\n  \"name\": }").expect(400);
    assert_eq!(broken.header("content-type"), "application/problem+json");
    let fault = &broken.json()["errors"][0];
    assert_eq!((&fault["line"], &fault["column"]), (&json!(2), &json!(11)), "{fault}");
    let unknown = house.call("POST", "/zones", json!({"name": "x.org", "nmae": 1})).expect(422).json();
    assert_eq!(unknown["errors"][0]["pointer"], "/nmae");
    house.call("GET", "/nothing", Value::Null).expect(404);
    assert_eq!(house.call("PUT", "/zones", json!({})).expect(405).header("content-type"), "application/problem+json");
    let text = [("authorization", bearer.as_str()), ("content-type", "text/plain")];
    house.send("POST", "/api/v1/zones", &text, "{}").expect(415);
    house.call("GET", "/zones/a..b", Value::Null).expect(400);
    house.call("GET", "/changes/x", Value::Null).expect(400);
}

#[test]
fn writes_can_be_conditional() {
    let house = House::open();
    house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    let put = |tag: &str, address: &str| {
        let body = json!({"records": [address]});
        house.with("PUT", "/zones/example.org/rrsets/a/A", &[("if-match", tag)], body)
    };
    put("\"7\"", "192.0.2.1").expect(412);
    put("\"1\"", "192.0.2.1").expect(200);
    put("\"1\"", "192.0.2.2").expect(412);
    put("*", "192.0.2.2").expect(200);
    put("1", "192.0.2.2").expect(400);
    house.with("DELETE", "/zones/example.org", &[("if-match", "\"1\"")], Value::Null).expect(412);
}

#[test]
fn the_same_request_twice_is_made_once() {
    let house = House::open();
    let post = |key: &str, name: &str| house.with("POST", "/zones", &[("idempotency-key", key)], json!({"name": name}));
    let first = post("k1", "a.example").expect(201);
    let again = post("k1", "a.example").expect(201);
    assert_eq!((first.text, again.header("idempotency-replayed")), (again.text.clone(), "true"));
    assert_eq!(again.header("location"), "/api/v1/zones/a.example.");
    post("k1", "b.example").expect(422);
    post("k2", "a.example").expect(409);
    post(&"k".repeat(300), "c.example").expect(400);
    // A key means nothing where nothing is changed.
    house.with("TRACE", "/zones", &[("idempotency-key", "")], Value::Null).expect(405);
    let changes = house.call("GET", "/changes", Value::Null).expect(200).json();
    assert_eq!(changes["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_dry_run_shows_what_would_happen() {
    let house = House::open();
    house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    let body = json!({"records": ["192.0.2.1"]});
    let shown = house.call("PUT", "/zones/example.org/rrsets/a/A?dry_run=true", body).expect(200).json();
    assert_eq!((&shown["change"], &shown["dry_run"]), (&Value::Null, &json!(true)));
    let added: Vec<&Value> = shown["diff"][0]["added"].as_array().expect("added").iter().map(|r| &r["type"]).collect();
    assert_eq!(added, ["A", "SOA"]);
    house.call("GET", "/zones/example.org/rrsets/a/A", Value::Null).expect(404);
    house.call("POST", "/zones?dry_run=true", json!({"name": "b.example"})).expect(200);
    house.call("GET", "/zones/b.example", Value::Null).expect(404);
}

#[test]
fn bodies_have_a_limit() {
    let house = House::open();
    let large = json!({"name": "x.org", "nameservers": ["n".repeat(70_000)]});
    let refused = house.call("POST", "/zones", large.clone()).expect(413);
    assert_eq!(refused.header("connection"), "close", "the rest of the body is not taken for a request");
    let step = json!({"zones": [{"zone": "x.org", "action": "create", "nameservers": ["n".repeat(70_000)]}]});
    house.call("POST", "/changesets", step).expect(422);
    // Nobody known sends large bodies.
    let anonymous = [("content-type", "application/json")];
    house.send("POST", "/api/v1/changesets", &anonymous, &" ".repeat(70_000)).expect(413);
    // Without a length the body is counted as it comes.
    let mut stream = TcpStream::connect(house.address).expect("connect");
    let head = format!(
        "POST /api/v1/zones HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
        transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        house.token
    );
    stream.write_all(head.as_bytes()).expect("write");
    for _ in 0..9 {
        // The server may have closed already.
        let _ = write!(stream, "2000\r\n{}\r\n", " ".repeat(0x2000));
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    let mut reply = String::new();
    let _ = stream.read_to_string(&mut reply);
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
}

/// RFC 9112 9.6: a client that is still sending when it is refused gets to see why.
#[test]
fn the_refusal_of_a_large_body_arrives() {
    let house = House::open();
    let body = " ".repeat(1 << 20);
    for round in 0..20 {
        let mut stream = TcpStream::connect(house.address).expect("connect");
        let head =
            "POST /api/v1/changesets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n";
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(reply.starts_with("HTTP/1.1 413"), "round {round}: {reply}");
    }
}

#[test]
fn the_description_is_that_of_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json");
    let written = std::fs::read_to_string(path).expect("docs/api/openapi.json");
    assert!(written == api::openapi_json(), "docs/api/openapi.json is old: cargo xtask docs");
    let house = House::open();
    let served = house.send("GET", "/api/v1/openapi.json", &[], "").expect(200).json();
    assert_eq!(served, serde_json::from_str::<Value>(&written).expect("JSON"));
    assert_eq!(served["openapi"], "3.1.0");
}

#[test]
fn health_needs_no_log_in() {
    let house = House::open();
    for path in ["/health", "/api/v1/health", "/health/ready", "/api/v1/health/ready"] {
        let health = json!({"status": "ok", "ready": true, "checks": []});
        assert_eq!(house.send("GET", path, &[], "").expect(200).json(), health);
    }
    assert_eq!(house.send("GET", "/health/live", &[], "").expect(200).json(), json!({"status": "ok"}));
    house.send("GET", "/api/status", &[], "").expect(401);
    assert_eq!(house.call("GET", "/status", Value::Null).expect(200).json()["zones"], 0);
    let types = house.send("GET", "/api/v1/types", &[], "").expect(200).json();
    let mx = types.as_array().expect("list").iter().find(|entry| entry["name"] == "MX").expect("MX");
    assert_eq!(mx["fields"][0]["name"], "preference");
}

/// Half a request does not keep a connection for ever, and a stop does not wait for an idle one.
#[test]
fn a_stop_is_prompt() {
    let mut house = House::open();
    house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    let mut idle = TcpStream::connect(house.address).expect("connect");
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").expect("write");
    let mut buffer = [0; 1024];
    assert!(idle.read(&mut buffer).expect("read") > 0);
    let begun = Instant::now();
    house.stop();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(idle.read(&mut buffer).expect("closed"), 0);
}

/// Not a benchmark: only that nothing in a request takes milliseconds.
#[test]
fn ten_thousand_zones_are_one_request() {
    let house = House::open();
    let zones: Vec<Value> = (0..10_000).map(|n| json!({"zone": format!("z{n}.example"), "action": "create"})).collect();
    let begun = Instant::now();
    let done = house.call("POST", "/changesets", json!({"zones": zones})).expect(200).json();
    println!("10,000 zones in one changeset: {:?}", begun.elapsed());
    assert_eq!(done["zones"].as_array().map(Vec::len), Some(10_000));
}

/// Not a benchmark either: what the API itself adds to a change, on a kept connection.
#[test]
fn a_change_costs_little() {
    let house = House::open();
    house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    let mut times: Vec<Duration> = (0..200)
        .map(|n| {
            let body = json!({"records": [{"address": format!("192.0.2.{}", n % 250)}]});
            let begun = Instant::now();
            house.call("PATCH", "/zones/example.org/rrsets/a/A", body).expect(200);
            begun.elapsed()
        })
        .collect();
    times.sort();
    println!("a PATCH, client included: p50 {:?}", times[100]);
    assert!(times[100] < Duration::from_millis(20), "{:?}", times[100]);
}
