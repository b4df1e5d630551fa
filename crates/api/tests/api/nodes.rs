//! Receipts of a server that shares its zones with nobody, and records that are changed at the primary.

use serde_json::json;

use crate::house::House;

#[test]
fn a_server_alone_has_the_receipt_at_once() {
    let house = House::open();
    let zone = json!({"name": "example.org"});
    let made = house.call("POST", "/zones?wait=all", zone).expect(201).json();
    assert_eq!((made["wait_met"].as_bool(), made["receipts"].as_array().map(Vec::len)), (Some(true), Some(1)));
    assert!(made["receipts"][0]["served_at_ms"].as_u64() > Some(1_700_000_000_000), "{made}");
    let name = made["receipts"][0]["node"].as_str().expect("a name").to_owned();
    let listed = house.call("GET", "/nodes", json!(null)).expect(200).json();
    assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["state"]), (&json!(name), &json!("serving")));
    // A second one there is not.
    let path = "/zones/example.org/rrsets/www/A?wait=2&timeout_ms=10";
    let put = house.call("PUT", path, json!({"records": ["192.0.2.1"], "ttl": 60})).expect(200).json();
    let change = put["change"].as_u64().expect("a number");
    assert_eq!(put["wait_met"], false, "{put}");
    let detail = house.call("GET", &format!("/changes/{change}"), json!(null)).expect(200).json();
    assert_eq!((&detail["id"], &detail["receipts"][0]["node"]), (&json!(change), &json!(name)));
    house.call("PUT", "/zones/example.org/rrsets/www/A?wait=some", json!({"records": []})).expect(400);
    let gone = house.call("DELETE", "/zones/example.org/rrsets/www/A?wait=quorum", json!(null));
    assert!(gone.status == 200 && gone.json()["wait_met"] == true, "{gone:?}");
    house.call("GET", "/zones/example.org?wait=all", json!(null)).expect(400);
    // What no other server has is not waited for.
    house.call("POST", "/drafts?wait=all", json!({"name": "mine"})).expect(400);
    // Nobody is drained or removed where there is no cluster.
    house.call("PUT", &format!("/nodes/{name}"), json!({"drained": true})).expect(404);
    house.call("GET", "/nodes/other", json!(null)).expect(404);
    // A change of which nobody could say whether it was made is asked for by its identity.
    house.call("GET", "/changes/0123456789abcdef-1", json!(null)).expect(404);
    house.call("GET", "/changes/first", json!(null)).expect(400);
}

#[test]
fn records_of_a_secondary_are_changed_at_its_primary() {
    let house = House::open();
    house.configure_zones(
        "zones: [{ name: example.org, primaries: [192.0.2.1], primary_api: 'https://ns1.example:8443/' }]",
    );
    let path = "/zones/example.org/rrsets/www/A?why=x&wait=all";
    let sent = house.call("PUT", path, json!({"records": ["192.0.2.1"], "ttl": 60})).expect(307);
    assert_eq!(sent.header("location"), format!("https://ns1.example:8443/api/v1{path}"));
    // Whoever may not even ask is told nothing.
    let reply = house.by("nobody", "PUT", path, json!({"records": ["192.0.2.1"]}));
    assert_eq!((reply.status, reply.header("location")), (401, ""));
    // What is of this server stays here.
    let there = house.call("PUT", "/zones/example.com/rrsets/www/A", json!({"records": ["192.0.2.1"], "ttl": 60}));
    assert_eq!(there.status, 404);
}
