//! Rows in files: what they say, rotation, reload, and that none is lost.

use std::fs;
use std::path::Path;

use dns::{Message, RType};
use serde_json::Value;

use crate::common::{Scratch, Server, query, tcp};
use crate::tools::{KEYS, ask_many, configure, numbers, rows, start, text_of_all, wait_for};

const TO_FILE: &str = "queries: { enabled: true, file: logs/q.jsonl }";

fn stop(mut server: Server) {
    server.process.signal("TERM");
    server.process.wait();
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_row_has_the_ten_keys_first_and_their_types() {
    let scratch = Scratch::new("log-rows");
    let server = start(&scratch, TO_FILE, "");
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.2 192.0.2.3");
    assert_eq!(server.ask(&query("alias.example.org", RType::A)).answers.len(), 3);
    server.ask(&query("x.example.org", RType::TXT));
    server.ask(&query("a\\.b\\\"c.example.net", RType(65_280)));
    server.ask(&query("example.org", RType::SOA));
    let asked = server.address;
    stop(server);
    let text = read(&scratch.path().join("logs/q.jsonl"));
    let mut rows = rows(&text);
    // Each thread's rows are in the order of time, those of several threads are not.
    rows.sort_by_key(|row| row["request_id"].as_str().map(str::to_owned));
    assert_eq!(rows.len(), 5, "{asked}: {text}");
    for row in &rows {
        let object = row.as_object().expect("an object");
        assert_eq!(object.keys().take(10).collect::<Vec<_>>(), KEYS);
        let text = |key: &str| row[key].as_str().unwrap_or_else(|| panic!("{key} of {row}"));
        let time = text("timestamp");
        assert!(time.len() == 24 && time.ends_with('Z') && &time[19..20] == ".", "{time}");
        assert_eq!(text("request_id").split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!((text("client_ip"), text("transport")), ("127.0.0.1", "udp"));
        assert!(row["response_time_ms"].as_f64().is_some_and(|ms| (0.0..10_000.0).contains(&ms)), "{row}");
        assert_eq!((&row["cache_hit"], &row["upstream_server"]), (&Value::Bool(false), &Value::Null));
        assert!(row["query_size"].as_u64().is_some_and(|size| size > 12), "{row}");
    }
    let said =
        |row: &Value| [&row["domain"], &row["query_type"], &row["response_code"], &row["source"]].map(Value::to_string);
    assert_eq!(said(&rows[0]), ["\"www.example.org\"", "\"A\"", "\"NOERROR\"", "\"zone\""]);
    assert_eq!((&rows[0]["zone"], &rows[0]["flags"]), (&"example.org".into(), &"qr aa ra".into()));
    assert_eq!(rows[1]["response_data"], serde_json::json!(["www.example.org.", "192.0.2.2", "192.0.2.3"]));
    assert_eq!(rows[2]["response_data"], serde_json::json!(["\"any \\\"name\\\"\""]));
    let refused = ["\"a\\\\.b\\\\\\\"c.example.net\"", "\"TYPE65280\"", "\"REFUSED\"", "\"refused\""];
    assert_eq!(said(&rows[3]), refused);
    assert_eq!((&rows[3]["response_data"], &rows[3]["refusal"]), (&serde_json::json!([]), &"not_authoritative".into()));
    assert_eq!(rows[3]["zone"], Value::Null);
}

#[test]
fn logrotate_moves_it_and_nothing_is_lost() {
    let scratch = Scratch::new("log-moved");
    let mut server = start(&scratch, TO_FILE, "");
    let path = scratch.path().join("logs/q.jsonl");
    for round in 0..5 {
        ask_many(server.address, round * 100, 60);
        wait_for(|| read(&path), |text| text.contains(&format!("n{}.", round * 100)));
        fs::rename(&path, path.with_extension(format!("jsonl.{round}"))).expect("it is moved");
        ask_many(server.address, round * 100 + 60, 40);
        server.reload();
    }
    ask_many(server.address, 500, 10);
    stop(server);
    let last = numbers(&rows(&read(&path)));
    // Rows of answers from just before a reload may wait until after it; 400 stood in the file that was moved.
    assert!(
        last.ends_with(&(500..510).collect::<Vec<_>>()) && !last.contains(&400),
        "the last reload opened it again: {last:?}"
    );
    assert_eq!(numbers(&rows(&text_of_all(&path))), (0..510).collect::<Vec<_>>());
}

#[test]
fn a_configuration_of_the_original_form_logs_queries_in_the_log_file() {
    let scratch = Scratch::new("log-original");
    let keys = "level: INFO, format: json, file: logs/dns-server.log, max_size_mb: 1, backup_count: 50";
    let server = start(&scratch, keys, "");
    let count = 5000;
    ask_many(server.address, 0, count);
    stop(server);
    let path = scratch.path().join("logs/dns-server.log");
    let files = fs::read_dir(scratch.path().join("logs")).expect("a directory");
    let sizes: Vec<u64> = files.map(|file| file.expect("a file").metadata().expect("a file").len()).collect();
    assert!(sizes.len() >= 3 && sizes.iter().all(|&size| size <= 1 << 20), "{sizes:?}");
    let text = text_of_all(&path);
    assert_eq!(numbers(&rows(&text)), (0..count).collect::<Vec<_>>());
    let said = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    assert_eq!((said("\"message\":\"ready\""), said("\"message\":\"stopped\"")), (1, 1), "the server's own lines too");
}

#[test]
fn outputs_change_at_a_reload_and_no_row_is_lost() {
    let scratch = Scratch::new("log-outputs");
    let mut server = start(&scratch, TO_FILE, "");
    let path = scratch.path().join("logs/q.jsonl");
    let outputs = [
        "queries: { enabled: true, file: logs/q.jsonl, outputs: [file, stdout], rotate_mb: 7 }",
        "queries: { enabled: true, file: logs/other.jsonl, slow_ms: 3 }",
        "queries: { enabled: false }",
    ];
    for (round, keys) in outputs.iter().enumerate() {
        ask_many(server.address, round * 100, 100);
        configure(&scratch, server.address, keys, "");
        server.reload();
    }
    ask_many(server.address, 300, 5);
    let log = server.process.log();
    stop(server);
    assert_eq!(numbers(&rows(&read(&path))), (0..200).collect::<Vec<_>>());
    // A new output may see the last answers before it, too.
    let has = |text: &str, range: std::ops::Range<usize>| {
        let found = numbers(&rows(text));
        assert!(found.ends_with(&range.collect::<Vec<_>>()), "{found:?}");
    };
    has(&read(&path.with_file_name("other.jsonl")), 200..300);
    let stdout: Vec<&str> = log.lines().filter(|line| line.contains("request_id")).collect();
    has(&stdout.join("\n"), 100..200);
    assert!(log.contains("changed logging.queries: "), "{log}");
}

#[test]
fn clients_are_hidden_and_samples_are_the_same_everywhere() {
    let scratch = Scratch::new("log-sample");
    let keys = "queries: { enabled: true, file: q.jsonl, outputs: [file, stdout], sample: 0.3, anonymise: hash }";
    let server = start(&scratch, keys, "");
    ask_many(server.address, 0, 1000);
    let key = fs::metadata(scratch.path().join("data/query-log.key")).expect("a key");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
    let path = scratch.path().join("q.jsonl");
    let log = scratch.path().join(format!("log-{}", server.address.port()));
    stop(server);
    let in_file = rows(&read(&path));
    assert!((200..400).contains(&in_file.len()), "{}", in_file.len());
    let said = read(&log);
    let stdout: Vec<&str> = said.lines().filter(|line| line.contains("request_id")).collect();
    assert_eq!(rows(&stdout.join("\n")), in_file);
    for row in &in_file {
        assert!(row["client_ip"].as_str().is_some_and(|ip| ip.starts_with("fd")) && row.get("client_port").is_none());
        assert_eq!(row["client_ip"], in_file[0]["client_ip"], "one client, one pseudonym");
    }
}

#[test]
fn security_events_stand_between_the_rows() {
    let scratch = Scratch::new("log-security");
    let server = start(&scratch, TO_FILE, "");
    let answer = tcp(server.address, &query("example.org", RType::AXFR).to_wire(512)).expect("an answer");
    assert_eq!(Message::parse(&answer).expect("well-formed").header.rcode, dns::Rcode::REFUSED);
    let path = scratch.path().join("logs/q.jsonl");
    let text = wait_for(|| read(&path), |text| text.contains("\"event\""));
    stop(server);
    let events: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let event = events.iter().find(|event| event.get("event").is_some()).expect("an event");
    assert_eq!((&event["event"], &event["level"]), (&"security".into(), &"WARN".into()));
    assert!(event["message"].as_str().is_some_and(|message| message.starts_with("transfer refused")), "{event}");
    assert!(event["timestamp"].as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')), "{event}");
}
