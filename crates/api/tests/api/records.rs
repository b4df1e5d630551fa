//! Zones and RRsets.

use access::{Grant, Verb};
use serde_json::{Value, json};

use super::house::House;

fn house_with_zone() -> House {
    let house = House::open();
    house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    house
}

#[test]
fn a_new_zone_has_what_it_needs() {
    let house = House::open();
    let made = house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    assert_eq!(made.header("location"), "/api/v1/zones/example.org.");
    assert_eq!(made.header("etag"), "\"1\"");
    assert_eq!(made.json()["settings"]["kind"], "primary");
    let soa = house.call("GET", "/zones/example.org/rrsets/@/SOA", Value::Null).expect(200).json();
    assert_eq!(soa["records"][0]["mname"], "ns1.example.net.");
    assert_eq!(soa["records"][0]["rname"], "hostmaster.example.org.");
    let ns = house.call("GET", "/zones/example.org/rrsets/@/NS", Value::Null).expect(200).json();
    assert_eq!(ns["records"], json!([{"host": "ns1.example.net."}]));
    house.call("POST", "/zones", json!({"name": "Example.ORG."})).expect(409);
    let reply = house.call("POST", "/zones", json!({"name": "a..b"})).expect(422);
    assert_eq!(reply.json()["errors"][0]["pointer"], "/name");
    let reply =
        house.call("POST", "/zones", json!({"name": "x.org", "allow_query": ["192.0.2.0/24", "nonsense"]})).expect(422);
    assert_eq!(reply.json()["errors"][0]["pointer"], "/allow_query/1");
    house.call("POST", "/zones", json!({"name": "s.org", "kind": "secondary"})).expect(422);
    let body = json!({"name": "s.org", "kind": "secondary", "primaries": ["192.0.2.1"]});
    assert_eq!(house.call("POST", "/zones", body).expect(201).json()["state"], "waiting");
    house.call("PUT", "/zones/s.org/rrsets/a/A", json!({"records": ["192.0.2.1"]})).expect(409);
    house.call("POST", "/zones/s.org/retransfer", Value::Null).expect(202);
    house.call("POST", "/zones/example.org/retransfer", Value::Null).expect(409);
    house.call("DELETE", "/zones/example.org", Value::Null).expect(200);
    house.call("GET", "/zones/example.org", Value::Null).expect(404);
}

#[test]
fn an_rrset_is_put_patched_and_deleted() {
    let house = house_with_zone();
    let path = "/zones/example.org/rrsets/www/A";
    let put = json!({"ttl": 300, "records": [{"address": "192.0.2.1"}, "192.0.2.2"]});
    let done = house.call("PUT", path, put.clone()).expect(200);
    assert_eq!((done.header("etag"), &done.json()["change"]), ("\"2\"", &json!(2)));
    let again = house.call("PUT", path, put).expect(200).json();
    assert_eq!(again["change"], Value::Null, "nothing changed");
    house.call("PATCH", path, json!({"ttl": 60})).expect(200);
    house.call("PATCH", path, json!({"add": ["192.0.2.3"], "remove": [{"address": "192.0.2.1"}]})).expect(200);
    let got = house.call("GET", path, Value::Null).expect(200);
    assert_eq!(got.header("etag"), "\"4\"");
    let want = json!({"name": "www.example.org.", "type": "A", "ttl": 60,
        "records": [{"address": "192.0.2.2"}, {"address": "192.0.2.3"}]});
    assert_eq!(got.json(), want);
    house.with("GET", path, &[("if-none-match", "\"4\"")], Value::Null).expect(304);
    house.call("PATCH", path, json!({"remove": ["192.0.2.2", "192.0.2.3"]})).expect(200);
    house.call("GET", path, Value::Null).expect(404);
    house.call("DELETE", path, Value::Null).expect(404);
    house.call("PATCH", path, json!({"ttl": 60})).expect(404);
    house.call("PATCH", path, json!({"records": ["192.0.2.9"]})).expect(200);
    house.call("PUT", "/zones/example.org/rrsets/www/TXT", json!({"records": [{"text": ["a"]}]})).expect(200);
    let all = house.call("GET", "/zones/example.org/rrsets/www", Value::Null).expect(200).json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
    house.call("DELETE", "/zones/example.org/rrsets/www.example.org.", Value::Null).expect(200);
    house.call("GET", "/zones/example.org/rrsets/www", Value::Null).expect(404);
}

