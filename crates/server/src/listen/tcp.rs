//! TCP (RFC 7766): one plain thread for each worker, with a readiness loop of its own.
//!
//! Each worker has its own listening sockets; the kernel shares connections out among those of one
//! address (SO_REUSEPORT), and a connection stays with its worker. Whatever came in with one read is
//! answered in batches and leaves with one write. A query that came with its connection is answered at
//! once, and the poller hears of the connection only if the client does not close it soon: it costs five
//! system calls then. Why not tokio: docs/decisions/0003-tcp.md.

mod accept;
mod clients;
mod connection;
mod outgoing;
mod rest;
mod table;

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::answered::Exit;
use crate::clock::unix_seconds;
use crate::delivery::mailbox::{Mailbox, Ticket};
use crate::limits::{TCP_ACCEPT_BATCH, TCP_ACCEPT_PAUSE, TCP_BACKLOG};
use crate::listen::framing::Answerer;
use crate::query::Worker;
use crate::sys::options::defer_accept;
use connection::{Connection, Next, Reason, Workbench};
use table::Table;

pub use clients::ConnectionLimits;

/// How long a worker sleeps at most before it looks whether it shall stop.
const WAKE_INTERVAL: Duration = Duration::from_millis(200);
/// A connection that brings no query is not heard of before this.
const TCP_DEFER_SECONDS: u8 = 3;
/// Most clients with one query close soon: so long the poller need not hear of a new connection.
const SETTLE: Duration = Duration::from_millis(1);
/// Events that one system call reports.
const EVENTS: usize = 256;
/// Events of listeners have this bit and the listener's index; the others have a connection's number.
const LISTENER: u64 = 1 << 63;
/// The event of the mailbox's bell: it only ends the waiting.
const BELL: u64 = 1 << 62;
/// What waits to be accepted at `stop` is accepted in this many steps at most.
const DRAIN_ACCEPTS: usize = TCP_BACKLOG as usize / TCP_ACCEPT_BATCH;
/// Octets that came before `stop` are read in this many steps at most.
const DRAIN_READS: usize = 64;

