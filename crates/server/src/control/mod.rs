//! What the data plane hands to the control plane: messages that one look at the zones does not answer.
//!
//! [`crate::query`] decides which they are; the control plane answers when it can, from any thread. TSIG is
//! dealt with on this side: requests come verified and without their TSIG record, answers are signed on the way out.

pub(crate) mod plane;

use std::net::SocketAddr;

use dns::NameBuf;

use crate::transport::Transport;

pub use crate::delivery::{Messages, Reason, together};

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A dynamic update (RFC 2136) that is to be made here.
    Update,
    /// A dynamic update for a secondary that sends updates on to its primaries (RFC 2136 6).
    Forward,
    /// A primary says that a zone changed (RFC 1996).
    Notify,
    /// AXFR or IXFR (RFC 5936, RFC 1995).
    Transfer,
}

/// A message for the control plane.
#[derive(Debug)]
pub struct Request {
    /// What it asks for.
    pub kind: Kind,
    /// The message without its TSIG record; its header and question have been looked at, nothing else. One to be
    /// forwarded is as it came, TSIG record included.
    pub message: Vec<u8>,
    /// Who sent it.
    pub client: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// The TSIG key that it is signed with; `None`, too, if another server is to verify it.
    pub key: Option<NameBuf>,
    /// Largest response in octets, room for the signature already taken off.
    pub limit: usize,
}

/// An answer.
pub enum Answer {
    /// One message.
    Message(Vec<u8>),
    /// One message that another server made for this client, and has signed if it had to: it leaves as it is.
    Forwarded(Vec<u8>),
    /// Several, as quickly as the client takes them; over TCP only.
    Stream(Box<dyn Messages>),
    /// None: the request is dropped.
    Nothing,
    /// SERVFAIL: it could not be dealt with, for this reason if one is given. What a reply answers that is dropped.
    Failure(Option<Reason>),
}

/// The control plane.
pub trait Control: Send + Sync {
    /// Takes a message and returns soon; what takes longer is done on another thread.
    fn take(&self, request: Request, reply: Reply);
}

/// Where the answer to a request goes; once, from any thread. One that is dropped answers [`Answer::Failure`] without a
/// reason.
pub struct Reply(Option<Box<dyn FnOnce(Answer) + Send>>);

impl Reply {
    /// A reply that `send` takes.
    pub fn new(send: impl FnOnce(Answer) + Send + 'static) -> Reply {
        Reply(Some(Box::new(send)))
    }

    /// Answers.
    pub fn send(mut self, answer: Answer) {
        if let Some(send) = self.0.take() {
            send(answer);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(send) = self.0.take() {
            send(Answer::Failure(None));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn every_reply_answers_once() {
        let (sender, answers) = channel();
        let reply = || {
            let sender = sender.clone();
            Reply::new(move |answer| sender.send(matches!(answer, Answer::Failure(None))).expect("somebody listens"))
        };
        reply().send(Answer::Nothing);
        drop(reply());
        assert_eq!(answers.try_iter().collect::<Vec<_>>(), [false, true]);
    }
}
