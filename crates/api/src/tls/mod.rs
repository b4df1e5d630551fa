//! TLS in front of HTTP: which certificate a socket shows, changed while it is used, and the handshake.
//!
//! A certificate that cannot be used never takes the place of one that can: the log says what is wrong with it, and
//! clients see the one before.

mod plain;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use config::CertificateSource;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use server::certificate::self_signed;
use server::certificate::{Files, Identity, IdentityError};
use server::clock::unix_ms;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// HTTP/2 as clients ask for it (RFC 9113 3.2).
const H2: &[u8] = b"h2";
/// HTTP/1.1.
const HTTP1: &[u8] = b"http/1.1";

/// Where certificates of our own are kept and what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The directory.
    pub directory: PathBuf,
    /// Host names and addresses.
    pub names: Vec<String>,
}

/// The certificate of one socket.
pub struct Secure {
    state: Mutex<State>,
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
}

struct State {
    source: Source,
    /// The files as they were when they were read last.
    read: Stamp,
    /// The files as they were at the last look: they are read once they have stopped changing.
    seen: Stamp,
}

enum Source {
    Files(Files),
    Own(OwnCertificate),
}

/// What tells whether files are the same as before.
type Stamp = Option<[(SystemTime, u64); 2]>;

/// What rustls asks for at each handshake.
#[derive(Debug)]
struct Shown(RwLock<Arc<Identity>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get().certified_key())
    }
}

impl Shown {
    fn get(&self) -> Arc<Identity> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What became of a connection to a socket that speaks TLS.
pub enum Handshake {
    /// It speaks TLS.
    Done(Box<TlsStream<TcpStream>>),
    /// The client spoke HTTP in the clear, and was told so.
    InTheClear,
}

impl Secure {
    /// A socket that shows what `source` has. `own` is for a certificate that the server makes.
    ///
    /// # Errors
    /// It cannot be made; no usable TLS.
    pub fn new(source: &CertificateSource, own: &OwnCertificate) -> Result<Secure, IdentityError> {
        let (state, identity) = opened(source, own)?;
        let shown = Arc::new(Shown(RwLock::new(identity)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| IdentityError::Make(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![H2.to_vec(), HTTP1.to_vec()];
        Ok(Secure { state: Mutex::new(state), shown, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// The certificate that clients see.
    pub fn identity(&self) -> Arc<Identity> {
        self.shown.get()
    }

    /// Shows what `source` has from now on, unless it has expired and the certificate before has not.
    ///
    /// # Errors
    /// It cannot be made; then nothing changes.
    pub fn change(&self, source: &CertificateSource, own: &OwnCertificate) -> Result<(), IdentityError> {
        let (state, identity) = opened(source, own)?;
        self.show(identity);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(())
    }

    /// Looks whether the files changed, or a certificate of our own is near its end, and if so shows the new one.
    /// Reads files, so it must not be called on a thread of the runtime.
    pub fn refresh(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let read = match &state.source {
            Source::Own(own) => {
                if !self_signed::is_due(&self.identity(), now_s()) {
                    return;
                }
                self_signed::open(&own.directory, &own.names, now_s())
            }
            Source::Files(files) => {
                let (now, files) = (stamp(files), files.clone());
                let settled = std::mem::replace(&mut state.seen, now) == now;
                if !settled || now == state.read {
                    return;
                }
                state.read = now;
                Identity::read(&files)
            }
        };
        match read {
            Ok(identity) => self.show(Arc::new(identity)),
            Err(error) => tracing::error!("the certificate of the web interface stays the one before: {error}"),
        }
    }

    fn show(&self, identity: Arc<Identity>) {
        let before = self.identity();
        if *before == *identity {
            return;
        }
        let now_s = now_s();
        if let Some(why) = identity.untimely(now_s)
            && before.untimely(now_s).is_none()
        {
            tracing::error!("the certificate of the web interface stays the one before: {why}");
            return;
        }
        let (fingerprint, names) = (identity.fingerprint(), identity.names().join(" "));
        tracing::info!(fingerprint, names, "the web interface has a new certificate");
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    /// Makes a connection one of TLS, or tells a client that speaks HTTP in the clear what to do instead. The caller
    /// bounds the time.
    ///
    /// # Errors
    /// The connection's, and whatever the client does not accept.
    pub async fn accept(&self, mut stream: TcpStream) -> io::Result<Handshake> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && plain::looks_like_http(first[0]) {
            plain::answer(&mut stream).await?;
            return Ok(Handshake::InTheClear);
        }
        Ok(Handshake::Done(Box::new(self.acceptor.accept(stream).await?)))
    }
}

/// Whether the client chose HTTP/2.
pub fn is_http2<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(H2)
}

/// What `source` has.
fn opened(source: &CertificateSource, own: &OwnCertificate) -> Result<(State, Arc<Identity>), IdentityError> {
    match source {
        CertificateSource::Files(files, identity) => {
            let seen = stamp(files);
            // The configuration may have read the files a while ago: what is there now counts, if it can be used.
            let identity = Identity::read(files).map_or_else(|_| identity.clone(), Arc::new);
            Ok((State { source: Source::Files(files.clone()), read: seen, seen }, identity))
        }
        CertificateSource::SelfSigned => {
            let identity = self_signed::open(&own.directory, &own.names, now_s())?;
            Ok((State { source: Source::Own(own.clone()), read: None, seen: None }, Arc::new(identity)))
        }
    }
}

fn stamp(files: &Files) -> Stamp {
    let one = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    Some([one(&files.certificate)?, one(&files.key)?])
}

fn now_s() -> i64 {
    (unix_ms() / 1000) as i64
}
