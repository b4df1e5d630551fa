//! One connection to another server, from its opening to its end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use dns::header::HEADER_LEN;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, StatusCode, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use resolver::upstream::{ExchangeError, HttpsTarget, Peer, Transport, is_reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::lock;
use super::tls::Certificates;
use crate::limits::{MAX_MESSAGE_SIZE, UPSTREAM_PIPELINE, UPSTREAM_STREAM_IDLE};
use crate::upstream::random::Random;
use crate::upstream::waits::Reply;

/// The media type of messages (RFC 8484 6).
const DNS_MESSAGE: &str = "application/dns-message";

/// A question for the server.
pub struct Request {
    /// With the identifier 0.
    pub message: Vec<u8>,
    /// Where the reply goes, its identifier 0 too.
    pub reply: oneshot::Sender<Reply>,
}

/// An open connection.
pub enum Link {
    /// TCP.
    Tcp(TcpStream),
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// HTTP/2 over TLS.
    Https(Box<TlsStream<TcpStream>>, Arc<HttpsTarget>),
}

impl Link {
    /// Opens a connection.
    ///
    /// # Errors
    /// A server that cannot be reached, or does not prove who it is.
    pub async fn open(
        server: SocketAddr,
        source: Option<IpAddr>,
        transport: &Transport,
        certificates: &Certificates,
    ) -> io::Result<Link> {
        let opening = async {
            let tcp = connect(server, source).await?;
            Ok(match transport {
                Transport::Udp | Transport::Tcp => Link::Tcp(tcp),
                Transport::Tls(peer) => Link::Tls(Box::new(certificates.connect(tcp, peer, server.ip(), false).await?)),
                Transport::Https(target) => {
                    // An address stands in brackets in a URL if it is one of IPv6.
                    let host = target.host.trim_start_matches('[').trim_end_matches(']');
                    let peer = if target.insecure { Peer::Anyone } else { Peer::Name(host.into()) };
                    let tls = certificates.connect(tcp, &peer, server.ip(), true).await?;
                    Link::Https(Box::new(tls), target.clone())
                }
            })
        };
        timeout(UPSTREAM_STREAM_IDLE, opening).await?
    }

    /// Asks what comes in on `requests` until the connection ends, is idle for too long, or nobody may ask any more.
    ///
    /// # Errors
    /// What ended it, if it was not closed in order.
    pub async fn serve(self, requests: mpsc::Receiver<Request>) -> io::Result<()> {
        match self {
            Link::Tcp(stream) => framed(stream, requests).await,
            Link::Tls(stream) => framed(*stream, requests).await,
            Link::Https(stream, target) => https(*stream, &target, requests).await,
        }
    }
}

async fn connect(server: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind((source, 0).into())?;
    }
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Questions on the way, by identifier.
type Waiting = Mutex<HashMap<u16, Request>>;

/// Messages with their length before them (RFC 7766 8), many at once, replies in any order.
async fn framed<S: AsyncRead + AsyncWrite + Unpin>(stream: S, mut requests: mpsc::Receiver<Request>) -> io::Result<()> {
    let (reader, writer) = tokio::io::split(stream);
    let waiting = Waiting::default();
    tokio::select! {
        written = write_all(writer, &mut requests, &waiting) => written,
        read = read_all(reader, &waiting) => read,
    }
}

async fn write_all<S: AsyncWrite>(
    mut writer: WriteHalf<S>,
    requests: &mut mpsc::Receiver<Request>,
    waiting: &Waiting,
) -> io::Result<()> {
    let mut random = Random::default();
    let mut octets = Vec::new();
    loop {
        let request = match timeout(UPSTREAM_STREAM_IDLE, requests.recv()).await {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(_) => {
                // Who does not wait any more does not keep it open.
                let mut waiting = lock(waiting);
                waiting.retain(|_, request| !request.reply.is_closed());
                if waiting.is_empty() {
                    return Ok(());
                }
                continue;
            }
        };
        octets.clear();
        octets.extend_from_slice(&(request.message.len() as u16).to_be_bytes());
        octets.extend_from_slice(&request.message);
        let id = enter(waiting, request, &mut random);
        if let (Some(id), Some(slot)) = (id, octets.get_mut(2..4)) {
            slot.copy_from_slice(&id.to_be_bytes());
            writer.write_all(&octets).await?;
            writer.flush().await?;
        }
    }
}

