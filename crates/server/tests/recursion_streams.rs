//! Other servers that are asked over TLS and HTTPS, with certificates of an authority made for the test.

mod recursion_support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dns::{Message, RType, Rcode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use resolver::upstream::{HttpsTarget, Peer, Transport};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use server::recursion::ThreadSettings;
use server::upstream::stream::Authorities;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use recursion_support::*;

/// The name in the servers' certificate; their address is in it, too.
const NAME: &str = "resolver.example";

/// A server that is asked over TLS.
struct Secure {
    address: SocketAddr,
    authorities: Authorities,
    /// Connections that were made.
    connections: Arc<AtomicUsize>,
    /// The server ends when it is dropped.
    _stop: oneshot::Sender<()>,
}

/// An authority of our own, and the settings of a server with a certificate of it for these names and addresses.
fn certificates(names: &[&str]) -> (Authorities, ServerConfig) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
    // What is an address becomes one.
    let params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("names");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let authorities = Authorities::parse(issuer.pem().as_bytes()).expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    (authorities, builder.with_single_cert(vec![certificate.der().clone()], key.into()).expect("a pair"))
}

impl Secure {
    /// Over TLS, or over HTTPS. A connection over TLS is closed behind the first `limit` questions.
    fn start(https: bool, limit: usize) -> Secure {
        Secure::for_names(&[NAME, "127.0.0.1"], https, limit)
    }

