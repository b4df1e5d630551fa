//! What goes back to a client: a message, the messages of a zone transfer, or nothing.

use dns::edns::{Edns, EdnsOption};
use dns::header::{HEADER_LEN, Rcode};
use dns::query::flags;
use dnssec::tsig::Signer;

use crate::clock::unix_seconds;
use crate::limits::MAX_MESSAGE_SIZE;

/// Info code and text of an extended error (RFC 8914).
pub type Reason = (u16, &'static str);

/// A sequence of messages: a zone transfer.
pub trait Messages: Send {
    /// Writes the next message to `out`, which is empty; `false`: there is none, and `out` is left empty. It does not
    /// wait, and no message is larger than the request's limit.
    fn next(&mut self, out: &mut Vec<u8>) -> bool;
}

/// What goes back to a client.
pub enum Outgoing {
    /// One message.
    Message(Vec<u8>),
    /// The messages of a zone transfer, over a stream only.
    Transfer(Transfer),
    /// None.
    Nothing,
}

/// What the answer to a message needs on its way out.
pub(crate) struct Envelope {
    /// Header and question of the message.
    pub head: Vec<u8>,
    /// Our UDP size, if the response has an OPT record.
    pub edns: Option<u16>,
    /// Signs the answer, if the request was signed.
    pub signer: Option<Signer>,
    /// Largest response in bytes before it is signed.
    pub limit: usize,
}

impl Envelope {
    /// Signs a message if its request was signed.
    pub fn sign(&mut self, message: &mut Vec<u8>) {
        if let Some(signer) = &mut self.signer {
            signer.sign(message, unix_seconds());
        }
    }

    /// A response with nothing but the question, and the reason if there is an OPT record.
    pub fn bare(&mut self, rcode: Rcode, set: u8, reason: Option<Reason>) -> Vec<u8> {
        let mut message = std::mem::take(&mut self.head);
        if let Some(header) = message.first_chunk_mut::<HEADER_LEN>() {
            let (third, fourth) = flags::kept(header[2], header[3]);
            header[2] = flags::QR | third | set;
            header[3] = fourth | rcode.0 as u8 & 0x0f;
            header[4..].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, u8::from(self.edns.is_some())]);
        }
        if let Some(udp_size) = self.edns {
            let reason = reason.map(|(info, text)| EdnsOption::ExtendedError { info, text: text.to_owned() });
            let edns = Edns { udp_size, options: reason.into_iter().collect(), ..Edns::default() };
            message.extend_from_slice(&edns.to_record(rcode, usize::MAX));
        }
        self.sign(&mut message);
        message
    }
}

/// The messages of a zone transfer, signed if the request was.
pub struct Transfer {
    messages: Box<dyn Messages>,
    envelope: Envelope,
}

impl Transfer {
    pub(crate) fn new(messages: Box<dyn Messages>, envelope: Envelope) -> Transfer {
        Transfer { messages, envelope }
    }

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
        self.envelope.bare(Rcode::SERVFAIL, 0, None)
    }
}
