//! What is in a topic is answered; what is wrong there is told; nothing counts twice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dns::RType;
use journal_kafka::records::{Outgoing, RecordWriter};
use serde_json::{Value, json};

use crate::common::Random;
use crate::node::{self, ZONE};
use crate::{PATIENCE, Site};

/// Names that the test under load sets again and again.
const NAMES: u64 = 7;
/// How often it kills the server.
const KILLS: u64 = 4;
/// Messages of the test of speed.
const MANY: usize = 20_000;

/// A server that takes over the topic `records`.
fn config(address: &str) -> String {
    let ingest = format!(
        "ingest: [{{ name: others, brokers: ['{address}'], topic: records, dead_letter_topic: rejected, \
         zones: ['{ZONE}', open.test.], types: [A, AAAA, TXT, CNAME, MX, NS] }}]\n"
    );
    let zones = node::journal_zone(ZONE) + &node::journal_zone("open.test.") + &node::journal_zone("closed.test.");
    ingest + &node::config(&zones)
}

/// The console producer that comes with Kafka writes these lines: key, tab, value; `NULL` is a tombstone.
fn produce(site: &Site, lines: &str) {
    let properties = ["parse.key=true", "key.separator=\t", "null.marker=NULL"];
    let mut args = vec!["--topic", "records"];
    properties.iter().for_each(|property| args.extend(["--reader-property", property]));
    site.broker.tool("org.apache.kafka.tools.ConsoleProducer", &args, lines.as_bytes());
}

#[test]
fn what_a_console_producer_writes_is_answered_and_what_is_wrong_is_in_the_dead_letter_topic() {
    let Some(mut site) = Site::start("streams-console", 3, config) else { return };
    produce(
        &site,
        "www.crash.test.|A\t[{\"name\":\"www.crash.test.\",\"ttl\":300,\"type\":\"A\",\"content\":\"192.0.2.1\"}]\n\
         *.wild.crash.test.|TXT\t[{\"Content\":\"anything\",\"Ttl\":60,\"Priority\":0}]\n\
         mail.open.test.|MX\t[{\"content\":\"mx.open.test.\",\"ttl\":\"60\",\"priority\":10}]\n\
         gone.crash.test.|A\t[{\"content\":\"192.0.2.9\"}]\n",
    );
    site.wait_for("www.crash.test.", RType::A, "192.0.2.1");
    site.wait_for("x.wild.crash.test.", RType::TXT, "\"anything\"");
    site.wait_for("mail.open.test.", RType::MX, "10 mx.open.test.");
    site.wait_for("gone.crash.test.", RType::A, "192.0.2.9");
    produce(
        &site,
        "gone.crash.test.|A\tNULL\nwww.crash.test.|A\t[{\"content\":\"192.0.2.2\"},{\"content\":\"192.0.2.3\"}]\n",
    );
    site.wait_for("gone.crash.test.", RType::A, "NXDOMAIN");
    site.wait_for("www.crash.test.", RType::A, "192.0.2.2 192.0.2.3");

    // Good ones among bad ones count.
    let bad = [
        ("www.nowhere.test.|A", "[{\"content\":\"192.0.2.1\"}]", "there is no zone here"),
        ("www.closed.test.|A", "[{\"content\":\"192.0.2.1\"}]", "may not update A at www.closed.test."),
        ("www.crash.test.|SRV", "[{\"content\":\"0 0 53 x.\"}]", "no grant for this type"),
        ("www.crash.test.|A", "{ no JSON", "no JSON"),
        ("www.crash.test.|NOTYPE", "[]", "no record type"),
        ("www.crash.test.|A", "[{\"content\":\"192.0.2.999\"}]", "no A data"),
        // What stands beside a CNAME, which only the checks of zones know.
        ("www.crash.test.|CNAME", "[{\"content\":\"other.crash.test.\"}]", "CNAME"),
    ];
    let mut lines = String::new();
    for (n, (key, value, _)) in bad.iter().enumerate() {
        lines += &format!("{key}\t{value}\ngood{n}.crash.test.|A\t[{{\"content\":\"192.0.2.{n}\"}}]\n");
    }
    produce(&site, &lines);
    for n in 0..bad.len() {
        site.wait_for(&format!("good{n}.crash.test."), RType::A, &format!("192.0.2.{n}"));
    }
    let letters: Vec<Value> = site
        .messages("rejected", |found| found.len() >= bad.len())
        .iter()
        .map(|record| serde_json::from_slice(record.value.as_deref().unwrap_or_default()).expect("JSON"))
        .collect();
    for (key, value, reason) in bad {
        let is_it = |letter: &&Value| letter["key"] == key && letter["value"] == value;
        let letter = letters.iter().find(is_it).unwrap_or_else(|| panic!("no {key} in {letters:?}"));
        assert!(letter["reason"].as_str().is_some_and(|said| said.contains(reason)), "{letter}");
        assert!(letter["topic"] == "records" && letter["offset"].is_u64() && letter["partition"].is_u64(), "{letter}");
    }
    assert_eq!(letters.len(), bad.len(), "each once: {letters:?}");
    site.wait_for("www.crash.test.", RType::A, "192.0.2.2 192.0.2.3");
    site.wait_for_health("ingest", "7 messages were not taken over");
    // A restart begins behind all that.
    site.kill_and_restart();
    produce(&site, "last.crash.test.|TXT\t[{\"content\":\"x\"}]\n");
    site.wait_for("last.crash.test.", RType::TXT, "\"x\"");
    site.wait_for_health("ingest", "1 streams, 0 messages wait");
    assert!(!site.server.process.log().contains("not taken over"), "{}", site.server.process.log());
    node::stop(site.server);
}

