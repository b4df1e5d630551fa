//! Every configuration in `examples/` starts as it stands, but for addresses and ports, and answers what it is for.

mod common;

use std::fs;
use std::path::Path;

use common::{PATIENCE, Process, Scratch, Server, free_port, headwater, until};
use dns::RType;

/// The key that the examples share.
const KEY: &str = "transfer.example.org";
/// Other servers that the examples name: here they are addresses of this machine where nobody answers.
const OTHERS: [&str; 11] = [
    "149.112.112.112",
    "9.9.9.9",
    "192.0.2.53",
    "192.0.2.10",
    "192.0.2.2",
    "198.51.100.53",
    "203.0.113.53",
    "10.200.0.53",
    "10.0.0.53",
    "10.0.0.10",
    "10.0.0.11",
];
/// What a resolver asks by itself, left out: nobody outside is asked.
const QUIET: [&str; 3] = ["PRIMING", "TRUST_ANCHOR_UPDATE", "TRUST_ANCHOR_SIGNALLING"];

/// Copies the examples into `scratch`, with addresses of this machine; their names without `.yaml`, sorted.
fn copy(scratch: &Scratch) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")).expect("examples") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let mut text = fs::read_to_string(&path).expect("text");
        if let Some(example) = name.strip_suffix(".yaml") {
            names.push(example.to_owned());
            for (index, other) in OTHERS.iter().enumerate() {
                text = text.replace(other, &format!("127.0.0.{}", 100 + index));
            }
        }
        scratch.write(&name, &text);
    }
    names.sort();
    names
}

/// Starts an example on `port` of 127.0.0.1; `environment` overrides more of it.
fn start(scratch: &Scratch, example: &str, port: u16, environment: &[(&str, &str)]) -> Server {
    let (file, data) = (format!("{example}.yaml"), format!("data-{example}"));
    let mut command = headwater(&["serve", "--config", &file, "--data", &data]);
    command.env("HEADWATER_SERVER__BIND_ADDRESS", "127.0.0.1").env("HEADWATER_SERVER__DNS_PORT", port.to_string());
    command.env("HEADWATER_LOGGING__FORMAT", "json");
    for key in QUIET {
        command.env(format!("HEADWATER_RESOLVER__{key}"), "false");
    }
    command.envs(environment.iter().copied());
    let process = Process::start(&mut command, scratch.path(), &format!("log-{example}"));
    let mut server = Server::over(process, port);
    server.process.wait_for("\"ready\"", 1);
    server
}

#[test]
fn each_answers_what_it_is_for() {
    // The web sockets of each.
    let https = || format!("[{{ address: '127.0.0.1:{}', protocol: https }}]", free_port());
    let http = || format!("[{{ address: '127.0.0.1:{}' }}]", free_port());
    let none = || String::from("[]");
    let cases = [
        ("company", http(), "intranet.corp.example", RType::A, "10.0.0.80"),
        ("headwater", none(), "mail.example.org", RType::A, "192.0.2.25"),
        ("hidden-primary", https(), "example.net", RType::NS, "ns1.example.net."),
        ("home", https(), "nas.home.arpa", RType::A, "192.168.1.20"),
        ("journal", http(), "lab.example.org", RType::NS, "ns1.example.org."),
        ("primary", none(), "example.org", RType::A, "192.0.2.80"),
        ("secondary", none(), "example.org", RType::A, "SERVFAIL"),
    ];
    let scratch = Scratch::new("examples");
    let names = copy(&scratch);
    assert_eq!(names, cases.iter().map(|case| case.0).collect::<Vec<_>>(), "every example has a question");
    for (example, web, name, rtype, want) in &cases {
        let server = start(&scratch, example, free_port(), &[("HEADWATER_WEB__LISTEN", web)]);
        let got = server.data(name, *rtype);
        assert!(got.contains(want), "{example}: {name} {rtype} is {got}");
        // Without its primary a secondary has nothing to answer from, and health says so.
        let log = server.process.log();
        let errors = log.lines().filter(|line| line.contains("\"level\":\"ERROR\""));
        let errors: Vec<&str> =
            errors.filter(|line| *example != "secondary" || !line.contains("\"node::health\"")).collect();
        assert!(errors.is_empty(), "{example}: {errors:?}");
    }
}

#[test]
fn the_secondary_has_the_zone_of_the_primary() {
    let scratch = Scratch::new("examples-pair");
    copy(&scratch);
    let (first, second) = (free_port(), free_port());
    let zones = format!(
        "[{{ name: example.org, file: example.org.zone, allow_transfer: ['key:{KEY}'], \
         notify: ['127.0.0.1:{second} key:{KEY}'] }}]"
    );
    let _primary = start(&scratch, "primary", first, &[("HEADWATER_ZONES", &zones)]);
    let zones = format!("[{{ name: example.org, primaries: ['127.0.0.1:{first} key:{KEY}'] }}]");
    let secondary = start(&scratch, "secondary", second, &[("HEADWATER_ZONES", &zones)]);
    let arrived = until(PATIENCE, || secondary.data("example.org", RType::A).contains("192.0.2.80").then_some(()));
    assert!(arrived.is_some(), "{}", secondary.process.log());
}
