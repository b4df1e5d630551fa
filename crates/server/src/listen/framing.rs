//! Messages on a stream: two octets of length before each (RFC 1035 4.2.2, RFC 7766 8).
//!
//! Knows no socket, so that every transport that is a stream of octets can use it: [`Answerer`] takes
//! octets that came in and appends the octets to send. `listen/tcp` calls it.

use std::net::SocketAddr;

use dns::header::HEADER_LEN;

use crate::delivery::ReturnPath;
use crate::limits::{MAX_MESSAGE_SIZE, UDP_BATCH};
use crate::query::{Disposition, Packet, Worker};
use crate::transport::Transport;

/// Octets of the length before a message.
const PREFIX: usize = 2;
/// From one answer's room to the next. Not a multiple of a page: neighbours would compete for the
/// same lines of the nearest cache.
const STRIDE: usize = MAX_MESSAGE_SIZE + 1 + 192;

/// Why [`Answerer::answer`] stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// What is left is the start of a message, or nothing.
    Incomplete,
    /// A batch was answered; there may be more.
    Batch,
    /// No more messages were allowed.
    Full,
    /// A message shorter than a header. Nothing behind it can be trusted.
    TooShort,
}

/// What became of the octets that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Octets that are done with.
    pub consumed: usize,
    /// Messages that others shall answer.
    pub passed_on: usize,
    /// What is next.
    pub pause: Pause,
}

/// Answers messages of streams, with memory that all streams of a worker share.
pub struct Answerer {
    worker: Worker,
    rooms: Vec<u8>,
}

impl Answerer {
    /// An answerer that uses `worker`.
    pub fn new(worker: Worker) -> Answerer {
        // Zeroed memory comes from the system untouched: only rooms that are used cost memory.
        Answerer { worker, rooms: vec![0; UDP_BATCH * STRIDE] }
    }

    /// The worker.
    pub fn worker(&mut self) -> &mut Worker {
        &mut self.worker
    }

    /// Answers the messages at the start of `input`, one batch and `room` at most, and appends the responses to
    /// `output`, each with its length before it. `now` is as in [`Worker::answer_batch`]. Messages that others shall
    /// answer are passed on; `path` is the way back.
    pub fn answer(
        &mut self,
        input: &[u8],
        client: SocketAddr,
        path: impl Fn() -> ReturnPath,
        now: u64,
        room: usize,
        output: &mut Vec<u8>,
    ) -> Progress {
        if room == 0 {
            return Progress { consumed: 0, passed_on: 0, pause: Pause::Full };
        }
        let mut packets: [Packet<'_>; UDP_BATCH] = std::array::from_fn(|_| Packet::default());
        let (mut rest, mut count, mut pause) = (input, 0, Pause::Batch);
        for (packet, room) in packets.iter_mut().take(room).zip(self.rooms.chunks_exact_mut(STRIDE)) {
            let Some((message, behind)) = split(rest) else {
                pause = Pause::Incomplete;
                break;
            };
            if message.len() < HEADER_LEN {
                pause = Pause::TooShort;
                break;
            }
            let room = &mut room[..MAX_MESSAGE_SIZE];
            room[..message.len()].copy_from_slice(message);
            *packet = Packet::new(room, message.len(), client);
            (rest, count) = (behind, count + 1);
        }
        let packets = &mut packets[..count];
        self.worker.answer_batch(packets, Transport::Tcp, now);
        let mut passed_on = 0;
        for packet in packets {
            match std::mem::take(&mut packet.disposition) {
                Disposition::Drop => {}
                Disposition::Respond(response) => append(&packet.buf[..usize::from(response.len)], output),
                others => {
                    self.worker.pass_on(others, &path);
                    passed_on += 1;
                }
            }
        }
        self.worker.flush();
        Progress { consumed: input.len() - rest.len(), passed_on, pause }
    }
}

/// Appends a message of at most [`MAX_MESSAGE_SIZE`] octets with its length before it.
pub fn append(message: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(&(message.len() as u16).to_be_bytes());
    output.extend_from_slice(message);
}

/// The first message of `octets` and what follows it; `None` if it is not all there.
fn split(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (prefix, rest) = octets.split_first_chunk::<PREFIX>()?;
    let len = usize::from(u16::from_be_bytes(*prefix));
    // A length that is too short is reported without waiting for what it announces.
    if len < HEADER_LEN { Some((&[], rest)) } else { rest.split_at_checked(len) }
}
