//! NOTIFY out (RFC 1996): whoever follows a zone of ours is told that it changed.
//!
//! One task. At most one NOTIFY is on its way to each peer for each zone: changes in the meantime make one more when
//! the peer has answered, so that a burst of changes goes as fast as the peer follows. Unanswered ones are
//! repeated, ever more slowly.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dns::{Class, Message, NameBuf, Opcode, RType, Rcode, Record};
use dnssec::tsig::{self, Expected, KeyRing};
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use zone::{Published, ZoneTable};

use crate::clock::now_s;
use crate::config::Peer;

/// A NOTIFY is sent so many times in all.
const MAX_ATTEMPTS: u32 = 7;
/// The first is repeated after this long; each time it takes twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Most that wait for answers.
const MAX_OUTSTANDING: usize = 4096;
/// Largest answer that is read.
const MAX_ANSWER: usize = 4096;

/// Whom to tell of a zone.
pub type Peers = Box<dyn Fn(&NameBuf) -> Vec<Peer> + Send + Sync>;

/// What the notifier asks the rest of the server.
pub struct Shared {
    /// The zones as they are served.
    pub zones: Arc<Published<ZoneTable>>,
    /// Whom to tell of a zone.
    pub peers: Peers,
    /// The TSIG keys.
    pub keys: Arc<dyn Fn() -> KeyRing + Send + Sync>,
}

/// Zones that changed, as the task takes them.
#[derive(Default)]
struct Changed {
    zones: Mutex<HashSet<NameBuf>>,
    wake: Notify,
}

/// Says which zones changed; clones speak to the same task.
#[derive(Clone, Default)]
pub struct Notifier {
    changed: Arc<Changed>,
}

impl Notifier {
    /// These zones changed.
    pub fn changed(&self, zones: impl IntoIterator<Item = NameBuf>) {
        self.changed.zones.lock().unwrap_or_else(PoisonError::into_inner).extend(zones);
        self.changed.wake.notify_one();
    }

    /// Sends NOTIFY messages until the runtime ends.
    ///
    /// # Errors
    /// No socket is to be had.
    pub async fn run(self, shared: Shared) -> io::Result<()> {
        let v4 = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        // A machine may have no IPv6.
        let v6 = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await.ok();
        let mut task = Task { shared, v4, v6, sent: HashMap::new(), ids: BTreeMap::new(), waiting: VecDeque::new() };
        loop {
            let next = task.sent.values().map(|sent| sent.repeat_at).min();
            let (mut a, mut b) = ([0; MAX_ANSWER], [0; MAX_ANSWER]);
            tokio::select! {
                () = self.changed.wake.notified() => {
                    let zones = std::mem::take(&mut *self.changed.zones.lock().unwrap_or_else(PoisonError::into_inner));
                    for zone in zones {
                        task.zone_changed(zone).await;
                    }
                }
                Ok((octets, from)) = task.v4.recv_from(&mut a) => task.answered(&a[..octets], from).await,
                Ok((octets, from)) = receive(task.v6.as_ref(), &mut b) => task.answered(&b[..octets], from).await,
                () = tokio::time::sleep_until(next.unwrap_or_else(|| Instant::now() + FIRST_WAIT).into()) => {
                    task.repeat().await;
                }
            }
        }
    }
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}

/// A zone and one of those who follow it.
type Target = (NameBuf, Peer);

/// A NOTIFY that waits for its answer.
struct Sent {
    id: u16,
    expected: Option<Expected>,
    attempts: u32,
    repeat_at: Instant,
    /// The zone changed since.
    stale: bool,
}

struct Task {
    shared: Shared,
    v4: UdpSocket,
    v6: Option<UdpSocket>,
    sent: HashMap<Target, Sent>,
    ids: BTreeMap<u16, Target>,
    /// Not sent yet because too many wait for answers.
    waiting: VecDeque<Target>,
}

impl Task {
    async fn zone_changed(&mut self, zone: NameBuf) {
        for peer in (self.shared.peers)(&zone) {
            let target = (zone.clone(), peer);
            let full = self.sent.len() >= MAX_OUTSTANDING;
            match self.sent.get_mut(&target) {
                Some(sent) => sent.stale = true,
                None if full => {
                    if !self.waiting.contains(&target) {
                        self.waiting.push_back(target);
                    }
                }
                None => self.send(target, 0).await,
            }
        }
    }

