//! What the data plane hands to the control plane: messages that one look at the zones does not answer.
//!
//! [`crate::query`] decides which they are; the control plane answers when it can, from any thread. TSIG is
//! dealt with on this side: requests come verified and without their TSIG record, answers are signed on the way out.

use std::cell::RefCell;
use std::net::SocketAddr;

use dns::NameBuf;

use crate::query::Transport;

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A dynamic update (RFC 2136).
    Update,
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
    /// The message without its TSIG record; its header and question have been looked at, nothing else.
    pub message: Vec<u8>,
    /// Who sent it.
    pub client: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// The TSIG key that it is signed with.
    pub key: Option<NameBuf>,
    /// Largest response in octets, room for the signature already taken off.
    pub limit: usize,
}

/// A sequence of messages: a zone transfer.
pub trait Messages: Send {
    /// Writes the next message to `out`, which is empty; `false`: there is none, and `out` is left empty. It does not
    /// wait, and no message is larger than the request's limit.
    fn next(&mut self, out: &mut Vec<u8>) -> bool;
}

/// An answer.
pub enum Answer {
    /// One message.
    Message(Vec<u8>),
    /// Several, as quickly as the client takes them; over TCP only.
    Stream(Box<dyn Messages>),
    /// None: the request is dropped.
    Nothing,
    /// SERVFAIL: it could not be dealt with. What a reply answers that is dropped.
    Failure,
}

/// The control plane.
pub trait Control: Send + Sync {
    /// Takes a message and returns soon; what takes longer is done on another thread.
    fn take(&self, request: Request, reply: Reply);
}

/// Where the answer to a request goes; once, from any thread. One that is dropped answers [`Answer::Failure`].
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
            send(Answer::Failure);
        }
    }
}

type Later = Vec<Box<dyn FnOnce()>>;

thread_local! {
    /// Wakes that wait for the end of [`together`], if this thread is in it.
    static LATER: RefCell<Option<Later>> = const { RefCell::new(None) };
}

/// Does `work`, which answers several requests. Who waits for these answers is woken at its end, and so once.
pub fn together<T>(work: impl FnOnce() -> T) -> T {
    /// Also wakes them if the work panics.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            LATER.take().into_iter().flatten().for_each(|wake| wake());
        }
    }
    let _end = LATER.with_borrow_mut(|later| later.is_none().then(|| *later = Some(Vec::new()))).map(|()| End);
    work()
}

/// Wakes somebody: at once, or at the end of [`together`].
pub(crate) fn wake(wake: impl FnOnce() + 'static) {
    let now = LATER.with_borrow_mut(|later| match later {
        Some(later) => {
            later.push(Box::new(wake));
            None
        }
        None => Some(wake),
    });
    now.into_iter().for_each(|wake| wake());
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
            Reply::new(move |answer| sender.send(matches!(answer, Answer::Failure)).expect("somebody listens"))
        };
        reply().send(Answer::Nothing);
        drop(reply());
        assert_eq!(answers.try_iter().collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn who_waits_is_woken_at_the_end() {
        let (sender, woken) = channel();
        let wake_with = |number: u8| {
            let sender = sender.clone();
            wake(move || sender.send(number).expect("somebody listens"));
        };
        let count = || woken.try_iter().count();
        wake_with(1);
        assert_eq!(count(), 1, "at once");
        together(|| {
            wake_with(2);
            together(|| wake_with(3));
            assert_eq!(count(), 0, "not before the end of the outer one");
        });
        assert_eq!(count(), 2);
        let panics = || together(|| [wake_with(4)].get(7).copied().expect("not there"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err() && count() == 1);
        wake_with(5);
        assert_eq!(count(), 1, "at once again");
    }
}
