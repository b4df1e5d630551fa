//! One connection: octets come in, answers go out, and what cannot go on yet is kept in between.
//!
//! A connection that has nothing unfinished owns no memory but its entry in the table; reading and
//! answering happen in the [`Workbench`] of the worker.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dns::header::Rcode;
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

use crate::answered::{Answered, By, Source};
use crate::delivery::mailbox::{Mailbox, StreamPath, Ticket};
use crate::delivery::{Outgoing, ReturnPath, Transfer};
use crate::limits::{TCP_INPUT, TCP_OUTPUT, TCP_STREAM_TURN};
use crate::listen::framing::{self, Answerer, Pause};
use crate::transport::Transport;

/// What all connections of a worker use in turn.
pub(super) struct Workbench {
    /// Answers messages.
    pub answerer: Answerer,
    /// The time in seconds since 1970.
    pub seconds: u64,
    /// The time now.
    pub now: Instant,
    /// Where answers of the control plane and of resolver threads come in.
    pub mailbox: Arc<Mailbox>,
    /// Messages that others have to answer, of the connection that was served last.
    pub passed_on: usize,
    /// Messages of one connection that the control plane has at once.
    outstanding: usize,
    input: Box<[u8]>,
    output: Vec<u8>,
    message: Vec<u8>,
}

impl Workbench {
    pub fn new(answerer: Answerer, mailbox: Arc<Mailbox>, outstanding: usize, now: Instant) -> Workbench {
        Workbench {
            answerer,
            seconds: 0,
            now,
            mailbox,
            passed_on: 0,
            outstanding: outstanding.max(1),
            input: vec![0; TCP_INPUT].into_boxed_slice(),
            output: Vec::with_capacity(2 * TCP_OUTPUT),
            message: Vec::new(),
        }
    }
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// That octets come in.
    Read {
        /// Something was completed, or begun.
        progress: bool,
    },
    /// That the client takes what was answered; until then nothing is read.
    Write {
        /// Something was completed.
        progress: bool,
    },
    /// What the control plane answers; until then nothing is read.
    Wait {
        /// Something was completed.
        progress: bool,
    },
    /// Nothing more.
    Close(Reason),
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The client closed it, or it broke.
    Gone,
    /// A message was too short to be one.
    TooShort,
    /// Nothing was asked for too long.
    Idle,
    /// A message did not come whole, or an answer was not taken, for too long.
    Stalled,
    /// The control plane did not answer for too long.
    Unanswered,
    /// The control plane made a message that is none.
    Broken,
    /// Another connection needed the room.
    Evicted,
    /// There is no memory left for what must be kept.
    Overflow,
    /// The server stops.
    Stopping,
}

/// What cannot go on yet.
#[derive(Default)]
struct Pending {
    /// The start of a message; behind what must wait also whole messages.
    input: Vec<u8>,
    /// Answers, of which the first `sent` octets are gone.
    output: Vec<u8>,
    sent: usize,
    /// Nothing more is read: the connection is closed for this reason when all is answered.
    last: Option<Reason>,
    /// Messages that the control plane has.
    outstanding: usize,
    /// When it got the last of them, or answered one.
    asked: Option<Instant>,
    /// Zone transfers; the first one is being sent.
    streams: VecDeque<Transfer>,
    /// Is among those that get their turn to send.
    queued: bool,
}

/// A connection to a client.
pub(super) struct Connection {
    socket: OwnedFd,
    /// Who asks.
    pub client: SocketAddr,
    /// Tells it from all other connections of the worker.
    pub ticket: Ticket,
    /// What the poller watches for; `None` as long as it does not know the connection.
    pub watched: Option<EventFlags>,
    pending: Option<Box<Pending>>,
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Connection {
    pub fn new(socket: OwnedFd, client: SocketAddr, ticket: Ticket) -> Connection {
        Connection { socket, client, ticket, watched: None, pending: None }
    }

    /// Octets of memory that the connection keeps.
    pub fn kept(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.input.capacity() + pending.output.capacity())
    }

