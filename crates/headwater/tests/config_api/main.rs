//! The configuration of a running server: shown with its origins, changed by API and by its file, taken back.

#[path = "../common/mod.rs"]
mod common;

mod change;
mod confirm;
mod levels;
mod load;
mod networks;
mod show;
mod watch;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{PATIENCE, Scratch, Server, free_port, until};
use dns::edns::EdnsOption;
use serde_json::Value;

/// A response of the API.
struct Reply {
    status: u16,
    etag: String,
    body: Value,
}

impl Reply {
    /// Fails unless the status is `status`.
    #[track_caller]
    fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }

    /// The key at `path`.
    #[track_caller]
    fn setting(&self, path: &str) -> Value {
        let settings = self.body["settings"].as_array().expect("settings");
        settings.iter().find(|setting| setting["path"] == path).unwrap_or_else(|| panic!("no {path}")).clone()
    }
}

/// A server with a configuration file, and the way to its API through the control socket.
struct House {
    scratch: Scratch,
    server: Server,
}

impl House {
    /// A server of the test called `name`, whose file is `config` with `PORT` replaced by a free one.
    fn start(name: &str, config: &str) -> House {
        House::with(name, config, &[], &[])
    }

    /// The same with more flags and environment variables.
    fn with(name: &str, config: &str, flags: &[&str], environment: &[(&str, &str)]) -> House {
        let scratch = Scratch::new(name);
        let port = free_port();
        scratch.write("headwater.yaml", &config.replace("PORT", &port.to_string()));
        let server = launch(&scratch, port, flags, environment);
        House { scratch, server }
    }

    /// Ends the server at once, and starts it again.
    fn restart_after_kill(&mut self) {
        self.server.process.kill();
        self.server = launch(&self.scratch, self.server.address.port(), &[], &[]);
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("headwater.yaml")).expect("the file")
    }

    /// A request with a JSON body, or none, under `/api/v1`.
    fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.with_tag(method, path, "", body)
    }

    /// The same, if the entity tag is `tag`.
    fn with_tag(&self, method: &str, path: &str, tag: &str, body: Value) -> Reply {
        self.try_call(method, path, tag, &body).expect("the control socket answers")
    }

    fn try_call(&self, method: &str, path: &str, tag: &str, body: &Value) -> std::io::Result<Reply> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = UnixStream::connect(self.scratch.path().join("data/control.sock"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let condition = if tag.is_empty() { String::new() } else { format!("If-Match: {tag}\r\n") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        write!(
            stream,
            "{method} /api/v1{path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{condition}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").expect("a response");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or_default().to_owned();
        Ok(Reply { status, etag, body: serde_json::from_str(body).unwrap_or(Value::Null) })
    }

    /// Waits until `check` holds.
    #[track_caller]
    fn wait_until(&self, what: &str, mut check: impl FnMut() -> bool) {
        let found = until(PATIENCE, || check().then_some(()));
        assert!(found.is_some(), "not {what}:\n{}", self.server.process.log());
    }

    /// The name server identifier that the server gives.
    fn nsid(&self) -> String {
        let options = vec![EdnsOption::Nsid(Vec::new())];
        let edns = dns::Edns { udp_size: 1232, version: 0, dnssec_ok: false, compact_ok: false, options };
        let answer = self.server.ask(&common::query_edns("x.test", dns::RType::A, edns));
        let options = answer.edns.map(|edns| edns.options).unwrap_or_default().into_iter();
        let mut nsid = options.filter_map(|option| if let EdnsOption::Nsid(nsid) = option { Some(nsid) } else { None });
        let nsid = nsid.next_back().unwrap_or_default();
        String::from_utf8(nsid).expect("text")
    }
}

fn launch(scratch: &Scratch, port: u16, flags: &[&str], environment: &[(&str, &str)]) -> Server {
    let address = ([127, 0, 0, 1], port).into();
    let mut server =
        Server::launch_in(scratch, &[&["--config", "headwater.yaml"][..], flags].concat(), address, environment);
    server.process.wait_for("\"ready\"", 1);
    server
}

/// A little longer than a file must be quiet.
const SETTLED: Duration = Duration::from_millis(800);
