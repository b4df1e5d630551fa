//! Changes, reverts, the past, drafts, zone files.

use serde_json::{Value, json};

use super::house::House;

fn house() -> House {
    let house = House::open();
    house.call("POST", "/zones?why=first", json!({"name": "example.org"})).expect(201);
    house.call("PUT", "/zones/example.org/rrsets/a/A?why=second", json!({"records": ["192.0.2.1"]})).expect(200);
    house.call("PUT", "/zones/example.org/rrsets/a/A", json!({"records": ["192.0.2.2"]})).expect(200);
    house
}

fn address(house: &House) -> Value {
    house.call("GET", "/zones/example.org/rrsets/a/A", Value::Null).expect(200).json()["records"][0]["address"].clone()
}

#[test]
fn history_is_listed_page_by_page() {
    let house = house();
    let page = house.call("GET", "/changes?limit=2", Value::Null).expect(200).json();
    let ids: Vec<&Value> = page["items"].as_array().expect("items").iter().map(|change| &change["id"]).collect();
    assert_eq!((ids, &page["next"]), (vec![&json!(3), &json!(2)], &json!("2")));
    let rest = house.call("GET", "/zones/example.org/changes?limit=2&after=2", Value::Null).expect(200).json();
    assert_eq!((&rest["items"][0]["why"], &rest["next"]), (&json!("first"), &Value::Null));
    assert!(rest["items"][0]["who"].as_str().is_some_and(|who| who.starts_with("token:")), "{rest}");
    house.call("GET", "/changes/99", Value::Null).expect(404);
}

#[test]
fn diffs_are_json_and_text() {
    let house = house();
    let diff = house.call("GET", "/changes/3/diff", Value::Null).expect(200).json();
    assert_eq!(diff[0]["removed"][0]["data"], json!({"address": "192.0.2.1"}));
    let text = house.with("GET", "/changes/3/diff", &[("accept", "text/plain")], Value::Null).expect(200);
    assert!(text.text.contains("-a.example.org.\t3600\tIN\tA\t192.0.2.1\n"), "{}", text.text);
    assert!(text.text.contains("+a.example.org.\t3600\tIN\tA\t192.0.2.2\n"), "{}", text.text);
}

#[test]
fn a_change_is_taken_back_by_another() {
    let house = house();
    house.call("POST", "/changes/2/revert", Value::Null).expect(409);
    let shown = house.call("POST", "/changes/3/revert", json!({"dry_run": true})).expect(200).json();
    assert_eq!(shown["change"], Value::Null);
    let done = house.call("POST", "/changes/3/revert", Value::Null).expect(200).json();
    assert_eq!((&done["change"], &done["zones"][0]["to"]), (&json!(4), &json!(4)));
    assert_eq!(address(&house), "192.0.2.1");
    assert_eq!(house.call("GET", "/changes/4", Value::Null).expect(200).json()["reverts"], 3);
    house.call("POST", "/changes/2/revert", Value::Null).expect(200);
    house.call("GET", "/zones/example.org/rrsets/a/A", Value::Null).expect(404);
    house.call("DELETE", "/zones/example.org", Value::Null).expect(200);
    house.call("POST", "/changes/6/revert", Value::Null).expect(200);
    house.call("GET", "/zones/example.org", Value::Null).expect(200);
}

#[test]
fn a_zone_as_it_was() {
    let house = house();
    let then = house.call("GET", "/zones/example.org/at?serial=2", Value::Null).expect(200).json();
    let a = then["items"].as_array().expect("items").iter().find(|rrset| rrset["type"] == "A").expect("A");
    assert_eq!(a["records"][0]["address"], "192.0.2.1");
    let text = house.with("GET", "/zones/example.org/at?serial=3", &[("accept", "text/dns")], Value::Null).expect(200);
    assert!(text.text.contains("192.0.2.2"), "{}", text.text);
    house.call("GET", "/zones/example.org/at?serial=77", Value::Null).expect(404);
    house.call("GET", "/zones/example.org/at", Value::Null).expect(400);
    let before = house.call("GET", "/zones/example.org/at?time_ms=1", Value::Null);
    before.expect(404);
}

