//! The client of other DNS servers. Transfers, serial checks, NOTIFY and `headwater query` speak through it.
//!
//! An [`Exchange`] is a message with what tells its answer from other packets. It goes out as a datagram on a socket of
//! its own ([`ask`]), which makes it hard to guess for others, with many others on two sockets ([`Datagrams`]), or over a
//! [`Stream`].

mod datagram;
mod exchange;
mod shared;
mod stream;

pub use datagram::{Attempts, ask};
pub use exchange::{AnswerError, Exchange, random_id};
pub use shared::Datagrams;
pub use stream::{Stream, Wait};
