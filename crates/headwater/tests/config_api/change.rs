//! Changes by API: checked, written to the file in place, kept, taken back.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::House;
use super::common::{Scratch, Server, free_port};

const CONFIG: &str = "\
# The office.
server:
  listen: [{ address: \"127.0.0.1:PORT\" }]   # inside
  nsid: ns1   # shown to who asks
# Small machine.
cache: { max_size_mb: 20, min_ttl: 5 }
resolver: { enabled: false }
";

#[test]
fn a_change_keeps_the_rest_of_the_file() {
    let house = House::start("config-change", CONFIG);
    let path = house.scratch.path().join("headwater.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("mode");
    let before = house.file();
    let tag = house.call("GET", "/config", json!(null)).expect(200).etag;
    let changes = json!({ "server.nsid": "ns2", "cache.max_ttl": 600 });
    let dry = house.with_tag("PATCH", "/config?dry_run=true", &tag, changes.clone()).expect(200).body;
    assert_eq!((&dry["dry_run"], house.file(), house.nsid().as_str()), (&json!(true), before.clone(), "ns1"));
    let done = house.with_tag("PATCH", "/config?why=renamed", &tag, changes.clone()).expect(200);
    assert_eq!(done.body["diff"], dry["diff"]);
    assert_eq!(
        done.body["diff"][0],
        json!({ "path": "server.nsid", "from": "ns1", "to": "ns2", "effect": "live" }),
        "{}",
        done.body
    );
    assert_eq!((&done.body["rebinds"], &done.body["confirm_within_s"]), (&json!([]), &json!(null)));
    let after = before.replace("nsid: ns1 ", "nsid: ns2 ").replace("min_ttl: 5 }", "min_ttl: 5, \"max_ttl\": 600 }");
    assert_eq!((house.file(), house.nsid().as_str()), (after, "ns2"));
    assert_eq!(std::fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o640);
    // The tag of before is that of something else.
    house.with_tag("PATCH", "/config", &tag, json!({ "server.nsid": "ns3" })).expect(412);
    house.with_tag("PATCH", "/config", &done.etag, json!({ "server.nsid": "ns3" })).expect(200);
    assert_eq!(house.nsid(), "ns3");
}

#[test]
fn what_was_in_use_comes_back() {
    let house = House::start("config-history", CONFIG);
    let before = house.file();
    house.call("PATCH", "/config?why=a%20test", json!({ "server.nsid": "ns2" })).expect(200);
    house.call("PATCH", "/config", json!({ "server.nsid": null, "cache.min_ttl": null })).expect(200);
    assert_eq!(house.nsid(), "");
    let history = house.call("GET", "/config/history", json!(null)).expect(200).body;
    let items = history["items"].as_array().expect("a list");
    let ids: Vec<u64> = items.iter().filter_map(|item| item["id"].as_u64()).collect();
    assert_eq!(ids, [3, 2, 1]);
    assert_eq!(
        (&items[0]["in_use"], &items[1]["why"], &items[2]["who"]),
        (&json!(true), &json!("a test"), &json!("start"))
    );
    let old = house.call("GET", "/config/history/1", json!(null)).expect(200).body;
    assert_eq!((&old["text"], &old["diff"][0]["path"]), (&json!(before), &json!("server.nsid")));
    house.call("POST", "/config/history/9/restore", json!(null)).expect(404);
    house.call("POST", "/config/history/1/restore", json!(null)).expect(200);
    assert_eq!((house.file(), house.nsid().as_str()), (before, "ns1"));
    let latest = house.call("GET", "/config/history", json!(null)).expect(200).body["items"][0].clone();
    assert_eq!((&latest["id"], &latest["why"]), (&json!(4), &json!("back to version 1")));
    let directory = house.scratch.path().join("data/config-history");
    for entry in std::fs::read_dir(directory).expect("the history").flatten() {
        assert_eq!(entry.metadata().expect("a file").permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn every_bad_configuration_is_refused_whole_with_all_it_has_wrong() {
    let house = House::start("config-bad", CONFIG);
    let before = house.file();
    let two = "cache: { max_size_mb: 0, min_tll: 3 }\nserver:\n  nsid: changed\n  dns_port: x\n";
    /// The text of a file, and line, column and beginning of each mistake.
    type Case<'a> = (&'a str, &'a [(u64, u64, &'a str)]);
    let cases: [Case<'_>; 8] = [
        (two, &[(1, 23, "cache.max_size_mb"), (1, 26, "cache.min_tll"), (4, 13, "server.dns_port")]),
        ("server:\n\tnsid: x\n", &[(2, 2, "server")]),
        ("just text", &[(1, 1, "")]),
        ("cache: { min_ttl: 9, max_ttl: 3 }", &[(1, 31, "cache")]),
        ("cluster: { brokers: [\"a:1\"] }", &[(1, 22, "cluster.key_file")]),
        ("data_dir: a\ndata_dir: b\n", &[(2, 1, "data_dir")]),
        ("logging: { level: LOUD }", &[(1, 19, "logging.level")]),
        (
            "server: { listen: [{ address: \"nowhere\" }, {}] }",
            &[(1, 31, "server.listen[0].address"), (1, 44, "server.listen[1].address")],
        ),
    ];
    for (text, want) in cases {
        let said = house.call("POST", "/config/validate", json!({ "text": text })).expect(200).body;
        let errors = said["errors"].as_array().expect("a list");
        let place =
            |error: &serde_json::Value| (error["line"].as_u64(), error["column"].as_u64(), error["path"].clone());
        let got: Vec<_> = errors.iter().map(place).collect();
        let want: Vec<_> = want.iter().map(|(line, column, path)| (Some(*line), Some(*column), json!(path))).collect();
        assert_eq!((got, &said["valid"]), (want, &json!(false)), "{text}: {said:#}");
        let problem = house.call("PUT", "/config", json!({ "text": text })).expect(422).body;
        assert_eq!(problem["errors"].as_array().expect("a list").len(), errors.len(), "{problem}");
        assert_eq!((house.file(), house.nsid().as_str()), (before.clone(), "ns1"), "{text}");
    }
    let said =
        house.call("POST", "/config/validate", json!({ "changes": { "cache.max_size_mb": 30 } })).expect(200).body;
    assert_eq!((&said["valid"], &said["diff"][0]["to"]), (&json!(true), &json!(30)));
    assert_eq!(said["text"], before.replace("max_size_mb: 20", "max_size_mb: 30"));
    house.call("POST", "/config/validate", json!({})).expect(400);
    let problem = house.call("PATCH", "/config", json!({ "cache.max_size_mb": "many" })).expect(422).body;
    assert_eq!(problem["errors"][0]["pointer"], "/cache/max_size_mb");
}

#[test]
fn a_port_that_is_taken_changes_nothing() {
    let house = House::start("config-taken", CONFIG);
    let before = house.file();
    // Taken for TCP alone: the socket for UDP can be opened.
    let taken = std::net::TcpListener::bind(("127.0.0.1", free_port())).expect("a socket");
    let listen = json!([{ "address": taken.local_addr().expect("an address").to_string() }]);
    let problem =
        house.call("PATCH", "/config", json!({ "server.listen": listen, "server.nsid": "ns2" })).expect(422).body;
    assert_eq!(problem["diff"].as_array().expect("the difference").len(), 2, "{problem}");
    assert_eq!((house.file(), house.nsid().as_str()), (before, "ns1"));
}

#[test]
fn what_cannot_be_written_is_said_with_the_difference() {
    let house = House::with("config-unwritable", CONFIG, &[], &[("HEADWATER_CACHE__MAX_TTL", "700")]);
    let before = house.file();
    let problem = house.call("PATCH", "/config", json!({ "cache.max_ttl": 800 })).expect(409).body;
    assert!(problem["detail"].as_str().expect("text").contains("HEADWATER_CACHE__MAX_TTL"), "{problem}");
    assert_eq!((&problem["diff"][0]["from"], &problem["diff"][0]["to"]), (&json!(700), &json!(800)));
    let path = house.scratch.path().join("headwater.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).expect("mode");
    let problem = house.call("PATCH", "/config", json!({ "server.nsid": "ns2" })).expect(409).body;
    assert_eq!(problem["diff"][0]["to"], "ns2", "{problem}");
    assert_eq!((house.file(), house.nsid().as_str()), (before, "ns1"));
    // Without a file there is nothing to write to.
    let scratch = Scratch::new("config-no-file");
    let server = Server::start(&scratch, &[]);
    let house = House { scratch, server };
    assert_eq!(house.call("GET", "/config", json!(null)).expect(200).body["file"], json!(null));
    let problem = house.call("PATCH", "/config", json!({ "cache.min_ttl": 3 })).expect(409).body;
    assert_eq!(problem["diff"][0]["path"], "cache.min_ttl", "{problem}");
}

#[test]
fn a_file_that_others_have_changed_is_theirs() {
    let config = CONFIG.replace("  nsid", "  watch_config: false\n  nsid");
    let house = House::start("config-others", &config);
    let theirs = house.file().replace("max_size_mb: 20", "max_size_mb: 25");
    house.scratch.write("headwater.yaml", &theirs);
    let problem = house.call("PATCH", "/config", json!({ "server.nsid": "ns2" })).expect(412).body;
    assert!(problem["detail"].as_str().expect("text").contains("reload it first"), "{problem}");
    assert_eq!(house.file(), theirs);
}
