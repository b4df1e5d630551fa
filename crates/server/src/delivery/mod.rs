//! How a response that comes later finds its way back to its client, over the transport that the query came by. A
//! transport with another way is one more variant of [`ReturnPath`].

pub(crate) mod datagram;
pub(crate) mod mailbox;
pub(crate) mod outgoing;
mod wake;

use std::net::SocketAddr;

use dns::header::Rcode;

use crate::answered::{Answered, By, Exit, Source};
use crate::transport::Transport;

use datagram::DatagramPath;
use mailbox::StreamPath;

pub use outgoing::{Messages, Outgoing, Reason, Transfer};
pub use wake::together;

/// The way back to the client of one query.
pub(crate) enum ReturnPath {
    /// Through the socket that the query came by.
    Datagram(DatagramPath),
    /// To the worker that has the connection.
    Stream(StreamPath),
}

impl ReturnPath {
    /// Whom it leads to.
    pub fn client(&self) -> SocketAddr {
        match self {
            ReturnPath::Datagram(path) => path.peer.address(),
            ReturnPath::Stream(path) => path.client,
        }
    }

    /// What it leads over.
    pub fn transport(&self) -> Transport {
        match self {
            ReturnPath::Datagram(_) => Transport::Udp,
            ReturnPath::Stream(_) => Transport::Tcp,
        }
    }

    /// The exit of the worker that has the socket or the connection.
    fn exit(&self) -> &Exit {
        match self {
            ReturnPath::Datagram(path) => &path.socket.exit,
            ReturnPath::Stream(path) => &path.mailbox.exit,
        }
    }

    /// The record of a response that goes this way.
    pub fn answered<'a>(&self, response: &'a [u8], rcode: Rcode, source: Source) -> Answered<'a> {
        Answered::new(self.client(), self.transport(), response, rcode, source)
    }

    /// Sends one message from any thread, through the exit; `info` is the reason that it gives.
    pub fn respond(self, message: Vec<u8>, rcode: Rcode, source: Source, info: Option<u16>, elapsed_us: u64) {
        let answered = Answered { elapsed_us, info, ..self.answered(&message, rcode, source) };
        answered.leave(self.exit(), By::Other);
        self.send(Outgoing::Message(message));
    }

    /// Sends from any thread what has passed the exit, or does so later.
    pub fn send(self, outgoing: Outgoing) {
        match self {
            ReturnPath::Stream(path) => path.mailbox.put(path.ticket, outgoing),
            ReturnPath::Datagram(path) => {
                if let Outgoing::Message(message) = outgoing {
                    path.send(&message);
                }
            }
        }
    }
}
