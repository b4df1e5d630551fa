//! Anomalies from the records of answers to the API, with mutes and blocks.

use std::fmt::{Debug, Write};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ::access::{Grant, Verb};
use config::{Config, LoadOptions};
use dns::{NameBuf, Rcode};
use node::anomalies::Anomalies;
use serde_json::{Value, json};
use server::answered::Source;
use server::clock::unix_ms;
use server::record::{Record, Recorder, Recorders, ResponseRecord};
use server::transport::Transport;
use telemetry::Collector;
use telemetry::metrics::Snapshot;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};

use crate::house::House;

/// Queries of a flood: enough for a client to be judged though it is new.
const QUERIES: u64 = 1_500;
/// From one query to the next.
const STEP_MS: u64 = 20;
/// Records that are taken in one turn of the collector, though a part would do.
const RECORDS_A_TURN: usize = 150;
/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A house whose records are looked at.
struct Watched {
    house: House,
    recorder: Recorder,
    collector: Arc<Collector>,
    anomalies: Arc<Anomalies>,
}

impl Watched {
    fn open(block_s: u32) -> Watched {
        let house = House::open();
        let recorders = Arc::new(Recorders::default());
        let recorder = Recorder::new(recorders.clone());
        let collector = Arc::new(Collector::start(recorders).expect("a thread"));
        let anomalies = Arc::new(Anomalies::new(&collector, house.settings(), Box::new(|_| None)));
        let (mut config, _) = Config::load_with(LoadOptions::default(), []).expect("a configuration");
        config.security.anomalies.block_s = block_s;
        anomalies.configure(&config).expect("a reader");
        assert!(house.app.anomalies.set(anomalies.clone()).is_ok());
        Watched { house, recorder, collector, anomalies }
    }

    /// Random names below `zone` that do not exist, asked for by `clients` in turn.
    fn flood(&self, zone: &str, clients: &[IpAddr]) {
        let start_ms = unix_ms() - QUERIES * STEP_MS - 15_000;
        let numbers: Vec<u64> = (0..QUERIES).collect();
        for turn in numbers.chunks(RECORDS_A_TURN) {
            for number in turn {
                let client = clients[*number as usize % clients.len()];
                let label = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                self.answer(&format!("{label:016x}.{zone}"), client, start_ms + number * STEP_MS);
            }
            self.collector.settle();
        }
        // Time goes on, so that what has come is judged.
        self.answer(&format!("www.{zone}"), clients[0], unix_ms());
        self.collector.settle();
    }

    fn answer(&self, name: &str, client: IpAddr, time_ms: u64) {
        let name: NameBuf = name.parse().expect("a name");
        let mut response = vec![0, 7, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0];
        response.extend_from_slice(name.as_wire());
        response.extend_from_slice(&[0, 1, 0, 1]);
        self.recorder.record(&Record::Response(ResponseRecord {
            time_us: time_ms * 1000,
            elapsed_us: 900,
            client: (client, 5300).into(),
            transport: Transport::Udp,
            source: Source::Resolver,
            rcode: Rcode::NXDOMAIN,
            security: None,
            apex_labels: None,
            upstream: None,
            policy: None,
            query_len: 40,
            response_len: response.len() as u16,
            query: &[],
            response: &response,
        }));
    }

    fn get(&self, path: &str) -> Value {
        self.house.call("GET", path, Value::Null).expect(200).json()
    }

    /// The anomalies under way about a zone.
    fn about(&self, zone: &str) -> Vec<Value> {
        let all = self.get("/anomalies?limit=1000")["items"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|anomaly| anomaly["zone"] == zone).collect()
    }