    /// Sends a NOTIFY with the zone's SOA record (RFC 1996 3.7).
    async fn send(&mut self, target: Target, attempts: u32) {
        let Some(id) = self.free_id() else { return };
        let (zone, peer) = &target;
        let Some(mut message) = self.message(zone, id) else { return };
        let mut expected = None;
        if let Some(name) = &peer.key {
            match (self.shared.keys)().get(name) {
                Some(key) => expected = Some(tsig::sign_request(key, &mut message, now_s())),
                None => return tracing::error!(%zone, %peer, "not notified: there is no such key"),
            }
        }
        let socket = if peer.address.is_ipv4() { Some(&self.v4) } else { self.v6.as_ref() };
        let result = match socket {
            Some(socket) => socket.send_to(&message, peer.address).await,
            None => Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        if let Err(error) = result {
            tracing::debug!(%zone, %peer, %error, "NOTIFY not sent");
        }
        let repeat_at = Instant::now() + FIRST_WAIT * 2u32.pow(attempts.min(MAX_ATTEMPTS));
        self.ids.insert(id, target.clone());
        self.sent.insert(target, Sent { id, expected, attempts: attempts + 1, repeat_at, stale: false });
    }

    fn message(&self, zone: &NameBuf, id: u16) -> Option<Vec<u8>> {
        let zones = self.shared.zones.latest();
        let contents = zones.get(zone)?.contents.as_ref()?;
        let apex = contents.apex()?;
        let soa = apex.rrset(RType::SOA)?;
        let mut message = Message::query(id, zone.clone(), RType::SOA);
        message.header.opcode = Opcode::NOTIFY;
        (message.header.aa, message.header.rd) = (true, false);
        let rdata = soa.first()?.to_vec();
        message.answers.push(Record { owner: zone.clone(), rtype: RType::SOA, class: Class::IN, ttl: soa.ttl, rdata });
        Some(message.to_wire(dns::message::MAX_MESSAGE_LEN))
    }

    /// An identifier that nobody can guess and no other NOTIFY has.
    fn free_id(&self) -> Option<u16> {
        let mut id = [0; 2];
        getrandom::fill(&mut id).ok()?;
        let start = u16::from_be_bytes(id);
        (0..=u16::MAX).map(|step| start.wrapping_add(step)).find(|id| !self.ids.contains_key(id))
    }

    async fn answered(&mut self, answer: &[u8], from: SocketAddr) {
        let Some(id) = answer.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)) else { return };
        let Some(target) = self.ids.get(&id).filter(|(_, peer)| peer.address == from).cloned() else { return };
        let Some(sent) = self.sent.get_mut(&target) else { return };
        let answer = match &mut sent.expected {
            // RFC 8945 5.4: what does not verify may be forged; the right one may still come.
            Some(expected) => match expected.check(answer, now_s()) {
                Ok(answer) => Message::parse(&answer),
                Err(error) => {
                    return tracing::warn!(zone = %target.0, peer = %target.1, %error, "answer to NOTIFY ignored");
                }
            },
            None => Message::parse(answer),
        };
        let Ok(answer) = answer else { return };
        if !answer.header.qr || answer.header.opcode != Opcode::NOTIFY {
            return;
        }
        // RFC 1996 4.8: any answer ends it.
        if answer.header.rcode != Rcode::NOERROR {
            tracing::warn!(zone = %target.0, peer = %target.1, rcode = %answer.header.rcode, "NOTIFY refused");
        }
        self.finish(target).await;
    }

    async fn finish(&mut self, target: Target) {
        let Some(sent) = self.sent.remove(&target) else { return };
        self.ids.remove(&sent.id);
        if sent.stale {
            self.send(target, 0).await;
        }
        if let Some(target) = self.waiting.pop_front() {
            self.send(target, 0).await;
        }
    }

    async fn repeat(&mut self) {
        let now = Instant::now();
        let late: Vec<Target> =
            self.sent.iter().filter(|(_, sent)| sent.repeat_at <= now).map(|(target, _)| target.clone()).collect();
        for target in late {
            let Some(sent) = self.sent.remove(&target) else { continue };
            self.ids.remove(&sent.id);
            if sent.attempts < MAX_ATTEMPTS {
                self.send(target, sent.attempts).await;
            } else if sent.stale {
                // The zone changed after the last attempt: that is news.
                self.send(target, 0).await;
            } else {
                tracing::warn!(zone = %target.0, peer = %target.1, "no answer to NOTIFY; it will notice by its timers");
                if let Some(target) = self.waiting.pop_front() {
                    self.send(target, 0).await;
                }
            }
        }
    }
}