    /// The same with a certificate for these names and addresses.
    fn for_names(names: &[&str], https: bool, limit: usize) -> Secure {
        let (authorities, mut config) = certificates(names);
        if https {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(ANY)).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, (stop, stopped)) = (connections.clone(), oneshot::channel::<()>());
        let accepting = async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    match acceptor.accept(stream).await {
                        Ok(stream) if https => serve_https(stream).await,
                        Ok(stream) => serve_tls(stream, limit).await,
                        Err(_) => {}
                    }
                });
            }
        };
        std::thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! { () = accepting => {}, _ = stopped => {} }
            })
        });
        Secure { address, authorities, connections, _stop: stop }
    }

    fn forwarding(&self, transport: Transport) -> Forwarding {
        let settings = ThreadSettings { authorities: self.authorities.clone(), ..ThreadSettings::default() };
        Forwarding { transport, settings, ..Forwarding::to(self.address) }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn answer(query: &[u8]) -> Vec<u8> {
    reply(&Message::parse(query).expect("a query"), false).to_wire(65_535)
}

async fn serve_tls(mut stream: TlsStream<tokio::net::TcpStream>, limit: usize) {
    for _ in 0..limit {
        let Ok(len) = stream.read_u16().await else { return };
        let mut query = vec![0; usize::from(len)];
        stream.read_exact(&mut query).await.expect("a whole query");
        let response = answer(&query);
        // A lie first, which must be passed over.
        let mut lie = response.clone();
        lie[1] ^= 1;
        for message in [lie, response] {
            stream.write_u16(message.len() as u16).await.expect("sent");
            stream.write_all(&message).await.expect("sent");
        }
        stream.flush().await.expect("sent");
    }
    let _ = stream.shutdown().await;
}

async fn serve_https(stream: TlsStream<tokio::net::TcpStream>) {
    let service = service_fn(|request: Request<Incoming>| async move {
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/dns-query"));
        assert_eq!(request.headers()["content-type"], "application/dns-message");
        let query = request.into_body().collect().await?.to_bytes();
        assert_eq!(query[..2], [0, 0], "RFC 8484 4.1: caches on the way like identifiers of 0");
        let builder = Response::builder();
        let failing = Message::parse(&query).expect("a query").questions[0].name.to_string().starts_with("failing.");
        let builder =
            if failing { builder.status(503) } else { builder.header("content-type", "application/dns-message") };
        Ok::<_, hyper::Error>(builder.body(Full::new(Bytes::from(answer(&query)))).expect("a response"))
    });
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn ask(server: &Server, name: &str) -> Rcode {
    let query = Message::query(7, name.parse().expect("a name"), RType::A);
    server.ask(&query).expect("a response").header.rcode
}

#[test]
fn questions_over_tls_share_a_connection() {
    let upstream = Secure::start(false, usize::MAX);
    // By address, and by name.
    for name in [Peer::Address, Peer::Name(NAME.into())] {
        let before = upstream.connections();
        let server = upstream.forwarding(Transport::Tls(name)).start();
        let queries: Vec<Message> =
            (0..40).map(|i| Message::query(i, format!("n{i}.example.").parse().expect("a name"), RType::A)).collect();
        let responses = server.ask_over_tcp(&queries);
        assert!(responses.iter().all(|it| it.header.rcode == Rcode::NOERROR && it.answers.len() == 1));
        assert_eq!(ask(&server, "www.example."), Rcode::NOERROR);
        assert!(upstream.connections() - before <= 2, "{} connections", upstream.connections() - before);
        assert_eq!(server.count(|stats| stats.upstream_udp.get()), 0);
    }
}

#[test]
fn a_connection_that_the_server_closes_is_replaced() {
    let upstream = Secure::start(false, 1);
    let server = upstream.forwarding(Transport::Tls(Peer::Address)).start();
    for i in 0..5 {
        assert_eq!(ask(&server, &format!("n{i}.example.")), Rcode::NOERROR);
    }
    assert_eq!(upstream.connections(), 5);
}

#[test]
fn a_server_that_does_not_prove_who_it_is_gets_no_question() {
    let upstream = Secure::start(false, usize::MAX);
    let server = upstream.forwarding(Transport::Tls(Peer::Name("other.example".into()))).start();
    assert_eq!(ask(&server, "www.example."), Rcode::SERVFAIL);
    // Without the authority nobody knows it.
    let transport = Transport::Tls(Peer::Name(NAME.into()));
    let server = Forwarding { settings: ThreadSettings::default(), ..upstream.forwarding(transport) }.start();
    assert_eq!(ask(&server, "www.example."), Rcode::SERVFAIL);
}

/// RFC 8310 8.1: without a name the certificate has to be for the address, unless no proof is wanted.
#[test]
fn an_address_is_proved_like_a_name() {
    for https in [false, true] {
        let upstream = Secure::for_names(&[NAME, "127.0.0.2"], https, usize::MAX);
        let transport = |peer: Peer| match https {
            false => Transport::Tls(peer),
            true => {
                let (host, insecure) = ("127.0.0.1".to_owned(), peer == Peer::Anyone);
                Transport::Https(Arc::new(HttpsTarget { host, path: "/dns-query".into(), insecure }))
            }
        };
        let refused = upstream.forwarding(transport(Peer::Address)).start();
        assert_eq!(ask(&refused, "www.example."), Rcode::SERVFAIL, "https={https}");
        let settings = ThreadSettings::default();
        let any = Forwarding { settings, ..upstream.forwarding(transport(Peer::Anyone)) }.start();
        assert_eq!(ask(&any, "www.example."), Rcode::NOERROR, "https={https}");
    }
}

#[test]
fn questions_over_https_share_a_connection() {
    let upstream = Secure::start(true, usize::MAX);
    for host in [NAME, "127.0.0.1"] {
        let before = upstream.connections();
        let target = HttpsTarget { host: host.into(), path: "/dns-query".into(), insecure: false };
        let server = upstream.forwarding(Transport::Https(Arc::new(target))).start();
        let queries: Vec<Message> =
            (0..40).map(|i| Message::query(i, format!("n{i}.example.").parse().expect("a name"), RType::A)).collect();
        let responses = server.ask_over_tcp(&queries);
        assert!(responses.iter().all(|it| it.header.rcode == Rcode::NOERROR && it.answers.len() == 1));
        assert_eq!(ask(&server, "failing.example."), Rcode::SERVFAIL);
        assert_eq!(ask(&server, "large.example."), Rcode::NOERROR);
        assert!(upstream.connections() - before <= 2, "{} connections", upstream.connections() - before);
    }
}
