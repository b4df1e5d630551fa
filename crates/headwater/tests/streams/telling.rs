//! Outsiders hear of every change, in order: by a topic, and by webhook.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use journal_kafka::records::Record;
use serde_json::Value;

use crate::common::{Scratch, until};
use crate::node::{self, ZONE};
use crate::{PATIENCE, Site};

/// Changes of the test with kills.
const CHANGES: usize = 40;
/// Requests that a receiver refuses before it takes them.
const REFUSED: usize = 2;

fn with_zone(more: &str) -> String {
    more.to_owned() + &node::config(&(node::journal_zone(ZONE) + &node::journal_zone("other.test.")))
}

#[test]
fn a_topic_has_every_change_in_order() {
    let config = |address: &str| {
        with_zone(&format!("change_events: {{ brokers: ['{address}'], topic: events, zones: ['{ZONE}'] }}\n"))
    };
    let Some(mut site) = Site::start("streams-events", 1, config) else { return };
    for number in 0..CHANGES {
        assert_eq!(node::add_text(&site.server, &format!("n{number}"), &format!("text {number}")), 0);
        if number % 15 == 14 {
            site.kill_and_restart();
        }
        if number == CHANGES / 2 {
            site.broker.kill();
            assert_eq!(node::add_text(&site.server, "away", "x"), 0);
            site.broker.restart();
        }
    }
    // The last one is there when all are.
    let is_last = |record: &Record| {
        let value = record.value.as_deref().unwrap_or_default();
        String::from_utf8_lossy(value).contains(&format!("text {}", CHANGES - 1))
    };
    let seen = site.messages("events", |found| found.iter().any(is_last));
    let events: Vec<Value> = seen
        .iter()
        .map(|record| serde_json::from_slice(record.value.as_deref().unwrap_or_default()).expect("JSON"))
        .collect();
    // Some may come twice after a kill; what is new comes in order.
    let mut ids: BTreeSet<u64> = BTreeSet::new();
    for event in &events {
        let id = event["id"].as_u64().expect("a number");
        assert!(ids.contains(&id) || ids.last().is_none_or(|last| *last < id), "{id} after {ids:?}");
        ids.insert(id);
    }
    for number in 0..CHANGES {
        let line = format!("n{number}.{ZONE} 300 IN TXT \"text {number}\"");
        let told =
            events.iter().find(|event| event["zones"][0]["added"].to_string().contains(&line.replace('"', "\\\"")));
        let told = told.unwrap_or_else(|| panic!("no {line} in {events:#?}"));
        assert!(told["version"] == 1 && told["who"].as_str().is_some_and(|who| who.starts_with("update:")), "{told}");
        let zone = &told["zones"][0];
        assert!(zone["zone"] == ZONE && zone["action"] == "edit" && zone["truncated"] == false, "{told}");
        assert!(zone["from"].as_u64() < zone["to"].as_u64(), "{told}");
        assert!(zone["removed"].to_string().contains(" SOA "), "{told}");
    }
    println!("{CHANGES} changes, {} messages", events.len());
    node::stop(site.server);
}

/// Heads and bodies of requests.
type Requests = Arc<Mutex<Vec<(String, String)>>>;

/// Takes requests on a port of 127.0.0.1, and refuses the first ones.
fn receiver() -> (u16, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let requests = Requests::default();
    let taken = requests.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
            let (mut head, mut out) = (String::new(), stream);
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let head = head.to_lowercase();
            let length = header(&head, "content-length").parse().unwrap_or(0);
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the body");
            let mut requests = taken.lock().expect("no panic");
            requests.push((head, String::from_utf8(body).expect("text")));
            let status = if requests.len() <= REFUSED { "503 Later" } else { "204 No Content" };
            let _ = write!(out, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (port, requests)
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let value = |line: &'h str| line.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    head.lines().find_map(value).unwrap_or_default()
}

#[test]
fn a_webhook_is_signed_and_comes_again_until_it_is_taken() {
    let (port, requests) = receiver();
    let scratch = Scratch::new("streams-webhook");
    scratch.write("secret", "s3cret\n");
    scratch.write(
        "headwater.yaml",
        &with_zone(&format!(
            "webhooks: [{{ name: w, url: 'http://127.0.0.1:{port}/x', secret_file: secret, zones: ['{ZONE}'] }}]\n\
             alerts: {{ built_in: false, allow_internal: [127.0.0.1] }}\n"
        )),
    );
    let server = node::start(&scratch);
    for number in 0..3 {
        assert_eq!(node::add_text(&server, &format!("n{number}"), &format!("text {number}")), 0);
    }
    let took = until(PATIENCE, || (requests.lock().expect("no panic").len() >= REFUSED + 3).then_some(()));
    assert!(took.is_some(), "{}", server.process.log());
    let requests = requests.lock().expect("no panic").clone();
    let ids: Vec<&str> = requests.iter().map(|(head, _)| header(head, "x-headwater-change")).collect();
    assert!(ids[..=REFUSED].iter().all(|id| *id == ids[0]), "{ids:?}");
    let numbers: Vec<u64> = ids[REFUSED..].iter().map(|id| id.parse().expect("a number")).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    for (number, (head, body)) in requests[REFUSED..].iter().enumerate() {
        let signed = format!("{}.{body}", header(head, "x-headwater-timestamp"));
        let digest = dnssec::digest::hmac_sha256(b"s3cret", signed.as_bytes());
        let digest: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(header(head, "x-headwater-signature"), format!("sha256={digest}"));
        let event: Value = serde_json::from_str(body).expect("JSON");
        assert!(event["zones"][0]["added"].to_string().contains(&format!("text {number}")), "{event}");
    }
    assert!(!server.process.log().contains("s3cret"));
    node::stop(server);
}
