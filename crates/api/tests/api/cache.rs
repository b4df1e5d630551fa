//! The cache and explanations over the API, with a resolver that knows one name.

use std::sync::Arc;

use access::{Grant, Verb};
use dns::{NameBuf, NameHasher, RType, Rcode};
use node::lookups::{Explain, Lookup};
use resolver::anchors::Anchors;
use resolver::cache::{CacheSettings, NewEntry, NewNegative, NewPositive, Rank};
use resolver::outcome::Timed;
use resolver::resolve::Shared;
use resolver::security::Reason;
use resolver::trace::{Stamped, Step};
use resolver::{Outcome, Question, Rrset, Security, Settings};
use serde_json::{Value, json};
use server::clock::Clock;
use server::recursion::Explained;

use super::house::House;

/// Knows the address of `www.example.`; everything else fails.
struct OneName;

impl Explain for OneName {
    fn explain(&self, question: Question, checking_disabled: bool, explained: Explained) {
        let step = |at_us, depth, step| Stamped { at_us, depth, step };
        let (server, known) = ("192.0.2.53:53".parse().expect("address"), name("www.example."));
        let mut steps = vec![step(1000, 0, Step::Begin(question.clone())), step(1100, 0, Step::Zone(name("example.")))];
        steps.push(step(
            4000,
            0,
            Step::Exchange {
                server,
                server_name: Some(name("ns.example.")),
                transport: "udp",
                question: question.clone(),
                elapsed_us: 2900,
                result: "answer".into(),
                rcode: Some(Rcode::NOERROR),
            },
        ));
        let outcome = match question.name == known && !checking_disabled {
            true => {
                let rrset = Rrset::new(known, RType::A, 60).with(&[192, 0, 2, 1]);
                let answers = vec![Timed { rrset: Arc::new(rrset), ttl: 60 }];
                Outcome { answers, server: Some(server), ..Outcome::empty(Rcode::NOERROR, Security::Insecure) }
            }
            false => Outcome::failure(Reason::new(22, "nobody answers")),
        };
        steps.push(step(5000, 0, Step::End { rcode: outcome.rcode, security: outcome.security }));
        explained(Arc::new(outcome), steps);
    }
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

/// A server with something in its cache.
fn house() -> (House, Lookup) {
    let house = House::open();
    let (settings, hasher) = (Settings::default(), NameHasher::new(5));
    let shared = Shared::new(settings, CacheSettings::default(), Anchors::default(), hasher, 7);
    let lookup = Lookup { shared, resolver: Arc::new(OneName), clock: Clock::Monotonic };
    for (owner, rtype, rdata) in [
        ("a.example.", RType::A, &[192, 0, 2, 1][..]),
        ("a.example.", RType::AAAA, &[0; 16]),
        ("b.a.example.", RType::A, &[192, 0, 2, 2]),
        ("other.", RType::A, &[192, 0, 2, 3]),
    ] {
        let rrset = Rrset::new(name(owner), rtype, 300).with(rdata);
        let (rank, security, proofs) = (Rank::AuthoritativeAnswer, Security::Secure, &[][..]);
        let origin = Some([192, 0, 2, 53].into());
        let entry = NewPositive { rrset: &rrset, rank, security, proofs, origin, reason: None };
        lookup.shared.cache.insert(lookup.now_ms(), NewEntry::Positive(entry));
    }
    let missing = name("missing.example.");
    let negative = NewNegative {
        name: &missing,
        rtype: None,
        soa: None,
        proofs: &[],
        rank: Rank::AuthorityData,
        security: Security::Bogus,
        origin: None,
        reason: Some(&Reason::new(12, "no NSEC")),
    };
    lookup.shared.cache.insert(lookup.now_ms(), NewEntry::Negative(negative));
    house.lookups.set(Some(lookup.clone()));
    (house, lookup)
}

/// Names and types of a page.
fn rows(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| format!("{} {}", item["name"].as_str().unwrap_or("-"), item["type"])).collect()
}

