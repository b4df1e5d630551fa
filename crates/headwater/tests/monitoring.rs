//! Metrics and health of a running server, as Prometheus, a StatsD agent, load balancers and operators get them.

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{PATIENCE, Process, Scratch, Server, free_port, headwater, until};
use dns::RType;
use serde_json::Value;

const ZONE: &str = "$TTL 60\n@ SOA ns1 host 7 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\nwww A 192.0.2.80\n";
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus-rules.yml");
const DASHBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/grafana-dashboard.json");
const GUIDE: &str = include_str!("../../../docs/guide/metrics.md");

/// A server with one zone, its API on a port of its own, and further configuration.
fn monitored(name: &str, zone: &str, further: &str) -> (Scratch, Server, SocketAddr) {
    let scratch = Scratch::new(name);
    scratch.write("example.org.zone", zone);
    let (dns, web) = (free_port(), free_port());
    let listen = format!("listen: [{{ address: \"127.0.0.1:{dns}\", protocols: [udp, tcp] }}]");
    let config = format!(
        "server:\n  {listen}\n  web_port: {web}\n  workers: 2\nweb:\n  bind_address: 127.0.0.1\nresolver: {{ enabled: false }}\n\
         zones: [{{ name: example.org, file: example.org.zone }}]\n{further}"
    );
    scratch.write("headwater.yaml", &config);
    let address = ([127, 0, 0, 1], dns).into();
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    let web = SocketAddr::from(([127, 0, 0, 1], web));
    let is_checked = until(PATIENCE, || get(web, "/health", "").2.contains("\"zones\"").then_some(()));
    assert!(is_checked.is_some(), "checks run at the start");
    (scratch, server, web)
}

/// Status, header fields and body of a GET request.
fn get(server: SocketAddr, target: &str, fields: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(server).expect("the API's port");
    let request = format!("GET {target} HTTP/1.0\r\nhost: {server}\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}

fn text(server: SocketAddr) -> String {
    let (status, _, body) = get(server, "/metrics", "");
    assert_eq!(status, 200, "{body}");
    body
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|got| got == line), "no `{line}` in:\n{text}");
}

