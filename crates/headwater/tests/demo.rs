//! `headwater demo`: a past that history and statistics agree on, queries as they come, answers without a network, and a
//! clean end; its directory is used again, and others are left alone.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{PATIENCE, Process, Scratch, Server, free_port, headwater, query, until};
use dns::{Message, RType, Rcode};
use serde_json::{Value, json};

const HOUR_MS: u64 = 3_600_000;
/// How long a past takes to be made, on a busy machine and without optimisation.
const MAKING: Duration = Duration::from_secs(120);

/// A demo in a directory of its own.
struct Demo {
    scratch: Scratch,
    dns_port: u16,
    web_port: u16,
    starts: usize,
}

impl Demo {
    fn new(name: &str) -> Demo {
        Demo { scratch: Scratch::new(name), dns_port: free_port(), web_port: free_port(), starts: 0 }
    }

    fn start(&mut self, flags: &[&str]) -> Server {
        let ports = [self.dns_port, self.web_port].map(|port| port.to_string());
        let args = ["demo", "--directory", "demo", "--dns-port", &ports[0], "--web-port", &ports[1]];
        let mut command = headwater(&[&args, flags].concat());
        self.starts += 1;
        let mut process = Process::start(&mut command, self.scratch.path(), &format!("log-{}", self.starts));
        until(MAKING, || (process.log().contains("\"ready\"") || !process.is_running()).then_some(()));
        process.wait_for("\"ready\"", 1);
        Server::over(process, self.dns_port)
    }

