//! New connections: let in within the limits, answered at once, and refused while the system has no room.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};

use super::clients::Refusal;
use super::connection::{Connection, Next, Reason};
use super::{LISTENER, SETTLE, Server};
use crate::delivery::mailbox::Ticket;
use crate::limits::{TCP_ACCEPT_BATCH, TCP_ACCEPT_PAUSE};

/// When room is needed, this many connections are looked at that only wait for the control plane.
const EVICT_TRIES: usize = 16;

impl Server {
    /// Accepts what waits on a listener, some of it if it is much; says whether that was all.
    pub(super) fn accept(&mut self, listener: usize) -> bool {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        for _ in 0..TCP_ACCEPT_BATCH {
            let Some(listener) = self.listeners.get(listener) else { return true };
            match acceptfrom_with(listener, flags) {
                Ok((socket, peer)) => {
                    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                    self.admit(socket, peer);
                }
                Err(Errno::AGAIN) => return true,
                // accept(2): errors of the new connection, which is gone.
                Err(
                    Errno::INTR
                    | Errno::CONNABORTED
                    | Errno::PERM
                    | Errno::PROTO
                    | Errno::NOPROTOOPT
                    | Errno::OPNOTSUPP
                    | Errno::NETDOWN
                    | Errno::NETUNREACH
                    | Errno::HOSTDOWN
                    | Errno::HOSTUNREACH
                    | Errno::NONET,
                ) => {}
                // No file descriptor or memory left: the connection stays in the queue, and would be
                // reported again and again.
                Err(error) => {
                    if !self.evict() {
                        self.pause(error);
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Lets a new connection in if the limits allow it, and answers what it brought.
    pub(super) fn admit(&mut self, socket: OwnedFd, client: Option<SocketAddr>) {
        self.exit.stats.tcp_accepted.add(1);
        let entered = client.and_then(|client| match self.limits.enter(client.ip()) {
            Err(Refusal::Full) if self.evict() => self.limits.enter(client.ip()).is_ok().then_some(client),
            entered => entered.is_ok().then_some(client),
        });
        if let Some(client) = entered {
            self.serial += 1;
            let serial = self.serial;
            let connection = |id| Connection::new(socket, client, Ticket { id, serial });
            let id = self.table.insert_with(connection, self.bench.now);
            let next = self.advance(id, true);
            let unfinished = self.table.get_mut(id).is_some_and(|connection| connection.is_unfinished());
            match next {
                Next::Read { progress: true } if !unfinished => self.fresh.push_back((id, self.bench.now + SETTLE)),
                _ => self.watch(id, next),
            }
        } else {
            self.exit.stats.tcp_refused.add(1);
            self.exit.stats.tcp_closed.add(1);
        }
    }

    /// Closes the connection that is idle for the longest time, if that is long enough.
    pub(super) fn evict(&mut self) -> bool {
        for _ in 0..EVICT_TRIES {
            let oldest = self.table.oldest();
            let idle = oldest.filter(|(_, since)| self.bench.now.duration_since(*since) >= self.limits.limits().evict);
            let Some((id, _)) = idle else { return false };
            if !self.is_excused(id) {
                self.close(id, Reason::Evicted);
                return true;
            }
        }
        false
    }

    /// Accepts nothing for a while.
    pub(super) fn pause(&mut self, error: Errno) {
        if self.exit.stats.tcp_accept_paused.get() == 0 {
            tracing::warn!(%error, "TCP connections cannot be accepted for now; this is said once and counted");
        }
        self.exit.stats.tcp_accept_paused.add(1);
        self.paused = Some(self.bench.now + TCP_ACCEPT_PAUSE);
        if let Err(error) = self.watch_listeners(EventFlags::empty()) {
            tracing::error!(%error, "TCP listeners cannot be paused");
        }
    }

    pub(super) fn watch_listeners(&self, flags: EventFlags) -> io::Result<()> {
        for (i, listener) in self.listeners.iter().enumerate() {
            epoll::modify(&self.poller, listener, EventData::new_u64(LISTENER | i as u64), flags)?;
        }
        Ok(())
    }
}