#[test]
fn entries_are_listed_by_name() {
    let (house, _lookup) = house();
    let list = |query: &str| house.call("GET", &format!("/cache{query}"), Value::Null).expect(200).json();
    let all = list("");
    let want =
        ["a.example. \"A\"", "a.example. \"AAAA\"", "b.a.example. \"A\"", "missing.example. null", "other. \"A\""];
    assert_eq!((rows(&all), &all["next"]), (want.map(str::to_owned).to_vec(), &Value::Null));
    let missing = &all["items"][3];
    assert_eq!((&missing["kind"], &missing["security"]), (&json!("nxdomain"), &json!("bogus")));
    assert_eq!(missing["reason"], json!({"code": 12, "name": "NSEC Missing", "text": "no NSEC"}));
    let first = &all["items"][0];
    assert_eq!((&first["ttl"], &first["origin"], &first["hits"]), (&json!(300), &json!("192.0.2.53"), &json!(0)));
    let page = list("?limit=1");
    assert_eq!(
        (rows(&page), &page["next"]),
        (want[..2].iter().map(ToString::to_string).collect(), &json!("a.example."))
    );
    assert_eq!(rows(&list("?limit=2&after=a.example.")).len(), 2);
    assert_eq!(rows(&list("?name=A.example")).len(), 2);
    assert_eq!(rows(&list("?name=example")).len(), 0);
    assert_eq!(rows(&list("?name=example&subtree=true")).len(), 4);
    assert_eq!(rows(&list("?name=a.example&subtree=true&type=a")).len(), 2);
    for bad in ["?limit=0", "?name=a..b", "?type=x", "?after=a..b", "?more=1"] {
        house.call("GET", &format!("/cache{bad}"), Value::Null).expect(400);
    }
}

#[test]
fn entries_can_be_taken_out() {
    let (house, lookup) = house();
    let flush = |query: &str| {
        let reply = house.call("DELETE", &format!("/cache{query}"), Value::Null).expect(200).json();
        reply["flushed"].as_u64().expect("a number")
    };
    assert_eq!(flush("?name=a.example&type=AAAA"), 1);
    assert_eq!(flush("?name=a.example"), 1);
    assert_eq!(flush("?name=a.example"), 0);
    assert_eq!(flush("?name=example&subtree=true"), 2);
    assert_eq!(flush("?all=true"), 1);
    let stats = house.call("GET", "/cache/stats", Value::Null).expect(200).json();
    assert_eq!((&stats["entries"], &stats["flushed"]), (&json!(0), &json!(5)));
    assert_eq!(stats["types"].as_array().map(Vec::len), Some(16));
    assert_eq!(lookup.shared.cache.stats().entries, 0);
    // The short paths.
    let bearer = format!("Bearer {}", house.token);
    let headers = [("authorization", bearer.as_str())];
    house.send("GET", "/api/cache/stats", &headers, "").expect(200);
    house.send("POST", "/api/cache/flush", &[], "").expect(401);
}