    /// What the API says through the control socket.
    fn get(&self, path: &str) -> Value {
        let stream = UnixStream::connect(self.scratch.path().join("demo/data/control.sock"));
        let (status, body) = exchange(stream.expect("the control socket"), "GET", &format!("/api/v1{path}"), "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The first rows of the history that the filter takes, of this time.
    fn rows(&self, filter: &str, from_ms: u64, to_ms: u64) -> Vec<Value> {
        let range = format!("filter={filter}&from={from_ms}&to={to_ms}&limit=1000");
        let (mut found, mut next) = self.page(&range, None);
        // A search that takes long ends before it has found anything, and says where to go on.
        while found.is_empty() && next.is_some() {
            (found, next) = self.page(&range, next);
        }
        found
    }

    /// How many rows the history has of this time: at some hours of the day more than a page holds.
    fn count(&self, from_ms: u64, to_ms: u64) -> usize {
        let range = format!("from={from_ms}&to={to_ms}&limit=1000");
        let (rows, mut next) = self.page(&range, None);
        let mut count = rows.len();
        while next.is_some() {
            let (rows, after) = self.page(&range, next);
            count += rows.len();
            next = after;
        }
        count
    }

    /// A page of rows after a place, and where the next one begins.
    fn page(&self, range: &str, after: Option<String>) -> (Vec<Value>, Option<String>) {
        let after = after.map_or(String::new(), |after| format!("&after={after}"));
        let found = self.get(&format!("/queries?{range}{after}"));
        (found["items"].as_array().expect("rows").clone(), found["next"].as_str().map(str::to_owned))
    }

    /// What the demo notes about itself.
    fn marker(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("demo/demo.json")).expect("the marker")
    }
}

/// A request and its response: status and body.
fn exchange(mut stream: impl Read + Write, method: &str, path: &str, body: &str) -> (u16, Value) {
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{kind}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a response");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

fn recursive(name: &str, rtype: RType) -> Message {
    let mut query = query(name, rtype);
    query.header.rd = true;
    query
}

#[test]
fn a_demo_has_a_past_and_goes_on() {
    let mut demo = Demo::new("demo");
    let begin_ms = now_ms();
    let mut server = demo.start(&["--queries-per-second", "8", "--seed", "5"]);
    let log = server.process.log();
    assert!(log.contains("This is a demo") && log.contains(&format!("http://127.0.0.1:{}/", demo.web_port)), "{log}");
    answers_come_without_a_network(&server);
    the_past_is_there(&demo, begin_ms);
    the_present_too(&demo, now_ms());
    the_password_is_right(&demo, &log);
    server.process.signal("TERM");
    assert!(server.process.wait().success(), "{}", server.process.log());

    let before = demo.marker();
    let mut server = demo.start(&["--quiet-traffic"]);
    assert!(server.process.log().contains("goes on"), "{}", server.process.log());
    assert!(!demo.rows("", begin_ms - 20 * HOUR_MS, begin_ms - 19 * HOUR_MS).is_empty(), "the past is still there");
    assert_eq!(demo.marker(), before);
    server.process.signal("INT");
    assert!(server.process.wait().success(), "{}", server.process.log());
}

fn answers_come_without_a_network(server: &Server) {
    assert_eq!(server.data("router.home.arpa", RType::A), "127.10.0.1");
    assert_eq!(server.data("_ldap._tcp.brightwater.example", RType::SRV), "0 100 389 dc1.brightwater.example.");
    assert_eq!(server.data("14.0.10.127.in-addr.arpa", RType::PTR), "tv.home.arpa.");
    let rcode = |name: &str| server.ask(&recursive(name, RType::A)).header.rcode;
    assert_eq!(rcode("www.morning-post.example"), Rcode::NOERROR);
    assert_eq!(rcode("www.wheather-now.example"), Rcode::NXDOMAIN);
}

fn the_past_is_there(demo: &Demo, begin_ms: u64) {
    // Two whole minutes, of which there are figures.
    let from_ms = (begin_ms - 20 * HOUR_MS) / 60_000 * 60_000;
    let to_ms = from_ms + 119_999;
    let rows = demo.count(from_ms, to_ms);
    // At the busiest time of the week 8 queries a second are 960, and chance adds to them.
    assert!((30..1200).contains(&rows), "20 hours ago: {rows} rows");
    let series = demo.get(&format!("/stats?from={from_ms}&to={to_ms}&step=60"));
    let shown: Vec<f64> = series["qps"].as_array().expect("rates").iter().filter_map(Value::as_f64).collect();
    let counted = shown.iter().sum::<f64>() * 60.0;
    // Rates are rounded to tenths of a query a second.
    assert!(shown.len() == 2 && (counted - rows as f64).abs() < 8.0, "{counted} and {rows}: {shown:?}");
    let day = |filter: &str| demo.rows(filter, begin_ms - 24 * HOUR_MS, begin_ms).len();
    let sources = ["source:zone", "source:cache", "source:resolved", "source:blocked", "list:Advertising"];
    let results = ["code:NXDOMAIN", "code:SERVFAIL", "type:SRV", "type:PTR", "type:MX", "type:HTTPS"];
    sources.iter().chain(&results).for_each(|filter| assert!(day(filter) > 0, "no {filter}"));
    let clients = demo.get("/seen-clients");
    let names = clients["items"].as_array().expect("clients").iter().filter(|client| client["device"] == "thermostat");
    assert_eq!(names.count(), 1, "{clients:#}");
    let changes = demo.get("/zones/brightwater.example/changes");
    assert!(changes["items"].as_array().is_some_and(|items| items.len() >= 4), "{changes:#}");
}

fn the_present_too(demo: &Demo, from_ms: u64) {
    let live = |filter: &str| {
        let found =
            until(PATIENCE, || Some(demo.rows(filter, from_ms, u64::MAX >> 12)).filter(|rows| !rows.is_empty()));
        found.unwrap_or_else(|| panic!("no {filter} yet"))
    };
    let rows = live("client:127.20.0.0/16");
    // A row of now says of its answer what a row of the past does.
    let keys = |row: &Value| row.as_object().expect("an object").keys().cloned().collect::<Vec<String>>();
    let past = demo.rows("", from_ms - 20 * HOUR_MS, from_ms);
    assert_eq!(keys(&rows[0]), keys(&past[0]));
    live("source:cache");
}

fn the_password_is_right(demo: &Demo, log: &str) {
    let password = log.split("with the password ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a password");
    let stream = || TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], demo.web_port))).expect("the page's port");
    let login = |password: &str| json!({"user": "admin", "password": password}).to_string();
    let (status, body) = exchange(stream(), "POST", "/api/v1/session", &login(password));
    assert!((200..300).contains(&status), "{status} {body}");
    assert_eq!(exchange(stream(), "POST", "/api/v1/session", &login("something else")).0, 401);
}

#[test]
fn what_is_no_demo_is_left_alone() {
    let scratch = Scratch::new("demo-refused");
    std::fs::create_dir(scratch.path().join("mine")).expect("a directory");
    std::fs::write(scratch.path().join("mine/notes.txt"), "mine").expect("a file");
    for flags in [&["--directory", "mine"][..], &["--directory", "mine", "--fresh"]] {
        let output = headwater(&[&["demo"], flags].concat()).current_dir(scratch.path()).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("not the directory of a demo"), "{said}");
    }
    let entries = std::fs::read_dir(scratch.path().join("mine")).expect("a directory").count();
    assert_eq!(entries, 1);
}
