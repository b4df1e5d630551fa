//! Other servers, as clients of which we appear: the network of [`resolver::Upstream`].
//!
//! A [`Net`] belongs to one resolver thread, which runs it (`crate::recursion::thread`): it sends what tasks want
//! sent, takes what comes in, and tells when the next wait is over. Datagrams leave from that thread; streams have
//! one of their own for all ([`stream`]).

mod pool;
mod random;
pub mod stream;
mod waits;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use resolver::upstream::{Exchange, ExchangeError, Transport, is_reply, unfit_patience_us};

use crate::answered::Exit;
use crate::clock::{Clock, unix_seconds, unix_us};
use crate::limits::{UPSTREAM_BATCH, UPSTREAM_DATAGRAM, UPSTREAM_READS};
use crate::record::{ExchangeRecord, Record};
use crate::stats::Stats;
use crate::sys::address::Peer;
use crate::sys::datagrams::{Receiver, Sender};
use crate::trace;
use crate::transport::Transport as Via;
use dns::query::flags;
use pool::Pool;
use random::Random;
use stream::Streams;
use waits::{Reply, Sent, Waits};

pub use waits::Key;

/// A task of a resolver thread.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The network, the clocks and the random source of one resolver thread.
#[derive(Clone)]
pub struct Net(Rc<Inner>);

struct Inner {
    clock: Clock,
    /// The time of the last look at the clock.
    now_us: Cell<u64>,
    random: RefCell<Random>,
    waits: RefCell<Waits>,
    udp: RefCell<Udp>,
    streams: Streams,
    /// Where replies over streams come in.
    inbox: Box<dyn Fn(Key) -> stream::Deliver>,
    spawned: RefCell<Vec<Task>>,
    exit: Arc<Exit>,
}

/// Datagrams.
struct Udp {
    pool: Pool,
    receiver: Receiver<UPSTREAM_BATCH, UPSTREAM_DATAGRAM>,
    sender: Sender<UPSTREAM_BATCH>,
    /// What is to be sent, over IPv4 and over IPv6.
    outbox: [Vec<Key>; 2],
}

/// What a [`Net`] is made of.
pub(crate) struct Parts {
    pub clock: Clock,
    pub poller: Rc<OwnedFd>,
    /// Addresses to send from.
    pub sources: Vec<IpAddr>,
    pub streams: Streams,
    pub inbox: Box<dyn Fn(Key) -> stream::Deliver>,
    pub exit: Arc<Exit>,
}

impl Net {
    pub(crate) fn new(parts: Parts) -> Net {
        let Parts { clock, poller, sources, streams, inbox, exit } = parts;
        let (pool, receiver, sender) = (Pool::new(poller, &sources), Receiver::new(false), Sender::new());
        Net(Rc::new(Inner {
            now_us: Cell::new(clock.now_us()),
            clock,
            random: RefCell::default(),
            waits: RefCell::default(),
            udp: RefCell::new(Udp { pool, receiver, sender, outbox: Default::default() }),
            streams,
            inbox,
            spawned: RefCell::default(),
            exit,
        }))
    }

    /// Looks at the clock.
    pub(crate) fn tick(&self) -> u64 {
        let now_us = self.0.clock.now_us();
        self.0.now_us.set(now_us);
        now_us
    }

    /// The time of the last look, in microseconds.
    pub(crate) fn now(&self) -> u64 {
        self.0.now_us.get()
    }

    /// Takes tasks that are to be run beside the others.
    pub(crate) fn take_spawned(&self, tasks: &mut Vec<Task>) {
        tasks.append(&mut self.0.spawned.borrow_mut());
    }

    /// Sends what tasks want sent.
    pub(crate) fn flush(&self) {
        let (mut udp, mut waits) = (self.0.udp.borrow_mut(), self.0.waits.borrow_mut());
        let mut random = self.0.random.borrow_mut();
        for family in 0..2 {
            let keys = std::mem::take(&mut udp.outbox[family]);
            for batch in keys.chunks(UPSTREAM_BATCH) {
                udp.send(batch, family == 0, self.0.now_us.get(), &mut waits, &mut random, &self.0.exit.stats);
            }
            let mut keys = keys;
            keys.clear();
            udp.outbox[family] = keys;
        }
    }

