//! One connection: octets come in, answers go out, and what cannot go on yet is kept in between.
//!
//! A connection that has nothing unfinished owns no memory but its entry in the table; reading and
//! answering happen in the [`Desk`] of the worker.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

use crate::limits::{TCP_INPUT, TCP_OUTPUT};
use crate::listen::framing::{Answerer, Pause};

/// What all connections of a worker use in turn.
pub(super) struct Desk {
    /// Answers messages.
    pub answerer: Answerer,
    /// The time in seconds since 1970, modulo 2^32.
    pub seconds: u32,
    input: Box<[u8]>,
    output: Vec<u8>,
}

impl Desk {
    pub fn new(answerer: Answerer) -> Desk {
        let output = Vec::with_capacity(2 * TCP_OUTPUT);
        Desk { answerer, seconds: 0, input: vec![0; TCP_INPUT].into_boxed_slice(), output }
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
    /// The start of a message; behind answers that wait also whole messages.
    input: Vec<u8>,
    /// Answers, of which the first `sent` octets are gone.
    output: Vec<u8>,
    sent: usize,
    /// Nothing comes after these answers.
    last: bool,
}

/// A connection to a client.
pub(super) struct Connection {
    socket: OwnedFd,
    /// Who asks.
    pub client: IpAddr,
    /// What the poller watches for; nothing as long as it does not know the connection.
    pub watched: EventFlags,
    pending: Option<Box<Pending>>,
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Connection {
    pub fn new(socket: OwnedFd, client: IpAddr) -> Connection {
        Connection { socket, client, watched: EventFlags::empty(), pending: None }
    }

    /// Octets of memory that the connection keeps.
    pub fn kept(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.input.capacity() + pending.output.capacity())
    }

    /// In the middle of something.
    pub fn is_unfinished(&self) -> bool {
        self.pending.is_some()
    }

    /// Lets the system forget what the client did not take, so that closing frees it.
    pub fn forget(&self) {
        // Without it the connection is closed the usual way.
        let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }

    /// Does what can be done without waiting: sends answers that wait, reads once if `readable`,
    /// answers every message that is whole.
    pub fn serve(&mut self, desk: &mut Desk, readable: bool) -> Next {
        let (mut filled, mut progress) = (0, false);
        if let Some(pending) = &mut self.pending {
            progress = !pending.output.is_empty();
            match pending.flush(&self.socket) {
                Err(_) => return Next::Close(Reason::Gone),
                Ok(false) => return Next::Write { progress: false },
                Ok(true) if pending.last => return Next::Close(Reason::TooShort),
                Ok(true) => {}
            }
            filled = pending.input.len();
            desk.input[..filled].copy_from_slice(&pending.input);
        }
        if readable {
            match recv(&self.socket, &mut desk.input[filled..], RecvFlags::empty()) {
                Ok((0, _)) => return Next::Close(Reason::Gone),
                Ok((octets, _)) => {
                    progress |= filled == 0;
                    filled += octets;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return Next::Close(Reason::Gone),
            }
        }
        self.answer(desk, filled, progress)
    }

    /// Answers the messages among the first `filled` octets of input.
    fn answer(&mut self, desk: &mut Desk, filled: usize, mut progress: bool) -> Next {
        if filled == 0 {
            self.pending = None;
            return Next::Read { progress };
        }
        let Desk { answerer, seconds, input, output } = desk;
        let mut rest = &input[..filled];
        loop {
            output.clear();
            let mut pause = Pause::Batch;
            while pause == Pause::Batch && output.len() < TCP_OUTPUT {
                let done = answerer.answer(rest, self.client, *seconds, output);
                progress |= done.consumed > 0;
                rest = &rest[done.consumed..];
                pause = done.pause;
            }
            let Ok(sent) = send_some(&self.socket, output) else { return Next::Close(Reason::Gone) };
            if let Some(unsent) = output.get(sent..).filter(|unsent| !unsent.is_empty()) {
                self.keep(rest, unsent, pause == Pause::TooShort);
                return Next::Write { progress };
            }
            match pause {
                Pause::Batch => {}
                Pause::TooShort => return Next::Close(Reason::TooShort),
                Pause::Incomplete => {
                    self.keep(rest, &[], false);
                    return Next::Read { progress };
                }
            }
        }
    }

    /// Keeps what cannot go on yet; keeps no memory if there is nothing.
    fn keep(&mut self, input: &[u8], output: &[u8], last: bool) {
        if input.is_empty() && output.is_empty() {
            self.pending = None;
            return;
        }
        let pending = self.pending.get_or_insert_default();
        pending.input.clear();
        pending.input.extend_from_slice(input);
        (pending.output, pending.sent, pending.last) = (output.to_vec(), 0, last);
    }
}

impl Pending {
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
