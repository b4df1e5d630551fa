//! Servers whose brokers want TLS and a certificate of each, and one that is set up wrong.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use dns::RType;

use crate::PATIENCE;
use crate::common::{Scratch, Server, headwater, until};
use crate::kafka::Broker;
use crate::kafka::certificates::Certificates;
use crate::node::{self, ZONE};

const PASSWORD: &str = "node-secret";

/// Writes the configuration of a server.
fn configure(scratch: &Scratch, name: &str, address: &str, key: &Path, security: &str) {
    let key = key.display();
    let cluster = format!(
        "cluster: {{ brokers: ['{address}'], topic_prefix: secured, key_file: {key}, start: stale, node: {name}, {security} }}\n"
    );
    scratch.write("headwater.yaml", &(cluster + &node::config(&node::journal_zone(ZONE))));
}

fn launch(scratch: &Scratch) -> Server {
    let server = node::launch(scratch);
    let ready = until(PATIENCE, || server.process.log().contains("\"ready\"").then_some(()));
    assert!(ready.is_some(), "{}", server.process.log());
    server
}

fn run(scratch: &Scratch, args: &[&str]) -> String {
    let args = [args, &["--config", "headwater.yaml", "--data", "data"]].concat();
    let done = headwater(&args).current_dir(scratch.path()).output().expect("headwater runs");
    String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
}

/// What the API says, over the control socket.
fn api(scratch: &Scratch, path: &str) -> String {
    let mut socket = UnixStream::connect(scratch.path().join("data/control.sock")).expect("a control socket");
    let request = format!("GET {path} HTTP/1.1\r\nHost: headwater\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

fn wait_for(server: &Server, label: &str, text: &str) {
    let (name, want) = (format!("{label}.{ZONE}"), format!("\"{text}\""));
    let found = until(PATIENCE, || (server.data(&name, RType::TXT) == want).then_some(()));
    assert!(found.is_some(), "{name}: {}", server.process.log());
}

#[test]
fn brokers_that_want_certificates_or_passwords() {
    let shared = Scratch::new("cluster-security");
    let certificates = Certificates::make(&shared.path().join("certificates"));
    let kafka = shared.path().join("kafka");
    let Some(broker) = Broker::start_secured(&kafka, env!("CARGO_TARGET_TMPDIR"), certificates.directory()) else {
        return;
    };
    let key = shared.path().join("cluster.key");
    assert!(headwater(&["cluster", "init"]).arg(&key).status().expect("headwater runs").success());
    let file = |name: &str| certificates.path(name).display().to_string();
    let tls = |ca: &str| {
        let (ca, certificate, key) = (file(ca), file("client.pem"), file("client.key"));
        format!("tls: {{ ca_file: {ca}, certificate_file: {certificate}, key_file: {key} }}")
    };
    let user = |password: &str| {
        let ca = file("ca.pem");
        format!("tls: {{ ca_file: {ca} }}, sasl: {{ mechanism: scram-sha-256, user: node, password: {password} }}")
    };
    let (a, b) = (Scratch::new("cluster-security-a"), Scratch::new("cluster-security-b"));
    configure(&a, "a", &broker.mutual_address(), &key, &tls("ca.pem"));
    configure(&b, "b", &broker.sasl_address(), &key, &user(PASSWORD));
    let (first, second) = (launch(&a), launch(&b));
    assert_eq!(node::add_text(&first, "one", "of a"), 0, "{}", first.process.log());
    wait_for(&second, "one", "of a");
    assert_eq!(node::add_text(&second, "two", "of b"), 0, "{}", second.process.log());
    wait_for(&first, "two", "of b");
    assert!(run(&a, &["health", "--json"]).contains("brokers answer"), "{}", run(&a, &["health", "--json"]));
    for path in ["/api/v1/config", "/api/v1/config/text"] {
        let shown = api(&b, path);
        assert!(shown.contains("scram-sha-256") && !shown.contains(PASSWORD), "{path}: {shown}");
    }
    assert!(!node::stop(second).contains(PASSWORD));
    // With the wrong password it answers what it has, and says what is wrong.
    for (security, want) in [
        (user("another-secret"), "it refuses the user or the password (cluster.sasl)"),
        (tls("other.pem"), "its certificate is from no authority that is trusted here (cluster.tls.ca_file)"),
    ] {
        let address = if security.contains("sasl") { broker.sasl_address() } else { broker.mutual_address() };
        configure(&b, "b", &address, &key, &security);
        let server = launch(&b);
        wait_for(&server, "one", "of a");
        let found = until(PATIENCE, || run(&b, &["health", "--json"]).contains(want).then_some(()));
        assert!(found.is_some(), "{}\n{}", run(&b, &["health", "--json"]), server.process.log());
        let log = node::stop(server);
        assert!(log.contains(want) && !log.contains("another-secret"), "{log}");
    }
    node::stop(first);
}