    /// Takes what has come in on a socket.
    pub(crate) fn receive(&self, number: usize) {
        let (mut udp, mut waits) = (self.0.udp.borrow_mut(), self.0.waits.borrow_mut());
        let Udp { pool, receiver, .. } = &mut *udp;
        for _ in 0..UPSTREAM_READS {
            let Some(count) = pool.socket(number).and_then(|it| receiver.receive(it, false).ok()) else { return };
            // One that is too large is passed over.
            for datagram in receiver.received().filter(|datagram| !datagram.is_cut) {
                let (reply, from) = (&datagram.buf[..datagram.len], datagram.peer.address());
                if !take(number, reply, from, self.0.now_us.get(), pool, &mut waits) {
                    self.0.exit.stats.upstream_ignored.add(1);
                    if is_strange(number, reply, pool) {
                        self.0.exit.recorder.stranger(from.ip());
                    }
                }
            }
            if count < UPSTREAM_BATCH {
                return;
            }
        }
    }

    /// Takes what came over a stream.
    pub(crate) fn deliver(&self, key: Key, reply: Reply) {
        if reply == Err(ExchangeError::Timeout) {
            self.0.exit.stats.upstream_timeouts.add(1);
        }
        self.0.waits.borrow_mut().finish(key, reply);
    }

    /// Ends what has waited long enough.
    pub(crate) fn expire(&self) {
        let timeouts = self.0.waits.borrow_mut().expire(self.0.now_us.get());
        self.0.exit.stats.upstream_timeouts.add(timeouts);
    }

    /// When the next wait is over.
    pub(crate) fn next_us(&self) -> Option<u64> {
        self.0.waits.borrow_mut().next_us()
    }

    /// Asks another server once, and leaves a record of it for whoever reads them.
    async fn recorded(&self, exchange: Exchange) -> Reply {
        let Exit { stats, recorder } = &*self.0.exit;
        let (server, begin_us) = (exchange.server, self.0.now_us.get());
        // A question with RD is for a forwarder.
        let is_forwarder = exchange.message.get(2).is_some_and(|octet| octet & flags::RD != 0);
        let recorded = recorder.wanted().exchanges.then(|| exchange.message.clone());
        let transport = if exchange.transport == Transport::Udp { Via::Udp } else { Via::Tcp };
        let reply = self.ask(exchange).await;
        let elapsed_us = self.0.now_us.get().saturating_sub(begin_us);
        stats.upstream_times.add(server, is_forwarder, elapsed_us);
        if let Some(query) = &recorded {
            let (time_us, response) = (unix_us().saturating_sub(elapsed_us), reply.as_deref().unwrap_or_default());
            let record = ExchangeRecord { time_us, elapsed_us, server, transport, is_forwarder, query, response };
            recorder.record(&Record::Exchange(record));
        }
        reply
    }

    /// Asks another server once.
    async fn ask(&self, exchange: Exchange) -> Reply {
        let inner = &self.0;
        let deadline_us = inner.now_us.get().saturating_add(exchange.timeout_us);
        if exchange.transport == Transport::Udp {
            let (server, message) = (exchange.server, exchange.message);
            let wait = self.wait(deadline_us, Some(Sent { message, server, place: None }));
            if let Some(key) = wait.key {
                inner.udp.borrow_mut().outbox[usize::from(server.is_ipv6())].push(key);
            }
            return wait.await;
        }
        inner.exit.stats.upstream_streams.add(1);
        let wait = self.wait(deadline_us, None);
        if let Some(key) = wait.key
            && !inner.streams.ask(exchange, (inner.inbox)(key))
        {
            return Err(ExchangeError::Busy);
        }
        wait.await
    }

    fn wait(&self, deadline_us: u64, sent: Option<Sent>) -> Wait<'_> {
        Wait { net: &self.0, key: self.0.waits.borrow_mut().begin(deadline_us, sent) }
    }
}