    /// How many anomalies of a kind have begun, and how many are under way.
    fn counted(&self, kind: &str) -> [String; 2] {
        let mut snapshot = Snapshot::default();
        self.anomalies.add_metrics(&mut snapshot);
        let text = snapshot.text(telemetry::metrics::Format::Prometheus);
        ["headwater_anomalies_total", "headwater_anomalies_active"].map(|metric| {
            let start = format!("{metric}{{kind=\"{kind}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_else(|| panic!("{start}: {text}")).to_owned()
        })
    }
}

#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Clients that are not this host.
fn clients(count: u8) -> Vec<IpAddr> {
    (1..=count).map(|number| IpAddr::from([192, 0, 2, number])).collect()
}

/// The events of the log that concern security, as text.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn logged() -> Vec<String> {
    LOGGED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Keeps events with the target `security`.
struct Listener;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "security"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn a_flood_of_random_subdomains_is_one_anomaly_that_is_logged_counted_and_shown() {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| tracing::subscriber::set_global_default(Listener).expect("no other subscriber"));
    let watched = Watched::open(0);
    watched.flood("logged.net", &clients(250));
    until("the flood is an anomaly", || !watched.about("logged.net.").is_empty());
    let found = watched.about("logged.net.");
    assert_eq!(found.len(), 1, "{found:?}");
    let anomaly = &found[0];
    assert_eq!((&anomaly["kind"], &anomaly["client"]), (&json!("random_subdomains"), &Value::Null));
    assert_eq!((&anomaly["muted"], &anomaly["ended"]), (&json!(false), &json!(false)));
    assert!(anomaly["score"].as_f64().is_some_and(|score| (0.7..=1.0).contains(&score)), "{anomaly}");
    let reasons = anomaly["reasons"].as_array().expect("reasons");
    assert!(reasons.iter().any(|reason| reason == "100 % of queries failed"), "{anomaly}");
    assert_eq!(watched.counted("random_subdomains"), ["1", "1"]);
    let id = format!(" id={}", anomaly["id"]);
    // Other tests have anomalies of their own.
    let is_ours = |line: &String| line.contains("logged.net.");
    let lines: Vec<String> = logged().into_iter().filter(is_ours).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in
        ["WARN", "event=\"anomaly\"", "stage=\"begun\"", "subject=\"zone logged.net.\"", "score=", "reasons=", &id]
    {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert_eq!(watched.get("/anomalies?state=ended")["items"], json!([]));
    assert_eq!(watched.get("/blocks")["items"], json!([]), "blocks are off");
}

#[test]
fn replies_to_what_nobody_asked_are_an_anomaly_of_the_server_they_claim_to_be_from() {
    let watched = Watched::open(0);
    let server = IpAddr::from([198, 51, 100, 53]);
    for _ in 0..60 {
        watched.recorder.stranger(server);
    }
    let found = || {
        let all = watched.get("/anomalies")["items"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|anomaly| anomaly["kind"] == "forged_replies")
    };
    until("the replies are an anomaly", || found().is_some());
    assert_eq!(found().expect("it is still there")["server"], server.to_string());
    assert_eq!(watched.get("/blocks")["items"], json!([]), "nobody is blocked for what others do");
}

#[test]
fn a_mute_holds_for_what_is_under_way_and_for_what_comes() {
    let watched = Watched::open(0);
    watched.flood("victim.net", &clients(250));
    until("the flood is an anomaly", || watched.about("victim.net.").len() == 1);
    let mut ids = Vec::new();
    for zone in ["victim.net", "quiet.net"] {
        let mute = json!({"zone": zone, "kind": "random_subdomains", "reason": "a test", "minutes": 10});
        let made = watched.house.call("POST", "/anomalies/mutes", mute).expect(201).json();
        assert_eq!((&made["zone"], &made["reason"]), (&json!(zone), &json!("a test")));
        ids.push(made["id"].as_u64().expect("a number"));
    }
    until("it is muted", || watched.about("victim.net.").first().is_some_and(|it| it["muted"] == true));
    assert_eq!(watched.counted("random_subdomains"), ["1", "0"]);
    watched.flood("quiet.net", &clients(250));
    watched.flood("other.net", &clients(250));
    until("the flood that is not muted is an anomaly", || watched.about("other.net.").len() == 1);
    assert!(watched.about("quiet.net.").is_empty());
    assert_eq!(watched.counted("random_subdomains"), ["2", "1"]);
    let mutes = watched.get("/anomalies/mutes");
    assert_eq!(mutes.as_array().map(Vec::len), Some(2), "{mutes}");
    for id in ids {
        let path = format!("/anomalies/mutes/{id}");
        watched.house.call("DELETE", &path, Value::Null).expect(204);
        watched.house.call("DELETE", &path, Value::Null).expect(404);
    }
    assert_eq!(watched.get("/anomalies/mutes"), json!([]));
    until("it is not muted", || watched.about("victim.net.").first().is_some_and(|it| it["muted"] == false));
}

#[test]
fn a_client_that_floods_is_blocked_for_a_while() {
    let watched = Watched::open(4);
    watched.flood("victim.net", &clients(1));
    let blocks = || watched.get("/blocks")["items"].as_array().cloned().unwrap_or_default();
    until("the client is blocked", || !blocks().is_empty());
    let blocks_now = blocks();
    assert_eq!(blocks_now.len(), 1, "{blocks_now:?}");
    let block = &blocks_now[0];
    assert_eq!((&block["network"], &block["who"]), (&json!("192.0.2.1/32"), &json!("anomaly detection")));
    assert!(block["reason"].as_str().is_some_and(|reason| reason.contains("NXDOMAIN")), "{block}");
    let ms = |field: &str| block[field].as_u64().expect("a time");
    assert_eq!(ms("until_ms") - ms("since_ms"), 4_000);
    until("the block ends", || blocks().is_empty());
    assert!(unix_ms() >= ms("until_ms"));
}

#[test]
fn blocks_are_made_and_ended_by_hand() {
    let watched = Watched::open(0);
    let house = &watched.house;
    for (body, pointer) in [
        (json!({"network": "192.0.2", "minutes": 5}), "/network"),
        (json!({"network": "192.0.2.1", "minutes": 0}), "/minutes"),
        (json!({"network": "192.0.2.1", "minutes": 43_201}), "/minutes"),
        (json!({"network": "192.0.2.1", "minutes": 5, "reason": "x".repeat(1001)}), "/reason"),
    ] {
        let refused = house.call("POST", "/blocks", body).expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    let wanted = json!({"network": "2001:db8:7::9/48", "minutes": 5, "reason": "it asks too much"});
    let made = house.call("POST", "/blocks", wanted.clone()).expect(201).json();
    assert_eq!(made["network"], "2001:db8:7::/48");
    assert!(made["who"].as_str().is_some_and(|who| who.ends_with("user:admin")), "{made}");
    let shorter = json!({"network": "2001:db8:7::1", "minutes": 1});
    house.call("POST", "/blocks", shorter).expect(409);
    assert_eq!(watched.get("/blocks")["items"], json!([made]));
    let reader = house.new_token(vec![Grant::of(&[Verb::ReadLogs])]);
    house.by(&reader, "GET", "/blocks", Value::Null).expect(200);
    house.by(&reader, "GET", "/anomalies", Value::Null).expect(200);
    house.by(&reader, "POST", "/blocks", wanted).expect(403);
    house.by(&reader, "POST", "/anomalies/mutes", json!({"zone": "a.net", "minutes": 5})).expect(403);
    let plain = house.new_token(vec![Grant::of(&[Verb::Read])]);
    house.by(&plain, "GET", "/anomalies", Value::Null).expect(403);
    house.by(&plain, "GET", "/blocks", Value::Null).expect(403);
    let path = format!("/blocks/{}", made["id"]);
    house.by(&reader, "DELETE", &path, Value::Null).expect(403);
    house.call("DELETE", &path, Value::Null).expect(204);
    house.call("DELETE", &path, Value::Null).expect(404);
    assert_eq!(watched.get("/blocks")["items"], json!([]));
}

#[test]
fn mutes_that_cannot_be_are_refused_with_their_fields() {
    let watched = Watched::open(0);
    for (body, pointer) in [
        (json!({"minutes": 5}), "/client"),
        (json!({"zone": "a.net", "client": "192.0.2.1", "minutes": 5}), "/client"),
        (json!({"zone": "a..net", "minutes": 5}), "/zone"),
        (json!({"server": "ns1.a.net", "minutes": 5}), "/server"),
        (json!({"zone": "a.net", "kind": "flood", "minutes": 5}), "/kind"),
        (json!({"zone": "a.net", "minutes": 0}), "/minutes"),
        (json!({"device": "x".repeat(1025), "minutes": 5}), "/device"),
    ] {
        let refused = watched.house.call("POST", "/anomalies/mutes", body).expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    assert_eq!(watched.get("/anomalies/mutes"), json!([]));
}

#[test]
fn where_no_server_runs_there_are_no_anomalies() {
    let house = House::open();
    house.call("GET", "/anomalies", Value::Null).expect(503);
    house.call("GET", "/blocks", Value::Null).expect(503);
}
