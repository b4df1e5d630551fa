//! What is blocked, and for whom, over the API.

use std::time::Duration;

use ::access::{Grant, Verb};
use serde_json::{Value, json};

use crate::house::{House, Reply};

const CONFIGURATION: &str = "
blocking:
  enabled: true
  rules: ['||file.example^']
groups:
  - name: kids
    rules: ['||games.example^']
clients:
  - name: tv
    addresses: [192.0.2.7]
    group: kids
";

fn house() -> House {
    let house = House::open();
    house.configure_policy(CONFIGURATION);
    house
}

fn check(house: &House, name: &str, client: &str) -> Value {
    house.call("GET", &format!("/blocking/check?name={name}&client={client}"), Value::Null).expect(200).json()
}

/// Waits until a question is blocked, or not any more, and gives what is said of it.
#[track_caller]
fn wait_for(house: &House, name: &str, client: &str, blocked: bool) -> Value {
    for _ in 0..500 {
        let checked = check(house, name, client);
        if checked["blocked"] == blocked {
            return checked;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{name} stays as it is: {}", check(house, name, client));
}

fn items(house: &House, path: &str) -> Vec<Value> {
    let page = house.call("GET", path, Value::Null).expect(200).json();
    page["items"].as_array().cloned().unwrap_or_default()
}

fn errors(reply: &Reply) -> Vec<(String, String)> {
    let json = reply.json();
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    let text = |error: &Value, key: &str| error[key].as_str().unwrap_or_default().to_owned();
    errors.iter().map(|error| (text(error, "pointer"), text(error, "detail"))).collect()
}

#[test]
fn a_rule_is_set_counts_is_changed_and_goes() {
    let house = house();
    let rule = json!({"text": "||ads.example^", "comment": "too loud"});
    let made = house.call("POST", "/blocking/rules?why=loud", rule).expect(201);
    let (tag, made) = (made.header("etag").to_owned(), made.json());
    assert_eq!((&made["origin"], &made["set"]["why"]), (&json!("api"), &json!("loud")));
    let checked = wait_for(&house, "www.ads.example", "198.51.100.1", true);
    assert_eq!(checked["rules"][0]["text"], "||ads.example^");
    assert_eq!((&checked["rules"][0]["decides"], &checked["rules"][0]["list"]), (&json!(true), &json!("rules")));
    let path = format!("/blocking/rules/{}", made["id"].as_str().expect("an identifier"));
    let other = json!({"text": "||ads.example^", "group": "kids"});
    house.with("PUT", &path, &[("if-match", "\"0\"")], other.clone()).expect(412);
    house.with("PUT", &path, &[("if-match", tag.as_str())], other).expect(200);
    wait_for(&house, "www.ads.example", "198.51.100.1", false);
    let checked = wait_for(&house, "www.ads.example", "192.0.2.7", true);
    assert_eq!((&checked["device"], &checked["group"]), (&json!("tv"), &json!("kids")));
    house.call("DELETE", &path, Value::Null).expect(204);
    wait_for(&house, "www.ads.example", "192.0.2.7", false);
    house.call("DELETE", &path, Value::Null).expect(404);
}

#[test]
fn a_rule_that_would_do_nothing_is_refused_with_all_that_is_wrong() {
    let house = house();
    let rule = json!({"text": "example##.banner", "group": "nobody", "until_ms": 1});
    let refused = house.call("POST", "/blocking/rules", rule).expect(422);
    let errors = errors(&refused);
    let pointers: Vec<&str> = errors.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/text", "/group", "/until_ms"], "{}", refused.text);
    assert!(errors[0].1.contains("contents of pages"), "{}", refused.text);
}

#[test]
fn what_stands_in_the_configuration_is_shown_and_not_changed() {
    let house = house();
    let rules = items(&house, "/blocking/rules");
    assert_eq!((&rules[0]["id"], &rules[0]["origin"]), (&json!("file-1"), &json!("file")));
    let rule = json!({"text": "||a.example^"});
    for (method, path, body) in [
        ("PUT", "/blocking/rules/file-1", rule),
        ("DELETE", "/groups/kids", Value::Null),
        ("PUT", "/clients/tv", json!({"name": "tv", "addresses": ["192.0.2.8"]})),
        ("POST", "/clients", json!({"name": "tv", "addresses": ["192.0.2.8"]})),
    ] {
        let refused = house.call(method, path, body).expect(409);
        assert!(refused.text.contains("configuration file"), "{}", refused.text);
    }
    let groups: Vec<Value> = items(&house, "/groups").iter().map(|group| group["origin"].clone()).collect();
    assert_eq!(groups, [json!("file"), json!("file")], "the default group and the children");
}

#[test]
fn two_devices_with_one_address_are_both_named() {
    let house = house();
    let refused = house.call("POST", "/clients", json!({"name": "radio", "addresses": ["192.0.2.7"], "group": "x"}));
    let refused = refused.expect(422);
    let errors = errors(&refused);
    assert!(errors.iter().any(|(pointer, _)| pointer == "/group"), "{}", refused.text);
    let conflict = errors.iter().find(|(pointer, _)| pointer == "/addresses/0").expect("the address");
    assert!(conflict.1.contains("radio") && conflict.1.contains("tv"), "{}", refused.text);
}

#[test]
fn a_device_is_made_renamed_and_removed_with_its_history() {
    let house = house();
    let device = json!({"name": "phone", "addresses": ["198.51.100.9"], "group": "kids"});
    house.call("POST", "/clients", device).expect(201);
    wait_for(&house, "games.example", "198.51.100.9", true);
    let renamed = json!({"name": "old phone", "addresses": ["198.51.100.9"]});
    let renamed = house.call("PUT", "/clients/phone?why=new%20one", renamed).expect(200).json();
    assert_eq!((&renamed["name"], &renamed["id"]), (&json!("old phone"), &json!("phone")));
    wait_for(&house, "games.example", "198.51.100.9", false);
    let history = items(&house, "/blocking/history?collection=devices&id=phone");
    assert_eq!((history.len(), &history[0]["after"], &history[0]["why"]), (2, &Value::Null, &json!("new one")));
    assert_eq!((&history[0]["others"], &history[0]["before"]["group"]), (&json!(1), &json!("kids")));
    let revert = format!("/blocking/history/{}/revert", history[0]["offset"]);
    house.call("POST", &revert, Value::Null).expect(200);
    wait_for(&house, "games.example", "198.51.100.9", true);
    house.call("DELETE", "/clients/phone", Value::Null).expect(204);
    wait_for(&house, "games.example", "198.51.100.9", false);
    house.call("POST", &revert, Value::Null).expect(409);
}

#[test]
fn a_group_that_a_device_is_in_stays() {
    let house = house();
    house.call("POST", "/groups", json!({"name": "guests", "safe_search": "strict"})).expect(201);
    house
        .call("POST", "/clients", json!({"name": "lap", "addresses": ["198.51.100.1"], "group": "guests"}))
        .expect(201);
    let refused = house.call("DELETE", "/groups/guests", Value::Null).expect(409);
    assert!(refused.text.contains("guests"), "{}", refused.text);
    house.call("DELETE", "/clients/lap", Value::Null).expect(204);
    house.call("DELETE", "/groups/guests", Value::Null).expect(204);
    let refused = house.call("POST", "/groups", json!({"name": "g", "rules": ["||a.example^", "! none"]})).expect(422);
    assert_eq!(errors(&refused)[0].0, "/rules/1");
}

#[test]
fn a_revert_that_would_not_fit_any_more_is_refused() {
    let house = house();
    house.call("POST", "/clients", json!({"name": "one", "addresses": ["198.51.100.1"]})).expect(201);
    house.call("DELETE", "/clients/one", Value::Null).expect(204);
    house.call("POST", "/clients", json!({"name": "two", "addresses": ["198.51.100.1"]})).expect(201);
    let history = items(&house, "/blocking/history?collection=devices&id=one");
    let revert = format!("/blocking/history/{}/revert", history[0]["offset"]);
    let refused = house.call("POST", &revert, Value::Null).expect(409);
    assert!(refused.text.contains("two"), "{}", refused.text);
    let names: Vec<Value> = items(&house, "/clients").iter().map(|device| device["name"].clone()).collect();
    assert_eq!(names, [json!("tv"), json!("two")]);
}

#[test]
fn a_pause_of_a_device_holds_for_it_alone_and_goes_with_it() {
    let house = house();
    wait_for(&house, "file.example", "192.0.2.7", true);
    let pause = json!({"scope": {"device": "tv"}, "minutes": 5, "why": "film"});
    let made = house.call("POST", "/blocking/pauses", pause).expect(201).json();
    let checked = wait_for(&house, "file.example", "192.0.2.7", false);
    assert!(checked["because"].as_str().is_some_and(|because| because.contains("paused")), "{checked}");
    wait_for(&house, "file.example", "198.51.100.1", true);
    let path = format!("/blocking/pauses/{}", made["id"].as_str().expect("an identifier"));
    house.call("DELETE", &path, Value::Null).expect(204);
    wait_for(&house, "file.example", "192.0.2.7", true);
    house.call("POST", "/blocking/pauses", json!({"scope": "all", "minutes": 1})).expect(201);
    wait_for(&house, "file.example", "198.51.100.1", false);
    let blocking = house.call("GET", "/blocking", Value::Null).expect(200).json();
    assert!(blocking["paused_until_ms"].is_u64() && blocking["pauses"] == 1, "{blocking}");
    for bad in [
        json!({"scope": "all"}),
        json!({"scope": "all", "minutes": 0}),
        json!({"scope": "all", "minutes": 1, "until_ms": 9}),
        json!({"scope": {"group": "nobody"}, "minutes": 1}),
        json!({"scope": {"device": "nobody"}, "until_ms": 9}),
    ] {
        house.call("POST", "/blocking/pauses", bad).expect(422);
    }
}

#[test]
fn pauses_that_have_ended_go_when_one_is_made() {
    let house = house();
    let soon = server::clock::unix_ms() + 2_000;
    house.call("POST", "/blocking/pauses", json!({"scope": "all", "until_ms": soon})).expect(201);
    wait_for(&house, "file.example", "198.51.100.1", false);
    wait_for(&house, "file.example", "198.51.100.1", true);
    assert_eq!(items(&house, "/blocking/pauses")[0]["ended"], true);
    house.call("POST", "/blocking/pauses", json!({"scope": {"group": "kids"}, "minutes": 9})).expect(201);
    let pauses = items(&house, "/blocking/pauses");
    assert_eq!((pauses.len(), &pauses[0]["scope"]), (1, &json!({"group": "kids"})));
}

#[test]
fn a_list_says_why_it_could_not_be_fetched() {
    let house = house();
    let list = json!({"name": "ads", "url": "https://lists.example/ads.txt", "groups": ["kids"], "refresh_hours": 6});
    let made = house.call("POST", "/blocking/lists", list.clone()).expect(201).json();
    assert_eq!((&made["origin"], &made["enabled"], &made["names"]), (&json!("api"), &json!(true), &json!(0)));
    house.call("POST", "/blocking/lists", list).expect(409);
    let failing = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        items(&house, "/blocking/lists").into_iter().find(|list| list["state"] == "failing")
    });
    let failing = failing.expect("it fails");
    assert!(failing["problem"].as_str().is_some_and(|problem| problem.contains("not looked up")), "{failing}");
    house.call("POST", "/blocking/lists/ads/refresh?force=true", Value::Null).expect(202);
    house.call("POST", "/blocking/lists/none/refresh", Value::Null).expect(404);
    let off = json!({"url": "https://lists.example/ads.txt", "enabled": false});
    let off = house.call("PUT", "/blocking/lists/ads", off).expect(200).json();
    assert_eq!((&off["enabled"], &off["groups"]), (&json!(false), &json!(["default"])));
    house.call("DELETE", "/blocking/lists/ads", Value::Null).expect(204);
    assert!(items(&house, "/blocking/lists").is_empty());
}

