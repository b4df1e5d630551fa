//! What goes to the control plane and what comes back: answers, and zone transfers sent in turns.

use super::connection::Connection;
use super::{Server, Ticket};
use crate::handover::Outgoing;
use crate::query::Transport;
use crate::recursion::Way;

impl Server {
    /// Whether there is nothing to do until something happens; from then on answers of the control plane ring.
    pub(super) fn may_sleep(&self) -> bool {
        self.ready.is_empty() && (self.handed == 0 || self.mailbox.sleep())
    }

    /// Hands over what came in last, which was on this connection.
    pub(super) fn hand_over(&mut self, id: usize) {
        let handed = std::mem::take(&mut self.desk.handed);
        let mut resolving = std::mem::take(&mut self.desk.resolving);
        let (Some(connection), mailbox) = (self.table.get_mut(id), &self.mailbox) else { return };
        connection.asked(self.now);
        let (client, ticket) = (connection.client, Ticket { id, serial: connection.serial });
        self.handed += handed.len();
        for handover in handed {
            let mailbox = mailbox.clone();
            let deliver = move |answer| mailbox.put(ticket, answer);
            self.desk.answerer.worker().hand_over(handover, client, Transport::Tcp, deliver);
        }
        if resolving.is_empty() {
            return;
        }
        for asked in resolving.iter_mut().filter(|it| it.index.is_some()) {
            let mailbox = mailbox.clone();
            asked.client.way = Way::Stream(Box::new(move |answer| mailbox.put(ticket, answer)));
            self.handed += 1;
        }
        let worker = self.desk.answerer.worker();
        worker.resolving().append(&mut resolving);
        worker.hand_to_resolver();
        self.desk.resolving = resolving;
    }

    /// Sends answers of the control plane and of resolver threads to their clients; returns the connections that got some.
    pub(super) fn deliver(&mut self) -> Vec<usize> {
        if self.handed == 0 {
            return Vec::new();
        }
        let mail = self.mailbox.take();
        self.handed -= mail.len();
        let mut ids = Vec::with_capacity(mail.len());
        for (ticket, answer) in mail {
            let answer = match answer {
                Outgoing::Stream(stream) if self.streams >= self.limits.limits().streams => {
                    self.stats.transfers_refused.add(1);
                    Outgoing::Message(stream.refuse())
                }
                answer => answer,
            };
            if let Outgoing::Message(message) = &answer {
                self.stats.response(message);
            }
            let (now, id) = (self.now, ticket.id);
            let Some(connection) = self.connection(ticket) else { continue };
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
        self.table.get_mut(ticket.id).filter(|connection| connection.serial == ticket.serial)
    }
}
