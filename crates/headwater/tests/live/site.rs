//! A server with a small zone and its API, and those who look at it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dns::RType;
use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use crate::common::{ANSWER_TIMEOUT, PATIENCE, Process, Scratch, Server, free_port, headwater, query};

pub const PASSWORD: &str = "correct horse battery";
const ZONE: &str = "@ 60 IN SOA ns. . 1 60 60 60 60\n@ 60 IN NS ns.\nwww 60 IN TXT here\nmail 60 IN TXT there\n";

/// The server.
pub struct Site {
    pub server: Server,
    /// The port of the API.
    pub web: u16,
    /// One that may do everything.
    pub token: String,
    scratch: PathBuf,
    dns: u16,
    asking: UdpSocket,
}

/// How a stream has ended.
#[derive(Debug)]
pub enum Ended {
    /// Closed, with this code.
    Closed(u16),
    /// Broken.
    Broken,
}

/// An open stream.
pub struct Socket(pub WebSocket<TcpStream>);

impl Socket {
    /// The next frame.
    pub fn frame(&mut self) -> Result<Value, Ended> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Close(Some(CloseFrame { code, .. }))) => return Err(Ended::Closed(code.into())),
                Ok(_) => {}
                Err(_) => return Err(Ended::Broken),
            }
        }
    }

    /// Says something; a stream that has ended hears nothing.
    pub fn send(&mut self, command: &Value) {
        let _ = self.0.send(Message::text(command.to_string()));
    }
}

impl Site {
    /// `web` are more keys of the section of that name.
    pub fn start(scratch: &Scratch, web: &str) -> Site {
        scratch.write("example.zone", ZONE);
        Site::on(scratch.path(), web, free_port(), free_port())
    }

    fn on(scratch: &Path, web_keys: &str, web: u16, dns: u16) -> Site {
        write_config(scratch, web_keys, web, dns);
        let mut command = headwater(&["serve", "--config", "headwater.yaml", "--data", "data"]);
        command.env("HEADWATER_ADMIN_PASSWORD", PASSWORD);
        let process = Process::start(&mut command, scratch, &format!("log-{dns}"));
        let mut server = Server::over(process, dns);
        server.process.wait_for("\"ready\"", 1);
        let asking = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        asking.connect(server.address).expect("connect");
        asking.set_read_timeout(Some(ANSWER_TIMEOUT)).expect("timeout");
        let mut site = Site { server, web, token: String::new(), scratch: scratch.to_owned(), dns, asking };
        site.token = site.token(&["--verb", "read", "--verb", "read_logs"]).0;
        site
    }

    /// Other keys of the section `web`, taken over by a reload.
    pub fn configure(&mut self, web: &str) {
        write_config(&self.scratch, web, self.web, self.dns);
        self.server.reload();
    }

    /// Stops it and starts it again.
    pub fn restart(mut self, scratch: &Scratch) -> Site {
        self.server.process.signal("TERM");
        assert!(self.server.process.wait().success());
        Site::on(scratch.path(), "", self.web, self.dns)
    }

    /// What a command prints.
    pub fn command(&self, words: &[&str]) -> String {
        let output = headwater(&[words, &["--data", "data"]].concat()).current_dir(&self.scratch).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// A new token and its identifier.
    pub fn token(&self, words: &[&str]) -> (String, String) {
        let printed = self.command(&[&["token", "create", "test", "--json"], words].concat());
        let made: Value = serde_json::from_str(&printed).expect("JSON");
        let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("no {key}: {made}")).to_owned();
        (text("token"), text("id"))
    }

    /// The header of the token that may do everything.
    pub fn bearer(&self) -> (&'static str, String) {
        ("authorization", format!("Bearer {}", self.token))
    }

    /// Asks for these names and takes the answers.
    pub fn ask(&self, names: &[&str]) {
        let mut buffer = [0; 1500];
        for name in names {
            self.asking.send(&query(name, RType::TXT).to_wire(512)).expect("sent");
            crate::common::receive(&self.asking, &mut buffer).expect("an answer");
        }
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// The HTTP status that it is refused with.
    pub fn open(&self, path: &str, headers: &[(&str, String)]) -> Result<Socket, u16> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.web));
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
        self.open_over(stream, path, headers)
    }

    /// Opens a stream over a connection.
    pub fn open_over(&self, stream: TcpStream, path: &str, headers: &[(&str, String)]) -> Result<Socket, u16> {
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        let mut request = format!("ws://127.0.0.1:{}{path}", self.web).into_client_request().expect("a request");
        for (name, value) in headers {
            let (name, value) = (HeaderName::try_from(*name), HeaderValue::try_from(value));
            request.headers_mut().insert(name.expect("a name"), value.expect("a value"));
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The head and body of a response.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, String)], body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.web)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n{body}",
            self.web
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), body.to_owned())
    }

    /// What is at `path`.
    pub fn get(&self, path: &str) -> Value {
        let (head, body) = self.send("GET", path, &[self.bearer()], "");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// The status of what is at `path`.
    pub fn status(&self, path: &str) -> u16 {
        let (head, _) = self.send("GET", path, &[self.bearer()], "");
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// The cookie of a new session.
    pub fn log_in(&self) -> String {
        let body = serde_json::json!({"user": "admin", "password": PASSWORD}).to_string();
        let (head, _) = self.send("POST", "/api/v1/session", &[("content-type", "application/json".into())], &body);
        let cookie =
            head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_else(|| panic!("{head}"));
        cookie.split(';').next().expect("a cookie").to_owned()
    }
}

fn write_config(scratch: &Path, web_keys: &str, web: u16, dns: u16) {
    let config = format!(
        "server: {{ name: ns1.example, bind_address: 127.0.0.1, dns_port: {dns}, web_port: {web} }}\n\
         resolver: {{ enabled: false }}\nzones: [{{ name: example, file: example.zone }}]\n\
         web:\n  cors: [https://dash.example]\n{web_keys}"
    );
    std::fs::write(scratch.join("headwater.yaml"), config).expect("a file");
}
