//! Changes of sockets, which go away by themselves unless somebody says that the server can still be reached.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::House;
use super::common::{ANSWER_TIMEOUT, SILENCE, free_port, query, udp};

const CONFIG: &str = "\
server:
  listen: [{ address: \"127.0.0.1:PORT\" }]   # the only one
resolver: { enabled: false }
";

fn answers(address: SocketAddr, timeout: Duration) -> bool {
    udp(address, &query("x.test", dns::RType::A).to_wire(512), timeout).is_some()
}

/// Another address, and the change that has the server listen there.
fn other() -> (SocketAddr, Value) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    (address, json!({ "server.listen": [{ "address": address.to_string() }] }))
}

#[test]
fn what_nobody_confirms_is_taken_back() {
    let house = House::start("config-unconfirmed", CONFIG);
    let (before, (address, change)) = (house.file(), other());
    let outcome = house.call("PATCH", "/config?confirm_within_s=2", change.clone()).expect(200).body;
    assert_eq!((&outcome["confirm_within_s"], &outcome["rebinds"]), (&json!(2), &json!(["server.listen"])));
    assert!(answers(address, ANSWER_TIMEOUT) && !answers(house.server.address, SILENCE));
    let config = house.call("GET", "/config", json!(null)).expect(200).body;
    assert!(config["confirm_until_ms"].is_u64(), "{config}");
    let problem = house.call("PATCH", "/config", json!({ "server.nsid": "x" })).expect(409).body;
    assert!(problem["detail"].as_str().expect("text").contains("waits to be confirmed"), "{problem}");
    house.wait_until("back", || house.file() == before);
    house.wait_until("answering", || answers(house.server.address, SILENCE));
    house.wait_until("the other address is closed", || !answers(address, SILENCE));
    house.call("POST", "/config/confirm", json!(null)).expect(409);
    let latest = house.call("GET", "/config/history", json!(null)).expect(200).body["items"][0].clone();
    assert_eq!(latest["who"], "headwater", "{latest}");
    house.call("PATCH", "/config?confirm_within_s=0", change).expect(400);
}

#[test]
fn what_is_confirmed_stays() {
    let house = House::start("config-confirmed", CONFIG);
    let (address, change) = other();
    house.call("PATCH", "/config?confirm_within_s=2", change).expect(200);
    house.call("POST", "/config/confirm", json!(null)).expect(204);
    std::thread::sleep(Duration::from_millis(3200));
    assert!(answers(address, ANSWER_TIMEOUT));
    assert!(
        house.file().contains(&address.to_string())
            && house.file().ends_with("# the only one\nresolver: { enabled: false }\n")
    );
}

#[test]
fn a_server_that_was_killed_takes_it_back_at_the_next_start() {
    let mut house = House::start("config-killed", CONFIG);
    let (before, (_, change)) = (house.file(), other());
    house.call("PATCH", "/config?confirm_within_s=3000", change).expect(200);
    assert_ne!(house.file(), before);
    house.restart_after_kill();
    assert_eq!(house.file(), before);
    assert!(answers(house.server.address, ANSWER_TIMEOUT));
    assert!(house.server.process.log().contains("nobody confirmed the configuration"));
}
