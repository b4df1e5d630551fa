//! The way back of datagrams, for threads of the control plane and resolver threads: the socket of the worker that
//! received the query.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use crate::answered::Exit;
use crate::limits::{MAX_UDP_SIZE, UDP_BATCH};
use crate::stats::{Counter, Stats};
use crate::sys::address::Peer;
use crate::sys::datagrams::Sender;

/// A worker's socket, shared with those who answer in its place.
pub(crate) struct SharedSocket {
    socket: UdpSocket,
    /// The worker's exit.
    pub exit: Arc<Exit>,
}

impl SharedSocket {
    /// Shares `socket`.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn new(socket: &UdpSocket, exit: Arc<Exit>) -> io::Result<Arc<SharedSocket>> {
        Ok(Arc::new(SharedSocket { socket: socket.try_clone()?, exit }))
    }
}

/// Where the answer to one packet goes.
pub(crate) struct DatagramPath {
    pub socket: Arc<SharedSocket>,
    pub peer: Peer,
}

impl DatagramPath {
    /// Sends a response. One that cannot be sent at once is passed over, as it would be lost on the way.
    pub fn send(self, message: &[u8]) {
        let SharedSocket { socket, exit } = &*self.socket;
        let messages = std::iter::once((message, &self.peer));
        Sender::<1>::new().send(socket, messages, false, |_, _| exit.stats.send_errors.add_shared(1));
    }
}

/// Responses that leave together: what a resolver thread has answered in one turn.
pub(crate) struct Outbox {
    responses: Vec<(DatagramPath, usize)>,
    data: Box<[[u8; MAX_UDP_SIZE as usize]]>,
    sender: Sender<UDP_BATCH>,
}

impl Outbox {
    pub fn new() -> Outbox {
        let data = vec![[0; MAX_UDP_SIZE as usize]; UDP_BATCH].into_boxed_slice();
        Outbox { responses: Vec::with_capacity(UDP_BATCH), data, sender: Sender::new() }
    }

    /// Memory for the next response. Counts in `stats` what has to leave first and could not be sent.
    pub fn room(&mut self, stats: &Stats) -> &mut [u8] {
        if self.responses.len() >= UDP_BATCH {
            self.flush(stats);
        }
        &mut self.data[self.responses.len()]
    }

    /// Has the response of `len` bytes that was made in [`Outbox::room`] sent with the next flush.
    pub fn push(&mut self, path: DatagramPath, len: usize) {
        if self.responses.len() < UDP_BATCH {
            self.responses.push((path, len.min(usize::from(MAX_UDP_SIZE))));
        }
    }

    /// Sends what is there, all that leaves through one socket together. One that cannot be sent at once is passed
    /// over, and counted in `stats`, which belong to this thread.
    pub fn flush(&mut self, stats: &Stats) {
        let Outbox { responses, data, sender } = self;
        let mut order = [(std::ptr::null(), 0); UDP_BATCH];
        for (i, (place, (path, _))) in order.iter_mut().zip(&*responses).enumerate() {
            *place = (Arc::as_ptr(&path.socket), i);
        }
        let order = &mut order[..responses.len()];
        order.sort_unstable();
        for group in order.chunk_by(|a, b| a.0 == b.0) {
            let messages = group.iter().map(|&(_, i)| (&data[i][..responses[i].1], &responses[i].0.peer));
            let socket = &responses[group[0].1].0.socket.socket;
            sender.send(socket, messages, false, |_, _| Counter::add(&stats.send_errors, 1));
        }
        responses.clear();
    }
}
