//! The history of queries over the API.

use std::path::Path;

use ::access::{Grant, Verb};
use dns::{Class, NameBuf, RType, Rcode};
use serde_json::{Value, json};
use server::answered::Source;
use server::record::ResponseRecord;
use server::transport::Transport;
use telemetry::history::{Limits, Writer};
use telemetry::{Decision, RequestId, Row};

use crate::house::House;

const START_US: u64 = 1_900_000_000_000_000;
const START_MS: u64 = START_US / 1000;
/// Rows that are written, one each second.
const ROWS: u64 = 250;

fn id(number: u64) -> RequestId {
    RequestId::new(START_US + number * 1_000_000, 7, number)
}

/// Every fifth query was for another name, of which every second by another client; the others came from the cache.
fn write(writer: &mut Writer) {
    let names: Vec<NameBuf> =
        ["WWW.example.org.", "ads,\\\"x.example.net."].iter().map(|text| text.parse().expect("a name")).collect();
    for number in 0..ROWS {
        let name = &names[usize::from(number % 5 == 0)];
        let mut response = vec![0, 7, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        response.extend_from_slice(name.as_wire());
        response.extend_from_slice(&[0, 28, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 192, 0, 2, 1]);
        let client = if number % 10 == 0 { "2001:db8::7" } else { "::ffff:192.0.2.7" };
        let record = ResponseRecord {
            time_us: START_US + number * 1_000_000,
            elapsed_us: 1500,
            client: (client.parse::<std::net::IpAddr>().expect("an address"), 5300).into(),
            transport: Transport::Udp,
            source: if number % 5 == 0 { Source::Resolver } else { Source::Cache },
            rcode: Rcode::NOERROR,
            security: None,
            apex_labels: None,
            upstream: (number % 5 == 0).then(|| ([9, 9, 9, 9], 53).into()),
            policy: None,
            query_len: 40,
            response_len: response.len() as u16,
            query: &[],
            response: &response,
        };
        let row = Row {
            id: id(number),
            question: Some((name, RType::AAAA, Class::IN)),
            record,
            decision: Decision::default(),
        };
        writer.push([row]);
    }
}

/// A server whose history has rows.
fn house(directory: &Path) -> (House, Writer) {
    let house = House::open();
    let limits = Limits { max_rows: 1600, max_days: 3650, max_bytes: 1 << 30 };
    let mut writer = Writer::open(directory, limits).expect("a store");
    write(&mut writer);
    house.queries.set(Some(writer.store().clone()));
    (house, writer)
}

struct Directory(std::path::PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        Directory(std::env::temp_dir().join(format!("headwater-queries-{name}-{}", std::process::id())))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn get(house: &House, path: &str) -> Value {
    house.call("GET", path, Value::Null).expect(200).json()
}

fn ids(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().expect("items");
    items.iter().map(|item| item["request_id"].as_str().expect("an identifier").to_owned()).collect()
}

#[test]
fn rows_are_found_page_by_page() {
    let directory = Directory::new("pages");
    let (house, _writer) = house(&directory.0);
    let row = get(&house, &format!("/queries/{}", id(5)));
    let want = json!({
        "timestamp": "2030-03-17T17:46:45.000Z", "request_id": id(5).to_string(), "client_ip": "192.0.2.7",
        "query_type": "AAAA", "domain": "ads,\\\"x.example.net", "response_code": "NOERROR", "response_time_ms": 1.5,
        "cache_hit": false, "upstream_server": "9.9.9.9", "response_data": ["192.0.2.1"], "transport": "udp",
        "source": "resolved", "refusal": null, "zone": null, "dnssec": null, "query_size": 40, "response_size": 52,
        "action": null, "policy": null, "group": null, "list": null, "rule": null,
    });
    assert_eq!(row, want);
    house.call("GET", &format!("/queries/{}", id(999)), Value::Null).expect(404);
    house.call("GET", "/queries/7", Value::Null).expect(400);

    let (mut all, mut path) = (Vec::new(), "/queries?limit=33".to_owned());
    loop {
        let answer = get(&house, &path);
        all.extend(ids(&answer));
        assert_eq!(answer["done"], answer["next"].is_null());
        let Some(next) = answer["next"].as_str() else { break };
        path = format!("/queries?limit=33&after={next}");
    }
    assert_eq!(all, (0..ROWS).rev().map(|number| id(number).to_string()).collect::<Vec<_>>());

    let (from, to) = (START_MS + 10_000, START_MS + 20_000);
    let answer = get(&house, &format!("/queries?filter=-cache:hit%20client:192.0.2.0/24&from={from}&to={to}"));
    assert_eq!(ids(&answer), [id(15).to_string()]);
    assert_eq!((&answer["done"], &answer["scanned_to_ms"]), (&json!(true), &json!(from)));
    for bad in ["?after=x", "?limit=0", "?limit=1001", "?from=x", "?colour=red"] {
        house.call("GET", &format!("/queries{bad}"), Value::Null).expect(400);
    }
    let problem = house.call("GET", "/queries?filter=www%20clint:1", Value::Null).expect(422).json();
    let error = &problem["errors"][0];
    assert_eq!((&error["parameter"], &error["offset"]), (&json!("filter"), &json!(4)));
    assert!(error["detail"].as_str().is_some_and(|detail| detail.starts_with("there is no key \"clint\"")));
}

#[test]
fn rows_are_counted() {
    let directory = Directory::new("counted");
    let (house, _writer) = house(&directory.0);
    let top = get(&house, "/queries/top?by=client");
    let want = json!([{"value": "192.0.2.7", "count": 225}, {"value": "2001:db8::7", "count": 25}]);
    assert_eq!((&top["items"], &top["rows"], &top["done"]), (&want, &json!(250), &json!(true)));
    let name = get(&house, "/queries/top?filter=-www")["items"][0]["value"].as_str().expect("a name").to_owned();
    let same = get(&house, &format!("/queries/top?by=type&filter=name:{}", encoded(&name)));
    assert_eq!(same["items"], json!([{"value": "AAAA", "count": 50}]), "a value is one of a filter: {name}");

    let groups = get(&house, "/queries/groups?by=client&limit=1");
    let (www, ads) = (&groups["items"][0]["groups"][0], &groups["items"][0]["groups"][1]);
    assert_eq!((&groups["items"][0]["value"], &groups["items"][0]["count"]), (&json!("192.0.2.7"), &json!(225)));
    assert_eq!(
        (&www["domain"], &www["count"], &www["source"]),
        (&json!("www.example.org"), &json!(200), &json!("cache"))
    );
    assert_eq!((&ads["count"], &ads["query_types"]), (&json!(25), &json!(["AAAA"])));
    assert_eq!(get(&house, "/queries/groups?by=name")["items"].as_array().map(Vec::len), Some(2));
    house.call("GET", "/queries/groups?by=type", Value::Null).expect(400);
    house.call("GET", "/queries/top?by=colour", Value::Null).expect(400);

    let suggest = |query: &str| get(&house, &format!("/queries/suggest?{query}"))["items"].clone();
    assert_eq!(suggest("prefix=c"), json!(["client", "code", "cache"]));
    assert_eq!(
        suggest("key=source&prefix=re"),
        json!(["resolved", "refused", "recursion_denied", "resolver_busy", "responses_limited"])
    );
    assert_eq!(suggest("key=name&prefix=WW"), json!(["www.example.org"]));
    house.call("GET", "/queries/suggest?key=colour", Value::Null).expect(400);
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    api::encode(text, &mut out);
    out
}

#[test]
fn rows_are_exported() {
    let directory = Directory::new("exported");
    let (house, _writer) = house(&directory.0);
    let lines = house.call("GET", "/queries/export?filter=-cache:hit", Value::Null).expect(200);
    assert!(lines.header("content-type").starts_with("application/jsonl"));
    let rows: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rows.len(), 50);
    assert_eq!(rows[0], get(&house, &format!("/queries/{}", id(245))));
    let csv = house.call("GET", "/queries/export?format=csv&filter=-cache:hit", Value::Null).expect(200);
    let lines: Vec<&str> = csv.text.split("\r\n").collect();
    assert_eq!(lines.len(), 52, "a line with names, fifty rows, the end");
    assert!(lines[0].starts_with("timestamp,request_id,client_ip,query_type,domain,"));
    assert!(lines[50].contains(",\"ads,\\\"\"x.example.net\",NOERROR,1.5,false,9.9.9.9,192.0.2.1,udp,resolved,"));
    house.call("GET", "/queries/export?format=xml", Value::Null).expect(400);
}

#[test]
fn logs_give_as_many_rows_as_configured() {
    let directory = Directory::new("logs");
    let (house, _writer) = house(&directory.0);
    let bearer = format!("Bearer {}", house.token);
    let logs = |query: &str| house.send("GET", &format!("/api/logs{query}"), &[("authorization", &bearer)], "");
    assert_eq!(ids(&logs("").expect(200).json()).len(), 100);
    assert_eq!(ids(&logs("?limit=2000&filter=cache:hit").expect(200).json()).len(), 200);
    logs("?limit=10001").expect(400);
}

#[test]
fn only_who_may_read_logs_does() {
    let directory = Directory::new("who");
    let (house, _writer) = house(&directory.0);
    let viewer = house.new_token(vec![Grant::of(&[Verb::Read])]);
    let auditor = house.new_token(vec![Grant::of(&[Verb::ReadLogs])]);
    let one = format!("/queries/{}", id(1));
    for path in ["/queries", "/queries/groups", "/queries/top", "/queries/suggest", "/queries/export", one.as_str()] {
        house.by(&viewer, "GET", path, Value::Null).expect(403);
        house.by(&auditor, "GET", path, Value::Null).expect(200);
    }
    house.send("GET", "/api/logs", &[], "").expect(401);
    house.queries.set(None);
    for path in ["/queries", "/queries/export", one.as_str()] {
        house.by(&auditor, "GET", path, Value::Null).expect(404);
    }
}

#[test]
fn a_list_is_tried_on_the_queries_of_the_past() {
    let directory = Directory::new("simulate");
    let (house, _writer) = house(&directory.0);
    let (mut body, mut queries, mut rows) = (json!({"text": "||example.org^\n@@||net^\n", "days": 2}), 0, 0);
    loop {
        let answer = house.call("POST", "/blocking/simulate", body.clone()).expect(200).json();
        queries += answer["queries"].as_u64().expect("a number");
        rows += answer["rows"].as_u64().expect("a number");
        assert!(
            answer["top"].as_array().expect("names").iter().all(|top| top["name"] == "www.example.org"),
            "{answer}"
        );
        assert_eq!((&answer["already_blocked"], &answer["list_names"]), (&json!(0), &json!(2)), "{answer}");
        if answer["done"] == true {
            break;
        }
        body["after"] = answer["next"].clone();
    }
    assert_eq!((rows, queries), (ROWS, ROWS / 5 * 4));
    house.call("POST", "/blocking/simulate", json!({"list": "none"})).expect(404);
    house.call("POST", "/blocking/simulate", json!({"text": "a", "list": "b", "days": 32})).expect(422);
}