#[test]
fn a_list_of_changes_is_one_change() {
    let house = house_with_zone();
    let change = |changes: Value| house.call("PATCH", "/zones/example.org/rrsets", json!({"changes": changes}));
    let done = change(json!([
        {"op": "replace", "name": "a", "type": "A", "records": ["192.0.2.1"]},
        {"op": "add", "name": "a", "type": "A", "records": ["192.0.2.2"]},
        {"op": "remove", "name": "a", "type": "A", "records": ["192.0.2.1"]},
        {"op": "add", "name": "b", "type": "AAAA", "ttl": 5, "records": [{"address": "2001:db8::1"}]},
    ]));
    assert_eq!(
        done.expect(200).json()["zones"],
        json!([{"zone": "example.org.", "action": "edit", "from": 1, "to": 2}])
    );
    let a = house.call("GET", "/zones/example.org/rrsets/a/A", Value::Null).expect(200).json();
    assert_eq!(a["records"], json!([{"address": "192.0.2.2"}]));
    let bad = change(json!([{"op": "replace", "name": "c", "type": "A", "records": ["192.0.2.1"]},
        {"op": "replace", "name": "c", "type": "A", "records": [{"address": "192.0.2.1"}, {"address": "x"}]}]));
    assert_eq!(bad.expect(422).json()["errors"][0]["pointer"], "/changes/1/records/1/address");
    house.call("GET", "/zones/example.org/rrsets/c/A", Value::Null).expect(404);
    change(json!([{"op": "delete", "name": "a"}, {"op": "delete", "name": "b", "type": "AAAA"}])).expect(200);
    let left = house.call("GET", "/zones/example.org/rrsets", Value::Null).expect(200).json();
    assert_eq!(left["items"].as_array().map(Vec::len), Some(2), "SOA and NS: {left}");
    let invalid = change(json!([{"op": "delete", "name": "@", "type": "NS"}])).expect(422).json();
    assert!(invalid["errors"][0]["detail"].as_str().is_some_and(|text| text.contains("no NS")), "{invalid}");
}

#[test]
fn settings_change_alone() {
    let house = house_with_zone();
    house
        .call("PATCH", "/zones/example.org", json!({"notify": ["192.0.2.7"], "serial_policy": "unixtime"}))
        .expect(200);
    let zone = house.call("GET", "/zones/example.org", Value::Null).expect(200).json();
    assert_eq!(zone["settings"]["notify"], json!(["192.0.2.7"]));
    assert_eq!((&zone["settings"]["serial_policy"], &zone["serial"]), (&json!("unixtime"), &json!(1)));
    let told = house.call("POST", "/zones/example.org/notify", Value::Null).expect(202).json();
    assert_eq!(told["servers"], 1);
}