    /// Zone transfers that are not all sent.
    pub fn streams(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.streams.len())
    }

    /// In the middle of something.
    pub fn is_unfinished(&self) -> bool {
        self.pending.is_some()
    }

    /// Something is still to be sent, or to be answered by the control plane.
    pub fn owes(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.owes())
    }

    /// When the control plane last got or answered a message, if the client waits for nothing else.
    pub fn waits_since(&self) -> Option<Instant> {
        let pending = self.pending.as_ref()?;
        pending.asked.filter(|_| pending.outstanding > 0 && pending.output.is_empty() && pending.streams.is_empty())
    }

    /// Whether it is the turn of a zone transfer that does not stand in line yet; it does then.
    pub fn line_up(&mut self) -> bool {
        self.pending.as_mut().is_some_and(|pending| {
            let ready = !pending.queued && pending.output.is_empty() && !pending.streams.is_empty();
            pending.queued |= ready;
            ready
        })
    }

    /// Lets the system forget what the client did not take, so that closing frees it.
    pub fn forget(&self) {
        // Without it the connection is closed the usual way.
        let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }

    /// Takes an answer of the control plane; [`Connection::serve`] sends it.
    pub fn take(&mut self, answer: Outgoing, now: Instant) {
        let pending = self.pending.get_or_insert_default();
        pending.outstanding = pending.outstanding.saturating_sub(1);
        pending.asked = Some(now);
        match answer {
            Outgoing::Message(message) => framing::append(&message, &mut pending.output),
            Outgoing::Transfer(stream) => pending.streams.push_back(stream),
            Outgoing::Nothing => {}
        }
    }

    /// Does what can be done without waiting: sends answers that wait, reads once if `readable`,
    /// answers every message that is whole.
    pub fn serve(&mut self, bench: &mut Workbench, readable: bool) -> Next {
        let (mut filled, mut progress) = (0, false);
        if let Some(pending) = &mut self.pending {
            progress = !pending.output.is_empty();
            match pending.flush(&self.socket) {
                Err(_) => return Next::Close(Reason::Gone),
                Ok(false) => return Next::Write { progress: false },
                Ok(true) if pending.last.is_some() || pending.outstanding >= bench.outstanding => {
                    return self.rest(bench, progress);
                }
                Ok(true) => {}
            }
            filled = pending.input.len();
            bench.input[..filled].copy_from_slice(&pending.input);
        }
        // There is no room when whole messages had to wait; they go first.
        if readable && filled < bench.input.len() {
            match recv(&self.socket, &mut bench.input[filled..], RecvFlags::empty()) {
                Ok((0, _)) => return self.end(Reason::Gone, progress),
                Ok((octets, _)) => {
                    progress |= filled == 0;
                    filled += octets;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return Next::Close(Reason::Gone),
            }
        }
        self.answer(bench, filled, progress)
    }

    /// Answers the messages among the first `filled` octets of input.
    fn answer(&mut self, bench: &mut Workbench, filled: usize, mut progress: bool) -> Next {
        let (client, ticket) = (self.client, self.ticket);
        let mut start = 0;
        loop {
            bench.output.clear();
            let mut pause = Pause::Batch;
            while pause == Pause::Batch && bench.output.len() < TCP_OUTPUT {
                let room = bench.outstanding.saturating_sub(self.outstanding());
                let (input, output) = (&bench.input[start..filled], &mut bench.output);
                let path = || ReturnPath::Stream(StreamPath { mailbox: bench.mailbox.clone(), ticket, client });
                let done = bench.answerer.answer(input, client, path, bench.seconds, room, output);
                self.wait_for(done.passed_on, bench);
                progress |= done.consumed > 0;
                start += done.consumed;
                pause = done.pause;
            }
            let Ok(sent) = send_some(&self.socket, &bench.output) else { return Next::Close(Reason::Gone) };
            let unsent = &bench.output[sent..];
            if unsent.is_empty() && pause == Pause::Batch {
                continue;
            }
            self.keep(&bench.input[start..filled], unsent);
            return match pause {
                Pause::TooShort => self.end(Reason::TooShort, progress),
                _ => self.rest(bench, progress),
            };
        }
    }

    /// Takes note of messages that others shall answer.
    fn wait_for(&mut self, passed_on: usize, bench: &mut Workbench) {
        if passed_on > 0 {
            let pending = self.pending.get_or_insert_default();
            pending.outstanding += passed_on;
            pending.asked = Some(bench.now);
            bench.passed_on += passed_on;
        }
    }

    /// Sends some of a zone transfer.
    pub fn pump(&mut self, bench: &mut Workbench) -> Next {
        let Some(pending) = &mut self.pending else { return Next::Read { progress: false } };
        pending.queued = false;
        if !pending.output.is_empty() {
            return self.serve(bench, false);
        }
        bench.output.clear();
        while bench.output.len() < TCP_STREAM_TURN
            && let Some(stream) = pending.streams.front_mut()
        {
            match stream.next(&mut bench.message) {
                Some(true) => {
                    let rcode = Rcode(bench.message.get(3).map_or(0, |octet| u16::from(octet & 0x0f)));
                    let source = Source::ControlPlane;
                    let answered = Answered::new(self.client, Transport::Tcp, &bench.message, rcode, source);
                    answered.leave(bench.answerer.worker().exit(), By::Owner);
                    framing::append(&bench.message, &mut bench.output);
                }
                Some(false) => return Next::Close(Reason::Broken),
                None => drop(pending.streams.pop_front()),
            }
        }
        let Ok(sent) = send_some(&self.socket, &bench.output) else { return Next::Close(Reason::Gone) };
        (pending.output, pending.sent) = (bench.output[sent..].to_vec(), 0);
        self.rest(bench, sent > 0)
    }

    /// Nothing more comes in; what is owed is still sent.
    fn end(&mut self, reason: Reason, progress: bool) -> Next {
        match &mut self.pending {
            Some(pending) if pending.owes() => {
                (pending.last, pending.input) = (Some(reason), Vec::new());
                if pending.output.is_empty() { Next::Wait { progress } } else { Next::Write { progress } }
            }
            _ => Next::Close(reason),
        }
    }

    /// What the connection waits for when all is done that can be done.
    fn rest(&mut self, bench: &Workbench, progress: bool) -> Next {
        let Some(pending) = &self.pending else { return Next::Read { progress } };
        match pending.last {
            _ if !pending.output.is_empty() => Next::Write { progress },
            Some(reason) if !pending.owes() => Next::Close(reason),
            Some(_) => Next::Wait { progress },
            None if pending.outstanding >= bench.outstanding => Next::Wait { progress },
            None => {
                if pending.input.is_empty() && !pending.owes() {
                    self.pending = None;
                }
                Next::Read { progress }
            }
        }
    }

    fn outstanding(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.outstanding)
    }

    /// Keeps what cannot go on yet.
    fn keep(&mut self, input: &[u8], output: &[u8]) {
        if self.pending.is_some() || !input.is_empty() || !output.is_empty() {
            let pending = self.pending.get_or_insert_default();
            if input.is_empty() {
                pending.input = Vec::new();
            } else {
                pending.input.clear();
                pending.input.extend_from_slice(input);
            }
            (pending.output, pending.sent) = (output.to_vec(), 0);
        }
    }
}

impl Pending {
    fn owes(&self) -> bool {
        !self.output.is_empty() || self.outstanding > 0 || !self.streams.is_empty()
    }

    /// Sends answers that wait; says whether all are gone.
    fn flush(&mut self, socket: &OwnedFd) -> Result<bool, Errno> {
        if let Some(unsent) = self.output.get(self.sent..) {
            self.sent += send_some(socket, unsent)?;
        }
        let all = self.sent >= self.output.len();
        if all {
            (self.output, self.sent) = (Vec::new(), 0);
        }
        Ok(all)
    }
}

/// Sends what the system takes now; returns how many octets those were.
fn send_some(socket: &OwnedFd, octets: &[u8]) -> Result<usize, Errno> {
    if octets.is_empty() {
        return Ok(0);
    }
    match send(socket, octets, SendFlags::NOSIGNAL) {
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        result => result,
    }
}
