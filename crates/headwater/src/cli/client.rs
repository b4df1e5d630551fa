//! How commands reach the zones: the API on the control socket of the running server, or, if none runs, the same API
//! in this process over the data directory.

mod http;
mod offline;

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::NodeArgs;
use api::encode;
use config::Config;
use offline::Offline;

/// Octets of a response that is not a zone: a page of a list, the difference of a dry run.
const MAX_JSON_LEN: u64 = 256 << 20;
/// Items of a page.
const PAGE: &str = "1000";

/// What a request is answered with.
pub type Response = http::Response<UnixStream>;

/// A request that the server refused: a line for each problem.
#[derive(Debug)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong; never empty.
    pub problems: Vec<String>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for Refused {}

/// Whether a command may make a data directory where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directory {
    /// It has to be there.
    Existing,
    /// It is made.
    Made,
}

/// Talks to the API.
pub struct Client {
    link: Link,
}

enum Link {
    Server(PathBuf),
    Offline(Box<Offline>),
}

/// The configuration that `args` name.
///
/// # Errors
/// Every problem in it.
pub fn config(args: &NodeArgs) -> anyhow::Result<Config> {
    let problems = match Config::load(args.clone().into()) {
        Ok((config, _)) => return Ok(config),
        Err(problems) => problems,
    };
    Err(Refused { status: 0, problems: problems.iter().map(ToString::to_string).collect() }.into())
}

impl Client {
    /// The running server that uses the data directory; if none does, the data directory itself.
    ///
    /// # Errors
    /// A bad configuration, or neither can be had.
    pub fn find(args: &NodeArgs, directory: Directory) -> anyhow::Result<Client> {
        let config = config(args)?;
        if let Some(client) = Client::running(&config)? {
            return Ok(client);
        }
        if config.cluster.is_some() && directory == Directory::Existing {
            bail!(
                "no server answers at {}; the zones of a cluster are reached through one that runs: start it",
                config.control_socket().display()
            );
        }
        if directory == Directory::Existing && !config.journal.file.exists() {
            bail!(
                "no server answers at {}, and there is no data in {}; which directory: --config or --data",
                config.control_socket().display(),
                config.data_dir.display()
            );
        }
        Ok(Client { link: Link::Offline(Box::new(Offline::open(&config)?)) })
    }

    /// The running server that uses the data directory.
    ///
    /// # Errors
    /// A bad configuration, or there is none.
    pub fn server(args: &NodeArgs) -> anyhow::Result<Client> {
        let config = config(args)?;
        let none = || format!("no server answers at {}", config.control_socket().display());
        Client::running(&config)?.with_context(none)
    }

    fn running(config: &Config) -> anyhow::Result<Option<Client>> {
        let socket = config.control_socket();
        match UnixStream::connect(&socket) {
            Ok(_) => Ok(Some(Client { link: Link::Server(socket) })),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| format!("control socket {}", socket.display())),
        }
    }

    /// Whether no server runs: changes are written to the data directory, and a server answers them once it starts.
    pub fn is_offline(&self) -> bool {
        matches!(self.link, Link::Offline(_))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The connection's, and [`Refused`].
    pub fn send(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> anyhow::Result<Response> {
        let stream = match &self.link {
            Link::Server(socket) => UnixStream::connect(socket),
            Link::Offline(offline) => offline.connect(),
        };
        let response = stream.and_then(|stream| http::exchange(stream, method, target, fields, body));
        let response = response.context("the server does not answer")?;
        if response.status < 400 { Ok(response) } else { Err(refused(response).into()) }
    }

    /// Sends a request with a JSON body and reads the JSON of its response; null if there is none.
    ///
    /// # Errors
    /// The connection's, and [`Refused`].
    pub fn call(&self, method: &str, target: &str, body: &Value) -> anyhow::Result<Value> {
        let octets = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        json(self.send(method, target, &[("content-type", "application/json")], &octets)?)
    }

    /// What is at `target`.
    ///
    /// # Errors
    /// The connection's, and [`Refused`].
    pub fn get(&self, target: &str) -> anyhow::Result<Value> {
        json(self.send("GET", target, &[], b"")?)
    }

    /// Hands the items of the list at `path` to `take`, page by page, until it wants no more.
    ///
    /// # Errors
    /// The connection's, [`Refused`], and those of `take`.
    pub fn pages(&self, path: &str, take: impl FnMut(&[Value]) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        self.pages_of(path, &[], take)
    }

    /// The same for a list with parameters.
    ///
    /// # Errors
    /// As of [`Client::pages`].
    pub fn pages_of(
        &self,
        path: &str,
        query: &[(&str, &str)],
        mut take: impl FnMut(&[Value]) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let mut after: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", PAGE));
            query.extend(after.as_deref().map(|after| ("after", after)));
            let page = self.get(&target(path, &query))?;
            let goes_on = take(page["items"].as_array().map_or(&[], Vec::as_slice))?;
            let next = page["next"].as_str().map(str::to_owned);
            // A page that leads to itself would never end.
            if !goes_on || next.is_none() || next == after {
                return Ok(());
            }
            after = next;
        }
    }
}