#[test]
fn a_zone_names_a_policy_that_there_is() {
    let house = house_with_zone();
    let policy = |zone: &str| {
        house.call("GET", &format!("/zones/{zone}"), Value::Null).expect(200).json()["settings"]["dnssec"].clone()
    };
    let patch = |body: Value| house.call("PATCH", "/zones/example.org", body);
    assert_eq!(policy("example.org"), "");
    let refused = patch(json!({"dnssec": "elsewhere"})).expect(422).json();
    let want = json!({
        "pointer": "/dnssec",
        "detail": "there is no policy `elsewhere` in dnssec.policies; there are: default, and `off`"
    });
    assert_eq!(refused["errors"], json!([want]), "{refused}");
    patch(json!({"dnssec": "default"})).expect(200);
    patch(json!({"notify": ["192.0.2.7"]})).expect(200);
    assert_eq!(policy("example.org"), "default", "what is left out stays");
    let mut dnssec = config::Config::default().dnssec;
    dnssec.policies.insert("short".to_owned(), Default::default());
    house.app.policy_names.set(&dnssec);
    house.call("POST", "/zones", json!({"name": "a.example", "dnssec": "short"})).expect(201);
    assert_eq!(policy("a.example"), "short");
    house.call("POST", "/zones", json!({"name": "b.example", "dnssec": "elsewhere"})).expect(422);
    let step = |policy: &str| json!({"zone": "example.org", "action": "configure", "settings": {"dnssec": policy}});
    let refused = house.call("POST", "/changesets", json!({"why": "", "zones": [step("none")]})).expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], "/zones/0/settings/dnssec", "{refused}");
    for (off, on) in [("off", "short"), ("", "default")] {
        patch(json!({"dnssec": on})).expect(200);
        house.call("POST", "/changesets", json!({"why": "", "zones": [step(off)]})).expect(200);
        assert_eq!(policy("example.org"), "", "{off:?}");
    }
}

/// A secondary may be signed here, or be validated as it comes, but not both.
#[test]
fn a_secondary_is_signed_or_validated() {
    let house = House::open();
    let secondary = |name: &str, more: Value| {
        let mut zone = json!({"name": name, "kind": "secondary", "primaries": ["192.0.2.1"]});
        zone.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        house.call("POST", "/zones", zone)
    };
    let made = secondary("a.example", json!({"dnssec": "default"})).expect(201).json();
    assert_eq!((&made["settings"]["dnssec"], &made["settings"]["dnssec_validate"]), (&json!("default"), &json!("off")));
    let made = secondary("b.example", json!({"dnssec_validate": "expire"})).expect(201).json();
    assert_eq!(made["settings"]["dnssec_validate"], "expire");
    house.call("PATCH", "/zones/b.example", json!({"dnssec_validate": "warn"})).expect(200);
    let zone = house.call("GET", "/zones/b.example", Value::Null).expect(200).json();
    assert_eq!(zone["settings"]["dnssec_validate"], "warn");
    let refused = secondary("c.example", json!({"dnssec": "default", "dnssec_validate": "warn"})).expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], "/dnssec_validate", "{refused}");
}

#[test]
fn lists_come_in_pages() {
    let house = House::open();
    let zones: Vec<Value> = (0..25).map(|n| json!({"zone": format!("z{n:02}.example"), "action": "create"})).collect();
    house.call("POST", "/changesets", json!({"why": "many", "zones": zones})).expect(200);
    let (mut path, mut names) = ("/zones?limit=10".to_owned(), Vec::new());
    loop {
        let page = house.call("GET", &path, Value::Null).expect(200);
        let items = page.json()["items"].as_array().cloned().expect("items");
        assert!(items.len() <= 10);
        names.extend(items.iter().map(|zone| zone["name"].as_str().expect("name").to_owned()));
        let Some(next) = page.header("link").strip_prefix("</api/v1").and_then(|link| link.split('>').next()) else {
            break;
        };
        path = next.to_owned();
    }
    assert_eq!(names.len(), 25);
    assert!(names.is_sorted());
    let changes: Vec<Value> = (0..30)
        .map(|n| json!({"op": "replace", "name": format!("h{n:02}"), "type": "A", "records": ["192.0.2.1"]}))
        .collect();
    house.call("PATCH", "/zones/z00.example/rrsets", json!({"changes": changes})).expect(200);
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let page = house.call("GET", &format!("/zones/z00.example/rrsets?type=A&limit=7{after}"), Value::Null);
        let page = page.expect(200).json();
        count += page["items"].as_array().map_or(0, Vec::len);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", next.replace('/', "%2F")),
            None => break,
        }
    }
    assert_eq!(count, 30);
    house.call("GET", "/zones?limit=0", Value::Null).expect(400);
    house.call("GET", "/zones?limit=x", Value::Null).expect(400);
    house.call("GET", "/zones?nope=1", Value::Null).expect(400);
}

