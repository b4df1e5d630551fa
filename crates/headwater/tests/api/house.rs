//! A server of the API on a loopback port, with a node in memory and an administrator.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use headwater::api::{self, App, Server};
use headwater::auth::{AccessEvent, AccessStore, Grant, Logins, NewToken, bootstrap};
use headwater::lookups::Lookups;
use serde_json::Value;

use super::fake::{Fake, MemoryJournal};

/// The administrator's password.
pub const PASSWORD: &str = "correct horse battery";

/// A running server.
pub struct House {
    pub fake: Arc<Fake>,
    pub access: Arc<AccessStore>,
    pub lookups: Lookups,
    pub address: SocketAddr,
    /// A token that may do everything.
    pub token: String,
    agent: ureq::Agent,
    data_dir: PathBuf,
    runtime: Option<tokio::runtime::Runtime>,
    server: Option<Server>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Panics unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl House {
    pub fn open() -> House {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let data_dir = std::env::temp_dir().join(format!("headwater-api-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&data_dir).expect("directory");
        let journal = Arc::new(MemoryJournal::default());
        let access = Arc::new(AccessStore::open(journal, &data_dir.join("seal.key")).expect("access"));
        bootstrap(&access, Some(PASSWORD.into())).expect("first administrator");
        let fake = Arc::new(Fake::new());
        let name = "ns1.example.net".parse().expect("name");
        let logins = Arc::new(Logins::new());
        let app = App::new(fake.clone(), access.clone(), logins, name, &data_dir).expect("app");
        let lookups = app.lookups.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("runtime");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("address");
        let server = runtime.block_on(async { api::serve(vec![listener], Arc::new(app)) }).expect("server");
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
        let mut house = House {
            fake,
            access,
            lookups,
            address,
            token: String::new(),
            agent: config.into(),
            data_dir,
            runtime: Some(runtime),
            server: Some(server),
        };
        house.token = house.new_token(vec![Grant::everything()]);
        house
    }

    /// A token of the administrator with these grants.
    pub fn new_token(&self, grants: Vec<Grant>) -> String {
        let token = NewToken::new("admin", "test", grants, None).expect("token");
        let (at_ms, who, why) = (headwater::clock::now_ms(), "test".to_owned(), String::new());
        self.access.submit(&AccessEvent { at_ms, who, why, kind: token.kind }).expect("submitted");
        token.text.reveal().to_owned()
    }

    /// A request with any header fields.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = if body.is_empty() && matches!(method, "GET" | "DELETE") {
            self.agent.run(request.body(()).expect("request")).expect("response")
        } else {
            self.agent.run(request.body(body.to_owned()).expect("request")).expect("response")
        };
        let text = response.body_mut().read_to_string().expect("body");
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), text }
    }

    /// A request by the administrator's token, under `/api/v1`, with more header fields.
    pub fn with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        all.extend(headers);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/api/v1{path}"), &all, &body)
    }

    /// A request by the administrator's token, under `/api/v1`.
    pub fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.with(method, path, &[], body)
    }

    /// A request by another token.
    pub fn by(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/api/v1{path}"), &headers, &body)
    }

    /// Stops the server, as the process would.
    pub fn stop(&mut self) {
        if let (Some(runtime), Some(server)) = (&self.runtime, self.server.take()) {
            runtime.block_on(server.stop());
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let _ = std::fs::remove_dir_all(&self.data_dir);
    }
}