#[test]
fn a_list_that_cannot_be_is_refused_with_all_that_is_wrong() {
    let house = house();
    let list = json!({"name": "rules", "url": "file:///etc/passwd", "groups": ["x"], "refresh_hours": 0});
    let refused = house.call("POST", "/blocking/lists", list).expect(422);
    let pointers: Vec<String> = errors(&refused).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/name", "/url", "/refresh_hours", "/groups/0"], "{}", refused.text);
}

#[test]
fn who_may_only_read_changes_nothing_and_others_see_nothing() {
    let house = house();
    let reader = house.new_token(vec![Grant::of(&[Verb::Read])]);
    house.by(&reader, "GET", "/blocking/rules", Value::Null).expect(200);
    for (method, path, body) in [
        ("POST", "/blocking/rules", json!({"text": "||a.example^"})),
        ("POST", "/blocking/pauses", json!({"scope": "all", "minutes": 1})),
        ("POST", "/clients", json!({"name": "a", "addresses": ["192.0.2.1"]})),
        ("DELETE", "/groups/kids", Value::Null),
        ("POST", "/blocking/lists/a/refresh", Value::Null),
        ("POST", "/blocking/history/1/revert", Value::Null),
    ] {
        house.by(&reader, method, path, body).expect(403);
    }
    let updater = house.new_token(vec![Grant::of(&[Verb::Update])]);
    house.by(&updater, "GET", "/blocking/check?name=a.", Value::Null).expect(403);
}

#[test]
fn a_device_is_checked_by_its_name() {
    let house = house();
    wait_for(&house, "games.example", "tv", true);
    assert_eq!(check(&house, "games.example", "192.0.2.8")["group"], "default");
    house.call("GET", "/blocking/check?name=a.&client=nobody", Value::Null).expect(400);
    house.call("GET", "/blocking/history?collection=silences&id=1", Value::Null).expect(400);
}
