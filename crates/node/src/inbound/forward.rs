//! Updates of secondary zones (RFC 2136 6): they go on to the primaries as they came, signature included, and the
//! primary's response goes back as it is. The primary decides what may be changed; the change comes back by transfer.
//!
//! A message has no room to say who sent it on already, for its signature covers all of it. So an update that comes
//! while the same one is under way is not forwarded again: if servers send it around in a circle, that is where it ends.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dns::edns::ede;
use dns::header::HEADER_LEN;
use dns::{Message, NameBuf, Rcode};
use server::control::{Answer, Reason, Reply, Request};
use server::limits::DEFAULT_UDP_SIZE;
use server::transport::Transport;

use super::{ControlPlane, refuse, who};
use crate::outbound::{self, AnswerError, Attempts, Exchange, Stream, Wait};

/// Updates that wait for a primary at once; each takes a thread.
const MAX_FORWARDED: usize = 64;
/// All primaries of a zone have this long to answer an update. Clients repeat a datagram, or give up, some seconds later.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(5);
/// Datagrams that one primary gets of an update.
const UDP_ATTEMPTS: u32 = 2;

/// The updates that are under way, by all of their octets behind the identifier.
#[derive(Default)]
pub struct Forwards(Mutex<HashMap<Arc<[u8]>, Origin>>);

/// Where an update came from first.
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    client: IpAddr,
    id: u16,
}

/// The place of one update among those under way; dropping it gives the place back.
struct Place {
    forwards: Arc<Forwards>,
    update: Arc<[u8]>,
}

/// Why an update is not forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unforwarded {
    /// The client has sent it again, and its first one will be answered.
    Again,
    /// Somebody else sent the same: one of those that it was forwarded to.
    Circle,
    /// There are as many as there may be.
    Busy,
}

impl Unforwarded {
    /// What the client is told; `None`: nothing.
    fn reason(self) -> Option<Reason> {
        match self {
            Unforwarded::Again => None,
            Unforwarded::Circle => {
                Some((ede::OTHER, "the same update is being forwarded: servers send it in a circle"))
            }
            Unforwarded::Busy => Some((ede::OTHER, "too many updates are being forwarded")),
        }
    }
}

impl Forwards {
    /// A place for an update, if it may be forwarded now.
    fn begin(forwards: &Arc<Forwards>, request: &Request) -> Result<Place, Unforwarded> {
        let (id, update) = request.message.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
        let origin = Origin { client: request.client.ip(), id: u16::from_be_bytes(*id) };
        let mut under_way = forwards.0.lock().unwrap_or_else(PoisonError::into_inner);
        match under_way.get(update) {
            Some(first) if *first == origin => return Err(Unforwarded::Again),
            Some(_) => return Err(Unforwarded::Circle),
            None if under_way.len() >= MAX_FORWARDED => return Err(Unforwarded::Busy),
            None => {}
        }
        let update: Arc<[u8]> = update.into();
        under_way.insert(update.clone(), origin);
        Ok(Place { forwards: forwards.clone(), update })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.forwards.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.update);
    }
}

impl ControlPlane {
    /// Sends an update on to the primaries of its zone, if this client may have that done.
    pub(super) fn forward(&self, request: Request, reply: Reply) {
        let name = NameBuf::from_message(&request.message, HEADER_LEN).ok().map(|(name, _)| name);
        let Some(zone) = name.and_then(|name| self.catalogue.zone(&name)) else {
            return reply.send(refuse(&request, Rcode::NOTAUTH));
        };
        let (lists, client) = (zone.lists().clone(), request.client.ip());
        let allowed = lists
            .policy
            .as_ref()
            .is_some_and(|policy| policy.allow_update_forwarding.allows(client, request.key.as_deref()));
        if !allowed {
            let who = who(&request);
            tracing::warn!(target: "security", zone = %zone.name(), client = who, "update refused: not in allow_update_forwarding");
            return reply.send(refuse(&request, Rcode::REFUSED));
        }
        let place = match Forwards::begin(&self.forwards, &request) {
            Ok(place) => place,
            Err(why) => {
                let Some(reason) = why.reason() else { return reply.send(Answer::Nothing) };
                tracing::warn!(zone = %zone.name(), client = who(&request), "update not forwarded: {}", reason.1);
                return reply.send(Answer::Failure(Some(reason)));
            }
        };
        let primaries: Vec<SocketAddr> = lists.primaries.iter().map(|primary| primary.address).collect();
        let update = Update { zone: zone.name().clone(), request };
        self.runtime.spawn_blocking(move || {
            let answer = update.answer(&primaries);
            // The same update is another one from now on.
            drop(place);
            reply.send(answer);
        });
    }
}

/// An update on its way to the primaries. Blocking.
struct Update {
    zone: NameBuf,
    request: Request,
}

/// What a primary says to an update.
struct Response {
    rcode: Rcode,
    /// With the identifier that the client gave.
    octets: Vec<u8>,
}