impl Udp {
    /// Sends questions from one socket; who sees one of them on the way learns no more of the others than that they
    /// leave from its port, and their identifiers stay unknown.
    fn send(&mut self, batch: &[Key], v4: bool, now_us: u64, waits: &mut Waits, random: &mut Random, stats: &Stats) {
        let Udp { pool, sender, .. } = self;
        let number = match pool.choose(v4, now_us, random) {
            Ok(number) => number,
            Err(error) => {
                tracing::debug!(%error, "no socket to ask other servers from");
                batch.iter().for_each(|&key| waits.finish(key, Err(ExchangeError::Unreachable)));
                return;
            }
        };
        let mut going: [Option<Key>; UPSTREAM_BATCH] = [None; UPSTREAM_BATCH];
        let mut count = 0;
        for &key in batch {
            // The task may have gone away meanwhile.
            let Some(sent) = waits.sent(key) else { continue };
            let Some(id) = pool.enter(number, key, random) else {
                waits.finish(key, Err(ExchangeError::Busy));
                continue;
            };
            sent.place = Some((number, id));
            if let Some(slot) = sent.message.first_chunk_mut::<2>() {
                *slot = id.to_be_bytes();
            }
            going[count] = Some(key);
            count += 1;
        }
        let mut failed = [false; UPSTREAM_BATCH];
        if let Some(socket) = pool.socket(number) {
            let mut peers = [None; UPSTREAM_BATCH];
            for (peer, key) in peers.iter_mut().zip(going.iter().flatten()) {
                *peer = waits.get_sent(*key).map(|sent| Peer::from(sent.server));
            }
            let messages = going.iter().flatten().zip(&peers).filter_map(|(key, peer)| {
                waits.get_sent(*key).zip(peer.as_ref()).map(|(sent, peer)| (&sent.message[..], peer))
            });
            // No room in the socket's buffer: lost, as it may be anywhere on the way.
            sender.send(socket, messages, false, |i, error| failed[i] = error != io::ErrorKind::WouldBlock);
        }
        stats.upstream_udp.add(count as u64);
        for (key, _) in going.iter().flatten().zip(failed).filter(|&(_, failed)| failed) {
            waits.finish(*key, Err(ExchangeError::Unreachable));
        }
    }
}

/// Takes a datagram if it is the reply to what waits: on the socket that the question left from, from the server it
/// went to, with its identifier and question. Anything else is passed over (RFC 5452 9.1); but if it is only that the
/// question is not the same, the reply is not waited for much longer.
fn take(number: usize, reply: &[u8], from: SocketAddr, now_us: u64, pool: &Pool, waits: &mut Waits) -> bool {
    let Some(&[high, low]) = reply.first_chunk::<2>() else { return false };
    let Some(key) = pool.waiting(number, u16::from_be_bytes([high, low])) else { return false };
    let Some(sent) = waits.sent(key) else { return false };
    let is_from = (sent.server.ip(), sent.server.port()) == (from.ip(), from.port());
    if !is_from {
        return false;
    }
    if !is_reply(&sent.message, reply) {
        waits.hurry(key, now_us + unfit_patience_us(reply));
        return false;
    }
    let mut reply = reply.to_vec();
    reply[..2].fill(0);
    waits.finish(key, Ok(reply));
    true
}

/// Whether a datagram that was passed over has an identifier that was never used on its socket. One that was used may be of
/// a reply that is late, or that came twice; who guesses has 65,535 others to try.
fn is_strange(number: usize, reply: &[u8], pool: &Pool) -> bool {
    reply.first_chunk::<2>().is_none_or(|id| !pool.has_asked(number, u16::from_be_bytes(*id)))
}

/// Waits for a reply, or a point in time.
struct Wait<'a> {
    net: &'a Inner,
    key: Option<Key>,
}

impl Future for Wait<'_> {
    type Output = Reply;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        match self.key {
            Some(key) => self.net.waits.borrow_mut().poll(key, context),
            None => Poll::Ready(Err(ExchangeError::Busy)),
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let place = self.net.waits.borrow_mut().end(key);
        if let Some((number, id)) = place {
            self.net.udp.borrow_mut().pool.leave(number, id);
        }
    }
}

impl resolver::Upstream for Net {
    fn now_us(&self) -> u64 {
        self.0.now_us.get()
    }

    fn unix_s(&self) -> u64 {
        unix_seconds()
    }

    fn random(&self) -> u64 {
        self.0.random.borrow_mut().next()
    }

    async fn exchange(&self, exchange: Exchange) -> Reply {
        let followed = trace::asks(&exchange, self.now());
        let reply = self.recorded(exchange).await;
        if let Some(followed) = followed {
            followed.ended(&reply, self.now());
        }
        reply
    }

    async fn sleep_until(&self, at_us: u64) {
        let _ = self.wait(at_us, None).await;
    }

    fn refused(&self, server: SocketAddr, transport: &Transport, why: &str) {
        tracing::warn!(%server, transport = transport.as_str(), why, "a forwarder does not answer");
    }

    fn spawn(&self, task: Task) {
        self.0.spawned.borrow_mut().push(task);
    }
}