/// A socket that shares `address` with those of the other workers, ready for connections.
///
/// # Errors
/// What the system says, for example that the port is taken.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the last connections of the process before.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections have it from the listener: RFC 7766 8 wants answers not to wait for each other.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // A wish: saves waking up for a connection whose first query is still on the way.
    let _ = defer_accept(&socket, TCP_DEFER_SECONDS);
    socket.listen(TCP_BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections on `listeners` and answers what comes in on them until `stop` is set. What
/// came in whole by then is still answered; clients have [`crate::limits::TcpLimits::drain`] to take it.
///
/// # Errors
/// What the system says when there is no poller to be had, or it fails.
pub fn run(
    listeners: Vec<TcpListener>,
    worker: Worker,
    limits: Arc<ConnectionLimits>,
    stop: &AtomicBool,
) -> io::Result<()> {
    crate::priority::prompt();
    let mut server = Server::new(listeners, worker, limits)?;
    let mut result = Ok(());
    while result.is_ok() && !stop.load(Ordering::Relaxed) {
        result = server.turn();
    }
    if result.is_ok() {
        result = server.drain();
    }
    server.close_all();
    result
}

/// One worker's sockets.
struct Server {
    poller: OwnedFd,
    events: Vec<Event>,
    listeners: Vec<TcpListener>,
    /// Until then nothing is accepted.
    paused: Option<Instant>,
    table: Table<Connection>,
    /// Answered, not known to the poller yet, and when to tell it.
    fresh: VecDeque<(usize, Instant)>,
    /// Connections whose clients have no processor time left, and when to look at them again.
    resting: VecDeque<(Ticket, Instant)>,
    bench: Workbench,
    /// Octets kept for connections.
    kept: usize,
    /// Number that the next connection gets.
    serial: u64,
    /// Messages that others have to answer, also of connections that are closed.
    handed: usize,
    /// Zone transfers that are not all sent.
    streams: usize,
    /// Connections with a zone transfer whose turn it is.
    ready: VecDeque<Ticket>,
    limits: Arc<ConnectionLimits>,
    exit: Arc<Exit>,
}

impl Server {
    fn new(listeners: Vec<TcpListener>, worker: Worker, limits: Arc<ConnectionLimits>) -> io::Result<Server> {
        let now = Instant::now();
        let mailbox = Arc::new(Mailbox::new(worker.exit().clone())?);
        let server = Server {
            poller: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS),
            listeners,
            paused: None,
            table: Table::new(now),
            fresh: VecDeque::new(),
            resting: VecDeque::new(),
            kept: 0,
            serial: 0,
            handed: 0,
            streams: 0,
            ready: VecDeque::new(),
            exit: worker.exit().clone(),
            bench: Workbench::new(Answerer::new(worker), mailbox, limits.limits().outstanding, now),
            limits,
        };
        let data = EventData::new_u64(BELL);
        epoll::add(&server.poller, server.bench.mailbox.bell(), data, EventFlags::IN | EventFlags::ET)?;
        for (i, listener) in server.listeners.iter().enumerate() {
            let data = EventData::new_u64(LISTENER | i as u64);
            epoll::add(&server.poller, listener, data, EventFlags::IN)?;
        }
        Ok(server)
    }

    /// Waits for something to happen and does all that follows from it.
    fn turn(&mut self) -> io::Result<()> {
        let events = self.wait(match (self.fresh.is_empty(), self.paused) {
            (false, _) => SETTLE,
            (true, Some(_)) => TCP_ACCEPT_PAUSE,
            (true, None) => self.patience(WAKE_INTERVAL),
        })?;
        // Connections come before listeners: until then no number is given to another connection.
        for event in events.iter().filter(|event| event.data.u64() & (LISTENER | BELL) == 0) {
            self.happened(event);
        }
        for event in events.iter().filter(|event| event.data.u64() & LISTENER != 0) {
            self.accept((event.data.u64() & !LISTENER) as usize);
        }
        self.events = events;
        self.deliver();
        self.pump();
        self.settle();
        self.wake();
        self.expire();
        if self.paused.is_some_and(|until| self.bench.now >= until) {
            self.paused = None;
            self.watch_listeners(EventFlags::IN)?;
        }
        Ok(())
    }

    /// Waits for events; they are lent out, and go back to `self.events`.
    fn wait(&mut self, timeout: Duration) -> io::Result<Vec<Event>> {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let timeout = if self.may_sleep() { timeout } else { Duration::ZERO };
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(timeout.subsec_nanos()) };
        match epoll::wait(&self.poller, spare_capacity(&mut events), Some(&timeout)) {
            Ok(0) => self.bench.answerer.worker().refresh(),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.bench.now = Instant::now();
        self.bench.seconds = unix_seconds();
        Ok(events)
    }

    /// Something happened on a connection.
    fn happened(&mut self, event: &Event) {
        let (id, flags) = (event.data.u64() as usize, event.flags);
        if flags.intersects(EventFlags::ERR | EventFlags::HUP) {
            self.close(id, Reason::Gone);
        } else {
            self.serve(id, flags.contains(EventFlags::IN));
        }
    }

    /// Has the poller watch connections that are still open a while after their first answer.
    fn settle(&mut self) {
        while let Some(&(id, due)) = self.fresh.front()
            && self.bench.now >= due
        {
            self.fresh.pop_front();
            if self.table.get_mut(id).is_some_and(|connection| connection.watched.is_none()) {
                self.serve(id, true);
            }
        }
    }

    /// Does what can be done on a connection, then has the poller watch for what it waits for.
    fn serve(&mut self, id: usize, readable: bool) -> Next {
        let next = self.advance(id, readable);
        self.watch(id, next);
        next
    }

    /// Has the poller watch a connection for what it waits for.
    fn watch(&mut self, id: usize, next: Next) {
        let flags = match next {
            Next::Read { .. } => EventFlags::IN,
            Next::Write { .. } => EventFlags::OUT,
            Next::Wait { .. } => EventFlags::empty(),
            Next::Close(_) => return,
        };
        let Some(connection) = self.table.get_mut(id).filter(|it| it.watched != Some(flags)) else { return };
        let (poller, data) = (&self.poller, EventData::new_u64(id as u64));
        let result = match connection.watched {
            None => epoll::add(poller, &*connection, data, flags),
            Some(_) => epoll::modify(poller, &*connection, data, flags),
        };
        connection.watched = Some(flags);
        if let Err(error) = result {
            tracing::warn!(%error, "a TCP connection cannot be watched");
            self.close(id, Reason::Overflow);
        }
    }

    /// Does what can be done on a connection; closes it if there is nothing to wait for.
    fn advance(&mut self, id: usize, readable: bool) -> Next {
        match self.bench.answerer.worker().work_limits() {
            Some(limits) => self.advance_within(&limits, id, readable),
            None => self.work_on(id, |connection, bench| connection.serve(bench, readable)),
        }
    }

    /// Has `work` do something on a connection, and everything that follows from it but the watching.
    fn work_on(&mut self, id: usize, work: impl FnOnce(&mut Connection, &mut Workbench) -> Next) -> Next {
        let Some(connection) = self.table.get_mut(id) else { return Next::Close(Reason::Gone) };
        let (kept, streams) = (connection.kept(), connection.streams());
        let mut next = work(connection, &mut self.bench);
        self.kept = self.kept - kept + connection.kept();
        self.streams = self.streams - streams + connection.streams();
        if connection.line_up() {
            self.ready.push_back(connection.ticket);
        }
        self.handed += std::mem::take(&mut self.bench.passed_on);
        if self.kept > self.limits.limits().pending {
            next = Next::Close(Reason::Overflow);
        }
        match next {
            Next::Close(reason) => self.close(id, reason),
            Next::Read { progress } | Next::Write { progress } | Next::Wait { progress } => {
                if progress {
                    self.table.touch(id, self.bench.now);
                }
            }
        }
        next
    }

    /// Closes connections on which nothing got done for too long.
    fn expire(&mut self) {
        let limits = self.limits.limits();
        let patience = if self.limits.is_busy() { limits.idle_busy } else { limits.idle };
        while let Some((id, since)) = self.table.oldest()
            && self.bench.now.duration_since(since) >= patience
        {
            if !self.is_excused(id) {
                let connection = self.table.get_mut(id);
                let reason = connection.map_or(Reason::Gone, |connection| match connection.waits_since() {
                    Some(_) => Reason::Unanswered,
                    None if connection.is_unfinished() => Reason::Stalled,
                    None => Reason::Idle,
                });
                self.close(id, reason);
            }
        }
    }

    /// A connection that only waits for the control plane is not idle for a while: it is touched.
    fn is_excused(&mut self, id: usize) -> bool {
        let since = self.table.get_mut(id).and_then(|connection| connection.waits_since());
        let excused = since.is_some_and(|since| self.bench.now.duration_since(since) < self.limits.limits().answer);
        if excused {
            self.table.touch(id, self.bench.now);
        }
        excused
    }

    fn close(&mut self, id: usize, reason: Reason) {
        let Some(connection) = self.table.remove(id) else { return };
        self.kept -= connection.kept();
        self.streams -= connection.streams();
        self.limits.leave(connection.client.ip());
        let stats = &self.exit.stats;
        stats.tcp_closed.add(1);
        match reason {
            Reason::Gone | Reason::Stopping => {}
            Reason::Broken => tracing::error!("a message of a zone transfer is too large; this is a bug of the server"),
            Reason::Unanswered => stats.tcp_unanswered_closed.add(1),
            Reason::TooShort => stats.tcp_malformed_closed.add(1),
            Reason::Idle => stats.tcp_idle_closed.add(1),
            Reason::Evicted => stats.tcp_evicted.add(1),
            Reason::Stalled => stats.tcp_stalled_closed.add(1),
            Reason::Overflow => stats.tcp_overflow_closed.add(1),
        }
        if matches!(reason, Reason::Stalled | Reason::Overflow) {
            connection.forget();
        }
    }

    /// Answers what came in before the stop, and waits until clients took their answers.
    fn drain(&mut self) -> io::Result<()> {
        for i in 0..self.listeners.len() {
            let _ = (0..DRAIN_ACCEPTS).find(|_| self.accept(i));
        }
        self.listeners.clear();
        let deadline = self.bench.now + self.limits.limits().drain;
        self.table.ids().into_iter().for_each(|id| self.finish(id));
        while self.table.len() > 0 && self.bench.now < deadline {
            let events = self.wait(WAKE_INTERVAL)?;
            let connections = events.iter().map(|event| event.data.u64()).filter(|data| data & BELL == 0);
            connections.for_each(|id| self.finish(id as usize));
            self.events = events;
            self.deliver().into_iter().for_each(|id| self.finish(id));
            self.pump().into_iter().for_each(|id| self.finish(id));
        }
        Ok(())
    }

    /// Answers what came in on a connection, and closes it unless its client must get answers first.
    fn finish(&mut self, id: usize) {
        for _ in 0..DRAIN_READS {
            match self.serve(id, true) {
                Next::Read { progress: true } => {}
                Next::Write { .. } | Next::Wait { .. } => return,
                Next::Read { progress: false } | Next::Close(_) => break,
            }
        }
        if self.table.get_mut(id).is_some_and(|connection| !connection.owes()) {
            self.close(id, Reason::Stopping);
        }
    }

    fn close_all(&mut self) {
        self.table.ids().into_iter().for_each(|id| self.close(id, Reason::Stopping));
        self.bench.mailbox.close();
    }
}