/// Gives a question an identifier; one too many is dropped.
fn enter(waiting: &Waiting, request: Request, random: &mut Random) -> Option<u16> {
    let mut waiting = lock(waiting);
    if waiting.len() >= 2 * UPSTREAM_PIPELINE {
        waiting.retain(|_, request| !request.reply.is_closed());
    }
    if waiting.len() >= 2 * UPSTREAM_PIPELINE {
        let _ = request.reply.send(Err(ExchangeError::Busy));
        return None;
    }
    loop {
        // Nearly all identifiers are free.
        if let Entry::Vacant(vacant) = waiting.entry(random.next() as u16) {
            let id = *vacant.key();
            vacant.insert(request);
            return Some(id);
        }
    }
}

/// Reads replies. What has no identifier of ours is passed over; after what is no message nothing is trusted.
async fn read_all<S: AsyncRead>(mut reader: ReadHalf<S>, waiting: &Waiting) -> io::Result<()> {
    loop {
        let len = match reader.read_u16().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            len => usize::from(len?),
        };
        if len < HEADER_LEN {
            return Err(io::Error::other("a message too short to be one"));
        }
        let mut reply = vec![0; len];
        reader.read_exact(&mut reply).await?;
        let id = u16::from_be_bytes([reply[0], reply[1]]);
        let mut waiting = lock(waiting);
        if let Entry::Occupied(request) = waiting.entry(id) {
            let request = request.remove();
            let fits = is_reply(&request.message, &reply);
            reply[..2].fill(0);
            let _ = request.reply.send(if fits { Ok(reply) } else { Err(ExchangeError::Unfit) });
        }
    }
}

/// HTTP/2, a request for each question.
async fn https(
    stream: TlsStream<TcpStream>,
    target: &HttpsTarget,
    mut requests: mpsc::Receiver<Request>,
) -> io::Result<()> {
    let uri = Uri::builder().scheme("https").authority(target.host.as_str()).path_and_query(target.path.as_str());
    let uri = uri.build().map_err(io::Error::other)?;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let builder = builder.timer(TokioTimer::new());
    let (mut sender, driver) = builder.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let asking = async {
        loop {
            match timeout(UPSTREAM_STREAM_IDLE, requests.recv()).await {
                Ok(Some(request)) => {
                    sender.ready().await.map_err(io::Error::other)?;
                    tokio::spawn(post(&mut sender, uri.clone(), request));
                }
                // What is on the way ends first: each has a sender of its own.
                Ok(None) | Err(_) => return Ok::<(), io::Error>(()),
            }
        }
    };
    tokio::pin!(driver);
    tokio::select! {
        ended = &mut driver => return ended.map_err(io::Error::other),
        asked = asking => asked?,
    }
    drop((sender, requests));
    timeout(UPSTREAM_STREAM_IDLE, driver).await?.map_err(io::Error::other)
}

/// Asks one question (RFC 8484 4.1).
fn post(
    sender: &mut SendRequest<Full<Bytes>>,
    uri: Uri,
    request: Request,
) -> impl Future<Output = ()> + Send + 'static + use<> {
    let Request { message, reply } = request;
    let http = hyper::Request::builder().method(Method::POST).version(Version::HTTP_2).uri(uri);
    let http = http.header(CONTENT_TYPE, DNS_MESSAGE).header(ACCEPT, DNS_MESSAGE);
    let http = http.body(Full::new(Bytes::copy_from_slice(&message)));
    let sending = http.ok().map(|http| sender.send_request(http));
    async move {
        let Some(sending) = sending else { return };
        // An error of the connection drops the question, which is asked again then.
        let Ok(response) = sending.await else { return };
        let media_type = response.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
        let is_message = media_type.is_some_and(|it| it.starts_with(DNS_MESSAGE.as_bytes()));
        if response.status() != StatusCode::OK || !is_message {
            let _ = reply.send(Err(ExchangeError::Refused("no DNS message in its HTTP response")));
            return;
        }
        let Ok(body) = Limited::new(response.into_body(), MAX_MESSAGE_SIZE).collect().await else { return };
        let mut octets = body.to_bytes().to_vec();
        if !is_reply(&message, &octets) {
            let _ = reply.send(Err(ExchangeError::Unfit));
            return;
        }
        octets[..2].fill(0);
        let _ = reply.send(Ok(octets));
    }
}