#[test]
fn a_changeset_happens_as_a_whole_or_not_at_all() {
    let house = house_with_zone();
    let set = |zones: Value| house.call("POST", "/changesets", json!({"zones": zones}));
    set(json!([{"zone": "a.example", "action": "create"}, {"zone": "nope.example", "action": "delete"}])).expect(404);
    house.call("GET", "/zones/a.example", Value::Null).expect(404);
    let twice = set(json!([{"zone": "a.example", "action": "create"}, {"zone": "A.example.", "action": "delete"}]));
    assert_eq!(twice.expect(422).json()["errors"][0]["pointer"], "/zones/1/zone");
    let misplaced = set(json!([{"zone": "a.example", "action": "delete", "settings": {}}]));
    assert_eq!(misplaced.expect(422).json()["errors"][0]["pointer"], "/zones/0/settings");
    let deep = set(json!([{"zone": "a.example", "action": "create", "rrsets": [
        {"name": "www", "type": "A", "records": [{"adress": "192.0.2.1"}]}]}]));
    assert_eq!(deep.expect(422).json()["errors"][0]["pointer"], "/zones/0/rrsets/0/records/0/adress");
    set(json!([{"zone": "example.org", "action": "delete", "if_serial": 7}])).expect(412);
    let done = set(json!([
        {"zone": "a.example", "action": "create", "nameservers": ["ns.a.example.net"],
            "rrsets": [{"name": "www", "type": "A", "records": ["192.0.2.1"]}]},
        {"zone": "example.org", "action": "edit", "if_serial": 1,
            "changes": [{"op": "add", "name": "x", "type": "TXT", "records": ["hello"]}]},
    ]));
    assert_eq!(done.expect(200).json()["zones"].as_array().map(Vec::len), Some(2));
    let ns = house.call("GET", "/zones/a.example/rrsets/@/NS", Value::Null).expect(200).json();
    assert_eq!(ns["records"], json!([{"host": "ns.a.example.net."}]));
}

#[test]
fn zones_of_files_are_read_only() {
    let house = House::open();
    house.add_file_zone("file.example");
    assert_eq!(house.call("GET", "/zones/file.example", Value::Null).expect(200).json()["source"], "file");
    let why = house.call("DELETE", "/zones/file.example", Value::Null).expect(409).json();
    assert!(why["detail"].as_str().is_some_and(|text| text.contains("zone import")), "{why}");
    house.call("POST", "/zones", json!({"name": "file.example"})).expect(409);
}

#[test]
fn rights_go_down_to_owner_and_type() {
    let house = house_with_zone();
    let host = "www.example.org".parse::<dns::NameBuf>().expect("name");
    let token = house.new_token(vec![Grant::acme(&host).expect("grant")]);
    let body = json!({"records": [{"text": ["proof"]}]});
    let path = |rest: &str| format!("/zones/example.org/rrsets/{rest}");
    house.by(&token, "PUT", &path("_acme-challenge.www/TXT"), body.clone()).expect(200);
    house.by(&token, "PUT", &path("_acme-challenge.www/A"), json!({"records": ["192.0.2.1"]})).expect(403);
    house.by(&token, "PUT", &path("_acme-challenge.mail/TXT"), body.clone()).expect(403);
    house.by(&token, "DELETE", "/zones/example.org", Value::Null).expect(403);
    house.by(&token, "DELETE", &path("_acme-challenge.www"), Value::Null).expect(403);
    house.by(&token, "DELETE", &path("_acme-challenge.www/TXT"), Value::Null).expect(200);
    let other =
        house.new_token(vec![Grant { zones: vec!["other.org".parse().expect("pattern")], ..Grant::of(&Verb::ALL) }]);
    let hidden = house.by(&other, "GET", "/zones/example.org", Value::Null).expect(404).json();
    let absent = house.call("GET", "/zones/absent.org", Value::Null).expect(404).json();
    let text = |reply: &Value| {
        reply["detail"].as_str().expect("detail").replace("example.org", "X").replace("absent.org", "X")
    };
    assert_eq!(text(&hidden), text(&absent), "what one may not see is not there");
    let seen = house.by(&other, "GET", "/zones", Value::Null).expect(200).json();
    assert_eq!(seen["items"], json!([]));
    let create = house.new_token(vec![Grant::of(&[Verb::Create])]);
    house.by(&create, "PUT", &path("new/A"), json!({"records": ["192.0.2.1"]})).expect(200);
    house.by(&create, "PUT", &path("new/A"), json!({"records": ["192.0.2.2"]})).expect(403);
}

