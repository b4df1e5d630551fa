//! Levels of the log by module, by the file and by API, and what they show of a query.

use serde_json::json;

use super::House;

const CONFIG: &str = "\
server:
  listen: [{ address: \"127.0.0.1:PORT\" }]
logging: { level: INFO, levels: { \"server::upstream\": WARN } }
resolver: { enabled: true, priming: false, trust_anchor_update: false, trust_anchor_signalling: false, upstream_port: 1, query_timeout_ms: 200 }
";

#[test]
fn every_stage_of_a_query_is_shown_where_it_is_asked_for() {
    let house = House::start("config-levels", CONFIG);
    house.nsid();
    let log = house.server.process.log();
    assert!(!log.contains("\"received\"") && !log.contains("DEBUG"), "{log}");
    let levels = json!({ "levels": { "server::query": "DEBUG", "server::upstream": "DEBUG", "server::recursion": "debug" }, "for_seconds": 2 });
    let said = house.call("PUT", "/log/level", levels).expect(200).body;
    assert_eq!((&said["level"], &said["levels"]["server::query"]), (&json!("INFO"), &json!("DEBUG")));
    assert_eq!(said["configured"]["levels"], json!({ "server::upstream": "WARN" }));
    assert!(said["until_ms"].is_u64(), "{said}");
    let mut query = super::common::query("followed.test", dns::RType::AAAA);
    query.header.rd = true;
    house.server.ask(&query);
    for line in ["\"received\"", "\"routed\"", "\"stage\"", "\"handed to the resolver\"", "\"resolved\""] {
        house.wait_until(line, || house.server.process.log().contains(line));
    }
    let mut other = super::common::query("www.example.com", dns::RType::A);
    other.header.rd = true;
    house.server.ask(&other);
    for line in ["\"asks\"", "\"no reply\""] {
        house.wait_until(line, || house.server.process.log().contains(line));
    }
    // After a while it is as it was.
    house.wait_until("back", || house.call("GET", "/log/level", json!(null)).body["until_ms"].is_null());
    let lines = || house.server.process.log().matches("\"received\"").count();
    let before = lines();
    house.nsid();
    assert_eq!(lines(), before);
    let said = house.call("GET", "/log/level", json!(null)).expect(200).body;
    assert_eq!(said["levels"], json!({ "server::upstream": "WARN" }));
    // By the file.
    house.call("PATCH", "/config", json!({ "logging.levels": { "server::query": "DEBUG" } })).expect(200);
    house.nsid();
    house.wait_until("logged", || lines() > before);
    house.call("PUT", "/log/level", json!({ "level": "LOUD" })).expect(422);
}