#[test]
fn drafts_collect_changes() {
    let house = house();
    let step = |name: &str| {
        json!({"zone": "example.org", "action": "edit",
        "changes": [{"op": "add", "name": name, "type": "TXT", "records": ["x"]}]})
    };
    let made = house.call("POST", "/drafts", json!({"name": "plan", "zones": [step("t1")]})).expect(201);
    let path = format!("/drafts/{}", made.json()["id"].as_str().expect("id"));
    let listed = house.call("GET", "/drafts", Value::Null).expect(200).json();
    assert_eq!(listed["items"][0]["name"], "plan");
    house.with("PATCH", &path, &[("if-match", "\"9\"")], json!({"name": "other"})).expect(412);
    let more = json!({"zone": "b.example", "action": "create"});
    house.with("PATCH", &path, &[("if-match", made.header("etag"))], json!({"add": [more]})).expect(200);
    let preview = house.call("POST", &format!("{path}/preview"), Value::Null).expect(200).json();
    assert_eq!(preview["diff"].as_array().map(Vec::len), Some(2));
    house.call("GET", "/zones/b.example", Value::Null).expect(404);
    let token = house.new_token(vec![access::Grant::of(&[access::Verb::Read])]);
    house.by(&token, "GET", &path, Value::Null).expect(404);
    house.call("POST", &format!("{path}/commit"), Value::Null).expect(200);
    house.call("GET", "/zones/b.example", Value::Null).expect(200);
    house.call("GET", &path, Value::Null).expect(404);
    let bad = json!({"name": "bad", "zones": [{"zone": "no.example", "action": "delete"}]});
    let bad = house.call("POST", "/drafts", bad).expect(201).json();
    let path = format!("/drafts/{}", bad["id"].as_str().expect("id"));
    house.call("POST", &format!("{path}/commit"), Value::Null).expect(404);
    house.call("GET", &path, Value::Null).expect(200);
    house.call("DELETE", &path, Value::Null).expect(204);
}

#[test]
fn zone_files_go_in_and_out() {
    let house = house();
    let text = house.call("GET", "/zones/example.org/export", Value::Null).expect(200);
    assert_eq!(text.header("content-type"), "text/dns");
    assert!(text.text.starts_with("example.org.\t3600\tIN\tSOA\t"), "{}", text.text);
    let bearer = format!("Bearer {}", house.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "text/dns")];
    let import = |path: &str, file: &str| house.send("POST", &format!("/api/v1/zones/{path}"), &headers, file);
    let bad =
        import("example.org/import", "@ 1 IN A 192.0.2\n@ 1 IN A 192.0.2.1\nb.other. 1 IN A 192.0.2.1\n").expect(422);
    let places: Vec<(Value, Value)> = bad.json()["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| (error["line"].clone(), error["column"].clone()))
        .collect();
    assert_eq!(places, [(json!(1), json!(10))]);
    assert_eq!(address(&house), "192.0.2.2", "a bad file changes nothing");
    import("example.org/import", "$INCLUDE /etc/passwd\n").expect(422);
    let file = text.text.replace("192.0.2.2", "192.0.2.7");
    import("example.org/import", &file).expect(200);
    assert_eq!(address(&house), "192.0.2.7");
    // Nothing of it is in the zone.
    let bad = import("new.org/import?create=true", &file).expect(422);
    assert!(bad.text.contains("no SOA record at the apex"), "{}", bad.text);
    let other = file.replace("example.org.", "new.org.");
    import("new.org/import", &other).expect(404);
    import("new.org/import?create=true", &other).expect(200);
    house.call("GET", "/zones/new.org/rrsets/a/A", Value::Null).expect(200);
    let changes: Vec<Value> = (0..4000)
        .map(|n| json!({"op": "replace", "name": format!("h{n}"), "type": "A", "records": ["192.0.2.1"]}))
        .collect();
    let set = json!({"zones": [{"zone": "new.org", "action": "edit", "changes": changes}]});
    house.call("POST", "/changesets", set).expect(200);
    let large = house.call("GET", "/zones/new.org/export", Value::Null).expect(200);
    assert_eq!(large.text.lines().count(), 4003, "SOA, NS, a and 4,000 more in several pieces");
}

#[test]
fn backups_are_made_and_verified() {
    let house = House::on_disk();
    let made = house.call("POST", "/backups", Value::Null).expect(201).json();
    let name = made["name"].as_str().expect("name");
    let listed = house.call("GET", "/backups", Value::Null).expect(200).json();
    assert_eq!(listed["items"][0]["name"], name);
    let verified = house.call("POST", &format!("/backups/{name}/verify"), Value::Null).expect(200).json();
    assert_eq!(verified["sound"], true);
    house.call("POST", "/backups/nope/verify", Value::Null).expect(404);
}

#[test]
fn a_page_of_changes_says_that_there_are_more() {
    let house = House::open();
    house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    let more = 1001;
    for number in 0..more {
        let body = json!({"ttl": 60 + number, "records": ["192.0.2.1"]});
        house.call("PUT", "/zones/example.org/rrsets/www/A", body).expect(200);
    }
    // The history itself gives out no more than 1,000 at a time.
    for path in ["/changes", "/zones/example.org/changes"] {
        let page = house.call("GET", &format!("{path}?limit=1000"), Value::Null).expect(200).json();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1000));
        let next = page["next"].as_str().expect("two more").to_owned();
        let page = house.call("GET", &format!("{path}?limit=2&after={next}"), Value::Null).expect(200).json();
        assert_eq!((page["items"].as_array().map(Vec::len), &page["next"]), (Some(2), &Value::Null), "{path}");
    }
}
