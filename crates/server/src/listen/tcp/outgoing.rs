//! What goes out besides what is answered at once: answers of other threads, and zone transfers, sent in turns.

use dns::header::Rcode;

use super::connection::Connection;
use super::{Server, Ticket};
use crate::answered::{Answered, By, Refusal, Source};
use crate::delivery::Outgoing;
use crate::transport::Transport;

impl Server {
    /// Whether there is nothing to do until something happens; from then on answers of the control plane ring.
    pub(super) fn may_sleep(&self) -> bool {
        self.ready.is_empty() && (self.handed == 0 || self.bench.mailbox.sleep())
    }

    /// Sends answers of the control plane and of resolver threads to their clients; returns the connections that got some.
    pub(super) fn deliver(&mut self) -> Vec<usize> {
        if self.handed == 0 {
            return Vec::new();
        }
        let mail = self.bench.mailbox.take();
        self.handed -= mail.len();
        let mut ids = Vec::with_capacity(mail.len());
        for (ticket, answer) in mail {
            let (now, id, too_many) = (self.bench.now, ticket.id, self.streams >= self.limits.limits().streams);
            let exit = self.exit.clone();
            let Some(connection) = self.connection(ticket) else { continue };
            let answer = match answer {
                Outgoing::Transfer(transfer) if too_many => {
                    let (message, source) = (transfer.refuse(), Source::Refused(Refusal::TransfersBusy));
                    let client = connection.client;
                    let answered = Answered::new(client, Transport::Tcp, &message, Rcode::SERVFAIL, source);
                    answered.leave(&exit, By::Owner);
                    Outgoing::Message(message)
                }
                answer => answer,
            };
            let (kept, streams) = (connection.kept(), connection.streams());
            connection.take(answer, now);
            let (kept, streams) = (connection.kept() - kept, connection.streams() - streams);
            self.kept += kept;
            self.streams += streams;
            ids.push(id);
        }
        // Answers to one connection leave together.
        ids.sort_unstable();
        ids.dedup();
        for &id in &ids {
            self.serve(id, false);
        }
        ids
    }

    /// Gives one zone transfer its turn; returns its connection.
    pub(super) fn pump(&mut self) -> Option<usize> {
        let ticket = self.ready.pop_front()?;
        self.connection(ticket)?;
        let next = self.work_on(ticket.id, Connection::pump);
        self.watch(ticket.id, next);
        Some(ticket.id)
    }

    /// The connection that a ticket is for, if it is still open.
    fn connection(&mut self, ticket: Ticket) -> Option<&mut Connection> {
        self.table.get_mut(ticket.id).filter(|connection| connection.ticket == ticket)
    }
}