/// What users of other servers' APIs send: nothing of it is lost in silence.
#[test]
fn a_line_has_no_comments() {
    let house = house_with_zone();
    let put = |owner: &str, rtype: &str, record: &str| {
        house.call("PUT", &format!("/zones/example.org/rrsets/{owner}/{rtype}"), json!({"records": [record]}))
    };
    let refused = |owner: &str, rtype: &str, record: &str, column: u32| {
        let reply = put(owner, rtype, record).expect(422).json();
        assert_eq!(reply["errors"][0]["pointer"], "/records/0", "{reply}");
        assert_eq!(reply["errors"][0]["column"], column, "{reply}");
    };
    refused("a", "CAA", "0 issue letsencrypt.org; validationmethods=dns-01", 24);
    refused("a", "A", "192.0.2.1 ; note", 11);
    refused("a", "MX", "10 mail ;", 9);
    refused("a", "TXT", "\"v=DMARC1\" ; p=none", 12);
    refused("a", "TXT", "v=DMARC1 \"p=none\"", 10);
    house.call("GET", "/zones/example.org/rrsets/a", Value::Null).expect(404);
    put("_dmarc", "TXT", "v=DMARC1; p=none").expect(200);
    let got = house.call("GET", "/zones/example.org/rrsets/_dmarc/TXT", Value::Null).expect(200).json();
    assert_eq!(got["records"], json!([{"text": ["v=DMARC1; p=none"]}]));
    let changes = json!({"changes": [{"op": "add", "name": "a", "type": "A", "records": ["192.0.2.1 ; note"]}]});
    let reply = house.call("PATCH", "/zones/example.org/rrsets", changes).expect(422).json();
    assert_eq!(reply["errors"][0]["pointer"], "/changes/0/records/0");
    let body = json!({"name": "x.org", "rrsets": [{"name": "a", "type": "A", "records": ["192.0.2.1 ;"]}]});
    let reply = house.call("POST", "/zones", body).expect(422).json();
    assert_eq!(reply["errors"][0]["pointer"], "/rrsets/0/records/0");
}

#[test]
fn text_comes_back_as_it_was_sent() {
    let house = house_with_zone();
    let path = "/zones/example.org/rrsets/t/TXT";
    let records = json!([{"text": ["a\\b;\"\u{e9}\\000", ""]}]);
    house.call("PUT", path, json!({"records": records})).expect(200);
    assert_eq!(house.call("GET", path, Value::Null).expect(200).json()["records"], records);
    house.call("PUT", path, json!({"records": [{"text": ["x".repeat(300)]}]})).expect(200);
    let got = house.call("GET", path, Value::Null).expect(200).json();
    assert_eq!(got["records"][0]["text"], json!(["x".repeat(255), "x".repeat(45)]));
}