/// The JSON of a response; null if it has no body.
///
/// # Errors
/// The connection's; something else than JSON.
pub fn json(response: Response) -> anyhow::Result<Value> {
    let mut octets = Vec::new();
    response.take(MAX_JSON_LEN).read_to_end(&mut octets).context("the server's response")?;
    if octets.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_slice(&octets).context("the server's response")?)
    }
}

/// `path` with these parameters.
pub fn target(path: &str, query: &[(&str, &str)]) -> String {
    let mut target = path.to_owned();
    for (i, (name, value)) in query.iter().enumerate() {
        target.push(if i == 0 { '?' } else { '&' });
        target.push_str(name);
        target.push('=');
        encode(value, &mut target);
    }
    target
}

/// A path of the API, given its segments as plain text.
pub fn path(segments: &[&str]) -> String {
    let mut path = String::from("/api/v1");
    for segment in segments {
        path.push('/');
        encode(segment, &mut path);
    }
    path
}

/// What a response says against the request: a line for each fault, or what it says as a whole.
fn refused(response: Response) -> Refused {
    let status = response.status;
    let said = json(response).unwrap_or_default();
    let detail = said["detail"].as_str().map_or_else(|| format!("the server says {status}"), str::to_owned);
    let faults = said["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let mut problems: Vec<String> = faults.iter().filter_map(Value::as_object).map(fault).collect();
    if problems.is_empty() {
        problems.extend(detail.lines().map(str::to_owned));
    }
    Refused { status, problems }
}

/// One fault: its place, if it has one, and what it is.
fn fault(fault: &Map<String, Value>) -> String {
    let text = |key: &str| fault.get(key).and_then(Value::as_str);
    let number = |key: &str| fault.get(key).and_then(Value::as_u64);
    let place = match (text("pointer").or(text("parameter")), number("line")) {
        (Some(pointer), _) if !pointer.is_empty() => format!("{}: ", pointer.trim_start_matches('/')),
        (_, Some(line)) => format!("line {line}, column {}: ", number("column").unwrap_or(1)),
        _ => String::new(),
    };
    format!("{place}{}", text("detail").unwrap_or("something is wrong"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_encoded() {
        assert_eq!(path(&["zones", "a b/c.example", "import"]), "/api/v1/zones/a%20b%2Fc.example/import");
        assert_eq!(target("/x", &[("why", "a&b"), ("dry_run", "true")]), "/x?why=a%26b&dry_run=true");
        assert_eq!(target("/x", &[]), "/x");
    }

    #[test]
    fn faults_are_one_line_each() {
        let check = |json: &str, want: &str| {
            let value: Value = serde_json::from_str(json).expect("JSON");
            assert_eq!(fault(value.as_object().expect("object")), want);
        };
        check(r#"{"pointer": "/name", "detail": "no domain name"}"#, "name: no domain name");
        check(r#"{"parameter": "limit", "detail": "a number"}"#, "limit: a number");
        check(r#"{"line": 3, "column": 7, "detail": "bad"}"#, "line 3, column 7: bad");
        check(r#"{"detail": "zone x. has no NS"}"#, "zone x. has no NS");
        check("{}", "something is wrong");
    }
}