fn text(name: u64, number: u64) -> Outgoing {
    let value = json!([{ "content": number.to_string(), "ttl": 60 }]).to_string();
    Outgoing { key: Some(format!("n{name}.{ZONE}|TXT").into_bytes()), value: value.into_bytes() }
}

/// The offsets that the changes of the stream say they are made of, in the order of the changes.
fn taken_over(site: &Site) -> Vec<(i64, i64)> {
    let lines = site.run(&["zone", "history", ZONE, "--json", "--limit", "100000"]);
    let changes = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let of_stream = changes.filter(|change| change["who"] == "ingest:others");
    let mut ranges: Vec<(i64, i64)> = of_stream
        .map(|change| {
            let why = change["why"].as_str().expect("a reason").to_owned();
            let (first, last) =
                why.strip_prefix("records[0] offsets ").and_then(|it| it.split_once(" to ")).expect("offsets");
            (first.parse().expect("a number"), last.parse().expect("a number"))
        })
        .collect();
    // The history has the latest first.
    ranges.reverse();
    ranges
}

#[test]
fn kills_under_load_lose_nothing_and_nothing_counts_twice() {
    let Some(mut site) = Site::start("streams-kills", 1, config) else { return };
    let seed = getrandom::u64().expect("random");
    println!("seed {seed}");
    let mut random = Random(seed);
    let (over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let brokers = site.brokers();
    thread::scope(|scope| {
        scope.spawn(|| {
            let writer = RecordWriter::open(&brokers, "records").expect("a writer");
            while !over.load(Ordering::Relaxed) {
                let next = sent.load(Ordering::Relaxed);
                let batch: Vec<Outgoing> = (next..next + 20).map(|number| text(number % NAMES, number)).collect();
                writer.write(&batch).expect("written");
                sent.store(next + 20, Ordering::Relaxed);
            }
        });
        for _ in 0..KILLS {
            thread::sleep(Duration::from_millis(200 + random.below(800) as u64));
            site.kill_and_restart();
        }
        over.store(true, Ordering::Relaxed);
    });
    let sent = sent.load(Ordering::Relaxed);
    for last in sent.saturating_sub(NAMES)..sent {
        site.wait_for(&format!("n{}.{ZONE}", last % NAMES), RType::TXT, &format!("\"{last}\""));
    }
    let ranges = taken_over(&site);
    println!("{sent} messages, {} changes", ranges.len());
    assert!(ranges.len() as u64 > KILLS, "nothing happened");
    for pair in ranges.windows(2) {
        assert!(pair[0].1 < pair[1].0, "seed {seed}: {:?} after {:?}", pair[1], pair[0]);
    }
    node::stop(site.server);
}

#[test]
fn while_the_broker_is_away_nothing_is_lost() {
    let Some(mut site) = Site::start("streams-away", 1, config) else { return };
    let write = |site: &Site, numbers: std::ops::Range<u64>| {
        let writer = RecordWriter::open(&site.brokers(), "records").expect("a writer");
        writer.write(&numbers.map(|number| text(0, number)).collect::<Vec<_>>()).expect("written");
    };
    write(&site, 0..10);
    site.wait_for(&format!("n0.{ZONE}"), RType::TXT, "\"9\"");
    site.broker.kill();
    site.wait_for_health("ingest", "is not taken over");
    // What was there is answered, and a server that starts without a broker starts.
    site.kill_and_restart();
    site.wait_for(&format!("n0.{ZONE}"), RType::TXT, "\"9\"");
    site.broker.restart();
    write(&site, 10..20);
    site.wait_for(&format!("n0.{ZONE}"), RType::TXT, "\"19\"");
    let ranges = taken_over(&site);
    assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "{ranges:?}");
    assert_eq!(ranges.last().map(|range| range.1), Some(19));
    node::stop(site.server);
}

#[test]
fn many_messages_share_changes() {
    let Some(site) = Site::start("streams-many", 1, config) else { return };
    let writer = RecordWriter::open(&site.brokers(), "records").expect("a writer");
    let message = |number: usize| {
        let value = json!([{ "content": format!("192.0.{}.{}", number >> 8 & 255, number & 255) }]).to_string();
        Outgoing { key: Some(format!("m{number}.{ZONE}|A").into_bytes()), value: value.into_bytes() }
    };
    let begin = Instant::now();
    for first in (0..MANY).step_by(2000) {
        writer.write(&(first..first + 2000).map(message).collect::<Vec<_>>()).expect("written");
    }
    let written = begin.elapsed();
    let last = MANY - 1;
    site.wait_for(&format!("m{last}.{ZONE}"), RType::A, &format!("192.0.{}.{}", last >> 8, last & 255));
    let changes = taken_over(&site).len();
    println!("{MANY} messages in {changes} changes: written in {written:?}, answered in {:?}", begin.elapsed());
    assert!(changes < MANY / 10, "{changes} changes");
    assert!(begin.elapsed() < PATIENCE);
    node::stop(site.server);
}