#[test]
fn names_in_unicode() {
    let house = House::open();
    let made = house.call("POST", "/zones", json!({"name": "b\u{fc}cher.test"})).expect(201).json();
    assert_eq!((&made["name"], &made["unicode"]), (&json!("xn--bcher-kva.test."), &json!("b\u{fc}cher.test.")));
    let records = json!([{"preference": 10, "exchange": "m\u{fc}ll.b\u{fc}cher.test"}, "20 m\u{fc}ll"]);
    let path = "/zones/b%C3%BCcher.test/rrsets/stra%C3%9Fe/MX";
    house.call("PUT", path, json!({"records": records})).expect(200);
    let got = house.call("GET", path, Value::Null).expect(200).json();
    assert_eq!(got["name"], "xn--strae-oqa.xn--bcher-kva.test.");
    assert_eq!(got["unicode"], "stra\u{df}e.b\u{fc}cher.test.");
    assert_eq!(got["records"][0]["exchange"], "xn--mll-hoa.xn--bcher-kva.test.");
    assert_eq!(got["records"][1]["exchange"], "xn--mll-hoa.xn--bcher-kva.test.");
    assert!(house.call("GET", "/zones", Value::Null).expect(200).json()["items"][0]["unicode"].is_string());
}

#[test]
fn a_relative_target_is_pointed_out() {
    let house = house_with_zone();
    let path = "/zones/example.org/rrsets/@/MX";
    let done = house.call("PUT", path, json!({"records": ["10 aspmx.l.google.com"]})).expect(200).json();
    assert_eq!(done["warnings"][0]["name"], "example.org.");
    let detail = done["warnings"][0]["detail"].as_str().expect("text");
    assert!(detail.contains("relative to example.org."), "{detail}");
    let whole = json!({"records": ["10 aspmx.l.google.com."]});
    assert_eq!(house.call("PUT", path, whole).expect(200).json()["warnings"], json!([]));
    let set = json!({"zones": [{"zone": "example.org", "action": "edit", "changes": [
        {"op": "add", "name": "w", "type": "CNAME", "records": ["www.example.net"]}]}]});
    let done = house.call("POST", "/changesets", set).expect(200).json();
    assert_eq!(
        (&done["warnings"][0]["name"], &done["warnings"][0]["type"]),
        (&json!("w.example.org."), &json!("CNAME"))
    );
    let body = json!({"name": "x.org", "rrsets": [{"name": "w", "type": "CNAME", "records": ["www.example.net"]}]});
    let made = house.call("POST", "/zones", body).expect(201).json();
    assert_eq!(made["warnings"].as_array().map(Vec::len), Some(1), "{made}");
}

#[test]
fn records_keep_the_rules_of_their_type() {
    let house = house_with_zone();
    let put = |rtype: &str, record: Value| {
        house.call("PUT", &format!("/zones/example.org/rrsets/a/{rtype}"), json!({"records": [record]}))
    };
    for (rtype, record) in [
        ("DS", json!("1 8 2 00")),
        ("DS", json!({"key_tag": 1, "algorithm": 8, "digest_type": 1, "digest": "00"})),
        ("SSHFP", json!("1 2 00")),
        ("TLSA", json!({"usage": 3, "selector": 1, "matching_type": 1, "certificate": "AB"})),
        ("HTTPS", json!({"priority": 1, "target": ".", "params": {"no-default-alpn": true}})),
        ("TYPE43", json!({"data": "0001080200"})),
    ] {
        let reply = put(rtype, record.clone()).expect(422).json();
        assert_eq!(reply["errors"][0]["pointer"], "/records/0", "{record}: {reply}");
        assert!(reply["detail"].as_str().is_some_and(|detail| detail.contains("RFC")), "{reply}");
    }
    let text = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\na SSHFP 1 1 00\n";
    let bearer = format!("Bearer {}", house.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "text/dns")];
    let reply = house.send("POST", "/api/v1/zones/example.org/import", &headers, text).expect(422).json();
    assert_eq!((&reply["errors"][0]["line"], &reply["errors"][0]["column"]), (&json!(5), &json!(9)), "{reply}");
}