impl Update {
    /// The response of the first primary that gives a useful one, else of the last that gives any (RFC 2136 4.6).
    fn answer(&self, primaries: &[SocketAddr]) -> Answer {
        let (zone, client) = (&self.zone, who(&self.request));
        let until = Instant::now() + FORWARD_TIMEOUT;
        let mut failure = None;
        for (left, primary) in (1..=primaries.len() as u32).rev().zip(primaries) {
            // Each that is silent takes its share, so that the last is asked, too.
            let timeout = until.saturating_duration_since(Instant::now()) / left;
            match self.ask(*primary, timeout) {
                Ok(response) => {
                    tracing::info!(%zone, client, %primary, rcode = %response.rcode, "update forwarded");
                    if !matches!(response.rcode, Rcode::SERVFAIL | Rcode::NOTIMP) {
                        return Answer::Forwarded(response.octets);
                    }
                    failure = Some(response);
                }
                Err(error) => tracing::warn!(%zone, client, %primary, %error, "update not forwarded"),
            }
        }
        match failure {
            Some(response) => Answer::Forwarded(response.octets),
            None => Answer::Failure(Some((ede::NO_REACHABLE_AUTHORITY, "no primary of the zone answers the update"))),
        }
    }

    /// Asks one primary, over the transport that the client chose if the message fits into a datagram there, too.
    fn ask(&self, primary: SocketAddr, timeout: Duration) -> io::Result<Response> {
        let id = outbound::random_id().map_err(io::Error::other)?;
        let no_update = || io::Error::new(ErrorKind::InvalidInput, "the update has no readable zone section");
        let exchange = Exchange::forwarded(&self.request.message, id).ok_or_else(no_update)?;
        let is_datagram =
            self.request.transport == Transport::Udp && exchange.octets().len() <= usize::from(DEFAULT_UDP_SIZE);
        let (message, mut octets) =
            if is_datagram { over_udp(primary, exchange, timeout)? } else { over_tcp(primary, exchange, timeout)? };
        if let (Some(octets), Some(id)) = (octets.first_chunk_mut(), self.request.message.first_chunk::<2>()) {
            *octets = *id;
        }
        Ok(Response { rcode: message.header.rcode, octets })
    }
}

fn over_udp(primary: SocketAddr, mut exchange: Exchange, timeout: Duration) -> io::Result<(Message, Vec<u8>)> {
    let attempts = Attempts { count: UDP_ATTEMPTS, timeout: timeout / UDP_ATTEMPTS };
    // What is malformed may be forged: the right answer may still come.
    let take = |answer: Result<Message, AnswerError>, packet: &[u8]| answer.ok().map(|it| Ok((it, packet.to_vec())));
    outbound::ask(primary, &mut exchange, attempts, take).map(|(answer, _)| answer)
}

fn over_tcp(primary: SocketAddr, mut exchange: Exchange, timeout: Duration) -> io::Result<(Message, Vec<u8>)> {
    let until = Instant::now() + timeout;
    let mut stream = Stream::connect(primary, timeout)?;
    stream.send(exchange.octets())?;
    let mut octets = Vec::new();
    stream.receive(&mut octets, Wait::Until(until))?;
    let other = || io::Error::new(ErrorKind::InvalidData, "the primary answers something else than the update");
    let message = exchange.answer(&octets).ok_or_else(other)?.map_err(io::Error::other)?;
    Ok((message, octets))
}

#[cfg(test)]
mod tests {
    use server::control::Kind;

    use super::*;

    fn request(client: [u8; 4], id: u16, update: &[u8]) -> Request {
        Request {
            kind: Kind::Forward,
            message: [&id.to_be_bytes()[..], update].concat(),
            client: (client, 5300).into(),
            transport: Transport::Udp,
            key: None,
            limit: 512,
        }
    }

    #[test]
    fn an_update_is_under_way_once() {
        const CLIENT: [u8; 4] = [192, 0, 2, 1];
        const OTHER: [u8; 4] = [192, 0, 2, 2];
        let forwards = Arc::<Forwards>::default();
        let begin = |client, id, update| Forwards::begin(&forwards, &request(client, id, update));
        let place = begin(CLIENT, 1, b"update").expect("a place");
        assert_eq!(begin(CLIENT, 1, b"update").err(), Some(Unforwarded::Again));
        assert_eq!(begin(OTHER, 1, b"update").err(), Some(Unforwarded::Circle));
        assert_eq!(begin(CLIENT, 2, b"update").err(), Some(Unforwarded::Circle));
        drop(begin(CLIENT, 1, b"another").expect("a place"));
        drop(place);
        drop(begin(OTHER, 2, b"update").expect("it is not under way any more"));
    }

    #[test]
    fn so_many_are_under_way_at_once() {
        let forwards = Arc::<Forwards>::default();
        let begin = |number: usize| Forwards::begin(&forwards, &request([192, 0, 2, 1], 1, &number.to_be_bytes()));
        let mut places: Vec<Place> = (0..MAX_FORWARDED).map(|number| begin(number).expect("a place")).collect();
        assert_eq!(begin(MAX_FORWARDED).err(), Some(Unforwarded::Busy));
        places.pop();
        assert!(begin(MAX_FORWARDED).is_ok());
    }
}