#[test]
fn metrics_say_what_was_answered() {
    let (_scratch, server, web) = monitored("metrics", ZONE, "");
    for _ in 0..3 {
        server.data("www.example.org", RType::A);
    }
    server.data("missing.example.org", RType::AAAA);
    server.data("elsewhere.test", RType(65_000));
    let metrics = text(web);
    for line in [
        "headwater_queries_total{transport=\"udp\",type=\"A\"} 3",
        "headwater_queries_total{transport=\"udp\",type=\"AAAA\"} 1",
        "headwater_queries_total{transport=\"udp\",type=\"other\"} 1",
        "headwater_responses_total{rcode=\"NOERROR\",source=\"zone\"} 3",
        "headwater_responses_total{rcode=\"NXDOMAIN\",source=\"zone\"} 1",
        "headwater_responses_total{rcode=\"REFUSED\",source=\"refused\"} 1",
        "headwater_response_seconds_count{source=\"zone\"} 4",
        "headwater_response_seconds_bucket{source=\"zone\",le=\"+Inf\"} 4",
        "headwater_zones{state=\"serving\"} 1",
        "headwater_zone_serial{zone=\"example.org.\"} 7",
        "headwater_zones_left_out 0",
        "headwater_listeners{transport=\"udp\"} 1",
        "headwater_health{check=\"zones\"} 0",
        concat!("headwater_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        has(&metrics, line);
    }
    assert!(metrics.contains("\nprocess_resident_memory_bytes "), "{metrics}");
    let (_, head, body) = get(web, "/api/metrics", "accept: application/openmetrics-text; version=1.0.0\r\n");
    assert!(head.contains("application/openmetrics-text; version=1.0.0") && body.ends_with("# EOF\n"), "{head}");
}

#[test]
fn metrics_are_for_this_host_and_those_allowed() {
    let (scratch, _server, web) = monitored("metrics-access", ZONE, "metrics: { zones_max: 0 }\n");
    assert_eq!(get(web, "/metrics", "x-forwarded-for: 127.0.0.1\r\n").0, 401, "a proxy's request is not this host's");
    assert_eq!(get(web, "/metrics", "authorization: Bearer hw_wrong\r\n").0, 401);
    let output = headwater(&["token", "create", "scraper", "--verb", "read", "--data", "data"])
        .current_dir(scratch.path())
        .output()
        .expect("headwater runs");
    let made = String::from_utf8(output.stdout).expect("text");
    let token = made.split_whitespace().find(|word| word.starts_with("hw_")).unwrap_or_else(|| panic!("{made}"));
    let fields = format!("x-forwarded-for: 192.0.2.1\r\nauthorization: Bearer {token}\r\n");
    let (status, _, metrics) = get(web, "/metrics", &fields);
    assert_eq!(status, 200, "{metrics}");
    has(&metrics, "headwater_zones_left_out 1");
    assert!(!metrics.contains("headwater_zone_serial"), "too many zones have no metrics of their own");
}

#[test]
fn health_is_told_by_status_and_command() {
    let (scratch, server, web) = monitored("health", ZONE, "");
    let health = |args: &[&str]| {
        let output = headwater(&[&["health", "--data", "data"], args].concat()).current_dir(scratch.path()).output();
        let output = output.expect("headwater runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    assert_eq!((get(web, "/health/live", "").0, get(web, "/health/ready", "").0), (200, 200));
    let (_, _, body) = get(web, "/api/v1/health", "");
    let seen: Value = serde_json::from_str(&body).expect("JSON");
    let names: BTreeSet<&str> =
        seen["checks"].as_array().expect("checks").iter().filter_map(|check| check["name"].as_str()).collect();
    let all =
        "backups certificates clock configuration disk journal listeners log memory root signing store upstreams zones";
    assert_eq!(names, all.split(' ').collect(), "{body}");
    assert!(!body.contains("reason") && !body.contains("since"), "who is not known hears names and states: {body}");
    let (code, report) = health(&[]);
    assert!(code == Some(0) && report.contains("zones") && report.contains("1 zones"), "{report}");
    // A server whose only zone is broken is of no use.
    scratch.write("example.org.zone", "$TTL 60\n@ SOA\n");
    drop(server);
    let mut broken = Server::launch(&scratch, &["--config", "headwater.yaml"], ([127, 0, 0, 1], 0).into());
    broken.process.wait_for("\"ready\"", 1);
    let failed = until(PATIENCE, || (get(web, "/health/ready", "").0 == 503).then_some(()));
    assert!(failed.is_some(), "{}", text(web));
    assert_eq!(get(web, "/health/live", "").0, 200);
    let (code, report) = health(&["--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((code, &report["status"], &report["ready"]), (Some(1), &"fail".into(), &false.into()));
    let check = &report["checks"][0];
    assert_eq!((report["checks"].as_array().map(Vec::len), &check["name"]), (Some(1), &"zones".into()), "{report}");
    let reason = check["reason"].as_str().expect("a reason");
    assert!(reason.contains("example.org.") && check["advice"].is_string(), "{report}");
    assert!(broken.process.log().contains("health: fail"));
}

#[test]
fn a_statsd_agent_gets_what_is_new() {
    let agent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    agent.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let address = agent.local_addr().expect("an address");
    let further = format!("metrics: {{ statsd: \"udp://{address}\", statsd_interval_seconds: 1 }}\n");
    let (_scratch, server, _web) = monitored("statsd", ZONE, &further);
    (0..5).for_each(|_| drop(server.data("www.example.org", RType::A)));
    let mut heard = String::new();
    let mut counted = || {
        let mut buffer = [0; 2048];
        while let Ok(len) = agent.recv(&mut buffer) {
            heard.push_str(std::str::from_utf8(&buffer[..len]).expect("text"));
            heard.push('\n');
        }
        let of = |line: &str| {
            line.strip_prefix("headwater.responses_total.NOERROR.zone:")?.strip_suffix("|c")?.parse::<u64>().ok()
        };
        let sum: u64 = heard.lines().filter_map(of).sum();
        (sum >= 5).then_some(sum)
    };
    assert_eq!(until(PATIENCE, &mut counted), Some(5), "each counted once");
    (0..2).for_each(|_| drop(server.data("www.example.org", RType::A)));
    let more = until(PATIENCE, || counted().filter(|sum| *sum >= 7));
    assert_eq!(more, Some(7));
    assert!(heard.lines().any(|line| line.starts_with("headwater.response_seconds.zone:") && line.contains("|ms")));
    assert!(heard.lines().any(|line| line == "headwater.zones.serving:1|g"), "{heard}");
}

/// Every expression of dashboard and rules, with what Grafana puts in.
fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(DASHBOARD).expect("a file")).expect("JSON");
    let targets = dashboard["panels"].as_array().expect("panels").iter();
    let targets = targets.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let filled = |text: &str| text.replace("$__rate_interval", "1m").replace("$instance", ".*");
    let mut expressions: Vec<String> =
        targets.map(|target| filled(target["expr"].as_str().expect("an expression"))).collect();
    let rules = std::fs::read_to_string(RULES).expect("a file");
    for rule in rules.split("expr:").skip(1) {
        let lines = rule.lines().map(str::trim).take_while(|line| !line.starts_with("for:"));
        expressions.push(lines.filter(|line| *line != ">").collect::<Vec<_>>().join(" "));
    }
    expressions
}

#[test]
fn dashboard_and_rules_name_what_there_is() {
    let expressions = expressions();
    assert!(expressions.len() > 40, "{}", expressions.len());
    for expression in &expressions {
        for word in expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let word = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
            let is_metric = word.starts_with("headwater_") || word.starts_with("process_");
            assert!(!is_metric || GUIDE.contains(&format!("| `{word}` |")), "{word} in {expression}");
        }
    }
}

#[test]
fn prometheus_takes_all_of_it() {
    let is_there =
        |tool: &str| Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there("prometheus") || !is_there("promtool") {
        return println!("skipped: no prometheus");
    }
    let (scratch, server, web) = monitored("prometheus", ZONE, "");
    server.data("www.example.org", RType::A);
    let promtool = |args: &[&str], input: &str| {
        let mut child = Command::new("promtool")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool runs");
        child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("written");
        let output = child.wait_with_output().expect("promtool ends");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
    };
    promtool(&["check", "rules", RULES], "");
    promtool(&["check", "metrics"], &text(web));
    let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [\"{RULES}\"]\nscrape_configs:\n  \
         - {{ job_name: headwater, static_configs: [{{ targets: [\"{web}\"] }}] }}\n"
    );
    scratch.write("prometheus.yml", &config);
    let mut command = Command::new("prometheus");
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=prometheus"]);
    command.arg(format!("--web.listen-address={address}"));
    let _prometheus = Process::start(&mut command, scratch.path(), "log-prometheus");
    let query = |expression: &str| -> Value {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (_, _, body) = get(address, &format!("/api/v1/query?query={encoded}"), "");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{expression}: {error} in {body}"))
    };
    let first = |value: &Value| value["data"]["result"][0]["value"][1].as_str().map(str::to_owned);
    let is_listening = || TcpStream::connect(address).is_ok();
    assert!(until(PATIENCE, || is_listening().then_some(())).is_some(), "prometheus starts");
    // It answers before it has read its storage.
    let is_ready = || (get(address, "/-/ready", "").0 == 200).then_some(());
    assert!(until(PATIENCE, is_ready).is_some(), "prometheus is ready");
    let scraped = until(PATIENCE, || first(&query("count_over_time(headwater_zone_serial[1m]) > 2")));
    assert!(scraped.is_some(), "{}", query("up"));
    assert_eq!(first(&query("headwater_zone_serial")).as_deref(), Some("7"));
    for expression in expressions() {
        let answer = query(&expression);
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
    }
    let firing = query("ALERTS{alertstate=\"firing\"}");
    assert_eq!(firing["data"]["result"].as_array().map(Vec::len), Some(0), "{firing}");
}
