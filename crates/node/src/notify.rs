//! NOTIFY out (RFC 1996): whoever follows a zone of ours is told that it changed, and a parent that wants to know it
//! that a zone has new CDS records (RFC 9859).
//!
//! At most one NOTIFY is on its way to each peer for each zone: changes in the meantime make one more when the peer has
//! answered, so that a burst of changes goes as fast as the peer follows. Unanswered ones are repeated, ever more slowly.
//! The scheduler (`scheduler.rs`) says what happens and when something is due.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Peer;
use dns::{Class, Message, Name, NameBuf, Opcode, RType, Rcode, Record};
use dnssec::tsig::KeyRing;
use zone::{Published, ZoneTable};

use crate::catalogue::ZoneRef;
use crate::outbound::{self, Datagrams, Exchange};
use crate::schedule::{Now, Schedule};

/// A NOTIFY is sent so many times in all.
const MAX_ATTEMPTS: u32 = 7;
/// The first is repeated after this long; each time it takes twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Most that wait for answers.
const MAX_OUTSTANDING: usize = 4096;

/// What NOTIFY needs of the rest of the server.
pub struct Shared {
    /// The zones as they are served.
    pub zones: Arc<Published<ZoneTable>>,
    /// The TSIG keys.
    pub keys: Arc<dyn Fn() -> KeyRing + Send + Sync>,
}

/// A zone and one of those who are told.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Target {
    zone: NameBuf,
    peer: Peer,
    /// What is new: SOA for those who follow the zone, CDS for its parent.
    about: RType,
}

/// A NOTIFY that waits for its answer.
struct Sent {
    target: Target,
    attempts: u32,
    /// The zone changed since.
    stale: bool,
}

/// The NOTIFY messages that are under way.
pub struct Notifications {
    shared: Shared,
    datagrams: Datagrams,
    /// By the identifiers of the messages.
    sent: HashMap<u16, Sent>,
    ids: HashMap<Target, u16>,
    /// When each is sent again.
    schedule: Schedule<u16>,
    /// Not sent yet because too many wait for answers.
    waiting: VecDeque<Target>,
    is_waiting: HashSet<Target>,
}

impl Notifications {
    /// None yet; they will be sent by `datagrams`.
    pub fn new(shared: Shared, datagrams: Datagrams) -> Notifications {
        Notifications {
            shared,
            datagrams,
            sent: HashMap::new(),
            ids: HashMap::new(),
            schedule: Schedule::default(),
            waiting: VecDeque::new(),
            is_waiting: HashSet::new(),
        }
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Instant> {
        self.schedule.next()
    }

    /// Sends again what is due.
    pub fn run_due(&mut self, now: Now) {
        while let Some(id) = self.schedule.take_due(now.instant) {
            self.repeat(id, now);
        }
    }

    /// A zone changed.
    pub fn changed(&mut self, zone: &ZoneRef, now: Now) {
        for peer in &zone.lists().notify {
            self.tell(Target { zone: zone.name().to_owned(), peer: peer.clone(), about: RType::SOA }, now);
        }
    }

    /// A zone has new CDS records, and its parent wants to hear of them at `endpoint` (RFC 9859 4.2).
    pub fn announce(&mut self, zone: NameBuf, endpoint: SocketAddr, now: Now) {
        self.tell(Target { zone, peer: Peer { address: endpoint, key: None }, about: RType::CDS }, now);
    }

    fn tell(&mut self, target: Target, now: Now) {
        if let Some(sent) = self.ids.get(&target).and_then(|id| self.sent.get_mut(id)) {
            sent.stale = true;
        } else if self.sent.len() < MAX_OUTSTANDING {
            self.send(target, 0, now);
        } else if self.is_waiting.insert(target.clone()) {
            self.waiting.push_back(target);
        }
    }

    /// The answer to the message with this identifier came. RFC 1996 4.8: any answer ends it.
    pub fn answered(&mut self, id: u16, rcode: Rcode, now: Now) {
        let Some(Sent { target, stale, .. }) = self.take(id) else { return };
        if rcode != Rcode::NOERROR {
            tracing::warn!(zone = %target.zone, peer = %target.peer, about = %target.about, %rcode, "NOTIFY refused");
        }
        if stale {
            self.send(target, 0, now);
        }
        self.send_waiting(now);
    }

    fn take(&mut self, id: u16) -> Option<Sent> {
        let sent = self.sent.remove(&id)?;
        self.ids.remove(&sent.target);
        self.schedule.cancel(&id);
        Some(sent)
    }

    fn send_waiting(&mut self, now: Now) {
        if let Some(target) = self.waiting.pop_front() {
            self.is_waiting.remove(&target);
            self.send(target, 0, now);
        }
    }

    fn repeat(&mut self, id: u16, now: Now) {
        let Some(Sent { target, attempts, stale }) = self.take(id) else { return };
        self.datagrams.forget(id);
        if attempts < MAX_ATTEMPTS {
            self.send(target, attempts, now);
        } else if stale {
            // The zone changed after the last attempt: that is news.
            self.send(target, 0, now);
        } else {
            let Target { zone, peer, about } = &target;
            tracing::warn!(%zone, %peer, %about, "no answer to NOTIFY; it will notice by its timers");
            self.send_waiting(now);
        }
    }

    fn send(&mut self, target: Target, attempts: u32, now: Now) {
        let Target { zone, peer, about } = &target;
        let message = self.free_id().and_then(|id| match *about {
            RType::SOA => self.message(zone, id),
            about => Some(empty(zone, about, id)),
        });
        let Some(message) = message else { return };
        let keys = (self.shared.keys)();
        let key = match &peer.key {
            None => None,
            Some(name) => match keys.get(name) {
                Some(key) => Some(key),
                None => return tracing::error!(%zone, %peer, "NOTIFY not sent: there is no TSIG key of this name"),
            },
        };
        let id = message.header.id;
        self.datagrams.send(peer.address, Exchange::new(&message, key));
        self.schedule.set(id, now.instant + FIRST_WAIT * 2u32.pow(attempts.min(MAX_ATTEMPTS)));
        self.ids.insert(target.clone(), id);
        self.sent.insert(id, Sent { target, attempts: attempts + 1, stale: false });
    }

    /// A NOTIFY with the zone's SOA record (RFC 1996 3.7).
    fn message(&self, zone: &Name, id: u16) -> Option<Message> {
        let zones = self.shared.zones.latest();
        let contents = zones.get(zone)?.contents.as_ref()?;
        let apex = contents.apex()?;
        let soa = apex.rrset(RType::SOA)?;
        let mut message = empty(zone, RType::SOA, id);
        let (owner, rdata) = (zone.to_owned(), soa.first()?.to_vec());
        message.answers.push(Record { owner, rtype: RType::SOA, class: Class::IN, ttl: soa.ttl, rdata });
        Some(message)
    }

    /// An identifier that nobody can guess and no other NOTIFY has.
    fn free_id(&self) -> Option<u16> {
        let start = outbound::random_id().ok()?;
        (0..=u16::MAX).map(|step| start.wrapping_add(step)).find(|id| !self.sent.contains_key(id))
    }
}

/// A NOTIFY that says what is new, and not what it is.
fn empty(zone: &Name, about: RType, id: u16) -> Message {
    let mut message = Message::query(id, zone.to_owned(), about);
    message.header.opcode = Opcode::NOTIFY;
    (message.header.aa, message.header.rd) = (true, false);
    message
}
