//! An HTTPS server that tests play: every path does what the test says.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The connection that an answer is written to.
pub type Stream = StreamOwned<ServerConnection, TcpStream>;
type Answer = Arc<dyn Fn(&str, &mut Stream) -> io::Result<()> + Send + Sync>;

/// What certificate the server shows.
#[derive(Clone, Copy)]
pub enum Shown {
    /// One that is in order.
    Good,
    /// One whose time is over.
    Expired,
    /// One for another name.
    OtherName,
    /// One of an authority that nobody trusts.
    OtherAuthority,
}

struct Inner {
    config: Mutex<Arc<ServerConfig>>,
    answers: Mutex<HashMap<String, Answer>>,
    requests: Mutex<Vec<String>>,
    stopping: AtomicBool,
}

/// A server on an address of its own of this machine.
pub struct Server {
    inner: Arc<Inner>,
    authority: CertifiedIssuer<'static, KeyPair>,
    pub address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

fn config(authority: &CertifiedIssuer<'static, KeyPair>, shown: Shown) -> Arc<ServerConfig> {
    let name = if matches!(shown, Shown::OtherName) { "other.test" } else { "lists.test" };
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    if matches!(shown, Shown::Expired) {
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_no_client_auth();
    Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).expect("a pair"))
}

impl Server {
    pub fn start(address: &str) -> Server {
        let authority = authority("Test authority");
        let listener = TcpListener::bind((address, 0)).expect("a port");
        let inner = Arc::new(Inner {
            config: Mutex::new(config(&authority, Shown::Good)),
            answers: Mutex::default(),
            requests: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let (own, address) = (inner.clone(), listener.local_addr().expect("an address"));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.stopping.load(Ordering::Relaxed) {
                    return;
                }
                let (own, stream) = (own.clone(), stream.expect("a connection"));
                std::thread::spawn(move || serve(&own, stream));
            }
        });
        Server { inner, authority, address, thread: Some(thread) }
    }

    /// The authority that vouches for it, in DER.
    pub fn authority(&self) -> Vec<u8> {
        self.authority.as_ref().der().to_vec()
    }

    pub fn show(&self, shown: Shown) {
        let stranger = authority("Stranger");
        let issuer = if matches!(shown, Shown::OtherAuthority) { &stranger } else { &self.authority };
        *self.inner.config.lock().expect("no panic") = config(issuer, shown);
    }

    /// The URL of a path of `lists.test`.
    pub fn url(&self, path: &str) -> String {
        format!("https://lists.test:{}{path}", self.address.port())
    }

    /// Has a path answered by `answer`, which gets the head of the request.
    pub fn on(&self, path: &str, answer: impl Fn(&str, &mut Stream) -> io::Result<()> + Send + Sync + 'static) {
        self.inner.answers.lock().expect("no panic").insert(path.to_owned(), Arc::new(answer));
    }

    /// Has a path answered by exactly these octets.
    pub fn raw(&self, path: &str, octets: impl Into<Vec<u8>>) {
        let octets = octets.into();
        self.on(path, move |_, stream| stream.write_all(&octets));
    }

    /// Has a path answered with a list.
    pub fn list(&self, path: &str, text: &str) {
        self.raw(path, ok("content-type: text/plain\r\netag: \"1\"\r\n", text.as_bytes()));
    }

    /// Heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.inner.requests.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
        // The listener looks up.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }
}

fn serve(inner: &Inner, stream: TcpStream) {
    let config = inner.config.lock().expect("no panic").clone();
    let mut stream = StreamOwned::new(ServerConnection::new(config).expect("a connection"), stream);
    let mut head = String::new();
    // One octet at a time: nothing but the head is taken.
    let mut reader = BufReader::with_capacity(1, &mut stream);
    while !head.ends_with("\r\n\r\n") {
        match reader.read_line(&mut head) {
            Ok(taken) if taken > 0 => {}
            // The client does not like our certificate.
            _ => return,
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    inner.requests.lock().expect("no panic").push(head.clone());
    let answer = inner.answers.lock().expect("no panic").get(&path).cloned();
    // A client that has gone away is what many tests are about.
    let written = match answer {
        Some(answer) => answer(&head, &mut stream),
        None => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
    };
    drop(written.and_then(|()| stream.flush()));
}

/// A response with a body and its length; `headers` each with its end.
pub fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A response that sends its client elsewhere.
pub fn redirect(location: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

/// Waits until the client goes away.
pub fn wait_for_end(stream: &mut Stream) -> io::Result<()> {
    stream.sock.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.read(&mut [0; 1]).map(drop)
}
