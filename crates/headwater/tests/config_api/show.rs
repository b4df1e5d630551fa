//! What is set, and from where.

use std::collections::HashSet;

use serde_json::json;

use super::House;

const CONFIG: &str = "\
server:
  listen: [{ address: \"127.0.0.1:PORT\" }]
  nsid: ns1   # of the office
cache: { max_size_mb: 20 }
tsig_keys:
  - name: transfer.
    secret: c2VjcmV0IHNlY3JldA==
resolver: { enabled: false }
";

#[test]
fn every_value_says_where_it_comes_from() {
    let house =
        House::with("config-origins", CONFIG, &["--zone", "z.test=z.zone"], &[("HEADWATER_CACHE__MIN_TTL", "7")]);
    let config = house.call("GET", "/config", json!(null)).expect(200);
    let origin = |path: &str| config.setting(path)["origin"].clone();
    assert_eq!(origin("server.nsid"), json!({ "kind": "file", "file": "headwater.yaml", "line": 3, "column": 9 }));
    assert_eq!(origin("cache.max_size_mb")["line"], 4);
    assert_eq!(origin("cache.min_ttl"), json!({ "kind": "environment", "variable": "HEADWATER_CACHE__MIN_TTL" }));
    assert_eq!(origin("cache.max_ttl"), json!({ "kind": "default" }));
    assert_eq!(origin("data_dir"), json!({ "kind": "flag", "flag": "--data data" }));
    assert_eq!(origin("zones"), json!({ "kind": "flag", "flag": "--zone z.test=z.zone" }));
    let setting = config.setting("cache.max_size_mb");
    assert_eq!((&setting["value"], &setting["default"], &setting["effect"]), (&json!(20), &json!(100), &json!("live")));
    assert_eq!(config.setting("server.listen")["effect"], "rebind");
    assert_eq!(config.setting("data_dir")["effect"], "restart");
    assert_eq!(config.body["file"], "headwater.yaml");
    // Everything that exists, by the description of the file.
    let schema = house.call("GET", "/config/schema", json!(null)).expect(200).body;
    let mut known = HashSet::new();
    leaves("", &schema, &mut known);
    let shown: HashSet<String> = config.body["settings"]
        .as_array()
        .expect("settings")
        .iter()
        .map(|setting| setting["path"].as_str().expect("a path").to_owned())
        .collect();
    assert_eq!(shown, known);
}

fn leaves(prefix: &str, schema: &serde_json::Value, known: &mut HashSet<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, property) in properties {
        assert!(property["description"].is_string(), "{prefix}{name}");
        match property["properties"].is_object() {
            true => leaves(&format!("{prefix}{name}."), property, known),
            false => drop(known.insert(format!("{prefix}{name}"))),
        }
    }
}

#[test]
fn secrets_are_never_shown_and_stay_what_they_are() {
    let house = House::start("config-secrets", CONFIG);
    let secret = "c2VjcmV0IHNlY3JldA==";
    let config = house.call("GET", "/config", json!(null)).expect(200);
    assert!(!config.body.to_string().contains(secret));
    let keys = config.setting("tsig_keys")["value"].clone();
    assert!(keys[0]["secret"].as_str().expect("text").starts_with("<secret:"), "{keys}");
    let text = house.call("GET", "/config/text", json!(null)).expect(200);
    let shown = text.body["text"].as_str().expect("text").to_owned();
    assert!(!shown.contains(secret) && shown.contains("# of the office"), "{shown}");
    // What was shown can be sent back, as a text and as a value.
    let text = shown.replace("ns1", "ns2");
    let outcome = house.with_tag("PUT", "/config", &text_tag(&house), json!({ "text": text })).expect(200).body;
    assert_eq!(outcome["diff"].as_array().expect("a list").len(), 1, "{outcome}");
    assert!(house.file().contains(secret) && house.file().contains("nsid: ns2   # of the office"), "{}", house.file());
    let mut more = keys.clone();
    more.as_array_mut().expect("a list").push(json!({ "name": "other.", "secret": "b3RoZXI=" }));
    house.call("PATCH", "/config", json!({ "tsig_keys": more })).expect(200);
    assert!(house.file().contains(secret) && house.file().contains("b3RoZXI="), "{}", house.file());
    // What stands for nothing is no secret.
    let unknown = json!([{ "name": "x.", "secret": "<secret:0123456789abcdef>" }]);
    let problem = house.call("PATCH", "/config", json!({ "tsig_keys": unknown })).expect(422).body;
    assert!(problem.to_string().contains("not known here"), "{problem}");
    let history = house.call("GET", "/config/history/1", json!(null)).expect(200).body.to_string();
    assert!(!history.contains(secret), "{history}");
    assert!(!house.server.process.log().contains(secret));
}

fn text_tag(house: &House) -> String {
    house.call("GET", "/config/text", json!(null)).expect(200).etag
}

#[test]
fn setup_has_facts() {
    let house = House::start("config-setup", CONFIG);
    let setup = house.call("GET", "/setup", json!(null)).expect(200).body;
    let address = house.server.address.to_string();
    assert_eq!(setup["listeners"], json!([{ "address": address, "protocols": ["udp", "tcp"] }]));
    assert_eq!(
        (&setup["zones"], &setup["recursion"], &setup["clients_seen"]),
        (&json!(0), &json!(false), &json!(false))
    );
    assert_eq!(setup["default_password"], false, "there is no administrator without the web interface");
    house.nsid();
    house.wait_until("seen", || house.call("GET", "/setup", json!(null)).body["clients_seen"] == true);
}
