//! The way of a message to the control plane, and of its answer back: the worker's share of the load is bounded, answers
//! are signed here (RFC 8945 5.3) and leave by the exit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dns::NameBuf;
use dns::header::Rcode;
use dns::query::flags;

use super::{Answer, Control, Kind, Reply, Request};
use crate::answered::{Refusal, Source};
use crate::clock::Clock;
use crate::delivery::ReturnPath;
use crate::delivery::outgoing::{Envelope, Outgoing, Transfer};
use crate::limits::{MAX_HANDED_OVER, MAX_HANDED_OVER_OCTETS};
use crate::stats::Stats;

/// A message that the control plane shall answer.
pub struct Submission {
    pub(crate) kind: Kind,
    /// Without its TSIG record.
    pub(crate) message: Vec<u8>,
    pub(crate) key: Option<NameBuf>,
    pub(crate) envelope: Envelope,
}

/// The control plane, as a worker has it.
pub(crate) struct ControlPlane {
    control: Arc<dyn Control>,
    load: Arc<Load>,
}

/// What the control plane has to do for one worker.
#[derive(Default)]
struct Load {
    messages: AtomicUsize,
    octets: AtomicUsize,
}

/// A message's share of the load, given back when it is dropped.
struct Share(Arc<Load>, usize);

impl ControlPlane {
    pub fn new(control: Arc<dyn Control>) -> ControlPlane {
        ControlPlane { control, load: Arc::default() }
    }

    /// Passes a message on, and its answer to `path`, from any thread. If there is too much to do already, the answer is
    /// SERVFAIL. `stats` belong to this thread.
    pub fn submit(&self, submission: Submission, path: ReturnPath, stats: &Stats) {
        let Submission { kind, message, key, mut envelope } = submission;
        let Some(share) = Share::take(&self.load, message.len()) else {
            let response = envelope.bare(Rcode::SERVFAIL, 0, None);
            return path.respond(response, Rcode::SERVFAIL, Source::Refused(Refusal::ControlBusy), None, 0);
        };
        match kind {
            Kind::Update => stats.updates.add(1),
            Kind::Forward => stats.forwards.add(1),
            Kind::Notify => stats.notifies.add(1),
            Kind::Transfer => stats.transfers.add(1),
        }
        let (client, transport, limit) = (path.client(), path.transport(), envelope.limit);
        let since_us = Clock::Monotonic.now_us();
        let reply = Reply::new(move |answer| {
            drop(share);
            let elapsed_us = Clock::Monotonic.now_us().saturating_sub(since_us);
            answered(answer, envelope, path, elapsed_us);
        });
        self.control.take(Request { kind, message, client, transport, key, limit }, reply);
    }
}

/// Sends an answer on its way.
fn answered(answer: Answer, mut envelope: Envelope, path: ReturnPath, elapsed_us: u64) {
    let is_stream = path.transport().is_stream();
    // Without OPT there is no room for a reason.
    let reason = match &answer {
        Answer::Failure(reason) => reason.filter(|_| envelope.edns.is_some()),
        _ => None,
    };
    let message = match answer {
        Answer::Nothing => return path.send(Outgoing::Nothing),
        // Each message passes the exit when its turn comes.
        Answer::Stream(messages) if is_stream => {
            return path.send(Outgoing::Transfer(Transfer::new(messages, envelope)));
        }
        Answer::Message(mut message) if message.len() <= envelope.limit => {
            envelope.sign(&mut message);
            message
        }
        Answer::Forwarded(message) if message.len() <= envelope.limit => message,
        // What is too large for a datagram is to be had over a stream.
        Answer::Message(_) | Answer::Forwarded(_) | Answer::Stream(_) if !is_stream => {
            envelope.bare(Rcode::NOERROR, flags::TC, None)
        }
        Answer::Message(_) | Answer::Forwarded(_) | Answer::Stream(_) | Answer::Failure(_) => {
            envelope.bare(Rcode::SERVFAIL, 0, reason)
        }
    };
    let rcode = Rcode(message.get(3).map_or(0, |octet| u16::from(octet & 0x0f)));
    path.respond(message, rcode, Source::ControlPlane, reason.map(|(code, _)| code), elapsed_us);
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
