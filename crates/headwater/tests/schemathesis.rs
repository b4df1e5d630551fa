//! The API of the real binary against its own description: schemathesis makes requests of it, valid and not, and
//! looks at every response. `.ci/install-tools` puts it under `target/`.

mod common;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Scratch, Server, free_port, headwater};

/// What a response must be, whatever was asked. (That a request which the description allows may still be refused,
/// names and record data being what they are, is no fault.)
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance";
/// Requests made for an operation in each phase; more with `HEADWATER_SCHEMATHESIS_EXAMPLES`.
const EXAMPLES: &str = "10";
/// The same requests each time; others with `HEADWATER_SCHEMATHESIS_SEED`.
const SEED: &str = "7";

fn program() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("schemathesis/bin/schemathesis");
    let runs = |program: &PathBuf| {
        let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    [own, PathBuf::from("schemathesis")].into_iter().find(runs)
}

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// What a command against the server says.
fn run(scratch: &Scratch, words: &[&str]) -> String {
    let output = headwater(words).args(["--data", "data"]).current_dir(scratch.path()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn responses_are_as_described() {
    let Some(program) = program() else {
        println!("skipped: no schemathesis");
        return;
    };
    let scratch = Scratch::new("schemathesis");
    let (dns, web) = (free_port(), free_port());
    let listen = format!("listen: [{{ address: \"127.0.0.1:{dns}\", protocols: [udp, tcp] }}]");
    let config = format!("server:\n  {listen}\n  web_port: {web}\nweb:\n  bind_address: 127.0.0.1\n");
    scratch.write("headwater.yaml", &config);
    let address = SocketAddr::from(([127, 0, 0, 1], dns));
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    run(&scratch, &["zone", "create", "example.org", "--ns", "ns.example.net"]);
    let verbs = ["read", "read_logs", "create", "update", "delete", "configure", "transfer", "admin"];
    let mut words = vec!["token", "create", "tester"];
    verbs.iter().for_each(|verb| words.extend(["--verb", *verb]));
    let token = run(&scratch, &words);
    let url = format!("http://127.0.0.1:{web}/api/v1");
    let output = Command::new(program)
        .args(["run", &format!("{url}/openapi.json"), "--url", &url])
        .args(["--header", &format!("Authorization: Bearer {}", token.trim())])
        // A stream without an end, and the end of the token.
        .args(["--exclude-path", "/events", "--exclude-name", "DELETE /tokens/{id}"])
        .args(["--checks", CHECKS, "--suppress-health-check", "all", "--request-timeout", "30", "--no-color"])
        .args(["--max-examples", &variable("HEADWATER_SCHEMATHESIS_EXAMPLES", EXAMPLES)])
        .args(["--seed", &variable("HEADWATER_SCHEMATHESIS_SEED", SEED)])
        .env("no_proxy", "*")
        .current_dir(scratch.path())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("cases"), "{said}");
    assert!(server.process.is_running() && !server.process.log().contains("panicked"), "{}", server.process.log());
}
