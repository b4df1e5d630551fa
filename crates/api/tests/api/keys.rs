//! The keys of signed zones over the API.

use std::time::{Duration, Instant};

use ::access::{Grant, Verb};
use serde_json::{Value, json};

use crate::house::House;

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the keys of example.org are as wanted.
#[track_caller]
fn until(house: &House, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let reply = house.call("GET", "/zones/example.org/keys", Value::Null);
        if reply.status == 200 && wanted(&reply.json()) {
            return reply.json();
        }
        assert!(Instant::now() < end, "not in time: {}", reply.text);
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn items(list: &Value) -> Vec<Value> {
    list.as_array().cloned().unwrap_or_default()
}

/// A house with example.org, signed.
fn signed() -> House {
    let house = House::open();
    house.sign();
    house.call("POST", "/zones", json!({"name": "example.org", "dnssec": "default"})).expect(201);
    house.app.signing.get().expect("it runs").look();
    until(&house, |zone| zone["signed"] == true && !items(&zone["waits"]).is_empty());
    house
}

/// A house with example.org, whose TTLs and policy take no time, once the parent is asked for a DS record.
fn quick() -> (House, Value) {
    let house = House::open();
    house.sign();
    let soa = json!({"mname": "ns1.example.net.", "rname": "h.example.net.", "serial": 1, "refresh": 60, "retry": 60,
        "expire": 60, "minimum": 1});
    let rrsets = json!([
        {"name": "@", "type": "SOA", "ttl": 1, "records": [soa]},
        {"name": "@", "type": "NS", "ttl": 1, "records": [{"host": "ns1.example.net."}]},
    ]);
    let zone = json!({"name": "example.org", "dnssec": "quick", "rrsets": rrsets});
    house.call("POST", "/zones", zone).expect(201);
    house.app.signing.get().expect("it runs").look();
    let asks = |zone: &Value| items(&zone["keys"]).iter().any(|key| key["wants_ds"] == true);
    let zone = until(&house, |zone| zone["signed"] == true && asks(zone));
    (house, zone)
}

/// The tag of the key with this role.
#[track_caller]
fn tag(zone: &Value, role: &str) -> u64 {
    let keys = items(&zone["keys"]);
    let key = keys.iter().find(|key| key["role"] == role);
    key.and_then(|key| key["tag"].as_u64()).unwrap_or_else(|| panic!("no {role} in {zone}"))
}

#[test]
fn a_signed_zone_shows_its_keys_and_what_the_parent_shall_have() {
    let house = signed();
    let zone = until(&house, |_| true);
    assert_eq!((&zone["policy"], &zone["error"], &zone["refusal"]), (&json!("default"), &Value::Null, &Value::Null));
    assert!(zone["signatures"]["first_end_ms"].as_u64().is_some_and(|end| end > server::clock::unix_ms()), "{zone}");
    assert!(zone["state"].as_str().is_some_and(|state| state.starts_with("it is signed")), "{zone}");
    let keys = items(&zone["keys"]);
    assert_eq!(keys.len(), 2, "{zone}");
    let (ksk, zsk) = (tag(&zone, "ksk"), tag(&zone, "zsk"));
    for key in &keys {
        let is_ksk = key["tag"] == ksk;
        assert_eq!(key["flags"], if is_ksk { 257 } else { 256 });
        assert_eq!((&key["algorithm"], &key["algorithm_number"]), (&json!("ECDSAP256SHA256"), &json!(13)));
        assert_eq!(key["elements"]["ds"].is_object(), is_ksk);
        assert_eq!(key["elements"]["zone_signatures"].is_null(), is_ksk);
        let line = key["dnskey"].as_str().expect("a record");
        assert!(line.starts_with(&format!("example.org. IN DNSKEY {} 3 13 ", key["flags"])), "{line}");
        assert_eq!(items(&key["ds"]).len(), if is_ksk { 2 } else { 0 });
    }
    // The parent is asked once every cache has the keys; who wants the record before gets it.
    let ds = house.call("GET", "/zones/example.org/ds?all=true", Value::Null).expect(200).json();
    let of_ksk = &ds["keys"][0];
    assert_eq!((items(&ds["keys"]).len(), &of_ksk["tag"]), (1, &json!(ksk)), "{ds}");
    let fields = &of_ksk["ds"][0];
    let digest = fields["digest"].as_str().expect("a digest");
    assert_eq!((digest.len(), &fields["digest_type"]), (64, &json!(2)));
    assert_eq!(fields["line"], format!("example.org. IN DS {ksk} 13 2 {digest}"));
    let wanted = house.call("GET", "/zones/example.org/ds", Value::Null).expect(200).json();
    let wants = of_ksk["wants_ds"].as_bool().expect("known");
    assert_eq!(items(&wanted["keys"]).len(), usize::from(wants));
    // The zone-signing key never has one.
    let no = house.call("POST", "/zones/example.org/keys/ds", json!({"tag": zsk, "published": true})).expect(404);
    assert!(no.text.contains("key with tag"), "{}", no.text);
    // That every record is signed is known a second later.
    let zone = until(&house, |zone| items(&zone["waits"]).iter().all(|wait| wait["what"] == "caches"));
    let list = house.call("GET", "/dnssec?limit=1", Value::Null).expect(200).json();
    assert_eq!((&list["items"][0]["zone"], &list["items"][0]["keys"]), (&json!("example.org."), &json!(2)), "{list}");
    assert_eq!(list["next"], Value::Null);
    let item = &list["items"][0];
    assert_eq!((&item["stage"], &item["next"]["what"]), (&zone["stage"], &json!("caches")), "{list}");
    assert_eq!((&item["next"]["published"], &item["is_urgent"]), (&json!(true), &json!(false)), "{list}");
    let only = |zone: &str| house.call("GET", &format!("/dnssec?zone={zone}"), Value::Null).expect(200).json();
    assert_eq!(items(&only("example.org")["items"]).len(), 1);
    assert_eq!(only("example.net"), json!({"items": [], "next": null}));
    let policies = house.call("GET", "/dnssec/policies", Value::Null).expect(200).json();
    let usual = items(&policies["items"]).into_iter().find(|policy| policy["name"] == "default").expect("it is there");
    assert_eq!((&usual["algorithm"], &usual["bits"]), (&json!("ECDSAP256SHA256"), &Value::Null), "{policies}");
    assert_eq!((&usual["csk"], &usual["zsk_lifetime_s"]), (&json!(false), &json!(90 * 86_400)), "{policies}");
}

#[test]
fn a_timetable_is_shown_and_no_rollover_begins_before_the_first_keys_are_in_use() {
    let house = signed();
    let plan = house.call("GET", "/zones/example.org/keys/plan", Value::Null).expect(200).json();
    let steps = items(&plan["steps"]);
    let of_parent = steps.iter().find(|step| step["assumes"].as_str().is_some_and(|text| text.contains("parent")));
    let of_parent = of_parent.unwrap_or_else(|| panic!("{plan}"));
    assert_eq!((&of_parent["element"], &of_parent["visibility"]), (&json!("ds"), &json!("omnipresent")), "{plan}");
    let zone = until(&house, |_| true);
    assert_eq!((&of_parent["tag"], &of_parent["new_key"]), (&json!(tag(&zone, "ksk")), &Value::Null), "{plan}");
    let times: Vec<u64> = steps.iter().filter_map(|step| step["at_ms"].as_u64()).collect();
    assert!(times.is_sorted() && times.len() == steps.len(), "{plan}");
    let bad =
        |query: &str| house.call("GET", &format!("/zones/example.org/keys/plan?{query}"), Value::Null).expect(400);
    bad("until_s=99999999999");
    bad("at_s=5");
    for query in ["roll=x", "retire=x", "compromised=true", "roll=zsk&compromised=true", "roll=zsk&retire=1"] {
        bad(query);
    }
    let roll = |body: Value| house.call("POST", "/zones/example.org/keys/roll", body);
    roll(json!({})).expect(422);
    roll(json!({"role": "zsk", "tag": 1})).expect(422);
    roll(json!({"role": "tsk"})).expect(422);
    roll(json!({"tag": 70_000})).expect(422);
    roll(json!({"role": "zsk", "why": "x".repeat(2000)})).expect(400);
    let refused = roll(json!({"role": "zsk"})).expect(409);
    assert!(refused.text.contains("a rollover is under way"), "{}", refused.text);
    // The plan says the same; from the time that both give it can begin.
    let earliest_ms = refused.json()["earliest_ms"].as_u64().expect("a time");
    let trial = |at_ms: u64| {
        house.call("GET", &format!("/zones/example.org/keys/plan?roll=zsk&at_s={}", at_ms / 1000), Value::Null)
    };
    assert!(trial(0).expect(409).json()["earliest_ms"].as_u64().is_some_and(|at_ms| at_ms >= earliest_ms));
    let later = trial(earliest_ms + 3_600_000).expect(200).json();
    let made = items(&later["steps"]).into_iter().find(|step| step["element"] == Value::Null).expect("a new key");
    assert_eq!((&made["new_key"], &made["role"]), (&json!(1), &json!("zsk")), "{later}");
    assert_eq!(made["at_ms"].as_u64().expect("a time") / 1000, (earliest_ms + 3_600_000) / 1000);
}

#[test]
fn another_policy_counts_at_once() {
    let (house, _) = quick();
    house.call("PATCH", "/zones/example.org", json!({"dnssec": "off"})).expect(200);
    house.app.signing.get().expect("it runs").look();
    // The next look that was planned is hours away.
    let zone = until(&house, |zone| items(&zone["waits"]).iter().any(|wait| wait["published"] == false));
    assert_eq!((&zone["policy"], &zone["stage"]), (&json!(""), &json!("withdrawing")), "{zone}");
    let wait = items(&zone["waits"]).into_iter().find(|wait| wait["published"] == false).expect("it was there");
    assert_eq!((&wait["what"], &wait["element"]), (&json!("parent"), &json!("ds")), "{zone}");
}

#[test]
fn a_rollover_makes_a_new_key() {
    let (house, zone) = quick();
    let (old, ksk) = (tag(&zone, "zsk"), tag(&zone, "ksk"));
    let ds = house.call("GET", "/zones/example.org/ds", Value::Null).expect(200).json();
    assert_eq!(ds["keys"][0]["tag"], ksk, "{ds}");
    assert_eq!(ds["cds"][0], ds["keys"][0]["ds"][0]["line"].as_str().expect("a record").replace(" DS ", " CDS "));
    let confirm = |tag: u64, published: bool| {
        house.call("POST", "/zones/example.org/keys/ds", json!({"tag": tag, "published": published, "why": "seen"}))
    };
    confirm(ksk, false).expect(409);
    let said = confirm(ksk, true).expect(200).json();
    let key = items(&said["keys"]).into_iter().find(|key| key["tag"] == ksk).expect("the key");
    assert_eq!((&key["ds_confirmed"]["by"], &key["ds_confirmed"]["published"]), (&json!("hand"), &json!(true)));
    until(&house, |zone| zone["state"].as_str().is_some_and(|state| state.contains("leads to its keys")));
    let plan = house.call("GET", "/zones/example.org/keys/plan?roll=zsk", Value::Null).expect(200).json();
    assert!(plan.to_string().contains("new key 1"), "{plan}");
    let roll = |body: Value| house.call("POST", "/zones/example.org/keys/roll", body);
    assert!(roll(json!({"role": "csk"})).expect(404).text.contains("no combined signing key in use"));
    roll(json!({"role": "zsk", "why": "exercise"})).expect(200);
    until(&house, |zone| items(&zone["keys"]).iter().any(|key| key["role"] == "zsk" && key["tag"] != old));
}

/// Also while a rollover is under way; whoever has the key of others is said, and a successor comes.
#[test]
fn a_key_goes_whatever_is_under_way() {
    let house = signed();
    let zone = until(&house, |_| true);
    let zsk = tag(&zone, "zsk");
    let plan = |query: &str| house.call("GET", &format!("/zones/example.org/keys/plan?{query}"), Value::Null);
    assert!(plan("retire=1").expect(404).text.contains("no key with tag 1"));
    let planned = plan(&format!("retire={zsk}&compromised=true")).expect(200).json();
    let goes = |step: &Value| step["tag"] == zsk && step["element"] == "dnskey" && step["visibility"] == "hidden";
    assert!(items(&planned["steps"]).iter().any(goes), "{planned}");
    let retire = |body: Value| house.call("POST", "/zones/example.org/keys/retire", body);
    retire(json!({})).expect(422);
    retire(json!({"tag": 1})).expect(404);
    let said = retire(json!({"tag": zsk, "compromised": true, "why": "its file was in a backup"})).expect(200).json();
    let key = items(&said["keys"]).into_iter().find(|key| key["tag"] == zsk).expect("the key");
    assert_eq!((&key["going"], &key["compromised"]), (&json!(true), &json!(true)), "{said}");
    assert!(retire(json!({"tag": zsk})).expect(409).text.contains("is on its way out already"));
    until(&house, |zone| items(&zone["keys"]).iter().any(|key| key["role"] == "zsk" && key["tag"] != zsk));
}

#[test]
fn a_key_comes_in_and_its_secret_stays_inside() {
    let house = signed();
    let key = dnssec::sign::SigningKey::generate(dnssec::algorithm::Algorithm::ECDSAP256SHA256).expect("a key");
    let key = key.with_flags(256);
    let private = dnssec::key_file::to_private_text(&key, &dnssec::key_file::Timing::default()).expect("text");
    let zone: dns::NameBuf = "example.org".parse().expect("name");
    let public = dnssec::key_file::to_public_text(&zone, 3600, &key);
    let import = |body: Value| house.call("POST", "/zones/example.org/keys", body);
    let secret = private.lines().find_map(|line| line.strip_prefix("PrivateKey: ")).expect("a secret");
    let check = |body: Value, status: u16, said: &str| {
        let reply = import(body).expect(status);
        assert!(reply.text.contains(said) && !reply.text.contains(secret), "{}", reply.text);
    };
    check(json!({"private": "nonsense", "role": "zsk"}), 422, "Private-key-format");
    check(json!({"private": *private, "role": "zsk", "has_ds": true}), 422, "in_service");
    let elsewhere = public.replace("example.org.", "example.net.");
    check(json!({"private": *private, "public": elsewhere, "role": "zsk"}), 422, "not of example.org.");
    check(json!({"private": "x".repeat(70 << 10), "role": "zsk"}), 413, "");
    let body = json!({"private": *private, "public": public, "role": "zsk", "why": "moved here"});
    let tag = key.key_tag();
    check(body.clone(), 201, &format!("\"tag\":{tag},"));
    check(body, 409, "is taken");
    let zone = until(&house, |zone| items(&zone["keys"]).iter().any(|key| key["tag"] == tag));
    assert!(!zone.to_string().contains(secret));
}

#[test]
fn rights_and_zones_that_are_not_signed() {
    let house = House::open();
    house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    let get = |path: &str| house.call("GET", path, Value::Null);
    // As on a data directory alone.
    assert!(get("/zones/example.org/keys").expect(503).text.contains("takes a running server"));
    get("/dnssec").expect(503);
    house.sign();
    for path in ["keys", "keys/plan", "ds"] {
        let said = get(&format!("/zones/example.org/{path}")).expect(404);
        assert!(said.text.contains("zone example.org. is not signed here: `dnssec` names the policy"), "{}", said.text);
        get(&format!("/zones/example.com/{path}")).expect(404);
    }
    let roll = json!({"role": "zsk"});
    house.call("POST", "/zones/example.org/keys/roll", roll.clone()).expect(404);
    house.call("PATCH", "/zones/example.org", json!({"dnssec": "default"})).expect(200);
    house.app.signing.get().expect("it runs").look();
    until(&house, |zone| zone["signed"] == true);
    let reader = house.new_token(vec![Grant::of(&[Verb::Read])]);
    house.by(&reader, "GET", "/zones/example.org/keys", Value::Null).expect(200);
    for (path, body) in [("keys/roll", roll), ("keys/ds", json!({"tag": 1, "published": true}))] {
        house.by(&reader, "POST", &format!("/zones/example.org/{path}"), body).expect(403);
    }
    house.by(&reader, "POST", "/zones/example.org/keys", json!({"private": "x", "role": "zsk"})).expect(403);
    let other = house
        .new_token(vec![Grant { zones: vec!["example.net".parse().expect("a pattern")], ..Grant::of(&[Verb::Read]) }]);
    house.by(&other, "GET", "/zones/example.org/keys", Value::Null).expect(404);
    let list = house.by(&other, "GET", "/dnssec", Value::Null).expect(200).json();
    assert_eq!(list, json!({"items": [], "next": null}));
}
