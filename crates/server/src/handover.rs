//! The way of a message to the control plane, and of its answer back to the listener.
//!
//! [`crate::query`] leaves a [`Handover`] for each message that it does not answer itself; the listener, which knows
//! the way back to the client, passes it on with [`Worker::hand_over`]. Answers are signed here (RFC 8945 5.3).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dns::header::{HEADER_LEN, Rcode};
use dns::name::MAX_NAME_LEN;
use dns::query::flags;
use dns::{NameBuf, RType};

use crate::clock::unix_seconds;
use crate::control::{Answer, Control, Kind, Messages, Reply, Request};
use crate::limits::{MAX_HANDED_OVER, MAX_HANDED_OVER_OCTETS, MAX_MESSAGE_SIZE};
use crate::query::{Transport, Worker};
use dnssec::tsig::{Key, Signer};

/// A message of the last batch that the control plane shall answer.
pub struct Handover {
    /// Which packet of the batch it was.
    pub index: usize,
    pub(crate) kind: Kind,
    /// Without its TSIG record.
    pub(crate) message: Vec<u8>,
    pub(crate) key: Option<NameBuf>,
    pub(crate) envelope: Envelope,
}

/// What the answer to a message needs on its way out.
pub(crate) struct Envelope {
    /// Header and question of the message.
    pub head: Vec<u8>,
    /// Our UDP size, if the response has an OPT record.
    pub edns: Option<u16>,
    pub signer: Option<Signer>,
    /// Largest response in octets before it is signed.
    pub limit: usize,
}

/// Octets of a signature with `key`, at most.
pub(crate) fn signature_room(key: &Key) -> usize {
    Signer::MAX_LEN - MAX_NAME_LEN + key.name().as_wire().len()
}

/// An answer on its way out, signed if the request was.
pub enum Outgoing {
    /// One message.
    Message(Vec<u8>),
    /// Several.
    Stream(Stream),
    /// None.
    Nothing,
}

/// The messages of a zone transfer.
pub struct Stream {
    messages: Box<dyn Messages>,
    envelope: Envelope,
}

/// What the control plane has to do for one worker.
#[derive(Default)]
pub(crate) struct Load {
    messages: AtomicUsize,
    octets: AtomicUsize,
}

/// A message's share of the load, given back when it is dropped.
struct Share(Arc<Load>, usize);

/// The control plane, as a worker has it.
pub(crate) struct Desk {
    control: Arc<dyn Control>,
    load: Arc<Load>,
}

impl Desk {
    pub fn new(control: Arc<dyn Control>) -> Desk {
        Desk { control, load: Arc::default() }
    }
}

impl Worker {
    /// Passes a message on to the control plane. `deliver` is called once, perhaps at once, from any thread.
    pub fn hand_over(
        &self,
        handover: Handover,
        client: SocketAddr,
        transport: Transport,
        deliver: impl FnOnce(Outgoing) + Send + 'static,
    ) {
        let Handover { kind, message, key, mut envelope, .. } = handover;
        let limit = envelope.limit;
        let share = self.desk.as_ref().and_then(|desk| Share::take(&desk.load, message.len()));
        let accepted = share.is_some();
        let reply = Reply::new(move |answer| {
            drop(share);
            let answer = match answer {
                Answer::Stream(messages) if transport == Transport::Tcp => {
                    Outgoing::Stream(Stream { messages, envelope })
                }
                Answer::Nothing => Outgoing::Nothing,
                Answer::Message(message) if message.len() <= limit => Outgoing::Message(envelope.seal(message)),
                // What is too large for a datagram is to be had over a stream.
                Answer::Message(_) | Answer::Stream(_) if transport == Transport::Udp => {
                    Outgoing::Message(envelope.bare(Rcode::NOERROR, flags::TC))
                }
                Answer::Message(_) | Answer::Stream(_) | Answer::Failure => {
                    Outgoing::Message(envelope.bare(Rcode::SERVFAIL, 0))
                }
            };
            deliver(answer);
        });
        let stats = self.stats();
        match (&self.desk, accepted) {
            (Some(desk), true) => {
                match kind {
                    Kind::Update => stats.updates.add(1),
                    Kind::Notify => stats.notifies.add(1),
                    Kind::Transfer => stats.transfers.add(1),
                }
                desk.control.take(Request { kind, message, client, transport, key, limit }, reply);
            }
            _ => stats.control_busy.add(1), // The reply is dropped and says SERVFAIL.
        }
    }
}

impl Envelope {
    /// Signs a message if its request was signed.
    fn seal(&mut self, mut message: Vec<u8>) -> Vec<u8> {
        self.sign(&mut message);
        message
    }

    fn sign(&mut self, message: &mut Vec<u8>) {
        if let Some(signer) = &mut self.signer {
            signer.sign(message, unix_seconds());
        }
    }

    /// A response with nothing but the question.
    fn bare(&mut self, rcode: Rcode, set: u8) -> Vec<u8> {
        let mut message = std::mem::take(&mut self.head);
        if let Some(header) = message.first_chunk_mut::<HEADER_LEN>() {
            let (third, fourth) = flags::kept(header[2], header[3]);
            header[2] = flags::QR | third | set;
            header[3] = fourth | rcode.0 as u8 & 0x0f;
            header[4..].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, u8::from(self.edns.is_some())]);
        }
        if let Some(udp_size) = self.edns {
            message.push(0);
            message.extend_from_slice(&RType::OPT.0.to_be_bytes());
            message.extend_from_slice(&udp_size.to_be_bytes());
            message.extend_from_slice(&[0; 6]);
        }
        self.seal(message)
    }
}

impl Stream {
    /// Puts the next message into `out`, whatever was there; `None` behind the last one. `false`: it is too large.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Option<bool> {
        out.clear();
        self.messages.next(out).then(|| {
            self.envelope.sign(out);
            out.len() <= MAX_MESSAGE_SIZE
        })
    }

    /// SERVFAIL instead of all of them.
    pub fn refuse(mut self) -> Vec<u8> {
        self.envelope.bare(Rcode::SERVFAIL, 0)
    }
}

impl Share {
    /// A share for a message of so many octets, if the load is not too much already.
    fn take(load: &Arc<Load>, octets: usize) -> Option<Share> {
        // Only one thread adds, so that the limits hold.
        let fits = load.messages.load(Ordering::Relaxed) < MAX_HANDED_OVER
            && load.octets.load(Ordering::Relaxed) + octets <= MAX_HANDED_OVER_OCTETS;
        fits.then(|| {
            load.messages.fetch_add(1, Ordering::Relaxed);
            load.octets.fetch_add(octets, Ordering::Relaxed);
            Share(load.clone(), octets)
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.messages.fetch_sub(1, Ordering::Relaxed);
        self.0.octets.fetch_sub(self.1, Ordering::Relaxed);
    }
}
