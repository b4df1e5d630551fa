//! What can be wrong with a transfer.

use dns::RType;
use dns::header::Rcode;
use dns::name::NameError;
use dns::rdata::wire::RdataError;

/// Why a transfer is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XfrError {
    /// Not a response to our query.
    #[error("the message is no response to the query: {0}")]
    Mismatch(&'static str),
    /// The primary says no.
    #[error("the primary answers {0}")]
    Rcode(Rcode),
    /// Octets that are no message.
    #[error("malformed message: {0}")]
    Malformed(&'static str),
    /// A bad domain name.
    #[error("malformed message: {0}")]
    Name(#[from] NameError),
    /// A record whose data is not of its type.
    #[error("malformed {rtype} record: {error}")]
    Rdata {
        /// Its type.
        rtype: RType,
        /// What is wrong.
        error: RdataError,
    },
    /// Records in an order that is not that of a transfer.
    #[error("not a zone transfer: {0}")]
    Sequence(&'static str),
    /// More than the limits allow.
    #[error("the transfer is larger than allowed")]
    TooLarge,
    /// A difference that does not fit the zone it was made for: the whole zone is needed.
    #[error("the difference does not fit the zone: {0}")]
    NotExact(&'static str),
}
