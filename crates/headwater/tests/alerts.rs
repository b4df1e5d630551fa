//! Alerts of a running server: a rule of the configuration, a webhook to the test, and the API.

mod common;

use std::time::Duration;

use common::webhook::receiver;
use common::{Scratch, Server, until};

#[test]
fn a_rule_is_told_once_and_after_a_restart_no_more() {
    let (port, bodies) = receiver();
    let scratch = Scratch::new("alerts");
    let config = format!(
        "web: {{ enabled: false }}\nalerts:\n  built_in: false\n  allow_internal: [127.0.0.1]\n  \
         recipients: [{{ name: test, url: 'http://127.0.0.1:{port}/', template: '{{status}} {{rule}}', content_type: text/plain }}]\n  \
         rules: [{{ name: up, when: 'headwater_build_info == 1', for_seconds: 0 }}]\n"
    );
    let config = scratch.write("headwater.yaml", &config);
    let arguments = ["--config", config.to_str().expect("a path")];
    let told = || bodies.lock().expect("no panic").clone();
    let mut server = Server::start(&scratch, &arguments);
    until(Duration::from_secs(60), || (!told().is_empty()).then_some(())).expect("a notice");
    let state = scratch.path().join("data/alerts.json");
    let is_noted = || std::fs::read_to_string(&state).is_ok_and(|text| text.contains("\"outbox\":[]")).then_some(());
    until(Duration::from_secs(10), is_noted).expect("it is noted");
    server.process.kill();
    let _again = Server::start(&scratch, &arguments);
    std::thread::sleep(Duration::from_secs(20));
    assert_eq!(told(), ["firing up"]);
}
