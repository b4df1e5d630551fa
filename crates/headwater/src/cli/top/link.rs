//! The live stream of a server: over its control socket, or over the network with a token. A thread of its own has the
//! connection; frames come through a bounded queue.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderValue, Uri, header};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use super::TopArgs;
use crate::cli::client;

/// For the connection and the handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks at what is to be sent.
const TURN: Duration = Duration::from_millis(100);
/// Frames that wait to be shown.
const QUEUE: usize = 64;
/// Octets of a frame.
const MAX_FRAME_BYTES: usize = 1 << 20;
/// Octets of a token's file.
const MAX_TOKEN_BYTES: u64 = 4096;

/// What comes from the server.
pub enum News {
    /// A frame.
    Frame(Value),
    /// The end, and why.
    End(String),
}

/// The stream.
pub struct Link {
    news: Receiver<News>,
    commands: Sender<Message>,
}

/// Whatever carries octets both ways.
trait Octets: Read + Write + Send {}

impl<S: Read + Write + Send> Octets for S {}

impl Link {
    /// What came, if something does within `timeout`.
    pub fn next(&self, timeout: Duration) -> Option<News> {
        self.news.recv_timeout(timeout).ok()
    }

    /// Asks for rows that match, so many a second; 0: for none.
    pub fn rows(&self, filter: &str, rate: u32) {
        let command = json!({ "op": "rows", "filter": filter, "rate": rate }).to_string();
        // A stream that has ended says so.
        let _ = self.commands.send(Message::text(command));
    }
}

/// Opens the stream of the server that the command line names.
///
/// # Errors
/// No server, and what it refuses.
pub fn open(args: &TopArgs) -> anyhow::Result<Link> {
    let socket = match (&args.server, &args.token_file) {
        (Some(url), Some(token_file)) => {
            let token = read_token(token_file)?;
            remote(url, &token, args.ca.as_deref())?
        }
        _ => local(args)?,
    };
    let ((news_in, news), (commands, commands_out)) = (sync_channel(QUEUE), channel());
    let carry = move || {
        let why = carry(socket, &news_in, &commands_out);
        // Nobody may be there any more.
        let _ = news_in.send(News::End(why));
    };
    std::thread::Builder::new().name("live".into()).spawn(carry)?;
    Ok(Link { news, commands })
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let named = || format!("token file {}", path.display());
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_TOKEN_BYTES).read_to_string(&mut text))
        .with_context(named)?;
    match text.trim() {
        "" => bail!("{}: empty", named()),
        token => Ok(token.to_owned()),
    }
}

fn local(args: &TopArgs) -> anyhow::Result<WebSocket<Box<dyn Octets>>> {
    let socket = client::config(&args.node)?.control_socket();
    let none = || format!("no server answers at {}", socket.display());
    let stream = UnixStream::connect(&socket).with_context(none)?;
    stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
    let timeouts = stream.try_clone()?;
    let websocket = shake_hands(Box::new(stream), "ws://localhost/api/v1/live", None)?;
    timeouts.set_read_timeout(Some(TURN))?;
    Ok(websocket)
}

fn remote(url: &str, token: &str, ca: Option<&Path>) -> anyhow::Result<WebSocket<Box<dyn Octets>>> {
    let bad = || format!("--server {url}: expected http://HOST[:PORT] or https://HOST[:PORT]");
    let uri: Uri = url.parse().with_context(bad)?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { bail!("{}", bad()) };
    let is_secure = match scheme {
        "https" => true,
        "http" => false,
        _ => bail!("{}", bad()),
    };
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let path = uri.path().trim_end_matches('/');
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = connect(host, uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 }))?;
    stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
    let timeouts = stream.try_clone()?;
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !is_secure && !is_here {
        eprintln!("headwater: {url} is not HTTPS: whoever is on the way can read the token");
    }
    let stream: Box<dyn Octets> = match is_secure {
        true => Box::new(secure(stream, host, ca)?),
        false => Box::new(stream),
    };
    let target = format!("ws{}://{authority}{path}/api/v1/live", if is_secure { "s" } else { "" });
    let websocket = shake_hands(stream, &target, Some(token))?;
    timeouts.set_read_timeout(Some(TURN))?;
    Ok(websocket)
}

fn connect(host: &str, port: u16) -> anyhow::Result<TcpStream> {
    let named = || format!("{host}, port {port}");
    let mut last = None;
    for address in (host, port).to_socket_addrs().with_context(named)? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into())).with_context(named)
}

/// TLS over a connection, with the certificates of `ca`, or else the system's.
fn secure(
    stream: TcpStream,
    host: &str,
    ca: Option<&Path>,
) -> anyhow::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let named = || path.display().to_string();
            for certificate in CertificateDer::pem_file_iter(path).with_context(named)? {
                roots.add(certificate.with_context(named)?).with_context(named)?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let connection = ClientConnection::new(config, ServerName::try_from(host.to_owned())?)?;
    Ok(StreamOwned::new(connection, stream))
}

fn shake_hands(
    stream: Box<dyn Octets>,
    target: &str,
    token: Option<&str>,
) -> anyhow::Result<WebSocket<Box<dyn Octets>>> {
    let mut request = target.into_client_request()?;
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).context("the token has odd characters")?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    let limits =
        WebSocketConfig::default().max_message_size(Some(MAX_FRAME_BYTES)).max_frame_size(Some(MAX_FRAME_BYTES));
    match tungstenite::client::client_with_config(request, stream, Some(limits)) {
        Ok((websocket, _)) => Ok(websocket),
        Err(HandshakeError::Interrupted(_)) => bail!("the server does not answer"),
        Err(HandshakeError::Failure(Error::Http(response))) => {
            let said: Value =
                response.body().as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
            match said["detail"].as_str() {
                Some(detail) => bail!("{detail}"),
                None => bail!("the server says {}", response.status()),
            }
        }
        Err(HandshakeError::Failure(error)) => Err(error).context("the server does not answer"),
    }
}

/// Passes on frames and commands until either side ends; why it did.
fn carry(mut socket: WebSocket<Box<dyn Octets>>, news: &SyncSender<News>, commands: &Receiver<Message>) -> String {
    loop {
        loop {
            match commands.try_recv() {
                Ok(command) => {
                    if let Err(error) = socket.send(command) {
                        return error.to_string();
                    }
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return "nobody looks any more".to_owned(),
            }
        }
        match socket.read() {
            Ok(Message::Text(text)) => {
                let Ok(frame) = serde_json::from_str(&text) else { continue };
                if news.send(News::Frame(frame)).is_err() {
                    return "nobody looks any more".to_owned();
                }
            }
            Ok(Message::Close(Some(close))) => return format!("the server closed the stream: {}", close.reason),
            Ok(_) => {}
            Err(Error::Io(error)) if is_pause(&error) => {}
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return "the server closed the stream".to_owned(),
            Err(error) => return format!("the connection broke: {error}"),
        }
    }
}

/// Nothing came for a while.
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
