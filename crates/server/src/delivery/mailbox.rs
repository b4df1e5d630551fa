//! The way back over streams: answers of other threads on their way to the worker that has the connection.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use super::outgoing::Outgoing;
use super::wake::wake;
use crate::answered::Exit;

/// A connection of a worker, told apart from those that have its number later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// Its number in the table.
    pub id: usize,
    /// No other connection of the worker ever has it.
    pub serial: u64,
}

/// Where the answer to a message of a connection goes.
pub(crate) struct StreamPath {
    pub mailbox: Arc<Mailbox>,
    pub ticket: Ticket,
    pub client: SocketAddr,
}

/// One for each worker. It holds at most one answer for each message that was handed over, so that their limits are
/// its limits.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// Rung when there is mail and the worker sleeps.
    bell: OwnedFd,
    /// The worker's exit.
    pub exit: Arc<Exit>,
}

#[derive(Default)]
struct State {
    mail: Vec<(Ticket, Outgoing)>,
    asleep: bool,
    closed: bool,
}

impl Mailbox {
    pub fn new(exit: Arc<Exit>) -> io::Result<Mailbox> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Mailbox { state: Mutex::default(), bell, exit })
    }

    /// What becomes readable with each ring; the poller watches it edge-triggered, so that nobody need read it.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Takes an answer, from any thread.
    pub fn put(self: &Arc<Mailbox>, ticket: Ticket, answer: Outgoing) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.mail.push((ticket, answer));
        let ring = std::mem::take(&mut state.asleep);
        drop(state);
        if ring {
            let mailbox = self.clone();
            wake(move || {
                // It fails when it was rung 2^64 times, which is loud enough.
                let _ = rustix::io::write(&mailbox.bell, &1u64.to_ne_bytes());
            });
        }
    }

    /// The worker wants to sleep: `true` if there is no mail, and whatever comes now rings.
    pub fn sleep(&self) -> bool {
        let mut state = self.lock();
        state.asleep = state.mail.is_empty();
        state.asleep
    }

    /// All mail.
    pub fn take(&self) -> Vec<(Ticket, Outgoing)> {
        let mut state = self.lock();
        state.asleep = false;
        std::mem::take(&mut state.mail)
    }

    /// The worker is gone: what comes from now on is dropped.
    pub fn close(&self) {
        let mail = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.mail)
        };
        drop(mail);
    }

    /// Every change is one step, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(mailbox: &Mailbox) -> bool {
        rustix::io::read(&mailbox.bell, &mut [0; 8]).is_ok()
    }

    #[test]
    fn the_bell_wakes_a_sleeper_once() {
        let (mailbox, ticket) =
            (Arc::new(Mailbox::new(Arc::default()).expect("an eventfd")), Ticket { id: 1, serial: 7 });
        mailbox.put(ticket, Outgoing::Nothing);
        assert!(!rung(&mailbox), "nobody sleeps");
        assert!(!mailbox.sleep(), "there is mail");
        assert_eq!(mailbox.take().len(), 1);
        assert!(mailbox.sleep());
        mailbox.put(ticket, Outgoing::Nothing);
        mailbox.put(ticket, Outgoing::Nothing);
        assert!(rung(&mailbox) && !rung(&mailbox));
        assert_eq!(mailbox.take().len(), 2);
        mailbox.put(ticket, Outgoing::Nothing);
        mailbox.close();
        mailbox.put(ticket, Outgoing::Nothing);
        assert_eq!(mailbox.take().len(), 0);
    }
}