/// Whatever the request says, only `all` takes out everything.
#[test]
fn a_flush_takes_out_what_it_says() {
    for (body, left) in [
        (json!({"name": "a.example"}), 3),
        (json!({"name": "a.example", "subtree": true}), 2),
        (json!({"name": "a.example", "type": "AAAA"}), 4),
        (json!({"name": "example", "type": "A", "subtree": true}), 2),
        (json!({"type": "AAAA"}), 3),
        (json!({"type": "A", "subtree": true}), 1),
        (json!({"name": "x"}), 5),
        (json!({"all": true}), 0),
    ] {
        for path in ["/api/cache/flush", "/api/v1/cache/flush"] {
            let (house, lookup) = house();
            let bearer = format!("Bearer {}", house.token);
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let flushed = house.send("POST", path, &headers, &body.to_string()).expect(200).json();
            assert_eq!(lookup.shared.cache.stats().entries, left, "{body}");
            assert_eq!(flushed["flushed"], json!(5 - left), "{body}");
        }
    }
    let (house, lookup) = house();
    let bearer = format!("Bearer {}", house.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for bad in [
        "{}",
        "{\"nam\": \"x\"}",
        "{\"name\": \"a.example\", \"more\": 1}",
        "{\"name\": 7}",
        "{\"name\": \"a..b\"}",
        "{\"name\": null}",
        "{\"type\": \"NOPE\"}",
        "{\"subtree\": true}",
        "{\"subtree\": \"yes\"}",
        "{\"all\": false}",
        "{\"all\": 1}",
        "{\"all\": true, \"name\": \"a.example\"}",
        "{\"all\": true, \"subtree\": true}",
        "[]",
        "\"all\"",
        "null",
    ] {
        house.send("POST", "/api/cache/flush", &headers, bad).expect(422);
    }
    house.send("POST", "/api/cache/flush", &headers, "").expect(422);
    house.send("POST", "/api/cache/flush", &headers[..1], "").expect(422);
    house.send("POST", "/api/cache/flush", &headers, "{").expect(400);
    house.send("POST", "/api/v1/cache/flush?name=a.example", &headers, "{\"all\": true}").expect(400);
    for bad in ["", "?subtree=true", "?all=false", "?all=true&name=a", "?nam=x"] {
        house.call("DELETE", &format!("/cache{bad}"), Value::Null).expect(400);
    }
    // A body says nothing there.
    house.send("DELETE", "/api/v1/cache?all=true", &headers, "{\"name\": \"x\"}").expect(422);
    assert_eq!(lookup.shared.cache.stats().entries, 5);
}

#[test]
fn who_may() {
    let (house, _lookup) = house();
    let reader = house.new_token(vec![Grant::of(&[Verb::Read])]);
    house.by(&reader, "GET", "/cache", Value::Null).expect(200);
    house.by(&reader, "GET", "/explain?name=www.example", Value::Null).expect(200);
    house.by(&reader, "DELETE", "/cache", Value::Null).expect(403);
    house.by(&reader, "POST", "/cache/warm", json!({"questions": []})).expect(403);
    let grant = Grant { zones: vec!["example.".parse().expect("pattern")], ..Grant::of(&Verb::ALL) };
    let owner = house.new_token(vec![grant]);
    house.by(&owner, "GET", "/cache", Value::Null).expect(403);
    house.lookups.set(None);
    house.call("GET", "/cache", Value::Null).expect(404);
    house.call("GET", "/explain?name=www.example", Value::Null).expect(404);
}

#[test]
fn answers_are_explained() {
    let (house, _lookup) = house();
    let explained = house.call("GET", "/explain?name=www.example&type=A", Value::Null).expect(200).json();
    assert_eq!((&explained["answered_by"], &explained["zone"]), (&json!("servers"), &json!("example.")));
    assert_eq!((&explained["rcode"], &explained["elapsed_us"]), (&json!("NOERROR"), &json!(4000)));
    let record = json!({"name": "www.example.", "type": "A", "ttl": 60, "data": "192.0.2.1"});
    assert_eq!(explained["answers"], json!([record]));
    let exchange = json!({
        "at_us": 3000, "depth": 0, "step": "exchange", "name": "www.example.", "type": "A", "server": "192.0.2.53:53",
        "server_name": "ns.example.", "transport": "udp", "elapsed_us": 2900, "result": "answer", "rcode": "NOERROR",
    });
    assert_eq!(explained["steps"][2], exchange);
    let failed = house.call("GET", "/explain?name=www.example&checking_disabled=true", Value::Null).expect(200).json();
    assert_eq!(failed["reason"], json!({"code": 22, "name": "No Reachable Authority", "text": "nobody answers"}));
    house.call("GET", "/explain?name=a..b", Value::Null).expect(400);
    house.call("GET", "/explain?name=a&type=x", Value::Null).expect(400);
    house.call("GET", "/explain", Value::Null).expect(400);
}

#[test]
fn questions_are_resolved_ahead() {
    let (house, lookup) = house();
    for _ in 0..3 {
        assert!(lookup.shared.cache.lookup(lookup.now_ms(), &name("other."), RType::A, dns::Name::root()).is_some());
    }
    let popular = house.call("GET", "/cache/warm?limit=5", Value::Null).expect(200).json();
    assert_eq!(popular["items"], json!([{"name": "other.", "type": "A", "hits": 3}]));
    let questions = json!({"questions": [{"name": "www.example"}, {"name": "other", "type": "MX"}]});
    let warmed = house.call("POST", "/cache/warm", questions).expect(200).json();
    assert_eq!(warmed, json!({"resolved": 1, "failed": 1}));
    let bad = json!({"questions": [{"name": "a..b"}, {"name": "a", "type": "x"}]});
    let bad = house.call("POST", "/cache/warm", bad).expect(422).json();
    let pointers: Vec<&str> =
        bad["errors"].as_array().expect("errors").iter().filter_map(|e| e["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/questions/0/name", "/questions/1/type"]);
    let many: Vec<Value> = (0..1001).map(|_| json!({"name": "a"})).collect();
    house.call("POST", "/cache/warm", json!({ "questions": many })).expect(422);
}
